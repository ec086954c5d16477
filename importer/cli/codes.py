"""The institution's code tables, where a command finds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.model.codes import CodeTables

CODES = Path("codes.json")
"""Where an institution's code tables are kept, unless another file is named."""


def saved_codes(path: Path | None) -> CodeTables:
    """The code tables of a file, or of `codes.json` if that is here, or none.

    Raises UsageError where a file that was named is not there, or a file is wrong.
    """
    if path is None and not CODES.is_file():
        from importer.model.codes import NO_CODES

        return NO_CODES
    from importer.alma.code_tables import read_file

    return read_file(path or CODES)
