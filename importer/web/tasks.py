"""Commands that the page runs, as child processes.

A task is a folder: `task.json` (what was started), `out.json` (its summary), `messages.txt`,
`progress.json`, `process` (its ID), `running` (it has begun), `stop` (on Windows: it is asked to
stop) and `exit` (its exit code). The child holds the file `lock` while it runs, so that any later
server knows whether it does. Stopping the server stops no task.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from threading import Thread
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.errors import FINE, Exit
from importer.files import RUNS, exists, write_atomically
from importer.pipeline.runs import make_numbered, new_name
from importer.service.outcome import Ending
from importer.service.place import PROGRESS, Advanced
from importer.service.place import TASK as TASK_VARIABLE
from importer.settings import importer_command

TASK, OUT, MESSAGES, ADVANCED = "task.json", "out.json", "messages.txt", "progress.json"
TASK_LOCK, RUNNING, EXIT, PROCESS, STOP = "lock", "running", "exit", "process", "stop"

RUNNER = "run-task"
"""The hidden command that runs a task: `importer run-task FOLDER -- COMMAND …`."""

TASK_ID, RUN = "TASK-ID", "NEW-RUN"
"""In the page to show when a task is done: the task's ID, and the name of the run that it makes."""

_LINES = 12
_STARTING = 300  # seconds in which a child has taken its lock
PAUSED = frozenset({None, Exit.INTERRUPTED, *FINE})
"""The exit codes of a load that ended without an error."""
KILLED = -1
"""The exit code of a task that was killed."""


class Task(BaseModel):
    """A command that was started: its words, when, and the page to show when it is done.

    `then`: that page, and `back` the one that started it, as addresses below that of the place.
    `run`: the folder that was made for a new run, which is named after `run_of`; "" if none. In
    `then` are TASK_ID and RUN; see `page`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...]
    started: datetime
    title: str = ""
    then: str = "/"
    back: str = "/"
    run_of: str = ""
    id: str = ""
    run: str = ""

    @property
    def first(self) -> int:
        """How many rows a load was approved for, 0 for all."""
        return int(dict(pairwise(self.words)).get("--limit", 0))

    @property
    def page(self) -> str:
        """The page to show when it is done."""
        return self.then.replace(TASK_ID, self.id).replace(RUN, Path(self.run).name)


def subject(words: Iterable[str]) -> tuple[str, ...]:
    """Return what a command does, and with what: its words before the first option."""
    return tuple(takewhile(lambda word: not word.startswith("-"), words))


class Tasks:
    """The tasks under a folder. Commands run in `cwd`, with additions to the environment."""

    def __init__(self, folder: Path, cwd: Path, environment: Mapping[str, str]) -> None:
        """Name the folder; it is made with the first task."""
        self.folder = folder
        self._cwd = cwd
        self._environment = environment
        self._ended: dict[str, tuple[str, ...]] = {}

    def start(self, task: Task, operator: str) -> Task:
        """Start a command, and return its task with an ID and with the folder of the run it makes.

        They are made here, so that no two commands have the same. `operator`: whom the runs name;
        "" for the user who started the server. Raises OSError where the system starts no process;
        the task has ended then.
        """
        folder = make_numbered(self.folder / f"{task.started:%Y%m%dT%H%M%S}")
        wanted = self._cwd / RUNS / new_name(task.run_of, task.started)
        made = str(make_numbered(wanted).relative_to(self._cwd)) if task.run_of else ""
        task = task.model_copy(update={"id": folder.name, "run": made})
        write_atomically(folder / TASK, task.model_dump_json().encode())
        words = (*task.words, "-o", made) if made else task.words
        command = [*importer_command(), RUNNER, str(folder.resolve()), "--", *words]
        environment = {**os.environ, **self._environment, "PYTHONUTF8": "1"}
        environment |= {TASK_VARIABLE: task.id, PROGRESS: str(folder.resolve() / ADVANCED)}
        if operator:
            environment["LOGNAME"] = operator  # the name that `getpass` finds first
        with (folder / OUT).open("wb") as out, (folder / MESSAGES).open("wb") as messages:
            try:
                child = subprocess.Popen(  # noqa: S603  our own command, without a shell
                    command,
                    cwd=self._cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=messages,
                    **_apart(),
                )
            except OSError:
                write_atomically(folder / EXIT, str(KILLED).encode())
                raise
        write_atomically(folder / PROCESS, str(child.pid).encode())
        return task

    def cancel(self, task: Task) -> None:
        """Ask a command to stop, as Ctrl-C does; one that has ended stays as it is."""
        with suppress(OSError, ValueError):
            if self.exit(task) is None:
                if hasattr(os, "killpg"):
                    process = int((self.folder / task.id / PROCESS).read_text("utf-8"))
                    os.killpg(process, signal.SIGINT)
                else:  # Windows sends no signal to a process with another console
                    (self.folder / task.id / STOP).touch()

    def find(self, name: str) -> Task | None:
        """Return a task by its ID, None if there is none."""
        path = self.folder / name / TASK
        if Path(name).name != name or not exists(path):
            return None
        try:
            return Task.model_validate_json(path.read_text("utf-8"))
        except (OSError, ValidationError):
            return None

    def running(self) -> Iterator[Task]:
        """Yield the tasks that have not ended; those that have are looked at once."""
        names = set[str]()
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            names = {entry.name for entry in entries}
        for name in sorted(names - self._ended.keys()):
            task = self.find(name)
            if task and self.exit(task) is None:
                yield task
            elif task:
                self._ended[name] = subject(task.words)

    def doing(self, words: Iterable[str]) -> Task | None:
        """Return the task that does the same with the same thing and has not ended, None if none.

        What comes after the first option of a command does not count.
        """
        wanted = subject(words)
        return next((task for task in self.running() if subject(task.words) == wanted), None)

    def last(self, *words: str) -> Task | None:
        """Return the newest task that did this and has ended or was killed, None if none."""
        deque(self.running(), maxlen=0)
        same = [name for name, did in self._ended.copy().items() if did == words]
        tasks = (self.find(name) for name in sorted(same, reverse=True))
        return next((task for task in tasks if task), None)

    def exit(self, task: Task) -> int | None:
        """Return the exit code of a task; None while it runs, -1 if it was killed."""
        folder = self.folder / task.id
        age = (datetime.now(UTC) - task.started).total_seconds()
        starts = age < _STARTING and not (folder / RUNNING).exists()
        if not (folder / EXIT).exists() and (starts or not _has_ended(folder)):
            return None
        with suppress(OSError, ValueError):
            return int((folder / EXIT).read_text("utf-8"))
        return KILLED

    def ended_before(self, task: Task, time: datetime) -> bool:
        """Return whether a task had ended by then."""
        with suppress(OSError):
            return (self.folder / task.id / EXIT).stat().st_mtime < time.timestamp()
        return False

    def messages(self, task: Task) -> tuple[str, ...]:
        """Return the last lines that the command wrote for people."""
        with suppress(OSError):
            text = (self.folder / task.id / MESSAGES).read_text("utf-8", "replace")
            return tuple(line for line in text.splitlines() if line.strip())[-_LINES:]
        return ()

    def progress(self, task: Task) -> Advanced | None:
        """Return how far a command is, None if it does not count."""
        with suppress(OSError, ValueError, TypeError):
            return Advanced(*json.loads((self.folder / task.id / ADVANCED).read_text("utf-8")))
        return None

    def outcome(self, task: Task) -> Ending | None:
        """Return how a command ended, as it printed it; None if it did not."""
        with suppress(OSError, ValueError):
            return Ending.read((self.folder / task.id / OUT).read_text("utf-8"))
        return None

    def result(self, task: Task) -> dict[str, object]:
        """Return the JSON that the command printed, {} if there is none."""
        with suppress(OSError, ValueError):
            result = json.loads((self.folder / task.id / OUT).read_text("utf-8"))
            return result if isinstance(result, dict) else {}
        return {}


def _apart() -> dict[str, Any]:
    """Return how a child starts that does not end with the terminal, or the window, of the page."""
    if os.name == "nt":
        return {"creationflags": 0x08000000 | 0x200}  # CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}


def _has_ended(folder: Path) -> bool:
    """Return whether nothing runs in a task's folder.

    What has not begun by now never will: its exit code is left here, and `run_task` heeds it.
    """
    try:
        with FileLock(folder / TASK_LOCK, timeout=0):
            if not (folder / RUNNING).exists() and not (folder / EXIT).exists():
                write_atomically(folder / EXIT, str(KILLED).encode())
    except (Timeout, OSError):
        return False
    return True


def run_task(folder: Path, run: Callable[[], int]) -> int:
    """Run a command, with its folder locked meanwhile, and leave its exit code there.

    A command that `Tasks.exit` gave up before it began does nothing.
    """
    with FileLock(folder / TASK_LOCK):  # the page takes it for a moment to see whether it is free
        if (folder / EXIT).exists():
            _remove_unused(folder)
            return KILLED
        (folder / RUNNING).touch()
        if not hasattr(os, "killpg"):
            Thread(target=_interrupt_at, args=(folder / STOP,), daemon=True).start()
        code = run()
        _remove_unused(folder)
        write_atomically(folder / EXIT, str(int(code)).encode())
    return code


def _interrupt_at(stop: Path) -> None:
    """Send Ctrl-C to this process once there is a file."""
    while not stop.exists():
        time.sleep(0.2)
    signal.raise_signal(signal.SIGINT)


def _remove_unused(folder: Path) -> None:
    """Remove the folder of the run that a task was to make, if nothing is in it."""
    task = Task.model_validate_json((folder / TASK).read_text("utf-8"))
    if task.run:
        with suppress(OSError):  # it is not empty
            Path(task.run).rmdir()


def is_locked(path: Path) -> bool:
    """Return whether a process holds this lock."""
    if path.exists():
        try:
            with FileLock(path, timeout=0):
                pass
        except (Timeout, OSError):
            return True
    return False
