"""What is uncertain about Alma: one switch for each fact, `switches.toml`.

`importer sandbox --switch list` lists them; `--switch NAME=VALUE` sets one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter

from importer.errors import UsageError

Switches: TypeAlias = "Mapping[str, str]"


class Switch(BaseModel):
    """One uncertain fact; `switches.toml` explains the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[str, ...]
    text: str
    mark: Literal["documented", "observed", "inferred", "open"]
    source: str


SWITCHES = TypeAdapter(dict[str, Switch]).validate_python(
    tomllib.loads(Path(__file__).with_name("switches.toml").read_text("utf-8"))
)


def set_switches(given: Switches, before: Switches | None = None) -> Switches:
    """Return `before` (or the defaults) with the given values; UsageError names a wrong one."""
    for name, value in given.items():
        if name not in SWITCHES:
            msg = f"there is no switch {name!r}; the switches are {', '.join(sorted(SWITCHES))}"
            raise UsageError(msg)
        if value not in SWITCHES[name].values:
            listed = ", ".join(SWITCHES[name].values)
            msg = f"switch {name}: {value!r} is not one of {listed}"
            raise UsageError(msg)
    usual = {name: switch.values[0] for name, switch in SWITCHES.items()}
    return {**usual, **(before or {}), **given}
