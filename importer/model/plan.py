"""The plan: for each row that is ready, what is to be done in Alma; and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.model.problem import Problem
    from importer.model.user import User


class Fate(StrEnum):
    """What becomes of a row before Alma is asked to write anything."""

    READY = "ready"
    REJECTED = "rejected"
    REVIEW = "review"
    BLANK = "blank"
    SKIPPED = "skipped"


RETURNING = (Fate.REJECTED, Fate.REVIEW)
"""Rows of these come back, to be corrected or decided. To look at two is quicker than to hash."""


class Act(StrEnum):
    """What a plan says of a ready row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"  # only on the way back from a run that created the user
    UNCHANGED = "unchanged"
    LEFT_ALONE = "left_alone"


class Result(StrEnum):
    """What became of a create, an update or a delete."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    WAS_SO = "was_so"  # an update that Alma had already when its turn came: nothing was sent
    WAS_GONE = "was_gone"  # a delete of a user who was gone already
    REFUSED = "refused"  # by Alma
    HELD = "held"  # for review: somebody changed the record since the plan
    UNKNOWN = "unknown"  # the answer is lost; Alma is asked at the next start
    NOT_SENT = "not_sent"


class ChangeKind(StrEnum):
    """How a field differs, worst first."""

    REMOVE = "remove"
    REPLACE = "replace"
    ADD = "add"


class Brake(StrEnum):
    """What stops an `apply` that does more than usual, until a person allows it."""

    MANY_CHANGES = "many-changes"
    REMOVALS = "removals"
    RENAMES = "renames"
    FOREIGN_GROUP = "foreign-group"


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
    """A user to be created. `user` is the body to post, without its password."""

    row: int
    user: User


@dataclass(frozen=True, slots=True)
class Update:
    """A user to be changed.

    `before` is Alma's record as it was read, `after` what is to be put; `override` names the
    sticky fields that are replaced all the same.
    """

    row: int
    primary_id: str
    before: User
    after: User
    changes: tuple[Change, ...]
    override: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """A user to be deleted for good, and Alma's record as it was read."""

    row: int
    primary_id: str
    before: User


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A user that is already as the roster says; nothing is sent."""

    row: int
    primary_id: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A row that the mapping's `match` passes over: new ones skipped, or known ones."""

    row: int


@dataclass(frozen=True, slots=True)
class Held:
    """A row that the comparison with Alma rejects or holds for review; its problems say why."""

    row: int
    problems: tuple[Problem, ...]


Step = Create | Update | Delete | Unchanged | LeftAlone | Held
"""What the planner says of one ready row. Warnings travel beside it, in `Planned`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step and what is worth knowing about it."""

    step: Step
    warnings: tuple[Problem, ...] = ()
