"""Review and approve: what must be looked at, what is counted, and what may start a load."""

from __future__ import annotations

import html
import re

import httpx
from playwright.sync_api import Browser, expect

from tests.report.building import RENEWAL, renewal
from tests.web.conftest import (
    KEY,
    Library,
    address_of,
    approve,
    changed,
    drafted,
    failed_checks,
    followed,
    planned,
    practice_codes,
    run_command,
    tab_of,
    with_mapping,
    words,
)
from tests.web.deciding import MAPPING, ROSTER, prepare

__all__ = ["prepare"]


def _looks(page: str) -> list[str]:
    section = page.partition('id="look"')[2].partition("</section>")[0]
    return re.findall(r'class="n">[^<]*</span><span><b>(.*?)</b>', section)


def _rows(page: str) -> list[str]:
    section = page.partition('id="rows"')[2].partition("</section>")[0]
    return re.findall(r'<th scope="row">([^<]*)</th><td class="tn', section)


def test_what_is_dangerous_is_viewed_before_anything_is_written(
    office: tuple[Library, httpx.Client],
) -> None:
    """The most dangerous first; without each mark the form is refused, and keeps those given."""
    library, client = office
    run = planned(client, drafted(client, "alma", ROSTER, "born.yaml"))
    page = client.get(run).text
    assert _looks(page)[0] == "Perhaps another person&#39;s ID"
    assert re.findall(r'name="viewed" value="([a-z-]+)" required', page) == ["another-person"]
    writes = library.written()
    checks = failed_checks(client, run)
    refused = approve(client, run, *checks, viewed=[])
    assert (refused.status_code, "mark it as viewed" in refused.text) == (422, True)
    refused = approve(client, run, *checks, code="no")
    assert refused.status_code == 422
    assert re.search(r'value="another-person" required[^>]* checked', refused.text)
    assert library.written() == writes
    followed(client, approve(client, run, *checks))
    assert "505" in library.users()


def test_a_renewal_names_its_five_dangers_with_their_numbers(
    office: tuple[Library, httpx.Client],
) -> None:
    """What the terminal and the report name, the page names, too, from the same view."""
    library, client = office
    with renewal().ledger(library.folder / "runs" / "renewal"):
        pass
    place = drafted(client, "alma", ROSTER, "born.yaml").partition("/drafts/")[0]
    run = f"{place}/runs/renewal"
    section = client.get(run).text.partition('id="look"')[2].partition("</section>")[0]
    look = re.findall(r'class="n">([^<]*)</span><span><b>(.*?)</b>', section)
    assert [(int(count), html.unescape(title)) for count, title in look if count] == RENEWAL
    moves = r"STU → (STAFF|Staff) \(8\), STU → FAC \(4\)"  # by its name where codes were fetched
    assert re.search(moves, words(section))


def test_changes_are_counted_and_every_row_is_found(office: tuple[Library, httpx.Client]) -> None:
    """By name or ID, those to decide first, each with its old and its new values."""
    _, client = office
    roster = ROSTER.replace("Ana,Silva", "Ana,Silvano").replace("501,", "901,")
    run = planned(client, drafted(client, "alma", roster, "born.yaml"))
    page = client.get(run).text
    fields = page.partition('id="byfield"')[2].partition("</section>")[0]
    assert re.search(r'<th scope="row">Last name</th>.*?<td class="num">1</td>', fields)
    assert _rows(page)[:4] == ["Bo Berg", "Di Dahl", "Cy Cole", "Ana Silvano"]
    for query, names in (
        ("?find=silvano", ["Ana Silvano"]),
        ("?find=901", ["Ana Silvano"]),
        ("?end=update", ["Ana Silvano"]),
        ("?end=review&find=bo", ["Bo Berg"]),
        ("?find=nobody", []),
    ):
        assert _rows(client.get(f"{run}{query}").text) == names
    line = client.get(f"{run}?find=silvano").text.partition("Fields of Ana Silvano")[2]
    cells = re.search(r"Last name</th><td><del>(.*?)</del></td><td><ins>(.*?)</ins>", line)
    assert cells is not None
    assert cells.groups() == ("Silva", "Silvano")


def test_the_form_of_approval_counts_who_is_written_and_what_is_not_loaded(
    office: tuple[Library, httpx.Client], browser: Browser
) -> None:
    """How many now is about the people who are written; rejected rows are not loaded either.

    The button says what happens, also with the choice to write only the first people. What is to be
    looked at first is not listed again among the other problems.
    """
    _, client = office
    new = "".join(f"96{n:02},Nia{n},New{n},19{50 + n}-01-02,\n" for n in range(12))
    run = planned(
        client, drafted(client, "alma", f"{ROSTER}{new},No,Id,1990-01-02,\n", "born.yaml")
    )
    page = client.get(run).text
    assert words(page).count("New patrons lack a date") == 1
    form = words(page.partition('id="approve"')[2].partition("</form>")[0])
    left = int(re.findall(r"All (\d+) people Only the first people", form)[0])
    assert f"Write {left} people to" in form
    assert re.search(r"1 rejected row and \d rows? that needs? review are not loaded\.", form)
    with tab_of(browser, client) as tab:
        tab.goto(address_of(client, run))
        button = tab.locator("#approve button")
        expect(button).to_have_text(re.compile(f"Write {left} people to .*"), use_inner_text=True)
        tab.get_by_label("Only the first", exact=True).check()
        expect(button).to_have_text("Start with only the first people", use_inner_text=True)


def test_all_that_a_safety_check_lets_pass_is_shown(office: tuple[Library, httpx.Client]) -> None:
    """Every field of a person: first what takes Alma's value away; codes by Alma's names."""
    library, client = office
    allowed = "safety_checks: {many_changes: {percent: 0, count: 0}}\nrecord:"
    text = MAPPING.replace("record:", allowed).replace("COMM", "FRIEND")
    with_mapping(library.folder, "friends.yaml", text)
    library.add("951", "Ida", "Gray", birth_date="1970-01-02Z")
    roster = "Id,First,Last,Born,Email\n951,Ida,Graham,1970-01-02,ida@example.org\n"
    with changed(library.folder / "codes.json", practice_codes()):
        run = planned(client, drafted(client, "alma", roster, "friends.yaml"))
        page = client.get(run).text
        listed = page.partition('aria-label="Safety check: many changes"')[2]
        lines = re.findall(
            '<div class="move">(.*?)</div>', listed.partition("</table>")[0], re.DOTALL
        )
        assert [words(line) for line in lines] == [
            "Last name: Gray → Graham",
            "User group: Community → Friends of the Library",
            "Personal email: nothing → ida@example.org",
        ]
        look = words(page.partition('id="look"')[2].partition("</section>")[0])
        assert "Group change Community → Friends of the Library" in look
        assert "Last name: Gray → Graham +2 more" in words(page.partition('id="rows"')[2])
        (row,) = re.findall(rf'"{run}(/rows/[0-9]+)">[0-9]+</a></td><th', page)[:1]
        assert "Community Friends of the Library" in words(client.get(f"{run}{row}").text)


def test_the_last_load_with_the_mapping_is_beside_this_one(
    office: tuple[Library, httpx.Client],
) -> None:
    """Rows, new and changed users and rejects of both."""
    _, client = office
    lines = [f"70{n},Nia,Nr{n},19{60 + n}-05-05,\n" for n in range(3)]
    run = ""
    for people in (1, 3):
        if run:
            followed(client, approve(client, run, *failed_checks(client, run)))
        roster = "".join(["Id,First,Last,Born,Email\n", *lines[:people]])
        run = planned(client, drafted(client, "alma", roster, "born.yaml"))
    table = client.get(run).text.partition('id="bylast"')[2].partition("</section>")[0]
    rows = re.search(r"Rows</th><td[^>]*>(\d+)</td><td[^>]*>(\d+)</td>", table)
    assert rows is not None
    assert rows.groups() == ("1", "3")


def test_who_is_missing_and_who_cannot_borrow_is_listed(
    office: tuple[Library, httpx.Client],
) -> None:
    """People of the last load who are not in this roster, and rows whose users cannot borrow."""
    library, client = office
    lines = [f"71{n},Nia,Ms{n},19{60 + n}-05-05,\n" for n in range(3)]
    run = ""
    for people in (lines, lines[:2]):
        roster = "".join(["Id,First,Last,Born,Email\n", *people])
        run = planned(client, drafted(client, "alma", roster, "born.yaml"))
        if people is lines:
            followed(client, approve(client, run, *failed_checks(client, run)))
            address = f"{library.alma}/_sandbox/users/711"
            access = {"Authorization": f"apikey {KEY}"}
            httpx.patch(address, json={"status": {"value": "INACTIVE"}}, headers=access)
    page = client.get(run).text
    looks = page.partition('id="look"')[2].partition("</section>")[0]
    assert "Person who cannot borrow after this load" in _looks(page)
    assert re.findall(r'rows/(\d+)">', looks) == ["3"]
    missing = [one for one in _looks(page) if "not in this roster" in one]
    assert (len(missing), "712" in looks, "710" in looks) == (1, True, False)


def test_a_plan_of_the_command_line_says_where_its_end_dates_are_set(
    office: tuple[Library, httpx.Client],
) -> None:
    """It has no page of its mapping; of several rosters, each names its own."""
    library, client = office
    typed = list[str]()
    for name in ("one", "two"):
        (library.folder / f"{name}.csv").write_text(f"{ROSTER}{name},Ida,Roe,,\n", "utf-8")
        typed += [f"{name}.csv", "-m", "mappings/born.yaml"]
    run_command(library.folder, "plan", *typed, "-o", "runs/both")
    page = client.get("/alma/runs/both").text
    looks = words(page.partition('id="look"')[2].partition("</section>")[0])
    lacking = r"(\w+)\.csv: A new patron gets no expiration date in .*? expiry_date"
    assert re.findall(lacking, looks) == ["one", "two"]


def test_on_a_phone_an_ordinary_name_is_read_whole(
    office: tuple[Library, httpx.Client], browser: Browser
) -> None:
    """Beside its outcome it takes a second line; nothing else on the page has the name."""
    _, client = office
    roster = f"{ROSTER}877,Amara,Okonkwo-Reyes-Lindqvist,,\n"
    run = planned(client, drafted(client, "alma", roster, "born.yaml"))
    with tab_of(browser, client) as tab:
        tab.goto(address_of(client, run))
        tab.set_viewport_size({"width": 360, "height": 800})
        name = tab.locator(".every th[scope=row]", has_text="Okonkwo-Reyes")
        assert name.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_approval_is_reached_with_few_tabs(
    office: tuple[Library, httpx.Client], browser: Browser
) -> None:
    """A link before the list leads past it, however many rows it has."""
    _, client = office
    run = planned(client, drafted(client, "alma", f"{ROSTER}878,Nora,Falk,,\n", "born.yaml"))
    with tab_of(browser, client) as tab:
        tab.goto(address_of(client, run))
        for key in ("Tab", "Tab", "Enter", "Tab", "Tab"):
            tab.keyboard.press(key)
        assert tab.evaluate("Boolean(document.activeElement.form?.matches('#approve'))")
