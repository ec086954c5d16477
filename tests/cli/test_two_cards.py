"""Rows of one person in one roster: an old and a new card, and what one answer does to both."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, MAPPING, codes, load, state, write
from tests.command_line import typed

NEW_CARD = ("2009", *ANA[1:])
NICKNAME = ("2009", "Anna", *ANA[2:])
PLAN = ("-m", "cards.yaml", "-o")
COUNTS = ("create", "update", "unchanged", "review", "rejected")


@pytest.fixture
def cards(folder: Path, sandbox: Sandbox) -> Path:
    """Ana is in Alma with her old card, 2001, which a new card keeps as an inactive ID."""
    load(write(ANA), "first")
    kept = MAPPING.replace("match: {", "match: {keep_old_id: {type: OTHER_ID_1}, ")
    Path("cards.yaml").write_text(kept, "utf-8")
    return folder


def counts(*words: object) -> tuple[object, ...]:
    """The rows by what is planned for them."""
    summary = typed(*words, "--json").summary
    return tuple(summary[name] for name in COUNTS)


def cards_in_alma(sandbox: Sandbox) -> dict[str, list[tuple[object, object]]]:
    """The other IDs of each user and whether they are active, by primary ID."""
    return {
        primary_id: [(one["value"], one["status"]) for one in user["user_identifier"]]
        for primary_id, user in state(sandbox).items()
    }


def test_the_row_of_the_old_card_stays_once_it_was_sent(cards: Path, sandbox: Sandbox) -> None:
    """What it changed is counted and undone; the next plan leaves it out."""
    before = state(sandbox)
    roster = write((*ANA[:3], "FRIEND", *ANA[4:]), NICKNAME)
    typed("plan", roster, *PLAN, "run")
    typed("apply", "run", "--allow", "many-changes")
    assert typed("resolve", "run", "3", "2001", "--as", "rename").exit == Exit.USAGE
    assert typed("report", "run", "--json").summary["updated"] == 1
    typed("undo", "run", "-o", "back")
    typed("apply", "back")
    assert state(sandbox) == before
    typed("plan", roster, *PLAN, "next")
    assert counts("resolve", "next", "3", "2001", "--as", "rename") == (0, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("new", "held", "problem"),
    [
        (NEW_CARD, (0, 0, 0, 2, 0), "duplicate-person"),
        (NICKNAME, (0, 0, 1, 1, 0), "possible-match-in-alma"),
    ],
    ids=["same name", "nickname"],
)
def test_the_row_of_the_old_card_is_left_out(
    new: tuple[str, ...], held: tuple[int, ...], problem: str, cards: Path, sandbox: Sandbox
) -> None:
    """One answer for the row with the new card is enough: one user, with the old card inactive.

    Later plans of the roster do not ask again, before and after the load.
    """
    roster = write(ANA, new)
    assert counts("plan", roster, *PLAN, "run") == held
    assert ("3", problem) in codes("run")
    if problem == "duplicate-person":  # nobody in Alma has the other ID
        wrong = typed("resolve", "run", "2", "--as", "rename")
        assert (wrong.exit, "row 3" in wrong.err) == (Exit.USAGE, True)
    assert counts("resolve", "run", "3", "--as", "rename") == (0, 1, 0, 0, 1)
    assert ("2", "resolved") in codes("run")
    with Ledger.open(Path("run")) as ledger:  # the safety checks no longer count a planned row
        checks = ledger.resolved_checks
        assert checks is not None
        assert {row: one.matched for row, one in checks.replaced.items()} == dict.fromkeys(
            [2] * held[2], 1
        )
    assert counts("plan", roster, *PLAN, "again") == (0, 1, 0, 0, 1)
    assert counts("plan", write(ANA), *PLAN, "old card only")[2:] == (1, 0, 0)
    roster = write(ANA, new)
    applied = typed("apply", "run", "--allow", "many-changes", "--json")
    assert applied.summary["updated"] == 1
    assert cards_in_alma(sandbox) == {"2009": [("2001", "INACTIVE")]}
    assert counts("plan", roster, *PLAN, "later") == (0, 0, 1, 0, 1)


@pytest.mark.parametrize(
    ("rows", "left_out", "planned"),
    [
        ((ANA, NEW_CARD), 3, (0, 0, 1, 0, 1)),  # the old card is known
        ((ANA, NEW_CARD), 2, (0, 0, 0, 1, 1)),  # the new one is asked about: who is it in Alma?
        ((("2007", *BO[1:]), ("2006", *BO[1:])), 3, (1, 0, 0, 0, 1)),
        ((("2008", *BO[1:]), ("2007", *BO[1:]), ("2006", *BO[1:])), 3, (0, 0, 0, 2, 1)),
    ],
    ids=["old card stays", "new card stays", "new people", "three rows"],
)
def test_a_row_is_free_when_its_only_counterpart_is_left_out(
    rows: tuple[tuple[str, ...], ...],
    left_out: int,
    planned: tuple[int, ...],
    cards: Path,
    sandbox: Sandbox,
) -> None:
    """It is compared with Alma at once, and in later plans; of three rows two still need review."""
    roster = write(*rows)
    typed("plan", roster, *PLAN, "run")
    assert counts("resolve", "run", left_out, "--as", "reject") == planned
    assert counts("plan", roster, *PLAN, "later") == planned
