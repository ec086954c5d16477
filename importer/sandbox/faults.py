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

import random
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from importer.errors import UsageError

_MAX_BYTES = 8 * 1024


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


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seed: int = 0
    rules: list[Rule] | None = None


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
            if rule.on not in {"any", method} or not fnmatchcase(path, rule.path):
                continue
            self._matched[index] += 1
            if rule.nth is not None and self._matched[index] != rule.nth:
                continue
            if rule.rate is not None and self._random.random() >= rule.rate:
                continue
            return rule
        return None


def load_faults(path: Path) -> Faults:
    """Read the rules from a file of at most 8 kB; UsageError names the file."""
    try:
        if not path.is_file():  # reading a pipe would wait for somebody to write into it
            msg = f"{path}: the faults file is not a regular file"
            raise UsageError(msg)
        return read_faults(path.read_bytes().decode("utf-8"), str(path))
    except (OSError, ValueError) as error:
        msg = f"{path}: the faults file cannot be read; it is a UTF-8 text file"
        raise UsageError(msg) from error


def read_faults(source: str, name: str) -> Faults:
    """Read the rules from YAML text; errors call it `name` and give the line or the rule."""
    if len(source.encode("utf-8", "replace")) > _MAX_BYTES:
        msg = f"{name}: the rules are longer than 8 kB"
        raise UsageError(msg)
    try:
        given = _File.model_validate(YAML(typ="safe", pure=True).load(source) or {})
    except ValidationError as error:
        msg = f"{name}: {_explain(error)}"
        raise UsageError(msg) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        msg = f"{name}: line {line}: this is not YAML: {error.problem or 'unreadable'}"
        raise UsageError(msg) from error
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        msg = f"{name}: this is not YAML"
        raise UsageError(msg) from error
    return Faults(tuple(given.rules or ()), given.seed)


def _explain(error: ValidationError) -> str:
    """Return the first thing that pydantic found wrong, with the number of its rule."""
    problem = error.errors()[0]
    if not problem["loc"]:
        return "the file has `seed` and `rules`"
    file, *rest = problem["loc"]
    where = f"rule {int(rest[0]) + 1}: " if file == "rules" and rest else ""
    key = str(rest[-1] if len(rest) != 1 else "") if rest else str(file)
    said = problem["msg"].removeprefix("Value error, ")
    return where + (f"{key[:40]!r}: {said}" if key else said)
