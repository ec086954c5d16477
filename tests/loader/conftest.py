"""Nothing that is read here may reach for a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

_watched: list[str] = []
"""What was tried on a socket, while somebody watches; None watches outside these tests."""

_watching = False


def _hear(event: str, _: tuple[object, ...]) -> None:
    """Python tells of every socket here, whichever library opens it; a hook stays for good."""
    if _watching and event.startswith("socket."):
        _watched.append(event)
        msg = f"a roster reached for the network: {event}"
        raise PermissionError(msg)


sys.addaudithook(_hear)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[list[str]]:
    """Let every use of a socket fail, and the test with it."""
    global _watching  # noqa: PLW0603  one hook for all tests
    _watched.clear()
    _watching = True
    yield _watched
    _watching = False
    assert not _watched
