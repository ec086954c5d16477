"""People in the user cache: who is missing from the rosters of a plan, and who is there twice.

They are found without a call; those who are missing and would be changed are then read one by one,
with their loans and fees. A missing person has a row number beyond those of the roster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from importer.alma.models import OBLIGATIONS, obligations
from importer.alma.pacing import run_concurrently
from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.ledger.memory import AbsentMemory, EditMemory
from importer.model.fields import CodeTables
from importer.model.people import ADDRESS, Common
from importer.model.plan import Planned
from importer.model.problem import Code, Problem
from importer.model.run import RunFacts
from importer.model.text import ABSENT_ROWS, RowId, counted, steering
from importer.model.user import DELETED, AccountType, ContactInfo, User
from importer.pipeline.check import validate
from importer.pipeline.inputs import CheckedRosters, MappedRoster, reopen_inputs
from importer.pipeline.lookup import Users
from importer.pipeline.row_plan import PlanContext, among, template
from importer.planner.borrowing import other_roles
from importer.planner.entries import current, same_id
from importer.planner.leavers import OURS, Among, counts_for, has_expired, without_counts
from importer.planner.person import Person, are_one, person_of_user
from importer.planner.who import agreement, managed_elsewhere
from importer.users.cache import (
    UserCache,
    cache_path,
    find_common,
    find_in_groups,
    find_near,
    find_sharing,
)
from importer.users.matching import PersonQuery, identifiers, user_keys

COUNTS = timedelta(days=45)
"""How long the last load of another roster shows that its people are still there."""

_NAMES = ("primary_id", "first_name", "middle_name", "last_name")

ABSENT_COLUMNS = (
    "primary_id", "first_name", "last_name", "user_group", "status", "expiry_date", "rosters",
)  # fmt: skip
"""What is listed of each missing user; the last is from how many rosters in a row."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A user who is missing from the roster, and from how many in a row with it."""

    user: User
    rosters: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The values of ABSENT_COLUMNS."""
        return (*(current(self.user, name) for name in ABSENT_COLUMNS[:-1]), str(self.rosters))

    @property
    def key(self) -> str:
        """The primary ID without case."""
        return current(self.user, "primary_id").casefold()


@dataclass(slots=True)
class AbsentPlan:
    """What is planned for missing people by primary ID without case, and said about them.

    `cells`: their names under the headings of the roster, by row, as reports show them.
    """

    planned: dict[str, Planned] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cells: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)


async def plan_absent(
    rosters: CheckedRosters, users: Users, context: PlanContext, facts: RunFacts
) -> AbsentPlan:
    """Plan the changes of people who are missing, as `match.absent` of each mapping wants it.

    Rosters with the same mapping are parts of one. Who is missing by several mappings changes once,
    and nobody who is in the last roster of another mapping with `match.absent`: people belong to
    several rosters, which may be loaded one after the other.
    """
    plan = AbsentPlan()
    if all(mapped.match.absent is None for mapped in rosters):
        return plan
    assert facts.alma is not None  # noqa: S101  a plan has it
    memory = AbsentMemory(facts.alma.key)
    there = present(rosters, users.cache, context.common, memory.institution)
    own = {mapped.mapping.name for mapped in rosters}
    for part in rosters.by_mapping():
        name = part[0].mapping.name
        if part[0].match.absent is None:
            continue
        if any(one.roster.rejects for one in part):
            why = "this is a rejects file, so nobody counts as missing from it"
        elif any(one.asked.visible_only for one in part):
            why = "hidden rows were left out, so nobody counts as missing"
        elif facts.sis is not None:
            why = "an SIS load changes nobody who is missing from its file"
        elif users.cache is None:
            why = "there is no complete user cache to look for missing people in"
        else:
            every = frozenset[str]().union(*there.values())
            missing = find_missing(every, part[0], users.cache, among(part))
            memory.see(name, facts, there[name], every - there[name], missing)
            counts = memory.counts(name, facts.hash_of(name))
            since = [Missing(user, counts[key]) for key, user in missing.items()]
            stay = memory.in_other_rosters(own, facts.started - COUNTS)
            await _plan(plan, part, since, stay, users, context)
            continue
        memory.see_some(name, there[name])
        plan.problems.append(part[0].problem(Code.ABSENT_NOT_COMPARED, why))
    return plan


def present(
    rosters: CheckedRosters, cache: UserCache | None, common: Common, institution: str
) -> Mapping[str, frozenset[str]]:
    """Return who is in the rosters of a run, by mapping's name, by primary ID without case.

    A row counts whatever becomes of it: nobody is missing because of a mistake in the row. Rows
    that a mapping leaves out do not count. Without a user cache the IDs of the rows are returned.
    """
    former = EditMemory(institution).former()
    there: dict[str, set[str]] = {one.mapping.name: set() for one in rosters}
    rows = {row for one in rosters for row in one.candidates.rows}
    for draft in rosters.drafts(rows, {}, ""):
        own = there[rosters.of(draft.row).mapping.name]
        ids = {value.casefold() for _, value in draft.every_identifier}
        if cache is None:
            own |= ids
        else:
            near = find_near(cache, PersonQuery(draft.every_identifier, person=draft.person))
            own |= counts_for(draft, near, rosters.match(draft.row), common)
            own.add(draft.primary_id.casefold())  # whom the load creates
        own.update(former[value] for value in ids if value in former)
    return {name: frozenset(own) for name, own in there.items()}


def find_missing(
    there: Collection[str], mapped: MappedRoster, cache: UserCache, whom: Among
) -> dict[str, User]:
    """Return whom a roster is expected to have and who is not there, by primary ID without case."""
    expected = (user for user in find_in_groups(cache, whom.groups) if whom.has(user))
    return {
        key: user
        for user in expected
        if (key := current(user, "primary_id").casefold()) not in there
        and not has_expired(user, mapped.today)
    }


async def _plan(
    plan: AbsentPlan,
    rosters: Sequence[MappedRoster],
    every: list[Missing],
    stay: frozenset[str],
    users: Users,
    context: PlanContext,
) -> None:
    """Add to the plan what is planned for those who are missing, not in it yet, and do not stay."""
    mapped, whom = rosters[0], among(rosters)
    part = mapped.match.absent
    assert part is not None  # noqa: S101  the caller asked
    missing = [one for one in every if one.key not in plan.planned]
    new = [one for one in missing if not context.leavers.has_left(one.user)]
    gone = [one for one in new if stay.isdisjoint(identifiers(one.user))]
    elsewhere, new = len(new) - len(gone), gone
    stuck = [one for one in new if steering(one.key)]
    due = [one for one in new if one.rosters >= part.after and one not in stuck]
    waiting = len(new) - len(due) - len(stuck)
    usual, found = template(mapped), await _read(due, users)
    names = [[one for one in _NAMES if one in column.labels] for column in mapped.columns()]
    row = first = RowId(mapped.roster.source.position, ABSENT_ROWS).packed
    for one in due:
        live = found[one.key]
        if live is None or not whom.has(live) or has_expired(live, mapped.today):
            continue
        row += 1
        has = obligations(live)
        draft = replace(usual, row=row, origin=mapped.roster.source.origin(row))
        planned = context.leave(draft, without_counts(live))
        since = f", {one.rosters} rosters in a row" if part.after > 1 else ""
        problem = Problem.of(
            Code.MISSING_FROM_ROSTER,
            draft.origin,
            f"the Alma user {{value}} is missing{since}" + (f" and has {has}" if has else ""),
            field="primary_id",
            value=current(live, "primary_id"),
        )
        texts = ((current(live, name) for name in own) for own in names)
        plan.cells.append((row, tuple(" ".join(filter(None, own)) for own in texts)))
        plan.planned[one.key] = replace(planned, warnings=(*planned.warnings, problem))
    if missing:
        sums = {
            f"only after {part.after} rosters in a row": waiting,
            "cannot be: Alma's API takes no ID with / or %": len(stuck),
            "would not: the last load of another mapping with `match.absent` has them": elsewhere,
        }
        others = len(missing) - (row - first) - sum(sums.values())
        sums["were changed before or have left"] = others
        parts = [f"{row - first:,} would be changed now"]
        parts += [f"{number:,} {words}" for words, number in sums.items() if number]
        groups = " or ".join(part.among.user_group)
        message = f"{counted(len(missing), 'user')} of {groups} missing: {'; '.join(parts)}"
        plan.problems.append(mapped.problem(Code.MISSING_FROM_ROSTER, message))


async def _read(missing: list[Missing], users: Users) -> dict[str, User | None]:
    """Read missing people with their loans, requests and fees; forget those Alma has no more."""

    async def read(one: Missing) -> tuple[str, User | None]:
        user = await users.alma.get_user(one.user.primary_id or "", expand=OBLIGATIONS)
        if user is not None and same_id(user.primary_id, one.key):
            return one.key, user
        if users.cache is not None:
            users.cache.remove(one.key)
        return one.key, None

    return {key: user async for key, user in run_concurrently(users.alma.limiter, missing, read)}


def list_missing(
    ledger: Ledger, codes: CodeTables, users: Path, groups: Collection[str] = ()
) -> list[Missing]:
    """Return who is missing from the rosters of a plan, by primary ID.

    `users`: the folder of user caches. `groups`: the user groups to look in where the mapping has
    no `match.absent`; without any, those of the roster's rows. Raises UsageError if there is no
    user cache or no such group, StalePlanError if the roster or the mapping was changed since.
    """
    facts = ledger.facts
    if facts.command != "plan" or facts.alma is None:
        msg = f"{ledger.folder} is not a plan. Make one with `importer plan`."
        raise UsageError(msg)
    known = {row.code.casefold() for row in codes.tables.get("UserGroups", ())}
    if known and (unknown := [group for group in groups if group.casefold() not in known]):
        msg = f"{unknown[0]} is no code of a user group. See: importer codes show UserGroups"
        raise UsageError(msg)
    rosters = validate(reopen_inputs(facts, codes))
    if groups and all(one.match.leaving is not None for one in rosters):
        msg = "The mapping names the user groups whose people may be missing; leave others out."
        raise UsageError(msg)
    memory = AbsentMemory(facts.alma.key)
    found: dict[str, Missing] = {}
    with UserCache.open(cache_path(users, facts.alma.institution, facts.alma.environment)) as cache:
        present_in = present(rosters, cache, facts.common, facts.alma.key)
        there = frozenset[str]().union(*present_in.values())
        for part in rosters.by_mapping():
            name = part[0].mapping.name
            of_rows = {text for one in part for text in one.candidates.texts("user_group")}
            counts = memory.counts(name, facts.hash_of(name))
            whom = among(part, groups or of_rows - {""})
            missing = find_missing(there, part[0], cache, whom)
            for key, user in missing.items():
                found.setdefault(key, Missing(user, counts.get(key, 1)))
    return [found[key] for key in sorted(found)]


# users who seem to be one person

COLUMNS = (
    "primary_id", "first_name", "middle_name", "last_name", "birth_date", "user_group",
    "account_type", "expiry_date", "last_patron_activity_date", "emails", "phones", "roles",
)  # fmt: skip
"""What is shown of each of two users."""


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two users who seem to be one person, and how they agree.

    Alma's Merge Users moves everything from `removed` to `kept`, and deletes `removed`. `obstacle`:
    why the two cannot be merged, "" if they can.
    """

    removed: User
    kept: User
    agreement: str
    obstacle: str

    @property
    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values of COLUMNS of both."""
        return _texts(self.removed), _texts(self.kept)


def find_pairs(cache: UserCache) -> Iterator[DuplicatePair]:
    """Yield the pairs of users who seem to be one person, as the evidence about people has it.

    Users that Alma has deleted are left out.
    """
    common, known = find_common(cache), dict[str, tuple[Person, frozenset[str]]]()

    def person(user: User) -> tuple[Person, frozenset[str]]:
        key = user.primary_id or ""
        if key not in known:
            known[key] = person_of_user(user), user_keys(user).of(ADDRESS)
        return known[key]

    for one, other in find_sharing(cache):
        (ours, here), (theirs, there) = person(one), person(other)
        evidence = are_one(ours, theirs, common, address=bool(here & there))
        deleted = any(current(user, "status").upper() == DELETED for user in (one, other))
        if evidence is not None and not deleted:
            removed, kept = sorted((one, other), key=_stays)
            yield DuplicatePair(removed, kept, agreement(evidence), _obstacle(removed, kept))


def _stays(user: User) -> tuple[bool, bool, str, str]:
    """Return a key by which the user who should stay comes last.

    Alma merges nobody with another role than Patron into somebody else, and the external system
    loads an External user again.
    """
    external = current(user, "account_type") == AccountType.EXTERNAL
    activity, expires = (
        current(user, name) for name in ("last_patron_activity_date", "expiry_date")
    )
    return bool(other_roles(user)), external, activity, expires


def _obstacle(removed: User, kept: User) -> str:
    for which, user in (("first", removed), ("second", kept)):
        if why := managed_elsewhere(user, OURS):
            return f"the {which} {why}"
    return "both have staff roles" if other_roles(removed) else ""


def _texts(user: User) -> tuple[str, ...]:
    contact = user.contact_info or ContactInfo()
    return (
        *(current(user, name) for name in COLUMNS[:-3]),
        ", ".join(one.email_address or "" for one in contact.email or ()),
        ", ".join(one.phone_number or "" for one in contact.phone or ()),
        ", ".join(dict.fromkeys(other_roles(user))),
    )
