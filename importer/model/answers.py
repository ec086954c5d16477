"""The answers that the problems of a row allow, and an answer that is kept for later plans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from importer.model.problem import Code, Problem, Severity
from importer.model.question import DECISIONS, OF_ROWS, About, Answer


def possible_users(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the IDs of the users that a row may be, each once; or of another row of its person."""
    questions = (problem.question for problem in problems if problem.question is not None)
    return tuple(dict.fromkeys(one.user for one in questions if one.is_possible))


def allow(problems: Iterable[Problem], answer: Answer) -> bool:
    """Return whether an answer that names no user fits the questions of all these problems."""
    questions = (problem.question for problem in problems)
    return all(one is not None and answer in one.answers for one in questions)


def choices(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the decisions that a row with these problems allows; none if it needs no review.

    Where several users are in question, a decision names one: `same person, update: 20001`. Which
    rows of a person are loaded is answered before anything else. A row that was held by an apply
    allows again what could be answered about its user before.
    """
    problems = tuple(problems)
    held = [problem for problem in problems if problem.severity is Severity.REVIEW]
    asked = [problem for problem in held if problem.asks(About.ROWS)] or held
    if not asked:
        return ()
    if any(problem.asks(About.AGAIN) for problem in asked):
        before = possible_users(problems)
        again = _about_user(before[0], problems) if len(before) == 1 else []
        fitting = again if Answer.UPDATE in again else [Answer.UPDATE]
        return tuple(DECISIONS[answer] for answer in (*fitting, Answer.REJECT))
    users = possible_users(asked)
    texts = [
        f"{DECISIONS[answer]}: {user}" if len(users) > 1 else DECISIONS[answer]
        for user in users
        for answer in _about_user(user, asked)
    ]
    of_row = [answer for answer in (Answer.LOAD, *OF_ROWS, Answer.CREATE) if allow(asked, answer)]
    if Answer.LOAD in of_row:  # which creates the user where nobody has its IDs
        of_row = [Answer.LOAD]
    return (*texts, *(DECISIONS[answer] for answer in (*of_row, Answer.REJECT)))


def _about_user(user: str, problems: Sequence[Problem]) -> list[Answer]:
    """Return what can be answered about a user: what every question about it allows."""
    questions = [one.question for one in problems if one.question and one.question.user == user]
    answers = (Answer.RENAME, Answer.UPDATE)
    return [answer for answer in answers if all(answer in one.answers for one in questions)]


@dataclass(frozen=True, slots=True)
class Resolution:
    """An answer that later plans use: what was decided about a row, by whom, and when it counts."""

    primary_id: str  # the row's, without case; for rows of one person, a hash of them all
    answer: Answer  # what is done with the row
    typed: Answer  # what the person chose: it may be `load`, or be `only` for another row
    user: str  # the ID, without case, of the user that it names, or of the one row that is loaded
    against: frozenset[str]  # the IDs, without case, of everybody who was in question
    operator: str
    time: datetime
    changes: frozenset[Code] = frozenset()  # what was also asked: whether the user may be changed
    leaves_id: bool = False  # whether the user's primary ID is right, and not the row's
    person: str = ""  # a hash of the row's ID and person, "" where that does not matter
    theirs: str = ""  # a hash of the user as it was then, "" where that does not matter
    cells: str = ""  # of a rejection, a hash of the cells for which it counts in any case

    @property
    def loads(self) -> bool:
        """Whether the row is loaded."""
        return self.answer is not Answer.REJECT

    @property
    def sentence(self) -> str:
        """For a message: who decided what, and when."""
        said = f"decided by {self.operator} on {self.time:%Y-%m-%d}: {DECISIONS[self.typed]}"
        return f"{OTHER_LOADED}, {said}" if self.typed is Answer.ONLY and not self.loads else said

    def of_row(self, primary_id: str) -> Resolution:
        """Return an answer about rows of one person as it is for the row with this ID."""
        out = self.answer is Answer.ONLY and primary_id != self.user
        return replace(self, answer=Answer.REJECT) if out else self


OTHER_LOADED = "another row of this person is loaded"
