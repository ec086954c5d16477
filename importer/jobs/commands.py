"""The importer's own commands, each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from importer.errors import FINE, Cause, Exit, ImporterError
from importer.model.run import Summary
from importer.model.text import word_list
from importer.report.commands import to_paste
from importer.report.wording import every_row, headline
from importer.service.outcome import Ending
from importer.settings import importer_command

OF_FILES = frozenset({Cause.ROSTER, Cause.EITHER})
"""Causes for which a file is refused; with any other one, nothing is wrong with it."""


class StepError(ImporterError):
    """A step of a job cannot be taken now. `exit` is that of the job."""

    def __init__(self, exit_code: Exit, sentence: str, cause: Cause) -> None:
        """Take the exit code, the sentence for people, and what has to be corrected."""
        super().__init__(sentence)
        self.exit, self.cause = exit_code, cause


class HeldError(StepError):
    """Guards hold a load. `about`: its run, the guards, and what else makes it another incident."""

    def __init__(self, sentence: str, about: tuple[str, ...]) -> None:
        """Take the sentence for people, and what it is about."""
        super().__init__(Exit.SAFETY_CHECK, sentence, Cause.OTHER)
        self.about = about


def counts_of(ended: Ending) -> Summary:
    """Return the counts of a command that did its work. Raises StepError otherwise."""
    if ended.exit in FINE and ended.summary is not None:
        return ended.summary
    raise StepError(ended.exit, "\n".join(_why(ended)), ended.cause)


def _why(ended: Ending) -> Iterator[str]:
    """Yield why a command ended early, and what was done until then."""
    if ended.exit is Exit.INTERRUPTED:
        yield "The load was stopped by a person, or by the system as it shut down."
    else:
        yield to_paste(ended.error, ended.advice)
    if (summary := ended.summary) is None:
        return
    if summary.created is None:
        yield "The load stopped. Nothing was written to Alma."
    else:
        yield from (f"The load stopped. {headline(summary)}", every_row(summary))


Command = Callable[..., Ending]
"""Runs a command of the importer, given its words."""


class MisfitError(StepError):
    """A file does not fit its mapping, which fitted the one before: the file is wrong."""

    def __init__(self, files: Sequence[str], error: ImporterError) -> None:
        """Take the files that were planned together, and what does not fit."""
        which = (
            f"The file {files[0]} does" if len(files) == 1 else f"One of {word_list(files)} does"
        )
        sentence = f"{which} not fit its mapping, which is unchanged since the last load.\n{error}"
        super().__init__(Exit.ROSTER, sentence, Cause.ROSTER)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs of the world: the importer's commands, the clock, and where to write."""

    command: Command
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    say: Callable[[str], None]


def run_command(*words: str, options: tuple[str, ...] = ()) -> Ending:
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


def how_it_ended(name: str, code: int, out: str) -> Ending:
    """Return the end of a command by its exit code and what it wrote to stdout."""
    try:
        exit_code = Exit(code)
    except ValueError:
        how = "was killed, perhaps for lack of memory"
        if code > 0:
            how = f"ended with {code}, which is no exit code of the importer"
        return Ending(exit=Exit.STOPPED, error=f"`importer {name}` {how}.")
    with suppress(ValueError):
        ended = Ending.read((out.splitlines() or [""])[-1])
        if ended.exit is exit_code and (ended.error or ended.summary):
            return ended
    msg = f"`importer {name}` ended with {code}, and without a result."
    return Ending(exit=Exit.STOPPED if exit_code in FINE else exit_code, error=msg)
