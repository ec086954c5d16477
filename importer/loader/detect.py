"""What a file really is, by its bytes, whatever its name is."""

from __future__ import annotations

import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from importer.errors import RosterError, UnreadableFileError
from importer.model.files import read_bounded

LARGEST = 300 * 1024 * 1024
"""Bytes that a roster may have; for workbooks, less."""

LARGEST_PACKAGE = 100 * 1024 * 1024
"""Bytes that an .xlsx, .xlsm or .ods file may have."""

LARGEST_XLS = 40 * 1024 * 1024
"""Bytes that an .xls file may have; a full sheet of 17 columns has half of it."""

DAMAGED = "is damaged or was not copied completely. Open it in Excel, save it again, and load that."
LOCKED = "is protected by a password. Open it, save a copy without a password, and load the copy."
TOO_LARGE = (
    "is larger than a workbook may be: 2 million cells. Save the sheet as CSV UTF-8, which may be "
    "larger, and load that."
)
_CHANGED = (
    "was changed while it was read. Close it in the other program, or copy it to this computer, "
    "and start again."
)
UNSAFE = "is refused for safety: {}. Copy the rows into a new workbook, save it, and load that."
_SAVE_AS = "Open it in Excel, save it as an Excel workbook (.xlsx), and load that."
_SOMETHING_ELSE = "is {}, not a spreadsheet. Ask the office for the spreadsheet."

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What begins with these bytes is not a roster but this.
_SIGNATURES = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"{\\rtf": "a Word document",
    b"\x1f\x8b": "a compressed file",
    b"7z\xbc\xaf": "a compressed archive",
    b"Rar!": "a compressed archive",
    b"SQLite format 3": "a database",
    b"ID;PWXL;": "a SYLK file",
    b"ID;PSCALC": "a SYLK file",
    b"TABLE\r\n0,1": "a DIF file",
    b"TABLE\n0,1": "a DIF file",
}
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile and its decompressors raise on damaged bytes."""


class Kind(StrEnum):
    """The kinds of file that can be a roster."""

    CSV = "csv"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLS = "xls"
    ODS = "ods"


class NotReadableError(Exception):
    """A file cannot be read as a roster. The message follows the name of the file."""


@contextmanager
def library_errors(*known: type[Exception]) -> Iterator[None]:
    """Turn whatever a library raises on a damaged workbook into NotReadableError.

    Errors in `known` pass. Warnings are for programmers and are not shown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if isinstance(error, (NotReadableError, *known)):
            raise
        raise NotReadableError(DAMAGED) from error


def read_bytes(path: Path) -> bytes:
    """Return the content of the file. Raises RosterError or NotReadableError."""
    if path.name.startswith("~$"):
        msg = (
            "is only the lock file that Excel keeps while a workbook is open. Close the workbook "
            f"and load {path.name.removeprefix('~$')} itself."
        )
        raise NotReadableError(msg)
    try:
        content = read_bounded(path, LARGEST)
        if path.stat().st_size == len(content):
            return content
    except UnreadableFileError as error:
        raise RosterError(str(error)) from None
    except OSError:
        pass
    raise NotReadableError(_CHANGED)


def identify(content: bytes) -> Kind:
    """Return the kind of roster that these bytes are.

    Raises NotReadableError, a sentence that says what the file is, if it is not a roster.
    """
    head = content[:65_536]
    limit = LARGEST
    if not head.strip(b"\0\r\n\t "):
        found = "is empty. Check whether the export or the copy was complete."
    elif head.startswith(_ZIP):
        found, limit = _zip_kind(content), LARGEST_PACKAGE
    elif head.startswith(_OLE):
        found, limit = _ole_kind(content), LARGEST_XLS
    else:
        found = _text_kind(head)
    if isinstance(found, Kind) and len(content) > limit:
        found = UNSAFE.format(f"the file has more than {limit // 2**20} MB")
    if not isinstance(found, Kind):
        raise NotReadableError(found)
    return found


def _zip_kind(content: bytes) -> Kind | str:
    """Return the kind of workbook in a zip archive, else the sentence that says what it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            office = _beginning(archive, "mimetype", 100)
            types = _beginning(archive, "[Content_Types].xml", 1_000_000)
    except ZIP_ERRORS:
        return DAMAGED
    found: Kind | str = "is a zip archive. Unpack it and load the spreadsheet that is in it."
    if "xl/workbook.xml" in names or b"spreadsheetml.sheet.main+xml" in types:
        found = Kind.XLSM if "xl/vbaProject.bin" in names else Kind.XLSX
    elif b"opendocument.spreadsheet" in office:
        found = Kind.ODS
    elif "xl/workbook.bin" in names:
        found = f"is a binary Excel workbook (.xlsb), which cannot be read. {_SAVE_AS}"
    elif "word/document.xml" in names or b"opendocument.text" in office:
        found = _SOMETHING_ELSE.format("a Word document")
    elif "ppt/presentation.xml" in names:
        found = _SOMETHING_ELSE.format("a presentation")
    elif any(name.startswith("xl/") for name in names):
        found = DAMAGED
    return found


def _beginning(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first bytes of a member; none if it is missing or cannot be read."""
    try:
        with archive.open(name) as member:
            return member.read(size)
    except ZIP_ERRORS:
        return b""


def _ole_kind(content: bytes) -> Kind | str:
    """Return the kind of an old Office file, by the names of its streams, else what it is."""

    def has(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if has("EncryptedPackage"):
        return LOCKED
    if has("WordDocument"):
        return _SOMETHING_ELSE.format("a Word document")
    if has("Workbook\0") or has("Book\0"):
        return Kind.XLS
    return f"is an old Office file without a workbook in it. {_SAVE_AS}"


def _text_kind(head: bytes) -> Kind | str:
    """Return that the file is CSV, else what it is. Some systems export web pages as `.xls`."""
    for signature, noun in _SIGNATURES.items():
        if head.startswith(signature):
            return _SOMETHING_ELSE.format(noun)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith(b"<"):
        return Kind.CSV
    if b"schemas-microsoft-com:office:spreadsheet" in start:
        return f"is an XML export of an old Excel, which cannot be read. {_SAVE_AS}"
    if any(tag in start for tag in (b"<html", b"<table", b"<!doctype html", b"<body")):
        return f"is a web page that only has the name of a spreadsheet. {_SAVE_AS}"
    return _SOMETHING_ELSE.format("an XML file") if start.startswith(b"<?xml") else Kind.CSV
