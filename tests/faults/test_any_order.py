"""Apply, stop, kill, edit, resume, undo, a second operator: in any order (Hypothesis chooses)."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from importer.errors import Exit
from importer.ledger.journal import images
from importer.ledger.ledger import Ledger, State
from importer.model.plan import Act, Result
from tests.faults.ground import AGAIN, ROWS, WEATHER, Ground, Record, barcode, clean, tell

HALF = ROWS // 2
KNOWN = st.integers(4, HALF - 1)
"""People who are in Alma already, and of whom nothing was changed since the plan."""

ACTS = ("create", "update", "delete")
"""Names of counts in a run's summary."""


class Desk(RuleBasedStateMachine):
    """A librarian, a colleague with the same roster, and staff who edit in Alma.

    `runs` are those that may be under way; `past` are those that were undone: then Alma is as it
    was before the load. To add another command: a rule that types it, and a line in `_check` for
    what must hold afterwards.
    """

    ground: Ground
    figures: Counter[str]
    """How many lives there were, commands that were killed, and undos, over all lives."""

    def __init__(self) -> None:
        """A plan that nobody has begun."""
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.trial = self.stack.enter_context(self.ground.trial(folder / "life"))
        self.runs = ["run"]
        self.past: list[str] = []
        self.deleted = False
        self.notes: dict[str, str] = {}
        self.names: dict[str, str] = {}

    @rule(limit=st.integers(0, 12), which=st.integers(0, 1))
    def apply_a_slice(self, limit: int, which: int) -> None:
        """Apply some rows of one of the runs."""
        self._apply(which, "--limit", str(limit))

    @rule(which=st.integers(0, 1))
    def apply_all(self, which: int) -> None:
        """Apply, or resume, one of the runs."""
        self._apply(which)

    @rule(point=st.integers(1, 250), in_flight=st.sampled_from((1, 4, 16)), which=st.integers(0, 1))
    def apply_and_be_killed(self, point: int, in_flight: int, which: int) -> None:
        """Apply, and be killed somewhere."""
        self._apply(which, kill_at=point, in_flight=in_flight)

    @rule(point=st.integers(1, 250), which=st.integers(0, 1))
    def apply_and_stop(self, point: int, which: int) -> None:
        """Apply, and press Ctrl-C somewhere."""
        self._apply(which, signals={point: signal.SIGINT})

    @rule(write=st.integers(1, 200), which=st.integers(0, 1))
    def apply_on_a_bad_disk(self, write: int, which: int) -> None:
        """Apply, and have a write fail somewhere."""
        self._apply(which, fail_at=write, fail_with="io")

    @rule(seed=st.integers(0, 10**6))
    def the_weather_turns_bad(self, seed: int) -> None:
        """From now on calls go wrong."""
        self.trial.house.faults(WEATHER % seed)

    @rule()
    def the_weather_turns_good(self) -> None:
        """From now on they do not."""
        self.trial.house.faults()

    @rule(number=KNOWN)
    def staff_add_a_note(self, number: int) -> None:
        """A change that no plan is about; it must survive.

        What Alma itself carries out late would overwrite it, so that comes before.
        """
        self.trial.house.let_late_writes_come()
        user = self._user(number)
        text = f"Note {len(self.notes)}"
        note = {"note_type": {"value": "OTHER"}, "note_text": text}
        self.trial.house.edit(barcode(number), user_note=[*user["user_note"], note])
        self.notes[text] = barcode(number)

    @rule(number=KNOWN)
    def staff_change_the_same_field(self, number: int) -> None:
        """A change of what a plan changes: nobody may overwrite it afterwards."""
        if "second" in self.runs:
            return  # a plan that is made afterwards would know of it, and may
        self.trial.house.let_late_writes_come()
        contact = self._user(number)["contact_info"]
        mail = f"staff{len(self.names)}@example.org"
        entry = {**contact["email"][0], "email_address": mail}
        self.trial.house.edit(
            barcode(number), contact_info={**contact, "email": [entry, *contact["email"][1:]]}
        )
        self.names[barcode(number)] = mail

    @precondition(lambda self: self.runs == ["run"] and not self.names)
    @rule()
    def a_colleague_plans_the_same_roster(self) -> None:
        """A second run, by what Alma holds now."""
        self.trial.house.faults()
        roster, mapping = self.ground.folder / "roster.csv", self.ground.folder / "community.yaml"
        code = self.trial.type("plan", str(roster), "-m", str(mapping), "-o", "second")
        assert code in {0, 3}, self.trial.err
        self.runs.append("second")

    @precondition(lambda self: not self.past)
    @rule(delete=st.booleans(), point=st.integers(0, 60))
    def undo(self, *, delete: bool, point: int) -> None:
        """Plan the way back of all that is done, perhaps killed at first; nothing is written.

        The rules that apply then carry it out, in slices, killed, and so on.
        """
        self.trial.house.faults()
        for which in range(len(self.runs)):
            self._finish(which)
        writes = len(self.trial.house.writes())
        self.deleted = delete
        backs = [self._undo(run, point) for run in self.runs if self._wrote(run)]
        self.past, self.runs = [*self.past, *self.runs], backs
        assert len(self.trial.house.writes()) == writes

    @invariant()
    def nobody_is_there_twice(self) -> None:
        """No identifier and no entry of a list occurs twice, at any moment."""
        for primary_id, user in self.trial.house.state().items():
            for entries in (user["user_note"], user["contact_info"]["email"]):
                shown = [str(clean(entry)) for entry in entries]
                assert len(set(shown)) == len(shown), primary_id

    def teardown(self) -> None:
        """Carry everything out, and look whether it is all there."""
        with self.stack:
            self.figures["lives"] += 1
            self.trial.house.faults()
            for which in range(len(self.runs)):
                self._finish(which)
            state = self.trial.house.state()
            self._check(state)
            self._check_accounts()
            calls = len(self.trial.house.log())
            for run in (*self.past, *self.runs):
                self.trial.run = run
                self.trial.apply()
            assert len(self.trial.house.log()) == calls
            self.figures["kills"] += self.trial.exits.count(-signal.SIGKILL)
            self.figures["undos"] += bool(self.past)

    def _check(self, state: dict[str, Record]) -> None:
        for text, primary_id in self.notes.items():
            assert text in [note["note_text"] for note in state[primary_id]["user_note"]]
        for primary_id, mail in self.names.items():
            assert state[primary_id]["contact_info"]["email"][0]["email_address"] == mail
        users = self.ground.before if self.deleted else self.ground.after
        # whom staff deleted, the colleague's plan may create again
        assert state.keys() - {barcode(2)} == users.keys()
        for number in range(HALF + 1, ROWS):
            if barcode(number) in users:
                assert clean(state[barcode(number)]) == clean(self.ground.after[barcode(number)])
        known = self.ground.before if self.past else self.ground.after
        for primary_id in {barcode(number) for number in range(4, HALF)} - self.names.keys():
            assert clean(self._without_notes(state[primary_id])) == clean(known[primary_id])
        for number in (500, 501):
            assert state[barcode(number)] == self.ground.before[barcode(number)]

    def _check_accounts(self) -> None:
        """Every write in Alma's log is of a row that is reported so, and was saved before."""
        ends: Counter[str] = Counter()
        for run in (*self.past, *self.runs):
            self.trial.run = run
            ends += self.trial.counts()
            summary = json.loads((self.trial.folder / run / "summary.json").read_text("utf-8"))
            assert sum(summary.get(e, 0) for e in Result) == sum(summary.get(a, 0) for a in ACTS)
            with Ledger.open(self.trial.folder / run) as ledger:
                for image in images(ledger):
                    assert (image.before is None) == (image.act is Act.CREATE)
        writes: Counter[str] = Counter()
        for call in self.trial.house.writes():
            name = unquote(call["path"].partition("?")[0].rpartition("/")[2])
            assert call["method"] == "POST" or name in self.ground.planned
            writes[call["method"]] += 1
        if not self.names and "second" not in (*self.past, *self.runs):
            # else a write may have come to its end by another hand
            assert writes == Counter(
                POST=ends["created"], PUT=ends["updated"], DELETE=ends["deleted"]
            )

    def _without_notes(self, user: Record) -> Record:
        notes = [note for note in user["user_note"] if note["note_text"] not in self.notes]
        return {**user, "user_note": notes}

    def _user(self, number: int) -> Record:
        return self.trial.house.state()[barcode(number)]

    def _apply(self, which: int, *flags: str, **faults: object) -> None:
        self.trial.run = self.runs[min(which, len(self.runs) - 1)]
        self.trial.apply(*flags, **faults)

    def _wrote(self, run: str) -> bool:
        """A colleague may have done all of it before; then there is nothing to undo."""
        with Ledger.open(self.trial.folder / run) as ledger:
            return any(images(ledger))

    def _undo(self, run: str, point: int) -> str:
        flags = ["--delete-created"] if self.deleted else []
        back = f"{run}-back"
        code = self.trial.type("undo", run, "-o", back, *flags, kill_at=point)
        if code == -signal.SIGKILL:
            back = f"{run}-back-again"
            code = self.trial.type("undo", run, "-o", back, *flags)
        assert code in {0, Exit.REJECTS}, self.trial.err
        return back

    def _finish(self, which: int) -> None:
        self.trial.run = self.runs[which]
        code = self.trial.finish()
        assert code not in AGAIN
        progress = self.trial.progress()
        assert not progress.keys() & {State.PLANNED, State.INTENT, State.UNKNOWN}


def _run(ground: Ground, lives: int, steps: int) -> Counter[str]:
    figures: Counter[str] = Counter()
    machine = type("DeskOf", (Desk,), {"ground": ground, "figures": figures})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),  # a life takes seconds: it is not shrunk
            suppress_health_check=list(HealthCheck),
        ),
    )
    return figures


@pytest.mark.faults
def test_in_any_order(ground: Ground) -> None:
    """Whatever people do, nothing is lost, done twice, or overwritten unseen."""
    assert _run(ground, lives=10, steps=8)["undos"]


@pytest.mark.hunt
def test_in_any_order_all_night(ground: Ground) -> None:
    """The same, in HUNT_LIVES lives."""
    lives = int(os.environ.get("HUNT_LIVES") or 400)
    tell("any order", **_run(ground, lives, steps=14))
