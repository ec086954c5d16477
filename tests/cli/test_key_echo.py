"""A network device that repeats the API key in its replies does not get it into any file."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.practice import reached
from tests.serving import serving

KEY = "canary-key-8c1f"


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
