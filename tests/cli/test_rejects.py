"""The rejects, sent back: unchanged they give the same problems, corrected they are all ready."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importer.model.roster import ROW, read_row
from tests.cli.conftest import Type
from tests.pipeline.runs import MAPPING_OF_SAMPLE, SAMPLES

CORRECTIONS: dict[str, dict[int, dict[str, str]]] = {
    "community-patrons.csv": {
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
        35: {
            "Street": "516 2nd St NE",
            "Apt": "Rear",
            "City": "Northfield",
            "State": "SD",
            "ZIP": "57001",
            "DOB": "05/17/1954",
            "Expires": "08/31/2035",
            ROW: "35",
        },
        38: {"First Name": "Someone", "Last Name": "Else"},
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
    "community-patrons.xlsx": {
        8: {"Barcode": "20001123459005"},
        10: {"Barcode": "20001123459013"},
        12: {"Barcode": "20001123459021"},
        14: {"Barcode": "20001123459039"},
        18: {"Last Name": "Restored"},
        20: {"Patron Type": "Community"},
        22: {"Email": "hugo@example.org"},
        23: {"DOB": "12/05/1980"},
        24: {"DOB": "05/01/1991"},
        30: {"Street": "12 Elm Ct"},
        37: {"City": "Northfield"},
        40: {"First Name": "Someone", "Last Name": "Else"},
    },
}


def problems(folder: Path) -> list[tuple[str, str]]:
    """Row and code of the problems that hold rows back."""
    with (folder / "problems.csv").open(encoding="utf-8-sig", newline="") as file:
        return sorted(
            (line["row"], line["code"])
            for line in csv.DictReader(file)
            if line["severity"] in {"reject", "review"}
        )


@pytest.mark.parametrize("name", CORRECTIONS)
def test_rejects_fed_back(name: str, folder: Path, typed: Type) -> None:
    """Unchanged, the rows have the same problems by their first row numbers, in both files.

    With the marked cells corrected, every row that came back is ready.
    """
    mapping = MAPPING_OF_SAMPLE[name]

    def check(roster: str | Path, run: str) -> tuple[int, int]:
        found: dict[str, Any] = typed("check", roster, "-m", mapping, "-o", run, "--json").summary
        return found["rows"], found["ready"]

    rows, ready = check(SAMPLES / name, "first")
    first = problems(folder / "first")
    back = len({row for row, _ in first})
    assert rows - ready >= back > 0
    for file in ("rejects.xlsx", "rejects.csv"):
        assert check(f"first/{file}", file) == (back, 0)
        assert problems(folder / file) == first
    book = openpyxl.load_workbook(folder / "first" / "rejects.xlsx")
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    for line in sheet.iter_rows(min_row=2):
        row, _ = read_row(str(line[headings.index(ROW)].value))
        for heading, text in CORRECTIONS[name].get(row, {}).items():
            line[headings.index(heading)].value = text
    book.save(folder / "corrected.xlsx")
    assert check("corrected.xlsx", "again") == (back, back)


def test_nothing_is_said_of_the_sheets_that_we_added(folder: Path, typed: Type) -> None:
    """Only a sheet that somebody else put into the rejects is told of, since it is not read."""
    mapping = MAPPING_OF_SAMPLE["community-patrons.csv"]
    typed("check", SAMPLES / "community-patrons.csv", "-m", mapping, "-o", "first")
    typed("check", "first/rejects.xlsx", "-m", mapping, "-o", "again")
    assert "not read" not in (folder / "again" / "problems.csv").read_text("utf-8")
    book = openpyxl.load_workbook(folder / "first" / "rejects.xlsx")
    book.create_sheet("Mine").append(["A note"])
    book.save(folder / "more.xlsx")
    typed("check", "more.xlsx", "-m", mapping, "-o", "more")
    assert 'not read: ""Mine"". ' in (folder / "more" / "problems.csv").read_text("utf-8")


def test_a_blank_roster_asks_to_be_filled_in(folder: Path, typed: Type) -> None:
    """Nobody stands in a new template: nothing is wrong with it, and its own notes are no news."""
    mapping = MAPPING_OF_SAMPLE["community-patrons.csv"]
    typed("mapping", "template", mapping, "-o", "blank.xlsx")
    got = typed("check", "blank.xlsx", "-m", mapping, "-o", "run")
    assert "has no patrons" in got.err
    assert "importer check blank.xlsx" in got.err
    assert "not read" not in (folder / "run" / "problems.csv").read_text("utf-8")


@pytest.mark.parametrize("header", ["4", "[3, 4]"])
def test_rejects_of_a_roster_with_headings_further_down(
    header: str, folder: Path, typed: Type
) -> None:
    """The mapping's `header` is about the first roster; its rejects are fed back all the same."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    upper = ["Person", "Person", "Person", ""] if "3" in header else []
    for line in (["Friends"], [], upper, ["Card", "First", "Last", "Group"]):
        sheet.append(line)
    sheet.append(["20001123450011", "Ana", "", "COMM"])
    book.save(folder / "friends.xlsx")
    start = "Person " if upper else ""
    (folder / "friends.yaml").write_text(
        f"version: 1\naccount_type: INTERNAL\nroster: {{header: {header}}}\nrecord:\n"
        f"  primary_id: <{start}Card>\n  first_name: <{start}First>\n"
        f"  last_name: <{start}Last>\n  user_group: <Group>\n",
        "utf-8",
    )
    first = typed("check", "friends.xlsx", "-m", "friends.yaml", "-o", "first", "--json").summary
    again = typed("check", "first/rejects.xlsx", "-m", "friends.yaml", "-o", "again", "--json")
    assert (first["rejected"], again.summary["rejected"]) == (1, 1)
    assert problems(folder / "again") == problems(folder / "first") == [("5", "missing-value")]
