"""Pydantic's findings in a librarian's words: one table, by pydantic's error type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from importer.mapper.dates import Dates
from importer.mapper.lookups import LookupFile
from importer.mapper.periods import Term
from importer.mapper.placeholders import nearest
from importer.mapper.schema import (
    ENTRY_MODELS,
    DuplicatesPart,
    MappingFile,
    Record,
    RosterPart,
    Rule,
)
from importer.mapper.transforms import Phone, Replace, Split
from importer.model.candidates import IdRule
from importer.model.fields import FIELDS, LISTS
from importer.model.plan import Match, SafetyLimit, SafetyLimits
from importer.model.user import User

Context = Mapping[str, Any]

WORDS: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing",
    "string_type": lambda _: "must be a text, not a list or further keys",
    "string_too_short": lambda _: "is blank",
    "too_short": lambda _: "is blank",
    "too_long": lambda context: f"has more than {context['max_length']} parts",
    "string_pattern_mismatch": lambda _: "must be two capital letters, as in `US`",
    "tuple_type": lambda _: "must be a list, each part after a `-`",
    "dict_type": lambda _: "must have keys of its own, indented below it",
    "model_type": lambda _: "must have keys of its own, indented below it",
    "int_parsing": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "float_parsing": lambda _: "must be a number",
    "float_type": lambda _: "must be a number",
    "bool_parsing": lambda _: "must be `true` or `false`",
    "bool_type": lambda _: "must be `true` or `false`",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
}
"""What each type of finding means. Those that need the key or the value are in `in_our_words`."""

MISSING = WORDS["missing"]({})


def in_our_words(error: ErrorDetails, known: Iterable[str]) -> str:
    """Return what is wrong, without its place. `known` are the keys that are allowed there."""
    kind, context = error["type"], error.get("ctx", {})
    key = str(error["loc"][-1]) if error["loc"] else ""
    match kind:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return _unknown(key, error["input"], error["loc"], known)
        case "literal_error" | "enum":
            given = error["input"]
            shown = f", not `{given}`" if isinstance(given, str) else ""
            choices = str(context["expected"]).replace("'", "`")
            names = [name.strip("`") for name in choices.replace(" or ", ", ").split(", ")]
            guess = nearest(given, names) if isinstance(given, str) else ""
            return f"must be {choices}{shown}{guess}"
        case _:
            word = WORDS.get(kind)
            return word(context) if word else "cannot be read"


_AT_THE_TOP = {
    "account_type": "is set once at the top of the mapping, not in `record`",
    "record_type": "is set once at the top of the mapping, not in `record`",
    "external_id": "is not mapped here; set `owning_system` at the top of the mapping",
}
_NEVER = {
    "user_role": "cannot be mapped: the importer reads roles and never writes them",
    "user_roles": "cannot be mapped: the importer reads roles and never writes them",
    "proxy_for_user": "cannot be mapped: set proxies in Alma",
    "full_name": "cannot be mapped: Alma makes it from the first, middle and last name",
}


def _unknown(key: str, given: object, place: tuple[str | int, ...], known: Iterable[str]) -> str:
    if key.startswith("<") or (given == "" and not key.replace("_", "").islower()):
        return (
            "looks like a heading, not a key; put the value into quotation marks, "
            'as in {from: "<City>, <State>"}'
        )
    in_record = bool(place) and place[0] == "record"
    if in_record and len(place) == 2 and key in _AT_THE_TOP:
        return _AT_THE_TOP[key]
    if in_record and key in _NEVER:
        return _NEVER[key]
    if in_record and (key in User.model_fields or _only_reported(key, place)):
        return "cannot be mapped: Alma only reports it"
    paths = [path for path in FIELDS if path.rsplit(".", 1)[-1] == key and "." in path]
    if in_record and paths:
        return f"is not allowed here; it belongs to `{paths[0].rsplit('.', 1)[0]}`"
    return f"is not a known key{nearest(key, known)}"


def _only_reported(key: str, place: tuple[str | int, ...]) -> bool:
    parent = ".".join(str(step) for step in place[1:-1] if isinstance(step, str))
    return parent in LISTS and key in LISTS[parent].model_fields


def known_keys(place: tuple[str | int, ...]) -> list[str]:  # noqa: PLR0911  a shape each
    """Return the keys that are allowed beside the last of these steps."""
    steps = [step for step in place[:-1] if isinstance(step, str)]
    match steps:
        case ["record"]:
            return [*Record.model_fields]
        case ["record", "contact_info"]:
            return ["address", "email", "phone"]
        case ["record", "contact_info", kind] if f"contact_info.{kind}" in ENTRY_MODELS:
            return _names(ENTRY_MODELS[f"contact_info.{kind}"])
        case ["record", parent] if parent in ENTRY_MODELS:
            return _names(ENTRY_MODELS[parent])
        case []:
            return _names(MappingFile)
        case ["ids", *_]:
            return _names(IdRule)
        case _:
            return _names(_BELOW.get(steps[-1], Rule))


_BELOW: Mapping[str, type[BaseModel]] = {
    "roster": RosterPart,
    "dates": Dates,
    "match": Match,
    "duplicates": DuplicatesPart,
    "safety_checks": SafetyLimits,
    "many_changes": SafetyLimit,
    "removals": SafetyLimit,
    "renames": SafetyLimit,
    "foreign_group": SafetyLimit,
    "terms": Term,
    "lookup": LookupFile,
    "lookups": LookupFile,
    "split": Split,
    "replace": Replace,
    "phone": Phone,
}
"""The models below some keys; below every other key of the record is a rule."""


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]
