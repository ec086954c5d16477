"""A user as the sandbox keeps it: fields by Alma's own names, and nothing that was not given.

A `Record` holds text (codes and ISO dates too), booleans, lists of codes (`address_type`) and
lists of further records (`address`, `user_identifier`, ...). The contact lists lie flat beside the
others; `contact_info` exists on the wire only. An absent key and an empty value mean the same.
"""

from __future__ import annotations

from typing import TypeAlias

Value: TypeAlias = "str | bool | list[str] | list[Record]"
Record: TypeAlias = "dict[str, Value]"

INTERNAL = "INTERNAL"
EXTERNAL = "EXTERNAL"


def text(record: Record, name: str) -> str:
    """The text, code or date of a field; blank if there is none."""
    value = record.get(name, "")
    return value if isinstance(value, str) else ""


def flag(record: Record, name: str) -> bool:
    """Whether a boolean field is set."""
    return record.get(name) is True


def codes(record: Record, name: str) -> list[str]:
    """The codes of a list such as `address_type`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def entries(record: Record, name: str) -> list[Record]:
    """The entries of a list such as `user_identifier`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def full_name(record: Record) -> str:
    """First, middle and last name; Alma shows 600 characters of it at most."""
    names = (text(record, name) for name in ("first_name", "middle_name", "last_name"))
    return " ".join(name for name in names if name)[:600]
