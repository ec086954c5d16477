"""How a run stands: a few sentences, and counts in which each row is once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from importer.model.plan import Act, Fate, Result
from importer.model.run import Summary
from importer.report.wording import ACTS, DISMISSED, FATES, RESULTS, number, rows

Tone = Literal["good", "quiet", "decide", "bad"]
"""How a count is to be taken: colour goes by it, and never stands alone."""

_TONES: dict[Fate | Act | Result, Tone] = {
    Fate.READY: "good",
    Act.CREATE: "good",
    Act.UPDATE: "good",
    Act.DELETE: "bad",
    Result.CREATED: "good",
    Result.UPDATED: "good",
    Result.DELETED: "good",
    Fate.REVIEW: "decide",
    Result.HELD: "decide",
    Result.UNKNOWN: "decide",
    Result.NOT_SENT: "decide",
    Fate.REJECTED: "bad",
    Result.REFUSED: "bad",
}
_WRITES = (Act.CREATE, Act.UPDATE, Act.DELETE)
_STAYS = (Act.UNCHANGED, Act.LEFT_ALONE)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows came to which end."""

    words: str
    count: int
    tone: Tone


def tallies(summary: Summary) -> tuple[Tally, ...]:
    """Where the rows are now: each row in one tally, the good ends first; empty ones left out."""
    return tuple(tally for tally in _tallies(summary) if tally.count)


def _tallies(summary: Summary) -> Iterator[Tally]:
    applied, planned = summary.created is not None, summary.create is not None
    ends: list[tuple[Fate | Act | Result, str]] = []
    if applied:
        ends += RESULTS.items()
    elif planned:
        ends += [(act, ACTS[act]) for act in _WRITES]
    if planned:
        ends += [(act, ACTS[act]) for act in _STAYS]
    ends += [
        (fate, words) for fate, words in FATES.items() if fate is not Fate.READY or not planned
    ]
    counts = summary.model_dump() | _written(summary) | {Fate.REJECTED: summary.to_correct}
    for end, words in ends:
        yield Tally(words, counts[end] or 0, _TONES.get(end, "quiet"))
    yield Tally(DISMISSED, summary.dismissed or 0, "quiet")


def headline(summary: Summary) -> str:
    """The run in a few sentences: `97 of 120 rows are ready. 15 must be corrected, …`."""
    return " ".join(sentences_of(summary))


def sentences_of(summary: Summary) -> tuple[str, ...]:
    """The sentences of the headline, the weightiest first."""
    if not summary.rows:
        return ("The roster has no rows.",)
    held = _listed(
        (summary.to_correct, "must be corrected"),
        (summary.review, "needs review" if summary.review == 1 else "need review"),
        (summary.dismissed or 0, DISMISSED),
    )
    aside = _listed(
        (summary.blank, "is blank" if summary.blank == 1 else "are blank"),
        (summary.skipped, "skipped"),
    )
    if not summary.patrons:
        parts: tuple[str, ...] = ("The roster has no patrons", aside)
    elif summary.created is not None:
        parts = (*_applied(summary), held)
    elif summary.create is not None:
        parts = (*_planned(summary), held, aside)
    else:
        parts = (_ready(summary), held, aside)
    return tuple(f"{part}." for part in parts if part)


def _listed(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{number(count)} {words}" for count, words in parts if count)


def _ready(summary: Summary) -> str:
    total, ready = summary.rows, summary.ready
    if ready == total:
        return "The one row is ready" if total == 1 else f"All {number(total)} rows are ready"
    if ready:
        return f"{number(ready)} of {rows(total)} {'is' if ready == 1 else 'are'} ready"
    return "The one row is not ready" if total == 1 else f"None of {rows(total)} is ready"


def _planned(summary: Summary) -> tuple[str, ...]:
    """What would be written: a row that is ready may stand in Alma just so already."""
    writes = _listed(*((getattr(summary, act) or 0, ACTS[act]) for act in _WRITES))
    written = sum(getattr(summary, act) or 0 for act in _WRITES)
    return (
        f"{number(written)} of {rows(summary.rows)} would be written to Alma: {writes}"
        if written
        else "Nothing would be written to Alma",
        _listed(*((getattr(summary, act) or 0, ACTS[act]) for act in _STAYS)),
    )


def _applied(summary: Summary) -> tuple[str, ...]:
    by_result = _written(summary)
    written = sum(by_result.values())
    done = _listed(*((count, RESULTS[Result(result)]) for result, count in by_result.items()))
    verb = "was" if written == 1 else "were"
    return (
        f"{number(written)} of {rows(summary.rows)} {verb} written to Alma: {done}"
        if written
        else "Nothing was written to Alma",
        _listed(
            (summary.was_so or 0, RESULTS[Result.WAS_SO]),
            (summary.was_gone or 0, RESULTS[Result.WAS_GONE]),
            (summary.refused or 0, "refused by Alma"),
            (summary.held or 0, RESULTS[Result.HELD]),
            (summary.unknown or 0, "with a result that is not known yet"),
            (summary.not_sent or 0, "not sent"),
        ),
    )


def _written(summary: Summary) -> dict[str, int]:
    """What was sent and is in Alma now, by result: without what was so already."""
    return {
        Result.CREATED: summary.created or 0,
        Result.UPDATED: (summary.updated or 0) - (summary.was_so or 0),
        Result.DELETED: (summary.deleted or 0) - (summary.was_gone or 0),
    }
