"""What `apply` asks and tells the person at the keyboard."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from importer.cli.alma import Stopping, with_alma
from importer.cli.output import now, operator, say
from importer.cli.progress import progress
from importer.errors import AlmaError, ImporterError, StoppedError, UsageError
from importer.ledger.journal import Journal
from importer.ledger.schema import RESULTS, State
from importer.model.plan import Result
from importer.pipeline import apply
from importer.report import wording
from importer.report.wording import command, rows
from importer.writer.progress import Progress, RowDone, Stop, Waiting

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.cli.progress import Advance
    from importer.ledger.ledger import Ledger
    from importer.model.plan import Brake
    from importer.model.run import RunFacts


def apply_run(
    ledger: Ledger, limit: int | None, allowed: frozenset[Brake], *, yes: bool
) -> Stop | None:
    """Carry out what is left of a run; why it ended early, if it did.

    Where nothing is left, nothing is sent, not even a question. Raises ImporterError.
    """
    from importer.settings import Settings

    apply.check_is_plan(ledger)
    left = apply.left_to_do(ledger)
    if not left:
        say("This plan is already complete. Nothing was sent.")
        return None
    settings = Settings.read()
    stopping = Stopping()
    of = left if limit is None else min(left, limit)
    leave = apply.ApplyOptions(
        operator=operator(),
        now=now,
        stopping=stopping,
        tell=lambda _: None,
        settle=settings.alma_verify_delay,
        plan_days=settings.alma_plan_days,
        limit=limit,
        allowed=allowed,
    )
    apply.check_fresh(ledger, leave)
    apply.check_room(ledger)
    journal = Journal(ledger, leave.operator, now)
    for entry in apply.check_brakes(ledger, journal, allowed):
        when = f"{entry.time:%Y-%m-%d %H:%M}"
        say(f"Safety check {entry.detail}: {entry.operator} let it pass on {when}.")
    _confirm(ledger.facts, of, yes=yes)
    if sentence := apply.doubt_if_end_is_lost(ledger, journal):
        say(sentence)

    async def carry_out(alma: Alma) -> Stop | None:
        await apply.check_institution(ledger.facts, alma)
        with progress("Applying", lambda: alma.limiter.notice) as advance:
            telling = replace(leave, tell=_Telling(advance, of))
            return await apply.carry_out(ledger, alma, journal, telling)

    try:
        with stopping.listening():
            stopped = with_alma(settings, lambda alma: stopping.run(carry_out(alma)))
    except StoppedError as error:
        stopped = Stop.by(error)
    except AlmaError as error:  # before anything was sent
        return Stop.by(error)
    _take_over(ledger)
    return stopped


def _take_over(ledger: Ledger) -> None:
    """Let the directory know what was written, if one is kept; the run is done all the same."""
    from importer.cli.directory import FOLDER
    from importer.users.refresh import add_applied

    try:
        add_applied(ledger, FOLDER)
    except UsageError as error:
        say(str(error))


class _Telling:
    """Passes an apply's news on to the progress that is shown."""

    def __init__(self, advance: Advance, of: int) -> None:
        self._advance = advance
        self._of = of
        self._results: dict[int, Result] = {}
        self._counts: Counter[Result] = Counter()

    def __call__(self, news: Progress) -> None:
        match news:
            case RowDone(row, act, state):
                if before := self._results.get(row):
                    self._counts[before] -= 1
                result = self._results[row] = RESULTS[act, state]
                self._counts[result] += 1
                ends = [(self._counts[result], words) for result, words in _ENDS.items()]
                done = sum(count for count, _ in ends)
                counts = ", ".join(f"{count:,} {words}" for count, words in ends if count)
                self._advance(min(done, self._of), self._of, counts)
            case Waiting(waiting, seconds):
                say(
                    f"Alma's answer was lost for {rows(waiting)}. Waiting {seconds:,.0f} s before "
                    "asking Alma what became of them."
                )


_ENDS = {
    result: words
    for result, words in wording.RESULTS.items()
    if result not in {Result.UNKNOWN, Result.NOT_SENT}
}
"""The results that are final, in words."""


def told(ledger: Ledger, stop: Stop, run: str) -> str:
    """Why an apply ended early; what is done, what is not known, what is left, how to go on."""
    lines = [stop.why]
    if stop.daily:
        lines.append(f"Midnight GMT is {_midnight(now()):%H:%M on %d %B} local time.")
    try:
        counts = ledger.progress()
    except ImporterError:
        counts = {}
    if counts:
        unknown = counts.get(State.INTENT, 0) + counts.get(State.UNKNOWN, 0)
        left = counts.get(State.PLANNED, 0)
        done = sum(counts.values()) - unknown - left
        asked = " (looked up first when you continue)" if unknown else ""
        lines.append(f"Done: {done:,}. Outcome not known yet: {unknown:,}{asked}. Left: {left:,}.")
    lines.append(f"To continue, run:\n  {command('apply', run)}")
    return "\n".join(lines)


def _midnight(moment: datetime) -> datetime:
    """The next midnight GMT, in the zone of this moment."""
    tomorrow = moment.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC).astimezone(moment.tzinfo)


def _confirm(facts: RunFacts, count: int, *, yes: bool) -> None:
    """In production, have the institution's code typed. Raises UsageError if it is not."""
    if yes or facts.alma is None or facts.alma.environment.lower() != "production":
        return
    code = facts.alma.institution
    if not sys.stdin.isatty():
        msg = (
            f"This writes to the production Alma of {code}. Give --yes to write without "
            "confirmation."
        )
        raise UsageError(msg)
    say(f"This writes {rows(count)} to the production Alma of {facts.alma.name or code}.")
    say(f"Type the institution code ({code}) to continue:")
    if sys.stdin.readline().strip() != code:
        msg = "That is not the institution code. Nothing was sent."
        raise UsageError(msg)
