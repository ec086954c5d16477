"""A network device that repeats the API key in its replies does not get it into any file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options, running
from tests.cli.conftest import Type
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.serving import serving

KEY = "canary-key-8c1f"


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
            said = f"Rule 7 forbids Authorization: {self.headers['Authorization']}"
            error = {"errorCode": "401652", "errorMessage": said, "trackingId": KEY}
            body = {"errorsExist": True, "errorList": {"error": [error]}}
            self._reply(400, json.dumps(body).encode())

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


def test_a_repeated_key_is_stored_nowhere(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the ledger, the reports or the terminal, with values shown or masked."""
    patrons, community = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"
    monkeypatch.setenv("ALMA_API_KEY", KEY)
    monkeypatch.setenv("ALMA_RATE", "50")
    said: list[str] = []
    with (
        running(Options(key=KEY, rate=None)) as base_url,
        gateway(base_url.removesuffix("/almaws/v1")) as host,
    ):
        monkeypatch.setenv("ALMA_BASE_URL", host)
        assert typed("plan", patrons, "-m", community, "-o", "run").exit == Exit.REJECTS
        applied = typed("apply", "run", "--show-values", "--yes")
        assert applied.exit == Exit.REFUSED
        said += [applied.out, applied.err]
        for line in (("report", "run", "--show-values"), ("show", "run", "2", "--json")):
            got = typed(*line)
            said += [got.out, got.err]
    assert KEY not in "\n".join(said)
    files = [path for path in (folder / "run").iterdir() if path.is_file()]
    assert len(files) > 4
    assert [path.name for path in files if KEY.encode() in path.read_bytes()] == []
