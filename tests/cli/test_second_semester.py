"""A second semester: what the plan of two rosters says is a truth table that was made before.

`SEMESTER_PEOPLE` sets the number of people; the full size is 8000.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ask, delete, state

PEOPLE = int(os.environ.get("SEMESTER_PEOPLE") or 200)
HEAD = ("Id", "First", "Last", "Group", "Born", "Email", "Street", "Expires")

COMMUNITY = """version: 1
account_type: INTERNAL
roster: {dates: ymd}
ids: {Id: {digits: 11}}
match: {keep_old_id: {type: BARCODE}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  birth_date: <Born>
  expiry_date: {from: <Expires>, on_update: later}
  contact_info:
    address:
      - {line1: <Street>, city: Northfield, country: USA, address_type: home}
    email:
      - {email_address: <Email>, email_type: personal}
"""
STUDENTS = (
    COMMUNITY.replace("INTERNAL", "EXTERNAL\nowning_system: SIS")
    .replace("digits: 11", "digits: 7")
    .replace("match: {", "match: {account_type: convert, ")
)


@dataclass(frozen=True)
class Person:
    """A row of a roster."""

    id: str
    first: str
    last: str
    group: str
    born: str
    email: str
    street: str
    expires: str


_CONSONANTS = "bcdfghjklmnprstvwxyz"


def _digits(number: int) -> list[int]:
    """The digits of a number to the base of 20, three of them."""
    return [number // 20**place % 20 for place in range(3)]


def person(number: int) -> Person:
    """One of the invented people; no two have a name, a birth date or an address in common."""
    name = "".join(f"{_CONSONANTS[n]}{'aeiou'[n % 5]}" for n in _digits(number)).capitalize()
    born = date(1930, 1, 1) + timedelta(days=number)
    return Person(
        f"2000{number:07}", name, f"{name[::-1].title()}son", "COMM", born.isoformat(),
        f"{name.lower()}{number}@example.org", f"{number} Maple St", "2027-05-31",
    )  # fmt: skip


RENEWED = "2028-05-31"


def blank(_: Person) -> None:
    """Leave the person out of the second roster."""


Change = Callable[[Person], Person | None]
SHARES: dict[str, tuple[int, Change, str]] = {
    "absent": (100, blank, ""),
    "deleted in Alma": (20, lambda one: one, "ready create"),
    "renewed": (110, lambda one: replace(one, expires=RENEWED), "ready update"),
    "role expired": (30, lambda one: replace(one, expires=RENEWED), "ready update"),
    "moved": (40, lambda one: replace(one, street="9 Elm St"), "ready update"),
    "renamed": (15, lambda one: replace(one, last="Newname"), "ready update"),
    "new card": (20, lambda one: replace(one, id=f"2{int(one.id[1:]) + 10**9:010}"), "review None"),
    "blank group": (10, lambda one: replace(one, group="", expires=RENEWED), "ready update"),
    "shorter": (10, lambda one: replace(one, expires="2026-12-31"), "ready unchanged"),
    "rounded": (5, lambda one: replace(one, id="2.00012E+13"), "rejected None"),
    "bad date": (5, lambda one: replace(one, expires="soon"), "rejected None"),
    "enrolls": (10, blank, ""),  # in the other roster
}
"""By kind: how many of 1,000, how the row differs from the last semester's, fate and act."""
NEW = {"new": ("COMM", "ready create"), "new without a group": ("", "rejected None")}


@dataclass
class Semester:
    """The second semester: the rows of both rosters, and what is true of each."""

    first: list[Person]
    kinds: dict[str, list[Person]]
    community: list[Person]
    students: list[Person]
    truth: dict[str, str]

    @classmethod
    def of(cls, people: int) -> Semester:
        """Everybody's kind by their number; whoever has none comes back as before."""
        first = [person(number) for number in range(people)]
        rest = iter(first)
        made = cls(first, {}, [], [], {})
        for kind, (share, change, truth) in SHARES.items():
            made.kinds[kind] = [next(rest) for _ in range(max(1, people * share // 1000))]
            for one in made.kinds[kind]:
                if (row := change(one)) is not None:
                    made._add(row, truth)
        for one in rest:
            made._add(one, "ready unchanged")
        for place, (group, truth) in enumerate(NEW.values()):
            for number in range(people // (8 + 100 * place)):
                made._add(replace(person(people + number + 1000 * place), group=group), truth)
        for number, one in enumerate(made.kinds["enrolls"]):
            made.students.append(replace(one, id=f"{1_000_000 + number}", group="UGRD"))
        return made

    def _add(self, row: Person, truth: str) -> None:
        self.community.append(row)
        self.truth[f"{len(self.community) + 1}"] = truth


def write(path: Path, rows: list[Person]) -> Path:
    """Write a roster."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEAD)
        out.writerows(vars(row).values() for row in rows)
    return path


def load_first(folder: Path, typed: Type, sandbox: Sandbox, semester: Semester) -> None:
    """Create the first semester's users, as the importer writes them."""
    roster = write(folder / "spring.csv", semester.first)
    converted = typed("convert", roster, "-m", "community.yaml", "--to", "jsonl", "-o", "s.jsonl")
    assert converted.exit == Exit.DONE, converted.err

    def post(line: str) -> None:
        request = Request(f"{sandbox.host}/almaws/v1/users", line.encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "apikey sandbox")
        with urlopen(request) as answer:
            answer.read()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(post, (folder / "s.jsonl").read_text("utf-8").splitlines()))


def ends(folder: Path, run: str, most: int) -> Iterator[tuple[str, str]]:
    """The fate and the act of each row of the first roster."""
    with Ledger.open(folder / run) as ledger:
        for one in ledger.every_row():
            if one.row <= most:
                yield str(one.row), f"{one.fate} {one.act}"


def test_a_plan_says_what_is_true(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Each row as foreseen, nothing written, few calls; resolved and applied, nothing is left."""
    semester = Semester.of(PEOPLE)
    (folder / "community.yaml").write_text(COMMUNITY, "utf-8")
    (folder / "students.yaml").write_text(STUDENTS, "utf-8")
    load_first(folder, typed, sandbox, semester)
    assert typed("users", "refresh").exit == Exit.DONE
    assert typed("codes", "fetch").exit == Exit.DONE
    for one in semester.kinds["deleted in Alma"]:
        delete(sandbox, one.id)
    expired = {"role_type": {"value": "200"}, "expiry_date": "2020-05-31Z"}
    for one in semester.kinds["role expired"]:
        ask(sandbox, "PATCH", f"users/{one.id}", {"user_role": [expired]})
    before = state(sandbox)
    ask(sandbox, "DELETE", "log")

    fall = write(folder / "fall.csv", semester.community)
    enrolled = write(folder / "students.csv", semester.students)
    plan = ("plan", fall, "-m", "community.yaml", enrolled, "-m", "students.yaml")
    planned = typed(*plan, "-o", "run", "--json")
    assert planned.exit == Exit.REJECTS, planned.err
    calls = Counter(str(call["method"]) for call in sandbox.log())
    assert set(calls) == {"GET"}
    assert calls["GET"] <= 10 + PEOPLE // 20
    last = len(semester.community) + 1
    wrong = {
        row: (semester.truth[row], found)
        for row, found in ends(folder, "run", last)
        if row in semester.truth and semester.truth[row] != found
    }
    assert wrong == {}
    summary = planned.summary
    students = len(semester.students)
    truths = Counter(semester.truth.values())
    assert summary["review"] == truths["review None"] + students
    found = summary["problems"]
    assert found["patron-role-expired"] == len(semester.kinds["role expired"])
    assert summary["failed_checks"] == []
    resolved = typed("resolve", "run", "--all", "possible-match-in-alma", "--as", "rename")
    assert resolved.exit in {Exit.DONE, Exit.REJECTS}, resolved.err
    applied = typed("apply", "run", "--json", "--allow", "many-changes", "--allow", "foreign-group")
    written = truths["ready update"] + truths["review None"] + students
    assert (applied.summary["created"], applied.summary["updated"]) == (
        truths["ready create"],
        written,
    )
    again = typed(*plan, "-o", "again", "--json").summary
    assert (again["create"], again["update"], again["review"]) == (0, 0, 0)
    after = state(sandbox)
    for one in semester.kinds["absent"]:
        assert after[one.id] == before[one.id]
    for one in semester.kinds["new card"]:
        assert one.id not in after
    for one in semester.students:
        assert after[one.id]["account_type"]["value"] == "EXTERNAL"
