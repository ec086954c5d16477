"""A plugin of pytest: a mistake of `seams.py` is planted, and whoever does not find it fails."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.faults.seams import SEAMS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Run a test, whose fixtures are ready, with the mistake that is named in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        SEAMS[os.environ["PLANTED"]](patch)
        with pytest.raises((AssertionError, ExceptionGroup)):
            yield
