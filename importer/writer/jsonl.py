"""Records as JSON Lines: one body a line, as it would be posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.writer.output import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from importer.model.user import User


def write_jsonl(users: Iterable[User], out: Path) -> int:
    """Write the records, a line each, and say how many they are.

    Raises UsageError where the file cannot be written or is there already.
    """
    count = 0
    with whole_file(out) as file:
        for user in users:
            file.write(user.to_json().encode() + b"\n")
            count += 1
    return count
