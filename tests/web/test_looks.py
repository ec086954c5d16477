"""Every page in every state: checked for everyone and on any screen, in one walk.

Each control of the walk is reached by the Tab key alone.

A roster that needs a new mapping, codes, corrected cells and an answer is loaded and undone in
practice; the sample, with a safety check, is loaded into a production Alma, paused and continued.
`--pictures FOLDER` saves each state, light, dark and narrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Error, Locator, Page, Route, expect

from importer.errors import Exit
from importer.sandbox.server import Options, running
from importer.web.app import routes
from tests.web.conftest import CODE, SAMPLE, Library, Server, add_user, run_command, start, until
from tests.web.looks import IN_A_YEAR, RUN, Looks, entered, settled, users

ROOT = Path(__file__).parents[2]
MAPPING, TUTORIAL = ROOT / "mappings" / "community.yaml", ROOT / "docs" / "tutorial-page.md"

ROSTER = """Card No,Given Name,Family Name,Born,Kind,Email,Mobile,Joined
20001123450011,Ana,Silva,03/14/1988,Neighbor,ana@example.org,701-555-0111,2020
20001123450029,Bo,Berg,11/22/1971,Volunteer,bo at example.org,701-555-0112,2021
20001123450037,Cy,,07/21/1990,Nieghbor,cy@example.org,701-555-0113,2022
20001123450045,Di,Dahl,01/30/1965,Retired,di@example.org,701-555-0114,2019
20001123450052,Ed,Ende,12/09/1999,Nieghbor,ed@example.org,701-555-0115,2023
20001123450060,Ruth,Okafor,05/05/1980,Volunteer,ruth@example.org,701-555-0116,2024
"""


def person(first: str, last: str, group: str, born: str, phone: str = "") -> dict[str, object]:
    """The record of a patron as Alma has it."""
    address = f"{first.lower()}@example.org"
    email = {"email_address": address, "email_type": ["personal"]}
    mobile = {"phone_number": phone, "phone_type": ["mobile"]}
    entry = {"preferred": True, "segment_type": "Internal"}
    record: dict[str, object] = {
        "record_type": "PUBLIC",
        "account_type": "INTERNAL",
        "status": "ACTIVE",
        "preferred_language": "en",
        "cataloger_level": "00",
        "user_role": [{"status": "ACTIVE", "scope": "01SANDBOX_INST", "role_type": "200"}],
        "first_name": first,
        "last_name": last,
        "user_group": group,
        "birth_date": born,
        "email": [{**entry, **email}],
    }
    return {**record, "phone": [{**entry, **mobile}]} if phone else record


BEFORE = {"20001123400123": person("Ruth", "Okafor", "COMM", "1980-05-05")}
"""Ruth has another card in Alma."""

AFTER = {
    primary_id: {**record, "expiry_date": IN_A_YEAR}
    for primary_id, record in {
        "20001123450011": person("Ana", "Silva", "COMM", "1988-03-14", "+17015550111"),
        "20001123450029": person("Bo", "Berg", "FRIEND", "1971-11-22", "+17015550112"),
        "20001123450037": person("Cy", "Cole", "COMM", "1990-07-21", "+17015550113"),
        "20001123450045": person("Di", "Dahl", "EMER", "1965-01-30", "+17015550114"),
        "20001123450052": person("Ed", "Ende", "COMM", "1999-12-09", "+17015550115"),
        "20001123450060": person("Ruth", "Okafor", "FRIEND", "1980-05-05", "+17015550116"),
    }.items()
}
"""What the roster and the rules mean: codes chosen, four cells corrected, a year, a new card."""

SAID = "#said[role=status]"
"""Where a page writes what a screen reader announces (WCAG 4.1.3)."""

IN_A_MINUTE = """() => {
  const now = Date.now;
  Date.now = () => now() + 60000;
  document.getElementById("said").textContent = "";
}"""
"""Nothing was announced for a minute; the next progress is."""


@pytest.fixture
def page(library: Library) -> Iterator[Server]:
    """A library with a production Alma, a mapping with a strict safety check, and a practice."""
    library.set_rate(4)
    folder = library.folder
    for name in ("practice", "mappings"):
        (folder / name).mkdir()
    with running(Options(db=folder / "practice" / "alma.sqlite")) as practice:
        email = [{"email_address": "ruth@example.org", "email_type": [{"value": "personal"}],
                  "preferred": True}]  # fmt: skip
        add_user(practice, "sandbox", "20001123400123", first_name="Ruth", last_name="Okafor",
                 birth_date="1980-05-05Z", contact_info={"email": email})  # fmt: skip
    mapping = MAPPING.read_text("utf-8")
    strict = "safety_checks: {many-changes: {count: 0, percent: 0}}\n"
    (folder / "mappings" / "community.yaml").write_text(mapping + strict, "utf-8")
    library.add("20001123450029", "Søren", "Ødegård")
    server = start(folder)
    yield server
    server.stop()


@pytest.fixture
def looks(browser: Browser, page: Server, request: pytest.FixtureRequest) -> Iterator[Looks]:
    """A tab on the practice start page."""
    folder = request.config.getoption("--pictures")
    with entered(browser, page) as tab:
        yield Looks(tab, Path(folder) if folder else None)


def reached(wanted: Locator) -> Locator:
    """Return a control when the Tab key alone has reached it."""
    expect(wanted).to_be_visible(timeout=60_000)
    for _ in range(300):
        if wanted.evaluate("node => node === document.activeElement"):
            return wanted
        wanted.page.keyboard.press("Tab")
    pytest.fail(f"{wanted} cannot be reached by the keyboard")


def press(tab: Page, name: str, role: str = "button") -> None:
    """Press the first control with this name."""
    reached(tab.get_by_role(role, name=name, exact=True).first).click()  # type: ignore[arg-type]
    tab.wait_for_load_state()  # of the page that it leads to, if it does


def follow(tab: Page, name: str) -> None:
    """Follow the first link with this name."""
    press(tab, name, "link")


def drop(tab: Page, file: Path) -> None:
    """Choose a roster among the loads."""
    with tab.expect_navigation():
        reached(tab.get_by_label("New load")).set_input_files(file)


def heading(tab: Page, text: str) -> None:
    """Wait for a page with this heading."""
    expect(tab.get_by_role("heading", level=1)).to_contain_text(text, timeout=120_000)


@pytest.mark.faults
def test_every_page_in_every_state(
    looks: Looks, page: Server, library: Library, tmp_path: Path
) -> None:
    """Each page can be used by everyone; the records are those that the roster means."""
    tab, practice = looks.tab, tmp_path / "practice"
    assert ROSTER in TUTORIAL.read_text("utf-8")
    looks("loads-empty")
    prepare(looks, tmp_path)
    correct(looks)
    press(tab, "Compare with Alma")
    tab.wait_for_url(RUN)
    answer(looks)
    press(tab, "Write 6 people to Sandbox University")
    heading(tab, "5 created")
    looks("result")
    assert settled(practice / "alma.sqlite", AFTER)
    undo(looks)
    assert settled(practice / "alma.sqlite", BEFORE)
    production(looks, library)
    tab.goto(f"{page.base}/alma/nothing")
    looks("no-page")
    every = {one.path for one in routes("") if one.method == "GET"}
    seen = {one for one in every for path in looks.paths if re.fullmatch(_pattern(one), path)}
    others = {"runs/{run}/files/{name}", "drafts/{draft}/grid/rows"}
    assert every - seen == {f"/{{place}}/{path}" for path in others}


def _pattern(route: str) -> str:
    return re.sub(r"\{\w+\}", "[^/]+", route)


def prepare(looks: Looks, folder: Path) -> None:
    """Make a mapping for the roster: a column for the group, and three codes."""
    tab, roster = looks.tab, folder / "friends.csv"
    roster.write_text(ROSTER, "utf-8")
    broken = folder / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    drop(tab, broken)
    looks("file-refused")
    follow(tab, "Back to Loads")
    doubtful(looks, folder)
    drop(tab, roster)
    looks("sheet")
    press(tab, "Make a new mapping")
    heading(tab, "Check how the columns become a patron")
    to_do = "Under Columns, choose the column for “User group”."
    expect(tab.locator(".notes li")).to_contain_text([to_do])
    expect(tab.get_by_role("button", name="Check the rows")).to_be_disabled()
    looks("mapping")
    mapping = folder / "practice" / "mappings" / "friends.yaml"
    first = mapping.read_bytes()
    reached(tab.get_by_label("Joined goes to")).select_option(label="Last name")
    expect(tab.get_by_role("alert")).to_contain_text("Use Joined for Last name")
    looks("mapping-ask")
    press(tab, "Keep Family Name")
    expect(tab.get_by_role("alert")).to_be_hidden()
    choose(tab, "Kind goes to", label="User group")
    until((folder / "practice" / "codes.json").exists)
    for word, code in {"Neighbor": "COMM", "Volunteer": "FRIEND", "Retired": "EMER"}.items():
        choose(tab, word, value=code)
    looks("mapping-codes")
    rules(looks)
    after = mapping.read_bytes()
    while mapping.read_bytes() != first:
        shown = tab.locator("input[name=version]").input_value()
        press(tab, "Undo the last change")
        expect(tab.locator("input[name=version]")).not_to_have_value(shown)
    follow(tab, "Show as text")
    expect(tab.locator("textarea")).to_be_visible()
    looks("mapping-text")
    reached(tab.get_by_label(re.compile("in the folder mappings"))).fill(after.decode())
    press(tab, "Save the text")
    until(lambda: mapping.read_bytes() == after)
    follow(tab, "Show as a form")
    expect(tab.locator("#patron")).to_contain_text("Silva, Ana")


def doubtful(looks: Looks, folder: Path) -> None:
    """Choose the encoding of a file, the sheet of a workbook, and the row with the headings."""
    tab = looks.tab
    names = folder / "names.csv"
    names.write_bytes("Card No,Family Name\n200011,Łukasz Żółć\n200012,Dvořák\n".encode("cp1250"))
    drop(tab, names)
    looks("sheet-encoding")
    press(tab, "The names are right")
    heading(tab, "Check the headings and choose a mapping")
    follow(tab, "Loads")
    book = Workbook()
    book.create_sheet("Spring").append(["Card No", "Household"])
    for sheet in book.worksheets:
        sheet.append(["Received", "in August"])
        sheet.append(["Card No", "Household"])
        sheet.append(["200011", "Silva"])
    book.save(folder / "two.xlsx")
    drop(tab, folder / "two.xlsx")
    heading(tab, "Which sheet has the people?")
    looks("sheet-several")
    reached(tab.get_by_label("Sheet 3 rows")).check()
    heading(tab, "Check the headings and choose a mapping")
    reached(tab.locator("input[name=header]:checked"))
    expect(tab.locator("tr.heading")).to_contain_text("Received")
    tab.keyboard.press("ArrowDown")
    expect(tab.locator("tr.heading")).to_contain_text("Card No")
    follow(tab, "Loads")


def choose(tab: Page, name: str, **option: str) -> None:
    """Choose from a list of the mapping, and wait until that is saved."""
    shown = tab.locator("input[name=version]").input_value()
    reached(tab.get_by_label(name, exact=True)).select_option(**option)  # type: ignore[arg-type]
    expect(tab.locator("input[name=version]")).not_to_have_value(shown)


def rules(looks: Looks) -> None:
    """Open every rule, end the records in a year, and change people who are missing, in red.

    One list of a rule sets all its fields at once, in one change.
    """
    tab = looks.tab
    while (closed := tab.locator(":is(.rule, .more):not([open]) > summary")).count():
        reached(closed.first).press("Enter")
    one_each = tab.locator("[name$='/on_update']")
    choose(tab, "All 7 fields of Known people", label="only set for new people")
    for value in ("never", "replace"):
        assert [one.input_value() for one in one_each.all()] == [value] * 7
        if value == "never":
            shown = tab.locator("input[name=version]").input_value()
            press(tab, "Undo the last change")
            expect(tab.locator("input[name=version]")).not_to_have_value(shown)
    for words in ("Some time after the load", "End the membership of people who are missing"):
        shown = tab.locator("input[name=version]").input_value()
        tab.get_by_label(words).check()  # the arrow keys lead to it from the one before
        expect(tab.locator("input[name=version]")).not_to_have_value(shown)
    expect(tab.locator(".rule.red")).to_contain_text(
        "Community, Friends of the Library or Emeritus"
    )
    looks("mapping-rules")
    press(tab, "Undo the last change")
    expect(tab.locator(".rule.red")).to_have_count(0)


def correct(looks: Looks) -> None:
    """Correct four cells, two of them at once; a cell of an old window is not overwritten."""
    tab = looks.tab
    press(tab, "Check the rows")
    heading(tab, "3 rows need correction")
    expect(tab.get_by_role("grid")).to_be_visible()
    looks("grid")
    old = tab.context.new_page()
    old.goto(tab.url)
    expect(old.get_by_role("grid")).to_be_visible()
    write(tab, "4", "Kind", "Neighbor")
    reached(tab.get_by_role("button", name="Change the other one too")).click()
    heading(tab, "2 rows need correction")
    looks("grid-corrected")
    write(old, "4", "Kind", "Friend")
    expect(old.get_by_role("alert")).to_contain_text("somebody else entered “Neighbor”")
    expect(old.get_by_role("button", name="Use “Friend”")).to_be_visible()
    Looks(old, looks.pictures)("grid-changed")
    old.close()
    reached(tab.get_by_role("button", name=re.compile("Email not valid"))).click()
    expect(tab.locator("tbody tr")).to_have_count(1)
    looks("grid-cause")
    write(tab, "3", "Email", "bo@example.org")
    reached(tab.get_by_role("button", name=re.compile("Rows to look at"))).click()
    write(tab, "4", "Family Name", "Cole")
    heading(tab, "No row needs correction")
    looks("grid-none")


def write(tab: Page, row: str, column: str, text: str) -> None:
    """Type a text into a cell of the grid."""
    line = tab.locator("tr", has=tab.locator("th.rn span", has_text=re.compile(rf"^{row}$")))
    line.locator(f"[data-col='{column}']").click()
    tab.keyboard.type(text)
    tab.keyboard.press("Enter")
    expect(tab.locator(SAID)).not_to_contain_text("Saving")


def answer(looks: Looks) -> None:
    """Say that Ruth is the same person with a new card."""
    tab = looks.tab
    looks("review-open")
    follow(tab, "Decide 1 row")
    if tab.get_by_role("button", name="Read the users of Alma").is_visible():
        looks("decisions-no-users")
        press(tab, "Read the users of Alma")
        tab.wait_for_url("**/decisions")
    expect(tab.locator("th", has_text="User 20001123400123 in Alma")).to_be_visible()
    looks("decisions")
    reached(tab.get_by_role("radio").first)  # the arrow keys lead from it to the others
    tab.get_by_label("Same person, new card").check()
    press(tab, "Save the decision")
    heading(tab, "Everything is decided")
    looks("decisions-answered")
    press(tab, "Use this decision")
    tab.wait_for_url(RUN)
    looks("review")
    follow(tab, "7")
    looks("row")
    follow(tab, "Back to the review")


def view(tab: Page) -> None:
    """Mark all that is dangerous as viewed."""
    for box in tab.locator("input[form=approve]").all():
        reached(box).check()


def undo(looks: Looks) -> None:
    """Undo the load, from the list of loads."""
    tab = looks.tab
    reached(tab.get_by_role("link", name="Loads", exact=True)).click()
    looks("loads")
    follow(tab, "Friends")
    reached(tab.get_by_role("checkbox")).check()
    press(tab, "Plan the undo")
    heading(tab, "Undo: 1 person would get the old values back and 5 people would be deleted")
    looks("undo-plan")
    view(tab)
    reached(tab.get_by_label(re.compile("Alma cannot undo deletions"))).fill("5")
    press(tab, "Restore 1 person and delete 5 people from Sandbox University")
    heading(tab, "5 people were deleted")
    looks("undone")


def production(looks: Looks, library: Library) -> None:
    """Load the sample into the library's own Alma: settings, approval, pause and an error."""
    tab = looks.tab
    reached(tab.get_by_role("link", name="Loads", exact=True)).click()
    follow(tab, "Your Alma")
    looks("alma-loads")
    follow(tab, "Settings")
    (library.folder / ".env").unlink()
    press(tab, "Get the code tables")
    heading(tab, "did not work")
    looks("task-failed")
    follow(tab, "Open Settings")
    looks("settings-no-key")
    library.set_rate(4)
    follow(tab, "Settings")
    press(tab, "Check the setup")
    tab.route("**/tasks/*", lambda _: None)  # the page stays as it is
    looks("task")
    tab.unroute("**/tasks/*")
    tab.reload()
    expect(tab.locator(".finding").first).to_be_visible(timeout=120_000)
    looks("settings-checked")
    follow(tab, "Alma patron loads")
    drop(tab, SAMPLE)
    for name in ("Use this mapping", "Check the rows", "Compare with Alma, without 12 rows"):
        press(tab, name)
    tab.wait_for_url(RUN)
    looks("review-safety-check")
    starts = re.compile("^Write .* people to")
    view(tab)
    reached(tab.get_by_label(re.compile("Type the institution's code"))).fill("01OTHER_INST")
    reached(tab.get_by_role("button", name=starts)).click()
    expect(tab.get_by_role("alert")).to_contain_text("Nothing was sent")
    looks("approve-refused")
    reached(tab.get_by_label(re.compile("Type the institution's code"))).fill(CODE)
    library.set_rate(0.5)  # so that it still runs when all has been looked at
    reached(tab.get_by_role("button", name=starts)).click()
    begun(tab)
    tab.route("**/live*", stay)
    tab.reload()
    looks("running")
    press(tab, "Pause")
    looks("stopping")
    tab.unroute("**/live*")
    with suppress(Error):  # the page may go on by itself at the same moment
        tab.reload()
    heading(tab, "Paused at")
    looks("paused")
    library.set_rate(50)
    press(tab, "Continue the load")
    heading(tab, "27 created")
    looks("result-rejects")


def stay(route: Route) -> None:
    """Answer no script, so that the page stays as it is."""
    if route.request.resource_type != "fetch":
        route.continue_()


def begun(tab: Page) -> None:
    """Wait until a load runs. A minute later its progress is announced to screen readers."""
    expect(tab.locator(".percent")).to_contain_text(re.compile("^[1-9]"), timeout=120_000)
    tab.evaluate(IN_A_MINUTE)
    expect(tab.locator(SAID)).to_contain_text(re.compile("[1-9]% done"), timeout=60_000)


def press_key(tab: Page, role: str, name: str, key: str = "Enter") -> None:
    """Press a key on the first control with this name."""
    reached(tab.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]
    tab.keyboard.press(key)


@pytest.mark.faults
def test_the_sample_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    """Sample, plan, approval, load, result and undo plan; Alma has what the demo writes."""
    server = start(tmp_path)
    with entered(browser, server) as tab:
        press_key(tab, "button", "Try the sample roster")
        tab.wait_for_url("**/sheet")
        press_key(tab, "button", "Check the rows")
        tab.wait_for_url("**/grid")
        expect(tab.get_by_role("grid")).to_be_visible(timeout=60_000)
        press_key(tab, "button", "Leave row out")
        expect(tab.locator(SAID)).to_contain_text("saved", timeout=60_000)
        press_key(tab, "button", "Undo Ctrl Z")
        expect(tab.locator(SAID)).to_contain_text("taken back", timeout=60_000)
        press_key(tab, "button", "Compare with Alma, without 12 rows")
        tab.wait_for_url(RUN)
        for box in tab.locator("input[form=approve]").all():
            reached(box)
            tab.keyboard.press("Space")
        reached(tab.get_by_role("button", name=re.compile("^Write .* people to")))
        tab.keyboard.press("Enter")
        tab.wait_for_url(RUN)
        heading(tab, "28 created")
        assert run_command(tmp_path, "demo") == Exit.DONE
        (demo,) = (tmp_path / "runs").glob("demo-*.sqlite")
        assert settled(tmp_path / "practice" / "alma.sqlite", users(demo))
        delete = "Also delete the 28 people whom this load created. Alma cannot undo that."
        press_key(tab, "checkbox", delete, "Space")
        press_key(tab, "button", "Plan the undo")
        tab.wait_for_url(re.compile(r".*undo.*"))
        heading(tab, "28 people would be deleted")
    assert server.stop() == 0
