"""Resolve rows over a real socket: each answer to a held row, and what later plans keep."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from importer.advice import text_of
from importer.errors import Exit
from importer.ledger.integrity import first_broken
from importer.ledger.ledger import Ledger, RunValue
from importer.memory.answers import DecisionMemory
from importer.model.problem import RESOLVED_ADVICE, Code
from importer.model.roster import DECISION
from importer.users.cache import UserCache
from tests.cli.conftest import Sandbox
from tests.cli.small import (
    ANA,
    ANAS_CHANGE,
    ANAS_TWIN,
    BARCODED,
    BO,
    BY_BARCODE,
    PLAN,
    ask,
    change,
    codes,
    edit,
    load,
    state,
    write,
)
from tests.command_line import typed
from tests.sheets import read_rows, write_rows

PLAN_TWO = ("-m", "two.yaml", "-o")
EMAIL = "  contact_info: {email: [{email_address: <Mail>, email_type: personal}]}\n"


@pytest.fixture
def held(sandbox: Sandbox) -> Path:
    """A plan whose row 2 looks like a user of Alma; row 3 is to be created. The roster."""
    load(write(ANA), "first")
    roster = write(ANAS_TWIN, BO)
    planned = typed("plan", roster, *PLAN, "run", "--json")
    assert (planned.exit, planned.summary["review"]) == (Exit.REJECTS, 1)
    assert codes("run") == [("2", "possible-match-in-alma")]
    return roster


def test_an_answer_counts_until_another_is_given(held: Path, sandbox: Sandbox) -> None:
    """In the plan and in later ones, which name who rejected a row, or warn instead of asking."""
    rejected = typed("resolve", "run", "2", "--as", "reject", "--json")
    assert (rejected.exit, rejected.summary["rejected"]) == (Exit.DONE, 1)
    assert ("2", "resolved") in codes("run")
    again = typed("plan", held, *PLAN, "next", "--json")
    assert (again.exit, again.summary["review"], again.summary["rejected"]) == (0, 0, 1)
    assert codes("next") == [("2", "possible-match-in-alma"), ("2", "resolved")]
    assert "importer resolve" in typed("show", "next", "2").out
    assert typed("resolve", "next", "2", "--as", "create", "--json").summary["create"] == 2
    third = typed("plan", held, *PLAN, "third", "--json").summary
    assert (third["create"], third["review"]) == (2, 0)
    assert codes("third") == [("2", "possible-match-in-alma")]
    for answer, creates in (("create", 2), ("reject", 1), ("create", 2)):
        decided = typed("resolve", "run", "2", "--as", answer, "--json").summary
        assert (decided["create"], decided["review"]) == (creates, 0)
        assert codes("run").count(("2", "resolved")) == 1
    assert "decided" in typed("show", "run", "2").out
    assert typed("apply", "run", "--json").summary["created"] == 2
    assert set(state(sandbox)) == {"2001", "2002", "2009"}
    with Ledger.open(Path("run")) as ledger:
        assert first_broken(ledger) is None
    assert stat.S_IMODE(Path("runs/memory.sqlite").stat().st_mode) == 0o600


def test_counts_follow_decisions(held: Path) -> None:
    """In how many rows a new patron gets no end date is counted from what is planned now."""
    counts = []
    for answer in ("", "create", "reject"):
        if answer:
            typed("resolve", "run", "2", "--as", answer)
        with Ledger.open(Path("run")) as ledger:
            (told,) = [one for one in ledger.problems() if one.code is Code.NO_END_DATE]
        counts.append(re.findall(r"in (\d+) row", told.message))
    assert held.exists()
    assert counts == [["1"], ["2"], ["1"]]


def test_a_rejected_row_stays_out_when_the_user_is_not_like_it_any_more(
    held: Path, sandbox: Sandbox
) -> None:
    """Nothing is asked then, and the same row is still not loaded; another one is."""
    typed("resolve", "run", "2", "--as", "reject")
    edit(sandbox, "2001", lambda user: user.update(first_name="Una", contact_info={}))
    later = typed("plan", held, *PLAN, "later", "--json").summary
    assert (later["create"], later["rejected"], later["review"]) == (1, 1, 0)
    write((*ANAS_TWIN[:-1], "a member of the club"), BO)
    assert typed("plan", held, *PLAN, "next", "--json").summary["create"] == 2


def test_the_old_card_is_kept_and_undo_restores_it(held: Path, sandbox: Sandbox) -> None:
    """`--as rename ID` gives the user the row's primary ID, and `keep_old_id` keeps the old one.

    `--as update ID` leaves Alma's ID, and another answer may follow until it is applied. Later
    plans do the same by themselves. Undo, and undo of undo, swap the IDs.
    """
    kept = "match: {keep_old_id: {type: OTHER_ID_1}, "
    change("small.yaml", ("match: {", kept), to="kept.yaml")
    before = state(sandbox)
    typed("users", "refresh")
    typed("plan", held, "-m", "kept.yaml", "-o", "new card")
    assert typed("resolve", "new card", "2", "--as", "update", "2001").exit == 0
    assert "Primary ID" not in typed("show", "new card", "2", "--show-values").out
    decided = typed("resolve", "new card", "2", "--as", "rename", "2001", "--json")
    assert (decided.exit, decided.summary["update"]) == (0, 1)
    assert "Primary ID: 2001 → 2009" in typed("show", "new card", "2", "--show-values").out
    again = ("plan", held, "-m", "kept.yaml", "--json", "-o")
    assert typed(*again, "other").summary["update"] == 1
    assert typed("apply", "new card", "--json", "--allow", "many-changes").summary["updated"] == 1
    after = state(sandbox)
    old = after["2009"]["user_identifier"][0]
    assert (old["value"], old["status"]) == ("2001", "INACTIVE")
    (cache,) = Path("users").glob("*.sqlite")
    with UserCache.open(cache) as users:
        assert users.count() == len(after)
    assert typed(*again, "next").summary["unchanged"] == 2
    typed("undo", "new card", "--delete-created", "-o", "back")
    assert typed("apply", "back", "--delete", "1", "--json").summary["updated"] == 1
    assert state(sandbox) == before


def test_a_row_held_by_apply_is_merged_anew(sandbox: Sandbox) -> None:
    """After a change by staff, `update` merges on the record as it is; `create` is refused."""
    load(write(ANA), "first")
    typed("plan", write(ANAS_CHANGE), *PLAN, "run")
    ask(sandbox, "PATCH", "users/2001", {"last_name": "Byhand", "job_description": "Printer"})
    allow = ("--allow", "many-changes")
    assert typed("apply", "run", *allow, "--json").summary["held"] == 1
    assert typed("resolve", "run", "2", "--as", "create").exit == Exit.USAGE
    decided = typed("resolve", "run", "2", "2001", "--as", "update", "--json")
    assert (decided.exit, decided.summary["not_sent"]) == (0, 1)
    assert typed("apply", "run", *allow, "--json").summary["updated"] == 1
    user = state(sandbox)["2001"]
    assert (user["last_name"], user["job_description"]) == ("Novak", "Printer")
    assert typed("resolve", "run", "2", "--as", "reject").exit == Exit.USAGE  # it was sent


def test_update_leaves_the_id_that_was_asked_about(sandbox: Sandbox) -> None:
    """With `id_change: rename`, too: where `rename` could be answered, `update` keeps Alma's ID.

    Later plans do the same. Where something else is asked, the mapping gives the user the row's ID,
    unless another user has it.
    """
    load(write(ANA), "first")
    roster = write(ANAS_TWIN)
    change("small.yaml", ("match: {", "match: {id_change: rename, "))
    typed("plan", roster, *PLAN, "run")
    assert typed("resolve", "run", "2", "2001", "--as", "update").exit == Exit.DONE
    typed("apply", "run", "--yes", "--allow", "many-changes")
    again = typed("plan", roster, *PLAN, "again", "--json").summary
    assert (set(state(sandbox)), again["unchanged"]) == ({"2001"}, 1)
    Path("two.yaml").write_text(
        BY_BARCODE.replace("match: {", "match: {id_change: rename, "), "utf-8"
    )
    Path("first.csv").write_text(f"{BARCODED}3001,Ida,Zorn,B1\n3002,Jon,Zorn,B2\n", "utf-8")
    typed("plan", "first.csv", "-m", "two.yaml", "-o", "two")
    typed("apply", "two", "--yes")
    rows = "3001,Jon,Zorne,B2\n3009,Eva,Adler,B1\n"
    Path("both.csv").write_text(f"{BARCODED}{rows}", "utf-8")
    typed("plan", "both.csv", "-m", "two.yaml", "-o", "both")
    found = [("2", "matches-two-users"), ("2", "identifier-of-another-person")]
    assert sorted(codes("both")) == sorted([*found, ("3", "another-person")])
    another = typed("resolve", "both", "2", "3001", "--as", "update")
    assert another.exit == Exit.USAGE  # shown, and not in question
    assert typed("resolve", "both", "2", "3002", "--as", "update").exit == Exit.REJECTS
    assert typed("resolve", "both", "3", "3001", "--as", "update").exit == Exit.DONE
    typed("apply", "both", "--yes", "--allow", "many-changes")
    assert {key: user["last_name"] for key, user in state(sandbox).items() if key > "3"} == {
        "3009": "Adler",
        "3002": "Zorne",
    }


def test_alma_s_id_that_a_person_chose_stays_when_another_id_finds_the_user(
    sandbox: Sandbox,
) -> None:
    """With `id_change: rename`: the update gave the user an ID by which the next plan finds it."""
    mapping = BY_BARCODE.replace("match: {", "match: {id_change: rename, ") + EMAIL
    Path("two.yaml").write_text(mapping, "utf-8")
    Path("first.csv").write_text(f"{BARCODED[:-1]},Mail\n3001,Ida,Zorn,,i@example.org\n")
    Path("new.csv").write_text(f"{BARCODED[:-1]},Mail\n3009,Ida,Zorn,B9,i@example.org\n")
    load(Path("first.csv"), "first", "two.yaml")
    typed("plan", "new.csv", *PLAN_TWO, "new")
    assert ("2", "possible-match-in-alma") in codes("new")
    typed("resolve", "new", "2", "3001", "--as", "update")
    assert typed("apply", "new", "--json").summary["updated"] == 1
    assert typed("plan", "new.csv", *PLAN_TWO, "again", "--json").summary["unchanged"] == 1
    assert set(state(sandbox)) == {"3001"}


@pytest.mark.parametrize("mode", ["review", "warn", "ignore"])
def test_where_several_users_are_in_question_an_answer_names_one(
    mode: str, sandbox: Sandbox
) -> None:
    """Also whom `possible_match` would not ask about; by command, workbook and plan of it."""
    load(write(ANA, BO), "first")
    before = state(sandbox)
    roster = write((BO[0], *ANA[1:5], ANA[5], "came back"))
    change("small.yaml", ("possible_match: review", f"possible_match: {mode}"))
    typed("plan", roster, *PLAN, "run")
    assert codes("run") == [("2", "another-person"), ("2", "possible-match-in-alma")]
    for answer in ("update", "rename"):
        refused = typed("resolve", "run", "2", "--as", answer)
        assert (refused.exit, "users are in question" in refused.err) == (Exit.USAGE, True)
    (row,) = read_rows(Path("run/rejects.csv"))
    write_rows(Path("mine.csv"), [row | {"Decision": "same person, update"}])
    typed("resolve", "run", "--from", "mine.csv")
    got = typed("plan", "mine.csv", *PLAN, "again", "--json")
    assert (got.summary["review"], got.summary["update"]) == (1, 0)
    typed("resolve", "again", "2", ANA[0], "--as", "update")
    typed("apply", "again", "--yes", "--allow", "many-changes")
    after = state(sandbox)
    assert (after[BO[0]], after[ANA[0]] == before[ANA[0]]) == (before[BO[0]], False)


def test_one_user_is_written_by_one_row_of_a_run(sandbox: Sandbox) -> None:
    """Also if the other row gave the user its primary ID, so that undo finds each write."""
    mapping = BY_BARCODE.replace("match: {", "match: {id_change: rename, ") + EMAIL
    Path("two.yaml").write_text(mapping, "utf-8")
    Path("first.csv").write_text(f"{BARCODED[:-1]},Mail\n3001,Ida,Zorn,B1,i@example.org\n")
    rows = "3009,Ida,Zorn,B1,i@example.org\n3010,Ida,Zorne,,i@example.org\n"
    Path("new.csv").write_text(f"{BARCODED[:-1]},Mail\n{rows}")
    load(Path("first.csv"), "first", "two.yaml")
    typed("plan", "new.csv", *PLAN_TWO, "new")
    assert ("3", "possible-match-in-alma") in codes("new")
    assert typed("apply", "new", "--json").summary["updated"] == 1
    assert typed("resolve", "new", "3", "3009", "--as", "update").exit == Exit.USAGE


def test_a_plan_that_was_approved_is_applied_as_it_was_seen(sandbox: Sandbox) -> None:
    """With the seal of the plan that the page showed, `apply` refuses one with a later answer."""
    load(write(ANA), "first")
    typed("plan", write(ANAS_TWIN, BO), *PLAN, "run")
    with Ledger.open(Path("run")) as ledger:
        seen = ledger.value(RunValue.SEAL)
    typed("resolve", "run", "2", "--as", "update", "2001")
    before = state(sandbox)
    refused = typed("apply", "run", "--seal", seen)
    assert (refused.exit, state(sandbox)) == (Exit.STALE, before)
    with Ledger.open(Path("run")) as ledger:
        now = ledger.value(RunValue.SEAL)
    assert typed("apply", "run", "--seal", now).exit == Exit.DONE


@pytest.mark.parametrize("by", ["staff", "a load"])
def test_an_id_that_the_user_had_before_comes_back_only_by_an_answer(
    by: str, sandbox: Sandbox
) -> None:
    """With `id_change: rename`, too: the old roster asks, `update` leaves Alma's ID for good.

    Edits of the user stay, as if the ID were the same; after an undo, the new ID asks nothing.
    """
    Path("two.yaml").write_text(
        BY_BARCODE.replace("match: {", "match: {id_change: rename, ").replace(
            "  user_group: COMM\n", "  user_group: COMM\n  birth_date: <Born>\n"
        )
        + "roster: {dates: ymd}\n",
        "utf-8",
    )

    def plan(primary_id: str, run: str) -> dict[str, int]:
        row = f"{primary_id},Ida,Zorn,B1,1990-01-02\n"
        Path("two.csv").write_text(f"{BARCODED[:-1]},Born\n{row}", "utf-8")
        planned: dict[str, int] = typed("plan", "two.csv", *PLAN_TWO, run, "--json").summary
        return planned

    plan("3001", "first")
    typed("apply", "first")
    if by == "staff":
        edit(sandbox, "3001", lambda user: user.update(primary_id="3009", last_name="Byhand"))
    else:
        assert plan("3009", "new")["update"] == 1
        typed("apply", "new")
        typed("undo", "new", "-o", "back")
        typed("apply", "back")
        assert (plan("3009", "again")["update"], "3001" in state(sandbox)) == (1, True)
        typed("apply", "again")
    before = state(sandbox)
    assert plan("3001", "old")["review"] == 1
    assert ("2", "primary-id-differs") in codes("old")
    assert typed("resolve", "old", "2", "--as", "update").exit == Exit.DONE
    typed("apply", "old")
    assert state(sandbox) == before
    later = plan("3001", "later")
    assert (later["review"], later["unchanged"]) == (0, 1)


def test_the_way_back_of_what_nobody_changed(sandbox: Sandbox) -> None:
    """Where somebody was faster than the apply of an undo, `update` puts back all the rest."""
    load(write(ANA), "first")
    load(write(ANAS_CHANGE), "second")
    typed("undo", "second", "-o", "run")
    ask(sandbox, "PATCH", "users/2001", {"last_name": "Byhand"})
    assert typed("apply", "run", "--json").summary["held"] == 1
    assert typed("resolve", "run", "2", "--as", "create").exit == Exit.USAGE
    assert typed("resolve", "run", "2", "--as", "update", "--json").summary["update"] == 1
    found = [("2", "changed-in-alma"), ("2", "resolved"), ("2", "not-undone")]
    assert codes("run") == found
    typed("apply", "run")
    user = state(sandbox)["2001"]
    assert user["last_name"] == "Byhand"
    assert user["user_group"]["value"] == "COMM"
    assert user["user_note"] == []


def test_what_cannot_be_decided(held: Path, sandbox: Sandbox) -> None:
    """A check, a row that is not held, a wrong one, no row, nobody, and words amiss.

    Nor is a user taken whom no question is about, and who is another person than the row, as by a
    mistyped ID. A row whose identifier is in Alma by now is not decided to be created.
    """
    load(write(BO, name="bo.csv"), "bo")
    typed("check", held, *PLAN, "checked")
    wrong = write(("", *ANA[1:]), name="wrong.csv")
    typed("plan", wrong, *PLAN, "wrong")
    for arguments in (
        ("checked", "2", "--as", "reject"),
        ("run", "3", "--as", "reject"),
        ("wrong", "2", "--as", "create"),
        ("run", "99", "--as", "reject"),
        ("run", "2"),
        ("run", "2", "--as", "update", "--all", "possible-match"),
        ("run", "--all", "matches-two", "--as", "update"),
        ("run", "--from", "people.csv"),
        ("run", "2", "2001", "--as", "create"),
        ("run", "2", "7777", "--as", "update"),
        ("run", "2", "2002", "--as", "update"),
        ("run", "2", "2002", "--as", "rename"),
        ("run", "2", "--as", "delete"),
    ):
        got = typed("resolve", *arguments)
        assert (got.exit, got.out) == (Exit.USAGE, ""), arguments
        assert "7777" not in got.err
    load(write(("2009", "Else", *ANA[2:]), name="other.csv"), "other")
    assert typed("resolve", "run", "2", "--as", "create").exit == Exit.USAGE


def test_a_user_of_another_row_or_kind_is_not_taken(sandbox: Sandbox) -> None:
    """No user is updated from two rows, and no External record from an Internal mapping."""
    load(write(ANA), "first")
    twin = ("2009", "Anna", *ANA[2:])
    typed("plan", write(ANA, twin), *PLAN, "run")
    assert typed("resolve", "run", "3", "2001", "--as", "update").exit == Exit.USAGE
    typed("plan", write(twin), *PLAN, "alone")
    external = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"}
    ask(sandbox, "PATCH", "users/2001", external)
    assert typed("resolve", "alone", "2", "2001", "--as", "update").exit == Exit.USAGE


def test_an_answer_that_is_not_used_names_its_own_row(sandbox: Sandbox) -> None:
    """Also where the reason names another row whose number begins with the same digits."""
    load(write(ANA, BO), "first")
    blank = ("",) * len(ANA)
    asks = ("2001", "Zoltan", "Kovacs", *BO[3:])
    typed("plan", write(asks, *[blank] * 22, (*BO[:3], "COMM", *BO[4:])), *PLAN, "run")
    assert ("2", "another-person") in codes("run")
    asked = read_rows(Path("run/rejects.csv"))[0]
    write_rows(Path("mine.csv"), [asked | {DECISION: "same person, update: 2002"}])
    got = typed("resolve", "run", "--from", "mine.csv", "--json")
    assert ["2"] in [unused["rows"] for unused in got.summary["unused_answers"]]
    assert "Row 2: Row 25 " in got.err


def test_an_answer_makes_nothing_that_the_mapping_does_not_make(sandbox: Sandbox) -> None:
    """Nobody who is known is updated, nobody new is created, and no known person is created."""
    load(write(ANA, BO), "first")
    before, roster = state(sandbox), write(("2001", "Zoltan", "Kovacs", *BO[3:]))
    for rules, answers in (
        ("known: skip", {"update": Exit.USAGE, "create": Exit.USAGE}),
        ("new: reject", {"create": Exit.USAGE}),
    ):
        added = ("possible_match: review", f"possible_match: review, {rules}")
        change("small.yaml", added, to="rules.yaml")
        run = f"run {rules.partition(':')[0]}"
        typed("plan", roster, "-m", "rules.yaml", "-o", run)
        assert ("2", "another-person") in codes(run)
        for answer, exit_ in answers.items():
            assert typed("resolve", run, "2", "--as", answer).exit == exit_
    assert state(sandbox) == before


@pytest.mark.parametrize("what", ["people.csv", "small.yaml"])
def test_another_roster_or_mapping_is_refused(what: str, held: Path) -> None:
    """A decision is about the roster and the mapping of the plan.

    A rejection needs neither, but then it cannot be told whose row it is, and is not remembered.
    """
    with Path(what).open("a", encoding="utf-8") as file:
        file.write("\n")
    for arguments in (("--as", "create"), ("2001", "--as", "update")):
        assert typed("resolve", "run", "2", *arguments).exit == Exit.STALE
    assert typed("resolve", "run", "2", "--as", "reject").exit == Exit.DONE
    assert not DecisionMemory("01SANDBOX_INST sandbox").load()


STUDENTS = """version: 1
account_type: EXTERNAL
owning_system: SIS
match: {possible_match: review, account_type: ANSWER, keep_old_id: {type: BARCODE, status: ACTIVE}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: FRIEND
  birth_date: <Born>
  contact_info:
    email:
      - {email_address: <Email>, email_type: personal}
"""


def test_a_community_patron_becomes_a_student(sandbox: Sandbox) -> None:
    """After review an Internal user becomes External: SIS ID for barcode, which stays usable.

    The API cannot make the user Internal again: undo needs review until staff have done that, or
    restores only the rest.
    """
    load(write(ANA), "first")
    before = state(sandbox)["2001"]
    roster = write(("0012345", *ANA[1:]), name="students.csv")
    for answer in ("review", "convert"):
        Path(f"{answer}.yaml").write_text(STUDENTS.replace("ANSWER", answer), "utf-8")
        typed("plan", roster, "-m", f"{answer}.yaml", "-o", answer)
    assert typed("resolve", "review", "2", "2001", "--as", "rename").exit == Exit.USAGE
    assert typed("resolve", "convert", "2", "2001", "--as", "rename").exit == Exit.DONE
    assert typed("apply", "convert", "--json", "--allow", "many-changes", "--allow",
                 "foreign-group").summary["updated"] == 1  # fmt: skip
    (user,) = state(sandbox).values()
    assert [user[name] for name in ("primary_id", "external_id")] == ["0012345", "SIS"]
    assert user["account_type"]["value"] == "EXTERNAL"
    assert user["user_identifier"][0]["value"] == "2001"
    assert typed("plan", roster, "-m", "convert.yaml", "--json").summary["unchanged"] == 1
    assert typed("undo", "convert", "-o", "held", "--json").summary["review"] == 1
    assert typed("resolve", "held", "2", "--as", "update").exit == Exit.DONE
    internal = {"account_type": {"value": "INTERNAL"}, "external_id": ""}
    ask(sandbox, "PATCH", "users/0012345", internal)
    typed("undo", "convert", "-o", "back")
    assert typed("apply", "back", "--json", "--allow", "removals").summary["updated"] == 1
    assert state(sandbox)["2001"] == before


def test_resolve_shows_what_changed(sandbox: Sandbox) -> None:
    """A line for each row, the headline, the files and the next step; not the problems again.

    The row that creates a user is on another line of the report than the row that is not sent.
    """
    typed("plan", write(ANA, ANAS_TWIN), *PLAN, "run")
    last = typed("resolve", "run", "2", "--as", "only")
    assert "Row 2: to create.\n" in last.err
    assert "Row 3: rejected by a person.\n" in last.err
    assert "Worth a look" not in last.err
    assert "importer apply run" in last.err
    assert len(last.err.splitlines()) < 20
    assert last.exit == Exit.DONE  # nothing is left to do
    told = typed("report", "run").err
    for row in (2, 3):
        assert f"Worth a look · Decided by a person · 1 row ({row})" in told
    assert f"→ {text_of(RESOLVED_ADVICE)}" in told
    assert "marked cells" not in told


def test_what_loads_left_of_another_user_is_not_compared_with_the_one_who_was_named(
    sandbox: Sandbox,
) -> None:
    """The row has another person's ID. The user of the answer, never loaded before, is updated."""
    load(write(ANA, BO), "first")
    ask(sandbox, "PATCH", "users/2001", {"user_group": {"value": "STAFF"}})
    Path("runs/memory.sqlite").unlink()
    for run in Path("first").glob("*"):
        run.unlink()
    load(write(BO), "again")  # of Ana, nothing is remembered any more
    roster = write(("2002", *ANA[1:3], "FRIEND", *ANA[4:]))
    typed("plan", roster, *PLAN, "run")
    assert typed("resolve", "run", "2", "2001", "--as", "update").exit == Exit.DONE
    assert ("2", "edited-in-alma") not in codes("run")
    typed("apply", "run", "--yes")
    assert state(sandbox)["2001"]["user_group"]["value"] == "FRIEND"


def test_an_answer_about_one_card_is_none_about_the_next(sandbox: Sandbox) -> None:
    """The same pair of cards is not asked about twice; another pair is another question."""
    Path("barcode.yaml").write_text(BY_BARCODE, "utf-8")

    def plan(card: str, run: str) -> int:
        Path("cards.csv").write_text(f"{BARCODED}2001,Ana,Nunez,{card}\n", "utf-8")
        planned = typed("plan", "cards.csv", "-m", "barcode.yaml", "-o", run, "--json")
        return int(planned.summary["review"])

    def staff_gives(card: str) -> None:
        cards = [{"id_type": {"value": "BARCODE"}, "value": card, "status": "ACTIVE"}]
        ask(sandbox, "PATCH", "users/2001", {"user_identifier": cards})

    assert plan("C1", "first") == 0
    assert typed("apply", "first", "--yes").exit == 0
    staff_gives("S1")
    assert plan("C2", "second") == 1
    assert typed("resolve", "second", "2", "--as", "update").exit == 0
    assert plan("C2", "again") == 0
    assert typed("apply", "second", "--yes").exit == 0
    staff_gives("S2")
    assert plan("C3", "third") == 1


def test_an_answer_does_not_count_for_the_next_person_with_the_id(sandbox: Sandbox) -> None:
    """The user of the answer is somebody else by now: staff gave the card to another person."""
    load(write(ANA), "first")
    roster = write(("2001", "Zoe", "Adler", "FRIEND", "", "zoe@example.org", ""))
    typed("plan", roster, *PLAN, "second")
    assert typed("resolve", "second", "2", "--as", "update").exit == 0
    assert typed("plan", roster, *PLAN, "again", "--json").summary["review"] == 0
    typed("apply", "second", "--yes")
    others = {"first_name": "Ivo", "last_name": "Park", "birth_date": "1970-07-07Z"}
    ask(sandbox, "PATCH", "users/2001", others)
    assert typed("plan", roster, *PLAN, "third", "--json").summary["review"] == 1


def test_an_answer_in_an_older_plan_puts_no_older_values_back(sandbox: Sandbox) -> None:
    """Who was loaded by a newer plan stays so; the row can be rejected, or planned again."""
    load(write(ANA), "first")
    typed("plan", write(ANAS_TWIN, name="fall.csv"), "-m", "small.yaml", "-o", "fall")
    spring = (*ANAS_TWIN[:5], "spring@example.org", "")
    typed("plan", write(spring, name="spring.csv"), "-m", "small.yaml", "-o", "spring")
    typed("resolve", "spring", "2", "--as", "rename")
    assert typed("apply", "spring").exit == Exit.DONE
    refused = typed("resolve", "fall", "2", "--as", "update", "2009")
    assert (refused.exit, "newer plan" in refused.err) == (Exit.USAGE, True)
    assert typed("resolve", "fall", "2", "--as", "reject").exit == Exit.DONE
    (email,) = state(sandbox)["2009"]["contact_info"]["email"]
    assert email["email_address"] == "spring@example.org"


def test_a_row_is_resolved_with_the_code_tables_of_its_plan(sandbox: Sandbox) -> None:
    """Also if the plan had them by `--codes`: the record is the one that the plan would make."""
    load(write(ANA), "first")
    roster = write((*ANAS_TWIN[:3], "comm", *ANAS_TWIN[4:]))
    Path("codes.json").rename(Path("tables.json"))
    typed("plan", roster, *PLAN, "run", "--codes", "tables.json")
    assert typed("resolve", "run", "2", "--as", "create").exit == Exit.DONE
    typed("apply", "run")
    assert state(sandbox)["2009"]["user_group"]["value"] == "COMM"
