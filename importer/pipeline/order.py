"""What somebody wants done with a roster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from importer.model.codes import CodeTables


@dataclass(frozen=True, slots=True)
class Order:
    """A roster, the mapping for it, and where the run goes.

    `codes_file` is where the codes are from, if a file was named. `now` has its zone; `folder` is
    None for a new one under `runs/`; `operator` is who asks, on which computer; `version` is the
    importer's. `visible_only`: rows that the sheet hides are skipped. `mirrors` is the folder of
    the directory, None where Alma is to be asked about each row; `refresh`: read first who changed
    since.
    """

    roster: Path
    mapping: Path
    codes: CodeTables
    folder: Path | None
    now: datetime
    operator: str
    version: str
    visible_only: bool = False
    mirrors: Path | None = None
    refresh: bool = True
    codes_file: Path | None = None
