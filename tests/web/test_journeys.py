"""How much work a journey is: clicks, what is typed, and pages that are loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.conftest import SAMPLE, approve, drafted, followed, planned, start, tab_of
from tests.web.looks import RUN, entered
from tests.web.test_decisions import MAPPING

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
def test_a_messy_workbook_with_a_new_mapping(browser: Browser, tmp_path: Path) -> None:
    """From the dropped workbook to the load: the work that it takes stays as little as it is."""
    messy(tmp_path / "messy.xlsx")
    server = start(tmp_path)
    with entered(browser, server) as tab:
        work, key = Work(tab), tab.keyboard.press
        with tab.expect_navigation():
            tab.get_by_label("New load").set_input_files(tmp_path / "messy.xlsx")  # dropped
        work.button("Use this mapping")  # a new one, as none fits
        work.choose("Kind goes to", label="User group")
        for word, code in {"Neighbor": "COMM", "Volunteer": "FRIEND", "Retired": "EMER"}.items():
            work.choose(word, value=code)
        work.button("Check the rows")
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_contain_text("need correction", timeout=120_000)
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
        assert found[:2] == (9, 5), found
        assert work.loads <= 5, found
    assert server.stop() == 0


@pytest.mark.faults
def test_a_workbook_of_several_sheets(browser: Browser, tmp_path: Path) -> None:
    """The sheet is a click; the mapping for it is found, and nothing is typed."""
    community = load_workbook(SAMPLE)
    people = community["Patrons"]
    people.title = "Fall"
    community.copy_worksheet(people).title = "Spring"
    community.save(tmp_path / "terms.xlsx")
    server = start(tmp_path)
    with entered(browser, server) as tab:
        work = Work(tab)
        with tab.expect_navigation():
            tab.get_by_label("New load").set_input_files(tmp_path / "terms.xlsx")  # dropped
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_have_text("Which sheet has the people?")
        work.click(tab.get_by_label("Spring 20 rows or more"))
        expect(heading).to_have_text("Which rows are people?", timeout=120_000)
        expect(tab.get_by_label(re.compile("Community patrons .Internal"))).to_be_checked()
        work.button("Use this mapping")
        expect(tab.locator("#patron")).to_contain_text("Núñez, Ana", timeout=120_000)
        work.button("Check the rows")
        expect(heading).to_contain_text("12 rows need correction", timeout=120_000)
        work.button(re.compile("Compare with Alma"))
        tab.wait_for_url(RUN)
        expect(tab.locator("main")).to_contain_text("would be written")
        assert (work.clicks, work.typings) == (4, 0)
        assert work.loads <= 4, work
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
    (practice / "mappings").mkdir(parents=True)
    (practice / "mappings" / "born.yaml").write_text(MAPPING, "utf-8")
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
