"""Records of a CSV file → columns: uneven rows, marks around digits, swallowed rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from importer.loader.table import Spot
from importer.model.catalogue import Code, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def usual_width(records: Iterable[list[str]]) -> int:
    """How many cells most of the records that hold text have; 0 where no two have as many."""
    counts = Counter(len(record) for record in records if any(cell.strip() for cell in record))
    often = [cells for cells, count in counts.items() if count > 1]
    return max(often, key=lambda cells: (counts[cells], -cells), default=0)


def even_out(batch: list[list[str]], width: int, usual: int, spots: list[Spot]) -> None:
    """Bring every record to the width of the headings; say where text is missing or over.

    Spreadsheet programs pad all rows alike, up to the `usual` width. A record that is longer than
    that holds a delimiter too many, and what stands behind it is in the wrong columns.
    """
    for row, record in enumerate(batch):
        cells = len(record)
        if cells < width:
            if any(cell.strip() for cell in record):
                message = f"has {cells} cells, and there are {width} columns"
                spots.append(Spot(row, -1, Code.ROW_TOO_SHORT, message))
            batch[row] = record + [""] * (width - cells)
        elif cells > width:
            extra = [cell for cell in record[width:] if cell.strip()]
            if extra or (cells > usual and any(cell.strip() for cell in record)):
                message = f"has {cells} cells, and there are {width} columns"
                message += "; over are: {value}" if extra else ""
                spots.append(Spot(row, -1, Code.ROW_TOO_LONG, message, " | ".join(extra)))
            batch[row] = record[:width]


def unwrapped(texts: Sequence[str], position: int, spots: list[Spot]) -> list[str]:
    """Take off what keeps digits as text in a spreadsheet program: ="00123" and '00123."""
    bare = []
    for row, text in enumerate(texts):
        inner = text
        if text[:2] == '="' and text[-1] == '"' and len(text) > 3 and '"' not in text[2:-1]:
            inner = text[2:-1]
        elif text[:1] == "'" and text[1:].isascii() and text[1:].isdigit():
            inner = text[1:]
        if inner != text:
            message = "the mark that keeps {value} as text was taken off"
            spots.append(Spot(row, position, Code.TEXT_MARK_REMOVED, message, inner))
        bare.append(inner)
    return bare


def swallowed(texts: Sequence[str], position: int, delimiter: str, width: int) -> Iterator[Spot]:
    """Cells that look as if a quotation mark had swallowed the end of one row and the next."""
    for row, text in enumerate(texts):
        lines = text.count("\n") + 1 if "\n" in text else text.count("\r") + 1
        if lines > 1 and text.count(delimiter) >= max(1, width - 1):
            message = "holds what looks like whole rows: a quotation mark may not be closed"
            yield Spot(row, position, Code.CELL_TOO_LONG, message)
        elif lines > 4:
            message = f"holds {lines} lines: a quotation mark may not be closed"
            yield Spot(row, position, Code.CELL_TOO_LONG, message, severity=Severity.WARNING)
