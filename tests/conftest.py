"""Options and rules for the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites what the golden tests expect."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long hunts run only when asked for with `-m hunt`."""
    if "hunt" in config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="a long hunt; `make hunt` runs it")
    for item in items:
        if "hunt" in item.keywords:
            item.add_marker(skip)
