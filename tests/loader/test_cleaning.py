"""Cleaning takes away what nobody sees, keeps what people write, and says what it changed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.loader.cleaning import LONGEST, clean, clean_column, is_plain
from importer.model.problem import Code

MARKS_OF_DIRECTION = [*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))]
REMOVED = [
    "\u200b",
    "\ufeff",
    "\u200e",
    "\u200f",
    "\u00ad",
    "\u2060",
    "\u200d",
    *MARKS_OF_DIRECTION,
]
BLANKS = [" ", "\u00a0", "\u3000", "\u202f", "\u2009", "\t", "\n", "\r\n", "\u2028"]
FORBIDDEN = ["\0", "\x0b", "\x1f", "\x1b", "\x7f", "\x85", "\ufffe"]
NAMES = [
    "Ñandú", "Ângela", "João", "Müller", "Łukasz", "Nguyễn", "O’Brien", "Ægir", "Žižek", "Ånström",
    "Đặng", "Château", "voilà", "São Tomé", "Çelik", "Éric", "Ümit", "李小龍", "Ольга", "محمد",
]  # fmt: skip


def _codes(text: str) -> list[Code]:
    return [finding.code for finding in clean(text)[1]]


@pytest.mark.parametrize("char", REMOVED, ids=ascii)
@pytest.mark.parametrize("frame", ["{}ab", "a{}b", "ab{}"])
def test_invisible_characters_are_removed_and_said(char: str, frame: str) -> None:
    """Format characters go, wherever they are, and the cell is marked as repaired."""
    text, found = clean(frame.format(char))
    assert text == "ab"
    assert [one.code for one in found] == [Code.WHITESPACE_REMOVED]


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_blanks_are_trimmed_and_folded_without_a_word(blank: str) -> None:
    """Every kind of blank, line breaks included, is one plain blank inside and none outside."""
    assert clean(f"{blank}a{blank} b{blank}") == ("a b", ())


@pytest.mark.parametrize("char", FORBIDDEN, ids=ascii)
def test_controls_reject_and_stay(char: str) -> None:
    """Control characters are never removed in silence."""
    text, found = clean(f"a{char}b")
    assert text == f"a{char}b"
    assert [one.code for one in found] == [Code.CONTROL_CHARACTER]


@pytest.mark.parametrize("text", ["a\ud800b", "\ude00", "a\U0001f600\ud83d"], ids=ascii)
def test_half_a_character_rejects_and_can_be_written_down(text: str) -> None:
    """Half of a surrogate pair rejects the row, and � replaces it; two halves are a letter."""
    assert clean("a\ud83d\ude00") == ("a\U0001f600", ())
    cleaned, found = clean(text)
    assert [one.code for one in found] == [Code.CONTROL_CHARACTER]
    assert "\ufffd" in cleaned.encode().decode() == found[0].value


@pytest.mark.parametrize("word", ["نامه\u200cای", "क्\u200dष", "ශ්\u200dරී"])
def test_joiners_that_spell_a_word_stay(word: str) -> None:
    """ZWJ and ZWNJ between letters of scripts that need them belong to the name."""
    assert clean(word) == (unicodedata.normalize("NFC", word), ())


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_script_are_left_alone(name: str) -> None:
    """No false alarm, and no change but to NFC."""
    assert clean(name) == (unicodedata.normalize("NFC", name), ())
    assert clean(unicodedata.normalize("NFD", name)) == clean(name)


@pytest.mark.parametrize("name", ["Muñoz", "Müller", "José", "Žofie", "O’Brien", "Ångström"])
@pytest.mark.parametrize("times", [1, 2])
def test_damaged_letters_are_said_and_not_repaired(name: str, times: int) -> None:
    """Text that went through a wrong encoding, once or twice, is warned of with what it may be."""
    damaged = name
    for _ in range(times):
        damaged = damaged.encode("utf-8").decode("cp1252")
    text, [finding] = clean(damaged)
    assert text == damaged
    assert (finding.code, finding.value) == (Code.MOJIBAKE, f"{damaged} → {name}")


@pytest.mark.parametrize("text", ["SalvÃ\u00a0", "VoilÃ\u00a0 tout", "NiÃ±o", "Mu\ufffdoz"])
def test_damaged_and_lost_letters_are_seen(text: str) -> None:
    """The letter à was damaged into two, of which the second is a no-break space."""
    assert _codes(text) == [Code.MOJIBAKE]


def test_full_width_digits_become_plain_ones() -> None:
    """Digits of double width are replaced and reported; those of other scripts stay."""
    assert clean("１２３")[0] == "123"
    assert _codes("１２３") == [Code.DIGITS_NORMALIZED]
    assert clean("١٢٣") == ("١٢٣", ())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("'12A\nApt 4", "'12A\nApt 4"),
        (' ="12 Elm  St\r\n\u200bApt 4"', "12 Elm St\nApt 4"),
        ("\n'12A\n\n", ""),
    ],
)
def test_a_cell_with_a_mark_keeps_its_lines(text: str, lines: str) -> None:
    """A mark is around the whole cell; what a line begins with is its text."""
    assert clean_column([text], clean)[2] == ({text: lines} if lines else {})


def test_a_cell_beyond_any_length_is_rejected() -> None:
    """The limit is that of the hazard list, and it is a limit on one cell."""
    assert _codes("x" * LONGEST) == []
    assert _codes("x" * (LONGEST + 1)) == [Code.CELL_TOO_LONG]
    assert not is_plain("x" * (LONGEST + 1))


@given(
    st.lists(
        st.one_of(st.text(), st.text(alphabet=" |ab#\u200bé１\nÃ±\u0301", max_size=6)), max_size=8
    )
)
def test_a_column_is_cleaned_as_its_cells_are(texts: list[str]) -> None:
    """Plain texts need no cleaning, and a second time changes nothing."""
    cleaned, findings, lines = clean_column(texts, clean)
    assert all(clean(text) == (text, ()) for text in texts if is_plain(text))
    assert cleaned == [clean(text)[0] for text in texts]
    assert findings == {text: clean(text)[1] for text in texts if clean(text)[1]}
    assert [clean(text)[0] for text in cleaned] == list(cleaned)
    assert all("\n" in whole and clean(whole)[0] == clean(text)[0] for text, whole in lines.items())
