"""Decide what to do about one row, given the users of Alma that it matches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from importer.model.answers import allow, possible_users
from importer.model.candidates import NAMES, ROLE_END
from importer.model.fields import STICKY, OnUpdate
from importer.model.plan import (
    Change,
    Create,
    Held,
    LeftAlone,
    Match,
    Planned,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Problem, Severity
from importer.model.question import About, Answer
from importer.model.text import counted
from importer.model.user import AccountType, User
from importer.planner.borrowing import obstacles, role_obstacles
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.planner.merge import Merged, changes_by_day, merge, new_user
from importer.planner.sis_load import after_load, external_part, not_given, sis_merge
from importer.planner.staff_edits import (
    NO_MEMORY,
    StaffEdit,
    answered,
    edited_fields,
    review,
)
from importer.planner.who import Who, holders, identify


def decide(case: Case) -> Planned:
    """Return the step for one row, with the warnings that belong to it.

    Who it is comes first, then what the mapping does with known and new people. Nothing is planned
    where a question is open, and all that are open are asked at once, not one after the other.
    """
    draft = case.draft
    if case.match_result.failed:
        message = f"could not be looked up in Alma: {case.match_result.failed}"
        return Planned(Held(draft.row, (draft.problem(Code.NOT_LOOKED_UP, message),)))
    who = identify(case)
    if who.user is not None:
        return _decide_known(case, who, who.user)
    if not who.questions and case.match.new == "skip":
        return Planned(LeftAlone(draft.row))
    questions = (*_obstacles(case, who), *who.questions, *_not_to_update(case, who))
    if questions:
        return Planned(_asked(draft, questions), who.warnings)
    return replace(create(case), warnings=(*who.warnings, *_namesakes(case)))


def _obstacles(case: Case, who: Who) -> Iterator[Problem]:
    """Yield what holds a row that nobody in Alma has, or of which it is open who does.

    What only a new user needs counts where nobody has an ID by which users are found, and where an
    answer may create one.
    """
    if case.match.creates and (not holders(case) or allow(who.questions, Answer.CREATE)):
        yield from case.draft.missing
    elif who.questions:
        yield from _of_name(case.draft)
    else:
        yield from _not_in_alma(case)


def _decide_known(case: Case, who: Who, live: User) -> Planned:
    draft, match = case.draft, case.match
    is_clear = not any(problem.code is Code.ANOTHER_PERSON for problem in who.questions)
    if match.known == "skip" and is_clear:
        return Planned(LeftAlone(draft.row))
    if match.known == "reject" and is_clear:
        return Planned(Held(draft.row, (_exists(case, live),)))
    of_name = (problem for problem in _of_name(draft) if _renames(live, draft, problem))
    questions = (
        *who.questions,
        *change_questions(case, live, asked=bool(who.questions)),
        *_not_to_update(case, who),
        *of_name,
    )
    if questions:
        return Planned(_asked(draft, questions), who.warnings)
    planned = change(case, live, rename=who.renames)
    harmless = (_for_known_user(draft, problem) for problem in draft.missing)
    return _held(replace(planned, warnings=(*who.warnings, *planned.warnings, *harmless)))


def _asked(draft: DraftUser, questions: Collection[Problem]) -> Held:
    """Return a row with open questions.

    That a user may get the row's ID is not advised where this user must stay as it is.
    """
    changes = [one for one in questions if one.asks(About.CHANGE)]
    stays = {one.value: one.advice for one in changes if not allow([one], Answer.UPDATE)}

    def advised(one: Problem) -> Problem:
        is_known = one.asks(About.ID) and not allow([one], Answer.CREATE)
        return replace(one, advice=stays[one.value]) if is_known and one.value in stays else one

    return Held(draft.row, tuple(map(advised, questions)))


def _held(planned: Planned) -> Planned:
    """Return a step that needs review where one of its warnings holds it."""
    asked = tuple(problem for problem in planned.warnings if problem.severity.holds)
    if not asked:
        return planned
    others = tuple(one for one in planned.warnings if not one.severity.holds)
    return replace(planned, step=Held(planned.step.row, asked), warnings=others)


def create(case: Case) -> Planned:
    """Return the step that creates the row's user, whatever Alma may have.

    Its roles are by Alma's own rules: what the row has is not sent, and is remembered so.
    """
    draft, earlier = case.draft, case.earlier
    user = new_user(draft)
    imprints = {**review(draft, User(), NO_MEMORY, earlier, rename=False).imprints}
    if ROLE_END in imprints:
        imprints[ROLE_END] = imprints[ROLE_END]._replace(rule="")
    if earlier.sis is not None:
        user = external_part(user)
        imprints |= not_given(draft, imprints, user, earlier)
    return Planned(Create(draft.row, user), imprints=imprints)


def change(case: Case, live: User, *, rename: bool) -> Planned:
    """Return the step for a known user; what `match.retire` does is decided later, in `retire`."""
    if case.match.retire is not None:
        return Planned(Unchanged(case.draft.row, current(live, "primary_id")), user=live)
    return update(case, live, rename=rename)


def update(case: Case, live: User, *, rename: bool) -> Planned:
    """Return the step that updates a user with the row's values, whoever that user is.

    `rename`: the user also gets the row's primary ID, as with a new card. With `account_type:
    convert` an Internal user becomes External if the mapping is. What staff edited in Alma since
    the last load stays, with a warning; an ID that both changed needs review, by a warning that
    holds.
    """
    draft, match, earlier = case.draft, case.match, case.earlier
    primary_id = current(live, "primary_id")
    memory, sis = earlier.of(draft, live), earlier.sis
    protected = edited_fields(STICKY, live, memory, earlier.hashed) if sis else {}
    reviewed = review(draft, live, memory, earlier, rename=rename)

    merged = merge(
        reviewed.draft,
        live,
        rename=reviewed.renames,
        convert=match.account_type == "convert",
        keep_old_id=match.keep_old_id,
        overrides=earlier.overwrites,
        institution=earlier.institution,
        lines=reviewed.lines,
    )
    merged = sis_merge(live, merged, protected, earlier)
    if merged.changes and changes_by_day(reviewed.draft, reviewed.beside, live, merged.after):
        merged = Merged(live)
    reviewed = after_load(draft, reviewed, protected, live, merged.after, earlier)
    after, changes, override = merged.after, merged.changes, merged.override
    imprints = reviewed.imprints
    step: Step = Unchanged(draft.row, primary_id)
    if changes:
        step = Update(
            draft.row, primary_id, live, after, changes, override, first_load=memory.is_blank
        )
    else:
        imprints = answered(imprints, live, live, earlier.hashed)
    warnings = (
        *(_edited(draft, one) for one in reviewed.edits if not one.again),
        *(_card_differs(draft, one, primary_id) for one in reviewed.asks),
        *_purged_early(draft, changes, after),
    )
    kept = any(not one.replaced for one in reviewed.edits)
    return Planned(step, warnings, imprints, kept, after)


def _purged_early(draft: DraftUser, changes: Collection[Change], after: User) -> Iterator[Problem]:
    """Report an update after which Alma may purge a user early, unless the row has both dates."""
    ends = {name: current(after, name) for name in ("purge_date", "expiry_date")}
    purges, expires = ends.values()
    of_row = all(draft.values.get(name) == day for name, day in ends.items())
    if "" != purges < expires and not of_row and any(one.path in ends for one in changes):
        message = f"the purge date {{value}} would be before {expires}, the expiry date in Alma"
        yield draft.problem(Code.PURGE_BEFORE_EXPIRY, message, "purge_date", purges)


def _edited(draft: DraftUser, edit: StaffEdit) -> Problem:
    has = "Alma has {value}" if edit.shown else "Alma has no such value any more"
    when = f"edited there {_between(edit)}"
    if edit.replaced:
        asked = "--overwrite-edits replaces it by the roster's value"
        why = asked if edit.asked else "the new value is sent"
        return draft.problem(Code.REPLACES_EDIT, f"{has}, {when}; {why}", edit.label, edit.shown)
    message = f"{has}, {when}; the roster's value is not sent"
    return draft.problem(Code.EDITED_IN_ALMA, message, edit.label, edit.shown)


def _card_differs(draft: DraftUser, edit: StaffEdit, primary_id: str) -> Problem:
    """Return the question which of two new IDs of a kind is right."""
    message = (
        f"the user {{value}} got another ID of this type in Alma {_between(edit)}, and the roster "
        "has a new one, too"
    )
    problem = draft.problem(Code.CARD_DIFFERS, message, edit.label, primary_id)
    return problem.asking(About.CHANGE, Answer.UPDATE)


def _between(edit: StaffEdit) -> str:
    if edit.since == edit.noticed:
        return f"after the load of {edit.since}"
    return f"between {edit.since} and {edit.noticed}"


def _why_it_stays(draft: DraftUser, match: Match) -> str:
    """Return why a user of the other account type must not get the row's; "" if it may."""
    if draft.layout.account_type is AccountType.INTERNAL:
        return (
            "Alma's API cannot make an External user Internal. Reject the row, or make the user "
            "Internal in Alma and plan again."
        )
    if not draft.values.get("external_id"):
        return "The row has no external system (`owning_system`). Correct the row."
    if match.account_type != "convert":
        return (
            "Reject the row, load it with a mapping for such users, or set `account_type: convert` "
            "under `match:` in the mapping and plan again."
        )
    return ""


def with_borrowing(draft: DraftUser, planned: Planned, today: date) -> Planned:
    """Return the step with warnings why its user will not be able to borrow.

    Alma gives a new user roles by its own rules, so a create has none yet.
    """
    step = planned.step
    user = step.user if isinstance(step, Create) else planned.user
    if user is None:
        return planned
    found = [*obstacles(user, today)]
    if not isinstance(step, Create):
        found += role_obstacles(user, today)
    problems = (draft.problem(code, sentence) for code, sentence in found)
    return replace(planned, warnings=(*planned.warnings, *problems))


def unidentified(draft: DraftUser, match: Match) -> Problem | None:
    """Return the problem of a row that has none of the IDs by which its user could be found."""
    if any(key in match.by for key, _ in draft.every_identifier):
        return None
    of_lists = draft.layout.labels("user_identifier.value")
    labels = (*(("primary_id",) if "primary_id" in match.by else ()), *of_lists)
    return Problem.of(
        Code.MISSING_VALUE,
        draft.origin,
        "the row has no ID by which its user could be found in Alma",
        *draft.layout.places(*labels),
        field=labels[0] if labels else "",
        advice="Fill in the ID.",
    )


def _account_type(user: User) -> str:
    return current(user, "account_type").capitalize()


def _exists(case: Case, live: User) -> Problem:
    draft, users = case.draft, case.match_result.users
    by = next((matched.by for matched in users if matched.user is live), ())
    key = next((key for key in by if key in case.match.by), "primary_id")
    name = "primary identifier" if key == "primary_id" else key
    kind = f" ({_account_type(live)})" if _account_type(live) else ""
    message = f"this {name} belongs to the Alma user {{value}}{kind}"
    theirs = current(live, "primary_id")
    problem = draft.problem(Code.EXISTS_IN_ALMA, message, draft.label_of(key), theirs)
    return problem.asking(About.CHANGE)


def _not_in_alma(case: Case) -> Iterator[Problem]:
    draft, match = case.draft, case.match
    if (lacks := unidentified(draft, match)) is not None:
        yield lacks
    for key, value in draft.every_identifier:
        if key in match.by:
            message, label = "{value} is not in Alma", draft.label_of(key)
            yield draft.problem(Code.NOT_IN_ALMA, message, label, value)


def change_questions(case: Case, live: User, *, asked: bool) -> Iterator[Problem]:
    """Yield what is asked before a known user is updated: it differs in what no update changes.

    `asked`: it is also asked who the row is, which says what else can be answered.
    """
    draft, match = case.draft, case.match
    new = (Answer.CREATE,) if asked else ()
    changes = (Answer.UPDATE, *((Answer.RENAME,) if asked else ()), *new)
    ours, theirs = draft.layout.account_type, current(live, "primary_id")
    system, owning = draft.values.get("external_id", ""), current(live, "external_id")
    if current(live, "account_type") != ours and match.account_type != "any":
        kind = _account_type(live) or "without an account type"
        message = f"the user {{value}} is {kind} in Alma, but {ours.capitalize()} in the mapping"
        advice = _why_it_stays(draft, match)
        code = Code.ACCOUNT_TYPE_STAYS if advice else Code.ACCOUNT_TYPE_DIFFERS
        problem = draft.problem(code, message, "primary_id", theirs, advice=advice)
        yield problem.asking(About.CHANGE, *(new if advice else changes))
    elif current(live, "account_type") == AccountType.EXTERNAL and system and system != owning:
        there = owning or "no external system"
        message = f"the user {{value}} belongs to {there} in Alma, but to {system} in the mapping"
        problem = draft.problem(Code.OWNING_SYSTEM_DIFFERS, message, "external_id", theirs)
        yield problem.asking(About.CHANGE, *changes)


def _not_to_update(case: Case, who: Who) -> Iterator[Problem]:
    """Yield which users in question are not to be updated.

    The mapping changes no known users, or another one has an account type that must stay.
    """
    asked = possible_users(who.questions)
    for user in case.match_result.every_user:
        if (theirs := current(user, "primary_id")) not in asked:
            continue
        if case.match.known != "update":
            message = "the mapping does not change users whom Alma has, such as {value}"
            code, severity = Code.EXISTS_IN_ALMA, Severity.REVIEW
            problem = case.draft.problem(code, message, "primary_id", theirs, severity)
            yield problem.asking(About.CHANGE, Answer.CREATE)
        elif user is not who.user:
            every = change_questions(case, user, asked=True)
            yield from (it for it in every if it.code is Code.ACCOUNT_TYPE_STAYS)


def _of_name(draft: DraftUser) -> Iterator[Problem]:
    return (problem for problem in draft.missing if problem.asks(About.NAME))


def _renames(user: User, draft: DraftUser, asked: Problem) -> bool:
    """Return whether an update would change a part of the name that is from these cells."""
    for name, target in draft.layout.targets.items():
        if name not in NAMES or (name != asked.field and not {*target.places} & {*asked.places}):
            continue
        theirs, rule = current(user, name), target.on_update
        stays = rule is OnUpdate.NEVER or (rule is OnUpdate.KEEP and theirs)
        if not stays and theirs != draft.values.get(name, ""):
            return True
    return False


def _for_known_user(draft: DraftUser, problem: Problem) -> Problem:
    """Return a problem that holds back only new users as a warning, for a user that Alma has."""
    if problem.asks(About.NAME):
        message, advice = f"{problem.message}; Alma has this name", "No action needed."
    elif problem.code is Code.PURGE_PAST:
        message, advice = problem.message, ""
    elif any(
        one.on_update is OnUpdate.ERASE
        for one in draft.layout.scalars
        if one.label == problem.field
    ):
        message = "is blank, and `on_update: erase` clears Alma's value"
        advice = "Fill in the cell, unless the user's value should go."
    else:
        message = "is blank; the user keeps Alma's value"
        advice = "No action needed. Only a new user needs a value here."
    warning = replace(problem, severity=Severity.WARNING, message=message)
    return replace(warning, advice=advice) if advice else warning


def _namesakes(case: Case) -> Iterator[Problem]:
    """Report users of whom the row has nothing but the name to compare, the first by its ID."""
    if case.match_result.namesakes:
        first, *others = case.match_result.namesakes
        more = f" and {counted(len(others), 'more user')}" if others else ""
        message = f"Alma has a user with this name and no birth date to compare: {{value}}{more}"
        yield case.draft.problem(Code.SAME_NAME_IN_ALMA, message, "primary_id", first)
