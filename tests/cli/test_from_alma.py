"""Rows from Alma: users of the user cache as a roster, planned, applied and undone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import edit, load, state, write
from tests.command_line import typed
from tests.sheets import read_csv

HEAD = """version: 1
account_type: INTERNAL
match: {new: reject}
"""
RENEW = (
    HEAD
    + """name: renew
roster:
  from: alma
  only: {user_group: [COMM], expiry_date: {before: 2027-07-01}}
record:
  primary_id: <primary_id>
  expiry_date: {from: <expiry_date>, plus: 1 year}
"""
)
PEOPLE = (
    ("3001", "Ana", "Nunez", "COMM", "1990-01-02", "ana@example.org", ""),
    ("3002", "Bo", "Doe", "FRIEND", "1980-03-04", "bo@example.org", ""),
    ("3003", "Cy", "Total", "COMM", "1970-05-06", "", ""),
)


@pytest.fixture
def people(folder: Path, sandbox: Sandbox) -> Path:
    """Three people in Alma, two of them in COMM, who expire in 2027. The folder."""
    roster = write(*PEOPLE)
    text = (
        (Path("small.yaml"))
        .read_text("utf-8")
        .replace("record:", "record:\n  expiry_date: 2027-06-30")
    )
    Path("small.yaml").write_text(text, "utf-8")
    load(roster, "first")
    return folder


def test_users_of_alma_are_a_roster(people: Path, sandbox: Sandbox) -> None:
    """The rows are kept privately in the run, and their users are changed."""
    (people / "renew.yaml").write_text(RENEW, "utf-8")
    planned = typed("plan", "-m", "renew.yaml", "-o", "run", "--json")
    assert (planned.exit, planned.summary["update"], planned.summary["rows"]) == (0, 2, 2), (
        planned.err
    )
    assert planned.err.count("user cache of 3 users") == 1
    kept = people / "run" / "roster.csv"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    rows = read_csv(kept)
    assert rows[0] == ["primary_id", "first_name", "last_name", "expiry_date", "user_group"]
    assert [row[0] for row in rows[1:]] == ["3001", "3003"]
    applied = typed("apply", "run", "--json", "--allow", "many-changes")
    assert (applied.exit, applied.summary["updated"]) == (0, 2), applied.err
    assert {key: user["expiry_date"][:10] for key, user in state(sandbox).items()} == {
        "3001": "2028-06-30",
        "3002": "2027-06-30",
        "3003": "2028-06-30",
    }


def test_rejects_of_a_list_from_alma_are_planned_as_a_roster(
    people: Path, sandbox: Sandbox
) -> None:
    """A row that the mapping cannot read is rejected, corrected in the rejects, and planned."""
    mapping = HEAD + "name: dates\nroster: {from: alma, only: {user_group: [COMM]}}\nrecord:\n"
    mapping += "  primary_id: <primary_id>\n  expiry_date: <job_description>\n"
    (people / "dates.yaml").write_text(mapping, "utf-8")
    edit(sandbox, "3001", lambda user: user.update(job_description="some day"))
    edit(sandbox, "3003", lambda user: user.update(job_description="2029-01-31"))
    planned = typed("plan", "-m", "dates.yaml", "-o", "run", "--json")
    assert (planned.summary["rejected"], planned.summary["update"]) == (1, 1), planned.err
    rejects = people / "run" / "rejects.csv"
    text = rejects.read_text("utf-8-sig").replace("some day", "2029-02-28")
    rejects.write_text(text, "utf-8-sig")
    again = typed("plan", rejects, "-m", "dates.yaml", "-o", "again", "--json")
    assert (again.exit, again.summary["rows"], again.summary["update"]) == (0, 1, 1), again.err
    assert not (people / "again" / "roster.csv").exists()


def test_what_rows_from_alma_need(people: Path, sandbox: Sandbox) -> None:
    """A user cache that may be read, a mapping for it, no hidden rows; `check` needs a file."""
    (people / "renew.yaml").write_text(RENEW, "utf-8")
    for words in (
        ("plan", "-m", "renew.yaml", "--no-refresh"),
        ("plan", "-m", "small.yaml"),
        ("plan", "-m", "renew.yaml", "--visible-only"),
        ("check", "-m", "renew.yaml"),
    ):
        assert typed(*words).exit == Exit.USAGE, words


def test_a_file_is_no_roster_of_a_mapping_with_rows_from_alma(people: Path) -> None:
    """One finding says where the rows come from; none is about headings that the file lacks."""
    (people / "renew.yaml").write_text(RENEW, "utf-8")
    (people / "r.csv").write_text("First Name,Last Name,Email\nA,B,c@example.org\n", "utf-8")
    checked = typed("check", "r.csv", "-m", "renew.yaml")
    assert checked.exit == Exit.USAGE
    assert "come from Alma" in checked.err
    assert "missing" not in checked.err


def test_a_second_entry_of_a_type_has_a_heading_of_its_own(people: Path, sandbox: Sandbox) -> None:
    """That of the first one and ` 2`."""

    def more(user: dict[str, Any]) -> None:
        (email,) = user["contact_info"]["email"]
        second = email | {"email_address": "second@example.org", "preferred": False}
        user["contact_info"]["email"].append(second)

    edit(sandbox, "3001", more)
    path = "contact_info.email[personal].email_address"
    mapping = HEAD + "name: all\nroster: {from: alma, only: {user_group: [COMM]}}\nrecord:\n"
    mapping += "  primary_id: <primary_id>\n  contact_info:\n    email:\n"
    for heading in (path, f"{path} 2"):
        mapping += f'      - {{email_address: "<{heading}>", email_type: personal}}\n'
    (people / "all.yaml").write_text(mapping, "utf-8")
    planned = typed("plan", "-m", "all.yaml", "-o", "run", "--json")
    assert (planned.exit, planned.summary["unchanged"]) == (0, 2), planned.err
    heading = (people / "run" / "roster.csv").read_text("utf-8").splitlines()[0]
    assert heading == f"primary_id,first_name,last_name,{path},{path} 2,user_group"
