"""Problems stand together by their cause, with how many rows one change repairs, wherever told."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from tests.cli.conftest import Type

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
def roster(folder: Path) -> Path:
    """38 identifiers that lack a digit, one that is whole, and one with a letter."""
    ids = [*(str(100_000 + 7 * n) for n in range(SHORT)), "1234567", "12345X7"]
    lines = [f"{text},{'abcdefghij'[at % 10] * (2 + at // 10)}" for at, text in enumerate(ids)]
    path = folder / "r.csv"
    path.write_text("\n".join(["EMPL ID,Last", *lines]) + "\n", "utf-8")
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    return path


def plain(text: str) -> str:
    """Without breaks of lines, which depend on the width."""
    return re.sub(r"\s+", " ", text)


def test_a_cause_is_said_once(folder: Path, roster: Path, typed: Type) -> None:
    """One line for 38 rows, with the change of the mapping that repairs them all.

    On the terminal, the page and the workbook's second sheet.
    """
    got = typed("check", roster, "-m", "m.yaml", "-o", "run")
    assert got.exit == Exit.REJECTS
    told = plain(got.err)
    assert told.count(f"{SHORT} rows (2–39)") == 1
    assert told.count("`pad: true`") == 2  # the whole column has a finding of its own
    assert f"One change may correct all {SHORT} rows: " in told
    page = plain(re.sub(r"<[^>]*>", " ", (folder / "run" / "report.html").read_text("utf-8")))
    assert page.count("One change may correct all") == 1
    assert re.search(rf"\b{SHORT} rows?\b", page)
    assert "pad: true" in page
    book = openpyxl.load_workbook(folder / "run" / "rejects.xlsx")
    rows = [[cell.value or "" for cell in row] for row in book.worksheets[1].iter_rows(min_row=2)]
    padded = [row for row in rows if "pad: true" in str(row[-1])]
    assert [row[1] for row in padded] == ["", str(SHORT)]  # the whole column, and its rows


def test_the_change_repairs_them(folder: Path, roster: Path, typed: Type) -> None:
    """With `pad: true` only the one with a letter is left."""
    text = MAPPING.replace("digits: 7", "digits: 7, pad: true")
    (folder / "m.yaml").write_text(text, "utf-8")
    summary = typed("check", roster, "-m", "m.yaml", "--json").summary
    assert (summary["ready"], summary["rejected"]) == (SHORT + 1, 1)
    problems = summary["problems"]
    assert problems["zeros-restored"] == SHORT


@pytest.mark.parametrize(
    ("lookup", "place"),
    [
        ("groups", "under `groups:`"),
        ("{Staff: STAFF}", "in the field's own lookup"),
        ("{file: groups.csv, key: Name, value: Code}", "as rows of `groups.csv`"),
    ],
)
def test_failing_values_are_for_the_lookup_that_the_field_has(
    lookup: str, place: str, folder: Path, roster: Path, typed: Type
) -> None:
    """It may be a table of the mapping, one in the rule, or a file."""
    text = MAPPING.replace("UGRD", f"{{from: <Last>, lookup: {lookup}}}")
    (folder / "m.yaml").write_text(text + "lookups: {groups: {Staff: STAFF}}\n", "utf-8")
    (folder / "groups.csv").write_text("Name,Code\nStaff,STAFF\n", "utf-8")
    lines = "".join(f"{1_000_000 + n},Zeta\n" for n in range(SHORT))
    roster.write_text(f"EMPL ID,Last\n{lines}", "utf-8")
    assert place in plain(typed("check", roster, "-m", "m.yaml", "-o", "run").err)
