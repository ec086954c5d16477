"""Operations as plain functions against the practice Alma: their values, and what they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from importer.advice import Action
from importer.errors import ImporterError, StalePlanError, StoppedError, UsageError
from importer.ledger.ledger import Ledger, summarize
from importer.model.plan import Act, Fate, Result
from importer.model.question import Answer
from importer.pipeline.decisions import Decision
from importer.pipeline.inputs import SILENT, Advance, AskedRun, AskedUndo, RosterRequest
from importer.service import answers, loads, plans
from importer.service.check import check
from importer.service.connection import alone
from importer.service.office import NEVER, Consent, Office, Stop
from importer.service.place import CODES
from importer.settings import Settings
from tests.cli.small import ANA, BO, write
from tests.practice import log_of, reached, state_of

MONDAY = datetime.fromisoformat("2026-12-07T09:30:00+01:00")
RUN = Path("run")
NO_ID = ("", "No", "Card", "COMM", "", "", "")


@dataclass
class Heard:
    """What an operation reported and asked; `refuses`: nobody agrees."""

    refuses: bool = False
    notes: list[str] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    worked: list[str] = field(default_factory=list)

    def note(self, sentence: str, /, *_: Action) -> None:
        """Hear a sentence."""
        self.notes.append(sentence)

    @contextmanager
    def working(self, what: str, _: Callable[[], str], /) -> Iterator[Advance]:
        """Hear what begins."""
        self.worked.append(what)
        yield SILENT.advance

    def typed(self, asked: Consent, /) -> int | None:
        """Hear how many users would be deleted, and type their number."""
        self.asked.append(("typed", asked.count))
        return asked.count or None

    def agree(self, asked: Consent, /) -> None:
        """Hear how many rows would be sent."""
        self.asked.append(("agree", asked.count))
        if self.refuses:
            msg = "No."
            raise UsageError(msg)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder with a roster of two people and a row without an ID, and a practice Alma."""
    monkeypatch.chdir(tmp_path)
    write(ANA, BO, NO_ID)
    with reached(monkeypatch) as host:
        yield host


def ana() -> Office:
    """The office of Ana, on a Monday."""
    return Office("ana@desk", "1.2.3", lambda: MONDAY, Settings.read)


def asked(folder: Path = RUN) -> AskedRun:
    """The small roster, with its mapping."""
    return AskedRun((RosterRequest(Path("people.csv"), Path("small.yaml")),), folder=folder)


def planned(heard: Heard) -> None:
    """Plan the roster."""
    plans.plan(ana(), asked(), heard, NEVER).close()


def sent(heard: Heard, approved: loads.Approval, stop: Stop = NEVER) -> loads.Applied:
    """Apply the plan, or continue with it."""
    with alone(ana(), RUN) as run:
        return loads.apply(ana(), run, heard, stop, approved)


def ends() -> list[tuple[Fate, Act | None, Result | None]]:
    """What became of each row of the run."""
    with Ledger.open(RUN) as run:
        return [(row.fate, row.act, row.result) for row in run.every_row()]


REJECTED = (Fate.REJECTED, None, None)


def test_a_check_needs_no_alma(host: str) -> None:
    """It is a saved run of who asked, when; nobody is asked anything."""
    with check(ana(), asked(), heard := Heard(), NEVER) as run:
        facts = run.facts
    assert (facts.command, facts.operator, facts.started) == ("check", "ana@desk", MONDAY)
    assert ends() == [(Fate.READY, None, None)] * 2 + [REJECTED]
    assert (log_of(host), heard.asked, heard.worked) == ([], [], ["Checking"])


def test_a_plan_reads_alma_and_first_the_code_tables_that_are_not_saved(host: str) -> None:
    """Nothing is written to Alma."""
    CODES.unlink()
    planned(Heard())
    assert CODES.is_file()
    assert ends() == [(Fate.READY, Act.CREATE, None)] * 2 + [REJECTED]
    assert {call["method"] for call in log_of(host)} == {"GET"}


def test_an_apply_sends_what_is_approved_and_then_the_rest(host: str) -> None:
    """A person agrees after all checks, to as many rows as are sent; what is done is not asked."""
    planned(heard := Heard())
    assert sent(heard, loads.Approval(limit=1)) == loads.Applied()
    assert sent(heard, loads.Approval()) == loads.Applied()
    assert heard.asked == [("typed", 0), ("agree", 1)] * 2
    assert ends() == [(Fate.READY, Act.CREATE, Result.CREATED)] * 2 + [REJECTED]
    calls = len(log_of(host))
    assert sent(heard, loads.Approval()) == loads.Applied()
    assert (len(log_of(host)), len(heard.asked)) == (calls, 4)
    assert [*state_of(host)] == [ANA[0], BO[0]]


@pytest.mark.parametrize(("seal", "error"), [("", UsageError), ("of another plan", StalePlanError)])
def test_nothing_is_sent_without_agreement(
    host: str, seal: str, error: type[ImporterError]
) -> None:
    """Neither where a person refuses, nor where the plan is not the one that was approved."""
    planned(Heard())
    with pytest.raises(error):
        sent(Heard(refuses=True), loads.Approval(seal=seal))
    assert state_of(host) == {}


def test_a_stop_ends_an_apply_between_two_rows_and_a_plan_without_a_run(host: str) -> None:
    """What was sent is known, and the apply continues; a plan is saved whole or not at all."""
    with pytest.raises(StoppedError):
        plans.plan(ana(), asked(), Heard(), Stop(lambda: True))
    assert not RUN.exists()
    planned(Heard())
    stopped = sent(Heard(), loads.Approval(), Stop(lambda: True)).stopped
    assert isinstance(stopped, StoppedError)
    assert ends() == [(Fate.READY, Act.CREATE, Result.NOT_SENT)] * 2 + [REJECTED]
    assert sent(Heard(), loads.Approval()).stopped is None
    assert len(state_of(host)) == 2


def test_an_undo_is_a_plan_whose_apply_asks_for_the_number_of_deletions(host: str) -> None:
    """Of the users that the run created, where that is asked; Alma is only read."""
    planned(Heard())
    sent(Heard(), loads.Approval())
    before = state_of(host)
    undo = AskedUndo(Path("undo"), delete_created=True)
    with alone(ana(), RUN) as run, loads.undo(ana(), run, Heard(), NEVER, undo) as plan:
        assert (plan.facts.command, summarize(plan).delete) == ("undo", 2)
    assert state_of(host) == before
    with alone(ana(), Path("undo")) as run:
        loads.apply(ana(), run, heard := Heard(), NEVER, loads.Approval())
    assert (heard.asked[0], state_of(host)) == (("typed", 2), {})


def test_an_answer_changes_its_row_and_one_that_fits_none_is_returned(host: str) -> None:
    """Ana comes under another ID, which is asked about; nothing is asked about Bo."""
    planned(Heard())
    sent(Heard(), loads.Approval())
    write(("9001", *ANA[1:]), BO)
    plans.plan(ana(), asked(second := Path("second")), Heard(), NEVER).close()
    decisions = [Decision(row, Answer.REJECT) for row in (2, 3)]
    with alone(ana(), second) as run:
        resolved = answers.resolve(ana(), run, decisions, Heard(), codes=None)
    assert [(row.row, row.fate) for row in resolved.changed] == [(2, Fate.REJECTED)]
    assert [unused.rows for unused in resolved.unused] == [(3,)]
    assert len(state_of(host)) == 2
