"""Rosters without a file: the text of a value, and no row is lost or guessed away."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import RosterError
from importer.loader.cleaning import clean
from importer.loader.csv_file import Rows, read_rows
from importer.model.roster import Roster

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def roster(rows: Rows) -> Roster:
    """Read the rows."""
    return read_rows(Path("roster.csv"), rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (pd.NA, ""),
        (Decimal("NaN"), ""),
        ("00123", "00123"),
        (20001123450011, "20001123450011"),
        (20001123450011.0, "20001123450011"),
        (np.float64(7), "7"),
        (np.int32(7), "7"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (True, "TRUE"),
        (np.bool_(0), "FALSE"),
        (dt.date(2027, 5, 15), "2027-05-15"),
        (pd.Timestamp(2027, 5, 15), "2027-05-15"),
        (pd.Timestamp(2027, 5, 15, 8, 30), "2027-05-15 08:30:00"),
    ],
)
def test_the_text_of_a_value(value: object, text: str) -> None:
    """It is what a spreadsheet shows: all digits, ISO dates, and nothing for what is missing."""
    both = (Rows.of([{"A": value, "B": "x"}]), Rows.of(pd.DataFrame({"A": [value], "B": ["x"]})))
    assert [roster(one).frame.to_numpy().tolist() for one in both] == [[[text, "x"]]] * 2


def test_headings_that_are_numbers_have_their_values() -> None:
    """A dict's keys become headings as text, and no value is lost for that."""
    found = roster(Rows.of([{1: "x", "A": "y"}, {"A": "z"}]))
    assert [place.heading for place in found.places] == ["1", "A"]
    assert found.frame.to_numpy().tolist() == [["x", "y"], ["", "z"]]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([{"A": "x"}, {"A": 1e16}], "Row 3, column A (A)"),
        ([{"A": [1]}], "Row 2, column A (A)"),
        ([{"A": b"x"}], "Row 2, column A (A)"),
        ([{"A": "x"}, "y"], "Row 3"),
        ([], "no columns"),
        (pd.DataFrame(), "no columns"),
    ],
)
def test_what_has_no_text_is_refused(rows: object, where: str) -> None:
    """Digits that are lost, lists, bytes and what is no row, each with its place."""
    with pytest.raises(RosterError) as error:
        Rows.of(rows)  # type: ignore[arg-type]
    assert where in str(error.value)


@given(st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=6))
def test_every_row_is_there_once(rows: list[list[str]]) -> None:
    """No row is taken for a total, a heading or part of another one, whatever is in it."""
    found = roster(
        Rows.of_texts(["Id", "Total", "Name"], [*rows, ["x", "", ""], ["Total", "", ""]])
    )
    assert found.left_out == ()
    numbers = [*found.frame.index, *found.blank]
    assert sorted(numbers) == [*range(2, 4 + len(rows))]
    texts = dict(zip(found.frame.index, found.frame.to_numpy().tolist(), strict=True))
    for number, cells in enumerate(rows, start=2):
        assert texts.get(number, ["", "", ""]) == [clean(cell)[0] for cell in cells]
