"""The other checks within rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.catalogue import Code, Severity
from importer.model.fields import COUNTRIES, FIELDS, NO_CODES, CodeRow, CodeTables
from importer.model.problem import KNOWN
from importer.model.user import AccountType
from tests.validator.building import (
    PERSON,
    SHORT,
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


def test_a_clean_row_has_no_problems() -> None:
    """The row on which the other tests change one thing is clean, also beside code tables."""
    assert checked(PERSON) == []
    assert checked(PERSON, GROUPS) == []


def test_a_blank_row_has_no_problems() -> None:
    """What is missing is the mapper's to say; a blank value breaks no rule of a value."""
    assert checked(dict.fromkeys(PERSON | {"password": "", "pin_number": ""}, "")) == []


@pytest.mark.parametrize("text", ["comm", "Community", "FRIENDS"])
def test_unknown_code(text: str) -> None:
    """A code that the institution's table does not have, with near ones in the advice."""
    (problem,) = checked(with_values(user_group=text), GROUPS)
    assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, "user_group")
    assert problem.severity is Severity.REJECT
    assert ("FRIEND (Friend of the Library)" if text == "FRIENDS" else "COMM") in problem.advice
    assert "OLD" not in problem.advice


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


def test_disabled_code() -> None:
    """A code that is disabled in Alma is not accepted, though it is there."""
    (problem,) = checked(with_values(user_group="OLD"), GROUPS)
    assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, "user_group")
    assert "disabled" in problem.message


def test_at_most_three_suggestions() -> None:
    """More than three near codes would be a list, not advice."""
    rows = tuple(CodeRow(f"GROUP{number}") for number in range(9))
    (problem,) = checked(with_values(user_group="GROUPS"), CodeTables({"UserGroups": rows}))
    assert problem.advice.count("GROUP") == 3


def test_unknown_table() -> None:
    """Nothing is said about codes of a table that is not known."""
    assert checked(with_values(user_group="whatever", gender="X"), NO_CODES) == []


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
    assert f"{code} ({COUNTRIES[code]})" in problem.advice


def test_flags() -> None:
    """A flag is true or false."""
    label = "contact_info.address[0].preferred"
    assert checked(PERSON | {label: "false"}) == []
    assert found(checked(PERSON | {label: "yes"})) == [("unknown-code", 2, label)]


@pytest.mark.parametrize("label", ["last_name", "user_note[0].note_text", "campus_code"])
def test_lengths(label: str) -> None:
    """A value may be as long as Alma's field, in characters, and no longer."""
    path = label.replace("[0]", "")
    limit = FIELDS[path].facts.length
    assert checked(PERSON | {label: "ß" * limit}) == []
    assert found(checked(PERSON | {label: "ß" * (limit + 1)})) == [("too-long", 2, label)]


def test_a_street_is_unbounded() -> None:
    """The first line of an address has no length in Alma."""
    assert checked(with_values(street="9 Long Lane " * 100)) == []


@pytest.mark.parametrize("text", ["2026-08-21", "1899-12-31", "1916-08-19", "1900-01-01"])
def test_birth_dates_that_cannot_be(text: str) -> None:
    """Nobody is born in the future, before 1900, or more than 110 years ago."""
    assert found(checked(with_values(birth=text))) == [("date-out-of-range", 2, "birth_date")]


@pytest.mark.parametrize("text", ["2026-08-20", "1916-08-20"])
def test_birth_dates_at_the_edge(text: str) -> None:
    """Born today, or 110 years ago today, is possible."""
    assert checked(with_values(birth=text)) == []


@pytest.mark.parametrize("text", ["1899-12-31", "2201-01-01"])
def test_years_that_no_record_has(text: str) -> None:
    """Other dates usually lie between 1900 and 2200; those beyond get a warning and are sent."""
    label = "contact_info.address[0].start_date"
    problems = checked(PERSON | {label: text})
    assert found(problems) == [("date-out-of-range", 2, label)]
    assert problems[0].severity is Severity.WARNING


@pytest.mark.parametrize("text", ["2382-12-21", "9999-12-31"])
def test_far_dates_are_dates(text: str) -> None:
    """Libraries write "never" so; the row is loaded, with a warning."""
    problems = checked(with_values(expiry_date=text, purge_date=text))
    assert [problem.severity for problem in problems] == [Severity.WARNING] * 2


def test_expired() -> None:
    """An expiry date in the past is a warning; today is not the past."""
    assert checked(with_values(expiry_date="2026-08-20")) == []
    problems = checked(with_values(expiry_date="2026-08-19"))
    assert found(problems) == [("expiry-past", 2, "expiry_date")]
    assert problems[0].severity is Severity.WARNING


def test_purged_before_expiry() -> None:
    """A purge date before the expiry date is a warning about both columns."""
    assert checked(with_values(purge_date="2027-05-15")) == []
    (problem,) = checked(with_values(purge_date="2027-05-14"))
    assert (problem.code, problem.field) == (Code.PURGE_BEFORE_EXPIRY, "purge_date")
    assert {place.heading for place in problem.places} == {"purge_date", "expiry_date"}


@pytest.mark.parametrize(
    "text",
    [
        "ana", "ana@", "@example.org", "ana@@example.org", "ana@example", "ana ruiz@example.org",
        "a@example.org; b@example.org", "ana@example,org", "ana.@example.org", "ana@-example.org",
        "ana@exa mple.org", "<ana@example.org>", "ana@printer.local", "o’hara@example.org",
        "ana–ruiz@example.org",
    ],
)  # fmt: skip
def test_bad_emails(text: str) -> None:
    """What is no address, or more than one, is rejected."""
    problems = checked(with_values(email=text))
    assert found(problems) == [("bad-email", 2, SHORT["email"])]


@pytest.mark.parametrize(
    "text",
    [
        "ana@example.org", "Ana.Ruiz+library@mail.example.edu", "o'hara@example.org",
        "ana@example.museum", "josé@example.org", "a_b-c@sub.example.co.uk",
    ],
)  # fmt: skip
def test_good_emails(text: str) -> None:
    """Addresses of every form that e-mail knows are taken."""
    assert checked(with_values(email=text)) == []


@pytest.mark.parametrize("text", ["Ana 😀", "☎ Ana", "\uf8ffna"])
def test_pictures_in_names(text: str) -> None:
    """An emoji in a name is a warning, and so is a character that one font only has."""
    assert found(checked(with_values(first_name=text))) == [("symbol-in-name", 2, "first_name")]


@pytest.mark.parametrize(
    "text", ["محمد", "李小龍", "Ñandú", "O’Brien", "Anne–Marie", "Đặng", "ʻAkamu"]
)
def test_names_of_every_script(text: str) -> None:
    """Letters of every script, and what is written between them, are taken without a word."""
    assert checked(with_values(first_name=text)) == []


@pytest.mark.parametrize("text", ["555-0123", "12", "605-555-01234", "none", "105-555-0123"])
def test_bad_phones(text: str) -> None:
    """A number that nobody can call is a warning."""
    problems = checked(with_values(phone=text))
    assert found(problems) == [("bad-phone", 2, SHORT["phone"])]
    assert problems[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        "605-555-0123", "(605) 555-0123", "+1 605 555 0123", "6055550123", "605.555.0123",
        "+44 20 7946 0123", "605-555-0123 ext. 12",
    ],
)  # fmt: skip
def test_good_phones(text: str) -> None:
    """Numbers of the United States in every notation, and others with their country's prefix."""
    assert checked(with_values(phone=text)) == []


@pytest.mark.parametrize(("text", "code"), [("South Dakota", "SD"), ("sd", "SD"), ("S.D.", "SD")])
def test_states_by_name(text: str, code: str) -> None:
    """A state has two letters; the name's letters are suggested, also where no country is said."""
    for country in ("USA", ""):
        (problem,) = checked(with_values(state=text, country=country))
        assert (problem.code, problem.field) == (Code.UNKNOWN_CODE, SHORT["state"])
        assert (problem.severity, problem.advice) == (Severity.WARNING, f"Write {code}.")


def test_states_abroad() -> None:
    """Provinces of other countries are as they are; in the United States they are not known."""
    assert checked(with_values(state="Bavaria", country="DEU")) == []
    assert checked(with_values(state="Bavaria", country="")) == []
    assert found(checked(with_values(state="Bavaria"))) == [("unknown-code", 2, SHORT["state"])]


@pytest.mark.parametrize("text", ["5706", "570691", "57069-12", "ABCDE"])
def test_zip_codes(text: str) -> None:
    """A ZIP code has five or nine digits, in the United States only."""
    problems = checked(with_values(zip=text))
    assert found(problems) == [("bad-postal-code", 2, SHORT["zip"])]
    assert problems[0].severity is Severity.WARNING
    assert checked(with_values(zip=text, country="GBR", state="")) == []


def test_zip_codes_of_nine_digits() -> None:
    """Nine digits are taken with and without the hyphen."""
    assert checked(with_values(zip="57069-1234")) == checked(with_values(zip="570691234")) == []


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
    assert text not in problems[0].message + problems[0].advice


def test_good_passwords() -> None:
    """Short names are no reason to refuse; eight other characters are enough."""
    assert checked(PERSON | {"password": "Vermilion7", "last_name": "Io"}) == []


def test_passwords_of_external_patrons() -> None:
    """An External patron has no password, and none to be changed."""
    person = with_values(id="1234567") | {
        "password": "k7#Plover",
        "force_password_change": "TRUE",
    }
    problems = checked(person, account_type=AccountType.EXTERNAL)
    assert found(problems) == [
        ("bad-password", 2, "password"),
        ("bad-password", 2, "force_password_change"),
    ]


def test_forced_change_is_true_or_blank() -> None:
    """Alma takes TRUE there and nothing else."""
    label = "force_password_change"
    assert checked(PERSON | {label: "TRUE"}) == []
    assert found(checked(PERSON | {label: "no"})) == [("unknown-code", 2, label)]


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


def test_canada_has_short_numbers() -> None:
    """310 and four digits can be called, however they are written."""
    for text in ("310-2062", "3102062", "+13102062", "31-02062"):
        assert found(checked(with_values(phone=text))) == []


@given(st.lists(st.one_of(st.just(""), st.dates().map(str)), max_size=6))
def test_days_are_judged_as_each_of_them_is(days: list[str]) -> None:
    """Every wrong day of a column is reported, as if it were alone."""
    for name in ("birth", "expiry_date"):
        together = within(candidates(*(with_values(**{name: day}) for day in days)))
        alone = [problem.message for day in days for problem in checked(with_values(**{name: day}))]
        assert sorted(problem.message for problem in together) == sorted(alone)
