"""The fingerprint of a rule: the same as long as its YAML means the same, however it is written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from ruamel.yaml import YAML

from importer import mapper
from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from tests.mapper.bench import BASE, EXAMPLES, HEADINGS, RUN, loaded, places

Tree = Any  # what YAML reads: texts in lists and tables, to be taken apart


def mapping_of(example: str) -> tuple[str, list[str]]:
    """Return the mapping and the headings of an example that shows what rows become."""
    lines = example.splitlines()[1:]
    (begin,) = (at for at, line in enumerate(lines) if line.startswith(">> "))
    columns = lines[begin].removeprefix(">> ").split(" => ")[0].split(" | ")
    more = [] if columns == ["-"] else columns
    return BASE + "\n".join(lines[:begin]) + "\n", [*HEADINGS, *more]


MAPPINGS = {title: mapping_of(example) for title, example in EXAMPLES.items()}


def read(text: str) -> Tree:
    """Read a mapping; every value is a text."""
    return YAML(typ="base", pure=True).load(text)


def found(folder: Path, text: str, headings: list[str]) -> dict[str, str]:
    """Return the fingerprint of every rule of a mapping by its label."""
    compiled = compile_mapping(loaded(folder, text), places(headings), RUN)
    named = {label: value.rule for label, value in compiled.named.items()}
    return named | {label: column.rule for label, column in compiled.layout.targets.items()}


# --- what is the same ---


def test_no_name_of_a_class_is_in_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else renaming one would count as a change of every rule."""
    modules = [
        import_module(f"importer.mapper.{part.name}") for part in iter_modules(mapper.__path__)
    ]
    classes = {name for module in modules for name, _ in getmembers(module, isclass)}
    assert len(classes) > 60
    hashed, plain = list[str](), hashlib.blake2b

    def noted(text: bytes, *, digest_size: int) -> hashlib.blake2b:
        hashed.append(text.decode())
        return plain(text, digest_size=digest_size)

    monkeypatch.setattr(hashlib, "blake2b", noted)
    for text, headings in MAPPINGS.values():
        hashed.clear()
        found(tmp_path, text, headings)
        words, own = ({*re.findall(r"\w+", one)} for one in ("".join(hashed), text))
        assert hashed
        assert classes.isdisjoint(words - own)


def reversed_keys(tree: Tree) -> Tree:
    """Return it with the keys of every table in the other order."""
    if isinstance(tree, dict):
        return {key: reversed_keys(part) for key, part in reversed(tree.items())}
    return [reversed_keys(part) for part in tree] if isinstance(tree, list) else tree


def long_rule(rule: Tree) -> Tree:
    """Return a rule whose short forms are written out."""
    if isinstance(rule, str):
        return {"from": [rule]}
    if isinstance(rule, list):  # several types
        return rule
    rule = dict(rule)
    if isinstance(rule.get("from"), str):
        rule["from"] = [rule["from"]]
    if isinstance(rule.get("dates"), str):
        rule["dates"] = {"order": rule["dates"]}
    if rule.get("read") == "name":
        rule["read"] = {"name": "auto"}
    if "clean" in rule:
        region = {"phone": {"region": "US"}}
        rule["clean"] = [region if step == "phone" else step for step in rule["clean"]]
    if "when" in rule:
        rule["when"] = long_condition(rule["when"])
    if "default" in rule:
        rule["default"] = long_rule(rule["default"])
    if "cases" in rule:
        rule["cases"] = [long_rule(case) for case in rule["cases"]]
    return rule


def long_condition(condition: Tree) -> Tree:
    """Return a condition whose words are all in lists."""
    return {
        key: [long_condition(one) for one in test] if key == "any" else long_test(test)
        for key, test in condition.items()
    }


def long_test(test: Tree) -> Tree:
    """Return a test whose words are in lists."""
    if not isinstance(test, dict):
        return {"is": [test] if isinstance(test, str) else test}
    return test | ({"not": long_test(test["not"])} if "not" in test else {})


def long_record(part: Tree) -> Tree:
    """Return a part of the record in which every rule is written out."""
    lists = {key: item for key, item in part.items() if isinstance(item, list)}
    inner = {key: item for key, item in part.items() if key == "contact_info"}
    rules = {key: long_rule(item) for key, item in part.items() if key not in lists | inner}
    entries = {key: [long_entry(one) for one in items] for key, items in lists.items()}
    return rules | entries | {key: long_record(item) for key, item in inner.items()}


def long_entry(entry: Tree) -> Tree:
    """Return an entry of a list in which every rule is written out."""
    return {
        key: long_condition(part)
        if key == "when"
        else part
        if key in {"placeholder", "on_update", "replaces", "remove"}
        else long_rule(part)
        for key, part in entry.items()
    }


@pytest.mark.parametrize(("text", "headings"), MAPPINGS.values(), ids=MAPPINGS)
def test_how_a_rule_is_written_is_not_in_its_fingerprint(
    text: str, headings: list[str], tmp_path: Path
) -> None:
    """Comments, the order of keys, quotation marks and short forms change no rule."""
    tree, as_it_is = read(text), found(tmp_path, text, headings)
    long = tree | {"record": long_record(tree["record"])}
    long |= {"values": {key: long_rule(rule) for key, rule in tree.get("values", {}).items()}}
    comments = re.sub("$", "  # a comment", text, flags=re.MULTILINE)
    others = {
        "comments": found(tmp_path, comments, headings),
        "quotation marks and lines": found(tmp_path, json.dumps(tree), headings),
        "order of keys": found(tmp_path, json.dumps(reversed_keys(tree)), headings),
        "short forms": found(tmp_path, json.dumps(long), headings),
    }
    assert others == dict.fromkeys(others, as_it_is)


# --- what is another ---

OTHER_WORDS: tuple[Tree, ...] = (
    "x", "warn", "true", "false", "mdy", "dmy", "2 days", "2001-01-01", "05-15", "7", "1", "never",
    "<@expiry_date>", "upper", "lower", "same", "last-first", "first-last", "<First>", "end",
    {"name": "last-first"},
)  # fmt: skip
"""Values of which one fits where a text with a letter more does not."""

DECIDES_NO_VALUE = {"only", "skip", "safety_checks", "headings", "unused", "optional"}
"""Keys about rows and columns: what a rule makes of the cells is the same."""


def leaves(tree: Tree, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the steps to every text of a tree."""
    if isinstance(tree, str):
        yield steps
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, part in () if isinstance(tree, str) else parts:
        yield from leaves(part, (*steps, key))


def variants(tree: Tree, steps: tuple[str | int, ...]) -> Iterator[Tree]:
    """Yield trees in which this one text is another, or missing."""
    for word in (*OTHER_WORDS, None):
        part = copy = json.loads(json.dumps(tree))
        for step in steps[:-1]:
            part = part[step]
        old = part[steps[-1]]
        part[steps[-1]] = f"{old}x" if word == "x" else word
        if word is None:
            del part[steps[-1]]
        if word != old:
            yield copy


def is_of_a_rule(steps: tuple[str | int, ...]) -> bool:
    """Whether a key decides what a value is: not who is loaded, nor how a list is kept."""
    of_list = steps[-1] == "on_update" and isinstance(steps[-2], int)
    top = steps[0] in {"record", "values", "lookups", "ids", "terms", "roster"}
    return top and not of_list and DECIDES_NO_VALUE.isdisjoint(steps)


@pytest.mark.parametrize(("text", "headings"), MAPPINGS.values(), ids=MAPPINGS)
def test_each_value_of_a_rule_is_in_its_fingerprint(
    text: str, headings: list[str], tmp_path: Path
) -> None:
    """Every key of every rule, and the lookups, IDs, terms and settings that it reads."""
    tree, as_it_is = read(text), found(tmp_path, text, headings)
    base = set(leaves(read(BASE)))
    same = []
    for steps in leaves(tree):
        if steps in base or not is_of_a_rule(steps):
            continue
        for other in variants(tree, steps):
            try:
                if found(tmp_path, json.dumps(other), headings) != as_it_is:
                    break
            except MappingError:
                continue
            same.append((*steps, "has the same fingerprint"))
        else:
            same.append((*steps, "has no other value"))
    assert not same
