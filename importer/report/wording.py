"""The words in which a run is told: counts, fates, rows, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from importer.model.catalogue import Severity
from importer.model.plan import Act, ChangeKind, Fate, Result
from importer.model.run import Calls, RowLife, RunFacts, Summary
from importer.model.spans import spans

FATES: dict[Fate, str] = {
    Fate.READY: "ready",
    Fate.REJECTED: "to be corrected",
    Fate.REVIEW: "to be decided by you",
    Fate.BLANK: "blank",
    Fate.SKIPPED: "passed over",
}

ACTS: dict[Act, str] = {
    Act.CREATE: "to create",
    Act.UPDATE: "to update",
    Act.DELETE: "to delete",
    Act.UNCHANGED: "unchanged",
    Act.LEFT_ALONE: "left alone",
}

RESULTS: dict[Result, str] = {
    Result.CREATED: "created",
    Result.UPDATED: "updated",
    Result.DELETED: "deleted",
    Result.WAS_SO: "already so in Alma",
    Result.WAS_GONE: "already gone from Alma",
    Result.REFUSED: "refused by Alma",
    Result.HELD: "held",
    Result.UNKNOWN: "outcome not known yet",
    Result.NOT_SENT: "not sent",
}

SEVERITIES: dict[Severity, str] = {
    Severity.REJECT: "Must be corrected",
    Severity.REVIEW: "Needs your decision",
    Severity.WARNING: "Worth a look",
    Severity.REPAIRED: "Repaired for you",
}

Group = Act | ChangeKind
"""What the page lists together: what is done to whole records, and how their fields differ."""

GROUPS: dict[Group, str] = {
    Act.CREATE: "Created",
    Act.DELETE: "Deleted for good",
    ChangeKind.REMOVE: "Removed from Alma",
    ChangeKind.REPLACE: "Replaced",
    ChangeKind.ADD: "Added",
}

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


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows came to which end."""

    words: str
    count: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next: why, and the command to type; without one there is nothing to do."""

    why: str
    command: str = ""

    def __str__(self) -> str:
        """Both, on two lines."""
        return f"{self.why}\n{self.command}".rstrip()


def number(count: int) -> str:
    """A count as people write it: 12,345."""
    return f"{count:,}"


def rows(count: int) -> str:
    """`1 row`, `12,345 rows`."""
    return f"{number(count)} row{'' if count == 1 else 's'}"


def effort(calls: Calls) -> str:
    """`1,250 calls to Alma, about 3 minutes`."""
    told = f"{number(calls.count)} call{'' if calls.count == 1 else 's'} to Alma"
    return f"{told}, about {duration(calls.seconds)}" if calls.seconds else told


def duration(seconds: int) -> str:
    """A time as people say it, to two parts: `45 seconds`, `1 hour 20 minutes`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    parts = ((hours, "hour"), (minute, "minute"), (0 if hours else second, "second"))
    told = [f"{part} {unit}{'' if part == 1 else 's'}" for part, unit in parts if part]
    return " ".join(told) or "0 seconds"


def row_numbers(numbers: Sequence[int], most: int = 6) -> str:
    """Row numbers, in order, as `22, 31–35 and 7 more`: at most so many ranges are spelled out."""
    if tuple(numbers) == (0,):
        return "the whole roster"
    return spans(numbers, most)


def result_of(life: RowLife) -> str:
    """The word for a row that comes back: `rejected`, `review`, `refused by Alma` or `held`."""
    return RESULTS[life.result] if life.result else life.fate.value


def tallies(summary: Summary) -> tuple[Tally, ...]:
    """Where the rows are now: each row in one tally, the good ends first; empty ones left out."""
    applied, planned = summary.created is not None, summary.create is not None
    ends: list[tuple[Fate | Act | Result, str]] = []
    if applied:
        ends += RESULTS.items()
    elif planned:
        ends += [(act, ACTS[act]) for act in (Act.CREATE, Act.UPDATE, Act.DELETE)]
    if planned:
        ends += [(act, ACTS[act]) for act in (Act.UNCHANGED, Act.LEFT_ALONE)]
    ends += [
        (fate, words) for fate, words in FATES.items() if fate is not Fate.READY or not planned
    ]
    counts = summary.model_dump() | _written(summary)
    return tuple(
        Tally(words, counts[end.value], _TONES.get(end, "quiet"))
        for end, words in ends
        if counts[end.value]
    )


def _written(summary: Summary) -> dict[str, int]:
    """What was sent and is in Alma now, by result: without what was so already."""
    return {
        Result.CREATED: summary.created or 0,
        Result.UPDATED: (summary.updated or 0) - (summary.was_so or 0),
        Result.DELETED: (summary.deleted or 0) - (summary.was_gone or 0),
    }


def headline(summary: Summary) -> str:
    """The run in a few sentences: `97 of 120 rows are ready. 15 must be corrected, …`."""
    return " ".join(sentences_of(summary))


def sentences_of(summary: Summary) -> tuple[str, ...]:
    """The sentences of the headline, the weightiest first."""
    if not summary.rows:
        return ("The roster has no rows.",)
    held = _listed(
        (summary.rejected, "must be corrected"),
        (summary.review, "needs your decision" if summary.review == 1 else "need your decision"),
    )
    if summary.created is not None:
        parts = (*_applied(summary), held)
    else:
        aside = _listed(
            (summary.blank, "is blank" if summary.blank == 1 else "are blank"),
            (summary.skipped, "passed over"),
        )
        parts = (_ready(summary), held, aside)
    return tuple(f"{part}." for part in parts if part)


def _listed(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{number(count)} {words}" for count, words in parts if count)


def _ready(summary: Summary) -> str:
    total, ready = summary.rows, summary.ready
    if ready == total:
        first = "The one row is ready" if total == 1 else f"All {number(total)} rows are ready"
    elif ready:
        first = f"{number(ready)} of {rows(total)} {'is' if ready == 1 else 'are'} ready"
    else:
        first = "The one row is not ready" if total == 1 else f"None of {rows(total)} is ready"
    acts = _listed(*((getattr(summary, act) or 0, words) for act, words in ACTS.items()))
    return f"{first}: {acts}" if acts else first


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
            (summary.held or 0, "held"),
            (summary.unknown or 0, "with an outcome that is not known yet"),
            (summary.not_sent or 0, "not sent"),
        ),
    )


def next_step(summary: Summary, facts: RunFacts, rejects: str = "rejects.xlsx") -> NextStep:
    """What to do now, with the exact command. `rejects` is the name of the rejects' workbook."""
    run = summary.run
    back = summary.rejected + summary.review + (summary.refused or 0) + (summary.held or 0)
    comes_back = back > 0 and not facts.undoes
    if summary.unknown or summary.not_sent:
        step = NextStep("Some rows are not done yet. To go on:", command("apply", run))
    elif summary.created is None and (summary.create or summary.update or summary.delete):
        step = _apply(summary)
    elif comes_back and back == summary.review and facts.command == "plan":
        why = "Look at each row that needs your decision, then settle it:"
        step = NextStep(why, f"{command('decide', run)} ROW --as create|update|reject")
    elif comes_back and not run:
        why = "To get the rows that were left out, with what is wrong beside them:"
        step = NextStep(why, command("check", facts.roster.shown, "-m", facts.mapping.shown))
    elif comes_back:
        verb = "check" if facts.command == "check" else "plan"
        why = f"Correct the marked cells in {rejects}, save it, and {verb} those rows again:"
        step = NextStep(why, command(verb, str(PurePath(run, rejects)), "-m", facts.mapping.shown))
    elif summary.created is not None and any(_written(summary).values()):
        why = "Everything is done. If it was wrong, plan the way back:"
        step = NextStep(why, command("undo", run))
    elif facts.command == "check" and summary.ready:
        why = "Compare with Alma; nothing is written yet:"
        step = NextStep(why, command("plan", facts.roster.shown, "-m", facts.mapping.shown))
    else:
        applied = summary.created is not None
        step = NextStep("Everything is done." if applied else "There is nothing to send.")
    return step


def _apply(summary: Summary) -> NextStep:
    brakes = [part for brake in summary.brakes or () for part in ("--allow", brake.value)]
    if brakes:
        why = "A brake holds. Look at the differences; if they are meant:"
        return NextStep(why, command("apply", summary.run, *brakes))
    return NextStep(
        "Look at the plan. If it is right, carry it out:", command("apply", summary.run)
    )


def command(*parts: str) -> str:
    """A command of the importer, quoted for the shell."""
    return shlex.join(("importer", *parts))
