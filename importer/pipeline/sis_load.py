"""A plan for Alma's SIS load: write its file, and find out afterwards what the load did."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from importer.errors import RefusedError, UsageError
from importer.ledger.journal import DELIVERED, Journal, Outcome, Pending, history
from importer.ledger.ledger import Ledger
from importer.ledger.states import State
from importer.loader.read import read
from importer.model.problem import Code, Origin, Problem
from importer.model.roster import NO_HEADINGS, Layout
from importer.model.user import User
from importer.users.cache import UserCache
from importer.users.matching import identifiers
from importer.users.query import find_read
from importer.writer.outcomes import (
    NoWrite,
    WriteFound,
    has_id,
    refusal_problem,
    verify,
)
from importer.writer.sis_xml import write_sis_zip


def deliver(ledger: Ledger, journal: Journal, limit: int | None) -> tuple[Path, ...]:
    """Write the file of what is left of the plan into the run's folder; return its zips.

    At most `limit` records; no file without any. The records that the load overwrites are kept in
    the ledger. A file that was not finished, because the command was killed, is written again; so
    is one that the ledger has lost, of rows in doubt. Raises UsageError, LedgerError.
    """
    if not (rows := journal.rows_in(State.PLANNED, State.UNKNOWN)[:limit]):
        return ()
    number = sum(entry.event == DELIVERED for entry in history(ledger, 0)) + 1
    out = ledger.folder / f"sis-load-{number:02}.zip"
    for unfinished in ledger.folder.glob(f"{out.stem}*{out.suffix}"):
        unfinished.unlink()
    zips = write_sis_zip((journal.step(row).after for row in rows), out)
    hashes = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in zips)
    journal.record_delivery(rows, ", ".join(hashes))
    return zips


def read_reasons(path: Path, ids: Mapping[str, int]) -> dict[int, str]:
    """Return what Alma's own report of the job says about rows, by row.

    `ids`: the rows by the IDs of their users, without case. Any table will do in which a line has
    an ID of a user and a text; so does the list of rejected users that Alma exports. Raises
    RosterError if it cannot be read.
    """
    frame = read(path, Layout(header=NO_HEADINGS)).frame
    found: dict[int, str] = {}
    for cells in frame.itertuples(index=False, name=None):
        texts = [str(cell).strip() for cell in cells if str(cell).strip()]
        words = (word for text in texts for word in re.split(r"[\s,;:()\"']+", text))
        known = (ids[key] for one in (*texts, *words) if (key := one.casefold()) in ids)
        row = next(known, None)
        others = [text for text in texts if text.casefold() not in ids]
        if row is not None and others:
            found.setdefault(row, max(others, key=len))
    return found


def delivered(journal: Journal) -> tuple[Pending, ...]:
    """Return the steps that are in a file and of which nothing is known yet.

    Raises UsageError if there is none.
    """
    steps = tuple(journal.step(row) for row in journal.rows_in(State.DELIVERED))
    if not steps:
        folder = journal.ledger.folder
        msg = f"{folder} has no rows in a file for the SIS load of which nothing is known yet."
        raise UsageError(msg)
    return steps


def known_ids(steps: tuple[Pending, ...]) -> dict[str, int]:
    """Return the rows by the IDs of their users, without case."""
    return {
        key: step.row
        for step in reversed(steps)
        for key in (*identifiers(step.after), step.new_id.casefold())
    }


def compare(
    steps: tuple[Pending, ...],
    cache: UserCache,
    reasons: Mapping[int, str],
    origin: Callable[[int], Origin],
) -> Iterator[Outcome]:
    """Yield the results of the rows of a file, by the users that the cache has now.

    `reasons` are from Alma's report. Nothing is yielded of a row that Alma does not show and that
    the report does not name: it may not have been loaded yet.
    """
    for step in steps:
        user = _user(cache, step)
        found = verify(replace(step, attempts=1), user)
        match found:
            case WriteFound(kept, edited):
                paths = (*kept, *edited)
                problems = tuple(_differs(origin(step.row), path) for path in paths)
                yield Outcome(step.row, State.APPLIED, ", ".join(paths), user, problems)
            case NoWrite() if reason := reasons.get(step.row):
                refused = RefusedError("Alma's SIS load rejected the record.", said=reason)
                problem = refusal_problem(step, refused, origin(step.row))
                yield Outcome(step.row, State.REFUSED, "", None, (problem,))
            case NoWrite.EDITED:
                message = "Alma has neither what the file says nor what was there before."
                problem = Problem.of(Code.CHANGED_IN_ALMA, origin(step.row), message)
                yield Outcome(step.row, State.HELD, message, None, (problem,))
            case _:
                pass


def _differs(origin: Origin, path: str) -> Problem:
    message = f"Alma's {path} is not as in the file: the load left it, or it was edited since."
    return Problem.of(Code.KEPT_BY_ALMA, origin, message, field=path)


def _user(cache: UserCache, step: Pending) -> User | None:
    """Return the user with the ID of a step, or with the one before; None if nobody has it."""
    for primary_id in dict.fromkeys((step.new_id, step.primary_id)):
        for matched in find_read(cache, (("primary_id", primary_id),)):
            if has_id(matched.user, primary_id):
                return matched.user
    return None
