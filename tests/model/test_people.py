"""When two records may be of one person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model.people import PersonKeys, may_be_same, person_keys

BORN = "1990-03-01"
NAMES = st.sampled_from(
    ["Ana", "Debbie", "Deborah", "Wei", "Zhang", "O'Brien", "José Luis", "J.", "Núñez-Ortega", ""]
)
DATES = st.sampled_from(["", BORN, "1990-03-02", "1975-11-30"])
EMAILS = st.lists(st.sampled_from(["a@example.org", "b@example.org"]), max_size=2)


@pytest.mark.parametrize(
    ("one", "other", "emails", "same"),
    [
        (("Debbie", "Field"), ("Deborah", "Field"), [], True),
        (("Deborah A.", "Field"), ("Deborah", "Field"), [], True),
        (("William T.", "Smith"), ("Bill", "Smith"), [], True),
        (("Sean", "O'Brien"), ("Sean", "OBrien"), [], True),
        (("Ana", "Núñez-Ortega"), ("Ana", "Nunez Ortega"), [], True),
        (("Wei", "Zhang"), ("Zhang", "Wei"), [], True),
        (("Anna", "Lee"), ("Anna", "Park"), ["a@example.org"], True),
        (("Anna", "Lee"), ("Anna", "Park"), [], False),
        (("Anna", "Lee"), ("Peter", "Lee"), ["a@example.org"], False),
        (("", ""), ("", ""), [], False),
    ],
)
def test_names_as_people_write_them(
    one: tuple[str, str],
    other: tuple[str, str],
    emails: list[str],
    same: bool,  # noqa: FBT001
) -> None:
    """With one birth date: nicknames, initials, punctuation, order, and marriages with an email."""
    left, right = (person_keys(*name, born=BORN, emails=emails) for name in (one, other))
    assert may_be_same(left, right) is same


def test_nothing_in_common_is_not_enough() -> None:
    """A name alone makes nobody the same person."""
    assert not may_be_same(person_keys("Ana", "Ruiz"), person_keys("Ana", "Ruiz"))
    conflict = [
        person_keys(first, "Field", born=born, emails=["a@example.org"])
        for first, born in (("Debbie", BORN), ("Deborah", "1975-11-30"))
    ]
    assert not may_be_same(*conflict)


def people() -> st.SearchStrategy[PersonKeys]:
    """People of few names, birth dates and emails, so that they meet."""
    return st.builds(
        lambda first, last, born, emails: person_keys(first, last, born=born, emails=emails),
        NAMES, NAMES, DATES, EMAILS,
    )  # fmt: skip


@given(people(), people())
def test_it_is_the_same_both_ways(one: PersonKeys, other: PersonKeys) -> None:
    """Whichever record is the roster's, the answer is one."""
    assert may_be_same(one, other) == may_be_same(other, one)


@given(NAMES, NAMES, DATES, EMAILS)
def test_writing_does_not_matter(first: str, last: str, born: str, emails: list[str]) -> None:
    """Capitals and hyphens change nothing, and the person is the same as itself."""
    plain = person_keys(first, last, born=born, emails=emails)
    loud = person_keys(first.upper(), last.replace("-", " "), born=born, emails=emails)
    assert plain == loud
    assert may_be_same(plain, loud) == bool(plain.traits and any(plain.name))
