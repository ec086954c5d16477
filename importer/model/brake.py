"""The brakes, by name: the command line offers them, and needs no mapping for that."""

from __future__ import annotations

from enum import StrEnum


class Brake(StrEnum):
    """What stops an `apply` until a person says that it is meant."""

    MANY_CHANGES = "many-changes"
    REMOVALS = "removals"
    RENAMES = "renames"
    FOREIGN_GROUP = "foreign-group"
