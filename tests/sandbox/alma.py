"""A client of the practice Alma and invented people, for the tests."""

from __future__ import annotations

import copy
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from lxml import etree

from importer.sandbox.server import Options, running

ROOT = "/almaws/v1"
JSON = "application/json"
XML = "application/xml"
_NAMESPACE = "{http://com/exlibris/urm/general/xmlbeans}"


@dataclass(frozen=True)
class Alma:
    """Calls to one practice Alma."""

    client: httpx.Client
    url: str
    key: str = "sandbox"

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        accept: str = JSON,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Call Alma's API; bytes are sent as XML, any other body as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.request(
            method,
            f"{self.url}{ROOT}{path}",
            content=None if body is None else content,
            headers={
                "Authorization": f"apikey {self.key}",
                "Accept": accept,
                "Content-Type": XML if isinstance(body, bytes) else JSON,
                **(headers or {}),
            },
        )

    @contextmanager
    def unread(self, method: str, path: str, body: object) -> Iterator[None]:
        """Send a call; hang up at the end of the block without reading the answer."""
        address = urlsplit(self.url)
        content = json.dumps(body).encode()
        head = (
            f"{method} {ROOT}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: apikey {self.key}\r\nContent-Type: {JSON}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port or 80)) as raw:
            raw.sendall(head.encode() + content)
            yield

    def user(self, identifier: str) -> dict[str, Any]:
        """Return one user, whole."""
        answer = self.call("GET", f"/users/{identifier}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def create(self, **changes: object) -> dict[str, Any]:
        """Create a person in Alma; return the whole user."""
        answer = self.call("POST", "/users", person(**changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def update(self, identifier: str, body: object, query: str = "") -> dict[str, Any]:
        """Replace a user by PUT; return the whole user."""
        answer = self.call("PUT", f"/users/{identifier}{query}", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the admin API."""
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return self.client.request(
            method,
            f"{self.url}/_sandbox{path}",
            content=b"" if body is None else content,
            headers={"Authorization": "apikey sandbox"},
        )

    def load(self, archive: bytes, query: str = "") -> httpx.Response:
        """Run a SIS load of a zip."""
        return self.client.post(
            f"{self.url}/_sandbox/sis{query}",
            content=archive,
            headers={"Authorization": "apikey sandbox"},
        )

    def set(self, **settings: object) -> None:
        """Change settings or, under `switches`, switches."""
        answer = self.admin("POST", "/settings", settings)
        assert answer.status_code == 204, answer.text

    def log(self) -> list[dict[str, Any]]:
        """Return the calls so far."""
        return [json.loads(line) for line in self.admin("GET", "/log").text.splitlines()]


@contextmanager
def practice(options: Options | None = None) -> Iterator[Alma]:
    """A practice Alma that runs while the block lasts."""
    with running(options) as url, httpx.Client(timeout=60) as client:
        yield Alma(client, url)


def code_of(answer: httpx.Response) -> str:
    """Return Alma's error code, from JSON or XML."""
    if JSON in answer.headers["Content-Type"]:
        envelope = answer.json()
        errors = envelope.get("web_service_result", envelope)["errorList"]["error"]
        return str((errors if isinstance(errors, dict) else errors[0])["errorCode"])
    found = etree.fromstring(answer.content).findtext(f".//{_NAMESPACE}errorCode")
    assert found is not None
    return found


def coded(value: str) -> dict[str, str]:
    """Return a coded field as it is sent."""
    return {"value": value}


def person(**changes: object) -> dict[str, Any]:
    """Return an Internal community member with the given fields; None removes a field."""
    body: dict[str, Any] = {
        "record_type": coded("PUBLIC"),
        "account_type": coded("INTERNAL"),
        "primary_id": "P1",
        "first_name": "Ada",
        "last_name": "Almeida",
        "user_group": coded("COMM"),
    }
    body.update(copy.deepcopy(changes))
    return {name: value for name, value in body.items() if value is not None}


def student(**changes: object) -> dict[str, Any]:
    """Return an External student."""
    kind = {"account_type": coded("EXTERNAL"), "external_id": "SIS", "user_group": coded("UGRD")}
    return person(**{"primary_id": "1000001", **kind, **changes})


def email(address: str, segment: str = "", *, preferred: bool = False) -> dict[str, Any]:
    """Return an email entry."""
    return {
        "email_address": address,
        "email_type": [coded("personal")],
        "preferred": preferred,
        "segment_type": segment,
    }


def barcode(value: str, **changes: object) -> dict[str, Any]:
    """Return a barcode entry."""
    return {"id_type": coded("BARCODE"), "value": value, **changes}
