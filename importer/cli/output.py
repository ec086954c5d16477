"""How a command writes: messages, answers, JSON and a log; imported for every `--help`."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import Exit, UsageError
from importer.files import hide, is_full, new_file, printable
from importer.service.place import now, version

if TYPE_CHECKING:
    from importer.model.finding import Finding

_OWN_STREAM = re.compile(r"/dev/stdout$|/(dev|proc/self)/fd/")
"""Names of streams that each process has for itself; a job reads what its commands write there."""


def commit() -> str:
    """Return the commit that this program was built from or is a checkout of, or blank."""
    package = Path(__file__).parents[1]
    built = package / "COMMIT"  # release/commit.py writes it into the wheel
    if built.exists():
        return built.read_text("utf-8").strip()
    git = shutil.which("git")
    if git is None or not (package.parent / ".git").exists():
        return ""
    asked = (git, "-C", str(package), "rev-parse", "--short=12", "HEAD")
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


class Output:
    """How a command writes, from the options beside every command; one for the process.

    `quiet`: only errors and what stopped a run. `verbose`: all problems on the screen, and how
    long the command took. `run`: the folder of the run that the command made or used.
    """

    quiet = verbose = False
    run = ""
    _log: Path | None = None
    _began = 0.0

    def reset(self) -> None:
        """Start as without any option."""
        vars(self).clear()
        self._began = time.monotonic()

    def begin(self, *, quiet: bool, verbose: bool, log: Path | None) -> None:
        """Set the options. Raises UsageError if the log cannot be written."""
        self.quiet, self.verbose, self._log = quiet, verbose, log
        self.note("begin", version=version())

    def options(self) -> tuple[str, ...]:
        """Return the options for a command that this one starts: as quiet, and with its log.

        Not with one that is a stream of this process, whose name means another one there.
        """
        log = str(self._log.absolute()) if self._log is not None else ""
        passed = ("--log", log) if log and not _OWN_STREAM.match(log) else ()
        return (*(("-q",) if self.quiet else ()), *passed)

    def note(self, event: str, **values: object) -> None:
        """Add a line of JSON to the log, if there is one; one that fills a disk stops no load."""
        if self._log is None:
            return
        line = {"time": now().isoformat(timespec="milliseconds"), "event": event, **values}
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            log, self._log = self._log, None
            msg = f"The log {log} cannot be written ({error.strerror})."
            if event == "begin" and not is_full(error):
                msg += " Name another file."
                raise UsageError(msg) from error
            complain(f"{msg} The command continues without it.")

    def end(self, command: str, code: int) -> None:
        """Note how the command ended."""
        seconds = round(time.monotonic() - self._began, 1)
        self.note("end", command=command, exit=int(code), run=self.run, seconds=seconds)
        if self.verbose:
            say(f"{command}: {seconds:,.1f} s, exit code {int(code)}.")


output = Output()


def say(text: str = "") -> None:
    """Write a message to stderr; stdout is for what was asked for."""
    text = hide(text)
    if text:
        output.note("message", text=printable(text))
    if not output.quiet:
        sys.stderr.write(printable(text) + "\n")


def complain(text: str) -> None:
    """Write to stderr what is wrong or stops a run, also with --quiet."""
    sys.stderr.write(f"importer: {printable(hide(text))}\n")


class UnbrokenStream(io.TextIOWrapper):
    """A stream whose reader may leave, as `… | head` and a closed window do.

    The rest goes nowhere, and no error stops a load that is under way.
    """

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        try:
            return super().write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self) -> None:
        """Write what is kept back."""
        try:
            super().flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error: OSError) -> None:
        """Send what is still written nowhere. Raises the error where the reader is there."""
        if error.errno not in {errno.EPIPE, errno.EINVAL}:  # the second one is that of Windows
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def keep_streams_unbroken() -> None:
    """Let nobody who stops reading the messages or the answer stop the command, or never reads."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # it was closed, as by a service
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            lines = name == "stderr" or stream.line_buffering
            unbroken = UnbrokenStream(
                stream.buffer, stream.encoding, stream.errors, line_buffering=lines
            )
            setattr(sys, name, unbroken)


def write(*lines: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def emit(values: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Write a result to stdout: as one line of JSON, or as lines for people."""
    if as_json:
        sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    else:
        write(*lines)
    sys.stdout.flush()  # before the messages that follow


def write_findings(findings: Iterable[Finding], *, as_json: bool, **values: object) -> Exit:
    """Write what is right and wrong, after `values` in JSON; return the exit code."""
    from importer.report.commands import with_commands  # not read to start a command

    findings = tuple(findings)
    code = Exit.worst({finding.exit for finding in findings})
    result = {**values, "findings": [finding.as_json() for finding in findings], "exit": int(code)}
    lines = (
        f"{f.state.upper():4}  {f.name}: {f.sentence} {with_commands(f.choices)}" for f in findings
    )
    emit(result, map(str.rstrip, lines), as_json=as_json)
    return code


def confirm(question: str, answer: str, without: str, refused: str) -> None:
    """Ask the operator to type the answer. Raises UsageError where it is another one.

    `without`: the message where nobody can be asked; `refused`: that of another answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(without)
    sys.stderr.write(f"{printable(question)}\n")
    if sys.stdin.readline().strip().casefold() != answer.casefold():
        raise UsageError(refused)


def write_new(path: Path, text: str, option: str = "") -> None:
    """Write a new file; an existing one is never overwritten. Raises UsageError.

    `option`: the one that names the file, for the advice.
    """
    with new_file(path, private=False, option=option) as file:
        file.write(text.encode())
