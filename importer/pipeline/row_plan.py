"""Plan one row, given the users that Alma has; whatever plans a row does it here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pandas as pd

from importer.advice import Do
from importer.alma.facts import KnownFacts
from importer.errors import MappingError, UsageError
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.mapping import EXTERNAL_SYSTEM
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory
from importer.model.answers import Resolution
from importer.model.candidates import ROLE_END
from importer.model.fields import STICKY
from importer.model.people import Common
from importer.model.plan import (
    Create,
    Held,
    Planned,
    SisRules,
    Step,
    Update,
)
from importer.model.problem import KNOWN, VALUE, Code
from importer.model.question import Answer
from importer.model.roster import Roster
from importer.model.run import RunFacts
from importer.model.text import RowId, counted, row_label
from importer.model.user import AccountType, User
from importer.pipeline.decisions import as_warning, dismissed
from importer.pipeline.inputs import MappedRoster, Rosters
from importer.pipeline.loads_before import LoadsBefore
from importer.planner.answers import fitting, follow, is_about
from importer.planner.borrowing import with_borrowing
from importer.planner.case import Case, EarlierLoads
from importer.planner.decide import decide
from importer.planner.drafts import DraftUser, drafts
from importer.planner.entries import same_id
from importer.planner.imprints import PRIMARY_ID, keyed
from importer.planner.leavers import ExpectedUsers, Leavers, come_back, leave
from importer.planner.retiring import Retiring, retire
from importer.planner.safety_checks import checked, is_of, loses_pin
from importer.planner.sis_load import as_loaded
from importer.planner.who import is_another
from importer.report.wording import row_numbers
from importer.users.cache import UserCache, find_record_types
from importer.users.matching import MatchResult
from importer.validator import check_rows


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the step of a row depends on, beside the row and the users of Alma.

    `answers`: what people decided in earlier runs, by the row's primary ID without case.
    `leavers`: who was missing, and what was changed of them. `earlier`: what earlier loads left.
    `common`: what too many users have to be evidence. `known`: what is known of this Alma.
    `retiring`: by roster, how it ends its users, None if it does not.
    `groups`: by roster, the user groups that its mapping gives, of `folded_groups`.
    """

    rosters: Rosters
    answers: Mapping[str, Resolution]
    leavers: Leavers
    earlier: EarlierLoads
    common: Common
    known: KnownFacts
    retiring: tuple[Retiring | None, ...]
    groups: tuple[Collection[str], ...]

    def case(self, draft: DraftUser, match_result: MatchResult) -> Case:
        """Return all that the step of a row is decided from."""
        match = self.rosters.match(draft.row)
        return Case(draft, match_result, match, self.common, self.earlier)

    def plan(self, draft: DraftUser, match_result: MatchResult) -> Planned:
        """Return the step of a row; what people answered before is not asked again."""
        case = self.case(draft, match_result)
        planned = decide(case)
        users = {user.id_key for user in match_result.every_user}
        kept = fitting(self.answers, draft, planned.held_by, users)
        answered = None if kept is None else self._as_kept(case, planned, kept)
        return answered or self._finish(case, planned, ())

    def _as_kept(self, case: Case, planned: Planned, kept: Resolution) -> Planned | None:
        """Return the step that an earlier answer asks for, None if it cannot be followed now."""
        draft, asked = case.draft, planned.held_by
        if kept.answer is Answer.REJECT:
            warnings = (as_warning(problem, "") for problem in asked)
            out = Held(draft.row, (*warnings, dismissed(draft.origin, kept.sentence)))
            return self._finish(case, replace(planned, step=out), ())
        users = case.match_result.every_user
        live = next((user for user in users if same_id(user.primary_id, kept.user)), None)
        in_question = live is not None and is_about(kept, live)
        made = self.answer(case, kept.answer, live, kept.changes, in_question=in_question)
        if not isinstance(made, Planned):
            return None
        answered = (as_warning(problem, kept.sentence) for problem in asked)
        return replace(made, warnings=(*answered, *planned.warnings, *made.warnings))

    def answer(
        self,
        case: Case,
        answer: Answer,
        live: User | None,
        changes: Collection[Code],
        *,
        in_question: bool,
    ) -> Planned | str:
        """Return the step that an answer asks for, or a sentence with why it cannot be sent.

        `live`: the user that the answer names, if any. `changes`: what else it is about; see
        `Resolution`. Who was not `in_question` is not another person than the row: whoever a
        mistyped ID finds would be overwritten, and who has an ID of the row by mistake.
        """
        if live is not None and not in_question and is_another(case.draft, live, self.common):
            return (
                f"The user with this ID in Alma is another person than row "
                f"{row_label(case.draft.row)}, by name or birth date. Nothing was changed. Check "
                "the ID. If it is right, correct the row or the user in Alma, and plan again."
            )
        if answer is Answer.RENAME:  # whatever staff made of the primary ID since
            overwrites = case.earlier.overwrites | {PRIMARY_ID}
            case = replace(case, earlier=replace(case.earlier, overwrites=overwrites))
        made = follow(case, answer, live)
        return self._finish(case, made, changes) if isinstance(made, Planned) else made

    def leave(self, draft: DraftUser, live: User) -> Planned:
        """Return the step of a user who is missing; `draft` has what the mapping sets then."""
        return self._as_alma_needs(draft, leave(self.case(draft, MatchResult()), live))

    def _finish(self, case: Case, planned: Planned, answered: Collection[Code]) -> Planned:
        """Return a step as it is sent; what it asks and nobody `answered` holds it."""
        draft, sis = case.draft, self.earlier.sis
        if (how := self.retiring[RowId.of(draft.row).roster]) is not None:
            has_left = planned.user is not None and self.leavers.has_left(planned.user)
            return self._as_alma_needs(draft, retire(case, planned, how, has_left=has_left))
        known = as_loaded(case, planned, sis) if sis else come_back(case, planned, self.leavers)
        borrows = with_borrowing(draft, _held(known, answered), self.earlier.today)
        return self._as_alma_needs(draft, borrows)

    def _as_alma_needs(self, draft: DraftUser, planned: Planned) -> Planned:
        """Return a step as this Alma needs it, with the safety checks that count it.

        Where Alma keeps the group of External users, an update that changes it overrides it, unless
        the SIS load makes it.
        """
        step, sis = planned.step, self.earlier.sis is not None
        if isinstance(step, Update) and not sis:
            kept = self.known.values.get("external-group") == "kept"
            regroups = step.before.user_group != step.after.user_group
            if kept and regroups and is_of(step, AccountType.EXTERNAL):
                names = dict.fromkeys((*step.override, "user_group"))
                planned = replace(planned, step=replace(step, override=tuple(names)))
        groups = self.groups[RowId.of(draft.row).roster]
        return checked(planned, draft.origin, groups, self.known, sis=sis)


def _held(planned: Planned, answered: Collection[Code]) -> Planned:
    """Return a step that needs review if it asks what nobody `answered`.

    So what holds a row is never beside a step that is sent.
    """
    asking = [problem for problem in planned.warnings if problem.severity.holds]
    asked = tuple(problem for problem in asking if problem.code not in answered)
    step = Held(planned.step.row, (*planned.held_by, *asked)) if asked else planned.step
    warnings = tuple(problem for problem in planned.warnings if problem not in asking)
    return replace(planned, step=step, warnings=warnings)


@contextmanager
def plan_context(
    rosters: Rosters, answers: Mapping[str, Resolution], facts: RunFacts, known: KnownFacts
) -> Iterator[PlanContext]:
    """Read what earlier runs left for the Alma of a plan.

    `facts`: those of the plan, as far as they are known before it is made. `known`: what is
    known of this Alma. Raises LedgerError.
    """
    alma, sis = facts.plan_alma, facts.sis
    retiring = tuple(map(_retiring, rosters))
    leavers = Leavers(LastSeen(alma.key).leavers())
    with EditMemory(alma.key) as memory:
        hashed, former = keyed(memory.key), memory.former()
        before = LoadsBefore(rosters, answers, memory, hashed, former, leavers if sis else None)
        overwritten = frozenset(facts.overwrite_edits)
        earlier = EarlierLoads(
            before.of, hashed, rosters[0].today, alma.institution, overwritten, sis
        )
        yield PlanContext(
            rosters, answers, leavers, earlier, facts.common, known, retiring, facts.groups
        )


def _retiring(mapped: MappedRoster) -> Retiring | None:
    """Return how a mapping ends its users, None if it does not."""
    if (part := mapped.match.retire) is None:
        return None
    return Retiring(part, among([mapped]), template(mapped) if mapped.mapping.leaving else None)


def among(rosters: Sequence[MappedRoster]) -> ExpectedUsers:
    """Return whom the mapping of these rosters may end."""
    mapped = rosters[0]
    assert mapped.match.leaving is not None  # noqa: S101  the caller asked
    _, part = mapped.match.leaving
    owners: Collection[str] = part.among.external_id
    if not owners and mapped.mapping.file.owning_system:  # another system owns the others
        owners = {
            "",
            *(text for roster in rosters for text in roster.candidates.texts(EXTERNAL_SYSTEM)),
        }
    return ExpectedUsers(
        mapped.match,
        mapped.mapping.file.account_type,
        frozenset(map(str.casefold, part.among.user_group)),
        frozenset(map(str.casefold, owners)),
    )


def template(mapped: MappedRoster) -> DraftUser:
    """Return a draft with what a mapping sets for users who leave; all of them get the same.

    Raises MappingError if it sets what Alma does not take.
    """
    document = mapped.mapping.leaving
    assert document is not None  # noqa: S101  the caller asked
    key, _ = mapped.match.leaving or ("", None)
    source = mapped.roster.source
    run = RunVariables(mapped.today, source.path.name, source.sheet)
    nobody = Roster(source, (), pd.DataFrame(index=[1], dtype=object))
    candidates = evaluate(compile_mapping(document, (), run), nobody, mapped.codes)
    problems = (
        *candidates.problems,
        *check_rows(candidates, mapped.codes, mapped.today, creates=False),
    )
    if wrong := [problem for problem in problems if problem.severity.holds]:
        findings = (
            f"{p.field} {p.message.replace(KNOWN, VALUE).replace(VALUE, p.value)}" for p in wrong
        )
        raise MappingError(tuple(f"match: {key}: set: {finding}" for finding in findings))
    (draft,) = drafts(candidates, {1}, {})
    return draft


def paths_of(rosters: Rosters, fields: Collection[str]) -> tuple[str, ...]:
    """Return the paths of fields and lists that are named as in the mapping, or by the last part.

    Raises UsageError for a field that no mapping of the run has.
    """
    known: dict[str, str] = {}
    for mapped in rosters:
        layout = mapped.compiled.layout
        names = [target.field.name for target in layout.scalars]
        names += [ROLE_END] if ROLE_END in layout.targets else []
        for path in (*names, *layout.parents):
            known |= {path: path, path.rpartition(".")[2]: path}
    for field in fields:
        if field not in known:
            there = ", ".join(sorted({*known.values()}))
            msg = f"The mapping has no field {field}. Its fields are: {there}."
            raise UsageError(msg)
    return tuple(dict.fromkeys(known[field] for field in fields))


# what was measured of this Alma


def sis_rules(facts: KnownFacts, cache: UserCache | None) -> SisRules:
    """Return what is known of the SIS load of this Alma. Raises UsageError without a user cache."""
    if cache is None:
        msg = "A plan for the SIS load needs the user cache."
        raise UsageError(msg).advising(Do.REFRESH_USERS)
    known = facts.values
    return SisRules(
        creates=known.get("sis-unmatched") != "skip",
        keeps_blank=known.get("sis-empty-sticky") == "keep",
        undoes_edits=known.get("original-value") != "off",
        keeps_names=known.get("sis-edited-names") != "restore",
        record_types=find_record_types(cache),
    )


def against_facts(steps: Collection[Step], facts: KnownFacts, *, sis: bool) -> Iterator[str]:
    """Yield which facts the plan uses and which not, and what this Alma will not do of it.

    Of a plan for the SIS load (`sis`), what nobody can see before the load.
    """
    yield from facts.used
    yield from facts.unused
    known, updates = facts.values, [step for step in steps if isinstance(step, Update)]
    yield from _about_pins(updates, facts, sis=sis)
    if sis:
        unseen = (change for step in updates if step.first_load for change in step.changes)
        if any(change.path in STICKY for change in unseen):
            yield (
                "Protected fields that staff edited in Alma may stay, although the plan changes "
                "them: where no load is remembered, nobody can see that."
            )
        return
    renamed = [step for step in updates if step.renames]
    if renamed and known.get("rename-by-put") == "refuse":
        yield (
            f"{counted(len(renamed), 'update')} would change a primary ID, which this Alma does "
            "not do through the API. Change the IDs in Alma by hand, then plan again."
        )
    roles = [u for u in updates if u.before.user_role != u.after.user_role]
    if roles and known.get("put-roles") == "ignore":
        yield (
            f"{counted(len(roles), 'update')} would change the patron role, which this Alma "
            "ignores. Change the roles in Alma by hand."
        )
    created = (step.user for step in steps if isinstance(step, Create))
    written = (*created, *(step.after for step in updates))
    without = sum(not (user.contact_info and user.contact_info.email) for user in written)
    if without and known.get("mandatory-email") == "on":
        yield (
            f"{counted(without, 'user')} would have no email, and this Alma refuses users without "
            "one. Set `required: true` for the email in the mapping."
        )


def _about_pins(updates: Sequence[Update], facts: KnownFacts, *, sis: bool) -> Iterator[str]:
    """Yield which rows clear a PIN that Alma has and does not show, or may do so."""
    lost = {step.row: loses_pin(step, facts, sis=sis) for step in updates}
    if rows := sorted(row for row, loses in lost.items() if loses):
        clear = "would clear PINs, because this Alma does not show PINs"
        named = f"Rows: {row_numbers(rows)}. See `pin-cleared`."
        yield f"{counted(len(rows), 'update')} {clear}. {named}"
    rows = sorted(row for row, loses in lost.items() if loses is None)
    if rows and not any(step.before.pin_number for step in updates):
        yield (
            f"{counted(len(rows), 'update')} would clear PINs if this Alma hides PINs from "
            f"programs, which is not known. Rows: {row_numbers(rows)}. To find out, set a PIN for "
            f"yourself in Alma, and look with the doctor whether Alma shows it."
        )
