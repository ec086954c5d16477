"""Undo over a real socket: the way back, its conflicts, and what it leaves alone."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from importer.cli.console import Screen
from importer.errors import Exit, UsageError
from importer.ledger.ledger import Ledger
from importer.model.plan import Result
from importer.model.run import AlmaFacts
from importer.report.wording import ENDS
from importer.service.office import Consent
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, BO, ask, codes, load, state, write
from tests.command_line import typed


def test_the_way_back_gives_the_state_before(sandbox: Sandbox) -> None:
    """Fields, replaced entries and added ones are as before; roster and mapping may be gone."""
    load(write(ANA, BO), "first")
    before = state(sandbox)
    roster = write(ANAS_CHANGE, BO)
    assert load(roster, "second")["updated"] == 1
    after = state(sandbox)
    assert after != before
    roster.unlink()
    Path("small.yaml").unlink()
    undone = typed("undo", "second", "-o", "back", "--json")
    assert (undone.exit, undone.summary["update"], undone.summary["left_alone"]) == (0, 1, 1)
    assert state(sandbox) == after
    assert typed("apply", "back", "--json").summary["updated"] == 1
    assert state(sandbox) == before
    again = typed("undo", "second", "-o", "again", "--json")
    assert (again.summary["update"], again.summary["unchanged"]) == (0, 1)


def test_an_undo_is_carried_out_where_the_folder_was_moved_to(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it takes back is no edit by staff, and the first run counts as undone."""
    load(write(ANA, BO), "runs/first")
    roster = write(("2001", "Ana", "Novak", *ANA[3:]), BO)
    load(roster, "runs/second")
    typed("undo", "runs/second", "-o", "runs/back")
    for name in ("runs", "users", "small.yaml", "codes.json", roster.name):
        Path("moved").mkdir(exist_ok=True)
        Path(name).rename(Path("moved", name))
    monkeypatch.chdir(Path("moved"))
    assert typed("apply", "runs/back", "--json").summary["updated"] == 1
    again = typed("plan", roster.name, "-m", "small.yaml", "--json").summary
    assert (again["update"], "edited-in-alma" in again["problems"]) == (1, False)
    second = next(one for one in json.loads(typed("runs", "--json").out) if "second" in one["run"])
    assert second["undone_by"] == "back"


@pytest.mark.parametrize(("first", "undo"), [("old/run", "undo"), ("old/run", "new/run")])
def test_an_undo_takes_no_other_run_for_its_own(sandbox: Sandbox, first: str, undo: str) -> None:
    """Once the run that it undoes is gone: neither one of that name beside it nor itself."""
    load(write(ANA, BO), "both")
    load(write((*BO[:3], "COMM", *BO[4:])), "run")
    load(write(ANAS_CHANGE), first)
    mail = {"email_address": "zoe@example.org", "email_type": [{"value": "personal"}]}
    zoe = {"first_name": "Zoe", "last_name": "Else", "birth_date": "1955-05-05Z"}
    ask(sandbox, "PATCH", "users/2001", zoe | {"contact_info": {"email": [mail]}})
    assert typed("undo", first, "-o", undo, "--json").summary["review"] == 1
    before = state(sandbox)
    shutil.rmtree(Path("old"))
    assert typed("resolve", undo, "2", "--as", "update").exit == Exit.USAGE
    typed("apply", undo)
    assert state(sandbox) == before
    with Ledger.open(Path(undo)) as ledger:
        assert Path(ledger.facts.undoes) == Path(first).absolute()


def test_an_undo_cannot_be_undone(sandbox: Sandbox) -> None:
    """Plan the roster again: the plan is the one from before the load."""
    load(write(ANA, BO), "first")
    roster = write(ANAS_CHANGE, BO)
    load(roster, "second")
    after = state(sandbox)
    typed("undo", "second", "-o", "back")
    typed("apply", "back")
    refused = typed("undo", "back")
    assert refused.exit == Exit.USAGE
    assert "an undo, which cannot be undone" in refused.err
    assert f"importer plan {roster} -m small.yaml" in refused.err
    assert load(roster, "again")["updated"] == 1
    assert state(sandbox) == after


def test_a_user_whom_a_later_load_wrote_is_held(sandbox: Sandbox) -> None:
    """By user, never by run: all others are undone, whatever later loads saw of them."""
    load(write(ANA, BO), "first")
    bo = (*BO[:3], "COMM", *BO[4:])
    load(write(ANAS_CHANGE, bo), "second")
    roster = write((*ANAS_CHANGE[:2], "Nunes", *ANAS_CHANGE[3:]), bo)
    load(roster, "third")
    undone = typed("undo", "second", "-o", "back", "--json").summary
    assert (undone["update"], undone["review"]) == (1, 1)
    assert codes("back") == [("2", "changed-in-alma")]
    assert "a later load, third" in " ".join(typed("show", "back", "2").out.split())
    assert typed("resolve", "back", "2", "--as", "update").exit == Exit.USAGE
    typed("apply", "back")
    users = state(sandbox)
    assert users["2001"]["last_name"] == "Nunes"
    assert users["2002"]["user_group"]["value"] == "FRIEND"
    assert load(roster, "fourth")["updated"] == 1
    assert state(sandbox)["2002"]["user_group"]["value"] == "COMM"


@pytest.mark.parametrize("loaded", [False, True])
def test_an_undo_that_was_cut_off_is_continued_or_planned_again(
    sandbox: Sandbox, *, loaded: bool
) -> None:
    """If a later load wrote one of its users meanwhile, it is planned again for what is left."""
    load(write(ANA, BO), "first")
    before = state(sandbox)
    bo = (*BO[:3], "COMM", *BO[4:])
    load(write(ANAS_CHANGE, bo), "second")
    typed("undo", "second", "-o", "back")
    typed("apply", "back", "--limit", "1")
    if not loaded:
        assert typed("apply", "back", "--json").summary["updated"] == 2
        assert state(sandbox) == before
        return
    load(write((bo[0], "Bob", *bo[2:])), "third")
    refused = typed("apply", "back")
    assert (refused.exit, "third" in refused.err) == (Exit.STALE, True)
    again = typed("undo", "second", "-o", "again", "--json").summary
    assert (again["update"], again["unchanged"], again["review"]) == (0, 1, 1)
    assert state(sandbox)["2001"] == before["2001"]


def test_what_staff_changed_since_is_theirs(sandbox: Sandbox) -> None:
    """What somebody changed since is told and left; the row's other fields are put back."""
    load(write(ANA, BO), "first")
    load(write(ANAS_CHANGE, (*BO[:3], "COMM", *BO[4:])), "second")
    ask(sandbox, "PATCH", "users/2001", {"last_name": "Byhand"})
    ask(sandbox, "PATCH", "users/2002", {"job_description": "Printer"})
    undone = typed("undo", "second", "-o", "back", "--json")
    assert (undone.exit, undone.summary["review"], undone.summary["update"]) == (0, 0, 2)
    assert codes("back") == [("2", "not-undone")]
    typed("apply", "back")
    users = state(sandbox)
    assert users["2001"]["last_name"] == "Byhand"
    assert users["2001"]["user_group"]["value"] == "COMM"
    assert users["2001"]["user_note"] == []
    assert users["2002"]["job_description"] == "Printer"
    assert users["2002"]["user_group"]["value"] == "FRIEND"


def test_created_users_are_deleted_when_asked(sandbox: Sandbox) -> None:
    """Without the flag, which is named, they stay; with it they go."""
    typed("plan", write(ANA, BO), "-m", "small.yaml", "-o", "first")
    assert typed("undo", "first").exit == Exit.USAGE  # it was not applied
    typed("apply", "first")
    before = state(sandbox)
    undone = typed("undo", "first", "-o", "kept", "--json").summary
    assert (undone["delete"], undone["left_alone"]) == (0, 2)
    assert codes("kept") == [("0", "not-undone")]
    next_step = typed("undo", "first", "-o", "named").err.splitlines()[-1].split()
    assert next_step == ["importer", "undo", "first", "--delete-created"]
    typed(*next_step[1:], "-o", "back")
    assert state(sandbox) == before
    refused = typed("apply", "back", "--yes")
    assert (refused.exit, state(sandbox)) == (Exit.SAFETY_CHECK, before)  # the number is not typed
    assert refused.err.rstrip().endswith("importer apply back --delete 2")
    deleted = typed("apply", "back", "--delete", "2", "--json").summary
    assert (deleted["delete"], deleted["deleted"], deleted["exit"]) == (2, 2, 0)
    assert state(sandbox) == {}


def test_what_was_so_already_is_not_said_to_be_written(sandbox: Sandbox) -> None:
    """Of two plans of one change the second sends nothing, says so, and leaves nothing to undo."""
    load(write(ANA), "first")
    changed = write(ANAS_CHANGE)
    for run in ("one", "two"):
        typed("plan", changed, "-m", "small.yaml", "-o", run)
    allow = ("--allow", "many-changes", "--json")
    assert typed("apply", "one", *allow).summary["was_so"] == 0
    applied = typed("apply", "two", *allow)
    assert (applied.summary["updated"], applied.summary["was_so"]) == (0, 1)
    told = typed("report", "two").err
    assert "Nothing was written" in told
    assert "importer undo" not in told
    undone = typed("undo", "two", "-o", "back", "--json").summary
    assert (undone["update"], undone["left_alone"]) == (0, 1)


def test_users_of_another_run_are_not_deleted(sandbox: Sandbox) -> None:
    """Of two plans that create the same users the second creates none, its undo deletes none."""
    roster = write(ANA)
    for run in ("one", "two"):
        typed("plan", roster, "-m", "small.yaml", "-o", run)
    for run in ("one", "two"):
        typed("apply", run)
    summary = typed("report", "two", "--json").summary
    assert (summary["created"], summary["was_there"]) == (0, 1)
    assert f"Result: {ENDS[Result.WAS_THERE]}" in typed("show", "two", "2").out
    before = state(sandbox)
    undone = typed("undo", "two", "--delete-created", "-o", "back", "--json").summary
    assert undone["delete"] == 0
    assert codes("back") == [("0", "not-undone")]
    typed("apply", "back")
    assert state(sandbox) == before


def test_a_created_user_who_was_renamed_since_is_for_a_person(sandbox: Sandbox) -> None:
    """A later load gave the user a new card: nobody is deleted, nor said to be gone already."""
    load(write(ANA), "first")
    typed("plan", write(("2009", *ANA[1:])), "-m", "small.yaml", "-o", "card")
    typed("resolve", "card", "2", "--as", "rename")
    typed("apply", "card")
    undone = typed("undo", "first", "--delete-created", "-o", "back", "--json").summary
    assert (undone["delete"], undone["unchanged"], undone["review"]) == (0, 0, 1)
    assert codes("back") == [("2", "changed-in-alma")]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@pytest.mark.parametrize(
    ("environment", "answer", "typed"),
    [
        ("sandbox", "3", 3),
        ("sandbox", "4", None),
        ("sandbox", "yes", None),
        ("production", "3 01X", 3),
        ("production", "3", None),
        ("production", "01X", None),
    ],
)
def test_the_number_is_typed(
    monkeypatch: pytest.MonkeyPatch, environment: str, answer: str, typed: int | None
) -> None:
    """In production together with the institution's code; nothing else is a yes."""
    alma = AlmaFacts(base_url="", institution="01X", environment=environment)
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    if typed is None:
        with pytest.raises(UsageError):
            Screen().typed(Consent(3, alma, None))
    else:
        assert Screen().typed(Consent(3, alma, None)) == typed
    assert Screen(2).typed(Consent(3, alma, None)) == 2
    assert Screen().typed(Consent(0, alma, None)) is None


def test_a_plan_that_deletes_nobody_takes_no_number(sandbox: Sandbox) -> None:
    """Whoever types one means another plan."""
    typed("plan", write(ANA), "-m", "small.yaml", "-o", "run")
    before = state(sandbox)
    assert typed("apply", "run", "--delete", "3", "--yes").exit == Exit.USAGE
    assert state(sandbox) == before


def test_an_alma_that_keeps_deleted_users(sandbox: Sandbox) -> None:
    """A deletion whose reply is lost is found."""
    load(write(ANA, BO), "first")
    ask(sandbox, "POST", "settings", {"switches": {"delete-policy": "keep"}})
    typed("undo", "first", "--delete-created", "-o", "back")
    rule = {"on": "DELETE", "do": "drop_after", "nth": 1}
    ask(sandbox, "POST", "faults", {"rules": [rule]})
    applied = typed("apply", "back", "--delete", "2", "--json").summary
    assert (applied["deleted"], applied["unknown"]) == (2, 0)
    gone = {user for user, one in state(sandbox).items() if one["status"]["value"] == "DELETED"}
    assert gone == {"2001", "2002"}
    assert len([call for call in sandbox.log() if call["method"] == "DELETE"]) == 2
