"""The answers that the problems of a row allow, and an answer that is kept for later plans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from importer.model.problem import Code, Problem, Severity
from importer.model.question import DECISIONS, OF_ROWS, About, Answer


def to_review(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems for which a row needs review now: what is answered is a warning."""
    return [problem for problem in problems if problem.severity is Severity.REVIEW]


def possible_users(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the IDs of the users that a row may be, each once; or of another row of its person."""
    questions = (problem.question for problem in problems if problem.question is not None)
    return tuple(dict.fromkeys(question.user for question in questions if question.is_possible))


def possible(problems: Iterable[Problem]) -> list[tuple[Answer, str]]:
    """Return what can be answered about a row; nothing if it needs no review.

    Each answer is with the ID of its user, where several are in question. Which rows of a person
    are loaded is answered before anything else. A row that was held by an apply allows again what
    could be answered about its user before.
    """
    problems = tuple(problems)
    asked = to_review(problems)
    asked = [problem for problem in asked if problem.asks(About.ROWS)] or asked
    if not asked:
        return []
    if any(problem.asks(About.AGAIN) for problem in asked):
        before = possible_users(problems)
        again = _about_user(before[0], problems) if len(before) == 1 else []
        again = again if Answer.UPDATE in again else [Answer.UPDATE]
        return [(answer, "") for answer in (*again, Answer.REJECT)]
    users = possible_users(asked)
    of_users = (
        (answer, user if len(users) > 1 else "")
        for user in users
        for answer in _about_user(user, asked)
    )
    of_row = _allowed(asked, Answer.LOAD, *OF_ROWS, Answer.CREATE)
    return [*of_users, *((answer, "") for answer in (*of_row, Answer.REJECT))]


def choices(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return what is possible in the words of the Decision column: `same person, update: 20001`.

    A row that can be loaded as it is creates its user where nobody has its IDs.
    """
    answers = possible(problems)
    loads = (Answer.LOAD, "") in answers
    return tuple(
        f"{DECISIONS[answer]}: {user}" if user else DECISIONS[answer]
        for answer, user in answers
        if not (loads and answer is Answer.CREATE)
    )


def takes(problems: Iterable[Problem], answer: Answer) -> bool:
    """Return whether an answer may be given to a row with these problems.

    That is what is possible; but a person may name a user who is not in question, change which rows
    of a person are loaded, and change an answer where nothing is open any more.
    """
    problems = tuple(problems)
    answers, of_rows = dict(possible(problems)), [it for it in problems if it.asks(About.ROWS)]
    if answer in OF_ROWS:
        return bool(of_rows)
    names_another = answer.names_user and not to_review(of_rows)
    return not answers or answer in answers or names_another


def _about_user(user: str, problems: Iterable[Problem]) -> list[Answer]:
    """Return what can be answered about a user: what every question about it allows."""
    about = [it for it in problems if it.question is not None and it.question.user == user]
    return _allowed(about, Answer.RENAME, Answer.UPDATE)


def _allowed(problems: Sequence[Problem], *answers: Answer) -> list[Answer]:
    return [answer for answer in answers if all(problem.allows(answer) for problem in problems)]


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
        said = decided(self.operator, self.time, DECISIONS[self.typed])
        return f"{OTHER_LOADED}, {said}" if self.typed is Answer.ONLY and not self.loads else said

    def of_row(self, primary_id: str) -> Resolution:
        """Return an answer about rows of one person as it is for the row with this ID."""
        out = self.answer is Answer.ONLY and primary_id != self.user
        return replace(self, answer=Answer.REJECT) if out else self


def decided(operator: str, time: datetime, said: str) -> str:
    """Return who decided what, and on which day here; the computer of `root@vm` helps nobody."""
    here, (who, _, _) = time.astimezone(), operator.partition("@")
    return f"decided by {who} on {here:%b} {here.day}, {here.year}: {said}"


OTHER_LOADED = "another row of this person is loaded"
