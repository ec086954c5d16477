"""What can be answered about a row has one list, whether it is offered or judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.answers import OTHER_LOADED, Resolution, choices, possible, takes
from importer.model.problem import Code, Problem, Severity
from importer.model.question import (
    OF_NAME,
    OF_ROWS,
    About,
    Answer,
    AnswerName,
    Question,
    read_decision,
)
from importer.model.roster import Source

ORIGIN = Source(Path("autumn.csv"), "0" * 64, "csv").origin(2)


def asked(question: Question | None, severity: Severity = Severity.REVIEW) -> Problem:
    """A problem that asks this."""
    problem = Problem.of(Code.ANOTHER_PERSON, ORIGIN, "is another", severity=severity)
    return replace(problem, question=question)


UPDATE, RENAME, CREATE, REJECT = Answer.UPDATE, Answer.RENAME, Answer.CREATE, Answer.REJECT
BY_ID = asked(Question(About.ID, "21", (RENAME, UPDATE, CREATE)))
OF_ANOTHER = asked(Question(About.ANOTHER, "22", (CREATE,)))
ROWS = asked(Question(About.ROWS, "23", OF_ROWS))
NAME = asked(OF_NAME)
AGAIN = asked(Question(About.AGAIN, "", (UPDATE,)))
NO_QUESTION = asked(None)
EVERY = [BY_ID, OF_ANOTHER, ROWS, NAME, AGAIN, NO_QUESTION]


@given(
    st.lists(st.sampled_from([*EVERY, *(replace(it, severity=Severity.WARNING) for it in EVERY)]))
)
def test_what_is_offered_is_taken(problems: Sequence[Problem]) -> None:
    """Each choice of the Decision column is an answer that `resolve` takes, and the other way.

    But for users who are not in question, and rows that were answered before.
    """
    texts = choices(problems)
    offered = {decision[0] for text in texts if (decision := read_decision(text)) is not None}
    assert len(texts) == len({*texts})
    assert all(takes(problems, answer) for answer in offered)
    for answer in {*Answer} - offered - {UPDATE, RENAME, *OF_ROWS}:
        as_it_is = answer is CREATE and Answer.LOAD in offered
        assert takes(problems, answer) == (as_it_is or not texts), answer


@pytest.mark.parametrize(
    ("problems", "expected", "also"),
    [
        ([], [], {*Answer} - {*OF_ROWS}),  # an answer is changed
        ([replace(ROWS, severity=Severity.WARNING)], [], {*Answer}),
        ([BY_ID], [(RENAME, ""), (UPDATE, ""), (CREATE, ""), (REJECT, "")], set()),
        ([BY_ID, OF_ANOTHER], [(RENAME, ""), (UPDATE, ""), (CREATE, ""), (REJECT, "")], set()),
        ([OF_ANOTHER], [(CREATE, ""), (REJECT, "")], {UPDATE, RENAME}),  # it is somebody else
        ([ROWS, BY_ID], [*((answer, "") for answer in OF_ROWS), (REJECT, "")], set()),
        ([NAME], [(Answer.LOAD, ""), (CREATE, ""), (REJECT, "")], {UPDATE, RENAME}),
        ([AGAIN], [(UPDATE, ""), (REJECT, "")], {RENAME}),
        ([NO_QUESTION], [(REJECT, "")], {UPDATE, RENAME}),
    ],
)
def test_what_can_be_answered(
    problems: list[Problem], expected: list[tuple[Answer, str]], also: set[Answer]
) -> None:
    """All that every question allows; which rows of a person are loaded comes first."""
    assert possible(problems) == expected
    assert {answer for answer in Answer if takes(problems, answer)} == {*dict(expected), *also}


def test_programs_have_a_type_with_every_answer() -> None:
    """The words of the library are those of the closed list."""
    assert get_args(AnswerName) == tuple(Answer)


@pytest.mark.parametrize(
    ("typed", "answer", "expected"),
    [
        (UPDATE, UPDATE, "same person, update"),
        (Answer.LOAD, UPDATE, "load as it is"),
        (Answer.ONLY, REJECT, f"{OTHER_LOADED}, "),
    ],
)
def test_an_answer_is_told_as_it_was_typed(typed: Answer, answer: Answer, expected: str) -> None:
    """What it led to may be another one: a row that is loaded as it is updates its user."""
    day = datetime(2026, 9, 1, 12, tzinfo=UTC)
    kept = Resolution("21", answer, typed, "", frozenset(), "ana@office", day)
    assert expected in kept.sentence
    assert "ana on Sep 1, 2026" in kept.sentence
