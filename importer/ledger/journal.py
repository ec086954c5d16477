"""The writing side of an apply: what is meant before it is sent, what came of it before it counts.

Every method is one transaction that is on the disk when it returns, and appends one entry whose
hash covers the entry before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from importer.ledger.ledger import TEXTS, State
from importer.model.plan import Act
from importer.model.user import User

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Pending:
    """A create or an update that is not settled.

    `before` is None for a create. `attempts` counts earlier intents; `intended` is when the last
    of them was written down, and `sent` what it meant to send.
    """

    row: int
    act: Act
    primary_id: str
    before: User | None
    after: User
    override: tuple[str, ...]
    state: State
    attempts: int = 0
    intended: datetime | None = None
    sent: User | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a run's history."""

    time: datetime
    operator: str
    row: int
    event: str
    detail: str


class Journal:
    """The journal of one run. There is one at a time: see `lock.held`."""

    def __init__(self, ledger: Ledger, operator: str, now: Callable[[], datetime]) -> None:
        """`now` gives the time with its zone."""
        self._ledger = ledger
        self._operator = operator
        self._now = now

    def start(self, detail: str) -> None:
        """Say that an apply began; from now on the run counts as applied."""
        with self._ledger.transaction():
            self._ledger.connection.execute(
                "INSERT OR REPLACE INTO run VALUES ('applied', ?)", (self._now().isoformat(),)
            )
            self._append(0, "apply", detail)

    def pending(self, *states: State) -> Iterator[Pending]:
        """The steps in these states, in row order."""
        marks = ", ".join("?" * len(states))
        rows = self._ledger.connection.execute(
            "SELECT steps.row, act, primary_id, steps.before, after, override, state, sent,"  # noqa: S608
            " (SELECT count(*) FROM entries WHERE entries.row = steps.row AND event = 'intent'),"
            " (SELECT max(time) FROM entries WHERE entries.row = steps.row AND event = 'intent')"
            " FROM steps LEFT JOIN images USING (row)"
            f" WHERE state IN ({marks}) AND act IN ('create', 'update') ORDER BY steps.row",
            states,
        ).fetchall()
        for row, act, primary_id, before, after, override, state, sent, attempts, intended in rows:
            yield Pending(
                row,
                Act(act),
                primary_id,
                User.from_json(before) if before else None,
                User.from_json(after),
                TEXTS.validate_json(override),
                State(state),
                attempts,
                datetime.fromisoformat(intended) if intended else None,
                User.from_json(sent) if sent else None,
            )

    def intend(self, row: int, before: User | None, sent: User) -> None:
        """Write down what is about to be sent, and what it will overwrite."""
        body = sent.to_json()
        with self._ledger.transaction():
            self._state(row, State.INTENT)
            self._ledger.connection.execute(
                "INSERT OR REPLACE INTO images VALUES (?, ?, ?, '')",
                (row, before.to_json() if before else "", body),
            )
            self._append(row, "intent", hashlib.sha256(body.encode()).hexdigest())

    def settle(
        self,
        row: int,
        state: State,
        detail: str = "",
        *,
        answered: User | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        """Write down what came of a step."""
        with self._ledger.transaction():
            self._state(row, state)
            if answered is not None:
                self._ledger.connection.execute(
                    "UPDATE images SET answered = ? WHERE row = ?", (answered.to_json(), row)
                )
            self._ledger.add_problems(problems)
            self._append(row, state, detail)

    def note(self, event: str, detail: str, row: int = 0) -> None:
        """Write down something about the run as a whole, or a decision about a row."""
        with self._ledger.transaction():
            self._append(row, event, detail)

    def _state(self, row: int, state: State) -> None:
        self._ledger.connection.execute("UPDATE steps SET state = ? WHERE row = ?", (state, row))

    def _append(self, row: int, event: str, detail: str) -> None:
        connection = self._ledger.connection
        last = connection.execute("SELECT hash FROM entries ORDER BY id DESC LIMIT 1").fetchone()
        entry = (self._now().isoformat(), self._operator, row, event, detail)
        connection.execute(
            "INSERT INTO entries (time, operator, row, event, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*entry, _chained(last[0] if last else "", entry)),
        )


def _chained(previous: str, entry: tuple[str, str, int, str, str]) -> str:
    text = json.dumps([previous, *entry], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def history(ledger: Ledger, row: int | None = None) -> Iterator[JournalEntry]:
    """The entries of a run, or of one row, oldest first."""
    for time, operator, number, event, detail in ledger.connection.execute(
        "SELECT time, operator, row, event, detail FROM entries"
        " WHERE ?1 IS NULL OR row = ?1 ORDER BY id",
        (row,),
    ):
        yield JournalEntry(datetime.fromisoformat(time), operator, number, event, detail)


def first_broken(ledger: Ledger) -> int | None:
    """The number of the first entry that was changed after it was written, if any was."""
    previous = ""
    for number, *entry, chained in ledger.connection.execute(
        "SELECT id, time, operator, row, event, detail, hash FROM entries ORDER BY id"
    ):
        if _chained(previous, tuple(entry)) != chained:
            return int(number)
        previous = chained
    return None
