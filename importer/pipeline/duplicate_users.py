"""Users of Alma who seem to be one person, as the user cache has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from importer.model.people import ADDRESS
from importer.model.user import DELETED, AccountType, ContactInfo, User
from importer.planner.borrowing import other_roles
from importer.planner.entries import current
from importer.planner.person import Person, are_one, person_of_user
from importer.planner.retiring import OURS
from importer.planner.who import agreement, managed_elsewhere
from importer.users.cache import UserCache, find_common, find_sharing
from importer.users.matching import user_keys

COLUMNS = (
    "primary_id", "first_name", "middle_name", "last_name", "birth_date", "user_group",
    "account_type", "expiry_date", "last_patron_activity_date", "emails", "phones", "roles",
)  # fmt: skip
"""What is shown of each of two users."""


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two users who seem to be one person, and how they agree.

    Alma's Merge Users moves everything from `removed` to `kept`, and deletes `removed`. `obstacle`:
    why the two cannot be merged, "" if they can.
    """

    removed: User
    kept: User
    agreement: str
    obstacle: str

    @property
    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values of COLUMNS of both."""
        return _texts(self.removed), _texts(self.kept)


def find_pairs(cache: UserCache) -> Iterator[DuplicatePair]:
    """Yield the pairs of users who seem to be one person, as the evidence about people has it.

    Users that Alma has deleted are left out.
    """
    common, known = find_common(cache), dict[str, tuple[Person, frozenset[str]]]()

    def person(user: User) -> tuple[Person, frozenset[str]]:
        key = user.primary_id or ""
        if key not in known:
            known[key] = person_of_user(user), user_keys(user).of(ADDRESS)
        return known[key]

    for one, other in find_sharing(cache):
        (ours, here), (theirs, there) = person(one), person(other)
        evidence = are_one(ours, theirs, common, address=bool(here & there))
        deleted = any(current(user, "status").upper() == DELETED for user in (one, other))
        if evidence is not None and not deleted:
            removed, kept = sorted((one, other), key=_stays)
            yield DuplicatePair(removed, kept, agreement(evidence), _obstacle(removed, kept))


def _stays(user: User) -> tuple[bool, bool, str, str]:
    """Return a key by which the user who should stay comes last.

    Alma merges nobody with another role than Patron into somebody else, and the external system
    loads an External user again.
    """
    external = current(user, "account_type") == AccountType.EXTERNAL
    activity, expires = (
        current(user, name) for name in ("last_patron_activity_date", "expiry_date")
    )
    return bool(other_roles(user)), external, activity, expires


def _obstacle(removed: User, kept: User) -> str:
    for which, user in (("first", removed), ("second", kept)):
        if why := managed_elsewhere(user, OURS):
            return f"the {which} {why}"
    return "both have staff roles" if other_roles(removed) else ""


def _texts(user: User) -> tuple[str, ...]:
    contact = user.contact_info or ContactInfo()
    return (
        *(current(user, name) for name in COLUMNS[:-3]),
        ", ".join(email.email_address or "" for email in contact.email or ()),
        ", ".join(phone.phone_number or "" for phone in contact.phone or ()),
        ", ".join(dict.fromkeys(other_roles(user))),
    )
