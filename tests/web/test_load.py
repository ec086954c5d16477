"""Approval and the load: nothing is written that was not approved, and nothing is lost."""

from __future__ import annotations

import functools
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import (
    CODE,
    KEY,
    SAMPLE,
    Library,
    Server,
    approve,
    drafted,
    followed,
    planned,
    start,
    until,
    version,
)

MAPPING = """version: 1
account_type: INTERNAL
match: {by: [primary_id, BARCODE]}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  user_identifier: [{id_type: BARCODE, value: <Code>}]
"""


def people(*last_names: str) -> str:
    """A roster of people with these last names."""
    lines = [f"30{n},Ida,{name},B{n}" for n, name in enumerate(last_names)]
    return "\n".join(["Id,First,Last,Code", *lines, ""])


@contextmanager
def changed(path: Path, text: bytes) -> Iterator[None]:
    """Have another content in a file for the block."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(text)
    yield
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)


@pytest.fixture
def opened(library: Library) -> Iterator[tuple[Server, httpx.Client]]:
    """The page of the library, with the mapping above, and a client that has entered."""
    (library.folder / "mappings").mkdir()
    (library.folder / "mappings" / "two.yaml").write_text(MAPPING, "utf-8")
    server = start(library.folder)
    yield server, server.client()
    if server.process.poll() is None:
        assert server.stop() == 0


def test_nothing_is_written_that_was_not_approved(
    library: Library, opened: tuple[Server, httpx.Client]
) -> None:
    """A wrong code, an unticked check, and whatever was changed since the plan start nothing."""
    server, client = opened
    first = planned(client, drafted(client, "alma", people(*"ABCDEFG"), "two.yaml"))
    followed(client, approve(client, first))
    writes = library.written()
    assert len(writes) == 7

    draft = drafted(client, "alma", people(*"STUVWXY"), "two.yaml")
    run = planned(client, draft)
    for code in ("", "yes", "01XXX_INST", f"{CODE} 2"):
        answer = approve(client, run, "renames", code=code)
        assert (answer.status_code, "not the institution" in answer.text) == (422, True)
    for checks in ((), ("removals",)):
        answer = approve(client, run, *checks)
        assert (answer.status_code, "Tick each safety check" in answer.text) == (422, True)

    folder = library.folder / draft.removeprefix("/alma/")
    roster = folder / "roster" / "people.csv"
    mapping = library.folder / "mappings" / "two.yaml"
    ledger = library.folder / run.removeprefix("/alma/") / "ledger.sqlite"
    for path, text, word in (
        (roster, roster.read_bytes() + b"309,Jo,Z,B9\n", "roster"),
        (mapping, mapping.read_bytes().replace(b"COMM", b"FRIEND"), "mapping"),
    ):
        with changed(path, text):
            answer = approve(client, run, "renames")
            assert (answer.status_code, f"The {word}" in answer.text) == (409, True)
            assert "Plan again" in client.get(run).text
            assert "Write to Alma" not in client.get(f"{run}/approve").text
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE steps SET after = replace(after, 'Ida', 'Eve')")
    assert approve(client, run, "renames").status_code == 409

    form = {"do": "save", "row": "2", "cell-C": "Stone", "version": version(client, draft)}
    client.post(f"{draft}/problems", data=form)
    answer = approve(client, run, "renames")
    assert (answer.status_code, "changed after it was made" in answer.text) == (409, True)

    run = planned(client, drafted(client, "alma", people(*"STUVWXZ"), "two.yaml"))
    draft = "/alma/drafts/" + sorted((library.folder / "drafts").iterdir())[-1].name
    client.post(f"{draft}/problems", data={**form, "version": version(client, draft)})
    answer = approve(client, run, "renames")
    assert (answer.status_code, "was corrected since" in answer.text) == (409, True)
    run = planned(client, draft)
    form |= {"cell-C": "Stein", "version": version(client, draft)}
    client.post(f"{draft}/problems", data=form)
    answer = approve(client, run, "renames")
    assert (answer.status_code, "The corrections" in answer.text) == (409, True)

    assert library.written() == writes
    assert server.stop() == 0
    assert KEY not in server.said


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
    assert re.search(r"\S+@\S+ \(since 20[0-9-]+ [0-9:]+\) runs this load", page.text)
    answer = approve(client, run)
    assert (answer.status_code, "(since 20" in answer.text) == (409, True)
    server.stop(signal.SIGKILL)
    _kill_load(library.folder)
    assert 0 < len(library.written()) < 28

    library.set_rate(20)
    server = start(library.folder)
    client = server.client()
    assert "Continue the load" in client.get(f"{run}/live").text
    assert "Continue the load" in client.get(run).text
    followed(client, approve(client, run))
    assert "28 created" in client.get(run).text
    assert server.stop() == 0
    assert len(library.written()) == 28
    assert len(library.users()) == 28


def _is_gone(process: Path) -> bool:
    return not process.exists() or not process.read_bytes()


def _kill_load(folder: Path) -> None:
    """End the `apply` of a folder as a power cut does."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"apply" in words and any(word.startswith(bytes(folder)) for word in words):
            os.kill(int(path.parent.name), signal.SIGKILL)
            until(functools.partial(_is_gone, path))


def test_a_load_is_paused_and_continued(library: Library) -> None:
    """Pause stops after the rows under way. Ctrl-C ends the server while a stream is open."""
    server = start(library.folder)
    client = server.client()
    run = planned(client, drafted(client, "alma", SAMPLE, "community.yaml"))
    library.set_rate(4)
    live = approve(client, run).headers["Location"]
    until(lambda: "created" in client.get(live).text)
    before = len(library.written())
    client.post(live.replace("/live", "/pause"))
    until(lambda: "The load is paused" in client.get(live).text)
    assert before <= len(library.written()) <= before + 12  # 3 s at this rate
    live = approve(client, run).headers["Location"]
    with client.stream("GET", live.replace("/live", "/events")) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("data: ")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0
        assert not [line for line in lines if line and not line.startswith("data: ")]
    assert "Traceback" not in server.said
    until(lambda: len(library.written()) == 28)


def test_a_decision_is_about_the_user_that_it_names(
    library: Library, opened: tuple[Server, httpx.Client]
) -> None:
    """Of two users in question the second is chosen on the page, and only that one changes."""
    _, client = opened
    roster = "Id,First,Last,Code\n3001,Ida,Zorn,B1\n3002,Jon,Zorn,B2\n"
    first = planned(client, drafted(client, "alma", roster, "two.yaml"))
    followed(client, approve(client, first))
    roster = "Id,First,Last,Code\n3001,Jon,Zorne,B2\n"
    run = planned(client, drafted(client, "alma", roster, "two.yaml"))
    assert client.get(f"{run}/rows/2").text.count('name="decision"') == 3
    refused = client.post(f"{run}/rows/2", data={"decision": "same person, update: 9999"})
    assert refused.status_code == 422
    followed(client, client.post(f"{run}/rows/2", data={"decision": "same person, update: 3002"}))
    checks = re.findall(r'name="allow" value="([a-z-]+)"', client.get(f"{run}/approve").text)
    followed(client, approve(client, run, *checks))
    assert library.users() == {"3001": "Zorn", "3002": "Zorne"}
