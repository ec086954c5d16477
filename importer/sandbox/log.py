"""What was asked of the sandbox and what became of it: the oracle of the fault tests."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, field

_KEPT = 500_000


@dataclass(slots=True)
class Entry:
    """One call. `status` is 0 if no whole answer went back; `applied` may become true later."""

    time: str
    method: str
    path: str
    status: int = 0
    applied: bool = False


@dataclass(slots=True)
class Log:
    """The latest calls to /almaws, oldest first."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def open(self, time: str, method: str, path: str) -> Entry:
        """Begin the entry of a call that just came in."""
        entry = Entry(time, method, path)
        self.entries.append(entry)
        return entry

    def as_lines(self) -> str:
        """JSON Lines."""
        return "".join(f"{json.dumps(asdict(entry))}\n" for entry in self.entries)
