"""The writing side of an apply: what is meant before it is sent, what came of it before it counts.

Every method is one transaction that is on the disk when it returns, and appends one entry whose
hash covers the entry before it. The hash of the last one is kept beside them, and in a file beside
the ledger: see `integrity`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from importer.ledger.integrity import (
    chained,
    change_seal,
    end_is_lost,
    head,
    step_seal,
    write_mark,
)
from importer.ledger.ledger import TEXTS
from importer.ledger.states import SENT, State
from importer.ledger.writing import add_problems, add_steps
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act, Fate, Step
from importer.model.user import User

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.problem import Problem

INTENT, ALLOWED, PASSWORDS, DECIDED = "intent", "allowed", "passwords", "decided"
"""Events of entries that are read again; those of what came of a step are named by its state."""

SETTLED = "Nothing to do: a person decided."
"""The advice of a problem that held a row until it was decided."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was meant: Alma's record just before it (None for a create), and its body."""

    before: User | None
    body: User


@dataclass(frozen=True, slots=True)
class Pending:
    """A step that is sent, as it stands.

    `before` is Alma's record as the plan knew it, None for a create; `after` what was planned.
    `attempts` counts the intents so far, and `sent` is the last of them.
    """

    row: int
    act: Act
    primary_id: str
    before: User | None
    after: User
    override: tuple[str, ...]
    state: State
    attempts: int = 0
    sent: Write | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a run's history."""

    time: datetime
    operator: str
    row: int
    event: str
    detail: str


class Journal:
    """The journal of one run. There is one at a time: see `lock.held`.

    Every method raises LedgerError where it cannot be written or read.
    """

    def __init__(self, ledger: Ledger, operator: str, now: Callable[[], datetime]) -> None:
        """`now` gives the time with its zone."""
        self._ledger = ledger
        self._operator = operator
        self._now = now
        self._end_is_lost: bool | None = None
        self._last = (0, 0, "")

    def start(self, detail: str) -> None:
        """Say that an apply began; from now on the run counts as applied."""
        with self._writing():
            self._keep("applied", self._now().isoformat())
            self._append(0, "apply", detail)

    def waiting(self, *states: State) -> tuple[int, ...]:
        """The rows whose step is to be sent and in one of these states, in order."""
        marks = ", ".join("?" * len(states))
        query = (
            f"SELECT row FROM steps WHERE state IN ({marks})"  # noqa: S608
            f" AND {SENT} ORDER BY row"
        )
        return tuple(row for (row,) in self._ledger.read(query, states))

    def step(self, row: int) -> Pending:
        """The step of a row, as it stands."""
        query = (
            "SELECT act, primary_id, steps.before, after, override, state, images.before, sent,"
            " (SELECT count(*) FROM entries WHERE entries.row = steps.row AND event = ?)"
            " FROM steps LEFT JOIN images USING (row) WHERE row = ?"
        )
        (found,) = self._ledger.read(query, (INTENT, row))
        act, primary_id, before, after, override, state, overwritten, sent, attempts = found
        return Pending(
            row,
            Act(act),
            primary_id,
            _user(before),
            User.from_json(after),
            TEXTS.validate_json(override),
            State(state),
            attempts,
            Write(_user(overwritten), User.from_json(sent)) if sent else None,
        )

    def intend(self, row: int, before: User | None, sent: User) -> None:
        """Write down what is about to be sent, and what it will overwrite."""
        body = sent.to_json()
        with self._writing():
            self._state(row, State.INTENT)
            self._ledger.connection.execute(
                "INSERT OR REPLACE INTO images VALUES (?, ?, ?, '')",
                (row, before.to_json() if before else "", body),
            )
            self._append(row, INTENT, hashlib.sha256(body.encode()).hexdigest())

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
        with self._writing():
            self._state(row, state)
            if answered is not None:
                self._ledger.connection.execute(
                    "UPDATE images SET answered = ? WHERE row = ?", (answered.to_json(), row)
                )
            add_problems(self._ledger, problems)
            self._append(row, state, detail)

    def decide(
        self, row: int, fate: Fate, step: Step | None, problem: Problem, detail: str
    ) -> None:
        """Write down how a person settled a row: its new fate, its step, and who says so.

        What held the row for review is a warning from now on, and asks for nothing; an earlier
        decision is forgotten.
        """
        connection = self._ledger.connection
        with self._writing():
            connection.execute("UPDATE rows SET fate = ? WHERE row = ?", (fate, row))
            before = step_seal(self._ledger, row)
            connection.execute("DELETE FROM steps WHERE row = ?", (row,))
            add_steps(self._ledger, [step] if step else [])
            change_seal(self._ledger, before, step_seal(self._ledger, row))
            connection.execute(
                "UPDATE problems SET severity = ?, advice = ? WHERE row = ? AND severity = ?",
                (Severity.WARNING, SETTLED, row, Severity.REVIEW),
            )
            connection.execute(
                "DELETE FROM problems WHERE row = ? AND code = ?", (row, Code.DECIDED)
            )
            add_problems(self._ledger, [problem])
            self._append(row, DECIDED, detail)

    def note(self, event: str, detail: str, row: int = 0) -> None:
        """Write down something about the run as a whole, or a decision about a row."""
        with self._writing():
            self._append(row, event, detail)

    def doubt(self) -> None:
        """Take every step that is still planned for sent: the ledger's last entries are lost.

        Alma is asked about each of them before anything is sent. What would be overwritten is
        known from the plan.
        """
        connection = self._ledger.connection
        planned = f"state = '{State.PLANNED}' AND {SENT}"
        with self._ledger.transaction():
            connection.execute(
                "INSERT OR IGNORE INTO images SELECT row, before, after, '' FROM steps"  # noqa: S608
                f" WHERE {planned}"
            )
            connection.execute(
                f"UPDATE steps SET state = ? WHERE {planned}",  # noqa: S608
                (State.UNKNOWN,),
            )
            self._append(0, "doubt", "the last entries of the ledger are lost")
        self._end_is_lost = False
        self._mark()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; then the mark beside the ledger is set to its last entry.

        Where entries are lost the mark stays as it is, until they are accounted for.
        """
        if self._end_is_lost is None:
            self._end_is_lost = end_is_lost(self._ledger)
        with self._ledger.transaction():
            yield
        self._mark()

    def _mark(self) -> None:
        if not self._end_is_lost:
            number, row, hash_ = self._last
            write_mark(self._ledger.folder, number, hash_, durable=row == 0)

    def _state(self, row: int, state: State) -> None:
        self._ledger.connection.execute("UPDATE steps SET state = ? WHERE row = ?", (state, row))

    def _keep(self, name: str, value: str) -> None:
        self._ledger.connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (name, value))

    def _append(self, row: int, event: str, detail: str) -> None:
        entry = (self._now().isoformat(), self._operator, row, event, detail)
        hash_ = chained(head(self._ledger), entry)
        added = self._ledger.connection.execute(
            "INSERT INTO entries (time, operator, row, event, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*entry, hash_),
        )
        self._keep("head", hash_)
        self._last = (added.lastrowid or 0, row, hash_)


def _user(text: str | None) -> User | None:
    return User.from_json(text) if text else None


def history(ledger: Ledger, row: int | None = None) -> Iterator[JournalEntry]:
    """The entries of a run, or of one row, oldest first."""
    for time, operator, number, event, detail in ledger.read(
        "SELECT time, operator, row, event, detail FROM entries"
        " WHERE ?1 IS NULL OR row = ?1 ORDER BY id",
        (row,),
    ):
        yield JournalEntry(datetime.fromisoformat(time), operator, number, event, detail)
