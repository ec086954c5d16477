"""What all tests of the client share."""

from __future__ import annotations

import pytest

from importer.alma import client


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed call is repeated at once; a test that is about the waits sets them itself."""
    monkeypatch.setattr(client, "BACKOFF", (0.0, 0.0, 0.0))
