"""Where a plan looks rows up: in the mirror of the institution, if there is one, else in Alma."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from importer.directory.lookup import InAlma, InMirror
from importer.directory.schema import mirror_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from importer.alma.client import Alma
    from importer.alma.readers import Institution
    from importer.directory.lookup import Lookup
    from importer.directory.mirror import Mirror
    from importer.pipeline.order import Order


@asynccontextmanager
async def looking(
    order: Order, alma: Alma, institution: Institution, note: Callable[[str], None]
) -> AsyncIterator[Lookup]:
    """The lookup of a plan, as long as the block lasts; `note` hears of the mirror.

    The mirror first reads who changed since it was refreshed, if the order says so. A mirror that
    never knew everybody is not used: it cannot tell who is not in Alma. Raises UsageError where it
    is damaged, AlmaError.
    """
    path = None
    if order.mirrors is not None:
        path = mirror_path(order.mirrors, institution.code, institution.environment)
    if path is None or not path.is_file():
        yield InAlma(alma)
        return
    from importer.directory.mirror import Mirror
    from importer.directory.refresh import catch_up

    def now() -> datetime:
        return order.now  # what is read later is, at least, as it was then

    with Mirror.open(path) as mirror:
        if mirror.standing.as_of is None:
            note(
                "The directory is not complete, so Alma is asked about each row. "
                "`importer directory refresh` completes it."
            )
            yield InAlma(alma)
            return
        if order.refresh:
            await catch_up(mirror, alma, now, lambda _done, _of: None, note)
        note(_told(mirror))
        yield InMirror(mirror, alma, mirror.standing.as_of, now)


def _told(mirror: Mirror) -> str:
    """The mirror in one sentence."""
    standing, known = mirror.standing, mirror.count()
    as_of = f"{standing.as_of:%Y-%m-%d %H:%M}" if standing.as_of else ""
    text = f"Looked up in the directory of {known:,} users, as of {as_of}."
    if standing.total is not None and known < standing.total - standing.others:
        text += (
            f" Alma has {standing.total - standing.others:,}: "
            "`importer directory refresh --full` reads those that are missing."
        )
    return text
