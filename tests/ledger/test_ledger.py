"""What is put into a ledger comes out as it was, and a ledger that cannot be used says why."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from importer.errors import LedgerError, UsageError
from importer.ledger.journal import Journal
from importer.ledger.ledger import FILE, VERSION, Ledger, State
from importer.ledger.new_run import write_run
from importer.model.plan import (
    Act,
    Change,
    ChangeKind,
    Create,
    Fate,
    LeftAlone,
    Unchanged,
    Update,
)
from importer.model.problem import CATALOGUE, Code, Origin, Place, Problem
from importer.model.run import ColumnUse, MappingFacts, ResolvedChecks, RosterFacts, RunFacts
from importer.model.user import AccountType, Coded, User

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)

NO_CHECKS = ResolvedChecks(failed=())
FACTS = RunFacts(
    command="plan",
    version="0",
    started=NOW,
    today=date(2026, 8, 20),
    operator="jo@desk",
    roster=RosterFacts(path="/lists/autumn.csv", sha256="0", kind="csv"),
    mapping=MappingFacts(path="m.yaml", sha256="1", name="m", account_type=AccountType.INTERNAL),
)

ANA = User(primary_id="20001234567890", first_name="Ana", last_name="Núñez")
CHANGED = ANA.model_copy(update={"last_name": "Nuñez Vega"})

STEPS = (
    Create(2, ANA.model_copy(update={"user_group": Coded(value="COMM")})),
    Update(
        3,
        "20001234567890",
        ANA,
        CHANGED,
        (Change(ChangeKind.REPLACE, "last_name", "Núñez", "Nuñez Vega"),),
        ("user_group",),
    ),
    Unchanged(4, "20001234567891"),
    LeftAlone(5),
)


def made(folder: Path) -> Ledger:
    """A finished plan of four steps."""
    column = ColumnUse("A", "Barcode", ("primary_id",), "exactly", ("2000",))
    fates = {step.row: Fate.READY for step in STEPS}
    return write_run(folder, FACTS, fates, steps=STEPS, columns=[column])


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
    with write_run(tmp_path, FACTS, fates, problems=reversed(problems)) as ledger:
        assert list(ledger.problems()) == problems
        assert list(ledger.problems(2)) == problems[:1]
        assert len(problems) == len(Code)


def test_every_row_comes_back(tmp_path: Path) -> None:
    """With its fate, in order, however the fates alternate and whatever rows are missing."""
    ready, rejected, blank = Fate.READY, Fate.REJECTED, Fate.BLANK
    fates = {2: ready, 3: ready, 4: rejected, 5: ready, 8: ready, 9: ready, 11: blank, 12: blank}
    with write_run(tmp_path, FACTS, dict(reversed(fates.items()))) as ledger:
        assert list(ledger.fates()) == list(fates.items())


def test_later_problems_are_those_of_apply_and_decide(tmp_path: Path) -> None:
    """What the plan knew is not among them, also where a decision was taken back."""
    origin = Origin("autumn.csv", "", 3)
    known, refused, decided = (
        Problem.of(code, origin, "told") for code in
        (Code.EXPIRY_PAST, Code.REFUSED_BY_ALMA, Code.RESOLVED)
    )  # fmt: skip
    with write_run(tmp_path, FACTS, {3: Fate.REVIEW}, problems=[known]) as ledger:
        assert list(ledger.later_problems()) == []
        journal = Journal(ledger, "jo", lambda: NOW)
        for fate in (Fate.READY, Fate.REJECTED):
            journal.record_resolution(3, fate, None, [decided], "", NO_CHECKS)
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
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UsageError, match="another version"):
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
    monkeypatch.setattr("importer.ledger.ledger.VERSION", "full (")
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
