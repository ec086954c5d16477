"""Which known words may be meant by one that is not known."""

from __future__ import annotations

from importer.model.text import similar

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
