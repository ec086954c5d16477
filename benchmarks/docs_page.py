"""The page of the documentation that shows what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "speed.md"


def write_between(name: str, lines: Sequence[str]) -> None:
    """Put the lines between the page's two marks of that name."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = PAGE.read_text("utf-8").partition(opening)
    _, ended, after = rest.partition(closing)
    if not (found and ended):
        msg = f"{PAGE.name} has no marks for {name}"
        raise SystemExit(msg)
    PAGE.write_text(before + opening + "\n".join(lines) + "\n" + closing + after, "utf-8")
