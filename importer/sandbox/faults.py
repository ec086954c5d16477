"""Faults on demand: rules that say which call goes wrong, and how.

The rules come from a YAML file:

    seed: 7
    rules:                      # the first rule that fires wins
      - {on: POST, rate: 0.05, do: 429}
      - {on: PUT, path: /users/*, rate: 0.02, do: late, delay: 2}
      - {on: POST, path: /users, nth: 20, do: unauthorized}
      - {on: PUT, nth: 3, do: refuse, code: 401860}

`on` is a method or `any`. `path` is a pattern for what follows /almaws/v1. `rate` is the chance for
each call, `nth` the number of the one call that goes wrong; without either, every call does.
"""

from __future__ import annotations

import os
import random
import stat
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from importer.errors import UsageError

_MAX_BYTES = 64 * 1024
_MAX_DEPTH = 5


class Fault(Enum):
    """What can go wrong. `*_after`, `slow`, `truncated` and `late` apply the call first."""

    THROTTLED = "429"
    THROTTLED_AFTER = "429_after"
    DAILY = "429_daily"
    UNAVAILABLE = "503"
    ERROR_BEFORE = "500_before"
    ERROR_AFTER = "500_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    HTML = "html"
    EMPTY = "empty"  # status 200 and no body
    SLOW = "slow"  # applied at once, answered after `delay`
    LATE = "late"  # the answer is lost; applied after `delay`
    TRUNCATED = "truncated"
    UNAUTHORIZED = "unauthorized"
    REFUSE = "refuse"  # with Alma's error `code`


def _as_text(value: object) -> object:
    """Return a number as text: YAML reads 429 as a number and 429_daily as text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Rule(BaseModel):
    """One rule of the file. `delay` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    do: Annotated[Fault, Field(strict=False), BeforeValidator(_as_text)]
    on: Literal["any", "GET", "POST", "PUT", "DELETE"] = "any"
    path: str = "*"
    rate: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    nth: int | None = Field(None, ge=1)
    delay: float = Field(1.0, ge=0, le=3600, allow_inf_nan=False)
    code: Annotated[str, BeforeValidator(_as_text)] = ""

    @model_validator(mode="after")
    def _agree(self) -> Rule:
        if self.rate is not None and self.nth is not None:
            msg = "a rule has rate or nth, not both"
            raise ValueError(msg)
        if (self.do is Fault.REFUSE) != bool(self.code):
            msg = "`do: refuse` and `code` go together"
            raise ValueError(msg)
        return self

    def matches(self, method: str, path: str) -> bool:
        """Return whether the rule is about this kind of call."""
        return self.on in {"any", method} and fnmatchcase(path, self.path)


_EXPECTED = {
    "do": f"`do` is one of {', '.join(fault.value for fault in Fault)}",
    "on": "`on` is one of any, GET, POST, PUT, DELETE",
    "path": "`path` is text such as /users/*",
    "rate": "`rate` is a chance from 0 to 1",
    "nth": "`nth` is a whole number from 1",
    "delay": "`delay` is a number of seconds from 0 to 3600",
    "code": "`code` is an error code of Alma",
}


class Faults:
    """The rules, with their random numbers and how often each rule has matched."""

    def __init__(self, rules: tuple[Rule, ...] = (), seed: int = 0) -> None:
        """Start counting; the same seed gives the same faults."""
        self.rules = rules
        self._random = random.Random(seed)  # noqa: S311  reproducible on purpose
        self._matched = [0] * len(rules)

    def find(self, method: str, path: str) -> Rule | None:
        """Return the rule that fires for this call, if one does."""
        for index, rule in enumerate(self.rules):
            if not rule.matches(method, path):
                continue
            self._matched[index] += 1
            if rule.nth is not None and self._matched[index] != rule.nth:
                continue
            if rule.rate is not None and self._random.random() >= rule.rate:
                continue
            return rule
        return None


def load_faults(path: Path) -> Faults:
    """Read the rules from a file of at most 64 kB; UsageError names the file and the line."""
    try:
        # Opening a pipe must not wait for somebody to write into it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as file:  # noqa: PTH123  a descriptor
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                msg = f"{path}: the faults file is not a regular file"
                raise UsageError(msg)
            source = file.read(_MAX_BYTES + 1)
        return read_faults(source.decode("utf-8"), str(path))
    except (OSError, ValueError) as error:
        msg = f"{path}: the faults file cannot be read; it is a UTF-8 text file"
        raise UsageError(msg) from error


def read_faults(source: str, name: str) -> Faults:
    """Read the rules from YAML text; errors call it `name`."""
    if len(source.encode("utf-8", "replace")) > _MAX_BYTES:
        raise _wrong(name, 1, "the rules are longer than 64 kB")
    try:
        _refuse_deep(source, name)
        document = YAML(typ="rt").load(source)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _wrong(name, line, f"this is not YAML: {error.problem or 'unreadable'}") from error
    except (YAMLError, ValueError, TypeError) as error:
        raise _wrong(name, 1, "this is not YAML") from error
    if document is None:
        return Faults()
    if not isinstance(document, CommentedMap):
        raise _wrong(name, 1, "the file has `seed` and `rules`")
    for key in document:
        if key not in {"seed", "rules"}:
            line = document.lc.key(key)[0] + 1
            raise _wrong(name, line, f"{_short(key)} is unknown; the file has `seed` and `rules`")
    seed, rows = document.get("seed", 0), document.get("rules")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise _wrong(name, document.lc.key("seed")[0] + 1, "`seed` is a whole number")
    if rows is None:
        return Faults(seed=seed)
    if not isinstance(rows, CommentedSeq):
        raise _wrong(name, document.lc.key("rules")[0] + 1, "`rules` is a list")
    rules = [_read_rule(row, name, rows.lc.item(at)[0] + 1) for at, row in enumerate(rows)]
    return Faults(tuple(rules), seed)


def _refuse_deep(source: str, name: str) -> None:
    """Refuse deep nesting and aliases, event by event, before a document is built of them."""
    depth = 0
    for event in YAML(typ="rt", pure=True).parse(source):
        depth += isinstance(event, MappingStartEvent | SequenceStartEvent)
        depth -= isinstance(event, MappingEndEvent | SequenceEndEvent)
        if isinstance(event, AliasEvent):
            raise _wrong(name, event.start_mark.line + 1, "write the rule out instead of an alias")
        if depth > _MAX_DEPTH:
            raise _wrong(name, event.start_mark.line + 1, "this is nested too deep for rules")


def _read_rule(row: object, name: str, line: int) -> Rule:
    if not isinstance(row, CommentedMap):
        raise _wrong(name, line, "a rule looks like {on: POST, rate: 0.05, do: 429}")
    for key in row:
        if key not in _EXPECTED:
            raise _wrong(name, line, f"{_short(key)} is unknown; a rule has {', '.join(_EXPECTED)}")
    try:
        return Rule.model_validate(dict(row))
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0]) if problem["loc"] else ""
        sentence = _EXPECTED.get(field) or problem["msg"].removeprefix("Value error, ")
        raise _wrong(name, line, sentence) from error


def _short(key: object) -> str:
    return repr(str(key)[:40])


def _wrong(name: str, line: int, sentence: str) -> UsageError:
    return UsageError(f"{name}: line {line}: {sentence}")
