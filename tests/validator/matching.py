"""How well twins are told: measured with labelled pairs of rows, written as a page.

`python -m tests.validator.matching` writes docs/reference/matching.md anew.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.model.catalogue import Code
from tests.validator.building import SHORT, twins

PAIRS = Path(__file__).with_name("pairs.csv")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "matching.md"

KINDS: dict[str, Code | None] = {
    "same id": Code.DUPLICATE_ID,
    "same identifier": Code.DUPLICATE_IDENTIFIER,
    "same person": Code.DUPLICATE_PERSON,
    "similar": Code.SIMILAR_PERSON,
    "none": None,
}
"""What a pair can be, strongest first, and the problem that tells it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows, what they are, and why."""

    expected: str
    why: str
    one: dict[str, str]
    two: dict[str, str]

    @property
    def told(self) -> str:
        """What the validator takes them for, where the two are all that the roster holds."""
        codes = {problem.code for problem in twins(self.one, self.two)}
        return next(kind for kind, code in KINDS.items() if code in codes or code is None)


def _pairs() -> Iterator[Pair]:
    with PAIRS.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            one, two = (
                {label: line[f"{side} {name}"] for name, label in SHORT.items() if name in _KEPT}
                for side in ("a", "b")
            )
            yield Pair(line["expected"], line["why"], one, two)


_KEPT = frozenset({"id", "barcode", "first", "last", "birth", "email", "phone", "street", "zip"})


def judged() -> list[tuple[Pair, str]]:
    """Every labelled pair with what it was told to be."""
    return [(pair, pair.told) for pair in _pairs()]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def page(results: list[tuple[Pair, str]]) -> str:
    """The page: figures by kind, and by the reason for which a pair is what it is."""
    expected = Counter(pair.expected for pair, _ in results)
    told = Counter(kind for _, kind in results)
    right = Counter(kind for pair, kind in results if pair.expected == kind)
    by_kind = "\n".join(
        f"| {kind} | `{code.value if code else '–'}` | {expected[kind]} | {right[kind]} "
        f"| {told[kind]} | {_percent(right[kind], told[kind])} "
        f"| {_percent(right[kind], expected[kind])} |"
        for kind, code in KINDS.items()
    )
    reasons = Counter((pair.expected, pair.why) for pair, _ in results)
    hits = Counter((pair.expected, pair.why) for pair, kind in results if pair.expected == kind)
    by_reason = "\n".join(
        f"| {kind} | {why} | {hits[kind, why]} of {count} |"
        for (kind, why), count in reasons.items()
    )
    return f"""# How well twins are told

Measured with {len(results)} labelled pairs of invented rows (`tests/validator/pairs.csv`), each
pair as a roster of its own, with the default policies. Made by
`python -m tests.validator.matching`. The pairs were at hand when the rules were chosen, so rosters
with other names will do a little worse.

Precision: of the pairs that were told to be of a kind, how many are. Recall: of the pairs that
are of a kind, how many were told to be.

| kind | problem | pairs | told rightly | told in all | precision | recall |
|---|---|---|---|---|---|---|
{by_kind}

The first three kinds follow from exact comparison and miss none. The fourth is a warning and never
holds a row back; it is wrong now and then, on both sides, and here is where:

| kind | why | told rightly |
|---|---|---|
{by_reason}

## What counts as the same, and what as near

- **Same identifier**: equal without regard to capitals, in whatever identifier column.
- **Same name**: equal without capitals, accents, points, hyphens, apostrophes and blanks, and
  whichever of given and family name stands first. Letters of every script count.
- **Same person**: the same name and the same birth date or e-mail, under different identifiers.
- **Similar**: another agreement (birth date, e-mail, phone number, or street with ZIP code), and
  - the same name, or
  - both parts of the name near (a Jaro-Winkler likeness of 0.88, an initial, the beginning of the
    other, half of a double name, an English nickname, or the same four or more consonants), unless
    both rows have birth dates that differ in more than one typing error, or
  - the same first name and birth date and one thing more under another last name (a marriage).
- An e-mail, a phone number or an address that stands in more than 200 rows is not taken for a
  person's own.

What is not told: spellings that have little but the sound in common (Tchaikov and Chaikov, Said
and Saeed), nicknames outside English, and a new last name where nothing but the birth date and the
first name agree. What is told wrongly: twins whose first names are as near as a typing error.
"""


def main() -> None:
    """Write the page anew."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(judged()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
