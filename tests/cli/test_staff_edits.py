"""Sticky fields over repeated loads: an edit by staff stays, and causes no more calls."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.memory.loads import EditMemory
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ask, change, codes, load, write
from tests.command_line import typed

_MAPPING = """version: 1
name: sticky
account_type: {account}
{owner}
record_type: PUBLIC
roster: {{dates: ymd}}
safety_checks:
  removals: {{percent: 100, count: 100}}
  foreign_group: {{percent: 100, count: 100}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  user_title:
    from: <Title>
    on_update: erase
  pref_first_name:
    from: <Nickname>
    override: {override}
"""
PLAN = ("people.csv", "-m", "sticky.yaml")
_EDITS = {"user_group": {"value": "STAFF"}, "pref_first_name": "Annie"}


class _Loads:
    """Loads of a roster into the practice Alma."""

    def __init__(self, sandbox: Sandbox, account: str) -> None:
        self.sandbox, self.number, self.account = sandbox, 0, account
        self.write()

    def write(
        self, group: str = "COMM", title: str = "DR", nickname: str = "Ann", override: str = "false"
    ) -> None:
        owner = "owning_system: SIS" if self.account == "EXTERNAL" else ""
        text = _MAPPING.format(account=self.account, owner=owner, override=override)
        Path("sticky.yaml").write_text(text, "utf-8")
        rows = f"Id,First,Last,Group,Title,Nickname\n1001,Ana,Nunez,{group},{title},{nickname}\n"
        Path("people.csv").write_text(rows, "utf-8")

    def load(self) -> tuple[int, dict[str, int]]:
        """Plan and apply; return how many PUTs were sent, and the problems by code."""
        self.number += 1
        before = self._puts()
        run = f"run{self.number}"
        planned = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", run, "--json")
        assert planned.exit == 0, planned.err
        applied = typed("apply", run, "--json")
        problems = (planned.summary if applied.exit else applied.summary)["problems"]
        found = {code: n for code, n in problems.items() if code.endswith("-alma")}
        return self._puts() - before, found

    def _puts(self) -> int:
        return sum(call["method"] == "PUT" for call in self.sandbox.log())

    def user(self) -> dict[str, object]:
        state = ask(self.sandbox, "GET", "state")
        found: dict[str, object] = state["users"][0]
        return found

    def edit(self) -> None:
        ask(self.sandbox, "PATCH", "users/1001", _EDITS)


@pytest.fixture(params=["cache", "no cache"])
def cached(request: pytest.FixtureRequest) -> bool:
    """Whether a user cache answers."""
    return bool(request.param == "cache")


@pytest.fixture
def external(folder: Path, sandbox: Sandbox) -> _Loads:
    """A roster of one External person."""
    return _Loads(sandbox, "EXTERNAL")


@pytest.fixture
def internal(folder: Path, sandbox: Sandbox) -> _Loads:
    """A roster of one Internal person, of whom Alma itself protects nothing."""
    return _Loads(sandbox, "INTERNAL")


@pytest.mark.parametrize(
    "account", ["INTERNAL", pytest.param("EXTERNAL", marks=pytest.mark.faults)]
)
def test_an_edit_by_staff_stays_and_is_reported_once(
    sandbox: Sandbox, account: str, *, cached: bool
) -> None:
    """The roster repeats what was written and Alma differs: no PUT in three loads, one warning."""
    loads = _Loads(sandbox, account)
    assert loads.load() == (0, {})
    if cached:
        typed("users", "refresh")
    loads.edit()
    assert loads.load() == (0, {"edited-in-alma": 2})
    assert [loads.load() for _ in range(2)] == [(0, {})] * 2
    assert loads.user()["pref_first_name"] == "Annie"


def test_an_answer_that_alma_kept_its_value_is_remembered(
    external: _Loads, *, cached: bool
) -> None:
    """A new value of the roster is sent once, and again only if the roster or Alma changes."""
    external.load()
    if cached:
        typed("users", "refresh")
    external.edit()
    external.write(group="GRAD")
    assert external.load() == (1, {"edited-in-alma": 1, "kept-by-alma": 1})
    assert [external.load() for _ in range(2)] == [(0, {})] * 2
    external.write(group="UGRD")
    assert external.load() == (1, {"kept-by-alma": 1})
    ask(external.sandbox, "PATCH", "users/1001", {"user_group": {"value": "FACULTY"}})
    assert external.load() == (0, {"edited-in-alma": 1})
    assert external.load() == (0, {})


@pytest.mark.parametrize("account", ["EXTERNAL", "INTERNAL"])
def test_override_writes_the_roster_s_value(sandbox: Sandbox, account: str) -> None:
    """With `override` the edit is replaced by one PUT, although it was left before."""
    loads = _Loads(sandbox, account)
    loads.load()
    loads.edit()
    loads.load()
    loads.write(override="true")
    assert [loads.load()[0] for _ in range(2)] == [1, 0]
    assert loads.user()["pref_first_name"] == "Ann"


def test_erasing_a_sticky_field_overrides_it(external: _Loads) -> None:
    """`on_update: erase` clears a field that Alma would keep when it is blank, with one PUT."""
    external.load()
    external.write(title="")
    assert [external.load() for _ in range(2)] == [(1, {}), (0, {})]
    assert external.user()["user_title"] == {"value": "", "desc": ""}


def test_a_user_that_others_loaded_is_protected_too(external: _Loads) -> None:
    """A plan that finds the roster's value in Alma remembers it, whoever wrote it."""
    external.load()
    Path("runs/memory.sqlite").unlink()
    external.load()
    external.edit()
    assert external.load() == (0, {"edited-in-alma": 2})


def test_a_kept_value_is_counted_apart(external: _Loads) -> None:
    """The summary and the terminal count the rows where an edit stays, in every plan.

    `purge` does not forget it: what is kept for that is hashes only.
    """
    external.load()
    external.edit()
    external.load()
    planned = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", "again", "--json")
    assert planned.summary["of_these"]["kept_in_alma"] == 1
    assert planned.summary["unchanged"] == 1
    shown = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", "shown")
    assert "edited in Alma" in shown.out + shown.err
    assert typed("purge", "--older-than", "0d", "--yes").exit == 0
    assert external.load()[0] == 0
    kept = Path("runs", "memory.sqlite").read_bytes()
    assert [value for value in (b"COMM", b"Ann") if value in kept] == []


def test_an_undo_does_not_count_the_edits_that_the_undone_plan_kept(external: _Loads) -> None:
    """An undo compares no roster, so it keeps no edit in Alma."""
    external.load()
    external.edit()
    external.write(title="MR")
    external.load()
    run = f"run{external.number}"
    assert typed("report", run, "--json").summary["of_these"]["kept_in_alma"] == 1
    undone = typed("undo", run, "-o", "back", "--json").summary
    assert (undone["update"], undone["of_these"]["kept_in_alma"]) == (1, 0)


@pytest.mark.parametrize("purged", [False, True])
def test_undo_puts_back_what_is_remembered(external: _Loads, *, purged: bool) -> None:
    """After the undo of a load, the plan of the earlier roster is the one from before that load.

    So it is if the load's folder was deleted before its undo was applied.
    """
    external.load()
    ask(external.sandbox, "PATCH", "users/1001", {"pref_first_name": "Annie"})
    external.load()
    before = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", "before", "--json").summary
    external.write(nickname="Anita")
    external.load()
    run = f"run{external.number}"
    assert typed("undo", run, "-o", "back").exit == 0
    if purged:
        shutil.rmtree(run)
    assert typed("apply", "back", "--json", "--yes").exit == 0
    external.write()
    after = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", "after", "--json").summary
    counted = ("create", "update", "unchanged", "of_these", "problems")
    assert {name: after[name] for name in counted} == {name: before[name] for name in counted}


def test_undo_puts_back_what_is_remembered_of_users_who_did_not_change(internal: _Loads) -> None:
    """A roster took over an edit, and its load is undone: it is an edit to the roster before."""
    rows, path = "Id,First,Last,Group,Title,Nickname\n", Path("people.csv")
    before = f"{rows}1001,Ana,Nunez,COMM,DR,Ann\n1002,Bo,Doe,COMM,DR,Bob\n"
    path.write_text(before, "utf-8")
    internal.load()
    internal.edit()
    path.write_text(f"{rows}1001,Ana,Nunez,STAFF,DR,Annie\n1002,Bo,Doe,COMM,DR,Bobby\n", "utf-8")
    assert internal.load() == (1, {})
    assert typed("undo", "run2", "-o", "back").exit == 0
    assert typed("apply", "back", "--json", "--yes").exit == 0
    path.write_text(before, "utf-8")
    assert internal.load() == (0, {"edited-in-alma": 2})


def test_an_undo_that_stopped_before_its_first_write_puts_nothing_back(internal: _Loads) -> None:
    """The load is not undone, so what staff edited after it stays in the next one."""
    internal.load()
    internal.edit()
    rows, path = "Id,First,Last,Group,Title,Nickname\n", Path("people.csv")
    path.write_text(f"{rows}1001,Ana,Nunez,STAFF,DR,Annie\n1002,Bo,Doe,COMM,DR,Bobby\n", "utf-8")
    internal.load()
    assert typed("undo", "run2", "-o", "back", "--delete-created").exit == 0
    ask(internal.sandbox, "POST", "faults", {"rules": [{"on": "DELETE", "do": "unauthorized"}]})
    stopped = typed("apply", "back", "--json", "--yes", "--delete", "1", "--allow", "removals")
    assert stopped.exit == Exit.ACCESS
    ask(internal.sandbox, "POST", "faults", {})
    ask(internal.sandbox, "PATCH", "users/1001", {"pref_first_name": "Nina"})
    assert internal.load() == (0, {"edited-in-alma": 1})


def _apply(run: str) -> None:
    assert typed("plan", "people.csv", "-m", "sticky.yaml", "-o", f"runs/{run}").exit == 0
    assert typed("apply", run, "--yes").exit == 0


def test_runs_fill_the_memory_in_the_order_of_their_loads(external: _Loads) -> None:
    """Whatever their folders are called: the newest load is what staff's edits are seen by."""
    _apply("spring")
    external.write(group="GRAD", nickname="Anita")
    _apply("autumn")
    Path("runs", "memory.sqlite").unlink()
    external.edit()
    assert external.load() == (0, {"edited-in-alma": 2})


def test_a_load_that_was_killed_before_it_was_remembered_is_remembered_later(
    external: _Loads,
) -> None:
    """Also if another load, which was planned before, was remembered since."""
    _apply("first")
    rows = Path("people.csv").read_text("utf-8").replace("1001", "1002")
    Path("others.csv").write_text(rows, "utf-8")
    assert typed("plan", "others.csv", "-m", "sticky.yaml", "-o", "runs/third").exit == 0
    external.write(nickname="Anita")
    copy = Path("runs", "memory.sqlite").read_bytes()
    _apply("second")
    Path("runs", "memory.sqlite").write_bytes(copy)
    assert typed("apply", "third", "--yes").exit == 0
    external.edit()
    assert external.load() == (0, {"edited-in-alma": 2})


def test_a_plan_says_what_changed_since_a_load_that_was_killed_before_it_was_remembered(
    external: _Loads,
) -> None:
    """The load is remembered first: its own roster, planned again, has no changes."""
    _apply("first")
    external.write(nickname="Anita")
    copy = Path("runs", "memory.sqlite").read_bytes()
    _apply("second")
    Path("runs", "memory.sqlite").write_bytes(copy)
    (since,) = typed("plan", *PLAN, "-o", "third", "--json").summary["since_last_load"]
    assert (since["new"], since["changed"]) == (0, 0)


def test_a_later_load_counts_though_the_clock_was_ahead_at_an_earlier_one(internal: _Loads) -> None:
    """The roster's next value is sent, and an edit by staff reported once, as after other loads."""
    internal.load()
    with EditMemory("01SANDBOX_INST sandbox").transaction() as connection:
        connection.execute("UPDATE loaded SET time = '2999-01-01T00:00:00+00:00'")
    for group in ("GRAD", "COMM"):
        internal.write(group=group)
        assert internal.load() == (1, {})
    internal.edit()
    assert [internal.load() for _ in range(2)] == [(0, {"edited-in-alma": 2}), (0, {})]


@pytest.mark.parametrize("account", ["EXTERNAL", "INTERNAL"])
def test_a_plan_overwrites_the_edits_that_it_is_asked_to(sandbox: Sandbox, account: str) -> None:
    """Of one field, also where Alma protects it; the other edits stay."""
    loads = _Loads(sandbox, account)
    loads.load()
    loads.edit()
    planned = typed("plan", *PLAN, "--overwrite-edits", "pref_first_name", "-o", "over", "--json")
    found = planned.summary["problems"]
    assert (found["edited-in-alma"], found["replaces-edit"]) == (1, 1)
    assert typed("apply", "over", "--yes").exit == 0
    assert loads.user()["pref_first_name"] == "Ann"
    assert loads.user()["user_group"] == {"value": "STAFF", "desc": "Staff"}
    assert loads.load() == (0, {})


_SINCE = """version: 1
name: since
account_type: INTERNAL
record_type: PUBLIC
roster: {dates: ymd}
match: {possible_match: ignore}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: {from: <Group>, lookup: groups}
  expiry_date: {from: <@today>, plus: 1 year}
  contact_info:
    email:
      - {email_address: <Email>, email_type: personal, preferred: true}
lookups:
  groups: {c: COMM, s: STAFF}
"""
_HEADINGS = "Id,First,Last,Group,Email\n"


def _roster(*rows: str, mapping: str = _SINCE) -> tuple[str, ...]:
    Path("since.yaml").write_text(mapping, "utf-8")
    Path("people.csv").write_text(_HEADINGS + "".join(f"{row}\n" for row in rows), "utf-8")
    return ("people.csv", "-m", "since.yaml", "--json")


@pytest.mark.usefixtures("sandbox")
def test_check_says_what_changed_since_the_last_load() -> None:
    """Offline: new people, changed ones by field, and those of the last load who are not there.

    What only the mapping or the day changed does not count, nor does a rejected row's person as
    missing. Nothing is said where no load is remembered, and nothing is written by saying it.
    """
    ana, bo, cy = "1,Ana,Nunez,c,a@example.org", "2,Bo,Doe,c,b@example.org", "3,Cy,Roe,c,"
    load = _roster(ana, bo, cy, "4,Dee,Poe,c,d@example.org")
    assert "since_last_load" not in typed("check", *load, "-o", "first").summary
    assert not Path("runs").exists()
    assert typed("plan", *load, "-o", "run").exit == 0
    assert typed("apply", "run", "--yes").exit == 0
    (same,) = typed("check", *load, "-o", "same").summary["since_last_load"]
    assert [same[name] for name in ("new", "changed", "fields", "missing")] == [0, 0, {}, 0]
    other = _SINCE.replace("c: COMM", "c: GRAD").replace("1 year", "2 years")
    rows = (ana.replace("a@", "ana@"), "2,Bo,Doe,x,b@example.org", "3,Cy,Poe,s,", "5,Eve,Doe,c,")
    checked = typed("check", *_roster(*rows, mapping=other), "-o", "again")
    (since,) = checked.summary["since_last_load"]
    assert (since["new"], since["changed"], since["missing"]) == (1, 2, 1)
    assert since["fields"] == {"contact_info.email": 1, "user_group": 1, "last_name": 1}
    assert "1 new patron, 2 changed" in Path("again/report.html").read_text("utf-8")
    Path("runs/memory.sqlite").write_bytes(b"no database" * 100)
    assert "since_last_load" not in typed("check", *load, "-o", "damaged").summary


def test_a_resolved_row_overwrites_what_its_plan_was_asked_to(external: _Loads) -> None:
    """The answer that the row is this user after all plans it as the other rows were."""
    external.write(nickname="Quincy")
    external.load()
    external.edit()
    change("people.csv", ("Ana,Nunez", "Zoe,Other"))
    planned = typed("plan", *PLAN, "--overwrite-edits", "pref_first_name", "-o", "over", "--json")
    assert planned.summary["review"] == 1
    typed("resolve", "over", "2", "--as", "update", "--json")
    typed("apply", "over", "--yes")
    user = external.user()
    assert (user["last_name"], user["pref_first_name"]) == ("Other", "Quincy")
    assert user["user_group"] == {"value": "STAFF", "desc": "Staff"}


def test_a_field_to_overwrite_is_one_of_the_mapping(external: _Loads) -> None:
    """Another name is refused with those that there are; the end of a role, in no list, is one."""
    refused = typed("plan", *PLAN, "--overwrite-edits", "nickname", "-o", "over")
    assert (refused.exit, "pref_first_name" in refused.err) == (Exit.USAGE, True)
    change("sticky.yaml", more="patron_role: {expiry: 2027-05-31}\n")
    flags = ("--overwrite-edits", "patron_role.expiry")
    assert typed("plan", *PLAN, *flags, "-o", "over").exit == Exit.DONE


@pytest.mark.parametrize("limit", [(), ("--limit", "1")])
def test_an_undo_that_is_typed_again_forgets_no_later_load(
    limit: tuple[str, ...], sandbox: Sandbox
) -> None:
    """It puts back once what was remembered of a row, also if it was begun before that load."""
    people = (ANA, ("2002", "Bo", "Doe", "COMM", "1980-03-04", "bo@example.org", ""))
    load(write(*people), "first")
    second = write(*((*one[:3], "FRIEND", *one[4:]) for one in people))
    load(second, "second")
    typed("undo", "second", "-o", "back")
    assert typed("apply", "back", *limit).exit == 0
    load(second, "third")
    typed("apply", "back")
    ask(sandbox, "PATCH", "users/2001", {"user_group": {"value": "GRAD"}})
    typed("plan", second, "-m", "small.yaml", "-o", "next")
    assert ("2", "edited-in-alma") in codes("next")


def test_an_answer_after_the_apply_is_remembered_although_nothing_was_sent(
    sandbox: Sandbox,
) -> None:
    """The row's user has its values from then on, so an edit stays at the next load."""
    load(write(ANA), "first", "small.yaml")
    mapping = Path("small.yaml").read_text("utf-8").replace("name: small", "name: other")
    for name in ("first_name", "last_name", "birth_date"):
        mapping = re.sub(f"{name}: (<.*>)", rf"{name}: {{from: \1, on_update: never}}", mapping)
    Path("small.yaml").write_text(mapping, "utf-8")
    Path("runs", "memory.sqlite").unlink()
    roster = Path("people.csv")
    text = roster.read_text("utf-8").replace("Ana,Nunez", "Zed,Oxley")
    roster.write_text(text.replace("1990-01-02", "1960-05-06"), "utf-8")
    plan = ("plan", roster, "-m", "small.yaml", "-o")
    assert typed(*plan, "run", "--json").summary["review"] == 1
    typed("apply", "run")
    typed("resolve", "run", "2", "--as", "update")
    assert typed("apply", "run", "--json").summary["unchanged"] == 1
    ask(sandbox, "PATCH", "users/2001", {"user_group": {"value": "GRAD"}})
    assert typed(*plan, "next", "--json").summary["update"] == 0
    assert ("2", "edited-in-alma") in codes("next")


def test_a_plan_without_the_key_of_what_is_remembered_stops(external: _Loads) -> None:
    """The edits would be replaced without a word; with the key they are known again."""
    external.load()
    external.edit()
    key = Path("users", "edits.key")
    key.rename("edits.key")
    refused = typed("plan", "people.csv", "-m", "sticky.yaml", "-o", "stopped")
    assert refused.exit == Exit.STOPPED
    assert not key.exists()
    Path("edits.key").rename(key)
    assert external.load() == (0, {"edited-in-alma": 2})
