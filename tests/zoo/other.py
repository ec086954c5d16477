"""Small .xls and .ods files, and the old container that .xls and encrypted files share."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ole(name: str, stream: bytes, shift: int = 9) -> Callable[[Path], None]:
    """Build an old Office container with one stream ([MS-CFB]), in sectors of 2 ** shift bytes.

    Its table is one sector, so that 512 bytes are enough for 62 kB, and 2 MB for a terabyte.
    """
    sector = 1 << shift

    def build(path: Path) -> None:
        content = stream.ljust(4_096, b"\0")  # smaller streams would live elsewhere
        content += b"\0" * (-len(content) % sector)
        sectors = len(content) // sector
        table = [_FAT, _END, *range(3, 2 + sectors), _END]
        table += [_FREE] * (sector // 4 - len(table))
        header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0")
        header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, shift, 6)
        header += struct.pack("<9I", 0, 1, 1, 0, 4_096, _END, 0, _END, 0)
        header += struct.pack("<109I", 0, *[_FREE] * 108)
        directory = _entry("Root Entry", 5, 1, _END, 0) + _entry(name, 2, _FREE, 2, len(content))
        fat = struct.pack(f"<{sector // 4}I", *table)
        path.write_bytes(header + fat + directory.ljust(sector, b"\0") + content)

    return build


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    about = struct.pack("<HBBIII36xIQ", len(encoded) + 2, kind, 1, _FREE, _FREE, child, start, size)
    return encoded.ljust(64, b"\0") + about


def xls(
    rows: Sequence[Sequence[str | float | bytes]],
    *,
    filtered: int = -1,
    hidden: int = -1,
    locked: bool = False,
    formats: Sequence[str] = (),
    more: bytes = b"",
    starts_1904: bool = False,
) -> Callable[[Path], None]:
    """Build a workbook of Excel 97 with one sheet ([MS-XLS]).

    `filtered` is a row that a filter hides, `hidden` a column that is hidden, both from 0;
    `locked` leaves the mark of a password without encrypting anything. `formats` are the number
    formats of the columns, `more` records about the workbook. Bytes as a cell are the code of a
    formula error.
    """
    cells = b""
    if filtered >= 0:
        cells += record(0x9B, b"")
    if hidden >= 0:
        cells += record(0x7D, struct.pack("<HHHHHH", hidden, hidden, 0, 0, 1, 0))
    for row, values in enumerate(rows):
        if not values:
            continue
        flags = 0x20 if row == filtered else 0
        cells += record(0x208, struct.pack("<HHHHHHBBH", row, 0, len(values), 0, 0, 0, flags, 1, 0))
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            place = struct.pack("<HHH", row, column, column + 1 if column < len(formats) else 0)
            if isinstance(value, bytes):
                cells += record(0x205, place + value + b"\1")
            elif isinstance(value, str):
                text = value.encode("utf-16-le")
                cells += record(0x204, place + struct.pack("<HB", len(value), 1) + text)
            else:
                cells += record(0x203, place + struct.pack("<d", value))
    globals_ = record(0x2F, bytes(54)) if locked else b""
    globals_ += record(0x22, struct.pack("<H", starts_1904))
    for at, code in enumerate(formats):
        text = code.encode("utf-16-le")
        globals_ += record(0x41E, struct.pack("<HHB", 164 + at, len(code), 1) + text)
    for number in (0, *range(164, 164 + len(formats))) if formats else ():
        globals_ += record(0xE0, struct.pack("<HHH14x", 0, number, 0))
    return ole("Workbook", biff(cells, globals_ + more))


def biff(cells: bytes, more: bytes = b"") -> bytes:
    """Return the stream of a workbook with one sheet, and `more` records about the workbook."""
    begin, end = struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0), record(0x0A, b"")
    begin_sheet = struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)
    head = record(0x809, begin) + more
    name = struct.pack("<HBB6s", 0, 6, 0, b"Roster")
    at = len(head) + len(record(0x85, bytes(4) + name)) + len(end)
    head += record(0x85, struct.pack("<I", at) + name) + end
    return head + record(0x809, begin_sheet) + cells + end


def record(kind: int, content: bytes) -> bytes:
    """Return a record of [MS-XLS]."""
    return struct.pack("<HH", kind, len(content)) + content


def ods(
    rows: Sequence[Sequence[str | float]],
    repeat: tuple[int, int] = (0, 0),
    *,
    text: str = "x",
    unseen: Mapping[int, str] | None = None,
    hidden: int = 0,
    doctype: str = "",
    locked: bool = False,
) -> Callable[[Path], None]:
    """Build an OpenDocument spreadsheet, at its end a text repeated over rows and columns.

    `unseen` says how rows are not visible, from 0; behind the first column, `hidden` ones are.
    `locked` leaves the mark of a password without encrypting anything.
    """
    body = "<table:table-column/>"
    if hidden:
        body += (
            f'<table:table-column table:number-columns-repeated="{hidden}" '
            'table:visibility="collapse"/>'
        )
    for row, values in enumerate(rows):
        cells = "".join(
            f'<table:table-cell office:value-type="string"><text:p>{value}</text:p>'
            "</table:table-cell>"
            if isinstance(value, str)
            else f'<table:table-cell office:value-type="float" office:value="{value!r}"/>'
            for value in values
        )
        how = f' table:visibility="{unseen[row]}"' if unseen and row in unseen else ""
        body += f"<table:table-row{how}>{cells}</table:table-row>"
    if repeat[0]:
        body += (
            f'<table:table-row table:number-rows-repeated="{repeat[0]}">'
            f'<table:table-cell table:number-columns-repeated="{repeat[1]}" '
            f'office:value-type="string"><text:p>{text}</text:p></table:table-cell></table:table-row>'
        )
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f"{doctype}<office:document-content{spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="Roster">{body}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )

    def build(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("content.xml", content, zipfile.ZIP_DEFLATED)
            archive.writestr(
                "META-INF/manifest.xml",
                '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
                f"{'<m:encryption-data/>' if locked else ''}</m:manifest>",
            )

    return build
