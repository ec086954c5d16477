"""What a mapping decides beyond values: how users are matched, what twins mean, when to brake.

These are parts of the mapping file that later stages act on; each is closed and frozen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class AccountType(StrEnum):
    """Who manages the user (contract 1.2, account_type)."""

    INTERNAL = "INTERNAL"  # the library; primary identifier is the barcode
    EXTERNAL = "EXTERNAL"  # the student information system; primary identifier is the EMPL ID

    @property
    def segment(self) -> str:
        """The segment_type that we own in such a user's lists."""
        return "Internal" if self is AccountType.INTERNAL else "External"


class OnUpdate(StrEnum):
    """What becomes of a field, or a list, of a user that Alma already has."""

    REPLACE = "replace"  # the roster's value, where it has one
    KEEP = "keep"  # only where Alma's is blank
    ERASE = "erase"  # as replace, and a blank cell clears it
    LATER = "later"  # dates: never earlier than Alma's
    NEVER = "never"  # only when the user is created
    ADD = "add"  # lists: only add
    REPLACE_ALL = "replace_all"  # lists: the roster owns the whole list


class Settings(BaseModel):
    """A closed, frozen part of the mapping file; every scalar of it arrives as text."""

    # deferred: it is built once, as a part of the whole mapping
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Match(Settings):
    """How a row finds its user in Alma, and what then.

    `by`: `primary_id`, or identifier types by Alma's code.
    """

    by: tuple[str, ...] = ("primary_id",)
    new: Literal["create", "skip", "reject"] = "create"
    known: Literal["update", "skip", "reject"] = "update"
    look_alike: Literal["review", "warn", "ignore"] = "review"


class Duplicates(Settings):
    """What rows of one roster that collide mean.

    `keep_heaviest` names a lookup that gives each user group its weight.
    """

    same_id: Literal["reject", "keep first", "keep heaviest"] = "reject"
    weights: dict[str, int] = Field(default_factory=dict)
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


class BrakeLimit(Settings):
    """A brake holds when more than `percent` and more than `count` matched users are concerned."""

    percent: float = Field(ge=0, le=100)
    count: int = Field(ge=0)


class Brakes(Settings):
    """The numbers of the brakes; the keys are the brakes' names with `_` for `-`."""

    many_changes: BrakeLimit = BrakeLimit(percent=50, count=20)
    removals: BrakeLimit = BrakeLimit(percent=0, count=0)
    renames: BrakeLimit = BrakeLimit(percent=5, count=5)
    foreign_group: BrakeLimit = BrakeLimit(percent=0, count=0)


def _yes(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Yes = Annotated[bool, BeforeValidator(_yes)]
"""`true` or `false`, as the mapping's text says it."""


class IdRule(Settings):
    """What an identifier of one column looks like."""

    digits: int | None = Field(default=None, ge=1, le=50)
    pattern: str | None = None
    pad: Yes = False
    check_digit: Literal["mod10"] | None = None
    strip: str = ""
