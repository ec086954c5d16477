"""What `importer doctor --probe` measured of an institution's Alma, saved in a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from importer.alma.doctor import Finding, State
from importer.errors import UsageError
from importer.model.files import read_bounded, write_atomically

_LARGEST = 100_000  # bytes


_CONSEQUENCES = {
    ("get-pin", "hide"): (
        "Alma does not show PINs, so an update of an Internal user may clear the PIN.",
        "Map `pin_number`, or check one user before a large load.",
    ),
    ("rename-by-put", "refuse"): (
        "Alma does not change a primary ID through the API.",
        "Do not use `--as rename` or `id_change: rename`; change the ID in Alma by hand.",
    ),
    ("put-roles", "ignore"): (
        "Alma ignores roles in an update, so `patron_role` has no effect.",
        "",
    ),
    ("external-group", "kept"): (
        "Alma changes the user group of External users only if it is overridden, as every plan "
        "now does. A group that someone edited in Alma stays.",
        "",
    ),
    ("inactive-identifiers", "hide"): (
        "Alma finds no user by an inactive ID, so an old card matches nobody.",
        "",
    ),
    ("mandatory-email", "on"): (
        "Alma refuses users without an email.",
        "Set `required: true` for the email in the mapping.",
    ),
}
"""What a fact means for a load, and what to do, if the importer does not expect it."""


class Facts(BaseModel):
    """What was measured, where and when. It contains no patron data.

    `facts`: value by the name of a switch. `unclear`: why a fact could not be measured, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    institution: str
    environment: str
    measured: date
    facts: dict[str, str]
    unclear: dict[str, str] = {}


def consequences(facts: Facts) -> Iterator[Finding]:
    """Yield what the facts mean for loads at this institution."""
    for name, value in facts.facts.items():
        if (name, value) in _CONSEQUENCES:
            yield Finding(name, State.WARN, *_CONSEQUENCES[name, value])


def save_facts(path: Path, facts: Facts) -> None:
    """Write a file of facts. Raises UsageError if it cannot be written."""
    try:
        write_atomically(path, f"{facts.model_dump_json(indent=2)}\n".encode())
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}). Name another file with --facts."
        raise UsageError(msg) from error


def load_facts(path: Path) -> Facts:
    """Read a file of facts. Raises UsageError if it is none."""
    try:
        return Facts.model_validate_json(read_bounded(path, _LARGEST))
    except ValidationError as error:
        msg = f"{path} is not a file of facts. `importer doctor --probe` writes one."
        raise UsageError(msg) from error
