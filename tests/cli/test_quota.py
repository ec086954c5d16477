"""The calls of the day: what a plan may take of them is known before, and told after."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ask, write
from tests.command_line import typed

NAMES = ("Ada Quill", "Ben Okafor", "Cleo Martin", "Dov Hansen", "Eve Sato", "Flo Dumont",
         "Gus Rivera", "Hana Lind")  # fmt: skip
MOST = 3 * len(NAMES)  # an identifier, a name and an email each
OUT_OF_TURN = 3  # by so much the count may be wrong while answers come out of turn
PLAN = ("-m", "small.yaml", "-o", "run", "--no-refresh")


@pytest.fixture
def people() -> Path:
    """A roster of people with nothing in common, none of whom is in Alma."""
    names = (name.split() for name in NAMES)
    return write(
        *(
            (f"20{at}1", first, last, "COMM", f"19{70 + at}-01-02", *ANA[5:])
            for at, (first, last) in enumerate(names)
        )
    )


@pytest.fixture(autouse=True)
def _no_pace() -> None:
    """Calls wait for their turn here, so that few answers come out of turn."""


def leave(sandbox: Sandbox, calls: int) -> None:
    """So many calls are left of the day, apart from the one that asks whose key it is."""
    ask(sandbox, "POST", "settings", {"remaining": calls + 1})


def test_a_plan_that_cannot_be_afforded_is_not_begun(
    people: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both numbers and the way out are told, one call is spent, and no folder is left: exit 8.

    What is left for others counts as spent. A user cache answers without calls.
    """
    leave(sandbox, MOST - 1)
    got = typed("plan", people, *PLAN)
    assert got.exit == Exit.STOPPED
    for said in (f"{MOST} calls", f"{MOST - 1} are left", "users refresh"):
        assert said in got.err
    assert len(sandbox.log()) == 1
    assert not Path("run").exists()
    monkeypatch.setenv("ALMA_RESERVE", "100")
    leave(sandbox, 100 + MOST - 1)
    assert typed("plan", people, *PLAN).exit == Exit.STOPPED
    assert len(sandbox.log()) == 2
    leave(sandbox, 100 + MOST + OUT_OF_TURN)
    got = typed("plan", people, *PLAN, "--json")
    assert got.exit == Exit.DONE
    assert got.summary["calls"]["count"] == len(NAMES)
    assert got.summary["calls"]["left"] <= 2 * OUT_OF_TURN
    leave(sandbox, 200)
    assert typed("users", "refresh").exit == Exit.DONE
    leave(sandbox, 100 + MOST - 1)
    assert typed("plan", people, *PLAN[:2], "-o", "cached", "--no-refresh").exit == Exit.DONE


@pytest.mark.parametrize("there", [False, True])
def test_a_plan_that_stops_on_the_way_leaves_nothing(
    people: Path, folder: Path, sandbox: Sandbox, *, there: bool
) -> None:
    """The calls go meanwhile: exit 8, and only a folder that was there before stays."""
    if there:
        Path("run").mkdir()
    daily = {"rules": [{"on": "GET", "nth": 5, "do": "429_daily"}]}
    ask(sandbox, "POST", "faults", daily)
    got = typed("plan", people, *PLAN)
    assert got.exit == Exit.STOPPED
    assert "after midnight GMT" in got.err
    assert Path("run").exists() == there
    assert not list(folder.glob("run/*"))
