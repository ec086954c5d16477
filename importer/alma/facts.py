"""What was measured of an institution's Alma: the files that keep it, and which of it counts where.

`importer doctor --probe` measures a sandbox environment, `importer doctor --first-contact` reads
any Alma. Facts count for the institution where they were measured; for another one only where a
person named it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ValidationError

from importer.errors import UsageError
from importer.model.files import read_bounded, write_atomically
from importer.model.text import command_line

_LARGEST = 100_000  # bytes of a file of facts

MEASURABLE = (
    *("delete-policy", "external-group", "get-pin", "mandatory-email"),
    *("put-roles", "rename-by-put"),
)
"""The facts that a plan depends on and the probe finds."""

FOLLOWED = (
    *MEASURABLE,
    *("original-value", "sis-edited-names", "sis-empty-sticky", "sis-unmatched"),
)
"""The facts that a plan depends on. All others are for the practice Alma and for people."""


class UsedFor(BaseModel, frozen=True, extra="forbid"):
    """Another institution for which facts are used, and who decided it when: `ana@desk`."""

    institution: str
    by: str
    at: AwareDatetime


class Facts(BaseModel, frozen=True, extra="forbid"):
    """What was measured, by names of switches, and why not (`unclear`). It has no patron data."""

    institution: str
    environment: str
    measured: date
    facts: dict[str, str]
    unclear: dict[str, str] = {}
    used_for: tuple[UsedFor, ...] = ()

    def decision(self, institution: str) -> UsedFor | None:
        """Return the decision to use them for another institution; None if there is none."""
        return next((one for one in self.used_for if one.institution == institution), None)

    def use_for(self, institution: str, by: str, at: datetime) -> Facts:
        """Return the facts with the decision to use them for another institution."""
        others = (one for one in self.used_for if one.institution != institution)
        made = UsedFor(institution=institution, by=by, at=at)
        return self.model_copy(update={"used_for": (*others, made)})


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What is known of one Alma: value by the name of a switch.

    `used` and `unused`: one sentence for each file, with what counts, or why nothing does.
    """

    values: Mapping[str, str]
    used: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def hides_pins(self) -> bool:
        """Whether Alma is known not to show PINs."""
        return self.values.get("get-pin") == "hide"

    def followed(self) -> Mapping[str, str]:
        """Return the facts that a plan depends on."""
        return {name: self.values[name] for name in FOLLOWED if name in self.values}


def facts_for(files: Mapping[Path, Facts], institution: str) -> KnownFacts:
    """Return which facts of the files count for an institution; of two values the last file's."""
    values: dict[str, str] = {}
    used: list[str] = []
    unused: list[str] = []
    for path, facts in files.items():
        measured = f"measured on {facts.measured} at {facts.institution}"
        decision = facts.decision(institution)
        if facts.institution != institution and decision is None:
            words = command_line("doctor", "--use-facts", str(path), "--for", institution)
            unused.append(
                f"{path} is not used: it was {measured}, not at {institution}. If both are set "
                f"up alike, type: {words}"
            )
            continue
        if decision is not None:
            measured += f" (used for {institution}: {decision.by}, {decision.at:%Y-%m-%d})"
        values |= facts.facts
        follows = [f"{name} is {facts.facts[name]}" for name in FOLLOWED if name in facts.facts]
        used.append(
            f"{path} is used, {measured}: {', '.join(follows)}."
            if follows
            else f"{path}, {measured}, has no fact that a plan depends on."
        )
    return KnownFacts(values, tuple(used), tuple(unused))


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
