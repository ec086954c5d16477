"""How much work a journey is: clicks, what is typed, and pages that are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.conftest import start
from tests.web.looks import RUN, entered

HEADINGS = ("Card No", "Given Name", "Family Name", "Born", "Kind", "Email", "Mobile", "Joined")
WRONG: dict[int, dict[str, str | None]] = {
    4: {"Kind": "Nieghbor"},
    9: {"Kind": "Nieghbor"},
    15: {"Kind": "Nieghbor"},
    18: {"Email": "eve at example.org"},
    22: {"Family Name": None},
    27: {"Email": "fay.example.org"},
    31: {"Born": "13/45/1980"},
    36: {"Card No": "20001123450027"},
}
"""What is wrong in the workbook, by row."""


def messy(path: Path) -> None:
    """Write a workbook with 40 people, three words for the group, and the mistakes above."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADINGS)
    for row in range(2, 42):
        kind = ("Neighbor", "Volunteer", "Retired")[row % 3]
        born = f"01/{row % 28 + 1:02}/1980"
        texts = (f"200011234500{row:02}", f"Given{row}", f"Family{row}", born,
                 kind, f"p{row}@example.org", f"701-555-01{row:02}", "2020")  # fmt: skip
        sheet.append([WRONG.get(row, {}).get(name, text)
                      for name, text in zip(HEADINGS, texts, strict=True)])  # fmt: skip
    book.save(path)


@dataclass
class Work:
    """What a person did on a tab."""

    tab: Page
    clicks: int = 0
    typings: int = 0
    loads: int = 0

    def __post_init__(self) -> None:
        """Count the pages that are loaded."""
        self.tab.on("domcontentloaded", lambda _: setattr(self, "loads", self.loads + 1))

    def click(self, what: Locator) -> None:
        """Click once."""
        what.click()
        self.clicks += 1

    def button(self, name: str | re.Pattern[str]) -> None:
        """Press a button or follow a link."""
        self.click(self.tab.get_by_role("button", name=name).or_(
            self.tab.get_by_role("link", name=name)).first)  # fmt: skip

    def choose(self, name: str, label: str | None = None, value: str | None = None) -> None:
        """Choose from a list."""
        self.tab.get_by_label(name, exact=True).select_option(label=label, value=value)
        self.clicks += 1

    def type(self, text: str) -> None:
        """Type another text into the cell with the focus, and save it."""
        self.tab.keyboard.press("F2")
        self.tab.keyboard.type(text)
        self.tab.keyboard.press("Tab")
        self.typings += 1
        expect(self.tab.locator("#said")).not_to_contain_text("Saving")


def test_a_messy_workbook_with_a_new_mapping(browser: Browser, tmp_path: Path) -> None:
    """From the dropped workbook to the load: the work that it takes stays as little as it is."""
    messy(tmp_path / "messy.xlsx")
    server = start(tmp_path)
    with entered(browser, server) as tab:
        work, key = Work(tab), tab.keyboard.press
        with tab.expect_navigation():
            tab.get_by_label("New load").set_input_files(tmp_path / "messy.xlsx")  # dropped
        work.button("Choose the mapping")
        work.button("Start a new one from this roster")
        work.choose("Kind goes to", label="User group")
        work.button("Save, and choose the codes")
        for word, code in {"Neighbor": "COMM", "Volunteer": "FRIEND", "Retired": "EMER"}.items():
            work.choose(word, value=code)
        work.button("Save, and check the rows")
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_contain_text("need correction")
        work.click(tab.locator("td.wrong").first)
        key("Control+Enter")  # the likely word, in all equal cells
        for steps, text in (
            (1, "eve@example.org"),
            (1, "Family22"),
            (2, "fay@example.org"),  # of two rows with one card, the second has the wrong one
            (1, "12/01/1980"),
            (1, "20001123450036"),
        ):
            expect(tab.locator("#said")).not_to_contain_text("Saving")
            for _ in range(steps):
                key("F8")
            work.type(text)
        expect(heading).to_have_text("No row needs correction")
        work.button("Compare with Alma")
        tab.wait_for_url(RUN)
        for box in tab.locator("input[form=approve]").all():
            work.click(box)
        work.button(re.compile("^Write .* people to"))
        expect(heading).to_contain_text("40 created", timeout=120_000)
        found = (work.clicks, work.typings, work.loads)
        assert found[:2] == (11, 5), found
        assert work.loads <= 10, found
    assert server.stop() == 0
