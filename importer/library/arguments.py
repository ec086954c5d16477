"""What the functions of the library take, and how they wait for Alma."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import ParamSpec, TypeVar

import pandas as pd

from importer.cli.check import run_request
from importer.errors import StoppedError
from importer.loader.csv_file import Rows
from importer.mapper.load import MappingText
from importer.mapper.mapping import MappingDocument
from importer.model.roster import Roster
from importer.pipeline.inputs import Progress as RowProgress
from importer.pipeline.inputs import RosterRequest, RunRequest

FileName = str | PathLike[str]
RosterLike = FileName | Roster | pd.DataFrame | Iterable[Mapping[str, object]]
"""A file, what `read_roster` returns (it is read again), a DataFrame, or rows as dicts."""
MappingLike = FileName | MappingDocument | Mapping[str, object]
"""A file, its text (of several lines), what `load_mapping` returns, or its values as a dict."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call reports its progress, and whether to stop; by default nowhere, and never.

    `rows`: rows done, and rows in all (0 if not known). `note`: a sentence for the operator.
    `cancel` is asked between two rows: an apply finishes the rows under way.

    >>> import importer
    >>> seen = []
    >>> progress = importer.Progress(rows=lambda done, of: seen.append((done, of)))
    >>> _ = importer.plan("patrons.xlsx", "community.yaml", progress=progress)
    >>> seen[-1][0] == seen[-1][1] > 0
    True
    """

    rows: Callable[[int, int], None] = lambda _done, _of: None
    note: Callable[[str], None] = lambda _sentence: None
    cancel: Callable[[], bool] = lambda: False


SILENT = Progress()


def request_of(
    pairs: Iterable[tuple[RosterLike | None, MappingLike]],
    codes: FileName | None,
    folder: FileName | None,
    *,
    refresh: bool = True,
    overwrite_edits: tuple[str, ...] = (),
) -> RunRequest:
    """Return what a run is asked to do. Raises RosterError, MappingError."""
    rosters = tuple(_roster(roster, mapping_of(mapping)) for roster, mapping in pairs)
    output, file = (None if path is None else Path(path) for path in (folder, codes))
    return run_request(
        rosters, output, file, refresh=refresh, overwrite_edits=overwrite_edits, sis=None
    )


def _roster(roster: RosterLike | None, mapping: Path | MappingText) -> RosterRequest:
    match roster:
        case None:
            return RosterRequest(None, mapping)
        case Roster():
            return RosterRequest(roster.source.path, mapping, roster.source.sheet)
        case str() | PathLike():
            return RosterRequest(Path(roster), mapping)
        case _:
            return RosterRequest(Rows.of(roster), mapping)


def mapping_of(mapping: MappingLike) -> Path | MappingText:
    """Return the file of a mapping, or its text. Raises MappingError."""
    match mapping:
        case MappingDocument():
            content = mapping.content
            return mapping.path if content is None else MappingText(content)
        case str() if "\n" in mapping:
            return MappingText(mapping.encode())
        case str() | PathLike():
            return Path(mapping)
        case _:
            return MappingText.of(mapping)


def watched(progress: Progress) -> RowProgress:
    """Return a progress that raises StoppedError between two rows, if it is to stop."""

    def rows(done: int, of: int) -> None:
        if progress.cancel():
            msg = "Stopped, as you asked. Nothing was saved."
            raise StoppedError(msg)
        progress.rows(done, of)

    return RowProgress(rows, progress.note)


def blocking(work: Callable[P, Coroutine[object, object, T]]) -> Callable[P, T]:
    """Return the function that waits for the work, also where an event loop runs already."""

    @wraps(work)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        return _finished(work(*args, **kwargs))

    wait.__name__ = wait.__qualname__ = work.__name__.removesuffix("_async")
    return wait


def _finished(work: Coroutine[object, object, T]) -> T:
    """Return what the work gives; in a running event loop, a thread with one of its own does it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    begun: list[Callable[[], object]] = []

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            begun.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(lambda: asyncio.run(main()))
        try:
            return result.result()
        except KeyboardInterrupt:
            for cancel in begun:
                with suppress(RuntimeError):  # it has ended
                    cancel()
            raise
