"""Read Alma's code tables and users into the files of the current folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from importer.alma.client import Alma
from importer.alma.code_tables import TABLES, write_file
from importer.model.fields import CodeTables
from importer.service.connection import with_alma
from importer.service.office import Office, Stop, Surface, working
from importer.service.place import USERS
from importer.users.cache import UserCache
from importer.users.refresh import Refresh


def codes(office: Office, surface: Surface, file: Path | None) -> CodeTables:
    """Return Alma's code tables, which are saved in a file, if one is named.

    Raises AlmaError, UsageError.
    """
    today = office.now().date()
    return with_alma(office, lambda alma: read_codes(alma, today, file, surface.note))


async def read_codes(
    alma: Alma, today: date, file: Path | None, note: Callable[[str], None]
) -> CodeTables:
    """Return Alma's code tables, as `codes` does."""
    tables = await alma.code_tables(today)
    if file is None:
        return tables
    kept = write_file(file, tables)
    count = sum(len(rows) for rows in tables.tables.values())
    told = [f"{count:,} codes of {len(tables.tables)} tables are in {file}."]
    missing = [name for name in TABLES if name not in tables.tables]
    for names, then in (
        ([name for name in missing if name in kept], "those of the file before are kept"),
        ([name for name in missing if name not in kept], "add those by hand"),
    ):
        if names:
            told.append(f"Alma gives none of {', '.join(names)}; {then}.")
    note(" ".join(told))
    return tables


def users(office: Office, surface: Surface, stop: Stop, *, refresh: bool, full: bool) -> UserCache:
    """Return the user cache of this Alma, open.

    `refresh`: first read who changed since; `full`: everybody, which drops those who were deleted.
    Raises UsageError, AlmaError, StoppedError.
    """

    async def use(alma: Alma) -> Path:
        of_alma = (await alma.general()).facts(alma.base_url)
        path = of_alma.cache(USERS)
        with UserCache.make(path, of_alma) as cache:
            if refresh:
                with working(surface, "Reading users", stop, alma) as progress:
                    reading = Refresh(cache, alma, office.now, progress.advance, progress.note)
                    await reading.run(full=full)
        return path

    return UserCache.open(with_alma(office, use))
