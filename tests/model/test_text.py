"""Helpers for text: the formula mark, names as people write them, words that are nearly alike."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.problem import Code
from importer.model.roster import Mark, RowCell, read_row, row_text
from importer.model.text import (
    ROSTER_ROWS,
    TRIGGERS,
    escape,
    folded,
    means_one_of,
    read_row_label,
    row_cell,
    row_label,
    similar,
    unescape,
)

AWKWARD = st.text(alphabet=st.sampled_from("'=+-@\t\r\n\0aZ 0é\"＝﹣⁺＠−\u200b\u00a0"), max_size=8)


@given(st.one_of(AWKWARD, st.text()))
def test_unescape_undoes_escape(text: str) -> None:
    """Whatever a cell holds, it comes back."""
    assert unescape(escape(text)) == text


@given(st.one_of(AWKWARD, st.text()))
def test_nothing_escaped_begins_like_a_formula(text: str) -> None:
    """No cell begins with a sign of a formula, in any width, also behind blanks and quotes."""
    written = unicodedata.normalize("NFKC", escape(text))
    assert written[:1] not in TRIGGERS
    assert not re.match(r'[\s"\u200b]*[-=+@−]', written)


@given(st.integers(0, 998), st.integers(1, 4_999_999))
def test_no_program_rewrites_the_cell_of_a_row(roster: int, number: int) -> None:
    """A number or words: nothing that is read as a time, a date or a fraction; it comes back."""
    row = roster * ROSTER_ROWS + number
    assert re.fullmatch(r"[0-9]+|roster [0-9]+:[0-9]+", row_cell(row))
    assert read_row_label(row_cell(row)) == read_row_label(row_label(row)) == row
    marks = (Mark(Code.ID_LOST_DIGITS, "F"),)
    assert read_row(row_text(row, marks)) == RowCell(number, roster, marks)
    assert read_row(row_label(row)) == RowCell(number, roster)


@pytest.mark.parametrize("name", ["'Akamu", "'t Hooft", "O'Brien", "'", "", "Ana"])
def test_real_names_are_left_alone(name: str) -> None:
    """An apostrophe that belongs to a name is neither doubled nor taken off."""
    assert escape(name) == name
    assert unescape(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1 605 555 0100", "-5", "@x", "\tx", "\rx", "\nx", "\0x",
        "＝1+1", "＋1", "－5", "＠x", "﹣5", "−5", '"=1+1"', ' "=1+1', "\u200b=1", "\u00a0=1",
    ],
)  # fmt: skip
def test_triggers_are_marked(text: str) -> None:
    """Each trigger of a formula gets the mark."""
    assert escape(text) == "'" + text


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


@pytest.mark.parametrize(
    ("text", "known"),
    [
        *(
            (text, True)
            for text in ("staff", " Sta ff", "STAFFS", "Sttaff", "Satff", "Stiff", "grad")
        ),
        *((text, False) for text in ("Stafford", "Stagg", "Brad", "Staf", "", "Grads")),
    ],
)
def test_one_typing_error_leaves_a_long_word_known(text: str, *, known: bool) -> None:
    """Case and blanks do not count; a surname, or a short word with another letter, is another."""
    assert means_one_of(text, ["Staff", "Grad"]) is known


WORDS = ("Community", "Faculty", "Family", "Staff", "Stuff")


def test_the_most_similar_words_are_first() -> None:
    """Ignoring case; a word that has little in common is none of them."""
    assert similar("comunity", WORDS) == ["Community"]
    assert similar("STAFF", WORDS, 2) == ["Staff", "Stuff"]
    assert similar("Guest", WORDS) == []


def test_less_is_similar_where_more_is_asked_for() -> None:
    """Faculty is a near word for Family, but no spelling of it."""
    assert similar("Family", ["Faculty"]) == ["Faculty"]
    assert similar("Family", ["Faculty"], least=75) == []
