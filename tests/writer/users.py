"""Generated users: every field that may be set, within Alma's lengths, blank nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import UnionType
from typing import Union, get_args, get_origin

from hypothesis import strategies as st

from importer.model.user import (
    Coded,
    ContactInfo,
    Facts,
    LibraryNotice,
    Part,
    Reach,
    RsLibrary,
    User,
    UserNote,
)

Json = Mapping[str, object]

LETTERS = st.characters(exclude_categories=["C"], exclude_characters="\ufffe\uffff")
ALWAYS = {
    UserNote: {"user_viewable", "popup_note"},
    RsLibrary: {"code"},
    LibraryNotice: {"code", "value"},
    ContactInfo: set[str](),
}
"""What an entry needs by the schema, beside what its facts say."""


def text(length: int) -> st.SearchStrategy[str]:
    """Text of up to a field's length, most of it short, in every script."""
    short = st.text(LETTERS, min_size=1, max_size=min(length or 20, 20))
    longest = (length or 600) - 1
    return short | st.characters(min_codepoint=0x41, max_codepoint=0x17F).map(
        lambda letter: letter + "x" * longest
    )


def coded(length: int) -> st.SearchStrategy[Json]:
    """A code, with Alma's description of it or without."""
    description = st.text(LETTERS, min_size=1, max_size=9)
    return st.fixed_dictionaries({"value": text(min(length, 50))}, optional={"desc": description})


FIXED: dict[str, st.SearchStrategy[object]] = {
    "segment_type": st.sampled_from(["Internal", "External"]),
    "force_password_change": st.just("TRUE"),
}
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(lambda day: f"{day}Z")


def _value(annotation: object, facts: Facts) -> st.SearchStrategy[object]:
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    if get_origin(annotation) is tuple:
        return st.lists(_value(get_args(annotation)[0], facts), min_size=1, max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return coded(facts.length) if annotation is Coded else part(annotation)
    if annotation is bool:
        return st.booleans()
    return DAYS if annotation is date else text(facts.length)


def part(kind: type[Part]) -> st.SearchStrategy[Json]:
    """Entries of a part, in the shape of Alma's JSON."""
    required: dict[str, st.SearchStrategy[object]] = {}
    optional: dict[str, st.SearchStrategy[object]] = {}
    for name, info in kind.model_fields.items():
        facts = next((item for item in info.metadata if isinstance(item, Facts)), Facts())
        if facts.reach is Reach.OUTPUT:
            continue
        value = FIXED[name] if name in FIXED else _value(info.annotation, facts)
        needed = facts.required or name in ALWAYS.get(kind, set())
        (required if needed else optional)[name] = value
    made = st.fixed_dictionaries(required, optional=optional)
    return made if required or kind is User else made.filter(bool)


def bodies() -> st.SearchStrategy[Json]:
    """Whole users, in the shape of Alma's JSON."""
    return part(User)
