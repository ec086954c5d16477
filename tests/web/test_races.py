"""What several windows and commands ask for at once: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from importer.web.tasks import TASK
from tests.web.conftest import (
    PLAIN,
    Library,
    approval,
    approve,
    changed,
    drafted,
    followed,
    people,
    planned,
    shown_plan,
    until,
    version,
    words,
)

TIMES = pytest.mark.parametrize(
    "times", [pytest.param(2, id="few"), pytest.param(50, id="many", marks=pytest.mark.hunt)]
)


def at_once(ask: Callable[[], httpx.Response], times: int = 2) -> list[httpx.Response]:
    """Ask the same from several windows at the same moment."""
    ready = Barrier(times)

    def one(_: int) -> httpx.Response:
        ready.wait()
        return ask()

    with ThreadPoolExecutor(times) as windows:
        return list(windows.map(one, range(times)))


def started(library: Library) -> set[str]:
    """The tasks of the library's place."""
    return {path.parent.name for path in (library.folder / "tasks").glob(f"*/{TASK}")}


@TIMES
def test_a_pause_is_never_lost(office: tuple[Library, httpx.Client], times: int) -> None:
    """Whenever it is pressed, also before the load has begun, the load stops; it can continue."""
    library, client = office
    count = 20 * times
    run = planned(client, drafted(client, "alma", people(1000, count), "plain.yaml"))
    library.set_rate(4)
    for number in range(times):
        live = approve(client, run).headers["Location"]
        time.sleep(number % 10 * 0.4)
        assert client.post(live.replace("/live", "/pause")).status_code == 303
        before = len(library.written())
        until(lambda live=live: "Paused at" in client.get(live).text)  # type: ignore[misc]
        assert len(library.written()) <= before + 16  # those under way
    assert len(library.users()) < count
    library.set_rate(50)
    followed(client, approve(client, run))
    assert len(library.users()) == len(library.written()) == count


@TIMES
def test_two_plans_or_undos_at_once_are_one(
    office: tuple[Library, httpx.Client], times: int
) -> None:
    """A second click leads to the page of the plan under way, which nothing destroys."""
    library, client = office
    library.set_rate(50)
    draft = drafted(client, "alma", people(9000, 2), "plain.yaml")
    run = planned(client, drafted(client, "alma", people(8000, 1), "plain.yaml"))
    followed(client, approve(client, run))
    for address, form, told in (
        (f"{draft}/plan", {"version": version(client, draft)}, "2 to create"),
        (f"{run}/undo", {"delete": "yes"}, "1 person would be deleted"),
    ):
        for _ in range(times):
            before = started(library)
            library.set_rate(2)  # the first still runs when the second comes
            first, second = at_once(partial(client.post, address, data=form))
            library.set_rate(50)
            assert first.headers["Location"] == second.headers["Location"]
            assert len(started(library) - before) == 1
            assert told in words(client.get(followed(client, first)).text)


def test_six_approvals_at_once_are_one_load(office: tuple[Library, httpx.Client]) -> None:
    """One load is started; the others are refused.

    Nobody is said to be another operator before the load names its own.
    """
    library, client = office
    run = planned(client, drafted(client, "alma", people(7000, 3), "plain.yaml"))
    library.set_rate(1)
    before, writes = started(library), len(library.written())
    answers = at_once(lambda: approve(client, run), 6)
    first = next(one for one in answers if one.status_code == 303)
    live = client.get(first.headers["Location"])
    assert sorted(answer.status_code for answer in answers) == [303, *[409] * 5]
    assert not [one for one in (*answers, live) if "Another operator" in one.text]
    assert len(started(library) - before) == 1
    library.set_rate(50)
    followed(client, first)
    assert sum(call.startswith("POST") for call in library.written()[writes:]) == 3


def test_a_plan_that_fails_leaves_no_folder(office: tuple[Library, httpx.Client]) -> None:
    """The folder that was made for it goes, and no other run does."""
    library, client = office
    draft = drafted(client, "alma", people(6000, 1), "plain.yaml")
    before = sorted((library.folder / "runs").glob("*"))
    with changed(library.folder / ".env", b"ALMA_API_KEY=wrong\n"):
        task = client.post(f"{draft}/plan", data={"version": version(client, draft)})
        until(lambda: "did not work" in client.get(task.headers["Location"]).text)
    assert sorted((library.folder / "runs").glob("*")) == before


@TIMES
def test_commands_with_one_folder_spare_each_others_run(tmp_path: Path, times: int) -> None:
    """Of two checks with the same `-o`, one makes the run and one is refused."""
    (tmp_path / "plain.yaml").write_text(PLAIN, "utf-8")
    (tmp_path / "people.csv").write_text(people(1, 3), "utf-8")
    for number in range(times):
        if number % 2:
            (tmp_path / f"run-{number}").mkdir()
        command = [sys.executable, "-m", "importer", "check", "people.csv", "-m", "plain.yaml",
                   "-o", f"run-{number}", "--json"]  # fmt: skip
        both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL) for _ in range(2)]  # fmt: skip
        outputs = [process.communicate()[0] for process in both]
        assert sorted(process.returncode for process in both) == [0, 2]
        assert [json.loads(text).get("rows") for text in outputs if b"error" not in text] == [3]
        assert (tmp_path / f"run-{number}" / "ledger.sqlite").exists()


def test_nothing_is_sent_but_what_was_seen_by_whoever_approved(
    office: tuple[Library, httpx.Client],
) -> None:
    """An answer that is carried out while the load starts: the plan is not the one that was seen.

    One of the two commands is refused; the answered row is never written by that approval.
    """
    library, client = office
    library.set_rate(50)
    for times in range(3):
        known = f"K{times}"
        library.add(known, "Ann", "Quill")
        rows = f"Id,First,Last\n{known},Zed,Oxley\nN{times},Cy,Rhodes\n"
        run = planned(client, drafted(client, "alma", rows, "plain.yaml"))
        form = {"row": "2", "decision": "same person, update"}
        assert client.post(f"{run}/decisions", data=form).status_code == 303
        seen = approval(client, run)
        answered = client.post(f"{run}/decisions/use")
        time.sleep(0.6 * times)
        approved = client.post(f"{run}/approve", data=seen)
        for one in (answered, approved):
            until(partial(_has_ended, client, one))
        same = shown_plan(client, run) == seen["plan"]
        again = client.post(f"{run}/approve", data=seen)
        assert again.status_code == (303 if same else 409)
        until(partial(_has_ended, client, again))
        assert library.users()[known] == "Quill"


def _has_ended(client: httpx.Client, started: httpx.Response) -> bool:
    if started.status_code != 303:
        return True
    text = client.get(started.headers["Location"], follow_redirects=True).text
    return "aria-busy" not in text and 'http-equiv="refresh"' not in text
