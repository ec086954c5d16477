"""Deletions by an undo, whatever breaks: nobody is deleted twice, unseen or unrecorded."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from importer.errors import Exit
from importer.ledger.journal import Journal, history
from importer.ledger.ledger import Ledger
from tests.campus.retiring import KINDS, write
from tests.faults.ground import WEATHER, Driver, Ground, Trial, clean, laying
from tests.mapper.bench import mapping_text

CHOSEN = ("free", "free", "free", "free", "lends", "hired", "edited", "gone", "free", "staff")
PEOPLE = [(f"{kind.upper()}{n}", n, kind) for n, kind in enumerate(CHOSEN)]
GONE = {user for user, _, kind in PEOPLE if KINDS[kind].result == "deleted"}
ENDS = Counter(KINDS[kind].result for kind in CHOSEN if KINDS[kind].result)

LOAD = mapping_text("birth_date: <Born>", "roster: {dates: ymd}")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Ground:
    """An undo of created users, after whose plan staff have changed some of them."""
    template = tmp_path_factory.mktemp("deletions") / "template"
    template.mkdir()
    with laying(template) as house:
        trial = Trial(template, house, driver)
        roster = write(template, PEOPLE, "list")
        (template / "load.yaml").write_text(LOAD, "utf-8")
        assert trial.type("plan", str(roster), "-m", "load.yaml", "-o", "made") == Exit.DONE
        assert trial.type("apply", "made") == Exit.DONE, trial.err
        for user, _, kind in PEOPLE:
            KINDS[kind].before(house.call, user)
        ran = trial.type("undo", "made", "--delete-created", "-o", "run")
        assert ran == Exit.REJECTS, trial.err
        for user, _, kind in PEOPLE:
            KINDS[kind].after(house.call, user)
        house.forget_log()
        before = house.state()
    return Ground(template, driver, frozenset(GONE), before, {}, {})


def wrong(ground: Ground, trial: Trial) -> Iterator[str]:
    """What is not as it must be once a run is done."""
    trial.house.let_late_writes_come()
    state = trial.house.state()
    if ground.before.keys() - state.keys() != GONE:
        yield f"deleted: {sorted(ground.before.keys() - state.keys())}"
    for user, record in state.items():
        if clean(record) != clean(ground.before[user]):
            yield f"{user} was changed"
    calls = trial.house.writes()
    per_user = Counter(unquote(str(call["path"]).rpartition("/")[2]) for call in calls)
    if {str(call["method"]) for call in calls} - {"DELETE"} or set(per_user) != GONE:
        yield f"other calls than the deletions: {per_user}"
    if any(count > 1 for count in per_user.values()):
        yield f"deleted twice: {per_user}"
    if trial.counts() - Counter({"": len(CHOSEN)}) != ENDS:
        yield f"the run says {trial.counts()}"
    with Ledger.open(trial.folder / trial.run) as ledger:
        journal = Journal(ledger, "", lambda: ledger.facts.started)
        for one in ledger.planned():
            if one.primary_id not in GONE:
                continue
            step = journal.step(one.row)
            image = step.sent.before if step.sent else None
            events = [entry.event for entry in history(ledger, one.row)]
            if image is None or "intent" not in events:
                yield f"{one.primary_id} is not recorded"
                continue
            kept, theirs = clean(json.loads(image.to_json())), clean(ground.before[step.primary_id])
            assert isinstance(kept, dict)
            assert isinstance(theirs, dict)
            counts = ("loans", "requests", "fees")
            both = [{n: v for n, v in part.items() if n not in counts} for part in (kept, theirs)]
            if both[0] != both[1]:
                yield f"the record of {one.primary_id} is not what was there"


def killed(ground: Ground, folder: Path, step: int) -> int:
    """Kill at every n-th point of the run, resume, and look; how often it was killed."""
    with ground.trial(folder / "points") as trial:
        trial.apply()
        points = len(trial.points)
        assert list(wrong(ground, trial)) == []
    kills = 0
    for point in range(1, points + 1, step):
        with ground.trial(folder / str(point)) as trial:
            kills += trial.apply(kill_at=point) == -signal.SIGKILL
            label = trial.points[-1]
            trial.finish()
            assert list(wrong(ground, trial)) == [], f"killed at {point}, {label}"
    return kills


@pytest.mark.parametrize(
    ("step", "least"),
    [
        (40, 1),
        pytest.param(5, 10, marks=pytest.mark.faults),
        pytest.param(1, 50, marks=pytest.mark.hunt),
    ],
)
def test_an_apply_that_is_killed_deletes_nobody_twice(
    ground: Ground, tmp_path: Path, step: int, least: int
) -> None:
    """At every n-th point; it goes on with the number that is left."""
    assert killed(ground, tmp_path, step) >= least


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(4))
def test_lost_replies_and_late_deletions(ground: Ground, tmp_path: Path, seed: int) -> None:
    """Alma is asked what became of a deletion before anything is sent again."""
    late = "  - {on: DELETE, rate: 0.2, do: late, delay: 60}\n"
    lost = "  - {on: DELETE, rate: 0.4, do: drop_after}\n"
    with ground.trial(tmp_path) as trial:
        trial.house.faults((WEATHER % seed) + late + lost)
        for _ in range(6):
            trial.apply()
        trial.house.faults()
        trial.finish()
        assert list(wrong(ground, trial)) == []


def test_a_daily_limit_stops_between_deletions(ground: Ground, tmp_path: Path) -> None:
    """The rest is for tomorrow, with the number that is left then."""
    with ground.trial(tmp_path) as trial:
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 7})
        assert trial.apply(in_flight=1) == Exit.STOPPED, trial.err
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 1000})
        whole = trial.apply("--yes", "--delete", str(sum(ENDS.values())))
        assert whole == Exit.SAFETY_CHECK
        trial.finish()
        assert list(wrong(ground, trial)) == []


def test_a_second_operator_deletes_nobody_twice(ground: Ground, tmp_path: Path) -> None:
    """With a copy of the run: what one has deleted was gone already for the other."""
    with ground.trial(tmp_path) as trial:
        shutil.copytree(trial.folder / "run", trial.folder / "copy")
        assert trial.apply("--yes", "--limit", "2", "--delete", "2") == Exit.REJECTS, trial.err
        other = Trial(trial.folder, trial.house, trial.driver, run="copy")
        other.finish()
        trial.finish()
        one, two = trial.counts(), other.counts()
        assert one["deleted"] == 2
        assert one["deleted"] + two["deleted"] == len(GONE)
        assert one["was_gone"] == ENDS["was_gone"] + two["deleted"]
        calls = [call for call in trial.house.writes() if call["method"] == "DELETE"]
        assert len(calls) == len(GONE)
