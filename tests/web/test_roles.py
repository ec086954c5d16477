"""Who may do what on the page of a department: roles by the proxy's groups, and four eyes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from filelock import FileLock

from importer.errors import Exit, UsageError
from importer.web.app import ROUTES
from importer.web.guard import Access, Role
from tests.web.conftest import (
    Library,
    approve,
    behind_proxy,
    correct,
    drafted,
    failed_checks,
    followed,
    launch,
    leave_out,
    mapping_stamp,
    new_library,
    person,
    planned,
    run_command,
    until,
    version,
    with_mapping,
)
from tests.web.test_guard import ADDRESSES
from tests.web.test_load import MAPPING
from tests.web.test_users_of_alma import form_of, until_day

GROUPS = "viewer=staff; preparer=circ, acq; approver=systems"
PEOPLE = {"vera": "staff", "piet": "x;acq", "ben": "circ", "ada": "systems, circ", "eva": "systems",
          "nobody": "x"}  # fmt: skip

Ask = Callable[[str], httpx.Client]


@contextmanager
def department(library: Library, **settings: str) -> Iterator[Ask]:
    """A page behind a proxy, and a client of each person."""
    for name in ("two.yaml", "three.yaml"):
        with_mapping(library, name, MAPPING)
    with behind_proxy(library.folder, **settings) as at, ExitStack() as clients:
        yield lambda name: clients.enter_context(person(at, name, PEOPLE[name]))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, Ask]]:
    """A department with roles and four eyes."""
    with (
        new_library(tmp_path_factory.mktemp("library")) as library,
        department(library, ALMA_WEB_ROLES=GROUPS, ALMA_WEB_FOUR_EYES="yes") as ask,
    ):
        yield library, ask


def test_a_role_is_the_highest_of_somebodys_groups() -> None:
    """Without roles everybody approves; who is in no group has no role."""
    access = Access.of(GROUPS, four_eyes=False)
    people = (["staff"], ["acq", "staff"], ["systems"], ["x"])
    roles = [Role.VIEWER, Role.PREPARER, Role.APPROVER, Role.NOBODY]
    assert [access.role(groups) for groups in people] == roles
    assert Access.of("", four_eyes=True).role([]) is Role.APPROVER


@pytest.mark.parametrize(
    "text", ["boss=x", "viewer", "approver=", "viewer=a", "approver=a; approver=b", "approver"]
)
def test_roles_that_cannot_be_read_start_no_page(text: str) -> None:
    """Nothing is guessed, and somebody must be able to approve."""
    with pytest.raises(UsageError, match="ALMA_WEB_ROLES"):
        Access.of(text, four_eyes=False)


@pytest.mark.parametrize("name", ["ALMA_WEB_ROLES=approver=a", "ALMA_WEB_FOUR_EYES=yes"])
def test_roles_need_a_proxy(tmp_path: Path, name: str) -> None:
    """On one's own computer nobody says who asks, so the page does not start."""
    (tmp_path / ".env").write_text(f"{name}\n", "utf-8")
    (tmp_path / ".env").chmod(0o600)
    process = launch(tmp_path, "--port", "0", "--no-browser")
    assert process.wait(60) == 2
    assert "--socket" in (tmp_path / "said.txt").read_text("utf-8")


def test_each_address_asks_for_a_role(office: tuple[Library, Ask]) -> None:
    """Without a group header or a role nothing is shown; a viewer changes nothing, also by JSON."""
    _, ask = office
    nobody, viewer, preparer = ask("nobody"), ask("vera"), ask("piet")
    json = {"Content-Type": "application/json"}
    for method, path in ADDRESSES:
        assert nobody.request(method, path).status_code == 403, path
        assert nobody.request(method, path, headers={"X-Remote-Groups": ""}).status_code == 403
        answer = viewer.request(method, path, headers=json if method == "POST" else {})
        changes = method == "POST" and not path.endswith("/settings/keys")  # one's own keyboard
        assert (answer.status_code == 403) == changes, path
        if changes:
            assert "role viewer" in answer.json()["sentence"]
    for path in ("runs/x/approve", "settings/key"):
        assert preparer.post(f"/alma/{path}").status_code == 403
    assert len(ADDRESSES) == len(ROUTES)


def _roster(number: int) -> str:
    return f"Id,First,Last,Code\n{number},Ida,N{number},C{number}\n"


def test_nobody_approves_what_they_prepared(office: tuple[Library, Ask]) -> None:
    """Whoever dropped, corrected, mapped, planned or answered is refused; the other one writes."""
    library, ask = office
    ada, piet, ben = ask("ada"), ask("piet"), ask("ben")
    card = {"id_type": {"value": "BARCODE"}, "value": "B9", "status": "ACTIVE"}
    library.add("9009", "Ida", "Quist", user_identifier=[card])
    answered = "Id,First,Last,Code\n9010,Ida,Quist,B9\n9011,Ina,Rand,B11\n"

    def by_ada(number: int, act: Callable[[httpx.Client, str], None]) -> str:
        draft = drafted(piet, "alma", _roster(number), "three.yaml")
        act(ada, draft)
        return planned(piet, draft)

    def maps(client: httpx.Client, draft: str) -> None:
        form = {"do": "text", "text": f"{MAPPING}# x\n", **mapping_stamp(client, draft)}
        assert client.post(f"{draft}/mapping", data=form).status_code == 303

    runs = [
        planned(piet, drafted(ada, "alma", _roster(1), "two.yaml")),
        planned(ada, drafted(piet, "alma", _roster(2), "two.yaml")),
        by_ada(4, maps),
        by_ada(3, lambda client, draft: leave_out(client, draft, 99)),
    ]
    run = planned(piet, drafted(piet, "alma", answered, "two.yaml"))
    answer = {"row": "2", "decision": "same person, new card"}
    assert ada.post(f"{run}/decisions", data=answer).status_code == 303
    followed(ben, ben.post(f"{run}/decisions/use"))
    assert ada.post(f"{run}/decisions/undo", data={"row": "2"}).status_code == 303
    rejected = planned(piet, drafted(piet, "alma", _roster(50).replace("50,", ","), "two.yaml"))
    draft = ada.post(f"{rejected}/correct").headers["Location"].removesuffix("/grid")
    correct(ada, draft, {(2, "F"): "50"})
    runs += [run, planned(ben, draft)]
    writes = library.written()
    for one in runs:
        refused = approve(ada, one)
        assert (refused.status_code, "You prepared this" in refused.text) == (403, True), one
        assert "You prepared this" in ada.get(one).text
        assert approve(piet, one).status_code == 403
    assert library.written() == writes
    eva = ask("eva")
    followed(eva, approve(eva, runs[0]))
    assert "<b>eva</b>: approved the load" in eva.get(runs[0]).text
    assert "<b>piet</b>: compared with Alma" in eva.get(runs[0]).text


def test_who_changed_the_text_of_a_mapping_prepared_its_loads(office: tuple[Library, Ask]) -> None:
    """Until a load with that text was approved by somebody else, and the text changed again."""
    library, ask = office
    ada, piet, ben, eva = map(ask, ("ada", "piet", "ben", "eva"))
    soon = date.today() + timedelta(days=20)  # noqa: DTZ011  as Alma has it

    def changed(who: httpx.Client, note: str) -> str:
        library.add(f"renew-{note}", "Ana", "Roe", expiry_date=f"{soon}Z")
        form = form_of(who, "renew-group.yaml")
        form["text"] = f"{until_day(form['text'], soon)}# {note}\n"
        assert who.post("/alma/users", data=form).status_code == 303
        form = form_of(piet, "renew-group.yaml")
        return followed(piet, piet.post("/alma/users", data=form | {"do": "plan"}))

    changed(ada, "a")
    run = changed(ben, "b")
    assert [approve(who, run).status_code for who in (ada, ben, piet)] == [403, 403, 403]
    followed(eva, approve(eva, run, *failed_checks(eva, run)))
    run = changed(ben, "c")
    followed(ada, approve(ada, run, *failed_checks(ada, run)))


def test_who_changed_a_mapping_from_another_draft_prepared_its_loads(
    office: tuple[Library, Ask],
) -> None:
    """Also where the change was taken back there; a mapping that several loads use is one text."""
    library, ask = office
    ada, piet, eva = ask("ada"), ask("piet"), ask("eva")
    text = f"{MAPPING}\n# that nobody has loaded\n"
    with_mapping(library, "shared.yaml", text)
    own = drafted(ada, "alma", _roster(70), "shared.yaml")
    form = {"do": "text", "text": text.replace("COMM", "FACULTY"), **mapping_stamp(ada, own)}
    assert ada.post(f"{own}/mapping", data=form).status_code == 303
    run = planned(piet, drafted(piet, "alma", _roster(71), "shared.yaml"))
    assert [approve(who, run).status_code for who in (ada, piet)] == [403, 403]
    followed(eva, approve(eva, run))
    run = planned(piet, drafted(piet, "alma", _roster(73), "shared.yaml"))
    followed(ada, approve(ada, run))  # somebody else approved what ada wrote
    undo = {"do": "undo", "version": version(eva, own)}
    assert eva.post(f"{own}/mapping", data=undo).status_code == 303
    run = planned(piet, drafted(piet, "alma", _roster(72), "shared.yaml"))
    assert approve(eva, run).status_code == 403
    followed(ada, approve(ada, run))


def test_four_eyes_hold_when_the_draft_is_thrown_away(office: tuple[Library, Ask]) -> None:
    """Who prepared a load stays known in the trash, and the draft cannot be deleted before.

    Who only puts it back, or sends a form that is refused as the draft was changed, is not one.
    """
    library, ask = office
    ada, piet = ask("ada"), ask("piet")
    draft = drafted(piet, "alma", _roster(20), "two.yaml")
    leave_out(ada, draft, 99)
    run = planned(piet, draft)
    writes = library.written()
    assert ada.post(f"{draft}/trash").status_code == 303
    assert approve(ada, run).status_code == 403
    assert ada.post(f"{draft}/delete").status_code == 409
    assert approve(ada, run).status_code == 403
    assert library.written() == writes
    draft = drafted(piet, "alma", _roster(25), "two.yaml")
    run = planned(piet, draft)
    assert [ada.post(f"{draft}/{form}").status_code for form in ("trash", "restore")] == [303, 303]
    assert ada.post(f"{draft}/plan", data={"version": "0"}).status_code == 409
    followed(ada, approve(ada, run))


def test_four_eyes_hold_in_a_race(office: tuple[Library, Ask]) -> None:
    """An answer and an approval of one person at the same moment: never are both carried out."""
    library, ask = office
    for number in range(3):
        card = {"id_type": {"value": "BARCODE"}, "value": f"R{number}", "status": "ACTIVE"}
        library.add(f"77{number}", "Ida", f"Q{number}", user_identifier=[card])
        roster = (
            f"Id,First,Last,Code\n78{number},Ida,Q{number},R{number}\n79{number},Al,Z,S{number}\n"
        )
        piet = ask("piet")
        run = planned(piet, drafted(piet, "alma", roster, "two.yaml"))
        ready, ada = Barrier(2), [ask("ada"), ask("ada")]

        def answer() -> int:
            ready.wait()  # noqa: B023
            form = {"row": "2", "decision": "same person, new card"}
            return ada[0].post(f"{run}/decisions", data=form).status_code  # noqa: B023

        def approves() -> int:
            ready.wait()  # noqa: B023
            return approve(ada[1], run).status_code  # noqa: B023

        with ThreadPoolExecutor(2) as windows:
            given, approved = windows.submit(answer), windows.submit(approves)
        if approved.result() == 303:
            live = f"{run}/live"
            until(lambda live=live, piet=piet: piet.get(live).status_code == 303)  # type: ignore[misc]
            assert f"77{number}" in library.users()  # her answer was not written
        else:
            assert (given.result(), approved.result()) == (303, 403)
            assert approve(ada[1], run).status_code == 403


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


def test_nobody_allows_a_load_of_a_job_that_they_answered(office: tuple[Library, Ask]) -> None:
    """With four eyes, who answered a row of the held plan needs somebody else to allow it."""
    library, ask = office
    ada, eva = ask("ada"), ask("eva")
    card = {"id_type": {"value": "BARCODE"}, "value": "H9", "status": "ACTIVE"}
    library.add("9109", "Ida", "Quisl", user_identifier=[card])
    roster = "Id,First,Last,Code\n9110,Ida,Quisl,H9\n9111,Ina,Rand,H11\n9112,Al,Ro,H12\n"
    form = _held(library, "second", roster)
    answer = {"row": "2", "decision": "same person, new card"}
    run = f"/alma/{form['run']}"
    assert ada.post(f"{run}/decisions", data=answer).status_code == 303
    for run in (form["run"], ""):
        assert ada.post("/alma/settings/job", data=form | {"run": run}).status_code == 403
    assert _step(library, "second") == "held"
    followed(eva, eva.post("/alma/settings/job", data=form))
    assert _step(library, "second") == "planned"
