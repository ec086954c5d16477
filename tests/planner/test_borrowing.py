"""The Patron role: extended, added, merged, and never anything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from importer.model.candidates import ROLE_END
from importer.model.fields import FIELDS, Field, Shape
from importer.model.plan import UserMemory
from importer.model.problem import Code
from importer.model.user import Facts, User
from importer.planner.borrowing import (
    merge_roles,
    obstacles,
    role_changes,
    role_obstacles,
    with_patron_role,
)
from importer.planner.case import nothing_earlier
from importer.planner.imprints import keyed, with_reply
from importer.planner.update import create, update
from tests.planner.people import case, draft, email, user

TODAY = date(2026, 8, 20)
CATALOGER = ("32", "MAIN", "")
INST, MAIN = "01EX_INST", "MAIN"


def of(*roles: tuple[str, str, str], status: str = "ACTIVE") -> User:
    """A user with roles: type, scope and expiry date."""
    return user(
        user_role=[
            {
                "role_type": {"value": kind},
                "scope": {"value": scope},
                "status": {"value": status},
                **({"expiry_date": f"{until}Z"} if until else {}),
            }
            for kind, scope, until in roles
        ]
    )


def roles(of_user: User | None) -> list[tuple[str, str, str]]:
    """Type, scope and expiry date of each role."""
    return [
        (role.role_type.value, role.scope.value, (role.expiry_date or "").removesuffix("Z"))  # type: ignore[misc, union-attr]
        for role in (of_user.user_role if of_user else None) or ()
    ]


@pytest.mark.parametrize(
    ("had", "scope", "expected"),
    [
        ([("200", INST, "2025-05-31")], "", [("200", INST, "2028-05-31")]),
        ([("200", INST, "2030-05-31")], "", [("200", INST, "2030-05-31")]),
        ([("200", INST, "")], "", [("200", INST, "")]),
        ([CATALOGER], "", [CATALOGER, ("200", INST, "2028-05-31")]),
        ([("200", INST, "2025-05-31")], MAIN,
         [("200", INST, "2025-05-31"), ("200", MAIN, "2028-05-31")]),
        ([("200", MAIN, "2025-05-31"), ("200", INST, "2025-05-31")], MAIN,
         [("200", MAIN, "2028-05-31"), ("200", INST, "2025-05-31")]),
    ],
)  # fmt: skip
def test_the_role_becomes_longer_or_is_added(
    had: list[tuple[str, str, str]], scope: str, expected: list[tuple[str, str, str]]
) -> None:
    """Never shorter; a role that never expires stays so; of the institution without a scope."""
    before = of(*had)
    after = with_patron_role(before, "2028-05-31", scope, INST)
    assert roles(after) == expected
    assert with_patron_role(after, "2028-05-31", scope, INST) is after
    assert bool(list(role_changes(before, after))) == (roles(before) != roles(after))
    assert with_patron_role(before, "", scope, INST) is before


@pytest.mark.parametrize(
    ("edited", "expected"), [("2027-06-30", "2028-05-31"), ("2020-05-31", "2020-05-31")]
)
def test_the_role_of_a_new_user_is_extended_by_the_next_load(
    edited: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alma's own rules gave it until 2027-06-30; what staff made of it since stays."""
    field = Field(ROLE_END, "patron_role", "expiry", Shape.DATE, Facts(0))
    monkeypatch.setitem(FIELDS, ROLE_END, field)
    row, hashed = draft({"primary_id": "21234", ROLE_END: "2028-05-31"}), keyed(b"a key")
    earlier = replace(nothing_earlier(TODAY), hashed=hashed)
    new = of(("200", INST, "2027-06-30"))
    left = with_reply(create(case(row, earlier)).imprints, None, new, hashed)
    live, known = of(("200", INST, edited)), replace(earlier, of=lambda *_: UserMemory(left, ()))
    planned = update(case(row, known), live, rename=False)
    assert roles(planned.user) == [("200", INST, expected)]
    later = replace(known, of=lambda *_: UserMemory(planned.imprints, ()))
    again = update(case(row, later), live, rename=False)
    assert roles(again.user) == roles(live)


def test_an_inactive_role_stays_as_it_is() -> None:
    """A later date would not let its user borrow, so the plan does not promise that."""
    inactive = of(("200", INST, "2025-05-31"), status="INACTIVE")
    assert with_patron_role(inactive, "2028-05-31", "", INST) is inactive


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ([("200", INST, "2025-05-31"), CATALOGER], [("200", INST, "2028-05-31"), CATALOGER]),
        ([("200", INST, "2028-05-31")], [("200", INST, "2028-05-31")]),
        ([("200", INST, "2027-01-01")], []),  # someone changed it: for a person to decide
        ([], []),
    ],
)
def test_a_role_that_someone_changed_is_a_conflict(
    now: list[tuple[str, str, str]], expected: list[tuple[str, str, str]]
) -> None:
    """Another role that someone gave meanwhile stays."""
    before, after = of(("200", INST, "2025-05-31")), of(("200", INST, "2028-05-31"))
    assert roles(merge_roles(before, after, of(*now))) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (of(("200", INST, "2027-01-01")), []),
        (of(CATALOGER), [Code.PATRON_ROLE_MISSING]),
        (of(("200", INST, ""), status="INACTIVE"), [Code.PATRON_ROLE_MISSING]),
        (of(("200", INST, "2026-08-19")), [Code.PATRON_ROLE_EXPIRED]),
        (of(("200", INST, "2026-08-19"), ("200", MAIN, "")), []),
        (user(), []),  # its roles are not known
    ],
)
def test_role_obstacles(one: User, expected: list[Code]) -> None:
    """One active Patron role that lasts is enough."""
    assert [code for code, _ in role_obstacles(one, TODAY)] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"expiry_date": "2026-08-20Z"}, False),
        ({"expiry_date": "2026-08-19Z", "purge_date": "2026-08-19Z"}, True),
        ({"status": {"value": "INACTIVE"}}, True),
        ({"user_block": [{"block_description": {"value": "X"}}]}, True),
        (
            {"user_block": [{"block_description": {"value": "X"}, "block_status": "INACTIVE"}]},
            False,
        ),
    ],
)
def test_obstacles(fields: dict[str, object], expected: bool) -> None:  # noqa: FBT001
    """Expired, purgeable, not active or blocked; and without a preferred email, no notices."""
    there = {"email": [email("a@example.org", preferred=True)]}
    one = user(contact_info=there, **fields)
    assert [finding.code for finding in obstacles(one, TODAY)] == [Code.CANNOT_BORROW] * expected
    without = [finding.code for finding in obstacles(user(**fields), TODAY)]
    assert without == [Code.CANNOT_BORROW] * expected + [Code.NO_PREFERRED_EMAIL]


def test_a_user_who_has_only_expired_is_known_by_the_day() -> None:
    """The day is the value, so that no surface says it twice; not where there is another reason."""
    for status, value in ("ACTIVE", "2026-08-19"), ("INACTIVE", ""):
        one = user(expiry_date="2026-08-19Z", status={"value": status})
        assert next(obstacles(one, TODAY)).value == value
