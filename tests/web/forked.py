"""Commands of the importer in processes that are forked from one that has imported it.

Each has its own folder, environment, streams and end, as one that a shell starts; but Python is
started, the importer imported and a roster checked once for all of them, not a second each time.
`python -m tests.web.forked SOCKET` is the process that forks, until its standard input ends.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import SimpleNamespace
from typing import BinaryIO

import importer
from tests import quick

ROOT = Path(__file__).parents[2]
FORKING = sys.platform == "linux"
"""Elsewhere a process that has imported much cannot be forked, or none can."""

FORKS = "IMPORTER_TEST_FORKS"
"""In the environment of a command: the socket at which it has its own commands forked."""


class Forked:
    """A command that was forked: what `subprocess.Popen` says of one that was started."""

    def __init__(  # as it is called by what starts commands
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int,
        stdout: BinaryIO,
        stderr: BinaryIO | int,
        start_new_session: bool = False,
    ) -> None:
        """Have it forked; it has the standard input of none."""
        assert stdin == subprocess.DEVNULL
        words = command[command.index("importer") + 1 :]
        order = {"words": words, "cwd": str(cwd), "env": {**env}, "session": start_new_session}
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(env[FORKS])
        errors = stdout if stderr == subprocess.STDOUT else stderr
        assert not isinstance(errors, int)
        text = json.dumps(order).encode()
        socket.send_fds(self._line, [b"%d\n" % len(text)], [stdout.fileno(), errors.fileno()])
        self._line.sendall(text)
        self._answers = self._line.makefile()
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code, or the signal as a negative number."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.send_signal(signal.SIGKILL)


@cache
def forks() -> str:
    """Start the process that forks, for this process and until its end; return its socket."""
    path = Path(mkdtemp(prefix="forks")) / "socket"
    env = {name: text for name, text in os.environ.items() if not name.startswith("ALMA_")}
    loopback = {"PYTHONPATH": str(Path(__file__).with_name("loopback"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web.forked", str(path)],
        cwd=ROOT,
        env=env | loopback,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def end() -> None:
        process.communicate()
        path.unlink(missing_ok=True)
        path.parent.rmdir()

    atexit.register(end)
    assert process.stdout is not None
    assert process.stdout.readline()
    return str(path)


def main(path: Path) -> None:
    """Fork for each order that comes, until the input ends."""
    for module in pkgutil.walk_packages(importer.__path__, "importer."):
        import_module(module.name)
    setattr(  # noqa: B010  commands that the page starts are forked, too
        import_module("importer.web.tasks"),
        "subprocess",
        SimpleNamespace(Popen=Forked, DEVNULL=subprocess.DEVNULL),
    )
    quick.begin()
    with TemporaryDirectory() as name, redirect_stdout(StringIO()):
        sample = (f"{ROOT / 'samples' / 'community-patrons.xlsx'}", "-o", f"{name}/run")
        mapping = f"{ROOT / 'mappings' / 'community.yaml'}"
        import_module("importer.cli.app").run(["check", *sample, "-m", mapping, "--quiet"])
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        os.write(1, b"ready\n")
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            line, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                _keep(line)
            line.close()


def _keep(line: socket.socket) -> None:
    """Fork the command that an order names; say its number, and how it ended."""
    length, streams, *_ = socket.recv_fds(line, 16, 2)
    size, _, text = length.partition(b"\n")
    while len(text) < int(size):
        text += line.recv(1 << 16)
    child = os.fork()
    if child == 0:
        line.close()
        _carry_out(json.loads(text), *streams)
    for one in streams:
        os.close(one)
    with suppress(BrokenPipeError):
        line.sendall(b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _carry_out(order: Mapping[str, object], out: int, errors: int) -> None:
    """Be the command: leave as it does."""
    if order["session"]:
        os.setsid()
    for number, one in enumerate((os.open(os.devnull, os.O_RDONLY), out, errors)):
        os.dup2(one, number)
        os.close(one)
    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    time.tzset()
    starts = import_module("importer.__main__")
    sys.argv = [str(starts.__file__), *order["words"]]  # type: ignore[misc]
    starts.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
