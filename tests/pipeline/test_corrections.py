"""Corrections are kept beside the roster, and count as if the roster had been edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import RosterError, StalePlanError
from importer.loader.corrections import LEAVE_OUT, Correction, read_corrections, write_corrections
from importer.model.plan import Fate
from importer.model.problem import Code, Place
from importer.model.roster import UNEVEN
from importer.pipeline.check import check
from importer.pipeline.still_good import check_sources
from tests.mapper.bench import mapping_text
from tests.pipeline.runs import order

MAPPING = mapping_text("expiry_date: <Until>", "roster: {dates: ymd}")
HEADINGS = ("ID", "First", "Last", "Until")
ROWS = [
    ["1001", "Ana", "Silva", "2030-01-01"],
    ["1001", "Bo", "Berg", "soon"],
    ["", "Cy", "Cole", "2030-01-01"],
    ["1004", "Di", "#N/A", ""],
    ["1009", "Ed", "End", "2030-01-01"],  # never changed: the last rows may be totals
]
TEXTS = st.sampled_from(["", "1001", "1005", "Ana", "Berg", "2031-05-05", "later", "#N/A"])


def _roster(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("\n".join(",".join(row) for row in (HEADINGS, *rows)) + "\n", "utf-8")
    return path


Facts = tuple[dict[int, Fate], set[tuple[int, str, tuple[Place, ...], str]]]
"""The fate of each row, and its problems: row, code, columns and value."""


def _facts(roster: Path, mapping: Path, folder: Path, corrections: Path | None = None) -> Facts:
    request = order(roster, mapping, folder, corrections=corrections)
    with check(request) as ledger:
        problems = {
            (p.origin.row, p.code.value, p.places, p.value)
            for p in ledger.problems()
            if p.code not in {Code.BLANK_ROWS, Code.READ_WITH_NOTICE}
        }
        return dict(ledger.fates()), problems


@settings(max_examples=25)
@given(changes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), TEXTS), max_size=6))
def test_corrected_is_as_edited(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, str]]
) -> None:
    """The check of a corrected roster equals that of the same roster edited by hand."""
    folder = tmp_path_factory.mktemp("corrected")
    (mapping := folder / "m.yaml").write_text(MAPPING, "utf-8")
    edited, made = [list(row) for row in ROWS], []
    for row, column, text in changes:
        was, edited[row][column] = edited[row][column], text
        letter = "ABCD"[column]
        made.append(Correction(row + 2, letter, HEADINGS[column], was, text, "ana@desk", "", ""))
    write_corrections(folder / "made.csv", made)
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    by_hand = _facts(_roster(folder / "a" / "r.csv", edited), mapping, folder / "a" / "run")
    corrected = _facts(
        _roster(folder / "b" / "r.csv", ROWS), mapping, folder / "b" / "run", folder / "made.csv"
    )
    assert corrected == by_hand


def test_a_row_is_left_out(tmp_path: Path) -> None:
    """A line without a column leaves the row out: it is skipped, and its ID is free for others."""
    (mapping := tmp_path / "m.yaml").write_text(MAPPING, "utf-8")
    made = tmp_path / "made.csv"
    write_corrections(made, [Correction(3, "", "", "", LEAVE_OUT, "ana@desk", "", "")])
    fates, problems = _facts(_roster(tmp_path / "r.csv", ROWS), mapping, tmp_path / "run", made)
    assert fates[3] is Fate.SKIPPED
    assert fates[2] is Fate.READY
    assert not [one for one in problems if one[0] in {2, 3}]


@pytest.mark.parametrize("row", ["1003,Cy,Cole", "1003,Cole,Jr.,Cy,2030-01-01"])
def test_an_uneven_row_is_corrected_up_to_its_last_cell(tmp_path: Path, row: str) -> None:
    """A delimiter too many or too few shifts every value up to there; a PIN stays hidden."""
    mapping = tmp_path / "m.yaml"
    roster = _roster(tmp_path / "r.csv", [ROWS[0], [row], ROWS[4]])
    cells = [*row.split(","), ""][:4]
    right = ("1003", "Cy", "Cole", "2030-01-01")
    every = zip("ABCD", HEADINGS, cells, right, strict=True)
    lines = [Correction(3, *cell, "ana@desk", "", "") for cell in every if cell[2] != cell[3]]
    secret = MAPPING.replace("expiry_date", "pin_number")
    for at, (text, left, uneven) in enumerate(((MAPPING, 1, 1), (MAPPING, 0, 0), (secret, 0, 1))):
        made = tmp_path / f"{at}.csv"
        mapping.write_text(text, "utf-8")
        write_corrections(made, lines[: len(lines) - left])
        _, problems = _facts(roster, mapping, tmp_path / f"run{at}", made)
        assert sum(one[:2] in {(3, code.value) for code in UNEVEN} for one in problems) == uneven


@pytest.mark.parametrize(
    "line",
    [
        Correction(2, "A", "ID", "another", "1", "", "", ""),
        Correction(99, "A", "ID", "1001", "1", "", "", ""),
        Correction(2, "Z", "ID", "1001", "1", "", "", ""),
    ],
)
def test_corrections_of_another_roster_are_refused(tmp_path: Path, line: Correction) -> None:
    """A cell that is not what it was, or is not there, stops the run: nothing is guessed."""
    (mapping := tmp_path / "m.yaml").write_text(MAPPING, "utf-8")
    made = tmp_path / "made.csv"
    write_corrections(made, [line])
    with pytest.raises(RosterError):
        _facts(_roster(tmp_path / "r.csv", ROWS), mapping, tmp_path / "run", made)


def test_a_plan_is_bound_to_its_corrections(tmp_path: Path) -> None:
    """After another correction the plan is stale; the file is read back as it was written."""
    (mapping := tmp_path / "m.yaml").write_text(MAPPING, "utf-8")
    made, line = (
        tmp_path / "made.csv",
        Correction(2, "A", "ID", "1001", '1,"2', "ana@desk", "now", ""),
    )
    write_corrections(made, [line])
    assert read_corrections(made) == (line,)
    for text in ("'=1+1", "pasted\ron a Mac", "two\nlines"):
        other = replace(line, was="=1+1", now=text)
        write_corrections(made, [other])
        assert read_corrections(made) == (other,)
        assert b",=1" not in made.read_bytes()
    write_corrections(made, [line])
    roster = _roster(tmp_path / "r.csv", ROWS)
    with check(order(roster, mapping, tmp_path / "run", corrections=made)) as ledger:
        check_sources(ledger.facts)
        write_corrections(made, [line, replace(line, was=line.now, now="3")])
        with pytest.raises(StalePlanError):
            check_sources(ledger.facts)
