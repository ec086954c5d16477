"""A fresh practice Alma for each test, with a clock that stands still, and a client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from importer.sandbox.server import Options
from tests.sandbox.alma import Alma, practice
from tests.sandbox.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the practice Alma."""
    return ManualClock()


@pytest.fixture
def alma(clock: ManualClock) -> Iterator[Alma]:
    """A practice Alma without a limit of calls a second."""
    with practice(Options(rate=0, clock=clock)) as alma:
        yield alma


@pytest.fixture(scope="module")
def shared() -> Iterator[Alma]:
    """One practice Alma for all tests of a module, for tests that send very many bodies."""
    with practice(Options(rate=0, daily=10**9)) as alma:
        yield alma
