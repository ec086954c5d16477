"""How well duplicates are found, on labelled pairs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.validator.matching import KINDS, PAGE, Pair, judged, judged_in_alma, page

EXACT = ("same id", "same identifier", "same person")


@pytest.fixture(scope="module")
def results() -> list[tuple[Pair, str]]:
    """Every labelled pair with what it was told to be."""
    return judged()


def test_there_are_enough_pairs(results: list[tuple[Pair, str]]) -> None:
    """Each kind has pairs, and together they are enough to measure."""
    assert len(results) >= 300
    assert {pair.expected for pair, _ in results} == set(KINDS)


def test_exact_kinds_miss_none(results: list[tuple[Pair, str]]) -> None:
    """Identifiers and persons that are the same are always told, and nothing else is."""
    for kind in EXACT:
        meant = [pair for pair, _ in results if pair.expected == kind]
        told = [pair for pair, answer in results if answer == kind]
        assert told == meant


def test_the_page_has_the_measured_figures(results: list[tuple[Pair, str]], tmp_path: Path) -> None:
    """docs/reference/matching.md has those that `python -m tests.validator.matching` writes.

    In Alma, the user cache misses no person of the same name.
    """
    in_alma = asyncio.run(judged_in_alma(tmp_path))
    assert all(one.cache for one in in_alma if one.pair.expected == "same person")
    text = PAGE.read_text("utf-8")
    assert text == page(text, results, in_alma)
