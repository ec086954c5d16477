"""Answer the rows of a run that need review."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from importer.alma.client import Alma
from importer.ledger.ledger import Ledger
from importer.model.question import Answer
from importer.model.run import RowHistory, UnusedAnswers
from importer.pipeline.decisions import Decision
from importer.pipeline.resolve import Review
from importer.service.connection import with_alma
from importer.service.office import NEVER, Office, Surface, saved_codes, working


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of answers: the rows that changed by them, and why others could not be taken."""

    changed: tuple[RowHistory, ...]
    unused: tuple[UnusedAnswers, ...]


def resolve(
    office: Office,
    run: Ledger,
    answers: Sequence[Decision],
    surface: Surface,
    *,
    codes: Path | None,
) -> Resolved:
    """Answer rows of a run that is open alone; later plans remember it.

    `codes`: a file of code tables, None for that of the run. Alma is asked unless all rows are
    rejected. Raises StalePlanError, LedgerError, UsageError, AlmaError.
    """
    file = codes or (Path(run.facts.codes) if run.facts.codes else None)
    review = Review(run, saved_codes(file), office.occasion().measured, office.operator, office.now)
    before = {row.row: row for row in run.returning()}
    before |= {answer.row: row for answer in answers if (row := run.row(answer.row))}

    async def use(alma: Alma | None) -> list[UnusedAnswers]:
        with working(surface, "Resolving", NEVER, alma) as progress:
            return await review.resolve_all(answers, alma, progress)

    if all(answer.answer is Answer.REJECT for answer in answers):
        unused = asyncio.run(use(None))
    else:
        unused = with_alma(office, use)
    changed = (
        row
        for then in before.values()
        if (row := run.row(then.row))
        and (row.fate, row.act, row.result) != (then.fate, then.act, then.result)
    )
    return Resolved(tuple(changed), tuple(unused))
