"""A plan reads the roster once, maps it once, and says how many calls it may take."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from importer.alma.pacing import RateLimiter
from importer.mapper.compile import CompiledMapping
from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates
from importer.model.fields import CodeTables
from importer.model.roster import Roster
from importer.pipeline import inputs
from importer.pipeline.lookup import MANY, check_call_budget
from importer.pipeline.plan import plan
from tests.alma.fakes import alma, ok, refuses, virtually
from tests.pipeline.runs import MAPPING_OF_SAMPLE, SAMPLES, order

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
        with await plan(request, alma(empty_alma), 1000.0) as ledger:
            return sum(1 for _ in ledger.planned())

    OPENED.clear()
    assert virtually(planned()) > 0
    assert OPENED.count(str(SAMPLES / name)) == 1
    assert len(mapped) == 1


async def _spend(limiter: RateLimiter, calls: int, said: list[str]) -> None:
    with check_call_budget(calls, calls, 0, limiter, said.append):
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
