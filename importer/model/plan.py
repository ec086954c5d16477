"""The plan: what to do in Alma for each ready row, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel
from pydantic import Field as Default

from importer.model.problem import Problem

if TYPE_CHECKING:
    from importer.model.user import User


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
    RENAMES = "renames"  # of last names; everywhere else a rename is of the primary ID
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

    @property
    def renames(self) -> bool:
        """Whether it changes the primary ID, which Alma compares without case."""
        return self.after.id_key != self.primary_id.casefold()


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
    """A row that the mapping's `match` skips: a new user, or a known one.

    `primary_id`: the row's, by which the next load knows that it was there; "" in an undo.
    """

    row: int
    primary_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """A row that is rejected or needs review after the comparison; its problems say why."""

    row: int
    problems: tuple[Problem, ...]


Step = Create | Update | Delete | Unchanged | LeftAlone | Held
"""What is done with one ready row. `Planned` adds its warnings."""


@dataclass(frozen=True, slots=True)
class Image:
    """A write: the record before it, None for a create, what was sent, and Alma's reply, if known.

    `sent`: of a delete, the record that went. `override`: the protected fields that it replaces.
    """

    before: User | None
    sent: User
    reply: User | None = None
    override: tuple[str, ...] = ()

    @property
    def was(self) -> User:
        """The record before it, a blank one for a create."""
        return self.before or type(self.sent)()

    @property
    def after(self) -> User:
        """The record that Alma has then, as far as it is known."""
        return self.reply or self.sent


class InRecord(NamedTuple):
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

    `reply`: what Alma had there after the load, "" if nothing. `since`: the last load that found
    it as it was left. `noticed`: when an edit was reported last, "" if none was. `made` is "" where
    the value is to be forgotten.
    """

    where: InRecord
    cells: str
    rule: str
    made: str
    reply: str
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
        return not self.newest_first

    @property
    def newest_first(self) -> tuple[Imprints, ...]:
        """What this roster left, if it ever loaded the user, then what the others did."""
        return self.others if self.own is None else (self.own, *self.others)


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

    @property
    def held_by(self) -> tuple[Problem, ...]:
        """The problems that hold its row; none if it is planned."""
        return self.step.problems if isinstance(self.step, Held) else ()
