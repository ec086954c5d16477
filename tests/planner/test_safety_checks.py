"""The safety checks, at their limits."""

from __future__ import annotations

import pytest

from importer.model.plan import (
    Change,
    ChangeKind,
    Create,
    LeftAlone,
    SafetyCheck,
    SafetyLimit,
    SafetyLimits,
    Step,
    Unchanged,
    Update,
)
from importer.planner.whole_plan import safety_checks
from tests.planner.people import user

OFF = SafetyLimit(percent=100, count=10**6)
QUIET = SafetyLimits(many_changes=OFF, removals=OFF, renames=OFF, foreign_group=OFF)
COMM = frozenset({"COMM"})


def update(*changes: Change, before: str = "COMM", after: str = "COMM") -> Update:
    """An update with some changes, of a user who is and will be in a group."""
    old, new = (user(user_group={"value": group}) for group in (before, after))
    return Update(2, "21234", old, new, changes)


def change(path: str, kind: ChangeKind = ChangeKind.REPLACE) -> Change:
    """A change of one path."""
    return Change(kind, path, "old", "new")


@pytest.mark.parametrize(
    ("changed", "same", "holds"), [(21, 20, True), (20, 0, False), (21, 21, False)]
)
def test_many_changes(changed: int, same: int, holds: bool) -> None:  # noqa: FBT001
    """More than 50 % and more than 20 of the matched users would change; creates do not count."""
    steps: list[Step] = [*[update(change("first_name"))] * changed, *[Unchanged(3, "9")] * same]
    steps += [Create(4, user(user_group={"value": "COMM"}))] * 500 + [LeftAlone(5)] * 500
    found = safety_checks(steps, SafetyLimits(), COMM)
    assert [(one.check, one.concerned, one.matched) for one in found] == (
        [(SafetyCheck.MANY_CHANGES, changed, changed + same)] if holds else []
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "fires"),
    [
        ("expiry_date", "2027-05-31", "2028-05-31", False),
        ("purge_date", "", "2030-05-31", False),
        ("expiry_date", "2027-05-31", "1990-03-01", True),  # a wrong column: the birth date
        ("expiry_date", "2027-05-31", "", True),
        ("birth_date", "1990-03-01", "2028-05-31", True),
    ],
)
def test_a_renewal_is_no_unusual_change(path: str, old: str, new: str, fires: bool) -> None:  # noqa: FBT001
    """A load that only extends everybody's dates fires nothing; a wrong column does."""
    kind = ChangeKind.REPLACE if old and new else ChangeKind.ADD if new else ChangeKind.REMOVE
    found = safety_checks([update(Change(kind, path, old, new))] * 100, SafetyLimits(), COMM)
    assert [one.check for one in found] == [SafetyCheck.MANY_CHANGES] * fires


def test_any_removal_of_an_entry_fails_the_check() -> None:
    """One list entry of Alma's that would go is enough; a field that is cleared is none."""
    gone = update(change("contact_info.email[work]", ChangeKind.REMOVE))
    cleared = update(
        change("expiry_date", ChangeKind.REMOVE),
        change("contact_info.address[home].line2"),
    )
    assert safety_checks([cleared], SafetyLimits(), COMM) == ()
    found = safety_checks([gone, cleared], SafetyLimits(), COMM)
    assert [(one.check, one.concerned, one.matched) for one in found] == [
        (SafetyCheck.REMOVALS, 1, 2)
    ]
    assert found[0].sentence == "1 of 2 known users would lose a list entry"


@pytest.mark.parametrize(
    ("renamed", "same", "holds"), [(6, 100, True), (5, 0, False), (6, 114, False)]
)
def test_renames(renamed: int, same: int, holds: bool) -> None:  # noqa: FBT001
    """More than 5 % and more than 5 last names change: a column was sorted alone."""
    limits = QUIET.model_copy(update={"renames": SafetyLimits().renames})
    steps: list[Step] = [*[update(change("last_name"))] * renamed, *[Unchanged(3, "9")] * same]
    steps.append(update(change("last_name", ChangeKind.ADD)))
    assert bool(safety_checks(steps, limits, COMM)) == holds


def test_a_user_of_a_foreign_group_fails_the_check() -> None:
    """A matched user leaves a group that the mapping does not give, as staff among students."""
    steps = [update(change("user_group"), before="STAFF"), update(change("last_name"))]
    found = safety_checks(steps, SafetyLimits(), COMM)
    assert [(one.check, one.concerned, one.matched) for one in found] == [
        (SafetyCheck.FOREIGN_GROUP, 1, 2)
    ]
    assert safety_checks(steps, SafetyLimits(), frozenset({"COMM", "STAFF"})) == ()
    assert safety_checks(steps, SafetyLimits(), frozenset({"COMM", "staff"})) == ()


def test_a_group_that_the_mapping_leaves_as_it_is_is_not_foreign() -> None:
    """Where the groups of known users stay as they are, any of them may be there."""
    assert (
        safety_checks([update(change("x"), before="STAFF", after="STAFF")], SafetyLimits(), COMM)
        == ()
    )
    assert safety_checks([update(change("x"), before="", after="COMM")], SafetyLimits(), COMM) == ()


def test_no_check_fails_for_an_empty_plan() -> None:
    """Without matched users there is nothing to check."""
    assert safety_checks([], SafetyLimits(), COMM) == ()
    assert safety_checks([Create(2, user())] * 1000, SafetyLimits(), COMM) == ()
