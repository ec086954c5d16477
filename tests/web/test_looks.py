"""Every page in every state: checked for everyone and on any screen, in one walk.

Each control of the walk is reached by the Tab key alone.

A roster that needs a new mapping, codes, corrected cells and an answer is loaded and undone in
practice; the sample, with a safety check, is loaded into a production Alma, paused and continued.
`--pictures FOLDER` saves each state, light, dark and narrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from importer.sandbox.server import Options, running
from importer.web.app import ROUTES
from tests.web.conftest import CODE, Library, Server, add_user, run_command, start, until
from tests.web.looks import RUN, Looks, entered, settled, users

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
    "20001123450011": person("Ana", "Silva", "COMM", "1988-03-14", "+17015550111"),
    "20001123450029": person("Bo", "Berg", "FRIEND", "1971-11-22", "+17015550112"),
    "20001123450037": person("Cy", "Cole", "COMM", "1990-07-21", "+17015550113"),
    "20001123450045": person("Di", "Dahl", "EMER", "1965-01-30", "+17015550114"),
    "20001123450052": person("Ed", "Ende", "COMM", "1999-12-09", "+17015550115"),
    "20001123450060": person("Ruth", "Okafor", "FRIEND", "1980-05-05", "+17015550116"),
}
"""What the roster means: codes chosen, four cells corrected, and Ruth with her new card."""


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
    expect(wanted).to_be_visible()
    for _ in range(300):
        if wanted.evaluate("node => node === document.activeElement"):
            return wanted
        wanted.page.keyboard.press("Tab")
    pytest.fail(f"{wanted} cannot be reached by the keyboard")


def press(tab: Page, name: str, role: str = "button") -> None:
    """Press the first control with this name."""
    reached(tab.get_by_role(role, name=name, exact=True).first).click()  # type: ignore[arg-type]


def follow(tab: Page, name: str) -> None:
    """Follow the first link with this name."""
    press(tab, name, "link")


def drop(tab: Page, file: Path) -> None:
    """Choose a roster on the start page."""
    tab.get_by_label("Choose a roster, or drop it here").set_input_files(file)
    press(tab, "Read the roster")


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
    looks("start-empty")
    follow(tab, "Runs")
    looks("runs-empty")
    prepare(looks, tmp_path)
    correct(looks)
    press(tab, "Compare with Alma (plan)")
    tab.wait_for_url(RUN)
    answer(looks)
    follow(tab, "Approve and load")
    looks("approve")
    press(tab, "Write to Alma")
    heading(tab, "5 created")
    looks("result")
    assert settled(practice / "alma.sqlite", AFTER)
    undo(looks)
    assert settled(practice / "alma.sqlite", BEFORE)
    production(looks, library)
    tab.goto(f"{page.base}/alma/nothing")
    looks("no-page")
    every = {one.path for one in ROUTES if one.method == "GET"}
    seen = {one for one in every for path in looks.paths if re.fullmatch(_pattern(one), path)}
    assert every - seen == {"/{place}/runs/{run}/events", "/{place}/runs/{run}/files/{name}"}


def _pattern(route: str) -> str:
    return re.sub(r"\{\w+\}", "[^/]+", route)


def prepare(looks: Looks, folder: Path) -> None:
    """Make a mapping for the roster: a column for the group, and three codes."""
    tab, roster = looks.tab, folder / "friends.csv"
    roster.write_text(ROSTER, "utf-8")
    broken = folder / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    follow(tab, "Start")
    drop(tab, broken)
    looks("file-refused")
    follow(tab, "Go back")
    drop(tab, roster)
    looks("sheet")
    follow(tab, "Choose the mapping")
    looks("mapping-choose")
    press(tab, "Start a new one from this roster")
    looks("match")
    mapping = folder / "practice" / "mappings" / "friends.yaml"
    first = mapping.read_bytes()
    for column, field in {"Kind": "User group", "Joined": "not used"}.items():
        reached(tab.get_by_label(f"{column} goes to")).select_option(label=field)
        press(tab, f"Save {column}")
    looks("match-saved")
    until((folder / "practice" / "codes.json").exists)
    follow(tab, "Choose the codes")
    looks("codes")
    for word, code in {"Neighbor": "COMM", "Volunteer": "FRIEND", "Retired": "EMER"}.items():
        reached(tab.get_by_label(word, exact=True)).select_option(value=code)
    press(tab, "Save the codes of user group")
    looks("codes-saved")
    after = mapping.read_bytes()
    undo_change = tab.get_by_role("button", name="Undo the last change")
    while undo_change.is_visible():
        reached(undo_change).click()
    assert mapping.read_bytes() == first
    follow(tab, "Edit as text")
    looks("mapping-text")
    reached(tab.get_by_label(re.compile("in the folder mappings"))).fill(after.decode())
    press(tab, "Save the mapping")
    looks("mapping")


def correct(looks: Looks) -> None:
    """Correct four cells, two of them at once; a page of an old window changes nothing."""
    tab = looks.tab
    follow(tab, "Check the rows")
    heading(tab, "3 rows need correction")
    looks("problems")
    old = tab.context.new_page()
    old.goto(tab.url)
    reached(tab.get_by_label("Kind").first).fill("Neighbor")
    press(tab, "Save, and change all equal cells")
    heading(tab, "2 rows need correction")
    looks("problems-corrected")
    old.get_by_label("Kind").first.fill("Friend")
    press(old, "Save")
    Looks(old, looks.pictures)("out-of-date")
    follow(old, "Go back")
    heading(old, "2 rows need correction")
    old.close()
    for cause, label, text in (
        ("Email not valid", "Email", "bo@example.org"),
        ("Value missing", "Family Name", "Cole"),
    ):
        reached(tab.get_by_role("link", name=re.compile(cause))).click()
        reached(tab.get_by_label(label, exact=True)).fill(text)
        press(tab, "Save")
        expect(tab.get_by_role("status")).to_contain_text("ready")
    heading(tab, "No row needs correction")
    looks("problems-none")


def answer(looks: Looks) -> None:
    """Say that Ruth is the same person with a new card."""
    tab = looks.tab
    looks("plan-review")
    follow(tab, "Answer 1 row")
    looks("rows-review")
    follow(tab, "7")
    looks("row-review")
    reached(tab.get_by_role("radio").first)  # the arrow keys lead from it to the others
    tab.get_by_label("Same person, new card").check()
    press(tab, "Save the answer")
    tab.wait_for_url("**/rows/7")
    looks("row-resolved")
    follow(tab, "Back to the run")
    looks("plan")


def undo(looks: Looks) -> None:
    """Undo the load, from the list of runs."""
    tab = looks.tab
    follow(tab, "Start")
    looks("start")
    follow(tab, "Runs")
    looks("runs")
    reached(tab.locator(".runs a").first).click()
    reached(tab.get_by_role("checkbox")).check()
    press(tab, "Plan the undo")
    heading(tab, "5 to delete")
    looks("undo-plan")
    follow(tab, "Approve and load")
    looks("undo-approve")
    press(tab, "Write to Alma")
    heading(tab, "5 deleted")
    looks("undone")


def production(looks: Looks, library: Library) -> None:
    """Load the sample into the library's own Alma: settings, approval, pause and an error."""
    tab = looks.tab
    follow(tab, "Go to your Alma")
    looks("alma-start")
    (library.folder / ".env").unlink()
    follow(tab, "Settings")
    looks("settings-no-key")
    press(tab, "Get the code tables")
    heading(tab, "this did not work")
    looks("task-failed")
    library.set_rate(4)
    follow(tab, "Settings")
    press(tab, "Check the set-up (doctor)")
    tab.route("**/tasks/*", lambda _: None)  # the page stays as it is
    looks("task")
    tab.unroute("**/tasks/*")
    tab.reload()
    expect(tab.get_by_role("heading", name="What the doctor found")).to_be_visible(timeout=120_000)
    looks("settings-checked")
    follow(tab, "Start")
    press(tab, "Take the sample roster")
    follow(tab, "Check the rows")
    press(tab, "Compare with Alma (plan)")
    tab.wait_for_url(RUN)
    looks("plan-safety-check")
    follow(tab, "Approve and load")
    reached(tab.get_by_label(re.compile("Type the institution's code"))).fill("01OTHER_INST")
    press(tab, "Write to Alma")
    expect(tab.get_by_role("alert")).to_contain_text("Nothing was sent")
    looks("approve-refused")
    reached(tab.get_by_role("checkbox")).check()
    reached(tab.get_by_label(re.compile("Type the institution's code"))).fill(CODE)
    press(tab, "Write to Alma")
    expect(tab.locator("#sentence")).to_contain_text(re.compile("^[1-9]"), timeout=120_000)
    tab.route("**/events*", lambda _: None)  # the page stays as it is
    tab.reload()
    looks("running")
    press(tab, "Pause")
    looks("stopping")
    tab.unroute("**/events*")
    tab.reload()
    heading(tab, "The load is paused")
    looks("paused")
    follow(tab, "Continue the load")
    reached(tab.get_by_label(re.compile("Type the institution's code"))).fill(CODE)
    press(tab, "Write to Alma")
    heading(tab, "27 created")
    looks("result-rejects")


def press_key(tab: Page, role: str, name: str, key: str = "Enter") -> None:
    """Press a key on the first control with this name."""
    reached(tab.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]
    tab.keyboard.press(key)


def test_the_sample_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    """Sample, plan, approval, load, result and undo plan; Alma has what the demo writes."""
    server = start(tmp_path)
    with entered(browser, server) as tab:
        press_key(tab, "button", "Take the sample roster")
        tab.wait_for_url("**/sheet")
        press_key(tab, "link", "Check the rows")
        tab.wait_for_url("**/problems")
        press_key(tab, "button", "Leave this row out")
        expect(tab.get_by_role("status")).to_contain_text("skipped", timeout=60_000)
        press_key(tab, "button", "Undo the last correction")
        expect(tab.get_by_role("status")).not_to_be_attached(timeout=60_000)
        press_key(tab, "button", "Compare with Alma (plan)")
        tab.wait_for_url(RUN)
        press_key(tab, "link", "Approve and load")
        tab.wait_for_url("**/approve")
        press_key(tab, "button", "Write to Alma")
        tab.wait_for_url(RUN)
        heading(tab, "28 created")
        run_command(tmp_path, "demo")
        (demo,) = (tmp_path / "runs").glob("demo-*.sqlite")
        assert settled(tmp_path / "practice" / "alma.sqlite", users(demo))
        delete = "Also delete the 28 users that this load created. Alma cannot undo that."
        press_key(tab, "checkbox", delete, "Space")
        press_key(tab, "button", "Plan the undo")
        tab.wait_for_url(re.compile(r".*undo.*"))
        heading(tab, "28 to delete")
    assert server.stop() == 0
