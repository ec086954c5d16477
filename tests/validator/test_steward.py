"""What a careful reader of a roster would ask about, and what is not odd; `test_kinds` has more."""

from __future__ import annotations

from string import ascii_lowercase

from importer.model.problem import Code, Problem
from tests.validator.building import PERSON, candidates, within

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


def test_a_name_in_one_kind_of_letters_is_odd_among_others() -> None:
    """Not initials such as AJ, and not where a whole column is written so."""
    usual = [
        {"first_name": f"Ann{letter}", "last_name": f"Lee{letter}"} for letter in ascii_lowercase
    ]
    typed = {"first_name": "PRAKASH", "last_name": "wójcik-lane"}
    assert [one.origin.row for one in odd(*usual, typed)] == [28, 28]
    for initials in ("AJ", "J. R."):
        assert odd(*usual, {"first_name": initials, "last_name": "Lee"}) == []
    assert odd(*({k: v.upper() for k, v in one.items()} for one in usual)) == []


def test_people_who_only_look_odd_are_left_alone() -> None:
    """Nicknames in brackets, short names, names that are words, ordinals."""
    assert odd(*FINE) == []


def test_a_word_for_a_blank_that_is_a_last_name_is_none_in_its_own_field_only() -> None:
    """As `blank` under `roster:` would take the name from its people."""
    for last, word in (("Lee", "blank"), ("Null", "unless")):
        (found,) = odd({CITY: "NULL"}, {"last_name": last})
        assert word in found.advice


def test_names_the_wrong_way_round_are_found_by_the_other_rows() -> None:
    """If both words are at the other place in three rows."""
    right = [{"first_name": "Ana", "last_name": f"Ruiz{'abc'[n]}"} for n in range(3)]
    right += [{"first_name": f"Bo{'abc'[n]}", "last_name": "Ito"} for n in range(3)]
    (found,) = odd(*right, {"first_name": "Ito", "last_name": "Ana"})
    assert (found.origin.row, found.code) == (8, Code.ODD_VALUE)
    assert odd(*right, {"first_name": "Ito", "last_name": "Thomas"}) == []


def test_a_street_under_the_city_is_found_by_the_other_rows() -> None:
    """If nearly all streets have a number and no city has one."""
    right = [{STREET: f"{n} Elm St", CITY: "Yankton"} for n in range(1, 13)]
    swapped = {STREET: "Yankton", CITY: "7 Elm St"}
    assert [one.origin.row for one in odd(*right, swapped)] == [14]
    assert odd(*right[:3], swapped) == []


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
