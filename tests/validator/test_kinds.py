"""Sixty-four kinds of problems that a roster of a campus has, and 1,659 rows that have none.

All of them are in one roster, as an office would send it, so that a check has the clean rows around
it. A kind is caught if each of its rows has a problem. What is wrong with a column as a whole has a
roster of its own.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import importer
from importer.model.problem import Code, Problem
from importer.validator.columns import Column
from tests.sheets import write_rows
from tests.validator.building import PERSON, candidates, within

Row = dict[str, str]

MAPPING = """\
version: 1
name: campus
account_type: INTERNAL
roster: {dates: mdy}
ids:
  ID: {digits: 7}
  Card: {digits: 14, check_digit: mod10}
record:
  primary_id: <ID>
  first_name: <First>
  last_name: <Last>
  user_group: {from: <Type>, lookup: {Student: UGRD, Staff: STAFF, Community: COMM}}
  birth_date: <Born>
  expiry_date: <Expires>
  contact_info:
    address:
      - line1: <Street>
        city: <City>
        state_province: <State>
        postal_code: <ZIP>
        country: USA
        address_type: home
    email: [{email_address: <Email>, email_type: personal}]
    phone: [{phone_number: <Phone>, phone_type: mobile}]
  user_identifier: [{id_type: BARCODE, value: <Card>}]
"""
HEADINGS = (
    "ID", "Card", "First", "Last", "Type", "Born", "Expires", "Street", "City", "State", "ZIP",
    "Email", "Phone",
)  # fmt: skip
SIZES = {"Student": 700, "Staff": 459, "Community": 500}
_NEAR = (("Vermillion", "SD", "57069"), ("Yankton", "SD", "57078"), ("Fargo", "ND", "58102"))
CITIES = (*_NEAR, *_NEAR, *_NEAR, ("29 Palms", "CA", "92277"))
AREAS = (605, 701, 218, 320, 507, 612, 651, 763, 952, 712, 515, 563, 641, 319, 402, 308, 307, 406,
         303, 719)  # fmt: skip
STREETS = ("Cherry St", "Oak Ave", "Main St", "Elm Dr", "Pine Ct", "Lake Rd", "Hill Ln")
NAMES = tomllib.loads((Path(__file__).parents[1] / "loader" / "names.toml").read_text("utf-8"))
FIRST, LAST = (
    [name for texts in NAMES[part].values() for name in texts.split() if len(name) > 2]
    for part in ("first", "last")
)


def card(number: int) -> str:
    """A card with the right check digit."""
    digits = f"2000{number:09}"
    doubled = [int(d) * (1 if at % 2 else 2) for at, d in enumerate(digits)]
    return f"{digits}{-sum(n - 9 if n > 9 else n for n in doubled) % 10}"


def person(at: int) -> Row:
    """A person whom nobody else is like."""
    kind = next(name for name, until in (("Student", 700), ("Staff", 1159), ("Community", 10**9))
                if at < until)  # fmt: skip
    city, state, code = CITIES[at % len(CITIES)]
    year = {"Student": 1998, "Staff": 1960, "Community": 1945}[kind] + at * 5 % 9
    texts = (
        f"{3_000_017 + 13 * at}", card(7 * at + 3), FIRST[at * 7 % len(FIRST)],
        LAST[(at * 11 + at // len(LAST)) % len(LAST)], kind,
        f"{at % 12 + 1}/{at * 3 % 28 + 1}/{year}", "5/15/2031",
        f"{at % 890 + 101} {STREETS[at % len(STREETS)]}", city, state, code,
        f"reader{at}@example.org", f"{AREAS[at // 100]}-555-01{at % 100:02}",
    )  # fmt: skip
    return dict(zip(HEADINGS, texts, strict=True))


CLEAN = [person(at) for at in range(sum(SIZES.values()))]

Change = Callable[[Row, Row], Row]
"""What another row has, of a person of its own and beside a clean row."""


def cells(**texts: str) -> Change:
    """Other texts in some cells."""
    return lambda _own, _clean: texts


def each(name: str, *texts: str) -> list[Change]:
    """A row for each text in a cell."""
    return [cells(**{name: text}) for text in texts]


def of_clean(*names: str, **texts: str) -> Change:
    """Some cells as the clean row has them, and other texts."""
    return lambda _own, clean: {name: clean[name] for name in names} | texts


def swapped(one: str, other: str) -> Change:
    """Two cells in each other's column."""
    return lambda own, _clean: {one: own[other], other: own[one]}


def changed(name: str, change: Callable[[str], str], *same: str) -> Change:
    """A cell of the clean row, changed; and others of it."""
    return lambda _own, clean: {n: clean[n] for n in same} | {name: change(clean[name])}


def own(name: str, change: Callable[[str], str]) -> Change:
    """The row's own cell, changed."""
    return lambda mine, _clean: {name: change(mine[name])}


SAME, HOME = ("First", "Last", "Born"), ("Street", "City", "State", "ZIP")

KINDS: dict[str, Sequence[Change]] = {
    # IDs
    "the row twice": [of_clean(*HEADINGS)],
    "same ID": [of_clean("ID")],
    "same card": [of_clean("Card")],
    "transposed digits of an ID": [changed("ID", lambda t: t[:3] + t[4] + t[3] + t[5:], *SAME)],
    "ID in scientific notation": [cells(ID="3.00E+06"), cells(Card="2.00012E+13")],
    "rounded card": each("Card", "20001234500000", "20001234000000"),
    "wrong check digit": [own("Card", lambda t: t[:-1] + str((int(t[-1]) + 1) % 10))],
    "short card": [own("Card", lambda t: t[:-2])],
    "lost zero": each("ID", "12345", "123456"),
    "letter O for a zero": [own("ID", lambda t: t.replace("0", "O"))],
    "placeholder ID": each("ID", "0000000", "9999999", "1234567"),
    "ID and card swapped": [swapped("ID", "Card")],
    "no ID": [cells(ID="")],
    # people twice
    "married name": [of_clean("First", "Born", *HOME, Last="Newname")],
    "day and month swapped": [of_clean("First", "Last", "Email", Born="2/1/1998")],
    "mistyped birth date": [of_clean("First", "Last", "Email", Born="1/1/1989")],
    "nickname": [
        lambda _own, _clean: {"First": "Bob", "Last": "Quill", "Born": "4/5/1999"},
        lambda _own, _clean: {"First": "Robert", "Last": "Quill", "Born": "4/5/1999"},
    ],
    "mistyped name": [changed("Last", lambda t: t[:2] + t[3:], "First", "Born", "Email")],
    "names swapped between two rows": [
        lambda _own, c: {"First": c["Last"], "Last": c["First"], "Born": c["Born"]}
    ],
    "father and son": [of_clean("First", "Last", *HOME)],
    "shared email": [cells(Email="office@example.org")] * 4,
    # names
    "no last name": [cells(Last="")],
    "placeholder name": [
        *each("First", "TBD", "unknown", "FNU"),
        *each("Last", "N/A", "xxx", "?", "LNU", "-", "......."),
    ],
    "blank of a database": [cells(Last="(null)"), cells(City="NULL")],
    "test person": [
        cells(First="Mickey", Last="Mouse"),
        cells(First="Test", Last="Student"),
        cells(First="Do Not", Last="Use"),
    ],
    "remark in a name": each("Last", "Lee (deceased)", "Kim *do not load*"),
    "mark or email in a name": each("Last", 'Lee "Bob"', "Lee / Kim", "ann@example.org"),
    "digit in a name": [cells(First="J0nes"), cells(Last="Smith2")],
    "two people in a name": each("First", "Ann & Bob", "Noah and Nora"),
    "title in a name": each("First", "Dr. Anna", "Prof. Max"),
    "suffix in a name": each("Last", "Clark Jr.", "Sanders III"),
    "comma in a name": [cells(First="Kim,")],
    "picture in a name": [cells(First="Ada 😀")],
    "HTML": [*each("Last", "<b>Lee</b>", "O&#39;Neil"), cells(Street="1 Elm St &amp; Oak")],
    "formula in a name": [cells(First='=HYPERLINK("x")')],
    "a single letter as last name": each("Last", "K", "B"),
    "damaged letters": [
        *each("Last", "MÃ¼ller", "GonzÃ¡lez", "Mu�oz", "MÃƒÂ¼ller", "Mu?oz"),
        cells(First="JosÃ©"),
    ],
    "whole name in one cell": [cells(First="Kim, Olivia", Last="")],
    # dates
    "impossible birth date": each("Born", "2/30/1990", "13/13/1990"),
    "birth date to come": [cells(Born="5/6/2091")],
    "birth date too long ago": [cells(Born="5/6/1890")],
    "day number of Excel": [cells(Born="36526")],
    "placeholder birth date": each("Born", "1/1/1900", "9/9/9999", "00/00/0000", "1/1/1970"),
    "birth date and end swapped": [swapped("Born", "Expires")],
    "baby": each("Born", "6/1/2026", "2/3/2025"),
    "end of another century": each("Expires", "5/15/0031", "5/15/2574"),
    "end in the past": [cells(Expires="5/15/2019")],
    "year without a day": [cells(Expires="2031")],
    # contacts
    "no email address": each("Email", "reader.example.org", "reader@example"),
    "two emails in a cell": [cells(Email="a@example.org; b@example.org")],
    "test email": each("Email", "test@test.com", "noemail@example.org"),
    "mistyped domain": each("Email", "ann@gmial.com", "bo@hotmail.con"),
    "email and phone swapped": [swapped("Email", "Phone")],
    "phone that cannot be called": each("Phone", "555-01", "123-456"),
    "placeholder phone": each("Phone", "000-000-0000", "999-999-9999"),
    "no ZIP code": each("ZIP", "570", "ABCDE"),
    "ZIP code that does not exist": each("ZIP", "00000", "99999"),
    "no state": each("State", "XX", "Dakota"),
    "day of Excel as a street": [cells(Street="4-Mar")],
    "street of 300 letters": [cells(Street="Long Street " * 25)],
    # the file
    "unknown group": each("Type", "Pirate", ""),
    "error of a formula": [cells(Last="#REF!"), cells(ID="#N/A")],
    "shifted row": [lambda own, _clean: dict(zip(HEADINGS[1:], own.values(), strict=False))],
}
"""The kinds, each with rows that have it. They are of people of their own unless they say else."""

MISSED = {
    "placeholder ID": [2],  # 1234567 may be somebody's
    "placeholder birth date": [3],  # and so may 1970-01-01, unless many have it
    "street of 300 letters": [0],  # Alma takes them
}
"""The rows that are not caught, and why."""


def everybody() -> list[Row]:
    """The clean rows, then a row for each change of each kind."""
    people = [*CLEAN]
    for change in (change for changes in KINDS.values() for change in changes):
        own = person(len(people))
        people.append(own | change(own, CLEAN[len(people) * 17 % len(CLEAN)]))
    return people


def told(folder: Path, people: Sequence[Row]) -> dict[int, set[str]]:
    """The codes of the problems of each row, from 0; -2 is the roster as a whole."""
    folder.mkdir(exist_ok=True)
    write_rows(folder / "r.csv", people)
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    run = importer.check(folder / "r.csv", folder / "m.yaml", folder=folder / "run")
    found: dict[int, set[str]] = defaultdict(set)
    for row, code, severity in run.problems()[["row", "code", "severity"]].itertuples(index=False):
        found[int(row) - 2].add(code)
        assert severity == "warning" or not code.startswith("odd")
    return found


def test_each_kind_is_caught_but_for_three(tmp_path: Path) -> None:
    """Of sixty-four, by each of their rows; an email that many share is said of the roster."""
    found = told(tmp_path, everybody())
    assert "shared-contact" in found[-2]
    number, missed = len(CLEAN), {}
    for kind, changes in KINDS.items():
        silent = [at for at in range(len(changes)) if not found[number + at]]
        number += len(changes)
        if silent and kind != "shared email":
            missed[kind] = silent
    assert len(KINDS) == 63
    assert missed == MISSED


def test_clean_rows_have_hardly_a_problem(tmp_path: Path) -> None:
    """By all checks together, at most three of a thousand rows."""
    found = told(tmp_path, CLEAN)
    flagged = {row: codes for row, codes in found.items() if row >= 0}
    assert len(flagged) <= 0.003 * len(CLEAN), flagged


def test_what_is_searched_first_leaves_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check asks only about values with certain marks or words, and misses nothing by that."""
    found, judge = told(tmp_path, everybody()), Column.judge
    monkeypatch.setattr(Column, "judge", lambda self, judged, _texts=None: judge(self, judged))
    monkeypatch.setattr(Column, "with_word", lambda self, _: {*self.distinct})
    assert told(tmp_path / "all", everybody()) == found


ODD = {Code.ODD_VALUE, Code.ODD_COLUMN}
STREET, CITY = "contact_info.address[0].line1", "contact_info.address[0].city"
ZIP, EMAIL = "contact_info.address[0].postal_code", "contact_info.email[0].email_address"

FINE = (
    {"first_name": "Robert (Bob)", "last_name": "O'Neil"},
    {"first_name": "Na", "last_name": "Null"},
    {"first_name": "Li", "last_name": "Ng"},
    {"first_name": "Christopher", "last_name": "Blank"},
    {"first_name": "John", "last_name": "Smith 3rd"},
    {"first_name": "Jo", "last_name": "Testa", EMAIL: "tester.jo@example.org"},
    {"first_name": "Oldřich", "last_name": "Left", STREET: "12-14 Main St"},
    {"first_name": "Mickey", "last_name": "Mantle", ZIP: "12345"},
)
"""Rows of people that only look odd."""


def odd(*people: dict[str, str]) -> list[Problem]:
    """The odd values and columns of some rows, each with the usual values where it has none."""
    rows = [{**PERSON, **person} for person in people]
    return [one for one in within(candidates(*rows)) if one.code in ODD]


def test_people_who_only_look_odd_are_left_alone() -> None:
    """Nicknames in brackets, short names, names that are words, ordinals."""
    assert odd(*FINE) == []


def test_a_word_for_a_blank_that_is_a_last_name_is_none_in_its_own_field_only() -> None:
    """As `blank` under `roster:` would take the name from its people, there is another way."""
    (found,) = odd({CITY: "NULL"}, {"last_name": "Null"})
    assert found.field == CITY
    assert "{unless: [NULL]}" in found.to_do


def test_an_odd_column_is_one_problem() -> None:
    """Swapped columns of names, and a first of January as the birth date of many."""
    given = ["mike", "kate", "liz", "bob", "sue", "tom", "jim", "dan", "pat", "joe", "sam", "al"]
    swapped = [{"first_name": f"Ruiz{'abcdefghijkl'[at]}", "last_name": name.title()}
               for at, name in enumerate(given)]  # fmt: skip
    born = [{"birth_date": f"19{at + 60}-03-04"} for at in range(12)]
    rows = [{**name, **day} for name, day in zip(swapped, born, strict=True)]
    (found,) = odd(*rows)
    assert (found.code, found.field, found.origin.whole) == (Code.ODD_COLUMN, "last_name", True)
    same = [{**day, "birth_date": "1900-01-01"} if at < 4 else day for at, day in enumerate(born)]
    (found,) = odd(*same)
    assert (found.field, found.value) == ("birth_date", "1900-01-01")
