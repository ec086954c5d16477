"""The student system's load: XML files in a zip (contract section 5)."""

from __future__ import annotations

import zipfile
from itertools import islice
from typing import TYPE_CHECKING

from importer.model.fields import FIELDS
from importer.model.policy import AccountType
from importer.writer.output import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from importer.model.user import ContactInfo, User

USERS_PER_FILE = 10_000
FILES_PER_ZIP = 50
"""What Alma's load takes without trouble, as sites that use it report."""

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same roster gives the same bytes."""


def write_sis(users: Iterable[User], out: Path) -> tuple[int, tuple[Path, ...]]:
    """Write the load, without Internal entries; return the number of users and the zips.

    A load makes every entry that it holds External, and leaves a user's Internal entries as they
    are (contract section 5), so Internal ones stay out. One zip takes half a million users.
    Raises UsageError where a zip cannot be written or is there already.
    """
    from lxml import etree

    from importer.alma.xml import sis_element

    rest = iter(users)
    count = 0
    zips: list[Path] = []
    upcoming = next(rest, None)
    while upcoming is not None or not zips:
        path = out if not zips else out.with_name(f"{out.stem}-{len(zips) + 1}{out.suffix}")
        with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(1, FILES_PER_ZIP + 1):
                member = zipfile.ZipInfo(f"users-{number:02}.xml", STAMP)
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as raw, etree.xmlfile(raw, encoding="UTF-8") as xml:
                    xml.write_declaration()
                    with xml.element("users"):
                        for user in _file_of(upcoming, rest):
                            xml.write(sis_element(without_internal_entries(user)))
                            count += 1
                upcoming = next(rest, None)
                if upcoming is None:
                    break
        zips.append(path)
    return count, tuple(zips)


def without_internal_entries(user: User) -> User:
    """Return the user without the entries of lists that are Internal."""
    update: dict[str, object] = dict(_external_lists(user))
    if user.contact_info is not None:
        contacts = dict(_external_lists(user.contact_info))
        update["contact_info"] = user.contact_info.model_copy(update=contacts)
    return user.model_copy(update=update)


def _external_lists(part: User | ContactInfo) -> Iterator[tuple[str, object]]:
    internal = AccountType.INTERNAL.segment
    for name, value in part:
        if isinstance(value, tuple):
            yield name, tuple(e for e in value if getattr(e, "segment_type", None) != internal)


def _file_of(first: User | None, rest: Iterator[User]) -> Iterator[User]:
    if first is not None:
        yield first
        yield from islice(rest, USERS_PER_FILE - 1)


def cleared_fields(labels: Iterable[str]) -> tuple[str, ...]:
    """The fields that a load clears in Alma because the mapping does not speak of them.

    Absent fields are cleared unless they are sticky (contract section 5); of a list that is not
    spoken of at all, its External entries go.
    """
    spoken = {label.partition("[")[0] for label in labels}
    scalars = (
        field.path
        for field in FIELDS.values()
        if not field.parent and field.facts.sis and not field.facts.sticky
        and field.path not in spoken
    )  # fmt: skip
    lists = dict.fromkeys(
        field.parent
        for field in FIELDS.values()
        if field.parent and not field.facts.sticky and field.parent not in spoken
        and field.parent not in {"rs_library", "library_notice"}
    )  # fmt: skip
    return (*scalars, *lists)
