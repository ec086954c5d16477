"""A mapping's own `tests:`: rows, with the record and the problems that each must have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from importer.loader.csv_file import Rows, read_rows
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.findings import MappingFinding, in_order
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key, nearest
from importer.mapper.schema import OwnRow, OwnTests
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES
from importer.model.problem import Severity
from importer.model.roster import Roster
from importer.pipeline.check import check_candidates

_FIRST_ROW = 2


def failing_tests(mapping: MappingDocument) -> tuple[str, ...]:
    """Return the first difference of each row that fails, with its line in the mapping."""
    if (tests := mapping.file.tests) is None:
        return ()
    today, match = date.fromisoformat(tests.today), mapping.file.match
    roster = _roster(mapping, tests)
    compiled = compile_mapping(mapping, roster.places, RunVariables(today, mapping.path.name))
    candidates, problems = check_candidates(
        evaluate(compiled, roster), NO_CODES, today, creates=match.creates
    )
    targets = candidates.layout.targets
    used = {heading_key(use.place.heading) for use in compiled.uses}
    used |= {heading_key(name) for name in mapping.file.roster.unused}

    def differences(at: int, row: OwnRow) -> Iterator[MappingFinding]:
        number, steps = _FIRST_ROW + at, ("tests", "rows", at)
        for name in row.cells:
            if heading_key(name) not in used:
                wrong = f"no rule uses this column{nearest(name, mapping.headings)}"
                yield MappingFinding((*steps, "cells", name), wrong)
        for label, wanted in row.record.items():
            if label not in targets:
                wrong = f"no such field{nearest(label, targets)}"
                yield MappingFinding((*steps, "record", label), wrong)
            elif (got := _text(candidates, label, number)) != wanted:
                wrong = f"is `{got}`, not `{wanted}`" if got else f"is blank, not `{wanted}`"
                yield MappingFinding((*steps, "record", label), wrong)
        own = [
            p for p in problems if p.origin.row == number and p.severity is not Severity.REPAIRED
        ]
        for problem in own:
            if problem.code not in row.problems:
                wrong = f"`{problem.code}` was not expected: {problem.sentence()}"
                yield MappingFinding((*steps, "problems"), wrong)
        for code in row.problems:
            if code not in {problem.code for problem in own}:
                wrong = f"`{code}` was expected, and is not reported"
                yield MappingFinding((*steps, "problems"), wrong)

    first = (next(differences(at, row), None) for at, row in enumerate(tests.rows))
    return in_order(mapping.source, [*filter(None, first)])


def _roster(mapping: MappingDocument, tests: OwnTests) -> Roster:
    """Return the rows as a roster that has every column of the mapping."""
    written = [heading for row in tests.rows for heading in row.cells]
    headings = {heading_key(heading): heading for heading in (*mapping.headings, *written)}
    cells = [{heading_key(name): text for name, text in row.cells.items()} for row in tests.rows]
    rows = [[row.get(key, "") for key in headings] for row in cells]
    return read_rows(mapping.path, Rows.of_texts([*headings.values()], rows))


def _text(candidates: Candidates, label: str, row: int) -> str:
    """Return what a field of a row gets, "" also if the row is skipped or the value is dropped."""
    if row not in candidates.rows or row in candidates.not_applicable.get(label, ()):
        return ""
    return str(candidates.frame.loc[row, label])
