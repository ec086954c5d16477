"""From the dropped roster to the load and back, in a browser."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import Server

NARROW = 320
"""Pixels to which a page must fit without scrolling sideways (WCAG 1.4.10)."""

TARGET = 24
"""Pixels of the smallest control (WCAG 2.5.8)."""

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}

PLAN = re.compile(r".*/runs/[^/?]*$")


def press(tab: Page, role: str, name: str) -> None:
    """Reach a control by the Tab key alone, and press Enter."""
    wanted = tab.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]  # a role
    expect(wanted).to_be_visible()
    for _ in range(200):
        if wanted.evaluate("node => node === document.activeElement"):
            tab.keyboard.press("Enter")
            return
        tab.keyboard.press("Tab")
    pytest.fail(f"{name} cannot be reached by the keyboard")


def accessible(tab: Page) -> None:
    """Check a page by axe, and that it fits a narrow screen, in light and dark."""
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        found = Axe().run(tab, options=RULES)
        assert not found.response["violations"], found.generate_report()
    tab.set_viewport_size({"width": NARROW, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW, tab.url
    controls = "main button, main .button, main input:not([type=hidden])"
    small = [
        one
        for one in tab.locator(controls).all()
        if (box := one.bounding_box()) is not None and box["height"] < TARGET
    ]
    assert not small
    tab.set_viewport_size({"width": 1200, "height": 900})


def users(db: Path) -> list[object]:
    """The records of a practice Alma by primary ID, without what depends on the time."""
    with sqlite3.connect(db) as connection:
        records = [json.loads(text) for (text,) in connection.execute("SELECT record FROM users")]
    text = json.dumps(sorted(records, key=lambda one: str(one["primary_id"])))
    return json.loads(re.sub(r'"[^"]*[0-9]{2}:[0-9]{2}:[0-9]{2}[^"]*"', '""', text))  # type: ignore[no-any-return]


def test_the_sample_by_keyboard_alone(tab: Page, server: Server, tmp_path: Path) -> None:
    """Sample, plan, approval, load, result and undo; Alma then has what the demo writes."""
    accessible(tab)
    press(tab, "button", "Take the sample roster")
    tab.wait_for_url("**/sheet")
    accessible(tab)
    press(tab, "link", "Check the rows")
    tab.wait_for_url("**/problems")
    accessible(tab)
    press(tab, "button", "Compare with Alma (plan)")
    tab.wait_for_url(PLAN)
    accessible(tab)
    press(tab, "link", "Approve and load")
    tab.wait_for_url("**/approve")
    accessible(tab)
    press(tab, "button", "Write to Alma")
    tab.wait_for_url(PLAN)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("28 created")
    accessible(tab)

    subprocess.run([sys.executable, "-m", "importer", "demo"], cwd=tmp_path, check=True,
                   capture_output=True)  # fmt: skip
    (demo,) = (tmp_path / "runs").glob("demo-*.sqlite")
    assert users(tmp_path / "practice" / "alma.sqlite") == users(demo)

    tab.get_by_role("checkbox").check()
    press(tab, "button", "Plan the undo")
    tab.wait_for_url(re.compile(r".*undo.*"))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("28 to delete")
    press(tab, "link", "Approve and load")
    tab.wait_for_url("**/approve")
    press(tab, "button", "Write to Alma")
    tab.wait_for_url(PLAN)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("28 deleted")
    assert users(tmp_path / "practice" / "alma.sqlite") == []
    for page in ("runs", "settings"):
        tab.goto(f"{server.base}/practice/{page}")
        accessible(tab)


ROSTER = """Barcode,First Name,Last Name,Patron Type,Email
20001123450001,Ana,Silva,Comunity,ana@example.org
20001123450002,Bo,Berg,Community,bo at example.org
20001123450003,Cy,Cole,Comunity,cy@example.org
20001123450004,Di,,Community,di@example.org
20001123450005,Ed,End,Community,ed@example.org
"""


def test_a_roster_is_corrected_on_the_page(tab: Page, server: Server, tmp_path: Path) -> None:
    """Cells, equal cells and a whole row; the load has what the page showed."""
    roster = tmp_path / "club.csv"
    roster.write_text(ROSTER, "utf-8")
    tab.get_by_label("Choose a roster, or drop it here").set_input_files(roster)
    tab.get_by_role("button", name="Read the roster").click()
    tab.get_by_role("link", name="Choose the mapping").click()
    tab.get_by_role("button", name="Start a new one from this roster").click()
    accessible(tab)
    box = tab.get_by_label(re.compile("in the folder mappings"))
    box.fill(
        "version: 1\nname: club\naccount_type: INTERNAL\nrecord:\n  primary_id: <Barcode>\n"
        "  first_name: <First Name>\n  last_name: <Last Name>\n"
        "  user_group: {from: <Patron Type>, lookup: groups}\n  contact_info:\n    email:\n"
        "      - {email_address: <Email>, email_type: personal}\nlookups:\n"
        "  groups: {Community: COMM}\n"
    )
    tab.get_by_role("button", name="Save the mapping").click()
    tab.get_by_role("link", name="Check the rows").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("4 rows need correction")
    tab.get_by_role("link", name=re.compile("Unknown code|not in", re.I)).first.click()
    accessible(tab)
    cell = tab.get_by_label("Patron Type").first
    cell.fill("Community")
    tab.get_by_role("button", name="Save, and change all equal cells").first.click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("2 rows need correction")
    tab.get_by_role("link", name=re.compile("Email not valid")).click()
    tab.get_by_label("Email").fill("bo@example.org")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.get_by_role("status")).to_contain_text("ready")
    tab.get_by_role("link", name=re.compile("Value missing")).click()
    tab.get_by_role("button", name="Leave this row out").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Every row can go on")
    tab.get_by_role("button", name="Compare with Alma (plan)").click()
    tab.wait_for_url(PLAN)
    tab.get_by_role("link", name="Approve and load").click()
    tab.get_by_role("button", name="Write to Alma").click()
    tab.wait_for_url(PLAN)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("4 created")
    assert roster.read_text("utf-8") == ROSTER
    (kept,) = (tmp_path / "practice" / "drafts").glob("*/roster/club.csv")
    assert kept.read_text("utf-8") == ROSTER


OFFICE = """Card No,Given,Surname,Kind,E-mail,Joined
20001123450001,Ana,Silva,Neighbor,ana@example.org,2020
20001123450002,Bo,Berg,Friend,bo@example.org,2021
20001123450003,Cy,Cole,neighbor,cy@example.org,2022
"""


def test_columns_and_codes_are_chosen_by_clicks(tab: Page, tmp_path: Path) -> None:
    """A roster without a mapping: each click changes the mapping's lines, and can be undone."""
    roster = tmp_path / "office.csv"
    roster.write_text(OFFICE, "utf-8")
    tab.get_by_label("Choose a roster, or drop it here").set_input_files(roster)
    tab.get_by_role("button", name="Read the roster").click()
    tab.get_by_role("link", name="Choose the mapping").click()
    tab.get_by_role("button", name="Start a new one from this roster").click()
    mapping = tmp_path / "practice" / "mappings" / "office.yaml"
    first = mapping.read_bytes()
    assert tab.get_by_label(re.compile("in the folder mappings")).input_value() == first.decode()
    tab.get_by_role("link", name="Match columns and fields").click()
    accessible(tab)
    clicks = {
        "Card No": "Primary ID",
        "Given": "First name",
        "Kind": "User group",
        "Joined": "not used",
    }
    for heading, field in clicks.items():
        tab.get_by_label(f"{heading} goes to").select_option(label=field)
        tab.get_by_role("button", name=f"Save {heading}").click()
    assert "<Given>" in mapping.read_text("utf-8")
    while not (tmp_path / "practice" / "codes.json").exists():
        time.sleep(0.1)  # practice gets its code tables when it is opened first
    tab.get_by_role("link", name="Choose the codes").click()
    accessible(tab)
    tab.get_by_label("Neighbor").select_option(value="COMM")
    tab.get_by_label("Friend").select_option(value="FRIEND")
    tab.get_by_role("button", name="Save the codes of user group").click()
    after = mapping.read_bytes()
    tab.get_by_role("link", name="Columns").click()
    undo = tab.get_by_role("button", name="Undo the last change")
    for _ in range(10):
        if not undo.is_visible():
            break
        undo.click()
    assert mapping.read_bytes() == first
    mapping.write_bytes(after)
    tab.get_by_role("link", name="Check the rows").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Every row can go on")


def test_a_page_in_another_window_is_out_of_date(tab: Page) -> None:
    """A form of an old page changes nothing: 409, and a way to go on."""
    tab.get_by_role("button", name="Take the sample roster").click()
    tab.get_by_role("link", name="Check the rows").click()
    tab.get_by_role("link", name=re.compile("Email not valid")).click()
    other = tab.context.new_page()
    other.goto(tab.url)
    for page, text in ((tab, "hugo@example.org"), (other, "victor@example.org")):
        page.get_by_label("Email", exact=True).fill(text)
        page.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("out of date")
