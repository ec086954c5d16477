"""Known words that were typed with a slip."""

from __future__ import annotations

import pytest

from importer.model.text import means_one_of


@pytest.mark.parametrize("text", ["staff", " Sta ff", "STAFFS", "Sttaff", "Satff", "Stiff", "grad"])
def test_a_word_is_known_for_what_it_is(text: str) -> None:
    """Without case and blanks, and with one slip where the word is long enough."""
    assert means_one_of(text, ["Staff", "Grad"])


@pytest.mark.parametrize("text", ["Stafford", "Stagg", "Brad", "Staf", "", "Grads"])
def test_another_word_is_not(text: str) -> None:
    """A surname may look like a word, and a short word is another with another letter."""
    assert not means_one_of(text, ["Staff", "Grad"])
