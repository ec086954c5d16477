"""Who may do what on the page of a department: roles by group, and four eyes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from importer.errors import UsageError
from importer.settings import FOUR_EYES, ROLES


class Role(IntEnum):
    """What somebody may do; each role may do what the ones before it may."""

    NOBODY = 0
    VIEWER = 1
    PREPARER = 2
    APPROVER = 3


ROLE_WORDS = {
    Role.VIEWER: "sees every load",
    Role.PREPARER: "corrects, maps, decides, plans, pauses",
    Role.APPROVER: "approves loads, changes the key and the region, allows held loads of jobs",
}


@dataclass(frozen=True, slots=True)
class Access:
    """The groups of each role; without any, everybody whom the reverse proxy names approves.

    `four_eyes`: nobody approves what they prepared.
    """

    groups: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    four_eyes: bool = False

    @classmethod
    def of(cls, roles: str, *, four_eyes: bool) -> Access:
        """Read `viewer=staff; preparer=circ, acq; approver=systems`. Raises UsageError."""
        found: dict[Role, tuple[str, ...]] = {}
        for part in filter(str.strip, roles.split(";")):
            name, equal, texts = part.partition("=")
            role = next((one for one in ROLE_WORDS if one.name == name.strip().upper()), None)
            names = split_groups([texts])
            if role is None or not equal or not names or role in found:
                msg = (
                    f"{ROLES} cannot be read at “{part.strip()}”. Write each role once with its "
                    "groups: viewer=staff; preparer=circulation, acquisitions; approver=systems"
                )
                raise UsageError(msg)
            found[role] = names
        if found and Role.APPROVER not in found:
            msg = f"{ROLES} names no approver, so nobody could approve a load."
            raise UsageError(msg)
        return cls(found, four_eyes)

    def __bool__(self) -> bool:
        """Whether not everybody may do everything."""
        return bool(self.groups) or self.four_eyes

    def role(self, groups: Iterable[str]) -> Role:
        """Return the highest role of somebody in these groups."""
        if not self.groups:
            return Role.APPROVER
        wanted = {*groups}
        return max(
            (role for role, names in self.groups.items() if wanted & {*names}),
            default=Role.NOBODY,
        )

    def forbids(self, person: str, prepared_by: Iterable[str]) -> bool:
        """Return whether somebody prepared what they would approve."""
        return self.four_eyes and any(_is_same(person, one) for one in prepared_by)


def split_groups(headers: Iterable[str]) -> tuple[str, ...]:
    """Return the groups in the values of a header, which commas or semicolons separate."""
    names = (one.strip() for text in headers for one in text.replace(";", ",").split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def _is_same(person: str, other: str) -> bool:
    """Return whether two names are of one person; a run has the computer too, as `ana@desk`."""
    person, other = person.casefold(), other.casefold()
    return other == person or other.rpartition("@")[0] == person


def access_rules(roles: str, *, four_eyes: bool, proxied: bool) -> Access:
    """Return the rules of this page. Raises UsageError where nothing could hold them."""
    access = Access.of(roles, four_eyes=four_eyes)
    if access and not proxied:
        msg = (
            f"{ROLES} and {FOUR_EYES} are for a page behind a web server that says who asks. "
            "Start `importer web` with --socket, or delete the settings."
        )
        raise UsageError(msg)
    return access
