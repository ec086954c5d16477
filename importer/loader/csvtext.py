"""How the bytes of a CSV file become records: encoding, delimiter, quotation marks."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from importer.errors import RosterError
from importer.loader import heading
from importer.loader.cells import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from importer.model.roster import Layout

DELIMITERS = ",;\t|"
_SAMPLE = 200  # records that decide on the delimiter
_LARGEST = 16 * 1024 * 1024  # characters of a cell beyond which the file is refused whole
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KEEP_BYTE = "importer-keep-byte"


def _keep_byte(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that Windows-1252 leaves open become controls, for which rows are rejected."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


codecs.register_error(_KEEP_BYTE, _keep_byte)


@dataclass(frozen=True, slots=True)
class Text:
    """How the bytes of a CSV file become records."""

    path: Path
    encoding: str
    delimiter: str = ","
    marked: bool = False  # its first line is `sep=…`, which no spreadsheet program shows

    def records(self) -> Iterator[list[str]]:
        """Every record, blank lines among them.

        Raises RosterError where a quotation mark is out of place, since what follows it would
        be read into wrong cells.
        """
        csv.field_size_limit(_LARGEST)
        number = line = 0
        try:
            with self.path.open(encoding=self.encoding, errors=self._errors, newline="") as file:
                if self.marked:
                    file.readline()
                reader = csv.reader(file, delimiter=self.delimiter, strict=True)
                for record in reader:
                    number += 1
                    line = reader.line_num
                    yield record
        except csv.Error as error:
            raise self._misquoted(number + 1, line + 1 + self.marked, str(error)) from None
        except UnicodeError:
            msg = (
                f"{self.path.name} is not written in {self.encoding}: row {number + 1} or one soon "
                "after it holds other bytes. Name the right encoding in the mapping, or `auto`."
            )
            raise RosterError(msg) from None

    @property
    def _errors(self) -> str:
        """What becomes of bytes that the encoding does not have.

        Halves of surrogate pairs, as some databases write them, come through to `cells.clean`.
        """
        return _KEEP_BYTE if self.encoding == "cp1252" else "surrogatepass"

    def lines(self, most: int) -> list[str]:
        """The first lines, each up to the longest that a cell may be; none where bytes are wrong.

        `records` says what is wrong with them, and in which row.
        """
        try:
            with self.path.open(encoding=self.encoding, errors=self._errors, newline="") as file:
                return [line[:LONGEST] for line in islice(file, most)]
        except UnicodeError:
            return []

    def _misquoted(self, number: int, line: int, detail: str) -> RosterError:
        """`number` is the record as spreadsheet programs count, `line` where it begins."""
        if "end of data" in detail:
            what = "has a quotation mark that is never closed"
        elif "field larger" in detail:
            what = (
                f"has a cell of more than {_LARGEST:,} characters, as if a quotation mark were open"
            )
        else:
            what = "has text right behind a closing quotation mark"
        return RosterError(
            f"{self.path.name}: row {number}, which begins in line {line} of the file, {what}, so "
            "rows would run into one another. Correct it in a text editor, or export the roster "
            "anew."
        )


def find(path: Path, layout: Layout) -> Text:
    """How this file is to be read, from its bytes and from what the mapping says.

    Raises RosterError where it is no text, or the mapping names an encoding that there is not.
    """
    return _delimited(Text(path, _encoding(path, layout.encoding)), layout)


def _encoding(path: Path, wanted: str) -> str:
    """The encoding by its mark, else UTF-8 if every byte fits it, else Windows-1252."""
    if wanted != "auto":
        try:
            return codecs.lookup(wanted).name
        except LookupError:
            msg = (
                f'The mapping names the encoding "{wanted}", which is not known. Usual ones are '
                "utf-8, windows-1252 and utf-16; `auto` finds out by itself."
            )
            raise RosterError(msg) from None
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    nulls = size = 0
    encoding = "utf-8"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if not size:
                marked = next((name for bom, name in _BOMS if block.startswith(bom)), "")
                if marked:
                    return marked
            size += len(block)
            nulls += block.count(0)
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                encoding = "cp1252"
                decoder.reset()
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            encoding = "cp1252"
    if nulls * 100 > size:
        msg = (
            f"{path.name} is no text: it is full of bytes that no text has. "
            "Save it anew from the spreadsheet program, as .xlsx or as CSV UTF-8."
        )
        raise RosterError(msg)
    return encoding


def _delimited(text: Text, layout: Layout) -> Text:
    """The delimiter that `sep=` names, else the one that gives headings and even rows."""
    lines = text.lines(_SAMPLE)
    first = lines[0].rstrip("\r\n") if lines else ""
    if first.strip('"').lower().startswith("sep=") and len(first.strip('"')) == 5:
        return replace(text, delimiter=first.strip('"')[4], marked=True)

    def merit(delimiter: str) -> tuple[int, float, int]:
        try:
            records = [record for record in csv.reader(lines, delimiter=delimiter) if record]
        except csv.Error:
            return 0, 0, 0
        widths = [len(record) for record in records]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return 0, 0, 1
        found = max(heading.matches(record, layout.expected) for record in records[:20])
        return found, widths.count(usual) / len(widths), usual

    return replace(text, delimiter=max(DELIMITERS, key=merit))
