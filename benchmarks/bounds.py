"""What the largest workbooks cost that the loader takes, and those that it refuses as too large.

`python -m benchmarks.bounds` makes one workbook for each way of reading that is just within the
limits (`importer/loader/limits.py`), or beyond, reads it in a process of its own, and writes the
table into the documentation. The promise is less than ten seconds and less than a gigabyte.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from string import ascii_uppercase

from benchmarks.check import ENVIRONMENT, measure
from benchmarks.page import write_between

COLUMNS = ascii_uppercase[:16]
SECONDS, MEGABYTES = 10, 1024
READ = """
import sys
from pathlib import Path
from importer.errors import RosterError
from importer.loader.read import read
from importer.model.roster import Layout
try:
    print(f"{len(read(Path(sys.argv[1]), Layout()).frame):,} rows")
except RosterError:
    print("refused")
"""
_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_BOOK = f"""<workbook xmlns="{_MAIN}" xmlns:r="{_TYPES}"><sheets>
<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"""
_RELATIONS = f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Type="{_TYPES}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="r2" Type="{_TYPES}/sharedStrings" Target="sharedStrings.xml"/></Relationships>"""

Cell = Callable[[str, int], str]


def inline(place: str, number: int) -> str:
    """Text in the cell itself."""
    return f'<c r="{place}" t="inlineStr"><is><t>text {number}</t></is></c>'


def inline_wide(place: str, number: int) -> str:
    """Text with a picture in it, which Python keeps at four bytes a character."""
    return f'<c r="{place}" t="inlineStr"><is><t>😀 text {number}</t></is></c>'


def odd(place: str, number: int) -> str:
    """Text in the cell itself, with a blank too many, so that the tags are looked at singly."""
    return f'<c  r="{place}" t="inlineStr"><is><t>text {number}</t></is></c>'


def formula(place: str, number: int) -> str:
    """The text that a formula gave."""
    return f'<c r="{place}" t="str"><f>LOWER(Z{number})</f><v>text {number}</v></c>'


def shared(place: str, number: int) -> str:
    """A text that stands in the strings of the workbook."""
    return f'<c r="{place}" t="s"><v>{number}</v></c>'


def decimal(place: str, number: int) -> str:
    """A number like no other."""
    return f'<c r="{place}"><v>{number}.25</v></c>'


def rows(cell: Cell, count: int) -> Iterator[str]:
    """So many rows of such cells."""
    for row in range(1, count + 1):
        cells = (cell(f"{c}{row}", row * 16 + n - 16) for n, c in enumerate(COLUMNS))
        yield f'<row r="{row}">{"".join(cells)}</row>'


def strings(count: int, lead: str = "") -> Iterator[str]:
    """So many different texts to share."""
    return (f"<si><t>{lead}text {number}</t></si>" for number in range(count))


def write(path: Path, body: Iterable[str], texts: Iterable[str] = (), end: str = "") -> None:
    """A workbook of one sheet."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("xl/workbook.xml", _BOOK)
        book.writestr("xl/_rels/workbook.xml.rels", _RELATIONS)
        for name, first, parts, last in (
            ("worksheets/sheet1", "<worksheet><sheetData>", body, end + "</sheetData></worksheet>"),
            ("sharedStrings", "<sst>", texts, "</sst>"),
        ):
            with book.open(f"xl/{name}.xml", "w") as part:
                part.write(first.encode())
                left = iter(parts)
                while block := "".join(islice(left, 1_000)):
                    part.write(block.encode())
                part.write(last.encode())


BOOKS: dict[str, Callable[[Path], None]] = {
    "text in the cells": lambda path: write(path, rows(inline, 195_000)),
    "text with pictures in the cells": lambda path: write(path, rows(inline_wide, 180_000)),
    "shared text": lambda path: write(path, rows(shared, 190_000), strings(190_000 * 16)),
    "shared text with pictures": lambda path: write(
        path, rows(shared, 180_000), strings(180_000 * 16, "😀 ")
    ),
    "formulas": lambda path: write(path, rows(formula, 165_000)),
    "decimals, no two alike": lambda path: write(path, rows(decimal, 46_000)),
    "more decimals": lambda path: write(path, rows(decimal, 300_000)),
    "odd tags, looked at singly": lambda path: write(path, rows(odd, 100_000)),
    "more odd tags": lambda path: write(path, rows(odd, 170_000)),
    "odd tags, damaged at the end": lambda path: write(path, rows(odd, 100_000), end="<bad>"),
    "a million short rows": lambda path: write(
        path, (f'<row r="{n}">{inline(f"A{n}", n)}</row>' for n in range(1, 1_048_577))
    ),
    "a million rows that span": lambda path: write(
        path,
        (f'<row r="{n}">{inline(f"S{n}", n)}</row>' for n in (1, *range(2, 1_048_577, 1_000))),
    ),
}


def main() -> None:
    """Measure, print, and put the table between the page's two marks."""
    lines = ["| workbook | answer | seconds | peak |", "|---|---|---|---|"]
    kept = True
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "book.xlsx"
        for title, make in BOOKS.items():
            make(path)
            command = [sys.executable, "-c", READ, str(path)]
            answer = subprocess.run(
                command, env=ENVIRONMENT, check=True, capture_output=True, text=True
            ).stdout.strip()
            cost = measure(command, path.parent)
            kept &= cost.seconds < SECONDS and cost.megabytes < MEGABYTES
            lines.append(f"| {title} | {answer} | {cost.seconds:.1f} s | {cost.megabytes:.0f} MB |")
            print(lines[-1], flush=True)
    write_between("bounds", lines)
    if not kept:
        msg = f"more than {SECONDS} s or {MEGABYTES} MB"
        raise SystemExit(msg)


if __name__ == "__main__":
    main()
