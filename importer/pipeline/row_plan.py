"""Plan one row, given the users that Alma has; whatever plans a row does it here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

from importer.alma.doctor import Facts
from importer.ledger.memory import AbsentMemory, DecisionMemory, StickyMemory
from importer.model.decisions import Answer
from importer.model.plan import Planned, Unchanged, Update, Written
from importer.model.run import AlmaFacts
from importer.model.user import User
from importer.pipeline.fates import Resolutions, answered_step
from importer.pipeline.inputs import Rosters
from importer.planner.absent import come_back
from importer.planner.decide import decide, with_borrowing
from importer.planner.drafts import DraftUser
from importer.planner.whole_plan import follow_facts
from importer.users.matching import MatchResult


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the step of a row depends on, beside the row and the users of Alma.

    `leavers`: what was changed of people who were missing, by primary ID without case. `facts`:
    what was measured of this Alma, None if nothing was. `today`: the day of the plan.
    """

    rosters: Rosters
    answers: Resolutions
    leavers: Mapping[str, Written]
    sticky: StickyMemory
    facts: Facts | None
    today: date

    def plan(self, draft: DraftUser, found: MatchResult) -> Planned:
        """Return the step of a row; what people answered before is not asked again."""
        match = self.rosters.match(draft.row)
        planned = decide(draft, found, match, self.sticky.of)
        return self._finish(draft, self.answers.apply(draft, found, planned, match, self.sticky.of))

    def answer(
        self, answer: Answer, draft: DraftUser, live: User | None, found: MatchResult
    ) -> Planned | str:
        """Return the step that an answer asks for, or a sentence with why it cannot be sent.

        `live` and `found` are those of `answered_step`.
        """
        match = self.rosters.match(draft.row)
        made = answered_step(answer, draft, live, found, match, self.sticky.of)
        return self._finish(draft, made) if isinstance(made, Planned) else made

    def _finish(self, draft: DraftUser, planned: Planned) -> Planned:
        match = self.rosters.match(draft.row)
        planned = come_back(draft, planned, self.leavers, match, self.sticky.of)
        return self.as_alma_needs(with_borrowing(draft, planned, self.today))

    def as_alma_needs(self, planned: Planned) -> Planned:
        """Return a step as this Alma needs it."""
        return replace(planned, step=follow_facts(planned.step, self.facts))

    def remember(self, planned: Iterable[Planned], now: datetime) -> None:
        """Remember what Alma has in protected fields that these steps do not send."""
        self.sticky.remember(
            (
                (one.step.primary_id, one.sticky)
                for one in planned
                if isinstance(one.step, Update | Unchanged)
            ),
            now,
        )


@contextmanager
def plan_context(rosters: Rosters, alma: AlmaFacts, facts: Facts | None) -> Iterator[PlanContext]:
    """Read what earlier runs left for this Alma.

    Facts of another institution do not count. Raises LedgerError.
    """
    measured = facts if facts is not None and facts.institution == alma.institution else None
    with closing(StickyMemory(alma.key)) as sticky:
        yield PlanContext(
            rosters,
            Resolutions(DecisionMemory(alma.key).load()),
            AbsentMemory(alma.key).leavers(),
            sticky,
            measured,
            rosters[0].today,
        )
