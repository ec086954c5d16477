"""The pages of the guide, and what the tests read out of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    *(
        ROOT / name
        for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "release/README.md")
    ),
    *sorted(DOCS.rglob("*.md")),
)

_NOTE = re.compile(r"<!-- (not run|exits|printed|file|given|correct): (.+) -->")
_FENCE = re.compile(r"( *)```(\w*)")


@dataclass(frozen=True)
class Block:
    """A fenced block, its language, and the notes that stand in comments before it.

    `after` are the lines of the table that follows it, if one does.
    """

    language: str
    text: str
    notes: tuple[tuple[str, str], ...]
    after: tuple[str, ...]

    def note(self, kind: str) -> str:
        """The note of a kind, or blank."""
        return dict(self.notes).get(kind, "")

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """The words of each command line, without `importer` itself."""
        lines = (line for line in self.text.splitlines() if line.startswith("$ importer "))
        return tuple(tuple(shlex.split(line)[2:]) for line in lines)


def name(page: Path) -> str:
    """The page as the repository knows it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, from the first to the last."""
    lines = page.read_text("utf-8").splitlines()
    notes: list[tuple[str, str]] = []
    at = 0
    while at < len(lines):
        if found := _NOTE.fullmatch(lines[at].strip()):
            notes.append((found[1], found[2]))
        elif fence := _FENCE.fullmatch(lines[at]):
            end = lines.index(f"{fence[1]}```", at + 1)
            text = "".join(line.removeprefix(fence[1]) + "\n" for line in lines[at + 1 : end])
            yield Block(fence[2], text, tuple(notes), tuple(_table(lines[end + 1 :])))
            notes, at = [], end
        at += 1


def _table(lines: list[str]) -> Iterator[str]:
    """The table that follows at once, a blank line aside."""
    start = 1 if lines and not lines[0] else 0
    for line in lines[start:]:
        if not line.startswith("|"):
            return
        yield line
