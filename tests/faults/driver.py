"""Runs command lines in processes of their own that die, or cannot write, where they are told to.

`python -m tests.faults.driver` imports the importer once and forks for each order that it reads
from stdin, a line of JSON each; it answers with the exit code, or the signal as a negative number.
The child has points at its seams: around every durable write of the journal, every call to Alma
and every report. It kills itself at the n-th of them.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from importer.alma import client, connection, pacing
from importer.alma.responses import CallResult
from importer.cli.app import run
from importer.ledger import journal
from importer.ledger.integrity import MARK
from importer.ledger.journal import Journal
from importer.ledger.ledger import FILE, Ledger
from importer.ledger.run_lock import LOCK
from importer.memory import memory
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory
from importer.memory.memory import Memory
from importer.pipeline import apply, remember
from importer.report import files, page, rejects
from importer.settings import Settings
from importer.writer import executor
from tests.faults.bugs import BUGS
from tests.practice import call

PRELOADED = (files, page, rejects)
"""What a child would import for itself, once for all of them."""


REMEMBERS: dict[Any, tuple[str, ...]] = {
    EditMemory: ("remember", "done", "restore"),
    LastSeen: ("see", "leave", "unsee", "undo_leaving"),
    Memory: ("write",),
    memory: ("write_atomically",),
    remember: ("add_applied",),
}
"""The steps in which what a run leaves is saved, by what they belong to."""


class Order(BaseModel):
    """A command line and where it goes wrong.

    `kill_at` is the number of the point (from 1) at which the process is killed, `kill_after` the
    seconds after which it is killed wherever it is; `signals` are sent at points; `fail_at` is the
    number of the write that fails, and all after it as long as `lasting`; `file_size` in bytes is
    the most that a file may have. `in_flight` is how many calls are under way at once. `edits` are
    what staff change at points: a user and the fields. `deeds` are what somebody does to the run's
    folder at points, by their names in DEEDS.
    """

    arguments: tuple[str, ...]
    folder: Path
    environ: dict[str, str]
    kill_at: int = 0
    kill_after: float = 0
    signals: dict[int, int] = {}
    fail_at: int = 0
    fail_with: Literal["full", "io"] = "full"
    lasting: bool = False
    file_size: int = 0
    in_flight: int = 4
    edits: dict[int, tuple[str, dict[str, Any]]] = {}
    deeds: dict[int, str] = {}
    bug: str = ""

    @property
    def trail(self) -> Path:
        """Where the child writes down the points that it came to."""
        return self.folder / "trail.txt"


def _restore(run: Path, name: str) -> None:
    """Put the file of a backup over the one in the run, as `cp` does."""
    shutil.copyfile(run.with_name("backup") / name, run / name)


def _another_writes(run: Path) -> None:
    """Another apply begins, whose lock has no effect."""
    with Ledger.open(run) as ledger:
        Journal(ledger, "flo@laptop", lambda: datetime.now(UTC)).start(None)


def _replace(path: Path, *, backup: bool) -> None:
    """Put another file in the place of one of a run: that of the backup, or an empty one."""
    path.unlink()
    if backup:
        _restore(path.parent, path.name)
    else:
        path.touch()


def _rename(run: Path) -> None:
    """Give the run another name."""
    run.rename(run.with_name("renamed"))


def _replace_folder(run: Path) -> None:
    """Put the backup in the place of the run."""
    _rename(run)
    shutil.copytree(run.with_name("backup"), run)


def _overwrite(run: Path) -> None:
    """Put the backup over the run, file by file, as `cp` does."""
    for path in run.with_name("backup").iterdir():
        _restore(run, path.name)


DEEDS: dict[str, Callable[[Path], None]] = {
    "folder deleted": shutil.rmtree,
    "folder renamed": _rename,
    "folder replaced": _replace_folder,
    "folder overwritten": _overwrite,
    "ledger deleted": lambda run: (run / FILE).unlink(),
    "ledger replaced": lambda run: _replace(run / FILE, backup=True),
    "log deleted": lambda run: (run / f"{FILE}-wal").unlink(),
    "index deleted": lambda run: (run / f"{FILE}-shm").unlink(),
    "lock deleted": lambda run: (run / LOCK).unlink(),
    "lock replaced": lambda run: _replace(run / LOCK, backup=False),
    "mark put back": lambda run: _restore(run, MARK),
    "another writer": _another_writes,
}
"""What happens to a run's folder while it is applied; a backup of it is in `backup`."""

GONE = frozenset({"folder deleted", "folder renamed", "ledger deleted"})
"""After these the same command cannot go on."""


class Points:
    """Counts the points of one process, and strikes at those of the order."""

    def __init__(self, order: Order) -> None:
        """Nothing was passed yet."""
        self._order = order
        self._count = 0
        self._trail = os.open(order.trail, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def reach(self, label: str) -> None:
        """Come to a point."""
        self._count += 1
        os.write(self._trail, f"{label}\n".encode())
        if self._count == self._order.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if number := self._order.signals.get(self._count):
            os.kill(os.getpid(), number)
        if edit := self._order.edits.get(self._count):
            self._edit(*edit)
        if deed := self._order.deeds.get(self._count):
            DEEDS[deed](self._order.folder / self._order.arguments[1])

    def _edit(self, primary_id: str, fields: dict[str, Any]) -> None:
        host = self._order.environ["ALMA_BASE_URL"]
        call(host, "PATCH", f"/_sandbox/users/{primary_id}", fields)

    @contextmanager
    def around(self, label: str) -> Iterator[None]:
        """A point before and one after."""
        self.reach(f"before {label}")
        yield
        self.reach(f"after {label}")

    def wrap(self, holder: object, name: str, label: str) -> None:
        """Put points around a function."""
        plain: Callable[..., Any] = getattr(holder, name)

        @wraps(plain)
        def wrapped(*args: object, **named: object) -> object:
            with self.around(label):
                return plain(*args, **named)

        setattr(holder, name, wrapped)

    def install(self) -> None:
        """Put the points in place, and let a wait for late writes be a turn of the hourglass."""
        points, skipped = self, 0.0
        host, _, port = self._order.environ["HOURGLASS"].partition(":")

        async def turn(seconds: float) -> None:
            nonlocal skipped
            points.reach("wait")
            with socket.create_connection((host, int(port))) as line, line.makefile("rb") as answer:
                line.sendall(f"{seconds}\n".encode())
                answer.readline()
            skipped += seconds

        class Hurried(executor.Executor):
            """An executor whose waits take no time."""

            def __init__(self, **named: Any) -> None:
                super().__init__(**named)
                self.sleep = turn
                self.clock = lambda: time.monotonic() + skipped

        setattr(apply, "Executor", Hurried)  # noqa: B010
        setattr(executor, "GLANCE", 1_000_000.0)  # noqa: B010
        for name in ("start", "note", "record_intent", "record_outcomes", "record_unsent"):
            self.wrap(Journal, name, name)
        self.wrap(Journal, "_append", "append, not committed")
        self.wrap(journal, "write_mark", "mark")
        self.wrap(files, "_put", "report")
        for holder, names in REMEMBERS.items():
            for name in names:
                self.wrap(holder, name, f"memory: {name}")
        send = connection.Connection.send

        async def sent(itself: connection.Connection, request: connection.Request) -> CallResult:
            with self.around(request.method):
                return await send(itself, request)

        setattr(connection.Connection, "send", sent)  # noqa: B010  a method is replaced on purpose


class Disk:
    """A disk whose n-th write fails."""

    def __init__(self, order: Order) -> None:
        """All is well so far."""
        self._order = order
        self._count = 0

    def fails(self) -> bool:
        """Count one write; does it fail?"""
        self._count += 1
        order = self._order
        return self._count == order.fail_at or (order.lasting and self._count > order.fail_at)

    def install(self) -> None:
        """Let SQLite's statements, fsync and rename fail in this process."""
        disk = self
        said = "database or disk is full" if self._order.fail_with == "full" else "disk I/O error"

        class Connection(sqlite3.Connection):
            """A connection to a ledger on that disk."""

            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                """Fail instead, or, for a commit on a broken disk, having done it."""
                if statement.startswith(("SELECT", "PRAGMA")) or not disk.fails():
                    return super().execute(statement, *values)
                if statement == "COMMIT" and disk._order.fail_with == "io":
                    super().execute(statement)
                raise sqlite3.OperationalError(said)

        sqlite3.connect = partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
        number = errno.ENOSPC if self._order.fail_with == "full" else errno.EIO

        def failing(plain: Callable[..., Any]) -> Callable[..., Any]:
            def called(*args: object, **named: object) -> object:
                if disk.fails():
                    raise OSError(number, os.strerror(number))
                return plain(*args, **named)

            return called

        os.fsync = failing(os.fsync)
        os.replace = failing(os.replace)
        Path.write_text = failing(Path.write_text)  # type: ignore[method-assign]


def _hurry(order: Order) -> None:
    """Let time run fast: what is proved is the order of things, not how long they take."""
    settings = Settings.model_construct(**{**Settings().model_dump(), "alma_rate": 2000.0})
    setattr(Settings, "read", classmethod(lambda _: settings))  # noqa: B010
    setattr(client, "BACKOFF", (0.01, 0.02, 0.04))  # noqa: B010
    setattr(pacing, "SHORTEST_PAUSE", 0.01)  # noqa: B010
    setattr(pacing, "FEWEST", order.in_flight)  # noqa: B010
    setattr(pacing, "MOST", order.in_flight)  # noqa: B010


def _child(order: Order) -> int:
    os.chdir(order.folder)
    os.environ.update(order.environ)
    time.tzset()
    for number, name in ((0, os.devnull), (1, "out.txt"), (2, "err.txt")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    _hurry(order)
    if order.bug:
        BUGS[order.bug]()
    Points(order).install()
    if order.fail_at:
        Disk(order).install()
    if order.file_size:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_size, order.file_size))
    code = run(list(order.arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _carry_out(order: Order) -> int:
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = _child(order)
        finally:
            os._exit(code)
    deadline = time.monotonic() + (order.kill_after or 60)
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def main(lines: Iterator[str], answer: Callable[[int], None], environ: Mapping[str, str]) -> None:
    """Carry out orders until there are no more."""
    for line in lines:
        order = Order.model_validate_json(line)
        answer(_carry_out(order.model_copy(update={"environ": {**environ, **order.environ}})))


if __name__ == "__main__":
    main(iter(sys.stdin.readline, ""), partial(print, flush=True), {})
