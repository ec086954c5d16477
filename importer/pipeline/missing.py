"""People who are missing from the rosters of a plan, and what is planned for them.

They are found in the user cache without a call; those who would be changed are then read one by
one, with their loans and fees. A missing person has a row number beyond those of the roster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from importer.alma.models import obligations
from importer.alma.pacing import run_concurrently
from importer.mapper.dates import later
from importer.mapper.schema import AbsentPart
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory
from importer.model.people import Common
from importer.model.plan import Planned
from importer.model.problem import Code, Problem
from importer.model.run import RunFacts
from importer.model.text import ABSENT_ROWS, RowId, counted, steering
from importer.model.user import User
from importer.pipeline.inputs import CheckedRosters, MappedRoster
from importer.pipeline.lookup import Users
from importer.pipeline.row_plan import PlanContext, among, template
from importer.planner.entries import current
from importer.planner.leavers import Leavers, counts_for, has_expired, without_counts
from importer.users.cache import UserCache, find_in_groups, find_near
from importer.users.matching import PersonQuery, identifiers

_NAMES = ("primary_id", "first_name", "middle_name", "last_name")


@dataclass(frozen=True, slots=True)
class Missing:
    """A user who is missing from the roster, and since when."""

    user: User
    since: date

    @property
    def key(self) -> str:
        """The primary ID without case."""
        return self.user.id_key


@dataclass(slots=True)
class AbsentPlan:
    """What is planned for missing people by primary ID without case, and said about them.

    `cells`: their names under the headings of the roster, by row, as reports show them. `seen`: by
    mapping and primary ID, whether somebody is missing, else they are in the rosters.
    """

    planned: dict[str, Planned] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cells: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    seen: dict[tuple[str, str], bool] = field(default_factory=dict)


async def plan_absent(
    rosters: CheckedRosters, users: Users, context: PlanContext, facts: RunFacts
) -> AbsentPlan:
    """Plan the changes of people who are missing, as `match.absent` of each mapping wants it.

    Who is missing leaves at the first load, or at one `after` so long. Whoever is in the last load
    of another mapping with `match.absent` stays. Rosters with the same mapping are parts of one,
    and who is missing by several mappings changes once.
    """
    plan = AbsentPlan()
    parts = [(part, rule) for part in rosters.by_mapping() if (rule := part[0].match.absent)]
    if not parts:
        return plan
    memory, cache = LastSeen(facts.plan_alma.key), users.cache
    there = frozenset[str]()
    if cache is not None and facts.sis is None:
        there = present(rosters, cache, context.common, memory.institution)
    own = {mapped.mapping.name for mapped in rosters}
    stay = memory.in_other_rosters(own, facts.started)
    for part, rule in parts:
        if any(mapped.roster.rejects for mapped in part):
            why = "this is a rejects file, so nobody counts as missing from it"
        elif any(mapped.asked.visible_only for mapped in part):
            why = "hidden rows were left out, so nobody counts as missing"
        elif facts.sis:
            why = "an SIS load changes nobody who is missing from its file"
        elif cache is None:
            why = "there is no complete user cache to look for missing people in"
        else:
            name = part[0].mapping.name
            missing = find_missing(there, part, cache, memory, facts.started)
            plan.seen |= {(name, key): False for key in there}
            plan.seen |= {(name, person.key): True for person in missing}
            unplanned = [person for person in missing if person.key not in plan.planned]
            due = who_is_due(unplanned, rule, part[0].today, stay, context.leavers)
            changed = await _plan(plan, part, due, users, context)
            if unplanned:
                message = due.sentence(rule, changed)
                plan.problems.append(part[0].problem(Code.MISSING_FROM_ROSTER, message))
            continue
        plan.problems.append(part[0].problem(Code.ABSENT_NOT_COMPARED, why))
    return plan


def present(
    rosters: CheckedRosters, cache: UserCache, common: Common, institution: str
) -> frozenset[str]:
    """Return who is in the rosters of a run, by primary ID without case.

    A row counts whatever becomes of it: nobody is missing because of a mistake in the row. Rows
    that a mapping leaves out do not count.
    """
    former = EditMemory(institution).former()
    there = set[str]()
    rows = {row for roster in rosters for row in roster.candidates.rows}
    for draft in rosters.drafts(rows, {}):
        near = find_near(cache, PersonQuery(draft.every_identifier, person=draft.person))
        there |= counts_for(draft, near, rosters.match(draft.row), common)
        there.add(draft.primary_id.casefold())  # whom the load creates
        there.update(former[value] for value in draft.ids if value in former)
    return frozenset(there)


def find_missing(
    there: Collection[str],
    rosters: Sequence[MappedRoster],
    cache: UserCache,
    memory: LastSeen,
    now: datetime,
) -> list[Missing]:
    """Return whom rosters with one mapping are expected to have, and who is not there."""
    whom, since = among(rosters), memory.missing_since(rosters[0].mapping.name)
    expected = {
        user.id_key: user
        for user in find_in_groups(cache, whom.groups)
        if whom.has(user) and not has_expired(user, rosters[0].today)
    }
    return [
        Missing(user, since.get(key, now).astimezone(now.tzinfo).date())
        for key, user in expected.items()
        if key not in there
    ]


@dataclass(frozen=True, slots=True)
class Due:
    """Whose membership ends now, of `every` one missing who is not planned yet, and how many wait.

    `stuck`: Alma's API takes no such ID. `elsewhere`: who are in the last load of these mappings.
    """

    every: int
    now: list[Missing]
    waiting: int
    stuck: int
    elsewhere: int
    mappings: list[str]

    def sentence(self, part: AbsentPart, changed: int) -> str:
        """Return how many are missing, and why not all of them are changed."""
        sums = {
            f"only once they are missing for {part.after}": self.waiting,
            "cannot be: Alma's API takes no ID with / or %": self.stuck,
            f"would not: they are in the last load of {', '.join(self.mappings)}": self.elsewhere,
        }
        sums["were changed before or have left"] = self.every - changed - sum(sums.values())
        parts = [f"{changed:,} would be changed now"]
        parts += [f"{number:,} {words}" for words, number in sums.items() if number]
        groups = " or ".join(part.among.user_group)
        return f"{counted(self.every, 'user')} of {groups} missing: {'; '.join(parts)}"


def who_is_due(
    missing: Sequence[Missing],
    part: AbsentPart,
    today: date,
    stay: Mapping[str, str],
    leavers: Leavers,
) -> Due:
    """Return who of missing people leaves today; `stay`: mappings by ID, as `in_other_rosters`."""
    new = [person for person in missing if not leavers.has_left(person.user)]
    others = {
        person.key: {name for key in identifiers(person.user) if (name := stay.get(key))}
        for person in new
    }
    new = [person for person in new if not others[person.key]]
    able = [person for person in new if not steering(person.key)]
    due = [person for person in able if later(person.since, part.after) <= today]
    stuck, elsewhere = len(new) - len(able), sum(map(bool, others.values()))
    mappings = sorted(set[str]().union(*others.values()))
    return Due(len(missing), due, len(able) - len(due), stuck, elsewhere, mappings)


async def _plan(
    plan: AbsentPlan,
    rosters: Sequence[MappedRoster],
    due: Due,
    users: Users,
    context: PlanContext,
) -> int:
    """Add the step of each who is due and still so in Alma; return how many these are."""
    mapped, whom = rosters[0], among(rosters)
    usual, read = template(mapped), await _read(due.now, users)
    names = [[name for name in _NAMES if name in column.labels] for column in mapped.columns()]
    row = first = RowId(mapped.roster.source.position, ABSENT_ROWS).packed
    for person in due.now:
        live = read[person.key]
        if live is None or not whom.has(live) or has_expired(live, mapped.today):
            continue
        row += 1
        has = obligations(live)
        draft = replace(usual, row=row, origin=mapped.roster.source.origin(row))
        planned = context.leave(draft, without_counts(live))
        message = f"the Alma user {{value}} is missing since {person.since}"
        message += f" and has {has}" if has else ""
        theirs = current(live, "primary_id")
        problem = draft.problem(Code.MISSING_FROM_ROSTER, message, "primary_id", theirs)
        texts = ((current(live, name) for name in own) for own in names)
        plan.cells.append((row, tuple(" ".join(filter(None, own)) for own in texts)))
        plan.planned[person.key] = replace(planned, warnings=(*planned.warnings, problem))
    return row - first


async def _read(missing: list[Missing], users: Users) -> dict[str, User | None]:
    """Read missing people with their loans, requests and fees; forget those Alma has no more."""

    async def read(person: Missing) -> tuple[str, User | None]:
        user = await users.alma.user_with(person.user.primary_id or "", counts=True)
        if user is None and users.cache is not None:
            users.cache.remove(person.key)
        return person.key, user

    return {key: user async for key, user in run_concurrently(users.alma.limiter, missing, read)}
