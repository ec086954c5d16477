"""A fresh practice Alma for each test, with a clock that stands still, and a client."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from importer.sandbox.server import Options, running
from tests.sandbox.alma import Alma
from tests.sandbox.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the practice Alma."""
    return ManualClock()


@pytest.fixture
def alma(clock: ManualClock) -> Iterator[Alma]:
    """A practice Alma without a limit of calls a second."""
    options = Options(rate=None, clock=clock)
    with running(options) as url, httpx.Client(timeout=60) as client:
        yield Alma(client, url)


@pytest.fixture(scope="module")
def shared() -> Iterator[Alma]:
    """One practice Alma for all tests of a module, for tests that send very many bodies."""
    with running(Options(rate=None, daily=10**9)) as url, httpx.Client(timeout=60) as client:
        yield Alma(client, url)
