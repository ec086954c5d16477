"""The catalogue is complete, and all of it speaks to librarians."""

from __future__ import annotations

from importer.advice import text_of
from importer.model.problem import CATALOGUE, Code
from tests.zoo.specimen import banned


def test_every_kind_is_described_in_whole_sentences() -> None:
    """A title of a few words; what it means and what to do end as sentences do."""
    assert set(CATALOGUE) == set(Code), "importer/model/catalogue.toml describes each code"
    for code, kind in CATALOGUE.items():
        assert 0 < len(kind.title) <= 50, code
        assert not kind.title.endswith("."), code
        for sentence in (kind.meaning, text_of(kind.advice)):
            assert sentence[:1].isupper(), code
            assert sentence.endswith((".", "?")), code
        assert banned(f"{kind.title} {kind.meaning} {text_of(kind.advice)}") == [], code
