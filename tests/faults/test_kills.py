"""Killed anywhere, resumed, and nothing is lost or done twice."""

from __future__ import annotations

from pathlib import Path

from tests.faults.ground import ROWS, Ground


def test_the_uninterrupted_run(ground: Ground, tmp_path: Path) -> None:
    """The plan meets every end, and by itself breaks no invariant."""
    assert len(ground.results) == ROWS
    counts = {end: list(ground.results.values()).count(end) for end in set(ground.results.values())}
    assert counts == {"created": 14, "updated": 13, "refused": 1, "held": 2}
    with ground.trial(tmp_path) as trial:
        trial.finish()
        assert ground.violations(trial) == []
