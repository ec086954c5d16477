"""A workbench for the mapper's tests: mapping text and rows in, candidates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from importer.errors import MappingError
from importer.mapper import checks
from importer.mapper.compile import CompiledMapping, RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.findings import Level
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES, CodeTables
from importer.model.problem import Code, Place, Problem
from importer.model.roster import Roster, Source, letter
from importer.model.text import one_line
from tests.zoo.specimen import banned

TODAY = date(2026, 8, 20)
SOURCE = Source(Path("autumn.csv"), "0" * 64, "csv")
RUN = RunVariables(TODAY, "autumn.csv")

BASE = """\
version: 1
account_type: INTERNAL
record:
  primary_id: <ID>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
"""
"""The smallest mapping; `mapping_text` adds to it."""
HEADINGS = ("ID", "First", "Last")


def by_title(text: str, end: str = "\n") -> dict[str, str]:
    """Return the examples of a text by their titles, which go as far as `end`."""
    return {part.split(end)[0]: part.strip() for part in f"\n{text}".split("\n== ")[1:]}


EXAMPLES = by_title(Path(__file__).with_name("examples.txt").read_text("utf-8"), ". ")
"""Each rule of the language; `test_examples` explains how they are written."""
PERSON = ("2000", "Ann", "Lee")


def mapping_text(record: str = "", top: str = "") -> str:
    """The least mapping with more lines in `record:`, and more at the top."""
    lines = "".join(f"  {line}\n" for line in record.splitlines())
    return BASE + lines + (f"{top}\n" if top else "")


def loaded(folder: Path, text: str, name: str = "m.yaml") -> MappingDocument:
    """The mapping of a text."""
    path = folder / name
    path.write_text(text, "utf-8")
    return load(path)


def findings(folder: Path, text: str) -> tuple[str, ...]:
    """What is wrong with the mapping of a text, in no words of programmers."""
    try:
        loaded(folder, text)
    except MappingError as error:
        found = error.findings
    else:
        return ()
    assert banned("\n".join(found)) == [], found
    return found


def lint(mapping: MappingDocument) -> tuple[str, ...]:
    """What is to do in a mapping and what is worth a second look."""
    return checks.findings(mapping, Level.TO_DO, Level.HINT)


def places(headings: Sequence[str]) -> tuple[Place, ...]:
    """Columns with these headings."""
    return tuple(Place(letter(at), heading) for at, heading in enumerate(headings))


def without_headings(rows: Sequence[Sequence[str]], first: int = 2) -> Roster:
    """A roster of these rows, numbered from `first`, for a mapping that is compiled already.

    In a cell, `⏎` is a line break.
    """
    width = len(rows[0]) if rows else 0
    index = range(first, first + len(rows))
    texts = [[one_line(text.replace("⏎", " ")) for text in row] for row in rows]
    frame = pd.DataFrame(texts, index=index, columns=range(width), dtype=object)
    lines: dict[int, dict[int, str]] = {}
    for number, row in zip(index, rows, strict=True):
        for at, text in enumerate(row):
            if "⏎" in text:
                lines.setdefault(at, {})[number] = "\n".join(map(one_line, text.split("⏎")))
    return Roster(SOURCE, places([""] * width), frame, lines=lines)


def roster(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Roster:
    """A roster with these headings."""
    return replace(without_headings(rows), places=places(headings))


class Bench:
    """Maps rows of some columns beside an ID and a name."""

    def __init__(self, folder: Path, record: str = "", top: str = "", columns: str = "") -> None:
        """`columns` are more headings, separated by `|`."""
        self.mapping = loaded(folder, mapping_text(record, top))
        self.headings = (*HEADINGS, *(columns.split("|") if columns else ()))
        self.compiled: CompiledMapping = compile_mapping(self.mapping, places(self.headings), RUN)

    def rows(self, *cells: Sequence[str]) -> list[tuple[str, ...]]:
        """Whole rows, each of one person and these cells."""
        return [(f"{2000 + at}", *PERSON[1:], *row) for at, row in enumerate(cells)]

    def map(self, *cells: Sequence[str], codes: CodeTables = NO_CODES) -> Candidates:
        """The candidates of rows with these cells."""
        return evaluate(self.compiled, without_headings(self.rows(*cells)), codes)

    def values(self, label: str, *cells: str) -> list[str]:
        """What a label gets from these cells of the one more column."""
        return list(self.map(*((cell,) for cell in cells)).frame[label])


def told(problems: Sequence[Problem]) -> list[tuple[int, Code, str]]:
    """Row, code and field of each problem."""
    return [(problem.origin.row, problem.code, problem.field) for problem in problems]
