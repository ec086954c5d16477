"""Names of fields and parts of a record in words, in place of Alma's paths."""

from __future__ import annotations

import re

from importer.model.fields import LISTS

_FIELDS = {
    "primary_id": "Primary ID",
    "external_id": "External system",
    "pin_number": "PIN",
    "campus_code": "Campus",
    "user_title": "Title",
    "web_site_url": "Website",
    "expiry_date": "Expiration date",
    "pref_first_name": "Preferred first name",
    "pref_middle_name": "Preferred middle name",
    "pref_last_name": "Preferred last name",
    "pref_name_suffix": "Name suffix",
}
_LISTS = {"user_statistic": "statistical category", "rs_library": "resource-sharing library"}
"""Names of an entry that are not the list's own."""
_MAIN = {"email_address", "phone_number", "value", "note_text", "statistic_category", "code"}
"""Fields of a list's entry that are called as the entry itself."""

_PATH = re.compile(r"(?P<of>[^\[\]]+?)(?:\[(?P<kind>[^\]]*)\]\.?(?P<field>\w*))?")


def field_name(path: str) -> str:
    """Return a field in words, without Alma's names.

    `last_name`: Last name. `contact_info.address[home].line1`: Home address, line 1.
    `user_identifier[BARCODE]`: Identifier (BARCODE). `contact_info.email[1].email_address`:
    Email 2, as positions count from 0.
    """
    found = _PATH.fullmatch(path)
    if found is None or found["kind"] is None:
        return _FIELDS.get(path) or _words(path.rpartition(".")[2])
    kind, name = found["kind"], _entry_name(found["of"])
    if kind.isdigit():
        name += f" {int(kind) + 1}" if int(kind) else ""
    elif found["of"].startswith("contact_info.") and kind:
        name = f"{kind.replace('+', ' and ').replace('_', ' ')} {name}"
    elif kind:
        name += f" ({kind})"
    if found["field"] and found["field"] not in _MAIN:
        name += f", {_words(found['field']).lower()}"
    return name[:1].upper() + name[1:]


def part_name(path: str) -> str:
    """Return the part of a record in words: `Email` for `contact_info.email[work]`."""
    head, is_entry, _ = path.partition("[")
    return _words(_entry_name(head)) if is_entry or head in LISTS else field_name(path)


def _entry_name(path: str) -> str:
    own = path.removeprefix("contact_info.").removeprefix("user_").replace("_", " ")
    return _LISTS.get(path) or own


def _words(name: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[0-9])", " ", name.replace("_", " "))
    return words[:1].upper() + words[1:]
