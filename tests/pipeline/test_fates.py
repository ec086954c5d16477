"""What becomes of each row is decided in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.ledger.journal import RESOLVED_ADVICE
from importer.model.catalogue import Code, Severity
from importer.model.plan import Fate
from importer.model.problem import Origin, Problem
from importer.pipeline.fates import Answered, decide_fates

CODES = (Code.BAD_EMAIL, Code.DUPLICATE_PERSON, Code.DUPLICATE_ID, Code.SKIPPED_DUPLICATE)


def problem(row: int, code: Code, severity: Severity) -> Problem:
    """A problem of a row, or of the whole roster (row 0)."""
    return Problem.of(code, Origin("roster.csv", "", row), "is so", severity=severity)


ROWS = st.dictionaries(
    st.integers(2, 9), st.sampled_from([Fate.READY, Fate.BLANK, Fate.SKIPPED]), max_size=8
).map(lambda rows: dict(sorted(rows.items())))
PROBLEMS = st.lists(
    st.builds(problem, st.integers(0, 9), st.sampled_from(CODES), st.sampled_from(Severity)),
    max_size=20,
)
ANSWERS = st.dictionaries(st.integers(2, 9), st.builds(Answered, st.just("decided"), st.booleans()))


@given(ROWS, PROBLEMS, ANSWERS)
def test_every_row_has_one_fate(
    rows: Mapping[int, Fate], problems: Sequence[Problem], answers: Mapping[int, Answered]
) -> None:
    """No row is lost, added or reordered, the counts add up, and blank rows stay blank."""
    decided = decide_fates(rows, problems, answers)
    assert list(decided.fates) == list(rows)
    parts = [decided.rows(fate) for fate in Fate]
    assert sum(map(len, parts)) == len(rows) == len(frozenset().union(*parts))
    for row, before in rows.items():
        assert before is Fate.READY or decided.fates[row] is before


@given(ROWS, PROBLEMS, ANSWERS)
def test_the_problems_say_why(
    rows: Mapping[int, Fate], problems: Sequence[Problem], answers: Mapping[int, Answered]
) -> None:
    """A ready row has no problem that holds it; a rejected or reviewed one has the gravest."""
    decided = decide_fates(rows, problems, answers)
    for row, fate in decided.fates.items():
        own = {found.severity for found in decided.problems if found.origin.row == row}
        match fate:
            case Fate.READY:
                assert own.isdisjoint({Severity.REJECT, Severity.REVIEW})
            case Fate.REVIEW:
                assert Severity.REVIEW in own
                assert Severity.REJECT not in own
            case Fate.REJECTED:
                assert Severity.REJECT in own
            case Fate.BLANK | Fate.SKIPPED:
                pass


@given(ROWS, PROBLEMS, ANSWERS)
def test_deciding_again_changes_nothing(
    rows: Mapping[int, Fate], problems: Sequence[Problem], answers: Mapping[int, Answered]
) -> None:
    """`plan` decides after the checks and again after the comparison with Alma."""
    once = decide_fates(rows, problems, answers)
    again = decide_fates(once.fates, once.problems)
    assert again.fates == once.fates
    assert again.problems == once.problems


@given(ROWS, PROBLEMS, ANSWERS)
def test_no_problem_is_lost(
    rows: Mapping[int, Fate], problems: Sequence[Problem], answers: Mapping[int, Answered]
) -> None:
    """Each row's problems are kept in their order; only severities and messages change."""
    decided = decide_fates(rows, problems, answers)
    for row in {found.origin.row for found in problems} - {0}:
        before = [found.code for found in problems if found.origin.row == row]
        after = [found.code for found in decided.problems if found.origin.row == row]
        assert after[: len(before)] == before
        assert set(after[len(before) :]) <= {Code.RESOLVED}


@pytest.mark.parametrize(
    ("severities", "fate"),
    [
        ([], Fate.READY),
        ([Severity.WARNING, Severity.REPAIRED], Fate.READY),
        ([Severity.WARNING, Severity.REVIEW], Fate.REVIEW),
        ([Severity.REVIEW, Severity.REJECT], Fate.REJECTED),
    ],
)
def test_the_gravest_problem_decides(severities: Sequence[Severity], fate: Fate) -> None:
    """A row is rejected before it is reviewed, and reviewed before it is ready."""
    problems = [problem(2, Code.BAD_EMAIL, severity) for severity in severities]
    assert decide_fates({2: Fate.READY}, problems).fates == {2: fate}


@pytest.mark.parametrize(("loads", "fate"), [(True, Fate.READY), (False, Fate.REJECTED)])
def test_an_answered_question_is_not_asked_again(loads: bool, fate: Fate) -> None:  # noqa: FBT001
    """The question whether two rows are one person was answered; other problems still count."""
    asked = problem(2, Code.DUPLICATE_PERSON, Severity.REVIEW)
    other = problem(2, Code.DUPLICATE_ID, Severity.REVIEW)
    answers = {2: Answered("decided", loads)}
    decided = decide_fates({2: Fate.READY}, [asked], answers)
    assert (decided.fates, decided.problems[0].advice) == ({2: fate}, RESOLVED_ADVICE)
    both = decide_fates({2: Fate.READY}, [asked, other], answers).fates
    assert both == {2: Fate.REVIEW if fate is Fate.READY else fate}


def test_a_problem_of_the_whole_roster_is_told_once() -> None:
    """Row 0 decides no row's fate."""
    notice = problem(0, Code.BAD_EMAIL, Severity.REJECT)
    decided = decide_fates({2: Fate.READY}, [notice, notice])
    assert (decided.fates, decided.problems) == ({2: Fate.READY}, (notice,))
