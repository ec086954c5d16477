"""CPU time and memory for the largest workbooks that the loader accepts, and for those beyond.

`python -m benchmarks.bounds` makes workbooks of several kinds just within the limits of
`importer/loader`, or beyond, reads each in a process of its own, and writes the table into the
documentation. The promise is less than ten seconds and less than a gigabyte.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from string import ascii_uppercase

from benchmarks.check import ENVIRONMENT, measure, write_between
from tests.zoo.other import biff, ole, record

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
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f"""<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/></Types>""",
    "_rels/.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="r1" Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/workbook.xml": f"""<workbook xmlns="{_SHEETS}" xmlns:r="{_LINKS}"><sheets>
<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="r1" Type="{_LINKS}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="r2" Type="{_LINKS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>""",
}

Cell = Callable[[str, int], str]


def inline(place: str, number: int) -> str:
    """Return a cell with the text in it."""
    return f'<c r="{place}" t="inlineStr"><is><t>text {number}</t></is></c>'


def inline_wide(place: str, number: int) -> str:
    """Return a cell with a text that Python keeps at four bytes a character."""
    return f'<c r="{place}" t="inlineStr"><is><t>😀 text {number}</t></is></c>'


def formula(place: str, number: int) -> str:
    """Return a cell with a formula and its text; such workbooks are read by openpyxl."""
    return f'<c r="{place}" t="str"><f>LOWER(Z{number})</f><v>text {number}</v></c>'


def shared(place: str, number: int) -> str:
    """Return a cell with a reference to a shared text."""
    return f'<c r="{place}" t="s"><v>{number}</v></c>'


def decimal(place: str, number: int) -> str:
    """Return a cell with a number that no other cell has."""
    return f'<c r="{place}"><v>{number}.25</v></c>'


def rows(cell: Cell, count: int) -> Iterator[str]:
    """Yield N rows of such cells."""
    for row in range(1, count + 1):
        cells = (cell(f"{c}{row}", row * 16 + n - 16) for n, c in enumerate(COLUMNS))
        yield f'<row r="{row}">{"".join(cells)}</row>'


def strings(count: int, lead: str = "") -> Iterator[str]:
    """Yield N different texts to share."""
    return (f"<si><t>{lead}text {number}</t></si>" for number in range(count))


def write(path: Path, body: Iterable[str], texts: Iterable[str] = (), end: str = "") -> None:
    """Write a workbook of one sheet."""
    sheet = f'<worksheet xmlns="{_SHEETS}"><sheetData>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name, content in _PARTS.items():
            book.writestr(name, content)
        for name, first, parts, last in (
            ("worksheets/sheet1", sheet, body, end + "</sheetData></worksheet>"),
            ("sharedStrings", f'<sst xmlns="{_SHEETS}">', texts, "</sst>"),
        ):
            with book.open(f"xl/{name}.xml", "w") as part:
                part.write(first.encode())
                left = iter(parts)
                while block := "".join(islice(left, 1_000)):
                    part.write(block.encode())
                part.write(last.encode())


def write_xls(
    path: Path, kind: int, cell: Callable[[int], bytes], size: int = 1, count: int = 62_400
) -> None:
    """Write an .xls workbook of `count` rows in 32 columns, `size` cells in a record."""
    numbers = range(0, 32 * count, size)
    places = ((number, struct.pack("<HH", *divmod(number, 32))) for number in numbers)
    cells = b"".join(record(kind, place + cell(number)) for number, place in places)
    ole("Workbook", biff(cells), shift=16)(path)


def label(number: int) -> bytes:
    """Return the rest of a cell of an .xls workbook with a text in it."""
    return struct.pack("<HHB6s", 0, 6, 0, b"%06x" % number)


BOOKS: dict[str, Callable[[Path], None]] = {
    "text in the cells": lambda path: write(path, rows(inline, 124_000)),
    "text with pictures in the cells": lambda path: write(path, rows(inline_wide, 124_000)),
    "shared text": lambda path: write(path, rows(shared, 124_000), strings(124_000 * 16)),
    "shared text with pictures": lambda path: write(
        path, rows(shared, 124_000), strings(124_000 * 16, "😀 ")
    ),
    "decimals, no two alike": lambda path: write(path, rows(decimal, 124_000)),
    "more decimals": lambda path: write(path, rows(decimal, 130_000)),
    "formulas (read by openpyxl)": lambda path: write(path, rows(formula, 70_000)),
    "more formulas": lambda path: write(path, rows(formula, 165_000)),
    "formulas, damaged at the end": lambda path: write(path, rows(formula, 70_000), end="<bad>"),
    "a million short rows": lambda path: write(
        path, (f'<row r="{n}">{inline(f"A{n}", n)}</row>' for n in range(1, 1_048_577))
    ),
    "a million rows that span": lambda path: write(
        path,
        (f'<row r="{n}">{inline(f"S{n}", n)}</row>' for n in (1, *range(2, 1_048_577, 1_000))),
    ),
    ".xls, text": lambda path: write_xls(path, 0x204, label),
    ".xls, decimals": lambda path: write_xls(
        path, 0x203, lambda number: struct.pack("<Hd", 0, number + 0.25)
    ),
    ".xls, blank cells": lambda path: write_xls(
        path, 0xBE, lambda _: struct.pack("<32HH", *[0] * 32, 31), 32, 57_000
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
