"""Heading rows that are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.roster import NO_HEADINGS, Layout
from importer.suggest.reading import best_reading
from tests.suggest.headings import BESIDE

CONTACTS = """\
Name,Given Name,Family Name,Phone 1 - Value,E-mail 1 - Value,Address 1 - Street,Custom 1
Ann Lee,Ann,Lee,(212) 555-0101,ann@example.org,1 Elm St,blue
Bo Ray,Bo,Ray,(212) 555-0102,bo@example.org,2 Elm St,green
"""


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        (CONTACTS, (1,), 2),
        (f"Members of the club,,\nPrinted,May,\n{CONTACTS}", (3,), 2),
        ("First;Last;Card\nAnn;Lee;77001\n", (1,), 1),
        ("20001,Ann,Lee,ann@example.org\n20002,Bo,Ray,bo@example.org\n", NO_HEADINGS, 2),
    ],
)
def test_the_row_whose_columns_are_known_best_has_the_headings(
    text: str, header: tuple[int, ...], rows: int, tmp_path: Path
) -> None:
    """Also if its headings have digits, or text is above it; people are no headings."""
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    reading = best_reading(path, Layout(), BESIDE)
    assert (reading.roster.source.header, len(reading.roster.frame)) == (header, rows)
