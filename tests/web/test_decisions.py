"""The queue of decisions: what is asked, which answers there are, and what becomes of them."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Browser, expect

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.answers import choices
from importer.web import decision_pages
from importer.web.tasks import Tasks
from importer.web.workspace import Workspace
from tests.pipeline.runs import ROOT
from tests.web.conftest import (
    Library,
    address_of,
    approval,
    approve,
    decide,
    drafted,
    failed_checks,
    followed,
    planned,
    run_command,
    tab_of,
)
from tests.web.deciding import ROSTER, prepare

__all__ = ["prepare"]


@pytest.fixture
def run(office: tuple[Library, httpx.Client]) -> str:
    """The address of a new plan of the roster above."""
    _, client = office
    return planned(client, drafted(client, "alma", ROSTER, "born.yaml"))


def _kinds(page: str) -> dict[str, int]:
    aside = page.partition("<aside")[2].partition("</aside>")[0]
    found = re.findall(r'\?kind=[^>]*><span>(.*?)</span>.*?class="count">(\d+)<', aside)
    return {name: int(count) for name, count in found}


def _heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page)
    assert found is not None
    return found[1]


def _answer(client: httpx.Client, run: str, row: int, text: str, **more: str) -> str:
    form = {"row": str(row), "decision": text, **more}
    answer = client.post(f"{run}/decisions", data=form)
    assert answer.status_code == 303
    return client.get(answer.headers["Location"]).text


def test_the_most_dangerous_question_is_first(
    office: tuple[Library, httpx.Client], run: str
) -> None:
    """An ID of another person comes before a possible match; each kind has its count."""
    page = office[1].get(f"{run}/decisions").text
    assert _heading(page).startswith("Di Dahl, row 4: ")
    assert list(_kinds(page).values()) == [1, 3]


def test_each_answer_says_what_it_does(office: tuple[Library, httpx.Client]) -> None:
    """Also where two rows of the roster are one person, whom Alma does not have."""
    _, client = office
    rows = ("601,Gus,Gill,1950-05-06,gus@example.org", "602,Gus,Gill,1950-05-06,gill@example.org")
    run = planned(
        client,
        drafted(client, "alma", "\n".join((*ROSTER.splitlines()[:2], *rows, "")), "born.yaml"),
    )
    for row in (2, 3, 4):
        page = client.get(f"{run}/decisions?row={row}").text
        options = re.findall(
            r'name="decision".*?<b>(.+?)</b>.*?<span class="small.*?">(.+?)</span>', page
        )
        assert len(options) == len({does for _, does in options}) >= 3


def test_the_answers_are_those_of_the_command_line(
    office: tuple[Library, httpx.Client], run: str
) -> None:
    """For each row in question the same choices, in the same order."""
    library, client = office
    with Ledger.open(library.folder / run.removeprefix("/alma/")) as ledger:
        for row in (2, 3, 4, 5):
            page = client.get(f"{run}/decisions?row={row}").text
            offered = re.findall(r'name="decision" value="([^"]*)"', page)
            assert tuple(offered) == choices(ledger.problems(row))


def test_row_and_user_are_aligned_field_by_field(
    office: tuple[Library, httpx.Client], run: str
) -> None:
    """As the record will be, with what differs marked; answers that overwrite a person are red."""
    page = office[1].get(f"{run}/decisions?row=4").text
    line = page.partition('<th scope="row">Birth date</th>')[2].partition("</tr>")[0]
    cells = [re.sub(r"<[^>]+>", "", one).strip() for one in line.split("</td>")[:3]]
    assert cells == ["January 30, 1965", "July 22, 1961", "differs"]
    assert re.findall(r"<mark>(.*?)</mark>", line) == ["January 30, 1965", "July 22, 1961"]
    assert re.findall(r'class="option( red)?"', page) == [" red", ""]
    page = office[1].get(f"{run}/decisions?row=2").text
    assert re.findall(r'class="option( red)?"', page) == [""] * 4
    assert "ID becomes 501. 901 stays as an inactive ID (BARCODE)." in page
    assert "ID stays 901; 501 is not used." in page


def test_after_an_answer_comes_the_next_question(
    office: tuple[Library, httpx.Client], run: str
) -> None:
    """In the same kind while it has any; an answer is kept over a reload, and taken back."""
    client = office[1]
    page = _answer(client, run, 2, "same person, new card", kind="possible-match-in-alma")
    assert _heading(page).startswith("Bo Berg, row 3")
    assert list(_kinds(client.get(f"{run}/decisions").text).values()) == [1, 2]
    back = client.post(f"{run}/decisions/undo", data={"row": "2"})
    page = client.get(back.headers["Location"]).text
    assert _heading(page).startswith("Ana Silva, row 2")
    assert "checked" not in page


def test_the_same_answer_for_all_alike(
    office: tuple[Library, httpx.Client], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with the same question and as much evidence: not one whom Alma knows without email.

    Whatever the fields are called.
    """
    library, client = office
    monkeypatch.setattr(decision_pages, "field_name", lambda path: f"F{hash(path)}")
    monkeypatch.chdir(library.folder)
    space = Workspace("alma", library.folder, Tasks(library.folder, library.folder, {}), ROOT, "")
    with Ledger.open(library.folder / run.removeprefix("/alma/")) as ledger:
        queue = decision_pages.Queue.of(ledger)
        assert [*decision_pages.Desk(space, ledger, queue).alike(2)] == [3]
    page = client.get(f"{run}/decisions?row=2").text
    assert "The same for 1 other" in page
    page = _answer(client, run, 2, "same person, new card", same="yes")
    answered = page.partition("Decided")[2].partition("</aside>")[0]
    assert re.findall(r"row=(\d+)", answered) == ["2", "3"]


def test_decisions_by_keys_alone(
    office: tuple[Library, httpx.Client], run: str, browser: Browser
) -> None:
    """1 to 4 choose, Enter saves and the next question comes, J and K move, A means all alike."""
    client = office[1]
    with tab_of(browser, client) as tab:
        tab.goto(address_of(client, f"{run}/decisions"))
        heading, key = tab.get_by_role("heading", level=1), tab.keyboard.press

        def see(text: str) -> None:
            expect(heading).to_contain_text(text)
            tab.wait_for_load_state()  # the keys are listened to

        see("Di Dahl")
        key("j")
        see("Ana Silva")
        key("k")
        see("Di Dahl")
        key("2")
        key("Enter")
        see("Ana Silva")
        key("a")
        key("1")
        key("Enter")
        see("Cy Cole")
        key("Control+z")
        see("Ana Silva")
        key("1")
        key("Enter")
        see("Cy Cole")
        key("4")
        key("Enter")
        see("Everything is decided")


def test_the_answers_become_the_plan(office: tuple[Library, httpx.Client]) -> None:
    """One command carries them all out, Alma gets what they say, and a later plan shows them."""
    library, client = office
    run = planned(client, drafted(client, "alma", ROSTER, "born.yaml"))
    decide(client, run, {
        4: "do not load",
        2: "same person, new card",
        3: "same person, update",
        5: "another person, create",
    })  # fmt: skip
    again = planned(client, drafted(client, "alma", ROSTER, "born.yaml"))
    assert [client.get(f"{again}/rows/{row}").status_code for row in range(2, 7)] == [200] * 5
    assert "<b>Decided:</b>" in client.get(f"{again}/rows/3").text
    assert re.search(r"Decided by [^@ ]+ on [A-Z]", client.get(run).text)
    checks = failed_checks(client, run)
    followed(client, approve(client, run, *checks))
    users = library.users()
    assert users["503"] == "Hollins"
    assert ("901" in users, users["501"], users["902"], "502" in users) == (
        False, "Silva", "Berg", False,
    )  # fmt: skip
    assert {"504", "505", "904"} <= users.keys()
    assert "Nothing to decide" in client.get(f"{run}/decisions").text


def test_an_answer_that_could_not_be_used_says_why(office: tuple[Library, httpx.Client]) -> None:
    """Somebody made the user meanwhile: the row stays open, and both pages say so."""
    library, client = office
    run = planned(client, drafted(client, "alma", ROSTER.replace("501,", "561,"), "born.yaml"))
    library.add("561", "Somebody", "Else")
    decide(client, run, {2: "another person, create"})
    for page in (client.get(run).text, client.get(f"{run}/decisions").text):
        assert "Alma already has a user with the primary ID of row 2." in page
        assert "--as" not in page
    decide(client, run, {2: "do not load"})
    assert "Alma already has" not in client.get(run).text


def test_what_was_answered_since_the_approval_is_viewed_first(
    office: tuple[Library, httpx.Client],
) -> None:
    """A dangerous answer that was given after the load is not written before it was viewed."""
    library, client = office
    library.add("613", "Ed", "Hobbs", birth_date="1961-07-22Z")
    roster = "Id,First,Last,Born,Email\n612,Ivo,Ice,1999-01-02,\n613,Di,Dahl,1965-01-30,\n"
    run = planned(client, drafted(client, "alma", roster, "born.yaml"))
    followed(client, approve(client, run, *failed_checks(client, run)))
    assert approval(client, run)["viewed"] == []
    decide(client, run, {3: "same person, update"})
    page = client.get(f"{run}/live").text  # as it is shown when nothing works on the load
    assert re.findall(r'name="viewed" value="([a-z-]+)" required', page) == ["another-person"]
    assert "Di Dahl, decided" in page
    checks = failed_checks(client, run)
    refused = approve(client, run, *checks, viewed=[])
    assert (refused.status_code, "mark it as viewed" in refused.text) == (422, True)
    assert library.users()["613"] == "Hobbs"
    followed(client, approve(client, run, *checks))
    assert library.users()["613"] == "Dahl"
    assert approval(client, run)["viewed"] == []


def test_answers_of_several_rosters_are_used_one_by_one(
    office: tuple[Library, httpx.Client],
) -> None:
    """Those of the second roster stay in the queue until the first one's are carried out."""
    library, client = office
    words = []
    for name, number in (("one", 71), ("two", 72)):
        line = f"{number}1,Edgar,Hollins,1961-07-22,ed@example.org\n"
        (library.folder / f"{name}.csv").write_text(f"Id,First,Last,Born,Email\n{line}", "utf-8")
        words += [f"{name}.csv", "-m", "mappings/born.yaml"]
    assert run_command(library.folder, "plan", *words, "-o", "runs/both") == Exit.REJECTS
    run = "/alma/runs/both"
    rows = list(
        map(int, dict.fromkeys(re.findall(r"row=(\d+)", client.get(f"{run}/decisions").text)))
    )
    asked = [2, 10_000_002]
    assert set(rows) <= {0, *asked}
    decide(client, run, dict.fromkeys(asked, "do not load"))
    assert len(_kinds(client.get(f"{run}/decisions").text)) <= 1
    if "Use this decision" in client.get(f"{run}/decisions").text:
        followed(client, client.post(f"{run}/decisions/use"))
    assert "Nothing to decide" in client.get(f"{run}/decisions").text
