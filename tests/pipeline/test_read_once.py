"""A plan reads the roster once, maps it once, and says how many calls it may take.

An answer reads what is of its row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from importer.alma.pacing import RateLimiter
from importer.ledger.database import Database
from importer.mapper.compile import CompiledMapping
from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES, CodeTables
from importer.model.problem import Code
from importer.model.question import Answer
from importer.model.roster import Roster
from importer.pipeline import inputs
from importer.pipeline.decisions import Decision, rows_with
from importer.pipeline.lookup import MANY, check_call_budget
from importer.pipeline.plan import plan
from importer.pipeline.resolve import Review
from importer.planner.drafts import DraftUser
from tests.alma.fakes import alma, ok, refuses, virtually
from tests.mapper.bench import mapping_text
from tests.pipeline.runs import MAPPING_OF_SAMPLE, NOW, SAMPLES, order

OPENED: list[str] = []


def _note_opened_files(event: str, details: tuple[object, ...]) -> None:
    if event == "open":
        OPENED.append(str(details[0]))


sys.addaudithook(_note_opened_files)


def empty_alma(request: httpx.Request) -> httpx.Response:
    """An Alma without users."""
    if request.url.path.endswith("/conf/general"):
        return ok({"institution": {"value": "01TEST", "desc": "Test"}, "environment_type": "SB"})
    if request.url.path.endswith("/users"):
        return ok({"user": [], "total_record_count": 0})
    return refuses("401861", "User was not found.")


@pytest.mark.parametrize("name", ["community-patrons.csv", "students-and-staff.xlsx"])
def test_plan_reads_and_maps_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One opening of the file, and one evaluation of the mapping, for the whole plan."""
    mapped: list[int] = []

    def counted(compiled: CompiledMapping, roster: Roster, codes: CodeTables) -> Candidates:
        mapped.append(len(roster.frame))
        return evaluate(compiled, roster, codes)

    monkeypatch.setattr(inputs, "evaluate", counted)
    request = order(SAMPLES / name, MAPPING_OF_SAMPLE[name], tmp_path / "run")

    async def planned() -> int:
        with await plan(request, alma(empty_alma)) as ledger:
            return sum(1 for _ in ledger.planned())

    OPENED.clear()
    assert virtually(planned()) > 0
    assert OPENED.count(str(SAMPLES / name)) == 1
    assert len(mapped) == 1


async def _spend(limiter: RateLimiter, calls: int, said: list[str]) -> None:
    with check_call_budget(calls, calls, 0, limiter, lambda text, *_do: said.append(text)):
        for _ in range(calls):
            await limiter.slot()


@pytest.mark.parametrize(("calls", "told"), [(0, 0), (MANY - 1, 1), (MANY, 2)])
def test_many_calls_get_a_reminder(calls: int, told: int) -> None:
    """Before, how many calls it may take; after many of them, that a user cache saves them.

    Nothing where no row is ready, or the user cache answers.
    """
    said: list[str] = []
    virtually(_spend(RateLimiter(50), calls, said))
    assert len(said) == told
    assert all(f"{calls} calls" in one for one in said)


PEOPLE = mapping_text("birth_date: <Born>", "roster: {dates: ymd}\nmatch: {possible_match: ignore}")


def alma_of_others(request: httpx.Request) -> httpx.Response:
    """An Alma in which each ID of digits is another person's."""
    name = request.url.path.rsplit("/", 1)[1]
    if not name.isdigit():
        return empty_alma(request)
    return ok(
        {
            "primary_id": name,
            "first_name": "Zoltan",
            "last_name": "Kiss",
            "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"},
            "status": {"value": "ACTIVE"},
        }
    )


def texts_read(
    folder: Path,
    rows: int,
    asked: tuple[str, Code],
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """How many rows of our files, and IDs of rows, are read to answer all rows of a plan.

    The rows come in pairs of one person.
    """
    folder.mkdir()
    monkeypatch.chdir(folder)
    start, code = asked
    pairs = [(f"{start}{10 + number}", chr(97 + number // 2) * 9) for number in range(rows)]
    lines = [f"{primary_id},Mary,{name},1990-01-02" for primary_id, name in pairs]
    roster, mapping = folder / "people.csv", folder / "people.yaml"
    roster.write_text("\n".join(["Id,First,Last,Born", *lines]), "utf-8")
    off = "duplicates: {same_person: off}\n" if code is not Code.DUPLICATE_PERSON else ""
    mapping.write_text(PEOPLE + off, "utf-8")
    read, texts = Database.read, [0]
    key: property = vars(DraftUser)["key"]

    def counted(
        database: Database, query: str, values: tuple[object, ...] = ()
    ) -> Iterator[tuple[Any, ...]]:
        for text in read(database, query, values):
            texts[0] += 1
            yield text

    def counted_key(row: DraftUser) -> str:
        texts[0] += 1
        return str(key.__get__(row))

    async def answered() -> None:
        others = alma(alma_of_others)
        with await plan(order(roster, mapping, folder / "run"), others) as ledger:
            decisions = [Decision(row, answer) for row in rows_with(ledger, code)]
            assert len(decisions) == rows
            review = Review(ledger, NO_CODES, {}, "librarian@desk", lambda: NOW)
            monkeypatch.setattr(Database, "read", counted)
            monkeypatch.setattr(DraftUser, "key", property(counted_key))
            assert not await review.resolve_all(decisions, others)
            monkeypatch.setattr(Database, "read", read)
            monkeypatch.setattr(DraftUser, "key", key)

    virtually(answered())
    return texts[0]


NOT_THE_PERSON = ("", Code.ANOTHER_PERSON)  # the IDs begin with this text
TWO_ROWS = ("X", Code.DUPLICATE_PERSON)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (NOT_THE_PERSON, Answer.UPDATE),
        (NOT_THE_PERSON, Answer.REJECT),
        (TWO_ROWS, Answer.SEPARATE),
        (TWO_ROWS, Answer.REJECT),
    ],
)
def test_an_answer_reads_no_more_where_there_are_more_rows(
    asked: tuple[str, Code], answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read for each row of a plan to answer all of them does not grow with the rows."""
    few, more, most = (
        texts_read(tmp_path / str(rows), rows, asked, answer, monkeypatch) for rows in (10, 20, 30)
    )
    assert most - more == more - few > 0
