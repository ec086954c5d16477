"""Killed anywhere, resumed, and nothing is lost or done twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.ground import ROWS, WEATHER, Ground, tell

KILLS, SEEDS = 50, (1, 2, 3, 4)
"""How many random kills the short form makes with each seed. The long form makes HUNT_KILLS."""


def test_the_uninterrupted_run(ground: Ground, tmp_path: Path) -> None:
    """The plan meets every end, and by itself breaks no invariant."""
    assert len(ground.results) == ROWS
    assert Counter(ground.results.values()) == {
        "created": 14, "updated": 13, "refused": 1, "held": 2,
    }  # fmt: skip
    with ground.trial(tmp_path) as trial:
        trial.finish()
        assert ground.violations(trial) == []


@cache
def _points(ground: Ground) -> list[str]:
    """The points of an apply, once for each plan."""
    with TemporaryDirectory() as folder, ground.trial(Path(folder)) as trial:
        trial.apply("--json")
        return trial.points


def _killed_at(ground: Ground, folder: Path, point: int, in_flight: int = 4) -> None:
    with ground.trial(folder) as trial:
        code = trial.apply(kill_at=point, in_flight=in_flight)
        label = trial.points[-1]
        assert code == -signal.SIGKILL or len(trial.points) < point, label
        trial.finish(in_flight=in_flight)
        assert ground.violations(trial) == [], f"killed at point {point}, {label}"


def _killed_amid(ground: Ground, folder: Path, *kinds: str) -> set[str]:
    """Kill once at each of these kinds of points, in the midst of the run; return all kinds."""
    labels = _points(ground)
    for kind in kinds or sorted(set(labels)):
        at = [place for place, label in enumerate(labels, 1) if label == kind]
        _killed_at(ground, folder / kind.replace(" ", "-"), at[len(at) // 2])
    return set(labels)


@pytest.mark.parametrize("label", ["before POST", "after PUT", "after append, not committed"])
def test_killed_once(ground: Ground, tmp_path: Path, label: str) -> None:
    """Around a write and in the middle of a durable one: the quick form of what follows."""
    _killed_amid(ground, tmp_path, label)


@pytest.mark.faults
@pytest.mark.parametrize("label", ["before PUT", "after PUT"])
def test_a_user_with_a_new_id_is_found_again(cards: Ground, tmp_path: Path, label: str) -> None:
    """Killed around a rename or a conversion: nobody knows under which ID Alma has the user."""
    ends = {"updated": 5, "refused": 1, "held": 2}
    assert Counter(cards.results.values()) == ends
    _killed_amid(cards, tmp_path, label)


@pytest.mark.faults
def test_killed_at_every_kind_of_point_of_a_rename(cards: Ground, tmp_path: Path) -> None:
    """Each kind of point once, in the midst of the run, then in bad weather."""
    _killed_amid(cards, tmp_path)
    kills, _ = _hunt(cards, tmp_path / "weather", seed=5, wanted=KILLS // 2)
    assert kills >= KILLS // 2


@pytest.mark.faults
def test_killed_once_at_every_kind_of_point(ground: Ground, tmp_path: Path) -> None:
    """Before and after each durable write, each call and each report; in the midst of the run."""
    wanted = {
        *("before record_intent", "after record_intent", "before mark", "after mark"),
        *("before POST", "after POST", "after PUT", "after GET", "after append, not committed"),
        *("before record_outcomes", "after record_outcomes", "before start", "after note"),
        *("before report", "after report"),
    }
    assert wanted <= _killed_amid(ground, tmp_path)


def _killed_everywhere(ground: Ground, folder: Path, what: str, in_flight: int = 4) -> None:
    """The n-th point, for every n."""
    count = len(_points(ground))
    for point in range(1, count + 1):
        _killed_at(ground, folder / str(point), point, in_flight)
    tell(what, kills=count, rows=count * len(ground.results))


@pytest.mark.hunt
@pytest.mark.parametrize("in_flight", [1, 16])
def test_killed_at_every_point(ground: Ground, tmp_path: Path, in_flight: int) -> None:
    """One call or many under way at once."""
    _killed_everywhere(ground, tmp_path, "every point", in_flight)


@pytest.mark.hunt
def test_killed_at_every_point_of_a_rename(cards: Ground, tmp_path: Path) -> None:
    """The same for people who get another ID."""
    _killed_everywhere(cards, tmp_path, "every point of a rename")


def _hunted(ground: Ground, folder: Path, dice: random.Random) -> int:
    """One life under bad weather, killed again and again; how often."""
    kills = 0
    with ground.trial(folder) as trial:
        trial.house.faults(WEATHER % dice.randrange(10**6))
        for _ in range(dice.randint(3, 9)):
            in_flight = dice.choice((1, 4, 16))
            if dice.random() < 0.8:
                code = trial.apply(kill_at=dice.randint(1, 120), in_flight=in_flight)
            else:
                code = trial.apply(kill_after=dice.uniform(0.05, 0.4), in_flight=in_flight)
            kills += code == -signal.SIGKILL
        trial.finish()
        trial.house.faults()
        assert ground.violations(trial) == [], trial.exits
    return kills


def _hunt(ground: Ground, folder: Path, seed: int, wanted: int) -> tuple[int, int]:
    """At least so many kills; how many they were, and in how many lives."""
    dice = random.Random(seed)  # noqa: S311  reproducible on purpose
    kills = lives = 0
    while kills < wanted:
        kills += _hunted(ground, folder / str(lives), dice)
        lives += 1
    return kills, lives


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_in_bad_weather(ground: Ground, tmp_path: Path, seed: int) -> None:
    """Wherever it is killed and whatever Alma does, the run ends as an uninterrupted one."""
    kills, _ = _hunt(ground, tmp_path, seed, wanted=KILLS)
    assert kills >= KILLS


@pytest.mark.hunt
def test_killed_at_random_all_night(ground: Ground, tmp_path: Path) -> None:
    """The same, HUNT_KILLS times."""
    seed = int(os.environ.get("HUNT_SEED") or time.time_ns() % 10**6)
    wanted = int(os.environ.get("HUNT_KILLS") or 5000)
    kills, lives = _hunt(ground, tmp_path, seed, wanted)
    tell("at random", kills=kills, lives=lives, rows=lives * ROWS, seed=seed)


def test_a_resume_waits_only_when_something_is_in_doubt(ground: Ground, tmp_path: Path) -> None:
    """A first slice that went well leaves nothing to be asked; the rest follows at once."""
    with ground.trial(tmp_path) as trial:
        trial.environ["ALMA_VERIFY_DELAY"] = "3600"
        for flags in (("--limit", "7"), ("--limit", "7"), ()):
            trial.apply(*flags)
            assert "wait" not in trial.points
        assert ground.violations(trial) == []
