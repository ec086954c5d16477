"""Killed while a run is remembered: the next plan takes it up, and nothing counts twice."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.plan import SafetyCheck
from tests.cli.small import ANA, BO, HEAD, MAPPING
from tests.faults.ground import Driver, Trial, laying
from tests.sheets import write_csv

CY = ("2003", "Cy", "Roe", "COMM", "1970-05-06", "cy@example.org", "")
ABSENT = MAPPING.replace(
    "match: {by: [primary_id], possible_match: review}",
    "match: {absent: {among: {user_group: [COMM]}, set: {expiry_date: <@today>}}}",
)
ALLOWED = [word for check in SafetyCheck for word in ("--allow", check)]
PLAN = ("plan", "people.csv", "-m", "absent.yaml", "-o")

STEPS = {
    *("remember", "write_atomically", "see", "write", "leave", "done"),
    "add_applied",
}
"""The steps in which a load is remembered; see `driver`."""

TABLES = {
    "loaded": "primary_id, mapping, run, writer, imprints",
    "seen": "mapping, primary_id",
    "rosters": "mapping, run",
    "leavers": "primary_id, run, back",
    "loads": "mapping, run",
    "runs": "run, entry",
}
"""What is remembered, without the times at which it was."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Path:
    """A plan of three known people: one has a new email, one is missing, one is unchanged."""
    folder = tmp_path_factory.mktemp("remembered")
    (folder / "absent.yaml").write_text(ABSENT, "utf-8")
    with laying(folder) as house:
        trial = Trial(folder, house, driver)
        write_csv(folder / "people.csv", (HEAD, ANA, (*BO[:3], "COMM", *BO[4:]), CY))
        assert trial.type(*PLAN, "runs/first") == Exit.DONE, trial.err
        assert trial.type("apply", "runs/first", "--yes") == Exit.DONE, trial.err
        assert trial.type("users", "refresh") == Exit.DONE, trial.err
        write_csv(folder / "people.csv", (HEAD, (*ANA[:5], "new@example.org", ""), CY))
        assert trial.type(*PLAN, "runs/second") == Exit.DONE, trial.err
    return folder


Remembered = dict[str, list[tuple[object, ...]]]


def remembered(folder: Path) -> Remembered:
    """What the file beside the runs has, in any order; the last plan's run is called `next`."""
    with Ledger.open(folder / "runs" / "next") as ledger:
        name = ledger.facts.run_name
    with closing(sqlite3.connect(folder / "runs" / "memory.sqlite")) as file:
        return {
            table: sorted(
                tuple("next" if value == name else value for value in row)
                for row in file.execute(f"SELECT {columns} FROM {table}")  # noqa: S608
            )
            for table, columns in TABLES.items()
        }


def lived(
    template: Path, folder: Path, driver: Driver, kill_at: int = 0
) -> tuple[list[str], Remembered]:
    """Apply the plan, perhaps killed at a point, and plan again; the points, what is remembered."""
    shutil.copytree(template, folder)
    with laying(folder) as house:
        trial = Trial(folder, house, driver, run="runs/second")
        code = trial.apply("--yes", *ALLOWED, kill_at=kill_at)
        assert code == (-signal.SIGKILL if kill_at else Exit.DONE), trial.err
        points = trial.points
        assert trial.type(*PLAN, "runs/next") == Exit.DONE, trial.err
        return points, remembered(folder)


def _cut_off(template: Path, folder: Path, driver: Driver, *only: str) -> set[str]:
    """Kill at each of these points, or at all where something is remembered; return their steps."""
    points, expected = lived(template, folder / "whole", driver)
    assert [len(expected[table]) for table in ("leavers", "loads", "runs")] == [1, 2, 2]
    steps = {at: label for at, label in enumerate(points, 1) if "memory: " in label}
    for at, label in steps.items():
        if not only or label in only:
            assert lived(template, folder / str(at), driver, at)[1] == expected, label
    return {label.partition(": ")[2] for label in steps.values()}


def test_where_remembering_was_cut_off_the_next_plan_takes_it_up(
    template: Path, tmp_path: Path, driver: Driver
) -> None:
    """What loads wrote, who was there, and who left are as ever: the quick form of what follows."""
    _cut_off(template, tmp_path, driver, "after memory: see", "after memory: remember")


@pytest.mark.faults
def test_killed_at_every_step_of_remembering(
    template: Path, tmp_path: Path, driver: Driver
) -> None:
    """Before and after each, also within a transaction."""
    assert _cut_off(template, tmp_path, driver) == STEPS
