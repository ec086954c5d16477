"""Plain workbooks are read by python-calamine, and only they; both readers say the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from importer.errors import RosterError
from importer.loader.read import read
from importer.model.roster import Layout
from tests.loader.agreement import readers_agree
from tests.zoo.books import BOOKS
from tests.zoo.specimen import Specimen
from tests.zoo.strangers import STRANGERS
from tests.zoo.xlsx import MAIN, sheet_xml, write_xlsx

EXCEL = [one for one in (*BOOKS, *STRANGERS) if not one.refusal and one.name.endswith(".xlsx")]


@pytest.mark.parametrize("specimen", EXCEL, ids=str)
def test_both_readers_agree(specimen: Specimen, tmp_path: Path) -> None:
    """On every workbook of the zoo that is plain."""
    path = tmp_path / specimen.name
    specimen.build(path)
    readers_agree(path)


def book(path: Path, fill: Callable[[Workbook, Worksheet], object] = lambda _, __: None) -> Path:
    """A roster as a spreadsheet program saves it, and whatever `fill` adds."""
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("Roster")
        day = workbook.add_format({"num_format": "mm/dd/yyyy"})
        sheet.write_row(0, 0, ["ID", "Name", "Born", "Seen", "Active", "Share"])
        for row in range(1, 60):
            sheet.write_row(row, 0, [20_000_000_000_000 + row, f"Müller {row} & Söhne"])
            sheet.write_datetime(row, 2, date(1970 + row % 40, 1 + row % 12, 28), day)
            when = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
            sheet.write_datetime(row, 3, datetime(2026, 8, 1 + row % 28, 9, row), when)  # noqa: DTZ001
            sheet.write_row(row, 4, [row % 2 == 0, row / 7])
        fill(workbook, sheet)
    return path


def test_an_ordinary_roster_is_plain(tmp_path: Path) -> None:
    """Numbers, their formats, text, dates, times, TRUE and FALSE need no openpyxl."""

    def fill(workbook: Workbook, sheet: Worksheet) -> None:
        for row, code in enumerate(("00000", '"B"0', "000-00-0000", "0.00", "dd.mm.yyyy"), 5):
            sheet.write_number(row, 0, 7_000, workbook.add_format({"num_format": code}))
        sheet.write_blank(70, 3, None, workbook.add_format({"num_format": "000"}))

    assert readers_agree(book(tmp_path / "a.xlsx", fill))


@pytest.mark.parametrize(
    "fill",
    [
        lambda w, s: s.write_number(5, 0, 0.5, w.add_format({"num_format": "[h]:mm"})),
        lambda _, s: s.write_formula(5, 0, "=1+1", None, 2),
        lambda _, s: s.set_row(5, None, None, {"hidden": True}),
        lambda _, s: s.set_column(1, 1, None, None, {"hidden": True}),
        lambda _, s: s.merge_range(70, 0, 70, 3, "Signed"),
        lambda _, s: s.write_number(5, 0, 10**15),
        lambda _, s: s.write_string(5, 0, "a_x000D_b"),
        lambda w, s: s.write_number(5, 2, 60, w.add_format({"num_format": "mm/dd/yyyy"})),
        lambda w, s: s.write_number(5, 2, 0.5, w.add_format({"num_format": "hh:mm"})),
    ],
    ids=[
        *("duration", "formula", "hidden row", "hidden column"),
        *("merged", "long number", "escape", "day 60", "time"),
    ],
)
def test_whatever_openpyxl_sees_better_is_not_plain(
    fill: Callable[[Workbook, Worksheet], object], tmp_path: Path
) -> None:
    """What python-calamine shows otherwise, or cannot report."""
    assert not readers_agree(book(tmp_path / "a.xlsx", fill))


@pytest.mark.parametrize("reference", ["1", "999", "-1", "1e400", "1.0", "x"])
def test_a_reference_to_no_shared_text_is_damage(reference: str, tmp_path: Path) -> None:
    """python-calamine would show the first text for some of them."""
    path = tmp_path / "a.xlsx"
    cells = f'<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>{reference}</v></c>'
    texts = f'<sst xmlns="{MAIN}"><si><t>ID</t></si><si><t>Name</t></si></sst>'
    write_xlsx(path, {"R": sheet_xml(f'<row r="1">{cells}</row>')}, strings=texts)
    if reference == "1":
        assert [place.heading for place in read(path, Layout()).places] == ["ID", "Name"]
    else:
        with pytest.raises(RosterError, match="is damaged"):
            read(path, Layout())
