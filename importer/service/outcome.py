"""How something that a person asked for ended: for the command line, jobs, the page and scripts."""

from __future__ import annotations

import json
from typing import Annotated, Self

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from importer.advice import Advice, as_json, from_json
from importer.errors import Cause, Exit, ImporterError, RosterError, understood
from importer.files import printable
from importer.ledger.ledger import Ledger, summarize
from importer.model.run import Kept, Summary, UnusedAnswers

Printable = Annotated[str, AfterValidator(printable)]
Choices = Annotated[
    Advice,
    PlainValidator(lambda value: value if isinstance(value, tuple) else from_json(value)),
    PlainSerializer(
        as_json, return_type=list[dict[str, str | tuple[str, ...] | int | bool | None]]
    ),
]


class Ending(Kept):
    """How it ended; with `--json` a command writes this, beside the counts of its run.

    `error`: why it ended before all was done, in words for people; `advice`: what to do then;
    `cause`: what has to be corrected. `cells`: what only the person at the screen may see of the
    roster. `summary`: the counts, of which an error may have none. `unused_answers`: which of the
    answers that were given could not be used.
    """

    exit: Exit
    error: Printable = ""
    advice: Choices = ()
    cause: Cause = Cause.OTHER
    cells: Printable = ""
    summary: Summary | None = None
    unused_answers: tuple[UnusedAnswers, ...] = ()

    @property
    def counts(self) -> Summary:
        """The counts of its run, which it must have."""
        assert self.summary is not None  # noqa: S101
        return self.summary

    def as_json(self) -> dict[str, object]:
        """Return the counts and the outcome as the keys of one object, without what is not said."""
        own = self.model_dump(mode="json", exclude_defaults=True, exclude={"summary"})
        counts = self.summary.model_dump(mode="json", exclude_none=True) if self.summary else {}
        return counts | own

    @classmethod
    def read(cls, written: str) -> Self:
        """Return what `as_json` gave, or another answer with an exit code. Raises ValueError."""
        values = json.loads(written)
        if not isinstance(values, dict):
            raise ValueError(written)  # noqa: TRY004  as for every other text
        counts = {name: value for name, value in values.items() if name in Summary.model_fields}
        own = {name: value for name, value in values.items() if name in cls.model_fields}
        return cls.model_validate(own | ({"summary": counts} if "rows" in counts else {}))


def ending_of(run: Ledger, stopped: ImporterError | None = None) -> Ending:
    """Return the counts of a run, with the exit code of what was done with it.

    `stopped`: why an apply ended early. Raises AssertionError, which is a defect, where the rows do
    not add up.
    """
    summary = summarize(run, frozenset({stopped.exit} if stopped else ()))
    if not summary.adds_up():
        msg = "the rows of this run do not add up"
        raise AssertionError(msg)
    why = {} if stopped is None else _of(stopped)
    return Ending.model_validate({"exit": summary.exit, "summary": summary} | why)


def failed(error: Exception) -> Ending:
    """Return how something ended that raised an error."""
    shown = understood(error)
    names = shown.encodings.items() if isinstance(shown, RosterError) else ()
    cells = "".join(f"\n  {encoding}: {words}" for encoding, words in names)
    return Ending.model_validate({"exit": shown.exit, "cells": cells, **_of(shown)})


def _of(error: ImporterError) -> dict[str, object]:
    return {"error": error.prose, "advice": error.advice, "cause": error.cause}
