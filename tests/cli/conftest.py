"""A folder to work in, a command line to type into, and a sandbox to speak to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import command_line
from tests.practice import log_of, reached

Type = Callable[..., command_line.Typed]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where the command line works, without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ALMA_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture(autouse=True)
def _in_folder(folder: Path) -> None:
    """Each test of this folder begins in an empty one."""


@pytest.fixture
def typed(folder: Path) -> Type:
    """Type a command line in that folder."""
    return command_line.typed


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
