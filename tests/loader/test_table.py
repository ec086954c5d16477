"""Rows become people, blanks or what is left out, each with one number."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.loader import csvfile, csvrows
from importer.loader.csvfile import CHUNK
from importer.loader.numbering import Numbering
from importer.loader.read import read
from importer.model.catalogue import Code
from importer.model.rejects import ADDED
from importer.model.roster import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from importer.model.roster import Chunk

LAYOUT = Layout(expected=frozenset({"ID", "Name"}))
PERSON = "1234567,Silva,a@example.org\n"


@given(st.lists(st.sampled_from(["", "2", "3", " 4 ", "x", "1.5", "-2", "1", "0", "900000000"])))
def test_a_fed_back_row_has_one_number(texts: list[str]) -> None:
    """Numbers of the first roster are kept once; every other row gets one after the largest."""
    numbers = Numbering.over(texts).apply(texts)
    assert len(set(numbers)) == len(texts)
    for at, text in enumerate(texts):
        if text.strip() in {"2", "3", "4"} and text not in texts[:at]:
            assert numbers[at] == int(text)


@pytest.mark.parametrize("before", [CHUNK - 1, CHUNK, CHUNK + 1])
def test_totals_are_found_on_the_border_of_a_chunk(before: int, tmp_path: Path) -> None:
    """Where the file is cut into chunks makes no difference to what is a total."""
    path = tmp_path / "a.csv"
    path.write_text("ID,Name,Email\n" + PERSON * before + "Total: 3,,\n,,\nSigned,,\n,,\n", "utf-8")
    roster = read(path, LAYOUT)
    chunks = list(roster.chunks())
    assert sum(len(chunk.frame) for chunk in chunks) == before
    assert [row for chunk in chunks for row in chunk.left_out] == [before + 2, before + 4]
    assert [row for chunk in chunks for row in chunk.blank] == [before + 3]
    assert [notice.code for notice in roster.notices] == [Code.READ_WITH_NOTICE]


def test_wide_rows_make_short_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk holds so many cells, however wide its rows are, and no row is lost by it."""
    monkeypatch.setattr(csvrows, "SPREAD", 900)
    path = tmp_path / "a.csv"
    path.write_text("ID,Name,Email\n" + PERSON * 1_000, "utf-8")
    chunks = list(read(path, LAYOUT).chunks())
    assert [len(chunk.frame) for chunk in chunks] == [300, 300, 300, 100]


def test_a_short_row_in_the_middle_stays_also_beside_a_border(tmp_path: Path) -> None:
    """Only the end of the file makes a total of a row with one cell."""
    path = tmp_path / "a.csv"
    middle = PERSON * (CHUNK - 1) + "Total: 3,,\n"
    path.write_text("ID,Name,Email\n" + middle + PERSON, "utf-8")
    chunks = list(read(path, LAYOUT).chunks())
    assert sum(len(chunk.frame) for chunk in chunks) == CHUNK + 1
    assert not any(chunk.left_out for chunk in chunks)


def test_reading_again_gives_the_same(tmp_path: Path) -> None:
    """A roster can be read as often as needed, notices included."""
    path = tmp_path / "a.csv"
    path.write_text(f"ID,Name,{','.join(ADDED)}\n5,A,7,r,w,d\n6,B,,,,\n,,,,,\n", "utf-8")
    roster = read(path, LAYOUT)
    [first], notices = list(roster.chunks()), roster.notices
    [second] = roster.chunks()
    assert first.frame.equals(second.frame)
    assert (first.blank, notices) == (second.blank, roster.notices)
    assert first.frame.index.tolist() == [7, 8]


def test_a_narrow_roster_keeps_its_last_rows(tmp_path: Path) -> None:
    """With two columns, two filled cells are a whole row, and one is for the rules to reject."""
    path = tmp_path / "a.csv"
    path.write_text("Name,Email\nSilva,none\nTotal,\n", "utf-8")
    [chunk] = read(path, Layout()).chunks()
    assert chunk.frame[0].tolist() == ["Silva", "Total"]


def cells_of(chunks: Iterable[Chunk], rows: set[int]) -> dict[int, list[str]]:
    """The cells of these rows, by number."""
    return {
        int(str(number)): list(cells)
        for chunk in chunks
        for number, cells in zip(chunk.frame.index, chunk.frame.to_numpy(), strict=True)
        if number in rows
    }


@given(rows=st.sets(st.integers(3, 12)), fed_back=st.booleans(), size=st.integers(1, 4))
def test_rows_that_are_asked_for_are_the_same(rows: set[int], size: int, *, fed_back: bool) -> None:
    """A row that is read by its number has the cells that it had among all rows."""
    added = f",{','.join(ADDED)}" if fed_back else ""
    ends = [f",{number + 7},r,w,d" if fed_back else "" for number in range(8)]
    lines = ["a title", f"ID,Name,Email{added}"]
    lines += [f" {n},'00{n},\u00a0x{n}@example.org{end}" for n, end in enumerate(ends)]
    lines += ["short", f"Total: 8{',' * (2 + 4 * fed_back)}"]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvfile, "CHUNK", size)
        path = Path(folder) / "a.csv"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        roster = read(path, LAYOUT)
        there = cells_of(roster.chunks(), rows)
        assert cells_of(roster.chunks_with(there), set(there)) == there


@given(
    st.lists(
        st.sampled_from([PERSON, "Total: 3,,\n", "Signed,A. B.,\n", "\n", ",,\n", ",,,x\n"]),
        max_size=30,
    ),
    st.integers(1, 8),
)
def test_the_size_of_a_chunk_changes_nothing(lines: list[str], size: int) -> None:
    """Which rows are people, blank or left out is the same however the file is cut."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "a.csv"
        path.write_text("ID,Name,Email\n" + "".join(lines), "utf-8")
        [whole] = read(path, LAYOUT).chunks()
        patch.setattr(csvfile, "CHUNK", size)
        chunks = list(read(path, LAYOUT).chunks())
    assert [row for chunk in chunks for row in chunk.frame.index] == whole.frame.index.tolist()
    assert [row for chunk in chunks for row in chunk.blank] == list(whole.blank)
    assert [row for chunk in chunks for row in chunk.left_out] == list(whole.left_out)
    assert {one for chunk in chunks for one in chunk.problems} == set(whole.problems)
