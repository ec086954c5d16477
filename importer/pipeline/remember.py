"""What a run leaves for later plans, saved in one step after its apply.

The step may be done again and again: each outcome of a run counts once. Where it was cut off, the
next plan takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from importer.errors import ImporterError, LedgerError, UsageError
from importer.files import RUNS
from importer.ledger.journal import RowImage, applied_since, images
from importer.ledger.ledger import FILE, Ledger, RunValue
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory, Remembered
from importer.model.plan import Act
from importer.model.run import RowHistory
from importer.planner.imprints import keyed, with_reply
from importer.planner.leavers import Leavers, what_left
from importer.users.refresh import add_applied


class RunMemory(EditMemory, LastSeen):
    """What a run leaves of its users and of those who are missing, in one transaction."""


def _remember_run(ledger: Ledger, now: datetime, *, late: bool = False) -> None:
    """Remember what a run applied, who was in its rosters, and who left; `late`: after later loads.

    What it applied earlier is remembered once, so that a later load counts more. Raises
    LedgerError.
    """
    facts = ledger.facts
    with RunMemory(facts.plan_alma.key) as memory:
        before = memory.entry(facts.run_name)
        rows, last = applied_since(ledger, before or 0)
        if (before is not None and not rows) or (
            facts.command == "undo" and not rows and ledger.left  # nothing is undone yet
        ):
            return
        written = [image for image in images(ledger) if image.row in rows]
        same = [
            planned
            for planned in ledger.planned()
            if planned.act is Act.UNCHANGED and (before is None or planned.row in rows)
        ]
        with memory.transaction():
            if facts.command == "undo":
                _take_back(memory, ledger, written, same)
            else:
                time = now if late else memory.next_time("loaded", now)
                _remember_loaded(memory, ledger, written, same, time)
                _remember_people(memory, ledger, written, now)
            memory.done(facts.run_name, last, ledger.folder)


def _remember_loaded(
    memory: RunMemory,
    ledger: Ledger,
    written: Sequence[RowImage],
    same: Sequence[RowHistory],
    time: datetime,
) -> None:
    """Remember the values that a run wrote, and those that Alma had already, of `same`."""
    facts, values, hashed = ledger.facts, ledger.imprints(), keyed(memory.key)
    remembered: list[Remembered] = []
    for image in written:
        made = {} if facts.leaves(image.row) else values.get(image.row, {})
        kept = with_reply(made, image.before, image.after, hashed)
        name, new = facts.of(image.row)[1].name, image.before is None
        remembered.append(Remembered(image.new_id, image.primary_id, name, kept, new))
    for unchanged in same:
        if unchanged.row in values and not facts.leaves(unchanged.row):
            name, user = facts.of(unchanged.row)[1].name, unchanged.primary_id
            remembered.append(
                Remembered(user, user, name, values[unchanged.row], seen=facts.started)
            )
    whole = {mapping.name for roster, mapping in facts.rosters if not roster.rejects}
    memory.remember(facts.run_name, remembered, time, whole, ledger.folder)


def _remember_people(
    memory: RunMemory, ledger: Ledger, written: Sequence[RowImage], now: datetime
) -> None:
    """Remember who was in the rosters, who was changed because of missing, and who is back."""
    facts = ledger.facts
    memory.see(ledger, now)
    known = Leavers(memory.leavers())
    gone = {
        image.primary_id: what_left(image)
        for image in written
        if facts.leaves(image.row) and image.act is Act.UPDATE
    }
    back = {
        known.key_of(image.before)
        for image in written
        if image.before is not None and known.is_back(image.before, image.after)
    }
    if facts.sis is None:
        # who is in a roster and does not change has come back: staff took back the changes
        earlier = memory.leavers(before=facts.started)
        back |= earlier.keys() & {
            planned.primary_id.casefold()
            for planned in ledger.planned()
            if planned.act is Act.UNCHANGED and not facts.leaves(planned.row)
        }
    memory.leave(gone, back, facts.run_name, now)


def _take_back(
    memory: RunMemory, ledger: Ledger, written: Sequence[RowImage], same: Sequence[RowHistory]
) -> None:
    """Remember of the users of an undo what was remembered before the run that it undoes."""
    facts = ledger.facts
    new_ids = {
        image.primary_id.casefold(): "" if image.act is Act.DELETE else image.new_id.casefold()
        for image in written
    }
    done = {*new_ids, *(user.primary_id.casefold() for user in same)}
    memory.restore(facts.undoes_run, new_ids, done, ledger.folder)
    memory.unsee(facts.undoes_run, ledger.folder)
    known = Leavers(memory.leavers_of(facts.undoes_run))
    keys = {key for image in written if (key := known.key_of(image.after))}
    memory.undo_leaving(facts.undoes_run, keys)
    with suppress(ImporterError), Ledger.open(Path(facts.undoes)) as first:
        first.note_undo(ledger)


def remember_nothing_to_send(ledger: Ledger, now: datetime) -> None:
    """Remember who was in the rosters of a plan that nobody will apply. Raises LedgerError."""
    with RunMemory(ledger.facts.plan_alma.key) as memory:
        _remember_people(memory, ledger, (), now)


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
                done = memory.entry(facts.run_name)
                if done is None or applied_since(ledger, done)[0]:
                    applied = datetime.fromisoformat(ledger.value(RunValue.APPLIED) or "")
                    missing.append((applied, path.parent))
    for applied, run in sorted(missing):
        with suppress(ImporterError), Ledger.open(run) as ledger:
            _remember_run(ledger, applied, late=True)


def remember(
    ledger: Ledger, users_folder: Path, now: datetime, note: Callable[[str], None]
) -> None:
    """Save for the next plans what is in Alma now, also after an apply that was killed.

    Of a plan that is still to be applied nothing is saved. `users_folder`: that of the user caches.
    What cannot be saved is noted: what is sent is sent.
    """
    if ledger.facts.command == "check":
        return
    for save in (
        lambda: _remember_run(ledger, now),
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
