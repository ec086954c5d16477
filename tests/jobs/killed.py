"""Run a job in a process that is killed at the n-th step.

A step is a durable write of the state, a command of the importer, a file that is copied, renamed or
delivered, or a message that is sent; the process is killed just after it, and so before the next.
The commands run in that process, which is a copy of one that has imported everything.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from importer.cli.output import say
from importer.jobs import notify, places, sftp
from importer.jobs.commands import Command, Tools
from importer.jobs.guards import Instruction, allow, skip
from importer.jobs.run import JobRun
from importer.jobs.schema import load_job
from importer.jobs.state import Store
from importer.service.outcome import Ending
from importer.service.place import now
from tests.jobs.office import in_process

DONE_AT_ALL = 64
"""The exit code where the job ended before the n-th step."""


class Points:
    """Counts the steps and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        """Start at zero."""
        self._left = kill_at

    def reach(self) -> None:
        """Come to a point."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, holder: object, name: str) -> None:
        """Put a point after a function."""
        plain: Callable[..., Any] = getattr(holder, name)

        @wraps(plain)
        def wrapped(*args: object, **named: object) -> object:
            result = plain(*args, **named)
            self.reach()
            return result

        setattr(holder, name, wrapped)


def lead(job: Path, command: Command) -> None:
    """Do what a job and a person do: load, and allow what is held.

    Each step is also what a person would do after a kill, so it may be done again.
    """
    for _ in range(12):
        JobRun(load_job(job), Tools(command, now, time.sleep, say)).run()
        if (held := Store(job.stem).read().held) is None:
            return
        allow(load_job(job), (), Instruction(held.run, "ana@desk", "it is right", now()))


def lead_astray(job: Path, command: Command) -> None:
    """Do as `lead`, but skip what is held."""
    for _ in range(6):
        JobRun(load_job(job), Tools(command, now, time.sleep, say)).run()
        if (held := Store(job.stem).read().held) is None:
            return
        skip(load_job(job), (), Instruction(held.run, "ana@desk", "half a file", now()))


LEADS = {one.__name__: one for one in (lead, lead_astray)}


def main(kill_at: int, folder: str, environ: dict[str, str], way: str) -> None:
    """Lead the job until the process is killed."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    points = Points(kill_at)
    points.wrap(Store, "save")
    points.wrap(notify, "send")
    points.wrap(notify.Reporter, "ping")
    for name in ("fetch", "put", "rename", "delete"):
        points.wrap(places.LocalFolder, name)
        points.wrap(sftp.RemoteFolder, name)

    def command(*words: str) -> Ending:
        ended = in_process(*words)
        points.reach()
        return ended

    LEADS[way](Path("nightly.yaml"), command)
    sys.exit(DONE_AT_ALL)


_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def kill(kill_at: int, folder: Path, way: str = "lead") -> int:
    """Lead the job of a folder, in one of LEADS, until its n-th step; return how it ended."""
    process = _PROCESSES.Process(target=main, args=(kill_at, str(folder), dict(os.environ), way))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
