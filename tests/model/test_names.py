"""Names as people write them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.text import folded, name_key


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
