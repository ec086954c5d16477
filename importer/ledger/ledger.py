"""One run's ledger: what a check or plan writes into it, and what is read from it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from importer.advice import Do, unpacked
from importer.errors import Exit, ImporterError, LedgerError, UsageError
from importer.ledger.database import Database, FileIdentity, file_identity
from importer.model.formats import LEDGER
from importer.model.plan import ALREADY, Act, Change, Fate, Imprint, Result, SafetyCheck
from importer.model.problem import CANNOT_BORROW, Code, Place, Problem, Repairs, Severity
from importer.model.question import Question
from importer.model.run import (
    Calls,
    ColumnUse,
    FailedCheck,
    NotInRoster,
    OfThese,
    RosterCounts,
    RowHistory,
    RunFacts,
    Summary,
)
from importer.model.safety_checks import CHECKS
from importer.model.text import ABSENT_ROWS, ROSTER_ROWS

FILE = "ledger.sqlite"


class State(StrEnum):
    """How far a planned create, update or delete has come.

    planned → intent → applied | already | refused | held | unknown | planned; planned → already |
    refused | held | unknown; unknown → applied | planned | held. In a plan for the SIS load:
    planned → delivered → applied | refused | held; unknown → delivered
    """

    PLANNED = "planned"
    INTENT = "intent"  # durable before a byte is sent; it may have arrived or not
    APPLIED = "applied"
    ALREADY = "already"  # Alma had it already; this run did not write it
    REFUSED = "refused"
    HELD = "held"  # needs review
    UNKNOWN = "unknown"
    DELIVERED = "delivered"  # in the file for the SIS load


RESULTS: dict[tuple[Act, State], Result] = {
    (act, state): result
    for act, applied in (
        (Act.CREATE, Result.CREATED),
        (Act.UPDATE, Result.UPDATED),
        (Act.DELETE, Result.DELETED),
    )
    for state, result in (
        (State.PLANNED, Result.NOT_SENT),
        (State.INTENT, Result.UNKNOWN),
        (State.APPLIED, applied),
        (State.REFUSED, Result.REFUSED),
        (State.HELD, Result.HELD),
        (State.UNKNOWN, Result.UNKNOWN),
        (State.DELIVERED, Result.DELIVERED),
    )
} | {
    (Act.CREATE, State.ALREADY): Result.WAS_THERE,
    (Act.UPDATE, State.ALREADY): Result.WAS_SO,
    (Act.DELETE, State.ALREADY): Result.WAS_GONE,
}

DOUBTFUL = (State.INTENT, State.UNKNOWN)
"""The states of a write that may or may not have arrived."""

OPEN = (State.PLANNED, *DOUBTFUL)
"""The states of steps that an apply still has to work on."""

ENDED = (State.APPLIED, State.ALREADY, State.HELD, State.REFUSED)
"""The states of steps about which Alma, or a person, has said the last word."""


class JournalEvent(StrEnum):
    """What an entry of a run's history says, if it is not a step's new state."""

    APPLY = "apply"  # an apply began
    ALLOWED = "allowed"  # a person let a safety check pass, or typed how many users are deleted
    PASSWORDS = "passwords"  # passwords are sent
    UNSENT = "unsent"  # Alma took none of the calls since the outcome before
    DECIDED = "decided"  # a person planned the row's step again
    DOUBT = "doubt"  # every planned step may have been sent
    STOPPED = "stopped"
    PAUSED = "paused"
    FINISHED = "finished"


class RunValue(StrEnum):
    """The names of the values of a run."""

    FACTS = "facts"
    COLUMNS = "columns"
    MISSING = "missing"  # people of the last load who are not in the rosters
    LAST_PROBLEM = "last problem"  # of those found when the run was made
    FINISHED = "finished"  # when the run was made
    SEAL = "seal"  # of the planned steps
    HEAD = "head"  # the hash of the last entry
    APPLIED = "applied"  # when the last apply began
    UNDONE = "undone"  # the last undo that took effect
    WRITTEN_REJECTS = "written_rejects"  # the hashes of files that people may change


GONE = "is no longer in Alma"
"""The detail of a step that needs review because its user was deleted in Alma."""

SENT = "act IN ('create', 'update', 'delete')"
"""SQL condition: the steps that are sent to Alma."""


TEXTS = TypeAdapter(tuple[str, ...])
CHANGES = TypeAdapter(tuple[Change, ...])
PLACES = TypeAdapter(tuple[Place, ...])
QUESTION = TypeAdapter(Question)
COLUMNS = TypeAdapter(tuple[ColumnUse, ...])
IMPRINTS: TypeAdapter[dict[str, Imprint]] = TypeAdapter(dict[str, Imprint])

WRITTEN = frozenset({Result.CREATED, Result.UPDATED, Result.DELETED})
"""What became of the rows that a run wrote to Alma."""

_UNDONE = TypeAdapter(tuple[str, bool])

_VALUE = "SELECT value FROM run WHERE name = ?"

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
"""SQLite's names for a damaged file; the last one: a table of ours is missing."""

_WHY = {
    "full": "the disk is full",
    "readonly": "it is read-only",
    "unable to open": "its ledger cannot be opened",
    "locked": "another program is using its ledger",
}
"""SQLite's reason in a librarian's words, by a word of it."""

_INTEGER_BITS = 64
"""The size of SQLite's integers, with their sign; it takes no greater one, not even to compare."""


class Ledger(Database):
    """The ledger of one run, in its folder.

    `files` are its files and, where the run is locked, the lock, as they were opened.
    """

    def __init__(self, folder: Path) -> None:
        """Use `create` or `open` instead."""
        super().__init__(folder / FILE)
        self.folder = folder
        self.files: dict[Path, FileIdentity | None] = {}

    def make_file(self) -> None:
        """Make nothing: the folder is there, and SQLite makes the file."""

    @classmethod
    def create(cls, folder: Path) -> Ledger:
        """Create an empty ledger. Raises LedgerError if the folder cannot be written."""
        tables = files("importer.ledger").joinpath("schema.sql").read_text("utf-8")
        ledger = cls(folder)
        try:
            ledger.connection.executescript(tables)
            ledger.connection.execute(f"PRAGMA user_version = {LEDGER.number}")
        except sqlite3.Error as error:
            ledger.close()
            raise ledger.failure(error) from error
        return ledger

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """Open the ledger of an earlier run.

        Raises UsageError if there is none, or it is damaged, unfinished or of another version;
        LedgerError if the disk or the folder prevents it.
        """
        ledger = cls(folder)
        if not ledger.path.is_file():
            msg = f"{folder} is not a run: it contains no {FILE}."
            raise UsageError(msg).advising(Do.CHOOSE_RUN)
        try:
            ledger._check_version()
        except BaseException:
            ledger.close()
            raise
        paths = (folder / f"{FILE}{ending}" for ending in ("", "-wal", "-shm"))
        ledger.files = {path: file_identity(path) for path in paths}
        return ledger

    def _check_version(self) -> None:
        """Raise UsageError if the ledger is unfinished or of another version."""
        version = self.number("PRAGMA user_version")
        # the version is set after the tables are made
        if version != 0:
            LEDGER.check(self.folder, version)
        if version == 0 or self.value(RunValue.FINISHED) is None:
            msg = (
                f"The run {self.folder} was stopped before it was complete, or is still being "
                "made. Wait until it is complete, or plan again."
            )
            raise UsageError(msg)

    @property
    def damaged(self) -> UsageError:
        """The error for a ledger that contains what the importer did not write."""
        return UsageError(
            f"{self.path} is damaged, so it is not used and nothing more is sent. If you have a "
            "backup of the run's folder, restore it and run the same command again. Otherwise plan "
            "again from the roster: users who are in Alma already are found there."
        )

    def failure(self, error: sqlite3.Error | UnicodeError) -> LedgerError | UsageError:
        """Return the error for a failure of SQLite."""
        name = getattr(error, "sqlite_errorname", None) or ""
        said = str(error).lower()
        if (
            isinstance(error, UnicodeError)
            or name.startswith(_DAMAGED)
            or "could not decode" in said
        ):
            return self.damaged
        why = next(
            (words for sign, words in _WHY.items() if sign in said), "the disk reports an error"
        )
        return LedgerError(
            f"The run's folder {self.folder} cannot be used: {why}. Nothing more was sent. "
            "Free some space on the disk or check the folder, then run the same command again."
        )

    def version_seen(self) -> int:
        """Return a number that changes when another connection has written to the ledger."""
        return self.number("PRAGMA data_version")

    def number(self, query: str, *values: object) -> int:
        """Return the number that a query gives."""
        ((number,),) = self.read(query, values)
        return int(number)

    def value(self, name: RunValue) -> str | None:
        """Return a value of the run; None where there is none. Raises as `open`."""
        value = next(self.read(_VALUE, (name,)), None)
        return None if value is None else str(value[0])

    def missing(self) -> list[NotInRoster]:
        """Return the people of the last load who are not in the rosters."""
        return [NotInRoster(*row) for row in json.loads(self.value(RunValue.MISSING) or "[]")]

    def keep(self, name: RunValue, value: str) -> None:
        """Save a value of the run, in the caller's transaction if there is one.

        Raises LedgerError.
        """
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (name, value))

    @property
    def facts(self) -> RunFacts:
        """Everything about the run that is not about a row. Raises UsageError if damaged."""
        facts = self._saved_facts()
        return facts.model_copy(update={"undoes": self._undone(facts)}).in_folder(self.folder)

    def _saved_facts(self) -> RunFacts:
        facts = next(self.parsed(RunFacts.model_validate_json, _VALUE, (RunValue.FACTS,)), None)
        if facts is None:
            raise self.damaged
        return facts

    def _undone(self, facts: RunFacts) -> str:
        """Return the folder of the run that this one undoes: beside it if both were moved."""
        if not facts.undoes:
            return ""
        folder = self.folder.resolve()
        beside = folder.parent / Path(facts.undoes).name
        if beside != folder and not Path(facts.undoes).is_dir():
            with suppress(ImporterError), Ledger.open(beside) as other:
                if other._saved_facts().run_name == facts.undoes_run:
                    return str(beside)
        return facts.undoes

    def failed_checks(self) -> tuple[FailedCheck, ...]:
        """Return the safety checks that the plan fails, each roster by the limits of its mapping.

        Rows that people resolved count as if the plan had known it.
        """
        facts, failed = self.facts, list[FailedCheck]()
        sums = "".join(f", sum(instr(checks, '\"{check.name}\"') > 0)" for check in CHECKS)
        query = (
            f"SELECT row / {ROSTER_ROWS}, count(*){sums} FROM steps"  # noqa: S608
            f" WHERE act IN ('{Act.UPDATE}', '{Act.UNCHANGED}') GROUP BY 1 ORDER BY 1"
        )
        for roster, matched, *counts in self.read(query):
            limits = facts.rosters[roster][1].safety_limits
            place = f"Roster {roster + 1}: " if facts.others else ""
            for check, concerned in zip(CHECKS, counts, strict=True):
                held = check.holds_undo or facts.command != "undo"
                if held and (sentence := check.fails(limits, concerned, matched)):
                    failed.append(FailedCheck(check.name, concerned, matched, place + sentence))
        return tuple(failed)

    def checks_of(self, row: int) -> list[SafetyCheck]:
        """Return the safety checks that count the step of a row."""
        query = "SELECT value FROM steps, json_each(checks) WHERE row = ?"
        return [*self.parsed(SafetyCheck, query, (row,))]

    @property
    def undone(self) -> tuple[str, bool]:
        """The last undo of this run that took effect, and whether nothing it wrote is left."""
        return next(self.parsed(_UNDONE.validate_json, _VALUE, (RunValue.UNDONE,)), ("", False))

    def note_undo(self, undo: Ledger) -> None:
        """Save that an undo of this run took effect, if it did."""
        wrote = {planned.row for planned in self.planned() if planned.result in WRITTEN}
        undone = {
            planned.row
            for planned in undo.planned()
            if planned.act is Act.UNCHANGED or planned.result in {*ALREADY, *WRITTEN}
        }
        if undone:
            with self.transaction():
                by = (undo.folder.name, not undo.left and wrote <= undone)
                self.keep(RunValue.UNDONE, _UNDONE.dump_json(by).decode())

    @property
    def was_applied(self) -> bool:
        """Whether `apply` has been started."""
        return self.value(RunValue.APPLIED) is not None

    @property
    def left(self) -> int:
        """How many steps an apply still has to work on."""
        counts = self.progress()
        return sum(counts.get(state, 0) for state in OPEN)

    def columns(self, roster: int | None = None) -> tuple[ColumnUse, ...]:
        """Return the columns of the rosters, or of the one at this position, in order."""
        every = next(self.parsed(COLUMNS.validate_json, _VALUE, (RunValue.COLUMNS,)), ())
        return tuple(use for use in every if roster in {None, use.roster})

    def problems(self, row: int | None = None) -> Iterator[Problem]:
        """Return problems by row, in the order found; those of the whole roster first."""
        return self._problems("1") if row is None else self._problems("row = ?", row)

    def later_problems(self) -> Iterator[Problem]:
        """Return problems found after the run was made, by resolve and apply, by row."""
        return self._problems("id > ?", int(self.value(RunValue.LAST_PROBLEM) or 0))

    def _problems(self, condition: str, *values: int) -> Iterator[Problem]:
        facts = self.facts

        def problem(*values: Any) -> Problem:
            row, code, severity, field, places, value, message, advice, repairs, asked = values
            return Problem(
                Code(code), facts.origin(row), Severity(severity), message, unpacked(advice), field,
                _places(places), value, Repairs(repairs),
                QUESTION.validate_json(asked) if asked else None,
            )  # fmt: skip

        return self.parsed(
            problem,
            "SELECT row, code, severity, field, places, value, message, advice, repairs, question"  # noqa: S608
            f" FROM problems WHERE {condition} ORDER BY row, id",
            values,
        )

    def imprints(self) -> Mapping[int, Mapping[str, Imprint]]:
        """Return what is to be remembered of the rows when they were applied."""
        query = "SELECT row, imprints FROM imprints"
        return dict(self.parsed(lambda row, text: (int(row), IMPRINTS.validate_json(text)), query))

    def fates(self) -> Iterator[tuple[int, Fate]]:
        """Return the fate of each row, in row order."""
        query = "SELECT row, fate FROM rows ORDER BY row"
        return self.parsed(lambda row, fate: (row, Fate(fate)), query)

    def rows_with(self, code: Code) -> tuple[int, ...]:
        """Return the rows with a problem of this code, in order."""
        query = "SELECT DISTINCT row FROM problems WHERE code = ? ORDER BY row"
        return tuple(row for (row,) in self.read(query, (code,)))

    def keep_seen(self, seen: Mapping[tuple[str, str], bool]) -> None:
        """Save, by mapping and primary ID, whether somebody is missing from the rosters."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO seen VALUES (?, ?, ?)",
                ((*key, missing) for key, missing in seen.items()),
            )

    def seen(self) -> dict[str, dict[str, bool]]:
        """Return by mapping with `match.absent` whether each person is missing from its rosters.

        People are primary IDs without case.
        """
        seen: dict[str, dict[str, bool]] = {}
        for mapping, key, missing in self.read("SELECT mapping, primary_id, missing FROM seen"):
            seen.setdefault(mapping, {})[key] = bool(missing)
        return seen

    def row(self, row: int) -> RowHistory | None:
        """Return a row with what was planned for it and the result; None if there is none."""
        if row.bit_length() >= _INTEGER_BITS:
            return None
        return next(self._histories("rows.row = ?", row), None)

    def every_row(self) -> Iterator[RowHistory]:
        """Return every row, in order."""
        return self._histories("1")

    def rows_to_tell(self) -> Iterator[RowHistory]:
        """Return the rows with something to report, in order: all but those of `quiet_rows`."""
        return self._histories(f"NOT ({_QUIET})")

    def quiet_rows(self) -> Iterator[tuple[int, int, Fate]]:
        """Return the rows with a fate alone, in order: first and last of each stretch, and fate."""
        query = f"SELECT row, fate FROM rows WHERE {_QUIET} ORDER BY row"  # noqa: S608
        rows = self.parsed(lambda row, fate: (row, Fate(fate)), query)
        for _, stretch in groupby(enumerate(rows), lambda pair: (pair[1][0] - pair[0], pair[1][1])):
            (first, fate), *others = (row for _, row in stretch)
            yield first, others[-1][0] if others else first, fate

    def returning(self, roster: int | None = None) -> Iterator[RowHistory]:
        """Return the rows to correct or resolve, of all rosters or one, in row order.

        Somebody who is missing from a roster has no row there to correct.
        """
        held = "fate IN ('rejected', 'review')"
        if self.was_applied:
            held += f" OR ({SENT} AND state IN ('{State.REFUSED}', '{State.HELD}'))"
        held = f"({held}) AND rows.row % {ROSTER_ROWS} <= {ABSENT_ROWS}"
        if roster is None:
            return self._histories(held)
        return self._histories(f"{held} AND rows.row / {ROSTER_ROWS} = ?", roster)

    def planned(self) -> Iterator[RowHistory]:
        """Return the rows for which something was planned, in row order."""
        return self._histories("act IS NOT NULL")

    def count_rows(self, end: Fate | Act | Result | None, containing: str) -> int:
        """Return how many rows have this fate, act or result (None: any), and contain a text."""
        query = (
            "SELECT count(*) FROM rows LEFT JOIN cells USING (row) LEFT JOIN steps USING (row)"  # noqa: S608
            f" WHERE {_having(end)} AND {_CONTAINS}"
        )
        return self.number(query, containing)

    def some_rows(
        self, end: Fate | Act | Result | None, containing: str, offset: int, most: int
    ) -> Iterator[RowHistory]:
        """Return those that `count_rows` counts, from an offset on: first what a person must do."""
        by = "act IS NULL AND fate IN ('rejected', 'review') DESC, rows.row LIMIT ?2 OFFSET ?3"
        return self._histories(f"{_having(end)} AND {_CONTAINS}", containing, most, offset, by=by)

    def _histories(
        self, condition: str, *values: int | str, by: str = "rows.row"
    ) -> Iterator[RowHistory]:
        applied = self.was_applied

        def history(*values: Any) -> RowHistory:
            number, fate, cells, act, primary_id, changes, state = values
            planned = None if act is None else Act(act)
            return RowHistory(
                number, Fate(fate), planned, primary_id or "",
                CHANGES.validate_json(changes) if changes else (),
                RESULTS.get((planned, State(state))) if planned and applied else None,
                TEXTS.validate_json(cells) if cells else (),
            )  # fmt: skip

        return self.parsed(
            history,
            "SELECT rows.row, fate, cells, act, primary_id, changes, state FROM rows"  # noqa: S608
            " LEFT JOIN cells USING (row) LEFT JOIN steps USING (row)"
            f" WHERE {condition} ORDER BY {by}",
            values,
        )

    def results(self) -> dict[Result, int]:
        """Count the steps that are sent by result."""
        counts: dict[Result, int] = {}
        for result, count in self.parsed(
            lambda act, state, count: (RESULTS.get((Act(act), State(state))), count),
            "SELECT act, state, count(*) FROM steps GROUP BY act, state",
        ):
            if result is not None:
                counts[result] = counts.get(result, 0) + count
        return counts

    def count(self, table: str, column: str) -> dict[str, int]:
        """Count the values of a column of one of the ledger's tables."""
        query = f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 1"  # noqa: S608
        return {str(value): int(count) for value, count in self.read(query)}

    def progress(self) -> dict[State, int]:
        """Count the steps that are sent by state."""
        query = (
            f"SELECT state, count(*) FROM steps WHERE {SENT}"  # noqa: S608
            " GROUP BY state ORDER BY state"
        )
        return dict(self.parsed(lambda state, count: (State(state), int(count)), query))


def _having(end: Fate | Act | Result | None) -> str:
    """Return the SQL condition of the rows with this fate, act or result."""
    match end:
        case None:
            return "1"
        case Fate():
            return f"fate = '{end.value}'"
        case Act():
            return f"act = '{end.value}'"
        case Result():
            pairs = [pair for pair, result in RESULTS.items() if result is end]
            ends = (f"(act = '{act}' AND state = '{state}')" for act, state in pairs)
            return f"({' OR '.join(ends)})"


_QUIET = (
    "fate IN ('ready', 'blank', 'skipped') AND rows.row NOT IN"
    " (SELECT row FROM problems UNION SELECT row FROM cells UNION SELECT row FROM steps)"
)
"""The SQL condition of the rows of which only the fate is known."""

_CONTAINS = "instr(folded(coalesce(cells, '') || ' ' || coalesce(primary_id, '')), folded(?1))"
"""The SQL condition of the rows that have a text in a cell or in the ID; "" is in every row."""

_places = cache(PLACES.validate_json)  # a roster has few combinations of columns


def summarize(ledger: Ledger, stopped: frozenset[Exit] = frozenset()) -> Summary:
    """Count a run by fate, act, result and problem code.

    `stopped` are the exit codes for which an `apply` ended early; the worst of all is the run's.
    """
    facts, fates = ledger.facts, ledger.count("rows", "fate")
    severities = ledger.count("problems", "severity")
    of_these = _of_these(ledger, facts)
    counts = {fate.value: fates.get(fate, 0) for fate in Fate} | _of_steps(ledger, facts)
    plans = facts.command != "check"
    return Summary(
        rows=sum(fates.values()),
        warnings=severities.get(Severity.WARNING, 0),
        repaired=severities.get(Severity.REPAIRED, 0),
        problems=ledger.count("problems", "code"),
        rosters=tuple(_by_roster(ledger, facts)) if facts.others else None,
        since_last_load=facts.since_last_load or None,
        calls=_calls(ledger, facts, counts) if plans and not facts.sis else None,
        of_these=of_these,
        failed_checks=tuple(check.check for check in ledger.failed_checks()) if plans else None,
        run=str(ledger.folder),
        exit=Exit.worst(_exits(counts, of_these, stopped)),
        **counts,
    )


def _of_steps(ledger: Ledger, facts: RunFacts) -> dict[str, int]:
    """Count the steps of a plan and, once it is applied, their results, without impossible ends."""
    counts, undoes = dict[str, int](), facts.command == "undo"
    if facts.command != "check":
        acts = ledger.count("steps", "act")
        counts |= {act.value: acts.get(act, 0) for act in Act if undoes or act is not Act.DELETE}
    if ledger.was_applied:
        results = ledger.results()
        unused = set() if undoes else {Result.DELETED, Result.WAS_GONE}
        unused |= set() if facts.sis or Result.DELIVERED in results else {Result.DELIVERED}
        ends = (result for result in Result if result not in unused)
        counts |= {result.value: results.get(result, 0) for result in ends}
    return counts


def _calls(ledger: Ledger, facts: RunFacts, counts: Mapping[str, int]) -> Calls:
    """Count the calls of a plan: an update or a delete reads the user again before it writes."""
    sent = counts[Act.CREATE] + 2 * (counts[Act.UPDATE] + counts.get(Act.DELETE, 0))
    seconds = round(sent / facts.rate) if facts.rate else 0
    return Calls(count=sent, seconds=seconds, left=None if ledger.was_applied else facts.calls_left)


def _exits(counts: Mapping[str, int], of_these: OfThese, stopped: frozenset[Exit]) -> set[Exit]:
    """Return the exit codes of what is left to do, and those for which an apply ended early."""
    corrected = counts[Fate.REJECTED] > of_these.dismissed or counts[Fate.REVIEW]
    unknown = counts.get(Result.UNKNOWN) and Exit.INTERRUPTED not in stopped
    codes = {
        Exit.REJECTS: corrected or counts.get(Result.HELD),
        Exit.REFUSED: counts.get(Result.REFUSED),
        Exit.STOPPED: unknown,
    }
    return {*stopped, *(code for code, applies in codes.items() if applies)}


def _of_these(ledger: Ledger, facts: RunFacts) -> OfThese:
    """Count the rows that another count of the summary has already."""
    of_code = "SELECT count(DISTINCT row) FROM problems WHERE code"
    marks = ", ".join("?" * len(CANNOT_BORROW))
    missing = f"row % {ROSTER_ROWS} > {ABSENT_ROWS}"
    returned = f"row IN (SELECT row FROM problems WHERE code = '{Code.RETURNED}')"  # noqa: S608
    updated = _having(Result.UPDATED if ledger.was_applied else Act.UPDATE)
    of_updated = f"SELECT count(*) FROM steps WHERE {updated} AND "  # noqa: S608
    leaving, back = (
        0 if facts.command == "undo" else ledger.number(of_updated + who)
        for who in (missing, returned)
    )
    return OfThese(
        dismissed=ledger.number(f"{of_code} = ? AND severity = ?", Code.RESOLVED, Severity.REJECT),
        absent=ledger.number(f"SELECT count(*) FROM rows WHERE {missing}"),  # noqa: S608
        kept_in_alma=facts.kept_in_alma,
        cannot_borrow=ledger.number(f"{of_code} IN ({marks})", *CANNOT_BORROW),
        leaving=leaving,
        back=back,
    )


def _by_roster(ledger: Ledger, facts: RunFacts) -> Iterator[RosterCounts]:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    query = f"SELECT row / {ROSTER_ROWS}, fate, count(*) FROM rows GROUP BY 1, 2"  # noqa: S608
    for position, fate, count in ledger.read(query):
        counts[position][fate] = count
    for position, (roster, mapping) in enumerate(facts.rosters):
        own = counts[position]
        yield RosterCounts(
            roster=roster.shown,
            sheet=roster.sheet,
            mapping=mapping.shown,
            rows=own.total(),
            **{fate.value: own[fate] for fate in Fate},
        )
