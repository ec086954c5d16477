"""A limit on the computing time of a thread, on every system."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_OFTEN = 0.2  # seconds between two looks


class TooLongError(BaseException):
    """The time is over. No library takes this for an error of its own."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLongError in the block if the process computes for longer than that.

    A second thread looks at the clock and interrupts the first one between two steps of Python, as
    signals would, which Windows and the threads of the page do not have. A single call of a library
    is not interrupted: the limits on sizes bound those.
    """
    thread, until, done = threading.get_ident(), time.process_time() + seconds, threading.Event()

    def watch() -> None:
        while not done.wait(_OFTEN):
            if time.process_time() > until:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(TooLongError)
                )
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
