"""What Alma kept otherwise than it was sent."""

from __future__ import annotations

import pytest

from importer.model.user import User
from importer.planner.patch import same_as_sent
from tests.planner.people import address, email, mails, user

SENT = user(
    record_type={"value": "PUBLIC"},
    last_name="Doe",
    user_group={"value": "COMM"},
    birth_date="1990-03-01Z",
    password="correct horse",
    pin_number="1234",
    contact_info={
        "address": [address("1 Main St", preferred=True, start_date="2026-08-20Z")],
        "email": [{"email_address": "a@example.org", "email_type": [{"value": "work"}]}],
    },
    user_block=[{"block_description": {"value": "02-GLOBAL"}}],
)


def answer(**fields: object) -> User:
    """The record as Alma answers it: more than was sent, and not all of it as it was sent."""
    told: dict[str, object] = {
        "record_type": {"value": "PUBLIC", "desc": "Public"},
        "full_name": "Doe",
        "last_name": "Doe",
        "middle_name": "",
        "user_group": {"value": "comm", "desc": "Community"},
        "campus_code": {"value": None, "desc": ""},
        "birth_date": "1990-03-01Z",
        "password": "",
        "pin_number": "",
        "status": {"value": "ACTIVE", "desc": "Active"},
        "user_role": [{"role_type": {"value": "200"}}],
        "contact_info": {
            "address": [address("1 Main St", preferred=True, start_date="2026-08-19Z")],
            "email": [email("a@example.org", "work", description="")],
        },
        "user_block": [
            {
                "block_type": {"value": "GENERAL"},
                "block_description": {"value": "02-GLOBAL", "desc": "Behaviour"},
                "block_status": "ACTIVE",
                "created_by": "exl_api",
                "segment_type": "Internal",
            }
        ],
    }
    return user(**(told | fields))


def test_what_alma_says_by_itself_is_no_difference() -> None:
    """Descriptions, defaults, roles, start dates, the password and the PIN do not count."""
    assert same_as_sent(SENT, answer(), None) == ()


HOME, MAIL = address("1 Main St", preferred=True), email("a@example.org", "work")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"user_group": {"value": "UGRD"}}, "user_group"),
        ({"birth_date": None}, "birth_date"),
        ({"contact_info": None}, "contact_info.address[home]"),
        ({"contact_info": {"address": [HOME | {"line2": "Apt 4"}], "email": [MAIL]}},
         "contact_info.address[home]"),
        ({"contact_info": {"address": [HOME], "email": [MAIL | {"preferred": True}]}},
         "contact_info.email[work]"),
    ],
)  # fmt: skip
def test_what_alma_kept_is_named(fields: dict[str, object], path: str) -> None:
    """A field, an entry or a flag that is not as it was sent is named by its path."""
    assert path in same_as_sent(SENT, answer(**fields), None)


def test_after_an_update_only_its_own_changes_count() -> None:
    """What the update did not touch may be what it likes; what it touched must be as sent."""
    before = user(last_name="Roe", user_group={"value": "STAFF"}, expiry_date="2026-01-01Z")
    after = before.model_copy(update={"last_name": "Doe", "expiry_date": None})
    told = user(last_name="Doe", user_group={"value": "OTHER"})
    assert same_as_sent(after, told, before) == ()
    assert same_as_sent(after, before, before) == ("last_name", "expiry_date")


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (mails("a w/work"), mails("a"), "contact_info.email[work]"),
        (*(user(rs_library=[{"code": {"value": "MAIN"}}] * n) for n in (2, 1)), "rs_library[MAIN]"),
    ],
)
def test_an_entry_that_should_have_gone_is_named(before: User, after: User, path: str) -> None:
    """A removal that Alma did not make is seen; each entry counts once, also a twin."""
    assert same_as_sent(after, before, before) == (path,)
    assert same_as_sent(after, after, before) == ()
