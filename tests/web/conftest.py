"""The page as people have it: the real command in an empty folder, and a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from importer.errors import Exit
from importer.sandbox.server import Options, running
from importer.web.app import routes
from importer.web.tasks import EXIT, PROCESS, TASK, Task
from tests.serving import Below
from tests.web.forked import FORKING, FORKS, Forked, forks

CHROMIUM = shutil.which("chromium")
LOOPBACK = Path(__file__).parent / "loopback"
SAMPLE = Path(__file__).parents[2] / "samples" / "community-patrons.xlsx"

KEY = "l8xxCanaryKey"
"""The API key of the library; it must be nowhere but in `.env`."""

_LINK = re.compile(r"http://\S+/enter\?token=\S+")


_PATIENCE = 300
"""Seconds after which what a test waits for will not happen any more."""

expect.set_options(timeout=120_000)

Process = Forked | subprocess.Popen[bytes]

_STARTED: list[Process] = []


@dataclass
class Server:
    """The command `importer web` in a folder, and the link that it printed."""

    folder: Path
    process: Process
    link: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The address of the page, without the token."""
        return self.link.partition("/enter")[0]

    @property
    def origin(self) -> str:
        """Its beginning, up to the port."""
        return self.base.rpartition("/")[0]

    @property
    def root(self) -> str:
        """The secret path of all its addresses."""
        return self.base.removeprefix(self.origin)

    def client(self) -> httpx.Client:
        """A client that has entered, and sends forms as a browser does."""
        client = httpx.Client(
            base_url=self.base,
            headers={"Origin": self.origin},
            timeout=300,
            transport=Below(self.root),
        )
        self.clients.append(client)
        assert client.get(self.link).status_code == 200
        ((name, session),) = client.cookies.items()
        client.cookies.clear()
        client.cookies.set(name, session)  # without its path, which the client's addresses lack
        return client

    def stop(self, kind: signal.Signals = signal.SIGINT) -> int:
        """End it; return its exit code. Nothing of it may have left this computer."""
        for client in self.clients:
            client.close()
        self.process.send_signal(kind)
        code = self.process.wait(60)
        assert "Traceback" not in self.said
        assert not (self.folder / "left.txt").exists(), (self.folder / "left.txt").read_text()
        return code

    @property
    def said(self) -> str:
        """What it wrote."""
        return (self.folder / "said.txt").read_text("utf-8")


@cache
def practice_codes() -> bytes:
    """The code tables of a practice Alma, which the page otherwise gets when it starts."""
    with TemporaryDirectory() as name, running(Options(db=Path(name, "alma.sqlite"))) as alma:
        address = alma.removesuffix("/almaws/v1")
        settings = {"ALMA_API_KEY": "sandbox", "ALMA_BASE_URL": address}
        assert run_command(Path(name), "codes", "fetch", **settings) == Exit.DONE
        return Path(name, "codes.json").read_bytes()


def run_command(folder: Path, *words: str, **settings: str) -> int:
    """Run a command of the importer in a folder; return its exit code."""
    with Path(os.devnull).open("wb") as file:
        return _begin(folder, words, os.environ | settings, file, forked=FORKING).wait()


def start(folder: Path, *options: str, forked: bool = FORKING, **settings: str) -> Server:
    """Start the command, and wait until it is ready."""
    said = folder / "said.txt"
    process = _launch(folder, ("--port", "0", "--no-browser", *options), settings, forked=forked)
    while not (found := _LINK.search(said.read_text("utf-8"))):
        assert process.poll() is None, said.read_text("utf-8")
        time.sleep(0.05)
    return Server(folder, process, found[0])


def launch(folder: Path, *options: str, **settings: str) -> Process:
    """Start the command with these settings in its environment."""
    return _launch(folder, options, settings, forked=FORKING)


def _launch(
    folder: Path, options: Sequence[str], settings: dict[str, str], *, forked: bool
) -> Process:
    """Start the command, without any connection but loopback. A new practice has code tables."""
    if not (practice := folder / "practice").exists():
        practice.mkdir(0o700)
        (practice / "codes.json").write_bytes(practice_codes())
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ALMA_")}
    loopback = {"PYTHONPATH": str(LOOPBACK), "LOOPBACK_BROKEN": str(folder / "left.txt")}
    with (folder / "said.txt").open("wb") as file:
        words = ("web", *options)
        process = _begin(folder, words, environment | loopback | settings, file, forked=forked)
    _STARTED.append(process)
    return process


def _begin(
    folder: Path, words: Sequence[str], env: dict[str, str], file: BinaryIO, *, forked: bool
) -> Process:
    command = [sys.executable, "-m", "importer", *words]
    begin = Forked if forked else subprocess.Popen
    return begin(
        command,
        cwd=folder,
        env=env | ({FORKS: forks()} if forked else {}),
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture(autouse=True, scope="session")
def no_server_stays() -> Iterator[None]:
    """End the servers of tests that failed."""
    yield
    for process in _STARTED:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, httpx.Client]]:
    """One page in an empty folder for the tests of a module, and the client that has entered."""
    server = start(tmp_path_factory.mktemp("page"))
    yield server, server.client()
    assert server.stop() == 0


@dataclass
class Library:
    """A library whose Alma is a practice Alma in production, and a page on it."""

    folder: Path
    alma: str

    def set_rate(self, calls: float) -> None:
        """Write its settings; commands that start later send N calls a second."""
        settings = {
            "ALMA_BASE_URL": self.alma,
            "ALMA_API_KEY": KEY,
            "ALMA_RATE": calls,
            "ALMA_VERIFY_DELAY": 0,
        }
        path = self.folder / ".env"
        path.write_text("".join(f"{name}={text}\n" for name, text in settings.items()), "utf-8")
        path.chmod(0o600)

    def add(self, primary_id: str, first_name: str, last_name: str, **record: object) -> None:
        """Add a user of the group COMM to Alma."""
        add_user(self.alma, KEY, primary_id, first_name=first_name, last_name=last_name, **record)

    def users(self) -> dict[str, str]:
        """The users of Alma, as primary ID and last name."""
        access = {"Authorization": f"apikey {KEY}"}
        state = httpx.get(f"{self.alma}/_sandbox/state", headers=access).json()
        return {user["primary_id"]: user["last_name"] for user in state["users"]}

    def written(self) -> list[str]:
        """The writes that came to Alma, in order; what was too fast for it comes again."""
        access = {"Authorization": f"apikey {KEY}"}
        log = httpx.get(f"{self.alma}/_sandbox/log", headers=access)
        return [
            f"{call['method']} {call['path']}"
            for call in map(json.loads, log.text.splitlines())
            if call["method"] != "GET" and "/users" in call["path"] and "test" not in call["path"]
            if call["applied"] or call["status"] != 429
        ]


def add_user(alma: str, key: str, primary_id: str, **record: object) -> None:
    """Add a user of the group COMM to a practice Alma."""
    coded = {"record_type": "PUBLIC", "account_type": "INTERNAL", "user_group": "COMM"}
    body = {name: {"value": text} for name, text in coded.items()}
    answer = httpx.post(
        f"{alma}/almaws/v1/users",
        json={**body, **record, "primary_id": primary_id},
        headers={"Authorization": f"apikey {key}"},
    )
    assert answer.status_code == 200, answer.text


@contextmanager
def new_library(folder: Path) -> Iterator[Library]:
    """Make a library without users in a folder."""
    options = Options(db=folder / "alma.sqlite", key=KEY, switches={"environment": "production"})
    with running(options) as alma:
        made = Library(folder, alma)
        made.set_rate(50)
        yield made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library without users."""
    with new_library(tmp_path) as made:
        yield made


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """Have another content in a file for the block."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_bytes(before)


def loads(folder: Path) -> Iterator[int]:
    """Yield the processes of a library that write to Alma."""
    for number, task in _processes(folder):
        if "apply" in task.words:
            with suppress(ProcessLookupError):
                os.kill(number, 0)
                yield number


def _processes(folder: Path) -> Iterator[tuple[int, Task]]:
    """Yield the processes that the page of a library has started and that left no exit code."""
    for path in (folder / "tasks").glob(f"*/{PROCESS}"):
        if not (path.parent / EXIT).exists():
            task = Task.model_validate_json((path.parent / TASK).read_text("utf-8"))
            yield int(path.read_text("utf-8")), task


@contextmanager
def held(library: Library) -> Iterator[None]:
    """Let what the page has started stand still for the block, so that it runs all the time."""
    found = [number for number, _ in _processes(library.folder)]
    with ExitStack() as ended:
        for number in found:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGSTOP)
                ended.callback(_continue, number)
        yield


def _continue(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGCONT)


PLAIN = """version: 1
account_type: INTERNAL
record: {primary_id: <Id>, first_name: <First>, last_name: <Last>, user_group: COMM}
"""


def people(first: int, count: int) -> str:
    """A roster of N people for the mapping above."""
    rows = (f"{first + n},Ida,Name{n}" for n in range(count))
    return "\n".join(["Id,First,Last", *rows, ""])


def with_mapping(folder: Path, name: str, text: str) -> Path:
    """Add a mapping to a workspace; return its file."""
    path = folder / "mappings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def office(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Library, httpx.Client]]:
    """A library, and a client that has entered its page.

    It is as the module's own `prepare` makes it, or has the mapping above.
    """
    with new_library(tmp_path_factory.mktemp("library")) as library:
        if prepare := getattr(request.module, "prepare", None):
            prepare(library)
        else:
            with_mapping(library.folder, "plain.yaml", PLAIN)
        server = start(library.folder)
        yield library, server.client()
        assert server.stop() == 0
        assert KEY not in server.said


def dropped(client: httpx.Client, name: str, content: str | bytes, place: str = "practice") -> str:
    """Drop a roster; return its address. `place`: or that of the load that it comes after."""
    place = place if "?" in place else f"{place}/rosters"
    answer = client.post(f"/{place}", files={"roster": (name, content)})
    return answer.headers["Location"].removesuffix("/sheet")


def drafted(client: httpx.Client, place: str, roster: str | Path, mapping: str) -> str:
    """Drop a roster, given as text or by its path, and choose its mapping; return its address."""
    name = "people.csv" if isinstance(roster, str) else roster.name
    content = roster if isinstance(roster, str) else roster.read_bytes()
    draft = dropped(client, name, content, place)
    if mapping:
        client.post(f"{draft}/sheet", data={"do": "next", "mapping": mapping, "version": "0"})
    return draft


def address_of(client: httpx.Client, page: str) -> str:
    """Where a browser finds a page, from the path that the client knows."""
    return str(client.base_url).rstrip("/") + page


def planned(client: httpx.Client, draft: str) -> str:
    """Plan a draft as it is now; return the address of the run."""
    return followed(client, client.post(f"{draft}/plan", data={"version": version(client, draft)}))


def mapping_stamp(client: httpx.Client, draft: str) -> dict[str, str]:
    """What the form of a draft's mapping sends along, by which an old page is seen."""
    page = client.get(f"{draft}/mapping").text
    return dict(re.findall(r'name="(version|digest)" value="(\w+)"', page))


def save_mapping(
    client: httpx.Client, draft: str, form: Mapping[str, str], status: int = 303
) -> httpx.Response:
    """Send the form of a draft's mapping as it is shown now, with these fields."""
    answer = client.post(f"{draft}/mapping", data={**form, **mapping_stamp(client, draft)})
    assert answer.status_code == status, answer.text
    return answer


def version(client: httpx.Client, draft: str) -> str:
    """The version of a draft that its page shows."""
    found = re.search(r'name="version" value="(\d+)"', client.get(f"{draft}/sheet").text)
    assert found is not None
    return found[1]


def followed(client: httpx.Client, started: httpx.Response) -> str:
    """Wait for the command that an answer leads to; return the page that comes after it."""
    assert started.status_code == 303, started.text
    while (answer := client.get(started.headers["Location"])).status_code == 200:
        assert not re.search("did not work|>Stopped at|>Paused at", answer.text), answer.text
        time.sleep(0.3)
    return answer.headers["Location"]


def until(happened: Callable[[], object]) -> None:
    """Wait for something; fail if it does not happen in some minutes."""
    end = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


CODE = "01SANDBOX_INST"


def approve(
    client: httpx.Client, run: str, *checks: str, **form: str | list[str]
) -> httpx.Response:
    """Send the form of approval, by default for all rows and with the institution's code."""
    fields = {**approval(client, run), **form, "allow": list(checks)}
    return client.post(f"{run}/approve", data=fields)


def approval(client: httpx.Client, run: str) -> dict[str, str | list[str]]:
    """The form of approval as it is now, filled in rightly but for the safety checks."""
    page = client.get(run).text
    deletions = re.search(r"Type (\d+) to delete", page)
    return {
        "some": "no",
        "code": CODE,
        "plan": shown_plan(client, run),
        "viewed": re.findall(r'name="viewed" value="([a-z-]+)"', page),
        "deletions": deletions[1] if deletions else "",
    }


def words(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def shown_plan(client: httpx.Client, run: str) -> str:
    """The plan that the form of approval shows now, "" where it has none."""
    found = re.search(r'name="plan" value="(\w+)"', client.get(run).text)
    return found[1] if found else ""


def failed_checks(client: httpx.Client, run: str) -> list[str]:
    """The safety checks that the form of approval asks to allow."""
    return re.findall(r'name="allow" value="([a-z-]+)"', client.get(run).text)


@pytest.fixture(scope="module")  # not longer: it keeps an event loop in this thread
def browser() -> Iterator[Browser]:
    """Chromium without a window, which finds no host but this computer."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-lcd-text",  # smaller pictures
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield chromium
        chromium.close()


@contextmanager
def tab_of(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """A tab of the browser that has entered as a client has."""
    context = browser.new_context()
    context.set_default_timeout(120_000)
    url = str(client.base_url)
    context.add_cookies([{"name": n, "value": v, "url": url} for n, v in client.cookies.items()])
    yield context.new_page()
    context.close()


HOST = "loads.example.org"
"""Where a reverse proxy serves the page."""


APPROVERS = {"ALMA_WEB_APPROVERS": "systems"}
"""The setting of a page behind a reverse proxy: people of the group `systems` approve."""


def person(at: Path, name: str, groups: str = "", origin: str = f"https://{HOST}") -> httpx.Client:
    """A client at a socket whom the reverse proxy names, "" for nobody."""
    headers = {"Host": origin.partition("://")[2], "Origin": origin}
    headers |= {"X-Remote-User": name} if name else {}
    headers |= {"X-Remote-Groups": groups} if groups else {}
    transport = httpx.HTTPTransport(uds=str(at))
    return httpx.Client(transport=transport, base_url="http://socket", headers=headers, timeout=300)


@contextmanager
def behind_proxy(folder: Path, public: str = f"https://{HOST}", **settings: str) -> Iterator[Path]:
    """The page of a folder behind a reverse proxy, where `systems` approve; yield its socket."""
    at = folder / "page.sock"
    process = launch(folder, "--socket", str(at), "--public-url", public, **APPROVERS | settings)
    until(at.is_socket)
    yield at
    process.terminate()
    assert process.wait(60) == 0


def grid_rows(client: httpx.Client, draft: str, **query: str | int) -> dict[str, Any]:
    """A page of the grid of a draft as the browser gets it."""
    answer = client.get(f"{draft}/grid/rows", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def correct(client: httpx.Client, draft: str, cells: Mapping[tuple[int, str], str]) -> None:
    """Correct cells, by row and column letter, in one request, as the grid does."""
    edits = []
    for (row, letter), now in cells.items():
        shown = grid_rows(client, draft, show="all", find=row)
        line = next(one for one in shown["lines"] if one["row"] == row)
        at = next(one["at"] for one in shown["columns"] if one["letter"] == letter)
        edits.append({"row": row, "column": letter, "was": line["cells"][at], "now": now})
    answer = client.post(f"{draft}/grid/cells", json={"edits": edits})
    assert answer.status_code == 200, answer.text


def leave_out(client: httpx.Client, draft: str, *rows: int) -> None:
    """Leave rows out, as the grid does."""
    answer = client.post(f"{draft}/grid/cells", json={"leave_out": rows})
    assert answer.status_code == 200, answer.text


def decide(client: httpx.Client, run: str, answers: Mapping[int, str]) -> str:
    """Answer rows in the queue of decisions, and use the answers; return the run's page."""
    for row, text in answers.items():
        answer = client.post(f"{run}/decisions", data={"row": str(row), "decision": text})
        assert answer.status_code == 303, answer.text
    return followed(client, client.post(f"{run}/decisions/use"))


ADDRESSES = [
    (route.method, re.sub(r"\{\w+\}", "x", route.path.replace("{place}", "practice")))
    for route in routes("")
]
