"""A person's decision about a row that needs review: its words, and the choices of each row."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from importer.model.catalogue import Code, Severity
from importer.model.problem import Problem


class Answer(StrEnum):
    """What a person wants done with a row that needs review, as typed after `--as`."""

    UPDATE = "update"  # the user keeps the primary ID
    RENAME = "rename"  # the user gets the row's primary ID
    CREATE = "create"
    REJECT = "reject"

    @property
    def names_user(self) -> bool:
        """Whether it is about a certain user of Alma."""
        return self in {Answer.UPDATE, Answer.RENAME}


DECISIONS: dict[Answer, str] = {
    Answer.UPDATE: "same person, update",
    Answer.RENAME: "same person, new card",
    Answer.CREATE: "another person, create",
    Answer.REJECT: "do not load",
}
"""The answers in the words of the Decision column."""

WHO = frozenset(
    {
        Code.POSSIBLE_MATCH_IN_ALMA,
        Code.PRIMARY_ID_DIFFERS,
        Code.MATCHES_TWO_USERS,
        Code.DUPLICATE_PERSON,
        Code.ANOTHER_PERSON,
    }
)
"""Problems that ask who a row is."""

DOUBTS = frozenset({Code.ACCOUNT_TYPE_DIFFERS, Code.OWNING_SYSTEM_DIFFERS})
"""Problems that ask whether that user may be changed.

The value of these problems, and of those in WHO, is the ID of the user in question. For rows of one
person it is the other row's ID, if there is one other.
"""

NAME = frozenset({Code.TWO_PEOPLE, Code.COMMA_IN_NAME, Code.TITLE_IN_NAME})
"""Problems that ask whether the row's name is right; the user in question is the row's own."""

_NEW = frozenset({Code.POSSIBLE_MATCH_IN_ALMA, Code.DUPLICATE_PERSON, *NAME})
"""Problems of a row that may be a person whom Alma does not have."""

_NEW_CARD = WHO - {Code.MATCHES_TWO_USERS, Code.ANOTHER_PERSON}
"""Problems of a row that has another primary ID than the user."""


def in_question(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the IDs of the users that a row may be, each once."""
    return tuple(dict.fromkeys(p.value for p in problems if p.code in WHO | DOUBTS and p.value))


def choices(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return the decisions that a row with these problems allows; none if it needs no review.

    Where several users are in question, a decision names one: `same person, update: 20001`.
    """
    held = [problem for problem in problems if problem.severity is Severity.REVIEW]
    codes, users = {problem.code for problem in held}, in_question(held)
    if not held:
        return ()
    # a primary ID that nobody in Alma has is a new card
    same = DECISIONS[Answer.RENAME if codes & _NEW_CARD else Answer.UPDATE]
    if len(users) > 1:
        texts = [f"{same}: {user}" for user in users]
    else:
        own = codes == {Code.CHANGED_IN_ALMA} or codes <= NAME
        texts = [same] if users or own else []
    if codes <= _NEW:
        texts.append(DECISIONS[Answer.CREATE])
    return (*texts, DECISIONS[Answer.REJECT])


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
