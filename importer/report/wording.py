"""The words in which a run is told: counts, fates, rows, and commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from importer.model.catalogue import Severity
from importer.model.plan import Act, ChangeKind, Fate, Result
from importer.model.run import Calls, RowLife, RunFacts
from importer.model.text import spans

FATES: dict[Fate, str] = {
    Fate.READY: "ready",
    Fate.REJECTED: "rejected",
    Fate.REVIEW: "to review",
    Fate.BLANK: "blank",
    Fate.SKIPPED: "skipped",
}

DISMISSED = "rejected by a person"
"""Said of rejected rows in which nothing is to be corrected."""

ACTS: dict[Act, str] = {
    Act.CREATE: "to create",
    Act.UPDATE: "to update",
    Act.DELETE: "to delete",
    Act.UNCHANGED: "unchanged",
    Act.LEFT_ALONE: "skipped by the plan",
}

RESULTS: dict[Result, str] = {
    Result.CREATED: "created",
    Result.UPDATED: "updated",
    Result.DELETED: "deleted",
    Result.WAS_SO: "already so in Alma",
    Result.WAS_GONE: "already gone from Alma",
    Result.REFUSED: "refused by Alma",
    Result.HELD: "to review: changed in Alma",
    Result.UNKNOWN: "result not known yet",
    Result.NOT_SENT: "not sent",
}

SEVERITIES: dict[Severity, str] = {
    Severity.REJECT: "Must be corrected",
    Severity.REVIEW: "Needs review",
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


def number(count: int) -> str:
    """A count as people write it: 12,345."""
    return f"{count:,}"


def counted(count: int, thing: str) -> str:
    """`1 run`, `12,345 runs`."""
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def rows(count: int) -> str:
    """`1 row`, `12,345 rows`."""
    return counted(count, "row")


def effort(calls: Calls) -> str:
    """`Applying takes 1,250 API calls, about 3 minutes`, and whether they were left that day."""
    told = f"Applying takes {number(calls.count)} API call{'' if calls.count == 1 else 's'}"
    told += f", about {duration(calls.seconds)}." if calls.seconds else "."
    if calls.left is not None:
        told += f" {number(calls.left)} of today's calls were left when it was planned."
    if not calls.suffice:
        told += " That is not enough: `apply` will stop; run it again after midnight GMT."
    return told


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
    """The word for a row that comes back: `rejected`, `review`, `refused by Alma`, …."""
    return RESULTS[life.result] if life.result else life.fate.value


def command(*parts: str) -> str:
    """A command of the importer, quoted for the shell."""
    return shlex.join(("importer", *parts))


def again(verb: str, facts: RunFacts, roster: str = "") -> str:
    """`check` or `plan` of a run's roster, or of another, read as the run has read its own."""
    codes = ("--codes", facts.codes) if facts.codes else ()
    visible = ("--visible-only",) if facts.roster.visible_only and not roster else ()
    path = roster or facts.roster.shown
    return command(verb, path, "-m", facts.mapping.shown, *codes, *visible)
