"""Who may use the page, and what it never does."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from importer.sandbox.server import Options, running
from importer.web.app import ROUTES
from tests.web.conftest import Server, start

SAMPLES = Path(__file__).parents[2] / "samples"
SAMPLE = SAMPLES / "community-patrons.xlsx"

ADDRESSES = [
    (route.method, re.sub(r"\{\w+\}", "x", route.path.replace("{place}", "practice")))
    for route in ROUTES
]


def test_every_page_is_guarded(server: Server) -> None:
    """Another Host: 421. No cookie or a used token: 401. A form from elsewhere: 403."""
    client = server.client()
    origin = {"Origin": server.base}
    assert client.get(server.link).status_code == 401
    with httpx.Client(base_url=server.base) as stranger:
        for method, path in ADDRESSES:
            other = {"Host": f"rebound.example.org:{server.base.rpartition(':')[2]}"}
            assert client.request(method, path, headers=other).status_code == 421, path
            assert stranger.request(method, path, headers=origin).status_code == 401, path
            if method == "POST":
                for headers in (
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Origin": "http://elsewhere.example.org"},
                    {"Origin": "null"},
                ):
                    assert client.request(method, path, headers=headers).status_code == 403, path
    with httpx.Client(base_url=server.base, cookies=client.cookies) as bare:
        assert bare.post("/practice/samples").status_code == 403


def test_every_answer_is_private(server: Server) -> None:
    """The content policy has nothing unsafe, nothing is cached, and no page holds the token."""
    client = server.client()
    token = server.link.partition("token=")[2]
    for path in (
        "/practice/",
        "/practice/runs",
        "/practice/settings",
        "/nowhere",
        "/static/web.css",
    ):
        answer = client.get(path)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert token not in answer.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(2000)),
        ("empty.xlsx", b""),
        ("../../etc/cut.xlsx", b"PK\x03\x04" + bytes(500)),
    ],
)
def test_a_file_that_is_no_roster_is_one_sentence(
    server: Server, tmp_path: Path, name: str, content: bytes
) -> None:
    """It is refused with a reason, and nothing of it is kept."""
    answer = server.client().post("/practice/rosters", files={"roster": (name, content)})
    assert answer.status_code == 422
    assert "Traceback" not in answer.text
    assert not list((tmp_path / "practice").glob("drafts/*"))


@pytest.mark.parametrize("name", ["corrections.csv", "draft.json", "00001.mapping-before"])
def test_a_roster_may_have_any_name(server: Server, name: str) -> None:
    """Also that of a file which the page keeps beside it."""
    client = server.client()
    content = (SAMPLES / "community-patrons.csv").read_bytes()
    answer = client.post("/practice/rosters", files={"roster": (name, content)})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(
        f"{draft}/mapping", data={"do": "choose", "mapping": "community.yaml", "version": "0"}
    )
    assert "12 rows need correction" in client.get(f"{draft}/problems").text


def test_a_mapping_that_was_changed_in_an_editor_is_not_overwritten(
    server: Server, tmp_path: Path
) -> None:
    """The page's text is older than the file: 409, and the file stays as the editor saved it."""
    client = server.client()
    draft = client.post("/practice/samples").headers["Location"].removesuffix("/sheet")
    page = client.get(f"{draft}/mapping").text
    digest = re.search(r'name="digest" value="(\w+)"', page)
    assert digest is not None
    mapping = tmp_path / "practice" / "mappings" / "community.yaml"
    edited = mapping.read_text("utf-8") + "# edited\n"
    mapping.write_text(edited, "utf-8")
    form = {"do": "save", "text": "version: 1\n", "version": "1", "digest": digest[1]}
    assert client.post(f"{draft}/mapping", data=form).status_code == 409
    assert mapping.read_text("utf-8") == edited


def _planned(client: httpx.Client, place: str, roster: str = "") -> str:
    """Plan the sample, or a roster with the mapping `two.yaml`; return the address of its run."""
    file = ("people.csv", roster.encode()) if roster else ("patrons.xlsx", SAMPLE.read_bytes())
    mapping = "two.yaml" if roster else "community.yaml"
    answer = client.post(f"/{place}/rosters", files={"roster": file})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(f"{draft}/mapping", data={"do": "choose", "mapping": mapping, "version": "0"})
    answer = client.post(f"{draft}/plan", data={"version": "1"})
    return _followed(client, answer.headers["Location"])


def _followed(client: httpx.Client, task: str) -> str:
    """Wait for a task; return the page that it leads to."""
    while (answer := client.get(task)).status_code == 200:
        assert "did not work" not in answer.text, answer.text
        time.sleep(0.2)
    return answer.headers["Location"]


def _count(db: Path) -> int:
    with sqlite3.connect(db) as connection:
        return int(connection.execute("SELECT count(*) FROM users").fetchone()[0])


def _production(tmp_path: Path) -> Options:
    return Options(db=tmp_path / "alma.sqlite", switches={"environment": "production"})


def test_nothing_is_written_without_the_institutions_code(tmp_path: Path) -> None:
    """In production a wrong or missing code, or another institution's, starts nothing."""
    with running(_production(tmp_path)) as alma:
        settings = {"ALMA_BASE_URL": alma.removesuffix("/almaws/v1"), "ALMA_API_KEY": "sandbox"}
        server = start(tmp_path, settings)
        client = server.client()
        run = _planned(client, "alma")
        for code in ("", "yes", "01XXX_INST", "SANDBOX"):
            answer = client.post(f"{run}/approve", data={"code": code, "some": "no"})
            assert answer.status_code == 422
        assert not list((tmp_path / "tasks").glob("*/exit.apply"))
        assert "applied" not in client.get(f"{run}/rows").text
        assert "sandbox" not in _read(tmp_path / "tasks", "task.json")
        server.stop()
        key = "sandbox"
        assert key not in server.said
    assert _count(tmp_path / "alma.sqlite") == 0


def _read(folder: Path, name: str) -> str:
    return "".join(path.read_text("utf-8") for path in folder.glob(f"*/{name}"))


def test_a_load_outlives_the_server(tmp_path: Path) -> None:
    """After `kill -9` of the server the load goes on; the page shows its end after a restart."""
    with running(Options(db=tmp_path / "alma.sqlite")) as alma:
        settings = {"ALMA_BASE_URL": alma.removesuffix("/almaws/v1"), "ALMA_API_KEY": "sandbox",
                    "ALMA_RATE": "10"}  # fmt: skip
        server = start(tmp_path, settings)
        client = server.client()
        run = _planned(client, "alma")
        assert client.post(f"{run}/approve", data={"some": "no"}).status_code == 303
        server.stop(signal.SIGKILL)
        server = start(tmp_path, settings)
        client = server.client()
        while client.get(f"{run}/live").status_code == 200:
            time.sleep(0.2)
        assert "28 created" in client.get(run).text
        assert server.stop() == 0
        assert "Traceback" not in server.said
    assert _count(tmp_path / "alma.sqlite") == 28


def test_a_load_is_paused_and_continued(tmp_path: Path) -> None:
    """Pause stops after the rows under way; continuing ends with all of them."""
    with running(Options(db=tmp_path / "alma.sqlite")) as alma:
        settings = {"ALMA_BASE_URL": alma.removesuffix("/almaws/v1"), "ALMA_API_KEY": "sandbox",
                    "ALMA_RATE": "4"}  # fmt: skip
        server = start(tmp_path, settings)
        client = server.client()
        run = _planned(client, "alma")
        live = client.post(f"{run}/approve", data={"some": "no"}).headers["Location"]
        while "created" not in client.get(live).text:
            time.sleep(0.1)
        client.post(live.replace("/live", "/pause"))
        while "The load has stopped" not in client.get(live).text:
            time.sleep(0.1)
        assert 0 < _count_of(client.get(f"{run}/rows?end=created").text) < 28
        live = client.post(f"{run}/approve", data={"some": "no"}).headers["Location"]
        while client.get(live).status_code == 200:
            time.sleep(0.2)
        assert _count_of(client.get(f"{run}/rows?end=created").text) == 28
        server.stop()


def _count_of(page: str) -> int:
    found = re.search(r"<h1>([0-9]+) row", page)
    return int(found[1]) if found else 0


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


def test_a_decision_is_about_the_user_that_it_names(tmp_path: Path) -> None:
    """Of two users in question the second is chosen on the page, and only that one changes."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "two.yaml").write_text(MAPPING, "utf-8")
    with running(Options(db=tmp_path / "alma.sqlite")) as alma:
        settings = {"ALMA_BASE_URL": alma.removesuffix("/almaws/v1"), "ALMA_API_KEY": "sandbox"}
        server = start(tmp_path, settings)
        client = server.client()
        first = _planned(client, "alma", "Id,First,Last,Code\n3001,Ida,Zorn,B1\n3002,Jon,Zorn,B2\n")
        _applied(client, first)
        run = _planned(client, "alma", "Id,First,Last,Code\n3001,Jon,Zorne,B2\n")
        page = client.get(f"{run}/rows/2").text
        assert page.count('name="decision"') == 3
        refused = client.post(f"{run}/rows/2", data={"decision": "same person, update: 9999"})
        assert refused.status_code == 422
        answer = client.post(f"{run}/rows/2", data={"decision": "same person, update: 3002"})
        _followed(client, answer.headers["Location"])
        _applied(client, run)
        server.stop()
    with sqlite3.connect(tmp_path / "alma.sqlite") as connection:
        names = dict(connection.execute("SELECT primary_id, last_name FROM users"))
    assert names == {"3001": "Zorn", "3002": "Zorne"}


def _applied(client: httpx.Client, run: str) -> None:
    """Approve a run with all its safety checks, and wait for its end."""
    checks = re.findall(r'name="allow" value="([a-z-]+)"', client.get(f"{run}/approve").text)
    answer = client.post(f"{run}/approve", data={"some": "no", "allow": checks})
    while client.get(answer.headers["Location"]).status_code == 200:
        time.sleep(0.2)
