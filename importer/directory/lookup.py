"""Where a row's user is looked up: in the mirror, or in Alma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from importer.directory.asking import ask
from importer.directory.found import Found
from importer.directory.refresh import read_again
from importer.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from importer.alma.client import Alma
    from importer.directory.found import Sought
    from importer.directory.mirror import Mirror

READINGS = 3
"""How often the mirror may ask for records before the row is asked for in Alma itself."""


class Lookup(Protocol):
    """Finds the users of rows. `as_of` is the time of the mirror, None where Alma is asked."""

    @property
    def as_of(self) -> datetime | None:
        """Every change in Alma before this time is known; None where nothing is kept."""

    async def find(self, sought: Sought) -> Found:
        """Matches and look-alikes. Raises AlmaError where it concerns every row."""


@dataclass(frozen=True, slots=True)
class InAlma:
    """Asks Alma about each row: one call for each identifier, and one for a new person's name."""

    alma: Alma
    as_of: datetime | None = None

    async def find(self, sought: Sought) -> Found:
        """Matches and look-alikes, as Alma knows them now."""
        return await ask(self.alma, sought)


@dataclass(frozen=True, slots=True)
class InMirror:
    """Asks the mirror, and Alma only for records that the mirror lacks."""

    mirror: Mirror
    alma: Alma
    as_of: datetime | None
    now: Callable[[], datetime]

    async def find(self, sought: Sought) -> Found:
        """Matches and look-alikes, as the mirror knows them."""
        for _ in range(READINGS):
            found = self.mirror.find(sought)
            if isinstance(found, Found):
                return found
            try:
                await read_again(self.mirror, self.alma, found.primary_ids, self.now)
            except (UnavailableError, RefusedError) as error:
                return Found(failed=str(error))
        # Identifiers that differ only in case, in an Alma that tells them apart.
        return await ask(self.alma, sought)
