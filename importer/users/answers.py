"""Alma's answers about single rows, kept for the plan that continues after one that was stopped.

Only a plan without a user cache uses them. An apply reads a user again before it changes the
record, and once it wrote anything, no answer from before counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from importer.model.files import write_atomically
from importer.model.user import User
from importer.users.matching import MatchedUser, MatchResult, PersonQuery

VALID = timedelta(days=1)
"""How long an answer counts: long enough to continue after the daily API limit."""


class _Answer(BaseModel):
    """A line of the file: what was asked, when, and what Alma had."""

    time: datetime
    query: str
    users: tuple[tuple[User, tuple[str, ...]], ...]
    possible_matches: tuple[User, ...]
    namesakes: tuple[str, ...]


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
        if answer is None:
            return None
        users = tuple(MatchedUser(user, by) for user, by in answer.users)
        return MatchResult(users, answer.possible_matches, answer.namesakes)

    def keep(self, query: PersonQuery, found: MatchResult) -> None:
        """Save an answer at once; what a process wrote stays when it is killed."""
        if found.failed:
            return
        answer = _Answer(
            time=self._now,
            query=_key(query),
            users=tuple((matched.user, matched.by) for matched in found.users),
            possible_matches=found.possible_matches,
            namesakes=found.namesakes,
        )
        line = answer.model_dump_json(exclude_unset=True).encode() + b"\n"
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)  # whole lines, also of two plans at once
            finally:
                os.close(file)

    def forget(self, queries: Iterable[PersonQuery]) -> None:
        """Delete the answers of a plan that is saved, and those that are too old."""
        done = set(map(_key, queries))
        rest = [one for key, one in self._answers.items() if key not in done]
        lines = (one.model_dump_json(exclude_unset=True) + "\n" for one in rest)
        with suppress(OSError):
            if rest:
                write_atomically(self._path, "".join(lines).encode())
            else:
                self._path.unlink(missing_ok=True)
                self._path.parent.rmdir()  # only if nothing else is there


def answers_path(cache: Path) -> Path:
    """Return the path of the answers, beside the user cache of the same Alma."""
    return cache.with_suffix(".answers")


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
