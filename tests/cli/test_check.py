"""What a check says, and messages that lead on: each names what it is about, and what to do."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.roster import ADDED
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, HEAD, codes, write
from tests.command_line import typed
from tests.mapper.bench import BASE
from tests.sheets import read_csv, read_rows, write_csv

MAPPING = """\
version: 1
account_type: EXTERNAL
owning_system: SIS
ids:
  EMPL ID: {digits: 7}
record:
  primary_id: <EMPL ID>
  first_name: Ann
  last_name: <Last>
  user_group: UGRD
"""
SHORT = 38


@pytest.fixture
def roster() -> Path:
    """38 identifiers that lack a digit, one that is whole, and one with a letter."""
    ids = [*(str(100_000 + 7 * n) for n in range(SHORT)), "1234567", "12345X7"]
    lines = [f"{text},{'abcdefghij'[at % 10] * (2 + at // 10)}" for at, text in enumerate(ids)]
    path = Path("r.csv")
    path.write_text("\n".join(["EMPL ID,Last", *lines]) + "\n", "utf-8")
    Path("m.yaml").write_text(MAPPING, "utf-8")
    return path


def plain(text: str) -> str:
    """Without breaks of lines, which depend on the width."""
    return re.sub(r"\s+", " ", text)


def test_a_cause_is_said_once(roster: Path) -> None:
    """One line for 38 rows, with the change of the mapping that repairs them all.

    On the terminal, the page and the workbook's second sheet.
    """
    got = typed("check", roster, "-m", "m.yaml", "-o", "run")
    assert got.exit == Exit.REJECTS
    told = plain(got.err)
    assert told.count(f"{SHORT} rows (2–39)") == 1
    assert told.count("“pad: true”") == 1
    assert f"One change may correct all {SHORT} rows: " in told
    page = plain(re.sub(r"<[^>]*>", " ", Path("run/report.html").read_text("utf-8")))
    assert page.count("One change may correct all") == 1
    assert re.search(rf"\b{SHORT} rows?\b", page)
    assert "pad: true" in page
    book = openpyxl.load_workbook(Path("run/rejects.xlsx"))
    rows = [[cell.value or "" for cell in row] for row in book.worksheets[1].iter_rows(min_row=2)]
    padded = [row for row in rows if "pad: true" in str(row[-1])]
    assert [row[1] for row in padded] == [str(SHORT)]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("{from: <Last>, lookup: groups}", "under “groups:”"),
        ("{from: <Last>, lookup: {Staff: STAFF}}", "in the field's own lookup"),
        (
            "{from: <Last>, lookup: {file: groups.csv, key: Name, value: Code}}",
            "as rows of “groups.csv”",
        ),
        ("<Last>", "lookup: last_3"),
    ],
)
def test_failing_values_are_for_the_lookup_that_the_field_has(
    rule: str, place: str, roster: Path
) -> None:
    """It may be a table of the mapping, one in the rule, or a file.

    A new one is named after the column, with a number behind it where there are such lookups.
    """
    lookups = "lookups: {groups: {Staff: STAFF}, last: {A: B}, last_2: {A: B}}\n"
    Path("m.yaml").write_text(MAPPING.replace("UGRD", rule) + lookups, "utf-8")
    Path("groups.csv").write_text("Name,Code\nStaff,STAFF\n", "utf-8")
    Path("codes.json").write_text('{"tables": {"UserGroups": {"COMM": "Community"}}}')
    lines = "".join(f"{1_000_000 + n},Zeta\n" for n in range(SHORT))
    roster.write_text(f"EMPL ID,Last\n{lines}", "utf-8")
    assert place in plain(typed("check", roster, "-m", "m.yaml", "-o", "run").err)


TWO_ADDRESSES = """\
  contact_info:
    address:
      - {line1: 1 Elm, city: Fargo, country: {from: <First>, lookup: homes}, address_type: home}
      - {line1: 2 Elm, city: Fargo, country: {from: <Last>, lookup: works}, address_type: work}
lookups:
  homes: {Ann: USA}
  works: {Ann: USA}
"""


def test_failing_values_are_for_the_entry_that_has_them(roster: Path) -> None:
    """The rule, its line and its lookup are those of the second address, not of the first."""
    Path("m.yaml").write_text(MAPPING + TWO_ADDRESSES, "utf-8")
    lines = "".join(f"{1_000_000 + n},Ann,Zeta\n" for n in range(SHORT))
    roster.write_text(f"EMPL ID,First,Last\n{lines}", "utf-8")
    told = plain(typed("check", roster, "-m", "m.yaml", "-o", "run").err)
    assert "under “works:”" in told
    assert "m.yaml:14: record.contact_info.address[1].country" in told


STUDENTS = BASE.replace("INTERNAL", "EXTERNAL\nowning_system: SIS").replace("<ID>", "<EMPL ID>")
CARD = "  user_identifier: [{id_type: BARCODE, value: <Card>}]\n"


def test_plan_keeps_what_check_says_about_a_blank_empl_id(sandbox: Sandbox) -> None:
    """A row whose card another user has still says first that its EMPL ID is missing."""
    Path("m.yaml").write_text(STUDENTS + CARD, "utf-8")
    Path("first.csv").write_text("EMPL ID,First,Last,Card\n1001,Ida,Zorn,B1\n", "utf-8")
    typed("plan", "first.csv", "-m", "m.yaml", "-o", "first")
    typed("apply", "first", "--yes")
    Path("next.csv").write_text("EMPL ID,First,Last,Card\n,Ida,Zorn,B1\n", "utf-8")
    for command, more in (("check", []), ("plan", ["known-by-another-id"])):
        typed(command, "next.csv", "-m", "m.yaml", "-o", command)
        found = [code for row, code in codes(command) if row == "2"]
        assert found == ["missing-empl-id", *more]


CODE = "headings-changed"
OTHER = {"small.yaml": ("name: small", "name: other")}
RENAMED = {"small.yaml": ("<Email>", "<E-mail>")}
UNUSED = {"small.yaml": ("{dates: ymd}", "{dates: ymd, unused: [remarks]}")}
Change = tuple[str, str]


@pytest.mark.parametrize(
    ("first", "second", "mapping", "said"),
    [
        (HEAD, HEAD, {}, None),
        (HEAD, HEAD[::-1], {}, None),
        (HEAD, tuple(map(str.upper, HEAD)), {}, None),
        (HEAD, (*HEAD, "Extra"), OTHER, None),
        (
            HEAD,
            tuple("E-mail" if name == "Email" else name for name in (*HEAD, "Extra")),
            RENAMED,
            'gone: "Email"; new: "E-mail", "Extra"',
        ),
        ((*HEAD, "Remarks"), HEAD, UNUSED, None),
        (HEAD, (*HEAD, "REMARKS", "Extra"), UNUSED, 'new: "Extra"'),
    ],
    ids=["same", "order", "case", "another mapping", "renamed", "unused gone", "unused back"],
)
def test_gone_and_new_headings_are_named_once(
    first: tuple[str, ...], second: tuple[str, ...], mapping: dict[str, Change], said: str | None
) -> None:
    """By their headings, after the last run with the same mapping; not those under `unused`."""
    values = dict(zip(map(str.lower, HEAD), ANA, strict=True))
    roster = write(ANA)
    for run, headings in (("first", first), ("second", second), ("third", second)):
        if run == "second":
            for name, (old, new) in mapping.items():
                text = Path(name).read_text("utf-8")
                Path(name).write_text(text.replace(old, new), "utf-8")
        cells = (values.get(name.lower().replace("-m", "m"), "") for name in headings)
        roster.write_text(f"{','.join(headings)}\n{','.join(cells)}\n", "utf-8")
        typed("check", roster, "-m", "small.yaml", "-o", run)
    found = []
    for run in ("first", "second", "third"):
        lines = read_rows(Path(run, "problems.csv"))
        found.append([line["message"] for line in lines if line["code"] == CODE])
    assert (found[0], found[2]) == ([], [])
    assert len(found[1]) == (said is not None)
    assert all(f"(first): {said}" in message for message in found[1])


TWIN = ("2009", *ANA[1:])
"""The same person as `ANA` under another ID: both rows need review."""

CHECK = ("check", "people.csv", "-m", "small.yaml", "-o", "run")


@pytest.mark.parametrize("kept", [0, 1])
def test_deleted_columns_of_a_rejects_file_are_noticed(kept: int) -> None:
    """Without them rows are numbered anew and Decisions are lost: the notice says both."""
    write(BO, ANA, TWIN)
    typed(*CHECK)
    path = Path("run/rejects.csv")
    rows = read_csv(path)
    at = rows[0].index(ADDED[0])
    write_csv(path, ([*row[: at + kept], *row[at + len(ADDED) :]] for row in rows))
    typed("check", path, "-m", "small.yaml", "-o", "again")
    assert ("0", "read-with-notice") in codes("again")


def test_one_person_twice_with_a_round_number_is_a_duplicate() -> None:
    """Nothing shows that the number was rounded."""
    write(*[("20001100000000", *ANA[1:])] * 2)
    typed(*CHECK)
    found = {code for _, code in codes("run")}
    assert "id-lost-digits" not in found


def test_runs_are_listed_with_the_time_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time zone was in which the run was made."""
    write(ANA)
    typed("check", "people.csv", "-m", "small.yaml")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (run,) = json.loads(typed("runs", "--json").out)
        local = datetime.fromisoformat(run["started"]).astimezone(ZoneInfo("Asia/Tokyo"))
        assert f"{local:%Y-%m-%d %H:%M}" in typed("runs").out
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_columns_that_a_rejects_file_adds_are_no_changed_headings() -> None:
    """Also if the earlier run read a file in which some of them were left."""
    write(ANA, TWIN)
    typed("check", "people.csv", "-m", "small.yaml", "-o", "runs/one")
    text = Path("runs/one/rejects.csv").read_text("utf-8-sig")
    Path("mine.csv").write_text(text.replace("Decision", "Choice", 1), "utf-8")
    typed("check", "mine.csv", "-m", "small.yaml", "-o", "runs/two")
    typed("check", "people.csv", "-m", "small.yaml", "-o", "runs/three")
    with Ledger.open(Path("runs/three")) as ledger:
        (changed,) = [one for one in ledger.problems(0) if one.code == "headings-changed"]
    assert not any(f"({heading})" in changed.message for heading in ADDED)


@pytest.mark.parametrize("group", ["job", "mapping", "codes", "users"])
def test_no_line_of_a_list_of_commands_is_cut(monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    """Each first sentence fits beside its command's name at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    commands = typed(group, "--help").out.partition("Commands:")[2]
    assert commands.strip()
    assert "..." not in commands


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("plan", "[ROSTER]..."),
        ("resolve", "RUN [ROW] [ID]"),
        ("mapping check", "MAPPING [ROSTER]"),
        ("job run", "JOB"),
        ("codes show", "[TABLE]"),
        ("apply", "RUN"),
    ],
)
def test_help_shows_arguments_by_their_names_alone(command: str, usage: str) -> None:
    """Neither a type nor braces stand at an argument or an option; a value has a name of ours."""
    words = command.split()
    shown = typed(*words, "--help").out
    assert shown.splitlines()[0] == f"Usage: importer {command} [OPTIONS] {usage}"
    listed = shown.partition("Arguments:")[2].partition("Options:")[0]
    names = [line.split()[0] for line in listed.splitlines() if line[:3].strip()]
    assert names == usage.replace(".", "").replace("[", "").replace("]", "").split()
    assert not any(kind in shown for kind in ("<str", "<path", "<list[", "<int range>"))


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_rejects_file_without_rows_leaves_nothing_to_do(sandbox: Sandbox, command: str) -> None:
    """Rows that should not be loaded are deleted, as its notes say; all of them may be."""
    write(("2002", "", *BO[2:]))
    typed("check", "people.csv", "-m", "small.yaml", "-o", "run")
    rejects = Path("run/rejects.csv")
    rejects.write_text(rejects.read_text("utf-8-sig").splitlines()[0] + "\n", "utf-8")
    got = typed(command, "run/rejects.csv", "-m", "small.yaml", "-o", "rest")
    assert got.exit == Exit.DONE
    assert got.err.rstrip().endswith("There is nothing to send.")


def test_a_checked_mapping_leads_to_the_check_of_the_whole_roster() -> None:
    """The last line is the command, and it can be typed."""
    write(ANA, BO)
    command = typed("mapping", "check", "small.yaml", "people.csv").err.splitlines()[-1].split()
    assert command == ["importer", "check", "people.csv", "-m", "small.yaml"]
    assert typed(*command[1:]).exit == Exit.DONE


def test_rejects_of_a_check_do_not_keep_the_ready_rows_back() -> None:
    """The next step is the plan of the whole roster, of which the ready rows are sent."""
    write(ANA, ("2002", "", *BO[2:]))
    shown = typed("check", "people.csv", "-m", "small.yaml").err.splitlines()
    assert shown[-1].split() == ["importer", "plan", "people.csv", "-m", "small.yaml"]
