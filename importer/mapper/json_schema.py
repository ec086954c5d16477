"""The mapping's JSON Schema, by which editors complete keys, and messages about what breaks it."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from importer.mapper.key_path import KeyPath
from importer.mapper.placeholders import nearest
from importer.mapper.schema import MappingFile
from importer.model.fields import FIELDS, LISTS, Field, Shape
from importer.model.user import User

Node = dict[str, Any]
"""A part of a JSON Schema."""


def schema_text() -> str:
    """Return the schema as JSON, the same bytes each time."""
    whole: Node = MappingFile.model_json_schema(by_alias=True)
    _loosen(whole)
    for field in FIELDS.values():
        last = field.parent.rpartition(".")[2]
        name = "".join(map(str.title, last.split("_"))) + "Entry" if last else "Record"
        properties = whole["$defs"].get(name, {}).get("properties", {})
        if field.name in properties:
            properties[field.name]["description"] = _description(field)
    checks = whole["$defs"]["SafetyLimits"]["properties"]
    checks |= {name.replace("_", "-"): limit for name, limit in checks.items()}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    whole = {**head, "title": "Mapping of a roster to Alma user records", **whole}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


_SCALARS = ("string", "number", "boolean")


def _loosen(node: object) -> None:
    """Accept numbers and booleans as text: editors read 1, 07030 and true as such."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            node.pop("title")
        if node.get("type") in ("integer", "number"):  # a key may be called `type` itself
            return
        if isinstance(choices := node.get("enum"), list):
            flags = [word == "true" for word in choices if word in {"true", "false"}]
            node["enum"] = [*choices, *flags]
            node.pop("type", None)
        elif node.get("const") == "1":
            node.clear()
            node["enum"] = ["1", 1]
        elif node.get("type") == "string" and "pattern" not in node:
            node["type"] = [*_SCALARS]
        elif node.get("type") == "boolean":
            node.pop("type")
            node["enum"] = [True, False]
        more = node.get("additionalProperties")
        if isinstance(more, dict) and more == {"type": "string"}:  # a blank code is nothing
            more["type"] = [*_SCALARS, "null"]
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            _loosen(inner)


def _description(field: Field) -> str:
    """Alma's facts about a field: the table of its codes, and its greatest length."""
    facts = field.facts
    shape = {Shape.TEXT: "Text", Shape.CODE: "A code", Shape.DATE: "A date"}.get(field.shape)
    words = [(shape or "true or false") + (", or a list of codes," if field.several else "")]
    if facts.table:
        words.append(f"of Alma's table {facts.table}")
    if facts.length and field.shape is Shape.TEXT:
        words.append(f"of at most {facts.length} characters")
    sentence = " ".join(words) + "."
    if facts.required:
        sentence += " Every entry needs it."
    if facts.sticky:
        sentence += " What was edited in Alma stays unless `override: true` is set."
    return sentence


# --- the keys that are known at a place ---


@functools.cache
def _plain_schema(model: type[BaseModel]) -> Node:
    whole: Node = model.model_json_schema(by_alias=True)  # takes 80 ms
    return whole


def known_keys(place: tuple[str | int, ...], model: type[BaseModel] = MappingFile) -> list[str]:
    """Return the keys that are allowed beside the last key of a path, in a file of this model."""
    whole = _plain_schema(model)
    nodes = list(_forms(whole, whole))
    for step in place[:-1]:
        nodes = [form for node in nodes for form in _forms(_below(node, step), whole)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", ())))


def _below(node: Node, step: str | int) -> Node:
    inner = node.get("properties", {}).get(step) if isinstance(step, str) else node.get("items")
    inner = inner or (node.get("additionalProperties") if isinstance(step, str) else None)
    return inner if isinstance(inner, dict) else {}


def _forms(node: Node, whole: Node) -> Iterator[Node]:
    """The node, without references into the whole schema, or each of its alternatives."""
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    forms = (*node.get("anyOf", ()), *node.get("oneOf", ()))
    if not forms or "properties" in node:
        yield node
    for form in forms:
        yield from _forms(form, whole)


# --- what pydantic finds, in a librarian's words ---

_TABLES: dict[str, dict[str, str]] = tomllib.loads(
    (files(__package__) / "words.toml").read_text("utf-8")
)
_WORDS = _TABLES["findings"]
MISSING = _WORDS["missing"]


def in_our_words(error: ErrorDetails, place: KeyPath) -> str:
    """Return what is wrong, without its place."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "value_error":
            return str(context["error"])
        case "dict_type" | "model_type" if isinstance(given, str) and given:
            return f"{_WORDS[kind]}; is a colon or a blank missing in `{given}`?"
        case "extra_forbidden":
            return _unknown(place, given)
        case "literal_error" | "enum":
            choices = str(context["expected"]).replace("'", "`")
            if not isinstance(given, str):
                return f"must be {choices}"
            names = [name.strip("`") for name in choices.replace(" or ", ", ").split(", ")]
            return f"must be {choices}, not `{given}`{nearest(given, names)}"
        case _:
            return _WORDS.get(kind, "cannot be read").format(**context)


def _unknown(place: KeyPath, given: object) -> str:
    key = str(place[-1])
    if key in _TABLES["instead"]:
        return _TABLES["instead"][key]
    if key.startswith("<") or (given == "" and not key.replace("_", "").islower()):
        return (
            "looks like a heading, not a key; put the value into quotation marks, "
            'as in {from: "<City>, <State>"}'
        )
    in_record = place[0] == "record"
    if in_record and len(place) == 2 and key in _TABLES["not_in_record"]:
        return _TABLES["not_in_record"][key]
    parent = ".".join(str(step) for step in place[1:-1] if isinstance(step, str))
    reported = parent in LISTS and key in LISTS[parent].model_fields
    if in_record and (key in User.model_fields or reported):
        return "cannot be mapped: Alma only reports it"
    paths = [path for path in (*FIELDS, *LISTS) if path.endswith(f".{key}")]
    if in_record and paths:
        return f"is not allowed here; it belongs to `{paths[0].rsplit('.', 1)[0]}`"
    hint = nearest(key, known_keys(place))
    if parent == "user_identifier" and key.isupper() and isinstance(given, str):
        hint = f"; write `id_type: {key}` and, below it, `value: {given}`"
    return f"is not a known key{hint}"
