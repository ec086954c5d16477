"""Real records of several institutions as the live side of a merge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.model.user import AccountType, User
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, entries
from importer.planner.patch import same_as_sent
from tests.planner.people import carried, draft, shape, updated
from tests.planner.strategies import drafts

FOLDER = Path(__file__).parents[2].parent / "shared" / "alma" / "samples"
BODIES = sorted(FOLDER.glob("user_*.json"))
pytestmark = pytest.mark.skipif(not BODIES, reason="the sample records are not beside the project")


def live(body: Path) -> User:
    """The user of a stored answer."""
    return User.from_json(body.read_bytes())


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.stem)
def test_only_the_mapped_field_of_a_real_record_changes(body: Path) -> None:
    """What is put is the answer itself, to the last key, with one field changed."""
    user = live(body)
    one = draft(
        {"last_name": "Changed", "primary_id": current(user, "primary_id")},
        AccountType(current(user, "account_type")),
    )
    made = updated(one, user)
    expected = json.loads(user.to_json()) | {"last_name": "Changed"}
    assert json.loads(made.after.to_json()) == expected
    assert updated(one, made.after).changes == ()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.stem)
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_row_merges_into_a_real_record(body: Path, data: st.DataObject) -> None:
    """Roles stay, merging twice changes nothing more, and the plan stands where nobody edits."""
    user = live(body)
    account = AccountType(current(user, "account_type"))
    one: DraftUser = data.draw(drafts(account))
    made = updated(one, user)
    assert made.after.user_role == user.user_role
    assert updated(one, made.after).changes == ()
    same = carried(user, made.after, user)
    assert isinstance(same, User)
    assert shape(same) == shape(made.after)
    assert same_as_sent(made.after, User.from_json(made.after.to_json()), user) == ()
    parents = {entry.parent for entry in one.layout.entries}
    for parent in ("user_block", "user_note", "contact_info.address", "proxy_for_user"):
        if parent not in parents:
            assert entries(made.after, parent) == entries(user, parent)
