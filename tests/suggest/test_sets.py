"""`mapping new` on rosters in 21 languages, and the table of words beside the unseen half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.resources import files as resources
from pathlib import Path

import pytest

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.model.fields import NO_CODES
from importer.model.roster import Layout
from importer.model.vocabulary import words_of
from importer.suggest.first_mapping import Choices, MappingDraft, suggest
from importer.suggest.reading import best_reading
from tests.mapper.bench import RUN, loaded, roster
from tests.messy import messy
from tests.suggest.headings import BESIDE, File, fed, fields_of, rows

FOLDER = Path(__file__).parent / "sets"
BY_CHANCE = 2
"""Phrases of three general words that the table had when it was first compared."""


def headings(name: str) -> Iterator[tuple[int, str]]:
    """Yield the headings of a set with the numbers of their lines."""
    for number, line in enumerate((FOLDER / name).read_text("utf-8").splitlines(), start=1):
        if "|" in line and not line.startswith(("#", "==")):
            yield number, line.partition("|")[0].strip()


def files(name: str) -> Iterator[File]:
    """Yield the rosters of a set."""
    for part in (FOLDER / name).read_text("utf-8").split("\n== ")[1:]:
        first, *lines = part.strip().splitlines()
        of, language, *_ = first.split(" ", 2)
        right, columns = [], []
        for line in lines:
            if line.strip() and not line.startswith("#"):
                heading, fields, *cells = map(str.strip, line.split("|", 2))
                right.append((heading, fields_of(fields)))
                columns.append([cell.strip() for cell in "".join(cells).split(";")])
        most = max(map(len, columns))
        rows = zip(*((cells + [""] * most)[:most] for cells in columns), strict=True)
        yield File(of, language, (*right,), roster([one for one, _ in right], [*rows]))


def judged(file: File, folder: Path) -> Counter[str]:
    """Return how many columns are `right`, `listed` (among three of its field), `wrong`, `missed`.

    The mapping has to load and to read each row of the roster once its `?` are replaced.
    """
    text = suggest(file.roster, BESIDE)
    done = text.replace('"<?>"', "X").replace('"?"', "X").replace(": ?", ": X")
    compiled = compile_mapping(loaded(folder, done), file.roster.places, RUN)
    assert len(evaluate(compiled, file.roster, NO_CODES).frame.columns)
    feeds, draft = fed(text), MappingDraft(file.roster, BESIDE, Choices())
    ids = {guess.place.heading for guess in draft.possible_ids}
    counts: Counter[str] = Counter()
    for heading, right in file.right:
        got = feeds.get(heading, frozenset())
        parts = {"last_name"} <= got <= {"first_name", "middle_name", "last_name"}
        likely = (draft.possible("name" if one == "full" else one)[:3] for one in right if one)
        if got:
            fits = got <= right or ("full" in right and parts)
            counts["right" if fits else "wrong"] += 1
        elif "" in right or (right == {"id"} and heading in ids):
            counts["right"] += 1
        elif any(guess.place.heading == heading for three in likely for guess in three):
            counts["listed"] += 1
        else:
            counts["listed" if "id" in right and heading in ids else "missed"] += 1
    return counts


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
