"""`python -m importer`, and the command `importer`."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import TYPE_CHECKING

from importer.errors import Exit, missing_library

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REPEAT = 0.1
"""Seconds after which a Ctrl-C that Python dropped is repeated."""


def main() -> None:
    """Run the command line and leave with its exit code; Ctrl-C never ends in a traceback."""
    sys.unraisablehook = _repeat_interrupt
    code: int | None = None
    try:
        try:
            code = _run()
        finally:  # only leaving is left: one more Ctrl-C must not cut it off
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if code is None:
            sys.stderr.write("importer: Stopped. Run the same command to continue.\n")
    sys.exit(Exit.INTERRUPTED if code is None else code)


def _run() -> int:
    """Carry out the command line; return its exit code."""
    gc.disable()  # until the command's modules are loaded: nothing of them is ever rubbish
    try:
        from importer.cli.app import run  # here, so that Ctrl-C while it loads is caught
        from importer.cli.output import keep_streams_unbroken
    except ModuleNotFoundError as error:
        sentence = missing_library(error)
        if not sentence:
            raise
        sys.stderr.write(f"importer: {sentence}\n")
        return Exit.USAGE
    keep_streams_unbroken()
    return run(sys.argv[1:])


def _repeat_interrupt(unraisable: UnraisableHookArgs) -> None:
    """Repeat a Ctrl-C that came during a callback of Python's own, which drops exceptions."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    try:
        threading.Timer(REPEAT, _interrupt).start()
    except KeyboardInterrupt:  # it came already, or one more did; here, too, Python would drop it
        _repeat_interrupt(unraisable)


def _interrupt() -> None:
    """Send Ctrl-C to the main thread, so that it also ends a wait there."""
    main_thread = threading.main_thread().ident
    if main_thread is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread, signal.SIGINT)
    else:  # Windows
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
