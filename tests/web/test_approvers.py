"""Who approves on the page of a department: people of a group, and not who planned the load."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from importer.errors import Exit
from importer.web.app import routes
from importer.web.guard import split_groups
from tests.cli.small import BY_BARCODE
from tests.web.conftest import (
    ADDRESSES,
    Library,
    approve,
    behind_proxy,
    drafted,
    followed,
    launch,
    new_library,
    person,
    planned,
    run_command,
    until,
    with_mapping,
)

PEOPLE = {"piet": "x;acq", "ada": "systems, circ", "eva": "leads", "nobody": "",
          getpass.getuser(): "systems"}  # fmt: skip

Ask = Callable[[str], httpx.Client]


@contextmanager
def department(library: Library, **settings: str) -> Iterator[Ask]:
    """A page behind a proxy, and a client of each person."""
    with_mapping(library.folder, "two.yaml", BY_BARCODE)
    with behind_proxy(library.folder, **settings) as at, ExitStack() as clients:
        yield lambda name: clients.enter_context(person(at, name, PEOPLE[name]))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, Ask]]:
    """A department where two groups approve, and two people are needed."""
    settings = {"ALMA_WEB_APPROVERS": "systems, leads", "ALMA_WEB_TWO_PEOPLE": "1"}
    with (
        new_library(tmp_path_factory.mktemp("library")) as library,
        department(library, **settings) as ask,
    ):
        yield library, ask


def test_groups_are_separated_by_commas_or_semicolons() -> None:
    """In the setting and in the proxy's header alike; blanks around a name do not count."""
    assert split_groups(["a, b;c", " d ", ""]) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("ALMA_WEB_ROLES", "viewer=staff; approver=systems, leads",
         "ALMA_WEB_APPROVERS=systems, leads"),
        ("ALMA_WEB_FOUR_EYES", "yes", "ALMA_WEB_TWO_PEOPLE=yes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["environment", "file", "secrets"])
def test_a_setting_of_version_1_stops_the_start(
    tmp_path: Path, name: str, value: str, line: str, place: str
) -> None:
    """A setting of version 1 stops the start with the line that replaces it."""
    given = {name: value} if place == "environment" else {}
    if place == "file":
        (tmp_path / ".env").write_text(f"{name}={value}\n", "utf-8")
        (tmp_path / ".env").chmod(0o600)
    if place == "secrets":
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / name).write_text(f"{value}\n", "utf-8")
        given = {"ALMA_SECRETS": str(tmp_path / "secrets")}
    options = ("--socket", "page.sock", "--public-url", "https://loads.example.org")
    process = launch(tmp_path, *options, **given)
    assert process.wait(60) == Exit.USAGE
    assert line in " ".join((tmp_path / "said.txt").read_text("utf-8").split())


@pytest.mark.parametrize("name", ["ALMA_WEB_APPROVERS=a", "ALMA_WEB_TWO_PEOPLE=1"])
def test_approvers_need_a_proxy(tmp_path: Path, name: str) -> None:
    """On one's own computer nobody says who asks, so the page does not start."""
    (tmp_path / ".env").write_text(f"{name}\n", "utf-8")
    (tmp_path / ".env").chmod(0o600)
    process = launch(tmp_path, "--port", "0", "--no-browser")
    assert process.wait(60) == Exit.USAGE
    assert "--socket" in (tmp_path / "said.txt").read_text("utf-8")


def test_a_page_on_a_server_says_who_approves(tmp_path: Path) -> None:
    """Without ALMA_WEB_APPROVERS a page behind a proxy does not start: nobody could approve."""
    options = ("--socket", "page.sock", "--public-url", "https://loads.example.org")
    process = launch(tmp_path, *options, ALMA_WEB_TWO_PEOPLE="1")
    assert process.wait(60) == Exit.USAGE
    assert "ALMA_WEB_APPROVERS=" in (tmp_path / "said.txt").read_text("utf-8")


def test_everybody_prepares_and_a_group_approves(office: tuple[Library, Ask]) -> None:
    """Everybody whom the proxy names may prepare; approving needs a group, also by JSON."""
    _, ask = office
    nobody, preparer, approver = ask("nobody"), ask("piet"), ask("ada")
    kinds: tuple[dict[str, str], ...] = ({}, {"Content-Type": "application/json"})
    refused = {"runs/x/approve", "settings/key", "settings/job"}
    for method, path in ADDRESSES:
        approves = method == "POST" and any(path.endswith(f"/{one}") for one in refused)
        for headers in kinds if method == "POST" else kinds[:1]:
            for client in (nobody, preparer):
                status = client.request(method, path, headers=headers).status_code
                assert (status == 403) == approves, path
            assert approver.request(method, path, headers=headers).status_code != 403, path
    assert len(ADDRESSES) == len(routes(""))
    answer = preparer.post("/alma/settings/key", headers=kinds[1])
    assert "leads or systems" in answer.json()["sentence"]


def _roster(number: int) -> str:
    return f"Id,First,Last,Code\n{number},Ida,N{number},C{number}\n"


def test_who_planned_a_load_does_not_approve_it(office: tuple[Library, Ask]) -> None:
    """With two people, somebody else than who planned the run approves it; its page says so."""
    library, ask = office
    ada, piet, eva = ask("ada"), ask("piet"), ask("eva")
    own = planned(ada, drafted(piet, "alma", _roster(1), "two.yaml"))
    writes = library.written()
    refused = approve(ada, own)
    assert (refused.status_code, "You planned this load" in refused.text) == (403, True)
    assert "You planned this load" in ada.get(own).text
    assert approve(piet, own).status_code == 403
    assert library.written() == writes
    followed(eva, approve(eva, own))
    assert "<b>eva</b>: approved the load" in eva.get(own).text
    assert "<b>ada</b>: compared with Alma" in eva.get(own).text
    other = planned(piet, drafted(ada, "alma", _roster(2), "two.yaml"))
    followed(ada, approve(ada, other))


def test_one_person_is_enough_without_the_setting(library: Library) -> None:
    """Whoever planned a load approves it, too, where two people are not asked for."""
    with department(library, ALMA_WEB_APPROVERS="systems") as ask:
        ada = ask("ada")
        run = planned(ada, drafted(ada, "alma", _roster(3), "two.yaml"))
        followed(ada, approve(ada, run))
        assert "3" in library.users()


def _held(library: Library, name: str, roster: str) -> dict[str, str]:
    """Let a guard hold the load of a job; return the form that allows it."""
    text = f"version: 1\nrosters:\n  - {{from: {name}/*.csv, mapping: mappings/two.yaml, "
    text += "unchanged_for: 0s}\ndo: apply\nguards: {creates: 1, rejects: off, review: off}\n"
    (library.folder / f"{name}.yaml").write_text(text, "utf-8")
    (library.folder / name).mkdir()
    (library.folder / name / "roster.csv").write_text(roster, "utf-8")
    assert run_command(library.folder, "job", "run", f"{name}.yaml") == Exit.SAFETY_CHECK
    run = json.loads((library.folder / "jobs" / f"{name}.json").read_text("utf-8"))["open"]["run"]
    return {"file": f"{name}.yaml", "do": "allow", "why": "a new group", "run": run}


def _step(library: Library, name: str) -> str:
    kept = json.loads((library.folder / "jobs" / f"{name}.json").read_text("utf-8"))
    return str(kept["open"]["step"])


def test_a_decision_about_a_job_that_failed_is_not_repeated(office: tuple[Library, Ask]) -> None:
    """Nobody carries out another person's decision by trying its command again."""
    library, ask = office
    ada, piet = ask("ada"), ask("piet")
    rows = (f"60{n},Ida,J{n},J{n}" for n in range(3))
    form = _held(library, "first", "\n".join(("Id,First,Last,Code", *rows, "")))
    assert piet.post("/alma/settings/job", data=form).status_code == 403
    with FileLock(library.folder / "jobs" / "first.lock"):  # the job is running
        task = ada.post("/alma/settings/job", data=form).headers["Location"]
        until(lambda: "did not work" in ada.get(task).text)
    assert "/again" not in ada.get(task).text
    for who in (piet, ada):
        assert who.post(f"{task}/again").headers["Location"] == "/alma/settings#jobs"
    assert _step(library, "first") == "held"
    followed(ada, ada.post("/alma/settings/job", data=form))
    assert _step(library, "first") == "planned"


def test_who_ran_a_job_does_not_allow_its_load(office: tuple[Library, Ask]) -> None:
    """With two people, somebody else than the account of the job allows its held load."""
    library, ask = office
    account, eva = ask(getpass.getuser()), ask("eva")
    rows = (f"91{n},Ida,H{n},H{n}" for n in range(3))
    form = _held(library, "second", "\n".join(("Id,First,Last,Code", *rows, "")))
    for run in (form["run"], ""):
        assert account.post("/alma/settings/job", data=form | {"run": run}).status_code == 403
    assert _step(library, "second") == "held"
    followed(eva, eva.post("/alma/settings/job", data=form))
    assert _step(library, "second") == "planned"
