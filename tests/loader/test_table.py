"""Rows become people, blanks or what is left out, each with one number."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import RosterError
from importer.loader import csv_file
from importer.loader.cleaning import clean
from importer.loader.csv_file import Rows
from importer.loader.read import preview, read
from importer.loader.table import Headings, Sheet, build, find_columns
from importer.model.roster import ADDED, Layout, Source
from importer.model.text import ABSENT_ROWS

SOURCE = Source(Path("a.xlsx"), "0", "xlsx")
LAYOUT = Layout(expected=frozenset({"ID", "Name"}))
PERSON = "1234567,Silva,a@example.org\n"


@given(
    st.lists(
        st.sampled_from(["", "2", "3", " 4 ", "x", "1.5", "-2", "1", "0", "7654321", "900000000"])
    )
)
def test_a_fed_back_row_has_one_number(marks: list[str]) -> None:
    """Numbers of the first roster are kept once; every other row gets one after the largest.

    Row 1 is a person where no row has headings. An ID that somebody wrote there is no number: it
    would be of somebody who is missing from the roster, or of another roster.
    """
    rows = [(mark, "r", "", "w", "d", "A") for mark in marks]
    headings = Headings((1,), (*ADDED, "ID"))
    sheet = Sheet([(*ADDED, "ID"), *rows])
    columns = find_columns(headings, sheet, 6, escaped=False)
    roster = build(
        SOURCE, columns, sheet, clean=clean, visible_only=False, all_people=False, notices=()
    )
    numbers = roster.frame.index.tolist()
    assert len(set(numbers)) == len(marks)
    assert max(numbers, default=0) < ABSENT_ROWS
    for at, mark in enumerate(marks):
        if mark.strip() in {"1", "2", "3", "4"} and mark not in marks[:at]:
            assert numbers[at] == int(mark)


@given(
    cells=st.lists(st.text('ab "\n,;', max_size=6), min_size=2, max_size=2),
    delimiter=st.sampled_from(",;\t|"),
    blanks=st.integers(0, 2),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_a_blank_in_front_of_a_cell_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[str],
    delimiter: str,
    blanks: int,
    quoting: Literal[0, 1],
) -> None:
    """Every cell is read as it was written, quoted or not, whatever blanks stand before it."""
    written = []
    for cell in cells:
        line = io.StringIO()
        csv.writer(line, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerow([cell])
        written.append(line.getvalue().removesuffix("\n"))
    between = delimiter + " " * blanks
    path = tmp_path_factory.getbasetemp() / "blanks.csv"
    text = f"ID{between}Name\n1{between}x\n{between.join(written)}\n2{between}x\n"
    path.write_text(text, "utf-8", newline="")
    roster = read(path, LAYOUT)
    there = [cells] if any(map(str.strip, cells)) else []
    expected = [
        ["1", "x"],
        *([" ".join(text.split()) for text in row] for row in there),
        ["2", "x"],
    ]
    assert roster.frame.to_numpy().tolist() == expected


def test_a_csv_file_has_a_limit_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory; one row more is refused, with what to do."""
    monkeypatch.setattr(csv_file, "ROWS", 3)
    path = tmp_path / "a.csv"
    path.write_text("ID,Name,Email\n" + PERSON * 3, "utf-8")
    assert len(read(path, LAYOUT).frame) == 3
    path.write_text("ID,Name,Email\n" + PERSON * 4, "utf-8")
    with pytest.raises(RosterError, match="Split the file"):
        read(path, LAYOUT)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_more_columns_than_a_sheet_can_have_are_refused_at_once(
    tmp_path: Path, delimiter: str
) -> None:
    """More than 16,384 columns are no roster's; they are refused before headings are looked for."""
    path = tmp_path / "a.csv"
    path.write_text("\n".join([delimiter.join(["x"] * 1_000_000)] * 2), "utf-8")
    for look in (lambda: read(path, LAYOUT), lambda: preview(path, LAYOUT, 50)):
        started = time.process_time()
        with pytest.raises(RosterError, match="16,384 columns"):
            look()
        assert time.process_time() - started < 2
    with pytest.raises(RosterError, match="16,384 columns"):
        Rows.of([dict.fromkeys(range(16_385), "x")])


def test_a_second_table_is_noticed(tmp_path: Path) -> None:
    """Its columns may be others; words in the row of a person without an ID are no headings."""
    path, notices = tmp_path / "a.csv", []
    for row in ("Badge,Last Name,First Name,Until", ",Grace,Ward,Student", "C2345,Title,Group,x"):
        path.write_text(f"ID,First Name,Name,Type\nA1234,Ann,Lee,x\n{row}\nB1234,Ray,Bo,x\n")
        notices.append([one.message for one in read(path, Layout()).notices])
    assert ["row 3" in "".join(one) for one in notices] == [True, False, False]


def test_a_line_of_dashes_below_the_headings_is_nobody(tmp_path: Path) -> None:
    """Database programs draw it; one in another row, or only single dashes, is for the rules."""
    path = tmp_path / "a.csv"
    for line, left in (("-----,=====,-", (2,)), ("-,-,-", ())):
        path.write_text(f"NetID,First,S\n{line}\nx1,Ann,L\n--,--,--\n", "utf-8")
        roster = read(path, Layout())
        assert roster.left_out == left
        assert roster.frame[0].tolist() == ["-", "x1", "--"][len(left) :]
    path.write_text(f"{','.join(ADDED)},NetID,First\n7,rejected,,,,--,--\n", "utf-8")
    assert read(path, Layout()).frame.index.tolist() == [7]  # which a rejects file returned


def test_one_column_of_whole_addresses_is_a_roster(tmp_path: Path) -> None:
    """Commas in each cell divide nothing under a heading that is expected."""
    path = tmp_path / "a.csv"
    path.write_text('"City, State, ZIP"\n"Fargo, ND, 58102"\n', "utf-8")
    expected = Layout(expected=frozenset({"City, State, ZIP"}))
    assert read(path, expected).frame[0].tolist() == ["Fargo, ND, 58102"]
