"""Reading from a disk: what is not there, may not be read, or changes meanwhile."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.errors import RosterError
from importer.files import read_bounded
from importer.loader.read import read
from importer.model.problem import Code
from importer.model.roster import ADDED, NO_HEADINGS, Layout
from tests.zoo.books import TWO
from tests.zoo.xlsx import sheet_xml, text_rows, write_xlsx

LAYOUT = Layout(expected=frozenset({"ID", "Name"}))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_someone_else_is_said(tmp_path: Path) -> None:
    """A missing permission has a sentence of its own."""
    path = tmp_path / "a.csv"
    path.write_text("ID\n1\n")
    path.chmod(0)
    with pytest.raises(RosterError, match="do not have permission"):
        read(path, LAYOUT)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that were read may be half of one version and half of another."""
    path = tmp_path / name
    path.write_text("ID,Name\n1,A\n")

    def meanwhile(path: Path, limit: int) -> bytes:
        content = read_bounded(path, limit)
        path.write_text("ID,Name\n1,A\n2,B\n")
        return content

    monkeypatch.setattr("importer.loader.detect.read_bounded", meanwhile)
    with pytest.raises(RosterError, match="was changed while it was read"):
        read(path, LAYOUT)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        *((f"xlsx.{one}", "larger than a workbook may be")
          for one in ("TAGS", "STRING_TAGS", "OTHER_TAGS", "GAP", "MERGED")),
        ("detect.LARGEST_PACKAGE", "is refused for safety"),
    ],
)  # fmt: skip
def test_more_than_openpyxl_can_read_is_refused(
    limit: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Openpyxl never sees a workbook that would take it too long, or too much memory."""
    path = tmp_path / "a.xlsx"
    sheet = sheet_xml(TWO, after='<mergeCells><mergeCell ref="A9:B9"/></mergeCells>')
    formula = "<row><c><f>1</f></c></row></sheetData>"
    write_xlsx(path, {"R": sheet.replace("</sheetData>", formula)})
    monkeypatch.setattr(f"importer.loader.{limit}", 0)
    with pytest.raises(RosterError, match=said):
        read(path, LAYOUT)


@pytest.mark.parametrize(
    ("rows", "broken"), [(32, ()), (40, ()), (40, (20,)), (17, (17,)), (18, (17, 18))]
)
def test_excel_leaves_out_last_cells_that_are_blank_in_16_rows(
    rows: int, broken: Sequence[int], tmp_path: Path
) -> None:
    """They are blank. Fewer rows are cut at its end only behind 16 that are; others lack a cell."""
    lines = ["ID,Name,Email,Note", *(f"{row},A,a," for row in range(2, 17))]
    lines += [f"{row},A" if row in broken else f"{row},A,a" for row in range(17, rows + 1)]
    path = tmp_path / "patrons.csv"
    path.write_text("\r\n".join(lines), "utf-8")
    roster = read(path, Layout())
    assert roster.frame.shape == (rows - 1, 4)
    found = [one.origin.row for one in roster.problems if one.code is Code.ROW_TOO_SHORT]
    assert found == (list(range(17, rows + 1)) if broken else [])
    told = [one.to_do for one in roster.notices if f"17–{rows} lack" in one.message]
    assert bool(told) is not bool(broken)
    assert not any("roster:" in advice for advice in told)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_beats_the_mapping(encoding: str, tmp_path: Path) -> None:
    """Our own rejects file is UTF-8 with a mark, whatever encoding the first roster had."""
    path = tmp_path / "rejects.csv"
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    path.write_bytes(f"{mark}ID,Name\n1,Muñoz\n".encode(encoding))
    assert read(path, Layout(encoding="cp1252")).frame[1].tolist() == ["Muñoz"]


def test_the_notice_about_an_encoding_names_rows_and_no_values(tmp_path: Path) -> None:
    """A person can look at the rows; the notice itself may be shown anywhere."""
    path = tmp_path / "a.csv"
    path.write_bytes("ID,Name\n1,Silva\n2,Muñoz\n".encode("cp1252"))
    [notice] = read(path, LAYOUT).notices
    assert (notice.code, notice.origin.row) == (Code.READ_WITH_NOTICE, 0)
    assert "row 3" in notice.message
    assert "Mu" not in notice.message
    rejects = f"{','.join(ADDED)},ID\n2,,,“Name” is blank,,1\n"  # what a report says is no name
    path.write_bytes(rejects.encode("cp1252"))
    assert read(path, LAYOUT).notices == ()


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


def test_a_socket_would_be_noticed(no_network: list[str]) -> None:
    """The watch over every test here is awake."""
    with pytest.raises(PermissionError, match="reached for the network"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert no_network
    no_network.clear()


@pytest.mark.parametrize("build", ["csv", "xlsx"])
def test_a_roster_without_headings(build: str, tmp_path: Path) -> None:
    """Every row is a person; a column has its letter for a heading, as in its rejects file."""
    path = tmp_path / f"a.{build}"
    if build == "csv":
        path.write_text("1,Silva\n2,Berg,x\n")
    else:
        write_xlsx(path, {"R": sheet_xml(text_rows(("1", "Silva"), ("2", "Berg", "x")))})
    roster = read(path, Layout(header=NO_HEADINGS))
    assert [str(place) for place in roster.places] == ["A (A)", "B (B)", "C (C)"]
    assert roster.frame.index.tolist() == [1, 2]
    assert roster.frame[1].tolist() == ["Silva", "Berg"]
    rejects = tmp_path / "rejects.csv"
    rejects.write_text(f"A,B,C,{','.join(ADDED)}\n2,Berg,x,2,,,\n1,Silva,,1,,,\n", "utf-8-sig")
    assert read(rejects, Layout(header=NO_HEADINGS)).frame.index.tolist() == [2, 1]
