"""The rosters of a job are picked up and loaded together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state
from tests.jobs.office import Office, names, people, rows_of


def test_several_rosters_are_one_load(office: Office, sandbox: Sandbox) -> None:
    """They are planned together; a job with one of them cut off loads neither."""
    office.write_job_of_two()
    office.drop(rows_of(people(2)))
    office.drop(rows_of(people(2, first=10))[:-20], "staff-1.csv")
    assert office.run() == Exit.ROSTER
    assert "staff-1.csv is cut off" in office.text
    assert "without patrons-1.csv and staff-1.csv, skip" in office.text  # what `skip` then skips
    assert office.takes(people(2, first=10), "staff-2.csv") == Exit.DONE
    assert len(state(sandbox)) == 4
    assert names(office.inbox) == [
        "patrons-1.csv.done-", "staff-1.csv.superseded-", "staff-2.csv.done-",
    ]  # fmt: skip


@pytest.mark.parametrize("new", ["patrons", "staff"])
def test_a_new_file_that_waits_for_the_other_roster_is_reported(
    new: str, office: Office, sandbox: Sandbox
) -> None:
    """The first or the second; nothing is kept of it, and it is loaded once the other one comes."""
    office.write_job_of_two(max_age="26h")
    office.drop(rows_of(people(2)))
    assert office.takes(people(2, first=10), "staff-1.csv") == Exit.DONE
    office.clear()
    assert office.run() == Exit.DONE  # both are missing within `max_age` of the last load
    before = [*(office.folder / "jobs" / "nightly").glob("*/")]
    assert office.takes(people(3, first=20), f"{new}-2.csv") == Exit.ROSTER
    assert f"{new}-2.csv (" in office.text
    assert [*(office.folder / "jobs" / "nightly").glob("*/")] == before
    other = "staff" if new == "patrons" else "patrons"
    assert office.takes(people(2, first=30), f"{other}-2.csv") == Exit.DONE
    assert len(state(sandbox)) == 9


def test_nothing_is_kept_of_a_file_whose_other_roster_is_wrong(office: Office) -> None:
    """However often the job runs."""
    office.write_job_of_two()
    office.drop(rows_of(people(2)))
    assert office.takes(b"", "staff-1.csv") == Exit.ROSTER
    assert [*(office.folder / "jobs" / "nightly").glob("*/")] == []


def test_one_file_of_a_set_that_is_refused_can_be_skipped(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The other one then waits for the file that replaces it."""
    office.write_job_of_two("guards: {creates: off}\n", max_age="26h")
    office.drop(b"Id\n1\n", "patrons-1.csv", age=timedelta(hours=1))
    assert office.takes(people(2, first=10), "staff-1.csv") == Exit.USAGE
    assert "To skip only one, " in office.text
    words = ("job", "skip", "nightly.yaml", "--why", "x")
    assert typed(*words, "patrons-9.csv").exit == Exit.USAGE
    assert typed(*words, "patrons-1.csv", "--run", "runs/x").exit == Exit.USAGE
    assert typed(*words, "patrons-1.csv").exit == Exit.DONE
    assert office.takes(people(2), "patrons-2.csv") == Exit.DONE
    assert len(state(sandbox)) == 4
