"""A folder to work in, a command line to type into, and a sandbox to speak to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import run
from tests.practice import log_of, reached


@dataclass(frozen=True)
class Typed:
    """What a command line gave: exit code, stdout, stderr."""

    exit: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The JSON on stdout."""
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded


Type = Callable[..., Typed]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where the command line works, without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ALMA_")]:
        monkeypatch.delenv(name)
    return tmp_path


def type_in(*arguments: object) -> Typed:
    """Type a command line in the current folder."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = run([str(argument) for argument in arguments])
    got = Typed(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in got.out + got.err
    return got


@pytest.fixture
def typed(folder: Path) -> Type:
    """Type a command line in that folder."""
    return type_in


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that the settings name."""

    host: str

    def log(self) -> list[dict[str, object]]:
        """The calls that it got."""
        return log_of(self.host)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Sandbox]:
    """An empty sandbox, reached by the settings."""
    with reached(monkeypatch) as host:
        yield Sandbox(host)
