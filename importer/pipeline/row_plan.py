"""Plan one row, given the users that Alma has; whatever plans a row does it here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from importer.alma.doctor import Facts
from importer.errors import UsageError
from importer.ledger.edit_memory import EditMemory
from importer.ledger.memory import AbsentMemory
from importer.model.decisions import Answer
from importer.model.people import Common
from importer.model.plan import Held, Planned, Step, Update, UserMemory, Written
from importer.model.run import AlmaFacts
from importer.model.text import counted
from importer.model.user import AccountType, User
from importer.pipeline.fates import as_warning, dismissed
from importer.pipeline.inputs import Rosters
from importer.pipeline.remember import remember_earlier
from importer.pipeline.resolutions import Resolutions
from importer.planner.decide import decide, follow, with_borrowing
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.imprints import keyed
from importer.planner.leavers import come_back, leave
from importer.planner.staff_edits import Earlier
from importer.planner.who import is_another
from importer.users.matching import MatchResult, identifiers


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the step of a row depends on, beside the row and the users of Alma.

    `leavers`: what was changed of people who were missing, by primary ID without case. `earlier`:
    what earlier loads left. `common`: what too many users have to be evidence. `facts`: what was
    measured of this Alma, None if nothing was.
    """

    rosters: Rosters
    answers: Resolutions
    leavers: Mapping[str, Written]
    earlier: Earlier
    common: Common
    facts: Facts | None

    def plan(self, draft: DraftUser, found: MatchResult) -> Planned:
        """Return the step of a row; what people answered before is not asked again."""
        match = self.rosters.match(draft.row)
        planned = decide(draft, found, match, self.common, self.earlier)
        asked = planned.step.problems if isinstance(planned.step, Held) else ()
        kept = self.answers.fitting(draft, asked)
        if kept is None:
            return self._finish(draft, planned)
        if kept.answer is Answer.REJECT:
            warnings = (as_warning(problem, "") for problem in asked)
            out = Held(draft.row, (*warnings, dismissed(draft.origin, kept.sentence)))
            return self._finish(draft, replace(planned, step=out))
        live = next((u for u in found.every_user if same_id(u.primary_id, kept.user)), None)
        if live is not None and not kept.is_about(live) and is_another(draft, live, self.common):
            return self._finish(draft, planned)
        made = self.answer(kept.answer, draft, live, found)
        if not isinstance(made, Planned):
            return self._finish(draft, planned)
        answered = (as_warning(problem, kept.sentence) for problem in asked)
        return replace(made, warnings=(*answered, *planned.warnings, *made.warnings))

    def answer(
        self, answer: Answer, draft: DraftUser, live: User | None, found: MatchResult
    ) -> Planned | str:
        """Return the step that an answer asks for, or a sentence with why it cannot be sent.

        `live` and `found` are those of `follow`.
        """
        made = follow(answer, draft, live, found, self.rosters.match(draft.row), self.earlier)
        return self._finish(draft, made) if isinstance(made, Planned) else made

    def leave(self, draft: DraftUser, live: User) -> Planned:
        """Return the step of a user who is missing; `draft` has what the mapping sets then."""
        return self._as_alma_needs(
            leave(draft, live, self.rosters.match(draft.row), self.earlier.today)
        )

    def _finish(self, draft: DraftUser, planned: Planned) -> Planned:
        match = self.rosters.match(draft.row)
        planned = come_back(draft, planned, self.leavers, match, self.earlier)
        return self._as_alma_needs(with_borrowing(draft, planned, self.earlier.today))

    def _as_alma_needs(self, planned: Planned) -> Planned:
        return replace(planned, step=_follow_facts(planned.step, self.facts))


@contextmanager
def plan_context(
    rosters: Rosters,
    answers: Resolutions,
    common: Common,
    alma: AlmaFacts,
    facts: Facts | None,
    overwrites: Collection[str],
) -> Iterator[PlanContext]:
    """Read what earlier runs left for this Alma.

    Facts of another institution do not count. `overwrites`: as `paths_of` returns them. Raises
    LedgerError.
    """
    measured = facts if facts is not None and facts.institution == alma.institution else None
    remember_earlier(alma.key)
    with EditMemory(alma.key) as memory:

        def left(draft: DraftUser, live: User) -> UserMemory:
            # an ID of the row that this user has not is another user's, and so is what it left
            theirs = identifiers(live)
            own = (value for _, value in draft.every_identifier if value.casefold() in theirs)
            mapping = rosters.of(draft.row).mapping.name
            return memory.of(mapping, (live.primary_id or "", *own))

        yield PlanContext(
            rosters,
            answers,
            AbsentMemory(alma.key).leavers(),
            Earlier(left, keyed(memory.key), rosters[0].today, frozenset(overwrites)),
            common,
            measured,
        )


def paths_of(rosters: Rosters, fields: Collection[str]) -> tuple[str, ...]:
    """Return the paths of fields and lists that are named as in the mapping, or by the last part.

    Raises UsageError for a field that no mapping of the run has.
    """
    known: dict[str, str] = {}
    for mapped in rosters:
        layout = mapped.compiled.layout
        names = [target.field.name for target in layout.scalars]
        for path in (*names, *(entry.parent for entry in layout.entries)):
            known |= {path: path, path.rpartition(".")[2]: path}
    for field in fields:
        if field not in known:
            there = ", ".join(sorted({*known.values()}))
            msg = f"The mapping has no field {field}. Its fields are: {there}."
            raise UsageError(msg)
    return tuple(dict.fromkeys(known[field] for field in fields))


# what was measured of this Alma


def _follow_facts(step: Step, facts: Facts | None) -> Step:
    """Return the step as this Alma needs it.

    Where Alma keeps the group of External users, an update that changes it overrides it.
    """
    if facts is None or facts.facts.get("external-group") != "kept":
        return step
    if not isinstance(step, Update) or not _is(step, AccountType.EXTERNAL):
        return step
    if "user_group" in step.override or step.before.user_group == step.after.user_group:
        return step
    return replace(step, override=(*step.override, "user_group"))


def against_facts(steps: Iterable[Step], facts: Facts | None) -> Iterator[str]:
    """Yield what this Alma will not do of a plan."""
    if facts is None:
        return
    updates = [step for step in steps if isinstance(step, Update)]
    cleared = [u for u in updates if _is(u, AccountType.INTERNAL) and not u.after.pin_number]
    if cleared and facts.facts.get("get-pin") == "hide":
        yield (
            f"{counted(len(cleared), 'update')} of Internal users may clear their PINs, because "
            "this Alma does not show PINs. Check one of these users before you apply the rest."
        )
    renamed = [u for u in updates if not same_id(u.before.primary_id, u.after.primary_id)]
    if renamed and facts.facts.get("rename-by-put") == "refuse":
        yield (
            f"{counted(len(renamed), 'update')} would change a primary ID, which this Alma does "
            "not do through the API. Change the IDs in Alma by hand, then plan again."
        )
    roles = [u for u in updates if u.before.user_role != u.after.user_role]
    if roles and facts.facts.get("put-roles") == "ignore":
        yield (
            f"{counted(len(roles), 'update')} would change the patron role, which this Alma "
            "ignores. Change the roles in Alma by hand."
        )


def _is(step: Update, kind: AccountType) -> bool:
    return current(step.before, "account_type") == kind.value
