"""Guards: what an unattended load may do before a person has to look at its plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.errors import ImporterError
from importer.jobs.feed import PickedFile
from importer.jobs.schema import Guards, Limit
from importer.jobs.state import LastLoad
from importer.ledger.ledger import Ledger
from importer.model.problem import Code
from importer.model.run import Summary
from importer.model.text import RowId, counted, is_absent

FEW = 5
"""A percentage never allows fewer than this number of people."""


@dataclass(frozen=True, slots=True)
class FailedGuard:
    """A guard that stops a load, and why."""

    name: str
    sentence: str


def failed_guards(guards: Guards, plan: Summary, last: LastLoad | None) -> Iterator[FailedGuard]:
    """Yield the guards that a plan fails, and the safety checks of its mapping.

    Before the first load there is nothing to compare `rows` and `absent` with.
    """
    people = plan.patrons
    if last is not None and (fewest := guards.rows.of(last.rows)) is not None and people < fewest:
        yield FailedGuard(
            "rows",
            f"The file has {_people(people)}, the last load had "
            f"{last.rows:,}; at least {fewest:,} are expected. It may be cut off.",
        )
    for name, limit, count, noun, would in (
        ("creates", guards.creates, plan.create or 0, "user", "be created"),
        ("rejects", guards.rejects, plan.to_correct, "row", "be rejected"),
        ("review", guards.review, plan.review, "row", "need review"),
    ):
        if (most := _most(limit, people)) is not None and count > most:
            sentence = f"{counted(count, noun)} would {would}; at most {most:,} are expected."
            yield FailedGuard(name, f"{sentence}{_WHY.get(name, '')}")
    if last is not None and (most := _most(guards.absent, last.rows)) is not None:
        yield from _absent(plan, last, most)
    for check in plan.failed_checks or ():
        yield FailedGuard(check, f"The safety check {check} of the mapping failed.")


def cut_off(files: tuple[PickedFile, ...], plan: Summary, last: LastLoad | None) -> str:
    """Return the name of a file that ends in the middle of a row; "" where none does."""
    before = last.complete if last is not None else ()
    before = before if len(before) == len(files) else (False,) * len(files)
    cut = (
        file.name
        for number, (file, was_complete) in enumerate(zip(files, before, strict=True))
        if not file.complete and (was_complete or _last_row_is_short(plan, number))
    )
    return next(cut, "")


def _last_row_is_short(plan: Summary, roster: int) -> bool:
    """Whether the last row of a roster, counted from 0, has fewer cells than its headings."""
    if not plan.problems.get(Code.ROW_TOO_SHORT):
        return False
    with Ledger.open(Path(plan.run)) as ledger:
        rows = (
            row
            for row, _ in ledger.fates()
            if RowId.of(row).roster == roster and not is_absent(row)
        )
        return max(rows, default=0) in ledger.rows_with(Code.ROW_TOO_SHORT)


_WHY = {
    "creates": " They may be known in Alma under other IDs.",
    "review": " Their people may be known in Alma under other IDs.",
}
"""What may be behind a guard that fails."""


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _most(limit: Limit, whole: int) -> int | None:
    number = limit.of(whole)
    return max(number, FEW) if number is not None and limit.percent else number


def _absent(plan: Summary, last: LastLoad, most: int) -> Iterator[FailedGuard]:
    """Compare the people of a plan with those of the last load; a check has none.

    People whose row is rejected or needs review are in the file, but not in the plan.
    """
    before, now = _ids(last.run), _ids(plan.run)
    if before is None and now:
        yield FailedGuard(
            "absent",
            f"The run of the last load, {last.run}, was purged or cannot be read, so it is not "
            f"known who of its {_people(last.rows)} is not in this file, which has "
            f"{_people(plan.patrons)}.",
        )
    if before is None or now is None:
        return
    absent = len(before - now) - plan.rejected - plan.review
    if absent > most:
        yield FailedGuard(
            "absent",
            f"{_people(absent)} of the last load are not in this file; at "
            f"most {most:,} are expected.",
        )


def _ids(run: str) -> set[str] | None:
    """Return the primary IDs of a plan; None where it was purged or cannot be read."""
    try:
        with Ledger.open(Path(run)) as ledger:
            return {
                row.primary_id
                for row in ledger.planned()
                if row.primary_id and not is_absent(row.row)
            }
    except ImporterError:
        return None
