"""Names as people write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.text import folded, name_key
from importer.validator.keys import Packed, day_numbers, folded_column, phone_keys


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Muñoz", "MUNOZ"), ("O’Brien", "O'Brien"), ("Smith-Jones", "smith jones"),
        ("Łukasz", "lukasz"), ("Øster", "oster"), ("Großmann", "GROSSMANN"), ("Пётр", "петр"),
        ("Ελένη", "ΕΛΕΝΗ"), ("Jose\u0301", "José"), ("מֹשֶׁה", "משה"),
    ],
)  # fmt: skip
def test_written_in_two_ways(one: str, two: str) -> None:
    """Capitals, accents, points and signs make no other name."""
    assert folded(one) == folded(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [("李", "王"), ("राम", "रमा"), ("हरि", "हरु"), ("か", "が"), ("김", "박"), ("ไท", "ไทย")],
)
def test_letters_of_every_script_count(one: str, two: str) -> None:
    """Names in other scripts are not emptied, and their vowels and voicing are kept."""
    assert "" not in {folded(one), folded(two)}
    assert folded(one) != folded(two)


@given(st.text())
def test_folding_is_settled(name: str) -> None:
    """Folding twice, or in another normal form, gives the same."""
    assert folded(folded(name)) == folded(name)
    assert folded(unicodedata.normalize("NFD", name)) == folded(name)


@given(st.text(), st.text())
def test_either_part_may_stand_first(first: str, last: str) -> None:
    """The key of a name does not depend on the order of its parts."""
    assert name_key(first, last) == name_key(last, first)


@given(st.lists(st.text(max_size=8)))
def test_a_column_is_folded_as_its_names_are(names: list[str]) -> None:
    """Names that are folded all at once come out as each of them does."""
    assert folded_column(names) == [folded(name) for name in names]


@given(st.lists(st.text("0123456789+-() \n٣x", max_size=14)))
def test_a_column_of_numbers_is_told_by_its_last_digits(numbers: list[str]) -> None:
    """Numbers that are looked at all at once come out as each of them does."""
    digits = [re.sub("[^0-9]", "", number) for number in numbers]
    assert phone_keys(numbers) == [text[-10:] if len(text) > 6 else "" for text in digits]


@given(st.lists(st.lists(st.text(max_size=8)), min_size=1))
def test_packed_texts_come_out_as_they_went_in(parts: list[list[str]]) -> None:
    """No text is lost, and none runs into the next, in one part or in several."""
    texts = [text for part in parts for text in part]
    packed = Packed.joined([Packed.of(part) for part in parts])
    assert packed.unpacked() == texts
    assert [packed[place] for place in range(len(texts))] == texts


@given(st.lists(st.one_of(st.just(None), st.dates())))
def test_a_column_of_days_is_numbered_as_each_of_them_is(dates: list[date | None]) -> None:
    """A day is told by its digits, and a blank is 0."""
    texts = [day.isoformat() if day else "" for day in dates]
    assert day_numbers(texts).tolist() == [int(text.replace("-", "") or 0) for text in texts]
