"""`mapping new` on rosters in 21 languages, and the table of words beside the unseen half."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files as resources
from pathlib import Path

import pytest

from importer.model.roster import Layout
from importer.model.vocabulary import words_of
from importer.suggest.first_mapping import Choices, MappingDraft, suggest
from importer.suggest.reading import best_reading
from tests.messy import messy
from tests.suggest.headings import BESIDE, File, fed, rows
from tests.suggest.sets import files, headings, judged

BY_CHANCE = 2
"""Phrases of three general words that the table had when it was first compared."""


def test_no_heading_of_the_unseen_half_is_a_phrase_of_the_table() -> None:
    """A phrase of three words or more is no heading that only the unseen half has.

    A word or two of one are general. The failure names lines of the file, and no heading.
    """
    known = {words_of(heading) for _, heading in headings("seen.txt")}
    known |= {words_of(heading) for row in rows() for heading, _ in row.right}
    unseen = {words_of(heading): line for line, heading in headings("unseen.txt")}
    table = (resources("importer.model") / "headings.txt").read_text("utf-8")
    lines = [line for line in table.splitlines() if not line.startswith(("#", "=="))]
    phrases = {
        words_of(word.rstrip("~").replace("_", " "))
        for line in lines
        for word in line.partition(":")[2].split()
        if word.count("_") > 1
    }
    assert len(unseen) > 1000
    hits = [line for words, line in unseen.items() if words in phrases and words not in known]
    if len(hits) > BY_CHANCE:
        pytest.fail(f"unseen.txt, lines {hits}: the table has these headings", pytrace=False)


def test_most_columns_of_the_seen_half_are_right(tmp_path: Path) -> None:
    """96 % are, 98.5 % with those among the first three of their field, and all mappings load.

    0.75 % are wrong; of each language 90 % are right or listed.
    """
    every: Counter[str] = Counter()
    languages: dict[str, Counter[str]] = {}
    for file in files("seen.txt"):
        counts = judged(file, tmp_path)
        every += counts
        languages.setdefault(file.language, Counter()).update(counts)
    assert every.total() == 1413
    assert every["right"] >= 0.96 * every.total()
    assert every["right"] + every["listed"] >= 0.985 * every.total()
    assert every["wrong"] <= 0.0075 * every.total()
    assert len(languages) == 21
    for language, counts in languages.items():
        assert counts["right"] + counts["listed"] >= 0.9 * counts.total(), language


def test_most_columns_of_public_exports_are_right_and_few_are_wrong(tmp_path: Path) -> None:
    """99 % are, and 0.2 % at most are wrong."""
    counts = sum((judged(row, tmp_path) for row in rows()), Counter[str]())
    assert counts.total() > 1300
    assert counts["right"] >= 0.99 * counts.total()
    assert counts["wrong"] <= 0.002 * counts.total()


@pytest.mark.parametrize("file", [*files("strangers.txt")], ids=lambda file: file.name)
def test_every_column_of_rosters_of_strangers_is_right(file: File, tmp_path: Path) -> None:
    """As a person would have it, and no column is listed as an ID that is none."""
    assert judged(file, tmp_path) == {"right": len(file.right)}
    listed = MappingDraft(file.roster, BESIDE, Choices()).possible_ids
    assert all("id" in dict(file.right)[guess.place.heading] for guess in listed)


def test_all_columns_of_the_messy_workbook_that_have_a_field_are_filled(tmp_path: Path) -> None:
    """Its headings are in row three of the second sheet, and twelve cells are wrong.

    A column of remarks without a cell has no field; the reader's number is a primary ID.
    """
    messy(tmp_path / "messy.xlsx")
    reading = best_reading(tmp_path / "messy.xlsx", Layout(sheet="Members"), BESIDE)
    text = suggest(reading.roster, BESIDE, reading.layout)
    fields = {heading: " ".join(sorted(names)) for heading, names in fed(text).items()}
    assert fields == {
        "Reader No": "id", "Forename(s)": "first_name", "Surname": "last_name",
        "Born": "birth_date", "Reader category": "user_group", "E-mail address": "email",
        "Mobile": "phone", "Street addr": "line1", "Apt": "line2", "Town": "city",
        "ST": "state_province", "Zip": "postal_code", "Valid to": "expiry_date",
    }  # fmt: skip
