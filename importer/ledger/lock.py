"""One writer of a run at a time, and who that is."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from importer.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@contextmanager
def held(folder: Path, operator: str, now: datetime) -> Iterator[None]:
    """Hold a run's folder; the system lets go of it even when this process is killed.

    Raises LedgerError naming the operator who holds it.
    """
    from filelock import FileLock, Timeout

    holder = folder / "held-by.json"
    lock = FileLock(folder / "ledger.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"This run is being applied by {_who(holder)}. Wait until that has ended."
        raise LedgerError(msg) from error
    try:
        text = json.dumps({"operator": operator, "since": now.isoformat(timespec="seconds")})
        holder.write_text(text, "utf-8")
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def _who(holder: Path) -> str:
    try:
        held_by = json.loads(holder.read_text("utf-8"))
        return f"{held_by['operator']}, since {held_by['since']}"
    except (OSError, ValueError, KeyError):
        return "another operator"
