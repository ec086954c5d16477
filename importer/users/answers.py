"""Alma's answers about single rows, kept for the plan that continues after one that was stopped.

Only a plan without a user cache uses them. An apply reads a user again before it changes the
record, and once it wrote anything, no answer from before counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from importer.model.files import write_atomically
from importer.users.matching import MatchResult, PersonQuery

VALID = timedelta(days=1)
"""How long an answer counts: long enough to continue after the daily API limit."""


class _Answer(BaseModel):
    """A line of the file: what was asked, when, and what Alma had."""

    time: datetime
    query: str
    found: MatchResult


class KeptAnswers:
    """The answers in a private file of one Alma; without them, Alma is asked again.

    A file that cannot be read or written therefore stops nothing.
    """

    def __init__(self, path: Path, now: datetime) -> None:
        """Read the file, if it is there."""
        self._path, self._now = path, now
        self._answers: dict[str, _Answer] = {}
        with suppress(OSError):
            for line in path.read_bytes().splitlines():
                with suppress(ValidationError):  # a line that was cut off
                    answer = _Answer.model_validate_json(line)
                    if timedelta(0) <= now - answer.time < VALID:
                        self._answers[answer.query] = answer

    def get(self, query: PersonQuery) -> MatchResult | None:
        """Return what Alma answered; None if it was not asked."""
        answer = self._answers.get(_key(query))
        return None if answer is None else answer.found

    def keep(self, query: PersonQuery, found: MatchResult) -> None:
        """Save an answer at once; what a process wrote stays when it is killed."""
        if found.failed:
            return
        line = _line(_Answer(time=self._now, query=_key(query), found=found))
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            with self._path.open("ab", buffering=0) as file:
                file.write(line)  # whole lines, also of two plans at once

    def forget(self, queries: Iterable[PersonQuery]) -> None:
        """Delete the answers of a plan that is saved, and those that are too old."""
        done = set(map(_key, queries))
        rest = [one for key, one in self._answers.items() if key not in done]
        with suppress(OSError):
            if rest:
                write_atomically(self._path, b"".join(map(_line, rest)))
            else:
                self._path.unlink(missing_ok=True)
                self._path.parent.rmdir()  # only if nothing else is there


def answers_path(cache: Path) -> Path:
    """Return the path of the answers, beside the user cache of the same Alma."""
    return cache.with_suffix(".answers")


def _line(answer: _Answer) -> bytes:
    return answer.model_dump_json(exclude_unset=True).encode() + b"\n"


def _key(query: PersonQuery) -> str:
    """Return the same text for the same query, whatever the process."""
    person = query.person
    return json.dumps(
        (
            query.identifiers,
            (query.first_name, query.last_name, query.email),
            (person.first, person.last, sorted(person.traits)),
            query.by_name,
        )
    )
