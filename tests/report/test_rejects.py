"""The rows that come back: as they came, marked, and fit to be loaded again."""

from __future__ import annotations

import csv
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.workbook import Workbook

from importer.ledger.ledger import Ledger
from importer.loader.cleaning import clean
from importer.loader.read import read
from importer.model.plan import Fate
from importer.model.problem import Code, Place, Problem
from importer.model.roster import ADDED, Layout
from importer.model.run import ColumnUse
from importer.model.text import unescape
from importer.report import rejects as workbook_room
from importer.report.files import write_all
from importer.report.rejects import returned, write_rejects, write_workbook
from importer.report.workbook import sheet_name
from tests.report import building
from tests.report.building import Run, at, view_of
from tests.report.conftest import Keep
from tests.sheets import read_csv

Table = list[list[str]]

OWN = slice(len(ADDED), None)
"""The roster's own columns."""


def book_of(ledger: Ledger) -> Workbook:
    """The rejects' workbook of a ledger."""
    path = ledger.folder / "rejects.xlsx"
    view = view_of(ledger)
    write_workbook(view, 0, tuple(returned(view, 0)), path)
    return openpyxl.load_workbook(path)


def excels(text: object) -> str:
    """A cell's text as Excel reads it: `_x001F_` stands for a character that XML cannot hold."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), str(text or ""))


def table_of(book: Workbook) -> Table:
    """The texts of the first sheet."""
    return [[excels(cell) for cell in row] for row in book.worksheets[0].values]


def csv_of(ledger: Ledger) -> Table:
    """The texts of rejects.csv."""
    path = ledger.folder / "rejects.csv"
    view = view_of(ledger)
    write_rejects(view, 0, returned(view, 0), path)
    return [[unescape(text) for text in line] for line in read_csv(path)]


@pytest.mark.parametrize("run", [building.checked, building.planned, building.applied])
def test_exactly_the_rows_that_come_back_are_in_as_they_came(
    keep: Keep, run: Callable[[], Run]
) -> None:
    """Rejected, held for review and refused rows are in both files, every other row is not.

    Columns, order, headings and texts are the roster's; ours are in front of them.
    """
    ledger = keep(run())
    heading, *lines = table_of(book_of(ledger))
    assert heading == [*ADDED, *(use.heading for use in building.COLUMNS)]
    came = [(row.row, row.cells) for row in ledger.returning()]
    assert [(int(line[0]), tuple(line[OWN])) for line in lines] == came
    assert csv_of(ledger) == [heading, *lines]


def test_each_row_says_its_result(keep: Keep) -> None:
    """Result tells what became of the row, in one of four words."""
    results = {int(line[0]): line[1] for line in csv_of(keep(building.applied()))[1:]}
    assert results == {
        3: "refused by Alma", 7: "needs review: changed in Alma", 18: "review", 19: "review",
        **dict.fromkeys((12, 13, 14, 15, 17), "rejected"),
    }  # fmt: skip


def test_each_row_says_why_and_what_to_do(keep: Keep) -> None:
    """Every reason that holds a row stands beside it, with its column, its value and advice."""
    lines = {int(line[0]): line for line in csv_of(keep(building.checked()))[1:]}
    why, to_do = lines[15][3:5]
    assert "“Patron Type”: Comunity is not in the lookup groups." in why
    assert "“DOB”: “5 June 87” is not a date." in why
    assert "Did you mean Community?" in to_do


def test_only_the_offending_cells_are_marked(keep: Keep) -> None:
    """A cell that a problem names has a color and a comment that is enough to correct it.

    The column *Why* of the row names it in words; no cells are merged.
    """
    sheet = book_of(keep(building.checked())).worksheets[0]
    assert not sheet.merged_cells.ranges
    marked, coloured, reasons, headings = set(), set(), [], sheet[1][OWN]
    for line in sheet.iter_rows(min_row=2):
        for letter, heading, cell in zip("ABCDEFGH", headings, line[OWN], strict=True):
            if cell.comment:
                marked.add((line[0].value, letter))
                assert f"“{heading.value}”" in str(line[3].value)
                reasons.append(cell.comment.text)
            if cell.fill.patternType == "solid":
                coloured.add((line[0].value, letter))
    assert marked == coloured
    assert marked == {
        ("12", "A"), ("13", "A"), ("14", "A"), ("17", "A"), ("15", "D"), ("15", "E"),
        ("18", "B"), ("18", "C"), ("19", "B"), ("19", "C"),
    }  # fmt: skip
    assert any("Comunity" in text and "Did you mean Community?" in text for text in reasons)


DANGEROUS = (
    "00123456", "20001234567890", "1E5", "=1+1", '=HYPERLINK("http://x")', "+1 605 555-0100", "-7",
    "@SUM(A1)", "'Akamu", "'t Hooft", "'=x", "TRUE", "2027-05-15", "http://example.org", "_x0041_",
    "  two ", "José", "宫本", "#N/A", "＝1+1", "＋1", "－7", "＠x", "−7", '"=1+1"',
    '\u00a0"=1', "'＝1", "<r>AT&T</r>", "<r><t>x</t></r>", "<r></r></is><f>1+1</f><is><r></r>",
)  # fmt: skip


def test_every_cell_is_text(keep: Keep) -> None:
    """Nothing is taken for a number, a date, a link or a formula, and every format is text."""
    run = Run(columns=(building.COLUMNS[0],))
    for row, text in enumerate(DANGEROUS, start=2):
        run.reject(row, (text,))
    ledger = keep(run)
    book = book_of(ledger)
    assert [line[5] for line in table_of(book)[1:]] == list(DANGEROUS)
    assert [line[5] for line in csv_of(ledger)[1:]] == list(DANGEROUS)
    for sheet in book:
        for line in sheet.iter_rows():
            for cell in line:
                assert cell.data_type in {"s", "inlineStr", "n"}
                assert cell.data_type != "n" or cell.value is None
                assert cell.number_format == "@"
                assert cell.hyperlink is None


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)
texts |= st.sampled_from(DANGEROUS) | texts.map(lambda text: f"<r>{text}</r>")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    """Whatever a cell holds, both files give it back unchanged."""
    run = Run(columns=building.COLUMNS[:2])
    for row, pair in enumerate(cells, start=2):
        run.reject(row, pair)
    with run.ledger(tmp_path_factory.mktemp("run")) as ledger:
        from_book = [tuple(line[OWN]) for line in table_of(book_of(ledger))[1:]]
        from_csv = [tuple(line[OWN]) for line in csv_of(ledger)[1:]]
    assert from_csv == cells
    assert from_book == cells


formulas = st.text(st.sampled_from("'\"=＝+＋-−@＠ \u200bA1()"), min_size=1, max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(formulas, st.sampled_from(DANGEROUS)), min_size=1, max_size=4))
def test_no_look_alike_of_a_formula_changes_when_the_rejects_are_loaded(
    tmp_path_factory: pytest.TempPathFactory, found: list[str]
) -> None:
    """Marked in rejects.csv, each cell is read again as it was in the roster."""
    cells = [clean(text)[0] for text in found]  # as a roster has them
    run = Run(columns=(building.COLUMNS[0], building.COLUMNS[1]))
    for row, text in enumerate(cells, start=2):
        run.reject(row, ("2000", text))
    with run.ledger(tmp_path_factory.mktemp("run")) as ledger:
        csv_of(ledger)
        again = read(ledger.folder / "rejects.csv", Layout())
    assert again.frame[1].tolist() == cells
    written = (ledger.folder / "rejects.csv").read_text("utf-8-sig").splitlines()[1:]
    last = [line[-1] for line in csv.reader(written)]
    signs = (unicodedata.normalize("NFKC", text).lstrip(' "\u200b')[:1] for text in last)
    assert not {*"=+-@−"} & {*signs}


def test_the_sheets_behind_the_rows_explain_them(keep: Keep) -> None:
    """The second has each cause with its rows; the third the command with the run's mapping."""
    book = book_of(keep(building.checked()))
    lines = list(book["Problems"].iter_rows(min_row=2, values_only=True))
    assert [(line[1], line[2]) for line in lines if line[3] == "“Barcode”"] == [("4", "12–14, 17")]
    assert [line[2] for line in lines if line[3] == "“Comments”"] == ["the whole roster"]
    text = " ".join(str(line[0]) for line in book["How to send it back"].values)
    assert "importer check THIS-FILE -m mappings/community.yaml" in text


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Patrons", "Patrons"),
        ("", "Rejected rows"),
        *((ours, ours) for ours in ("Problems", "problems", "How to send it back")),
    ],
)
def test_the_first_sheet_is_named_as_the_rosters(keep: Keep, name: str, first: str) -> None:
    """A mapping that names the sheet finds it; ours take other names than it."""
    run = building.checked()
    roster = run.facts.roster.model_copy(update={"sheet": name})
    run.facts = run.facts.model_copy(update={"roster": roster})
    names = book_of(keep(run)).sheetnames
    assert names[0] == first
    assert len({each.casefold() for each in names}) == 4


@given(st.text(max_size=50))
def test_any_sheet_name_becomes_one_that_excel_takes(name: str) -> None:
    """At most 31 characters, none of the forbidden ones, not blank, no apostrophe at an end."""
    made = sheet_name(name, "Rejected rows")
    assert 0 < len(made) <= 31
    assert not set(made) & set("[]:*?/\\")
    assert not made.startswith("'")
    assert not made.endswith("'")


def test_the_headings_are_frozen_and_filtered(keep: Keep) -> None:
    """Headings, row, decision and reason stay in sight, and a column can be filtered at once."""
    sheet = book_of(keep(building.checked())).worksheets[0]
    assert sheet.freeze_panes == "E2"
    assert sheet.auto_filter.ref == "A1:M8"


def test_a_very_long_cell_is_cut_in_the_workbook_only(keep: Keep) -> None:
    """Excel takes 32,767 characters; rejects.csv has the rest."""
    run = Run(columns=(building.COLUMNS[0],))
    run.reject(2, ("x" * 32_772,))
    ledger = keep(run)
    assert len(table_of(book_of(ledger))[1][5]) == 32_767
    assert len(csv_of(ledger)[1][5]) == 32_772


def test_each_cell_of_a_column_of_codes_has_its_list(keep: Keep) -> None:
    """Also a cell without a mark."""
    codes = ColumnUse("B", "Group", ("user_group",), "exact", choices=("COMM", "FRIEND"))
    run = Run(columns=(ColumnUse("A", "Barcode", ("primary_id",), "exact"), codes))
    run.reject(2, ("", "COMM"))
    run.reject(3, ("", "X"))
    (rule,) = book_of(keep(run)).worksheets[0].data_validations.dataValidation
    assert (str(rule.sqref), rule.type) == ("G2:G3", "list")


def test_comments_stop_where_excel_would(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most comments the cells are still coloured, and the third sheet says so."""
    monkeypatch.setattr(workbook_room, "MOST_COMMENTS", 3)
    book = book_of(keep(building.checked()))
    cells = [cell for line in book.worksheets[0].iter_rows(min_row=2) for cell in line[OWN]]
    assert sum(cell.comment is not None for cell in cells) == 3
    assert sum(cell.fill.patternType == "solid" for cell in cells) == 10
    assert any("Comments are on" in str(line[0]) for line in book["How to send it back"].values)


def test_a_short_row_keeps_its_columns(keep: Keep) -> None:
    """A row with fewer cells than headings still has Row and Result under their headings."""
    run = Run()
    run.row(2, Fate.REJECTED, Problem.of(Code.ROW_TOO_SHORT, at(2), "has 2 cells of 8"))
    run.cells[2] = ("1", "2")
    ledger = keep(run)
    for table in (csv_of(ledger), table_of(book_of(ledger))):
        assert table[1][0] == "2 too short"
        assert table[1][OWN] == ["1", "2", "", "", "", "", "", ""]


def test_a_problem_of_a_column_that_is_not_there_is_no_mark(keep: Keep) -> None:
    """A place outside the roster's columns does not stop the workbook."""
    run = Run()
    run.reject(2)
    run.problems = [replace(run.problems[0], places=(Place("ZZ", "Gone"),))]
    assert table_of(book_of(keep(run)))[1][1] == "rejected"


def test_a_missing_value_is_marked(keep: Keep) -> None:
    """An empty cell that should hold something is coloured too."""
    run = Run(columns=(ColumnUse("A", "Barcode", ("primary_id",), "exact"),))
    run.reject(2, ("",))
    sheet = book_of(keep(run)).worksheets[0]
    assert sheet["F2"].comment is not None
    assert sheet["F2"].fill.patternType == "solid"


def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing but the run itself is in the files: no clock, no random names."""
    made = []
    for _ in range(2):
        folder = tmp_path / "run"
        with building.applied().ledger(folder) as ledger:
            made.append({path.name: path.read_bytes() for path in write_all(view_of(ledger))})
        shutil.rmtree(folder)
    assert made[0] == made[1]


@pytest.mark.parametrize("run", [building.checked, lambda: building.hostile("x")])
def test_nothing_of_an_unfinished_workbook_stays(keep: Keep, run: Callable[[], Run]) -> None:
    """What is not finished is in the run's own folder, and goes, also where no cell has a list."""
    ledger = keep(run())
    before = set(ledger.folder.iterdir())
    book_of(ledger)
    assert set(ledger.folder.iterdir()) - before == {ledger.folder / "rejects.xlsx"}
    assert zipfile.is_zipfile(ledger.folder / "rejects.xlsx")
