"""The rejects, sent back: unchanged they give the same problems, corrected they are all ready."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from importer.model.roster import ROW
from importer.model.text import unescape
from importer.pipeline.check import check
from tests.cli.small import change
from tests.command_line import typed
from tests.mapper.bench import BASE
from tests.pipeline.runs import MAPPING_OF_SAMPLE, SAMPLES, order
from tests.sheets import correct, read_rows, write_csv, write_rows

OF_COMMUNITY = {
    6: {"Barcode": "20001123459005"},
    8: {"Barcode": "20001123459013"},
    10: {"Barcode": "20001123459021"},
    12: {"Barcode": "20001123459039"},
    16: {"Last Name": "Restored"},
    18: {"Patron Type": "Community"},
    20: {"Email": "hugo@example.org"},
    21: {"DOB": "12/05/1980"},
    22: {"DOB": "05/01/1991"},
    28: {"Street": "12 Elm Ct"},
    38: {"First Name": "Someone", "Last Name": "Else"},
}
WHOLE_ROW = {
    "Street": "516 2nd St NE",
    "Apt": "Rear",
    "City": "Northfield",
    "State": "SD",
    "ZIP": "57001",
    "DOB": "05/17/1954",
    "Expires": "08/31/2035",
    ROW: "35",
}
CORRECTIONS: dict[str, dict[int, dict[str, str]]] = {
    "community-patrons.csv": OF_COMMUNITY | {35: WHOLE_ROW},
    "community-patrons.xlsx": {  # the same people below two rows of a title
        **{row + 2: cells for row, cells in OF_COMMUNITY.items()},
        37: {"City": "Northfield"},
    },
    "students-and-staff.xlsx": {
        5: {"EMPL ID": "0990001"},
        7: {"EMPL ID": "0990002"},
        9: {"EMPL ID": "0990003"},
        13: {"First Name": "Restored"},
        16: {"Role": "Graduate"},
        18: {"Campus Email": "leilani@campus.example.org"},
        20: {"Card Barcode": ""},
        24: {"Birth Date": "02/28/1999"},
        33: {"Last Name": "Thornbury"},
        36: {"First Name": "Someone", "Last Name": "Else"},
    },
}


def problems(run: str) -> list[tuple[str, str]]:
    """Row and code of the problems of a run that hold rows back."""
    lines = read_rows(Path(run, "problems.csv"))
    held = (line for line in lines if line["severity"] in {"reject", "review"})
    return sorted((line["row"], line["code"]) for line in held)


def checked(roster: str, run: str) -> list[tuple[str, str]]:
    """Check a roster; the problems that hold rows back."""
    typed("check", roster, "-m", "m.yaml", "-o", run)
    return problems(run)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_rejects_fed_back(name: str) -> None:
    """Unchanged, the rows have the same problems by their first row numbers, in both files.

    With the marked cells corrected, every row that came back is ready.
    """
    mapping = MAPPING_OF_SAMPLE[name]

    def check(roster: str | Path, run: str) -> tuple[int, int]:
        found: dict[str, Any] = typed("check", roster, "-m", mapping, "-o", run, "--json").summary
        return found["rows"], found["ready"]

    rows, ready = check(SAMPLES / name, "first")
    first = problems("first")
    back = len({row for row, _ in first})
    assert rows - ready >= back > 0
    for file in ("rejects.xlsx", "rejects.csv"):
        assert check(f"first/{file}", file) == (back, 0)
        assert problems(file) == first
    correct(Path("first/rejects.xlsx"), CORRECTIONS[name], Path("corrected.xlsx"))
    assert check("corrected.xlsx", "again") == (back, back)


def test_rejects_show_no_order_of_their_dates() -> None:
    """A date that reads two ways in its roster reads two ways when only a name was corrected."""
    rows = "1,Ana,Lopez,05/13/1990\n2,Bo,Kim,02/03/1990\n3,Cy,,13/05/1991\n"
    Path("m.yaml").write_text(f"{BASE}  birth_date: <Born>\n", "utf-8")
    Path("dates.csv").write_text(f"ID,First,Last,Born\n{rows}", "utf-8")
    typed("check", "dates.csv", "-m", "m.yaml", "-o", "first")
    rejects = Path("first/rejects.csv").read_text("utf-8-sig")
    assert "Cy,," in rejects
    Path("back.csv").write_text(rejects.replace("Cy,,", "Cy,Li,"), "utf-8")
    assert checked("back.csv", "again") == [("3", "ambiguous-date")]


def test_what_the_text_of_a_cell_no_longer_shows() -> None:
    """A rounded ID, a formula without a result, swallowed rows: uncorrected, none gets ready.

    Neither in the rejects of the rejects. Two such cells of a row are two problems. With the words
    behind the number deleted, a row is judged by what its cells say now.
    """
    head = ["ID", "First", "Last", "Born", "Note"]
    with xlsxwriter.Workbook(Path("a.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, head)
        sheet.write_row(1, 0, [9912140633506421, "Ann", "Lee", "2001-02-03", "x"])
        sheet.write_row(2, 0, ["A2", "Bob", "Fox", "", "x"])
        sheet.write_row(3, 0, [9912140633506422, "Cy", "Fix", "", "x"])
        sheet.write_row(4, 0, ["A5", "Di", "Nix", "2001-02-03", "#N/A"])
        for line in (2, 3):
            sheet.write_formula(line, 3, "=A1", None, "")
    Path("b.csv").write_text(
        ",".join(head) + '\nB2,Ann,Lee,2001-02-03,"kept at the desk\n'
        'B3,Bob,Fox,2001-02-03,x\nB4,Cy,Fix,2001-02-03,""\nB5,Di,Nix,2001-02-03,x"\n'
        "B6,Ed,Rix,2001-02-03,x\n",
        "utf-8",
    )
    note = "  user_note: [{note_text: <Note>, note_type: OTHER}]\n"
    Path("m.yaml").write_text(f"{BASE}  birth_date: <Born>\n{note}", "utf-8")
    expected = {
        "a.xlsx": [
            ("2", "id-lost-digits"), ("3", "formula-error"), ("4", "formula-error"),
            ("4", "id-lost-digits"), ("5", "formula-error"),
        ],
        "b.csv": [("2", "cell-too-long")],
    }  # fmt: skip
    for name, codes in expected.items():
        assert checked(name, f"1-{name}") == codes
        for kind in ("csv", "xlsx"):
            again, third = f"2-{kind}-{name}", f"3-{kind}-{name}"
            assert checked(f"1-{name}/rejects.{kind}", again) == codes
            assert checked(f"{again}/rejects.{kind}", third) == codes
    path = Path("1-a.xlsx/rejects.csv")
    released = path.read_text("utf-8-sig").replace("4 lost digits in F, formula in I", "4")
    Path("released.csv").write_text(released.replace("3 formula in I", "3"), "utf-8")
    left = [("2", "id-lost-digits"), ("5", "formula-error")]
    assert checked("released.csv", "released") == left


def test_a_rounded_id_is_not_released_by_the_correction_of_others() -> None:
    """Three people have the same ID with zeros; once two of them are right, the third is wrong."""
    rows = "".join(f"{20001100000000},{name},Lee\n" for name in ("Ann", "Bob", "Cy"))
    Path("a.csv").write_text(f"ID,First,Last\n{rows}", "utf-8")
    Path("m.yaml").write_text(BASE, "utf-8")
    assert checked("a.csv", "first") == [(row, "id-lost-digits") for row in ("2", "3", "4")]
    returned = read_rows(Path("first/rejects.csv"))
    for number, row in enumerate(returned[:2]):
        row |= {ROW: row[ROW].split()[0], "ID": f"2000112345001{number}"}
    write_rows(Path("b.csv"), returned)
    assert checked("b.csv", "second") == [("4", "id-lost-digits")]


def test_a_marked_cell_is_corrected_beside_the_rejects() -> None:
    """The words behind the number name the cell, so a correction of it is one of the problem."""
    with xlsxwriter.Workbook(Path("a.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["ID", "First", "Last"])
        sheet.write_row(1, 0, [9912140633506421, "Ann", "Lee"])
    Path("m.yaml").write_text(BASE, "utf-8")
    typed("check", "a.xlsx", "-m", "m.yaml", "-o", "first")
    Path("made.csv").write_text(
        "row,column,heading,was,now,who,when,id\n"
        "2,F,ID,9912140633506420,9912140633506421,pat,2026-08-20T10:00:00-05:00,\n",
        "utf-8",
    )
    again = order(
        Path("first/rejects.xlsx"), Path("m.yaml"), Path("again"), corrections=Path("made.csv")
    )
    with check(again) as ledger:
        assert [one.code for one in ledger.problems() if one.severity.holds] == []


def test_nothing_is_said_of_the_sheets_that_we_added() -> None:
    """Only a sheet that somebody else put into the rejects is told of, since it is not read."""
    mapping = MAPPING_OF_SAMPLE["community-patrons.csv"]
    typed("check", SAMPLES / "community-patrons.csv", "-m", mapping, "-o", "first")
    typed("check", "first/rejects.xlsx", "-m", mapping, "-o", "again")
    assert "not read" not in Path("again/problems.csv").read_text("utf-8")
    book = openpyxl.load_workbook(Path("first/rejects.xlsx"))
    book.create_sheet("Mine").append(["A note"])
    book.save(Path("more.xlsx"))
    typed("check", "more.xlsx", "-m", mapping, "-o", "more")
    assert 'not read: ""Mine"". ' in Path("more/problems.csv").read_text("utf-8")


def test_a_blank_roster_asks_to_be_filled_in() -> None:
    """Nobody stands in a new template: nothing is wrong with it, and its own notes are no news."""
    mapping = MAPPING_OF_SAMPLE["community-patrons.csv"]
    typed("mapping", "template", mapping, "-o", "blank.xlsx")
    got = typed("check", "blank.xlsx", "-m", mapping, "-o", "run")
    assert "has no patrons" in got.err
    assert "importer check blank.xlsx" in got.err
    assert "not read" not in Path("run/problems.csv").read_text("utf-8")


@pytest.mark.parametrize("header", ["4", "[3, 4]"])
def test_rejects_of_a_roster_with_headings_further_down(header: str) -> None:
    """The mapping's `header` is about the first roster; its rejects are fed back all the same."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    upper = ["Person"] * 3 if "3" in header else []
    for line in (["Friends"], [], upper, ["ID", "First", "Last"]):
        sheet.append(line)
    sheet.append(["20001123450011", "Ana", ""])
    book.save(Path("friends.xlsx"))
    mapping = BASE.replace("<", "<Person " if upper else "<")
    Path("friends.yaml").write_text(f"{mapping}roster: {{header: {header}}}\n", "utf-8")
    first = typed("check", "friends.xlsx", "-m", "friends.yaml", "-o", "first", "--json").summary
    again = typed("check", "first/rejects.xlsx", "-m", "friends.yaml", "-o", "again", "--json")
    assert (first["rejected"], again.summary["rejected"]) == (1, 1)
    assert problems("again") == problems("first") == [("5", "missing-value")]


LINES = f"""{BASE}  job_description: <Home>
  middle_name: {{from: <Home>, clean: [{{split: {{on: newline, take: 2}}}}]}}
"""
HOME = ("1 Elm St\n Apt 2\nSalem", "2 Oak St\r\nBoston", "=3 Fir St\nBoston")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_line_breaks_come_back_in_the_rejects(kind: str) -> None:
    """The rules see them in the rejects as in the roster; what needs none has the cell in one."""
    Path("m.yaml").write_text(LINES, "utf-8")
    rows = [["ID", "First", "Last", "Home"], *(["7", "Ann", "", home] for home in HOME)]
    write_csv(Path("r.csv"), rows)
    typed("check", "r.csv", "-m", "m.yaml", "-o", "one")
    typed("check", f"one/rejects.{kind}", "-m", "m.yaml", "-o", "two")
    homes = [unescape(row["Home"]) for row in read_rows(Path("two/rejects.csv"))]
    assert homes == ["1 Elm St\nApt 2\nSalem", "2 Oak St\nBoston", "=3 Fir St\nBoston"]
    convert = ("convert", f"two/rejects.{kind}", "-m", "m.yaml", "--to", "jsonl", "-o")
    change("m.yaml", ("<Last>", "Lee"), ("<ID>", "<@row>"))
    typed(*convert, "out.jsonl")
    users = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    assert [user["middle_name"] for user in users] == ["Apt 2", "Boston", "Boston"]
    assert users[0]["job_description"] == "1 Elm St Apt 2 Salem"
