"""The run's folder is changed while it is applied: no more writes leave, and it goes on later."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.ledger import FILE
from tests.faults.driver import DEEDS, GONE
from tests.faults.ground import ROWS, Ground, Trial, tell

BEGUN = 5
"""Rows of the plan that were done before the backup was made."""

WRITES = frozenset({"before POST", "before PUT"})

RESTORED = frozenset(
    {"folder deleted", "folder replaced", "folder overwritten", "ledger deleted", "ledger replaced"}
)
"""After these the ledger is an older one, whose records are those of the plan."""


@pytest.fixture(scope="module")
def begun(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """The plan of which the first rows are done, and a backup of its run as it is then."""
    with ground.trial(folder := tmp_path_factory.mktemp("begun")) as trial:
        trial.apply("--limit", str(BEGUN))
        shutil.copytree(folder / "run", folder / "backup")
        return replace(ground, folder=folder, begun=tuple(trial.house.writes()))


def _changed_at(ground: Ground, folder: Path, deed: str, point: int, in_flight: int = 4) -> None:
    """Change the folder at a point; nothing leaves after that, and it ends as it would have."""
    with ground.trial(folder) as trial:
        flags = () if deed == "folder renamed" else ("--json",)
        code = trial.apply(*flags, deeds={point: deed}, in_flight=in_flight)
        if not _has_effect(trial.points, deed, point):  # calls under way come in another order
            return
        after = trial.points[point:]
        where = f"{deed} at point {point}, {trial.points[point - 1]}"
        assert WRITES.isdisjoint(after), where
        wrote = any(label.endswith(("POST", "PUT")) for label in after)
        if wrote or "before record_intent" in after:  # it was under way
            assert code == (Exit.USAGE if deed in GONE else Exit.STOPPED), (where, trial.err)
            assert "Nothing more was sent" in trial.err or "nothing more was sent" in trial.err
            assert re.search(
                r"Done: \d+\.(?: Result not known yet: \d+.*)? Left: \d+\.", trial.err
            ), where
            assert not flags or json.loads(trial.out)["exit"] == code
        assert "defect" not in trial.err, where
        if deed == "folder renamed" or not (trial.folder / "run").exists():
            assert "importer apply run" not in trial.err
        if deed == "folder renamed":
            trial.run = "renamed"
        elif deed in GONE or (deed == "folder overwritten" and trial.apply() == Exit.USAGE):
            shutil.rmtree(trial.folder / "run", ignore_errors=True)
            shutil.copytree(trial.folder / "backup", trial.folder / "run")
        trial.finish(in_flight=in_flight)
        images = "I5" if deed in RESTORED else "none is left out"
        assert [one for one in ground.violations(trial) if images not in one] == [], where


def _damage(trial: Trial, statement: str) -> None:
    """Change a value of the ledger by hand."""
    with closing(sqlite3.connect(trial.folder / trial.run / FILE)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


DAMAGES = (
    "UPDATE steps SET state = 'applied'",
    "UPDATE steps SET state = 'applied' WHERE row = 3",
    "UPDATE rows SET fate = 'x' WHERE row = 2",
    "UPDATE rows SET fate = 'rejected' WHERE row = 2",
    "UPDATE steps SET act = 'x' WHERE row = 2",
)


def test_a_damaged_ledger_is_not_applied(ground: Ground, tmp_path: Path) -> None:
    """Exit 2 from every command, and nothing is sent; a backup that is restored goes on."""
    with ground.trial(tmp_path) as trial:
        shutil.copytree(trial.folder / "run", trial.folder / "backup")
        for damage in DAMAGES:
            _damage(trial, damage)
            for words in ("apply run", "report run", "show run 2", "undo run"):
                assert trial.type(*words.split()) == Exit.USAGE, (damage, words)
                assert "is damaged" in trial.err
            assert trial.house.log() == []
            shutil.rmtree(trial.folder / "run")
            shutil.copytree(trial.folder / "backup", trial.folder / "run")
        trial.finish()
        assert ground.violations(trial) == []


def test_a_run_restored_from_a_backup_knows_what_it_wrote(ground: Ground, tmp_path: Path) -> None:
    """Undo names the command that looks the rows up; after it they are this run's, not others'."""
    with ground.trial(tmp_path) as trial:
        shutil.copytree(trial.folder / "run", trial.folder / "backup")
        trial.apply("--limit", "0")
        trial.finish()
        writes = trial.house.writes()
        shutil.rmtree(trial.folder / "run")
        shutil.copytree(trial.folder / "backup", trial.folder / "run")
        assert trial.type("undo", "run") == Exit.USAGE
        typed = re.search(r"\n  importer (apply run.*)", trial.err)
        assert typed is not None, trial.err
        trial.type(*typed[1].split())
        trial.finish()
        assert trial.house.writes() == writes
        assert trial.results() == ground.results
        assert trial.type("undo", "run", "--delete-created", "-o", "back") in {0, Exit.REJECTS}
        trial.run = "back"
        trial.apply("--allow", "removals")
        assert trial.house.state().keys() == ground.before.keys()


@pytest.fixture(scope="module")
def labels(begun: Ground, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The points of an apply to the end of its last write; reports come after that."""
    with begun.trial(tmp_path_factory.mktemp("points")) as trial:
        trial.apply(in_flight=4)
        return trial.points


def _has_effect(labels: list[str], deed: str, point: int) -> bool:
    """Return whether a deed can do something at a point.

    Before the first entry, the backup is as the run is; while an entry is written, the database
    lets nobody else write.
    """
    if deed in {"mark put back", "folder overwritten"}:
        return point > labels.index("after start")
    return deed != "another writer" or "not committed" not in labels[point - 1]


def _middle(labels: list[str], kind: str) -> int:
    """The number of the point of a kind in the midst of the run."""
    at = [place for place, label in enumerate(labels, 1) if label == kind]
    return at[len(at) // 2]


@pytest.mark.parametrize("deed", ["folder deleted", "folder renamed", "another writer"])
def test_no_write_leaves_after_its_intent_if_the_ledger_is_another(
    begun: Ground, labels: list[str], tmp_path: Path, deed: str
) -> None:
    """The gate stands between the durable intent and the first byte: the quick form."""
    _changed_at(begun, tmp_path / "trial", deed, _middle(labels, "after record_intent"))


@pytest.mark.faults
@pytest.mark.parametrize("deed", DEEDS)
def test_each_deed_at_each_kind_of_point(
    begun: Ground, labels: list[str], tmp_path: Path, deed: str
) -> None:
    """In the midst of the run: around intents, outcomes, calls, waits and the mark."""
    kinds = sorted({label for label in labels if "report" not in label} - {"wait"})
    for kind in kinds:
        if _has_effect(labels, deed, point := _middle(labels, kind)):
            _changed_at(begun, tmp_path / kind.replace(" ", "-"), deed, point)


@pytest.mark.hunt
@pytest.mark.parametrize("deed", DEEDS)
def test_each_deed_at_every_point(
    begun: Ground, labels: list[str], tmp_path: Path, deed: str
) -> None:
    """The n-th point, for every n."""
    points = [n for n in range(1, len(labels) + 1) if _has_effect(labels, deed, n)]
    for point in points:
        _changed_at(begun, tmp_path / str(point), deed, point, in_flight=4)
    tell(f"gate, {deed}", deeds=len(points), rows=len(points) * ROWS)
