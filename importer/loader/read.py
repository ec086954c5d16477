"""Read a roster: a path becomes a `Roster`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from importer.loader.csv_file import read_csv
from importer.loader.detect import (
    DamagedError,
    Kind,
    LockedError,
    TooLargeError,
    damaged,
    identify,
    locked,
    read_bytes,
    too_large,
)
from importer.loader.ods import OdsWorkbook
from importer.loader.package import open_package
from importer.loader.workbook import Workbook, read_workbook
from importer.loader.xls import XlsWorkbook
from importer.loader.xlsx import XlsxWorkbook
from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster

_NOUNS = {
    Kind.CSV: "a CSV file",
    Kind.XLSX: "an Excel workbook",
    Kind.XLSM: "an Excel workbook with macros",
    Kind.XLS: "a workbook of an old Excel",
    Kind.ODS: "an OpenDocument spreadsheet",
}


def read(path: Path, layout: Layout) -> Roster:
    """Read the file as a roster, whatever its name is.

    Raises RosterError, a sentence that says what the file is and what to do, if it is not a roster
    or cannot be read to its end.
    """
    content = read_bytes(path)
    kind = identify(path, content)
    sha256 = hashlib.sha256(content).hexdigest()
    if kind is Kind.CSV:
        roster = read_csv(path, content, layout, sha256)
    else:
        try:
            roster = read_workbook(_open(path, content, kind), path, layout, sha256, kind)
        except LockedError:
            raise locked(path) from None
        except TooLargeError:
            raise too_large(path) from None
        except DamagedError:
            raise damaged(path) from None
    origin = roster.source.origin()
    about_the_file = (
        Problem.of(Code.READ_WITH_NOTICE, origin, text) for text in _about_the_file(path, kind)
    )
    return replace(roster, notices=(*about_the_file, *roster.notices))


def _open(path: Path, content: bytes, kind: Kind) -> Workbook:
    """Return the open workbook. Raises RosterError, DamagedError, LockedError, TooLargeError."""
    if kind is Kind.XLS:
        return XlsWorkbook(content)
    parts = open_package(path, content)
    return OdsWorkbook(content, parts) if kind is Kind.ODS else XlsxWorkbook(content, parts)


def _about_the_file(path: Path, kind: Kind) -> list[str]:
    """Return what a person should know about this kind of file, and about a name that misleads."""
    suffix = path.suffix.lower().lstrip(".")
    notices = []
    if suffix != kind and not (kind is Kind.CSV and suffix not in set(Kind)):
        notices.append(f"the file is named .{suffix}, but it is {_NOUNS[kind]} and was read as one")
    if kind is Kind.ODS:
        notices.append(
            "zeros that only a number format shows, and formula errors, are not seen in an "
            "OpenDocument spreadsheet: if that matters, save it as .xlsx and load that"
        )
    if kind is Kind.XLSM:
        notices.append("the workbook has macros; they were not run")
    return notices
