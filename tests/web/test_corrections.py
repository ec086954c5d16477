"""Corrections on the page: the plan that they give, their lineage, and several people at once."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from importer.loader.corrections import LEAVE_OUT, Correction
from importer.web.drafts import Draft, DraftFacts, StaleError
from tests.web.conftest import (
    SAMPLE,
    Library,
    Server,
    approve,
    behind_proxy,
    correct,
    drafted,
    followed,
    grid_rows,
    leave_out,
    person,
    planned,
    version,
)

PEOPLE_CSV = DraftFacts(file="people.csv", created=datetime.now(UTC))

EDITS = {
    (3, "Email"): "corrected@example.org",
    (5, "First Name"): "Zoë",
    (7, "Barcode"): "not a barcode",
    (9, "Last Name"): "",
}


def test_edits_plan_the_same_as_a_roster_edited_by_hand(
    opened: tuple[Server, httpx.Client], tmp_path: Path
) -> None:
    """Cells right and wrong, and a row left out: each row's fate, step and record are equal."""
    server, client = opened
    rows = list(csv.reader(io.StringIO(SAMPLE.with_suffix(".csv").read_text("utf-8-sig"))))
    draft = drafted(client, "practice", SAMPLE.with_suffix(".csv"), "community.yaml")
    for (row, heading), text in EDITS.items():
        at = rows[0].index(heading)
        rows[row - 1][at] = text
        correct(client, draft, {(row, chr(ord("A") + at)): text})
    leave_out(client, draft, 11)
    rows[10] = [""] * len(rows[10])
    by_hand = tmp_path / "community-patrons.csv"  # the name is in a note of each record
    with by_hand.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    edited = _content(server, planned(client, draft))
    assert edited.pop(11) == ("skipped", None, None, None)
    other = _content(
        server, planned(client, drafted(client, "practice", by_hand, "community.yaml"))
    )
    assert other.pop(11) == ("blank", None, None, None)
    assert edited == other


def _content(server: Server, run: str) -> dict[int, tuple[object, ...]]:
    """Each row's fate, and what is planned for it."""
    with sqlite3.connect(server.folder / run.lstrip("/") / "ledger.sqlite") as connection:
        query = (
            "SELECT rows.row, fate, act, primary_id, after FROM rows LEFT JOIN steps USING (row)"
        )
        return {row: tuple(rest) for row, *rest in connection.execute(query)}


def test_corrected_rejects_name_their_run(opened: tuple[Server, httpx.Client]) -> None:
    """Rejects that are corrected on the page and loaded are named as such, and stay whole."""
    server, client = opened
    first = planned(client, drafted(client, "practice", SAMPLE, "community.yaml"))
    workbook = server.folder / first.lstrip("/") / "rejects.xlsx"
    content = workbook.read_bytes()
    draft = client.post(f"{first}/correct").headers["Location"].removesuffix("/grid")
    again = client.post(f"{first}/correct").headers["Location"].removesuffix("/grid")
    assert again == draft
    assert ">Community patrons, rejects</a>" in client.get("/practice/").text
    causes = grid_rows(client, draft)["causes"]
    cause = next(one["key"] for one in causes if one["title"] == "Email not valid")
    (line,) = grid_rows(client, draft, show=cause)["lines"]
    (letter,) = line["wrong"]
    correct(client, draft, {(line["row"], letter): "hugo@example.org"})
    followed(client, approve(client, first))
    after = client.post(f"{first}/correct").headers["Location"].removesuffix("/grid")
    assert after == draft  # nothing was refused
    second = planned(client, draft)
    assert f"corrected rejects of {_name(first)}" in _told(client, second)
    followed(client, approve(client, second))
    assert workbook.read_bytes() == content
    third = planned(client, drafted(client, "practice", SAMPLE, "community.yaml"))
    rows = r'Rows</th><td class="num soft">(\d+)</td><td class="num">(\d+)<'
    ((last, now),) = re.findall(rows, client.get(third).text)
    assert last == now  # the last load of everybody, not that of its rejects
    assert not re.findall(rows, client.get(second).text)


def _name(run: str) -> str:
    return run.rpartition("/")[2]


def _told(client: httpx.Client, run: str) -> str:
    """What a run's page says, with runs by their names only."""
    return re.sub(r"\S*/runs/", "", client.get(run).text)


def test_two_operators_do_not_lose_each_others_work(library: Library) -> None:
    """An old page changes nothing: 409. Corrections and runs name who made them."""
    with behind_proxy(library.folder) as at, person(at, "ana") as ana, person(at, "bo") as bo:
        draft = drafted(ana, "alma", SAMPLE, "community.yaml")
        shown = version(bo, draft)
        leave_out(ana, draft, 11)
        answer = bo.post(f"{draft}/plan", data={"version": shown})
        assert (answer.status_code, "changed in another window" in answer.text) == (409, True)
        leave_out(bo, draft, 12)
        path = library.folder / draft.removeprefix("/alma/") / "corrections.csv"
        made = path.read_text("utf-8").splitlines()[1:]
        assert [line.split(",")[5] for line in made] == ["ana", "bo"]
        planned(ana, draft)
        assert '<td class="soft clip wide-only">ana</td>' in bo.get("/alma/").text


def test_a_plan_is_good_again_once_the_corrections_after_it_are_taken_back(
    opened: tuple[Server, httpx.Client],
) -> None:
    """And after all rows were checked again; a plan with corrections is not, without them."""
    _, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml")
    run = planned(client, draft)
    leave_out(client, draft, 11)
    assert "corrected since the plan" in client.get(run).text
    for path in ("undo", "check"):
        assert client.post(f"{draft}/grid/{path}", json={}).status_code == 200
        assert "corrected since the plan" not in client.get(run).text
    leave_out(client, draft, 11)
    later = planned(client, draft)
    assert client.post(f"{draft}/grid/undo", json={}).json()["undone"] == 1
    assert "corrected since the plan" in client.get(later).text


def test_only_a_change_of_the_same_row_stops_an_undo(tmp_path: Path) -> None:
    """Somebody else left another row out since: nothing of that is lost."""
    draft = Draft.create(tmp_path / "drafts", PEOPLE_CSV)
    mine = Correction(2, "B", "First", "Ana", "Ann", "ana", "2026-08-20T10:00:00", "")
    other = Correction(5, "", "", "", LEAVE_OUT, "bo", "2026-08-20T10:01:00", "")
    draft.add([mine, other])
    assert draft.take_back("ana") == (mine,)
    assert draft.made() == (other,)
    draft.add([mine, replace(other, row=2)])
    with pytest.raises(StaleError):
        draft.take_back("ana")
