"""The grid: what a correction changes, for whom, and how it is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.web.conftest import (
    Server,
    correct,
    drafted,
    dropped,
    grid_rows,
    leave_out,
    start,
    version,
    with_mapping,
)
from tests.web.looks import entered

MAPPING = """version: 1
account_type: INTERNAL
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: {from: <Kind>, lookup: kinds}
lookups:
  kinds: {Neighbor: COMM, Friend: FRIEND}
"""
ROSTER = """Id,First,Last,Kind,Notes
101,Ana,Abt,Neighbor,
102,Bo,,Nieghbor,
103,Cy,Cole,Friend,x
103,Di,Dahl,Nieghbor,
105,Ed,Ende,Neighbor,
"""


@pytest.fixture
def draft(opened: tuple[Server, httpx.Client]) -> str:
    """The address of a new draft of the roster above, with its mapping."""
    server, client = opened
    with_mapping(server.folder / "practice", "kinds.yaml", MAPPING)
    return drafted(client, "practice", ROSTER, "kinds.yaml")


def _line(shown: dict[str, Any], row: int) -> dict[str, Any]:
    return next(one for one in shown["lines"] if one["row"] == row)


def _send(client: httpx.Client, draft: str, *edits: tuple[int, str, str, str]) -> httpx.Response:
    names = ("row", "column", "was", "now")
    edits_ = [dict(zip(names, one, strict=True)) for one in edits]
    return client.post(f"{draft}/grid/cells", json={"edits": edits_})


def _corrections(opened: tuple[Server, httpx.Client], draft: str) -> list[str]:
    path = opened[0].folder / draft.lstrip("/") / "corrections.csv"
    return path.read_text("utf-8").splitlines()[1:] if path.exists() else []


def test_what_a_person_decides_names_the_decisions_of_the_page(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Of two rows that may be one person, and no command of a terminal."""
    _, client = opened
    rows = "Id,First,Last,Kind\n201,Gus,Gill,Neighbor\n202,Gus,Gill,Neighbor\n"
    born = MAPPING.replace("user_group", "birth_date: 1950-05-06\n  user_group")
    with_mapping(opened[0].folder / "practice", "same.yaml", born)
    shown = grid_rows(client, drafted(client, "practice", rows, "same.yaml"))
    advice = {
        each["advice"] for line in shown["lines"] for one in line["wrong"].values() for each in one
    }
    advice |= {one["advice"] for one in shown["causes"]}
    assert any("Decisions" in one for one in advice), advice
    assert not any("importer" in one or "*" in one for one in advice)


def test_wrong_cells_are_marked_with_the_reason(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """Each in its column, with what is wrong and the closest word; other cells are not."""
    shown = grid_rows(opened[1], draft)
    assert [one["row"] for one in shown["lines"]] == [3, 4, 5]
    assert set(_line(shown, 3)["wrong"]) == {"C", "D"}
    assert "row 5" in _line(shown, 4)["wrong"]["A"][0]["text"]
    assert _line(shown, 5)["likely"] == {"D": "Neighbor"}
    assert shown["heading"] == "3 rows need correction"


def test_a_cause_is_a_filter_and_brings_its_column_first(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """Each cause lists its rows only; a search looks for names and IDs among them."""
    client = opened[1]
    causes = {one["title"]: one["key"] for one in grid_rows(client, draft)["causes"]}
    words = grid_rows(client, draft, show=causes["Unknown code"])
    assert [one["row"] for one in words["lines"]] == [3, 5]
    assert words["columns"][0]["letter"] == "D"
    for find, rows in (("DAHL", [5]), ("103", [4, 5])):
        shown = grid_rows(client, draft, show="all", find=find)
        assert [one["row"] for one in shown["lines"]] == rows


def test_a_corrected_cell_is_judged_at_once(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """And so is the other row of a duplicate, which nobody touched."""
    client = opened[1]
    found = _send(client, draft, (5, "A", "103", "104")).json()
    assert set(_line(found, 5)["wrong"]) == {"D"}
    shown = grid_rows(client, draft, show="all")
    assert _line(shown, 4)["ready"]
    assert (shown["wrong"], _line(shown, 5)["edited"]) == (2, ["A"])


def test_the_same_request_twice_changes_nothing_more(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """A correction that comes again is answered as before, and written once."""
    client = opened[1]
    first, again = (_send(client, draft, (3, "C", "", "Berg")).json() for _ in "12")
    assert (first["saved"], again["saved"]) == (1, 0)
    assert first["lines"] == again["lines"]
    assert first["version"] == again["version"]
    assert len(_corrections(opened, draft)) == 1


def test_a_cell_that_somebody_else_corrected_is_not_overwritten(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """The whole request is refused with the text that is there now, and nothing of it is saved."""
    client = opened[1]
    correct(client, draft, {(3, "C"): "Berg"})
    refused = _send(client, draft, (2, "C", "Abt", "Abbot"), (3, "C", "", "Borg"))
    assert refused.status_code == 409
    assert "“Berg”" in refused.json()["sentence"]
    assert [line["cells"][2] for line in refused.json()["lines"]] == ["Abt", "Berg"]
    assert len(_corrections(opened, draft)) == 1


def test_equal_cells_are_corrected_together(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """One answer for a word that is wrong in many rows, and one undo for all of them."""
    client = opened[1]
    edit = {"row": 3, "column": "D", "was": "Nieghbor", "now": "Neighbor", "alike": True}
    found = client.post(f"{draft}/grid/cells", json={"edits": [edit]}).json()
    assert (found["saved"], {one["row"] for one in found["lines"]}) == (2, {3, 5})
    correct(client, draft, {(6, "E"): "new"})
    assert client.post(f"{draft}/grid/undo", json={}).json()["undone"] == 1
    assert client.post(f"{draft}/grid/undo", json={}).json()["undone"] == 2
    assert _corrections(opened, draft) == []


def test_a_cell_that_one_request_changes_twice_has_the_last_text(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """As when the server was away: its text for all equal cells does not undo its own text."""
    client = opened[1]
    every = {"row": 3, "column": "D", "was": "Nieghbor", "now": "Neighbor", "alike": True}
    own = {"row": 5, "column": "D", "was": "Nieghbor", "now": "Friend"}
    for edits, saved in (([every, own], 3), ([own, every], 2)):
        sent = client.post(f"{draft}/grid/cells", json={"edits": edits})
        assert (sent.status_code, sent.json().get("saved")) == (200, saved)
        shown = grid_rows(client, draft, show="all")
        assert [_line(shown, row)["cells"][3] for row in (3, 5)] == ["Neighbor", "Friend"]
        client.post(f"{draft}/grid/undo", json={})
        assert _corrections(opened, draft) == []


def test_corrections_that_do_not_fit_any_more_are_undone(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """A row with one becomes no heading here; where it is one by the mapping, undo is the way."""
    server, client = opened
    leave_out(client, draft, 2)
    form = {"header": "2", "found": "1", "do": "read", "version": version(client, draft)}
    assert client.post(f"{draft}/sheet", data=form).status_code == 422
    mapping = server.folder / "practice" / "mappings" / "kinds.yaml"
    mapping.write_text(f"roster: {{header: 2}}\n{MAPPING}", "utf-8")
    answer = client.get(f"{draft}/grid/rows", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json().get("undo")) == (409, True)
    assert client.post(f"{draft}/grid/undo", json={}).json()["undone"] == 1
    assert "undo" not in client.get(f"{draft}/grid/rows").json()


def test_a_row_is_left_out_and_taken_back(opened: tuple[Server, httpx.Client], draft: str) -> None:
    """It is in the list of rows left out, and as before after undo."""
    client = opened[1]
    before = grid_rows(client, draft, show="all")["lines"]
    leave_out(client, draft, 3)
    shown = grid_rows(client, draft, show="out")
    assert [(one["row"], one["out"]) for one in shown["lines"]] == [(3, True)]
    assert client.post(f"{draft}/grid/undo", json={}).json()["undone"] == 1
    assert grid_rows(client, draft, show="all")["lines"] == before


def test_a_row_may_become_blank(opened: tuple[Server, httpx.Client], draft: str) -> None:
    """Every cell of it emptied is a blank row, not an error."""
    client = opened[1]
    correct(client, draft, {(6, letter): "" for letter in "ABCD"})
    assert _line(grid_rows(client, draft, show="all"), 6)["fate"] == "blank"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"edits": [{"row": "x"}]}', b'{"edits": 1}', b'{"other": 1}',
     (99, "A", "", "x"), (2, "Z", "", "x"), (2, "", "", "x")],
)  # fmt: skip
def test_what_is_no_correction_is_refused(
    opened: tuple[Server, httpx.Client], draft: str, body: bytes | tuple[int, str, str, str]
) -> None:
    """400 for other JSON, 409 for a cell that is not there; nothing is saved."""
    headers = {"Content-Type": "application/json"}
    if isinstance(body, bytes):
        answer = opened[1].post(f"{draft}/grid/cells", content=body, headers=headers)
        assert answer.status_code == 400
    else:
        assert _send(opened[1], draft, body).status_code == 409
    assert _corrections(opened, draft) == []


# --- in the browser ---


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[tuple[Path, Page]]:
    """The mapping above, and a tab with the grid of a new draft of the roster."""
    server = start(tmp_path)
    mapping = tmp_path / "practice" / "mappings" / "kinds.yaml"
    mapping.parent.mkdir()
    mapping.write_text(MAPPING, "utf-8")
    roster = tmp_path / "kinds.csv"
    roster.write_text(ROSTER, "utf-8")
    with entered(browser, server) as tab:
        tab.get_by_label("New load").set_input_files(roster)
        tab.wait_for_url("**/sheet")
        tab.locator("input[value='kinds.yaml']").check()
        tab.get_by_role("button", name="Use this mapping").click()
        tab.get_by_role("button", name="Check the rows").click()
        expect(tab.get_by_role("grid")).to_be_visible()
        yield mapping, tab
    assert server.stop() == 0


def _cell(tab: Page, row: int, column: str) -> Any:
    line = tab.locator("tr", has=tab.locator("th.rn span", has_text=re.compile(rf"^{row}$")))
    return line.locator(f"[data-col='{column}']")


def _paste(tab: Page, text: str) -> None:
    tab.evaluate(
        """text => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        text,
    )


def test_the_grid_by_keyboard_alone(shown: tuple[Path, Page]) -> None:
    """Type, take the likely value, go to the next wrong cell, and undo."""
    _, tab = shown
    heading, key = tab.get_by_role("heading", level=1), tab.keyboard.press
    expect(heading).to_have_text("3 rows need correction")
    step = tab.locator("[data-step=Grid]")
    expect(step).to_have_text("Grid 3")
    for _ in range(40):
        if tab.evaluate("document.activeElement.matches('td')"):
            break
        key("Tab")
    expect(_cell(tab, 3, "Last")).to_be_focused()  # the first wrong cell
    expect(tab.locator(".pop")).to_contain_text("Is blank.")
    tab.keyboard.type("Berg")
    key("Tab")  # saves, and goes right
    expect(_cell(tab, 3, "Kind")).to_be_focused()
    expect(tab.locator(".pop")).to_contain_text("Use “Neighbor” in all equal cells")
    key("Control+Enter")
    expect(heading).to_have_text("2 rows need correction")
    expect(_cell(tab, 5, "Kind")).to_have_text("Neighbor")
    expect(_cell(tab, 3, "Kind")).to_be_focused()
    key("F8")
    expect(_cell(tab, 4, "Id")).to_be_focused()
    key("F2")
    tab.keyboard.type("104")
    key("Enter")
    expect(heading).to_have_text("No row needs correction")
    expect(step).to_have_text("Grid (complete)")
    expect(_cell(tab, 5, "Id")).to_be_focused()
    key("Control+z")
    expect(heading).to_have_text("2 rows need correction")


def test_blocks_of_cells(shown: tuple[Path, Page]) -> None:
    """Fill down, paste a block, and leave a row out; all of it is there after a reload."""
    _, tab = shown
    key = tab.keyboard.press
    tab.get_by_role("button", name=re.compile("All rows")).click()
    expect(_cell(tab, 6, "Last")).to_be_visible()
    _cell(tab, 2, "First").click()
    key("Shift+ArrowDown")
    key("Shift+ArrowDown")
    key("Control+d")
    expect(_cell(tab, 4, "First")).to_have_text("Ana")
    _cell(tab, 5, "First").click()
    # as Excel copies: cells of several lines in quotation marks, rows on a Mac end otherwise
    _paste(tab, 'Dee\t"Doe\nLe ""Roy"""\rEve\tEnd\rFay\tFar\r')
    expect(_cell(tab, 5, "Last")).to_have_text('Doe Le "Roy"')
    expect(_cell(tab, 6, "Last")).to_have_text("End")
    expect(tab.get_by_role("alert")).to_contain_text("1 line of the block did not fit")
    expect(tab.locator("#said")).to_contain_text("Rows 5 and 6 saved")
    _cell(tab, 6, "Last").click()
    tab.get_by_role("button", name="Leave row out").click()
    expect(tab.locator("tr.gone")).to_have_count(1)
    key("Escape")
    tab.reload()
    expect(tab.get_by_role("grid")).to_be_visible()
    expect(tab.get_by_role("button", name=re.compile("Left out"))).to_contain_text("1")


def test_nothing_that_was_typed_is_lost(shown: tuple[Path, Page]) -> None:
    """A correction that the server did not get stays in its cell, and is sent on request.

    What is typed while rows are on their way is saved when they come.
    """
    mapping, tab = shown
    held: list[Route] = []
    tab.route("**/grid/rows*", lambda route: held.append(route))  # noqa: PLW0108  no builtin
    tab.get_by_role("button", name="C Last").click()
    _cell(tab, 5, "Last").click()
    tab.keyboard.type("Dale")
    while not held:
        tab.wait_for_timeout(50)
    held[0].continue_()
    expect(_cell(tab, 5, "Last")).to_have_text("Dale")
    expect(tab.locator("#said")).to_contain_text("Row 5 saved")
    tab.unroute("**/grid/rows*")
    tab.route("**/grid/cells", lambda route: route.fulfill(status=404, body="no"))
    _cell(tab, 3, "Last").click()
    tab.keyboard.type("Berg")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_be_visible()
    expect(_cell(tab, 3, "Last")).to_have_text("Berg")
    expect(_cell(tab, 3, "Last")).to_have_class(re.compile("unsaved"))
    tab.unroute("**/grid/cells")
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("#said")).to_contain_text("Row 3 saved")
    tab.reload()
    expect(_cell(tab, 3, "Last")).to_have_text("Berg")
    mapping.write_text(f"roster: {{header: 3}}\n{MAPPING}", "utf-8")
    tab.reload()
    expect(tab.get_by_role("alert")).to_contain_text("do not fit the roster")
    mapping.write_text(f"roster: {{header: 1}}\n{MAPPING}", "utf-8")
    tab.get_by_role("button", name="Undo the last correction").click()
    expect(_cell(tab, 3, "Last")).to_have_text("blank")


def test_of_two_texts_a_person_chooses(shown: tuple[Path, Page]) -> None:
    """Where somebody else corrected the cell: theirs or one's own, which is kept until then.

    Before that, nothing is compared with Alma, and the page says why.
    """
    _, tab = shown
    for was, theirs, answer in (("", "Berg", "Keep “Berg”"), ("Berg", "Burg", "Use “Borg”")):
        edit = {"row": 3, "column": "C", "was": was, "now": theirs}
        tab.evaluate(
            """edit => fetch(`${location.pathname}/cells`, {
              method: "POST", headers: {"Content-Type": "application/json"},
              body: JSON.stringify({edits: [edit]}),
            })""",
            edit,
        )
        _cell(tab, 3, "Last").click()
        tab.keyboard.type("Borg")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("alert")).to_contain_text(theirs)
        expect(_cell(tab, 3, "Last")).to_have_text("Borg")
        tab.get_by_role("button", name=re.compile("^Compare with Alma")).click()
        expect(tab.locator("#said")).to_have_text("First choose which text stays")
        tab.get_by_role("button", name=answer).click()
        expect(tab.get_by_role("alert")).to_have_count(0)
        expect(_cell(tab, 3, "Last")).to_have_text(answer.split("“")[1][:-1])
    expect(tab.locator("#said")).to_have_text("Row 3 saved")
    tab.get_by_role("button", name=re.compile("All rows")).click()
    expect(_cell(tab, 2, "Last")).to_be_visible()
    expect(_cell(tab, 3, "Last")).to_have_text("Borg")


def test_rows_are_sorted_by_a_column(opened: tuple[Server, httpx.Client], draft: str) -> None:
    """Up, down, and again in the order of the roster."""
    for sort, rows in (("B", [2, 3, 4, 5, 6]), ("-B", [6, 5, 4, 3, 2]), ("D", [4, 2, 6, 3, 5])):
        shown = grid_rows(opened[1], draft, show="all", sort=sort)
        assert [line["row"] for line in shown["lines"]] == rows, sort
    shown = grid_rows(opened[1], draft, show="all", sort="ZZ")
    assert [line["row"] for line in shown["lines"]] == [2, 3, 4, 5, 6]


def _next_term(client: httpx.Client, draft: str, roster: str) -> str:
    after = draft.rpartition("/")[2]
    return dropped(client, "next.csv", roster, f"practice/rosters?after={after}")


def _remembered(client: httpx.Client, draft: str) -> list[dict[str, Any]]:
    """The corrections of the last term that the grid shows, before anything is changed."""
    return [one["edit"] for one in grid_rows(client, draft)["again"]]


def test_a_word_of_a_code_list_is_remembered_for_everybody(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """And only its last text; each cell is shown first, and is right once it is sent."""
    _, client = opened
    correct(client, draft, {(5, "D"): "Friend"})
    correct(client, draft, {(5, "D"): "Neighbor"})
    new = _next_term(client, draft, ROSTER.replace("102", "202").replace("103,Di", "203,Di"))
    shown = _remembered(client, new)
    assert [(one["row"], one["was"], one["now"]) for one in shown] == [
        (3, "Nieghbor", "Neighbor"), (5, "Nieghbor", "Neighbor"),
    ]  # fmt: skip
    answer = client.post(f"{new}/grid/cells", json={"edits": shown}).json()
    assert (answer["saved"], answer["again"]) == (2, [])


def test_a_word_that_was_corrected_to_several_is_not_remembered(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """Nobody knows which of them it means now."""
    _, client = opened
    correct(client, draft, {(3, "D"): "Friend", (5, "D"): "Neighbor"})
    assert _remembered(client, _next_term(client, draft, ROSTER)) == []


BORN = """Id,First,Last,Kind,Born
101,Ann,Bee,Neighbor,02/31/1988
102,Ola,Nord,Friend,13/05/1990
"""


def test_a_value_of_a_person_is_remembered_for_that_person_only(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """Others with the same text get no value of theirs, and nobody one that was withdrawn.

    The person is who has the primary ID in the end; a corrected ID is for nobody.
    """
    server, client = opened
    born = MAPPING.replace("lookups:", "  birth_date: <Born>\nroster: {dates: mdy}\nlookups:")
    (server.folder / "practice" / "mappings" / "born.yaml").write_text(born, "utf-8")
    fall = drafted(client, "practice", BORN, "born.yaml")
    for row, born_on in ((2, "02/28/1988"), (3, "01/05/1990"), (3, "05/13/1990")):
        correct(client, fall, {(row, "E"): born_on})
    spring = BORN.replace("101", "201").replace("102", "202")
    assert _remembered(client, _next_term(client, fall, spring)) == []
    same = _remembered(client, _next_term(client, fall, BORN))
    assert [(one["row"], one["now"]) for one in same] == [(2, "02/28/1988"), (3, "05/13/1990")]
    correct(client, fall, {(3, "A"): "103"})
    same = _remembered(client, _next_term(client, fall, BORN))
    assert [(one["row"], one["now"]) for one in same] == [(2, "02/28/1988")]
    moved = _remembered(client, _next_term(client, fall, BORN.replace("102", "103")))
    assert [one["now"] for one in moved] == ["02/28/1988", "05/13/1990"]


def test_equal_cells_are_changed_together_in_columns_of_codes_only(
    opened: tuple[Server, httpx.Client], draft: str
) -> None:
    """Two people with one ID do not get another one together, and nobody is asked whether."""
    client = opened[1]
    edit = {"row": 5, "column": "A", "was": "103", "now": "104"}
    for alike in (False, True):
        found = client.post(f"{draft}/grid/cells", json={"edits": [{**edit, "alike": alike}]})
        assert (found.json()["saved"], found.json()["alike"]) == (not alike, 0)
    assert _line(grid_rows(client, draft, show="all"), 4)["cells"][0] == "103"
    assert _send(client, draft, (3, "D", "Nieghbor", "Neighbor")).json()["alike"] == 1
    assert _send(client, draft, (5, "D", "Nieghbor", "Neighbor")).json()["alike"] == 0


def test_an_offer_ends_with_the_next_change(shown: tuple[Path, Page]) -> None:
    """Of equal cells, which that may have used up; and what was corrected last term is shown."""
    _, tab = shown
    _cell(tab, 3, "Kind").click()
    tab.keyboard.type("Friend")
    tab.keyboard.press("Enter")
    offer = tab.get_by_role("button", name="Change the other one too")
    expect(offer).to_be_visible()
    _cell(tab, 5, "Kind").click()
    tab.keyboard.type("Friend")
    tab.keyboard.press("Enter")
    expect(tab.locator("#said")).to_have_text("Row 5 saved")
    expect(offer).to_have_count(0)
    draft = tab.url.partition("/drafts/")[2].partition("/")[0]
    tab.goto(f"{tab.url.partition('/drafts/')[0]}/?after={draft}")
    roster = FilePayload(name="next.csv", mimeType="text/csv", buffer=ROSTER.encode())
    tab.locator("input[type=file]").first.set_input_files(roster)
    tab.wait_for_url("**/sheet")
    tab.goto(tab.url.replace("/sheet", "/grid"))
    expect(tab.get_by_label("Corrections of the last term")).to_contain_text("Nieghbor → Friend")
    tab.get_by_role("button", name="Correct the 2 cells").click()
    expect(_cell(tab, 5, "Kind")).to_have_text("Friend")
    expect(tab.get_by_label("Corrections of the last term")).to_have_count(0)
