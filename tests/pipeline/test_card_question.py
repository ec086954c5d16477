"""A card of staff is replaced only by an answer: it is asked about with whatever else is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from importer.ledger.ledger import Ledger
from importer.model.answers import possible, to_review
from importer.model.plan import Fate
from importer.model.problem import Code
from importer.model.question import Answer
from tests.cli.conftest import Sandbox
from tests.cli.small import ask
from tests.command_line import typed
from tests.practice import reached, users_of
from tests.sheets import write_csv

HEAD = ("Id", "First", "Last", "Born", "Sis", "Card")
MAPPING = """version: 1
name: rows
account_type: INTERNAL
record_type: PUBLIC
roster: {dates: ymd}
match:
  by: [BY]
  absent:
    among: {user_group: [COMM]}
    set: {status: INACTIVE, expiry_date: <@today>}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  birth_date: <Born>
  user_identifier:
    - {id_type: UNIV_ID, value: <Sis>}
    - {id_type: BARCODE, value: <Card>}
"""
OTHERS = tuple((f"300{n}", f"Bo{n}", f"Doe{n}", "1980-03-04", f"U{n}", f"310000{n}") for n in "23")
ALLOW = ("--yes", "--allow", "absent", "--allow", "many-changes", "--allow", "removals")
BOTH = {Code.PRIMARY_ID_DIFFERS: "Id", Code.CARD_DIFFERS: "Card"}


def ada(key: str, card: str) -> tuple[str, ...]:
    """Ada's row, with this primary ID and card."""
    return (key, "Ada", "Nunez", "1990-01-02", "U1", card)


@dataclass
class Desk:
    """A library that loads Ada's rows, and whose staff change her card."""

    sandbox: Sandbox

    def plan(self, run: str, *rows: tuple[str, ...]) -> None:
        """Plan a roster of these rows, and of others."""
        roster = write_csv(Path(f"{run}.csv"), (HEAD, *rows, *OTHERS))
        typed("plan", roster, "-m", "rows.yaml", "-o", run)

    def load(self, run: str, *rows: tuple[str, ...]) -> None:
        """Plan and apply them."""
        self.plan(run, *rows)
        assert typed("apply", run, *ALLOW).exit == 0

    def give(self, card: str) -> None:
        """Give Ada another card, as staff do."""
        values = {"UNIV_ID": "U1", "BARCODE": card}
        ids = [
            {"segment_type": "Internal", "id_type": {"value": kind}, "value": value}
            for kind, value in values.items()
        ]
        ask(self.sandbox, "PATCH", "users/2001", {"user_identifier": ids})

    def cards(self, key: str) -> list[str]:
        """The cards of a user, as Alma has them."""
        ids = users_of(self.sandbox.host)[key]["user_identifier"]
        return [part["value"] for part in ids if part["id_type"]["value"] == "BARCODE"]


def asked(run: str) -> dict[Code, str]:
    """What holds Ada's row, each with its column."""
    with Ledger.open(Path(run)) as ledger:
        row = ledger.row(2)
        assert row is not None
        problems = to_review(ledger.problems(2))
        assert (row.fate is Fate.REVIEW) == bool(problems)
        return {problem.code: problem.places[0].heading for problem in problems}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A library that loaded Ada with her first card, by either ID."""
    monkeypatch.chdir(tmp_path)
    Path("codes.json").write_text('{"tables": {}}', "utf-8")
    Path("rows.yaml").write_text(MAPPING.replace("BY", "primary_id, UNIV_ID"), "utf-8")
    with reached(monkeypatch) as host:
        desk = Desk(Sandbox(host))
        desk.load("first", ada("2001", "2900001"))
        assert typed("users", "refresh").exit == 0
        yield desk


@pytest.mark.parametrize(
    ("by", "codes"),
    [
        ("primary_id, UNIV_ID", BOTH),
        ("primary_id", {Code.KNOWN_BY_ANOTHER_ID: "Sis", Code.CARD_DIFFERS: "Card"}),
    ],
)
def test_the_card_is_asked_with_whose_primary_id_is_right(
    desk: Desk, by: str, codes: dict[Code, str]
) -> None:
    """All questions about a row's user are asked at once; one answer settles the row."""
    Path("rows.yaml").write_text(MAPPING.replace("BY", by), "utf-8")
    desk.give("2900002")
    desk.plan("run", ada("2009", "2900003"))
    assert asked("run") == codes
    with Ledger.open(Path("run")) as ledger:
        answers = [answer for answer, _ in possible(ledger.problems(2))]
    assert answers == [Answer.RENAME, Answer.UPDATE, Answer.REJECT]
    assert typed("resolve", "run", "2", "--as", "update").exit == 0
    assert asked("run") == {}
    desk.plan("again", ada("2009", "2900003"))
    assert asked("again") == {}
    assert typed("apply", "again", *ALLOW).exit == 0
    assert desk.cards("2001") == ["2900003"]


def test_a_card_that_staff_changed_since_the_plan_stays(desk: Desk) -> None:
    """An answer to what the plan asked is none about the card that Alma has only now."""
    desk.plan("run", ada("2009", "2900003"))
    assert asked("run") == {Code.PRIMARY_ID_DIFFERS: "Id"}
    desk.give("2900002")
    assert typed("resolve", "run", "2", "--as", "update").exit != 0
    assert asked("run") == {Code.PRIMARY_ID_DIFFERS: "Id"}
    desk.plan("again", ada("2009", "2900003"))
    assert asked("again") == BOTH


def test_a_kept_answer_is_none_about_a_card_that_staff_gave_since(desk: Desk) -> None:
    """Both questions are asked when the cards have changed, also the one that was answered."""
    desk.plan("run", ada("2009", "2900001"))
    assert typed("resolve", "run", "2", "--as", "update").exit == 0
    desk.give("2900002")
    desk.plan("again", ada("2009", "2900003"))
    assert asked("again") == BOTH


def test_a_returning_person_s_answered_card_is_not_asked_again(desk: Desk) -> None:
    """A row is sent, or it is held; the kept answer counts also for what the return changes."""
    desk.load("gone")
    desk.give("2900002")
    desk.plan("run", ada("2001", "2900003"))
    assert asked("run") == {Code.CARD_DIFFERS: "Card"}
    assert typed("resolve", "run", "2", "--as", "update").exit == 0
    for run in ("run", "again"):
        if run == "again":
            desk.plan(run, ada("2001", "2900003"))
        assert asked(run) == {}
        with Ledger.open(Path(run)) as ledger:
            assert [one.row for one in ledger.planned() if one.primary_id == "2001"] == [2]
    assert typed("apply", "again", *ALLOW).exit == 0
    assert desk.cards("2001") == ["2900003"]


def test_an_answer_about_the_primary_id_counts_although_staff_changed_it(desk: Desk) -> None:
    """A load gave it, staff replaced it, and a person says that the roster's is right."""
    desk.plan("run", ada("2009", "2900001"))
    assert typed("resolve", "run", "2", "--as", "rename").exit == 0
    assert typed("apply", "run", *ALLOW).exit == 0
    ask(desk.sandbox, "PATCH", "users/2009", {"primary_id": "2055"})
    assert typed("users", "refresh").exit == 0
    desk.plan("again", ada("2009", "2900001"))
    assert asked("again") == {Code.PRIMARY_ID_DIFFERS: "Id"}
    assert typed("resolve", "again", "2", "--as", "rename").exit == 0
    assert typed("apply", "again", *ALLOW).exit == 0
    assert "2009" in users_of(desk.sandbox.host)
