"""The plan that is broken, laid once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.ground import Driver, Ground, lay, lay_cards


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """The process that carries orders out."""
    started = Driver()
    yield started
    started.close()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Ground:
    """The plan before anything of it is done."""
    return lay(tmp_path_factory.mktemp("ground"), driver)


@pytest.fixture(scope="session", params=[False, True], ids=["new-card", "enrolls"])
def cards(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, driver: Driver
) -> Ground:
    """A plan in which known people get another ID, or become External as well."""
    return lay_cards(tmp_path_factory.mktemp("cards"), driver, external=request.param)
