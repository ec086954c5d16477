"""Whatever bytes come: a roster whose rows are all accounted for, or one sentence; no crash."""

from __future__ import annotations

import random
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from importer.errors import RosterError
from importer.loader.read import read
from importer.model.roster import Layout
from tests.loader.agreement import readers_agree
from tests.loader.mutants import mutators, parts
from tests.loader.recount import filled_rows
from tests.zoo.books import BOOKS
from tests.zoo.strangers import STRANGERS
from tests.zoo.texts import TEXTS

LAYOUT = Layout(expected=frozenset({"ID", "Name", "EMPL ID", "Email"}))
LARGE = 40_000  # bytes of a seed beyond which mutating it teaches nothing more
SECONDS = 10.0
"""Longer than this no file takes, wherever it comes from."""
MEGABYTES = 1_000
"""More than this no process takes."""


def dice(start: int) -> random.Random:
    """Chance that falls the same way every time."""
    return random.Random(start)  # noqa: S311  no secret


@dataclass(frozen=True)
class Seed:
    """A file of the zoo; `renumbered` if its rows keep the numbers of another roster."""

    content: bytes
    renumbered: bool


def _seeds(folder: Path) -> list[list[Seed]]:
    """The zoo's small files, by kind: workbooks, OpenDocument, old Excel, text."""
    kinds: dict[str, list[Seed]] = {}
    for specimen in [*BOOKS, *STRANGERS, *TEXTS]:
        if "bomb" in specimen.hazard or "last cell" in specimen.hazard:
            continue
        path = folder / specimen.name
        specimen.build(path)
        content = path.read_bytes()
        path.unlink()
        if len(content) > LARGE:
            continue
        members = parts(content)
        kind = next((name for name in ("content.xml", "xl/workbook.xml") if name in members), "")
        kind = kind or ("ole" if content.startswith(b"\xd0\xcf") else "text")
        whole = b"".join((content, *members.values()))
        kinds.setdefault(kind, []).append(Seed(content, b"What to do" in whole))
    return list(kinds.values())


def _check(path: Path, *, renumbered: bool = False) -> bool:
    """Read the file, if it is not refused; every row below the headings is there exactly once.

    No row that says something is missing or blank, by a count that shares nothing with ours.
    """
    try:
        roster = read(path, LAYOUT)
    except RosterError:
        return False
    rows = [*roster.frame.index.tolist(), *roster.blank, *roster.left_out]
    assert len(rows) == len(set(rows))
    if not renumbered:
        top = roster.source.header[-1]
        assert sorted(rows) == list(range(top + 1, max(rows, default=top) + 1))
        expected = filled_rows(path, roster.source)
        if expected is not None:
            said = {row for row in expected if row > top}
            assert said <= set(rows)
            assert said.isdisjoint(roster.blank)
    return True


def _hunt(folder: Path, chance: random.Random, times: int) -> int:
    """Spoil so many files and read them; how many were not refused."""
    kinds = _seeds(folder)
    accepted = 0
    for at in range(times):
        seed = chance.choice(chance.choice(kinds))
        spoil = chance.choice(mutators(seed.content))
        # a new name each time: nothing may depend on an earlier file
        path = folder / f"{at}-{spoil.__name__}.{chance.choice(('csv', 'xlsx', 'xls'))}"
        path.write_bytes(spoil(seed.content, chance))
        began = time.process_time()
        accepted += _check(path, renumbered=seed.renumbered)
        assert time.process_time() - began < SECONDS
        readers_agree(path)
        path.unlink()
    return accepted


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    """Files that were spoilt in whichever way never raise anything but a refusal."""
    assert _hunt(tmp_path, dice(20261124), 300)


@pytest.mark.hunt
@pytest.mark.parametrize("start", range(20))
def test_twenty_thousand_mutated_files(start: int, tmp_path: Path) -> None:
    """The long form."""
    assert _hunt(tmp_path, dice(start), 1_000)
    for process in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        assert resource.getrusage(process).ru_maxrss < MEGABYTES * 1024


def test_random_bytes_are_read_or_refused(tmp_path: Path) -> None:
    """Random text with much punctuation is read, its rows accounted for, or refused."""
    chance = dice(7)
    alphabet = "ab1,;\t|\"'\n\r= é\0\ufeff"
    for _ in range(300):
        text = "".join(chance.choices(alphabet, k=chance.randrange(120)))
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode(chance.choice(("utf-8", "latin-1", "utf-16")), "replace"))
        _check(path)
