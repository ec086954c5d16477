"""Rows of one person in one roster: what one answer does to all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BARCODED, BO, BY_BARCODE, MAPPING, codes, load, state, write
from tests.command_line import typed

NEW_CARD = ("2009", *ANA[1:])
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


def test_one_answer_settles_all_rows_and_a_later_one_replaces_it(
    cards: Path, sandbox: Sandbox
) -> None:
    """Load this one and leave the other out, two people, or do not load."""
    roster = write(("2007", *BO[1:]), ("2006", *BO[1:]))
    assert counts("plan", roster, *PLAN, "run") == (0, 0, 0, 2, 0)
    for row, answer, planned in (
        (3, "only", (1, 0, 0, 0, 1)),
        (2, "separate", (2, 0, 0, 0, 0)),
        (2, "only", (1, 0, 0, 0, 1)),
    ):
        assert counts("resolve", "run", row, "--as", answer) == planned
        assert counts("plan", roster, *PLAN, f"later{row}{answer}") == planned
    assert counts("plan", roster, *PLAN, "next") == (1, 0, 0, 0, 1)
    typed("apply", "next", "--yes")
    assert "2007" in state(sandbox)
    assert "2006" not in state(sandbox)


def test_rows_of_one_person_are_settled_no_more_once_one_was_sent(
    cards: Path, sandbox: Sandbox
) -> None:
    """Whoever was loaded would be in Alma twice."""
    typed("plan", write(("2007", *BO[1:]), ("2006", *BO[1:])), *PLAN, "run")
    typed("resolve", "run", "2", "--as", "only")
    typed("apply", "run", "--yes")
    refused = typed("resolve", "run", "3", "--as", "only")
    assert (refused.exit, "Row 2" in refused.err) == (Exit.USAGE, True)


@pytest.mark.parametrize("rows", [2, 1, 4])
def test_the_answer_counts_only_while_the_roster_has_the_same_rows(rows: int, cards: Path) -> None:
    """With one row more it is asked again; a row alone is loaded as any other."""
    people = [(number, *BO[1:]) for number in ("2008", "2007", "2006", "2005")]
    typed("plan", write(*people[:2]), *PLAN, "run")
    typed("resolve", "run", "3", "--as", "only")
    planned = {2: (1, 0, 0, 0, 1), 1: (1, 0, 0, 0, 0), 4: (0, 0, 0, 4, 0)}[rows]
    assert counts("plan", write(*people[:rows]), *PLAN, "later") == planned


def test_a_new_card_beside_the_old_one_is_two_answers(cards: Path, sandbox: Sandbox) -> None:
    """Which row to load, then whose card is right; later plans ask neither again."""
    roster = write(ANA, NEW_CARD)
    assert counts("plan", roster, *PLAN, "run") == (0, 0, 0, 2, 0)
    assert counts("resolve", "run", "3", "--as", "only") == (0, 0, 0, 1, 1)
    assert ("3", "possible-match-in-alma") in codes("run")
    assert counts("resolve", "run", "3", "--as", "rename") == (0, 1, 0, 0, 1)
    assert counts("plan", roster, *PLAN, "again") == (0, 1, 0, 0, 1)
    assert typed("apply", "run", "--allow", "many-changes", "--yes").exit == Exit.DONE
    assert cards_in_alma(sandbox) == {"2009": [("2001", "INACTIVE")]}
    assert counts("plan", roster, *PLAN, "later") == (0, 0, 1, 0, 1)


def test_rows_that_find_one_user_of_alma_have_the_same_answers(
    folder: Path, sandbox: Sandbox
) -> None:
    """Only one of them is loaded, in later plans, too; two people find one user again."""
    mapping = ("-m", "two.yaml", "-o")
    Path("two.yaml").write_text(BY_BARCODE, "utf-8")
    Path("first.csv").write_text(f"{BARCODED}3001,Ida,Zorn,B1\n", "utf-8")
    typed("plan", "first.csv", *mapping, "first")
    typed("apply", "first", "--yes")
    Path("people.csv").write_text(f"{BARCODED}3001,Ida,Zorne,\n,Ida,Zornes,B1\n", "utf-8")
    assert counts("plan", "people.csv", *mapping, "run") == (0, 0, 0, 2, 0)
    assert {("2", "duplicate-person"), ("3", "duplicate-person")} <= {*codes("run")}
    for answer, planned in (("separate", (0, 0, 0, 2, 0)), ("only", (0, 1, 0, 0, 1))):
        assert counts("resolve", "run", "3", "--as", answer) == planned
        assert counts("plan", "people.csv", *mapping, f"later {answer}") == planned
