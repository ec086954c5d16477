"""The loader's one door: a path becomes a roster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader.collector import paused
from importer.loader.sniff import Kind, changed, damaged, digest, identify, locked, unsafe
from importer.model.catalogue import Code
from importer.model.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from importer.loader.spreadsheet import Book
    from importer.model.roster import Layout, Roster, Source

_NOUNS = {
    Kind.CSV: "a CSV file",
    Kind.XLSX: "an Excel workbook",
    Kind.XLSM: "an Excel workbook with macros",
    Kind.XLS: "a workbook of an old Excel",
    Kind.ODS: "an OpenDocument spreadsheet",
}


def read(path: Path, layout: Layout) -> Roster:
    """Read the file as a roster, whatever its name says it is.

    Raises RosterError, a sentence that says what the file is and what to do, if it is not a roster
    or cannot be read to its end.
    """
    kind = identify(path)
    sha256 = digest(path)
    with paused():
        if kind is Kind.CSV:
            from importer.loader.csvfile import read_csv

            roster = read_csv(path, layout, sha256)
        else:
            roster = _workbook(path, layout, sha256, kind)
    if digest(path) != sha256:
        raise changed(path)
    about_the_name = _problems(_about_the_name(path, kind), roster.source)
    return replace(roster, notices=(*about_the_name, *roster.notices))


def _workbook(path: Path, layout: Layout, sha256: str, kind: Kind) -> Roster:
    from importer.loader.limits import CELLS
    from importer.loader.parsing import DoctypeError, LockedError, SheetError, TooLargeError

    try:
        book = _book(path, kind)
        from importer.loader.spreadsheet import read_book  # pandas, while the rows are unpacked

        return read_book(book, path, layout, sha256, kind)
    except LockedError:
        raise locked(path) from None
    except DoctypeError:
        raise unsafe(path, "it declares a document type, as no spreadsheet program does") from None
    except SheetError:
        raise damaged(path) from None
    except TooLargeError:
        msg = (
            f"{path.name} holds more than can be read of a workbook: at most {CELLS:,} cells with "
            "text, and fewer where they are long decimals, are numbers of more than 15 digits, or "
            "are stored in an unusual way. Save the rows of people as CSV UTF-8, which may be "
            "larger, and load that."
        )
        raise RosterError(msg) from None


def _book(path: Path, kind: Kind) -> Book:
    """The open workbook. Raises what is wrong with it."""
    from importer.loader.archive import Archive

    archive = None if kind is Kind.XLS else Archive(path)
    if archive is None or kind is Kind.ODS:  # looked through before the other process opens it
        from importer.loader.otherbook import OtherBook

        return OtherBook(path)
    archive.begin("xl/sharedStrings.xml", "xl/worksheets/")
    from importer.loader.workbook import Workbook

    return Workbook(archive)


def _about_the_name(path: Path, kind: Kind) -> list[str]:
    """What a person should know about this kind of file, and where its name says another."""
    suffix = path.suffix.lower().lstrip(".")
    notices = []
    if suffix != kind and not (kind is Kind.CSV and suffix not in set(Kind)):
        notices.append(f"the file is named .{suffix}, but it is {_NOUNS[kind]} and was read as one")
    if kind in {Kind.XLS, Kind.ODS}:
        notices.append(
            "zeros that only a number format shows, and errors of formulas, are not seen in "
            f"{_NOUNS[kind]}: where that matters, save it as .xlsx and load that"
        )
    if kind is Kind.XLSM:
        notices.append("the workbook holds macros; they were not run")
    return notices


def _problems(notices: list[str], source: Source) -> list[Problem]:
    return [Problem.of(Code.READ_WITH_NOTICE, source.origin(), text) for text in notices]
