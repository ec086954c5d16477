"""A person's decision about a row that needs review: its words, and the choices of each row."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from importer.model.problem import Code, Problem, Severity


class Answer(StrEnum):
    """What a person wants done with a row that needs review, as typed after `--as`."""

    UPDATE = "update"  # the user keeps the primary ID
    RENAME = "rename"  # the user gets the row's primary ID
    CREATE = "create"
    LOAD = "load"  # whoever the user is: only the row's name was in question
    REJECT = "reject"

    @property
    def names_user(self) -> bool:
        """Whether it is about a certain user of Alma."""
        return self in {Answer.UPDATE, Answer.RENAME}


DECISIONS: dict[Answer, str] = {
    Answer.UPDATE: "same person, update",
    Answer.RENAME: "same person, new card",
    Answer.CREATE: "another person, create",
    Answer.LOAD: "load as it is",
    Answer.REJECT: "do not load",
}
"""The answers in the words of the Decision column."""

_ANSWERS: dict[Code, tuple[Answer, ...]] = {
    Code.POSSIBLE_MATCH_IN_ALMA: (Answer.RENAME, Answer.UPDATE),
    Code.KNOWN_BY_ANOTHER_ID: (Answer.RENAME, Answer.UPDATE),
    Code.PRIMARY_ID_DIFFERS: (Answer.RENAME, Answer.UPDATE),
    Code.DUPLICATE_PERSON: (Answer.RENAME,),
    Code.MATCHES_TWO_USERS: (Answer.UPDATE,),
    Code.IDENTIFIER_TAKEN: (Answer.UPDATE,),
    Code.TWO_USERS_ONE_PERSON: (Answer.UPDATE,),
    Code.ANOTHER_PERSON: (Answer.UPDATE,),
}
"""What a person can answer about the user of each problem that asks who a row is."""

WHO = frozenset({*_ANSWERS, Code.IDENTIFIER_OF_ANOTHER_PERSON, Code.MANAGED_ELSEWHERE})
"""Problems that ask who a row is."""

DOUBTS = frozenset(
    {
        Code.ACCOUNT_TYPE_DIFFERS,
        Code.ACCOUNT_TYPE_STAYS,
        Code.EXISTS_IN_ALMA,
        Code.OWNING_SYSTEM_DIFFERS,
        Code.CARD_DIFFERS,
    }
)
"""Problems that ask whether that user may be changed.

The value of these problems, and of those in WHO, is the ID of the user in question. For rows of one
person it is the other row's ID, if there is one other.
"""

NAME = frozenset({Code.TWO_PEOPLE, Code.COMMA_IN_NAME, Code.UNCLEAR_NAME, Code.TITLE_IN_NAME})
"""Problems that ask whether the row's name is right, whoever its user is."""

_NEW = frozenset(
    {
        Code.POSSIBLE_MATCH_IN_ALMA,
        Code.DUPLICATE_PERSON,
        Code.IDENTIFIER_OF_ANOTHER_PERSON,
        *NAME,
    }
)
"""Problems of a row that may be a person whom Alma does not have."""

ANOTHER = frozenset({Code.ANOTHER_PERSON, Code.IDENTIFIER_OF_ANOTHER_PERSON})
"""Problems about a user who has an ID of the row and is somebody else."""

_TAKEN = frozenset({Code.ANOTHER_PERSON})
"""Problems of a row whose primary ID is another user's, so that nobody can get it."""


_STAY = frozenset({Code.ACCOUNT_TYPE_STAYS, Code.EXISTS_IN_ALMA})
"""Problems of a user whom Alma, or the mapping, lets nobody update."""


WHOSE_ID = frozenset(code for code, answers in _ANSWERS.items() if Answer.RENAME in answers)
"""Problems that also ask whether the row's primary ID is right, or Alma's."""


def in_question(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the IDs of the users that a row may be, each once."""
    asking = {*_ANSWERS, *DOUBTS}
    return tuple(dict.fromkeys(p.value for p in problems if p.code in asking and p.value))


def concerned(problems: Iterable[Problem]) -> frozenset[str]:
    """Return the IDs, without case, of all users whom the questions are about.

    Beside those that a row may be these are users with an ID of the row who are another person, or
    must not be changed here. An answer counts as long as nobody else is concerned.
    """
    problems = tuple(problems)
    shown = (one.value for one in problems if one.code in WHO and one.value)
    return frozenset(user.casefold() for user in (*in_question(problems), *shown))


def choices(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the decisions that a row with these problems allows; none if it needs no review.

    Where several users are in question, a decision names one: `same person, update: 20001`. A row
    that was held by an apply allows again what could be answered about its user before.
    """
    problems = tuple(problems)
    held = [problem for problem in problems if problem.severity is Severity.REVIEW]
    codes, users = {problem.code for problem in held}, in_question(held)
    if not held:
        return ()
    if codes <= NAME:
        return DECISIONS[Answer.LOAD], DECISIONS[Answer.REJECT]
    texts = []
    for user in users:
        named = f": {user}" if len(users) > 1 else ""
        texts += [f"{DECISIONS[answer]}{named}" for answer in _about(user, held)]
    if not users and codes - NAME == {Code.CHANGED_IN_ALMA}:
        before = in_question(problems)
        again = _about(before[0], problems) if len(before) == 1 else ()
        again = again if Answer.UPDATE in again else (Answer.UPDATE,)
        texts = [DECISIONS[answer] for answer in again]
    if may_be_new(held):
        texts.append(DECISIONS[Answer.CREATE])
    return (*texts, DECISIONS[Answer.REJECT])


def may_be_new(questions: Iterable[Problem]) -> bool:
    """Return whether a row with these questions may be of a person whom Alma does not have."""
    questions = tuple(questions)
    asked = {problem.value for problem in questions if problem.code in WHO}
    open_ = {one.code for one in questions if one.code not in DOUBTS or one.value not in asked}
    return open_ <= _NEW


def _about(user: str, held: Iterable[Problem]) -> tuple[Answer, ...]:
    """Return what can be answered about a user: what every problem about it allows."""
    held = list(held)
    codes = [problem.code for problem in held if problem.value == user]
    if not _STAY.isdisjoint(codes):
        return ()
    allowed = [_ANSWERS[code] for code in codes if code in _ANSWERS] or [(Answer.UPDATE,)]
    taken = any(problem.code in _TAKEN for problem in held)
    return tuple(
        answer
        for answer in allowed[0]
        if all(answer in others for others in allowed) and not (taken and answer is Answer.RENAME)
    )


def read_decision(text: str) -> tuple[Answer, str] | None:
    """Return the answer and the user's ID ("" if none) of a Decision cell; None if not clear.

    The words of the column and of the command line are understood, in any case:
    `same person, update: 20001`, `update 20001`.
    """
    typed = " ".join(text.split())
    for answer, words in DECISIONS.items():
        for start in (words, answer.value):
            rest = typed[len(start) :]
            if not typed.casefold().startswith(start) or rest[:1] not in {"", ":", " "}:
                continue
            user = rest.lstrip(": ")
            return None if user and not answer.names_user else (answer, user)
    return None
