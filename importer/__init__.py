"""Load library patrons into Ex Libris Alma from spreadsheets: check, show, then write.

As a library, it offers the names below; see docs/reference/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.library import (
        Run,
        apply,
        check,
        convert,
        load_mapping,
        open_run,
        plan,
        read_roster,
    )

__all__ = [
    "Run",
    "apply",
    "check",
    "convert",
    "load_mapping",
    "open_run",
    "plan",
    "read_roster",
]


def __getattr__(name: str) -> object:
    """Return a name of the library, which is imported when it is first used."""
    if name in __all__:  # not before: the help of a command needs no pandas
        return getattr(import_module("importer.library"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
