"""Records as XML in a zip for Alma's SIS load (contract 1.3, section 5).

Alma's XML is its JSON with lists wrapped in a plural (`user_identifiers/user_identifier`), codes as
text with a `desc`, and a few keys as attributes. So the model itself decides how a record is
written. XML has no blanks: a field without a value is left out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from functools import cache
from itertools import chain, islice
from pathlib import Path

from lxml import etree

from importer.errors import UsageError
from importer.files import new_file
from importer.model.fields import FIELDS, text
from importer.model.user import Coded, RecordPart, User
from importer.planner.sis_load import external_part

USERS_PER_FILE = 10_000
FILES_PER_ZIP = 50
"""What Alma's load accepts without trouble, as libraries that use it report."""

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip, so that the same roster gives the same bytes."""

ATTRIBUTES = frozenset({"preferred", "preferred_sms"})
"""The keys that are attributes in XML; a load takes no `segment_type`."""

REQUIRED_WRAPPERS = frozenset({"address_type", "email_type", "phone_type"})
"""The lists whose wrapper the schema requires, even if it is empty."""

REQUIRED_FLAGS = ("user_viewable", "popup_note")
"""What the schema requires of a note; false where it is not set."""


def write_sis_zip(users: Iterable[User], out: Path) -> tuple[Path, ...]:
    """Write the load, without Internal entries; return the zips.

    A load makes every entry in it External, and leaves a user's Internal entries as they are
    (contract section 5), so Internal ones stay out. One zip takes half a million users. Raises
    UsageError if a zip cannot be written or exists already.
    """
    rest = iter(users)
    zips: list[Path] = []
    upcoming = [*islice(rest, 1)]
    while upcoming or not zips:
        path = out if not zips else out.with_name(f"{out.stem}-{len(zips) + 1}{out.suffix}")
        with (
            new_file(path, private=True, option="-o") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for number in range(1, FILES_PER_ZIP + 1):
                member = zipfile.ZipInfo(f"users-{number:02}.xml", STAMP)
                member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as raw, etree.xmlfile(raw, encoding="UTF-8") as xml:
                    xml.write_declaration()
                    with xml.element("users"):
                        for user in islice(chain(upcoming, rest), USERS_PER_FILE):
                            xml.write(user_element(external_part(user)))
                upcoming = [*islice(rest, 1)]
                if not upcoming:
                    break
        zips.append(path)
    return tuple(zips)


def user_element(user: User) -> etree._Element:
    """Return the record as a `user` element of a load.

    It leaves out what the load takes from its profile or not at all: record and account type,
    external system, password, roles, segments, and what Alma only reports. Raises UsageError where
    a text contains a character that XML cannot carry.
    """
    try:
        return _part("user", user, "")
    except ValueError:
        msg = "A value contains a character that XML cannot carry. Type the value again."
        raise UsageError(msg) from None


def _part(tag: str, part: RecordPart, path: str) -> etree._Element:
    """Return an element of a part's fields, in the model's order, which is that of the schema."""
    element = etree.Element(tag)
    for name, value in part:
        if name in ATTRIBUTES and text(value):
            element.set(name, text(value))
        elif name not in ATTRIBUTES and _is_loaded(f"{path}{name}"):
            element.extend(_elements(name, value, path))
    return element


def _elements(name: str, value: object, path: str) -> list[etree._Element]:
    """Return the elements of one field: one, or none if it has no value."""
    if isinstance(value, tuple) or (name in REQUIRED_WRAPPERS and value is None):
        wrapper = etree.Element(_plural(name))
        for entry in value or ():
            wrapper.extend(_elements(name, entry, path))
        return [wrapper] if len(wrapper) or name in REQUIRED_WRAPPERS else []
    if isinstance(value, RecordPart) and not isinstance(value, Coded):
        element = _part(name, value, f"{path}{name}.")
        return [element] if len(element) or element.attrib else []
    leaf = etree.Element(name)
    leaf.text = text(value) or ("false" if name in REQUIRED_FLAGS else "")
    if isinstance(value, Coded) and value.desc:
        leaf.set("desc", value.desc)
    return [leaf] if leaf.text else []


_KEPT = frozenset(
    {
        "user_note.note_owner",
        "user_block.block_owner",
        "user_block.expiry_date",
        "user_statistic.statistic_owner",
    }
)
"""What no mapping sets and a load would clear in an entry that Alma has."""


@cache
def _is_loaded(path: str) -> bool:
    return path in {"contact_info", *_KEPT} or any(
        field.facts.sis for field in FIELDS.values() if path in {field.path, field.parent}
    )


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}{'es' if name[-1] == 's' else 's'}"
