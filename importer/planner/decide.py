"""Decide what to do about one row, given the users of Alma that it matches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from importer.advice import by_hand
from importer.model.answers import possible_users, to_review
from importer.model.candidates import NAMES
from importer.model.fields import OnUpdate
from importer.model.plan import Held, LeftAlone, Match, Planned
from importer.model.problem import Code, Problem, Severity
from importer.model.question import About, Answer
from importer.model.text import counted
from importer.model.user import AccountType, User
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.planner.update import change, create
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
        return Planned(LeftAlone(draft.row, draft.primary_id))
    questions = (*_obstacles(case, who), *who.questions, *_not_to_update(case, who))
    if questions:
        return Planned(_asked(draft, questions), who.warnings)
    return replace(create(case), warnings=(*who.warnings, *_namesakes(case)))


def _obstacles(case: Case, who: Who) -> Iterator[Problem]:
    """Yield what holds a row that nobody in Alma has, or of which it is open who does.

    What only a new user needs counts where nobody has an ID by which users are found, and where an
    answer may create one.
    """
    if case.match.creates and (
        not holders(case) or all(it.allows(Answer.CREATE) for it in who.questions)
    ):
        yield from case.draft.lacks
    elif who.questions:
        yield from _of_name(case.draft)
    else:
        yield from _not_in_alma(case)


def _decide_known(case: Case, who: Who, live: User) -> Planned:
    draft, match = case.draft, case.match
    is_clear = not any(problem.code is Code.ANOTHER_PERSON for problem in who.questions)
    if match.known == "skip" and is_clear:
        return Planned(LeftAlone(draft.row, draft.primary_id))
    if match.known == "reject" and is_clear:
        return Planned(Held(draft.row, (_exists(case, live),)))
    planned, asked = change(case, live, rename=who.renames), bool(who.questions)
    of_name = (problem for problem in _of_name(draft) if _changes_name(live, draft, problem))
    questions = (
        *who.questions,
        *change_questions(case, live, asked=asked),
        *_not_to_update(case, who),
        *of_name,
        *_card_questions(planned, asked=asked),
    )
    if questions:
        return Planned(_asked(draft, questions), who.warnings)
    harmless = (_for_known_user(draft, problem) for problem in draft.lacks)
    return replace(planned, warnings=(*who.warnings, *planned.warnings, *harmless))


def _asked(draft: DraftUser, questions: Collection[Problem]) -> Held:
    """Return a row with open questions.

    That a user may get the row's ID is not advised where this user must stay as it is.
    """
    changes = [problem for problem in questions if problem.asks(About.CHANGE)]
    stays = {it.value: it.advice for it in changes if not it.allows(Answer.UPDATE)}

    def advised(problem: Problem) -> Problem:
        is_known = problem.asks(About.ID) and not problem.allows(Answer.CREATE)
        advice = stays.get(problem.value) if is_known else None
        return problem if advice is None else replace(problem, advice=advice)

    return Held(draft.row, tuple(map(advised, questions)))


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
    changes = _changes(asked=asked)
    ours, theirs = draft.layout.account_type, current(live, "primary_id")
    system, owning = draft.values.get("external_id", ""), current(live, "external_id")
    if current(live, "account_type") != ours and match.account_type != "any":
        kind = _account_type(live) or "without an account type"
        message = f"the user {{value}} is {kind} in Alma, but {ours.capitalize()} in the mapping"
        advice = _why_it_stays(draft, match)
        code = Code.ACCOUNT_TYPE_STAYS if advice else Code.ACCOUNT_TYPE_DIFFERS
        problem = draft.problem(code, message, "primary_id", theirs, advice=advice)
        new = (Answer.CREATE,) if asked else ()
        yield problem.asking(About.CHANGE, *(new if advice else changes))
    elif current(live, "account_type") == AccountType.EXTERNAL and system and system != owning:
        owner = owning or "no external system"
        message = f"the user {{value}} belongs to {owner} in Alma, but to {system} in the mapping"
        problem = draft.problem(Code.OWNING_SYSTEM_DIFFERS, message, "external_id", theirs)
        yield problem.asking(About.CHANGE, *changes)


def _changes(*, asked: bool) -> tuple[Answer, ...]:
    """Return the answers that change a user; `asked` as for `change_questions`."""
    return (Answer.UPDATE, *((Answer.RENAME, Answer.CREATE) if asked else ()))


def _card_questions(planned: Planned, *, asked: bool) -> Iterator[Problem]:
    """Yield the questions which ID of a user is right; `asked` as for `change_questions`."""
    for problem in to_review(planned.warnings):
        yield problem.asking(About.CHANGE, *_changes(asked=asked))


def _not_to_update(case: Case, who: Who) -> Iterator[Problem]:
    """Yield why the users in question beside the row's own may not be updated.

    The mapping changes no known users, another one has an account type that must stay, or staff
    gave another one a card.
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
            yield from _card_questions(change(case, user, rename=False), asked=True)


def _of_name(draft: DraftUser) -> Iterator[Problem]:
    return (problem for problem in draft.lacks if problem.asks(About.NAME))


def _changes_name(user: User, draft: DraftUser, asked: Problem) -> bool:
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
        target.on_update is OnUpdate.ERASE
        for target in draft.layout.scalars
        if target.label == problem.field
    ):
        message = "is blank, and `on_update: erase` clears Alma's value"
        advice = "Fill in the cell, unless the user's value should go."
    else:
        message = "is blank; the user keeps Alma's value"
        advice = "No action needed. Only a new user needs a value here."
    warning = replace(problem, severity=Severity.WARNING, message=message)
    return replace(warning, advice=by_hand(advice)) if advice else warning


def _namesakes(case: Case) -> Iterator[Problem]:
    """Report users of whom the row has nothing but the name to compare, the first by its ID."""
    if case.match_result.namesakes:
        first, *others = case.match_result.namesakes
        more = f" and {counted(len(others), 'more user')}" if others else ""
        message = f"Alma has a user with this name and no birth date to compare: {{value}}{more}"
        yield case.draft.problem(Code.SAME_NAME_IN_ALMA, message, "primary_id", first)
