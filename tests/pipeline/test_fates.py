"""What becomes of each row is decided in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import UsageError
from importer.ledger import ledger as ledgers
from importer.model.answers import Resolution
from importer.model.plan import Fate
from importer.model.problem import Code, Origin, Problem, Severity
from importer.model.question import OF_ROWS, About, Answer
from importer.pipeline import decisions
from importer.pipeline.decisions import decide_fates, rows_with

CODES = (Code.BAD_EMAIL, Code.DUPLICATE_PERSON, Code.DUPLICATE_ID, Code.SKIPPED_DUPLICATE)


def problem(row: int, code: Code, severity: Severity) -> Problem:
    """A problem of a row, or of the whole roster (row 0)."""
    found = Problem.of(code, Origin("roster.csv", "", row), "is so", severity=severity)
    return found.asking(About.ROWS, *OF_ROWS) if code is Code.DUPLICATE_PERSON else found


def decided_so(answer: Answer) -> Resolution:
    """An answer of an earlier run."""
    return Resolution("1", answer, answer, "", frozenset(), "jo", datetime.now(UTC))


ROWS = st.dictionaries(
    st.integers(2, 9), st.sampled_from([Fate.READY, Fate.BLANK, Fate.SKIPPED]), max_size=8
).map(lambda rows: dict(sorted(rows.items())))
PROBLEMS = st.lists(
    st.builds(problem, st.integers(0, 9), st.sampled_from(CODES), st.sampled_from(Severity)),
    max_size=20,
)
ANSWERS = st.dictionaries(
    st.integers(2, 9),
    st.sampled_from([Answer.CREATE, Answer.REJECT]).map(decided_so),
)


@given(ROWS, PROBLEMS, ANSWERS)
def test_every_row_has_one_fate_and_its_problems_say_why(
    rows: Mapping[int, Fate], problems: Sequence[Problem], answers: Mapping[int, Resolution]
) -> None:
    """No row or problem is lost or reordered; the gravest problem decides a row that was ready.

    Only severities and messages change. `plan` decides again after the comparison with Alma, which
    changes nothing.
    """
    decided = decide_fates(rows, problems, answers=answers, only_new=())
    assert list(decided.fates) == list(rows)
    parts = [decided.rows(fate) for fate in Fate]
    assert sum(map(len, parts)) == len(rows) == len(frozenset().union(*parts))
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
                assert rows[row] in {fate, Fate.READY}
    for row in {found.origin.row for found in problems} - {0}:
        before = [found.code for found in problems if found.origin.row == row]
        after = [found.code for found in decided.problems if found.origin.row == row]
        assert after[: len(before)] == before
        assert set(after[len(before) :]) <= {Code.RESOLVED}
    again = decide_fates(decided.fates, decided.problems, answers={}, only_new=())
    assert (again.fates, again.problems) == (decided.fates, decided.problems)


@pytest.mark.parametrize(
    ("code", "severity", "fate"),
    [
        (Code.BAD_EMAIL, Severity.WARNING, Fate.READY),
        (Code.BAD_EMAIL, Severity.REJECT, Fate.REJECTED),
        (Code.DUPLICATE_ID, Severity.REVIEW, Fate.REVIEW),
        (Code.SKIPPED_DUPLICATE, Severity.WARNING, Fate.SKIPPED),
    ],
)
def test_what_only_a_new_user_needs_rejects_no_known_one(
    code: Code, severity: Severity, fate: Fate
) -> None:
    """A row that lacks only this is ready, and says what it lacks; else it lacks it as well."""
    lacks = replace(problem(2, Code.MISSING_VALUE, Severity.REJECT), field="last_name")
    rows, problems = {2: Fate.READY}, [lacks, problem(2, code, severity)]
    decided = decide_fates(rows, problems, answers={}, only_new=[{"last_name"}])
    ready = fate is Fate.READY
    expected = Fate.REJECTED if fate is Fate.REVIEW else fate
    assert decided.fates == {2: expected}
    assert decided.lacks == ({2: (lacks,)} if ready else {})
    assert len(decided.problems) == (1 if ready else 2)
    assert decide_fates(rows, problems, answers={}, only_new=[set()]).lacks == {}


@pytest.mark.parametrize(
    ("answer", "fate"), [(Answer.CREATE, Fate.READY), (Answer.REJECT, Fate.REJECTED)]
)
def test_an_answered_question_is_not_asked_again(answer: Answer, fate: Fate) -> None:
    """The question whether two rows are one person was answered; other problems still count."""
    asked = problem(2, Code.DUPLICATE_PERSON, Severity.REVIEW)
    other = problem(2, Code.DUPLICATE_ID, Severity.REVIEW)
    answers = {2: decided_so(answer)}
    decided = decide_fates({2: Fate.READY}, [asked], answers=answers, only_new=())
    assert (decided.fates, decided.problems[0].is_resolved) == ({2: fate}, True)
    both = decide_fates({2: Fate.READY}, [asked, other], answers=answers, only_new=()).fates
    assert both == {2: Fate.REVIEW if fate is Fate.READY else fate}


def test_a_problem_of_the_whole_roster_is_told_once() -> None:
    """Row 0 decides no row's fate."""
    notice = problem(0, Code.BAD_EMAIL, Severity.REJECT)
    decided = decide_fates({2: Fate.READY}, [notice, notice], answers={}, only_new=())
    assert (decided.fates, decided.problems) == ({2: Fate.READY}, (notice,))


def test_the_start_of_a_code_is_of_one_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer is for rows of one kind; what two codes begin with is refused."""
    codes = Code.IDENTIFIER_TAKEN, Code.IDENTIFIER_OF_ANOTHER_PERSON
    asked = {at: [problem(at, code, Severity.REVIEW)] for at, code in enumerate(codes, 2)}
    asked[4] = [*asked[2], *asked[3]]
    monkeypatch.setattr(decisions, "open_rows", lambda _: asked)
    ledger = ledgers.Ledger.__new__(ledgers.Ledger)
    assert rows_with(ledger, "identifier-t") == [2]
    assert rows_with(ledger, Code.IDENTIFIER_OF_ANOTHER_PERSON) == [3]
    for start in ("identifier", "i", "other"):
        with pytest.raises(UsageError):
            rows_with(ledger, start)
