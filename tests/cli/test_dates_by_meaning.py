"""Dates by their meaning: impossible ends, years and words in place of dates, and no dates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.ledger.ledger import Ledger
from importer.model.problem import Problem
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.sheets import read_rows

HEAD = "Id,First,Last,Until,Purge\n"
MAPPING = """\
version: 1
name: ends
account_type: INTERNAL
roster: {dates: mdy}
match: {by: [primary_id]}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  expiry_date: <Until>
  purge_date: {from: <@expiry_date>, plus: 2 years}
"""
FROM_CELL = MAPPING.replace("{from: <@expiry_date>, plus: 2 years}", "<Purge>")


def ends(*rows: tuple[str, str], mapping: str = MAPPING) -> tuple[str, ...]:
    """Write a roster of people with these dates, and a mapping; what a command takes."""
    lines = [f"10{n},Ana,Name{n},{until},{purge}" for n, (until, purge) in enumerate(rows)]
    Path("ends.csv").write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    Path("ends.yaml").write_text(mapping, "utf-8")
    return ("ends.csv", "-m", "ends.yaml")


def problems(run: str) -> list[tuple[str, str, str, str]]:
    """Row, field, code and severity of a run's problems, but for the notices of every run."""
    lines = read_rows(Path(run, "problems.csv"))
    found = [(one["row"], one["field"], one["code"], one["severity"]) for one in lines]
    notices = {"codes-not-checked", "names-not-compared", "unused-column"}
    return [one for one in found if one[2] not in notices]


def told(run: str, code: str) -> list[Problem]:
    """The problems of this code."""
    with Ledger.open(Path(run)) as ledger:
        return [problem for problem in ledger.problems() if problem.code.value == code]


def records(*load: str) -> dict[str, tuple[str, str]]:
    """Expiration and purge date of each record that `convert` writes, by primary ID."""
    typed("convert", *load, "--to", "jsonl", "-o", "out.jsonl")
    path = Path("out.jsonl")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    users = [json.loads(line) for line in lines]
    return {one["primary_id"]: (one["expiry_date"], one["purge_date"]) for one in users}


@pytest.mark.parametrize(
    ("rule", "cell", "severity"),
    [
        ("<Until>", "12/31/9999", "warning"),
        ("9999-12-31", "", "warning"),
        ("{from: <Until>, lookup: {permanent: 9999-12-31}}", "permanent", "warning"),
        ("{from: <Until>, plus: 200 years}", "05/15/2027", "reject"),
        ("{from: <Until>, lookup: {permanent: 2382-12-21}}", "permanent", "reject"),
        ("<$until>", "", "reject"),
    ],
)
def test_an_end_out_of_range_rejects_wherever_it_comes_from(
    rule: str, cell: str, severity: str
) -> None:
    """Of a cell or of the mapping; only 9999-12-31, which means never, is a warning."""
    mapping = MAPPING.replace("<Until>", rule) + "values:\n  until: 2382-12-21\n"
    typed("check", *ends((cell, ""), mapping=mapping), "-o", "run")
    (found,) = (one for one in problems("run") if one[1] == "expiry_date")
    assert found == ("2", "expiry_date", "date-out-of-range", severity)


def test_a_purge_date_in_the_past_rejects_a_row_that_would_create(sandbox: Sandbox) -> None:
    """In check, plan and convert; a user whom Alma has, or a mapping of updates, gets a warning."""
    typed("plan", *ends(("05/15/2030", "")), "-o", "first")
    typed("apply", "first", "--yes")
    old = [("05/15/2001", "")] * 2
    load = ends(*old)
    purge = ("purge_date", "purge-past")
    typed("check", *load, "-o", "check")
    assert {("2", *purge, "reject"), ("3", *purge, "reject")} <= {*problems("check")}
    assert records(*load) == {}
    summary = typed("plan", *load, "-o", "plan", "--json").summary
    assert (summary["update"], summary["create"], summary["rejected"]) == (1, 0, 1)
    assert {("2", *purge, "warning"), ("3", *purge, "reject")} <= {*problems("plan")}
    known = MAPPING.replace("{by: [primary_id]}", "{by: [primary_id], new: skip}")
    typed("check", *ends(*old, mapping=known), "-o", "known")
    assert ("2", *purge, "warning") in problems("known")


def test_a_failing_column_shows_its_share_and_its_five_commonest_values() -> None:
    """Of dates, too: the mapping's line is named, and no lookup is written for them."""
    words = ["permanent"] * 3 + ["unlimited"] * 2 + [*"abcd", "05/15/2027"]
    typed("check", *ends(*((word, "") for word in words)), "-o", "run")
    (problem,) = told("run", "most-of-column")
    assert problem.message.startswith("9 of 10 values")
    assert problem.value == "permanent (3), unlimited (2), a (1), b (1), c (1)"
    assert "ends.yaml:11" in problem.to_do
    assert "lookup" not in problem.to_do
    typed("check", *ends(*((word, "") for word in words[:4] + words[-1:] * 4)), "-o", "half")
    assert not told("half", "most-of-column")


def test_new_patrons_without_an_end_date_are_announced_by_count(sandbox: Sandbox) -> None:
    """Once for each roster: a check counts ready rows, a plan those that create, no others.

    What the mapping fills from cells is to be filled in; only what it does not fill, to be mapped.
    """
    typed("plan", *ends(("05/15/2030", "05/15/2032")), "-o", "first")
    typed("apply", "first", "--yes")
    dates = [("", ""), ("", ""), ("05/15/2030", ""), ("never", "")]
    load = ends(*dates, mapping=FROM_CELL)
    Path("more.csv").write_text(HEAD + "201,Bo,Doe,,05/15/2032\n", "utf-8")
    for command, count in (("check", 3), ("plan", 2)):
        typed(command, *load, "-o", command)
        (problem,) = told(command, "no-end-date")
        assert problem.origin.row == 0
        expiry = count - 1
        assert f"expiration date in {expiry} row" in problem.message
        assert f"purge date in {count} rows" in problem.message
        assert "Map " not in problem.to_do
    typed("plan", *load, "more.csv", "-m", "ends.yaml", "-o", "both")
    found = told("both", "no-end-date")
    assert [(one.origin.file, "purge" in one.message) for one in found] == [
        ("ends.csv", True),
        ("more.csv", False),
    ]
    assert ["purge_date" in one.to_do for one in found] == [True, False]
    for name in ("report.html", "summary.json"):
        assert "no-end-date" in Path("plan", name).read_text("utf-8")
    for new in ("skip", "reject"):
        mapping = FROM_CELL.replace("[primary_id]", f"[primary_id], new: {new}")
        typed("check", *ends(*dates, mapping=mapping), "-o", new)
        assert told(new, "no-end-date") == []


def test_a_mapping_without_a_purge_date_gets_no_notice_about_one() -> None:
    """It is no news in the next run; a new patron without an expiration date is."""
    unmapped = MAPPING.replace("  purge_date: {from: <@expiry_date>, plus: 2 years}\n", "")
    assert unmapped != MAPPING
    typed("check", *ends(("05/15/2030", ""), mapping=unmapped), "-o", "with")
    assert told("with", "no-end-date") == []
    lines = [line for line in unmapped.splitlines() if "expiry_date" not in line]
    typed("check", *ends(("", ""), mapping="\n".join(lines)), "-o", "without")
    (problem,) = told("without", "no-end-date")
    assert problem.to_do == "Map `expiry_date` under `record:` in the mapping."
    assert "purge" not in problem.message
