"""The loader's one door: a path becomes a roster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.sniff import Kind, digest, identify

if TYPE_CHECKING:
    from pathlib import Path

    from importer.model.roster import Layout, Roster


def read(path: Path, layout: Layout) -> Roster:
    """The roster in the file, whatever its name says it is.

    CSV files are read in chunks, workbooks at once. Raises RosterError, a sentence that says what
    the file is and what to do, where it is no roster or may not be read whole.
    """
    kind = identify(path)
    sha256 = digest(path)
    if kind is Kind.CSV:
        from importer.loader.csvfile import read_csv

        return read_csv(path, layout, sha256)
    raise RosterError(path.name)
