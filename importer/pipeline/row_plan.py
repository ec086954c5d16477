"""Plan one row, given the users that Alma has; whatever plans a row does it here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date

from importer.alma.doctor import Facts
from importer.ledger.edit_memory import EditMemory
from importer.ledger.memory import AbsentMemory
from importer.model.decisions import Answer
from importer.model.people import Common
from importer.model.plan import Planned, UserMemory, Written
from importer.model.run import AlmaFacts
from importer.model.user import User
from importer.pipeline.fates import Resolutions, answered_step
from importer.pipeline.inputs import Rosters
from importer.pipeline.remember import remember_earlier
from importer.planner.absent import come_back
from importer.planner.decide import decide, with_borrowing
from importer.planner.drafts import DraftUser
from importer.planner.staff_edits import Earlier, keyed
from importer.planner.whole_plan import follow_facts
from importer.users.matching import MatchResult


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the step of a row depends on, beside the row and the users of Alma.

    `leavers`: what was changed of people who were missing, by primary ID without case. `earlier`:
    what earlier loads left. `common`: what too many users have to be evidence. `facts`: what was
    measured of this Alma, None if nothing was. `today`: the day of the plan.
    """

    rosters: Rosters
    answers: Resolutions
    leavers: Mapping[str, Written]
    earlier: Earlier
    common: Common
    facts: Facts | None
    today: date

    def plan(self, draft: DraftUser, found: MatchResult) -> Planned:
        """Return the step of a row; what people answered before is not asked again."""
        match = self.rosters.match(draft.row)
        planned = decide(draft, found, match, self.common, self.earlier)
        return self._finish(draft, self.answers.apply(draft, found, planned, match, self.earlier))

    def answer(
        self, answer: Answer, draft: DraftUser, live: User | None, found: MatchResult
    ) -> Planned | str:
        """Return the step that an answer asks for, or a sentence with why it cannot be sent.

        `live` and `found` are those of `answered_step`.
        """
        match = self.rosters.match(draft.row)
        made = answered_step(answer, draft, live, found, match, self.earlier)
        return self._finish(draft, made) if isinstance(made, Planned) else made

    def _finish(self, draft: DraftUser, planned: Planned) -> Planned:
        match = self.rosters.match(draft.row)
        planned = come_back(draft, planned, self.leavers, match, self.earlier)
        return self.as_alma_needs(with_borrowing(draft, planned, self.today))

    def as_alma_needs(self, planned: Planned) -> Planned:
        """Return a step as this Alma needs it."""
        return replace(planned, step=follow_facts(planned.step, self.facts))


@contextmanager
def plan_context(
    rosters: Rosters,
    answers: Resolutions,
    common: Common,
    alma: AlmaFacts,
    facts: Facts | None,
) -> Iterator[PlanContext]:
    """Read what earlier runs left for this Alma.

    Facts of another institution do not count. Raises LedgerError.
    """
    measured = facts if facts is not None and facts.institution == alma.institution else None
    today = rosters[0].today
    remember_earlier(alma.key)
    with closing(EditMemory(alma.key)) as memory:

        def left(draft: DraftUser, live: User) -> UserMemory:
            own = (value for _, value in draft.every_identifier)
            mapping = rosters.of(draft.row).mapping.name
            return memory.of(mapping, (live.primary_id or "", *own))

        yield PlanContext(
            rosters,
            answers,
            AbsentMemory(alma.key).leavers(),
            Earlier(left, keyed(memory.key), today),
            common,
            measured,
            today,
        )
