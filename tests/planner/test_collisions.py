"""Rows of one plan that lead to one user of Alma."""

from __future__ import annotations

from importer.model.catalogue import Code, Severity
from importer.model.plan import Create, Held, LeftAlone, Step, Unchanged, Update
from importer.model.problem import Origin
from importer.model.user import User
from importer.planner.whole_plan import review_collisions

USER = User(primary_id="P1")


def origin(row: int) -> Origin:
    """A place in a file."""
    return Origin("autumn.csv", "", row)


def test_rows_of_one_user_are_all_held() -> None:
    """Whatever they would do, and however the identifier is written; each names the others."""
    steps: list[Step] = [
        Update(2, "P1", USER, USER, ()),
        Unchanged(3, "p1"),
        Update(4, "P2", USER, USER, ()),
        Update(5, "P1", USER, USER, ()),
    ]
    got = review_collisions(steps, origin)
    assert got[2] is steps[2]
    held = [step for step in got if isinstance(step, Held)]
    assert [step.row for step in held] == [2, 3, 5]
    problems = [problem for step in held for problem in step.problems]
    assert {problem.code for problem in problems} == {Code.DUPLICATE_PERSON}
    assert {problem.severity for problem in problems} == {Severity.REVIEW}
    assert [problem.origin.row for problem in problems] == [2, 3, 5]
    assert "row 3, 5" in problems[0].message
    assert {problem.value.casefold() for problem in problems} == {"p1"}


def test_others_stay() -> None:
    """New users, those passed over, and those who are alone."""
    steps: list[Step] = [
        Create(2, USER),
        Create(3, USER),
        LeftAlone(4),
        LeftAlone(5),
        Unchanged(6, "P1"),
    ]
    assert review_collisions(steps, origin) == steps
