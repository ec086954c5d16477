"""The advice about a mapping, followed as it is written; and every code has such a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.problem import Code
from tests.advice import test_plans, test_rosters
from tests.advice.desk import FOLLOWED, MAPPING
from tests.command_line import typed as type_in
from tests.mapper.bench import mapping_text


def _cases() -> list[list[str]]:
    """Words, the record before and after, the top before and after."""
    lines = (
        Path(__file__).with_name("findings.txt").read_text("utf-8").split("\n\n")[1].splitlines()
    )
    return [[*line.replace("\\n", "\n").split(" | "), "", ""][:5] for line in lines]


@pytest.mark.parametrize(("words", "wrong", "right", "before", "after"), _cases())
def test_the_advice_of_a_finding_is_followed(
    folder: Path, words: str, wrong: str, right: str, before: str, after: str
) -> None:
    """`mapping check` names it in a file with blanks in its name; followed, it finds nothing."""
    path = folder / MAPPING
    path.write_text(mapping_text(wrong, before), "utf-8")
    found = type_in("mapping", "check", MAPPING)
    assert found.exit == 2
    assert words in found.err
    assert found.err.startswith(f"importer: {MAPPING}:")
    text = mapping_text(right, after)
    if "account_type: EXTERNAL" in after:
        text = text.replace("account_type: INTERNAL\n", "", 1)
    path.write_text(text, "utf-8")
    checked = type_in("mapping", "check", MAPPING)
    assert checked.exit == 0, checked.err


assert test_plans.ASKED
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
