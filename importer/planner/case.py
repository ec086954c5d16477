"""A row's case: all that its step is decided from."""

from __future__ import annotations

from dataclasses import dataclass

from importer.model.people import Common
from importer.model.plan import Match
from importer.planner.drafts import DraftUser
from importer.planner.staff_edits import Earlier
from importer.users.matching import MatchResult


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
    earlier: Earlier
