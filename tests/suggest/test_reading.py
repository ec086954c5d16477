"""Heading rows that are tried, and what is asked where several are as good."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from importer.cli.app import run
from importer.errors import Exit, RosterError
from importer.mapper.load import load
from importer.model.roster import NO_HEADINGS, Layout
from importer.suggest.columns import best_reading
from tests.loader.letters import PAIRS, roster
from tests.suggest.headings import BESIDE

CONTACTS = """\
Name,Given Name,Family Name,Phone 1 - Value,E-mail 1 - Value,Address 1 - Street,Custom 1
Ann Lee,Ann,Lee,(212) 555-0101,ann@example.org,1 Elm St,blue
Bo Ray,Bo,Ray,(212) 555-0102,bo@example.org,2 Elm St,green
"""


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        (CONTACTS, (1,), 2),
        (f"Members of the club,,\nPrinted,May,\n{CONTACTS}", (3,), 2),
        ("First;Last;Card\nAnn;Lee;77001\n", (1,), 1),
        ("20001,Ann,Lee,ann@example.org\n20002,Bo,Ray,bo@example.org\n", NO_HEADINGS, 2),
    ],
)
def test_the_row_whose_columns_are_known_best_has_the_headings(
    text: str, header: tuple[int, ...], rows: int, tmp_path: Path
) -> None:
    """Also if its headings have digits, or text is above it; people are no headings."""
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    reading = best_reading(path, Layout(), BESIDE)
    assert (reading.roster.source.header, len(reading.roster.frame)) == (header, rows)
    assert reading.tied == {}


TIED = "First,Card,Wert\nLast,Karte,Stufe\nAnn,77001,3\nBo,77002,4\n"


def answered(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command ask, and answer with these lines."""
    typed = io.StringIO(text)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_a_tie_is_a_question_with_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between heading rows that name as many columns."""
    monkeypatch.chdir(tmp_path)
    Path("tied.csv").write_text(TIED, "utf-8")
    assert set(best_reading(Path("tied.csv"), Layout(), BESIDE).tied) >= {1, 2}
    answered("2\n" + "\n" * 9, monkeypatch)
    assert run(["mapping", "new", "tied.csv", "-o", "m.yaml"]) == Exit.DONE
    assert "2  Last, Karte, Stufe" in capsys.readouterr().err
    assert load(Path("m.yaml")).layout().header == (2,)


def test_an_encoding_that_is_not_certain_is_asked_for_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And written to the mapping."""
    monkeypatch.chdir(tmp_path)
    pair = next(one for one in PAIRS if one.encoding == "cp1250" and one.language == "pl")
    Path("pl.csv").write_bytes(roster(pair, 100)[1])
    with pytest.raises(RosterError) as refused:
        best_reading(Path("pl.csv"), Layout(), BESIDE)
    assert "windows-1250" in refused.value.encodings
    answered("windows-1250\n" + "\n" * 9, monkeypatch)
    assert run(["mapping", "new", "pl.csv", "-o", "m.yaml"]) == Exit.DONE
    words = refused.value.encodings["windows-1250"]
    assert f"windows-1250  {words}" in capsys.readouterr().err
    assert load(Path("m.yaml")).layout().encoding == "windows-1250"
