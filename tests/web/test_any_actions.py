"""Any actions on the page, in any order: two people, old tabs, double clicks, kills and stops.

The laws: nothing that was typed is lost, nothing is written twice, what is written was approved as
it was planned, and every page says the truth.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.web.conftest import (
    APPROVERS,
    HOST,
    PLAIN,
    Library,
    approval,
    drafted,
    grid_rows,
    launch,
    loads,
    new_library,
    person,
    until,
    version,
    with_mapping,
)

ROWS = 4
PEOPLE = st.sampled_from(["ana", "ben"])
CELLS = st.integers(2, ROWS + 1)
CLICKS = st.sampled_from([1, 1, 2])


@dataclass
class Department:
    """A library, its page for two people, and what was done in it so far."""

    library: Library
    started: int = 0
    process: Any = None
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def socket(self) -> Path:
        """Where the page is served."""
        return self.library.folder / "page.sock"

    def serve(self) -> None:
        """Start the page, also after it was killed."""
        address = f"https://{HOST}"
        words = ("--socket", str(self.socket), "--public-url", address)
        self.process = launch(self.library.folder, *words, **APPROVERS)
        said = self.library.folder / "said.txt"
        until(lambda: "is served at" in said.read_text("utf-8"))

    def client(self, name: str) -> httpx.Client:
        """A browser of a person."""
        return self.stack.enter_context(person(self.socket, name, "systems"))


@dataclass
class Tab:
    """A tab of a person: what it has shown, which may be old by now."""

    client: httpx.Client
    cells: dict[int, str] = field(default_factory=dict)
    version: str = "0"
    form: dict[str, str | list[str]] | None = None


class Page(RuleBasedStateMachine):
    """Two people and one roster of four."""

    office: Department

    @initialize()
    def drop(self) -> None:
        """Drop a roster whose people are in no other."""
        office = self.office
        first = 1000 + office.started * 10
        office.started += 1
        self.ids = {row: str(first + row) for row in range(2, ROWS + 2)}
        lines = (f"{one},Ida,Name{one}" for one in self.ids.values())
        roster = "\n".join(["Id,First,Last", *lines, ""])
        self.tabs = {name: Tab(office.client(name)) for name in ("ana", "ben")}
        client = self.tabs["ana"].client
        self.draft = drafted(client, "alma", roster, "plain.yaml")
        self.cells = {row: f"Name{one}" for row, one in self.ids.items()}
        self.made: list[tuple[str, int, str, str]] = []
        self.plans: dict[str, dict[int, str]] = {}
        self.approved: list[str] = []
        self.run = ""
        self.before = len(self.writes("POST"))
        for name in self.tabs:
            self.reload(name)

    def writes(self, method: str) -> list[str]:
        """The writes of a kind that came to Alma."""
        return [one for one in self.office.library.written() if one.startswith(method)]

    def ask(self, ask: Any, times: int = 1) -> list[httpx.Response]:
        """Ask once, or several times at the same moment; no answer is a defect."""
        with ThreadPoolExecutor(times) as windows:
            answers = list(windows.map(lambda _: ask(), range(times)))
        for one in answers:
            assert one.status_code in {200, 303, 403, 404, 409, 422}, one.text
        return answers

    def settled(self, tab: Tab, started: httpx.Response) -> str:
        """Wait for a command; return the page after it, "" where it did not work."""
        where = started.headers["Location"]

        def ended() -> bool:
            answer = tab.client.get(where)
            self.page = answer
            stopped = re.search(">Paused at|>Stopped at|did not work", answer.text)
            return answer.status_code != 200 or stopped is not None

        until(ended)
        return str(self.page.headers.get("Location", ""))

    @rule(name=PEOPLE)
    def reload(self, name: str) -> None:
        """The grid shows what was typed, by whomever."""
        tab = self.tabs[name]
        shown = grid_rows(tab.client, self.draft, show="all")
        tab.cells = {line["row"]: line["cells"][2] for line in shown["lines"]}
        tab.version = version(tab.client, self.draft)
        assert tab.cells == self.cells
        if self.run:
            answer = tab.client.get(self.run)
            tab.form = approval(tab.client, self.run) if answer.status_code == 200 else None

    @rule(name=PEOPLE, row=CELLS, text=st.sampled_from("ABC"), times=CLICKS)
    def types(self, name: str, row: int, text: str, times: int) -> None:
        """A cell as the tab shows it is corrected, unless somebody else did before."""
        tab, was = self.tabs[name], self.tabs[name].cells[row]
        edit = {"row": row, "column": "C", "was": was, "now": text}
        answers = self.ask(
            lambda: tab.client.post(f"{self.draft}/grid/cells", json={"edits": [edit]}), times
        )
        fits = self.cells[row] in {was, text}
        assert {one.status_code for one in answers} == {200 if fits else 409}
        if fits:
            if self.cells[row] != text:
                self.made.append((name, row, self.cells[row], text))
            self.cells[row] = tab.cells[row] = text

    @rule(name=PEOPLE, row=CELLS, text=st.sampled_from("DEF"))
    def closes_the_window_while_typing(self, name: str, row: int, text: str) -> None:
        """A cell whose answer nobody waits for is corrected, or stays as it was."""
        tab = self.tabs[name]
        body = (
            f'{{"edits": [{{"row": {row}, "column": "C", "was": "{tab.cells[row]}", '
            f'"now": "{text}"}}]}}'
        )
        with socket.socket(socket.AF_UNIX) as window:
            window.connect(str(self.office.socket))
            window.sendall(
                f"POST {self.draft}/grid/cells HTTP/1.1\r\nHost: {HOST}\r\nX-Remote-User: {name}"
                f"\r\nOrigin: https://{HOST}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
        now, fits = self.shown(row), self.cells[row] == tab.cells[row]
        for _ in range(300 if fits else 0):  # it is carried out, but nobody is told when
            if now == text:
                break
            time.sleep(0.1)
            now = self.shown(row)
        assert now in {self.cells[row], text}
        if now != self.cells[row]:
            self.made.append((name, row, self.cells[row], text))
            self.cells[row] = text

    def shown(self, row: int) -> str:
        """A cell as a new window shows it, after all that was asked before."""
        lines = grid_rows(self.tabs["ana"].client, self.draft, show="all")["lines"]
        return next(str(line["cells"][2]) for line in lines if line["row"] == row)

    @rule(name=PEOPLE)
    def takes_back(self, name: str) -> None:
        """Somebody's last correction is undone, unless its cell was corrected since."""
        last = next((one for one in reversed(self.made) if one[0] == name), None)
        (answer,) = self.ask(
            lambda: self.tabs[name].client.post(f"{self.draft}/grid/undo", json={})
        )
        if last is None:
            assert answer.json()["undone"] == 0
            return
        at = len(self.made) - 1 - self.made[::-1].index(last)
        if any(one[1] == last[1] for one in self.made[at + 1 :]):
            assert answer.status_code == 409
        else:
            assert answer.json()["undone"] == 1
            del self.made[at]
            self.cells[last[1]] = last[2]

    @rule(name=PEOPLE, times=CLICKS)
    def plans_it(self, name: str, times: int) -> None:
        """From a page that is up to date there is one plan; from an old one, none."""
        tab = self.tabs[name]
        form = {"version": tab.version}
        answers = self.ask(lambda: tab.client.post(f"{self.draft}/plan", data=form), times)
        good = [one for one in answers if one.status_code == 303]
        assert (tab.version == version(tab.client, self.draft)) == bool(good)
        if good:
            assert len({one.headers["Location"] for one in good}) == 1
            self.run = self.settled(tab, good[0])
            assert self.run.startswith("/alma/runs/"), self.page.text
            self.plans[self.run] = dict(self.cells)

    @rule(name=PEOPLE, times=CLICKS, end=st.sampled_from(["wait", "pause", "kill", "at once", ""]))
    def approves(self, name: str, times: int, end: str) -> None:
        """What is loaded was shown, and is as it was planned; one load is started."""
        tab, run = self.tabs[name], self.run
        if tab.form is None or not run:
            return
        form = tab.form
        answers = self.ask(lambda: tab.client.post(f"{run}/approve", data=form), times)
        good = [one for one in answers if one.status_code == 303]
        if not good:
            return
        assert len(good) == 1
        assert self.plans[run] == self.cells, "a plan out of date was approved"
        self.approved.append(run)
        if end == "pause":
            tab.client.post(good[0].headers["Location"].replace("/live", "/pause"))
        elif end:
            self.ends_load(end)
        if end:
            self.settled(tab, good[0])

    def ends_load(self, how: str) -> None:
        """End the processes that write, as a power cut or two Ctrl-C do."""
        if how == "wait":
            return
        for process in loads(self.office.library.folder):
            with suppress(OSError):
                if how == "kill":
                    os.kill(process, signal.SIGKILL)
                else:
                    os.kill(process, signal.SIGINT)
                    os.kill(process, signal.SIGINT)

    @rule()
    def kills_the_server(self) -> None:
        """A new one serves the same; loads go on meanwhile."""
        self.office.process.kill()
        self.office.process.wait(60)
        self.office.serve()

    @rule(name=PEOPLE)
    def goes_home(self, name: str) -> None:
        """The list of loads names the one next step."""
        (answer,) = self.ask(lambda: self.tabs[name].client.get("/alma/"))
        assert answer.status_code == 200

    @invariant()
    def nobody_is_created_twice(self) -> None:
        """There is one POST for each user at most."""
        if hasattr(self, "ids"):
            there = self.office.library.users().keys() & {*self.ids.values()}
            assert len(self.writes("POST")) - self.before <= len(there) + len(self.approved)

    def in_alma(self) -> dict[int, str | None]:
        """The last names in Alma, by row."""
        users = self.office.library.users()
        return {row: users.get(one) for row, one in self.ids.items()}

    def teardown(self) -> None:
        """When all is loaded, Alma has what was typed, and each user was created once."""
        if not hasattr(self, "ids"):
            return
        until(lambda: not [*loads(self.office.library.folder)])
        for _ in range(3):
            self.reload("ana")
            self.plans_it("ana", 1)
            self.reload("ana")
            self.approves("ana", 1, "wait")
            if self.in_alma() == self.cells:
                break
        assert self.in_alma() == self.cells
        assert len(self.writes("POST")) - self.before == ROWS
        page = re.sub(r"<[^>]+>", " ", self.tabs["ben"].client.get(self.run).text)
        assert "rows were written" in page or "Nothing" in page
        self.office.stack.close()


def search(examples: int, steps: int) -> None:
    """Search for actions after which a law does not hold."""
    with TemporaryDirectory() as name, new_library(Path(name)) as library:
        with_mapping(library.folder, "plain.yaml", PLAIN)
        Page.office = Department(library)
        Page.office.serve()
        try:
            run_state_machine_as_test(
                Page,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            Page.office.process.terminate()
            Page.office.process.wait(60)


@pytest.mark.faults
def test_any_actions_of_two_people() -> None:
    """A few of them, in each change of the code."""
    search(examples=2, steps=10)


@pytest.mark.hunt
def test_any_actions_of_two_people_all_night() -> None:
    """As many as the time allows: `HUNT_PAGES` examples, by default 300."""
    search(examples=int(os.environ.get("HUNT_PAGES") or 300), steps=25)
