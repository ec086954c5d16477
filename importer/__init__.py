"""Load library patrons into Ex Libris Alma from spreadsheets: check, plan, review, apply.

As a library, it offers the names below; see docs/reference/python.md.
"""

from typing import TYPE_CHECKING

__all__ = [
    "Progress",
    "Run",
    "__version__",
    "absent",
    "apply",
    "apply_async",
    "borrow_check",
    "check",
    "convert",
    "load_mapping",
    "open_run",
    "plan",
    "plan_async",
    "read_codes",
    "read_codes_async",
    "read_roster",
    "read_users",
    "read_users_async",
    "resolve",
    "resolve_async",
    "undo",
    "undo_async",
]

_MODULES = ("arguments", "runs", "loads", "alma")

if TYPE_CHECKING:
    from importer.library.alma import read_codes, read_codes_async, read_users, read_users_async
    from importer.library.arguments import Progress
    from importer.library.loads import (
        apply,
        apply_async,
        check,
        convert,
        load_mapping,
        plan,
        plan_async,
        read_roster,
        resolve,
        resolve_async,
        undo,
        undo_async,
    )
    from importer.library.runs import Run, absent, borrow_check, open_run

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Return a name of the library, which is imported when it is first used."""
        # not before: the help of a command needs no pandas
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("alma-roster-importer")
        if name in __all__:
            modules = (import_module(f"importer.library.{m}") for m in _MODULES)
            return next(getattr(one, name) for one in modules if hasattr(one, name))
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
