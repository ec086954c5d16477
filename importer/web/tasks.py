"""The folders that the page works in, and commands that run there, as child processes.

A task is a folder: `task.json` (what was started), `out.json` (its summary), `messages.txt`,
`progress.json`, `process` (its ID), `running` (it has begun), `stop` (on Windows: it is asked to
stop) and `exit` (its exit code). The child holds the file `lock` while it runs, so that any later
server knows whether it does. Stopping the server stops no task.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from threading import Thread
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.alma.code_tables import read_file
from importer.errors import FINE, Exit, UsageError
from importer.files import exists, write_atomically
from importer.ledger.database import journal_of, merge_journal
from importer.ledger.journal import made_by_people
from importer.ledger.ledger import FILE, JournalEvent, Ledger
from importer.ledger.run_lock import LOCK, held_since
from importer.model.fields import NO_CODES, CodeTables
from importer.pipeline.runs import RUNS, make_numbered, new_name
from importer.service.outcome import Ending
from importer.service.place import CODES, PROGRESS, Advanced
from importer.service.place import TASK as TASK_VARIABLE
from importer.settings import importer_command
from importer.web.drafts import Draft

DRAFTS, TASKS = "drafts", "tasks"

PRACTICE, ALMA = "practice", "alma"
"""The two places, as they are named in addresses."""

PRACTICE_ALMA = "alma.sqlite"
"""The users of the practice Alma, of rosters that people loaded there."""

PUT_ASIDE = "alma-put-aside-"
"""The beginning of the name of a practice Alma that this version cannot open."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `runs/`, `drafts/`, `tasks/`, `mappings/`, `users/` and `codes.json`.

    `place`: PRACTICE or ALMA. `shipped`: the folder with the ready mappings and samples.
    """

    place: str
    folder: Path
    tasks: Tasks
    shipped: Path
    operator: str

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / RUNS

    def run(self, name: str) -> Path | None:
        """Return the folder of a run by its name, None if there is none."""
        folder = self.runs / name
        return folder if Path(name).name == name and exists(folder / FILE) else None

    def is_busy(self, run: Path) -> bool:
        """Return whether a command is working on a run, or was just started for it."""
        return self._applying(run) is not None or is_locked(run / LOCK)

    def at_work(self, run: Path, sittings: Sittings) -> AtWork:
        """Return what works on a run, and how its last load ended.

        Other commands than loads, such as `resolve`, work on a run as well.
        """
        tasks, began = self.tasks, self._applying(run)
        locked = is_locked(run / LOCK)
        since = held_since(run) if locked else ""
        task = began or tasks.last("apply", f"runs/{run.name}")
        later = [time for time in sittings.began if task and time > task.started]
        if task and (len(later) > 1 or (later and tasks.ended_before(task, later[0]))):
            task = None
        ended = tasks.exit(task) if task else None
        loads = since and any(began >= datetime.fromisoformat(since) for began in sittings.began)
        return AtWork(
            task,
            ended,
            busy=bool(began) or locked,
            loads=bool(began or loads),
            failed=ended not in PAUSED if task else sittings.cut,
            worker=began.id if began else since,
        )

    def _applying(self, run: Path) -> Task | None:
        return self.tasks.doing(("apply", f"runs/{run.name}"))

    def typed(self, path: Path) -> str:
        """Return a path as a command is given it, from this folder if it is inside."""
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    def typed_roster(self, draft: Draft) -> str:
        """Return the roster of a draft as a command is given it, with its sheet if one is named."""
        sheet = draft.facts.sheet
        return self.typed(draft.roster) + (f"[{sheet}]" if sheet else "")

    def drafts(self, *, trashed: bool = False) -> Iterator[Draft]:
        """Yield the drafts, newest first; `trashed`: with those in the trash."""
        folder = self.folder / DRAFTS
        for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
            with suppress(UsageError):  # of another version: see `not_opened`
                if (draft := Draft.open(path)) is not None and (trashed or not draft.facts.trashed):
                    yield draft

    def not_opened(self) -> Iterator[str]:
        """Yield a sentence for each draft and practice Alma of another version of the importer."""
        folder = self.folder / DRAFTS
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            try:
                Draft.open(path)
            except UsageError as error:
                yield str(error)
        for path in sorted(self.folder.glob(f"{PUT_ASIDE}*.sqlite")):
            yield (
                "The practice Alma of another version cannot be opened, so there is a new one. "
                f"What was loaded is kept in {path.name}; delete that file when you like."
            )

    def draft(self, name: str, *, trashed: bool = False) -> Draft | None:
        """Return a draft by its name, None if there is none; one in the trash if asked for."""
        draft = Draft.open(self.folder / DRAFTS / name) if Path(name).name == name else None
        return draft if draft and (trashed or not draft.facts.trashed) else None

    def codes(self) -> CodeTables:
        """Return the saved code tables, or none. Raises UsageError where the file is wrong."""
        path = self.folder / CODES
        return read_file(path) if path.is_file() else NO_CODES

    def codes_age(self, today: date) -> int | None:
        """Return how many days ago the code tables were read, None if there are none."""
        try:
            fetched = self.codes().fetched
        except UsageError:
            return None
        return (today - fetched).days if fetched else None

    def mappings(self) -> list[Path]:
        """Return the mappings of this folder, then the ready ones that are not copied yet."""
        every = sorted((self.folder / "mappings").glob("*.yaml"))
        own = [path for path in every if not path.name.startswith(".")]  # editors leave such
        names = {path.name for path in own}
        ready = sorted((self.shipped / "mappings").glob("*.yaml"))
        return [*own, *(path for path in ready if path.name not in names)]

    def mapping(self, name: str) -> Path | None:
        """Return a mapping by its file name; a ready one is copied into this folder first."""
        mapping = next((path for path in self.mappings() if path.name == name), None)
        if mapping is None or mapping.parent == self.folder / "mappings":
            return mapping
        own = self.folder / "mappings" / name
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mapping, own)
        return own


@dataclass(frozen=True, slots=True)
class AtWork:
    """What works on a run: whether a command does, and whether it `loads` the run.

    `task`: of the last load, None if another command continued it; `exit`: its exit code, None
    while it runs. `failed`: the last load did not end well. `worker`: what a request to stop calls
    the command that works, "" if none does; one that was started here has a name before it begins.
    """

    task: Task | None = None
    exit: int | None = None
    busy: bool = False
    loads: bool = False
    failed: bool = False
    worker: str = ""


IDLE = AtWork()


@dataclass(frozen=True, slots=True)
class Sittings:
    """The loads of a run: when each began, of how many rows the last is, and whether it was cut.

    `first`: 0 for all rows. `cut`: it noted no end, as where it was killed.
    """

    began: tuple[datetime, ...] = ()
    first: int = 0
    cut: bool = False

    @classmethod
    def of(cls, ledger: Ledger) -> Sittings:
        """Read them from the history of a run."""
        noted = [entry for entry in made_by_people(ledger) if entry.event in _LOADS]
        began = [entry for entry in noted if entry.event == JournalEvent.APPLY]
        first = began[-1].limit if began else None
        cut = bool(began) and noted[-1].event not in _ENDS
        return cls(tuple(entry.time for entry in began), first or 0, cut)


_ENDS = (JournalEvent.PAUSED, JournalEvent.FINISHED)
_LOADS = (JournalEvent.APPLY, *_ENDS)


def unused_since(folder: Path, limit: datetime) -> list[Path]:
    """Return the drafts and the tasks of a workspace that nothing changed since, in order.

    A task that still runs is not among them. In the workspace for practice, its Alma is.
    """
    return [
        path
        for path in kept_in(folder)
        if max(file.lstat().st_mtime for file in (path, *path.rglob("*"))) < limit.timestamp()
        and not is_in_use(path)
    ]


def kept_in(folder: Path) -> list[Path]:
    """Return what a workspace keeps of rosters beside its runs: drafts, tasks, a practice Alma.

    What a killed page left in the journal of its Alma is in the Alma afterwards, with its age.
    """
    merge_journal(folder / PRACTICE_ALMA)
    return [path for what in _KEPT for path in sorted(folder.glob(what))]


_KEPT = (f"{DRAFTS}/*/", f"{TASKS}/*/", PRACTICE_ALMA, f"{PUT_ASIDE}*.sqlite")


def is_in_use(path: Path) -> bool:
    """Return whether a command runs in what `kept_in` found, or the page has it open."""
    return is_locked(path / TASK_LOCK) or journal_of(path).exists()


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
