"""The importer's own commands, each in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from importer.errors import FINE, Cause, Exit, ImporterError
from importer.model.run import Summary
from importer.report.wording import every_row, headline
from importer.settings import importer_command

OF_FILES = frozenset({Cause.ROSTER, Cause.EITHER})
"""Causes for which a file is refused; with any other one, nothing is wrong with it."""


class StepError(ImporterError):
    """A step of a job cannot be taken now. `exit` is that of the job."""

    def __init__(self, exit_code: Exit, sentence: str, cause: Cause) -> None:
        """Take the exit code, the sentence for people, and what has to be corrected."""
        super().__init__(sentence)
        self.exit, self.cause = exit_code, cause


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, its summary, or the sentence and cause of its error."""

    exit: Exit
    summary: Summary | None = None
    error: str = ""
    cause: Cause = Cause.OTHER

    @property
    def result(self) -> Summary:
        """The summary of a command that did its work. Raises StepError otherwise."""
        if self.exit in FINE and self.summary is not None:
            return self.summary
        passes = self.summary is not None and self.summary.passes
        cause = Cause.PASSES if passes else self.cause
        raise StepError(self.exit, "\n".join(self._why()), cause)

    def _why(self) -> Iterator[str]:
        """Yield why it ended early, and what was done until then."""
        summary = self.summary
        why = summary.stopped if summary is not None else self.error
        if self.exit is Exit.INTERRUPTED:
            yield "The load was stopped by a person, or by the system as it shut down."
        else:
            yield f"{why}"
        if summary is not None and summary.created is None:
            yield "The load stopped. Nothing was written to Alma."
        elif summary is not None:
            yield from (f"The load stopped. {headline(summary)}", every_row(summary))


Command = Callable[..., Ended]
"""Runs a command of the importer, given its words."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs of the world: the importer's commands, the clock, and where to write."""

    command: Command
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    say: Callable[[str], None]


def run_command(*words: str, options: tuple[str, ...] = ()) -> Ended:
    """Run a command with these options before it, and wait for its end; stderr is shown at once.

    Ctrl-C reaches the command too, and a request of the system to end is passed on; the command
    then stops in its own way.
    """
    arguments = (*importer_command(), *options, *words)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:  # noqa: S603
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            while True:
                with suppress(KeyboardInterrupt):
                    out, _ = process.communicate()
                    break
        finally:
            signal.signal(signal.SIGTERM, before)
    return how_it_ended(words[0], process.returncode, out.decode("utf-8", "replace"))


def how_it_ended(name: str, code: int, out: str) -> Ended:
    """Return the end of a command by its exit code and what it wrote to stdout."""
    try:
        exit_code = Exit(code)
    except ValueError:
        how = "was killed, perhaps for lack of memory"
        if code > 0:
            how = f"ended with {code}, which is no exit code of the importer"
        return Ended(Exit.STOPPED, error=f"`importer {name}` {how}.")
    last = out.splitlines()[-1:] or [""]
    with suppress(ValidationError):
        return Ended(exit_code, Summary.model_validate_json(last[0]))
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(last[0])
        return Ended(exit_code, error=str(told["error"]), cause=Cause(told["cause"]))
    msg = f"`importer {name}` ended with {code}, and without a result."
    return Ended(Exit.STOPPED if exit_code in FINE else exit_code, error=msg)
