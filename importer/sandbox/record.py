"""A user as the practice Alma keeps it, and the table of its fields, `record.toml`.

A `Record` contains fields by Alma's names and nothing that was not given: text (codes and ISO dates
too), booleans, lists of codes (`address_type`) and lists of further records (`address`, ...). An
absent key and an empty value mean the same. The contact lists are kept beside the other lists;
`contact_info` exists in JSON and XML only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter

Value: TypeAlias = "str | bool | list[str] | list[Record]"
Record: TypeAlias = "dict[str, Value]"
Json: TypeAlias = "str | bool | int | float | Mapping[str, Json] | Sequence[Json] | None"

INTERNAL = "INTERNAL"
EXTERNAL = "EXTERNAL"


class Field(BaseModel):
    """One field; `record.toml` explains the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "code", "codes", "date", "time", "bool"] = "text"
    length: int = 255
    table: str = ""
    type: str = ""
    empty: Literal["blank", "null", "null-value", "absent"] = "blank"
    attribute: bool = False
    required: bool = False
    output: bool = False
    sticky: bool = False
    single: bool = False


class Part(BaseModel):
    """A user, or a list of entries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[str, Field]
    parts: dict[str, Part] = {}
    wrapper: str = ""
    key: str = ""
    contact: bool = False
    segmented: bool = True
    sticky: bool = False
    absent: bool = False

    def model_post_init(self, _context: object) -> None:
        """Give the entries of segmented lists their class."""
        if self.segmented:
            self.fields["segment_type"] = Field(length=10, empty="absent", attribute=True)


def _load() -> Part:
    text = Path(__file__).with_name("record.toml").read_text("utf-8")
    parts = TypeAdapter(dict[str, Part]).validate_python(tomllib.loads(text))
    user = parts.pop("user")
    return user.model_copy(update={"parts": parts})


USER = _load()
SEGMENTED = tuple(name for name, part in USER.parts.items() if part.segmented)
OUTPUT_ONLY = tuple(name for name, field in USER.fields.items() if field.output)
# Name in `override` → field.
STICKY = {
    **{name: name for name, field in USER.fields.items() if field.sticky},
    **{part.wrapper: name for name, part in USER.parts.items() if part.sticky},
}


def text(record: Record, name: str) -> str:
    """Return the text, code or date of a field; blank if there is none."""
    value = record.get(name, "")
    return value if isinstance(value, str) else ""


def flag(record: Record, name: str) -> bool:
    """Return whether a boolean field is set."""
    return record.get(name) is True


def codes(record: Record, name: str) -> list[str]:
    """Return the code of a field, or the codes of a list such as `address_type`."""
    value = record.get(name, [])
    listed = value if isinstance(value, list) else [value]
    return [entry for entry in listed if entry and isinstance(entry, str)]


def entries(record: Record, name: str) -> list[Record]:
    """Return the entries of a list such as `user_identifier`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def all_entries(record: Record) -> Iterator[tuple[str, Part, Record]]:
    """Yield the name, the description and each entry of each list."""
    for name, part in USER.parts.items():
        for entry in entries(record, name):
            yield name, part, entry


def full_name(record: Record) -> str:
    """Return first, middle and last name; Alma shows at most 600 characters."""
    names = (text(record, name) for name in ("first_name", "middle_name", "last_name"))
    return " ".join(name for name in names if name)[:600]


def timestamp(moment: datetime) -> str:
    """Return a moment as Alma prints it, such as 2026-08-20T09:30:00.000Z."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"
