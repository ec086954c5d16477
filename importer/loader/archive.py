"""Zip containers, opened only after their directory was looked through (hazards: containers)."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.sniff import damaged

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
_PART = 16 * 1024 * 1024  # bytes of a part that is read whole; none of a roster's comes near


class Archive:
    """A zip file whose members can be read by exact name, within bounds.

    zipfile reads no more of a member than its directory entry says, and checks its sum at the end,
    so the bounds on the directory are bounds on what is read.
    """

    def __init__(self, path: Path) -> None:
        """Look the directory through. Raises RosterError where it is hostile or damaged."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise damaged(path) from error
        self._refuse_hostile()

    def __enter__(self) -> Archive:
        """Give the archive itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        """Is there a member of this exact name?"""
        return name in self._zip.NameToInfo

    def part(self, name: str) -> bytes:
        """A small member, whole; nothing where there is none."""
        if name not in self:
            return b""
        if self._zip.getinfo(name).file_size > _PART:
            raise self._refusal("a part of it that describes the workbook is far too large")
        return b"".join(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member in blocks of a megabyte. Raises RosterError where its bytes are damaged."""
        try:
            with self._zip.open(name) as member:
                while block := member.read(_BLOCK):
                    yield block
        except (KeyError, EOFError, OSError, RuntimeError, ValueError) as error:
            raise damaged(self._path) from error
        except (zipfile.BadZipFile, NotImplementedError, *_codec_errors()) as error:
            raise damaged(self._path) from error

    def _refuse_hostile(self) -> None:
        members = self._zip.infolist()
        names = [member.filename for member in members]
        if len(members) > MEMBERS:
            raise self._refusal(f"it has {len(members):,} parts, and {MEMBERS:,} are allowed")
        if len(set(names)) < len(names):
            raise self._refusal("it has two parts of the same name")
        if any(member.flag_bits & 1 for member in members):
            raise self._refusal("parts of it are protected by a password")
        if any(name.lower().endswith(_NESTED) for name in names):
            raise self._refusal("another archive or workbook is packed into it")
        total = sum(member.file_size for member in members)
        if total > INFLATED:
            raise self._refusal(
                f"unpacked it would have {total // 2**20:,} MB, and {INFLATED // 2**20} MB are "
                "allowed; a roster of that size is better saved as CSV UTF-8"
            )
        for member in members:
            if member.file_size > max(_SMALL, RATIO * member.compress_size):
                raise self._refusal("a part of it is packed far more tightly than rosters are")

    def _refusal(self, why: str) -> RosterError:
        return RosterError(
            f"{self._path.name} is refused for safety: {why}. Copy the rows into a new workbook, "
            "save it, and load that."
        )


def _codec_errors() -> tuple[type[Exception], ...]:
    """What the unpackers raise on damaged bytes."""
    import lzma
    import zlib

    return zlib.error, lzma.LZMAError
