"""A job loads a new file once, and reports everything that needs a person."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from datetime import timedelta

import pytest

from importer.errors import Cause, Exit, LedgerError, UsageError
from importer.jobs.commands import how_it_ended
from importer.jobs.state import Store
from importer.service.outcome import Ending
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, LEAVERS, edit, state
from tests.jobs.office import Office, in_process, names, people, rows_of


def writes(sandbox: Sandbox) -> int:
    """How many calls could have changed something in Alma."""
    return sum(call["method"] != "GET" for call in sandbox.log())


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such file")
def test_a_new_file_is_applied_and_reported(office: Office, sandbox: Sandbox) -> None:
    """By the importer's own commands in processes of their own; the file is renamed.

    The log is stdout, as in a container: every line is JSON, and the job still reads there what its
    `plan` found.
    """
    office.write_job()
    office.drop(rows_of(people(3)))
    words = ("-q", "--log", "/dev/stdout", "job", "run", "nightly.yaml")
    ended = subprocess.run(
        (sys.executable, "-m", "importer", *words), check=False, capture_output=True, text=True
    )
    assert ended.returncode == Exit.DONE
    events = [json.loads(line)["event"] for line in ended.stdout.splitlines()]
    assert (events[0], events[-2:]) == ("begin", ["job", "end"])
    assert len(state(sandbox)) == 3
    assert names(office.inbox) == ["patrons-1.csv.done-"]
    assert office.text.startswith("nightly: 3 of 3 rows were written to Alma: 3 created.")
    (mail,) = office.mails
    assert [part.get_filename() for part in mail.iter_attachments()] == ["report-masked.html"]
    assert office.pings == ["/ping/start", "/ping"]
    assert office.chats[0]["summary"]["created"] == 3  # type: ignore[index]


def test_the_same_file_again_is_nothing_new(office: Office, sandbox: Sandbox) -> None:
    """Under any name, without a call to Alma, and without an email."""
    office.write_job(max_age="26h")
    assert office.takes(people(3)) == Exit.DONE
    before = len(sandbox.log())
    office.clear()
    assert office.run() == Exit.DONE  # no file within `max_age` of the last load
    assert office.takes(people(3), "patrons-2.csv") == Exit.DONE
    assert len(sandbox.log()) == before
    assert office.mails == []
    assert office.pings == ["/ping/start", "/ping"] * 2
    assert names(office.inbox) == ["patrons-1.csv.done-", "patrons-2.csv.done-"]
    for hours in (20, 40):  # it came within `max_age`, so no file is missing after that
        office.clock = timedelta(hours=hours)
        office.drop(rows_of(people(3)), f"patrons-{hours}.csv", -office.clock)
        assert office.run() == Exit.DONE
        office.clock += timedelta(hours=7)
        assert office.run() == Exit.DONE


def test_an_incident_is_reported_once_and_a_load_ends_it(office: Office, sandbox: Sandbox) -> None:
    """However long it lasts, whatever the clock; the next message says that it is over.

    With exit code 4 and a failure ping each time. What comes after it is another incident.
    """
    office.write_job("guards: {creates: off}\n", max_age="26h")
    cut = rows_of(people(3))[:-20]
    office.drop(cut)
    for hours in (0, 1, 21, -9):  # the clock was ahead
        office.clock = timedelta(hours=hours)
        assert office.run() == Exit.ROSTER
        assert (len(office.mails), office.pings[-1]) == (1, "/ping/fail")
    assert writes(sandbox) == 0
    office.clock = timedelta()
    office.clear()
    assert office.takes(people(3)) == Exit.DONE
    assert "is over." in office.text
    office.clear()
    assert office.takes(cut, "patrons-2.csv") == Exit.ROSTER
    assert "needs attention" in office.text


def test_a_held_load_is_reported_again_where_another_is_held(
    office: Office, sandbox: Sandbox
) -> None:
    """Not each night."""
    office.write_job()
    for hours, count, mails in ((0, 10, 1), (24, 10, 1), (48, 11, 2), (72, 11, 2)):
        office.clock = timedelta(hours=hours)
        assert office.takes(people(count), age=-office.clock) == Exit.SAFETY_CHECK
        assert len(office.mails) == mails


def test_an_outage_is_reported_once_whatever_its_counts(office: Office, sandbox: Sandbox) -> None:
    """A job of every five minutes: calls that are left, and two reasons that take turns.

    One that lasts needs a person, and is reported once more.
    """
    office.write_job(max_age="26h")
    office.drop(rows_of(people(3)))
    left = iter(range(500, 400, -1))

    def stopped(*_: str) -> Ending:
        number = next(left)
        why = f"{number} calls are left today." if number % 3 else "Alma is down for maintenance."
        return Ending(exit=Exit.STOPPED, error=why, cause=Cause.PASSES)

    for minutes in (0, 5, 10, 15, 20):
        office.clock = timedelta(minutes=minutes)
        assert office.run(command=stopped) == Exit.STOPPED
    assert len(office.mails) == 1
    for hours in (21, 25):
        office.clock = timedelta(hours=hours)
        assert office.run(command=stopped) == Exit.STOPPED
    assert ["attention" in mail["Subject"] for mail in office.mails] == [False, True]


GUARDED: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "rows": ("guards: {absent: off}", people(10)),
    "creates": ("guards: {absent: off}", people(40, first=500)),
    "rejects": ("guards: {rows: off, creates: off, absent: off}",
                [*people(20), *[("", "A", "B", "COMM", "", "", "")] * 20]),
    "absent": ("guards: {creates: off}", people(40, first=30)),
    "many-changes": ("guards: {creates: off}",
                     [(*row[:2], f"New{row[0]}", *row[3:]) for row in people(40)]),
}  # fmt: skip


@pytest.mark.parametrize("guard", GUARDED)
def test_a_guard_holds_a_load(guard: str, office: Office, sandbox: Sandbox, typed: Type) -> None:
    """Nothing is written, the exit code is 7, and the command in the email lets it pass."""
    more, rows = GUARDED[guard]
    office.write_job("guards: {creates: off}\n")
    assert office.takes(people(40)) == Exit.DONE
    office.clear()
    before = writes(sandbox)
    office.write_job(f"{more}\n")
    assert office.takes(rows, "patrons-2.csv") == Exit.SAFETY_CHECK
    assert writes(sandbox) == before
    assert f"job allow nightly.yaml {guard} --why" in office.text.replace(f"{office.folder}/", "")
    assert office.pings == ["/ping/start", "/ping/fail"]
    assert office.run() == Exit.SAFETY_CHECK  # it is still held
    assert len(office.mails) == 1
    words = shlex.split(office.text.partition("  importer job allow")[2].split("\n")[0])
    assert typed("job", "allow", *words).exit == Exit.DONE
    assert office.run() in {Exit.DONE, Exit.REJECTS}
    assert (writes(sandbox) > before) == (guard not in {"rows", "rejects"})


def test_a_plan_that_was_allowed_is_applied_as_its_email_says(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The safety check that a person let pass does not stop the command of the email."""
    office.write_job("guards: {creates: off}\n")
    assert office.takes(people(40)) == Exit.DONE
    more, rows = GUARDED["many-changes"]
    office.write_job(f"do: plan\n{more}\n")
    assert office.takes(rows, "patrons-2.csv") == Exit.SAFETY_CHECK
    office.clear()
    assert office.run("many-changes") == Exit.DONE
    words = shlex.split(office.text.partition("  importer ")[2].split("\n")[0])
    assert typed(*words, "--json").summary["updated"] == 40


def test_people_whom_the_mapping_would_change_as_absent_are_not_in_the_file(
    office: Office, sandbox: Sandbox
) -> None:
    """A cut file is noticed although `match.absent` gives the missing people rows in the plan."""
    office.write_job("guards: {creates: off}\n")
    assert office.takes(people(40)) == Exit.DONE
    office.clear()
    (office.folder / "small.yaml").write_text(LEAVERS, "utf-8")
    office.drop(rows_of(people(30))[:-20], "patrons-2.csv")
    assert office.run() == Exit.ROSTER
    assert "cut off" in office.text
    office.clear()
    office.drop(rows_of(people(30)), "patrons-3.csv")
    office.write_job("guards: {creates: off, rows: off}\n")
    assert office.run() == Exit.SAFETY_CHECK
    assert "10 people of the last load are not in this file" in office.text
    assert office.text.split("job allow ")[1].split(" --why")[0].split().count("absent") == 1


def test_a_load_that_cannot_be_compared_is_held(office: Office, sandbox: Sandbox) -> None:
    """Its people are other ones, and the run of the last load was purged."""
    office.write_job("guards: {creates: off}\n")
    assert office.takes(people(40)) == Exit.DONE
    shutil.rmtree("runs")
    office.clear()
    office.clock = timedelta(hours=1)
    assert office.takes(people(40, first=100), "patrons-2.csv") == Exit.SAFETY_CHECK
    assert "absent --why" in office.text
    assert office.run("absent") == Exit.DONE
    assert len(state(sandbox)) == 80


def test_allow_is_only_for_a_load_that_a_person_has_seen(office: Office, sandbox: Sandbox) -> None:
    """Without a held load, or after the plan changed, `--allow` lets nothing pass."""
    office.write_job()
    office.drop(rows_of(people(40)))
    with pytest.raises(UsageError, match="is held by a guard"):
        office.run("creates")
    assert office.run() == Exit.SAFETY_CHECK
    office.edit("name: small", "# changed\nname: small", "small.yaml")
    assert office.run("creates") == Exit.SAFETY_CHECK
    assert writes(sandbox) == 0
    assert office.run("creates") == Exit.DONE
    assert len(state(sandbox)) == 40


HALF_UNKNOWN = [(*row[:3], "COMM" if number % 2 else "NEW", *row[4:])
                for number, row in enumerate(people(30))]  # fmt: skip


@pytest.mark.parametrize(
    ("do", "mended"),
    [
        ("plan", "small.yaml"),
        ("apply", "small.yaml"),
        ("sis-load", "small.yaml"),
        ("plan", "b.yaml"),
    ],
)
def test_a_held_load_is_planned_again_once_its_mapping_is_mended(
    do: str, mended: str, office: Office, sandbox: Sandbox
) -> None:
    """Also without `--allow`, or with another mapping: what the guard counted is no longer so."""
    office.write_mapping(do, "<Group>")
    assert office.takes(HALF_UNKNOWN) == Exit.SAFETY_CHECK
    assert "15 of 30 rows would be rejected" in office.text
    office.write_mapping(do, "COMM", mended)
    office.clear()
    assert office.run() == Exit.DONE
    assert "30 of 30" in office.text or do != "apply"
    assert office.chats[0]["summary"]["rejected"] == 0  # type: ignore[index]


@pytest.mark.parametrize("changed", ["mapping", "codes"])
def test_a_delivered_zip_is_what_was_planned(
    changed: str, office: Office, sandbox: Sandbox
) -> None:
    """Another mapping is planned again; other code tables never change a zip that was allowed."""
    office.write_mapping("sis-load", "<Group>")
    assert office.takes(HALF_UNKNOWN) == Exit.SAFETY_CHECK
    if changed == "codes":
        (office.folder / "codes.json").write_text('{"tables": {"UserGroups": {"NEW": "New"}}}')
    else:
        office.edit("<Last>", "New", "small.yaml")
        assert office.run("rejects") == Exit.SAFETY_CHECK
        assert names(office.folder / "out") == []
    assert office.run("rejects") == Exit.REJECTS
    (zipped,) = (office.folder / "out").iterdir()
    with zipfile.ZipFile(zipped) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert ("<last_name>New<" in text) == (changed == "mapping")
    assert (">COMM<" in text, ">NEW<" in text) == (True, False)


def test_a_held_load_whose_run_was_purged_is_planned_again(
    office: Office, sandbox: Sandbox
) -> None:
    """It is held as before, and can be allowed."""
    office.write_job()
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    shutil.rmtree("runs")
    assert office.run("creates") == Exit.SAFETY_CHECK  # of the new plan
    assert office.run("creates") == Exit.DONE
    assert len(state(sandbox)) == 40


def test_an_interrupted_load_is_finished_before_a_new_one(office: Office, sandbox: Sandbox) -> None:
    """After an outage the next run continues the load, and then takes the file that came since."""
    office.write_job()
    office.drop(rows_of(people(3)))

    def without_alma(*words: str) -> object:
        if words[0] == "apply":
            office.drop(rows_of(people(5)), "patrons-2.csv")
            os.environ["ALMA_BASE_URL"], host = "http://127.0.0.1:9", os.environ["ALMA_BASE_URL"]
            try:
                return in_process(*words)
            finally:
                os.environ["ALMA_BASE_URL"] = host
        return in_process(*words)

    assert office.run(command=without_alma) == Exit.STOPPED  # type: ignore[arg-type]
    assert state(sandbox) == {}
    office.clear()
    assert office.run() == Exit.DONE
    assert [mail["Subject"].split(":")[1] for mail in office.mails] == [
        " 3 of 3 rows were written to Alma", " 2 of 5 rows were written to Alma",
    ]  # fmt: skip
    assert len(state(sandbox)) == 5


def test_two_runs_of_a_job_never_work_at_the_same_time(office: Office) -> None:
    """The second one does nothing."""
    office.write_job()
    with Store("nightly").locked(), pytest.raises(LedgerError, match="already running"):
        office.run()


def test_a_result_that_cannot_be_sent_is_sent_by_the_next_run(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load is not repeated; the exit code shows that nobody was notified."""
    office.write_job()
    office.drop(rows_of(people(3)))
    port = os.environ["ALMA_MAIL_PORT"]
    monkeypatch.setenv("ALMA_MAIL_PORT", "9")
    assert office.run() == Exit.STOPPED
    assert office.pings[-1] == "/ping/fail"
    monkeypatch.setenv("ALMA_MAIL_PORT", port)
    assert office.takes(people(3), "patrons-2.csv") == Exit.DONE
    assert office.text.startswith("nightly: 3 of 3 rows were written")
    assert len(office.chats) == 1


@pytest.mark.parametrize(
    ("when", "wanted"), [("trouble", [0, 0]), ("changes", [1, 0]), ("always", [1, 1])]
)
def test_when_decides_what_is_reported(when: str, wanted: list[int], office: Office) -> None:
    """A load with changes, and a run that finds nothing new."""
    office.write_job(after="keep")
    office.edit("when: changes", f"when: {when}")
    office.drop(rows_of(people(3)))
    sent = []
    for _ in range(2):
        office.clear()
        assert office.run() == Exit.DONE
        sent.append(len(office.mails))
    assert sent == wanted
    if office.mails:
        assert re.search(r"patrons-1\.csv: the same content", office.text)
    office.edit("when: ", "when: always #")
    assert office.takes(people(20), "patrons-2.csv") == Exit.SAFETY_CHECK
    office.clear()
    assert office.run("creates") == Exit.DONE
    assert len(office.mails) == 1  # of the load, and none of nothing new behind it


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such signal")
def test_a_request_to_end_is_passed_on_to_the_load(
    office: Office, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systemd sends it: the load stops in its own way, is reported, and is then continued."""
    office.write_job("guards: {creates: off}\n")
    office.drop(rows_of(people(40)))
    monkeypatch.setenv("ALMA_RATE", "4")
    command = (sys.executable, "-m", "importer", "job", "run", "nightly.yaml")
    with subprocess.Popen(command) as job:
        while not state(sandbox):
            assert job.poll() is None
            time.sleep(0.2)
        job.send_signal(signal.SIGTERM)
        assert job.wait() == Exit.INTERRUPTED
    assert "The next run of the job continues." in office.text
    assert office.pings == ["/ping/start", "/ping/fail"]
    assert len(state(sandbox)) < 40
    monkeypatch.setenv("ALMA_RATE", "50")
    assert office.run() == Exit.DONE
    assert writes(sandbox) == len(state(sandbox)) == 40


@pytest.mark.parametrize(
    ("code", "out", "ended"),
    [
        (-9, "", Exit.STOPPED),
        (9, '{"error": "The key is wrong.", "exit": 9}\n', Exit.ACCESS),
        (1, "half a li", Exit.BUG),
        (0, '{"event": "end"}\n', Exit.STOPPED),
    ],
)
def test_every_end_of_a_command_is_understood(code: int, out: str, ended: Exit) -> None:
    """Also of one that was killed, or that wrote no summary."""
    result = how_it_ended("apply", code, out)
    assert (result.exit, result.summary) == (ended, None)
    assert result.error


def test_a_load_of_which_too_much_needs_review_is_held(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The same people under new IDs: nobody is created, and the exit code is no success.

    As soon as a person resolved the rows in its run, as the email says, they are loaded.
    """
    known = [(f"2{row[0]}", *row[1:4], "2001-02-03", *row[5:]) for row in people(20)]
    office.write_job("guards: {creates: off, absent: off}\n")
    assert office.takes(known) == Exit.DONE
    office.clear()
    assert (
        office.takes([(f"7{row[0]}", *row[1:]) for row in known], "patrons-2.csv")
        == Exit.SAFETY_CHECK
    )
    assert "review --why" in office.text
    assert office.pings[-1] == "/ping/fail"
    assert len(state(sandbox)) == 20
    resolved = typed(
        "resolve", office.held.run, "--all", "possible-match-in-alma", "--as", "create"
    )
    assert (resolved.exit, office.run()) == (Exit.DONE, Exit.DONE)
    assert len(state(sandbox)) == 40


@pytest.mark.parametrize("ran", [False, True])
@pytest.mark.parametrize("wrong", ["do: aply", "  when: chnages", "do: [apply"])
def test_a_wrong_job_file_is_reported_once(
    wrong: str, office: Office, typed: Type, *, ran: bool
) -> None:
    """To those whom its `notify:` names, as far as it can be read, or else those of the last run.

    A name that no job has is a slip of the person who types it. A mended file is loaded.
    """
    right = "  when: changes" if "when" in wrong else "do: apply"
    office.write_job(max_age="26h")
    if ran:
        assert office.takes(people(3)) == Exit.DONE
    office.clear()
    office.drop(rows_of(people(4)), "patrons-2.csv")
    office.edit(right, wrong)
    for name in ("nightly", "nightly", "nigthly"):
        assert typed("job", "run", f"{name}.yaml").exit == Exit.USAGE
    known = ran or "[" not in wrong
    assert office.pings == ["/ping/fail"] * 2 * known
    assert len(office.mails) == known
    assert not known or "nightly.yaml:" in office.text
    office.edit(wrong, right)
    assert office.run() == Exit.DONE


def test_a_roster_of_which_nobody_can_be_loaded_is_held(office: Office, sandbox: Sandbox) -> None:
    """However small it is: nothing was done, so it is no good night."""
    office.write_job()
    assert office.takes([("", "A", "B", "COMM", "", "", "")] * 2) == Exit.SAFETY_CHECK
    assert office.pings[-1] == "/ping/fail"


def test_a_damaged_state_is_reported_once(office: Office) -> None:
    """Nothing is loaded, as it is not known what was loaded before; the monitor sees a failure."""
    office.write_job()
    office.drop(rows_of(people(3)))
    (office.folder / "jobs").mkdir()
    state = office.folder / "jobs" / "nightly.json"
    for hours, mails in ((0, 1), (1, 1), (21, 1), (22, 2)):
        state.write_text('{"version": 2, "open": 3}')
        office.clock = timedelta(hours=hours)
        with pytest.raises(LedgerError):
            office.run()
        assert "nightly.json is damaged" in str(office.mails[-1])
        assert (len(office.mails), office.pings.pop()) == (mails, "/ping/fail")
        if hours == 21:
            state.unlink()  # as the email says; what is damaged later is news
            assert office.run() == Exit.DONE
            office.mails.pop()


@pytest.mark.parametrize("durable", [0, 2, 4, 6, 7])
def test_a_state_that_cannot_be_written_is_no_defect(
    durable: int, office: Office, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, from the n-th write on: reported once, and loaded once there is space."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    office.drop(rows_of(people(3)))
    save, left = Store.save, iter([True] * durable)

    def full(store: Store) -> None:
        if not next(left, False):
            msg = "The disk is full."
            raise LedgerError(msg)
        save(store)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", full)
        with pytest.raises(LedgerError):
            office.run()
    told = [mail["Subject"] for mail in office.mails]
    assert [subject.endswith("The disk is full.") for subject in told].count(True) == 1
    assert not any("defect" in subject for subject in told)
    assert office.run() == Exit.DONE
    assert [call["method"] for call in sandbox.log()].count("POST") == 3


def test_a_job_deletes_old_runs_and_nothing_else(
    office: Office, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before their time, and not what the next plan needs of the memory.

    However many they are, no command is too long for Windows. Where runs cannot be deleted, the
    load is done, and the same run of the job reports them: no row was rejected.
    """
    asked, text = list[tuple[str, ...]](), ""
    monkeypatch.setattr("importer.jobs.run._PURGED", 2)

    def command(*words: str) -> Ending:
        if words[0] == "purge":
            asked.append(words)
            if hours == 37:  # they are in use
                return Ending(exit=Exit.STOPPED)
        return in_process(*words)

    office.write_job("keep: 36h\nguards: {creates: off}\n")
    for hours in (0, 35, 37, 38):
        office.clear()
        office.clock = timedelta(hours=hours)
        office.drop(rows_of(people(3 + hours)), age=-office.clock)
        assert office.run(command=command) == (Exit.STOPPED if hours == 37 else Exit.DONE)
        assert (asked == []) == (hours < 37)
        told = [message["exit"] for message in office.chats]
        assert told == [Exit.DONE, *([Exit.STOPPED] if hours == 37 else [])]
        text = office.mails[-1].get_content() if hours == 37 else text
    assert [len(words) for words in asked] == [4, 3, 4, 4]
    runs = [run for words in asked[:2] for run in words[1:-1]]
    assert f"importer purge {' '.join(runs)} --yes" in text
    assert {(words[0], words[-1]) for words in asked} == {("purge", "--yes")}
    assert [*(office.folder / "runs").glob("2*")] == []


def test_a_job_leaves_whom_its_plan_would_ask_about(office: Office, sandbox: Sandbox) -> None:
    """The ID passed to somebody else of the same last name between the plan and the apply."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes([ANA, *people(5)], age=timedelta(hours=1)) == Exit.DONE
    before = writes(sandbox)

    def and_change(*words: str) -> Ending:
        if words[0] == "apply":
            edit(
                sandbox,
                ANA[0],
                lambda user: user.update(first_name="Olaf", birth_date="1999-09-09Z"),
            )
        return in_process(*words)

    office.drop(rows_of([(*ANA[:6], "a member"), *people(5)]), "patrons-2.csv")
    assert office.run(command=and_change) == Exit.REJECTS
    assert state(sandbox)[ANA[0]]["first_name"] == "Olaf"
    assert writes(sandbox) == before + 1  # by whoever gave the ID to him
