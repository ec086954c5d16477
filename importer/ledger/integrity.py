"""Whether a ledger is as it was written: its plan, its history, and its end.

- The *seal* is a hash over the run's facts and all steps, taken when the plan is finished. `apply`
  refuses a plan whose seal does not fit: it is not the plan that was reviewed.
- Each entry of the history has a *hash* that covers the entry before it.
- The *mark* is a small file beside the ledger with the number and the hash of the last entry. It
  is written after the ledger's own commit, so it may be behind the ledger but never ahead of it,
  unless the ledger has lost its end: an older copy was put back, or its `-wal` file was cut.

None of them stops someone who knows how they are made; they are for accidents and for edits that
are meant well.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from importer.errors import StalePlanError

if TYPE_CHECKING:
    from pathlib import Path

    from importer.ledger.ledger import Ledger

MARK = "ledger.mark"

_SEALED = "row, act, primary_id, before, after, changes, override"
"""The columns of a step that do not change once it is planned."""

_BITS = 256


def add_seal(ledger: Ledger) -> None:
    """Seal the run's facts and steps, inside a transaction of the caller."""
    _keep_seal(ledger, _computed(ledger))


def step_seal(ledger: Ledger, row: int) -> int:
    """Return the share of one row's step in the seal; 0 where the row has no step."""
    query = f"SELECT {_SEALED} FROM steps WHERE row = ?"  # noqa: S608  columns of ours
    return sum(_digest(values) for values in ledger.read(query, (row,)))


def change_seal(ledger: Ledger, before: int, after: int) -> None:
    """Replace one step's share of the seal, inside a transaction of the caller.

    The shares are added up, so that a change by hand in another step still shows.
    """
    _keep_seal(ledger, int(ledger.value("seal") or "0", 16) - before + after)


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
    return ledger.value("seal") == _text(_computed(ledger))


def _computed(ledger: Ledger) -> int:
    steps = ledger.read(f"SELECT {_SEALED} FROM steps")  # noqa: S608  columns of ours
    return _digest((ledger.value("facts"),)) + sum(map(_digest, steps))


def _digest(values: tuple[object, ...]) -> int:
    text = json.dumps(values, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def _text(seal: int) -> str:
    return f"{seal % (1 << _BITS):064x}"


def _keep_seal(ledger: Ledger, seal: int) -> None:
    ledger.connection.execute("INSERT OR REPLACE INTO run VALUES ('seal', ?)", (_text(seal),))


def chained(previous: str, entry: tuple[object, ...]) -> str:
    """Return the hash of an entry that follows the entry with the hash `previous`."""
    text = json.dumps([previous, *entry], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def head(ledger: Ledger) -> str:
    """Return the hash of the last entry, blank where there is none yet."""
    return ledger.value("head") or ""


def first_broken(ledger: Ledger) -> int | None:
    """Return the number of the first entry that is changed or missing; None if all are whole."""
    previous, last = "", 0
    for number, *entry, written in ledger.read(
        "SELECT id, time, operator, row, event, detail, hash FROM entries ORDER BY id"
    ):
        if chained(previous, tuple(entry)) != written:
            return int(number)
        previous, last = written, int(number)
    return None if previous == head(ledger) else last + 1


def write_mark(folder: Path, number: int, entry_hash: str, *, durable: bool) -> None:
    """Write the number and the hash of the last entry over those before, in place.

    A fixed 85 bytes, which a disk writes as one and a full disk still takes. Where they cannot be
    written the mark stays behind the ledger, which is harmless.
    """
    with suppress(OSError):
        file = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{number:020d} {entry_hash}".encode("ascii"))
            if durable:
                os.fsync(file)
        finally:
            os.close(file)


def end_is_lost(ledger: Ledger) -> bool:
    """Return whether entries that were in the ledger are not there any more.

    False where there is no mark or it cannot be read.
    """
    try:
        text = (ledger.folder / MARK).read_bytes()[:100].decode("ascii")
    except (OSError, UnicodeError):
        return False
    marked = re.fullmatch(r"(\d{20}) ([0-9a-f]{64})", text)
    if marked is None:
        return False
    query = "SELECT hash FROM entries WHERE id = ?"
    found = next(ledger.read(query, (int(marked[1]),)), None)
    return found is None or found[0] != marked[2]


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
