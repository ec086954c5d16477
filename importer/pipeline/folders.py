"""Where runs live: one folder each, for its owner's eyes only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

RUNS = Path("runs")

DECISIONS = RUNS / "decisions.sqlite"
"""What people decided about look-alikes, for all runs to come."""


def new_folder(roster: Path, now: datetime, wanted: Path | None) -> Path:
    """A new, empty run folder (0700): the one that is wanted, or `runs/<date>T<time>-<roster>`.

    Raises UsageError where it holds something already or cannot be made.
    """
    folder = wanted or _free(RUNS / f"{now:%Y-%m-%dT%H%M}-{_plain(roster.stem)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        occupied = any(folder.iterdir())
    except OSError as error:
        msg = f"The folder {folder} cannot be made or used: {error.strerror}."
        raise UsageError(msg) from error
    if occupied:
        msg = f"The folder {folder} is not empty. Name a new one with -o, or leave -o out."
        raise UsageError(msg)
    return folder


def find_folder(run: str) -> Path:
    """The folder of a run that is named by its path or by its name under `runs/`."""
    for folder in (Path(run), RUNS / run):
        if folder.is_dir():
            return folder
    msg = f"There is no run {run}. `importer runs` lists the runs."
    raise UsageError(msg)


def _plain(name: str) -> str:
    """A roster's name as part of a folder's name on any system."""
    return re.sub(r"[^\w-]+", "-", name).strip("-").lower()[:40] or "roster"


def _free(folder: Path) -> Path:
    """This folder, or the same name with a number behind it, whichever is not there yet."""
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate
