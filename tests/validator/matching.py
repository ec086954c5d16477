"""The accuracy of duplicate detection, measured with labelled pairs and written as a page.

`python -m tests.validator.matching` writes docs/reference/matching.md.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.model.catalogue import Code
from tests.validator.building import SHORT, across_rows

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
        codes = {problem.code for problem in across_rows(self.one, self.two)}
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
    return f"""# Accuracy of duplicate detection

Measured with {len(results)} labelled pairs of invented rows (`tests/validator/pairs.csv`), each as
a roster of its own, with the default settings. `python -m tests.validator.matching` writes this
page. The rules were chosen with these pairs, so rosters with other names will do slightly worse.

Precision: the share of the pairs reported as a kind that really are of that kind. Recall: the share
of the pairs of a kind that are reported as that kind.

| kind | problem | pairs | reported correctly | reported | precision | recall |
|---|---|---|---|---|---|---|
{by_kind}

The first three kinds are exact comparisons and miss none. The fourth is only a warning; the row is
still sent. Where it is right and wrong:

| kind | example | reported correctly |
|---|---|---|
{by_reason}

## What counts as the same or similar

- **Same identifier**: equal in any identifier column, ignoring upper and lower case.
- **Same name**: equal, ignoring case, accents, periods, hyphens, apostrophes, blanks and the
  order of first and last name. Letters of every script count.
- **Same person**: the same name and the same birth date or email, under different identifiers.
- **Similar**: one of birth date, email, phone number, or street with ZIP code is equal, and
  - the same name, or
  - both parts of the name are similar (Jaro-Winkler similarity of 0.88, an initial, the beginning
    of the other, half of a double name, an English nickname, or the same four or more consonants),
    unless both rows have birth dates that differ by more than one typing error, or
  - the same first name and birth date, and one more equal value, under another last name
    (marriage).
- An email, phone number or address in more than 200 rows does not count as personal.

Not found: spellings that only sound alike (Tchaikov and Chaikov, Said and Saeed), nicknames in
other languages, and a new last name if only the birth date and the first name are equal.
Found wrongly: twin siblings whose first names differ by a typing error.
"""


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(judged()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
