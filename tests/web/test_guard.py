"""Who may use the page, what it refuses, and what it never shows."""

from __future__ import annotations

import html
import io
import re
import socket
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from importer.web.workspace import PRACTICE_ALMA, PUT_ASIDE, kept_in
from tests.serving import Below
from tests.web.conftest import (
    ADDRESSES,
    APPROVERS,
    KEY,
    SAMPLE,
    Server,
    behind_proxy,
    drafted,
    followed,
    grid_rows,
    launch,
    mapping_stamp,
    person,
    save_mapping,
    start,
    until,
    version,
)


def test_every_page_is_guarded(opened: tuple[Server, httpx.Client]) -> None:
    """Another Host: 421. Not below the secret path: 404. No cookie or a used token: 401.

    A form from elsewhere: 403.
    """
    server, client = opened
    origin = {"Origin": server.origin}
    assert client.get(server.link).status_code == 401
    port = server.origin.rpartition(":")[2]
    with (
        httpx.Client(base_url=server.base, transport=Below(server.root)) as stranger,
        httpx.Client(base_url=server.origin, cookies=client.cookies) as outside,
    ):
        ((name, value),) = client.cookies.items()
        session = {**origin, "Cookie": f"{name}={value}"}
        for method, path in [*ADDRESSES, ("GET", "/"), ("GET", "/static/page.css")]:
            for host in ("rebound.example.org", "localhost", "x.localhost"):
                other = {"Host": f"{host}:{port}"}
                assert client.request(method, path, headers=other).status_code == 421, path
            for before in ("", "/x", f"/{'x' * 43}", f"/{server.root}", server.root[:-1]):
                answer = outside.request(method, before + path, headers=session)
                assert answer.status_code == 404, (before, path)
            assert stranger.request(method, path, headers=origin).status_code == 401, path
            if method == "POST":
                for headers in (
                    {"Sec-Fetch-Site": "cross-site"},
                    {"Origin": "http://elsewhere.example.org"},
                    {"Origin": "null"},
                    {"Origin": ""},
                ):
                    assert client.request(method, path, headers=headers).status_code == 403, path
    below = Below(server.root)
    with httpx.Client(base_url=server.base, cookies=client.cookies, transport=below) as bare:
        assert bare.post("/practice/samples").status_code == 403


def test_the_browser_that_the_command_opens_is_let_in(browser: Browser, tmp_path: Path) -> None:
    """From the file that it is handed, another site for the browser, to the start page."""
    handed, program = tmp_path / "handed.txt", tmp_path / "browser.sh"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" > "{handed}"\n', "utf-8")
    program.chmod(0o700)
    process = launch(tmp_path, "--port", "0", BROWSER=str(program))
    until(lambda: handed.is_file() and handed.read_text("utf-8").endswith("\n"))
    address = handed.read_text("utf-8").strip()
    assert address.startswith("file:")
    tab = browser.new_page()
    tab.goto(address)
    tab.wait_for_url("http://127.0.0.1:*/*/alma/", timeout=60_000)
    tab.reload()
    assert tab.get_by_role("heading", level=1).count() == 1
    (cookie,) = tab.context.cookies()
    assert (cookie["sameSite"], cookie["httpOnly"]) == ("Strict", True)
    assert cookie["path"] == "/" + urlsplit(tab.url).path.split("/")[1] + "/"
    tab.close()
    process.terminate()
    assert process.wait(60) == 0


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
        pytest.param("cell.csv", lambda: b"Id,Name\n1," + b"x" * 30_000_000, id="cell"),
        pytest.param("large.csv", lambda: b"Id\n" + b"1\n" * 110_000_000, id="large"),
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
    answer = client.post(f"{draft}/mapping", data={"do": "text", "text": "x" * 3_000_000})
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_an_upload_that_breaks_off_is_not_a_roster(opened: tuple[Server, httpx.Client]) -> None:
    """A roster of which the last rows did not arrive is never shown."""
    server, client = opened
    before = sorted((server.folder / "practice").glob("drafts/*"))
    host = server.origin.removeprefix("http://")
    port = host.rpartition(":")[2]
    name, cookie = next(iter(client.cookies.items()))
    head = (
        f"POST {server.root}/practice/rosters HTTP/1.1\r\n"
        f"Host: {host}\r\nOrigin: {server.origin}\r\n"
        f"Cookie: {name}={cookie}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="roster"; filename="a.csv"\r\n\r\nId\r\n1\r\n'
    )
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(head.encode())
        until(lambda: sorted((server.folder / "practice").glob("drafts/*")) != before)
        assert "a.csv" not in client.get("/practice/").text
    until(lambda: sorted((server.folder / "practice").glob("drafts/*")) == before)


@pytest.mark.parametrize("name", ["corrections.csv", "draft.json", "00001.mapping-before"])
def test_a_roster_may_have_any_name(
    opened: tuple[Server, httpx.Client], tmp_path: Path, name: str
) -> None:
    """Also that of a file which the page keeps beside it."""
    _, client = opened
    path = tmp_path / name
    path.write_bytes(SAMPLE.with_suffix(".csv").read_bytes())
    draft = drafted(client, "practice", path, "community.yaml")
    assert grid_rows(client, draft)["heading"] == "12 rows need correction"


def test_a_mapping_that_was_changed_elsewhere_is_not_overwritten(
    opened: tuple[Server, httpx.Client],
) -> None:
    """In an editor, or with another roster: 409 for its text and for its form; the file stays."""
    server, client = opened
    draft, other = (drafted(client, "practice", SAMPLE, "community.yaml") for _ in range(2))
    mapping = server.folder / "practice" / "mappings" / "community.yaml"
    before = mapping.read_bytes()
    for change in (
        lambda: mapping.write_bytes(before + b"# edited\n"),
        lambda: save_mapping(client, other, {"set match/new": "reject"}),
    ):
        shown = mapping_stamp(client, draft)
        change()
        saved = mapping.read_bytes()
        for form in ({"do": "text", "text": "version: 1\n"}, {"set match/known": "skip"}):
            assert client.post(f"{draft}/mapping", data={**form, **shown}).status_code == 409
        assert mapping.read_bytes() == saved != before
    mapping.write_bytes(before)


def test_undo_does_not_take_back_what_others_wrote(opened: tuple[Server, httpx.Client]) -> None:
    """After a change in an editor, or with another roster, undo is not offered, and refused."""
    server, client = opened
    draft, other = (drafted(client, "practice", SAMPLE, "community.yaml") for _ in range(2))
    mapping = server.folder / "practice" / "mappings" / "community.yaml"
    save_mapping(client, draft, {"target-D": "record/job_category"})
    clicked = mapping.read_bytes()
    assert 'value="undo"' in client.get(f"{draft}/mapping").text
    save_mapping(client, other, {"target-D": ""})
    undo = {"do": "undo", "version": version(client, draft)}
    assert 'value="undo"' not in client.get(f"{draft}/mapping").text
    assert client.post(f"{draft}/mapping", data=undo).status_code == 409
    save_mapping(client, other, {"do": "undo"})
    assert mapping.read_bytes() == clicked
    save_mapping(client, draft, {"do": "undo"})


def test_a_text_that_is_saved_keeps_its_characters(opened: tuple[Server, httpx.Client]) -> None:
    """Whether they can be seen or not; a file loses its byte order mark, which is no character."""
    server, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml")
    mapping = server.folder / "practice" / "mappings" / "community.yaml"
    before = mapping.read_text("utf-8")
    text = "# soft\u00adhyphen, no\u00a0break, zero\u200bwidth, tab\there, e\u0301\n" + before
    mapping.write_bytes(b"\xef\xbb\xbf" + text.encode())
    page = client.get(f"{draft}/mapping?view=text").text
    box = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert box is not None
    assert html.unescape(box[1]) == text
    save_mapping(client, draft, {"do": "text", "text": html.unescape(box[1])})
    assert mapping.read_bytes() == text.encode()
    mapping.write_text(before, "utf-8")


def test_every_roster_in_work_can_be_reached(opened: tuple[Server, httpx.Client]) -> None:
    """However many are newer."""
    _, client = opened
    begun = [drafted(client, "practice", "Barcode\n1\n", "community.yaml") for _ in range(30)]
    page = "".join(client.get(f"/practice/?page={number}").text for number in (1, 2, 3))
    assert [draft for draft in begun if f'href="{draft}/sheet"' not in page] == []


UNREADABLE = {
    "tab.yaml": b"version: 1\nrecord:\n\tprimary_id: <A>\n",
    "empty.yaml": b"",
    "utf-16.yaml": "version: 1\n".encode("utf-16"),
    "cp1252.yaml": "# Gebühr\nversion: 1\n".encode("cp1252"),
    "large.yaml": b"# " + b"x" * 300_000,
}


def test_a_mapping_that_cannot_be_read_can_be_left(opened: tuple[Server, httpx.Client]) -> None:
    """Chosen or not, such a file, folder or link is named on the page of mappings."""
    server, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml")
    mappings = server.folder / "practice" / "mappings"
    for name, content in UNREADABLE.items():
        (mappings / name).write_bytes(content)
    (mappings / "folder.yaml").mkdir()
    (mappings / "link.yaml").symlink_to("nowhere")
    (mappings / "._community.yaml").write_bytes(b"\x00\x05\x16\x07")  # made by macOS
    (mappings / ".#community.yaml").symlink_to("ana@example.org")  # made by Emacs
    try:
        listed = re.findall(r'name="mapping" value="([^"]*)"', client.get(f"{draft}/sheet").text)
        unreadable = {*UNREADABLE, "folder.yaml", "link.yaml"}
        assert unreadable <= {*listed}
        assert not [name for name in listed if name.startswith(".")]
        for name in unreadable:
            form = {"do": "next", "mapping": name, "version": version(client, draft)}
            assert client.post(f"{draft}/sheet", data=form).status_code == 303
            page = client.get(f"{draft}/mapping")
            assert (page.status_code, 'id="findings"' in page.text) == (200, True), name
            assert client.get(f"{draft}/sheet").status_code == 200
            answer = client.get(f"{draft}/grid")
            assert (answer.status_code, answer.headers["Location"]) == (303, "mapping"), name
    finally:
        for name in ("._community.yaml", ".#community.yaml", *UNREADABLE, "link.yaml"):
            (mappings / name).unlink()
        (mappings / "folder.yaml").rmdir()


def test_a_text_that_cannot_be_read_can_be_undone(opened: tuple[Server, httpx.Client]) -> None:
    """A quotation mark that is not closed is named beside the text, and undone on the page."""
    server, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml")
    mapping = server.folder / "practice" / "mappings" / "community.yaml"
    before = mapping.read_bytes()
    broken = mapping.read_text("utf-8") + 'title: "x\n'
    save_mapping(client, draft, {"do": "text", "text": broken})
    answer = client.get(f"{draft}/mapping")
    assert (answer.status_code, 'id="findings"' in answer.text) == (200, True)
    save_mapping(client, draft, {"do": "undo"})
    assert mapping.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "environment", "code"),
    [((), {"ALMA_API_KEY": KEY}, 2), (("--idle", "0.0005"), {}, 0)],
    ids=["key in the environment", "nobody uses it"],
)
def test_the_server_does_not_run(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], code: int
) -> None:
    """With the key in its environment it is refused, and unused it ends by itself."""
    process = launch(tmp_path, "--port", "0", "--no-browser", *options, **environment)
    assert process.wait(60) == code
    assert KEY not in (tmp_path / "said.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("public", "origin"),
    [
        ("https://Loads.Example.org", "https://loads.example.org"),
        ("https://loads.example.org:443", "https://loads.example.org"),
        ("http://LOADS.example.org:80", "http://loads.example.org"),
        ("https://loads.example.org:80", "https://loads.example.org:80"),
    ],
)
def test_a_public_address_is_known_as_browsers_send_it(
    tmp_path: Path, public: str, origin: str
) -> None:
    """However it was typed: without capitals, and without the usual port of its kind."""
    with behind_proxy(tmp_path, public) as at, person(at, "", origin=origin) as client:
        for name in (None, "", "<>"):
            nobody = {} if name is None else {"X-Remote-User": name}
            assert client.get("/practice/", headers=nobody).status_code == 401
            assert client.post("/practice/samples", headers=nobody).status_code == 401
        client.headers["X-Remote-User"] = "ana"
        assert client.get("/practice/").status_code == 200
        assert client.post("/practice/samples").status_code == 303


def test_a_second_server_takes_no_socket_away(tmp_path: Path) -> None:
    """It refuses to start where one listens, and takes the place of one that was killed."""
    at = tmp_path / "page.sock"
    options = ("--socket", str(at), "--public-url", "https://loads.example.org")
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()

    def answers() -> bool:
        with person(at, "ana") as client:
            return client.get("/practice/").status_code == 200

    first = launch(folders[0], *options, **APPROVERS)
    until(at.is_socket)
    assert answers()
    second = launch(folders[1], *options, **APPROVERS)
    assert second.wait(60) == 2
    assert "Another server" in (folders[1] / "said.txt").read_text("utf-8")
    assert answers()
    first.kill()
    first.wait(60)
    third = launch(folders[2], *options, **APPROVERS)
    until(lambda: "is served at" in (folders[2] / "said.txt").read_text("utf-8"))
    assert answers()
    third.terminate()
    assert third.wait(60) == 0
    assert not at.exists()


def test_a_page_on_another_port_gets_no_session(browser: Browser, tmp_path: Path) -> None:
    """Another program of this computer gets no cookie and no path of the page in the browser.

    Even if it knows the path, it reads nothing, posts nothing and shows nothing in a frame.
    """
    server = start(tmp_path)
    seen: list[tuple[str, ...]] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(tuple(self.headers.get(name, "") for name in ("Cookie", "Referer")))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>Stranger</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as other:
        other.daemon_threads = True
        Thread(target=other.serve_forever, daemon=True).start()
        tab = browser.new_page()
        tab.goto(server.link)
        tab.wait_for_url("**/alma/")
        stranger = f"http://127.0.0.1:{other.server_port}"
        tab.evaluate("address => { location.href = address; }", stranger)
        tab.wait_for_url(f"{stranger}/")
        tab.goto(f"{stranger}/practice/")
        assert tab.evaluate(ATTACKS, server.base) == ["refused"] * len(KINDS)
        tab.evaluate("name => { document.cookie = `${name}=x; path=/`; }", "importer")
        tab.goto(f"{server.base}/practice/")
        assert tab.get_by_role("heading", level=1).count() == 1
        assert [*(tmp_path / "practice").glob("drafts/*")] == []
        tab.close()
        other.shutdown()
    assert len(seen) >= 2
    assert {cookie for cookie, _ in seen} == {""}
    assert not [one for _, one in seen if server.root in one]
    assert server.stop() == 0


KINDS = ("read", "read without cors", "post", "frame", "script", "stream")
ATTACKS = """async base => {
  const refused = work => work.then(() => "done", () => "refused");
  const send = (path, options) => fetch(base + path, {credentials: "include", ...options});
  const loaded = one => new Promise((good, bad) => {
    one.onload = good; one.onerror = bad; document.documentElement.append(one); });
  const frame = Object.assign(document.createElement("iframe"), {src: `${base}/practice/`});
  const script = Object.assign(document.createElement("script"), {src: `${base}/static/api.js`});
  return [
    await refused(send("/practice/")),
    await refused(send("/practice/", {mode: "no-cors"})),
    await send("/practice/samples", {method: "POST", mode: "no-cors"}).then(
      answer => answer.type === "opaque" ? "refused" : "done", () => "refused"),
    await loaded(frame).then(() => { try { return frame.contentDocument ? "done" : "refused"; }
      catch { return "refused"; } }, () => "refused"),
    await refused(loaded(script)),
    await new Promise(done => { const one = new EventSource(`${base}/practice/runs/x/live`);
      one.onmessage = () => done("done"); one.onerror = () => done("refused"); }),
  ];
}"""
"""What a page of another port tries with our addresses."""


def test_a_command_of_an_earlier_start_leads_to_its_page(tmp_path: Path) -> None:
    """The secret path is another one then, and no file has it."""
    server = start(tmp_path)
    client = server.client()
    task = client.post("/practice/settings/doctor").headers["Location"]
    followed(client, httpx.Response(303, headers={"Location": task}))
    roots = [server.root]
    assert server.stop() == 0
    server = start(tmp_path)
    client = server.client()
    shown = client.get(task)
    assert (shown.status_code, server.root in roots) == (303, False)
    assert client.get(shown.headers["Location"]).status_code == 200
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "said.txt"]
    assert not [path for path in files if roots[0].encode() in path.read_bytes()]
    assert server.stop() == 0


def test_the_practice_alma_has_a_key_of_its_own(tmp_path: Path) -> None:
    """The page uses it; the key of `importer sandbox`, which everyone knows, is refused."""
    server = start(tmp_path)
    client = server.client()
    task = client.post("/practice/settings/doctor").headers["Location"]
    shown = followed(client, httpx.Response(303, headers={"Location": task}))
    assert "The key may write users" in client.get(shown).text
    ports = {int(line.split()[1].rpartition(":")[2], 16) for line in _listening(server.process.pid)}
    codes = set()
    for port in ports - {int(server.origin.rpartition(":")[2])}:
        address = f"http://127.0.0.1:{port}/almaws/v1/users"
        codes.add(httpx.get(address, headers={"Authorization": "apikey sandbox"}).status_code)
    assert codes <= {400, 401, 403}
    assert codes
    assert server.stop() == 0


@pytest.mark.parametrize("kind", ["another version", "no database"])
def test_a_practice_alma_that_cannot_be_opened_is_put_aside(tmp_path: Path, kind: str) -> None:
    """The page starts, says so in practice, and its bytes are kept under another name."""
    practice = tmp_path / "practice"
    practice.mkdir(0o700)
    alma = practice / PRACTICE_ALMA
    if kind == "another version":
        with closing(sqlite3.connect(alma)) as database:
            database.execute("PRAGMA user_version = 2")
            database.execute("CREATE TABLE kept (name)")
    else:
        alma.write_bytes(b"no database" * 99)
    before = alma.read_bytes()
    server = start(tmp_path)
    client = server.client()
    (aside,) = practice.glob(f"{PUT_ASIDE}*.sqlite")
    assert aside.read_bytes() == before
    assert aside.name in client.get("/practice/").text
    assert aside.name not in client.get("/alma/").text
    assert aside in kept_in(practice)
    assert server.stop() == 0
    server = start(tmp_path)
    assert [*practice.glob(f"{PUT_ASIDE}*.sqlite")] == [aside]
    assert server.stop() == 0


def _listening(pid: int) -> list[str]:
    """The lines of the system's list of sockets on which a process listens."""
    sockets = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            sockets.add(str(path.readlink()))
    lines = Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]
    return [one for one in lines
            if one.split()[3] == "0A" and f"socket:[{one.split()[9]}]" in sockets]  # fmt: skip
