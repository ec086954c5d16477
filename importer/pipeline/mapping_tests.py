"""The rows by which a mapping tests itself: `tests:` in its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pandas as pd

from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.findings import MappingFinding, in_order
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key, nearest
from importer.mapper.schema import OwnTests
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES
from importer.model.problem import Place, Problem, Severity
from importer.model.roster import Roster, Source, letter
from importer.model.text import one_line
from importer.pipeline.check import check_candidates

_FIRST_ROW = 2


def failing_tests(mapping: MappingDocument) -> tuple[str, ...]:
    """Return the first difference of each row that fails, with its line in the mapping."""
    tests = mapping.file.tests
    return in_order(mapping.source, [*_differences(mapping, tests)]) if tests else ()


def _differences(mapping: MappingDocument, tests: OwnTests) -> Iterator[MappingFinding]:
    today = date.fromisoformat(tests.today)
    roster = _roster(mapping, tests)
    compiled = compile_mapping(mapping, roster.places, RunVariables(today, mapping.path.name))
    creates = mapping.file.match.creates
    candidates, found = check_candidates(
        evaluate(compiled, roster), NO_CODES, today, creates=creates
    )
    by_row: dict[int, list[Problem]] = {}
    for problem in found:
        if problem.severity is not Severity.REPAIRED:
            by_row.setdefault(problem.origin.row, []).append(problem)
    used = {heading_key(use.place.heading) for use in compiled.uses}
    unused = {heading_key(name) for name in mapping.file.roster.unused}
    for at, row in enumerate(tests.rows):
        number, steps = _FIRST_ROW + at, ("tests", "rows", at)
        unknown = (name for name in row.cells if heading_key(name) not in used | unused)
        if (name := next(unknown, None)) is not None:
            wrong = f"no rule uses this column{nearest(name, mapping.headings)}"
            yield MappingFinding((*steps, "cells", name), wrong)
            continue
        for label, wanted in row.record.items():
            if label not in candidates.layout.targets:
                known = nearest(label, candidates.layout.targets)
                yield MappingFinding((*steps, "record", label), f"no such field{known}")
                break
            got = _text(candidates, label, number)
            if got != wanted:
                wrong = f"is `{got}`, not `{wanted}`" if got else f"is blank, not `{wanted}`"
                yield MappingFinding((*steps, "record", label), wrong)
                break
        else:
            yield from _of_problems(row.problems, by_row.get(number, []), (*steps, "problems"))


def _of_problems(
    wanted: tuple[str, ...], found: list[Problem], steps: tuple[str | int, ...]
) -> Iterator[MappingFinding]:
    """Yield the first problem that was not expected, or else the first that is not there."""
    for problem in found:
        if problem.code not in wanted:
            wrong = f"`{problem.code}` was not expected: {problem.sentence()}"
            yield MappingFinding(steps, wrong)
            return
    reported = {problem.code for problem in found}
    if (code := next((one for one in wanted if one not in reported), None)) is not None:
        yield MappingFinding(steps, f"`{code}` was expected, and is not reported")


def _roster(mapping: MappingDocument, tests: OwnTests) -> Roster:
    """Return the rows as a roster that has every column of the mapping."""
    written = [heading for row in tests.rows for heading in row.cells]
    single = (heading for heading in mapping.headings if not heading.endswith("*"))
    headings = {heading_key(heading): heading for heading in (*single, *written)}
    places = tuple(Place(letter(at), heading) for at, heading in enumerate(headings.values()))
    cells = [{heading_key(name): text for name, text in row.cells.items()} for row in tests.rows]
    rows = [[row.get(key, "") for key in headings] for row in cells]
    index = range(_FIRST_ROW, _FIRST_ROW + len(rows))
    texts = [list(map(one_line, row)) for row in rows]
    frame = pd.DataFrame(texts, index=index, columns=range(len(headings)), dtype=object)
    lines = {
        at: dict(zip(index, column, strict=True))
        for at, column in enumerate(zip(*rows, strict=True))
    }
    return Roster(Source(mapping.path, "0" * 64, "csv"), places, frame, lines=lines)


def _text(candidates: Candidates, label: str, row: int) -> str:
    """Return what a field of a row gets, "" also if the row is skipped or the value is dropped."""
    if row not in candidates.rows or row in candidates.not_applicable.get(label, ()):
        return ""
    return str(candidates.frame.loc[row, label])
