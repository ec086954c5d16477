"""The mapping's JSON Schema: editors complete keys with it, and messages name the known ones."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from importer.mapper.schema import MappingFile
from importer.model.fields import FIELDS, Field, Shape

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
    whole["properties"]["extends"] = {
        "type": "string",
        "description": "Another mapping file of which this one overrides parts.",
    }
    whole["anyOf"] = [{"required": whole.pop("required")}, {"required": ["extends"]}]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    whole = {**head, "title": "Mapping of a roster to Alma user records", **whole}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


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
            node["type"] = ["string", "number", "boolean"]
        elif node.get("type") == "boolean":
            node.pop("type")
            node["enum"] = [True, False]
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
    whole: Node = model.model_json_schema(by_alias=True)
    return whole


def known_keys(place: tuple[str | int, ...], model: type[BaseModel] = MappingFile) -> list[str]:
    """Return the keys that are allowed beside the last of these steps, in a file of this model."""
    whole = _plain_schema(model)
    nodes = list(_forms(whole, whole))
    for step in place[:-1]:
        nodes = [form for node in nodes for form in _forms(_below(node, step), whole)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", ())))


def _below(node: Node, step: str | int) -> Node:
    found = node.get("properties", {}).get(step) if isinstance(step, str) else node.get("items")
    found = found or (node.get("additionalProperties") if isinstance(step, str) else None)
    return found if isinstance(found, dict) else {}


def _forms(node: Node, whole: Node) -> Iterator[Node]:
    """The node, without references into the whole schema, or each of its alternatives."""
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    forms = (*node.get("anyOf", ()), *node.get("oneOf", ()))
    if not forms or "properties" in node:
        yield node
    for form in forms:
        yield from _forms(form, whole)
