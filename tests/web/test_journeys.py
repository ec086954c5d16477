"""How much work a journey is: clicks, what is typed, and pages that are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.messy import KNOWN, messy
from tests.web.conftest import (
    approve,
    drafted,
    followed,
    planned,
    start,
    tab_of,
    with_mapping,
)
from tests.web.deciding import MAPPING
from tests.web.looks import RUN


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
        """Click once, and wait for the page that this leads to, if it does."""
        what.click()
        self.tab.wait_for_load_state()
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


@pytest.mark.faults
def test_a_messy_workbook_takes_15_clicks_5_pages_and_typing_in_8_cells(
    browser: Browser, tmp_path: Path
) -> None:
    """From the dropped workbook to the result, with a new mapping and five rows to decide."""
    messy(tmp_path / "messy.xlsx")
    with_mapping(tmp_path / "practice", "born.yaml", MAPPING)
    server = start(tmp_path)
    client = server.client()
    followed(
        client, approve(client, planned(client, drafted(client, "practice", KNOWN, "born.yaml")))
    )
    with tab_of(browser, client) as tab:
        tab.goto(f"{server.base}/practice/")
        work, key = Work(tab), tab.keyboard.press
        heading, said = tab.get_by_role("heading", level=1), tab.locator("#said")
        with tab.expect_navigation():
            tab.get_by_label("New load").set_input_files(tmp_path / "messy.xlsx")  # dropped
        work.button("Make a new mapping")  # as none fits
        work.choose("Reader No goes to", label="Primary ID")
        work.click(tab.get_by_label("Month, day, year, as in 12/31/2027"))
        for word, code in {"Neighbor": "COMM", "Volunteer": "SPEC"}.items():
            work.choose(word, value=code)
        work.button("Check the rows")
        expect(heading).to_contain_text("need correction", timeout=120_000)
        key("F8")  # to the first wrong cell, from wherever the focus is
        for text in ("02/28/1988", "05/04/1971", "05/31/1990", "hugo@example.org"):
            work.type(text)
            key("F8")
        key("Control+Enter")  # the likely word, in all equal cells
        expect(said).not_to_contain_text("Saving")
        for text in ("24001123450025", "Ekberg"):
            key("F8")
            work.type(text)
        expect(heading).to_have_text("No row needs correction")
        for column, row, text in (
            ("Surname", 18, "Birch"),
            ("ST", 35, "ND"),
        ):
            work.click(
                tab.locator(f"tr:has(th:has-text('{row}')) td.hint[data-col='{column}']").first
            )
            work.type(text)
        work.button("Compare with Alma")
        tab.wait_for_url(RUN)
        work.button(re.compile("^Decide "))
        for _ in range(5):
            was = heading.inner_text()
            key("1")
            key("Enter")
            expect(heading).not_to_have_text(was)
        work.button(re.compile("^Use these"))
        tab.wait_for_url(RUN)
        for box in tab.locator("input[form=approve]").all():
            work.click(box)
        work.button(re.compile("^Write .* people to"))
        expect(heading).to_contain_text("created", timeout=120_000)
        assert (work.clicks <= 15, work.typings, work.loads <= 5) == (True, 8, True), work
    assert server.stop() == 0


def term(first: int, email: str = "example.org", more: str = "") -> str:
    """A roster of 40 people, whose cards are counted from a number."""
    rows = (f"{first + n},Given{n},Family{n},{1950 + n}-01-02,p{n}@{email}" for n in range(40))
    return "\n".join(["Id,First,Last,Born,Email", *rows, more])


def next_term(work: Work, home: str, roster: Path) -> None:
    """Drop the roster of the next term, and have it compared with Alma."""
    tab = work.tab
    tab.goto(home)
    work.loads = 0
    work.button(re.compile("^Start the next term"))
    with tab.expect_navigation():
        tab.get_by_label("New load").set_input_files(roster)
    work.button("Check the rows")
    right = "No row needs correction"
    expect(tab.get_by_role("heading", level=1)).to_have_text(right, timeout=120_000)
    work.button("Compare with Alma")
    tab.wait_for_url(RUN)
    assert (work.clicks, work.typings) == (3, 0)


def load(work: Work, done: str) -> tuple[int, int, int]:
    """View what is dangerous, and approve; return the work so far."""
    for box in work.tab.locator("input[form=approve]").all():
        work.click(box)
    work.button(re.compile("^(Write|Delete|Restore) .*"))
    expect(work.tab.get_by_role("heading", level=1)).to_contain_text(done, timeout=120_000)
    return work.clicks, work.typings, work.loads


@pytest.mark.faults
def test_the_second_term_40_questions_and_the_undo(browser: Browser, tmp_path: Path) -> None:
    """The work of a renewal, of a term in which all have new cards, and of its undo."""
    practice = tmp_path / "practice"
    with_mapping(practice, "born.yaml", MAPPING)
    for number, text in (
        (2, term(1000, "mail.example.org")),
        (3, term(5000, "mail.example.org", "6000,New,Person,1990-01-01,new@example.org\n")),
    ):
        (tmp_path / f"people-{number}.csv").write_text(text, "utf-8")
    server = start(tmp_path)
    client = server.client()
    draft = drafted(client, "practice", term(1000), "born.yaml")
    followed(client, approve(client, planned(client, draft)))
    home, counts = f"{server.base}/practice/", {}
    with tab_of(browser, client) as tab:
        work = Work(tab)
        next_term(work, home, tmp_path / "people-2.csv")
        counts["renewal"] = load(work, "40 updated")

        work = Work(tab)
        next_term(work, home, tmp_path / "people-3.csv")
        work.button("Decide 40 rows")
        if tab.get_by_role("button", name="Read the users of Alma").is_visible():
            work.button("Read the users of Alma")
            tab.wait_for_url("**/decisions")
        work.click(tab.get_by_label("Same person, new card"))
        work.click(tab.get_by_label(re.compile("The same for the 39 others")))
        work.button("Save the decision")
        work.button("Use these 40 decisions")
        tab.wait_for_url(RUN)
        counts["40 questions"] = load(work, "40 updated")

        work = Work(tab)
        work.click(tab.get_by_label(re.compile("Also delete the person")))
        work.button("Plan the undo")
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_contain_text("would be deleted", timeout=120_000)
        tab.get_by_label(re.compile("Alma cannot undo deletions")).fill("1")
        work.typings += 1
        counts["undo"] = load(work, "1 person was deleted")
    assert server.stop() == 0
    most = {"renewal": (6, 0, 5), "40 questions": (10, 0, 7), "undo": (5, 1, 2)}
    assert all(a <= b for key in most for a, b in zip(counts[key], most[key], strict=True)), counts
