"""Look at a page as everyone meets it: by axe, on a narrow screen, in light and dark."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Page

from tests.web.conftest import Server

WIDE, NARROW, HEIGHT = 1100, 320, 800
"""Pixels of a screen. A page must fit the narrow one without scrolling sideways (WCAG 1.4.10)."""

SEEN = (1440, 360)
"""Pixels of the pictures that people look at: of a desk and of a phone."""

TARGET = 24
"""Pixels of the smallest control (WCAG 2.5.8)."""

CONTRAST = 3
"""The least contrast of a field with what is around it (WCAG 1.4.11)."""

IN_A_YEAR = "in a year"
"""The date of a year from now in the records of a practice Alma."""

RUN = re.compile(r".*/runs/[^/?]*$")

GUIDE = ("mapping", "mapping-codes", "grid", "decisions", "review", "running")
"""The states that the guide shows."""

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WORDS = Path(__file__).with_name("pictures.json")
"""The headings and controls that the guide's pictures show."""

_TIME = re.compile(r'"[^"]*[0-9]{2}:[0-9]{2}:[0-9]{2}[^"]*"')

_WORDS = "main h1, main h2, main h3, main label, main button, main .button"

_VIOLATIONS = {"resultTypes": ["violations"]}
_RULES = {
    **_VIOLATIONS,
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_CONTRAST = {**_VIOLATIONS, "runOnly": {"type": "rule", "values": ["color-contrast"]}}

_SMALL = """least => [...document.querySelectorAll(
  "button, .button, input:not([type=hidden]), select, textarea, summary, a:not(.skip)"
)].filter(node => node.matches(".button, :not(a)") || !node.closest("p:not(.kicker, .aside)")
).filter(node => {
  const box = node.getBoundingClientRect();
  return box.height && (box.height < least || box.width < least);
}).map(node => node.outerHTML)"""

_FIXED = """() => [...document.querySelectorAll(".head .actions > *")].filter(
  node => node.getClientRects().length && getComputedStyle(node).position == "fixed").length"""

FAINT = """least => {
  const dot = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
    .getContext("2d", {willReadFrequently: true});
  const bright = (colors) => {
    for (const color of colors) {
      dot.fillStyle = color;
      dot.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...dot.getImageData(0, 0, 1, 1).data].map(part => part / 255).map(
      part => part > .04045 ? ((part + .055) / 1.055) ** 2.4 : part / 12.92);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const above = node => node ? [...above(node.parentElement), node] : [];
  const fill = node => getComputedStyle(node).backgroundColor;
  return [...document.querySelectorAll(
    "select, textarea, input:not([type=hidden], [type=file], [type=radio], [type=checkbox])"
  )].filter(node => node.getClientRects().length && !node.disabled).filter(node => {
    const around = ["Canvas", ...above(node.parentElement).map(fill)], out = bright(around);
    return ![getComputedStyle(node).borderBottomColor, fill(node)].some(color => {
      const own = bright([...around, color]);
      return (Math.max(own, out) + .05) / (Math.min(own, out) + .05) >= least;
    });
  }).map(node => node.outerHTML);
}"""
"""The fields whose border and background are hardly different from what is around them."""

_WORDLESS = """() => [...document.querySelectorAll(".pill, .banner, .steps li, .facets li")].filter(
  node => node.getClientRects().length && !node.innerText.trim()).map(node => node.outerHTML)"""
"""The states that are shown by a color or a sign alone (WCAG 1.4.1)."""

_UNSEEN = """() => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary, [tabindex]"
)].filter(node => {
  const look = () => JSON.stringify(["outlineStyle", "outlineWidth", "outlineColor", "left"].map(
    name => getComputedStyle(node)[name]));
  node.blur();
  const before = look();
  node.focus({preventScroll: true});
  return node === document.activeElement && before === look();
}).map(node => node.outerHTML)"""
"""The controls that look the same with and without the focus, after a key was pressed."""


@contextmanager
def entered(browser: Browser, server: Server) -> Iterator[Page]:
    """A tab that has entered, on the practice start page.

    Nothing but refused forms is written to its console, and nothing asked of another host.
    """
    size = {"width": WIDE, "height": HEIGHT}
    # no color is looked at on its way to another one
    context = browser.new_context(viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(120_000)
    tab = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    tab.on("pageerror", lambda one: errors.append(str(one)))
    tab.on("request", lambda one: asked.append(one.url))
    tab.goto(server.link)
    tab.wait_for_url(f"{server.base}/alma/")
    tab.goto(f"{server.base}/practice/")
    yield tab
    context.close()
    assert not [error for error in errors if not re.search("404|409|422", error)], errors
    assert not [url for url in asked if not url.startswith((server.base, "data:"))]


class Looks:
    """The pages that a tab has shown; each is checked, and saved as pictures if asked.

    The guide's pictures must show the words of today's pages.
    """

    def __init__(self, tab: Page, pictures: Path | None = None) -> None:
        """Save pictures in the folder, if there is one."""
        self.tab, self.pictures = tab, pictures
        self.paths: set[str] = set()

    def __call__(self, state: str) -> None:
        """Check the page as it is now."""
        tab = self.tab
        tab.wait_for_load_state()  # with its style sheet
        self.paths.add("/" + urlsplit(tab.url).path.split("/", 2)[2])
        assert tab.get_by_role("heading", level=1).count() == 1
        tab.evaluate(AXE_SCRIPT)
        for look, width, rules in (
            ("light", WIDE, _RULES), ("dark", WIDE, _CONTRAST), ("narrow", NARROW, None),
        ):  # fmt: skip
            tab.emulate_media(color_scheme="dark" if look == "dark" else "light")
            tab.set_viewport_size({"width": width, "height": HEIGHT})
            if rules is not None:
                tab.evaluate("scrollTo(0, 0)")  # what is scrolled below the header is no target
                found = AxeResults(tab.evaluate("rules => axe.run(document, rules)", rules))
                assert not found.response["violations"], (state, found.generate_report())
                assert tab.evaluate(FAINT, CONTRAST) == [], (state, look)
                assert tab.evaluate(_WORDLESS) == [], state
            else:
                assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW, state
                assert tab.evaluate(_SMALL, TARGET) == [], state
                assert tab.evaluate(_FIXED) <= 1, (state, "one button covers another")
                self._focus(state)
        if self.pictures is not None:
            self._pictures(self.pictures, state)
        if state in GUIDE:
            self._guide(state)
        tab.set_viewport_size({"width": WIDE, "height": HEIGHT})

    def _pictures(self, folder: Path, state: str) -> None:
        """Save the page as it is on a desk and on a phone, in light and dark."""
        for width in SEEN:
            self.tab.set_viewport_size({"width": width, "height": HEIGHT})
            height = self.tab.evaluate("document.documentElement.scrollHeight")  # for what sticks
            self.tab.set_viewport_size({"width": width, "height": height})
            for look in ("dark", "light"):
                self.tab.emulate_media(color_scheme=look)
                self.tab.screenshot(path=folder / f"{state}-{width}-{look}.png", full_page=True)

    def _focus(self, state: str) -> None:
        """Check that the focus is seen on each control."""
        tab = self.tab
        tab.keyboard.press("Shift")  # focus is shown to those who use keys
        assert tab.evaluate(_UNSEEN) == [], state
        tab.evaluate(
            "() => { document.querySelector('.skip').focus(); document.activeElement.blur(); }"
        )

    def _guide(self, state: str) -> None:
        """Compare the page with its picture in the guide; if pictures are asked for, make it."""
        known: dict[str, list[str]] = json.loads(WORDS.read_text("utf-8"))
        words = [" ".join(text.split()) for text in self.tab.locator(_WORDS).all_inner_texts()]
        if self.pictures is not None:
            self.tab.set_viewport_size({"width": 860, "height": HEIGHT})
            self.tab.evaluate("scrollTo(0, 0)")
            box = self.tab.locator("main").bounding_box()
            assert box is not None
            self.tab.screenshot(
                path=PICTURES / f"page-{state}.png",
                full_page=True,
                clip={
                    "x": 0,
                    "y": box["y"] - 16,
                    "width": 860,
                    "height": min(box["height"], 580) + 32,
                },
            )
            text = json.dumps({**known, state: words}, indent=1, ensure_ascii=False)
            WORDS.write_text(f"{text}\n", "utf-8")
        else:
            assert words == known[state], f"{state}: `make pictures` makes the guide's pictures"


def settled(db: Path, expected: dict[str, dict[str, object]]) -> bool:
    """Return whether a practice Alma has these records, which it writes several times a second."""
    for _ in range(20):
        if users(db) == expected:
            return True
        time.sleep(0.2)
    return users(db) == expected


def next_year(day: date) -> date:
    """The same day of the next year, the last one of February after a leap day."""
    return date(day.year + 1, day.month, min(day.day, 28) if day.month == 2 else day.day)


def users(db: Path) -> dict[str, dict[str, object]]:
    """The records of a practice Alma by primary ID, without what is blank or depends on the day.

    A walk may go on past midnight, so yesterday is the same as today.
    """
    today = datetime.now(UTC).astimezone().date()
    days = {(today - timedelta(days=n)): "today" for n in (0, 1)}
    days |= {next_year(day): IN_A_YEAR for day in days}
    with sqlite3.connect(db) as connection:
        texts = [text for (text,) in connection.execute("SELECT record FROM users")]
    for day, name in days.items():
        texts = [text.replace(day.isoformat(), name) for text in texts]
    records = [json.loads(_TIME.sub('""', text)) for text in texts]
    return {
        record["primary_id"]: {
            name: value
            for name, value in record.items()
            if value and name not in {"primary_id", "status_date"}
        }
        for record in records
    }
