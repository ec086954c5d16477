"""What one change would repair stands together."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from importer.model.problem import Code, Place, Problem, Repairs, Severity
from importer.report.view import group_problems, is_danger
from tests.report.building import BARCODE, LAST, at

CODES = (Code.MALFORMED_ID, Code.DUPLICATE_PERSON, Code.EXPIRY_PAST, Code.ZEROS_RESTORED)


def problem(
    row: int, code: Code = Code.MALFORMED_ID, place: Place = BARCODE, advice: str = ""
) -> Problem:
    """A problem with a value of its own."""
    message = 'has the wrong number of digits: "{value}"'
    value = f"99900{row:07}"
    return Problem.of(code, at(row), message, place, field="primary_id", value=value, advice=advice)


def test_equal_code_place_field_and_advice_are_one_cause() -> None:
    """Whatever the values are, problems that one change repairs are one cause."""
    (cause,) = group_problems(problem(row) for row in (31, 22, 32, 22))
    assert cause.rows == (22, 31, 32)
    assert cause.count == 3
    (whole,) = group_problems([problem(0)])
    assert whole.count == 0  # it is about no row


def test_another_place_field_code_severity_or_advice_is_another_cause() -> None:
    """A difference in any of the five makes two causes."""
    first = problem(2)
    others = [
        problem(3, code=Code.DUPLICATE_ID, advice=first.to_do),
        problem(3, place=LAST),
        problem(3, advice="Ask the office."),
        replace(problem(3), field="last_name"),
        replace(problem(3), severity=Severity.WARNING),
    ]
    for other in others:
        assert len(group_problems([first, other])) == 2


def test_the_worst_and_the_most_frequent_come_first() -> None:
    """Causes are sorted by severity, then by the number of their rows."""
    worst = (Code.UNKNOWN_CODE, Code.MALFORMED_ID)
    ordered = [*worst, Code.DUPLICATE_PERSON, Code.EXPIRY_PAST, Code.ZEROS_RESTORED]
    codes = [*reversed(ordered), Code.UNKNOWN_CODE]
    found = group_problems(problem(row, code) for row, code in enumerate(codes, start=2))
    assert [cause.code for cause in found] == ordered


def test_dangers_come_before_what_harms_nobody() -> None:
    """What may be about somebody else's record comes first, then what undoes an edit.

    Neither the number of rows nor a finding about the whole roster changes that.
    """
    harmless = (Code.EXPIRY_PAST, Code.NO_PREFERRED_EMAIL, Code.POSSIBLE_MATCH_IN_ALMA)
    dangers = [
        Code.MANY_OTHER_PEOPLE,
        Code.ANOTHER_PERSON,
        Code.CARD_DIFFERS,
        Code.MANAGED_ELSEWHERE,
        Code.IDENTIFIER_OF_ANOTHER_PERSON,
        Code.IDENTIFIER_TAKEN,
        Code.ANOTHER_BIRTH_DATE,
        Code.ANOTHER_NAME,
        Code.REPLACES_EDIT,
    ]
    many = [problem(row, code) for code in harmless for row in range(2, 99)]
    found = group_problems([*many, problem(0), *(problem(5, one) for one in reversed(dangers))])
    assert [group.code for group in found][: len(dangers)] == dangers
    assert found[len(dangers)].whole
    assert [is_danger(group.code) for group in found] == [True] * len(dangers) + [False] * 4


def test_unused_columns_come_last() -> None:
    """They ask for nothing, so neither a repaired value nor a warning comes after them."""
    unused = Problem.of(Code.UNUSED_COLUMN, at(0), "are not used", BARCODE, LAST)
    found = group_problems([unused, problem(3, Code.ZEROS_RESTORED), problem(0), problem(4)])
    assert [group.code is Code.UNUSED_COLUMN for group in found] == [False, False, False, True]


def test_one_change_is_promised_only_where_it_can_be() -> None:
    """A change of the mapping may repair all rows of a column, or all of a value, or none."""
    assert changes_once(Repairs.COLUMN, "a", "b")
    assert changes_once(Repairs.VALUE, "a", "a")
    assert not changes_once(Repairs.COLUMN, "a")
    assert not changes_once(Repairs.VALUE, "a", "b")
    assert not changes_once(Repairs.ROW, "a", "a")
    for code in (Code.POSSIBLE_MATCH_IN_ALMA, Code.DUPLICATE_PERSON):  # decided one by one
        (cause,) = group_problems(problem(row, code) for row in range(2, 11))
        assert not cause.once


def changes_once(repairs: Repairs, *values: str) -> bool:
    """Whether rows with these values are said to be repaired by one change."""
    (cause,) = group_problems(
        replace(problem(row), value=value, repairs=repairs)
        for row, value in enumerate(values, start=2)
    )
    return bool(cause.once)


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(CODES))))
def test_no_row_is_lost_in_the_causes(pairs: list[tuple[int, Code]]) -> None:
    """Every row of every problem is in the one cause of its code."""
    found = group_problems(problem(row, code) for row, code in pairs)
    assert {(row, cause.code) for cause in found for row in cause.rows} == set(pairs)
    assert sum(cause.count for cause in found) == len(set(pairs))
