"""What of a workbook's package may be unpacked: a limit before trust, against zip bombs."""

from __future__ import annotations

import io
import zipfile

from importer.loader.detect import DAMAGED, UNSAFE, ZIP_ERRORS, NotReadableError

INFLATED = 200 * 1024 * 1024
"""Bytes that all members of a package together may have when unpacked."""

MEMBERS = 2_000
"""Members of a package."""

_RATIO = 100  # unpacked to packed, for members larger than the next
_SMALL = 1024 * 1024
_NESTED = (".zip", ".7z", ".rar", ".gz", ".xlsx", ".xlsm", ".xlsb", ".docx", ".ods")


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the members of a package by name; they are measured before any of them is unpacked.

    No member may declare a document type: entities could grow without bound, or reach for files
    and servers. So the XML can be read by any parser.

    Raises NotReadableError if the package is damaged or hostile.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if why := _hostile(archive.infolist()):
                raise NotReadableError(UNSAFE.format(why))
            return {member.filename: _read(archive, member) for member in archive.infolist()}
    except ZIP_ERRORS as error:
        raise NotReadableError(DAMAGED) from error


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
        raise NotReadableError(UNSAFE.format(why))
    return part


def _hostile(members: list[zipfile.ZipInfo]) -> str:
    """Return why the package is refused; "" if it is not."""
    names = {member.filename.lower() for member in members}
    total = sum(member.file_size for member in members)
    tight = any(one.file_size > max(_SMALL, _RATIO * one.compress_size) for one in members)
    reasons = {
        f"it has {len(members):,} parts, and {MEMBERS:,} are allowed": len(members) > MEMBERS,
        "it has two parts of the same name": len(names) < len(members),
        "parts of it are protected by a password": any(one.flag_bits & 1 for one in members),
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
