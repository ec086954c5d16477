"""Commands beside the page: whether they run, and how they ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from importer.web.tasks import EXIT, LOCK, RUNNING, TASK, Task, Tasks

JUST_NOW, LONG_AGO = timedelta(seconds=1), timedelta(minutes=10)


def _begun(folder: Path, ago: timedelta, *files: str) -> Task:
    """A task that was started some time ago, with these files in its folder."""
    started = datetime.now(UTC) - ago
    task = Task(id="one", words=("plan",), title="Plan", then="/", started=started)
    (folder / task.id).mkdir(parents=True)
    (folder / task.id / TASK).write_text(task.model_dump_json(), "utf-8")
    for name in files:
        (folder / task.id / name).write_text("3" if name == EXIT else "", "utf-8")
    return task


@pytest.mark.parametrize(
    ("ago", "files", "code"),
    [
        (JUST_NOW, (), None),
        (JUST_NOW, (LOCK,), None),  # its lock is there and not yet held
        (JUST_NOW, (LOCK, RUNNING), -1),
        (JUST_NOW, (LOCK, RUNNING, EXIT), 3),
        (LONG_AGO, (LOCK,), -1),
        (LONG_AGO, (LOCK, RUNNING, EXIT), 3),
    ],
)
def test_a_task_that_starts_is_not_taken_for_a_killed_one(
    tmp_path: Path, ago: timedelta, files: tuple[str, ...], code: int | None
) -> None:
    """Only a task that had begun, or did not begin in a minute, was killed if it left no code."""
    task = _begun(tmp_path, ago, *files)
    tasks = Tasks(tmp_path, tmp_path, {})
    assert tasks.exit(task) == code
    assert list(tasks.running()) == ([task] if code is None else [])


def test_a_task_runs_while_its_lock_is_held(tmp_path: Path) -> None:
    """However long ago it was started."""
    task = _begun(tmp_path, LONG_AGO, RUNNING)
    with FileLock(tmp_path / task.id / LOCK):
        assert Tasks(tmp_path, tmp_path, {}).exit(task) is None
