"""Run folders: one for each run, readable by its owner only."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import UsageError
from importer.model.files import exists, shown

if TYPE_CHECKING:
    from datetime import datetime

RUNS = Path("runs")

DECISIONS = RUNS / "decisions.sqlite"
"""What people decided about rows that need review, for later runs."""


def new_folder(roster: Path, now: datetime, wanted: Path | None) -> Path:
    """Return an empty run folder: `wanted`, or a new one, `runs/<date>T<time>-<roster>`.

    A folder that is made here is private (0700). One that exists is used as it is if it is
    empty; otherwise it is refused. Nothing about an existing folder is changed.

    Raises UsageError where the folder is not empty, is a file, or cannot be made.
    """
    if wanted is None:
        return _make_numbered(RUNS / f"{now:%Y-%m-%dT%H%M}-{_plain(roster.stem)}")
    try:
        if not exists(wanted):
            _make(wanted)
        elif not wanted.is_dir():
            msg = f"{shown(wanted)} is a file. Name a new folder with -o, or leave -o out."
            raise UsageError(msg)
        elif any(wanted.iterdir()):
            msg = (
                f"The folder {shown(wanted)} is not empty. Name a new folder with -o, or leave "
                "-o out."
            )
            raise UsageError(msg)
    except (OSError, ValueError) as error:
        raise _unusable(wanted, error) from error
    return wanted


def find_folder(run: str) -> Path:
    """Return the folder of a run, given by its path or by its name under `runs/`.

    Raises UsageError where there is none.
    """
    for folder in (Path(run), RUNS / run):
        with suppress(OSError):
            if folder.is_dir():
                return folder
    msg = f"There is no run {shown(Path(run))}. `importer runs` lists the runs."
    raise UsageError(msg)


def _make_numbered(wanted: Path) -> Path:
    """Make this folder, or the same name with the first free number after it."""
    for number in count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            _make(folder)
        except FileExistsError:
            continue
        except (OSError, ValueError) as error:
            raise _unusable(folder, error) from error
        return folder
    raise AssertionError  # pragma: no cover  the numbers never end


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)


def _unusable(folder: Path, error: OSError | ValueError) -> UsageError:
    why = error.strerror if isinstance(error, OSError) else "its name is not allowed"
    return UsageError(f"The folder {shown(folder)} cannot be made or used: {why}.")


def _plain(name: str) -> str:
    """Return a roster's name as part of a folder's name on any system."""
    return re.sub(r"[^\w-]+", "-", name).strip("-").lower()[:40] or "roster"
