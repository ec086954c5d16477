"""Rows from Alma: the users of the user cache that a mapping asks for become a roster.

The roster is a table like any other, and is kept in the run's folder. It has only the columns that
the mapping uses, and who the user is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from importer.alma.client import Alma
from importer.alma.models import Institution
from importer.errors import UsageError
from importer.loader.csv_file import Rows
from importer.loader.detect import Kind
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import taken
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key
from importer.model.fields import cells_of
from importer.model.problem import Place
from importer.model.roster import Roster, Source, letter
from importer.pipeline.inputs import ROWS, Progress, RunRequest, numbered
from importer.pipeline.lookup import open_users
from importer.users.cache import UserCache
from importer.users.query import find_all
from importer.users.refresh import read_again

_KEY = "roster: {from: alma}"
_WHO = ("primary_id", "first_name", "last_name")


def takes_rows(request: RunRequest) -> bool:
    """Return whether a mapping of the request takes its rows from Alma."""
    return any(one.roster is None for one in request.rosters)


async def with_rows(
    request: RunRequest, alma: Alma, institution: Institution, progress: Progress
) -> RunRequest:
    """Return the request with the rows that its mappings take from Alma.

    The user cache is brought up to date first. Raises MappingError, UsageError without a complete
    user cache or for a mapping that takes no rows from Alma, AlmaError.
    """
    mappings = [load(one.mapping) for one in request.rosters]
    for mapping, one in zip(mappings, request.rosters, strict=True):
        if one.roster is None and not mapping.from_alma:
            msg = f"The mapping {mapping.name} needs a roster. Name its file."
            raise UsageError(msg)
    async with open_users(request, alma, institution, (), progress, needed=_KEY) as users:
        if (cache := users.cache) is None:
            msg = (
                f"`{_KEY}` needs the user cache, and it is not complete. Run `importer users "
                "refresh`, and plan again."
            )
            raise UsageError(msg)
        await read_again(cache, alma, cache.stale(), users.now)
        rosters = tuple(
            one
            if one.roster is not None
            else replace(one, roster=rows_of(cache, mapping, request.now.date(), position))
            for position, (one, mapping) in enumerate(zip(request.rosters, mappings, strict=True))
        )
    return replace(request, rosters=rosters, refresh=False)


def rows_of(cache: UserCache, mapping: MappingDocument, today: date, position: int) -> Rows:
    """Return the users that `roster.only` of a mapping takes, by primary ID.

    `position`: of the roster in its run. Raises MappingError.
    """
    headings = [*dict.fromkeys((*_WHO, *_headings(mapping, cache)))]
    keys = [*map(heading_key, headings)]
    every = (_keyed(cells_of(user)) for user in find_all(cache))
    texts = [[cells.get(key, "") for key in keys] for cells in every]
    index = pd.RangeIndex(2, 2 + len(texts))
    frame = pd.DataFrame(texts, index, range(len(keys)), dtype=object)
    places = tuple(Place(letter(at), heading) for at, heading in enumerate(headings))
    file = Path(numbered(ROWS, position))
    source = Source(file, hashlib.sha256().hexdigest(), Kind.CSV, position=position)
    compiled = compile_mapping(mapping, places, RunVariables(today, file.name))
    rows = taken(compiled, Roster(source, places, frame))
    return Rows.of_texts(headings, frame.loc[rows].to_numpy().tolist())


def _keyed(cells: Mapping[str, str]) -> dict[str, str]:
    return {heading_key(heading): text for heading, text in cells.items()}


def _headings(mapping: MappingDocument, cache: UserCache) -> Iterator[str]:
    """Yield the headings that a mapping uses, and for `… *` those that any user has."""
    for heading in mapping.headings:
        if not heading.endswith("*"):
            yield heading
            continue
        start = heading_key(heading.removesuffix("*"))
        every = {name for user in find_all(cache) for name in cells_of(user)}
        found = (name for name in every if f"{heading_key(name)} ".startswith(f"{start} "))
        yield from sorted(found) or (heading.removesuffix("*").strip(),)
