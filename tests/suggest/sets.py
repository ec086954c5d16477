"""Rosters in many languages, in two halves: one for the table of words, one measured once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.model.fields import NO_CODES
from importer.suggest.first_mapping import Choices, MappingDraft, suggest
from tests.mapper.bench import RUN, loaded, roster
from tests.suggest.headings import BESIDE, File, fed, fields_of

FOLDER = Path(__file__).parent / "sets"


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
