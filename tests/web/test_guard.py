"""Who may use the page, what it refuses, and what it never shows."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from importer.web.app import ROUTES
from tests.web.conftest import (
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
)

ADDRESSES = [
    (route.method, re.sub(r"\{\w+\}", "x", route.path.replace("{place}", "practice")))
    for route in ROUTES
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, httpx.Client]]:
    """One page for these tests, and the client that has entered."""
    server = start(tmp_path_factory.mktemp("page"))
    yield server, server.client()
    assert server.stop() == 0


def test_every_page_is_guarded(opened: tuple[Server, httpx.Client]) -> None:
    """Another Host: 421. No cookie or a used token: 401. A form from elsewhere: 403."""
    server, client = opened
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


def test_every_answer_is_private(opened: tuple[Server, httpx.Client]) -> None:
    """The content policy has nothing unsafe, and nothing is cached."""
    _, client = opened
    for path in ("/practice/", "/practice/settings", "/nowhere", "/static/web.css"):
        answer = client.get(path)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def bomb() -> bytes:
    """A workbook of some kilobytes that is 500 MB when it is unzipped."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(500):
                sheet.write(bytes(1_000_000))
    return content.getvalue()


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE users [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>
<users><user><primary_id>&b;&c;</primary_id></user></users>"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(2000), id="photo"),
        pytest.param("empty.xlsx", b"", id="empty"),
        pytest.param("../../etc/cut.xlsx", b"PK\x03\x04" + bytes(500), id="cut"),
        pytest.param("bomb.xlsx", bomb, id="bomb"),
        pytest.param("entities.xml", ENTITIES, id="entities"),
        pytest.param("cell.csv", b"Id,Name\n1," + b"x" * 30_000_000, id="cell"),
        pytest.param("large.csv", b"Id\n" + b"1\n" * 110_000_000, id="large"),
    ],
)
def test_a_hostile_file_is_one_sentence(
    opened: tuple[Server, httpx.Client], name: str, content: bytes | Callable[[], bytes]
) -> None:
    """It is refused with a reason, and nothing of it is kept."""
    server, client = opened
    before = sorted((server.folder / "practice").glob("drafts/*"))
    data = content() if callable(content) else content
    answer = client.post("/practice/rosters", files={"roster": (name, data)})
    assert answer.status_code in {413, 422}
    assert len(re.findall(r"<p[ >]", answer.text.partition("<main")[2])) <= 2
    assert sorted((server.folder / "practice").glob("drafts/*")) == before


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"roster", 422),
        ("multipart/form-data", b"no boundary", 422),
        ("multipart/form-data; boundary=x", b"--y\r\n", 422),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="roster"'
         b"\r\n\r\ntext\r\n--x--\r\n", 422),
    ],
)  # fmt: skip
def test_a_form_without_a_file_is_one_sentence(
    opened: tuple[Server, httpx.Client], kind: str, body: bytes, status: int
) -> None:
    """No file, another form, or none at all."""
    answer = opened[1].post("/practice/rosters", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, "Choose a CSV" in answer.text) == (status, True)


def test_a_form_that_is_too_large_is_one_sentence(opened: tuple[Server, httpx.Client]) -> None:
    """Other forms than a roster have a limit of their own."""
    _, client = opened
    draft = client.post("/practice/samples").headers["Location"].removesuffix("/sheet")
    answer = client.post(f"{draft}/mapping", data={"do": "save", "text": "x" * 3_000_000})
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_an_upload_that_breaks_off_is_not_a_roster(opened: tuple[Server, httpx.Client]) -> None:
    """A roster of which the last rows did not arrive is never shown."""
    server, client = opened
    before = sorted((server.folder / "practice").glob("drafts/*"))
    host, _, port = server.base.removeprefix("http://").partition(":")
    name, cookie = next(iter(client.cookies.items()))
    head = (
        f"POST /practice/rosters HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {server.base}\r\n"
        f"Cookie: {name}={cookie}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="roster"; filename="a.csv"\r\n\r\nId\r\n1\r\n'
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
        until(lambda: sorted((server.folder / "practice").glob("drafts/*")) != before)
        assert "a.csv" not in client.get("/practice/").text
    until(lambda: sorted((server.folder / "practice").glob("drafts/*")) == before)


@pytest.mark.parametrize("name", ["corrections.csv", "draft.json", "00001.mapping-before"])
def test_a_roster_may_have_any_name(opened: tuple[Server, httpx.Client], name: str) -> None:
    """Also that of a file which the page keeps beside it."""
    _, client = opened
    content = SAMPLE.with_suffix(".csv").read_bytes()
    answer = client.post("/practice/rosters", files={"roster": (name, content)})
    draft = answer.headers["Location"].removesuffix("/sheet")
    client.post(
        f"{draft}/mapping", data={"do": "choose", "mapping": "community.yaml", "version": "0"}
    )
    assert "12 rows need correction" in client.get(f"{draft}/problems").text


def test_a_mapping_that_was_changed_in_an_editor_is_not_overwritten(
    opened: tuple[Server, httpx.Client],
) -> None:
    """The page's text is older than the file: 409, and the file stays as the editor saved it."""
    server, client = opened
    draft = client.post("/practice/samples").headers["Location"].removesuffix("/sheet")
    digest = re.search(r'name="digest" value="(\w+)"', client.get(f"{draft}/mapping").text)
    assert digest is not None
    mapping = server.folder / "practice" / "mappings" / "community.yaml"
    edited = mapping.read_text("utf-8") + "# edited\n"
    mapping.write_text(edited, "utf-8")
    form = {"do": "save", "text": "version: 1\n", "version": "1", "digest": digest[1]}
    assert client.post(f"{draft}/mapping", data=form).status_code == 409
    assert mapping.read_text("utf-8") == edited


def test_key_token_and_cookie_stay_where_they_are(library: Library) -> None:
    """The key is in no page, file, command line or environment, and so are token and cookie.

    Every page is visited that a link leads to, after a load; and no page is a defect.
    """
    server = start(library.folder)
    client = server.client()
    settings = followed(client, client.post("/alma/settings/doctor"))
    assert "What the doctor found" in client.get(settings).text
    run = planned(client, drafted(client, "alma", SAMPLE, "community.yaml"))
    library.set_rate(2)
    live = approve(client, run).headers["Location"]
    secrets = (KEY, server.link.partition("token=")[2], next(iter(client.cookies.values())))
    for path in Path("/proc").glob("[0-9]*"):
        try:
            seen = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if bytes(library.folder) in seen:
            assert not [one for one in secrets if one.encode() in seen], seen
    client.post(live.replace("/live", "/pause"))
    visited: set[str] = set()
    wanted = {"/alma/", "/practice/", live, f"{run}/approve"}
    while wanted - visited:
        address = sorted(wanted - visited)[0]
        visited.add(address)
        answer = client.get(address, follow_redirects=True)
        assert answer.status_code == 200, address
        assert not [one for one in secrets if one in answer.text], address
        found = re.findall(r'(?:href|src|data-events)="(/[^"#]*)"', answer.text)
        rows = re.compile(r"/rows/\d|[?&](cause|page|end)=")
        wanted |= {one.replace("&amp;", "&") for one in found if not rows.search(one)}
    assert len(visited) > 20
    assert server.stop() == 0
    assert not [one for one in (KEY, secrets[2]) if one in server.said]
    for path in library.folder.rglob("*"):
        if path.is_file() and path.name not in {".env", "said.txt"}:
            content = path.read_bytes()
            assert not [one for one in secrets if one.encode() in content], path


@pytest.mark.parametrize(
    ("options", "environment", "code"),
    [((), {"ALMA_API_KEY": KEY}, 2), (("--idle", "0.0005"), {}, 0)],
    ids=["key in the environment", "nobody uses it"],
)
def test_the_server_does_not_run(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], code: int
) -> None:
    """With the key in its environment it is refused, and unused it ends by itself."""
    command = [sys.executable, "-m", "importer", "web", "--port", "0", "--no-browser", *options]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, check=False,
                          capture_output=True)  # fmt: skip
    assert done.returncode == code, done.stderr
    assert KEY.encode() not in done.stderr
