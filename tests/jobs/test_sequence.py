"""A job never loads an older file after a newer one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from importer.errors import FINE, Exit
from importer.jobs.check import check_job
from importer.jobs.commands import Tools
from importer.jobs.feed import Feed, FileState, position
from importer.jobs.overview import jobs_in
from importer.jobs.places import FoundFile
from importer.jobs.run import JobRun
from importer.service.place import now
from tests.cli.conftest import Sandbox
from tests.cli.small import state
from tests.jobs.office import (
    SSHD,
    Office,
    SshServer,
    in_process,
    names,
    people,
    rows_of,
    ssh_server,
)

HOUR = timedelta(hours=1)


def named(last: str) -> bytes:
    """Return a roster of one person with this last name."""
    return rows_of([("20001", "Ana", last, "COMM", "", "", "")])


def last_name(sandbox: Sandbox) -> str:
    """Return the last name of the person in Alma."""
    (user,) = state(sandbox).values()
    return str(user["last_name"])


Arrange = Callable[..., None]


@pytest.fixture(params=["folder", "server"])
def arrange(request: pytest.FixtureRequest, office: Office) -> Arrange:
    """Write the job, with its inbox in a folder of this computer or on an SFTP server."""

    def write(**roster: str) -> None:
        if request.param == "folder":
            office.write_job(GUARDS, **roster)
            return
        sshd: SshServer = request.getfixturevalue("sshd")
        source = sshd.address(f"{office.inbox}/patrons-*.csv")
        office.write_job(f"{GUARDS}{sshd.login()}", **{"from": source, **roster})

    return write


GUARDS = "guards: {creates: off, rows: 80%, absent: off, review: off}\n"


def test_a_backlog_is_one_load(arrange: Arrange, office: Office, sandbox: Sandbox) -> None:
    """After an outage of a weekend the newest file is loaded; the others are named, once."""
    arrange(max_age="26h")
    for number, day in enumerate(("Friday", "Saturday", "Sunday"), 1):
        office.drop(named(day), f"patrons-{9 - number}.csv", age=HOUR * (4 - number))
    assert office.run() == Exit.DONE
    assert all(f"patrons-{number}.csv (" in office.text for number in (7, 8))
    office.clear()
    for _ in range(3):
        assert office.run() == Exit.DONE
    assert last_name(sandbox) == "Sunday"
    assert office.mails == []
    assert names(office.inbox) == [
        "patrons-6.csv.done-", "patrons-7.csv.superseded-", "patrons-8.csv.superseded-",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [20, 21])
@pytest.mark.parametrize("name", ["patrons-08.csv", "patrons-05.csv"])
def test_a_held_file_is_held_no_longer_once_another_one_comes(
    name: str, count: int, arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """Under a new name or its own, with the content of the last load or more: nothing is left."""
    arrange(max_age="26h")
    assert office.takes(people(20), "patrons-01.csv", age=HOUR * 3) == Exit.DONE
    assert office.takes(people(10), "patrons-05.csv", age=HOUR * 2) == Exit.SAFETY_CHECK
    copy = Path(office.held.files[0].copied_to)
    assert office.takes(people(count), name, age=HOUR) in FINE
    assert office.state["open"] is None
    assert copy.exists() == (count == 21)
    (job,) = jobs_in(office.folder, now())
    assert (job.state, job.as_json()["files"], job.as_json()["skip"]) == ("ok", [], "")
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == count
    assert [one for one in names(office.inbox) if one.endswith(".csv")] == []


@pytest.mark.parametrize("wrong", ["held", "empty"])
def test_a_name_is_as_new_as_its_file_once_one_that_stopped_was_replaced(
    wrong: str, office: Office, sandbox: Sandbox
) -> None:
    """An office that sends under one name again: the next file is not as old as the wrong one."""
    office.write_job("guards: {creates: off, absent: off}\n")
    load_every_file(office)
    assert office.takes(people(20), "patrons-1.csv", age=HOUR * 9) == Exit.DONE
    rows = rows_of(people(2)) if wrong == "held" else b""
    assert office.takes(rows, "patrons-2.csv", age=HOUR * 8) not in FINE
    assert office.takes(people(21), "patrons-2.csv", age=HOUR * 7) == Exit.DONE
    (job,) = jobs_in(office.folder, now())
    assert job.as_json()["files"] == []
    assert office.takes(people(22), "patrons-3.csv", age=HOUR * 6) == Exit.DONE
    assert office.takes(people(24), "patrons-2.csv", age=HOUR) == Exit.DONE
    assert len(state(sandbox)) == 24


def test_files_are_remembered_in_the_order_in_which_they_come() -> None:
    """So that two looks at the same files are the same."""
    files = [FoundFile(f"patrons-{n}.csv", 9, float(n)) for n in range(50)]
    assert [one.found for one in Feed().looked(files, now()).files] == files


def test_a_file_that_comes_late_is_not_loaded_and_a_person_is_notified(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """It was written before the last load and arrives after it."""
    arrange(max_age="26h")
    assert office.takes(named("Tuesday"), "patrons-2.csv") == Exit.DONE
    office.clear()
    assert office.takes(named("Monday"), "patrons-1.csv", age=HOUR) == Exit.REJECTS
    assert "patrons-1.csv (" in office.text
    assert "needs attention" in office.text
    assert office.pings == ["/ping/start", "/ping"]
    assert office.run() == Exit.DONE
    assert len(office.mails) == 1
    assert last_name(sandbox) == "Tuesday"
    (put_aside,) = office.inbox.glob("patrons-1.csv.superseded-*")  # as the email advises:
    assert office.takes(put_aside.read_bytes(), "patrons-again.csv") == Exit.SAFETY_CHECK
    assert office.run("earlier") == Exit.DONE
    assert last_name(sandbox) == "Monday"


def test_files_of_the_same_time_are_in_the_order_of_their_names(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """The last name is loaded; a name before it that comes later is superseded."""
    arrange(max_age="26h")
    paths = [office.drop(named(name), f"patrons-{name}.csv") for name in ("Axel", "Carol", "Boris")]
    for path in paths[1:]:
        shutil.copystat(paths[0], path)
    assert office.run() == Exit.DONE
    assert last_name(sandbox) == "Carol"
    late = office.drop(named("Bella"), "patrons-Bella.csv")
    done = next(path for path in office.inbox.iterdir() if ".done-" in path.name)
    shutil.copystat(done, late)
    assert office.run() == Exit.REJECTS
    assert last_name(sandbox) == "Carol"


def test_a_file_of_the_far_future_is_not_loaded(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """Else every later file would be older; a clock that is some hours ahead does no harm."""
    arrange(max_age="26h")
    assert office.takes(named("Wrong"), "patrons-1.csv", age=HOUR * -72) == Exit.ROSTER
    assert state(sandbox) == {}
    assert "is from the future" in office.text
    office.drop(named("Ahead"), "patrons-1.csv", age=HOUR * -5)
    office.drop(named("Before"), "patrons-2.csv", age=HOUR * -4)
    for _ in range(2):
        assert office.run() == Exit.DONE
    assert last_name(sandbox) == "Ahead"
    assert office.takes(named("Next"), "patrons-3.csv", age=HOUR * -5.5) == Exit.DONE
    assert last_name(sandbox) == "Next"


def test_files_that_are_kept_are_remembered(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """With `after: keep`: named once, and never loaded, though a copy gives all a new time."""
    arrange(max_age="26h", after="keep")
    assert office.takes(named("Sunday"), "patrons-0.csv", age=HOUR * 4) == Exit.DONE
    office.drop(named("Monday"), "patrons-1.csv", age=HOUR * 3)
    office.drop(named("Tuesday"), "patrons-2.csv", age=HOUR * 2)
    office.clear()
    assert office.run() == Exit.DONE
    assert "patrons-0.csv" not in office.text.split("File: ")[1]  # it was loaded in its time
    assert "patrons-1.csv (" in office.text
    office.clear()
    assert office.run() == Exit.DONE
    assert office.mails == []
    for name, age in (("1", HOUR), ("0", HOUR / 2)):
        path = office.inbox / f"patrons-{name}.csv"
        office.drop(path.read_bytes(), path.name, age=age)
    assert office.run() == Exit.REJECTS
    assert last_name(sandbox) == "Tuesday"
    assert all(f"patrons-{number}.csv (" in office.text for number in (0, 1))
    assert office.run() == Exit.DONE
    assert len(office.mails) == 1
    office.clear()
    office.drop(named("Monday"), "patrons-3.csv")  # the content of an earlier day, sent anew
    assert office.run() == Exit.SAFETY_CHECK
    assert "patrons-3.csv has the same content as patrons-1.csv (" in office.text
    assert "which was superseded" in office.text
    assert last_name(sandbox) == "Tuesday"
    assert office.run("earlier") == Exit.DONE
    assert last_name(sandbox) == "Monday"


def test_an_earlier_content_under_the_same_name_is_not_loaded_unseen(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """The office always sends the same name; whether it took a change back, a person decides."""
    arrange(after="keep")
    for number, day in enumerate(("Monday", "Tuesday")):
        assert office.takes(named(day), "patrons-1.csv", age=HOUR * (3 - number)) == Exit.DONE
    office.clear()
    assert office.takes(named("Monday"), "patrons-1.csv", age=HOUR) == Exit.SAFETY_CHECK
    assert last_name(sandbox) == "Tuesday"
    assert "which was loaded" in office.text
    assert office.run("earlier") == Exit.DONE
    assert last_name(sandbox) == "Monday"
    office.drop(named("Sunday"), "patrons-1.csv", age=HOUR * 9)  # an old copy over it
    assert office.run() == Exit.ROSTER
    assert last_name(sandbox) == "Monday"


def test_each_roster_of_a_job_has_its_own_sequence(office: Office, sandbox: Sandbox) -> None:
    """A file that is older than the last of the other roster is loaded."""
    office.write_job_of_two(max_age="26h")
    office.drop(rows_of(people(2)), age=HOUR * 2)
    office.drop(rows_of(people(2, first=10)), "staff-5.csv", age=HOUR * 5)
    assert office.takes(people(3, first=10), "staff-4.csv", age=HOUR * 6) == Exit.DONE
    assert names(office.inbox) == [
        "patrons-1.csv.done-", "staff-4.csv.superseded-", "staff-5.csv.done-",
    ]  # fmt: skip
    office.drop(rows_of(people(4)), "patrons-2.csv", age=HOUR)
    assert office.takes(people(4, first=10), "staff-6.csv", age=HOUR * 4) == Exit.DONE
    assert len(state(sandbox)) == 8


def test_a_folder_that_cannot_be_changed_names_a_superseded_file_once(
    office: Office, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A server that only gives files: the older one stays there, and is never loaded."""
    if not Path(SSHD).is_file():
        pytest.skip("needs an SSH server: apt-get install openssh-server")
    with ssh_server(tmp_path_factory.mktemp("sshd"), sftp="internal-sftp -R") as sshd:
        source = sshd.address(f"{office.inbox}/patrons-*.csv")
        office.write_job(f"{GUARDS}{sshd.login()}", **{"from": source, "max_age": "26h"})
        office.drop(named("Monday"), "patrons-1.csv", age=HOUR)
        # the loaded file must be moved by hand
        assert office.takes(named("Tuesday"), "patrons-2.csv") == Exit.STOPPED
        office.drop(named("Sunday"), "patrons-0.csv", age=HOUR * 2)
        for code in (Exit.REJECTS, Exit.DONE):
            assert office.run() == code
    mails = [str(body.get_content()) for mail in office.mails if (body := mail.get_body())]
    late = [mail.partition("not loaded: ")[2].partition(" Newer:")[0] for mail in mails]
    assert [sum(f"patrons-{n}.csv (" in names for names in late) for n in (0, 1)] == [1, 1]
    assert last_name(sandbox) == "Tuesday"
    assert names(office.inbox) == ["patrons-0.csv", "patrons-1.csv", "patrons-2.csv"]


def test_every_file_of_a_backlog_is_loaded_oldest_first(
    arrange: Arrange, office: Office, sandbox: Sandbox
) -> None:
    """In one run, with an email for each; what comes late is superseded all the same."""
    arrange(max_age="26h")
    load_every_file(office)
    for number, day in enumerate(("Friday", "Saturday", "Sunday"), 1):
        office.drop(named(day), f"patrons-{number}.csv", age=HOUR * (40 - number))
    assert office.takes(named("Monday"), "patrons-4.csv", age=HOUR) == Exit.DONE
    loaded = [str(mail.get_body()).split("File: patrons-")[1][0] for mail in office.mails]
    assert loaded == ["1", "2", "3", "4"]
    assert last_name(sandbox) == "Monday"
    office.drop(named("Thursday"), "patrons-0.csv", age=HOUR * 50)
    office.clear()
    office.edit("when: changes", "when: trouble")
    # a good load: but no later file has the late one's changes
    assert office.takes(named("Tuesday"), "patrons-5.csv") == Exit.REJECTS
    assert "patrons-0.csv (" in office.text
    assert last_name(sandbox) == "Tuesday"
    assert names(office.inbox)[0] == "patrons-0.csv.superseded-"


def load_every_file(office: Office) -> None:
    """Let the job load each file."""
    office.edit("do: apply", "every: file\ndo: apply")


@pytest.mark.parametrize("wrong", ["held", "cut", "empty"])
def test_a_file_that_cannot_be_loaded_stops_those_behind_it(
    wrong: str, office: Office, sandbox: Sandbox
) -> None:
    """Else its older values would come after theirs; a person who skips it lets them pass."""
    office.write_job("guards: {creates: off, absent: off}\n", max_age="26h")
    load_every_file(office)
    assert office.takes(people(20), "patrons-1.csv", age=HOUR * 3) == Exit.DONE
    rows = {"held": rows_of(people(9)), "cut": rows_of(people(20))[:-9], "empty": b""}
    office.drop(rows[wrong], "patrons-2.csv", age=HOUR * 2)
    office.drop(rows_of(people(21)), "patrons-3.csv", age=HOUR)
    for _ in range(2):
        assert office.run() == (Exit.SAFETY_CHECK if wrong == "held" else Exit.ROSTER)
    assert len(state(sandbox)) == 20
    (job,) = jobs_in(office.folder, now())
    waiting = {one.name: one.state for one in job.memory.feeds["incoming/patrons-*.csv"].files}
    assert waiting == {
        "patrons-2.csv": FileState.HELD if wrong == "held" else FileState.REFUSED,
        "patrons-3.csv": FileState.SEEN,
    }
    office.skip(job.memory.open.run if job.memory.open is not None else "")
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 21
    assert names(office.inbox)[1] == "patrons-2.csv.skipped-"


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("wrong", ["cut", "empty"])
def test_a_file_under_the_name_of_one_that_stopped_takes_its_place(
    wrong: str, office: Office, sandbox: Sandbox, *, gone: bool
) -> None:
    """Its values are older than those of the files behind it, however late it comes.

    Also where the wrong one was deleted, and those behind it were loaded.
    """
    office.write_job(GUARDS, max_age="26h")
    load_every_file(office)
    rows = named("Saturday")
    for number, content in enumerate(
        (named("Friday"), rows[:-9] if wrong == "cut" else b"", named("Sunday")), 1
    ):
        office.drop(content, f"patrons-{number}.csv", age=HOUR * (4 - number))
    assert office.run() == Exit.ROSTER
    assert last_name(sandbox) == "Friday"
    if gone:
        (office.inbox / "patrons-2.csv").unlink()
        assert office.run() == Exit.DONE
        (job,) = jobs_in(office.folder, now())
        assert job.as_json()["files"] == []
    assert office.takes(rows, "patrons-2.csv") == (Exit.REJECTS if gone else Exit.DONE)
    assert last_name(sandbox) == "Sunday"
    of_two = "superseded" if gone else "done"
    assert names(office.inbox) == [
        "patrons-1.csv.done-", f"patrons-2.csv.{of_two}-", "patrons-3.csv.done-",
    ]  # fmt: skip


def test_the_same_content_again_does_not_hide_the_files_behind_it(
    office: Office, sandbox: Sandbox
) -> None:
    """It is nothing new, and the next file is loaded in the same run."""
    office.write_job(GUARDS)
    load_every_file(office)
    for number, day in enumerate(("Friday", "Friday", "Sunday"), 1):
        office.drop(named(day), f"patrons-{number}.csv", age=HOUR * (4 - number))
    assert office.run() == Exit.DONE
    assert last_name(sandbox) == "Sunday"
    assert names(office.inbox) == [f"patrons-{number}.csv.done-" for number in (1, 2, 3)]


def test_files_can_be_ordered_by_their_names(office: Office, sandbox: Sandbox) -> None:
    """Numbers count as numbers, and a copy that gives all files one time changes nothing."""
    office.write_job(GUARDS, order="name", max_age="26h")
    office.drop(named("Nine"), "patrons-9.csv")
    office.drop(named("Ten"), "patrons-10.csv", age=HOUR)
    found = [one.sentence for one in check_job(office.job)]
    assert any("newest file in incoming is patrons-10.csv" in one for one in found)
    assert office.takes(named("Ten"), "patrons-10.csv", age=HOUR) == Exit.DONE
    assert last_name(sandbox) == "Ten"
    assert office.takes(named("Eight"), "patrons-8.csv") == Exit.REJECTS
    assert last_name(sandbox) == "Ten"
    office.drop(named("Corrected"), "patrons-10.csv")  # of the same name, replaced
    assert office.run() == Exit.DONE
    assert last_name(sandbox) == "Corrected"
    assert "after patrons-10.csv and before the name of the next" in office.said[-2]
    name = FoundFile("patrons", 9, 9.0)  # all of it is the beginning of another name
    key = partial(position, order="name", every="newest", feed=Feed())
    assert key(name) < key(replace(name, name="patrons2"))


def test_a_file_that_was_seen_unchanged_needs_no_further_wait(
    office: Office, sandbox: Sandbox
) -> None:
    """The wait is for a file that nobody has seen before."""
    office.write_job(GUARDS, unchanged_for="60s")
    office.drop(named("Monday"))
    waits: list[float] = []
    job = office.job
    tools = Tools(in_process, lambda: now() + office.clock, waits.append, office.said.append)
    JobRun(job, tools).look()
    office.clock = HOUR
    assert JobRun(job, tools).run() == Exit.DONE
    assert waits == [0]
    office.drop(named("Tuesday"), "patrons-2.csv")
    assert JobRun(job, tools).run() == Exit.DONE
    assert waits == [0, pytest.approx(60, abs=9)]
    office.drop(named("Friday"), "patrons-3.csv")
    JobRun(job, tools).look()
    office.clock = timedelta()  # it was an hour ahead
    assert JobRun(job, tools).run() == Exit.DONE
    assert waits[2:] == [pytest.approx(60, abs=9)]


def test_a_set_of_two_rosters_is_whole_in_every_load(office: Office, sandbox: Sandbox) -> None:
    """Of a backlog the oldest files of both are one load; what has no partner waits for it."""
    office.write_job_of_two(max_age="26h")
    load_every_file(office)
    for number in (1, 2):
        office.drop(rows_of(people(number)), f"patrons-{number}.csv", age=HOUR * (9 - number))
    assert office.takes(people(2, first=10), "staff-1.csv", age=HOUR * 8) == Exit.ROSTER
    assert "patrons-2.csv (" in str(office.mails[-1].get_body())
    assert len(state(sandbox)) == 3
    assert "patrons-2.csv" in names(office.inbox)
    assert office.takes(people(3, first=10), "staff-2.csv", age=HOUR * 6) == Exit.DONE
    assert len(state(sandbox)) == 5


@pytest.mark.parametrize("every", ["newest", "file"])
def test_a_from_that_is_written_otherwise_begins_a_new_sequence(
    every: str, office: Office, sandbox: Sandbox
) -> None:
    """What was loaded under the `from` before comes back only if a person lets it.

    The newest file has the content of the last load; the older one is named once.
    """
    office.write_job(GUARDS, max_age="26h", after="keep")
    if every == "file":
        load_every_file(office)
    for number, name in enumerate(("Monday", "Tuesday")):
        assert office.takes(named(name), f"patrons-{number}.csv", age=HOUR * (3 - number)) == 0
    office.edit("incoming/patrons", "./incoming/patrons")
    assert office.run() == (Exit.REJECTS if every == "newest" else Exit.SAFETY_CHECK)
    if every == "newest":
        assert office.takes(named("Monday"), "patrons-2.csv", age=HOUR) == Exit.SAFETY_CHECK
    assert "has the same content as patrons-0.csv (" in office.said[-1]
    assert last_name(sandbox) == "Tuesday"


def test_the_last_file_with_an_earlier_time_is_the_last_file(office: Office) -> None:
    """As after a change of clocks, or restored from a backup: no older file came."""
    office.write_job(GUARDS, after="keep")
    path = office.drop(named("Monday"))
    for hours in (0, -1, 1):  # and back
        os.utime(path, (path.stat().st_mtime + 3600 * hours,) * 2)
        assert office.run() == Exit.DONE
    assert "the same content as in the last load" in office.said[-1]
    assert len(office.mails) == 1


def test_a_new_file_under_another_name_is_named(office: Office) -> None:
    """The office changed its name, and says that it sent one; old ones and others are not meant.

    Neither are those of another job, and the same trouble is reported once while it is written.
    """
    office.write_job_of_two(GUARDS)
    office.drop(rows_of(people(2)), age=HOUR)
    assert office.takes(people(2, first=10), "staff-1.csv", age=HOUR) == Exit.DONE
    office.drop(named("Friday"), "patrons-0.csv.old", age=HOUR * 9)
    office.drop(named("Sunday"), "leaflet.pdf")
    office.drop(named("Sunday"), "alumni-patrons.csv")
    office.clear()
    assert office.run() == Exit.ROSTER
    assert "another name" not in office.text
    office.clear()
    for size in range(2):
        office.drop(named("Tuesday" * size), "Patrons_2.csv")
        assert office.run() == Exit.ROSTER
    assert (
        "There is no new file patrons-*.csv in incoming. A file under another name is there: "
        "Patrons_2.csv. " in office.text
    )


def test_a_refused_file_that_is_gone_is_not_named_any_more(office: Office) -> None:
    """The office deleted it: nobody has to skip it. One that took its place is named once."""
    office.write_job(GUARDS)
    assert office.takes(b"", "patrons-1.csv", age=HOUR * 2) == Exit.ROSTER
    (office.inbox / "patrons-1.csv").unlink()
    for age in (HOUR, HOUR / 2):
        office.clear()
        assert office.takes(b"", "patrons-2.csv", age=age) == Exit.ROSTER
        assert "To continue without it, skip" in office.text
