"""Decide what to do about one row, given the users of Alma that it matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.catalogue import Code, Severity
from importer.model.plan import Create, Held, LeftAlone, Planned, Unchanged, Update
from importer.model.problem import Problem
from importer.model.user import AccountType
from importer.planner.create import new_user
from importer.planner.merge import merge
from importer.planner.values import current
from importer.users.matching import match_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from importer.model.plan import Match, Step
    from importer.model.problem import Origin
    from importer.model.user import User
    from importer.planner.drafts import DraftUser
    from importer.users.matching import MatchedUser, MatchResult


def decide(draft: DraftUser, found: MatchResult, match: Match) -> Planned:
    """Return the step for one row, with the warnings that belong to it.

    Nothing is planned for a row that could not be looked up, that matches two users, or one of
    whose identifiers belongs to somebody else. Whatever a person must look at is reported at
    once, not one after the other.
    """
    if found.failed:
        return _held(
            draft,
            _problem(draft, Code.NOT_LOOKED_UP, f"could not be looked up in Alma: {found.failed}"),
        )
    known = [matched for matched in found.users if set(matched.by) & set(match.by)]
    if len(known) > 1:
        return _held(draft, *_matches_two(draft, known))
    if known and match.known == "skip":
        return Planned(LeftAlone(draft.row))
    others = [matched for matched in found.users if matched not in known]
    problems = [_taken(draft, key, other.user) for other in others for key in other.by]
    if known:
        problems += _known(draft, known[0], match)
        return _held(draft, *problems) if problems else Planned(update(draft, known[0].user))
    return _held(draft, *problems) if problems else _new(draft, found, match)


def create(draft: DraftUser) -> Create:
    """Return the step that creates the row's user, whatever Alma may have."""
    return Create(draft.row, new_user(draft))


def update(draft: DraftUser, live: User) -> Update | Unchanged:
    """Return the step that updates a user with the row's values, whoever that user is."""
    merged = merge(draft, live)
    primary_id = current(live, "primary_id")
    if not merged.changes:
        return Unchanged(draft.row, primary_id)
    return Update(draft.row, primary_id, live, merged.after, merged.changes, merged.override)


def taken_identifiers(draft: DraftUser, step: Step, found: MatchResult) -> tuple[str, ...]:
    """Return the identifiers that an update would give to its user although another has them.

    By key: `primary_id` or the type's code. Alma refuses such an update (contract 3.2).
    """
    if not isinstance(step, Update):
        return ()
    given = {*match_keys(step.after).identifiers} - {*match_keys(step.before).identifiers}
    theirs = {
        identifier
        for matched in found.users
        if current(matched.user, "primary_id") != step.primary_id
        for identifier in match_keys(matched.user).identifiers
    }
    there = given & theirs
    keys = (key for key, value in draft.every_identifier if value.casefold() in there)
    return tuple(dict.fromkeys(keys))


def _held(draft: DraftUser, *problems: Problem) -> Planned:
    return Planned(Held(draft.row, problems))


def _problem(
    draft: DraftUser,
    code: Code,
    message: str,
    label: str = "",
    value: str = "",
    severity: Severity | None = None,
    advice: str = "",
) -> Problem:
    return Problem.of(
        code,
        draft.origin,
        message,
        *draft.layout.places(label),
        field=label,
        value=value,
        severity=severity,
        advice=advice,
    )


def _label(draft: DraftUser, key: str) -> str:
    """Return the label of the column that gives an identifier."""
    if key == "primary_id":
        return key
    for item in draft.entries("user_identifier"):
        if item.type == key and "value" in item.targets:
            return item.targets["value"].label
    return ""


def _kind(user: User) -> str:
    """Return Internal or External, as people write it."""
    return current(user, "account_type").capitalize()


def _whose(draft: DraftUser, key: str, user: User, code: Code, advice: str = "") -> Problem:
    """Report the user that has an identifier of the row, by primary identifier and account type."""
    return _problem(
        draft,
        code,
        f"this {_named(key)} belongs to the Alma user {{value}} ({_kind(user)})".removesuffix(
            " ()"
        ),
        _label(draft, key),
        current(user, "primary_id"),
        advice=advice,
    )


def _taken(draft: DraftUser, key: str, user: User) -> Problem:
    """Report an identifier of the row that another user has."""
    advice = "Find out whose identifier it is. Correct the row, or the user in Alma."
    return _whose(draft, key, user, Code.EXISTS_IN_ALMA, advice)


def _matches_two(draft: DraftUser, known: list[MatchedUser]) -> Iterator[Problem]:
    """Report identifiers that belong to different users, each with its user."""
    for matched in known:
        for key in matched.by:
            yield _whose(draft, key, matched.user, Code.MATCHES_TWO_USERS)


def _named(key: str) -> str:
    """Return what people call an identifier: Alma's code of its type, or the primary one."""
    return "primary identifier" if key == "primary_id" else key


def _known(draft: DraftUser, matched: MatchedUser, match: Match) -> list[Problem]:
    """Return the problems that keep a known user from being updated."""
    live, layout = matched.user, draft.layout
    if match.known == "reject":
        key = next(key for key in matched.by if key in match.by)
        return [_whose(draft, key, live, Code.EXISTS_IN_ALMA)]
    problems = []
    theirs = current(live, "primary_id")
    if draft.primary_id and draft.primary_id.casefold() != theirs.casefold():
        problems.append(
            _problem(
                draft,
                Code.PRIMARY_ID_DIFFERS,
                "the user's primary identifier in Alma is {value}",
                "primary_id",
                theirs,
            )
        )
    account = current(live, "account_type")
    if account != layout.account_type.value:
        ours = layout.account_type.value.capitalize()
        kind = _kind(live) or "without an account type"
        said = f"the user {{value}} is {kind} in Alma, but {ours} in the mapping"
        problems.append(_problem(draft, Code.ACCOUNT_TYPE_DIFFERS, said, "primary_id", theirs))
    elif layout.account_type is AccountType.EXTERNAL:
        system, owning = draft.values.get("external_id", ""), current(live, "external_id")
        if system and system != owning:
            there = owning or "no external system"
            said = f"the user {{value}} belongs to {there} in Alma, but to {system} in the mapping"
            problems.append(
                _problem(draft, Code.OWNING_SYSTEM_DIFFERS, said, "external_id", theirs)
            )
    return problems


def _new(draft: DraftUser, found: MatchResult, match: Match) -> Planned:
    match match.new:
        case "skip":
            return Planned(LeftAlone(draft.row))
        case "reject":
            problem = _problem(
                draft, Code.NOT_IN_ALMA, "{value} is not in Alma", "primary_id", draft.primary_id
            )
            return _held(draft, problem)
        case "create":
            alike = () if match.look_alike == "ignore" else found.possible_matches
            severity = Severity.REVIEW if match.look_alike == "review" else Severity.WARNING
            problems = tuple(_look_alike(draft, user, severity) for user in alike)
            if problems and severity.holds:
                return _held(draft, *problems)
            return Planned(create(draft), problems)


def _look_alike(draft: DraftUser, user: User, severity: Severity) -> Problem:
    """Report a possible match by primary identifier, which the person who resolves it needs."""
    born = draft.birth_date and draft.birth_date == current(user, "birth_date")
    shared = "birth date" if born else "email"
    return _problem(
        draft,
        Code.POSSIBLE_MATCH_IN_ALMA,
        f"Alma has a user with this name and {shared}: {{value}}",
        "primary_id",
        current(user, "primary_id"),
        severity,
    )


# rows of one plan that lead to the same user


def review_collisions(steps: Sequence[Step], origin: Callable[[int], Origin]) -> list[Step]:
    """Return the steps in their order; rows that update the same user need review instead.

    The second would undo what the first did, and no rule can know which of them is right.
    """
    rows: dict[str, list[int]] = {}
    for step in steps:
        if isinstance(step, Update | Unchanged):
            rows.setdefault(step.primary_id.casefold(), []).append(step.row)
    shared = {row: together for together in rows.values() if len(together) > 1 for row in together}
    return [
        Held(step.row, (_same_user(origin, step.row, shared[step.row]),))
        if step.row in shared
        else step
        for step in steps
    ]


def _same_user(origin: Callable[[int], Origin], row: int, together: list[int]) -> Problem:
    others = ", ".join(str(other) for other in sorted(together) if other != row)
    return Problem.of(
        Code.DUPLICATE_PERSON,
        origin(row),
        f"matches the same Alma user as row {others}",
        field="primary_id",
        advice="Decide which of the rows is right. Delete the others.",
    )
