"""`mapping new` on rosters that its authors did not make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from importer.suggest.first_mapping import suggest
from tests.mapper.bench import roster
from tests.suggest.headings import BESIDE, fed

Column = tuple[str, frozenset[str], tuple[str, ...]]
"""A heading, what is right for it, and its values."""


def _rosters() -> Iterator[tuple[str, list[Column]]]:
    text = (Path(__file__).parent / "strangers" / "rosters.txt").read_text("utf-8")
    for part in text.split("\n== ")[1:]:
        name, *lines = part.strip().splitlines()
        columns: list[Column] = []
        for heading, right, *values in (map(str.strip, line.split("|")) for line in lines):
            expected = frozenset(filter(None, map(str.strip, right.split(","))))
            columns.append((heading, expected, (*values, "")[:2]))
        yield name, columns


ROSTERS = dict(_rosters())


def judge(columns: list[Column]) -> dict[str, str]:
    """Return by heading whether the suggested mapping is right, open or wrong, and how."""
    rows = list(zip(*(values for _, _, values in columns), strict=True))
    text = suggest(roster([heading for heading, _, _ in columns], rows), BESIDE)
    lines, feeds = text.splitlines(), fed(text)
    verdicts = {}
    for heading, expected, _ in columns:
        uses = feeds.get(heading, frozenset())
        listed = any(line.startswith("  #   ") and f"({heading})" in line for line in lines)
        found = uses or ({"id"} if listed else set())
        if found == expected or (expected == {"id"} and found == {"id"}):
            verdicts[heading] = "right"
        elif uses - expected or (listed and not expected):
            verdicts[heading] = f"wrong: {', '.join(found)}"
        else:
            verdicts[heading] = "open"
    return verdicts


@pytest.mark.parametrize("name", ROSTERS)
def test_nothing_is_mapped_wrongly(name: str) -> None:
    """A column feeds the field that a person would give it, or is left open, but not `in full`."""
    allowed = ("right",) if name.endswith(", in full") else ("right", "open")
    assert {h: v for h, v in judge(ROSTERS[name]).items() if v not in allowed} == {}


def test_most_columns_are_mapped_rightly() -> None:
    """Nine of ten columns of strangers' rosters are right as they are suggested."""
    counts = Counter(
        v.split(":")[0] for columns in ROSTERS.values() for v in judge(columns).values()
    )
    assert counts["right"] >= 0.9 * counts.total()
