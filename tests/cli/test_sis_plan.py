"""A plan for Alma's SIS load: what it names is what the load does, record by record."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from importer.ledger.ledger import FILE, Ledger
from importer.model.plan import Act, ChangeKind, SafetyCheck, SisRules
from importer.model.problem import Code
from importer.model.user import AccountType, User
from importer.planner.merge import Merged
from importer.planner.sis_load import sis_merge
from importer.planner.staff_edits import nothing_earlier
from importer.sandbox.configuration import INSTITUTION
from importer.users.cache import UserCache
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.planner.people import draft
from tests.practice import call, users_of
from tests.sheets import write_csv

MAPPING = """version: 1
name: students
account_type: EXTERNAL
owning_system: SIS
record_type: PUBLIC
roster: {dates: ymd}
match: {possible_match: ignore}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  pref_first_name: <Nickname>
  user_group: <Group>
  campus_code: <Campus>
  user_title: <Title>
  birth_date: <Born>
  expiry_date: <Expires>
  job_description: <Program>
  contact_info:
    address:
      - {line1: <Street>, city: Northfield, country: USA, address_type: home}
    email:
      - {email_address: <Email>, email_type: school, preferred: true}
    phone:
      - {phone_number: <Phone>, phone_type: mobile}
  user_identifier:
    - {id_type: BARCODE, value: <Card>}
"""
HEAD = (
    "Id", "First", "Last", "Nickname", "Group", "Campus", "Title", "Born", "Expires", "Program",
    "Street", "Email", "Phone", "Card",
)  # fmt: skip
Person = dict[str, str]
Json = dict[str, Any]

PLAN = ("plan", "students.csv", "-m", "students.yaml", "--to", "sis-xml")
FLIPPED = {
    "sis-empty-sticky": "keep",
    "original-value": "off",
    "sis-edited-names": "restore",
    "sis-unmatched": "skip",
}
"""The other answer of each open question about the load."""


def _student(number: int) -> Person:
    pick = random.Random(number)  # noqa: S311
    return {
        "Id": f"{1000000 + number}",
        "First": pick.choice(("Ada", "Bao", "Chidi", "Dagmar", "Elena", "Felix")),
        "Last": f"Quill{number:05}",
        "Nickname": pick.choice(("", "Sunny")),
        "Group": pick.choice(("UGRD", "GRAD")),
        "Campus": pick.choice(("", "MAIN")),
        "Title": pick.choice(("", "MS")),
        "Born": f"{1990 + number % 15}-{1 + number % 12:02}-{1 + number % 28:02}",
        "Expires": "2027-06-30",
        "Program": pick.choice(("", "History")),
        "Street": f"{number} Elm Street",
        "Email": f"s{number}@example.org",
        "Phone": pick.choice(("", f"555-01{number % 100:02}")),
        "Card": f"29{number:06}",
    }


def _next_term(person: Person, number: int) -> Person:
    """The row of a person in the second roster: most as before, some with news, some blanks."""
    changed = {
        0: {"Group": "GRAD", "Expires": "2028-06-30"},
        1: {"Nickname": "", "Campus": "", "Title": "", "Program": ""},
        2: {"Email": f"new{number}@example.org", "Campus": "DOWNTOWN"},
        3: {"Phone": "", "Street": f"{number} Cedar Avenue"},
        4: {"Card": f"30{number:06}", "Nickname": "Sky"},
    }
    return person | changed.get(number % 9, {})


def _not_ours(person: Person) -> Json:
    """A user of Alma whom another program made, with more than the roster has."""
    return {
        "record_type": _codes("PUBLIC"), "account_type": _codes("EXTERNAL"), "external_id": "SIS",
        "primary_id": person["Id"], "first_name": person["First"], "last_name": person["Last"],
        "birth_date": f"{person['Born']}Z", "user_group": _codes("UGRD"), "pin_number": "1234",
        "middle_name": "B", "campus_code": _codes("MAIN"), "preferred_language": _codes("es"),
        "user_statistic": [{"statistic_category": _codes("STUDENT"), "segment_type": "External"}],
        "user_note": [{"note_type": _codes("OTHER"), "note_text": "Visits", "note_owner": "LAW",
                       "segment_type": "External"}],
    }  # fmt: skip


Edit = tuple[Json, Callable[[Json], bool]]
"""What staff change of a user, and whether the record has it."""


def _codes(value: str) -> Json:
    return {"value": value}


def _entry(user: Json, name: str, key: str) -> list[Json]:
    return [one for one in user[name] if one[key]] if name in user else []


def _edits(user: Json) -> list[Edit]:
    """Every kind of edit of a user that a colleague makes."""
    emails = user["contact_info"]["email"]
    phones = user["contact_info"]["phone"]
    cards = user["user_identifier"]
    desk = {
        "email_address": f"desk{user['primary_id']}@example.org",
        "email_type": [_codes("personal")],
        "preferred": True,
        "segment_type": "Internal",
    }
    note = {
        "note_type": _codes("LIBRARY"),
        "note_text": "Asked for large print",
        "user_viewable": False,
        "popup_note": False,
        "segment_type": "Internal",
    }
    plain = [dict(one, preferred=False) for one in emails]
    lost = [dict(cards[0], value=f"31{cards[0]['value'][2:]}")] if cards else []

    def scalar(name: str, value: str) -> Edit:
        coded = isinstance(user.get(name), dict)
        new = _codes(value) if coded else value

        def has(now: Json) -> bool:
            found = now.get(name, "")
            text: str = found["value"] if isinstance(found, dict) else found
            return text.rstrip("Z") == value

        return {name: new}, has

    return [
        scalar("user_group", "STAFF"),
        scalar("campus_code", "DOWNTOWN"),
        scalar("pref_first_name", "Skip"),
        scalar("user_title", "DR"),
        scalar("first_name", "Zelda"),
        scalar("expiry_date", "2029-01-31"),
        scalar("job_description", "Physics"),
        scalar("middle_name", "Quincy"),
        scalar("pin_number", "4321"),
        scalar("preferred_language", "es"),
        ({"contact_info": user["contact_info"] | {"email": [*plain, desk]}},
         lambda now: any(one["email_address"] == desk["email_address"] and one["preferred"]
                         for one in now["contact_info"]["email"])),
        ({"contact_info": user["contact_info"] | {"phone": []}},
         lambda now: not now["contact_info"]["phone"] or not phones),
        ({"user_note": [note]},
         lambda now: [one["note_text"] for one in now["user_note"]] == [note["note_text"]]),
        ({"user_identifier": lost},
         lambda now: [one["value"] for one in now["user_identifier"]]
         == [one["value"] for one in lost]),
    ]  # fmt: skip


@dataclass
class Campus:
    """Students in a practice Alma, loaded once by an SIS plan, and then edited by staff."""

    sandbox: Sandbox
    size: int
    people: list[Person] = field(default_factory=list)
    edited: dict[str, list[Edit]] = field(default_factory=dict)

    def write(self, people: list[Person]) -> None:
        """Write the roster of these people."""
        self.people = people
        Path("students.yaml").write_text(MAPPING, "utf-8")
        cells = ([one[name] for name in HEAD] for one in people)
        write_csv(Path("students.csv"), (HEAD, *cells))

    def row(self, key: str) -> Person | None:
        """The row of a person in the roster, None if it has none."""
        return next((one for one in self.people if one["Id"] == key), None)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """Call the practice Alma."""
        return call(self.sandbox.host, method, path, body)

    def state(self) -> dict[str, Json]:
        """Every user of Alma by primary ID."""
        return users_of(self.sandbox.host)

    def plan(self, run: str, *flags: str) -> Json:
        """Plan the roster; return the summary."""
        planned = typed(*PLAN, *flags, "-o", run, "--json")
        assert planned.exit in {Exit.DONE, Exit.REJECTS}, planned.err
        found: Json = planned.summary
        return found

    def load(self, run: str) -> Json:
        """Apply a plan, and let Alma load its file."""
        allowed = (word for check in SafetyCheck for word in ("--allow", check))
        applied = typed("apply", run, "--json", *allowed)
        assert applied.exit in {Exit.DONE, Exit.REJECTS}, applied.err
        (file,) = Path(run).glob("sis-load-*.zip")
        found: Json = json.loads(self.call("POST", "/_sandbox/sis", file.read_bytes()))
        return found

    def begin(self) -> None:
        """Load the first roster, and let staff and another program change some users."""
        self.write([_student(number) for number in range(self.size)])
        self.plan("first")
        assert self.load("first")["created"] == self.size
        assert typed("sis-report", "first").exit == 0
        before = self.state()
        strangers = [_student(2 * self.size + number) for number in range(6)]
        for one in strangers:  # whom no load of ours left
            self.call("POST", "/almaws/v1/users", _not_ours(one))
        for number, person in enumerate(self.people):
            user = before[person["Id"]]
            if number % 5 == 3:
                kinds = _edits(user)
                self.edited[person["Id"]] = [kinds[number // 5 % len(kinds)]]
                for change, _ in self.edited[person["Id"]]:
                    self.call("PATCH", f"/_sandbox/users/{person['Id']}", change)
            elif number % 5 == 2:  # what the roster does not have, written through the API
                user |= {"middle_name": "B", "pin_number": "1234", "user_title": _codes("PROF")}
                self.call("PUT", f"/almaws/v1/users/{person['Id']}", user)
        term = [_next_term(person, number) for number, person in enumerate(self.people)]
        new = [_student(self.size + number) for number in range(5)]
        self.write([*term[self.size // 50 :], *new, *strangers])

    def settle(self, switches: Mapping[str, str]) -> None:
        """Set Alma's switches, and let the importer know them."""
        self.call("POST", "/_sandbox/settings", {"switches": switches})
        facts = {"institution": INSTITUTION[0], "environment": "sandbox", "measured": "2026-11-28",
                 "facts": dict(switches)}  # fmt: skip
        Path("facts.json").write_text(json.dumps(facts), "utf-8")


_NOT_COMPARED = {
    "full_name", "status_date", "created_by", "created_date", "edited", "modified", "loans", "fees",
    "requests", "link", "desc", "category_type", "start_date", "force_password_change",
}  # fmt: skip


def plain(value: Any) -> Any:
    """A record without blanks, descriptions and what Alma writes by itself; lists in any order."""
    if isinstance(value, dict):
        if set(value) <= {"value", "desc"}:
            return value.get("value") or None
        parts = {key: plain(one) for key, one in value.items() if key not in _NOT_COMPARED}
        return {key: one for key, one in parts.items() if one} or None
    if isinstance(value, list):
        return sorted(
            filter(None, map(plain, value)), key=lambda one: json.dumps(one, sort_keys=True)
        )
    return value.removesuffix("Z") if isinstance(value, str) else value


@dataclass(frozen=True)
class Row:
    """What a plan has of one user: its act, the record that it foretells, and the changed paths."""

    act: Act
    after: Json | None
    paths: frozenset[str]


def foretold(run: str) -> dict[str, Row]:
    """Every planned row by the primary ID of its user."""
    with Ledger.open(Path(run)) as ledger:
        afters = dict(ledger.read("SELECT row, after FROM steps"))
        return {
            one.primary_id: Row(
                Act(one.act), json.loads(afters[one.row]) if afters[one.row] else None,
                frozenset(change.path for change in one.changes),
            )
            for one in ledger.planned()
            if one.act is not None and one.primary_id
        }  # fmt: skip


def compare(before: dict[str, Json], after: dict[str, Json], plan: dict[str, Row]) -> None:
    """Assert that a load did what its plan foretold, to every user of Alma."""
    created = {key for key, row in plan.items() if row.act is Act.CREATE}
    assert set(after) == set(before) | created
    for key, user in after.items():
        row = plan.get(key)
        was, now = plain(before.get(key, {})) or {}, plain(user)
        if row is None or row.act is Act.UNCHANGED:
            assert now == was
            continue
        wanted = plain(row.after)
        if row.act is Act.CREATE:  # Alma adds its defaults and roles
            assert all(now[name] == text for name, text in wanted.items() if isinstance(text, str))
            continue
        assert now == wanted, key
        differ = {name for name in {*was, *now} if was.get(name) != now.get(name)}
        named = {path.partition(".")[0].partition("[")[0] for path in row.paths}
        assert differ <= named, (key, differ, row.paths)


@pytest.fixture
def campus(sandbox: Sandbox) -> Campus:
    """A small campus in CI, where staff edit a user in every way."""
    return Campus(sandbox, 75)


_FIELDS = {
    "First": "first_name", "Last": "last_name", "Nickname": "pref_first_name",
    "Group": "user_group", "Campus": "campus_code", "Title": "user_title",
    "Program": "job_description", "Expires": "expiry_date",
}  # fmt: skip


def _arrived(row: Person | None, after: Json, edits: list[Edit]) -> bool:
    """Whether every value of a row arrived that staff did not edit in Alma."""
    edited = {name for change, _ in edits for name in change}
    if row is None:
        return True
    fields = {name: row[heading] for heading, name in _FIELDS.items() if name not in edited}
    now, lists = plain(after) or {}, json.dumps(after)
    contact = {"contact_info", "user_identifier"} & edited
    texts = () if contact else (row["Street"], row["Email"], row["Phone"], row["Card"])
    return all(not text or now.get(name) == text for name, text in fields.items()) and all(
        text in lists for text in texts
    )


_KEPT = ("--fill", "--keep-edits")


def _check(campus: Campus, switches: Mapping[str, str], flags: tuple[str, ...]) -> None:
    campus.begin()
    campus.settle(switches)
    before = campus.state()
    campus.plan("second", *flags)
    told = campus.load("second")
    plan, after = foretold("second"), campus.state()
    compare(before, after, plan)
    written = [row for row in plan.values() if row.act in {Act.CREATE, Act.UPDATE}]
    assert told["rejected"] == []
    assert told["created"] + told["updated"] == len(written)
    with Ledger.open(Path("second")) as ledger:
        rows = ledger.rows_with(Code.REPLACES_EDIT)
        replaced = {one.primary_id for one in ledger.planned() if one.row in rows}
    fills, keeps = "--fill" in flags, "--keep-edits" in flags
    if fills and keeps:
        for key, edits in campus.edited.items():
            number = int(key) - 1000000
            news = key in replaced and _next_term(_student(number), number) != _student(number)
            assert news or all(has(after[key]) for _, has in edits), (key, edits, after[key])
            held = key not in plan  # staff and the office both gave the person a new card
            assert held or _arrived(campus.row(key), after[key], edits), key
    named = {path for row in plan.values() for path in row.paths}
    cleared = not fills and switches.get("sis-empty-sticky") != "keep"
    assert ("pin_number" in named, "user_statistic[STUDENT]" in named) == (cleared, not fills)
    report = typed("sis-report", "second", "--json")
    assert report.summary["delivered"] == 0
    assert report.summary["created"] + report.summary["updated"] == len(written)
    again = campus.plan("third", *flags)
    assert (again["create"], again["update"]) == (0, 0)


@pytest.mark.parametrize(
    ("switches", "flags"),
    [
        pytest.param({}, (), id="usual"),
        pytest.param(FLIPPED, _KEPT, id="flipped, kept"),
        pytest.param({}, _KEPT, id="kept", marks=pytest.mark.faults),
        pytest.param(FLIPPED, (), id="flipped", marks=pytest.mark.faults),
    ],
)
def test_a_load_does_what_its_plan_names(
    campus: Campus, switches: Mapping[str, str], flags: tuple[str, ...]
) -> None:
    """Every record that changes, is cleared or undone is in the plan, in both answers of Alma."""
    _check(campus, switches, flags)


def test_a_row_that_the_load_would_reject_is_rejected(campus: Campus) -> None:
    """An Internal user, an ID of somebody else or twice, a group of another record type.

    The row of an Internal user is loaded through the API, as the advice says.
    """
    campus.size = 0
    people = [_student(number) for number in range(7)]
    internal = _not_ours(people[1]) | {"account_type": _codes("INTERNAL"), "external_id": ""}
    staff = _not_ours(people[3]) | {"record_type": _codes("STAFF"), "user_group": _codes("EMER")}
    card = [{"id_type": _codes("BARCODE"), "value": people[2]["Card"], "segment_type": "External"}]
    for user in (internal, staff, _not_ours(_student(90)) | {"user_identifier": card}):
        campus.call("POST", "/almaws/v1/users", user)
    people[4] |= {"Group": "EMER"}
    people[6] |= {"Id": people[5]["Id"]}
    campus.write(people)
    planned = typed(*PLAN, "-o", "run", "--json")
    with Ledger.open(Path("run")) as ledger:
        held = {one.origin.row: one.code for one in ledger.problems() if one.severity.holds}
    assert held == {
        3: "not-in-sis-load",
        4: "identifier-of-another-person",
        6: "not-in-sis-load",
        7: "duplicate-id",
        8: "duplicate-id",
    }
    assert (planned.summary["create"], planned.summary["update"]) == (1, 1)
    assert campus.load("run")["rejected"] == []
    mapping = MAPPING.replace("possible_match: ignore", "account_type: any, new: skip")
    Path("any.yaml").write_text(mapping, "utf-8")
    campus.write([people[1]])
    through_api = typed("plan", "students.csv", "-m", "any.yaml", "-o", "api", "--json")
    assert through_api.summary.get("update") == 1, through_api.err


def test_what_became_of_each_row_is_reported(campus: Campus) -> None:
    """A rejected row has Alma's reason, one that Alma changed otherwise is named, others are open.

    An undo of the load restores what was there before.
    """
    campus.size = 0
    people = [_student(number) for number in range(4)]
    for person in people[:3]:
        campus.call("POST", "/almaws/v1/users", _not_ours(person))
    campus.write(people)
    before = campus.state()
    campus.plan("run", "--fill")
    with Ledger.open(Path("run")) as ledger:  # no load is remembered, so edits cannot be seen
        assert any("may stay" in one for one in ledger.facts.about_alma)
    campus.plan("later")
    assert typed("apply", "run", "--limit", "2", "--allow", "many-changes").exit == 0
    first = typed("sis-report", "run", "--json").summary
    assert [first[end] for end in ("delivered", "not_sent", "updated")] == [2, 2, 0]
    assert typed("apply", "run").exit == 0
    files = sorted(Path("run").glob("sis-load-*.zip"))
    assert [file.name for file in files] == ["sis-load-01.zip", "sis-load-02.zip"]
    assert typed("apply", "run").exit == 0
    assert sorted(Path("run").glob("sis-load-*.zip")) == files
    assert typed("undo", "run", "-o", "early").exit == Exit.USAGE  # nobody knows yet
    campus.call("POST", "/_sandbox/sis", files[0].read_bytes())
    last = people[2]["Id"]
    reasons = f"User ID;Result\n{last};Identifier of type BARCODE and value X is already taken\n"
    Path("alma.csv").write_text(reasons, "utf-8")
    done = typed("sis-report", "run", "alma.csv", "--json").summary
    ends = ("updated", "created", "refused", "delivered")
    assert [done[end] for end in ends] == [2, 0, 1, 1]
    with Ledger.open(Path("run")) as ledger:
        (problem,) = [one for one in ledger.later_problems() if one.code is Code.REFUSED_BY_ALMA]
    assert (problem.origin.row, "already taken" in problem.value) == (4, True)
    assert typed("undo", "run", "-o", "back", "--json").summary["problems"] == {
        "not-undone": 1  # of one row nobody knows
    }
    assert typed("apply", "back").exit == 0
    after = campus.state()
    assert {key: plain(user) for key, user in after.items()} == {
        key: plain(user) for key, user in before.items()
    }


def test_a_restored_ledger_gets_the_same_file_again(campus: Campus) -> None:
    """Rows whose delivery the ledger has lost are in the new file, and `sis-report` finds them.

    So it does if the user cache is not complete any more. Until then nothing of the run is undone:
    it is not known what Alma has loaded.
    """
    campus.write([_student(number) for number in range(3)])
    campus.plan("run")
    ledger = Path("run", FILE)
    planned = ledger.read_bytes()
    assert campus.load("run")["created"] == 3
    (file,) = Path("run").glob("sis-load-*.zip")
    delivered = file.read_bytes()
    ledger.write_bytes(planned)
    for again in ("apply", "run", "--limit", "0"), ("undo", "run"):
        undo = typed("undo", "run")
        words = [line.split()[1:] for line in undo.err.splitlines()[-2:]]
        assert (undo.exit, words) == (Exit.USAGE, [["apply", "run"], ["sis-report", "run"]])
        typed(*again)
    assert "file for the SIS load" in typed("apply", "run").err
    assert [one.read_bytes() for one in Path("run").glob("sis-load-*.zip")] == [delivered]
    (path,) = Path("users").glob("*.sqlite")
    path.unlink()
    UserCache.make(path, "01SANDBOX_INST", "sandbox").close()
    assert typed("sis-report", "run", "--json").summary["created"] == 3
    assert typed("undo", "run", "-o", "back", "--delete-created").exit == 0


def test_no_file_without_rows_is_written(campus: Campus) -> None:
    """`--limit 0` leaves the plan as it is, with nothing to deliver."""
    campus.write([_student(1)])
    campus.plan("run")
    got = typed("apply", "run", "--limit", "0", "--json")
    assert (got.exit, got.summary["create"]) == (0, 1)
    assert "sis-report" not in got.err
    assert not [*Path("run").glob("sis-load-*")]


def _planned_changes(run: str) -> dict[str, ChangeKind]:
    """What a plan of one user changes, by path."""
    with Ledger.open(Path(run)) as ledger:
        (row,) = ledger.planned()
        return {change.path: change.kind for change in row.changes}


def test_the_status_of_an_id_is_not_the_user_s(campus: Campus) -> None:
    """A mapping that sets only the former clears the latter, so the load makes the user active."""
    person = _student(1)
    user = _not_ours(person) | {"status": _codes("INACTIVE")}
    campus.call("POST", "/almaws/v1/users", user)
    campus.write([person])
    mapping = MAPPING.replace("value: <Card>}", "value: <Card>, status: ACTIVE}")
    Path("students.yaml").write_text(mapping, "utf-8")
    campus.plan("run")
    assert _planned_changes("run")["status"] is ChangeKind.REMOVE
    campus.plan("filled", "--fill")
    assert "status" not in _planned_changes("filled")


@pytest.mark.parametrize(("before", "kind"), [("", "add"), ("es", "remove"), ("en", "")])
def test_a_default_in_place_of_nothing_is_no_removal(before: str, kind: str) -> None:
    """Alma sets its default language of a user without one; a user's own language is lost."""
    row = draft({"primary_id": "21234", "last_name": "Doe"}, AccountType.EXTERNAL)
    live = User.model_validate(
        {"primary_id": "21234", "last_name": "Doe", "preferred_language": _codes(before)}
    )
    rules = SisRules(
        fill=False,
        keep_edits=False,
        creates=True,
        keeps_blank=False,
        undoes_edits=True,
        keeps_names=True,
        record_types={},
    )
    earlier = replace(nothing_earlier(date(2026, 8, 20)), sis=rules)
    merged = sis_merge(row, row, live, Merged(live), {}, earlier)
    kinds = {change.path: change.kind for change in merged.changes}
    assert kinds.get("preferred_language", "") == kind


def test_an_sis_plan_needs_no_call_for_a_row(campus: Campus) -> None:
    """With the user cache a plan, its apply and the report call Alma a few times in all."""
    campus.write([_student(number) for number in range(30)])
    campus.call("DELETE", "/_sandbox/log")
    campus.plan("run")
    campus.load("run")
    assert typed("sis-report", "run").exit == 0
    calls = [call for call in campus.sandbox.log() if "/users" in str(call["path"])]
    assert len(calls) < 15
    assert {call["method"] for call in calls} == {"GET"}


@pytest.mark.hunt
@pytest.mark.parametrize("flags", [(), ("--fill",), ("--keep-edits",), ("--fill", "--keep-edits")])
@pytest.mark.parametrize("flipped", ["", *FLIPPED])
def test_a_load_of_thousands_does_what_its_plan_names(
    campus: Campus, flipped: str, flags: tuple[str, ...]
) -> None:
    """5,000 students, 500 edited by staff: each switch by itself, with every flag."""
    campus.size = 5000
    _check(campus, {name: value for name, value in FLIPPED.items() if name == flipped}, flags)


def test_convert_names_what_its_file_clears_and_undoes(campus: Campus) -> None:
    """Protected fields that the mapping lacks, blank cells by row, and edits; it keeps nothing."""
    campus.size = 3
    campus.write([_student(number) | {"Campus": "MAIN"} for number in range(3)])
    campus.plan("first")
    campus.load("first")
    assert typed("sis-report", "first").exit == 0
    edit = {"user_group": _codes("STAFF")}
    campus.call("PATCH", f"/_sandbox/users/{campus.people[2]['Id']}", edit)
    assert typed("users", "refresh").exit == 0
    campus.people[1]["Campus"] = ""
    campus.write(campus.people)
    convert = ("convert", "students.csv", "-m", "students.yaml", "--to", "sis-xml", "-o", "a.zip")
    said = typed(*convert).err
    assert "PIN" in said
    assert "It clears Campus, which is blank here: row 3." in said
    assert "The load would undo what staff edited in Alma (User group): row 4." in said
    assert typed(*convert, "--keep-edits").exit == Exit.USAGE


def test_the_rejects_of_an_sis_plan_are_planned_for_the_load(campus: Campus) -> None:
    """The next step that is shown after a correction has the flags of the plan."""
    campus.write([_student(1) | {"Last": ""}])
    planned = typed(*PLAN, "--fill", "-o", "run")
    assert "--to sis-xml --fill" in " ".join(planned.err.split()), planned.err
