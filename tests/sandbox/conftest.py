"""A fresh sandbox for each test, with a clock that stands still, and a client that calls it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from importer.sandbox.server import Options, running
from tests.sandbox.alma import Alma
from tests.sandbox.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """The time in the sandbox."""
    return ManualClock()


@pytest.fixture
def alma(clock: ManualClock) -> Iterator[Alma]:
    """A sandbox without a limit of calls a second."""
    options = Options(rate=None, clock=clock)
    with running(options) as url, httpx.Client(timeout=60) as client:
        yield Alma(client, url)


@pytest.fixture(scope="module")
def shared() -> Iterator[Alma]:
    """One sandbox for all tests of a module, for those that send very many bodies."""
    with running(Options(rate=None, daily=10**9)) as url, httpx.Client(timeout=60) as client:
        yield Alma(client, url)
