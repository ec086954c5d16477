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


def _planned(client: httpx.Client, place: str) -> str:
    """Plan the sample in a place; return the address of its run."""
    content = (SAMPLES / "community-patrons.xlsx").read_bytes()
    answer = client.post(f"/{place}/rosters", files={"roster": ("patrons.xlsx", content)})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(
        f"{draft}/mapping", data={"do": "choose", "mapping": "community.yaml", "version": "0"}
    )
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
