"""Who a user of Alma is to a row: the evidence, and the verdict."""

from __future__ import annotations

import pytest

from importer.model.people import NOTHING_COMMON, Common
from importer.planner.person import (
    Born,
    Evidence,
    Names,
    Person,
    Verdict,
    agree,
    compare,
    is_rival,
    person_of_row,
    person_of_user,
    verdict,
)
from tests.planner.people import draft, email, identifier, user

NOTHING = NOTHING_COMMON


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Smith", "Smith-Jones"), ("José", "JOSE"), ("O'Brien", "OBrien"), ("J.", "John")),
        *(("van der Berg", "Berg"), ("Bob", "Robert"), ("Müller", "Mueller"), ("Ana María", "Ana")),
        *(("Kovalenko", "Kovalenka"), ("Mc Donald", "McDonald"), ("de la Cruz", "Delacruz")),
        *(("Li Wei", "Wei Li"), ("Robert James", "Bob J")),
    ],
)
def test_names_agree_as_people_write_them(one: str, other: str) -> None:
    """Case, accents, particles, parts, initials, nicknames and one typing error."""
    assert agree(one, other) is agree(other, one) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Wang", "Wong"), ("Kovacs", "Prieto"), ("Ann", "Zoltan"), ("Jane", "June")),
        *(("Li", "Lin"), ("Mary J.", "Jane"), ("Ben J.", "Jane"), ("J. R.", "Rose")),
    ],
)
def test_other_names_do_not_agree(one: str, other: str) -> None:
    """A short name with another letter, and one that only a middle initial fits."""
    assert agree(one, other) is agree(other, one) is False


@pytest.mark.parametrize("filler", ["", "-", "FNU", "LNU", "N/A", "Unknown", "王"])
def test_fillers_and_other_scripts_are_no_evidence(filler: str) -> None:
    """What stands for no name, and a name in other letters, neither agree nor contradict."""
    assert agree(filler, "Wang") is None


@pytest.mark.parametrize(
    ("row", "user_", "names"),
    [
        (("Ann", "Lee"), ("Lee", "Ann"), Names.BOTH),
        (("Ann", "Lee"), ("Ann", "Park"), Names.FIRST),
        (("Ann", "Lee"), ("Tom", "Lee"), Names.LAST),
        (("Ann", "Lee"), ("Tom", "Park"), Names.NEITHER),
        (("", ""), ("Tom", "Park"), Names.UNKNOWN),
        (("Cher", ""), ("Cher", "-"), Names.BOTH),
    ],
)
def test_names_are_compared_in_either_order(
    row: tuple[str, str], user_: tuple[str, str], names: Names
) -> None:
    """Both, one or none of them; what neither has is not compared."""
    assert compare(Person((row,)), Person((user_,)), NOTHING).names is names


@pytest.mark.parametrize(
    ("one", "other", "born"),
    [
        ("1990-03-01", "1990-03-01", Born.AGREES),
        ("1990-03-01", "1990-03-02", Born.TYPO),
        ("1990-03-04", "1990-04-03", Born.TYPO),
        ("1990-03-01", "1991-03-01", Born.TYPO),
        ("1990-03-01", "1980-03-01", Born.CONTRADICTS),
        ("1990-03-01", "1985-11-23", Born.CONTRADICTS),
        ("1900-01-01", "1985-11-23", Born.UNKNOWN),
        ("", "1985-11-23", Born.UNKNOWN),
        ("1970-01-01", "1970-01-01", Born.UNKNOWN),
    ],
)
def test_birth_dates_contradict_beyond_a_typing_error(one: str, other: str, born: Born) -> None:
    """One digit, one day, or day and month exchanged is no evidence; nor is a common date."""
    ours, theirs = (Person((("Ann", "Lee"),), day) for day in (one, other))
    assert compare(ours, theirs, Common(frozenset({"1970-01-01"}))).born is born


_VERDICTS = [
    (Names.BOTH, Born.CONTRADICTS, "", Verdict.ANOTHER),
    (Names.BOTH, Born.CONTRADICTS, "contact", Verdict.SAME),
    (Names.BOTH, Born.CONTRADICTS, "contact apart", Verdict.ANOTHER),
    (Names.BOTH, Born.CONTRADICTS, "contact apart other", Verdict.SAME),
    (Names.BOTH, Born.UNKNOWN, "contact apart", Verdict.ANOTHER),
    (Names.BOTH, Born.AGREES, "contact apart", Verdict.ANOTHER),
    (Names.BOTH, Born.AGREES, "apart other", Verdict.SAME),
    (Names.UNKNOWN, Born.UNKNOWN, "contact apart", Verdict.ANOTHER),
    (Names.FIRST, Born.UNKNOWN, "apart", Verdict.NEW_NAME),
    (Names.BOTH, Born.UNKNOWN, "rival", Verdict.SAME),
    (Names.UNKNOWN, Born.UNKNOWN, "", Verdict.SAME),
    (Names.UNKNOWN, Born.CONTRADICTS, "", Verdict.ANOTHER),
    (Names.FIRST, Born.UNKNOWN, "rival", Verdict.ANOTHER),
    (Names.FIRST, Born.CONTRADICTS, "contact", Verdict.ANOTHER),
    (Names.FIRST, Born.UNKNOWN, "", Verdict.NEW_NAME),
    (Names.LAST, Born.UNKNOWN, "contact", Verdict.ANOTHER),
    (Names.LAST, Born.AGREES, "", Verdict.NEW_NAME),
    (Names.NEITHER, Born.AGREES, "", Verdict.NEW_NAME),
    (Names.NEITHER, Born.AGREES, "new year", Verdict.ANOTHER),
    (Names.NEITHER, Born.AGREES, "new year contact", Verdict.NEW_NAME),
    (Names.NEITHER, Born.UNKNOWN, "other", Verdict.NEW_NAME),
    (Names.NEITHER, Born.TYPO, "contact", Verdict.ANOTHER),
]


@pytest.mark.parametrize(("names", "born", "besides", "expected"), _VERDICTS)
def test_the_first_line_that_fits_is_the_verdict(
    names: Names, born: Born, besides: str, expected: Verdict
) -> None:
    """The table of who the user of an ID is to the row."""
    evidence = Evidence(
        names,
        born,
        contact="contact" in besides,
        other_id="other" in besides,
        apart="apart" in besides,
        other_suffix="apart" in besides,
        new_year="new year" in besides,
    )
    assert verdict(evidence, rival="rival" in besides) is expected


@pytest.mark.parametrize(
    ("row", "live", "apart", "other_suffix"),
    [
        (("Ray", "Jarvis Jr.", "1980-01-02"), ("Ray", "Jarvis Sr", "1950-01-02"), True, True),
        (("Ray", "Jarvis Jr.", ""), ("Ray", "Jarvis III", ""), True, True),
        (("Ray", "Jarvis 2nd", ""), ("Ray", "Jarvis II", ""), False, False),
        (("Ray", "Jarvis Jr.", ""), ("Ray", "Jarvis", ""), False, True),
        (("Ray", "Jarvis", "1980-01-02"), ("Ray", "Jarvis", "1990-01-02"), True, False),
        (("Ray", "Jarvis", "1980-01-02"), ("Ray", "Jarvis", "1989-09-30"), False, False),
        (("Ray", "Jarvis PhD", ""), ("Ray", "Jarvis Jr", ""), False, True),
        (("Ray", "Jarvis", "1900-01-01"), ("Ray", "Jarvis", "1980-01-02"), False, False),
    ],
)
def test_father_and_son_are_ten_years_or_a_suffix_apart(
    row: tuple[str, str, str], live: tuple[str, str, str], *, apart: bool, other_suffix: bool
) -> None:
    """Their names agree, whatever the suffixes are; a suffix on one side only is a warning."""
    names = ("first_name", "last_name", "birth_date")
    values = {
        "primary_id": "1",
        **{name: text for name, text in zip(names, row, strict=True) if text},
    }
    fields = {name: text or None for name, text in zip(names, live, strict=True)}
    evidence = compare(person_of_row(draft(values)), person_of_user(user(**fields)), NOTHING)
    assert evidence.names is Names.BOTH
    assert (evidence.apart, evidence.other_suffix) == (apart, other_suffix)


def test_a_row_and_a_user_show_the_same_person() -> None:
    """Names, preferred names, birth date, contact data and all IDs are read from both."""
    row = draft(
        {
            "primary_id": "2900001",
            "first_name": "Ann",
            "middle_name": "Marie",
            "last_name": "Lee",
            "pref_first_name": "Mimi",
            "pref_name_suffix": "Jr.",
            "birth_date": "1990-03-01",
            "contact_info.email[0].email_address": "Ann@example.org",
            "contact_info.email[0].email_type": "personal",
            "user_identifier[0].value": "X77",
            "user_identifier[0].id_type": "OTHER",
        }
    )
    live = user(
        primary_id="2900001",
        first_name="Ann",
        middle_name="Marie",
        last_name="Lee",
        pref_first_name="Mimi",
        pref_name_suffix="Jr",
        birth_date="1990-03-01Z",
        contact_info={"email": [email("ann@example.org")]},
        user_identifier=[identifier("OTHER", "x77")],
    )
    assert person_of_row(row) == person_of_user(live)


def test_an_email_that_is_the_id_and_an_id_made_of_another_prove_nothing() -> None:
    """They come from one cell, so both are wrong if it is."""
    one = Person((("Ann", "Lee"),), "", frozenset({"email a@example.org"}))
    assert compare(one, one, NOTHING).contact
    row = draft(
        {
            "primary_id": "a@example.org",
            "last_name": "Lee",
            "contact_info.email[0].email_address": "A@example.org",
            "contact_info.email[0].email_type": "personal",
        }
    )
    assert not person_of_row(row).contacts
    two = Person((("Ann", "Lee"),), ids=frozenset({"0012345", "b0012345"}))
    assert not compare(two, two, NOTHING).other_id
    third = Person((("Ann", "Lee"),), ids=frozenset({"0012345", "2900001"}))
    assert compare(third, third, NOTHING).other_id


def test_a_rival_has_both_names_and_the_birth_date_or_an_email() -> None:
    """A phone number is not enough: families share it."""
    row = Person((("Ann", "Lee"),), "1990-03-01", frozenset({"email a@example.org", "phone 1"}))
    same_day = Person((("Ann", "Lee"),), "1990-03-01")
    same_phone = Person((("Ann", "Lee"),), "", frozenset({"phone 1"}))
    sister = Person((("Eva", "Lee"),), "1990-03-01", frozenset({"email a@example.org"}))
    assert [is_rival(row, one, NOTHING) for one in (same_day, same_phone, sister)] == [
        True,
        False,
        False,
    ]
