"""The page in a real browser: it breaks no rule of accessible pages, and fits a narrow screen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from importer.ledger.ledger import summarize
from importer.report.files import write_all
from tests.report import building
from tests.report.building import Run
from tests.report.conftest import Keep

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", [building.checked, building.planned, building.applied])
def test_the_page_is_accessible(
    run: Callable[[], Run], scheme: Literal["light", "dark"], keep: Keep, browser: Browser
) -> None:
    """By axe, on a wide and on a narrow screen, which it does not overflow."""
    ledger = keep(run())
    write_all(ledger, summarize(ledger))
    page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    for width in (1200, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((ledger.folder / "report.html").resolve().as_uri())
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
