"""Several rosters in one plan, over a real socket: a person is loaded once; rows have a file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.loader.read import read
from importer.model.plan import Act
from importer.model.roster import Layout
from importer.model.text import RowId
from tests.cli.conftest import Sandbox
from tests.cli.small import TABLES, state
from tests.command_line import typed
from tests.sheets import correct, read_rows, write_csv

MAPPING = """version: 1
name: {name}
account_type: {kind}
{system}
roster: {{dates: ymd}}
duplicates: {{same_id: {rule}}}
lookups:
  weights: {{COMM: 3, FRIEND: 2}}
record:
  primary_id: <{primary}>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  birth_date: <Born>
  user_identifier:
    - value: <{other}>
      id_type: {type}
"""
HEAVIEST = "{keep heaviest: weights}"
HEAD = ("Barcode", "EMPL", "First", "Last", "Group", "Born")

ANA = ("20001", "7001", "Ana", "Nunez", "COMM", "1990-01-02")
BO = ("20002", "", "Bo", "Doe", "COMM", "1980-03-04")
NOBODY = ("20003", "7003", "Ida", "", "COMM", "1970-05-06")
ANA_TOO = (*ANA[:4], "FRIEND", ANA[5])
CY = ("", "7004", "Cy", "Lund", "FRIEND", "2001-07-08")

PAIRS = ("staff.csv", "-m", "staff.yaml", "students.csv", "-m", "students.yaml")


def write(folder: Path, name: str, *rows: tuple[str, ...]) -> None:
    """A roster of these rows."""
    write_csv(folder / name, (HEAD, *rows))


@pytest.fixture
def rosters(folder: Path) -> Path:
    """Staff, who are Internal and have a barcode, and students, who are External, by EMPL ID."""
    mappings(folder)
    write(folder, "staff.csv", ANA, BO, NOBODY)
    write(folder, "students.csv", CY, ANA_TOO)
    Path("codes.json").write_text(json.dumps(TABLES), "utf-8")
    return folder


def mappings(folder: Path, staff: str = HEAVIEST, students: str = HEAVIEST) -> None:
    """The two mappings, with these rules for duplicates."""
    internal = {"name": "staff", "kind": "INTERNAL", "system": "record_type: PUBLIC"}
    external = {"name": "students", "kind": "EXTERNAL", "system": "owning_system: SIS"}
    ids = {"primary": "Barcode", "other": "EMPL", "type": "UNIV_ID"}
    swapped = {"primary": "EMPL", "other": "Barcode", "type": "BARCODE"}
    for own, rule, columns in ((internal, staff, ids), (external, students, swapped)):
        text = MAPPING.format(**own, **columns, rule=rule)
        (folder / f"{own['name']}.yaml").write_text(text, "utf-8")


def problems(folder: Path) -> list[tuple[str, str, str]]:
    """Roster, row and code of every problem that is about a row."""
    lines = read_rows(folder / "problems.csv")
    return [(one["roster"], one["row"], one["code"]) for one in lines if one["row"] != "0"]


def test_one_plan_of_two_rosters(rosters: Path, sandbox: Sandbox) -> None:
    """Internal and External together; who is in both is loaded once; all rows are counted.

    It is not applied if the second roster changed; it is applied in two goes, and undone.
    """
    planned = typed("plan", *PAIRS, "-o", "run", "--json")
    assert planned.exit == Exit.REJECTS
    counts = ("rows", "create", "rejected", "skipped")
    assert [planned.summary[key] for key in counts] == [5, 3, 1, 1]
    assert planned.summary["rosters"] == [
        {"roster": "staff.csv", "sheet": "", "mapping": "staff.yaml", "rows": 3, "ready": 2,
         "rejected": 1, "review": 0, "blank": 0, "skipped": 0},
        {"roster": "students.csv", "sheet": "", "mapping": "students.yaml", "rows": 2, "ready": 1,
         "rejected": 0, "review": 0, "blank": 0, "skipped": 1},
    ]  # fmt: skip
    found = [one for one in problems(rosters / "run") if "code" not in one[2]]
    assert ("students.csv", "3", "skipped-duplicate") in found
    assert ("staff.csv", "4", "missing-value") in found
    with Ledger.open(rosters / "run") as ledger:
        rows = [RowId.of(row) for row, _ in ledger.fates()]
        assert rows == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3)]
        (skipped,) = ledger.problems(RowId(1, 3).packed)
        assert "row 2 of staff.csv" in skipped.message
    write(rosters, "students.csv", CY)
    assert typed("apply", "run").exit == Exit.STALE
    assert state(sandbox) == {}
    write(rosters, "students.csv", CY, ANA_TOO)
    assert typed("apply", "run", "--limit", "1", "--json").summary["not_sent"] == 2
    done = typed("apply", "run", "--json").summary
    assert (done["created"], done["not_sent"]) == (3, 0)
    users = state(sandbox)
    assert set(users) == {"20001", "20002", "7004"}
    assert users["7004"]["account_type"]["value"] == "EXTERNAL"
    write(rosters, "students.csv", (*CY[:3], "Lunde", *CY[4:]), ANA_TOO)
    typed("plan", *PAIRS, "-o", "second")
    assert typed("apply", "second", "--json", "--allow", "renames").summary["updated"] == 1
    assert typed("undo", "second", "-o", "back", "--json").summary["update"] == 1
    assert typed("apply", "back", "--json").summary["updated"] == 1
    assert state(sandbox) == users


def test_rejects_of_each_roster_are_fed_back(rosters: Path, sandbox: Sandbox) -> None:
    """Each roster has its own rejects, which load with its mapping; the next step names both."""
    write(rosters, "students.csv", ("", "7004", "Cy", "", "FRIEND", "2001-07-08"))
    typed("plan", *PAIRS, "-o", "run")
    applied = typed("apply", "run")
    files = [rosters / "run" / f"rejects-{name}.xlsx" for name in ("1-staff", "2-students")]
    assert f"plan run/{files[0].name} -m staff.yaml run/{files[1].name} -m" in applied.err
    for file in files:
        assert openpyxl.load_workbook(file).worksheets[0].max_row == 2
        correct(file, {4 if "staff" in file.name else 2: {"Last": "Moss"}})
    again = typed("plan", files[0], "-m", "staff.yaml", files[1], "-m", "students.yaml",
                  "-o", "rest", "--json")  # fmt: skip
    assert (again.exit, again.summary["create"]) == (Exit.DONE, 2)


def test_show_and_resolve_take_a_row_of_the_second_roster(rosters: Path, sandbox: Sandbox) -> None:
    """`2:3` is row 3 of the second roster."""
    mappings(rosters, "keep first", "keep first")
    typed("plan", *PAIRS, "-o", "run")
    shown = typed("show", "run", "2:3", "--json").summary
    assert (shown["row"], shown["roster"], shown["fate"]) == (3, "students.csv", "review")
    resolved = typed("resolve", "run", "2:3", "--as", "reject", "--json")
    assert resolved.summary["review"] == 1
    assert typed("show", "run", "3:3").exit == Exit.USAGE
    assert typed("show", "run", "x:3").exit == Exit.USAGE


def test_without_a_common_rule_both_rows_are_rejected(rosters: Path) -> None:
    """Nothing guesses which of two rows is right; `check` finds it offline."""
    for run, students in (("one", "reject"), ("two", HEAVIEST)):
        mappings(rosters, "reject", students)
        typed("check", *PAIRS, "-o", run)
        found = [one[:2] for one in problems(rosters / run) if one[2] == "duplicate-id"]
        assert found == [("staff.csv", "2"), ("students.csv", "3")]


def test_sheets_of_one_workbook(rosters: Path) -> None:
    """Two sheets are two rosters, each with its rejects; one mapping is for all, or one for each.

    The same pair of them is given only once.
    """
    book = openpyxl.Workbook()
    for name, rows in (("North", (ANA, NOBODY)), ("South", (BO, ANA))):
        sheet = book.create_sheet(name)
        for row in (HEAD, *rows):
            sheet.append(row)
    del book["Sheet"]
    book.save(rosters / "book.xlsx")
    got = typed("check", "book.xlsx[North]", "book.xlsx[South]", "-m", "staff.yaml", "-o", "run")
    assert got.exit == Exit.REJECTS
    found = [(roster, row) for roster, row, code in problems(rosters / "run") if "code" not in code]
    assert found == [("book.xlsx[North]", "3"), ("book.xlsx[South]", "3")]
    next_command = got.err.rpartition("importer plan ")[2].splitlines()[0]
    assert shlex.split(next_command)[:4:3] == ["book.xlsx[North]", "book.xlsx[South]"]
    assert typed("check", "staff.csv", "staff.csv", "-m", "staff.yaml").exit == Exit.USAGE
    assert typed("check", *PAIRS, "staff.csv").exit == Exit.USAGE


def test_the_next_step_names_the_rejects_with_rows_that_wait(
    rosters: Path, sandbox: Sandbox
) -> None:
    """Once the rows of the first roster are resolved, those of the second are next."""
    write(rosters, "staff.csv", (*BO[:2], "Bo and Max", *BO[3:]))
    write(rosters, "students.csv", (*CY[:2], "Cy and Max", *CY[3:]))
    shown = typed("plan", *PAIRS, "-o", "run")
    for name in ("rejects-1-staff.xlsx", "rejects-2-students.xlsx"):
        words = shown.err.splitlines()[-1].split()
        assert words[1:] == ["resolve", "run", "--from", f"run/{name}"]
        correct(rosters / "run" / name, {2: {"Decision": "do not load"}})
        shown = typed(*words[1:])
    assert "rejects" not in shown.err.splitlines()[-1]


def test_rejects_know_their_roster_by_any_name(rosters: Path, sandbox: Sandbox) -> None:
    """Rows of the second roster are `roster 2:3`: a renamed file is resolved, or planned again."""
    typed("plan", *PAIRS, "-o", "first")
    typed("apply", "first")
    write(rosters, "staff.csv", ANA)
    write(rosters, "students.csv", CY, ("", "7009", *BO[2:]))
    assert typed("plan", *PAIRS, "-o", "run", "--json").summary["review"] == 1
    book = openpyxl.load_workbook(rosters / "run" / "rejects-2-students.xlsx")
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert [sheet.cell(2, 1).value, sheet.max_row] == ["roster 2:3", 2]
    sheet.cell(2, headings.index("Decision") + 1).value = "another person, create"
    book.save(rosters / "mine.xlsx")
    assert read(rosters / "mine.xlsx", Layout()).at_position(1).rejects
    for number, roster in enumerate((("staff.csv", "-m", "staff.yaml"), ())):
        again = typed("plan", *roster, "mine.xlsx", "-m", "students.yaml", "-o", f"again{number}")
        label = "2:3" if roster else "3"
        assert typed("show", f"again{number}", label).exit == Exit.DONE, again.err
        with Ledger.open(rosters / f"again{number}") as ledger:
            history = ledger.row(RowId(bool(roster), 3).packed)
            assert history is not None
            assert history.act is Act.CREATE
    typed("resolve", "run", "--from", "mine.xlsx")
    with Ledger.open(rosters / "run") as ledger:
        history = ledger.row(RowId(1, 3).packed)
        assert history is not None
        assert history.act is Act.CREATE
    sheet.append(["4", *(cell.value for cell in sheet[2][1:])])
    book.save(rosters / "mixed.xlsx")
    assert typed("resolve", "run", "--from", "mixed.xlsx").exit == Exit.USAGE
