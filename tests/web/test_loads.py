"""Loads: what comes next with each, and the list of them."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import httpx
import pytest
from openpyxl import Workbook

from importer.model.run import Summary
from importer.web.drafts import Asked, Draft, DraftCounts, DraftFacts
from importer.web.loads import (
    KnownRun,
    ListedLoad,
    LoadState,
    SeenRun,
    Show,
    forget_answers,
    given_answers,
    name_of,
    save_answers,
    steps,
)
from importer.web.workspace import AtWork, Sittings
from tests.report.building import FACTS
from tests.web.conftest import SAMPLE, Server, approve, drafted, dropped, followed, planned, version


def _run(
    *,
    command: str = "plan",
    review: int = 0,
    left: int = 0,
    of: int = 0,
    refused: int | None = None,
    undone: bool = False,
) -> SeenRun:
    summary = Summary(
        rows=400, ready=400 - review, rejected=0, review=review, blank=0, skipped=0, warnings=0,
        repaired=0, refused=refused, run="r1", exit=0,
    )  # fmt: skip
    known = KnownRun(
        FACTS.model_copy(update={"command": command}),
        summary,
        refused is not None,
        left,
        of - left,
        of,
        frozenset(range(2, 2 + review)),
        corrects=False,
        undone=undone,
        sittings=Sittings(),
    )
    return SeenRun("r1", FACTS.started, known)


def _draft(mapping: str = "", ask: Asked = "") -> Draft:
    return Draft(
        Path("d1"), DraftFacts(file="a", created=FACTS.started, mapping=mapping, ask=ask, version=7)
    )


CASES: dict[str, tuple[ListedLoad, LoadState, str, str, str]] = {
    "no mapping": (
        ListedLoad(_draft()),
        LoadState.DRAFT, "Mapping to choose", "Choose the mapping", "drafts/d1/sheet",
    ),
    "no sheet": (
        ListedLoad(_draft(ask="sheet")),
        LoadState.DRAFT, "Sheet to choose", "Choose the sheet", "drafts/d1/sheet",
    ),
    "no encoding": (
        ListedLoad(_draft(ask="names")),
        LoadState.DRAFT, "Names to confirm", "Confirm the names", "drafts/d1/sheet",
    ),
    "never checked": (
        ListedLoad(_draft("a.yaml")),
        LoadState.DRAFT, "Rows to check", "Check the rows", "drafts/d1/grid",
    ),
    "wrong rows": (
        ListedLoad(_draft("a.yaml"), counts=DraftCounts(version=7, rows=45, wrong=11)),
        LoadState.DRAFT, "11 rows to correct", "Correct 11 rows", "drafts/d1/grid",
    ),
    "nothing wrong": (
        ListedLoad(_draft("a.yaml"), counts=DraftCounts(version=7, rows=45, wrong=0)),
        LoadState.CHECKED, "Checked", "Compare with Alma", "drafts/d1/plan",
    ),
    "being planned": (
        ListedLoad(_draft("a.yaml"), _run(left=3, of=3), planning="t1"),
        LoadState.PLANNING, "Comparing with Alma", "Watch", "tasks/t1",
    ),
    "questions": (
        ListedLoad(_draft("a.yaml"), _run(review=17, left=300, of=300)),
        LoadState.DECISIONS, "17 decisions", "Decide 17", "runs/r1/decisions",
    ),
    "a sheet to choose, with the mapping of the last term": (
        ListedLoad(_draft("a.yaml", ask="sheet")),
        LoadState.DRAFT, "Sheet to choose", "Choose the sheet", "drafts/d1/sheet",
    ),
    "a plan": (
        ListedLoad(_draft("a.yaml"), _run(left=300, of=300)),
        LoadState.PLANNED, "Waiting for approval", "Review and approve", "runs/r1",
    ),
    "a start that failed": (
        ListedLoad(_draft("a.yaml"), _run(left=300, of=300), now=AtWork(failed=True)),
        LoadState.STOPPED, "Nothing was sent", "Approve again", "runs/r1",
    ),
    "an empty plan": (
        ListedLoad(_draft("a.yaml"), _run()),
        LoadState.PLANNED, "Nothing to write", "Open", "runs/r1",
    ),
    "corrected since the plan": (
        ListedLoad(_draft("a.yaml"), _run(left=300, of=300), fresh=False),
        LoadState.DRAFT, "Rows to check", "Check the rows", "drafts/d1/grid",
    ),
    "a plan of the command line with another mapping": (
        ListedLoad(None, _run(left=300, of=300), fresh=False),
        LoadState.PLANNED, "Out of date", "Open", "runs/r1",
    ),
    "questions of a plan of the command line with another mapping": (
        ListedLoad(None, _run(review=17, left=300, of=300), fresh=False),
        LoadState.PLANNED, "Out of date", "Open", "runs/r1",
    ),
    "loading": (
        ListedLoad(_draft("a.yaml"), _run(left=280, of=400, refused=0),
             now=AtWork(busy=True, loads=True)),
        LoadState.LOADING, "Loading 120 of 400", "Watch", "runs/r1/live",
    ),
    "just approved": (
        ListedLoad(_draft("a.yaml"), _run(left=400, of=400), now=AtWork(busy=True, loads=True)),
        LoadState.LOADING, "Loading 0 of 400", "Watch", "runs/r1/live",
    ),
    "being answered": (
        ListedLoad(_draft("a.yaml"), _run(left=400, of=400), now=AtWork(busy=True)),
        LoadState.PLANNING, "A command is working on it", "Watch", "runs/r1/live",
    ),
    "paused": (
        ListedLoad(_draft("a.yaml"), _run(left=280, of=400, refused=0), fresh=False),
        LoadState.STOPPED, "Paused at 120 of 400", "Continue the load", "runs/r1/live",
    ),
    "stopped": (
        ListedLoad(_draft("a.yaml"), _run(left=280, of=400, refused=0), now=AtWork(failed=True)),
        LoadState.STOPPED, "Stopped at 120 of 400", "Continue the load", "runs/r1/live",
    ),
    "done": (
        ListedLoad(_draft("a.yaml"), _run(of=400, refused=3)),
        LoadState.DONE, "Done, 3 refused", "Start the next term", "?after=d1",
    ),
    "done, and the roster deleted": (
        ListedLoad(None, _run(of=400, refused=0)),
        LoadState.DONE, "Done", "Open", "runs/r1",
    ),
    "undone": (
        ListedLoad(_draft("a.yaml"), _run(of=400, refused=0, undone=True)),
        LoadState.UNDONE, "Undone", "Open", "runs/r1",
    ),
    "a check of the command line": (
        ListedLoad(None, _run(command="check")),
        LoadState.CHECKED, "Checked", "Open", "runs/r1",
    ),
    "a damaged ledger": (
        ListedLoad(None, SeenRun("r1", FACTS.started, None, "It cannot be read.")),
        LoadState.FAULT, "Cannot be read", "", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_next_step_of_a_load(case: str) -> None:
    """Each state has its words, and one button that leads on."""
    now, *expected = CASES[case]
    step = now.next
    assert [step.state, step.words, step.button, step.address] == expected


def test_only_finished_loads_need_nobody() -> None:
    """A load needs a person unless it runs or is done."""
    shown = {case: now.next.shows for case, (now, *_) in CASES.items()}
    assert {case for case, show in shown.items() if show is Show.LOADING} == {
        "being planned", "being answered", "loading", "just approved",
    }  # fmt: skip
    assert {case for case, show in shown.items() if show is Show.DONE} == {
        "done", "done, and the roster deleted", "undone",
    }  # fmt: skip


def test_a_step_that_was_not_reached_is_no_link(tmp_path: Path) -> None:
    """Of a plan without a draft, only its own pages are links."""
    run = tmp_path / "r1"
    shown = {one.name: one.address for one in steps("/alma", None, run, _run(review=2).known)}
    assert shown == {
        "Sheet": "", "Mapping": "", "Grid": "", "Decisions": "/alma/runs/r1/decisions",
        "Review": "/alma/runs/r1", "Load": "",
    }  # fmt: skip


def test_an_undo_has_the_steps_that_it_has(tmp_path: Path) -> None:
    """It has no roster and mapping of its own; those of the load are not its.

    A row of which somebody changed the user since the load asks a question, as in a load.
    """
    for review, asks in ((0, []), (2, ["Decisions"])):
        shown = steps("/alma", None, tmp_path / "u1", _run(command="undo", review=review).known)
        assert [one.name for one in shown] == [*asks, "Review", "Undo"]


def test_rows_without_a_decision_are_counted_until_they_have_one(tmp_path: Path) -> None:
    """An answer that was given counts at once; what was never answered stays after the load."""
    counts = []
    for seen, answered in ((_run(review=2), 0), (_run(review=2), 1), (_run(review=2), 2),
                            (_run(review=2, refused=0), 1)):  # fmt: skip
        save_answers(tmp_path, dict.fromkeys((2, 3)[:answered], "create"))
        found = {one.name: one for one in steps("/alma", None, tmp_path, seen.known)}
        counts.append((found["Decisions"].left, found["Decisions"].done))
    assert counts == [(2, False), (1, False), (0, True), (1, False)]


def test_an_answer_is_for_what_was_asked_before_the_load(tmp_path: Path) -> None:
    """What was carried out answers nothing that the load asks about the same row."""
    save_answers(tmp_path, {2: "same person, update", 3: "do not load"})
    forget_answers(tmp_path, {3})
    assert given_answers(tmp_path) == {3: "do not load"}


def _names(page: str) -> list[str]:
    return re.findall(r'<(?:a|span) class="name"[^>]*>(.*?)</', page)


def test_loads_are_found_by_name_state_and_trash(opened: tuple[Server, httpx.Client]) -> None:
    """The search looks at name and file; what is in the trash is there only, and comes back."""
    _, client = opened
    first = drafted(client, "practice", SAMPLE, "")
    dropped(client, "spring_term-staff.csv", "Barcode,First Name,Last Name\n1,Ana,Roe\n")
    assert _names(client.get("/practice/").text) == ["Spring term staff", "Community patrons"]
    assert _names(client.get("/practice/?find=STAFF.csv").text) == ["Spring term staff"]
    assert _names(client.get("/practice/?show=done").text) == []
    answer = client.post(f"{first}/trash")
    page = client.get(answer.headers["Location"]).text
    assert "“Community patrons” is in the trash." in page
    assert _names(page) == ["Spring term staff"]
    assert client.get(f"{first}/sheet").status_code == 404
    assert _names(client.get("/practice/?show=trash").text) == ["Community patrons"]
    assert client.post(f"{first}/restore").status_code == 303
    assert client.get(f"{first}/sheet").status_code == 200
    assert client.post(f"{first}/delete").status_code == 404  # only what is in the trash
    client.post(f"{first}/trash")
    assert client.post(f"{first}/delete").status_code == 303
    assert _names(client.get("/practice/?show=trash").text) == []


def _book(*sheets: str) -> bytes:
    """A workbook of two columns, with the same people on each sheet."""
    book, file = Workbook(), io.BytesIO()
    book.remove(book.worksheets[0])
    for sheet in map(book.create_sheet, sheets):
        for row in (["Card No", "Family Name"], ["200011", "Silva"]):
            sheet.append(row)
    book.save(file)
    return file.getvalue()


def test_a_roster_that_asks_something_names_it(opened: tuple[Server, httpx.Client]) -> None:
    """The sheet of a workbook, or names in doubt; after the answer, the mapping is next.

    A roster of the next term asks nothing that its mapping answers.
    """
    _, client = opened
    names = "Card No,Family Name\n200011,Łukasz Żółć\n200012,Dvořák\n".encode("cp1250")
    draft = ""
    for name, content, step, answer in (
        ("two.xlsx", _book("Sheet", "Staff & co"), "Choose the sheet", {"sheet": "Staff & co"}),
        ("names.csv", names, "Confirm the names", {"encoding": "windows-1250"}),
    ):
        draft = dropped(client, name, content)
        assert f">{step}</a>" in client.get("/practice/").text
        asked = re.findall(
            r'name="(?:sheet|encoding)" value="([^"]*)"', client.get(f"{draft}/sheet").text
        )
        assert "Staff &amp; co" in asked or "windows-1250" in asked
        form = {"version": version(client, draft), "shown": "", **answer}
        client.post(f"{draft}/sheet", data=form)
        assert f">{step}</a>" not in client.get("/practice/").text
        answered = client.get(f"{draft}/sheet").text
        checked = re.findall(r'name="sheet" value="([^"]*)" checked', answered)
        assert [html.unescape(one) for one in checked] == (
            [answer["sheet"]] if "sheet" in answer else []
        )
        # where there is one reading, it is confirmed once
        assert not re.search('name="encoding"|Confirm the names', answered)
    form = {"version": version(client, draft), "shown": "", "encoding": "windows-1250"}
    client.post(f"{draft}/sheet", data={**form, "do": "next", "mapping": "new"})
    later = dropped(client, "next.csv", names, f"practice/rosters?after={draft.rpartition('/')[2]}")
    assert f'href="{later}/grid" aria-label="Check the rows' in client.get("/practice/").text


def test_the_sheet_of_the_last_term_is_kept_where_it_is_there(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Otherwise a sheet is chosen as for a first load."""
    _, client = opened
    first = dropped(client, "terms.xlsx", _book("Fall", "Staff"))
    form = {"sheet": "Fall", "shown": "", "do": "next", "mapping": "new"}
    client.post(f"{first}/sheet", data={**form, "version": version(client, first)})
    after, draft = f"practice/rosters?after={first.rpartition('/')[2]}", first
    for sheets, asked in (("fall ", "Staff"), False), (("Spring", "Staff"), True):
        draft = dropped(client, "terms.xlsx", _book(*sheets), after)
        assert ("Which sheet has the people?" in client.get(f"{draft}/sheet").text) == asked
        step = "sheet" if asked else "grid"
        assert f'href="{draft}/{step}" aria-label="Ch' in client.get("/practice/").text
    assert client.get(f"{draft}/grid/rows").json() == {"see": f"{draft}/sheet"}
    form |= {"sheet": "Spring", "do": "grid", "mapping": "terms.yaml"}
    client.post(f"{draft}/sheet", data={**form, "version": version(client, draft)})
    assert f'href="{draft}/grid" aria-label="Check the rows' in client.get("/practice/").text


def test_the_next_term_takes_name_and_mapping_along(opened: tuple[Server, httpx.Client]) -> None:
    """From the line of a load that is done, however the new file is called."""
    _, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml")
    run = planned(client, draft)
    followed(client, approve(client, run))
    after = re.search(
        r'href="/practice/(\?after=[^"]+)"[^>]*>Start the next term<', client.get("/practice/").text
    )
    assert after is not None
    assert "The next term of Community patrons" in client.get(f"/practice/{after[1]}").text
    new = dropped(client, "export (7).xlsx", SAMPLE.read_bytes(), f"practice/rosters{after[1]}")
    page = client.get(f"{new}/sheet").text
    assert "<b>Community patrons</b>" in page
    assert 'value="community.yaml" checked' in page
    assert version(client, new) == "1"


def test_a_load_of_users_of_alma_is_named_after_its_mapping() -> None:
    """Its roster is a file of the run; a load of a roster is named after the roster's file."""
    kept = FACTS.roster.model_copy(update={"kept": True, "path": "runs/one/roster.csv"})
    mapping = FACTS.mapping.model_copy(update={"path": "mappings/renew-group.yaml"})
    facts = FACTS.model_copy(update={"roster": kept, "mapping": mapping})
    assert name_of(facts) == "Renew group"
    assert name_of(facts.model_copy(update={"roster": FACTS.roster})) != "Renew group"
