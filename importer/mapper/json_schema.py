"""The mapping's JSON Schema, with which editors complete keys and mark mistakes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from importer.mapper.schema import MappingFile
from importer.model.fields import FIELDS, Field, Shape

_SCALARS = ("string", "number", "boolean")


def schema_text() -> str:
    """Return the schema as JSON, the same bytes each time."""
    return json.dumps(_schema(), indent=1, ensure_ascii=False) + "\n"


def _schema() -> dict[str, object]:
    whole: dict[str, object] = MappingFile.model_json_schema(by_alias=True)
    _loosen(whole)
    _describe(whole)
    properties = whole["properties"]
    if isinstance(properties, dict):
        properties["extends"] = {
            "type": "string",
            "description": "Another mapping file of which this one overrides parts.",
        }
    whole["anyOf"] = [{"required": whole.pop("required")}, {"required": ["extends"]}]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, "title": "Mapping of a roster to Alma user records", **whole}


def _loosen(node: object) -> None:
    """Accept numbers and booleans as text: editors read 1, 07030 and true as such."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            node.pop("title")
        if node.get("type") in {"integer", "number"}:
            return
        if isinstance(choices := node.get("enum"), list):
            node["enum"] = [*choices, *(word == "true" for word in choices if word in _FLAGS)]
            node.pop("type", None)
        elif node.get("const") == "1":
            node.clear()
            node["enum"] = ["1", 1]
        elif node.get("type") == "string" and "pattern" not in node:
            node["type"] = list(_SCALARS)
        elif node.get("type") == "boolean":
            node.pop("type")
            node["enum"] = [True, False]
        for inner in node.values():
            _loosen(inner)
    elif isinstance(node, list):
        for inner in node:
            _loosen(inner)


_FLAGS = frozenset({"true", "false"})


def _describe(whole: dict[str, object]) -> None:
    """Describe each field by Alma's facts: its greatest length, and the table of its codes."""
    definitions = whole.get("$defs")
    if not isinstance(definitions, dict):
        return
    for field in FIELDS.values():
        name = _definition(field.parent)
        definition = definitions.get(name)
        properties = definition.get("properties") if isinstance(definition, dict) else None
        if isinstance(properties, dict) and isinstance(part := properties.get(field.name), dict):
            part["description"] = _description(field)


def _definition(parent: str) -> str:
    last = parent.rpartition(".")[2]
    return "".join(word.title() for word in last.split("_")) + "Entry" if last else "Record"


_SHAPES: Mapping[Shape, str] = {
    Shape.TEXT: "Text",
    Shape.CODE: "A code",
    Shape.DATE: "A date",
    Shape.FLAG: "true or false",
}


def _description(field: Field) -> str:
    facts = field.facts
    words = [_SHAPES[field.shape]]
    if facts.table:
        words.append(f"of Alma's table {facts.table}")
    if facts.length and field.shape is Shape.TEXT:
        words.append(f"of at most {facts.length} characters")
    sentence = " ".join(words) + "."
    if facts.required:
        sentence += " Every entry needs it."
    if facts.sticky:
        sentence += " Alma keeps what was edited by hand unless `override: true` is set."
    return sentence
