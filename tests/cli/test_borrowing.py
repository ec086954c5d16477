"""Can they borrow: what plan and apply report, and what `patron_role` repairs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, ask, change, codes, load, state, write
from tests.command_line import typed

CY = ("2003", "Cy", "Ito", "COMM", "1970-01-02", "cy@example.org", "")
DEE = ("2004", "Dee", "Oak", "COMM", "1971-01-02", "", "")
SCOPED = {"scope": {"value": "MAIN"}, "status": {"value": "ACTIVE"}}
ROLE = "patron_role: {expiry: 2028-05-31}\n"
CATALOGER = {"role_type": {"value": "32"}, **SCOPED}


def patron(expiry: str, scope: str = "01SANDBOX_INST") -> dict[str, object]:
    """A Patron role as Alma's JSON has it."""
    role = {"role_type": {"value": "200"}, "scope": {"value": scope}, "status": {"value": "ACTIVE"}}
    return role | ({"expiry_date": expiry} if expiry else {})


def roles(sandbox: Sandbox, primary_id: str) -> list[tuple[str, str, str]]:
    """The roles of a user: type, scope and expiry date."""
    found = state(sandbox)[primary_id]["user_role"]
    return [
        (role["role_type"]["value"], role["scope"]["value"], role.get("expiry_date", ""))
        for role in found
    ]


@pytest.fixture
def people(sandbox: Sandbox) -> Path:
    """Four known users: an expired Patron role, none, one that is current; no email, inactive."""
    roster = write(ANA, BO, CY, DEE)
    load(roster, "first")
    ask(sandbox, "PATCH", "users/2001", {"user_role": [CATALOGER, patron("2020-05-31Z")]})
    ask(sandbox, "PATCH", "users/2002", {"user_role": [CATALOGER]})
    ask(sandbox, "PATCH", "users/2004", {"status": {"value": "INACTIVE"}})
    return roster


def test_a_plan_lists_who_cannot_borrow(people: Path) -> None:
    """By the record that was read anyway, also of rows that do not change; counted on the screen.

    Without `patron_role` in the mapping no role is written.
    """
    shown = typed("plan", people, "-m", "small.yaml", "-o", "run")
    assert codes("run") == [
        ("2", "patron-role-expired"),
        ("3", "patron-role-missing"),
        ("5", "cannot-borrow"),
        ("5", "no-preferred-email"),
    ]
    assert "3 users cannot borrow" in shown.err + shown.out
    summary = json.loads(Path("run", "summary.json").read_text("utf-8"))
    assert summary["of_these"]["cannot_borrow"] == 3
    for name in ("report.html", "report-masked.html"):
        listed = Path("run", name).read_text("utf-8").partition('<section id="people"')[2]
        listed = listed.partition("</section>")[0]
        assert re.findall(r'<th scope="row">(.*?)</th>', listed) == ["2", "3", "5"]
        assert ("2004" in listed) == (name == "report.html")


def test_an_old_role_that_alma_refuses_is_named(people: Path, sandbox: Sandbox) -> None:
    """A role that lacks a parameter refuses every record with roles: the record in Alma is wrong.

    Without `patron_role` no roles are sent, and the same user is updated.
    """
    desk = {"role_type": {"value": "214"}, **SCOPED}
    ask(sandbox, "PATCH", "users/2001", {"user_role": [desk, patron("2020-05-31Z")]})
    changed = write((*ANA[:3], "FRIEND", *ANA[4:]))
    change("small.yaml", more=ROLE, to="role.yaml")
    typed("plan", changed, "-m", "role.yaml", "-o", "run")
    assert typed("apply", "run", "--json").summary["refused"] == 1
    told = typed("show", "run", "2", "--show-values").out
    assert "not in the roster" in told
    assert "Circulation Desk Operator (214)" in " ".join(told.split())
    typed("plan", changed, "-m", "small.yaml", "-o", "without")
    assert typed("apply", "without", "--json").summary["updated"] == 1
    assert [role for role, _, _ in roles(sandbox, "2001")] == ["214", "200"]
