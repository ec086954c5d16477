"""A profile of Ex Libris' CSV User Loader as a mapping.

The loader counts list entries by the position of their columns, so a blank cell moves the next
one; here each column has its entry. It replaces whole lists on update; here an update changes
what is mapped. Its profiles say nothing about how dates are typed, so that is left to be said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from importer.errors import MappingError
from importer.mapper.todo import TO_CHOOSE
from importer.mapper.wording import nearest
from importer.mapper.yamltext import cell, constant, remark, scalar
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, LISTS, Shape
from importer.model.user import Reach


class ProfileField(BaseModel):
    """One line of a profile: a column, what stands for it where it is blank, and the field."""

    header: str | None = None
    default: str | None = None
    name: str = Field(alias="fieldName")

    @property
    def path(self) -> str:
        """The field's path in our catalogue, if it is there."""
        path = self.name.replace("[]", "")
        short = path.removesuffix(".value")
        return short if path not in FIELDS and short in FIELDS else path


class Profile(BaseModel):
    """A profile as the loader exports it."""

    name: str
    account_type: Literal["INTERNAL", "EXTERNAL"] = Field(alias="accountType")
    kind: Literal["ADD", "UPDATE", "ENRICH", "DELETE"] = Field(alias="profileType")
    fields: tuple[ProfileField, ...]


_MATCH = {
    "ADD": "{new: create, known: skip}",
    "UPDATE": "{new: create, known: update}",
    "ENRICH": "{new: reject, known: update}",
}
_TOP = frozenset({"account_type", "record_type", "external_id"})


def to_mapping(content: bytes, chosen: str = "") -> str:
    """The mapping text of a profile, or of the one that is `chosen` by its name.

    Raises MappingError where it is no profile, where there are several and none is chosen, and
    for profiles that delete.
    """
    profile = _chosen(_profiles(content), chosen)
    if profile.kind == "DELETE":
        msg = (
            f"the profile `{profile.name}` deletes users, which the importer never does: Alma "
            "cannot take a deletion back. Set an expiry and a purge date instead, and let "
            "Alma's own purge job delete"
        )
        raise MappingError((msg,))
    return "\n".join((*_head(profile), *_record(profile), ""))


def _profiles(content: bytes) -> tuple[Profile, ...]:
    try:
        whole = json.loads(content.decode("utf-8-sig"))
        many = whole if isinstance(whole, list) else [whole]
        return TypeAdapter(tuple[Profile, ...]).validate_python(many)
    except (UnicodeDecodeError, json.JSONDecodeError, ValidationError):
        msg = (
            "the file is no profile of the CSV User Loader; export the profile there, and name "
            "the exported file"
        )
        raise MappingError((msg,)) from None


def _chosen(profiles: tuple[Profile, ...], name: str) -> Profile:
    names = [profile.name for profile in profiles]
    if not name and len(profiles) == 1:
        return profiles[0]
    for profile in profiles:
        if profile.name == name:
            return profile
    there = ", ".join(f"`{other}`" for other in names) or "none"
    guess = nearest(name, names) or "."
    wrong = f"there is no profile `{name}`{guess}" if name else "which profile?"
    raise MappingError((f"{wrong} The file has {there}; name one with --profile",))


def _head(profile: Profile) -> Iterator[str]:
    given = {field.path: field for field in profile.fields}
    yield f"# From the CSV User Loader's profile {scalar(profile.name)} ({profile.kind})."
    for field in profile.fields:
        if reason := _left_out(profile, field):
            yield f"# Not taken over: {remark(field.name)}: {reason}"
    yield "version: 1"
    yield f"title: {scalar(profile.name)}"
    yield f"account_type: {profile.account_type}"
    if profile.account_type == "EXTERNAL":
        owner = given.get("external_id")
        yield f"owning_system: {_value(owner) if owner else cell(TO_CHOOSE) + '  # to do'}"
    record_type = given.get("record_type")
    if record_type is not None and record_type.default and not record_type.header:
        yield f"record_type: {record_type.default.upper()}"
    yield "# roster: {dates: mdy}   # say how dates are typed: mdy, dmy or ymd"
    yield f"match: {_MATCH[profile.kind]}"
    yield "record:"


def _left_out(profile: Profile, field: ProfileField) -> str:
    known = FIELDS.get(field.path)
    if field.path == "account_type" or (field.path == "record_type" and not field.header):
        return "" if field.path == "record_type" else "said at the top"
    if field.path == "record_type":
        return "one mapping makes records of one type"
    if field.path == "external_id":
        return "" if profile.account_type == "EXTERNAL" else "Internal users have no owning system"
    if known is None:
        return "the importer does not write it"
    if known.facts.reach is Reach.INTERNAL_ONLY and profile.account_type == "EXTERNAL":
        return "External users have no password in Alma"
    return "" if field.header or field.default else "neither a column nor a value"


def _record(profile: Profile) -> Iterator[str]:
    taken = [
        field
        for field in profile.fields
        if field.path not in _TOP and not _left_out(profile, field)
    ]
    scalars = {field.path: field for field in taken if not FIELDS[field.path].parent}
    for path in (*ALWAYS_REQUIRED, *(path for path in scalars if path not in ALWAYS_REQUIRED)):
        field = scalars.get(path)
        keep = profile.kind == "ENRICH" and path not in ALWAYS_REQUIRED[:1]
        yield f"  {path}: {_value(field, keep=keep) if field else cell(TO_CHOOSE) + '  # to do'}"
    contact = [parent for parent in LISTS if parent.startswith("contact_info.")]
    inside = [line for parent in contact for line in _list(profile, parent, taken, "    ")]
    if inside:
        yield "  contact_info:"
        yield from inside
    for parent in LISTS:
        if parent not in contact:
            yield from _list(profile, parent, taken, "  ")


def _list(profile: Profile, parent: str, taken: list[ProfileField], indent: str) -> Iterator[str]:
    """The entries of a list: the n-th line of each field belongs to the n-th entry."""
    entries: list[dict[str, str]] = []
    seen: dict[str, int] = {}
    for field in taken:
        known = FIELDS[field.path]
        if known.parent == parent:
            at = seen.get(known.name, 0)
            seen[known.name] = at + 1
            entries.extend({} for _ in range(at + 1 - len(entries)))
            entries[at][known.name] = _value(field)
    if entries:
        yield f"{indent}{parent.rpartition('.')[2]}:"
    for entry in entries:
        for known in FIELDS.values():
            if known.parent == parent and known.facts.required and known.name not in entry:
                entry[known.name] = f"{cell(TO_CHOOSE)}  # to do"
        if profile.kind == "ENRICH":
            entry["on_update"] = "add"
        for at, (name, value) in enumerate(entry.items()):
            yield f"{indent}  {'- ' if at == 0 else '  '}{name}: {value}"


def _value(field: ProfileField, *, keep: bool = False) -> str:
    """A line's value: a placeholder, a constant, or a rule with both."""
    flag = FIELDS[field.path].shape is Shape.FLAG
    default = (field.default or "").lower() if flag else field.default or ""
    source = cell(field.header) if field.header else constant(default)
    parts = [f"from: {source}"]
    if field.header and default:
        parts.append(f"default: {constant(default)}")
    if keep:
        parts.append("on_update: keep")
    return f"{{{', '.join(parts)}}}" if len(parts) > 1 else source
