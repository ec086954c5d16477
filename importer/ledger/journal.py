"""What is written into the ledger of a run: by check and plan all at once, then by its journal.

The journal of an apply has each write before it is sent, and its outcome before it is counted. One
process at a time writes to a run, under `run_lock`. Every method of the journal is one transaction
that is durable when it returns, and adds one entry whose hash covers the entry before it. The hash
of the last entry is also kept in the ledger and in two files beside it: see `integrity`. What is
checked between an intent and its write is `WriteGate` in `run_lock`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from importer.advice import packed
from importer.ledger.database import as_json
from importer.ledger.integrity import (
    add_seal,
    chained,
    change_seal,
    end_is_lost,
    mark_paths,
    mark_text,
    read_mark,
    run_hash,
    step_seal,
    write_mark,
)
from importer.ledger.ledger import (
    CHANGES,
    COLUMNS,
    IMPRINTS,
    OPEN,
    PLACES,
    QUESTION,
    SENT,
    TEXTS,
    JournalEvent,
    Ledger,
    RunValue,
    State,
)  # fmt: skip
from importer.model.plan import (
    Act,
    Create,
    Delete,
    Fate,
    Held,
    Image,
    Imprints,
    LeftAlone,
    Planned,
    Step,
    Unchanged,
    Update,
)  # fmt: skip
from importer.model.problem import RESOLVED_ADVICE, Code, Problem, Severity
from importer.model.run import ColumnUse, NotInRoster, RunFacts
from importer.model.user import User


@dataclass(frozen=True, slots=True)
class Pending:
    """A create, update or delete with its current state.

    `before` is Alma's record when it was planned, None for a create; `after` is the planned
    record. `attempts` counts the intents so far that Alma may have taken, and `sent` is the last.
    """

    row: int
    act: Act
    primary_id: str
    before: User | None
    after: User
    override: tuple[str, ...]
    state: State
    attempts: int = 0
    sent: Image | None = None

    @property
    def body(self) -> User:
        """The record that was sent last; the planned one if none was sent."""
        return self.sent.sent if self.sent else self.after

    @property
    def new_id(self) -> str:
        """The user's primary ID after the step; an update may change it."""
        return self.after.primary_id or self.primary_id

    @property
    def renames(self) -> bool:
        """Whether the step changes the primary ID, which Alma compares without case."""
        return self.new_id.casefold() != self.primary_id.casefold()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step. `answered`: the record that Alma has then, None if it is not known."""

    row: int
    state: State
    detail: str
    answered: User | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of a run's history."""

    time: datetime
    operator: str
    row: int
    event: str
    detail: str

    @property
    def limit(self) -> int | None:
        """The most rows of an apply that began, None for all."""
        number = self.detail.removeprefix(_LIMIT)
        return int(number) if self.event == JournalEvent.APPLY and number else None


_LIMIT = "limit "


class Journal:
    """The journal of one run; `run_lock` allows one at a time.

    Every method raises LedgerError if the ledger cannot be written or read.
    """

    def __init__(self, ledger: Ledger, operator: str, now: Callable[[], datetime]) -> None:
        """Write to `ledger` in the name of `operator`; `now` returns the time with its zone."""
        self.ledger = ledger
        self._operator = operator
        self._now = now
        self._end_is_lost: bool | None = None
        self._last = (0, 0, "")
        self._run = run_hash(ledger)
        self._marks = mark_paths(ledger.folder)
        self._mark = b""
        self._went_back = False

    def start(self, limit: int | None) -> None:
        """Record that an apply of at most N rows began; from now on the run counts as applied."""
        detail = "" if limit is None else f"{_LIMIT}{limit}"
        with self._writing():
            self.ledger.keep(RunValue.APPLIED, self._now().isoformat())
            self._append(0, JournalEvent.APPLY, detail)

    def rows_in(self, *states: State) -> tuple[int, ...]:
        """Return the rows whose step is in one of these states, in order."""
        marks = ", ".join("?" * len(states))
        query = (
            f"SELECT row FROM steps WHERE state IN ({marks})"  # noqa: S608
            f" AND {SENT} ORDER BY row"
        )
        return tuple(row for (row,) in self.ledger.read(query, states))

    def step(self, row: int) -> Pending:
        """Return the step of a row with its current state."""
        query = (
            "SELECT act, primary_id, steps.before, after, override, state, images.before, sent,"
            " (SELECT count(*) FROM entries call WHERE call.row = steps.row AND event = ? AND ?"
            " IS NOT (SELECT event FROM entries WHERE row = call.row AND id > call.id"
            " AND event != call.event ORDER BY id LIMIT 1))"
            " FROM steps LEFT JOIN images USING (row) WHERE row = ?"
        )

        def pending(*values: Any) -> Pending:
            act, primary_id, before, after, override, state, overwritten, sent, attempts = values
            return Pending(
                row, Act(act), primary_id, _user(before), User.from_json(after),
                TEXTS.validate_json(override), State(state), attempts,
                Image(_user(overwritten), User.from_json(sent)) if sent else None,
            )  # fmt: skip

        (open_step,) = self.ledger.parsed(pending, query, (State.INTENT, JournalEvent.UNSENT, row))
        return open_step

    def tries(self, row: int, ago: timedelta = timedelta()) -> int:
        """Return how often a row was tried in vain since a person decided, and that long ago.

        The calls of one try count once.
        """
        query = (
            "SELECT time FROM entries WHERE row = ?1 AND event = ?2"
            " AND id > (SELECT coalesce(max(id), 0) FROM entries WHERE row = ?1 AND event = ?3)"
        )
        until = self._now() - ago
        times = self.ledger.read(query, (row, State.PLANNED, JournalEvent.DECIDED))
        return sum(datetime.fromisoformat(time) <= until for (time,) in times)

    def rows_tried(self) -> tuple[int, ...]:
        """Return the rows that were tried in vain."""
        query = "SELECT DISTINCT row FROM entries WHERE event IN (?, ?)"
        return tuple(row for (row,) in self.ledger.read(query, (State.PLANNED, State.UNKNOWN)))

    def record_intent(self, row: int, before: User | None, sent: User) -> None:
        """Record what is about to be sent, and what it will overwrite."""
        body = sent.to_json()
        with self._writing():
            self._state(row, State.INTENT)
            self.ledger.connection.execute(
                "INSERT OR REPLACE INTO images VALUES (?, ?, ?, '')",
                (row, before.to_json() if before else "", body),
            )
            self._append(row, State.INTENT, hashlib.sha256(body.encode()).hexdigest())

    def record_unsent(self, row: int, detail: str) -> None:
        """Record that a step is planned again, because Alma took no call of it; `detail`: why."""
        with self._writing():
            self._append(row, JournalEvent.UNSENT, "Alma took no call")
            self._state(row, State.PLANNED)
            self._append(row, State.PLANNED, detail)

    def record_outcome(
        self,
        row: int,
        state: State,
        detail: str = "",
        *,
        answered: User | None = None,
        problems: Iterable[Problem] = (),
    ) -> State:
        """Record the outcome of a step and return its state."""
        self.record_outcomes([Outcome(row, state, detail, answered, tuple(problems))])
        return state

    def record_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of steps at once."""
        with self._writing():
            for outcome in outcomes:
                self._state(outcome.row, outcome.state)
                if outcome.answered is not None:
                    self.ledger.connection.execute(
                        "UPDATE images SET answered = ? WHERE row = ?",
                        (outcome.answered.to_json(), outcome.row),
                    )
                add_problems(self.ledger, outcome.problems)
                self._append(outcome.row, outcome.state, outcome.detail)

    def record_delivery(self, images: Mapping[int, Image | None], detail: str) -> None:
        """Record that the planned steps of these rows are in a file for the SIS load.

        `images`: what the load overwrites and has, None where that is as planned; it is kept.
        """
        image = (
            "INSERT OR REPLACE INTO images SELECT row, before, after, '' FROM steps WHERE row = ?"
        )
        with self._writing():
            for row, changed in images.items():
                self.ledger.connection.execute(image, (row,))
                if changed is not None:
                    self.ledger.connection.execute(
                        "UPDATE images SET before = ?, sent = ? WHERE row = ?",
                        (changed.was.to_json(), changed.sent.to_json(), row),
                    )
                self._state(row, State.DELIVERED)
                self._append(row, State.DELIVERED, "")
            self._append(0, State.DELIVERED, detail)

    def record_resolution(
        self,
        row: int,
        fate: Fate,
        planned: Planned | None,
        problems: Iterable[Problem],
        detail: str,
    ) -> None:
        """Record how a person resolved a row: its new fate, its step, and new problems.

        Its review problems become warnings with nothing to do; an earlier resolution is replaced.
        """
        connection = self.ledger.connection
        with self._writing():
            self._replan(row, fate, planned)
            connection.execute(
                "UPDATE problems SET severity = ?, advice = ? WHERE row = ? AND severity = ?",
                (Severity.WARNING, packed(RESOLVED_ADVICE), row, Severity.REVIEW),
            )
            connection.execute(
                "DELETE FROM problems WHERE row = ? AND code = ?", (row, Code.RESOLVED)
            )
            add_problems(self.ledger, problems)
            self._append(row, JournalEvent.DECIDED, detail)

    def listed(self) -> tuple[tuple[int, User], ...]:
        """Return the rows whose users are listed for Alma's purge job, with the records then."""
        query = f"SELECT row, before FROM steps WHERE act = '{Act.UNCHANGED}' AND before <> ''"  # noqa: S608
        return tuple(self.ledger.parsed(lambda row, text: (row, User.from_json(text)), query))

    def record_unlisted(self, problem: Problem) -> None:
        """Record that a row is listed no more, and needs review because of a problem."""
        row = problem.origin.row
        with self._writing():
            self._replan(row, Fate.REVIEW, None)
            add_problems(self.ledger, [problem])
            self._append(row, State.HELD, problem.message)

    def replace_problems(self, code: Code, problems: Iterable[Problem]) -> None:
        """Replace all problems of a code."""
        with self._writing():
            self.ledger.connection.execute("DELETE FROM problems WHERE code = ?", (code,))
            add_problems(self.ledger, problems)

    def note(self, event: JournalEvent, detail: str, row: int = 0) -> None:
        """Record something about the run as a whole, or about a row."""
        with self._writing():
            self._append(row, event, detail)

    def doubt(self) -> None:
        """Treat every planned step as sent, because the ledger's last entries are lost.

        Alma is then asked about each of them before anything is sent; for the SIS load they are in
        a file again. The before-image is the plan's.
        """
        execute = self.ledger.connection.execute
        planned = f"state = '{State.PLANNED}' AND {SENT}"
        with self._writing():
            execute(
                "INSERT OR IGNORE INTO images SELECT row, before, after, '' FROM steps"  # noqa: S608
                f" WHERE {planned}"
            )
            execute(f"UPDATE steps SET state = ? WHERE {planned}", (State.UNKNOWN,))  # noqa: S608
            self._append(0, JournalEvent.DOUBT, "the last entries of the ledger are lost")
            self._end_is_lost = False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Run one transaction, then set the mark beside the ledger to its last entry.

        If entries are lost, the mark stays as it is until `doubt` has dealt with them.
        """
        if self._end_is_lost is None:
            self._end_is_lost = end_is_lost(self.ledger)
        with self.ledger.transaction():
            yield
        if not self._end_is_lost:
            number, row, hash_ = self._last
            mark = mark_text(number, hash_, self._run)
            marked = [write_mark(path, mark, durable=row == 0) for path in self._marks]
            self._went_back |= any(b"" < before < self._mark for before in marked)
            self._mark = mark

    def mark_went_back(self) -> bool:
        """Return whether a mark beside the ledger was ever older than the one that was written."""
        self._went_back |= any(b"" < read_mark(path) < self._mark for path in self._marks)
        return self._went_back

    def _replan(self, row: int, fate: Fate, planned: Planned | None) -> None:
        execute, before = self.ledger.connection.execute, step_seal(self.ledger, row)
        execute("UPDATE rows SET fate = ? WHERE row = ?", (fate, row))
        execute("DELETE FROM steps WHERE row = ?", (row,))
        add_steps(self.ledger, [planned.step] if planned else [])
        add_imprints(self.ledger, [(row, planned.imprints)] if planned else [])
        change_seal(self.ledger, before, step_seal(self.ledger, row))

    def _state(self, row: int, state: State) -> None:
        self.ledger.connection.execute("UPDATE steps SET state = ? WHERE row = ?", (state, row))

    def _append(self, row: int, event: str, detail: str) -> None:
        entry = (self._now().isoformat(), self._operator, row, event, detail)
        hash_ = chained(self.ledger.value(RunValue.HEAD) or "", entry)
        added = self.ledger.connection.execute(
            "INSERT INTO entries (time, operator, row, event, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*entry, hash_),
        )
        self.ledger.keep(RunValue.HEAD, hash_)
        self._last = (added.lastrowid or 0, row, hash_)


def _user(text: str | None) -> User | None:
    return User.from_json(text) if text else None


def history(ledger: Ledger, row: int | None = None) -> Iterator[JournalEntry]:
    """Return the entries of a run, or of one row, oldest first."""
    return _entries(ledger, "?1 IS NULL OR row = ?1 ORDER BY id", row)


def newest(ledger: Ledger, most: int) -> Iterator[JournalEntry]:
    """Return the last entries of a run, newest first."""
    return _entries(ledger, "1 ORDER BY id DESC LIMIT ?", most)


def made_by_people(ledger: Ledger) -> Iterator[JournalEntry]:
    """Return the entries about the run as a whole and the resolutions of rows, oldest first."""
    return _entries(ledger, "row = 0 OR event = ? ORDER BY id", JournalEvent.DECIDED)


def _entries(ledger: Ledger, condition: str, value: int | str | None) -> Iterator[JournalEntry]:
    return ledger.parsed(
        lambda time, *others: JournalEntry(datetime.fromisoformat(time), *others),
        f"SELECT time, operator, row, event, detail FROM entries WHERE {condition}",  # noqa: S608
        (value,),
    )


def applied_since(ledger: Ledger, entry: int) -> tuple[frozenset[int], int]:
    """Return the rows that were applied or resolved after an entry, and the last such entry."""
    query = "SELECT row, id FROM entries WHERE event IN (?, ?) AND id > ?"
    entries = list(ledger.read(query, (State.APPLIED, JournalEvent.DECIDED, entry)))
    return frozenset(row for row, _ in entries), max(
        (number for _, number in entries), default=entry
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowImage(Image):
    """The write of a row that is in Alma."""

    row: int
    act: Act
    primary_id: str

    @property
    def new_id(self) -> str:
        """The user's primary ID after the write; an update may have changed it."""
        return self.sent.primary_id or self.primary_id


def images(ledger: Ledger, row: int | None = None) -> Iterator[RowImage]:
    """Return the writes of a run that are in Alma, in row order; or that of one row.

    Rows that Alma refused, that need review, or that were up to date already were not written.
    """

    def image(*values: Any) -> RowImage:
        number, act, primary_id, before, sent, answered, override = values
        return RowImage(
            _user(before), User.from_json(sent), _user(answered), TEXTS.validate_json(override),
            row=number, act=Act(act), primary_id=primary_id,
        )  # fmt: skip

    return ledger.parsed(
        image,
        "SELECT steps.row, act, primary_id, images.before, sent, answered, override"  # noqa: S608
        f" FROM steps JOIN images USING (row) WHERE state = ?1 AND {SENT}"
        " AND (?2 IS NULL OR steps.row = ?2) ORDER BY steps.row",
        (State.APPLIED, row),
    )


def to_create(ledger: Ledger, row: int | None = None, most: int = -1) -> Iterator[tuple[int, User]]:
    """Return rows and the records planned for them, in row order, without passwords.

    Of all rows with a create or of one; `most` rows at most.
    """
    query = (
        "SELECT row, after FROM steps WHERE act = ?1 AND (?2 IS NULL OR row = ?2)"
        " ORDER BY row LIMIT ?3"
    )
    return ledger.parsed(
        lambda number, after: (number, User.from_json(after)), query, (Act.CREATE, row, most)
    )


def next_deletes(ledger: Ledger, limit: int | None) -> int:
    """Return how many of the next steps to work on, at most `limit`, delete a user."""
    marks = ", ".join("?" * len(OPEN))
    query = (
        f"SELECT count(*) FROM (SELECT act FROM steps WHERE {SENT} AND state IN ({marks})"  # noqa: S608
        f" ORDER BY row LIMIT ?) WHERE act = '{Act.DELETE}'"
    )
    return ledger.number(query, *OPEN, -1 if limit is None else limit)


# a new run

_places_json = cache(lambda places: PLACES.dump_json(places).decode())


@dataclass(frozen=True, slots=True)
class RunContent:
    """What a new run has of its rows, beside their fates."""

    problems: Iterable[Problem] = ()
    steps: Sequence[Step] = ()
    imprints: Iterable[tuple[int, Imprints]] = ()
    """By row: what is remembered of it when it was applied."""
    columns: Iterable[ColumnUse] = ()
    """In the order of the rosters."""
    cells: Iterable[tuple[int, tuple[str, ...]]] = ()
    """By row; those of people who are missing from the rosters, too."""
    missing: Sequence[NotInRoster] = ()
    """People of the last load who are not in the rosters."""


def write_run(
    folder: Path, facts: RunFacts, fates: Mapping[int, Fate], content: RunContent
) -> Ledger:
    """Write the ledger of a new run, in one transaction. Raises LedgerError if it cannot be.

    `fates` are by row. Facts and steps are sealed. Problems added later are those of resolve and
    apply.
    """
    ledger = Ledger.create(folder)
    with suppress(OSError):
        mark_paths(folder)[1].unlink(missing_ok=True)  # of a run that was here before
    write = ledger.connection.executemany
    values = {
        RunValue.COLUMNS: COLUMNS.dump_json(tuple(content.columns)).decode(),
        RunValue.FACTS: facts.model_dump_json(),
        RunValue.FINISHED: facts.started.isoformat(),
        RunValue.MISSING: as_json(content.missing),
    }
    try:
        with ledger.transaction():
            write("INSERT INTO run VALUES (?, ?)", values.items())
            # for a member of an enumeration SQLite's library looks for an adapter, each time
            words = map(str.__str__, fates.values())
            write("INSERT INTO rows VALUES (?, ?)", zip(fates, words, strict=True))
            cells = ((row, as_json(texts)) for row, texts in content.cells)
            write("INSERT INTO cells VALUES (?, ?)", cells)
            add_problems(ledger, content.problems)
            add_steps(ledger, content.steps)
            add_imprints(ledger, content.imprints)
            add_seal(ledger)
            ledger.connection.execute(
                "INSERT INTO run SELECT ?, CAST(coalesce(max(id), 0) AS TEXT) FROM problems",
                (RunValue.LAST_PROBLEM,),
            )
    except BaseException:
        ledger.close()
        raise
    return ledger


def add_problems(ledger: Ledger, problems: Iterable[Problem]) -> None:
    """Add problems, inside a transaction of the caller."""
    ledger.connection.executemany(
        "INSERT INTO problems (row, code, severity, field, places, value, message, advice, repairs,"
        " question) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                problem.origin.row, problem.code.value, problem.severity.value, problem.field,
                _places_json(problem.places), problem.value, problem.message,
                packed(problem.advice), problem.repairs.value,
                QUESTION.dump_json(problem.question).decode() if problem.question else "",
            )
            for problem in problems
        ),
    )  # fmt: skip


def add_steps(ledger: Ledger, steps: Iterable[Step]) -> None:
    """Add what is planned for ready rows, inside a transaction of the caller.

    A row that needs review has only its problems.
    """
    ledger.connection.executemany(
        f"INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, '{State.PLANNED}', ?)",  # noqa: S608
        (_columns_of(step) for step in steps if not isinstance(step, Held)),
    )


def add_imprints(ledger: Ledger, imprints: Iterable[tuple[int, Imprints]]) -> None:
    """Add what is to be remembered of rows, inside a transaction of the caller."""
    ledger.connection.executemany(
        "INSERT OR REPLACE INTO imprints VALUES (?, ?)",
        ((row, IMPRINTS.dump_json({**values}).decode()) for row, values in imprints if values),
    )


def _columns_of(
    step: Create | Update | Delete | Unchanged | LeftAlone,
) -> tuple[int, str, str, str, str, str, str, str]:
    match step:
        case Create(row, user):
            return row, Act.CREATE, user.primary_id or "", "", user.to_json(), "[]", "[]", "[]"
        case Update(row, primary_id, before, after, changes, override, checks=checks):
            images = before.to_json(), after.to_json()
            differences = CHANGES.dump_json(changes).decode()
            lists = as_json(override), as_json(checks)
            return row, Act.UPDATE, primary_id, *images, differences, *lists
        case Delete(row, primary_id, before):
            image = before.to_json()
            return row, Act.DELETE, primary_id, image, image, "[]", "[]", "[]"
        case Unchanged(row, primary_id, listed):
            image = listed.to_json() if listed else ""
            return row, Act.UNCHANGED, primary_id, image, image, "[]", "[]", "[]"
        case LeftAlone(row, primary_id):
            return row, Act.LEFT_ALONE, primary_id, "", "", "[]", "[]", "[]"
