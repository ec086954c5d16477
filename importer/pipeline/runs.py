"""Runs: a new one's folder and ledger, which exist whole or not at all; and those there are."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.model.run import MappingFacts, RosterFacts, RunFacts
from importer.pipeline.folders import RUNS, new_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from importer.pipeline.front import Material
    from importer.pipeline.order import Order


@contextmanager
def new_run(order: Order) -> Iterator[Ledger]:
    """The ledger of a new run, open for writing; removed again where the run does not end well.

    Raises UsageError where its folder cannot be used, LedgerError where it cannot be written.
    """
    was_there = order.folder is not None and order.folder.exists()
    folder = new_folder(order.roster, order.now, order.folder)
    ledger = None
    try:
        ledger = Ledger.create(folder)
        with ledger.transaction():
            yield ledger
    except BaseException:
        if ledger is not None:
            ledger.close()
        for path in folder.glob("ledger.sqlite*"):
            path.unlink()
        if not was_there:
            folder.rmdir()
        raise


def roster_facts(material: Material, order: Order) -> RosterFacts:
    """Which roster, and how it was read."""
    source = material.roster.source
    return RosterFacts(
        path=str(source.path.resolve()),
        typed=str(source.path),
        sha256=source.sha256,
        kind=source.kind,
        sheet=source.sheet,
        encoding=source.encoding,
        delimiter=source.delimiter,
        header=source.header,
        visible_only=order.visible_only,
    )


def mapping_facts(material: Material) -> MappingFacts:
    """Which mapping."""
    mapping = material.mapping
    return MappingFacts(
        path=str(mapping.path.resolve()),
        typed=str(mapping.path),
        sha256=mapping.sha256,
        name=mapping.name,
        title=mapping.title,
        account_type=mapping.account_type,
        brakes=mapping.brakes,
    )


def run_facts(command: Literal["check", "plan"], material: Material, order: Order) -> RunFacts:
    """What is known of a run before Alma is asked."""
    return RunFacts(
        command=command,
        version=order.version,
        started=order.now,
        today=order.now.date(),
        operator=order.operator,
        roster=roster_facts(material, order),
        mapping=mapping_facts(material),
        codes="" if order.codes_file is None else str(order.codes_file),
        codes_institution=order.codes.institution,
        codes_fetched=order.codes.fetched,
    )


def all_runs() -> Iterator[Ledger]:
    """The finished runs under `runs/`, oldest first, one open at a time."""
    for _, folder in sorted(_begun()):
        with Ledger.open(folder) as ledger:
            yield ledger


def folders_before(limit: datetime) -> list[Path]:
    """The folders under `runs/` of runs that were begun earlier, and those left empty earlier."""
    empty = [folder for folder in _folders() if not any(folder.iterdir())]
    begun = [folder for started, folder in sorted(_begun()) if started < limit]
    return [*begun, *(one for one in empty if one.stat().st_mtime < limit.timestamp())]


def _begun() -> Iterator[tuple[datetime, Path]]:
    """When each run was begun, and its folder; what is no run is left out."""
    for folder in _folders():
        with suppress(UsageError), Ledger.open(folder) as ledger:
            yield ledger.facts.started, folder


def _folders() -> list[Path]:
    return [path for path in sorted(RUNS.iterdir()) if path.is_dir()] if RUNS.is_dir() else []
