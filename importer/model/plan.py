"""The plan: what to do in Alma for each ready row, what people decide, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel
from pydantic import Field as Default

from importer.model.problem import Code, Problem, Severity

if TYPE_CHECKING:
    from importer.model.user import User


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

_ANSWERS: dict[Code, tuple[Answer, ...]] = {
    Code.POSSIBLE_MATCH_IN_ALMA: (Answer.RENAME, Answer.UPDATE),
    Code.KNOWN_BY_ANOTHER_ID: (Answer.RENAME, Answer.UPDATE),
    Code.PRIMARY_ID_DIFFERS: (Answer.RENAME, Answer.UPDATE),
    Code.DUPLICATE_PERSON: (),
    Code.MATCHES_TWO_USERS: (Answer.UPDATE,),
    Code.IDENTIFIER_TAKEN: (Answer.UPDATE,),
    Code.TWO_USERS_ONE_PERSON: (Answer.UPDATE,),
    Code.ANOTHER_PERSON: (Answer.UPDATE,),
}
"""What a person can answer about the user of each problem that asks who a row is."""

WHO = frozenset({*_ANSWERS, Code.IDENTIFIER_OF_ANOTHER_PERSON, Code.MANAGED_ELSEWHERE})
"""Problems that ask who a row is."""

DOUBTS = frozenset({
    Code.ACCOUNT_TYPE_DIFFERS, Code.ACCOUNT_TYPE_STAYS, Code.EXISTS_IN_ALMA,
    Code.OWNING_SYSTEM_DIFFERS, Code.CARD_DIFFERS,
})  # fmt: skip
"""Problems that ask whether that user may be changed.

The value of these problems, and of those in WHO, is the ID of the user in question. For rows of one
person it is the ID of another of them.
"""

NAME = frozenset({Code.TWO_PEOPLE, Code.COMMA_IN_NAME, Code.UNCLEAR_NAME, Code.TITLE_IN_NAME})
"""Problems that ask whether the row's name is right, whoever its user is."""

_NEW = frozenset({Code.POSSIBLE_MATCH_IN_ALMA, Code.IDENTIFIER_OF_ANOTHER_PERSON, *NAME})
"""Problems of a row that may be a person whom Alma does not have."""

ANOTHER = frozenset({Code.ANOTHER_PERSON, Code.IDENTIFIER_OF_ANOTHER_PERSON})
"""Problems about a user who has an ID of the row and is somebody else."""

STAY = frozenset({Code.ACCOUNT_TYPE_STAYS, Code.EXISTS_IN_ALMA})
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
    if Code.DUPLICATE_PERSON in codes:
        return tuple(DECISIONS[answer] for answer in (*OF_ROWS, Answer.REJECT))
    if codes <= NAME:
        return DECISIONS[Answer.LOAD], DECISIONS[Answer.REJECT]
    texts = [
        f"{DECISIONS[answer]}: {user}" if len(users) > 1 else DECISIONS[answer]
        for user in users
        for answer in _about(user, held)
    ]
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


def _about(user: str, held: Sequence[Problem]) -> tuple[Answer, ...]:
    """Return what can be answered about a user: what every problem about it allows."""
    codes = [problem.code for problem in held if problem.value == user]
    if not STAY.isdisjoint(codes):
        return ()
    allowed = [_ANSWERS[code] for code in codes if code in _ANSWERS] or [(Answer.UPDATE,)]
    if any(problem.code is Code.ANOTHER_PERSON for problem in held):
        allowed.append((Answer.UPDATE,))  # the primary ID is another user's: nobody can get it
    return tuple(answer for answer in allowed[0] if all(answer in others for others in allowed))


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


class MappingPart(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """A closed part of the mapping file, built with the whole; every scalar arrives as text."""


class KeepOldId(MappingPart):
    """How a user who gets another primary ID keeps the old one: as an identifier of this type."""

    type: str = Default(min_length=1)
    status: Literal["ACTIVE", "INACTIVE"] = "INACTIVE"


class Retire(MappingPart):
    """How a mapping ends its rows' users.

    `do`: list them for Alma's own jobs, or end their membership. `if_open`: what happens to a user
    with something open, such as a loan.
    """

    if_open: Literal["hold", "expire"] = "hold"
    do: Literal["list", "expire"] = "list"


class Match(MappingPart):
    """How a row finds its user in Alma, and what happens then.

    `by`: `primary_id`, or identifier types by Alma's code. `account_type`: what happens if the user
    is Internal in Alma but External in the mapping, or the other way round. `id_change`: what
    happens if the user's primary ID in Alma is another one. `another_person`: what happens if the
    user with the row's ID seems to be somebody else. `managed_elsewhere`: external systems whose
    users are never changed. `retire`: what happens to known users in place of an update.
    """

    by: tuple[str, ...] = ("primary_id",)
    new: Literal["create", "skip", "reject"] = "create"
    known: Literal["update", "skip", "reject"] = "update"
    possible_match: Literal["review", "warn", "ignore"] = "review"
    account_type: Literal["review", "convert", "any"] = "review"
    id_change: Literal["review", "rename"] = "review"
    another_person: Literal["review", "update"] = "review"
    managed_elsewhere: tuple[str, ...] = ()
    keep_old_id: KeepOldId | None = None
    retire: Retire | None = None

    @property
    def creates(self) -> bool:
        """Whether new users are created; else a mapping may lack fields that only these need."""
        return self.new == "create"

    @property
    def by_name(self) -> bool:
        """Whether a row without a user is compared with people in Alma by its name."""
        return self.creates and self.possible_match != "ignore"


class Duplicates(MappingPart):
    """What happens to rows that share an ID or a person; `weights`: those of user groups."""

    same_id: Literal["reject", "keep first", "keep heaviest"] = "reject"
    weights: dict[str, int] = Default(default_factory=dict)
    other_weight: int | None = None
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"

    def weight(self, group: str) -> int | None:
        """Return the weight of a user group, however its code is written; None if it has none."""
        weights = {code.casefold(): weight for code, weight in self.weights.items()}
        return weights.get(group.casefold(), self.other_weight)


class Fate(StrEnum):
    """The fate of a row before anything is sent to Alma."""

    READY = "ready"
    REJECTED = "rejected"
    REVIEW = "review"
    BLANK = "blank"
    SKIPPED = "skipped"


RETURNING = (Fate.REJECTED, Fate.REVIEW)
"""Fates of the rows in the rejects files, to be corrected or resolved."""


class Act(StrEnum):
    """What a plan does with a ready row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"  # in an undo of a run that created the user
    UNCHANGED = "unchanged"
    LEFT_ALONE = "left_alone"


class Result(StrEnum):
    """What became of a create, an update or a delete."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    WAS_THERE = "was_there"  # a create of a user whom somebody else created meanwhile
    WAS_SO = "was_so"  # an update that Alma had already: nothing was sent
    WAS_GONE = "was_gone"  # a delete of a user who was deleted already
    REFUSED = "refused"  # by Alma
    HELD = "held"  # needs review: someone changed the record since the plan
    UNKNOWN = "unknown"  # the answer is lost; the next start looks it up
    DELIVERED = "delivered"  # in the file for the SIS load; Alma does not show it yet
    NOT_SENT = "not_sent"


ALREADY = frozenset({Result.WAS_THERE, Result.WAS_SO, Result.WAS_GONE})
"""Alma had it already, so that this run wrote nothing."""


class ChangeKind(StrEnum):
    """How a field differs, worst first."""

    REMOVE = "remove"
    REPLACE = "replace"
    ADD = "add"


class SafetyCheck(StrEnum):
    """What stops an `apply` that does more than usual, until a person allows it."""

    MANY_CHANGES = "many-changes"
    REMOVALS = "removals"
    RENAMES = "renames"
    FOREIGN_GROUP = "foreign-group"
    FIRST_CONTACT = "first-contact"
    PINS = "pins"
    ABSENT = "absent"


class SafetyLimit(MappingPart):
    """A safety check stops if more than `percent` and more than `count` matched users are hit."""

    percent: float = Default(ge=0, le=100)
    count: int = Default(ge=0)


class SafetyLimits(MappingPart):
    """The limits of the safety checks; the keys are the checks' names with `_` for `-`."""

    many_changes: SafetyLimit = SafetyLimit(percent=50, count=20)
    removals: SafetyLimit = SafetyLimit(percent=0, count=0)
    renames: SafetyLimit = SafetyLimit(percent=5, count=5)
    foreign_group: SafetyLimit = SafetyLimit(percent=0, count=0)
    first_contact: SafetyLimit = SafetyLimit(percent=1, count=5)
    pins: SafetyLimit = SafetyLimit(percent=0, count=0)
    absent: SafetyLimit = SafetyLimit(percent=5, count=5)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between Alma's record and ours: the field's path, old and new as text.

    For a list's entry the path is the list's with its type (`contact_info.email[work]`) and the
    texts are the entry's main value.
    """

    kind: ChangeKind
    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Create:
    """A user to create. `user` is the body to post, without the password."""

    row: int
    user: User


@dataclass(frozen=True, slots=True)
class Update:
    """A user to change.

    `before` is Alma's record as it was read, `after` the record to put; `override` names the
    protected fields to replace. `takes_back`: the entries that it removes were added by a run that
    it takes back, so they count for no safety check.
    `first_load`: no load of the user is remembered. `checks`: the safety checks that count it.
    """

    row: int
    primary_id: str
    before: User
    after: User
    changes: tuple[Change, ...]
    override: tuple[str, ...] = ()
    takes_back: bool = False
    first_load: bool = False
    checks: tuple[SafetyCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """A user to delete for good, and Alma's record as it was read."""

    row: int
    primary_id: str
    before: User


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A user that already has the roster's values; nothing is sent.

    `listed`: the record of one who is listed for Alma's purge job.
    """

    row: int
    primary_id: str
    listed: User | None = None


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A row that the mapping's `match` skips: a new user, or a known one."""

    row: int


@dataclass(frozen=True, slots=True)
class Held:
    """A row that is rejected or needs review after the comparison; its problems say why."""

    row: int
    problems: tuple[Problem, ...]


Step = Create | Update | Delete | Unchanged | LeftAlone | Held
"""What is done with one ready row. `Planned` adds its warnings."""


@dataclass(frozen=True, slots=True)
class Written:
    """One update that is in Alma: the record before it, the body sent, and Alma's answer."""

    before: User
    sent: User
    answered: User | None
    override: tuple[str, ...] = ()


class Where(NamedTuple):
    """Where in a record a value is.

    `path`: of a field, or of a list. `flag`: for the mark of a list, such as `preferred`. `types`:
    those that an entry has at least. `names`: the fields of an entry that are compared.
    """

    path: str
    flag: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Imprint(NamedTuple):
    """One value as a load left it: keyed hashes, and days as ISO text.

    `answered`: what Alma had there after the load, "" if nothing. `since`: the last load that found
    it as it was left. `noticed`: when an edit was reported last, "" if none was. `made` is "" where
    the value is to be forgotten.
    """

    where: Where
    cells: str
    rule: str
    made: str
    answered: str
    since: str
    noticed: str = ""


Imprints: TypeAlias = "Mapping[str, Imprint]"
"""The values of one row, by key."""


@dataclass(frozen=True, slots=True)
class UserMemory:
    """What earlier loads left of one user.

    `own`: this roster's values, None if it never loaded the user. `others`: the values of other
    rosters, the newest load first. `keeps_id`: only an answer gives the user the
    row's primary ID: the user had it before, or a person decided so.
    """

    own: Imprints | None
    others: tuple[Imprints, ...]
    keeps_id: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether no load is remembered."""
        return self.own is None and not self.others


@dataclass(frozen=True, slots=True)
class SisRules:
    """What the SIS load of this Alma does with the records of a plan.

    `creates`: it adds users whom it does not find. `keeps_blank`: it keeps a protected field that
    the file leaves blank. `undoes_edits`: the value from before an edit undoes it; `keeps_names`:
    not of a preferred name. `record_types`: those of the users of each user group, by its code
    without case, as far as they are known.
    """

    creates: bool
    keeps_blank: bool
    undoes_edits: bool
    keeps_names: bool
    record_types: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A step and its warnings.

    `imprints`: what is to be remembered when the row was applied. `kept`: whether a value that
    someone edited in Alma stays. `user`: the user as Alma will have it, if known.
    """

    step: Step
    warnings: tuple[Problem, ...] = ()
    imprints: Imprints = field(default_factory=dict)
    kept: bool = False
    user: User | None = None
