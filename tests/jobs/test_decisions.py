"""A person decides about a load that is held, and the job remembers who and why."""

from __future__ import annotations

import json
import shlex
import time
from datetime import timedelta
from pathlib import Path

import pytest

from importer.errors import FINE, Exit
from importer.jobs.feed import Feed
from importer.jobs.overview import JobOverview, jobs_in
from importer.jobs.state import Store
from importer.service.outcome import Ending
from importer.service.place import now
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state
from tests.jobs.office import Office, in_process, names, people, rows_of

HOUR = timedelta(hours=1)


def test_who_allowed_a_load_and_why_is_in_its_mail_and_its_history(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The next run loads it; the decision itself writes nothing to Alma."""
    office.write_job()
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    office.clear()
    decided = typed("job", "allow", "nightly.yaml", "--why", "the first  load", "--json")
    assert decided.exit == Exit.DONE
    assert decided.summary["checks"] == ["creates"]
    assert state(sandbox) == {}
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 40
    who = decided.summary["who"]
    assert f"Allowed (creates) by {who}" in office.text
    assert "the first load" in office.text
    (kept,) = Store("nightly").read().decisions
    assert (kept.who, kept.why, kept.files[0][:13]) == (who, "the first load", "patrons-1.csv")


def test_what_is_resolved_after_a_load_was_allowed_is_not_allowed_with_it(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The job plans again with the answers, and its guards ask anew about all of it."""
    office.write_job()
    twin = ("30001", "Canaria1", "Vexworthy1", "COMM", "1990-01-02", "", "")
    assert office.takes([*people(40), twin, ("30002", *twin[1:])]) == Exit.SAFETY_CHECK
    held = office.held.run
    assert typed("job", "allow", "nightly.yaml", "--why", "x").exit == Exit.DONE
    assert typed("resolve", held, "42", "--as", "separate").exit in FINE
    assert office.run() == Exit.SAFETY_CHECK
    assert state(sandbox) == {}
    assert typed("job", "allow", "nightly.yaml", "--why", "y").exit == Exit.DONE
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 42


def test_a_held_plan_that_was_applied_by_hand_is_said_to_be(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """No message says that nothing was written; once it is allowed, the file is done."""
    office.write_job("guards: {creates: 30}\n")
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    assert "nothing was written" in office.text
    assert typed("apply", office.held.run, "--yes").exit == Exit.DONE
    office.clear()
    office.clock = timedelta(hours=30)
    assert office.run() == Exit.SAFETY_CHECK
    assert "nothing was written" not in office.text
    assert office.run("creates") == Exit.DONE
    assert len(state(sandbox)) == 40


def test_only_a_guard_that_holds_the_load_can_be_allowed(office: Office, typed: Type) -> None:
    """And the reason is not blank."""
    office.write_job()
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    wrong = typed("job", "allow", "nightly.yaml", "rows", "--why", "x")
    assert (wrong.exit, "It is held by: creates." in wrong.err) == (Exit.USAGE, True)
    assert typed("job", "allow", "nightly.yaml", "--why", " ").exit == Exit.USAGE
    assert typed("job", "allow", "nightly.yaml").exit == Exit.USAGE


@pytest.mark.parametrize("do", ["allow", "skip"])
def test_a_decision_is_about_the_load_that_a_person_looked_at(
    do: str, office: Office, typed: Type
) -> None:
    """A newer file is held by now: the command of the older message decides nothing."""
    office.write_job()
    assert office.takes(people(40), age=HOUR) == Exit.SAFETY_CHECK
    first = office.held.run
    assert f"--run {first}" in office.text
    assert office.takes(people(50), "patrons-2.csv") == Exit.SAFETY_CHECK
    late = typed("job", do, "nightly.yaml", "--why", "x", "--run", first)
    assert (late.exit, "patrons-2.csv" in late.err) == (Exit.USAGE, True)
    assert Store("nightly").read().decisions == ()
    words = ("--why", "x", "--run", office.held.run)
    assert typed("job", do, "nightly.yaml", *words).exit == Exit.DONE
    (decided,) = Store("nightly").read().decisions
    assert [name[:13] for name in decided.files] == ["patrons-2.csv"]


@pytest.mark.parametrize("wrong", ["held", "refused"])
def test_a_file_that_a_person_skips_is_put_aside(
    wrong: str, office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """The next run is a good one, and the file never comes back."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes(people(40), age=HOUR) == Exit.DONE
    assert office.takes(people(9) if wrong == "held" else b"Id\n1\n", "patrons-2.csv") == (
        Exit.SAFETY_CHECK if wrong == "held" else Exit.ROSTER
    )
    (shown,) = typed("job", "list", "--json").summary["jobs"]
    assert [file["state"] for file in shown["files"]] == [wrong]
    assert shlex.split(shown["skip"])[:3] == ["importer", "job", "skip"]
    assert typed(*shlex.split(shown["skip"])[1:]).exit == Exit.DONE
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.DONE
    assert office.mails == []
    assert names(office.inbox) == ["patrons-1.csv.done-", "patrons-2.csv.skipped-"]
    assert len(state(sandbox)) == 40
    assert typed("job", "skip", "nightly.yaml", "--why", "again").exit == Exit.USAGE


def test_whoever_skips_a_refused_file_skips_no_load_that_is_held_by_now(
    office: Office, typed: Type
) -> None:
    """Nobody has seen it: without its run, the file that is refused is skipped, and no other."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes(people(40), age=HOUR * 3) == Exit.DONE
    assert office.takes(b"Id\n1\n", "patrons-2.csv", age=HOUR * 2) == Exit.ROSTER
    (refused,) = typed("job", "list", "--json").summary["jobs"]
    assert office.takes(people(9), "patrons-3.csv", age=HOUR) == Exit.SAFETY_CHECK
    before = office.held
    late = typed(*shlex.split(refused["skip"])[1:], "--json")
    assert [name[:13] for name in late.summary["files"]] == ["patrons-2.csv"]
    again = typed("job", "skip", "nightly.yaml", "--why", "x")
    assert (again.exit, f"--run {before.run}" in again.err) == (Exit.USAGE, True)
    assert office.held == before


def test_the_list_of_jobs_shows_state_and_next_trouble(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """New, loaded, held, late and wrong jobs of one folder, and no mapping."""
    jobs: dict[str, JobOverview] = {}

    def look(clock: timedelta = timedelta()) -> str:
        ran = Store("nightly").read().ran
        moment = ran.at if ran else now()
        found = {one.path.stem: one for one in jobs_in(office.folder, moment + clock)}
        jobs.update(found)
        return found["nightly"].state

    office.write_job("guards: {creates: off}\n", max_age="26h")
    (office.folder / "broken.yaml").write_text("rosters: []\ndo: aply\n", "utf-8")
    assert look() == "new"
    assert office.takes(people(40), age=HOUR) == Exit.DONE
    assert look() == "ok"
    assert jobs["nightly"].trouble.startswith("If no file is loaded by 20")
    assert look(HOUR * 27) == "late"
    office.clock = HOUR * 24  # a night without a file, from which the next run is a day away
    assert (office.run(), look(HOUR * 3)) == (Exit.DONE, "ok")
    assert jobs["nightly"].trouble.startswith("No file was loaded by 20")
    assert look(HOUR * 27) == "late"
    office.clock = timedelta()
    assert sorted(jobs) == ["broken", "nightly"]
    assert jobs["broken"].state == "wrong"
    assert "broken.yaml:" in jobs["broken"].trouble
    assert office.takes(people(9), "patrons-2.csv") == Exit.SAFETY_CHECK
    assert look() == "held"
    listed = typed("job", "list")
    assert "nightly" in listed.out
    assert "31 fewer than" in listed.out
    held = next(
        one for one in typed("job", "list", "--json").summary["jobs"] if one["job"] == "nightly"
    )
    assert [guard["name"] for guard in held["held"]] == ["rows", "absent"]
    assert held["allow"].split(" --why")[0].endswith("nightly.yaml rows absent")
    assert held["last_load"]["rows"] == 40
    assert typed("job", "list", "nowhere").exit == Exit.USAGE

    def refused(*words: str) -> Ending:
        ended = in_process(*words)
        return (
            ended if words[0] == "plan" else Ending(exit=Exit.ACCESS, error="The key is not known.")
        )

    office.drop(rows_of(people(41)), "patrons-3.csv")
    assert office.run(command=refused) == Exit.ACCESS
    assert (look(), jobs["nightly"].trouble) == ("open", "The key is not known.")


def test_no_job_of_a_folder_stops_the_others(office: Office, sandbox: Sandbox, typed: Type) -> None:
    """A wrong file, a held load and a missing roster come before the job that loads."""
    folder = office.folder / "night"
    folder.mkdir()
    office.write_job("guards: {creates: off}\n")
    text = (office.folder / "nightly.yaml").read_text("utf-8")
    (folder / "a.yaml").write_text(text.replace("do: apply", "do: aply"), "utf-8")
    (folder / "b.yaml").write_text(text.replace("patrons-*", "none-*"), "utf-8")
    (folder / "c.yaml").write_text(text.replace("creates: off", "creates: 1"), "utf-8")
    (folder / "d.yaml").write_text(text.replace("patrons-*", "staff-*"), "utf-8")
    office.drop(rows_of(people(3)))
    office.drop(rows_of(people(4, first=100)), "staff-1.csv")
    log = office.folder / "log.jsonl"
    got = typed("--log", log, "job", "run", folder, "--json")
    assert got.exit == Exit.USAGE
    assert [(job["job"], job["exit"]) for job in got.summary["jobs"]] == [
        ("a", Exit.USAGE), ("b", Exit.ROSTER), ("c", Exit.SAFETY_CHECK), ("d", Exit.DONE),
    ]  # fmt: skip
    assert "did you mean `apply`" in got.summary["jobs"][0]["error"]
    assert len(state(sandbox)) == 4
    quiet = typed("-q", "job", "run", folder).err.splitlines()  # only what stops
    assert [line.split(":")[1] for line in quiet] == [" a.yaml", " b", " c", " d"]
    lines = list(map(json.loads, log.read_text("utf-8").splitlines()))
    assert [line["job"] for line in lines if line["event"] == "job"] == ["b", "c", "d"]
    ended = [line["command"] for line in lines if line["event"] == "end"]
    assert ended == ["plan", "plan", "apply", "job"]


def test_five_hundred_jobs_are_listed_within_two_seconds(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """In seconds of the processor: each has loaded a file a night for a year."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes(people(3)) == Exit.DONE
    store = Store("nightly")
    memory, text = store.read(), (office.folder / "nightly.yaml").read_text("utf-8")
    (address, feed), = memory.feeds.items()  # fmt: skip
    year = tuple(feed.files[0].model_copy(update={"modified": float(n)}) for n in range(365))
    store.state = memory.model_copy(update={"feeds": {address: Feed(files=year)}, "job": ""})
    store.save()
    state_of_one = Path("jobs/nightly.json").read_bytes()
    (folder := office.folder / "night").mkdir()
    for number in range(500):
        (folder / f"lib{number:03}.yaml").write_text(text, "utf-8")
        Path(f"jobs/lib{number:03}.json").write_bytes(state_of_one)
    before = time.process_time()
    jobs = typed("job", "list", folder, "--json").summary["jobs"]
    assert time.process_time() - before < 2
    assert {one["state"] for one in jobs} == {"ok"}
    assert len(jobs) == 500


def test_a_folder_without_jobs_is_told_what_to_do(office: Office, typed: Type) -> None:
    """A list of nothing names the command that writes a first job."""
    (office.folder / "empty").mkdir()
    got = typed("job", "list", office.folder / "empty")
    assert (got.exit, got.out, "importer job new" in got.err) == (Exit.DONE, "", True)
    got = typed("job", "run", office.folder / "empty")  # a wrong folder is no good run
    assert (got.exit, "importer job new" in got.err) == (Exit.USAGE, True)
