"""Commands of the importer that run beside the page, as child processes.

A task is a folder: `task.json` (what was started), `out.json` (its summary), `messages.txt` (its
progress), `running` (it has begun) and `exit` (its exit code). The child holds the file `lock`
while it runs, so that any later server knows whether it does. Stopping the server stops no task.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.model.files import write_atomically
from importer.pipeline.runs import make_numbered
from importer.settings import importer_command

TASK, OUT, MESSAGES = "task.json", "out.json", "messages.txt"
LOCK, RUNNING, EXIT = "lock", "running", "exit"

RUNNER = "run-task"
"""The hidden command that runs a task: `importer run-task FOLDER -- COMMAND …`."""

TASK_ID = "TASK-ID"
"""In the page to show when a task is done: the task's ID."""

_LINES = 12
_STARTING = 60  # seconds in which a child has taken its lock


class Task(BaseModel):
    """A command that was started: its words, when, and the page to show when it is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    words: tuple[str, ...]
    title: str
    then: str
    started: datetime


class Tasks:
    """The tasks under a folder. Commands run in `cwd`, with additions to the environment."""

    def __init__(self, folder: Path, cwd: Path, environment: Mapping[str, str]) -> None:
        """Name the folder; it is made with the first task."""
        self.folder = folder
        self._cwd = cwd
        self._environment = environment

    def start(self, *words: str, title: str, then: str, now: datetime, operator: str = "") -> Task:
        """Start a command; `then` is the page to show when it is done.

        `operator`: whom the runs name in place of the user who started the server.
        """
        folder = make_numbered(self.folder / f"{now:%Y%m%dT%H%M%S}")
        then = then.replace(TASK_ID, folder.name)
        task = Task(id=folder.name, words=words, title=title, then=then, started=now)
        write_atomically(folder / TASK, task.model_dump_json().encode())
        command = [*importer_command(), RUNNER, str(folder.resolve()), "--", *words]
        environment = {**os.environ, **self._environment, "PYTHONUTF8": "1"}
        if operator:
            environment["LOGNAME"] = operator  # the name that `getpass` finds first
        with (folder / OUT).open("wb") as out, (folder / MESSAGES).open("wb") as messages:
            subprocess.Popen(  # noqa: S603  our own command, without a shell
                command,
                cwd=self._cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=messages,
                start_new_session=True,
            )
        return task

    def find(self, name: str) -> Task | None:
        """Return a task by its ID, None if there is none."""
        path = self.folder / name / TASK
        if Path(name).name != name or not path.is_file():
            return None
        try:
            return Task.model_validate_json(path.read_text("utf-8"))
        except (OSError, ValidationError):
            return None

    def running(self) -> Iterator[Task]:
        """Yield the tasks that have not ended."""
        for path in self.folder.glob(f"*/{TASK}"):
            if not (path.parent / EXIT).exists():
                task = self.find(path.parent.name)
                if task and self.exit(task) is None:
                    yield task

    def exit(self, task: Task) -> int | None:
        """Return the exit code of a task; None while it runs, -1 if it was killed."""
        folder = self.folder / task.id
        code = folder / EXIT
        age = (datetime.now(UTC) - task.started).total_seconds()
        starts = age < _STARTING and not (folder / RUNNING).exists()
        if not code.exists() and (starts or is_locked(folder / LOCK)):
            return None
        with suppress(OSError, ValueError):
            return int(code.read_text("utf-8"))
        return -1

    def messages(self, task: Task) -> tuple[str, ...]:
        """Return the last lines that the command wrote for people."""
        with suppress(OSError):
            text = (self.folder / task.id / MESSAGES).read_text("utf-8", "replace")
            return tuple(line for line in text.splitlines() if line.strip())[-_LINES:]
        return ()

    def result(self, task: Task) -> dict[str, object]:
        """Return the JSON that the command printed, {} if there is none."""
        with suppress(OSError, ValueError):
            found = json.loads((self.folder / task.id / OUT).read_text("utf-8"))
            return found if isinstance(found, dict) else {}
        return {}


def is_locked(path: Path) -> bool:
    """Return whether a process holds this lock."""
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False
