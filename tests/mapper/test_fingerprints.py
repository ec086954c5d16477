"""The fingerprint of a rule: the same as long as its YAML means the same, however it is written."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from importer.errors import MappingError
from tests.mapper.bench import BASE, HEADINGS
from tests.mapper.fingerprints import fingerprints, of_folder

ROOT = Path(__file__).parents[2]
PARTS = (Path(__file__).parent / "examples.txt").read_text("utf-8").split("\n== ")[1:]

Tree = Any  # what YAML reads: texts in lists and tables, to be taken apart


def examples() -> Iterator[tuple[str, str, list[str]]]:
    """Yield title, mapping and headings of each example that shows what rows become."""
    for part in PARTS:
        title, *lines = part.splitlines()
        (begin,) = (at for at, line in enumerate(lines) if line.startswith(">> "))
        columns = lines[begin].removeprefix(">> ").split(" => ")[0].split(" | ")
        more = [] if columns == ["-"] else columns
        yield title, BASE + "\n".join(lines[:begin]) + "\n", [*HEADINGS, *more]


EXAMPLES = list(examples())
TITLES = [title.split(".")[0] for title, *_ in EXAMPLES]


def read(text: str) -> Tree:
    """Read a mapping; every value is a text."""
    return YAML(typ="base", pure=True).load(text)


def found(folder: Path, text: str, headings: list[str]) -> dict[str, str]:
    """Return the fingerprints of a mapping by its text."""
    path = folder / "m.yaml"
    path.write_text(text, "utf-8")
    return fingerprints(path, headings)


# --- what is the same ---


def renamed(text: str, names: set[str]) -> str:
    """Return a module with other names for these classes, but for those of other packages."""
    others = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and "importer.mapper" not in str(node.module)
        for alias in node.names
    }
    words = "|".join(sorted(names - others))
    return re.sub(rf"\b({words})\b", r"Other\1", text)


def test_no_name_of_a_class_is_in_a_fingerprint(tmp_path: Path) -> None:
    """Else renaming one would count as a change of every rule."""
    for at, (_, text, headings) in enumerate(EXAMPLES):
        (tmp_path / f"{at}.yaml").write_text(text, "utf-8")
        (tmp_path / f"{at}.json").write_text(json.dumps(headings), "utf-8")
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "importer", copy / "importer")
    script = copy / "fingerprints.py"
    shutil.copy(Path(__file__).with_name("fingerprints.py"), script)
    modules = [script, *(copy / "importer" / "mapper").rglob("*.py")]
    trees = [ast.parse(module.read_text("utf-8")) for module in modules]
    names = {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    for module in modules:
        module.write_text(renamed(module.read_text("utf-8"), names), "utf-8")
    command = [sys.executable, str(script), str(tmp_path)]
    run = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert (run.stderr, len(names) > 60) == ("", True)
    assert json.loads(run.stdout) == of_folder(tmp_path)


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


@pytest.mark.parametrize(("_title", "text", "headings"), EXAMPLES, ids=TITLES)
def test_how_a_rule_is_written_is_not_in_its_fingerprint(
    _title: str, text: str, headings: list[str], tmp_path: Path
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


@pytest.mark.parametrize(("_title", "text", "headings"), EXAMPLES, ids=TITLES)
def test_each_value_of_a_rule_is_in_its_fingerprint(
    _title: str, text: str, headings: list[str], tmp_path: Path
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
