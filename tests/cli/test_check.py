"""What a check says: problems by their cause, headings that changed, IDs that are missing."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, HEAD, codes, write
from tests.command_line import typed
from tests.mapper.bench import BASE
from tests.sheets import read_rows

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
    assert told.count("`pad: true`") == 2  # the whole column has a finding of its own
    assert f"One change may correct all {SHORT} rows: " in told
    page = plain(re.sub(r"<[^>]*>", " ", Path("run/report.html").read_text("utf-8")))
    assert page.count("One change may correct all") == 1
    assert re.search(rf"\b{SHORT} rows?\b", page)
    assert "pad: true" in page
    book = openpyxl.load_workbook(Path("run/rejects.xlsx"))
    rows = [[cell.value or "" for cell in row] for row in book.worksheets[1].iter_rows(min_row=2)]
    padded = [row for row in rows if "pad: true" in str(row[-1])]
    assert [row[1] for row in padded] == ["", str(SHORT)]  # the whole column, and its rows


@pytest.mark.parametrize(
    ("lookup", "place"),
    [
        ("groups", "under `groups:`"),
        ("{Staff: STAFF}", "in the field's own lookup"),
        ("{file: groups.csv, key: Name, value: Code}", "as rows of `groups.csv`"),
    ],
)
def test_failing_values_are_for_the_lookup_that_the_field_has(
    lookup: str, place: str, roster: Path
) -> None:
    """It may be a table of the mapping, one in the rule, or a file."""
    text = MAPPING.replace("UGRD", f"{{from: <Last>, lookup: {lookup}}}")
    Path("m.yaml").write_text(text + "lookups: {groups: {Staff: STAFF}}\n", "utf-8")
    Path("groups.csv").write_text("Name,Code\nStaff,STAFF\n", "utf-8")
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
    assert "under `works:`" in told
    assert "m.yaml:14: record.contact_info.address[1].country" in told


def test_a_new_lookup_gets_a_name_that_no_lookup_has(roster: Path) -> None:
    """It is named after the column, with a number behind it where there are such lookups."""
    text = MAPPING.replace("UGRD", "<Last>") + "lookups: {last: {A: B}, last_2: {A: B}}\n"
    Path("m.yaml").write_text(text, "utf-8")
    Path("codes.json").write_text('{"tables": {"UserGroups": {"COMM": "Community"}}}')
    lines = "".join(f"{1_000_000 + n},Zeta\n" for n in range(SHORT))
    roster.write_text(f"EMPL ID,Last\n{lines}", "utf-8")
    assert "lookup: last_3" in plain(typed("check", roster, "-m", "m.yaml", "-o", "run").err)


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
    ids=["same", "order", "another mapping", "renamed", "unused gone", "unused back"],
)
def test_gone_and_new_headings_are_named_once(
    first: tuple[str, ...], second: tuple[str, ...], mapping: dict[str, Change], said: str | None
) -> None:
    """By their headings, after the last run with the same mapping; not those under `unused`."""
    values = dict(zip(HEAD, ANA, strict=True))
    roster = write(ANA)
    for run, headings in (("first", first), ("second", second), ("third", second)):
        if run == "second":
            for name, (old, new) in mapping.items():
                text = Path(name).read_text("utf-8")
                Path(name).write_text(text.replace(old, new), "utf-8")
        cells = (values.get(name.replace("-m", "m"), "") for name in headings)
        roster.write_text(f"{','.join(headings)}\n{','.join(cells)}\n", "utf-8")
        typed("check", roster, "-m", "small.yaml", "-o", run)
    found = []
    for run in ("first", "second", "third"):
        lines = read_rows(Path(run, "problems.csv"))
        found.append([line["message"] for line in lines if line["code"] == CODE])
    assert (found[0], found[2]) == ([], [])
    assert len(found[1]) == (said is not None)
    assert all(f"(first): {said}" in message for message in found[1])
