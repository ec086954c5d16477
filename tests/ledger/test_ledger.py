"""What is put into a ledger comes out as it was, and a ledger that cannot be used says why.

The journal's states, that a change of its history is seen, and one writer of a run at a time.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from importer.errors import LedgerError, UsageError
from importer.ledger.integrity import first_broken
from importer.ledger.journal import Journal, RunContent, history, write_run
from importer.ledger.ledger import FILE, JournalEvent, Ledger, State
from importer.ledger.run_lock import HOLDER, LOCK, run_lock
from importer.model.formats import LEDGER
from importer.model.plan import (
    Act,
    Create,
    Fate,
    Result,
    Update,
)
from importer.model.problem import CATALOGUE, Code, Origin, Place, Problem
from tests.ledger.plans import ANA, CHANGED, FACTS, NOW, STEPS, made
from tests.pipeline.runs import ROOT


def test_every_kind_of_step_comes_back(tmp_path: Path) -> None:
    """A create and an update come back whole; the others as what they are."""
    with made(tmp_path) as ledger:
        journal = Journal(ledger, "jo", lambda: NOW)
        create, update = STEPS[0], STEPS[1]
        assert isinstance(create, Create)
        assert isinstance(update, Update)
        assert journal.rows_in(State.PLANNED) == (2, 3)
        assert journal.step(2).after == create.user
        assert journal.step(2).before is None
        found = journal.step(3)
        assert (found.before, found.after, found.override) == (ANA, CHANGED, ("user_group",))
        rows = {one.row: one for one in ledger.planned()}
        assert [rows[row].act for row in (2, 3, 4, 5)] == [
            Act.CREATE, Act.UPDATE, Act.UNCHANGED, Act.LEFT_ALONE,
        ]  # fmt: skip
        assert rows[3].changes == update.changes
        assert ledger.progress() == {State.PLANNED: 2}


def test_every_problem_comes_back(tmp_path: Path) -> None:
    """Of every code, with its places and its value, in the order of rows."""
    problems = [
        Problem.of(
            code,
            Origin("autumn.csv", "", row),
            "is {value}",
            Place("B", 'Last "name"'),
            field="last_name",
            value="Núñez\n",
        )
        for row, code in enumerate(CATALOGUE, start=2)
    ]
    fates = {problem.origin.row: Fate.REJECTED for problem in problems}
    with write_run(tmp_path, FACTS, fates, RunContent(problems=reversed(problems))) as ledger:
        assert list(ledger.problems()) == problems
        assert list(ledger.problems(2)) == problems[:1]
        assert len(problems) == len(Code)


def test_the_problems_of_a_row_are_read_without_those_of_others(tmp_path: Path) -> None:
    """Of a roster whose rows all need review, that would take hours."""
    rows, work = range(2, 2002), list[int]()
    code = Code.POSSIBLE_MATCH_IN_ALMA
    found = [Problem.of(code, Origin("a.csv", "", row), "is {value}") for row in rows]
    fates = dict.fromkeys(rows, Fate.REVIEW)
    with write_run(tmp_path, FACTS, fates, RunContent(problems=found)) as ledger:
        ledger.connection.set_progress_handler(lambda: work.append(1), 100)
        assert [one.origin.row for one in ledger.problems(1500)] == [1500]
        assert len(work) < 20


def test_every_row_comes_back(tmp_path: Path) -> None:
    """With its fate, in order, however the fates alternate and whatever rows are missing."""
    ready, rejected, blank = Fate.READY, Fate.REJECTED, Fate.BLANK
    fates = {2: ready, 3: ready, 4: rejected, 5: ready, 8: ready, 9: ready, 11: blank, 12: blank}
    with write_run(tmp_path, FACTS, dict(reversed(fates.items())), RunContent()) as ledger:
        assert list(ledger.fates()) == list(fates.items())


def test_later_problems_are_those_of_apply_and_decide(tmp_path: Path) -> None:
    """What the plan knew is not among them, also where a decision was taken back."""
    origin = Origin("autumn.csv", "", 3)
    known, refused, decided = (
        Problem.of(code, origin, "told") for code in
        (Code.EXPIRY_PAST, Code.REFUSED_BY_ALMA, Code.RESOLVED)
    )  # fmt: skip
    with write_run(tmp_path, FACTS, {3: Fate.REVIEW}, RunContent(problems=[known])) as ledger:
        assert list(ledger.later_problems()) == []
        journal = Journal(ledger, "jo", lambda: NOW)
        for fate in (Fate.READY, Fate.REJECTED):
            journal.record_resolution(3, fate, None, [decided], "")
        journal.record_outcome(3, State.REFUSED, problems=[refused])
        assert list(ledger.later_problems()) == [decided, refused]
        assert list(ledger.problems()) == [known, decided, refused]


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    """A write-ahead log, and a full flush with every commit."""
    with made(tmp_path) as ledger:
        (mode,) = next(ledger.read("PRAGMA journal_mode"))
        (flush,) = next(ledger.read("PRAGMA synchronous"))
    assert (mode, flush) == ("wal", 2)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What fails half way leaves nothing."""
    with made(tmp_path) as ledger:
        journal = Journal(ledger, "jo", lambda: NOW)
        impossible = Problem.of(Code.REFUSED_BY_ALMA, Origin("f", "", 3), "no", value="\ud800")
        with pytest.raises(UnicodeEncodeError):
            journal.record_outcome(3, State.REFUSED, problems=[impossible])
        assert journal.step(3).state is State.PLANNED
        assert list(ledger.problems()) == []


def test_a_run_that_was_killed_while_it_was_made(tmp_path: Path) -> None:
    """Says so, whether the tables are there already or not."""
    Ledger.create(tmp_path).close()
    with pytest.raises(UsageError, match="stopped before it was complete"):
        Ledger.open(tmp_path)
    (tmp_path / FILE).unlink()
    with closing(sqlite3.connect(tmp_path / FILE)) as bare:
        bare.execute("CREATE TABLE run (name TEXT)")
    with pytest.raises(UsageError, match="stopped before it was complete"):
        Ledger.open(tmp_path)


def test_no_run_at_all(tmp_path: Path) -> None:
    """A folder without a ledger is no run."""
    with pytest.raises(UsageError, match="is not a run"):
        Ledger.open(tmp_path)


def test_a_ledger_of_another_version(tmp_path: Path) -> None:
    """Is not read by guessing."""
    made(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {LEDGER.number + 1}")
    with pytest.raises(UsageError, match="a later version"):
        Ledger.open(tmp_path)


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_damaged_ledger(tmp_path: Path, kept: int) -> None:
    """Overwritten from some byte on: a sentence, at the latest when it is read."""
    made(tmp_path).close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:kept] + b"\x5a" * (len(whole) - kept))
    with pytest.raises(UsageError, match="damaged"), Ledger.open(tmp_path) as ledger:
        list(ledger.planned())


def test_a_folder_in_which_nothing_can_be_made(tmp_path: Path) -> None:
    """The error names the folder and says what to do."""
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.create(tmp_path / "nowhere")


@pytest.mark.usefixtures("open_files_stay")
def test_a_ledger_that_cannot_be_made_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody could delete its folder on Windows."""
    monkeypatch.setattr("importer.ledger.ledger.LEDGER", Mock(number="full ("))
    with pytest.raises(UsageError) as refused:
        Ledger.create(tmp_path)
    (tmp_path / FILE).unlink()
    assert refused.traceback  # the error keeps what it was raised in, as a caller does


def test_each_way_of_failing_has_words(tmp_path: Path) -> None:
    """SQLite's own words are never shown."""
    for said, words in (
        ("database or disk is full", "the disk is full"),
        ("attempt to write a readonly database", "is read-only"),
        ("database is locked", "another program"),
        ("disk I/O error", "the disk reports an error"),
    ):
        error = Ledger(tmp_path).failure(sqlite3.OperationalError(said))
        assert words in str(error)
        assert isinstance(error, LedgerError)


def test_a_block_that_ends_after_its_file_was_closed_says_nothing(tmp_path: Path) -> None:
    """As after Ctrl-C twice: nobody can act on that, and nothing was written."""
    with made(tmp_path) as ledger:
        block = ledger.transaction()
        block.__enter__()
        ledger.connection.close()
        block.gen.close()


# the journal


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A plan of a create (row 2) and an update (row 3)."""
    return made(tmp_path)


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    """Its journal."""
    return Journal(ledger, "jo@desk", lambda: NOW)


def test_an_intent_is_in_doubt_until_it_is_settled(ledger: Ledger, journal: Journal) -> None:
    """It counts as unknown, and holds what was there and what was sent."""
    journal.start(None)
    journal.record_intent(3, ANA, CHANGED)
    step = journal.step(3)
    assert (step.state, step.attempts) == (State.INTENT, 1)
    assert step.sent is not None
    assert (step.sent.before, step.sent.sent) == (ANA, CHANGED)
    assert journal.rows_in(State.INTENT, State.UNKNOWN) == (3,)
    assert ledger.results()[Result.UNKNOWN] == 1
    journal.record_outcome(3, State.APPLIED, answered=CHANGED)
    assert ledger.results() == {Result.NOT_SENT: 1, Result.UPDATED: 1}


def test_attempts_are_counted(journal: Journal) -> None:
    """Every intent is one, whatever came of it; intents with one outcome are one try."""
    for _ in range(3):
        journal.record_intent(2, None, ANA)
        journal.record_intent(2, None, ANA)
        journal.record_outcome(2, State.PLANNED)
    assert (journal.step(2).attempts, journal.tries(2)) == (6, 3)
    assert journal.tries(2, timedelta(minutes=1)) == 0
    journal.note(JournalEvent.DECIDED, "", 2)
    assert journal.tries(2) == 0


def test_another_process_goes_on(ledger: Ledger, journal: Journal) -> None:
    """What was written down is there when the ledger is opened again."""
    journal.start(None)
    journal.record_intent(2, None, ANA)
    ledger.close()
    with Ledger.open(ledger.folder) as again:
        assert Journal(again, "flo", lambda: NOW).rows_in(State.INTENT) == (2,)
        assert again.was_applied


def _written(journal: Journal) -> None:
    journal.start(None)
    for row in (2, 3):
        journal.record_intent(row, None, ANA)
        journal.record_outcome(row, State.APPLIED)
    journal.note(JournalEvent.FINISHED, "")


def test_an_untouched_history_is_whole(ledger: Ledger, journal: Journal) -> None:
    """Also an empty one, and one that goes on in another zone of time."""
    assert first_broken(ledger) is None
    _written(journal)
    Journal(ledger, "flo", lambda: NOW + timedelta(days=-1)).note(JournalEvent.PAUSED, "")
    assert first_broken(ledger) is None
    events = [entry.event for entry in history(ledger, 2)]
    assert events == ["intent", "applied"]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE entries SET detail = 'x' WHERE id = 3", 3),
        ("UPDATE entries SET operator = 'x' WHERE id = 1", 1),
        ("UPDATE entries SET time = '2020-01-01T00:00:00+00:00' WHERE id = 6", 6),
        ("UPDATE entries SET hash = 'x' WHERE id = 2", 2),
        ("DELETE FROM entries WHERE id = 1", 2),
        ("DELETE FROM entries WHERE id = 4", 5),
        ("DELETE FROM entries WHERE id = 6", 6),
        ("DELETE FROM entries WHERE id > 3", 4),
        ("DELETE FROM entries", 1),
        ("UPDATE entries SET id = CASE id WHEN 2 THEN 103 WHEN 3 THEN 2 ELSE id END", 2),
        ("DELETE FROM run WHERE name = 'head'", 7),
    ],
)
def test_a_changed_history_is_seen(
    ledger: Ledger, journal: Journal, change: str, broken: int
) -> None:
    """An entry that was edited, removed, moved, or cut off at the end."""
    _written(journal)
    ledger.connection.execute(change)
    assert first_broken(ledger) == broken


SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock
from importer.ledger.run_lock import run_lock
with run_lock(Path(sys.argv[1]), "jo@desk", datetime(2026, 8, 20, 9, 30, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    """By name, and since when."""
    with (
        other(tmp_path),
        pytest.raises(LedgerError, match=r"jo@desk \(since Aug \d+, \d+:30 [AP]M"),
        run_lock(tmp_path, "flo@desk", NOW),
    ):
        pass


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    """The system frees the lock; the next holder signs it."""
    with other(tmp_path) as process:
        process.kill()
        process.wait()
    with run_lock(tmp_path, "flo@desk", NOW):
        assert "flo@desk" in (tmp_path / HOLDER).read_text("utf-8")
    assert not (tmp_path / HOLDER).exists()


def test_an_error_lets_go(tmp_path: Path) -> None:
    """However the block ends, the next one may hold it."""

    def fail() -> None:
        with run_lock(tmp_path, "jo", NOW):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with run_lock(tmp_path, "flo", NOW):
        assert "flo" in (tmp_path / HOLDER).read_text("utf-8")


def test_a_name_that_cannot_be_read(tmp_path: Path) -> None:
    """Is another operator's; the lock counts, not the name."""
    with other(tmp_path):
        (tmp_path / HOLDER).write_text("[]", "utf-8")
        with pytest.raises(LedgerError, match="Another operator"), run_lock(tmp_path, "flo", NOW):
            pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A sentence says so; nothing is held."""
    (tmp_path / LOCK).mkdir()
    with pytest.raises(LedgerError, match="cannot be written"), run_lock(tmp_path, "jo", NOW):
        pass
