"""What a file really is, by its bytes, whatever its name is, and what of it may be unpacked."""

from __future__ import annotations

import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from importer.errors import Cause, RosterError, UnreadableFileError
from importer.files import read_bounded

LARGEST = 300 * 1024 * 1024
"""Bytes that a roster may have; for workbooks, less."""

LARGEST_PACKAGE = 100 * 1024 * 1024
"""Bytes that an .xlsx, .xlsm or .ods file may have."""

LARGEST_XLS = 40 * 1024 * 1024
"""Bytes that an .xls file may have; a full sheet of 17 columns has half of it."""

INFLATED = 200 * 1024 * 1024
"""Bytes that all members of a package together may have when unpacked."""

MEMBERS = 2_000
"""Members of a package."""

_RATIO = 100  # unpacked to packed, for members larger than the next
_SMALL = 1024 * 1024
_NESTED = (".zip", ".7z", ".rar", ".gz", ".xlsx", ".xlsm", ".xlsb", ".docx", ".ods")

DAMAGED = "is damaged or was not copied completely. Get it again, or save it again in Excel."
LOCKED = "is protected by a password. Open it, save a copy without a password, and load the copy."
TOO_LARGE = (
    "is larger than a workbook may be: 2 million cells. Save the sheet as CSV UTF-8, which may be "
    "larger, and load that."
)
_CHANGED = (
    "was changed while it was read. Close it in the other program, or copy it to this computer, "
    "and start again."
)
_UNSAFE = "is refused for safety: {}. Copy the rows into a new workbook, save it, and load that."
SAVE_AS = "Open it in Excel, save it as an Excel workbook (.xlsx), and load that."
_NO_WORKBOOK = (
    "is named {}, but it is no workbook. Open the original in Excel, save it as an Excel workbook "
    "(.xlsx), and load that. If it is text with a comma, a semicolon or a tab between the cells, "
    "give the file a name that ends in .csv."
)
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
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, KeyError, NotImplementedError,
    OSError, RuntimeError, ValueError,
)  # fmt: skip
"""What zipfile and its decompressors raise on damaged bytes."""


class FileKind(StrEnum):
    """The kinds of file that can be a roster."""

    CSV = "csv"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLS = "xls"
    ODS = "ods"


ROSTER_ENDINGS = (".csv", ".txt", *(f".{kind}" for kind in FileKind if kind is not FileKind.CSV))
"""How the name of a roster may end; what the file is, its content says."""

_WORKBOOKS = frozenset(ROSTER_ENDINGS) - {".csv", ".txt"} | {".xlsb"}


class NotReadableError(Exception):
    """A file cannot be read as a roster. The message follows the name of the file.

    `encodings`: some names as each encoding that is likely reads them, for the person at the
    screen only.
    """

    encodings: Mapping[str, str] = {}
    cause = Cause.ROSTER


class WrongEncodingError(NotReadableError):
    """The encoding is not the one of the mapping, or must be named there."""

    cause = Cause.EITHER


@contextmanager
def library_errors() -> Iterator[None]:
    """Turn whatever a library raises on a damaged workbook into NotReadableError.

    Warnings are for programmers and are not shown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NotReadableError:
        raise
    except Exception as error:
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


def identify(content: bytes, suffix: str) -> FileKind:
    """Return the kind of roster that these bytes are, of a file whose name ends in `suffix`.

    Raises NotReadableError, a sentence that says what the file is, if it is not a roster. Text is
    none if it is named as a workbook: it may be anything, and the person expects a workbook.
    """
    head, suffix = content[:65_536], suffix.lower()
    limit = LARGEST
    if not head.strip(b"\0\r\n\t "):
        kind = "is empty. Check whether the export or the copy was complete."
    elif head.startswith(_ZIP):
        kind, limit = _zip_kind(content), LARGEST_PACKAGE
    elif head.startswith(_OLE):
        kind, limit = _ole_kind(content, suffix), LARGEST_XLS
    else:
        kind = _text_kind(head)
        if kind is FileKind.CSV and suffix in _WORKBOOKS:
            kind = _NO_WORKBOOK.format(suffix)
    if not isinstance(kind, FileKind):
        raise NotReadableError(kind)
    if len(content) > limit:
        raise NotReadableError(_UNSAFE.format(f"the file has more than {limit // 2**20} MB"))
    return kind


def _zip_kind(content: bytes) -> FileKind | str:
    """Return the kind of workbook in a zip archive, else the sentence that says what it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name.replace("\\", "/").lower(): name for name in archive.namelist()}
            names = members.keys()
            office = _beginning(archive, "mimetype", 100)
            named = members.get("[content_types].xml", "")
            types = _beginning(archive, named, 1_000_000)
    except _ZIP_ERRORS:
        return DAMAGED
    kind: FileKind | str = "is a zip archive. Unpack it and load the spreadsheet that is in it."
    if "xl/workbook.xml" in names or b"spreadsheetml.sheet.main+xml" in types:
        kind = FileKind.XLSM if "xl/vbaproject.bin" in names else FileKind.XLSX
    elif b"opendocument.spreadsheet" in office:
        kind = FileKind.ODS
    elif "xl/workbook.bin" in names:
        kind = f"is a binary Excel workbook (.xlsb), which cannot be read. {SAVE_AS}"
    elif "word/document.xml" in names or b"opendocument.text" in office:
        kind = _SOMETHING_ELSE.format("a Word document")
    elif "ppt/presentation.xml" in names:
        kind = _SOMETHING_ELSE.format("a presentation")
    elif any(name.startswith("xl/") for name in names):
        kind = DAMAGED
    elif any(name.endswith(".iwa") for name in names):
        kind = "is a Numbers spreadsheet. Open it, choose File, Export To, Excel, and load that."
    return kind


def _beginning(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first bytes of a member; none if it is missing or cannot be read."""
    try:
        with archive.open(name) as member:
            return member.read(size)
    except _ZIP_ERRORS:
        return b""


def _ole_kind(content: bytes, suffix: str) -> FileKind | str:
    """Return the kind of an old Office file, by the names of its streams, else what it is.

    A workbook may have a Word document in it, and a document a workbook: then the name says.
    """
    lowered = content.lower()

    def has(stream: str) -> bool:
        return stream.lower().encode("utf-16-le") in lowered

    if has("EncryptedPackage"):
        return LOCKED
    is_workbook = has("Workbook\0") or has("Book\0")
    if has("WordDocument") and not (is_workbook and suffix == ".xls"):
        return _SOMETHING_ELSE.format("a Word document")
    if is_workbook:
        return FileKind.XLS
    return f"is an old Office file without a workbook in it. {SAVE_AS}"


def _text_kind(head: bytes) -> FileKind | str:
    """Return that the file is CSV, else what it is. Some systems export web pages as `.xls`."""
    for signature, noun in _SIGNATURES.items():
        if head.startswith(signature):
            return _SOMETHING_ELSE.format(noun)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"{") and b'"doc_id"' in start:
        return "is only a link to Google Sheets. Open it, choose File, Download, and load that."
    if not start.startswith(b"<"):
        return FileKind.CSV
    if b"schemas-microsoft-com:office:spreadsheet" in start:
        return f"is an XML export of an old Excel, which cannot be read. {SAVE_AS}"
    if any(tag in start for tag in (b"<html", b"<table", b"<!doctype html", b"<body")):
        return f"is a web page that only has the name of a spreadsheet. {SAVE_AS}"
    return _SOMETHING_ELSE.format("an XML file") if start.startswith(b"<?xml") else FileKind.CSV


# --- unpacking: a limit before trust, against zip bombs ---


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the members of a package by name; they are measured before any of them is unpacked.

    No member may declare a document type: entities could grow without bound, or reach for files
    and servers. So the XML can be read by any parser.

    Raises NotReadableError if the package is damaged or hostile.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if why := _hostile(archive.infolist()):
                raise NotReadableError(_UNSAFE.format(why))
            return {member.filename: _read(archive, member) for member in archive.infolist()}
    except _ZIP_ERRORS as error:
        raise NotReadableError(DAMAGED) from error


def packed(parts: Mapping[str, bytes]) -> bytes:
    """Return a package of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Raise ValueError if a member is not as large as the directory says, or NotReadableError."""
    size = member.file_size
    member.file_size += 1  # zipfile unpacks no more than this when asked for it
    with archive.open(member) as file:
        part = file.read(member.file_size)
    if len(part) != size:
        msg = "a member of another size"
        raise ValueError(msg)
    if _declares_document_type(part):
        why = "it declares a document type, as no spreadsheet program does"
        raise NotReadableError(_UNSAFE.format(why))
    return part


def _hostile(members: list[zipfile.ZipInfo]) -> str:
    """Return why the package is refused; "" if it is not."""
    names = {member.filename.lower() for member in members}
    total = sum(member.file_size for member in members)
    tight = any(member.file_size > max(_SMALL, _RATIO * member.compress_size) for member in members)
    reasons = {
        f"it has {len(members):,} parts, and {MEMBERS:,} are allowed": len(members) > MEMBERS,
        "it has two parts of the same name": len(names) < len(members),
        "parts of it are protected by a password": any(member.flag_bits & 1 for member in members),
        "another archive or workbook is packed into it": any(
            name.endswith(_NESTED) for name in names
        ),
        f"unpacked it has {total // 2**20:,} MB, and {INFLATED // 2**20} MB are allowed (a roster "
        "of that size can be saved as CSV UTF-8)": total > INFLATED,
        "a part of it is packed far more tightly than the rows of a roster are": tight,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _declares_document_type(part: bytes) -> bool:
    """Return whether an XML part has a document type; pictures and macros are not XML."""
    is_wide = b"\0" in part[:4]  # UTF-16 or UTF-32
    text = part.replace(b"\0", b"") if is_wide else part
    is_xml = text[:1_000].lstrip(b"\xef\xbb\xbf\xff\xfe\t\r\n ").startswith(b"<")
    return is_xml and b"<!DOCTYPE" in text
