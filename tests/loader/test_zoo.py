"""Every specimen of the zoo is read, or refused in one sentence, as it says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from importer.errors import RosterError
from importer.loader.read import read
from tests.zoo.books import BOOKS
from tests.zoo.specimen import Specimen, banned
from tests.zoo.strangers import STRANGERS
from tests.zoo.texts import TEXTS

SECONDS = 3
"""Of the processor, at most, until a file is refused."""
ZOO = [*TEXTS, *BOOKS, *STRANGERS]
READ = [specimen for specimen in ZOO if not specimen.refusal]
REFUSED = [specimen for specimen in ZOO if specimen.refusal]


@pytest.mark.parametrize("specimen", READ, ids=str)
def test_specimen_is_read(specimen: Specimen, tmp_path: Path) -> None:
    """Rows, problems and notices are those of the specimen, and every row is there once."""
    path = tmp_path / specimen.name
    specimen.build(path)
    roster = read(path, specimen.layout)
    rows = {
        int(str(number)): tuple(cells)
        for number, cells in zip(roster.frame.index, roster.frame.to_numpy(), strict=True)
    }
    problems = {
        (problem.origin.row, problem.places[0].letter if problem.places else "", problem.code.value)
        for problem in roster.problems
    }
    assert rows == specimen.rows
    assert problems == set(specimen.problems)
    assert tuple(notice.code.value for notice in roster.notices) == specimen.notices
    assert (roster.blank, roster.left_out) == (specimen.blank, specimen.left_out)
    everything = [*rows, *roster.blank, *roster.left_out]
    assert len(everything) == len(set(everything))
    assert list(tmp_path.iterdir()) == [path]  # nothing is unpacked to the disk


@pytest.mark.parametrize("specimen", REFUSED, ids=str)
def test_specimen_is_refused(specimen: Specimen, tmp_path: Path) -> None:
    """The file is refused whole, in a librarian's words."""
    path = tmp_path / specimen.name
    specimen.build(path)
    began = time.process_time()
    with pytest.raises(RosterError) as refusal:
        read(path, specimen.layout)
    assert time.process_time() - began < SECONDS
    assert specimen.refusal in str(refusal.value)
    assert banned(str(refusal.value)) == []
    assert list(tmp_path.iterdir()) == [path]
