"""Apply, stop, kill, edit, resume, a second operator: in any order (Hypothesis chooses)."""

from __future__ import annotations

import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

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

from importer.ledger.ledger import State
from tests.faults.ground import AGAIN, ROWS, Ground, Record, barcode, clean
from tests.faults.test_kills import WEATHER
from tests.pipeline.runs import MAPPINGS

HALF = ROWS // 2
KNOWN = st.integers(4, HALF - 1)
"""People who are in Alma already, and of whom nothing was changed since the plan."""


class Desk(RuleBasedStateMachine):
    """A librarian, a colleague with the same roster, and staff who edit in Alma.

    To add another command (an undo, say): a rule that types it, and a line in `teardown` for
    what must hold afterwards.
    """

    ground: Ground

    def __init__(self) -> None:
        """A plan that nobody has begun."""
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.trial = self.stack.enter_context(self.ground.trial(folder / "life"))
        self.runs = ["run"]
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
        """A change that no plan is about; it must survive."""
        user = self._user(number)
        text = f"Note {len(self.notes)}"
        note = {"note_type": {"value": "OTHER"}, "note_text": text}
        self.trial.house.edit(barcode(number), user_note=[*user["user_note"], note])
        self.notes[text] = barcode(number)

    @rule(number=KNOWN)
    def staff_change_the_same_field(self, number: int) -> None:
        """A change of what a plan changes: nobody may overwrite it afterwards."""
        if len(self.runs) > 1:
            return  # a plan that is made afterwards would know of it, and may
        contact = self._user(number)["contact_info"]
        mail = f"staff{len(self.names)}@example.org"
        entry = {**contact["email"][0], "email_address": mail}
        self.trial.house.edit(
            barcode(number), contact_info={**contact, "email": [entry, *contact["email"][1:]]}
        )
        self.names[barcode(number)] = mail

    @precondition(lambda self: len(self.runs) == 1 and not self.names)
    @rule()
    def a_colleague_plans_the_same_roster(self) -> None:
        """A second run, by what Alma holds now."""
        self.trial.house.faults()
        roster, mapping = self.ground.folder / "roster.csv", MAPPINGS / "community.yaml"
        code = self.trial.type("plan", str(roster), "-m", str(mapping), "-o", "second")
        assert code in {0, 3}, self.trial.err
        self.runs.append("second")

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
            self.trial.house.faults()
            for which in range(len(self.runs)):
                self._finish(which)
            state = self.trial.house.state()
            self._check(state)
            calls = len(self.trial.house.log())
            for which in range(len(self.runs)):
                self._apply(which)
            assert len(self.trial.house.log()) == calls

    def _check(self, state: dict[str, Record]) -> None:
        for text, primary_id in self.notes.items():
            assert text in [note["note_text"] for note in state[primary_id]["user_note"]]
        for primary_id, mail in self.names.items():
            assert state[primary_id]["contact_info"]["email"][0]["email_address"] == mail
        # whom staff deleted, the colleague's plan may create again
        assert state.keys() - {barcode(2)} == self.ground.after.keys()
        for number in range(HALF + 1, ROWS):
            assert clean(state[barcode(number)]) == clean(self.ground.after[barcode(number)])
        for number in (500, 501):
            assert state[barcode(number)] == self.ground.before[barcode(number)]
        planned = {barcode(number) for number in range(ROWS)}
        for call in self.trial.house.writes():
            name = call["path"].rpartition("/")[2]
            assert (call["method"] == "POST") or (call["method"] == "PUT" and name in planned)

    def _user(self, number: int) -> Record:
        return self.trial.house.state()[barcode(number)]

    def _apply(self, which: int, *flags: str, **faults: object) -> None:
        self.trial.run = self.runs[min(which, len(self.runs) - 1)]
        self.trial.apply(*flags, **faults)

    def _finish(self, which: int) -> None:
        self.trial.run = self.runs[which]
        code = self.trial.finish()
        assert code not in AGAIN
        progress = self.trial.progress()
        assert not progress.keys() & {State.PLANNED, State.INTENT, State.UNKNOWN}


def _run(ground: Ground, lives: int, steps: int) -> None:
    machine = type("DeskOf", (Desk,), {"ground": ground})
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


def test_in_any_order(ground: Ground) -> None:
    """Whatever people do, nothing is lost, done twice, or overwritten unseen."""
    _run(ground, lives=8, steps=8)


@pytest.mark.hunt
def test_in_any_order_all_night(ground: Ground) -> None:
    """The same, at length."""
    _run(ground, lives=400, steps=14)
