"""People who are missing from a roster, over a real socket: they leave, and come back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import importer
from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.memory.last_seen import LastSeen
from importer.service.place import now
from tests.cli.conftest import Sandbox
from tests.cli.small import (
    ANA,
    BO,
    HEAD,
    LEAVERS,
    MAPPING,
    ask,
    change,
    codes,
    edit,
    link,
    load,
    state,
    write,
)
from tests.command_line import typed
from tests.practice import call
from tests.sheets import write_rows

CY = ("2003", "Cy", "Roe", "COMM", "1970-05-06", "cy@example.org", "")
STAFF = ("2009", "Dee", "Poe", "FRIEND", "1971-05-06", "dee@example.org", "")
PLAN = ("-m", "leavers.yaml", "-o")


@pytest.fixture
def known(sandbox: Sandbox) -> None:
    """Four people in Alma and in the user cache, one of them outside the group."""
    load(write(ANA, (*BO[:3], "COMM", *BO[4:]), CY, STAFF), "first")
    assert typed("users", "refresh").exit == Exit.DONE
    Path("leavers.yaml").write_text(LEAVERS, "utf-8")


@pytest.fixture
def two(known: None) -> None:
    """Mappings of two rosters, which each look for missing people."""
    for name in ("staff", "students"):
        Path(f"{name}.yaml").write_text(LEAVERS.replace("name: small", f"name: {name}"), "utf-8")


def undo(run: str) -> None:
    """Undo a run."""
    typed("undo", run, "-o", f"undo-{run}")
    typed("apply", f"undo-{run}", "--allow", "many-changes")


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Go on as so many days from now."""
    day = now() + timedelta(days=days)
    monkeypatch.setattr("importer.service.office.now", lambda: day)


def inactive(sandbox: Sandbox) -> set[str]:
    """The users who left."""
    users = state(sandbox).items()
    return {
        key for key, user in users if user["status"] == {"value": "INACTIVE", "desc": "Inactive"}
    }


def leaving(run: str) -> list[str]:
    """The users whom a plan changes because they are missing, by primary ID."""
    with Ledger.open(Path(run)) as ledger:
        return [row.primary_id for row in ledger.every_row() if ledger.facts.leaves(row.row)]


def test_who_is_missing_leaves_and_comes_back(
    known: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only people of the group are changed, once; who is back is as before, but for the note.

    If the apply is killed, who left is remembered by the next one, also without rows to send.
    """
    before = state(sandbox)
    ask(sandbox, "POST", "users/2003/loans", {"loans": 2})
    gone = typed("plan", write(ANA, STAFF), *PLAN, "gone", "--json")
    assert (gone.exit, gone.summary["update"], gone.summary["rows"]) == (0, 2, 4)
    missing = [(row, "missing-from-roster") for row in ("0", "absent-1", "absent-2")]
    assert codes("gone") == missing
    assert "2 loans" in typed("show", "gone", "absent-2", "--show-values").out
    assert state(sandbox) == before
    with monkeypatch.context() as killed:
        killed.setattr("importer.pipeline.remember._remember_run", lambda *_: None)
        assert typed("apply", "gone", "--json").summary["updated"] == 2
    assert typed("apply", "gone").exit == Exit.DONE
    assert inactive(sandbox) == {"2002", "2003"}
    assert state(sandbox)["2009"] == before["2009"]
    again = typed("plan", write(ANA, STAFF), *PLAN, "again", "--json").summary
    assert again["update"] == 0
    back = typed("plan", write(ANA, CY, STAFF), *PLAN, "back", "--json").summary
    assert back["update"] == 1
    assert ("3", "returned") in codes("back")
    typed("apply", "back")
    assert inactive(sandbox) == {"2002"}
    user = state(sandbox)["2003"]
    assert len(user.pop("user_note")) == 1
    assert user == {key: value for key, value in before["2003"].items() if key != "user_note"}


def test_whom_the_api_cannot_be_asked_for_is_counted(known: None, sandbox: Sandbox) -> None:
    """The others leave all the same."""
    call(sandbox.host, "POST", "/almaws/v1/users", state(sandbox)["2003"] | {"primary_id": "roe/c"})
    planned = typed("plan", write(ANA, STAFF), *PLAN, "gone", "--json")
    assert (planned.exit, planned.summary["update"]) == (Exit.DONE, 2)
    assert "1 cannot be" in Path("gone/problems.csv").read_text("utf-8")


def test_a_return_is_no_edit_by_staff(known: None, sandbox: Sandbox) -> None:
    """What leaving set, the end of the Patron role included, is ours, at the return and later."""
    text = LEAVERS.replace("    set:", "    patron_role: {expiry: <@today>}\n    set:")
    Path("leavers.yaml").write_text(f"{text}patron_role: {{expiry: 2030-05-31}}\n", "utf-8")
    role = {"role_type": {"value": "200"}, "scope": {"value": "MAIN"}, "expiry_date": "2020-05-31Z"}
    ask(sandbox, "PATCH", "users/2003", {"user_role": [role]})
    roster = write(ANA, CY, STAFF)
    load(roster, "role", "leavers.yaml")
    load(write(ANA, STAFF), "gone", "leavers.yaml")
    load(write(ANA, CY, STAFF), "back", "leavers.yaml")
    load(roster, "again", "leavers.yaml")
    found = {code for run in ("back", "again") for row, code in codes(run) if row == "3"}
    assert found == {"returned"}
    (is_now,) = state(sandbox)["2003"]["user_role"]
    assert is_now["expiry_date"] == "2030-05-31Z"


def test_leaving_is_undone(known: None, sandbox: Sandbox) -> None:
    """Undo gives the state before, and who is away by the undo of a return still comes back.

    Purge forgets who left: what is older than its limit.
    """
    before = state(sandbox)
    load(write(ANA, STAFF), "gone", "leavers.yaml")
    after = state(sandbox)
    undo("gone")
    assert state(sandbox) == before
    load(write(ANA, STAFF), "gone-again", "leavers.yaml")
    assert state(sandbox) == after
    load(write(ANA, CY, STAFF), "back", "leavers.yaml")
    assert inactive(sandbox) == {"2002"}
    undo("back")
    assert state(sandbox) == after
    memory = LastSeen("01SANDBOX_INST sandbox")
    typed("purge", "--older-than", "1d", "--yes")
    assert set(memory.leavers()) == {"2002", "2003"}
    load(write(ANA, CY, STAFF), "back-again", "leavers.yaml")
    assert inactive(sandbox) == {"2002"}
    typed("purge", "--older-than", "0d", "--yes")
    assert memory.leavers() == {}


@pytest.mark.parametrize("status", ["", "      status: INACTIVE\n"])
def test_who_is_away_by_an_undo_comes_back(known: None, sandbox: Sandbox, status: str) -> None:
    """A leaving and the return before it are undone; the person is away as by the first leaving."""
    before = state(sandbox)["2003"]
    mapping = LEAVERS.replace("      status: INACTIVE\n", status)
    for number in range(3):
        here = (ANA, CY, STAFF) if number % 2 else (ANA, STAFF)
        day = f"expiry_date: 2026-08-0{number + 1}"
        Path("leavers.yaml").write_text(mapping.replace("expiry_date: <@today>", day), "utf-8")
        load(write(*here), str(number), "leavers.yaml")
    for run in "21":
        undo(run)
    user = state(sandbox)["2003"]
    assert (user["expiry_date"], "2003" in inactive(sandbox)) == ("2026-08-01Z", bool(status))
    load(write(ANA, CY, STAFF), "back", "leavers.yaml")
    user = state(sandbox)["2003"]
    assert [user.get(name) for name in _ENDS] == [before.get(name) for name in _ENDS]


_ENDS = ("expiry_date", "status")


def test_who_is_away_by_an_undo_and_by_staff_comes_back(known: None, sandbox: Sandbox) -> None:
    """They did a part of it before the return was undone."""
    load(write(ANA, STAFF), "gone", "leavers.yaml")
    load(write(ANA, CY, STAFF), "back", "leavers.yaml")
    edit(sandbox, "2003", lambda user: user.update(status={"value": "INACTIVE"}))
    undo("back")
    load(write(ANA, CY, STAFF), "again", "leavers.yaml")
    assert inactive(sandbox) == {"2002"}


def test_who_came_back_under_a_new_id_has_left_again_once_that_is_undone(
    known: None, sandbox: Sandbox
) -> None:
    """The plan after the undo is the one from before: the same person is back again."""
    new_id = ("2222", *BO[1:3], "COMM", *BO[4:])
    typed("plan", write(ANA, CY, STAFF), *PLAN, "gone")
    typed("apply", "gone")
    away = state(sandbox)
    typed("plan", write(ANA, new_id, CY, STAFF), *PLAN, "back")
    typed("resolve", "back", "3", "--as", "rename")
    typed("apply", "back")
    here = state(sandbox)
    assert (inactive(sandbox), "2222" in here) == (set(), True)
    undo("back")
    assert state(sandbox) == away
    typed("plan", write(ANA, new_id, CY, STAFF), *PLAN, "again")
    typed("apply", "again")
    assert state(sandbox) == here


@pytest.mark.parametrize("known_by", ["another ID", "name and birth date"])
def test_who_left_is_known_under_the_primary_id_that_staff_gave_since(
    known_by: str, known: None, sandbox: Sandbox
) -> None:
    """The return is planned, is undone and is planned again, as under the same ID."""
    if known_by == "another ID":
        card = {"id_type": {"value": "BARCODE"}, "value": "3003", "status": "ACTIVE"}
        ask(sandbox, "PATCH", "users/2003", {"user_identifier": [card], "birth_date": None})
    load(write(ANA, (*BO[:3], "COMM", *BO[4:]), STAFF), "gone", "leavers.yaml")
    edit(sandbox, "2003", lambda user: user.update(primary_id="2333"))
    away = state(sandbox)
    roster = write(ANA, (*BO[:3], "COMM", *BO[4:]), ("2333", *CY[1:4], "", *CY[5:]), STAFF)
    load(roster, "back", "leavers.yaml")
    assert ("4", "returned") in codes("back")
    assert (inactive(sandbox), "2333" in state(sandbox)) == (set(), True)
    undo("back")
    assert inactive(sandbox) == {"2333"}
    assert state(sandbox) == away
    assert load(roster, "again", "leavers.yaml")["updated"] == 1
    assert inactive(sandbox) == set()


def test_who_left_does_not_leave_again_under_a_new_primary_id(
    known: None, sandbox: Sandbox
) -> None:
    """But another record with the same name and birth date does, if nothing of it was changed."""
    keep = LEAVERS.replace("      expiry_date: <@today>\n", "")
    Path("leavers.yaml").write_text(keep, "utf-8")
    roster = write(ANA, (*BO[:3], "COMM", *BO[4:]), STAFF)
    load(roster, "gone", "leavers.yaml")
    assert inactive(sandbox) == {"2003"}
    edit(sandbox, "2003", lambda user: user.update(primary_id="2333"))
    again = typed("plan", roster, *PLAN, "again", "--json").summary
    assert (again["of_these"]["absent"], again["update"]) == (0, 0)
    second = state(sandbox)["2333"] | {"primary_id": "2334", "status": {"value": "ACTIVE"}}
    call(sandbox.host, "POST", "/almaws/v1/users", second)
    typed("plan", roster, *PLAN, "second")
    typed("apply", "second")
    assert inactive(sandbox) == {"2333", "2334"}


def test_a_missing_person_s_name_is_shown_in_the_column_of_whole_names(
    known: None, sandbox: Sandbox
) -> None:
    """The first name, a blank and the last name, in every process."""
    names = (
        ("first_name: <First>", "first_name: <$who.first>"),
        ("last_name: <Last>", "last_name: <$who.last>"),
        ("record:", "values: {who: {from: <First>, read: name}}\nrecord:"),
    )
    whole = LEAVERS
    for old, new in names:
        whole = whole.replace(old, new, 1)
    roster = write(("2001", "Ana Nunez", "", *ANA[3:]))
    Path("leavers.yaml").write_text(whole, "utf-8")
    typed("plan", roster, *PLAN, "gone")
    with Ledger.open(Path("gone")) as ledger:
        shown = [row.cells[1] for row in ledger.every_row() if ledger.facts.leaves(row.row)]
    assert shown == ["Bo Doe", "Cy Roe"]


def test_who_is_back_by_an_answer_is_updated_without_another_person_s_id(
    known: None, sandbox: Sandbox
) -> None:
    """What was changed is taken back, and the ID that Alma would refuse is left out."""
    card = {"id_type": {"value": "BARCODE"}, "value": "3003", "status": "ACTIVE"}
    ask(sandbox, "PATCH", "users/2001", {"user_identifier": [card]})
    others = (ANA, (*BO[:3], "COMM", *BO[4:]), STAFF)
    load(write(*others), "gone", "leavers.yaml")
    cards = f"{LEAVERS}  user_identifier: [{{id_type: BARCODE, value: <Note>}}]\n"
    Path("leavers.yaml").write_text(cards, "utf-8")
    typed("plan", write(*others, (*CY[:6], "3003")), *PLAN, "back")
    assert ("5", "identifier-taken") in codes("back")
    typed("resolve", "back", "5", "--as", "update")
    applied = typed("apply", "back", "--json").summary
    assert (applied["updated"], applied["refused"], inactive(sandbox)) == (1, 0, set())


def test_who_was_missing_is_missing_again_after_staff_took_the_change_back(
    known: None, sandbox: Sandbox
) -> None:
    """A roster in which the person does not change counts as the return."""
    before = state(sandbox)["2003"]
    without = write(ANA, (*BO[:3], "COMM", *BO[4:]), STAFF, name="without.csv")
    load(without, "gone", "leavers.yaml")
    edit(sandbox, "2003", lambda user: user.update(status=before["status"], expiry_date=None))
    everybody = write(ANA, (*BO[:3], "COMM", *BO[4:]), CY, STAFF)
    assert load(everybody, "there", "leavers.yaml")["unchanged"] == 4
    load(without, "gone again", "leavers.yaml")
    assert inactive(sandbox) == {"2003"}


def test_nobody_is_missing_because_of_a_mistake(known: None, sandbox: Sandbox) -> None:
    """A row counts for the user with its ID, and for whom it agrees with by name and birth date.

    Rejected, for review or skipped: nobody left. Also where the mapping takes rows by a date that
    cannot be read, and where a new card comes with the words of both names in another order.
    """
    only = LEAVERS.replace("dates: ymd", "dates: ymd, only: {Born: {after: 1900-01-01}}")
    no_day, new_card, no_id = ("2001", *ANA[1:4], "1990-13-45", *ANA[5:]), ("2222", *BO[1:]), ""
    ana_with_bos_id = (BO[0], *ANA[1:])
    everybody = (*BO[:3], "COMM", *BO[4:]), CY, STAFF
    keep = LEAVERS.replace("match:", "duplicates: {same_id: keep first}\nmatch:")
    name, same = ("Maria del Carmen", "Lopez Garcia"), ("Carmen Maria", "Garcia Lopez")
    ask(sandbox, "PATCH", "users/2009", {"first_name": name[0], "last_name": name[1]})
    swapped = ("2505", *same, *STAFF[3:])
    for number, (mapping, rows) in enumerate(
        (
            (only, (no_day, new_card, (no_id, *CY[1:]))),
            (LEAVERS, (ana_with_bos_id, *everybody)),
            (keep, (*everybody, ana_with_bos_id)),
            (LEAVERS, (ana_with_bos_id, CY, STAFF)),
            (LEAVERS.replace("[COMM]", "[FRIEND]"), (swapped,)),
        )
    ):
        roster = write(*rows)
        Path("leavers.yaml").write_text(mapping, "utf-8")
        planned = typed("plan", roster, *PLAN, f"run{number}", "--json").summary
        assert (planned.get("update"), planned["of_these"]["absent"]) == (0, 0)
        assert "missing-from-roster" not in planned["problems"]
    assert not inactive(sandbox)


def test_rejects_and_a_missing_cache_change_nobody(known: None, sandbox: Sandbox) -> None:
    """Most people are missing from a rejects file; without a user cache nobody knows."""
    roster = write(ANA, BO, ("", *CY[1:]), STAFF)
    typed("plan", roster, *PLAN, "whole")
    assert (
        typed("plan", "whole/rejects.xlsx", *PLAN, "again", "--json").summary["of_these"]["absent"]
        == 0
    )
    assert ("0", "absent-not-compared") in codes("again")
    seen = typed("plan", write(ANA), *PLAN, "seen", "--visible-only", "--json").summary
    assert seen["of_these"]["absent"] == 0
    typed("users", "delete", "--yes")
    without = typed("plan", write(ANA), *PLAN, "without", "--no-refresh", "--json").summary
    assert without["of_these"]["absent"] == 0
    assert ("0", "absent-not-compared") in codes("without")


def test_who_is_missing_for_so_long_leaves_at_the_next_load_of_the_same_roster(
    known: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person is missing since the first applied load after the last one that had them.

    The age of the date says nothing. A plan that was never applied although it had something to
    send, a rejects file and one without hidden rows are no loads: they neither start nor end it.
    """
    change("leavers.yaml", ("    set:", "    after: 30 days\n    set:"))
    everybody = write(ANA, (*BO[:3], "COMM", *BO[4:]), CY, name="all.csv")
    half = write(ANA, CY, name="half.csv")
    load(everybody, "all", "leavers.yaml")
    later(monkeypatch, 100)
    typed("plan", write(("2001", "Ana", "Novak", *ANA[3:])), *PLAN, "never-applied")
    typed("plan", write(ANA), *PLAN, "hidden", "--visible-only")
    load(half, "half", "leavers.yaml")
    later(monkeypatch, 129)
    load(half, "too-early", "leavers.yaml")
    typed("plan", everybody, *PLAN, "all-but-hidden", "--visible-only")
    assert inactive(sandbox) == set()
    later(monkeypatch, 130)
    load(half, "same-again", "leavers.yaml")
    assert inactive(sandbox) == {"2002"}
    later(monkeypatch, 140)
    load(write(ANA), "ana", "leavers.yaml")
    assert inactive(sandbox) == {"2002"}
    later(monkeypatch, 169)
    assert typed("plan", write(ANA), *PLAN, "early", "--json").summary["of_these"]["absent"] == 0
    later(monkeypatch, 170)
    typed("plan", write(ANA), *PLAN, "due")
    assert leaving("due") == ["2003"]


def test_who_was_in_no_load_is_missing_since_the_first_one_that_lacks_them(
    known: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However old the mapping is."""
    change("leavers.yaml", ("    set:", "    after: 30 days\n    set:"))
    roster = write(ANA, (*BO[:3], "COMM", *BO[4:]), CY)
    load(roster, "without", "leavers.yaml")
    new = state(sandbox)["2003"] | {"primary_id": "2020", "first_name": "Eli", "last_name": "Fox"}
    del new["birth_date"], new["contact_info"]
    call(sandbox.host, "POST", "/almaws/v1/users", new)
    for days, gone in ((100, set()), (129, set()), (130, {"2020"})):
        later(monkeypatch, days)
        load(roster, str(days), "leavers.yaml")
        assert inactive(sandbox) == gone


def test_an_undo_puts_the_dates_back(
    known: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is missing again is so since the load that lacked them, not since the one undone."""
    change(
        "leavers.yaml",
        ("    set:", "    after: 30 days\n    set:"),
        ("<Group>\n", "<Group>\n  expiry_date: <@today>\n"),
    )
    half, everybody = write(ANA, name="half.csv"), (ANA, (*BO[:3], "COMM", *BO[4:]), CY)
    load(half, "half", "leavers.yaml")
    later(monkeypatch, 20)
    load(write(*everybody), "mistaken", "leavers.yaml")
    later(monkeypatch, 21)
    undo("mistaken")
    later(monkeypatch, 30)
    load(half, "half-again", "leavers.yaml")
    assert inactive(sandbox) == {"2002", "2003"}


def test_a_missing_person_whom_apply_held_is_planned_again_or_left_out(
    known: None, sandbox: Sandbox
) -> None:
    """The rejects have nobody who is in no roster, so the roster itself is the next step."""
    roster = write(ANA, (*BO[:3], "COMM", *BO[4:]), STAFF)
    typed("plan", roster, *PLAN, "gone")
    edit(sandbox, "2003", lambda user: user.update(expiry_date="2039-01-01Z"))
    applied = typed("apply", "gone", "--yes", "--allow", "absent")
    assert applied.err.splitlines()[-1].split()[1:] == ["plan", str(roster), "-m", "leavers.yaml"]
    left = typed("resolve", "gone", "absent-1", "--as", "reject", "--json")
    assert (left.exit, left.summary["of_these"]["dismissed"]) == (Exit.DONE, 1)


def test_rosters_with_one_mapping_are_parts_of_one_roster(known: None, sandbox: Sandbox) -> None:
    """Who is in none of them is missing once, for plans and checks, and their headings may differ.

    Nobody changes twice if several mappings miss the same person.
    """
    Path("more.yaml").write_text(LEAVERS.replace("name: small", "name: more"), "utf-8")
    change("leavers.yaml", ("    set:", "    after: 30 days\n    set:"))
    write(ANA, name="north.csv")
    south = write_rows(Path("south.csv"), [dict(zip((*HEAD, "Tel"), (*BO, ""), strict=True))])
    parts = ("north.csv", south.name, *PLAN)
    for run in ("first", "again"):
        planned = typed("plan", *parts, f"{run}-parts", "--json").summary
        assert (planned["of_these"]["absent"], planned["review"]) == (0, 0)
        assert "headings-changed" not in planned["problems"]
        typed("apply", f"{run}-parts", "--allow", "many-changes")
    both = ("north.csv", "-m", "more.yaml", south.name, "-m", "leavers.yaml")
    planned = typed("plan", *both, "-o", "both", "--json").summary
    assert (planned["of_these"]["absent"], planned["review"]) == (1, 0)
    typed("apply", "both", "--allow", "many-changes", "--allow", "absent")
    assert inactive(sandbox) == {"2003"}
    (since,) = typed("check", *parts, "checked", "--json").summary["since_last_load"]
    assert since["missing"] == 0


def test_a_code_that_alma_lacks_is_found_before_anything_is_planned(
    known: None, sandbox: Sandbox
) -> None:
    """What `set` writes is checked as the cells of a row are."""
    Path("leavers.yaml").write_text(
        LEAVERS.replace("status: INACTIVE", "user_group: GONE"), "utf-8"
    )
    planned = typed("plan", write(ANA), *PLAN, "wrong")
    assert planned.exit == Exit.USAGE
    assert "GONE" in planned.err


def test_who_expired_has_left_before(known: None, sandbox: Sandbox) -> None:
    """An expiry date that has passed stays; one in the future is brought forward."""
    ask(sandbox, "PATCH", "users/2002", {"expiry_date": "2020-01-31Z"})
    ask(sandbox, "PATCH", "users/2003", {"expiry_date": "2099-01-31Z"})
    load(write(ANA), "gone", "leavers.yaml")
    users = state(sandbox)
    assert users["2002"]["expiry_date"] == "2020-01-31Z"
    assert str(users["2003"]["expiry_date"]) < "2099"
    assert inactive(sandbox) == {"2003"}


def test_many_missing_people_stop_an_apply(sandbox: Sandbox) -> None:
    """More than 5 % and more than five people: the plan is not applied unless that is allowed."""
    people = [
        (f"30{n:02}", f"Given{n}", f"Quill{n}", "COMM", f"197{n}-01-02", "", "") for n in range(9)
    ]
    load(write(*people), "first")
    typed("users", "refresh")
    Path("leavers.yaml").write_text(LEAVERS, "utf-8")
    planned = typed("plan", write(*people[:3]), *PLAN, "gone", "--json").summary
    assert (planned["of_these"]["absent"], planned["failed_checks"]) == (6, ["absent"])
    assert typed("apply", "gone").exit == Exit.SAFETY_CHECK
    assert not inactive(sandbox)
    assert typed("apply", "gone", "--allow", "absent", "--json").summary["updated"] == 6


def test_a_check_and_a_plan_name_the_same_missing_people(
    known: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was in the last load and is not in this roster is counted, and listed in the reports.

    The mapping needs no `match.absent`, and a rejects file is not compared.
    """
    monkeypatch.setattr("importer.report.terminal.MOST_GROUPS", 0)
    roster = write(ANA, ("", *BO[1:]), STAFF, name="later.csv")
    for command in ("check", "plan"):
        shown = typed(command, roster, "-m", "small.yaml", "-o", command)
        assert "2 not in this roster" in " ".join((shown.out + shown.err).split())
        (since,) = json.loads(Path(command, "summary.json").read_text("utf-8"))["since_last_load"]
        assert since["missing"] == 2
        assert {*importer.open_run(command).missing()["primary_id"]} == {"2002", "2003"}
    for name, text in (("report.html", "Cy Roe"), ("report-masked.html", "C… R…")):
        page = Path("plan", name).read_text("utf-8").partition('<section id="people"')[2]
        listed = page.partition("</section>")[0]
        assert (text in listed, "2003" in listed) == (True, name == "report.html")
    again = typed("plan", "plan/rejects.xlsx", "-m", "small.yaml", "-o", "again", "--json")
    assert again.summary.get("since_last_load") is None


def test_whoever_is_managed_elsewhere_is_never_missing(known: None, sandbox: Sandbox) -> None:
    """Copies of other institutions' patrons and deleted users are neither counted nor expired."""
    coded = {"record_type": "PUBLIC", "account_type": "INTERNAL", "user_group": "COMM"}
    names = {"primary_id": "L1", "first_name": "Gus", "last_name": "Far"}
    link(sandbox, {**names, **{name: {"value": code} for name, code in coded.items()}})
    ask(sandbox, "PATCH", "users/2002", {"status": {"value": "DELETED"}})
    before = state(sandbox)
    planned = typed("plan", write(ANA, STAFF), *PLAN, "gone", "--json").summary
    assert (planned["of_these"]["absent"], leaving("gone")) == (1, ["2003"])
    typed("apply", "gone")
    after = state(sandbox)
    assert {key for key in before if before[key] != after[key]} == {"2003"}


def test_two_mappings_of_one_name_each_end_their_own(known: None, sandbox: Sandbox) -> None:
    """They are two mappings, although loads are remembered by their name."""
    rosters = []
    for name, text in (("p", LEAVERS), ("q", LEAVERS.replace("[COMM]", "[FRIEND]"))):
        Path(name).mkdir()
        Path(name, "leavers.yaml").write_text(text, "utf-8")
        person = ANA if name == "p" else ("2010", "Eli", "Fox", "FRIEND", "1972-05-06", "", "")
        rosters += [write(person, name=f"{name}.csv"), "-m", f"{name}/leavers.yaml"]
    assert typed("plan", *rosters, "-o", "both", "--json").summary["of_these"]["absent"] == 3


def test_whoever_another_system_manages_is_never_missing(known: None, sandbox: Sandbox) -> None:
    """Of External users only those of the roster's systems are missing, and those of none known."""
    for user, owner in (("2001", "SIS"), ("2002", "HR"), ("2003", ""), ("2009", "SIS")):
        fields = {"account_type": {"value": "EXTERNAL"}, "external_id": owner}
        ask(sandbox, "PATCH", f"users/{user}", fields)
    typed("users", "refresh")
    mapping = LEAVERS.replace("INTERNAL", "EXTERNAL\nowning_system: SIS").replace(
        "[COMM]", "[COMM, FRIEND]"
    )
    Path("leavers.yaml").write_text(mapping, "utf-8")
    typed("plan", write(STAFF), *PLAN, "gone")
    assert leaving("gone") == ["2001", "2003"]


def test_a_row_counts_by_names_birth_date_and_former_ids(known: None, sandbox: Sandbox) -> None:
    """Whose row has another ID is there by what else agrees; a namesake with a birth date is not.

    An ID that Alma has as inactive, or that a load replaced, counts too. Rows that the mapping
    leaves out do not.
    """
    card = {"id_type": {"value": "BARCODE"}, "value": "3003", "status": "INACTIVE"}
    ask(sandbox, "PATCH", "users/2003", {"user_identifier": [card]})
    renaming = MAPPING.replace("match: {", "match: {id_change: rename, ")
    Path("renaming.yaml").write_text(renaming, "utf-8")
    new_id = ("2222", *BO[1:3], "COMM", *BO[4:])
    assert load(write(new_id), "renamed", "renaming.yaml")["rows"] == 1
    typed("resolve", "renamed", "--all", "possible-match-in-alma", "--as", "rename")
    typed("apply", "renamed", "--allow", "many-changes")
    assert "2222" in state(sandbox)
    nothing_else = ("", "", "")  # neither birth date nor email nor note

    def missing(run: str, *rows: tuple[str, ...]) -> set[str]:
        typed("plan", write(*rows), *PLAN, run)
        return {*leaving(run)}

    former = ("2002", "Zora", "Other", "COMM", *nothing_else)
    inactive_id = ("3003", "Zora", "Other", "COMM", *nothing_else)
    assert missing("ids", ANA, former, inactive_id) == set()
    ana_alone = ("9999", "Ana", "Nunez", "COMM", *nothing_else)
    assert missing("name", ana_alone, new_id, CY) == set()
    namesake = ("9999", "Ana", "Nunez", "COMM", "1950-07-08", "", "")
    assert missing("namesake", namesake, new_id, CY) == {"2001"}
    swapped = ((CY[0], *ANA[1:]), (ANA[0], *CY[1:]), new_id)
    assert missing("swapped", *swapped) == set()
    skip = LEAVERS.replace(
        "roster: {dates: ymd}", "roster: {dates: ymd, skip: [{when: {Note: [left]}, reason: left}]}"
    )
    Path("leavers.yaml").write_text(skip, "utf-8")
    assert missing("skipped", (*ANA[:6], "left"), new_id, CY) == {"2001"}


def test_whoever_is_in_the_last_load_of_another_mapping_stays(
    two: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rosters with one person, loaded one after the other: who leaves one of them is there.

    So is who has an error there, or is not sent yet. Who leaves both, or leaves one long after the
    other was loaded, is missing.
    """
    everybody = (ANA, (*BO[:3], "COMM", *BO[4:]), CY)
    students = write(*everybody, name="students.csv")
    load(students, "students", "students.yaml")
    staff = write(ANA, name="staff.csv")
    load(staff, "staff", "staff.yaml")
    assert inactive(sandbox) == set()
    told = Path("staff/problems.csv").read_text("utf-8")
    assert "2 would not: they are in the last load of students" in told
    typed("purge", "--older-than", "0d", "--yes")
    wrong = (*BO[:3], "COMM", "nonsense", *BO[5:])
    load(write(ANA, wrong, CY, name="students.csv"), "wrong", "students.yaml")
    load(staff, "beside-a-wrong-row", "staff.yaml")
    renewed = [(*one[:5], f"new{one[5]}", *one[6:]) for one in everybody]
    typed("plan", write(*renewed, name="students.csv"), "-m", "students.yaml", "-o", "cut")
    typed("apply", "cut", "--limit", "1", "--allow", "many-changes")
    load(staff, "beside-a-load-that-is-open", "staff.yaml")
    assert inactive(sandbox) == set()
    load(write(*everybody[:2], name="students.csv"), "left", "students.yaml")
    assert inactive(sandbox) == {"2003"}
    later(monkeypatch, 401)
    load(staff, "long-after", "staff.yaml")
    assert inactive(sandbox) == {"2002", "2003"}


def test_a_row_of_another_roster_counts_whatever_became_of_it(
    two: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who moves to a roster with an error in the row stays, and so do people of a quiet roster.

    So does whom the other roster created. A plan that has nothing to send is a load like any other;
    one that is undone is none.
    """
    bo = (*BO[:3], "COMM", *BO[4:])
    moves = (*CY[:3], "COMM", "nonsense", *CY[5:])
    new = ("2010", "Eli", "Fox", "COMM", "1972-05-06", "eli@example.org", "")
    load(write(ANA, CY, name="staff.csv"), "staff", "staff.yaml")
    load(write(bo, moves, new, name="students.csv"), "students", "students.yaml")
    load(write(ANA, name="staff.csv"), "moved", "staff.yaml")
    assert inactive(sandbox) == set()
    later(monkeypatch, 300)
    roster = write(bo, moves, new, name="students.csv")
    quiet = typed("plan", roster, "-m", "students.yaml", "-o", "quiet")
    assert quiet.exit == Exit.REJECTS
    load(write(ANA, name="staff.csv"), "beside-a-quiet-one", "staff.yaml")
    assert inactive(sandbox) == set()
    load(write(ANA, name="students.csv"), "cut-off", "students.yaml")
    typed("undo", "cut-off", "-o", "undone")
    typed("apply", "undone")
    load(write(ANA, name="staff.csv"), "beside-one-that-was-undone", "staff.yaml")
    assert inactive(sandbox) == set()


def test_a_roster_counts_after_the_undo_of_its_second_load(two: None, sandbox: Sandbox) -> None:
    """The first load of it is still there, so its people stay where another roster lacks them.

    An undo that stopped before its first write takes nothing back.
    """
    students = write((*BO[:3], "COMM", *BO[4:]), CY, name="students.csv")
    load(write(ANA, name="staff.csv"), "staff", "staff.yaml")
    assert inactive(sandbox) == {"2002", "2003"}
    load(students, "students", "students.yaml")
    typed("undo", "students", "-o", "stopped")
    typed("apply", "stopped", "--limit", "0", "--allow", "many-changes")
    change("students.yaml", ("<Group>\n", "<Group>\n  expiry_date: 2031-05-31\n"))
    load(students, "with-a-date", "students.yaml")
    typed("undo", "with-a-date", "-o", "undone")
    typed("apply", "undone", "--allow", "many-changes")
    load(write((*ANA[:5], "new@example.org", ""), name="staff.csv"), "again", "staff.yaml")
    assert inactive(sandbox) == set()


@pytest.mark.parametrize("away", [False, True], ids=["before leaving", "while away"])
def test_a_return_keeps_the_date_that_staff_gave(
    known: None, sandbox: Sandbox, *, away: bool
) -> None:
    """From before the leaving it is restored, and from then on it stays; it is no date of ours."""
    text = LEAVERS.replace("  birth_date", "  expiry_date: 2031-05-31\n  birth_date", 1)
    Path("leavers.yaml").write_text(text, "utf-8")
    days = []
    for number, row in enumerate(((CY,), (), (CY,), (CY,))):
        load(write(ANA, *row, STAFF), str(number), "leavers.yaml")
        days.append(state(sandbox)["2003"]["expiry_date"])
        if number == away:
            ask(sandbox, "PATCH", "users/2003", {"expiry_date": "2033-08-01Z"})
    assert (days[0], days[2:]) == ("2031-05-31Z", ["2033-08-01Z"] * 2)
    assert ("3", "edited-in-alma") in codes("2")
    assert inactive(sandbox) == {"2002"}


@pytest.mark.parametrize(
    "row",
    [
        ("3003", "Cy", "Newname", "COMM", "", "cy@example.org", ""),
        ("3003", "Cy", "Reo", "COMM", "", "other@example.org", ""),
        ("3003", "Yc", "Roe", "COMM", "", "other@example.org", ""),
    ],
    ids=["new last name, same email", "transposed last name", "transposed first name"],
)
def test_who_may_be_in_the_roster_under_a_new_id_is_not_missing(
    known: None, row: tuple[str, ...]
) -> None:
    """By a first name and an email, or by a name with two transposed letters."""
    typed("plan", write(ANA, row, STAFF), *PLAN, "run")
    assert leaving("run") == ["2002"]
    with Ledger.open(Path("run")) as ledger:
        (whole,) = (one for one in ledger.problems(0) if one.code == "missing-from-roster")
    assert whole.message.startswith("1 user ")
