"""What `apply` asks and tells the person at the keyboard."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from importer.cli.alma import Stopping, with_alma
from importer.cli.output import now, operator, say
from importer.errors import Exit, UsageError
from importer.ledger.journal import Journal
from importer.ledger.ledger import State
from importer.pipeline import applying

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.ledger.ledger import Ledger
    from importer.model.policy import Brake
    from importer.model.run import RunFacts
    from importer.writer.executor import Told


def apply_run(
    ledger: Ledger, limit: int | None, allowed: frozenset[Brake], *, yes: bool
) -> frozenset[Exit]:
    """Carry out what is left of a run; the reasons for stopping early.

    Where nothing is left, nothing is sent, not even a question. Raises ImporterError.
    """
    from importer.settings import Settings

    settings = Settings.read()
    stopping = Stopping()
    fates: Counter[State] = Counter()
    left = applying.left_to_do(ledger)
    of = left if limit is None else min(left, limit)
    leave = applying.Leave(
        operator=operator(),
        now=now,
        stopping=stopping,
        tell=lambda _: None,
        settle=settings.alma_settle,
        plan_days=settings.alma_plan_days,
        limit=limit,
        allowed=allowed,
    )
    applying.check_is_plan(ledger)
    if not left:
        say("Everything of this plan is done; nothing was sent.")
        return frozenset()
    applying.check_fresh(ledger, leave)
    journal = Journal(ledger, leave.operator, now)
    applying.check_brakes(ledger, journal, allowed)

    async def use(alma: Alma) -> frozenset[Exit]:
        from dataclasses import replace

        from importer.cli.progress import progress

        await applying.check_institution(ledger.facts, alma)
        _confirm(ledger.facts, of, yes=yes)
        with progress("Applying") as advance, stopping.listening():

            def tell(news: Told) -> None:
                fates[news.state] += 1
                done = min(of, sum(fates.values()))
                refused = f"{fates[State.REFUSED]} refused" if fates[State.REFUSED] else ""
                advance(done, of, " ".join(filter(None, (refused, alma.governor.notice))))

            return await applying.carry_out(ledger, alma, journal, replace(leave, tell=tell))

    return with_alma(settings, use)


def _confirm(facts: RunFacts, rows: int, *, yes: bool) -> None:
    """In production, have the institution's code typed. Raises UsageError if it is not."""
    if yes or facts.alma is None or facts.alma.environment.lower() != "production":
        return
    code = facts.alma.institution
    if not sys.stdin.isatty():
        msg = (
            f"This writes to the production Alma of {code}; say --yes to do so without being asked."
        )
        raise UsageError(msg)
    say(f"This writes {rows:,} records to the production Alma of {facts.alma.name or code}.")
    say(f"Type the institution's code ({code}) to go on:")
    if sys.stdin.readline().strip() != code:
        msg = "That is another code. Nothing was sent."
        raise UsageError(msg)
