"""A practice Alma in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen


@contextmanager
def sandbox(**flags: object) -> Iterator[str]:
    """Run `importer sandbox` with these flags; yield its address."""
    command = [sys.executable, "-m", "importer", "sandbox", "--port", "0"]
    for name, value in flags.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101  asked for just above
            yield process.stderr.readline().split(" runs at ")[1].split(";")[0]
        finally:
            process.terminate()


def admin(host: str, path: str, method: str = "GET") -> bytes:
    """Return the answer of the practice Alma's own API."""
    headers = {"Authorization": "apikey sandbox"}
    request = Request(f"{host}/_sandbox/{path}", headers=headers, method=method)  # noqa: S310
    with urlopen(request) as answer:  # noqa: S310  loopback
        return bytes(answer.read())


def calls(host: str) -> list[dict[str, Any]]:
    """Return the calls so far."""
    return [json.loads(line) for line in admin(host, "log").splitlines()]
