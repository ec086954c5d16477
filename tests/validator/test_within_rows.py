"""The other checks within rows."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from inspect import getmembers, isfunction, signature
from pathlib import Path
from pkgutil import iter_modules

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer import validator
from importer.model.fields import COUNTRIES, FIELDS, NO_CODES, CodeRow, CodeTables
from importer.model.problem import KNOWN, Code, Severity
from importer.model.user import AccountType
from importer.validator.columns import Table
from importer.validator.names import commas_and_titles, two_people
from tests.validator.building import (
    PERSON,
    SHORT,
    TODAY,
    candidates,
    checked,
    found,
    with_values,
    within,
)

GROUPS = CodeTables(
    {
        "UserGroups": (
            CodeRow("COMM", "Community patron"),
            CodeRow("FRIEND", "Friend of the Library"),
            CodeRow("FAC", "Faculty"),
            CodeRow("OLD", "Former staff", enabled=False),
        )
    }
)


def test_every_check_of_a_table_is_in_the_list() -> None:
    """A function of the package that takes a `Table`, and that no other one calls, is a check."""
    modules = [
        import_module(f"{validator.__name__}.{at.name}") for at in iter_modules(validator.__path__)
    ]
    checks = {
        function
        for module in modules
        for name, function in getmembers(module, isfunction)
        if [*signature(function).parameters] == ["table"] and not name.startswith("_")
    }
    assert checks == {*validator.CHECKS}


def test_a_clean_row_has_no_problems() -> None:
    """The row on which the other tests change one thing is clean, also beside code tables."""
    assert checked(PERSON) == []
    assert checked(PERSON, GROUPS) == []
    # what is missing is the mapper's to say
    assert checked(dict.fromkeys(PERSON | {"password": "", "pin_number": ""}, "")) == []


@pytest.mark.parametrize("text", ["comm", "Community", "FRIENDS", "OLD"])
def test_unknown_code(text: str) -> None:
    """A code that Alma's table does not have, or has disabled, with near ones in the advice."""
    (problem,) = checked(with_values(user_group=text), GROUPS)
    assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, "user_group")
    assert problem.severity is Severity.REJECT
    near = {"FRIENDS": "FRIEND (Friend of the Library)", "OLD": ""}.get(text, "COMM")
    assert near in problem.to_do
    assert "OLD" not in problem.to_do
    assert "lookup" not in problem.to_do  # the field has none
    assert ("disabled" in problem.message) == (text == "OLD")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Facutly", True), ("fri end", True), ("old", True), ("Friendly", False), ("Commons", False)],
)
def test_only_a_slip_of_a_code_is_shown(text: str, *, shown: bool) -> None:
    """A value that merely resembles a code or its description may be a surname."""
    (problem,) = checked(with_values(user_group=text), GROUPS)
    assert (KNOWN in problem.message) is shown


def test_a_resource_sharing_library_is_one_of_the_institutions() -> None:
    """Its code is compared with the libraries, which `codes fetch` saves as a table."""
    libraries = CodeTables({"Libraries": (CodeRow("RES_SHARE", "Resource Sharing"),)})
    label = "rs_library[0].code"
    assert checked(PERSON | {label: "RES_SHARE"}, libraries) == []
    assert found(checked(PERSON | {label: "NOWHERE"}, libraries)) == [("unknown-code", 2, label)]


def test_at_most_three_suggestions() -> None:
    """More than three near codes would be a list, not advice; a table must be known."""
    assert checked(with_values(user_group="GROUPS", gender="X"), NO_CODES) == []
    rows = tuple(CodeRow(f"GROUP{number}") for number in range(9))
    (problem,) = checked(with_values(user_group="GROUPS"), CodeTables({"UserGroups": rows}))
    assert problem.to_do.count("GROUP") == 3


@pytest.mark.parametrize(
    ("label", "right", "wrong"),
    [
        ("record_type", "STAFF", "Staff"),
        ("status", "INACTIVE", "DELETED"),
        ("account_type", "INTERNAL", "Internal"),
        ("contact_info.email[0].segment_type", "External", "EXTERNAL"),
        ("user_identifier[0].status", "ACTIVE", "A"),
        ("contact_info.address[0].country", "FRA", "FR"),
    ],
)
def test_codes_that_alma_fixes(label: str, right: str, wrong: str) -> None:
    """Some codes are the same in every institution, and are checked without a saved table."""
    abroad = PERSON | {SHORT["state"]: "", SHORT["zip"]: ""}
    assert checked(abroad | {label: right}) == []
    assert found(checked(abroad | {label: wrong})) == [("unknown-code", 2, label)]


@pytest.mark.parametrize(
    ("text", "code"),
    [("United States", "USA"), ("U.S.A.", "USA"), ("Österreich", "AUT"), ("mx", "MEX")],
)
def test_names_of_countries(text: str, code: str) -> None:
    """For the name of a country its code is suggested."""
    (problem,) = checked(with_values(country=text, state="", zip=""))
    assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, SHORT["country"])
    assert f"{code} ({COUNTRIES[code]})" in problem.to_do


@pytest.mark.parametrize("label", ["last_name", "user_note[0].note_text", "campus_code"])
def test_lengths(label: str) -> None:
    """A value may be as long as Alma's field, in characters, and no longer."""
    path = label.replace("[0]", "")
    limit = FIELDS[path].facts.length
    assert checked(PERSON | {label: "ß" * limit}) == []
    assert found(checked(PERSON | {label: "ß" * (limit + 1)})) == [("too-long", 2, label)]
    assert checked(with_values(street="9 Long Lane " * 100)) == []  # which Alma does not limit


VALUES = {
    rule: lines
    for rule, *lines in map(
        str.splitlines,
        Path(__file__).with_name("values.txt").read_text("utf-8").strip().split("\n\n== ")[1:],
    )
}


def _texts(lines: list[str], mark: str) -> list[str]:
    """Return the values of the lines with a mark."""
    values = "".join(f" | {line[len(mark) :]}" for line in lines if line.startswith(mark))
    return ["" if text == "-" else text for text in values.split(" | ")[1:]]


@pytest.mark.parametrize("rule", VALUES)
def test_values(rule: str) -> None:
    """Each wrong value has one problem, and each right one none.

    `values.txt` has them: a title states the rule, then come the field, the code and severity of
    its problem, and the values; `-` is a blank one.
    """
    looked_at, *lines = VALUES[rule]
    label, code, severity = looked_at.split()
    assert {line.partition(" ")[0] for line in lines} == {"wrong:", "right:"}
    wrong, right = (_texts(lines, mark) for mark in ("wrong: ", "right: "))
    for text in wrong:
        (problem,) = checked(PERSON | {label: text})
        assert (problem.code, problem.field, problem.value) == (code, label, text)
        assert problem.severity == severity
    found = {text: checked(PERSON | {label: text}) for text in right}
    of_field = [one for problems in found.values() for one in problems if one.field == label]
    assert not [one for one in of_field if one.code == code or one.severity is Severity.REJECT]


@pytest.mark.parametrize(
    ("part", "whole", "code", "severity"),
    [
        ("Noah", "Noah & Nora Clark", Code.TWO_PEOPLE, Severity.REVIEW),
        ("Dr.", "Dr. Ana Ruiz", Code.TITLE_IN_NAME, Severity.REVIEW),
        ("Frau", "Frau Lang", Code.TITLE_IN_NAME, Severity.REVIEW),
        ("Jr.", "Ana Ruiz Jr.", Code.TITLE_IN_NAME, Severity.REVIEW),
        ("Ana", "Ruiz, Ana", None, None),
        ("Herr", "Ana Herr", None, None),
    ],
)
def test_a_part_of_a_name_is_judged_with_its_cell(
    part: str, whole: str, code: Code | None, severity: Severity | None
) -> None:
    """A person must not vanish by a split, nor a title become a name; each cell counts once."""
    table = candidates(with_values(last=part, middle_name="") | {"middle_name": part})
    behind = {name: [whole] for name in ("last_name", "middle_name")}
    problems = [*two_people(Table(replace(table, behind=behind), NO_CODES, TODAY, creates=True))]
    if code is not Code.TWO_PEOPLE:
        del behind["middle_name"]
        of_part = Table(replace(table, behind=behind), NO_CODES, TODAY, creates=True)
        problems += [one for one in commas_and_titles(of_part) if one.field == "last_name"]
    assert [(one.code, one.severity) for one in problems] == ([(code, severity)] if code else [])


def test_two_people_in_a_cell_are_one_problem() -> None:
    """Also where only one of the parts shows it."""
    parts = {"first_name": "Noah", "middle_name": "& Nora", "last_name": "Clark"}
    behind = {name: ["Noah & Nora Clark"] for name in parts}
    table = Table(replace(candidates(PERSON | parts), behind=behind), NO_CODES, TODAY, creates=True)
    assert [problem.value for problem in two_people(table)] == ["Noah & Nora Clark"]


@pytest.mark.parametrize("name", ["expiry_date", "purge_date"])
def test_impossible_ends(name: str) -> None:
    """A date before 1990 or more than 100 years ahead rejects; 9999-12-31 is a warning."""
    days = {"1989-12-31": "reject", "2126-08-21": "reject", "9999-12-31": "warning",
            "1990-01-01": "", "2126-08-20": ""}  # fmt: skip
    for day, expected in days.items():
        found = checked(with_values(**{name: day}))
        codes = [one for one in found if one.code is Code.DATE_OUT_OF_RANGE]
        assert [one.severity.value for one in codes] == ([expected] if expected else [])


def test_purged_before_expiry() -> None:
    """A purge date before the expiry date is a warning about both columns."""
    assert checked(with_values(purge_date="2027-05-15")) == []
    (problem,) = checked(with_values(purge_date="2027-05-14"))
    assert (problem.code, problem.field) == (Code.PURGE_BEFORE_EXPIRY, "purge_date")
    assert {place.heading for place in problem.places} == {"purge_date", "expiry_date"}


@pytest.mark.parametrize(("text", "code"), [("South Dakota", "SD"), ("sd", "SD"), ("S.D.", "SD")])
def test_states_by_name(text: str, code: str) -> None:
    """A state has two letters; the name's letters are suggested, also where no country is said."""
    for country in ("USA", ""):
        (problem,) = checked(with_values(state=text, country=country))
        assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, SHORT["state"])
        assert (problem.severity, problem.to_do) == (Severity.WARNING, f"Write {code}.")


def test_addresses_abroad() -> None:
    """Provinces and codes of other countries are as they are."""
    assert checked(with_values(zip="5706", country="GBR", state="")) == []
    assert checked(with_values(state="Bavaria", country="DEU")) == []
    assert checked(with_values(state="Bavaria", country="")) == []
    assert found(checked(with_values(state="Bavaria"))) == [("unknown-code", 2, SHORT["state"])]


@pytest.mark.parametrize("text", ["123", "12345", "12a4", "١٢٣٤"])
def test_pins(text: str) -> None:
    """A PIN is four digits, and is not told."""
    (problem,) = checked(PERSON | {"pin_number": text})
    assert (problem.code, problem.field, problem.value) == (Code.BAD_PIN, "pin_number", "")
    assert text not in problem.sentence()
    assert checked(PERSON | {"pin_number": "0417"}) == []


@pytest.mark.parametrize(
    "text",
    ["Ab3$xyz", "Password1", "xx20001234567893yy", "myRUIZ-2026", "ruizlovesbooks", "x" * 300],
)
def test_bad_passwords(text: str) -> None:
    """A password that Alma would refuse is rejected, and is not told."""
    problems = checked(PERSON | {"password": text})
    expected = "too-long" if len(text) > 255 else "bad-password"
    assert found(problems) == [(expected, 2, "password")]
    assert problems[0].value == ""
    assert text not in problems[0].message + problems[0].to_do
    # short names are no reason to refuse, and eight other characters are enough
    assert checked(PERSON | {"password": "Vermilion7", "last_name": "Io"}) == []


def test_passwords_of_external_patrons() -> None:
    """An External patron has no password, and none to be changed."""
    person = with_values(id="1234567") | {"password": "k7#Plover", "force_password_change": "TRUE"}
    problems = checked(person, account_type=AccountType.EXTERNAL)
    assert found(problems) == [
        ("bad-password", 2, "password"),
        ("bad-password", 2, "force_password_change"),
    ]


def test_every_row_with_the_value_is_flagged() -> None:
    """A value is judged once and told in each of its rows, by the rows' own numbers."""
    people = [with_values(email=text) for text in ("bad", "ana@example.org", "bad")]
    problems = within(candidates(*people, rows=[4, 9, 12]))
    assert [problem.origin.row for problem in problems] == [4, 12]
    assert {place.letter for problem in problems for place in problem.places} == {"N"}


def test_constants_have_no_place() -> None:
    """A wrong constant of the mapping concerns no column of the roster."""
    table = candidates(with_values(country="US"), constants=[SHORT["country"]])
    problems = within(table)
    assert [(problem.code, problem.places) for problem in problems] == [(Code.UNKNOWN_CODE, ())]


@given(st.lists(st.one_of(st.just(""), st.dates().map(str)), max_size=6))
def test_days_are_judged_as_each_of_them_is(days: list[str]) -> None:
    """Every wrong day of a column is reported, as if it were alone."""
    for label in (SHORT["birth"], "expiry_date"):
        rows = [{label: day} for day in days]
        alone = [problem.message for row in rows for problem in checked(row)]
        assert sorted(one.message for one in within(candidates(*rows))) == sorted(alone)
