"""What all tests of the client share."""

from __future__ import annotations

from typing import Any

import pytest

from importer.alma import client
from tests.alma.fakes import VirtualLoop


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed call is repeated at once; a test that is about the waits sets them itself."""
    monkeypatch.setattr(client, "BACKOFF", (0.0, 0.0, 0.0))


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Coroutines run in virtual time; tests over real sockets have a fixture of their own."""
    return "asyncio", {"loop_factory": VirtualLoop}
