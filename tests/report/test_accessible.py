"""The page in a real browser: it breaks no rule of accessible pages, and fits a narrow screen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from importer.model.plan import Fate
from importer.report.files import write_all
from tests.report import building
from tests.report.building import Run, view_of
from tests.report.conftest import Keep
from tests.web.looks import CONTRAST, FAINT, NARROW, WIDE

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
    """By axe, on a wide and on a narrow screen, which it does not overflow; fields are seen.

    A narrow screen has no colors of its own, so the dark ones are looked at on a wide one.
    """
    ledger = keep(run())
    write_all(view_of(ledger))
    page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()
    for width in (WIDE, NARROW) if scheme == "light" else (WIDE,):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((ledger.folder / "report.html").resolve().as_uri())
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert page.evaluate(FAINT, CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_field_that_is_hardly_seen_is_found(browser: Browser) -> None:
    """A field needs a border or a background that differs from what is around it."""
    page = browser.new_page()
    page.set_content(
        "<style>* { background: #fff; border: 1px solid #ddd } .seen { border-color: #777 }</style>"
        "<input class=seen><input id=faint>"
        "<div style='background: #333'><textarea></textarea><select style='all: unset'></select>"
    )
    found = page.evaluate(FAINT, CONTRAST)
    assert [html.split()[0] for html in found] == ["<input", "<select"]
    assert "faint" in found[0]


def test_a_browser_runs_nothing_of_a_hostile_roster(keep: Keep, browser: Browser) -> None:
    """The page is what it says, and the title is still ours."""
    ledger = keep(building.hostile("<script>document.title='gone'</script><img src=x>"))
    page = browser.new_page()
    page.goto(write_all(view_of(ledger))[0].resolve().as_uri())
    assert page.title() == "Check: The one row is not ready."
    assert page.locator("img").count() == 0


SEEN = {
    "part-all": ["Home phone", "User group", "Birth date", "Work email"],
    "part-3": ["Home phone"],
    "end-rejected": ["12", "13", "14", "15", "17"],
    "end-update": ["6", "7", "8", "9"],
}
"""Which fields or rows can be seen, by the filter that is chosen."""


def test_a_filter_hides_the_other_lines(keep: Keep, browser: Browser) -> None:
    """A choice leaves what is of it."""
    ledger = keep(building.planned())
    page = browser.new_page()
    page.goto(write_all(view_of(ledger))[0].resolve().as_uri())
    for choice, seen in SEEN.items():
        page.locator(f"#{choice}").click()
        part = "changes" if choice.startswith("part") else "rows"
        heads = page.locator(f"#{part} table:not(.fields):not(details *) tbody tr > th:visible")
        assert [text.strip() for text in heads.all_inner_texts()] == seen


def test_a_search_leaves_the_rows_with_every_word(keep: Keep, browser: Browser) -> None:
    """The script runs under the page's own policy; case and accents make no difference."""
    run = Run()
    for row, name in ((2, "Núñez"), (3, "Nunez"), (4, "Lee 22:14")):
        run.row(row, Fate.READY)
        run.cells[row] = (f"2000{row}", "Ann", name)
    for row in range(5, 900):
        run.row(row, Fate.READY)
        run.cells.pop(row, None)
    ledger = keep(run)
    write_all(view_of(ledger))
    page = browser.new_page()
    page.goto((ledger.folder / "report.html").resolve().as_uri())
    page.get_by_role("searchbox").fill("NUNEZ  ann")
    assert page.locator("#rows tbody tr:visible th").all_inner_texts() == ["2", "3"]
    assert page.locator("#rows output").inner_text() == "2 of 4 lines"
    page.get_by_role("searchbox").fill("777 ready")
    assert page.locator("#rows tbody tr:visible th").all_inner_texts() == ["5–899"]
    for other in ("900", "3:777", "2:14"):  # rows of other rosters, and no part of a number
        page.get_by_role("searchbox").fill(other)
        assert page.locator("#rows tbody tr:visible th").all_inner_texts() == []
    page.get_by_role("searchbox").fill("22:14")
    assert page.locator("#rows tbody tr:visible th").all_inner_texts() == ["4"]
