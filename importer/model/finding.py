"""What a check of the setup, or of a job, found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from importer.advice import Advice, as_json, by_hand
from importer.errors import Exit, ImporterError


class FindingState(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, its result and advice; `exit`: how a load would end because of it."""

    name: str
    state: FindingState
    sentence: str
    advice: str | Advice = ""  # as a text, what is done by hand
    exit: Exit = Exit.DONE

    @classmethod
    def of(cls, name: str, error: ImporterError) -> Self:
        """Return what was found out by an error."""
        return cls(name, FindingState.BAD, error.prose, error.advice, error.exit)

    @property
    def choices(self) -> Advice:
        """The advice as things to do."""
        return by_hand(self.advice) if isinstance(self.advice, str) else self.advice

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values, without the exit code."""
        values: dict[str, object] = {"name": self.name, "state": self.state.value}
        return values | {"sentence": self.sentence, "advice": as_json(self.choices)}
