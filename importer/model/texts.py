"""A record as text: one field, or all that it says."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from importer.model.fields import LISTS, TYPE_FIELD
from importer.model.user import Coded, ContactInfo, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.model.user import User


def text(value: object) -> str:
    """A value of the record as candidates write it: ISO dates, `true` or `false`, bare codes.

    Several codes are joined by `+`; "" is blank, however the record says it.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case Coded():
            return value.value or ""
        case tuple():
            return "+".join(text(part) for part in value)
        case _:
            return str(value)


def fields_of(user: User) -> Iterator[tuple[str, str]]:
    """What a record says, by path; blank fields and flags that are not set are left out.

    The path of an entry's field names its type: `contact_info.email[work].email_address`.
    """
    yield from _said(user, "")
    for parent in LISTS:
        holder, _, name = parent.rpartition(".")
        owner = getattr(user, holder) if holder else user
        for part in (getattr(owner, name) if owner is not None else None) or ():
            kind = text(getattr(part, TYPE_FIELD[parent]))
            fields = tuple(_said(part, f"{parent}[{kind}].", TYPE_FIELD[parent]))
            yield from fields or ((parent, kind),)


def _said(part: Part, prefix: str, but: str = "") -> Iterator[tuple[str, str]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        parts = value if isinstance(value, tuple) else (value,)
        deeper = any(isinstance(one, Part) and not isinstance(one, Coded) for one in parts)
        if name == but or deeper or isinstance(value, ContactInfo) or value is False:
            continue
        if shown := text(value):
            yield prefix + name, shown
