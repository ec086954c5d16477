"""Load library patrons into Ex Libris Alma from spreadsheets: check, plan, review, apply.

As a library, it offers the names below; see docs/reference/python.md.
"""

# ruff: noqa: F403, F405  the names are in the list, and mypy compares them
from typing import TYPE_CHECKING

__all__ = [
    "Progress", "Run", "__version__", "apply", "check", "convert", "load_mapping", "open_run",
    "plan", "read_codes", "read_roster", "read_users", "resolve", "undo",
]  # fmt: skip

if TYPE_CHECKING:
    from importer.library import *

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Return a name of the library, which is imported when it is first used."""
        # not before: the help of a command needs no pandas
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("alma-roster-importer")
        if name in __all__:
            return getattr(import_module("importer.library"), name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
