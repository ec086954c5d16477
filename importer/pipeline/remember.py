"""After an apply: remember what was loaded and who left, for the plans that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from importer.errors import ImporterError
from importer.ledger.edit_memory import EditMemory, Remembered
from importer.ledger.journal import Image, applied_since, images
from importer.ledger.ledger import Ledger
from importer.ledger.memory import AbsentMemory
from importer.ledger.states import FILE
from importer.model.plan import Act, Imprints
from importer.model.run import RowHistory, RunFacts
from importer.model.text import RowId
from importer.pipeline.runs import RUNS
from importer.planner.imprints import Keyed, answered, as_written, keyed
from importer.planner.leavers import Leavers, left
from importer.planner.patch import diff

SEEN = "absent until"
"""The name under which a ledger keeps which entry was the last that counted here."""


def run_name(facts: RunFacts) -> str:
    """Return the name by which a run is remembered, wherever its folder is."""
    return f"{facts.started.isoformat()} {facts.roster.sha256[:8]}"


def remember_loaded(ledger: Ledger, now: datetime) -> None:
    """Remember what a run applied, and which rows Alma had so already.

    What it applied earlier is remembered once, so that a later load counts more; of a run that was
    made before loads were remembered, what its records show. Raises LedgerError.
    """
    facts = ledger.facts
    if facts.alma is None:
        return
    memory, run = EditMemory(facts.alma.key), run_name(facts)
    before = memory.entry(run)
    rows, last = applied_since(ledger, before or 0)
    if before is not None and not rows:
        return
    written = [image for image in images(ledger) if image.row in rows]
    same = [
        one
        for one in ledger.planned()
        if one.act is Act.UNCHANGED and (before is None or one.row in rows)
    ]
    if facts.command == "undo":
        _put_back(memory, facts, written, same, last)
        return
    values, hashed = ledger.imprints(), keyed(memory.key)
    if values is None:
        values = {
            image.row: as_written(image.before, image.sent, hashed, facts.today)
            for image in written
        }
    found = [_of_write(image, values, facts, hashed) for image in written]
    found += _unchanged(same, values, facts)
    whole = {mapping.name for roster, mapping in facts.rosters if not roster.rejects}
    memory.remember(run, last, found, now, whole)


def _mapping(facts: RunFacts, row: int) -> str:
    return facts.rosters[RowId.of(row).roster][1].name


def _put_back(
    memory: EditMemory,
    facts: RunFacts,
    written: Sequence[Image],
    same: Sequence[RowHistory],
    last: int,
) -> None:
    """Remember what was remembered before the run that this one undoes.

    Nothing is put back of rows that were not undone now: a later load may have left something of
    those that were undone before. Without the folder of that run its users count as never loaded.
    """
    undone = {image.row: image for image in written}
    done = {*undone, *(one.row for one in same)}
    with suppress(ImporterError), Ledger.open(Path(facts.undoes)) as first:
        wrote = {image.row: image.new_id.casefold() for image in images(first)}
        now = {
            wrote[row]: "" if image.act is Act.DELETE else image.new_id.casefold()
            for row, image in undone.items()
            if row in wrote
        }
        kept = {user for row, user in wrote.items() if row not in done}
        memory.put_back(run_name(facts), last, run_name(first.facts), now, kept)


def _of_write(
    image: Image, values: Mapping[int, Imprints], facts: RunFacts, hashed: Keyed
) -> Remembered:
    after = image.answered or image.sent
    forgets: set[str] = set()
    if facts.leaves(image.row) and image.before is not None:
        patch = diff(image.before, image.sent)
        forgets = {*patch.fields, *patch.lists}
    return Remembered(
        image.new_id,
        image.primary_id,
        _mapping(facts, image.row),
        {} if forgets else answered(values.get(image.row, {}), after, hashed),
        image.before is None,
        frozenset(forgets),
    )


def _unchanged(
    same: Sequence[RowHistory], values: Mapping[int, Imprints], facts: RunFacts
) -> Iterator[Remembered]:
    for one in same:
        if one.row in values and not facts.leaves(one.row):
            name = _mapping(facts, one.row)
            user = one.primary_id
            yield Remembered(user, user, name, values[one.row], seen=facts.started)


def remember_applied(ledger: Ledger, now: datetime) -> None:
    """Save who was changed because they were missing, and who of them is back.

    Each outcome of a run counts once, also if an apply was stopped before it came here. Raises
    LedgerError.
    """
    facts = ledger.facts
    if facts.alma is None:
        return
    memory = AbsentMemory(facts.alma.key)
    rows, last = applied_since(ledger, int(ledger.value(SEEN) or 0))
    if not rows and ledger.value(SEEN) is not None:
        return
    undoes, folder = facts.command == "undo", str(ledger.folder.resolve())
    applied = [image for image in images(ledger) if image.row in rows]
    gone = {
        image.primary_id: left(image.before, image.sent, image.answered or image.sent)
        for image in applied
        if facts.leaves(image.row)
        and not undoes
        and image.act is Act.UPDATE
        and image.before is not None
    }
    known, were_back = Leavers(memory.leavers()), Leavers(memory.leavers(facts.undoes))
    memory.take_back(
        {were_back.key_of(image.answered or image.sent) for image in applied if undoes}
    )
    back = {
        known.key_of(image.before)
        for image in applied
        if image.before is not None
        and (image.act is Act.DELETE or known.is_back(image.before, image.answered or image.sent))
    }
    if facts.command == "plan" and facts.sis is None and ledger.value(SEEN) is None:
        # who is in a roster and does not change has come back: staff took back what was changed
        earlier = memory.leavers(before=facts.started)
        back |= earlier.keys() & {
            one.primary_id.casefold()
            for one in ledger.planned()
            if one.act is Act.UNCHANGED and not facts.leaves(one.row)
        }
    memory.save_leavers(gone, back, folder, now)
    with ledger.transaction():
        ledger.keep(SEEN, str(last))


def remember_earlier(institution: str) -> None:
    """Remember what runs under `runs/` applied and is not remembered yet, the oldest run first.

    An apply that was killed left some, or one that could not write. Raises LedgerError.
    """
    missing: list[tuple[datetime, Path]] = []
    with EditMemory(institution) as memory:
        for path in RUNS.glob(f"*/{FILE}"):
            with suppress(ImporterError), Ledger.open(path.parent) as ledger:
                facts = ledger.facts
                if facts.alma is None or facts.alma.key != institution or not ledger.was_applied:
                    continue
                entry = memory.entry(run_name(facts))
                if entry is None or applied_since(ledger, entry)[0]:
                    applied = datetime.fromisoformat(ledger.value("applied") or "")
                    missing.append((applied, path.parent))
    for applied, run in sorted(missing):
        with suppress(ImporterError), Ledger.open(run) as ledger:
            remember_loaded(ledger, applied)
