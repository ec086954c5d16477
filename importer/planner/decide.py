"""Decide what to do about one row, given the users of Alma that it matches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from importer.model.candidates import NAMES
from importer.model.catalogue import Code, Severity
from importer.model.decisions import NAME
from importer.model.fields import OnUpdate
from importer.model.people import BORN, EMAIL, are_strangers, in_words, person_keys
from importer.model.plan import Create, Held, LeftAlone, Planned, Unchanged, Update
from importer.model.problem import Problem
from importer.model.text import counted
from importer.model.user import AccountType
from importer.planner.borrowing import obstacles, role_obstacles
from importer.planner.entries import current, same_id
from importer.planner.merge import merge, new_user
from importer.users.matching import MatchResult, identifiers, user_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from importer.model.plan import Match, Step
    from importer.model.user import User
    from importer.planner.drafts import DraftUser
    from importer.planner.sticky import Memory
    from importer.users.matching import MatchedUser


def decide(draft: DraftUser, found: MatchResult, match: Match, memory: Memory) -> Planned:
    """Return the step for one row, with the warnings that belong to it.

    Nothing is planned for a row that could not be looked up, that matches two users, or one of
    whose identifiers belongs to somebody else. Whatever a person must look at is reported at
    once, not one after the other.
    """
    known = [matched for matched in found.users if set(matched.by) & set(match.by)]
    if len(known) == 1 and match.known == "skip":
        return Planned(LeftAlone(draft.row))
    problems = tuple(_obstacles(draft, found, known, match))
    if problems or (not known and match.new == "reject"):
        names = tuple(name for matched in known for name in _another_name(draft, matched.user))
        return Planned(Held(draft.row, problems), names)
    if known:
        rename = match.id_change == "rename"
        planned = update(draft, known[0].user, match, memory, rename=rename)
        harmless = tuple(_for_known_user(problem) for problem in draft.missing)
        return replace(planned, warnings=(*planned.warnings, *harmless))
    if match.new == "skip":
        return Planned(LeftAlone(draft.row))
    alike = (*_of_name(draft), *_possible_matches(draft, found, match))
    if any(problem.severity.holds for problem in alike):
        return Planned(Held(draft.row, alike))
    return Planned(create(draft), (*alike, *_namesakes(draft, found)))


def create(draft: DraftUser) -> Create:
    """Return the step that creates the row's user, whatever Alma may have."""
    return Create(draft.row, new_user(draft))


def update(
    draft: DraftUser,
    live: User,
    match: Match,
    memory: Memory,
    *,
    rename: bool = False,
) -> Planned:
    """Return the step that updates a user with the row's values, whoever that user is.

    `rename`: the user also gets the row's primary ID, as with a new card. With `account_type:
    convert` an Internal user becomes External if the mapping is. A sticky field that someone edited
    in Alma since the last load stays, with one warning.
    """
    primary_id = current(live, "primary_id")
    remembered = memory(primary_id)
    merged = merge(
        draft,
        live,
        remembered,
        rename=rename,
        convert=match.account_type == "convert",
        keep_old_id=match.keep_old_id,
    )
    step = (
        Update(draft.row, primary_id, live, merged.after, merged.changes, merged.override)
        if merged.changes
        else Unchanged(draft.row, primary_id)
    )
    stays = {name: one.reported for name, one in merged.sticky.items() if one.reported is not None}
    message = "Alma has {value}, edited there by hand; the roster's value is not sent"
    warnings = [
        draft.problem(Code.EDITED_IN_ALMA, message, name, value)
        for name, value in stays.items()
        if remembered[name].reported != value
    ]
    warnings += _another_name(draft, live)
    return Planned(step, tuple(warnings), merged.sticky, bool(stays), merged.after)


def obstacle_to_update(
    draft: DraftUser, live: User, found: MatchResult, match: Match, *, rename: bool
) -> str:
    """Return why a person's answer must not update this user; "" if it may.

    Alma makes an Internal user External, and never the other way around (contract 1.2). `found`:
    who has the row's IDs. If nobody has its primary ID, the user must get it: a new card that is
    nowhere in Alma would look done.
    """
    theirs, ours = current(live, "account_type"), draft.layout.account_type
    if theirs != ours and match.account_type != "any":
        kinds = (
            f"That user is {_account_type(live) or 'of no account type'} in Alma, and the mapping "
            f"makes {ours.capitalize()} records. "
        )
        if ours is AccountType.INTERNAL:
            return (
                f"{kinds}Alma's API cannot make an External user Internal. Reject the row, or make "
                "the user Internal in Alma and plan again."
            )
        if not draft.values.get("external_id"):
            return f"{kinds}The row has no external system (`owning_system`). Correct the row."
        if match.account_type != "convert":
            return (
                f"{kinds}Reject the row, load it with a mapping for such users, or set "
                "`account_type: convert` under `match:` in the mapping and plan again."
            )
    holders = {key for one in found.users for key in identifiers(one.user)}
    if not rename and draft.primary_id.casefold() not in {"", *holders}:
        return (
            "Nobody in Alma has the primary ID of this row. Use `--as rename` with the user's ID "
            "to give it to the user, or correct the row."
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


def taken_identifiers(draft: DraftUser, step: Step, found: MatchResult) -> tuple[str, ...]:
    """Return the identifiers that an update would give to its user although another has them.

    By key: `primary_id` or the type's code. Alma refuses such an update (contract 3.2).
    """
    if not isinstance(step, Update):
        return ()
    given = {*identifiers(step.after)} - {*identifiers(step.before)}
    theirs = {
        identifier
        for matched in found.users
        if not same_id(matched.user.primary_id, step.primary_id)
        for identifier in identifiers(matched.user)
    }
    keys = (key for key, value in draft.every_identifier if value.casefold() in given & theirs)
    return tuple(dict.fromkeys(keys))


def _account_type(user: User) -> str:
    """Return Internal or External, as people write it."""
    return current(user, "account_type").capitalize()


def _obstacles(
    draft: DraftUser, found: MatchResult, known: Sequence[MatchedUser], match: Match
) -> Iterator[Problem]:
    """Yield the problems for which a person must look at the row before anything is planned."""
    if found.failed:
        yield draft.problem(Code.NOT_LOOKED_UP, f"could not be looked up in Alma: {found.failed}")
        return
    if len(known) > 1:
        for matched in known:
            yield from _belongs_to(draft, matched.user, matched.by, Code.MATCHES_TWO_USERS)
        yield from _of_name(draft)
        return
    others = [matched for matched in found.users if matched not in known]
    if not known and (others or match.new == "create"):
        yield from (problem for problem in draft.missing if problem.code not in NAME or others)
    for matched in others:
        advice = "Find out whose identifier it is. Correct the row, or the user in Alma."
        yield from _belongs_to(draft, matched.user, matched.by, Code.EXISTS_IN_ALMA, advice)
    if known and match.known == "reject":
        by = [key for key in known[0].by if key in match.by]
        yield from _belongs_to(draft, known[0].user, by[:1], Code.EXISTS_IN_ALMA)
    elif known:
        yield from _another_person(draft, known[0], match)
        yield from _differences(draft, known[0].user, match)
        yield from (one for one in _of_name(draft) if _renames(known[0].user, draft, one))
    elif not others and match.new == "reject":
        for key, value in draft.every_identifier:
            if key in match.by:
                message, label = "{value} is not in Alma", draft.label_of(key)
                yield draft.problem(Code.NOT_IN_ALMA, message, label, value)


def _belongs_to(
    draft: DraftUser, user: User, keys: Iterable[str], code: Code, advice: str = ""
) -> Iterator[Problem]:
    """Report the user that has identifiers of the row, by primary identifier and account type."""
    kind = f" ({_account_type(user)})" if _account_type(user) else ""
    for key in keys:
        name = "primary identifier" if key == "primary_id" else key
        message = f"this {name} belongs to the Alma user {{value}}{kind}"
        theirs = current(user, "primary_id")
        yield draft.problem(code, message, draft.label_of(key), theirs, advice=advice)


def _another_name(draft: DraftUser, live: User) -> Iterator[Problem]:
    """Yield that no part of a user's name in Alma is similar to one of the row's, with that name.

    A part that the row lacks counts as the user's own.
    """
    theirs = current(live, "first_name"), current(live, "last_name")
    ours = (own or their for own, their in zip(draft.name, theirs, strict=True))
    if are_strangers(person_keys(*ours), person_keys(*theirs)):
        message, name = "the user with this ID is {value} in Alma", " ".join(filter(None, theirs))
        yield draft.problem(Code.ANOTHER_NAME, message, "last_name", name)


def _another_person(draft: DraftUser, known: MatchedUser, match: Match) -> Iterator[Problem]:
    """Yield that the user found by an ID seems to be somebody else than the row's person."""
    shared = draft.person.shared(user_keys(known.user))
    if any(_another_name(draft, known.user)) and not {BORN, EMAIL}.intersection(shared):
        key = next(key for key in known.by if key in match.by)
        message = (
            "the Alma user {value} has another first and last name, and neither the birth date nor "
            "the email agrees"
        )
        theirs = current(known.user, "primary_id")
        yield draft.problem(Code.ANOTHER_PERSON, message, draft.label_of(key), theirs)


def _differences(draft: DraftUser, live: User, match: Match) -> Iterator[Problem]:
    """Yield how a known user differs from the row in what no update changes by itself."""
    ours, theirs = draft.layout.account_type, current(live, "primary_id")
    if match.id_change == "review" and not same_id(draft.primary_id or theirs, theirs):
        message = "the user's primary identifier in Alma is {value}"
        yield draft.problem(Code.PRIMARY_ID_DIFFERS, message, "primary_id", theirs)
    system, owning = draft.values.get("external_id", ""), current(live, "external_id")
    if current(live, "account_type") != ours and match.account_type != "any":
        kind = _account_type(live) or "without an account type"
        message = f"the user {{value}} is {kind} in Alma, but {ours.capitalize()} in the mapping"
        converts = not obstacle_to_update(draft, live, MatchResult(), match, rename=True)
        advice = (
            "If it is the same person, resolve the row with `--as rename` and the user's ID: the "
            "user becomes External and gets the row's primary ID. Alma's API cannot reverse that."
        )
        yield draft.problem(
            Code.ACCOUNT_TYPE_DIFFERS,
            message,
            "primary_id",
            theirs,
            advice=advice if converts else "",
        )
    elif current(live, "account_type") == AccountType.EXTERNAL and system and system != owning:
        there = owning or "no external system"
        message = f"the user {{value}} belongs to {there} in Alma, but to {system} in the mapping"
        yield draft.problem(Code.OWNING_SYSTEM_DIFFERS, message, "external_id", theirs)


def _of_name(draft: DraftUser) -> Iterator[Problem]:
    """Yield the questions about the row's name."""
    return (problem for problem in draft.missing if problem.code in NAME)


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


def _for_known_user(problem: Problem) -> Problem:
    """Return a problem that holds back only new users as a warning, for a user that Alma has."""
    if problem.code in NAME:
        message, advice = f"{problem.message}; Alma has this name", "Nothing to do."
    elif problem.code is Code.PURGE_PAST:
        message, advice = problem.message, ""
    else:
        message = "is blank; the user keeps Alma's value"
        advice = "Nothing to do. Only a new user needs a value here."
    warning = replace(problem, severity=Severity.WARNING, message=message)
    return replace(warning, advice=advice) if advice else warning


def _possible_matches(draft: DraftUser, found: MatchResult, match: Match) -> Iterator[Problem]:
    """Report possible matches by primary identifier, which the person who resolves it needs."""
    severity = Severity.REVIEW if match.possible_match == "review" else Severity.WARNING
    for user in () if match.possible_match == "ignore" else found.possible_matches:
        ours, theirs = draft.person, user_keys(user)
        name = "this name and" if ours.name == theirs.name else "a similar name and the same"
        message = f"Alma has a user with {name} {in_words(ours.shared(theirs))}: {{value}}"
        yield draft.problem(
            Code.POSSIBLE_MATCH_IN_ALMA,
            message,
            "primary_id",
            current(user, "primary_id"),
            severity,
        )


def _namesakes(draft: DraftUser, found: MatchResult) -> Iterator[Problem]:
    """Report users of whom the row has nothing but the name to compare, the first by its ID."""
    if found.namesakes:
        first, *others = found.namesakes
        more = f" and {counted(len(others), 'more user')}" if others else ""
        message = f"Alma has a user with this name and no birth date to compare: {{value}}{more}"
        yield draft.problem(Code.SAME_NAME_IN_ALMA, message, "primary_id", first)
