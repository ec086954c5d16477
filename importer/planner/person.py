"""Whether a user of Alma is the person of a row: evidence, and the verdict from it.

A row names its user by an ID, and IDs are mistyped, lost, passed on and swapped. So whoever an ID
finds is compared with the row by everything that both have. What is blank, not mapped or a filler
on either side is no evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from rapidfuzz.distance import OSA

from importer.model.candidates import NAMES
from importer.model.people import (
    EMAIL,
    NOT_COMPARED,
    PHONE,
    Common,
    PersonKeys,
    are_nicknames,
    email_trait,
    is_suffix,
    phone_trait,
)
from importer.model.text import folded, is_slip
from importer.model.user import ContactInfo, User
from importer.planner.drafts import DraftUser


class Names(StrEnum):
    """Which of two people's names agree."""

    BOTH = "both"  # or the only one that can be compared
    FIRST = "first"
    LAST = "last"
    NEITHER = "neither"
    UNKNOWN = "unknown"  # nothing can be compared


class Born(StrEnum):
    """How two birth dates compare."""

    AGREES = "agrees"
    TYPO = "typo"  # one digit, one day, or day and month exchanged, in one decade: no evidence
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Who a user is to a row that has one of the user's IDs."""

    SAME = "same"
    NEW_NAME = "new name"  # the same person under another name
    ANOTHER = "another"


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a person. Blank: not known.

    `names`: pairs of a first and a last name that the person goes by. `born`: ISO. `contacts`:
    emails and phone numbers as traits (see `model.people`). `ids`: without case. `suffixes`: such
    as Jr., folded.
    """

    names: tuple[tuple[str, str], ...]
    born: str = ""
    contacts: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a row and a user compare. `contact`: an email or phone agrees; `other_id`: a second ID.

    `apart`: ten years or two suffixes are between them, as between father and son, who share email
    and phone. `other_suffix`: the suffixes differ, perhaps because one of them has none.
    `new_year`: the birth date that agrees is a January 1, which is often made up.
    """

    names: Names
    born: Born
    contact: bool
    other_id: bool
    apart: bool
    other_suffix: bool
    new_year: bool


def person_of_row(draft: DraftUser) -> Person:
    """Return what a row contains about its person."""
    get = draft.values.get
    values = [get(name, "") for name in NAMES]
    contacts = [
        *(email_trait(email) for email in draft.emails),
        *(phone_trait(item.values["phone_number"]) for item in draft.entries("contact_info.phone")),
    ]
    born = get("birth_date", "")
    return _person(values, get("pref_name_suffix", ""), born, contacts, draft.ids)


def person_of_user(user: User) -> Person:
    """Return what Alma has about a user, with all of the user's IDs."""
    contact = user.contact_info or ContactInfo()
    contacts = [
        *(email_trait(email.email_address or "") for email in contact.email or ()),
        *(phone_trait(phone.phone_number or "") for phone in contact.phone or ()),
    ]
    born = user.birth_date.isoformat() if user.birth_date else ""
    ids = [
        user.primary_id or "",
        *(identifier.value or "" for identifier in user.user_identifier or ()),
    ]
    names = [getattr(user, name) or "" for name in NAMES]
    return _person(names, user.pref_name_suffix or "", born, contacts, ids)


def _person(
    values: Sequence[str], suffix: str, born: str, contacts: Iterable[str], ids: Iterable[str]
) -> Person:
    first, middle, last, preferred, preferred_middle, preferred_last = values
    words = [*" ".join(values).split()[1:], suffix]
    suffixes = frozenset(
        _GENERATIONS[small]
        for word in words
        if is_suffix(word, after_comma=False) and (small := folded(word)) in _GENERATIONS
    )
    names = [(f"{first} {middle}".strip(), last)]
    if preferred or preferred_last:
        names.append((f"{preferred} {preferred_middle}".strip() or first, preferred_last or last))
    keys = frozenset(value.casefold() for value in ids if value)
    of_ids = {email_trait(key) for key in keys}  # an email that is the ID says nothing more
    return Person(tuple(names), born, frozenset(contacts) - of_ids - {""}, keys, suffixes)


def compare(row: Person, user: Person, common: Common) -> Evidence:
    """Return the evidence whether a user is the person of a row."""
    born = _compare_births(row.born, user.born, common.born)
    shared = row.contacts & user.contacts
    suffixes = row.suffixes, user.suffixes
    decades = born is Born.CONTRADICTS and _are_far_apart(row.born, user.born)
    return Evidence(
        max((compare_names(name, other) for name in row.names for other in user.names), key=_rank),
        born,
        bool(shared - common.contacts),
        _independent(row.ids & user.ids),
        decades or (all(suffixes) and row.suffixes.isdisjoint(user.suffixes)),
        row.suffixes != user.suffixes,
        born is Born.AGREES and row.born.endswith("-01-01"),
    )


def person_of_keys(keys: PersonKeys) -> Person:
    """Return what is known of a user whose record was not read."""
    return Person(((keys.first, keys.last),), keys.born, keys.of(EMAIL) | keys.of(PHONE))


def agrees(row: Person, user: Person, common: Common) -> bool:
    """Return whether a user whom no ID of a row finds may be its person, so is not missing.

    The names agree and one thing more; the names alone where neither birth dates nor emails and
    phones can be compared. A first name and an email or phone agree: the last name may be new. The
    names differ by two transposed letters, and the birth dates do not contradict.
    """
    evidence = compare(row, user, common)
    if evidence.contact and evidence.names in {Names.BOTH, Names.FIRST}:
        return True
    if evidence.born is Born.CONTRADICTS:
        return False
    alone = evidence.born is not Born.AGREES and not (row.contacts and user.contacts)
    both = evidence.names is Names.BOTH and (evidence.born is Born.AGREES or alone)
    return both or any(_are_transposed(name, other) for name in row.names for other in user.names)


def _are_transposed(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two people's names differ by nothing but two letters in the wrong order."""
    ours, theirs = ("\n".join("".join(_words(part)) for part in name) for name in (one, other))
    return sorted(ours) == sorted(theirs) and OSA.distance(ours, theirs) == 1


def is_rival(row: Person, other: Person, common: Common) -> bool:
    """Return whether another user fits a row so well that its ID may be mistyped.

    Both names agree, and the birth date or an email does.
    """
    evidence = compare(row, other, common)
    return evidence.names is Names.BOTH and (
        evidence.born is Born.AGREES or _share_email(row, other, common)
    )


def _share_email(one: Person, other: Person, common: Common) -> bool:
    shared = one.contacts & other.contacts - common.contacts
    return any(contact.startswith(f"{EMAIL} ") for contact in shared)


def are_one(one: Person, other: Person, common: Common, *, address: bool) -> Evidence | None:
    """Return the evidence that two users of Alma are one person; None if they are not.

    `address`: they share one. A father and a son share all but the birth date and a suffix,
    siblings born on one day all but the first name, which may differ by one letter. A new last name
    needs the birth date and something else.
    """
    born = _compare_births(one.born, other.born, common.born)
    if born is Born.CONTRADICTS or (born is not Born.AGREES and one.suffixes != other.suffixes):
        return None
    evidence = compare(one, other, common)
    close = evidence.contact or address
    match evidence.names, born:
        case Names.BOTH, Born.AGREES:
            agree = _share_first_name(one, other) or _share_email(one, other, common)
        case Names.FIRST, Born.AGREES:
            agree = close and _share_first_name(one, other)
        case Names.BOTH, Born.TYPO:
            agree = close
        case Names.BOTH, _:
            agree = evidence.contact
        case _:
            agree = False
    return evidence if agree else None


def _share_first_name(one: Person, other: Person) -> bool:
    """Return whether a first name of one is a name of the other, or its nickname or initial."""
    ours = {word for first, _ in one.names for word in _words(first)}
    theirs = {word for name in other.names for part in name for word in _words(part)}
    return any(
        word == name
        or are_nicknames(word, name)
        or (min(len(word), len(name)) == 1 and word[0] == name[0])
        for word in ours
        for name in theirs
    )


def verdict(evidence: Evidence, *, rival: bool) -> Verdict:
    """Return who a user that a row's ID finds is to the row: the first line that fits.

    `rival`: another user fits the row by name and birth date or email.
    """
    contradicts = evidence.born is Born.CONTRADICTS
    if evidence.names in {Names.BOTH, Names.UNKNOWN}:
        outweighed = evidence.other_id or (evidence.contact and not evidence.apart)
        differs = (contradicts or evidence.apart) and not outweighed
        return Verdict.ANOTHER if differs else Verdict.SAME
    if rival or contradicts:
        return Verdict.ANOTHER
    proves = evidence.born is Born.AGREES and (
        evidence.names is not Names.NEITHER or not evidence.new_year or evidence.contact
    )
    is_one = evidence.other_id or proves or evidence.names is Names.FIRST
    return Verdict.NEW_NAME if is_one else Verdict.ANOTHER


def is_doubtful(evidence: Evidence) -> bool:
    """Return whether the birth date differs, or a name that neither it nor another ID explains.

    A suffix is part of the name.
    """
    if evidence.born in {Born.TYPO, Born.CONTRADICTS}:
        return True
    explained = evidence.other_id or evidence.born is Born.AGREES
    same_name = evidence.names in {Names.BOTH, Names.UNKNOWN} and not evidence.other_suffix
    return not (same_name or explained)


def judge(
    row: Person, user: Person, others: Iterable[Person], common: Common
) -> tuple[Evidence, Verdict]:
    """Return how a user whom an ID of a row finds compares with it, and who the user is to it.

    `others`: everybody else who may be the row's person.
    """
    evidence = compare(row, user, common)
    return evidence, verdict(evidence, rival=any(is_rival(row, other, common) for other in others))


def is_still(before: Iterable[User], live: User, common: Common) -> bool:
    """Return whether a user is the person of one of these records, which had the same ID before.

    An ID may have been given to somebody else since. Whom a plan would ask about is not.
    """
    person = person_of_user(live)
    every = (judge(person_of_user(user), person, (), common) for user in before)
    return any(result is not Verdict.ANOTHER for _, result in every)


# birth dates

_FILLERS = frozenset({"1900-01-01", "1901-01-01", "1899-12-30", "1899-12-31", "1800-01-01"})
"""Birth dates that stand for an unknown one."""


def _compare_births(one: str, other: str, common: Collection[str]) -> Born:
    if not one or not other or {one, other} & _FILLERS:
        return Born.UNKNOWN
    if one == other:
        return Born.UNKNOWN if one in common else Born.AGREES
    return Born.TYPO if _is_typo(one, other) else Born.CONTRADICTS


def _are_far_apart(one: str, other: str) -> bool:
    """Return whether ten years or more are between the years of two ISO days."""
    return abs(int(one[:4]) - int(other[:4])) >= _A_DECADE


_A_DECADE = 10


def _is_typo(one: str, other: str) -> bool:
    """Return whether two days differ by a digit or a day, or by day and month exchanged.

    Not if ten years are between them: so a father and a son may differ. It decides who is updated,
    so it is narrower than the error that `may_be_same` allows, which only asks people to look.
    """
    if _are_far_apart(one, other):
        return False
    if sum(a != b for a, b in zip(one, other, strict=True)) == 1:
        return True
    ours, theirs = date.fromisoformat(one), date.fromisoformat(other)
    exchanged = (ours.year, ours.month, ours.day) == (theirs.year, theirs.day, theirs.month)
    return exchanged or abs((ours - theirs).days) == 1


# IDs

_SHORTEST_ID = 4


def _independent(shared: Collection[str]) -> bool:
    """Return whether two of the IDs that a row and a user share were not made from each other."""
    cores = sorted((_core(value) for value in shared), key=len)
    return any(
        core not in other for place, core in enumerate(cores) for other in cores[place + 1 :]
    )


def _core(value: str) -> str:
    """Return an ID without the letters, zeros and domain that make another one of it."""
    digits = re.sub("[^0-9]", "", value).lstrip("0")
    return digits if len(digits) >= _SHORTEST_ID else value.partition("@")[0]


# names

_UNNAMED = frozenset({"fnu", "lnu", "nfn", "nln", "unknown", "na", "none", "noname", "nn", ""})
"""Folded texts in place of a name that is not known; `-` is blank when folded."""

_GENERATIONS = {"jr": "jr", "sr": "sr", "ii": "ii", "iii": "iii", "iv": "iv"} | {
    "2nd": "ii", "3rd": "iii", "4th": "iv"
}  # fmt: skip
"""Suffixes, folded, by which members of a family with one name differ."""
_APART = re.compile(r"[\s\-‐‑–.,/]+")

_ORDER = (Names.UNKNOWN, Names.NEITHER, Names.LAST, Names.FIRST, Names.BOTH)
_rank = _ORDER.index


def compare_names(one: tuple[str, str], other: tuple[str, str]) -> Names:
    """Return which of the first and last names of two people agree, in either order."""
    exchanged = (agree(one[0], other[1]), agree(one[1], other[0]))
    if all(exchanged):
        return Names.BOTH
    match agree(one[0], other[0]), agree(one[1], other[1]):
        case None, None:
            return Names.UNKNOWN
        case (True, True) | (True, None) | (None, True):
            return Names.BOTH
        case True, False:
            return Names.FIRST
        case False, True:
            return Names.LAST
        case _:
            return Names.NEITHER


@lru_cache(maxsize=65_536)
def agree(one: str, other: str) -> bool | None:
    """Return whether two names of a kind agree; None if there is nothing to compare.

    They are equal without case, accents, apostrophes and particles, all words of one are in the
    other, or one is an initial or a nickname, or differs by one typing error. The initial of a
    middle name is nobody's whole name: Mary J. is not Jane. Names in two scripts cannot be
    compared.
    """
    ours, theirs = _words(one), _words(other)
    if not ours or not theirs or not _scripts(ours) & _scripts(theirs):
        return None
    if "".join(ours) == "".join(theirs) or folded(one) == folded(other):
        return True
    short, long = sorted((ours, theirs), key=len)
    alone, names_it = list(long), _word_agrees(short[0], long[0])
    for word in short:
        fitting = next((other for other in alone if _word_agrees(word, other)), None)
        if fitting is None:
            return is_slip("".join(ours), "".join(theirs))
        names_it = names_it or min(len(word), len(fitting)) > 1
        alone.remove(fitting)
    return names_it


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name, folded, without particles and suffixes.

    With them if only initials are left.
    """
    if folded(name) in _UNNAMED:
        return ()
    words = [word for part in _APART.split(name) if (word := folded(part)) not in _UNNAMED]
    others = [word for word in words if word not in NOT_COMPARED | _GENERATIONS.keys()]
    return tuple(others if any(len(word) > 1 for word in others) else words)


def _word_agrees(one: str, other: str) -> bool:
    if one == other or are_nicknames(one, other):
        return True
    short, long = sorted((one, other), key=len)
    return long.startswith(short) if len(short) == 1 else is_slip(one, other)


def _scripts(words: Iterable[str]) -> set[str]:
    names = (
        "LATIN" if word.isascii() else unicodedata.name(letter, "")
        for word in words
        for letter in word
    )
    return {name.partition(" ")[0] for name in names}
