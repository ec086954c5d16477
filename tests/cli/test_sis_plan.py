"""A plan for Alma's SIS load: what it names is what the load does, and what else is there stays."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from importer.ledger.ledger import FILE, Ledger
from importer.model.plan import Act, SafetyCheck
from importer.model.problem import Code
from importer.model.run import AlmaKey
from importer.sandbox.configuration import INSTITUTION
from importer.users.cache import UserCache
from tests.cli.conftest import Sandbox
from tests.command_line import typed
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

SWITCHES: tuple[dict[str, str], ...] = (
    {},
    FLIPPED,
    *({name: value} for name, value in FLIPPED.items()),
    {"original-value": "both"},
    {"several-preferred": "last"},
    {"identifier-case": "sensitive"},
)


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
        "user_identifier": [{"id_type": _codes("UNIV_ID"), "value": f"U{person['Id']}",
                             "segment_type": "External"}],
    }  # fmt: skip


def _of_others(user: Json) -> list[object]:
    """What another program wrote of a user, and no row of the roster has."""
    texts = [one["note_text"] for one in user["user_note"]]
    ids = [one["value"] for one in user["user_identifier"] if one["value"].startswith("U")]
    kinds = [one["statistic_category"]["value"] for one in user["user_statistic"]]
    return [user["pin_number"], user["preferred_language"]["value"], user["middle_name"],
            user["campus_code"]["value"], texts, ids, kinds]  # fmt: skip


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
    strangers: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)  # by another program, after our load

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

    def plan(self, run: str) -> Json:
        """Plan the roster; return the summary."""
        planned = typed(*PLAN, "-o", run, "--json")
        assert planned.exit in {Exit.DONE, Exit.REJECTS}, planned.err
        found: Json = planned.summary
        return found

    def apply(self, run: str) -> bytes:
        """Apply a plan; return its file."""
        allowed = (word for check in SafetyCheck for word in ("--allow", check))
        applied = typed("apply", run, "--json", *allowed)
        assert applied.exit in {Exit.DONE, Exit.REJECTS}, applied.err
        (file,) = Path(run).glob("sis-load-*.zip")
        return file.read_bytes()

    def load(self, run: str) -> Json:
        """Apply a plan, and let Alma load its file."""
        found: Json = json.loads(self.call("POST", "/_sandbox/sis", self.apply(run)))
        return found

    def begin(self) -> None:
        """Load the first roster, and let staff and another program change some users."""
        self.write([_student(number) for number in range(self.size)])
        self.plan("first")
        assert self.load("first")["created"] == self.size
        assert typed("sis-report", "first").exit == 0
        before = self.state()
        strangers = [_student(2 * self.size + number) for number in range(6)]
        self.strangers = [one["Id"] for one in strangers]
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
                self.written.append(person["Id"])
        term = [_next_term(person, number) for number, person in enumerate(self.people)]
        new = [_student(self.size + number) for number in range(5)]
        self.write([*term[self.size // 50 :], *new, *strangers])

    def settle(self, switches: Mapping[str, str]) -> None:
        """Set Alma's switches, and let the importer know them."""
        self.call("POST", "/_sandbox/settings", {"switches": switches})
        facts = {"institution": INSTITUTION[0], "environment": "sandbox", "measured": "2026-11-28",
                 "facts": {name: switches[name] for name in {*switches} & {*FLIPPED}}}  # fmt: skip
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


def _check(campus: Campus, switches: Mapping[str, str]) -> None:
    campus.begin()
    campus.settle(switches)
    before = campus.state()
    campus.plan("second")
    told = campus.load("second")
    plan, after = foretold("second"), campus.state()
    compare(before, after, plan)
    written = [row for row in plan.values() if row.act in {Act.CREATE, Act.UPDATE}]
    assert told["rejected"] == []
    assert told["created"] + told["updated"] == len(written)
    with Ledger.open(Path("second")) as ledger:
        rows = ledger.rows_with(Code.REPLACES_EDIT)
        replaced = {one.primary_id for one in ledger.planned() if one.row in rows}
    for key, edits in campus.edited.items():
        number = int(key) - 1000000
        news = key in replaced and _next_term(_student(number), number) != _student(number)
        assert news or all(has(after[key]) for _, has in edits), (key, edits, after[key])
        held = key not in plan  # staff and the office both gave the person a new card
        assert held or _arrived(campus.row(key), after[key], edits), key
    for key in campus.written:
        user = after[key]
        assert (user["middle_name"], user["pin_number"]) == ("B", "1234")
        assert user["user_title"]["value"] == "PROF"
    for key in campus.strangers:
        assert plan[key].act is Act.UPDATE
        assert _of_others(after[key]) == _of_others(before[key])
    report = typed("sis-report", "second", "--json")
    assert report.summary["delivered"] == 0
    assert report.summary["created"] + report.summary["updated"] == len(written)
    again = campus.plan("third")
    assert (again["create"], again["update"]) == (0, 0)


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param(one, id=", ".join(one) or "usual", marks=[pytest.mark.faults] * (at > 1))
        for at, one in enumerate(SWITCHES)
    ],
)
def test_a_load_does_what_its_plan_names_and_what_else_is_there_stays(
    campus: Campus, switches: Mapping[str, str]
) -> None:
    """In all answers of Alma no edit by staff is lost but by a new value of the roster.

    What other programs wrote stays: a PIN that Alma shows, the language, notes, other IDs.
    """
    _check(campus, switches)


def _edit(campus: Campus, key: str, change: Json) -> None:
    campus.call("PATCH", f"/_sandbox/users/{key}", change)


def test_no_value_from_before_the_apply_goes_into_the_file(campus: Campus) -> None:
    """`apply` reads who changed since the plan, and plans each of them again, or holds the row."""
    campus.write([_student(number) for number in range(6)])
    keys = [one["Id"] for one in campus.people]
    campus.plan("first")
    campus.load("first")
    assert typed("sis-report", "first").exit == 0
    campus.write([one | {"Expires": "2028-06-30"} for one in campus.people] + [_student(9)])
    assert (campus.plan("second")["create"], campus.plan("later")["update"]) == (1, 6)
    news: Json = {"middle_name": "Quincy", "pin_number": "4321", "campus_code": _codes("DOWNTOWN")}
    _edit(campus, keys[0], news)
    _edit(campus, keys[1], {"expiry_date": "2029-01-31Z"})
    _edit(campus, keys[2], {"expiry_date": "2028-06-30Z"})
    campus.call("DELETE", f"/almaws/v1/users/{keys[3]}")
    # one of the same family name, who now has the ID
    other = {"first_name": "Ira", "birth_date": "1950-01-01Z"}
    _edit(campus, keys[4], other | {"contact_info": {"email": []}, "user_identifier": []})
    campus.call("POST", "/almaws/v1/users", _not_ours(_student(9)))
    before = campus.state()
    told = campus.load("second")
    assert (told["created"], told["updated"]) == (0, 2)
    after = campus.state()
    for number, key in enumerate(keys):
        if key in after:
            date = "2028-06-30Z" if number in {0, 5} else before[key]["expiry_date"]
            assert plain(after[key]) == plain(before[key] | {"expiry_date": date}), number
    assert plain(after[_student(9)["Id"]]) == plain(before[_student(9)["Id"]])
    report = typed("sis-report", "second", "--json").summary
    assert [report[end] for end in ("updated", "was_so", "held", "delivered")] == [2, 1, 4, 0]
    assert typed("undo", "second", "-o", "back").exit == 0
    assert typed("apply", "back").exit == 0
    assert plain(campus.state()[keys[0]]) == plain(before[keys[0]])


@pytest.mark.parametrize(("known", "survives"), [("keep", True), ("clear", False)])
def test_a_protected_field_that_alma_keeps_is_not_in_the_file(
    campus: Campus, known: str, *, survives: bool
) -> None:
    """So what staff edit after the file was written stays; a language that nobody set, always."""
    campus.settle({"sis-empty-sticky": known})
    person = _student(1) | {"Campus": "", "Title": ""}
    campus.call("POST", "/almaws/v1/users", _not_ours(person) | {"preferred_language": None})
    campus.write([person])
    campus.plan("run")
    file = campus.apply("run")
    edits = {"campus_code": _codes("DOWNTOWN"), "pin_number": "4321"}
    _edit(campus, person["Id"], edits | {"preferred_language": _codes("es")})
    campus.call("POST", "/_sandbox/sis", file)
    after = campus.state()[person["Id"]]
    assert after["preferred_language"]["value"] == "es"
    assert all(plain(after[name]) == plain(value) for name, value in edits.items()) == survives


def test_a_file_has_no_old_values(campus: Campus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan reads who changed, and its file is written within a day."""
    campus.write([_student(1)])
    assert typed(*PLAN, "--no-refresh", "-o", "run").exit == Exit.USAGE
    campus.plan("run")
    later = datetime.now(UTC) + timedelta(days=1, minutes=1)
    monkeypatch.setattr("importer.service.office.now", lambda: later)
    assert typed("apply", "run").exit == Exit.STALE
    assert not [*Path("run").glob("sis-load-*")]


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
    campus.plan("run")
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
    """Rows whose delivery the ledger has lost are in the new file, until Alma shows them.

    So it does if the user cache is not complete any more. Until then nothing of the run is undone:
    it is not known what Alma has loaded.
    """
    campus.write([_student(number) for number in range(3)])
    campus.plan("run")
    ledger = Path("run", FILE)
    planned = ledger.read_bytes()
    delivered = campus.apply("run")
    ledger.write_bytes(planned)
    undo = typed("undo", "run")
    words = [line.split()[1:] for line in undo.err.splitlines() if line.startswith("  importer ")]
    assert (undo.exit, words) == (Exit.USAGE, [["apply", "run"], ["sis-report", "run"]])
    assert campus.load("run")["created"] == 3
    assert Path("run", "sis-load-01.zip").read_bytes() == delivered
    ledger.write_bytes(planned)
    (path,) = Path("users").glob("*.sqlite")
    path.unlink()
    UserCache.make(path, AlmaKey(institution="01SANDBOX_INST", environment="sandbox")).close()
    done = typed("apply", "run", "--json")
    assert done.summary.get("created") == 3, done.err
    assert typed("undo", "run", "-o", "back", "--delete-created").exit == 0


def test_no_file_without_rows_is_written(campus: Campus) -> None:
    """`--limit 0` delivers nothing."""
    campus.write([_student(1)])
    campus.plan("run")
    got = typed("apply", "run", "--limit", "0", "--json")
    assert (got.exit, got.summary["not_sent"]) == (0, 1)
    assert "sis-report" not in got.err
    assert not [*Path("run").glob("sis-load-*")]


def test_the_status_of_an_id_is_not_the_user_s(campus: Campus) -> None:
    """A mapping that sets only the former leaves the latter as Alma has it."""
    person = _student(1)
    user = _not_ours(person) | {"status": _codes("INACTIVE")}
    campus.call("POST", "/almaws/v1/users", user)
    campus.write([person])
    mapping = MAPPING.replace("value: <Card>}", "value: <Card>, status: ACTIVE}")
    Path("students.yaml").write_text(mapping, "utf-8")
    campus.plan("run")
    with Ledger.open(Path("run")) as ledger:
        (row,) = ledger.planned()
    assert "status" not in {change.path for change in row.changes}


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
@pytest.mark.parametrize("switches", SWITCHES)
def test_a_load_of_thousands_does_what_its_plan_names(
    campus: Campus, switches: Mapping[str, str]
) -> None:
    """5,000 students, 500 edited by staff."""
    campus.size = 5000
    _check(campus, switches)


def test_convert_names_what_its_file_clears(campus: Campus) -> None:
    """Fields that the mapping lacks, and blank cells by row; no Alma and no key is needed."""
    campus.write([_student(number) | {"Campus": "MAIN"} for number in range(3)])
    campus.people[1]["Campus"] = ""
    campus.write(campus.people)
    campus.call("DELETE", "/_sandbox/log")
    convert = ("convert", "students.csv", "-m", "students.yaml", "--to", "sis-xml", "-o", "a.zip")
    said = typed(*convert).err
    assert "PIN" in said
    assert "It clears Campus, which is blank here: row 3." in said
    assert campus.sandbox.log() == []


def test_the_rejects_of_an_sis_plan_are_planned_for_the_load(campus: Campus) -> None:
    """The next step that is shown after a correction is for the load, too."""
    campus.write([_student(1) | {"Last": ""}])
    planned = typed(*PLAN, "-o", "run")
    assert "--to sis-xml" in " ".join(planned.err.split()), planned.err
