"""A row's case: all that its step is decided from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from importer.model.people import Common
from importer.model.plan import Match, SisRules, UserMemory
from importer.model.user import User
from importer.planner.drafts import DraftUser
from importer.planner.imprints import NO_MEMORY, Keyed, keyed
from importer.users.matching import MatchResult


@dataclass(frozen=True, slots=True)
class EarlierLoads:
    """What earlier loads left, for the rows of a plan.

    `of` returns that of a row's user. `hashed` makes the hashes. `today`: the day of the plan.
    `institution`: its code, for a new Patron role; "" to add none.
    `overwrites`: paths of fields and lists that are written although staff edited them. `sis`: the
    rules of a plan for the SIS load, None where the plan is sent through the API.
    """

    of: Callable[[DraftUser, User], UserMemory]
    hashed: Keyed
    today: date
    institution: str
    overwrites: frozenset[str]
    sis: SisRules | None


def nothing_earlier(today: date) -> EarlierLoads:
    """Return what is left where no load is remembered."""
    return EarlierLoads(lambda _draft, _live: NO_MEMORY, keyed(b""), today, "", frozenset(), None)


@dataclass(frozen=True, slots=True)
class Case:
    """A row, with what Alma, its mapping and earlier loads say about its person.

    `match_result`: who has its IDs in Alma, and who may be its person. `match`: what the mapping
    does with known and new people. `common`: what too many users have to be evidence.
    """

    draft: DraftUser
    match_result: MatchResult
    match: Match
    common: Common
    earlier: EarlierLoads
