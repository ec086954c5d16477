"""The brake for foreign groups, from a mapping, a roster and what Alma holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import FINE, Exit
from importer.ledger.ledger import Ledger
from importer.web.loads import events_of
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, HEAD, MAPPING, ask, load, write
from tests.command_line import typed

LOOKUP = "\nlookups:\n  groups: {Community: COMM, Friend: FRIEND}\n"
RULES = {
    "lookup": "user_group: {from: <Group>, lookup: groups}",
    "constant": "user_group: FRIEND",
    "column": "user_group: <Group>",
    "kept": "user_group: {from: <Group>, on_update: keep}",
}


@pytest.mark.parametrize(
    ("rule", "group", "tables", "brakes"),
    [
        ("lookup", "Friend", False, []),
        ("constant", "", False, ["foreign-group"]),
        ("column", "FRIEND", False, ["foreign-group"]),
        ("column", "FRIEND", True, []),
        ("kept", "FRIEND", False, []),
    ],
)
def test_a_group_that_the_mapping_gives_is_not_foreign(
    rule: str, group: str, brakes: list[str], sandbox: Sandbox, *, tables: bool
) -> None:
    """One patron of the community, next semester in another group or with another name."""
    roster = write(ANA)
    assert typed("plan", roster, "-m", "small.yaml", "-o", "first").exit == Exit.DONE
    assert typed("apply", "first").exit == Exit.DONE
    text = MAPPING.replace("  foreign_group: {percent: 100, count: 100}\n", "")
    text = text.replace("user_group: <Group>", RULES[rule])
    Path("next.yaml").write_text(text + (LOOKUP if rule == "lookup" else ""), "utf-8")
    if not tables:
        Path("codes.json").write_text('{"tables": {}}', "utf-8")
    person = dict(zip(HEAD, ANA, strict=True)) | {"Group": group, "Last": "Novak"}
    roster.write_text(f"{','.join(HEAD)}\n{','.join(person.values())}\n", "utf-8")
    planned = typed("plan", roster, "-m", "next.yaml", "-o", "second", "--json")
    assert (planned.summary["update"], planned.summary["failed_checks"]) == (1, brakes)
    assert typed("apply", "second").exit == (Exit.SAFETY_CHECK if brakes else Exit.DONE)


def test_a_resolved_row_counts_for_the_safety_checks(sandbox: Sandbox) -> None:
    """An answer may be about many rows, so `apply` asks as if the plan had known it."""
    typed("plan", write(ANA), "-m", "small.yaml", "-o", "first")
    typed("apply", "first")
    text = MAPPING.replace("  foreign_group: {percent: 100, count: 100}\n", "")
    Path("next.yaml").write_text(text.replace("<Group>", "FRIEND"), "utf-8")
    roster = write(("2009", *ANA[1:]), name="new card.csv")
    planned = typed("plan", roster, "-m", "next.yaml", "-o", "second", "--json").summary
    assert (planned["review"], planned["failed_checks"]) == (1, [])
    resolve = ("resolve", "second", "2", "--json", "--as")
    assert typed(*resolve, "update", "2001").summary["failed_checks"] == ["foreign-group"]
    assert typed("apply", "second").exit == Exit.SAFETY_CHECK
    assert typed(*resolve, "reject").summary["failed_checks"] == []
    again = typed("plan", roster, "-m", "next.yaml", "-o", "again", "--json").summary
    assert (again["rejected"], again["failed_checks"]) == (1, [])


GROUP_OF_ALL = MAPPING.replace("  foreign_group: {percent: 100, count: 100}\n", "").replace(
    "<Group>", "FRIEND"
)
NEW_CARD = ("2009", "Cy", "Roe", "COMM", "1970-05-06", "cy@example.org", "")


def test_a_check_that_was_allowed_does_not_cover_rows_resolved_later(sandbox: Sandbox) -> None:
    """Whoever let it pass saw the rows of then; a row that it does not concern asks nothing."""
    load(write(ANA, ("2003", *NEW_CARD[1:])), "first")
    Path("next.yaml").write_text(GROUP_OF_ALL, "utf-8")
    typed("plan", write(ANA, NEW_CARD), "-m", "next.yaml", "-o", "second")
    allowed = ("apply", "second", "--allow", "foreign-group", "--json")
    assert typed(*allowed, "--limit", "0").exit in FINE
    assert typed("apply", "second", "--json").summary["updated"] == 1
    typed("resolve", "second", "3", "--as", "update", "2003")
    refused = typed("apply", "second")
    assert (refused.exit, "importer apply second --allow foreign-group" in refused.err) == (7, True)
    assert typed("resolve", "second", "3", "--as", "reject").exit in FINE
    assert typed("apply", "second").exit in FINE
    typed("resolve", "second", "3", "--as", "update", "2003")
    assert typed(*allowed).summary["updated"] == 2
    assert typed("apply", "second").exit in FINE


def test_the_history_names_every_check_that_somebody_allowed(sandbox: Sandbox) -> None:
    """Also those that were allowed at once."""
    typed("plan", write(ANA), "-m", "small.yaml", "-o", "first")
    typed("apply", "first", "--allow", "renames", "--allow", "removals")
    with Ledger.open(Path("first")) as ledger:
        texts = [one.text for one in events_of(ledger, None)]
    assert "allowed: removals and renames" in texts


@pytest.mark.parametrize("answer", ["update", "reject"])
def test_a_row_that_apply_held_counts_once_for_the_safety_checks(
    answer: str, sandbox: Sandbox
) -> None:
    """Its answer counts in place of what was planned; without it nothing counts."""
    load(write(ANA), "first")
    Path("next.yaml").write_text(GROUP_OF_ALL, "utf-8")
    typed("plan", write(ANAS_CHANGE), "-m", "next.yaml", "-o", "second")
    ask(sandbox, "PATCH", "users/2001", {"last_name": "Byhand"})
    allowed = ("--allow", "foreign-group", "--allow", "many-changes")
    assert typed("apply", "second", *allowed, "--json").summary["held"] == 1
    assert typed("resolve", "second", "2", "--as", answer).exit in FINE
    with Ledger.open(Path("second")) as ledger:
        counted = [(one.concerned, one.matched) for one in ledger.failed_checks()]
    assert counted == ([(1, 1)] if answer == "update" else [])
