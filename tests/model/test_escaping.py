"""The formula mark goes on and comes off without a loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.text import TRIGGERS, escape, unescape

AWKWARD = st.text(alphabet=st.sampled_from("'=+-@\t\r\0aZ 0é"), max_size=8)


@given(st.one_of(AWKWARD, st.text()))
def test_unescape_undoes_escape(text: str) -> None:
    """Whatever a cell holds, it comes back."""
    assert unescape(escape(text)) == text


@given(st.one_of(AWKWARD, st.text()))
def test_nothing_escaped_begins_like_a_formula(text: str) -> None:
    """No cell of our CSV files begins with a character that starts a formula."""
    assert escape(text)[:1] not in TRIGGERS


@pytest.mark.parametrize("name", ["'Akamu", "'t Hooft", "O'Brien", "'", "", "Ana"])
def test_real_names_are_left_alone(name: str) -> None:
    """An apostrophe that belongs to a name is neither doubled nor taken off."""
    assert escape(name) == name
    assert unescape(name) == name


@pytest.mark.parametrize("text", ["=1+1", "+1 605 555 0100", "-5", "@x", "\tx", "\rx", "\0x"])
def test_triggers_are_marked(text: str) -> None:
    """Each trigger of a formula gets the mark."""
    assert escape(text) == "'" + text
