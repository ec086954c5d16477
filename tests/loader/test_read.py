"""Reading from a disk: what is not there, may not be read, or changes meanwhile; encodings."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from importer.errors import RosterError
from importer.loader.csvfile import read_csv
from importer.loader.read import read
from importer.loader.spreadsheet import read_book
from importer.model.catalogue import Code
from importer.model.roster import Layout
from tests.zoo.books import TWO
from tests.zoo.xlsx import sheet_xml, write_xlsx

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout(expected=frozenset({"ID", "Name"}))
NAMES = [
    "Muñoz",
    "Müller",
    "José",
    "Søren",
    "Ångström",
    "O’Brien",
    "Çelik",
    "Zoë",
    "Bělá",
    "李",
    "Łoś",
    "Ольга",
]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A wrong name is the commonest mistake."""
    with pytest.raises(RosterError, match="is not there"):
        read(tmp_path / "a.csv", LAYOUT)


def test_a_folder_is_no_roster(tmp_path: Path) -> None:
    """A folder has no rows."""
    with pytest.raises(RosterError, match="is a folder"):
        read(tmp_path, LAYOUT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_someone_else_is_said(tmp_path: Path) -> None:
    """No right to read is said as such."""
    path = tmp_path / "a.csv"
    path.write_text("ID\n1\n")
    path.chmod(0)
    with pytest.raises(RosterError, match="may not be read"):
        read(path, LAYOUT)


def test_a_csv_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read first and what was read last would be of two files."""
    path = tmp_path / "a.csv"
    path.write_text("ID,Name\n1,A\n")

    def meanwhile(*arguments: object) -> object:
        path.write_text("ID,Name\n1,B\n")
        return read_csv(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("importer.loader.csvfile.read_csv", meanwhile)
    with pytest.raises(RosterError, match="was changed while it was read"):
        read(path, LAYOUT)


def test_a_workbook_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workbook is read from a copy, and is still refused if it is not the same at the end."""
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"R": sheet_xml(TWO)})

    def meanwhile(*arguments: object) -> object:
        write_xlsx(path, {"R": sheet_xml(TWO.replace("A<", "B<"))})
        return read_book(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("importer.loader.spreadsheet.read_book", meanwhile)
    with pytest.raises(RosterError, match="was changed while it was read"):
        read(path, LAYOUT)


LONG = (
    '<row r="9">'
    + "".join(f'<c r="{letter}9"><v>{at}.5e20</v></c>' for at, letter in enumerate("ABCDE", 1))
    + "</row></sheetData>"
)
"""More numbers of too many digits, none like another, than the limit of the test."""


@pytest.mark.parametrize(
    ("limit", "change"),
    [
        ("sheet.CELLS", ("", "")),
        ("sheet.ODDITIES", ("</sheetData>", LONG)),
        ("sheet.VALUES", ("</sheetData>", LONG)),
        ("parsing.TAGS", ("<c ", "<c  ")),
        ("pieces.ELEMENT_BYTES", ("", "")),
        ("sheetxml.CELLS", ("sheetData", "x:sheetData")),
        ("parsing.TAGS", ("sheetData", "x:sheetData")),
    ],
)
def test_more_than_a_roster_has_is_refused(
    limit: str, change: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither reader of sheets takes more than the limits into memory, or more time."""
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"R": sheet_xml(TWO).replace(*change)})
    monkeypatch.setattr("importer.loader.pieces.PIECE", 10)
    monkeypatch.setattr(f"importer.loader.{limit}", 3)
    with pytest.raises(RosterError, match="holds more than can be read"):
        read(path, LAYOUT)


def test_a_damaged_sheet_is_not_read_twice_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet that fails piece by piece is read as a whole with what patience is left."""
    path = tmp_path / "a.xlsx"
    odd = sheet_xml(TWO).replace("<c ", "<c  ")
    write_xlsx(path, {"R": odd.replace("</sheetData>", "<row></row><bad></sheetData>")})
    monkeypatch.setattr("importer.loader.parsing.TAGS", odd.count("<") + 10)
    with pytest.raises(RosterError, match="holds more than can be read"):
        read(path, LAYOUT)


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook's file is in memory while it is read, so its size has a limit."""
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"R": sheet_xml(TWO)})
    monkeypatch.setattr("importer.loader.sniff.PACKED", 3)
    with pytest.raises(RosterError, match="is refused for safety"):
        read(path, LAYOUT)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_names_survive_every_encoding(encoding: str, tmp_path: Path) -> None:
    """UTF-8, UTF-16 by its mark, else Windows-1252: no name is changed."""
    path = tmp_path / "a.csv"
    names = [name for name in NAMES if encoding != "cp1252" or _fits(name, encoding)]
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    text = "ID,Name\n" + "".join(f"{at},{name}\n" for at, name in enumerate(names))
    path.write_bytes(mark + text.encode(encoding))
    assert read(path, LAYOUT).frame[1].tolist() == names


def _fits(name: str, encoding: str) -> bool:
    try:
        name.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def test_the_notice_about_an_encoding_names_rows_and_no_values(tmp_path: Path) -> None:
    """A person can look at the rows; the notice itself may be shown anywhere."""
    path = tmp_path / "a.csv"
    path.write_bytes("ID,Name\n1,Silva\n2,Muñoz\n".encode("cp1252"))
    [notice] = read(path, LAYOUT).notices
    assert (notice.code, notice.origin.row) == (Code.READ_WITH_NOTICE, 0)
    assert "(3)" in notice.message
    assert "Mu" not in notice.message


@pytest.mark.parametrize("build", ["csv", "xlsx"])
def test_the_frame_is_text_throughout(build: str, tmp_path: Path) -> None:
    """Columns are labelled from 0, the index is whole numbers, and no cell is missing."""
    path = tmp_path / f"a.{build}"
    if build == "csv":
        path.write_text("ID,Name\n1,\n,B\n")
    else:
        rows = TWO + '<row r="3"><c r="B3"><v>5</v></c></row>'
        write_xlsx(path, {"R": sheet_xml(rows)})
    frame = read(path, LAYOUT).frame
    assert [int(str(label)) for label in frame.columns] == [0, 1]
    assert frame.index.dtype == "int64"
    assert all(type(cell) is str for column in frame for cell in frame[column])


def test_the_source_says_what_was_chosen(tmp_path: Path) -> None:
    """The source says which sheet and heading rows were taken."""
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"Roster": sheet_xml(TWO)})
    source = read(path, LAYOUT).source
    assert (source.kind, source.sheet, source.header) == ("xlsx", "Roster", (1,))


def test_a_socket_would_be_noticed(no_network: list[str]) -> None:
    """The watch over every test here is awake."""
    with pytest.raises(PermissionError, match="reached for the network"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert no_network
    no_network.clear()
