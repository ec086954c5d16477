"""What Alma has: its users, from the user cache, and its code tables."""

from __future__ import annotations

import pandas as pd

from importer.alma.code_tables import write_file
from importer.cli.connection import connected
from importer.cli.options import CODES, USERS
from importer.cli.output import now
from importer.library.arguments import SILENT, Progress, blocking
from importer.library.runs import frame
from importer.model.fields import cells_of
from importer.settings import Settings
from importer.users.cache import UserCache, cache_path
from importer.users.query import find_all
from importer.users.refresh import Refresh


async def read_users_async(
    *,
    refresh: bool = True,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Return Alma's users from the user cache; `refresh`: first read who changed since.

    The columns are the fields' paths, as in a mapping with `from: alma`; the frame is personal
    data. Raises UsageError, AlmaError.

    >>> import importer
    >>> "primary_id" in importer.read_users().columns
    True
    """
    async with connected(Settings.read()) as alma:
        institution = await alma.general()
        path = cache_path(USERS, institution.code, institution.environment)
        with UserCache.make(path, institution.code, institution.environment) as cache:
            if refresh:
                await Refresh(cache, alma, now, progress.rows, progress.note).run(full=False)
            every = [cells_of(user) for user in find_all(cache)]
    names = dict.fromkeys(("primary_id", *(name for one in every for name in one)))
    return frame((*names,), ([one.get(name, "") for name in names] for one in every))


async def read_codes_async(*, save: bool = True) -> pd.DataFrame:
    """Return Alma's code tables: `table, code, description, enabled`.

    `save`: also as `codes.json`, by which `check` and `plan` check codes from then on. Raises
    AlmaError, UsageError.

    >>> import importer
    >>> "COMM" in importer.read_codes(save=False).query("table == 'UserGroups'")["code"].tolist()
    True
    """
    async with connected(Settings.read()) as alma:
        tables = await alma.code_tables(now().date())
    if save:
        write_file(CODES, tables)
    found = (
        (name, row.code, row.description, row.enabled)
        for name, rows in tables.tables.items()
        for row in rows
    )
    return frame(("table", "code", "description", "enabled"), found)


read_users = blocking(read_users_async)
read_codes = blocking(read_codes_async)
