"""Ready mappings, loaded twice and with blank cells; offices from nothing to a first load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.model.roster import DECISION, ROW
from tests.cli.conftest import Sandbox
from tests.cli.small import COMMUNITY, STUDENTS, change, codes, state
from tests.command_line import typed
from tests.offices.new_offices import OFFICES, NewOffice
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.sheets import correct, read_rows, write_rows

PEOPLE = {"community.yaml": COMMUNITY, "students-and-staff.yaml": STUDENTS}


def _required(mapping: Path) -> dict[str, bool]:
    """Each heading of the mapping's blank roster, and whether its cells must be filled in."""
    made = typed("mapping", "template", mapping, "-o", f"{mapping.stem}-blank.xlsx", "--json")
    columns = json.loads(made.out)["columns"]
    return {column["heading"]: column["required"] for column in columns}


def _load(roster: Path, mapping: Path, run: str) -> dict[str, object]:
    """Plan a roster; apply it if there is something to send; the summary of the plan."""
    planned = typed("plan", roster, "-m", mapping, "-o", run, "--json")
    assert planned.exit in {Exit.DONE, Exit.REJECTS}, planned.err
    if planned.summary["create"] or planned.summary["update"]:
        applied = typed("apply", run, "--json", "--allow", "many-changes")
        assert applied.exit == planned.exit, applied.err
        assert applied.summary["created"] == planned.summary["create"]
        assert applied.summary["updated"] == planned.summary["update"]
    return planned.summary


def _is_unchanged(summary: dict[str, object]) -> None:
    """Nothing is left to send: each ready row is in Alma just so."""
    assert (summary["create"], summary["update"]) == (0, 0)
    assert summary["unchanged"] == summary["ready"]


@pytest.fixture
def copied(sandbox: Sandbox) -> Path:
    """A folder with copies of the ready mappings, and the code tables of the practice Alma."""
    assert sandbox.host
    shutil.copytree(MAPPINGS, Path("mappings"))
    assert typed("codes", "fetch").exit == Exit.DONE
    return Path("mappings")


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_a_blank_in_each_column(name: str, copied: Path, sandbox: Sandbox) -> None:
    """A blank cell is rejected where the column is required; elsewhere the row loads, and twice.

    An address without a street is left out, with a warning. Blank cells change nothing of a known
    patron.
    """
    mapping = copied / name
    required = _required(mapping)
    assert sorted(required) == sorted(PEOPLE[name])
    people = [
        {heading: text.format(number) for heading, text in PEOPLE[name].items()}
        for number in range(10, 11 + len(required))
    ]
    blanked = [
        person | {heading: ""} for person, heading in zip(people, ("", *required), strict=True)
    ]
    for person in blanked:
        person.pop("", None)
    roster = write_rows(Path("blank.csv"), blanked)
    first = _load(roster, mapping, "first")
    needed = {heading for heading, must in required.items() if must}
    reported = needed | {"Street", "Address"} & set(required)
    rows = {str(row): heading for row, heading in enumerate(required, start=3)}
    missing = {"missing-value", "missing-empl-id"}
    assert {rows[row] for row, code in codes("first") if code in missing} == reported
    assert first["create"] == first["ready"] == len(people) - len(needed)
    _is_unchanged(_load(roster, mapping, "second"))

    full = _load(write_rows(Path("full.csv"), people), mapping, "full")
    assert full["ready"] == len(people)
    before = state(sandbox)
    _is_unchanged(_load(roster, mapping, "blanks-again"))
    assert state(sandbox) == before


def test_mappings_that_follow_another_load(copied: Path, sandbox: Sandbox) -> None:
    """Scanned barcodes renew known users, unknown IDs are reported; a second load changes nothing.

    A community patron becomes a student: the row needs review; renamed, the same user has the EMPL
    ID and keeps the barcode.
    """
    _load(SAMPLES / "community-patrons.csv", copied / "community.yaml", "community")
    roster, mapping = SAMPLES / "renewals.csv", copied / "renewals.yaml"
    first = _load(roster, mapping, "renewed")
    assert (first["create"], first["update"], first["rejected"]) == (0, 3, 1)
    assert ("5", "not-in-alma") in codes("renewed")
    _is_unchanged(_load(roster, mapping, "again"))
    roster, mapping = SAMPLES / "new-students.csv", copied / "students-with-a-card.yaml"
    planned = typed("plan", roster, "-m", mapping, "-o", "students", "--json").summary
    assert (planned["create"], planned["review"]) == (2, 1)
    typed("resolve", "students", "2", "--as", "rename", "20001123450086")
    assert typed("apply", "students", "--allow", "foreign-group", "--json").summary["updated"] == 1
    grace = next(one for key, one in state(sandbox).items() if "0034501" in key)
    assert "20001123450086" in str(grace)
    assert "EXTERNAL" in str(grace)


@pytest.mark.parametrize(
    ("name", "held"), [("self-registration", "review"), ("reciprocal-borrowers", "rejected")]
)
def test_registrations_and_reciprocal_borrowers_are_loaded_twice(
    name: str, held: str, copied: Path
) -> None:
    """The email address is the ID of those without a card; two people in one cell need review.

    A borrower who is not in good standing is skipped. The second load changes nothing.
    """
    roster, mapping = SAMPLES / f"{name}.csv", copied / f"{name}.yaml"
    first = _load(roster, mapping, "first")
    assert (first["create"], first[held], first["skipped"]) == (3, 1, 1)
    _is_unchanged(_load(roster, mapping, "second"))


def test_no_mapping_is_written_beside_a_sample_that_is_there() -> None:
    """The message has a way that works."""
    words = ("mapping", "ready", "community", "--sample")
    assert typed(*words).exit == Exit.DONE
    Path("community.yaml").unlink()
    got = typed(*words)
    assert (got.exit, "leave out --sample" in got.err) == (Exit.USAGE, True)
    assert not Path("community.yaml").exists()
    assert typed(*words[:-1]).exit == Exit.DONE


MOST = 8
"""Commands from nothing to a corrected, applied load."""

SETTING_UP = 2
"""Commands that the fixtures stand for: `make sandbox`, and one line of settings."""


@pytest.mark.parametrize("office", OFFICES.values(), ids=OFFICES)
def test_a_first_load(office: NewOffice, folder: Path, sandbox: Sandbox) -> None:
    """All rows are in Alma after one correction, and no row is sent twice."""
    roster = office.write(folder)
    people = sum(len(row) > 1 for row in office.rows()) - 1
    commands = SETTING_UP

    def step(*arguments: str) -> Exit:
        nonlocal commands
        commands += 1
        got = typed(*arguments)
        assert got.exit in {Exit.DONE, Exit.REJECTS}, got.err
        return Exit(got.exit)

    assert step("codes", "fetch") == Exit.DONE
    assert step("mapping", "new", roster.name, "-o", "m.yaml", *office.answers) == Exit.DONE
    change("m.yaml", office.edit)
    assert step("plan", roster.name, "-m", "m.yaml", "-o", "first") == Exit.REJECTS
    step("apply", "first", "--yes")
    back = {int(row[ROW]): row["Result"] for row in read_rows(Path("first/rejects.csv"))}
    two = {DECISION: "two people"}
    cells = {
        row: two if end == "review" else office.corrected.get(row, {ROW: str(row)})
        for row, end in back.items()
    }
    correct(Path("first/rejects.xlsx"), cells)
    assert step("plan", "first/rejects.xlsx", "-m", "m.yaml", "-o", "rest") == Exit.DONE
    assert step("apply", "rest", "--yes") == Exit.DONE
    assert commands <= MOST
    created = [call for call in sandbox.log() if call["method"] == "POST"]
    assert [call["status"] for call in created] == [200] * people
