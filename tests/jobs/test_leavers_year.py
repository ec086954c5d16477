"""The procedure of the page about ending memberships: three terms, and the end of the year."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from importer.errors import Exit
from importer.service.place import now
from tests.campus.retiring import JOB, LEAVERS, RETIRE, caller, record
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ask, state
from tests.jobs.office import Office, text_of
from tests.sheets import read_csv

PEOPLE = ("STAYS", "RETURNS", "LEAVES", "BORROWS")


def load(office: Office, number: int, *people: str) -> Exit:
    """Load the roster of a term with the page's job; a person allows its guard."""
    lines = ["Card,First,Last,Born"]
    for at, user in enumerate(PEOPLE):
        one = record(user, at)
        if user in people:
            lines.append(f"{user},{one['first_name']},{one['last_name']},{one['birth_date'][:-1]}")
    lines += [f"NEW{number},Newcomer{number},Arrival{number},1999-01-02"]
    office.drop("\n".join([*lines, ""]).encode(), f"patrons-{number}.csv")
    done = office.run()
    return office.run("absent") if done is Exit.SAFETY_CHECK else done


def shown(user: dict[str, Any]) -> tuple[str, bool, bool]:
    """The status of a user, and whether there is a purge date and an end of the Patron role."""
    (role,) = user["user_role"]
    return user["status"]["value"], bool(user.get("purge_date")), bool(role.get("expiry_date"))


def test_three_terms_and_the_end_of_the_year(
    office: Office, sandbox: Sandbox, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is missing for a month ends, who is back is as before; who has nothing open is listed.

    The email of a load says how many left, and how many are back.
    """

    def go_on(days: int) -> None:
        office.clock = timedelta(days=days)
        day = now() + office.clock
        monkeypatch.setattr("importer.service.office.now", lambda: day)

    call = caller(sandbox.host)
    for at, user in enumerate(PEOPLE):
        call("POST", "/almaws/v1/users", record(user, at) | {"expiry_date": "2099-05-31Z"})
    (office.folder / "leavers.yaml").write_text(LEAVERS, "utf-8")
    (office.folder / "retire.yaml").write_text(RETIRE, "utf-8")
    source = "incoming/patrons-*.csv\n    unchanged_for: 0s"
    job = JOB.replace("inbox/community-*.csv", source)
    (office.folder / "nightly.yaml").write_text(job, "utf-8")
    before = state(sandbox)
    assert load(office, 1, "STAYS") == Exit.DONE
    assert state(sandbox) == before
    go_on(30)
    assert load(office, 2, "STAYS") == Exit.DONE
    after = state(sandbox)
    active, ended = ("ACTIVE", False, False), ("INACTIVE", True, True)
    assert [shown(after[user]) for user in PEOPLE] == [active, ended, ended, ended]
    assert "3 users who are missing from the roster left." in text_of(office.mails[-1])
    assert load(office, 3, "STAYS", "RETURNS") == Exit.DONE
    assert "1 user who had left came back." in text_of(office.mails[-1])
    again = state(sandbox)
    assert again["RETURNS"].pop("user_note")
    assert again["RETURNS"] == {k: v for k, v in before["RETURNS"].items() if k != "user_note"}
    assert again["STAYS"] == before["STAYS"]
    ask(sandbox, "POST", "users/BORROWS/loans", {"loans": 1})
    plan = ("plan", "-m", "retire.yaml", "-o")
    assert typed(*plan, "early", "--json").summary["rows"] == 0
    go_on(230)
    planned = typed(*plan, "listed", "--json")
    assert planned.summary["unchanged"] == 1, planned.err
    assert read_csv(office.folder / "listed" / "set.csv") == [["USERNAME"], ["LEAVES"]]
