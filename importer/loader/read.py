"""The loader's one door: a path becomes a roster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.sniff import Kind, changed, damaged, digest, identify

if TYPE_CHECKING:
    from pathlib import Path

    from importer.model.roster import Layout, LoadedRoster, Roster


def read(path: Path, layout: Layout) -> Roster:
    """The roster in the file, whatever its name says it is.

    CSV files are read in chunks, workbooks at once. Raises RosterError, a sentence that says what
    the file is and what to do, where it is no roster or may not be read whole.
    """
    kind = identify(path)
    sha256 = digest(path)
    roster: Roster
    match kind:
        case Kind.CSV:
            from importer.loader.csvfile import read_csv

            roster = read_csv(path, layout, sha256)
        case Kind.XLSX | Kind.XLSM:
            roster = _excel(path, layout, sha256, kind)
        case Kind.XLS | Kind.ODS:
            raise RosterError(path.name)
    if digest(path) != sha256:
        raise changed(path)
    return roster


def _excel(path: Path, layout: Layout, sha256: str, kind: Kind) -> LoadedRoster:
    from importer.loader.archive import Archive
    from importer.loader.content import SheetError
    from importer.loader.spreadsheet import read_book
    from importer.loader.workbook import Workbook

    try:
        with Archive(path) as archive:
            roster = read_book(Workbook(archive), path, layout, sha256, kind)
    except SheetError:
        raise damaged(path) from None
    return roster
