"""The formats of the files that later commands read, and what is said of a file in another format.

Whoever changes what is in a file raises its number here, and names the last version of the importer
that wrote the format before. `REJECTS_FORMATS` in `importer.model.roster` has the headings of
rejects files, which offices keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from importer.errors import UsageError


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its number, the last version with the one before, and what to do with such a file.

    A file without a number has format 0.
    """

    number: int
    before: str
    remedy: str

    def check(self, path: Path, number: int) -> None:
        """Raise UsageError if a file has another format."""
        if number != self.number:
            earlier = f"version {self.before} of the importer or an earlier one"
            made_by = earlier if number < self.number else "a later version of the importer"
            msg = f"{path} was made by {made_by}: {self.remedy}."
            raise UsageError(msg)


_WITH_IT = "finish or undo it with that version, or plan the roster again"
_AWAY = "finish or undo its loads with that version, or move it away and plan the roster again"

LEDGER = Format(6, "2.0", _WITH_IT)
MEMORY = Format(1, "1.4", _AWAY)
JOB_STATE = Format(2, "1.4", _AWAY)
DRAFT = Format(1, "1.4", _WITH_IT)
USER_CACHE = Format(3, "1.0", "delete the user cache, and refresh it")
