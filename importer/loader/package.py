"""Zip packages (.xlsx, .xlsm, .ods), measured before anything in them is unpacked."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from pathlib import Path

from importer.loader.detect import DamagedError, unsafe

INFLATED = 200 * 1024 * 1024
"""Bytes that all members together may have when unpacked."""

MEMBERS = 2_000

_RATIO = 100  # unpacked to packed, for members larger than the next
_SMALL = 1024 * 1024
_NESTED = (".zip", ".7z", ".rar", ".gz", ".xlsx", ".xlsm", ".xlsb", ".docx", ".ods")
_DAMAGE = (
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


def open_package(path: Path, content: bytes) -> dict[str, bytes]:
    """Return the members of a package by name, all of them unpacked.

    zipfile unpacks no more of a member than the directory says, and compares its checksum, so the
    limits on the directory are limits on what is read. No member declares a document type: entities
    could grow without bound, or reach for files and servers.

    Raises RosterError if the package is hostile, DamagedError if it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if why := _hostile(members):
                raise unsafe(path, why)
            parts = {member.filename: _unpacked(archive, member) for member in members}
    except _DAMAGE as error:
        raise DamagedError from error
    if any(map(_declares_document_type, parts.values())):
        raise unsafe(path, "it declares a document type, as no spreadsheet program does")
    return parts


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read(member.file_size)  # with a size, zipfile unpacks no more than that


def _hostile(members: list[zipfile.ZipInfo]) -> str:
    """Return why the package is refused; "" if it is not."""
    names = {member.filename.lower() for member in members}
    total = sum(member.file_size for member in members)
    tight = any(one.file_size > max(_SMALL, _RATIO * one.compress_size) for one in members)
    reasons = (
        (
            len(members) > MEMBERS,
            f"it has {len(members):,} parts, and {MEMBERS:,} are allowed",
        ),
        (len(names) < len(members), "it has two parts of the same name"),
        (any(one.flag_bits & 1 for one in members), "parts of it are protected by a password"),
        (
            any(name.endswith(_NESTED) for name in names),
            "another archive or workbook is packed into it",
        ),
        (
            total > INFLATED,
            f"unpacked it has {total // 2**20:,} MB, and {INFLATED // 2**20} MB are allowed "
            "(a roster of that size can be saved as CSV UTF-8)",
        ),
        (tight, "a part of it is packed far more tightly than the rows of a roster are"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _declares_document_type(part: bytes) -> bool:
    """Return whether an XML part has a document type; pictures and macros are not XML."""
    is_wide = b"\0" in part[:4]  # UTF-16 or UTF-32
    text = part.replace(b"\0", b"") if is_wide else part
    is_xml = text[:1_000].lstrip(b"\xef\xbb\xbf\xff\xfe\t\r\n ").startswith(b"<")
    return is_xml and b"<!DOCTYPE" in text
