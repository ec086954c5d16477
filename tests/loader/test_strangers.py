"""Workbooks as other programs write them: what Excel and the usual libraries read, is read."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from importer.errors import RosterError
from importer.loader.number_formats import PLAIN, read_format
from importer.loader.read import read
from importer.model.problem import Code
from importer.model.roster import Layout, Roster
from tests.zoo.other import biff, ods, ole, record
from tests.zoo.xlsx import rewrite, sheet_xml, text_rows, write_xlsx

LAYOUT = Layout(header=(1,))
STRINGS = (
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<si><t>Silva</t></si></sst>"
)
SHEET = sheet_xml(
    text_rows(["ID", "Name"])
    + '<row r="2"><c r="A2"><v>5</v></c><c r="B2" t="s"><v>0</v></c></row>'
)


def renamed(path: Path, rename: Callable[[str], str]) -> None:
    """Write the workbook again, its parts under other names."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            one = zipfile.ZipInfo("x")
            one.filename = rename(name)  # which zipfile would give slashes
            archive.writestr(one, part)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("/sharedStrings", "/SharedStrings"),
        lambda name: name.replace("/", "\\"),
        str.lower,
        str.upper,
        lambda name: name.replace("/sheet1", "/Sheet1").replace("/", "\\"),
    ],
    ids=["strings", "backslashes", "lower", "upper", "both"],
)
def test_names_of_parts_are_read_in_any_case(rename: Callable[[str], str], tmp_path: Path) -> None:
    """Part names are compared without case, and backslashes in them are slashes."""
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"R": SHEET}, strings=STRINGS)
    renamed(path, rename)
    assert read(path, LAYOUT).frame.to_numpy().tolist() == [["5", "Silva"]]


def test_an_empty_cell_of_another_row_is_nothing(tmp_path: Path) -> None:
    """Programs that take rows out may leave an empty cell that names its old row; texts may not."""
    path = tmp_path / "a.xlsx"
    rows = text_rows(["ID"], ["1"]) + '<row r="3"><c r="A4"><v></v></c></row>'
    write_xlsx(path, {"R": sheet_xml(rows + text_rows(["2"], first=4))})
    assert read(path, LAYOUT).frame[0].tolist() == ["1", "2"]
    write_xlsx(path, {"R": sheet_xml(rows.replace("<v></v>", "<v>7</v>"))})
    with pytest.raises(RosterError, match="damaged"):
        read(path, LAYOUT)


def test_breaks_between_the_cells_of_an_ods_file_are_nothing(tmp_path: Path) -> None:
    """XML that was written with line breaks and indents is the same table."""
    path = tmp_path / "a.ods"
    ods([["ID", "Name"], ["5", "Silva  Lee"]])(path)
    rewrite(path, lambda part: re.sub(b"(?=</?table:)", b"\n    ", part))
    assert read(path, LAYOUT).frame.to_numpy().tolist() == [["5", "Silva Lee"]]


def _codes(roster: Roster) -> list[tuple[int, Code]]:
    return [(one.origin.row, one.code) for one in roster.problems]


@pytest.mark.parametrize("kind", ["", ' t="str"', ' t="b"', ' t="e"'])
def test_a_formula_without_a_result_rejects_its_row(kind: str, tmp_path: Path) -> None:
    """Without `<v>`, there is no result, whatever the type; an empty text is one."""
    path = tmp_path / "a.xlsx"
    cell = f'<c r="B2"{kind}><f>A1</f></c>'
    empty = '<c r="B3" t="str"><f>A1</f><v></v></c>'
    ids = ['<row r="2"><c r="A2"><v>5</v></c>', '<row r="3"><c r="A3"><v>6</v></c>']
    rows = text_rows(["ID", "Name"]) + ids[0] + cell + "</row>" + ids[1] + empty + "</row>"
    write_xlsx(path, {"R": sheet_xml(rows)})
    roster = read(path, LAYOUT)
    assert _codes(roster) == [(2, Code.FORMULA_ERROR)]
    assert roster.frame[1].tolist() == ["", ""]


def _formula(row: int, result: bytes) -> bytes:
    return record(0x06, struct.pack("<HHH8sHIH", row, 1, 0, result, 0, 0, 3) + b"\x1e\x01\x00")


EMPTY, SEVEN = b"\x03\0\0\0\0\0\xff\xff", struct.pack("<d", 7)


@pytest.mark.parametrize(
    ("results", "calculated", "is_read"),
    [((EMPTY, EMPTY), False, False), ((EMPTY, EMPTY), True, True), ((EMPTY, SEVEN), False, True)],
)
def test_an_old_workbook_that_nobody_calculated_is_refused(
    results: tuple[bytes, ...], calculated: object, is_read: object, tmp_path: Path
) -> None:
    """Empty results are missing ones if the workbook has neither other results nor Excel's mark."""
    path = tmp_path / "a.xls"
    cells = b""
    for column, text in enumerate(("ID", "Name")):
        cells += record(0x204, struct.pack("<HHHHB", 0, column, 0, len(text), 0) + text.encode())
    for row, result in enumerate(results, start=1):
        cells += record(0x203, struct.pack("<HHHd", row, 0, 0, row)) + _formula(row, result)
    mark = record(0x1C1, bytes(8)) if calculated else b""
    ole("Workbook", biff(cells, record(0x22, bytes(2)) + mark))(path)
    if is_read:
        assert len(read(path, LAYOUT).frame) == 2
    else:
        with pytest.raises(RosterError, match="formulas without results"):
            read(path, LAYOUT)


def test_elapsed_time_is_no_date(tmp_path: Path) -> None:
    """25 hours are 25 hours, whether the format is Excel's own or the file's."""
    assert read_format(46, "") == read_format(164, "[h]:mm") == PLAIN
    path = tmp_path / "a.ods"
    ods([["ID"], ["x"]])(path)
    old = b'<table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>'
    new = b'<table:table-cell office:value-type="time" office:time-value="PT25H12M00S"/>'
    rewrite(path, lambda part: part.replace(old, new))
    assert read(path, LAYOUT).frame[0].tolist() == ["25:12:00"]
