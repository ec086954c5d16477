"""Whether a plan may still be carried out or answered: its Alma, its files, and later loads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from importer.advice import Undo
from importer.alma.client import Alma
from importer.errors import MappingError, StalePlanError, UnreadableFileError
from importer.files import read_bounded
from importer.ledger.integrity import check_seal
from importer.ledger.ledger import Ledger
from importer.loader.corrections import digest
from importer.loader.csv_file import Rows
from importer.loader.detect import LARGEST
from importer.mapper.load import load
from importer.memory.loads import EditMemory
from importer.model.fields import CodeTables
from importer.model.plan import Act, Result
from importer.model.run import RunFacts
from importer.pipeline.inputs import RosterRequest, Rosters, mapping_of, read_all
from importer.pipeline.remember import take_up


async def check_same_institution(facts: RunFacts, alma: Alma) -> None:
    """Raise StalePlanError if the key belongs to another Alma than the plan."""
    was, now = facts.plan_alma, (await alma.general()).facts(alma.base_url)
    if now.key != was.key:
        msg = (
            f"The plan was made for {was.institution} ({was.environment}), and this key belongs to "
            f"{now.institution} ({now.environment}). Nothing was sent. Use the other key, or plan "
            "again."
        )
        raise StalePlanError(msg)


def check_unchanged(ledger: Ledger) -> None:
    """Raise StalePlanError if the plan was changed, or its roster, corrections or mapping since.

    An undo plan is made from the ledger alone, and needs neither roster nor mapping.
    """
    check_seal(ledger)
    if ledger.facts.command != "undo":
        check_sources(ledger.facts)


def reopen_inputs(facts: RunFacts, codes: CodeTables) -> Rosters:
    """Read the rosters and mappings of a run again. Raises MappingError, RosterError.

    Raises StalePlanError if one was changed since the run.
    """
    check_sources(facts)
    asked = (
        RosterRequest(
            Rows(read_bounded(Path(roster.path), LARGEST)) if roster.kept else Path(roster.path),
            mapping_of(mapping),
            roster.sheet,
            None if roster.corrections is None else Path(roster.corrections.path),
            roster.visible_only,
        )
        for roster, mapping in facts.rosters
    )
    return read_all(asked, codes, facts.today)


def check_sources(facts: RunFacts) -> None:
    """Raise StalePlanError if a roster, its corrections or a mapping was changed since the plan."""
    for of_roster, of_mapping in facts.rosters:
        roster, made, mapping = Path(of_roster.path), of_roster.corrections, Path(of_mapping.path)
        changed = ""
        try:
            if hashlib.sha256(read_bounded(roster, LARGEST)).hexdigest() != of_roster.sha256:
                changed = f"roster {roster.name} was"
            elif made is not None and digest(Path(made.path)) != made.sha256:
                changed = f"corrections of {roster.name} were"
        except UnreadableFileError as error:
            msg = f"The plan's roster cannot be read: {error} Put it back, or plan again."
            raise StalePlanError(msg) from error
        try:
            if load(mapping_of(of_mapping)).sha256 != of_mapping.sha256:
                changed = changed or f"mapping {mapping.name} was"
        except (MappingError, UnreadableFileError) as error:
            msg = f"The plan's mapping {mapping} is missing or has errors now. Plan again."
            raise StalePlanError(msg) from error
        if changed:
            msg = f"The {changed} changed since the plan was made. Plan again."
            raise StalePlanError(msg)


def check_later_loads(ledger: Ledger) -> None:
    """Raise StalePlanError for an undo if a load wrote users since, whom it would still undo."""
    facts = ledger.facts
    if facts.command != "undo":
        return
    take_up(facts.plan_alma.key)
    open_results = {None, Result.NOT_SENT, Result.UNKNOWN}
    with EditMemory(facts.plan_alma.key) as memory:
        loads = {
            load
            for planned in ledger.planned()
            if planned.act in {Act.UPDATE, Act.DELETE} and planned.result in open_results
            if (load := memory.written_later(planned.primary_id, facts.undoes_run, facts.started))
        }
    if loads:
        msg = (
            f"Users of this undo were changed by a later load: {', '.join(sorted(loads))}. Nothing "
            "was sent."
        )
        raise StalePlanError(msg).advising(Undo(facts.undoes), "For what is left")
