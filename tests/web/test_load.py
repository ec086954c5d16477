"""Approval and the load: nothing is written that was not approved, and nothing is lost."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import sqlite3
from contextlib import suppress
from pathlib import Path

import httpx
import openpyxl

from importer.errors import Exit
from importer.web.drafts import DRAFT
from importer.web.tasks import EXIT
from tests.cli.small import BY_BARCODE
from tests.web.conftest import (
    CODE,
    KEY,
    SAMPLE,
    Library,
    approve,
    changed,
    correct,
    decide,
    drafted,
    failed_checks,
    followed,
    held,
    loads,
    planned,
    run_command,
    shown_plan,
    start,
    until,
    with_mapping,
)


def people(*last_names: str) -> str:
    """A roster of people with these last names; no other test has their cards."""
    lines = [f"30{n},Ida,{name},C{n}" for n, name in enumerate(last_names)]
    return "\n".join(["Id,First,Last,Code", *lines, ""])


def prepare(library: Library) -> None:
    """Add the mapping above."""
    with_mapping(library.folder, "two.yaml", BY_BARCODE)


def test_nothing_is_written_that_was_not_approved(office: tuple[Library, httpx.Client]) -> None:
    """A wrong code, a check not selected, and whatever was changed since the plan start nothing."""
    library, client = office
    for n, name in enumerate("ABCDEFG"):
        library.add(f"30{n}", "Ida", name)
    writes = library.written()
    draft = drafted(client, "alma", people(*"STUVWXY"), "two.yaml")
    run = planned(client, draft)
    for code in ("", "yes", "01XXX_INST", f"{CODE} 2"):
        answer = approve(client, run, "renames", code=code)
        assert (answer.status_code, 'id="wrong-code"' in answer.text) == (422, True)
    for checks in ((), ("removals",)):
        answer = approve(client, run, *checks)
        assert (answer.status_code, "Select each safety check" in answer.text) == (422, True)

    folder = library.folder / draft.removeprefix("/alma/")
    roster = folder / "roster" / "people.csv"
    mapping = library.folder / "mappings" / "two.yaml"
    waiting = client.get("/alma/").text.count(">Review and approve<")
    for path, text, word in (
        (roster, roster.read_bytes() + b"309,Jo,Z,C9\n", "roster"),
        (mapping, mapping.read_bytes().replace(b"COMM", b"FRIEND"), "mapping"),
    ):
        with changed(path, text):
            _is_stale(client, run, f"The {word}")
            assert "Plan again" in client.get(run).text
            assert "Write to Alma" not in client.get(run).text
    with changed(mapping, b"version: 1\n"):  # whose loads cannot be approved
        assert client.get("/alma/").text.count(">Review and approve<") < waiting

    correct(client, draft, {(2, "C"): "Stone"})
    _is_stale(client, run, "was corrected since")
    ledger = library.folder / run.removeprefix("/alma/") / "ledger.sqlite"
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE steps SET after = replace(after, 'Ida', 'Eve')")
    _is_stale(client, run, "changed after it was made")

    run = planned(client, draft)
    correct(client, draft, {(2, "C"): "Stein"})
    _is_stale(client, run, "The corrections")
    assert library.written() == writes


def _is_stale(client: httpx.Client, run: str, reason: str) -> None:
    answer = approve(client, run, "renames")
    assert (answer.status_code, reason in answer.text) == (409, True), answer.text


def test_what_is_no_number_of_rows_starts_nothing(office: tuple[Library, httpx.Client]) -> None:
    """With a blank, a word or 0 for how many of the first rows, nothing is sent; never all rows."""
    library, client = office
    roster = "Id,First,Last,Code\n401,Ida,Abt,L1\n402,Jon,Bohl,L2\n403,Kim,Carr,L3\n"
    run = planned(client, drafted(client, "alma", roster, "two.yaml"))
    writes = library.written()
    for text in ("", " ", "0", "ten", "1.000", "-5", "²"):
        answer = approve(client, run, some="yes", limit=text)
        field = re.search(r'<input[^>]* name="limit"[^>]*>', answer.text)
        assert field is not None
        assert (answer.status_code, 'aria-invalid="true"' in field[0]) == (422, True), text
    assert approve(client, run, some="", limit="").status_code == 422
    shown = approve(client, run, some="no", limit="2", proposed="10")  # all are still chosen
    assert (shown.status_code, 'value="yes" checked' in shown.text) == (422, True)
    assert library.written() == writes
    library.set_rate(2)  # so that the load is seen
    assert _headings(office, approve(client, run, some="yes", limit="2")) == {"2 of 3 people"}
    assert {"401", "402", "403"} & library.users().keys() == {"401", "402"}
    assert _headings(office, approve(client, run)) == {"3 people"}
    run = planned(client, drafted(client, "alma", roster.replace("A", "O"), "two.yaml"))
    checks = failed_checks(client, run)
    assert _headings(office, approve(client, run, *checks, some="yes", limit="9")) == {"1 person"}


def _headings(office: tuple[Library, httpx.Client], live: httpx.Response) -> set[str]:
    """Whom the page of a load says it writes, from its first look to its end."""
    library, client = office
    with held(library):
        pages = [client.get(live.headers["Location"])]
    while pages[-1].status_code == 200:
        pages.append(client.get(live.headers["Location"]))
    texts = (page.text for page in pages)
    return {found for text in texts for found in re.findall(r">Writing (.*?) to .*?</h1>", text)}


def test_a_load_survives_the_server_and_its_own_end(library: Library) -> None:
    """`kill -9` of the server leaves the load alone; of both, the page continues it to its end.

    Alma then has got each of the 28 patrons once, as after a load that nothing interrupted.
    """
    server = start(library.folder)
    client = server.client()
    run = planned(client, drafted(client, "alma", SAMPLE, "community.yaml"))
    library.set_rate(0.3)  # it lasts longer than a restart on a busy computer
    live = approve(client, run).headers["Location"]
    until(lambda: "created" in client.get(live).text)
    server.stop(signal.SIGKILL)

    server = start(library.folder)
    client = server.client()
    page = client.get(run, follow_redirects=True)
    assert page.url.path.endswith("/live")
    assert re.search(r"Started by \S+ on [A-Z]\w+ \d+, [0-9:]+ [AP]M\.", page.text)
    answer = approve(client, run)
    assert (answer.status_code, "(since " in answer.text) == (409, True)
    server.stop(signal.SIGKILL)
    for process in loads(library.folder):
        os.kill(process, signal.SIGKILL)
    until(lambda: not [*loads(library.folder)])
    assert 0 < len(library.written()) < 28

    library.set_rate(50)
    server = start(library.folder)
    client = server.client()
    assert "Continue the load" in client.get(run).text
    for folder in (library.folder / "nowhere", library.folder / "tasks"):
        shutil.rmtree(folder, ignore_errors=True)  # then as one of the command line
        assert "Stopped at" in client.get("/alma/").text
        stopped = client.get(f"{run}/live").text
        assert ("Stopped at" in stopped, "Try again" in stopped) == (True, True)
    followed(client, approve(client, run))
    assert "28 created" in client.get(run).text
    assert server.stop() == 0
    assert len(library.written()) == 28
    assert len(library.users()) == 28


def test_a_load_is_paused_and_continued(library: Library) -> None:
    """Pause stops after the rows under way. Ctrl-C ends the server, and not the load.

    Meanwhile the key is in no page, file, command line or environment, and so are token and
    cookie. Every page is visited that a link leads to, and no page is a defect.
    """
    server = start(library.folder, forked=False)
    client = server.client()
    settings = followed(client, client.post("/alma/settings/doctor"))
    assert "finding" in client.get(settings).text
    run = planned(client, drafted(client, "alma", SAMPLE, "community.yaml"))
    library.set_rate(4)
    live = approve(client, run).headers["Location"]
    until(lambda: "created" in client.get(live).text)
    secrets = (KEY, server.link.partition("token=")[2], next(iter(client.cookies.values())))
    assert not [one for one in secrets if one.encode() in _processes(library.folder)]
    client.post(live.replace("/live", "/pause"))
    before = len(library.written())
    until(lambda: "Paused at" in client.get(live).text)
    assert before <= len(library.written()) <= before + 12  # 3 s at this rate
    pages = _visited(client, {"/alma/", "/practice/", live, run})
    assert len(pages) > 20
    assert not [path for path, text in pages.items() if any(one in text for one in secrets)]

    library.set_rate(10)  # the rest of the load still lasts longer than the server
    approve(client, run)
    assert server.stop() == 0
    assert not [one for one in (KEY, secrets[2]) if one in server.said]
    tasks = [*(library.folder / "tasks").iterdir()]
    until(lambda: all((task / EXIT).exists() for task in tasks))
    assert len(library.written()) == 28
    for path in library.folder.rglob("*"):
        if path.is_file() and path.name not in {".env", "said.txt"}:
            content = path.read_bytes()
            assert not [one for one in secrets if one.encode() in content], path


def _processes(folder: Path) -> bytes:
    """Return the command lines and environments of the processes of a folder."""
    found = b""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            seen = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            found += seen if bytes(folder) in seen else b""
    assert found
    return found


def _visited(client: httpx.Client, wanted: set[str]) -> dict[str, str]:
    """Visit these pages and what they link to, except rows and parts of a page; return them."""
    visited: dict[str, str] = {}
    rows = re.compile(r"/rows/\d|[?&](page|end|find|kind|after|person)=")
    while left := sorted(wanted - visited.keys()):
        answer = client.get(left[0], follow_redirects=True)
        assert answer.status_code == 200, left[0]
        visited[left[0]] = answer.text
        found = re.findall(r'(?:href|src)="(/[^"#]*)"', answer.text)
        wanted |= {one.replace("&amp;", "&") for one in found if not rows.search(one)}
    return visited


def test_a_decision_is_about_the_user_that_it_names(office: tuple[Library, httpx.Client]) -> None:
    """Of two users in question the second is chosen on the page, and only that one changes."""
    library, client = office
    for primary_id, first, code in (("3001", "Jon", "B1"), ("3002", "Jon", "B2")):
        card = {"id_type": {"value": "BARCODE"}, "value": code, "status": "ACTIVE"}
        library.add(primary_id, first, "Zorn", user_identifier=[card])
    roster = "Id,First,Last,Code\n3001,Jon,Zorne,B2\n"
    run = planned(client, drafted(client, "alma", roster, "two.yaml"))
    assert client.get(f"{run}/decisions").text.count('name="decision"') == 3
    form = {"row": "2", "decision": "same person, update: 9999"}
    assert client.post(f"{run}/decisions", data=form).status_code == 422
    decide(client, run, {2: "same person, update: 3002"})
    checks = failed_checks(client, run)
    followed(client, approve(client, run, *checks))
    users = library.users()
    assert (users["3001"], users["3002"]) == ("Zorn", "Zorne")


def test_an_approval_is_of_the_plan_that_was_shown(office: tuple[Library, httpx.Client]) -> None:
    """A row that was resolved in another window meanwhile is not written with it: 409."""
    library, client = office
    card = {"id_type": {"value": "BARCODE"}, "value": "P1", "status": "ACTIVE"}
    library.add("5001", "Ida", "Quist", user_identifier=[card])
    roster = "Id,First,Last,Code\n5002,Jon,Rand,P2\n5003,Ida,Quist,P1\n"
    run = planned(client, drafted(client, "alma", roster, "two.yaml"))
    before, writes = shown_plan(client, run), library.written()
    decide(client, run, {3: "same person, new card"})
    assert shown_plan(client, run) != before
    assert approve(client, run, plan=before).status_code == 409
    assert library.written() == writes


def test_refused_rows_are_among_the_rejects(office: tuple[Library, httpx.Client]) -> None:
    """Also where the rejects of the plan were being corrected: the newest are shown."""
    library, client = office
    roster = "Id,First,Last,Code\n,Ida,Vane,T1\n702,Jon,Wulf,T2\n"
    run = planned(client, drafted(client, "alma", roster, "two.yaml"))
    first = _rejects(client, run)
    assert "Vane" in first
    assert "Wulf" not in first
    library.add("702", "Kim", "Xue")
    followed(client, approve(client, run))
    assert {"Vane", "Wulf"} <= _rejects(client, run)
    page = client.get(run).text
    (name,) = re.findall(rf'href="{run}/files/(rejects[^"]*xlsx)"><svg[^D]*</svg>Down', page)
    book = openpyxl.load_workbook(io.BytesIO(client.get(f"{run}/files/{name}").content))
    assert "Wulf" in {cell.value for row in book.worksheets[0] for cell in row}


def test_each_roster_has_its_rejects(office: tuple[Library, httpx.Client]) -> None:
    """Of two rosters in one plan, each one's rejected rows are corrected with its own mapping."""
    library, client = office
    folder, words = library.folder, list[str]()
    for name, last in (("one", "Young"), ("other", "Zander")):
        (folder / f"{name}.csv").write_text(f"Id,First,Last,Code\n,Ida,{last},{name}\n", "utf-8")
        shutil.copy(folder / "mappings" / "two.yaml", folder / "mappings" / f"{name}.yaml")
        words += [f"{name}.csv", "-m", f"mappings/{name}.yaml"]
    assert run_command(folder, "plan", *words, "-o", "runs/both") == Exit.REJECTS
    run = "/alma/runs/both"
    positions = re.findall(r'name="roster" value="(\d)"', client.get(run).text)
    assert positions == ["0", "1"]
    for position, last, mapping in zip("01", ("Young", "Zander"), ("one", "other"), strict=True):
        answer = client.post(f"{run}/correct", data={"roster": position})
        draft = answer.headers["Location"].removesuffix("/grid")
        assert last in client.get(f"{draft}/sheet").text
        facts = json.loads((folder / draft.removeprefix("/alma/") / DRAFT).read_text("utf-8"))
        assert facts["mapping"] == f"{mapping}.yaml"
    assert client.post(f"{run}/correct", data={"roster": "2"}).status_code == 404


def _rejects(client: httpx.Client, run: str) -> set[str]:
    """The words on the sheet of the draft in which the rejects of a run are corrected."""
    draft = client.post(f"{run}/correct").headers["Location"].removesuffix("/grid")
    return set(re.findall(r"\w+", client.get(f"{draft}/sheet").text))
