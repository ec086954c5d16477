"""What a workbook of an old Excel hides, which the library that reads it does not tell.

The file is a small file system ([MS-CFB]); its stream `Workbook` is a row of records ([MS-XLS]),
of which five kinds are looked at. It runs in the process of its own that reads such files.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from importer.loader.parsing import LockedError
from importer.loader.unseen import Unseen, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK, _SHEET, _ROW, _COLUMNS, _FILTERED = 0x2F, 0x85, 0x208, 0x7D, 0x9B
_BEGIN, _END = 0x809, 0x0A
_ENTRY, _NUMBERS_IN_HEADER = 128, 109
_LAST_SECTOR = 0xFFFFFFFA
"""Numbers from here on are no sectors."""
_SMALLEST = 4_096
"""A stream of fewer bytes is kept in another way, in which no workbook is."""


def read_unseen(path: Path) -> list[Unseen]:
    """By sheet, in order, what is hidden.

    Raises struct.error, IndexError or ValueError where the file is not built as Excel builds it,
    LockedError where it only opens with a password.
    """
    stream = _workbook(path.read_bytes())
    starts = []
    for kind, content in _records(stream, 0):
        if kind == _LOCK:
            raise LockedError
        if kind == _SHEET:
            starts.append(struct.unpack_from("<I", content)[0])
    return [_of_sheet(stream, start) for start in starts]


def _of_sheet(stream: bytes, start: int) -> Unseen:
    unseen = nothing()
    for kind, content in _records(stream, start):
        if kind == _ROW:
            row, flags = struct.unpack_from("<H10xB", content)
            if flags & 0x20:
                unseen["rows"].append((row + 1, row + 1))
        elif kind == _COLUMNS:
            first, last, flags = struct.unpack_from("<HH4xB", content)
            if flags & 1:
                unseen["columns"].append((first, last))
        elif kind == _FILTERED:
            unseen["filtered"] = True
    return unseen


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of the part that begins here, without those of parts within, such as charts."""
    depth = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind == _BEGIN:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _workbook(whole: bytes) -> bytes:
    """The stream with the sheets."""
    size = {9: 512, 12: 4_096}.get(struct.unpack_from("<H", whole, 30)[0], 0)
    if not size:
        msg = "sectors of an unknown size"
        raise ValueError(msg)
    tables, first = struct.unpack_from("<II", whole, 44)
    sectors = [
        number
        for number in struct.unpack_from(f"<{_NUMBERS_IN_HEADER}I", whole, 76)[:tables]
        if number < _LAST_SECTOR
    ]
    more = struct.unpack_from("<I", whole, 68)[0]
    while more < _LAST_SECTOR and len(sectors) < tables:
        numbers = struct.unpack(f"<{size // 4}I", _sector(whole, more, size))
        sectors += numbers[:-1]
        more = numbers[-1]
    chain = b"".join(_sector(whole, number, size) for number in sectors[:tables])
    following = struct.unpack(f"<{len(chain) // 4}I", chain)
    directory = _chained(whole, following, first, size)
    streams = {}
    for at in range(0, len(directory), _ENTRY):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
        streams[name] = struct.unpack_from("<II", directory, at + 116)
    start, stream_size = streams.get("Workbook") or streams.get("Book") or (0, 0)
    if stream_size < _SMALLEST:
        msg = "no stream of a workbook"
        raise ValueError(msg)
    return _chained(whole, following, start, size)[:stream_size]


def _chained(whole: bytes, following: tuple[int, ...], sector: int, size: int) -> bytes:
    """The sectors of a chain, put together. Raises ValueError where it runs in a circle."""
    parts: list[bytes] = []
    while sector < _LAST_SECTOR:
        if len(parts) * size > len(whole):
            msg = "a chain of sectors without an end"
            raise ValueError(msg)
        parts.append(_sector(whole, sector, size))
        sector = following[sector]
    return b"".join(parts)


def _sector(whole: bytes, number: int, size: int) -> bytes:
    return whole[(number + 1) * size : (number + 2) * size]
