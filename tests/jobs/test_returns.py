"""Rows to correct go back to the office, and its corrections are the next file."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from importer.cli.output import now
from importer.errors import Exit, UsageError
from importer.jobs.commands import Ended, Tools
from importer.jobs.run import JobRun
from importer.jobs.state import Store
from importer.jobs.words import jobs_in
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state
from tests.jobs.office import NOTIFY, Office, SshServer, in_process, names, people, rows_of

HOUR = timedelta(hours=1)
OFFICE = "registrar@example.org"
WRONG = ("", "Canaria", "Vexworthy", "COMM", "", "", "")
GUARDS = "guards: {creates: off, absent: off}\nrejects_to: back\n"

Arrange = Callable[[], None]


@pytest.fixture(params=["folder", "server"])
def arrange(request: pytest.FixtureRequest, office: Office) -> Arrange:
    """Write the job, with the folder of the office on this computer or on an SFTP server."""
    (office.folder / "back").mkdir()

    def write() -> None:
        guards = GUARDS
        if request.param == "server":
            sshd: SshServer = request.getfixturevalue("sshd")
            place = sshd.address(office.folder / "back")
            guards = guards.replace("rejects_to: back", f"rejects_to: {place}") + sshd.login()
        write_job(office, guards)

    return write


def write_job(office: Office, guards: str = GUARDS) -> None:
    """Write a job that gives rejects back."""
    office.write_job(guards, max_age="26h")
    office.edit("  chat:", f"  office: [{OFFICE}]\n  chat:")


def back(office: Office) -> list[Path]:
    """The workbooks that wait for the office."""
    return sorted((office.folder / "back").glob("*.xlsx"))


def correct(path: Path, cell: str = "F2", value: str = "20999") -> None:
    """Correct a cell as the office does: in Excel, under the same name."""
    book = openpyxl.load_workbook(path)
    book.worksheets[0][cell] = value
    book.save(path)
    later = path.stat().st_mtime + 5
    os.utime(path, (later, later))


def gives_back(office: Office, *wrong: tuple[str, ...]) -> Path:
    """Let a roster arrive of which rows, one unless they are given, go back: their workbook."""
    (office.folder / "back").mkdir()
    write_job(office)
    assert office.takes([*people(20), *(wrong or (WRONG,))], age=HOUR * 3) == Exit.REJECTS
    return back(office)[0]


def to_office(office: Office) -> list[EmailMessage]:
    """The emails that the office got."""
    return [mail for mail in office.mails if mail["To"] == OFFICE]


def test_the_office_corrects_rows_and_they_are_loaded_next(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """It gets the number of rows and the place, never the data; once for each workbook.

    A better version that it saves after the load is loaded, too.
    """
    arrange()
    assert office.takes([*people(20), WRONG], age=HOUR) == Exit.REJECTS
    (workbook,) = back(office)
    (mail,) = to_office(office)
    text = str(mail.get_body())
    assert workbook.name in text
    assert "1 row of patrons-1.csv (" in text
    assert "Canaria" not in str(mail)
    assert list(mail.iter_attachments()) == []
    assert office.run() == Exit.DONE  # nothing new, though the workbook is there
    correct(workbook)
    assert office.run() == Exit.DONE
    assert "20999" in state(sandbox)
    assert len(state(sandbox)) == 21
    (done,) = (office.folder / "back").iterdir()
    assert done.name.startswith(f"{workbook.name}.done-")
    workbook.write_bytes(done.read_bytes())
    correct(workbook, "H2", "Better")
    assert office.run() == Exit.DONE
    assert state(sandbox)["20999"]["last_name"] == "Better"
    assert back(office) == []
    assert office.run() == Exit.DONE
    assert len(to_office(office)) == 1


def test_what_is_still_wrong_goes_back_again(office: Office, sandbox: Sandbox) -> None:
    """Nothing of a small file of corrections is compared with the last load of everybody."""
    correct(gives_back(office, WRONG, WRONG))
    assert office.run() == Exit.REJECTS
    assert len(state(sandbox)) == 21
    (again,) = back(office)
    correct(again, value="20998")
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 22
    assert len(to_office(office)) == 2
    # compared with the last roster, not with two rows
    assert office.takes(people(20), "patrons-2.csv") == Exit.DONE


def test_a_newer_roster_makes_the_workbooks_before_it_void(
    office: Office, sandbox: Sandbox
) -> None:
    """One that nobody edited is deleted; one that was edited too late is put aside and named."""
    first = gives_back(office)
    content = first.read_bytes()
    assert office.takes([*people(21), WRONG], "patrons-2.csv", age=HOUR * 2) == Exit.REJECTS
    (second,) = back(office)
    assert second != first
    first.write_bytes(content)  # it was open in Excel, and is saved again
    correct(first)
    office.clear()
    before = len(state(sandbox))
    assert office.run() == Exit.REJECTS
    assert f"too late: {first.name}." in office.text
    assert len(state(sandbox)) == before
    assert back(office) == [second]


@pytest.mark.parametrize("beside", ["nothing", "corrections"])
def test_corrections_under_another_name_are_named_once(
    beside: str, office: Office, sandbox: Sandbox
) -> None:
    """They are not loaded; a message says under which name they would be, beside others too."""
    workbook = gives_back(office)
    office.edit("when: changes", "when: trouble")
    correct(workbook)
    shutil.copy(workbook, workbook.with_name("corrected by me.xlsx"))
    if sys.platform == "linux":  # a name of a server that does not write UTF-8
        shutil.copy(workbook, workbook.with_name("ana\udcfc.xlsx"))
    if beside == "nothing":
        workbook.unlink()
    office.clear()
    assert office.run() == Exit.REJECTS
    assert "corrected by me.xlsx in back is not loaded" in office.text
    assert len(state(sandbox)) == 20 + (beside == "corrections")
    assert office.run() == Exit.DONE
    assert len(office.mails) == 1


@pytest.mark.parametrize(
    "rosters",
    [
        "swapped",
        "one",
        "swapped since 1.1.0",
        "moved",
        "moved and kept",
        "swapped and moved",
        "another",
    ],
)
def test_corrections_belong_to_their_roster_wherever_the_job_has_it(
    rosters: str, office: Office, sandbox: Sandbox
) -> None:
    """In another place of the job file they have its mapping; without it they are put aside.

    So they have where `from` is written otherwise: then it is the roster with the mapping of the
    load, if none was loaded from there yet; also where its files are there, and a look at them came
    first. A state of 1.1.0 does not have `from`.
    """
    (office.folder / "back").mkdir()
    friends = (office.folder / "small.yaml").read_text("utf-8").replace("<Group>", "FRIEND")
    (office.folder / "friends.yaml").write_text(friends, "utf-8")
    keys = "unchanged_for: 0s, max_age: 26h" + ", after: keep" * (rosters == "moved and kept")
    first, second = (
        f"  - {{from: incoming/{name}-*.csv, mapping: {mapping}.yaml, {keys}}}\n"
        for name, mapping in (("friends", "friends"), ("staff", "small"))
    )
    job = office.folder / "nightly.yaml"
    rest = f"do: apply\n{GUARDS}{NOTIFY}"
    job.write_text(f"version: 1\nrosters:\n{first}{second}{rest}", "utf-8")
    office.drop(rows_of(people(20)), "friends-1.csv")
    assert office.takes([*people(20, first=100), WRONG], "staff-1.csv") == Exit.REJECTS
    (workbook,) = back(office)
    correct(workbook)
    moved = second.replace("incoming/staff", "./incoming/staff")
    after = {
        "one": first,
        "moved": f"{first}{moved}",
        "moved and kept": f"{first}{moved}",
        "swapped and moved": f"{moved}{first}",
        "another": f"{first}{moved.replace('small', 'friends')}",
    }.get(rosters, f"{second}{first}")
    if rosters == "swapped since 1.1.0":
        path = office.folder / "jobs" / "nightly.json"
        kept = json.loads(path.read_text("utf-8"))
        del kept["returned"][workbook.name]["source"]
        path.write_text(json.dumps(kept), "utf-8")
    job.write_text(f"version: 1\nrosters:\n{after}{rest}", "utf-8")
    office.clear()
    if rosters == "moved and kept":
        JobRun(office.job, Tools(in_process, now, lambda _: None, office.said.append)).look()
    loads = rosters not in {"one", "another"}
    assert office.run() == (Exit.DONE if loads else Exit.REJECTS)
    loaded = state(sandbox).get("20999", {"user_group": {"value": ""}})
    assert loaded["user_group"]["value"] == ("COMM" if loads else "")
    assert back(office) == []
    assert (workbook.name in office.text, office.run()) == (True, Exit.DONE)


@pytest.mark.parametrize("purged", [False, True])
def test_corrections_of_two_rosters_in_one_file_have_their_own_mapping(
    office: Office, sandbox: Sandbox, *, purged: bool
) -> None:
    """Where the load is not known any more, they are put aside."""
    (office.folder / "back").mkdir()
    small = (office.folder / "small.yaml").read_text("utf-8")
    for name, only, group in (("friends", "{not: COMM}", "FRIEND"), ("small", "COMM", "<Group>")):
        text = small.replace("dates: ymd", f"dates: ymd, only: {{Group: {only}}}")
        (office.folder / f"{name}.yaml").write_text(text.replace("<Group>", group, 1), "utf-8")
    rosters = "".join(
        f"  - {{from: incoming/all-*.csv, mapping: {name}.yaml, unchanged_for: 0s, max_age: 26h}}\n"
        for name in ("friends", "small")
    )
    job = office.folder / "nightly.yaml"
    job.write_text(f"version: 1\nrosters:\n{rosters}do: apply\n{GUARDS}{NOTIFY}", "utf-8")
    others = [(*row[:3], "FAC", *row[4:]) for row in people(20, first=100)]
    assert office.takes([*people(20), *others, WRONG], "all-1.csv") == Exit.REJECTS
    (workbook,) = back(office)
    correct(workbook)
    if purged:
        kept = json.loads((office.folder / "jobs" / "nightly.json").read_text("utf-8"))
        shutil.rmtree(office.folder / Path(kept["returned"][workbook.name]["path"]).parent)
    assert office.run() == (Exit.REJECTS if purged else Exit.DONE)
    loaded = state(sandbox).get("20999", {"user_group": {"value": ""}})
    assert loaded["user_group"]["value"] == ("" if purged else "COMM")


def test_corrections_come_before_a_new_roster(office: Office, sandbox: Sandbox) -> None:
    """Both wait: what the roster says of the person is newer, and stays."""
    correct(gives_back(office))
    new = ("20999", "Canaria", "Newname", "COMM", "", "", "")
    assert office.takes([*people(20), new], "patrons-2.csv") == Exit.DONE
    assert state(sandbox)["20999"]["last_name"] == "Newname"
    assert back(office) == []


def test_a_folder_of_the_office_that_is_away_stops_no_load(
    office: Office, sandbox: Sandbox
) -> None:
    """The operator is notified once; when the folder is back, the workbook and the email follow."""
    write_job(office)
    assert office.takes([*people(20), WRONG], age=HOUR) == Exit.STOPPED
    assert len(state(sandbox)) == 20
    assert to_office(office) == []
    assert names(office.inbox) == ["patrons-1.csv.done-"]
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.STOPPED
    assert "The folder back cannot be read" in office.text
    (job,) = jobs_in(office.folder, now())
    assert "The folder back cannot be read" in job.headline
    (office.folder / "back").mkdir()
    office.clear()
    assert office.run() == Exit.DONE
    assert (len(back(office)), len(to_office(office))) == (1, 1)


def test_a_workbook_that_is_open_or_refused_stops_no_roster(
    office: Office, sandbox: Sandbox
) -> None:
    """Excel's own file beside it shows that it is open; a person can skip a refused one."""
    workbook = gives_back(office)
    mark = workbook.with_name(f"~${workbook.name}")
    mark.write_bytes(b"x")
    correct(workbook)
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 20
    mark.unlink()
    workbook.write_bytes(b"PK\x03\x04 half of a workbook")
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.ROSTER
    assert "job skip" in office.text  # of the only email
    office.skip()
    assert office.run() == Exit.DONE
    workbook.write_bytes(b"PK\x03\x04 half of another workbook")
    assert office.takes(people(21), "patrons-2.csv") == Exit.ROSTER
    assert len(state(sandbox)) == 21


def test_a_workbook_that_is_saved_as_the_job_looks_is_loaded(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """Its time is the same then, as servers and some drives keep whole seconds."""
    arrange()
    assert office.takes([*people(20), WRONG]) == Exit.REJECTS
    (path,) = back(office)
    saved = path.stat().st_mtime + 600  # however slow this computer is, the job looks before
    os.utime(path, (saved, saved))
    assert office.run() == Exit.DONE
    correct(path)
    os.utime(path, (saved, saved))
    assert office.run() == Exit.DONE
    assert "20999" in state(sandbox)


def _wrong(number: int) -> tuple[str, ...]:
    return ("", f"Canaria{number}", f"Vexworthy{number}", "COMM", "", "", "")


def test_corrections_that_a_person_skips_are_put_aside(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """They never come back; what the office saves there after that is loaded."""
    arrange()
    office.edit("creates: off", "creates: 30")
    assert office.takes([*people(20), *map(_wrong, range(3))], age=HOUR) == Exit.REJECTS
    (workbook,) = back(office)
    for number in (2, 3, 4):
        correct(workbook, f"F{number}", f"2099{number}")
    office.edit("creates: 30", "creates: 1")
    assert office.run() == Exit.SAFETY_CHECK
    office.skip(office.held.run)
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.DONE
    assert office.mails == []
    (aside,) = (office.folder / "back").iterdir()
    assert aside.name.startswith(f"{workbook.name}.skipped-")
    assert len(state(sandbox)) == 20
    workbook.write_bytes(aside.read_bytes())
    correct(workbook, "F2", "20999")
    assert office.run() == Exit.SAFETY_CHECK


def test_corrections_and_a_roster_are_held_beside_each_other(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """A person decides about each by its run; the corrections are loaded first."""
    correct(gives_back(office, *map(_wrong, range(2))))
    write_job(office, GUARDS.replace("creates: off", "creates: 0"))
    office.drop(rows_of(people(22)), "patrons-2.csv", age=HOUR)
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.SAFETY_CHECK
    assert len(office.mails) == 2
    with pytest.raises(UsageError, match="--run is missing"):
        office.run("creates")
    held = [load.run for load in Store("nightly").read().held]
    for run in held:
        words = ("allow", "nightly.yaml", "creates", "--why", "right", "--run", run)
        assert typed("job", *words).exit == Exit.DONE
    assert len(set(held)) == 2
    assert office.run() == Exit.REJECTS
    assert "20999" in state(sandbox)
    assert len(state(sandbox)) == 23
    assert office.run() == Exit.DONE


def test_a_load_of_corrections_that_stopped_half_way_is_continued(
    office: Office, sandbox: Sandbox
) -> None:
    """Before any other one, as a load of rosters is."""
    workbook = gives_back(office, *map(_wrong, range(4)))
    for number in (2, 3, 4, 5):
        correct(workbook, f"F{number}", f"2099{number}")

    def stops(*words: str) -> Ended:
        if words[0] != "apply":
            return in_process(*words)
        in_process(*words, "--limit", "2")
        return Ended(Exit.STOPPED, error="Alma does not answer.")

    office.drop(rows_of(people(21)), "patrons-2.csv")
    assert office.run(command=stops) == Exit.STOPPED
    kept = Store("nightly").read().active
    assert kept is not None
    assert kept.corrects == 0
    assert "not loaded" not in str(office.mails[-1].get_body())
    assert office.run() == Exit.DONE
    assert {f"2099{number}" for number in (2, 3, 4, 5)} <= state(sandbox).keys()
    assert len(state(sandbox)) == 25


def test_an_office_that_gets_no_email_stops_no_corrections(
    office: Office, sandbox: Sandbox
) -> None:
    """Its address is not known any more: the operator is notified, and rows are loaded."""
    (office.folder / "back").mkdir()
    write_job(office)
    office.edit(OFFICE, "gone@example.org")
    assert office.takes([*people(20), WRONG], age=HOUR) == Exit.STOPPED
    assert "Check the addresses in the job file" in office.text
    correct(back(office)[0])
    assert office.run() == Exit.STOPPED
    assert "20999" in state(sandbox)
