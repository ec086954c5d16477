"""Whether a ledger is as it was written: its plan, its history, and its end.

- The *seal* is a hash over the run's facts and all steps, taken when the plan is finished. `apply`
  refuses a plan whose seal does not fit: it is not the plan that was reviewed.
- Each entry of the history has a *hash* that covers the entry before it.
- The *mark* is a small file with the number and the hash of the last entry, beside the ledger and
  once more beside the run's folder. It is written after the ledger's own commit, so it may be
  behind the ledger but never ahead of it, unless the ledger has lost its end: an older copy of the
  ledger or of the whole folder was put back, or the ledger's `-wal` file was cut.
- Each step's *state* is the one that the history records.

None of them stops someone who knows how they are made; they are for accidents and for edits that
are meant well.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from importer.errors import StalePlanError
from importer.ledger.ledger import SENT, JournalEvent, Ledger, RunValue, State
from importer.model.plan import Act, Fate
from importer.model.problem import Code, Repairs, Severity

MARK = "ledger.mark"

_SEALED = "row, act, primary_id, before, after, changes, override, checks"
"""The columns of a step that do not change once it is planned."""

_BITS = 256

_MARK_SIZE = 150

_STATES = frozenset(map(str, State))


def add_seal(ledger: Ledger) -> None:
    """Seal the run's facts and steps, inside a transaction of the caller."""
    ledger.keep(RunValue.SEAL, _text(_computed(ledger)))


def step_seal(ledger: Ledger, row: int) -> int:
    """Return the share of one row's step in the seal; 0 where the row has no step."""
    query = f"SELECT {_SEALED} FROM steps WHERE row = ?"  # noqa: S608  columns of ours
    return sum(_digest(values) for values in ledger.read(query, (row,)))


def change_seal(ledger: Ledger, before: int, after: int) -> None:
    """Replace one step's share of the seal, inside a transaction of the caller.

    The shares are added up, so that a change by hand in another step still shows.
    """
    ledger.keep(RunValue.SEAL, _text(int(ledger.value(RunValue.SEAL) or "0", 16) - before + after))


def check_seal(ledger: Ledger) -> None:
    """Raise StalePlanError where the facts or the steps are not those that were planned."""
    if not is_sealed(ledger):
        msg = (
            f"The plan in {ledger.folder} was changed after it was made, so it is not the one that "
            "was reviewed. Nothing was sent. Plan again."
        )
        raise StalePlanError(msg)


def is_sealed(ledger: Ledger) -> bool:
    """Return whether the facts and the steps are those that were planned."""
    return ledger.value(RunValue.SEAL) == _text(_computed(ledger))


def _computed(ledger: Ledger) -> int:
    steps = ledger.read(f"SELECT {_SEALED} FROM steps")  # noqa: S608  columns of ours
    return _digest((ledger.value(RunValue.FACTS),)) + sum(map(_digest, steps))


def _digest(values: tuple[object, ...]) -> int:
    text = json.dumps(values, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def _text(seal: int) -> str:
    return f"{seal % (1 << _BITS):064x}"


def chained(previous: str, entry: tuple[object, ...]) -> str:
    """Return the hash of an entry that follows the entry with the hash `previous`."""
    text = json.dumps([previous, *entry], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_broken(ledger: Ledger) -> int | None:
    """Return the number of the first entry that is changed or missing; None if all are whole."""
    previous, last = "", 0
    for number, *entry, written in ledger.read(
        "SELECT id, time, operator, row, event, detail, hash FROM entries ORDER BY id"
    ):
        if chained(previous, tuple(entry)) != written:
            return int(number)
        previous, last = written, int(number)
    return None if previous == (ledger.value(RunValue.HEAD) or "") else last + 1


def check_whole(ledger: Ledger) -> None:
    """Raise UsageError if something in the ledger cannot be what the importer wrote.

    Each value of a closed list, each row's fate against its step, and each step's state against
    the history. Texts and records are checked when they are read.
    """
    lists: tuple[tuple[Callable[..., object], str], ...] = (
        (Fate, "SELECT DISTINCT fate FROM rows"),
        (Act, "SELECT DISTINCT act FROM steps"),
        (State, "SELECT DISTINCT state FROM steps"),
        (Code, "SELECT DISTINCT code FROM problems"),
        (Severity, "SELECT DISTINCT severity FROM problems"),
        (Repairs, "SELECT DISTINCT repairs FROM problems"),
    )
    for make, query in lists:
        tuple(ledger.parsed(make, query))
    ready = "0" if ledger.facts.command == "check" else "fate = 'ready'"
    wrong = (
        "SELECT 1 FROM steps WHERE row NOT IN (SELECT row FROM rows)"  # noqa: S608  ours
        " UNION ALL SELECT 1 FROM rows LEFT JOIN steps USING (row)"
        f" WHERE ({ready}) <> (act IS NOT NULL)"
    )
    if next(ledger.read(wrong), None) or not _states_agree(ledger):
        raise ledger.damaged


def _states_agree(ledger: Ledger) -> bool:
    """Return whether each step is in the state that the history records last."""
    sent = {row for (row,) in ledger.read(f"SELECT row FROM steps WHERE {SENT}")}  # noqa: S608
    states = dict(ledger.read("SELECT row, state FROM steps"))
    recorded: dict[int, str] = dict.fromkeys(states, State.PLANNED)
    for row, event in ledger.read("SELECT row, event FROM entries ORDER BY id"):
        if event == JournalEvent.DOUBT:
            doubted = (row for row in sent if recorded[row] == State.PLANNED)
            recorded |= dict.fromkeys(doubted, State.UNKNOWN)
        elif row in recorded and event in _STATES:
            recorded[row] = event
        elif row in recorded and event == JournalEvent.DECIDED:
            recorded[row] = State.PLANNED
    return recorded == states


def mark_paths(folder: Path) -> tuple[Path, Path]:
    """Return where a run's mark is: in its folder, and beside the folder."""
    there = folder.resolve()
    return there / MARK, there.with_name(f".{there.name}.mark")


def run_hash(ledger: Ledger) -> str:
    """Return a hash of the run's facts, which no other run has."""
    return hashlib.sha256((ledger.value(RunValue.FACTS) or "").encode()).hexdigest()


def mark_text(number: int, entry_hash: str, run: str) -> bytes:
    """Return the mark: the last entry's number and hash, and the run's `run_hash`."""
    return f"{number:020d} {entry_hash} {run}".encode("ascii")


def write_mark(path: Path, mark: bytes, *, durable: bool) -> bytes:
    """Write a mark over the one before, in place; return that, blank if there was none.

    All have one size, which a disk writes as one and a full disk still takes. Where it cannot be
    written it stays behind the ledger, which is harmless.
    """
    before = b""
    with suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            before = os.read(file, _MARK_SIZE)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, mark)
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
    return before


def read_mark(path: Path) -> bytes:
    """Return the mark in a file; blank if there is none."""
    with suppress(OSError), path.open("rb", buffering=0) as file:
        return file.read(_MARK_SIZE)
    return b""


def end_is_lost(ledger: Ledger) -> bool:
    """Return whether entries that were in the ledger are not there any more.

    False where there is no mark, or none of this run.
    """
    marked = rb"(\d{20}) ([0-9a-f]{64}) " + run_hash(ledger).encode("ascii")
    query = "SELECT hash FROM entries WHERE id = CAST(? AS INTEGER)"
    for path in mark_paths(ledger.folder):
        if matched := re.fullmatch(marked, read_mark(path)):
            number, entry_hash = (part.decode("ascii") for part in matched.groups())
            if next(ledger.read(query, (number,)), None) != (entry_hash,):
                return True
    return False


def fault(ledger: Ledger) -> str:
    """Return a sentence on what in this ledger is not as it was written; blank if all is."""
    if (number := first_broken(ledger)) is not None:
        return (
            "Warning: the history of this run was changed by hand, from entry "
            f"{number} on. Do not rely on what is shown here."
        )
    if not is_sealed(ledger):
        return (
            "Warning: the plan of this run was changed by hand after it was made. Do not rely on "
            "what is shown here."
        )
    if end_is_lost(ledger):
        return (
            "Warning: the last entries of this run's ledger are lost; an older copy may have been "
            "put back. Rows that are shown as not sent may be in Alma."
        )
    return ""
