"""Whatever bytes come: a roster whose rows are all accounted for, or one sentence; no crash."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from importer.errors import RosterError
from importer.loader.read import read
from importer.model.roster import Layout
from tests.zoo.books import BOOKS
from tests.zoo.strangers import STRANGERS
from tests.zoo.texts import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    from importer.model.roster import Roster

LAYOUT = Layout(expected=frozenset({"ID", "Name", "EMPL ID", "Email"}))
LARGE = 40_000  # bytes of a seed beyond which mutating it teaches nothing more
SNIPPETS = (
    *(b'"', b",", b"\n", b"\0", b"\xff", b"<", b">", b"</c>", b"<v>", b"-", b"NaN", b"]]>"),
    *(b'r="A1"', b'r="XFD1048576"', b"&#1114112;", b"&amp", b"_x0000_", b"<!DOCTYPE a>"),
    *(b"9" * 30, b"1E999999"),
)


def dice(start: int) -> random.Random:
    """Chance that falls the same way every time."""
    return random.Random(start)  # noqa: S311  no secret


def _seeds(folder: Path) -> list[bytes]:
    """The zoo's small files."""
    seeds = []
    for specimen in [*TEXTS, *BOOKS, *STRANGERS]:
        if "bomb" in specimen.hazard or "last cell" in specimen.hazard:
            continue
        path = folder / specimen.name
        specimen.build(path)
        if path.stat().st_size <= LARGE:
            seeds.append(path.read_bytes())
    return seeds


def _mutated(content: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, cut, doubled or replaced by something nasty."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + chance.randint(1, 20)]
            case 3:
                changed[at:at] = changed[at : at + chance.randint(1, 60)]
            case _:
                changed[at:at] = chance.choice(SNIPPETS)
    return bytes(changed)


def _inside(content: bytes, chance: random.Random) -> bytes:
    """A workbook with one member mutated or two exchanged, its checksums right again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, RuntimeError, ValueError, NotImplementedError):
        return _mutated(content, chance)
    one, other = chance.choices(sorted(members), k=2)
    if chance.random() < 0.2:
        members[one], members[other] = members[other], members[one]
    else:
        members[one] = _mutated(members[one], chance)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def _accounted(roster: Roster) -> list[int]:
    return [
        row
        for chunk in roster.chunks()
        for row in (*chunk.frame.index.tolist(), *chunk.blank, *chunk.left_out)
    ]


def _check(path: Path) -> None:
    """Read the file; every row between the headings and the last text is there exactly once."""
    try:
        roster = read(path, LAYOUT)
        rows = _accounted(roster)
    except RosterError:
        return
    assert len(rows) == len(set(rows))
    top = roster.source.header[-1]
    if rows and min(rows) > top and not _fed_back(path):
        assert sorted(rows) == list(range(top + 1, max(rows) + 1))


def _fed_back(path: Path) -> bool:
    """A rejects file keeps the row numbers of another roster, which may have gaps."""
    content = path.read_bytes()
    return b"What to do" in content or content.startswith(b"PK")


def _hunt(folder: Path, chance: random.Random, times: int) -> None:
    seeds = _seeds(folder)
    for at in range(times):
        seed = chance.choice(seeds)
        content = _inside(seed, chance) if chance.random() < 0.6 else _mutated(seed, chance)
        # a new name each time: nothing may depend on an earlier file
        path = folder / f"{at}.{chance.choice(('csv', 'xlsx', 'xls'))}"
        path.write_bytes(content)
        _check(path)
        path.unlink()


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    """Files with flipped bits, cuts and exchanged parts never raise anything but a refusal."""
    _hunt(tmp_path, dice(20261124), 300)


@pytest.mark.hunt
@pytest.mark.parametrize("start", range(10))
def test_ten_thousand_mutated_files(start: int, tmp_path: Path) -> None:
    """The long form."""
    _hunt(tmp_path, dice(start), 1_000)


def test_random_bytes_are_read_or_refused(tmp_path: Path) -> None:
    """Random text with much punctuation is read, its rows accounted for, or refused."""
    chance = dice(7)
    alphabet = "ab1,;\t|\"'\n\r= é\0\ufeff"
    for _ in range(300):
        text = "".join(chance.choices(alphabet, k=chance.randrange(120)))
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode(chance.choice(("utf-8", "latin-1", "utf-16")), "replace"))
        _check(path)


@pytest.mark.parametrize("size", [0, 1, 49_999, 50_000, 50_001, 120_000])
def test_chunks_lose_no_row(size: int, tmp_path: Path) -> None:
    """Whatever falls on the border of a chunk, rows in are rows accounted for, twice over."""
    chance = dice(size)
    kinds = ("1234567,Silva,a@example.org\n", "\n", ",,\n", "x,,\n", '"a\nb",B,b@example.org\n')
    body = "".join(chance.choices(kinds, weights=(6, 1, 1, 1, 1), k=size))
    text = "EMPL ID,Name,Email\n" + body
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    records = list(csv.reader(io.StringIO(text)))[1:]
    while records and not any(records[-1]):
        records.pop()
    roster = read(path, LAYOUT)
    for _ in range(2):
        assert sorted(_accounted(roster)) == list(range(2, len(records) + 2))
