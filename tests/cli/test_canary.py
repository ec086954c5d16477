"""Patrons' data and the key stay where they belong: canaries in every input, and in a reply."""

from __future__ import annotations

import base64
import json
import logging
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.practice import reached
from tests.serving import serving
from tests.sheets import write_rows

COMMUNITY = MAPPINGS / "community.yaml"

KEY = "canary-key-8c1f"

SOUND = {
    "Barcode": "29990001112223",
    "First Name": "Quillonia",
    "Middle": "Zebulonia",
    "Last Name": "Vexworthy",
    "Patron Type": "Community",
    "Email": "quillonia.vexworthy@example.org",
    "Alternate Email": "zebuloniaother@mail.example.org",
    "Phone": "605-555-0173",
    "Street": "4711 Canaryfeather Lane",
    "Apt": "Apt 99817",
    "City": "Featherbury",
    "State": "SD",
    "ZIP": "57893-4466",
    "DOB": "03/29/1957",
    "Expires": "08/31/2035",
    "Comments": "Privatissimum",
}

SPOILED: tuple[dict[str, str], ...] = (
    {"Barcode": "2999000111"},
    {"Barcode": "2.99900E+13"},
    {"Email": "quillonia.vexworthy at example.org"},
    {"DOB": "31/31/1957"},
    {"DOB": "03/29/2957"},
    {"Phone": "Vexworthyphone"},
    {"Last Name": "VexworthyÃ±"},
    {"First Name": "Quillonia\x07"},
    {"Last Name": "Vexworthy" * 40},
    {"ZIP": "Featherbury"},
    {"State": "Featherbury"},
    {"Patron Type": ""},
    {},
    {},
)

CANARIES = (
    KEY, "Quillonia", "Zebulonia", "Vexworthy", "quillonia", "zebulonia", "vexworthy", "555-0173",
    "5550173", "Canaryfeather", "Apt 99817", "Featherbury", "57893-4466", "03/29", "1957-03-29",
    "29990001112223", "2999000111", "Privatissimum",
)  # fmt: skip


def roster(path: Path) -> None:
    """One sound row, and one for every way in which a row can be wrong; the last two are twins."""
    rows = []
    for number, changes in enumerate(({}, *SPOILED)):
        other = {"Barcode": f"{29990001112223 + number}"} if number < len(SPOILED) else {}
        rows.append({**SOUND, **other, **changes})
    write_rows(path, rows)


FAULTS = """
rules:
  - {on: GET, nth: 9, do: html}
  - {on: POST, nth: 1, do: drop_after}
  - {on: POST, nth: 2, do: unauthorized}
"""


@pytest.mark.parametrize("faults", ["", FAULTS])
def test_no_canary_leaves_but_in_the_files_for_values(
    faults: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Terminal, logs, page, summary and messages of errors hold no value and no key.

    The rejects hold what has to be corrected, and the team's page shows values.
    """
    roster(Path("patrons.csv"))
    Path("faults.yaml").write_text(faults or "rules: []\n", "utf-8")
    options = Options(key=KEY, rate=0, faults=Path("faults.yaml"))
    said: list[str] = []
    with reached(monkeypatch, options), caplog.at_level(logging.DEBUG):
        for line in (
            ("check", "patrons.csv", "-m", COMMUNITY, "-o", "checked"),
            ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "run"),
            ("apply", "run"),
            ("apply", "run"),
            ("report", "run"),
            ("show", "run", "2"),
            ("show", "run", "3"),
            ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "again"),
            ("runs",),
            ("doctor",),
            ("apply", "run", "--limit", "many"),
        ):
            got = typed(*line)
            said += [got.out, got.err]
    said += [record.getMessage() for record in caplog.records]
    for run in ("checked", "run", "again"):
        said += [
            Path(run, name).read_text("utf-8") for name in ("report-masked.html", "summary.json")
        ]
    text = "\n".join(said)
    assert [canary for canary in CANARIES if canary in text] == []
    assert "Quillonia" in Path("run/rejects.csv").read_text("utf-8-sig")
    assert "2999000111" in Path("run/report.html").read_text("utf-8")
    everything = b"".join(path.read_bytes() for path in Path("run").iterdir())
    assert KEY.encode() not in everything


def test_commands_connect_to_alma_and_to_nothing_else(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name is looked up and no connection made but to the address of the settings."""
    asked: set[tuple[object, object]] = set()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: tuple[object, ...]) -> None:
        asked.add((address[0], address[1]))
        connect(self, address)

    def looking_up(*words: Any, **options: Any) -> list[Any]:
        asked.add((words[0], words[1]))
        return look_up(*words, **options)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    roster(Path("patrons.csv"))
    for line in (
        ("codes", "fetch"),
        ("doctor",),
        ("mapping", "new", "patrons.csv", "-o", "mine.yaml"),
        ("check", "patrons.csv", "-m", COMMUNITY, "-o", "checked"),
        ("users", "refresh"),
        ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "run"),
        ("apply", "run"),
        ("report", "run"),
        ("undo", "run", "--delete-created", "-o", "back"),
        ("runs",),
        ("person", SOUND["Barcode"]),
    ):
        assert typed(*line).exit in {Exit.DONE, Exit.REJECTS}, line
    alma = urlsplit(sandbox.host)
    assert asked == {(alma.hostname, alma.port)}


FORMS = {
    "plain": f"Authorization: apikey {KEY}",
    "escaped for JSON": KEY.replace("8", "\\u0038"),
    "header in base64": base64.b64encode(f"apikey {KEY}".encode()).decode(),
    "hexadecimal": KEY.encode().hex(),
}
"""The key as a device writes it in the text of an error, in JSON."""

LEFT = (KEY.encode(), base64.b64encode(KEY.encode())[:-4], FORMS["header in base64"].encode()[10:],
        KEY.encode().hex().encode())  # fmt: skip
"""What must be in no file."""


@contextmanager
def gateway(behind: str) -> Iterator[str]:
    """Yield the address of a device in front of an Alma that refuses writes and quotes the key."""

    class Device(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {"Authorization": self.headers["Authorization"], "Accept": "application/json"}
            try:
                with urlopen(Request(f"{behind}{self.path}", headers=headers)) as answer:
                    self._reply(200, answer.read())
            except HTTPError as error:  # such as "no user has this ID"
                self._reply(error.code, error.read())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            assert KEY in self.headers["Authorization"]
            error = {"errorCode": "401652", "errorMessage": "Rule 7: FORM", "trackingId": "FORM"}
            body = json.dumps({"errorsExist": True, "errorList": {"error": [error]}})
            self._reply(400, body.replace("FORM", "; ".join(FORMS.values())).encode())

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with five, connections of a busy moment are lost

    with serving(Server(("127.0.0.1", 0), Device)) as address:
        yield f"http://{address}"


def test_a_repeated_key_is_stored_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the ledger, the reports or the terminal, with values shown or masked."""
    patrons, community = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"
    said: list[str] = []
    with reached(monkeypatch, Options(key=KEY, rate=0)) as alma, gateway(alma) as host:
        monkeypatch.setenv("ALMA_BASE_URL", host)
        assert typed("plan", patrons, "-m", community, "-o", "run").exit == Exit.REJECTS
        applied = typed("apply", "run", "--show-values", "--yes")
        assert applied.exit == Exit.REFUSED
        said += [applied.out, applied.err]
        for line in (("report", "run", "--show-values"), ("show", "run", "2", "--json")):
            got = typed(*line)
            said += [got.out, got.err]
    files = {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}
    assert len(files) > 4
    for name in [name for name in files if name.endswith(".xlsx")]:
        with zipfile.ZipFile(Path("run", name)) as book:
            files[name] = b"".join(map(book.read, book.namelist()))
    files["terminal"] = "\n".join(said).encode()
    assert [name for name, content in files.items() if any(form in content for form in LEFT)] == []
    assert b"Rule 7: " in files["report.html"]
