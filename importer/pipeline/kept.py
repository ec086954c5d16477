"""The runs that are kept under `runs/`, those that cannot be read any more among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from importer.errors import LedgerError, UsageError
from importer.ledger.ledger import Ledger
from importer.ledger.schema import FILE
from importer.pipeline.folders import RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder under `runs/` that is a run of ours, or was to be one.

    `since`: when the run was begun or, where its ledger does not tell, when a file of it was last
    modified; None where that cannot be told either. `fault`: why it cannot be read, blank if it
    can.
    """

    folder: Path
    since: datetime | None
    fault: str = ""


def kept_runs() -> list[Kept]:
    """The runs, oldest first and those of unknown age last. Folders of others are left out."""
    folders = [path for path in RUNS.iterdir() if path.is_dir()] if RUNS.is_dir() else []
    runs = [kept for folder in sorted(folders) if (kept := _look(folder))]
    return sorted(runs, key=lambda kept: kept.since or _LAST)


def _look(folder: Path) -> Kept | None:
    try:
        files = list(folder.iterdir())
        modified = _modified(folder, files)
    except OSError as error:
        return Kept(folder, None, f"{folder} cannot be read ({error.strerror}).")
    if not files:
        return Kept(folder, modified, f"{folder} is empty.")
    if folder / FILE not in files:
        return None
    try:
        with Ledger.open(folder) as ledger:
            return Kept(folder, ledger.facts.started)
    except UsageError as error:
        return Kept(folder, modified, str(error))
    except LedgerError as error:
        return Kept(folder, None, str(error))


def _modified(folder: Path, files: Sequence[Path]) -> datetime:
    """When a file was last modified; SQLite's own, which come and go by looking, do not count."""
    lasting = [path for path in files if not path.name.startswith(f"{FILE}-")]
    newest = max(path.stat().st_mtime for path in lasting or [folder])
    return datetime.fromtimestamp(newest, UTC)
