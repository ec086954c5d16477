"""Zip containers, opened only after their directory was looked through (hazards: containers)."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from importer.loader.sniff import damaged, unsafe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INFLATED = 200 * 1024 * 1024
"""Bytes that all members together may have when unpacked."""

RATIO = 100  # unpacked to packed, for members larger than the next
_SMALL = 1024 * 1024
MEMBERS = 2_000
_NESTED = (".zip", ".7z", ".rar", ".gz", ".xlsx", ".xlsm", ".xlsb", ".docx", ".ods")
_BLOCK = 1024 * 1024
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
"""What zipfile and its unpackers raise on damaged bytes."""


class Archive:
    """A zip file whose members can be read by exact name, within bounds.

    zipfile reads no more of a member than its directory entry says, and checks its sum at the end,
    so the bounds on the directory are bounds on what is read.
    """

    def __init__(self, path: Path) -> None:
        """Look the directory through. Raises RosterError where it is hostile or damaged."""
        self._path = path
        try:
            # a copy of our own: whoever changes the file meanwhile does not change what is read
            self._zip = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
        except _DAMAGE as error:
            raise damaged(path) from error
        if why := self._hostile():
            raise unsafe(path, why)
        self._coming: dict[str, Future[bytes]] = {}

    def __contains__(self, name: str) -> bool:
        """Is there a member of this exact name?"""
        return name in self._zip.NameToInfo

    def begin(self, *prefixes: str) -> None:
        """Begin to unpack the largest member under each of these, while other work is done."""
        pool = ThreadPoolExecutor(1)
        for prefix in prefixes:
            members = [one for one in self._zip.infolist() if one.filename.startswith(prefix)]
            if members:
                name = max(members, key=lambda member: member.file_size).filename
                self._coming[name] = pool.submit(self._unpacked, name)
        pool.shutdown(wait=False)

    def part(self, name: str) -> bytes:
        """A member, whole; nothing where there is none. Raises RosterError where it is damaged."""
        if name not in self:
            return b""
        try:
            coming = self._coming.pop(name, None)
            return coming.result() if coming else self._unpacked(name)
        except _DAMAGE as error:
            raise damaged(self._path) from error

    def _unpacked(self, name: str) -> bytes:
        with self._zip.open(name) as member:
            # asked for so many bytes, zipfile unpacks no more
            return member.read(self._zip.getinfo(name).file_size)

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member in blocks of a megabyte. Raises RosterError where its bytes are damaged."""
        try:
            with self._zip.open(name) as member:
                while block := member.read(_BLOCK):
                    yield block
        except _DAMAGE as error:
            raise damaged(self._path) from error

    def _hostile(self) -> str:
        """Why the archive is refused, blank if it is not."""
        members = self._zip.infolist()
        names = {member.filename for member in members}
        total = sum(member.file_size for member in members)
        tight = any(
            member.file_size > max(_SMALL, RATIO * member.compress_size) for member in members
        )
        reasons = (
            (
                len(members) > MEMBERS,
                f"it has {len(members):,} parts, and {MEMBERS:,} are allowed",
            ),
            (len(names) < len(members), "it has two parts of the same name"),
            (
                any(member.flag_bits & 1 for member in members),
                "parts of it are protected by a password",
            ),
            (
                any(name.lower().endswith(_NESTED) for name in names),
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
