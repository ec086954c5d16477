"""What a run leaves for later plans, saved in one step after its apply.

The step may be done again and again: each outcome of a run counts once. Where it was cut off, the
next plan takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from importer.errors import ImporterError, LedgerError, StalePlanError, UsageError
from importer.ledger.journal import Image, applied_since, images
from importer.ledger.last_seen import LastSeen
from importer.ledger.ledger import FILE, Ledger
from importer.ledger.loads import EditMemory, Remembered
from importer.ledger.run_lock import open_alone
from importer.model.plan import Act, Imprints, Result
from importer.model.run import RunFacts
from importer.model.text import command_line
from importer.pipeline.runs import RUNS
from importer.planner.leavers import Leavers, left
from importer.planner.staff_edits import Keyed, answered, keyed
from importer.users.refresh import add_applied

SEEN = "absent until"
"""The name under which a ledger keeps which entry was the last that counted here."""


def _remember_loaded(ledger: Ledger, now: datetime, *, late: bool = False) -> None:
    """Remember what a run applied, and which rows Alma had so already; `late`: after later loads.

    What it applied earlier is remembered once, so that a later load counts more. Raises
    LedgerError.
    """
    facts = ledger.facts
    if facts.alma is None:
        return
    memory, run = EditMemory(facts.alma.key), facts.run_name
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
        if rows or not ledger.left:  # else nothing is undone yet
            new_ids = {
                image.primary_id.casefold(): ""
                if image.act is Act.DELETE
                else image.new_id.casefold()
                for image in written
            }
            done = {*new_ids, *(one.primary_id.casefold() for one in same)}
            memory.restore(run, last, facts.undoes_run, new_ids, done, ledger.folder)
        return
    values, hashed = ledger.imprints(), keyed(memory.key)
    found = [_of_write(image, values, facts, hashed) for image in written]
    for one in same:
        if one.row in values and not facts.leaves(one.row):
            name, user = facts.of(one.row)[1].name, one.primary_id
            found.append(Remembered(user, user, name, values[one.row], seen=facts.started))
    whole = {mapping.name for roster, mapping in facts.rosters if not roster.rejects}
    time = now if late else memory.next_time("loaded", now)
    memory.remember(run, last, found, time, whole, ledger.folder)


def _of_write(
    image: Image, values: Mapping[int, Imprints], facts: RunFacts, hashed: Keyed
) -> Remembered:
    after = image.answered or image.sent
    made = values.get(image.row, {})
    return Remembered(
        image.new_id,
        image.primary_id,
        facts.of(image.row)[1].name,
        {} if facts.leaves(image.row) else answered(made, image.before, after, hashed),
        image.before is None,
    )


def remember_seen(ledger: Ledger, now: datetime) -> None:
    """Save who was in the rosters, who was changed because of missing, and who of them is back.

    Each outcome of a run counts once, also if an apply was stopped before it came here. Raises
    LedgerError.
    """
    facts = ledger.facts
    if facts.alma is None:
        return
    memory, run = LastSeen(facts.alma.key), facts.run_name
    rows, last = applied_since(ledger, int(ledger.value(SEEN) or 0))
    if not rows and ledger.value(SEEN) is not None:
        return
    applied = [image for image in images(ledger) if image.row in rows]
    if facts.command == "undo":
        if not applied and ledger.left:  # nothing is undone yet
            return
        with suppress(ImporterError), Ledger.open(Path(facts.undoes)) as first:
            memory.restore(first)
            first.note_undo(ledger)
        known = Leavers(memory.leavers_of(facts.undoes_run))
        after = (image.answered or image.sent for image in applied)
        memory.undo_leaving(
            facts.undoes_run, {key for user in after if (key := known.key_of(user))}
        )
    else:
        memory.see(ledger, now)
        known = Leavers(memory.leavers())
        gone = {
            image.primary_id: left(image.before, image.sent, image.answered or image.sent)
            for image in applied
            if facts.leaves(image.row) and image.act is Act.UPDATE and image.before is not None
        }
        back = {
            known.key_of(image.before)
            for image in applied
            if image.before is not None
            and known.is_back(image.before, image.answered or image.sent)
        }
        if facts.sis is None and ledger.value(SEEN) is None:
            # who is in a roster and does not change has come back: staff took back the changes
            earlier = memory.leavers(before=facts.started)
            back |= earlier.keys() & {
                one.primary_id.casefold()
                for one in ledger.planned()
                if one.act is Act.UNCHANGED and not facts.leaves(one.row)
            }
        memory.leave(gone, back, run, now)
    with ledger.transaction():
        ledger.keep(SEEN, str(last))


def take_up(institution: str) -> None:
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
                done = memory.entry(facts.run_name), ledger.value(SEEN)
                if None in done or any(applied_since(ledger, int(one or 0))[0] for one in done):
                    applied = datetime.fromisoformat(ledger.value("applied") or "")
                    missing.append((applied, path.parent))
    for applied, run in sorted(missing):
        with suppress(ImporterError), Ledger.open(run) as ledger:
            _remember_loaded(ledger, applied, late=True)
            operator = ledger.facts.operator
        # not while another command applies it, which then remembers the people itself
        with suppress(ImporterError), open_alone(run, operator, applied) as ledger:
            remember_seen(ledger, applied)


def check_later_loads(ledger: Ledger) -> None:
    """Raise StalePlanError for an undo if a load wrote users since, whom it would still undo."""
    facts = ledger.facts
    if facts.command != "undo" or facts.alma is None:
        return
    take_up(facts.alma.key)
    left = {None, Result.NOT_SENT, Result.UNKNOWN}
    with EditMemory(facts.alma.key) as memory:
        loads = {
            load
            for one in ledger.planned()
            if one.act in {Act.UPDATE, Act.DELETE} and one.result in left
            if (load := memory.written_later(one.primary_id, facts.undoes_run, facts.started))
        }
    if loads:
        msg = (
            f"Users of this undo were changed by a later load: {', '.join(sorted(loads))}. Nothing "
            "was sent. Plan the undo again for what is left:\n  "
            + command_line("undo", facts.undoes)
        )
        raise StalePlanError(msg)


def remember(
    ledger: Ledger, users_folder: Path, now: datetime, note: Callable[[str], None]
) -> None:
    """Save for the next plans what is in Alma now, also after an apply that was killed.

    Of a plan that is still to be applied nothing is saved. `users_folder`: that of the user caches.
    What cannot be saved is noted: what is sent is sent.
    """
    for save in (
        lambda: _remember_loaded(ledger, now),
        lambda: remember_seen(ledger, now),
        lambda: add_applied(ledger, users_folder),
    ):
        try:
            if ledger.was_applied or not ledger.left:
                save()
        except (UsageError, LedgerError) as error:
            note(str(error))


@contextmanager
def remembering(
    ledger: Ledger, users_folder: Path, now: Callable[[], datetime], note: Callable[[str], None]
) -> Iterator[None]:
    """Remember a run at the end of the block, however it ends."""
    try:
        yield
    finally:
        remember(ledger, users_folder, now(), note)
