"""Every code of the catalogue has advice that a test follows, or a reason why none does."""

from __future__ import annotations

from importer.model.problem import Code
from tests.advice import test_plans, test_rosters
from tests.advice.desk import FOLLOWED

assert test_plans.DECIDED
assert test_rosters.CASES

DECIDED = "tests/cli/test_decisions.py carries out each Decision that it names"
CAMPUS = "tests/campus carries out each Decision that it names"
NOT_FOLLOWED = {
    "exists-in-alma": "there is nothing to do",
    "another-name": "a person compares the row with the record in Alma",
    "primary-id-differs": DECIDED,
    "matches-two-users": DECIDED,
    "two-users-one-person": CAMPUS,
    "managed-elsewhere": "the user is changed in the system that manages it",
    "card-differs": CAMPUS,
    "not-in-sis-load": "tests/cli/test_sis_plan.py loads the row through the API",
    "odd-column": "a person asks the office about its columns",
}
"""The codes whose advice no test here follows, and why."""


def test_the_advice_of_every_code_is_followed() -> None:
    """Or listed with a reason; a new code needs one of the two."""
    assert set(Code) == FOLLOWED | set(NOT_FOLLOWED)
    assert not FOLLOWED & set(NOT_FOLLOWED)
    assert len(NOT_FOLLOWED) <= 12
