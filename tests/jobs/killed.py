"""Run a job in a process that is killed at the n-th step: `python -m tests.jobs.killed N JOB`.

A step is a durable write of the state, a command of the importer, a file that is copied, renamed or
delivered, or a message that is sent; the process is killed just after it, and so before the next.
The commands run in this process, so that one start of Python is enough.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from importer.cli.output import now, say
from importer.jobs import notify, places
from importer.jobs.commands import Ended, Tools
from importer.jobs.run import JobRun
from importer.jobs.schema import load_job
from importer.jobs.state import Store
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


def main(kill_at: int, job: Path) -> int:
    """Run the job until it is killed."""
    points = Points(kill_at)
    points.wrap(Store, "write")
    points.wrap(notify, "send")
    points.wrap(notify.Reporter, "ping")
    for name in ("fetch", "put", "rename", "delete"):
        points.wrap(places.LocalFolder, name)

    def command(*words: str) -> Ended:
        ended = in_process(*words)
        points.reach()
        return ended

    JobRun(load_job(job), Tools(command, now, time.sleep, say)).run()
    return DONE_AT_ALL


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
