"""What a file really is, by its bytes, whatever its name says."""

from __future__ import annotations

import hashlib
import zipfile
from enum import StrEnum
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.limits import PACKED

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 65_536
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "Open it in the spreadsheet program, save it as an Excel workbook (.xlsx), load that."


class Kind(StrEnum):
    """The kinds of file that can be a roster."""

    CSV = "csv"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLS = "xls"
    ODS = "ods"


# What begins with these bytes is no roster, and this is what it is.
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
)


def digest(path: Path) -> str:
    """The SHA-256 of the file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identify(path: Path) -> Kind:
    """The kind of roster that the file's bytes make it.

    Raises RosterError, one sentence that says what the file is, where it is none.
    """
    if path.name.startswith("~$"):
        msg = (
            f"{path.name} is only the mark that the spreadsheet program leaves while a workbook is "
            f"open. Close the workbook and load {path.name.removeprefix('~$')} itself."
        )
        raise RosterError(msg)
    head = _head(path)
    if not head.strip(b"\0\r\n\t "):
        msg = f"{path.name} is empty. Look whether the export or the copy was complete."
        raise RosterError(msg)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", _OLE)) and path.stat().st_size > PACKED:
        raise unsafe(path, f"its file has more than {PACKED // 2**20} MB")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path)
    if head.startswith(_OLE):
        return _ole_kind(path)
    for signature, noun in _SIGNATURES:
        if head.startswith(signature) and (len(signature) > 2 or b"\0" in head[:16]):
            msg = f"{path.name} is {noun}, not a spreadsheet. Ask the office for the spreadsheet."
            raise RosterError(msg)
    _refuse_markup(path, head)
    return Kind.CSV


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            msg = f"{path.name or path} is a folder. Name the spreadsheet file in it."
            raise RosterError(msg)
        with path.open("rb") as file:
            return file.read(HEAD)
    except FileNotFoundError:
        msg = f"{path} is not there. Look at the name and the folder."
    except PermissionError:
        msg = (
            f"{path.name} may not be read: it belongs to someone else, or it is open elsewhere. "
            "Close it, or ask for the right to read it."
        )
    except OSError:
        msg = f"{path.name} cannot be read from its disk or share. Copy it here and try again."
    raise RosterError(msg)


def _zip_kind(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            office = _first(archive, "mimetype")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        raise damaged(path) from None
    if "xl/workbook.xml" in names:
        return Kind.XLSM if "xl/vbaProject.bin" in names else Kind.XLSX
    if b"opendocument.spreadsheet" in office:
        return Kind.ODS
    if "xl/workbook.bin" in names:
        msg = f"{path.name} is a binary Excel workbook (.xlsb), which is not read. {_SAVE_AS}"
    elif "word/document.xml" in names or b"opendocument.text" in office:
        msg = f"{path.name} is a Word document, not a spreadsheet. Ask for the spreadsheet."
    elif "ppt/presentation.xml" in names:
        msg = f"{path.name} is a presentation, not a spreadsheet. Ask for the spreadsheet."
    elif any(name.startswith("xl/") for name in names):
        raise damaged(path)
    else:
        msg = f"{path.name} is a zip archive. Unpack it and load the spreadsheet that is in it."
    raise RosterError(msg)


def _first(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of a member; nothing where there is none or it cannot be read."""
    if name not in archive.NameToInfo:
        return b""
    try:
        with archive.open(name) as member:
            return member.read(100)
    except Exception:  # noqa: BLE001  zlib, lzma and bz2 each raise their own on damaged bytes
        return b""


def _ole_kind(path: Path) -> Kind:
    """Old Office files are little file systems; the names of their streams tell them apart."""
    whole = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in whole:
        raise locked(path)
    if "WordDocument".encode("utf-16-le") in whole:
        msg = f"{path.name} is a Word document, not a spreadsheet. Ask for the spreadsheet."
        raise RosterError(msg)
    if any(name.encode("utf-16-le") in whole for name in ("Workbook\0", "Book\0")):
        return Kind.XLS
    msg = f"{path.name} is an old Office file without a workbook in it. {_SAVE_AS}"
    raise RosterError(msg)


def _refuse_markup(path: Path, head: bytes) -> None:
    """Campus systems export web pages and XML under the name of a workbook."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith(b"<"):
        return
    if b"schemas-microsoft-com:office:spreadsheet" in start:
        msg = f"{path.name} is an XML export of an old Excel, which is not read. {_SAVE_AS}"
    elif any(tag in start for tag in (b"<html", b"<table", b"<!doctype html", b"<body")):
        msg = f"{path.name} is a web page that only bears the name of a spreadsheet. {_SAVE_AS}"
    elif start.startswith(b"<?xml"):
        msg = f"{path.name} is an XML file, not a spreadsheet. Ask for the spreadsheet."
    else:
        return
    raise RosterError(msg)


def damaged(path: Path) -> RosterError:
    """The one sentence for a workbook that cannot be read to its end."""
    return RosterError(
        f"{path.name} is damaged or was not copied to its end. "
        "Open it in the spreadsheet program, save it anew, and load that."
    )


def locked(path: Path) -> RosterError:
    """The one sentence for a workbook that only opens with a password."""
    return RosterError(
        f"{path.name} is protected by a password. Open it, save a copy without a password, "
        "and load the copy."
    )


def unsafe(path: Path, why: str) -> RosterError:
    """The one sentence for a workbook that was made to harm, or looks as if."""
    return RosterError(
        f"{path.name} is refused for safety: {why}. Copy the rows into a new workbook, save it, "
        "and load that."
    )


def changed(path: Path) -> RosterError:
    """The one sentence for a file that is not the same at the end of reading."""
    return RosterError(
        f"{path.name} was changed while it was read. "
        "Close it in the other program, or copy it to this computer, and start again."
    )
