"""Is everything within its ceiling? `make size`; `make size ARGS=--lower` lowers the ceilings.

The ceilings are in `release/sizes.toml`, and they only sink: whoever carries on has to hold all of
it. A ceiling is raised only together with what it replaces.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
FILE = "release/sizes.toml"

SLACK = {"lines": 100, "lists": 0}
"""By table: how far a ceiling may be above its number before it has to be lowered."""

WIDTH = 100
"""Characters of a line of text other than Python that count as one line."""

Sizes: TypeAlias = Mapping[str, Mapping[str, int]]
"""Numbers or ceilings, by table (`lines`, `lists`) and name."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What `release/sizes.toml` has: the ceilings, and by name what a raised one replaces."""

    sizes: Sizes
    replaces: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> Ceilings:
        """Return the ceilings that a text of the file's form has."""
        tables = tomllib.loads(text)
        return cls({name: tables[name] for name in SLACK}, tables["replaces"])


def numbers(root: Path = ROOT) -> dict[str, dict[str, int]]:
    """Return the sizes of a checkout: lines of text, and entries of the lists that people learn."""
    return {"lines": dict(sorted(_lines(root))), "lists": dict(_lists())}


def _lines(root: Path) -> Iterator[tuple[str, int]]:
    importer = root / "importer"
    for package in importer.iterdir():
        if (package / "__init__.py").exists():
            yield package.name, _length(package.rglob("*.py"))
    yield "single_modules", _length(importer.glob("*.py"))
    yield "other_text", sum(_by_width(path) for path in importer.rglob("*") if _is_text(path))
    yield "tests", _length((root / "tests").rglob("*.py"))


def _length(paths: Iterable[Path]) -> int:
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def _is_text(path: Path) -> bool:
    return path.is_file() and path.suffix not in {".py", ".pyc"}


def _by_width(path: Path) -> int:
    lines = path.read_text("utf-8").splitlines()
    return sum(max(1, ceil(len(line) / WIDTH)) for line in lines)


def _lists() -> Iterator[tuple[str, int]]:
    from importer.alma.probe import EXPERIMENTS
    from importer.model.problem import Code
    from importer.sandbox.configuration import SWITCHES

    commands, options = commands_and_options()
    yield "commands", len(commands)
    yield "options", len(options)
    yield "job_keys", len(job_keys())
    yield "mapping_words", len(mapping_words())
    yield "switches", len(SWITCHES)
    yield "experiments", len(EXPERIMENTS)
    yield "problem_codes", len(Code)


def commands_and_options() -> tuple[set[str], set[str]]:
    """Return the commands, as typed after `importer`, and the long names of their options.

    The options of `importer` itself, such as `--folder`, belong to no command and do not count.
    """
    from typer.main import get_group

    from importer.cli.app import app

    whole = get_group(app)
    context = whole.make_context("importer", [], resilient_parsing=True)
    commands, options = set[str](), {"--help"}
    groups = [("", whole)]
    while groups:
        words, group = groups.pop()
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            path = f"{words} {name}".strip()
            if hasattr(command, "list_commands"):
                groups.append((path, command))  # type: ignore[arg-type]
            elif command is not None:
                commands.add(path)
                options |= _long(command.params)
    return commands, options


def _long(parameters: Iterable[object]) -> set[str]:
    """Return the names with two hyphens of the parameters that a help shows."""
    return {
        name
        for parameter in parameters
        if not getattr(parameter, "hidden", False)
        for name in (*parameter.opts, *parameter.secondary_opts)  # type: ignore[attr-defined]
        if name.startswith("--")
    }


def job_keys() -> set[str]:
    """Return the keys of a job file, with the part that they belong to."""
    from pydantic import BaseModel

    from importer.jobs import schema

    return {
        f"{model.__name__}.{field.alias or name}"
        for model in vars(schema).values()
        if isinstance(model, type)
        and issubclass(model, BaseModel)
        and model.__module__ == schema.__name__
        for name, field in model.model_fields.items()
    }


def mapping_words() -> set[str]:
    """Return the words of the mapping language: keys that are no field of Alma's, and steps."""
    from importer.mapper.clean import STEPS
    from importer.mapper.json_schema import schema_text
    from importer.model.fields import FIELDS

    fields = {part for path in FIELDS for part in path.split(".")}
    keys = {key.replace("-", "_") for key in _properties(json.loads(schema_text()))}
    return (keys - fields) | {*STEPS}


def _properties(schema: object) -> Iterator[str]:
    """Yield the names of the properties anywhere in a JSON Schema."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)


def findings(there: Sizes, ceilings: Sizes) -> Iterator[str]:
    """Yield a sentence for each number above its ceiling, and each ceiling to be lowered."""
    for table, slack in SLACK.items():
        for name in sorted({*there[table], *ceilings[table]}):
            number, ceiling = there[table].get(name), ceilings[table].get(name)
            if number is None:
                yield f"{FILE}: take out {name}, which is not there any more."
            elif ceiling is None:
                yield f"{FILE}: add `{name} = {number}` to [{table}], and to [replaces] what for."
            elif number > ceiling:
                yield (
                    f"{name} has {number:,} ({table}), and its ceiling in {FILE} is {ceiling:,}: "
                    f"take {number - ceiling:,} out. If something new is worth it, set `{name} = "
                    f"{number}` there and say under [replaces] what it takes the place of."
                )
            elif ceiling - number > slack:
                yield f"{FILE}: lower {name} to {number}, or run: make size ARGS=--lower"


def raises(before: Ceilings, after: Ceilings) -> Iterator[str]:
    """Yield each name whose ceiling was raised, or is new, without saying what it replaces."""
    for table in SLACK:
        for name, ceiling in after.sizes[table].items():
            raised = ceiling > before.sizes[table].get(name, 0)
            if raised and after.replaces.get(name) in {None, "", before.replaces.get(name)}:
                yield name


def lowered(text: str, there: Sizes, ceilings: Sizes) -> str:
    """Return the text of the file with each ceiling that is above its number lowered to it."""
    for table in SLACK:
        for name, ceiling in ceilings[table].items():
            if (number := there[table].get(name, 0)) < ceiling:
                line = rf"(?m)^{name} = {ceiling}\b"
                text = re.sub(line, f"{name} = {number}", text)
    return text


def main() -> int:
    """Print the sizes and what is wrong with them; return 1 if anything is."""
    path = ROOT / FILE
    there = numbers()
    ceilings = Ceilings.read(path.read_text("utf-8")).sizes
    if "--lower" in sys.argv[1:]:
        text = lowered(path.read_text("utf-8"), there, ceilings)
        path.write_text(text, encoding="utf-8", newline="\n")
        ceilings = Ceilings.read(text).sizes
    for table in SLACK:
        for name, number in there[table].items():
            sys.stdout.write(f"{name:15} {number:7,} of {ceilings[table].get(name, 0):7,}\n")
    python = {name for name in there["lines"] if name not in {"other_text", "tests"}}
    total, limit = (
        sum(sizes["lines"].get(name, 0) for name in python) for sizes in (there, ceilings)
    )
    sys.stdout.write(f"{'importer/':15} {total:7,} of {limit:7,}\n")
    wrong = [*findings(there, ceilings)]
    sys.stdout.writelines(f"{sentence}\n" for sentence in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
