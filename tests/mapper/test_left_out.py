"""What `bad: drop` leaves out of a row: the value, and what takes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES
from importer.model.problem import Code, Problem, Severity
from importer.pipeline.check import check_candidates
from importer.validator.duplicates import find_duplicates
from tests.mapper.bench import TODAY, Bench, without_headings


def checked(mapped: Candidates) -> tuple[Candidates, Sequence[Problem]]:
    """Rows without what is left out of them, and their problems."""
    return check_candidates(mapped, NO_CODES, TODAY, creates=True)


ENDS = (
    "expiry_date: {from: <E>, bad: drop}\n"
    "purge_date: {from: [<P>, <@expiry_date>], plus: 2 years}\n"
    'job_description: "until <@expiry_date>"'
)
ROLE = "patron_role: {expiry: <@expiry_date>}"
FOLLOWERS = ["expiry_date", "purge_date", "patron_role.expiry", "job_description"]


@pytest.mark.parametrize("day", ["1985-01-01", "2150-01-01", "soon"])
def test_what_takes_a_left_out_value_is_left_out_with_it(day: str, tmp_path: Path) -> None:
    """In its row only. The one problem of the row is a warning that names what is left out."""
    bench = Bench(tmp_path, ENDS, ROLE, "E|P")
    mapped, problems = checked(bench.map((day, ""), ("2027-05-15", "")))
    assert {label: mapped.not_applicable[label] for label in FOLLOWERS} == {
        label: {2} for label in FOLLOWERS
    }
    assert mapped.texts("purge_date") == ["", "2029-05-15"]
    (problem,) = problems
    assert (problem.severity, problem.field) == (Severity.WARNING, "expiry_date")
    assert all(f"`{label}`" in problem.message for label in FOLLOWERS[1:])


def test_a_left_out_value_is_not_compared_between_rows(tmp_path: Path) -> None:
    """A birth date that is not loaded makes no other person of the same row."""
    top = "duplicates: {same_id: keep first}"
    bench = Bench(tmp_path, "birth_date: {from: <B>, bad: drop}", top, "B")
    rows = [("1", "Ann", "Lee", day) for day in ("1850-01-01", "3000-01-01")]
    mapped, _ = checked(evaluate(bench.compiled, without_headings(rows), NO_CODES))
    assert mapped.texts("birth_date") == ["", ""]
    found = find_duplicates([(mapped, bench.mapping.duplicates)])
    assert [problem.code for problem in found] == [Code.SKIPPED_DUPLICATE]
