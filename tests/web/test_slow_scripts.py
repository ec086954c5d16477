"""What is chosen and typed while a script of the page is not there yet, or waits for an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.web.conftest import Server, start
from tests.web.looks import entered

ROSTER = "Card No,Given Name,Family Name,Kind\n20001123450011,Ana,Roe,Neighbor\n"
SCRIPTS = "/static/.*[.]js"
KIND, CAMPUS = "Kind goes to", '[name="set record/campus_code"]'

LANGUAGE = '[name="set record/preferred_language"]'


class _Release(Protocol):
    def __call__(self) -> None: ...


@pytest.fixture(scope="module")
def shown(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Page, str]]:
    """A page, a tab that shows it, and the address of a new mapping."""
    folder = tmp_path_factory.mktemp("page")
    server = start(folder)
    with entered(browser, server) as tab:
        tab.get_by_label("New load").set_input_files(_roster(folder))
        tab.wait_for_url("**/sheet")
        tab.get_by_role("button", name="Make a new mapping").click()
        tab.wait_for_url("**/mapping*")
        yield server, tab, tab.url
    assert server.stop() == 0


def _roster(folder: Path) -> Path:
    path = folder / "people.csv"
    path.write_text(ROSTER, "utf-8")
    return path


def _held(tab: Page, what: str) -> _Release:
    """Let nothing come whose address has this in it, until what is returned is called."""
    waiting: list[Route] = []
    released = False
    pattern = re.compile(what)

    def wait(route: Route) -> None:
        route.continue_() if released else waiting.append(route)

    def release() -> None:
        nonlocal released
        released = True
        for route in waiting:
            route.continue_()

    tab.route(pattern, wait)
    return release


def _posts(tab: Page) -> list[Request]:
    """The forms that the tab sends from now on."""
    found: list[Request] = []
    tab.on("request", lambda one: found.append(one) if one.method == "POST" else None)
    return found


def test_a_mapping_stays_chosen_while_the_heading_row_is(
    shown: tuple[Server, Page, str], tmp_path: Path
) -> None:
    """A person chooses the mapping and then how the sheet is read, or the other way round."""
    server, tab, _ = shown
    tab.goto(f"{server.base}/practice/")
    tab.get_by_label("New load").set_input_files(_roster(tmp_path))
    tab.wait_for_url("**/sheet")
    new = tab.locator("[name=mapping][value=new]")
    expect(new).not_to_be_checked()
    new.check()
    for row in (2, 1):
        tab.get_by_label(f"Row {row} has the headings").check()
        expect(tab.locator("tr.heading b")).to_be_visible()
        expect(tab.locator(f"tr.heading input[value='{row}']")).to_be_attached()
        expect(new).to_be_checked()


def test_a_choice_before_the_script_is_saved(shown: tuple[Server, Page, str]) -> None:
    """As if the script had been there; the next field is chosen from what was answered."""
    _, tab, address = shown
    release = _held(tab, SCRIPTS)
    tab.goto(address, wait_until="commit")
    tab.get_by_label(KIND).select_option(label="User group")
    release()
    expect(tab.get_by_label("Neighbor", exact=True)).to_be_visible()


def test_a_text_goes_on_while_another_change_is_answered(shown: tuple[Server, Page, str]) -> None:
    """What is typed meanwhile stays, with its caret, and is saved when the field is left."""
    _, tab, address = shown
    tab.goto(address)
    _open_campus(tab)
    release = _held(tab, "/mapping$")
    tab.get_by_label(KIND).select_option(label="not used")
    tab.locator(CAMPUS).click()
    tab.keyboard.type("ac")
    tab.keyboard.press("ArrowLeft")
    release()
    expect(tab.get_by_label("Neighbor", exact=True)).to_have_count(0)
    tab.keyboard.type("b")
    expect(tab.locator(CAMPUS)).to_have_value("abc")
    tab.keyboard.press("Tab")
    expect(tab.locator(f"{CAMPUS}[value=abc]")).to_be_attached()


def test_a_column_is_dragged_to_a_field(shown: tuple[Server, Page, str]) -> None:
    """Of the card, or to one that is added; a field that another column has asks first."""
    _, tab, address = shown
    tab.goto(address)
    column = tab.locator("li[data-letter=D] b")
    column.drag_to(tab.locator(".pcard [data-target='record/user_group']"))
    expect(tab.get_by_label(KIND)).to_have_value("record/user_group")
    expect(tab.locator("#t-D option[value='record/user_group'][selected]").first).to_be_attached()
    column.drag_to(tab.locator(".pcard [data-target='record/last_name']"))
    expect(tab.get_by_role("alert")).to_contain_text("Use Kind for Last name")
    tab.get_by_role("button", name="Keep Family Name").click()
    expect(tab.get_by_role("alert")).to_have_count(0)
    expect(tab.get_by_label(KIND)).to_have_value("record/user_group")


def test_enter_in_a_text_saves_it(shown: tuple[Server, Page, str]) -> None:
    """It is not the first button of the page, which takes the last change back."""
    _, tab, address = shown
    tab.goto(address)
    _open_campus(tab)
    tab.locator(CAMPUS).fill("other")
    tab.keyboard.press("Enter")
    expect(tab.locator(f"{CAMPUS}[value=other]")).to_be_attached()
    expect(tab.locator(CAMPUS)).to_be_focused()


def test_the_end_of_the_term_is_chosen_and_then_its_days(shown: tuple[Server, Page, str]) -> None:
    """Their field is there with the choice, which was refused without them and is sent again."""
    _, tab, address = shown
    tab.goto(address)
    rule = tab.locator(".rule", has_text="Expiration date").first
    rule.locator("summary").click()
    days = rule.get_by_label("Terms end on (month-day)")
    expect(days).to_be_hidden()
    rule.get_by_label("At the end of the term").check()
    expect(tab.get_by_role("alert")).to_contain_text("Enter first when terms end.")
    days.fill("05-15, 12-20")
    tab.keyboard.press("Enter")
    expect(rule.locator("[value='05-15, 12-20']")).to_be_visible()
    expect(rule.locator("[value=term][checked]")).to_be_checked()


def test_a_roster_chosen_before_the_script_is_read_once(
    shown: tuple[Server, Page, str], tmp_path: Path
) -> None:
    """Also if the person comes back to the page where it was chosen."""
    server, tab, _ = shown
    release = _held(tab, SCRIPTS)
    posts = _posts(tab)
    tab.goto(f"{server.base}/practice/", wait_until="commit")
    tab.get_by_label("New load").set_input_files(_roster(tmp_path))
    release()
    tab.wait_for_url("**/sheet")
    tab.go_back()
    expect(tab.get_by_label("New load")).to_have_value("")
    assert len(posts) == 1


def test_what_another_window_saved_is_not_undone(shown: tuple[Server, Page, str]) -> None:
    """A browser that comes back to the page does not choose again what was chosen here before."""
    _, tab, address = shown
    tab.goto(address)
    language = tab.locator(LANGUAGE)
    tab.locator("summary", has_text="Same for everybody").click()
    language.select_option("fr")
    expect(tab.locator("[value=fr][selected]")).to_be_attached()
    other = tab.context.new_page()
    other.goto(address)
    other.locator("summary", has_text="Same for everybody").click()
    other.locator(LANGUAGE).select_option("de")
    expect(other.locator("[value=de][selected]")).to_be_attached()
    other.close()
    posts = _posts(tab)
    tab.goto("about:blank")
    tab.go_back()
    expect(language).to_have_value("de")
    tab.reload()
    expect(language).to_have_value("de")
    assert posts == []


def _open_campus(tab: Page) -> None:
    tab.locator("summary", has_text="Same for everybody").click()
