"""`rejects_to` delivers the workbook of the rows to correct, and no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from importer.service.outcome import Ending
from tests.cli.conftest import Sandbox
from tests.cli.small import state
from tests.jobs.office import (
    OFF,
    REJECTS_TO,
    WRONG,
    Office,
    SshServer,
    back,
    delivers,
    in_process,
    people,
    rows_of,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("place", ["folder", "server"])
def test_rejects_to_delivers_the_workbook(
    place: str, office: Office, sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    """The mail names it, and the command that plans it; no value of the roster is in the mail."""
    (folder := office.folder / "back").mkdir()
    where, login = "back", ""
    if place == "server":
        sshd: SshServer = request.getfixturevalue("sshd")
        where, login = sshd.address(folder), sshd.login()
    office.write_job(f"{OFF}rejects_to: {where}\n{login}", max_age="26h")
    assert office.takes([*people(20), WRONG], age=HOUR) == Exit.REJECTS
    (workbook,) = back(office)
    (run,) = Path("runs").glob("*-nightly")
    assert workbook.name == f"{run.name}-rejects.xlsx"
    assert workbook.read_bytes() == (run / "rejects.xlsx").read_bytes()
    (named,) = (line for line in office.text.splitlines() if workbook.name in line)
    assert str(folder if place == "server" else "back") in named
    assert f"  importer plan {run / 'rejects.xlsx'} -m small.yaml" in office.text
    assert "Canaria" not in office.text
    assert office.run() == Exit.DONE  # nothing new, though the workbook is there


def test_what_the_office_corrects_comes_with_its_next_roster(
    office: Office, sandbox: Sandbox
) -> None:
    """A job neither reads, changes nor deletes what is in `rejects_to`."""
    workbook = delivers(office)
    book = openpyxl.load_workbook(workbook)
    book.worksheets[0]["F2"] = "20999"
    book.save(workbook)
    corrected = workbook.read_bytes()
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 20
    mended = ("20998", *WRONG[1:])
    assert office.takes([*people(20), mended], "patrons-2.csv") == Exit.DONE
    assert "20998" in state(sandbox)
    assert [path.read_bytes() for path in back(office)] == [corrected]


def test_a_workbook_that_is_there_already_stays(office: Office, sandbox: Sandbox) -> None:
    """The job was killed after it put the workbook there, and the office has edited it since."""
    (office.folder / "back").mkdir()
    office.write_job(REJECTS_TO)

    def and_put(*words: str) -> Ending:
        ended = in_process(*words)
        if words[0] == "apply":
            (office.folder / "back" / f"{Path(words[1]).name}-rejects.xlsx").write_bytes(b"edited")
        return ended

    office.drop(rows_of([*people(20), WRONG]))
    assert office.run(command=and_put) == Exit.REJECTS
    assert [path.read_bytes() for path in back(office)] == [b"edited"]


def test_a_workbook_that_cannot_be_delivered_stops_no_load(
    office: Office, sandbox: Sandbox
) -> None:
    """The mail has the cause, and where the workbook is; a person copies it."""
    office.write_job(REJECTS_TO, max_age="26h")
    assert office.takes([*people(20), WRONG], age=HOUR) == Exit.STOPPED
    assert len(state(sandbox)) == 20
    (run,) = Path("runs").glob("*-nightly")
    assert "The folder back cannot be read" in office.text
    assert str(run / "rejects.xlsx") in office.text
    assert "The office has" not in office.text
    assert office.run() == Exit.DONE


def test_each_roster_has_its_own_workbook(office: Office, sandbox: Sandbox) -> None:
    """The command of each names the mapping of its roster."""
    (office.folder / "back").mkdir()
    (office.folder / "staff.yaml").write_bytes((office.folder / "small.yaml").read_bytes())
    office.write_job_of_two(REJECTS_TO)
    office.edit("staff-*.csv\n    mapping: small.yaml", "staff-*.csv\n    mapping: staff.yaml")
    office.drop(rows_of([*people(20), WRONG]))
    assert office.takes([*people(20, first=100), WRONG], "staff-1.csv") == Exit.REJECTS
    first, second = back(office)
    assert first.name.endswith("-nightly-rejects-1-patrons-1.xlsx")
    assert second.name.endswith("-nightly-rejects-2-staff-1.xlsx")
    for name, mapping in (("rejects-1-patrons-1", "small"), ("rejects-2-staff-1", "staff")):
        assert f"/{name}.xlsx -m {mapping}.yaml" in office.text
