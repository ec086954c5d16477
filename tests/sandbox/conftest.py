"""A fresh sandbox for each test, and a client that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from importer.sandbox.server import Options, running
from tests.sandbox.alma import Alma


@pytest.fixture
def alma() -> Iterator[Alma]:
    """A sandbox without a limit of calls a second."""
    with running(Options(rate=None)) as url, httpx.Client(timeout=20) as client:
        yield Alma(client, url)


@pytest.fixture(scope="module")
def shared() -> Iterator[Alma]:
    """One sandbox for all tests of a module, for those that send very many bodies."""
    with running(Options(rate=None, daily=10**9)) as url, httpx.Client(timeout=20) as client:
        yield Alma(client, url)
