"""Eleven mistakes are planted, one at a time; the invariants find each, and nothing without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.faults.bugs import BUGS
from tests.faults.ground import Ground, Trial, barcode, line, roster
from tests.pipeline.runs import MAPPINGS

Check = Callable[[Ground, Path, str], list[str]]


def _scene(faults: str = "", kill: str = "", **options: object) -> Check:
    """Apply under faults, killed where a point first comes; then without either; what is broken."""

    def check(ground: Ground, folder: Path, bug: str) -> list[str]:
        at = _place(ground, folder / "points", kill, bug) if kill else 0
        with ground.trial(folder / "trial", **options) as trial:
            trial.house.faults(f"rules:\n{faults}" if faults else "")
            trial.apply(kill_at=at, bug=bug, in_flight=1)
            _finish(trial, bug)
            trial.house.faults()
            return ground.violations(trial)

    return check


def _place(ground: Ground, folder: Path, label: str, bug: str) -> int:
    with ground.trial(folder) as trial:
        trial.apply(bug=bug, in_flight=1)
        at = [place for place, point in enumerate(trial.points, 1) if point == label]
        return at[3]


def _finish(trial: Trial, bug: str) -> None:
    for _ in range(5):
        if trial.apply(bug=bug, in_flight=1) not in {8, 130}:
            return


def _twins(ground: Ground, folder: Path, bug: str) -> list[str]:
    """Rows with one identifier and different people: nothing may be planned for either."""
    with ground.trial(folder) as trial:
        lines = [line(40), line(41).replace(barcode(41), barcode(40))]
        rows = roster(folder / "twins.csv", lines)
        mapping = str(MAPPINGS / "community.yaml")
        trial.type("plan", str(rows), "-m", mapping, "-o", "twins", bug=bug)
        trial.run = "twins"
        return [f"I6: row {row} of two twins is planned" for row in trial.results()]


def _edited_in_a_pause(ground: Ground, folder: Path, bug: str) -> list[str]:
    """Staff add a note while an update waits, because Alma refused it for its speed."""
    with ground.trial(folder / "calls") as trial:
        trial.apply(bug=bug, in_flight=1)
        at = trial.points.index("after PUT") + 1
        path = next(call["path"] for call in trial.house.log() if call["method"] == "PUT")
    primary_id = unquote(path.partition("?")[0].rpartition("/")[2])
    with ground.trial(folder / "trial") as trial:
        trial.house.faults('rules:\n  - {on: PUT, nth: 1, do: "429"}')
        note = {"note_type": {"value": "OTHER"}, "note_text": "Added in the pause"}
        notes = [*trial.house.state()[primary_id]["user_note"], note]
        trial.apply(bug=bug, in_flight=1, edits={at: (primary_id, {"user_note": notes})})
        _finish(trial, bug)
        kept = [kept["note_text"] for kept in trial.house.state()[primary_id]["user_note"]]
        return [] if note["note_text"] in kept else ["I6: a note of staff's was overwritten"]


CHECKS: dict[str, Check] = {
    "blind_retry": _scene("  - {on: PUT, nth: 2, do: drop_after}"),
    "outcome_before_reply": _scene(kill="before POST"),
    "counting_by_position": _scene("  - {on: PUT, nth: 2, do: drop_before}", kill="after PUT"),
    "ignoring_a_late_apply": _scene('  - {on: POST, nth: 4, do: "429_after"}'),
    "stale_reading": _edited_in_a_pause,
    "first_twin_wins": _twins,
    "put_without_merge": _scene(),
    "absent_on_any_error": _scene(
        '  - {on: GET, path: "/users/*", nth: 7, do: refuse, code: "401652"}', kill="after PUT"
    ),
    "settle_skipped": _scene("  - {on: PUT, nth: 4, do: late, delay: 60}", kill="after PUT"),
    "intent_after_send": _scene(kill="after PUT"),
    "before_image_missing": _scene(),
}
"""The smallest scene in which each mistake does its harm."""


def test_every_mistake_has_its_scene() -> None:
    """None is planted that is not looked for."""
    assert CHECKS.keys() == BUGS.keys()
    assert len(BUGS) == 11


@pytest.mark.faults
@pytest.mark.parametrize("name", CHECKS)
def test_a_planted_mistake_is_found(ground: Ground, tmp_path: Path, name: str) -> None:
    """With the mistake an invariant breaks; without it, in the same scene, all hold."""
    assert CHECKS[name](ground, tmp_path / "with", name) != []
    assert CHECKS[name](ground, tmp_path / "without", "") == []
