"""A new run: its folder and ledger, which exist whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from importer.ledger.ledger import Ledger
from importer.model.files import exists
from importer.model.run import MappingFacts, RosterFacts, RunFacts
from importer.pipeline.folders import new_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.pipeline.front import Material
    from importer.pipeline.order import Order


@contextmanager
def new_run(order: Order) -> Iterator[Ledger]:
    """The ledger of a new run, open for writing; removed again where the run does not end well.

    Raises UsageError where its folder cannot be used, LedgerError where it cannot be written.
    """
    was_there = order.folder is not None and exists(order.folder)
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
