"""What a file really is, by its bytes, whatever its name is."""

from __future__ import annotations

import io
import zipfile
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

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "Open it in Excel, save it as an Excel workbook (.xlsx), and load that."


class Kind(StrEnum):
    """The kinds of file that can be a roster."""

    CSV = "csv"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLS = "xls"
    ODS = "ods"


class DamagedError(Exception):
    """The workbook cannot be read to its end."""


class LockedError(Exception):
    """The workbook only opens with a password."""


class TooLargeError(Exception):
    """The workbook has more cells than can be read of its kind."""


# What begins with these bytes is not a roster but this.
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\x00", "an image"),
    (b"MM\x00*", "an image"),
    (b"BM", "an image"),
    (b"{\\rtf", "a Word document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed archive"),
    (b"Rar!", "a compressed archive"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ID;PWXL;", "a SYLK file"),
    (b"ID;PSCALC", "a SYLK file"),
    (b"TABLE\r\n0,1", "a DIF file"),
    (b"TABLE\n0,1", "a DIF file"),
)


def read_bytes(path: Path) -> bytes:
    """Return the content of the file. Raises RosterError, one sentence, if it cannot be read."""
    if path.name.startswith("~$"):
        msg = (
            f"{path.name} is only the lock file that Excel keeps while a workbook is open. Close "
            f"the workbook and load {path.name.removeprefix('~$')} itself."
        )
        raise RosterError(msg)
    try:
        content = read_bounded(path, LARGEST)
        after = path.stat()
    except UnreadableFileError as error:
        raise RosterError(str(error)) from None
    except OSError:
        raise changed(path) from None
    if after.st_size != len(content):
        raise changed(path)
    return content


def identify(path: Path, content: bytes) -> Kind:
    """Return the kind of roster that the file's bytes are.

    Raises RosterError, one sentence that says what the file is, if it is not a roster.
    """
    head = content[:65_536]
    if not head.strip(b"\0\r\n\t "):
        msg = f"{path.name} is empty. Check whether the export or the copy was complete."
        raise RosterError(msg)
    if head.startswith(_ZIP):
        _check_size(path, content, LARGEST_PACKAGE)
        return _zip_kind(path, content)
    if head.startswith(_OLE):
        kind = _ole_kind(path, content)
        _check_size(path, content, LARGEST_XLS)
        return kind
    for signature, noun in _SIGNATURES:
        if head.startswith(signature) and (len(signature) > 2 or b"\0" in head[:16]):
            msg = f"{path.name} is {noun}, not a spreadsheet. Ask the office for the spreadsheet."
            raise RosterError(msg)
    _refuse_markup(path, head)
    return Kind.CSV


def _check_size(path: Path, content: bytes, limit: int) -> None:
    if len(content) > limit:
        raise unsafe(path, f"the file has more than {limit // 2**20} MB")


def _zip_kind(path: Path, content: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            office = _beginning(archive, "mimetype", 100)
            types = _beginning(archive, "[Content_Types].xml", 1_000_000)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        raise damaged(path) from None
    if "xl/workbook.xml" in names or b"spreadsheetml.sheet.main+xml" in types:
        macros = "xl/vbaProject.bin" in names
        return Kind.XLSM if macros else Kind.XLSX
    if b"opendocument.spreadsheet" in office:
        return Kind.ODS
    if "xl/workbook.bin" in names:
        msg = f"{path.name} is a binary Excel workbook (.xlsb), which cannot be read. {_SAVE_AS}"
    elif "word/document.xml" in names or b"opendocument.text" in office:
        msg = f"{path.name} is a Word document, not a spreadsheet. Ask for the spreadsheet."
    elif "ppt/presentation.xml" in names:
        msg = f"{path.name} is a presentation, not a spreadsheet. Ask for the spreadsheet."
    elif any(name.startswith("xl/") for name in names):
        raise damaged(path)
    else:
        msg = f"{path.name} is a zip archive. Unpack it and load the spreadsheet that is in it."
    raise RosterError(msg)


def _beginning(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first bytes of a member; none if it is missing or cannot be read."""
    if name not in archive.NameToInfo:
        return b""
    try:
        with archive.open(name) as member:
            return member.read(size)
    except Exception:  # noqa: BLE001  zlib, lzma and bz2 each raise their own on damaged bytes
        return b""


def _ole_kind(path: Path, content: bytes) -> Kind:
    """Return the kind of an old Office file, by the names of its streams."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise locked(path)
    if "WordDocument".encode("utf-16-le") in content:
        msg = f"{path.name} is a Word document, not a spreadsheet. Ask for the spreadsheet."
        raise RosterError(msg)
    if any(name.encode("utf-16-le") in content for name in ("Workbook\0", "Book\0")):
        return Kind.XLS
    msg = f"{path.name} is an old Office file without a workbook in it. {_SAVE_AS}"
    raise RosterError(msg)


def _refuse_markup(path: Path, head: bytes) -> None:
    """Raise RosterError for web pages and XML, which some systems export as `.xls`."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith(b"<"):
        return
    if b"schemas-microsoft-com:office:spreadsheet" in start:
        msg = f"{path.name} is an XML export of an old Excel, which cannot be read. {_SAVE_AS}"
    elif any(tag in start for tag in (b"<html", b"<table", b"<!doctype html", b"<body")):
        msg = f"{path.name} is a web page that only has the name of a spreadsheet. {_SAVE_AS}"
    elif start.startswith(b"<?xml"):
        msg = f"{path.name} is an XML file, not a spreadsheet. Ask for the spreadsheet."
    else:
        return
    raise RosterError(msg)


def damaged(path: Path) -> RosterError:
    """Return the error for a workbook that cannot be read to its end."""
    return RosterError(
        f"{path.name} is damaged or was not copied completely. "
        "Open it in Excel, save it again, and load that."
    )


def locked(path: Path) -> RosterError:
    """Return the error for a workbook that only opens with a password."""
    return RosterError(
        f"{path.name} is protected by a password. Open it, save a copy without a password, "
        "and load the copy."
    )


def too_large(path: Path) -> RosterError:
    """Return the error for a workbook with more cells than can be read."""
    return RosterError(
        f"{path.name} is larger than a workbook may be: 2 million cells, or 3.2 million without "
        "formulas, hidden rows and number formats that add zeros. Save the sheet as CSV UTF-8, "
        "which may be larger, and load that."
    )


def unsafe(path: Path, why: str) -> RosterError:
    """Return the error for a workbook that was made to do harm, or looks like one."""
    return RosterError(
        f"{path.name} is refused for safety: {why}. Copy the rows into a new workbook, save it, "
        "and load that."
    )


def changed(path: Path) -> RosterError:
    """Return the error for a file that another program changed while it was read."""
    return RosterError(
        f"{path.name} was changed while it was read. "
        "Close it in the other program, or copy it to this computer, and start again."
    )
