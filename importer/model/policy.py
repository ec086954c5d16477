"""What a mapping decides beyond values: matching, duplicates, safety checks, ID rules.

These are parts of the mapping file that later stages act on. Each is closed and frozen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class AccountType(StrEnum):
    """Who manages the user (contract 1.2, account_type)."""

    INTERNAL = "INTERNAL"  # the library; the primary ID is the barcode
    EXTERNAL = "EXTERNAL"  # the student information system; the primary ID is the SIS ID (EMPL ID)

    @property
    def segment(self) -> str:
        """The segment_type that we own in such a user's lists."""
        return "Internal" if self is AccountType.INTERNAL else "External"


class OnUpdate(StrEnum):
    """What happens to a field, or a list, of a user whom Alma already has."""

    REPLACE = "replace"  # the roster's value, where it has one
    KEEP = "keep"  # only where Alma's is blank
    ERASE = "erase"  # as replace, and a blank cell clears it
    LATER = "later"  # dates: never earlier than Alma's
    NEVER = "never"  # only when the user is created
    ADD = "add"  # lists: only add
    REPLACE_ALL = "replace_all"  # lists: the roster owns the whole list


class MappingPart(BaseModel):
    """A closed, frozen part of the mapping file; every scalar of it arrives as text."""

    # deferred: it is built once, as a part of the whole mapping
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Match(MappingPart):
    """How a row finds its user in Alma, and what happens then.

    `by`: `primary_id`, or identifier types by Alma's code.
    """

    by: tuple[str, ...] = ("primary_id",)
    new: Literal["create", "skip", "reject"] = "create"
    known: Literal["update", "skip", "reject"] = "update"
    look_alike: Literal["review", "warn", "ignore"] = "review"


class Duplicates(MappingPart):
    """What happens to rows of one roster that share an ID or are the same person.

    `weights` are those of the user groups, for `keep heaviest`.
    """

    same_id: Literal["reject", "keep first", "keep heaviest"] = "reject"
    weights: dict[str, int] = Field(default_factory=dict)
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


class SafetyLimit(MappingPart):
    """A safety check stops if more than `percent` and more than `count` matched users are hit."""

    percent: float = Field(ge=0, le=100)
    count: int = Field(ge=0)


class SafetyLimits(MappingPart):
    """The limits of the safety checks; the keys are the checks' names with `_` for `-`."""

    many_changes: SafetyLimit = SafetyLimit(percent=50, count=20)
    removals: SafetyLimit = SafetyLimit(percent=0, count=0)
    renames: SafetyLimit = SafetyLimit(percent=5, count=5)
    foreign_group: SafetyLimit = SafetyLimit(percent=0, count=0)


def _yes(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Yes = Annotated[bool, BeforeValidator(_yes)]
"""`true` or `false`, written as text in the mapping."""


class IdRule(MappingPart):
    """What the IDs of one column look like."""

    digits: int | None = Field(default=None, ge=1, le=50)
    pattern: str | None = None
    pad: Yes = False
    check_digit: Literal["mod10"] | None = None
    strip: str = ""
