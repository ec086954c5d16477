"""What is known of how an institution's Alma behaves: the files, and what counts where.

A fact is what a plan depends on. `importer doctor --probe` measures a sandbox environment,
`importer doctor --first-contact` reads any Alma. Facts count for the institution where they were
measured, and for the one that `--for` named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ValidationError

from importer.advice import Measure
from importer.errors import UsageError
from importer.files import read_bounded, write_atomically

_LARGEST = 100_000  # bytes of a file of facts

MEASURABLE: Mapping[str, tuple[str, ...]] = {
    "delete-policy": ("remove", "keep"),
    "external-group": ("sticky", "kept"),
    "get-pin": ("show", "hide"),
    "mandatory-email": ("off", "on"),
    "put-roles": ("replace", "ignore"),
    "rename-by-put": ("accept", "refuse"),
    "sticky-blank": ("keep", "clear"),
}
"""The facts that the probe finds, and their values."""

_BY_HAND: Mapping[str, tuple[str, ...]] = {
    "original-value": ("sis", "both", "off"),
    "sis-edited-names": ("keep", "restore"),
    "sis-empty-sticky": ("clear", "keep"),
    "sis-unmatched": ("add", "skip"),
}
"""The facts about the SIS load and about staff's work, which no API call shows."""


def _known(facts: dict[str, str]) -> dict[str, str]:
    """Return the facts; ValueError unless each is known and has one of its values."""
    every = {**MEASURABLE, **_BY_HAND}
    if wrong := [name for name, value in facts.items() if value not in every.get(name, ())]:
        raise ValueError(wrong[0])
    return facts


class MeasuredFacts(BaseModel, frozen=True, extra="forbid"):
    """What was measured, and why not (`unclear`). It has no patron data.

    `also_for`: the code of another institution where they count; blank if there is none.
    """

    institution: str
    environment: str
    measured: date
    facts: Annotated[dict[str, str], AfterValidator(_known)]
    unclear: dict[str, str] = {}
    also_for: str = ""


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What is known of one Alma: value by the name of a fact.

    `used` and `unused`: one sentence for each file, with what counts, or why nothing does.
    """

    values: Mapping[str, str]
    used: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def loses_pins(self, *, internal: bool, sis: bool) -> bool | None:
        """Return whether a record without a PIN clears one that Alma has and does not show.

        `internal`: the account type that the user has in Alma. `sis`: the SIS load writes the
        record. None where it does so only if Alma hides PINs, which is not known.
        """
        keeps = self.values.get("sis-empty-sticky" if sis else "sticky-blank") == "keep"
        if keeps and not internal:
            return False
        return {"hide": True, "show": False}.get(self.values.get("get-pin", ""))


def facts_for(files: Mapping[Path, MeasuredFacts], institution: str) -> KnownFacts:
    """Return which facts of the files count for an institution; of two values the last file's."""
    values: dict[str, str] = {}
    used: list[str] = []
    unused: list[str] = []
    for path, facts in files.items():
        measured = f"measured on {facts.measured} at {facts.institution}"
        if institution not in {facts.institution, facts.also_for}:
            unused.append(
                f"{path} is not used: it was {measured}, not at {institution}. If both are set up "
                f"alike, measure again with the key of the sandbox, for {institution}, too."
            )
            continue
        if institution != facts.institution:
            measured += f" for {institution}, too"
        values |= facts.facts
        follows = ", ".join(f"{name} is {value}" for name, value in facts.facts.items())
        used.append(
            f"{path} is used, {measured}: {follows}."
            if follows
            else f"{path}, {measured}, has no facts."
        )
    return KnownFacts(values, tuple(used), tuple(unused))


def save_facts(path: Path, facts: MeasuredFacts) -> None:
    """Write a file of facts. Raises UsageError if it cannot be written."""
    save(path, f"{facts.model_dump_json(indent=2)}\n")


def save(path: Path, text: str) -> None:
    """Write what was learned of an Alma. Raises UsageError if it cannot be written."""
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}). Work in a folder of your own."
        raise UsageError(msg) from error


def load_facts(path: Path) -> MeasuredFacts:
    """Read a file of facts. Raises UsageError if it is none."""
    try:
        return MeasuredFacts.model_validate_json(read_bounded(path, _LARGEST))
    except ValidationError as error:
        msg = f"{path} is not a file of facts."
        raise UsageError(msg).advising(Measure()) from error
