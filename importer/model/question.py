"""What a person is asked about a row, and what can be answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Answer(StrEnum):
    """What a person wants done with a row that needs review, as typed after `--as`."""

    UPDATE = "update"  # the user keeps the primary ID
    RENAME = "rename"  # the user gets the row's primary ID
    CREATE = "create"
    ONLY = "only"  # of rows of one person, this one
    SEPARATE = "separate"  # rows of one name are of different people
    LOAD = "load"  # whoever the user is: only the row's name was in question
    REJECT = "reject"

    @property
    def names_user(self) -> bool:
        """Whether it is about a certain user of Alma."""
        return self in {Answer.UPDATE, Answer.RENAME}


AnswerName = Literal["update", "rename", "create", "only", "separate", "load", "reject"]
"""The words of the answers, for the type checkers of programs."""

DECISIONS: dict[Answer, str] = {
    Answer.UPDATE: "same person, update",
    Answer.RENAME: "same person, new card",
    Answer.CREATE: "another person, create",
    Answer.ONLY: "load this one, leave the other out",
    Answer.SEPARATE: "two people",
    Answer.LOAD: "load as it is",
    Answer.REJECT: "do not load",
}
"""The answers in the words of the Decision column."""

OF_ROWS = (Answer.ONLY, Answer.SEPARATE)
"""What a person answers about rows of one person, beside not to load them."""


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


class About(StrEnum):
    """What a question is about."""

    ID = "id"  # is the row's person this user, and whose primary ID is right?
    USER = "user"  # is the row's person this user?
    ANOTHER = "another"  # a user with an ID of the row, who is another person or not ours
    CHANGE = "change"  # may the row's user be changed so?
    NAME = "name"  # is the row's name right, whoever its user is?
    ROWS = "rows"  # which rows of one person are loaded?
    AGAIN = "again"  # what was answered before: the user was changed in Alma since


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked about a row: about what, about which user, and the possible answers.

    `user`: a primary ID in Alma, "" for the row itself; of rows of one person, the ID of another of
    them. `answers`: those that this question allows, beside not to load the row.
    """

    about: About
    user: str = ""
    answers: tuple[Answer, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Whether its user may be the row's person."""
        return self.user != "" and (
            self.about is not About.ANOTHER or Answer.UPDATE in self.answers
        )


OF_NAME = Question(About.NAME, "", (Answer.LOAD, Answer.CREATE))
"""Whether the name of a row is right; its user may be a new one."""
