"""The reference, `mapping show` and the JSON Schema know every key that the language has.

The keys are those of the language's own models, so that a new one fails here until it is explained.
"""

from __future__ import annotations

import copy
import json
import typing
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from importer.errors import MappingError
from importer.mapper.clean import STEPS, CleanStep
from importer.mapper.conditions import Test
from importer.mapper.explain import about, explain
from importer.mapper.json_schema import known_keys
from importer.mapper.key_path import KeyPath
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.mapper.schema import EntryPart, MappingFile
from importer.mapper.yaml_source import Plain
from tests.docs.mappings import EXAMPLES, FILES, whole

Name = tuple[str, str]
"""The model that declares a key, and the key."""

NOT_SHOWN = {
    ("MappingFile", "version"), ("MappingFile", "name"),
    ("OwnRow", "cells"), ("OwnRow", "record"), ("OwnRow", "problems"), ("OwnTests", "rows"),
}  # fmt: skip
"""Keys that do nothing to a record."""


def _key(model: type[BaseModel], name: str) -> Name:
    """Return a key with its owner: entries of all lists share theirs."""
    owner = next(c for c in reversed(model.__mro__) if name in getattr(c, "model_fields", ()))
    return owner.__name__, model.model_fields[name].alias or name


def _of_record(model: type[BaseModel], name: str) -> bool:
    """Return whether it is a field of Alma's record, which is on the page of the fields."""
    mapped = model.__name__ in {"Record", "ContactInfoPart"} or issubclass(model, EntryPart)
    return mapped and name not in EntryPart.model_fields


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if annotation is CleanStep:
        for kind in STEPS.values():
            yield from _models(kind.form)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def _declared() -> Iterator[Name]:
    """Yield every key of the language, apart from the fields of the record."""
    yield from (("CleanStep", key) for key, kind in STEPS.items() if kind.form)
    waiting: list[type[BaseModel]] = [MappingFile, Test]
    seen = set(waiting)
    while waiting:
        model = waiting.pop()
        for name, info in model.model_fields.items():
            if not info.exclude and not _of_record(model, name):
                yield _key(model, name)
            new = set(_models(info.annotation)) - seen
            seen |= new
            waiting += new


def _used(value: object, node: Plain, steps: KeyPath = ()) -> Iterator[tuple[Name, KeyPath]]:
    """Yield the keys in a part of a mapping, with the steps that lead to them."""
    if isinstance(value, CleanStep):
        if isinstance(node, dict):
            yield ("CleanStep", value.name), (*steps, value.name)
            yield from _used(value.setting, node[value.name], (*steps, value.name))
    elif isinstance(value, BaseModel) and isinstance(node, dict):
        for name in value.model_fields_set & {*type(value).model_fields}:
            alias = type(value).model_fields[name].alias or name
            if alias in node:
                if not _of_record(type(value), name):
                    yield _key(type(value), name), (*steps, alias)
                yield from _used(getattr(value, name), node[alias], (*steps, alias))
        for key, part in (value.model_extra or {}).items():
            yield from _used(part, node[key], (*steps, key))
    elif isinstance(value, tuple) and isinstance(node, list):
        for at, (one, below) in enumerate(zip(value, node, strict=False)):
            yield from _used(one, below, (*steps, at))
    elif isinstance(value, dict) and isinstance(node, dict):
        for key, below in node.items():
            yield from _used(value[key], below, (*steps, key))


def _shown(mapping: MappingDocument) -> str:
    return "\n".join((mapping.title, *about(mapping), *explain(mapping).values()))


def _texts(node: Plain) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(part)


def _is_shown(mapping: MappingDocument, steps: KeyPath, other: Path) -> bool:
    """Return whether `mapping show` prints a key: a text of it, or another line if it changes."""
    values: Any = copy.deepcopy(mapping.source.values)
    holder = values
    for step in steps[:-1]:
        holder = holder[step]
    node = holder.pop(steps[-1])
    shown = _shown(mapping)
    if any(len(text) > 1 and text.strip("<@$>").casefold() in shown.casefold()
           for text in _texts(node)):  # fmt: skip
        return True
    for another in ({}, {steps[-1]: "true"}, {steps[-1]: "false"}, {steps[-1]: "9"}):
        holder.pop(steps[-1], None)
        holder.update(another)
        other.write_text(json.dumps(values), "utf-8")
        with suppress(MappingError):
            if _shown(load(other)) != shown:
                return True
    return False


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[MappingDocument]:
    """The mappings of the examples, in one folder."""
    folder = tmp_path_factory.mktemp("examples")
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    return [whole(folder, block) for block in EXAMPLES]


def test_every_key_has_an_example_and_a_line_and_is_completed(
    examples: list[MappingDocument],
) -> None:
    """Each key is in an example, changes what `mapping show` prints, and is in the schema."""
    places: dict[Name, list[tuple[MappingDocument, KeyPath]]] = {key: [] for key in _declared()}
    for mapping in examples:
        for key, steps in _used(mapping.file, mapping.source.values):
            places[key].append((mapping, steps))
    lacking = [key for key, found in places.items() if not found]
    assert not lacking, "docs/reference/mapping.md has an example of each key"
    assert not [
        steps for found in places.values() for _, steps in found[:1]
        if steps[-1] not in known_keys(steps)
    ]  # fmt: skip
    other = examples[0].path.with_name("other.yaml")
    silent = [
        key
        for key, found in places.items()
        if key not in NOT_SHOWN and not any(_is_shown(one, steps, other) for one, steps in found)
    ]
    assert not silent, "`mapping show` has words for each key: importer/mapper/explain.py"
