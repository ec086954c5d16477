"""Calls to a practice Alma: to its API, and by its back door, as staff see and change its users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from importer.sandbox.server import Options, running


@contextmanager
def reached(patch: pytest.MonkeyPatch, options: Options | None = None) -> Iterator[str]:
    """Run a practice Alma, an empty one unless the options say else, and set that it is used."""
    options = options or Options(rate=0)
    with running(options) as base_url:
        host = base_url.removesuffix("/almaws/v1")
        patch.setenv("ALMA_BASE_URL", host)
        patch.setenv("ALMA_API_KEY", options.key)
        patch.setenv("ALMA_RATE", "50")
        patch.setenv("ALMA_VERIFY_DELAY", "0.2")
        yield host


def call(host: str, method: str, path: str, body: object = None) -> bytes:
    """Return the answer; bytes and texts are sent as they are, anything else as JSON."""
    data = body.encode() if isinstance(body, str) else body
    sent = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
    kind = "application/json"
    headers = {"Authorization": "apikey sandbox", "Content-Type": kind, "Accept": kind}
    try:
        with urlopen(Request(f"{host}{path}", sent, headers, method=method)) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        raise AssertionError((method, path, error.read())) from error


def users_of(host: str) -> dict[str, dict[str, Any]]:
    """Return every user by primary ID, as Alma keeps them."""
    users = json.loads(call(host, "GET", "/_sandbox/state"))["users"]
    return {user["primary_id"]: user for user in users}


def state_of(host: str) -> dict[str, dict[str, Any]]:
    """Return every user by primary ID, without what Alma writes by itself."""
    users = users_of(host)
    for user in users.values():
        for name in ("modified", "edited", "status_date"):
            user.pop(name)
        for note in user["user_note"]:
            note.pop("created_date")
    return users


def log_of(host: str) -> list[dict[str, Any]]:
    """Return the calls to Alma's API so far."""
    return [json.loads(line) for line in call(host, "GET", "/_sandbox/log").splitlines()]
