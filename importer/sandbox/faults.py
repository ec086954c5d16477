"""Faults on demand: which call goes wrong, and how. Rules come from a YAML file:

    seed: 7
    rules:                      # the first rule that fires wins
      - {on: POST, rate: 0.05, do: 429}
      - {on: PUT, path: /users/*, rate: 0.02, do: late, delay: 2}
      - {on: POST, path: /users, nth: 20, do: unauthorized}
      - {on: PUT, nth: 3, do: refuse, code: 401860}

`rate` is a chance for each matching call, `nth` the one matching call (from 1) that goes wrong;
with neither, every matching call does. `path` is below /almaws/v1, without the query, and may have
wildcards.
"""  # noqa: D415  the file's shape is the first thing to know

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from importer.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_METHODS = ("any", "GET", "POST", "PUT", "DELETE")
_KEYS = ("on", "path", "rate", "nth", "do", "delay", "code")


class Fault(Enum):
    """What can go wrong. `*_after`, `truncated` and `late` apply the call, the others do not."""

    THROTTLED = "429"
    DAILY = "429_daily"
    UNAVAILABLE = "503"
    ERROR_BEFORE = "500_before"
    ERROR_AFTER = "500_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    HTML = "html"
    SLOW = "slow"  # applied and answered, but only after `delay`
    LATE = "late"  # the answer is lost; applied `delay` seconds later
    TRUNCATED = "truncated"
    UNAUTHORIZED = "unauthorized"
    REFUSE = "refuse"  # with Alma's error `code`


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the file. `delay` is in seconds."""

    fault: Fault
    on: str = "any"
    path: str = "*"
    rate: float | None = None
    nth: int | None = None
    delay: float = 1.0
    code: str = ""

    def matches(self, method: str, path: str) -> bool:
        """Whether a call is of the kind that this rule is about."""
        return self.on in {"any", method} and fnmatchcase(path, self.path)


@dataclass(slots=True)
class Faults:
    """The rules, their dice and how often each has matched."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    _dice: random.Random = field(init=False)
    _seen: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Take up the dice, the same for the same seed."""
        self._dice = random.Random(self.seed)  # noqa: S311  reproducible on purpose
        self._seen = [0] * len(self.rules)

    def strike(self, method: str, path: str) -> Rule | None:
        """The rule that fires for this call, if one does."""
        for index, rule in enumerate(self.rules):
            if not rule.matches(method, path):
                continue
            self._seen[index] += 1
            if rule.nth is not None and self._seen[index] != rule.nth:
                continue
            if rule.rate is not None and self._dice.random() >= rule.rate:
                continue
            return rule
        return None


def load_faults(path: Path) -> Faults:
    """The rules of a file; UsageError says which line is wrong."""
    try:
        source = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: the faults file cannot be read"
        raise UsageError(msg) from error
    return read_faults(source, str(path))


def read_faults(source: str, name: str) -> Faults:
    """The rules of a YAML text; `name` is what its errors call it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        document = YAML(typ="rt").load(source)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        msg = f"{name}: line {line}: this is not YAML: {error.problem or 'unreadable'}"
        raise UsageError(msg) from error
    except (YAMLError, ValueError) as error:
        msg = f"{name}: line 1: this is not YAML"
        raise UsageError(msg) from error
    if document is None:
        return Faults()
    if not isinstance(document, CommentedMap):
        raise _wrong(name, 1, "the file has `seed` and `rules`")
    for key in document:
        if key not in {"seed", "rules"}:
            line = document.lc.key(key)[0] + 1
            raise _wrong(name, line, f"{key!r} is unknown; there are seed and rules")
    seed, rows = document.get("seed", 0), document.get("rules") or []
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise _wrong(name, document.lc.key("seed")[0] + 1, "seed is a whole number")
    if not isinstance(rows, list):
        raise _wrong(name, document.lc.key("rules")[0] + 1, "rules is a list")
    lines = rows.lc if isinstance(rows, CommentedSeq) else None
    rules = tuple(
        _read_rule(row, name, lines.item(index)[0] + 1 if lines else 1)
        for index, row in enumerate(rows)
    )
    return Faults(rules, seed)


def _read_rule(row: object, name: str, line: int) -> Rule:
    if not isinstance(row, dict):
        raise _wrong(name, line, "a rule looks like {on: POST, rate: 0.05, do: 429}")
    for key in row:
        if key not in _KEYS:
            raise _wrong(name, line, f"{key!r} is unknown; a rule has {', '.join(_KEYS)}")
    # YAML 1.2 as ruamel reads it keeps `on` a word and makes 429_daily text, but 429 a number.
    done = str(row.get("do", ""))
    if done not in {fault.value for fault in Fault}:
        kinds = ", ".join(fault.value for fault in Fault)
        raise _wrong(name, line, f"do: {done!r} is not one of {kinds}")
    on = row.get("on", "any")
    if on not in _METHODS:
        raise _wrong(name, line, f"on: {on!r} is not one of {', '.join(_METHODS)}")
    rate = _number(row, "rate", name, line)
    if rate is not None and not 0 <= rate <= 1:
        raise _wrong(name, line, "rate is a chance from 0 to 1")
    nth = _number(row, "nth", name, line)
    if nth is not None and (nth < 1 or nth != int(nth)):
        raise _wrong(name, line, "nth is a whole number from 1")
    if rate is not None and nth is not None:
        raise _wrong(name, line, "a rule has rate or nth, not both")
    delay = _number(row, "delay", name, line)
    if delay is not None and not 0 <= delay <= 3600:
        raise _wrong(name, line, "delay is from 0 to 3600 seconds")
    code = str(row.get("code", ""))
    if (done == Fault.REFUSE.value) != bool(code):
        raise _wrong(name, line, "`do: refuse` and `code` go together")
    path = row.get("path", "*")
    if not isinstance(path, str):
        raise _wrong(name, line, "path is text such as /users/*")
    return Rule(
        fault=Fault(done),
        on=str(on),
        path=path,
        rate=rate,
        nth=None if nth is None else int(nth),
        delay=1.0 if delay is None else delay,
        code=code,
    )


def _number(row: dict[object, object], key: str, name: str, line: int) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, line, f"{key} is a number")
    return float(value)


def _wrong(name: str, line: int, sentence: str) -> UsageError:
    return UsageError(f"{name}: line {line}: {sentence}")
