"""Every answer that is offered for a row is one that Alma takes, and is not asked for again.

Random users of Alma with the row's IDs, random mappings, and each answer of the Decision column. A
plan, the answer, and a plan of the same row with Alma as it is then; nothing is read or sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from random import Random

import pytest

from importer.model.answers import Resolution, choices, possible_users
from importer.model.people import NOTHING_COMMON, may_be_same
from importer.model.plan import Create, Held, Match, Planned, Step, Update, UserMemory
from importer.model.problem import Code, Problem, Severity
from importer.model.question import Answer, read_decision
from importer.model.user import AccountType, User
from importer.planner.answers import fitting, follow, leaves_id, resolution
from importer.planner.case import Case, EarlierLoads
from importer.planner.decide import decide
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.imprints import keyed
from importer.planner.who import needs_people
from importer.users.matching import MatchedUser, MatchResult, identifiers, user_keys
from tests.planner.people import SOURCE, draft, email, identifier, user

PEOPLE = {
    "Jane": {"first_name": "Jane", "last_name": "Doe"},
    "Jane, married": {"first_name": "Jane", "last_name": "Lee"},
    "Zoltan": {"first_name": "Zoltan", "last_name": "Kovacs"},
    "nobody": {"first_name": "", "last_name": ""},
}
TODAY = date(2026, 8, 20)


def row_of(dice: Random) -> DraftUser:
    """Jane's row, with some of her IDs; now and then of a student, or without a user group."""
    account = dice.choice([AccountType.INTERNAL, AccountType.INTERNAL, AccountType.EXTERNAL])
    row = draft(
        {
            "external_id": "SIS" if account is AccountType.EXTERNAL else "",
            "primary_id": "21234",
            "first_name": "Jane",
            "last_name": "Doe",
            "birth_date": dice.choice(["1990-03-01", ""]),
            "contact_info.email[0].email_address": dice.choice(["jane@example.org", ""]),
            "contact_info.email[0].email_type": "personal",
            "user_identifier[0].id_type": "UNIV_ID",
            "user_identifier[0].value": dice.choice(["U77", "U77", ""]),
            "user_identifier[1].id_type": "BARCODE",
            "user_identifier[1].value": dice.choice(["B5", "B5", "", "21234"]),
        },
        account,
    )
    if dice.random() < 0.8:
        return row
    blank = Problem.of(Code.MISSING_VALUE, SOURCE.origin(2), "is blank", field="user_group")
    return replace(row, lacks=(blank,))


def users_of(dice: Random) -> list[User]:
    """Up to three users of Alma who have the row's IDs, each of them once, or others."""
    free = dice.sample(["U77", "B5", "21234", "X1", "X2", "9", "8", "7"], 8)
    found = []
    for _ in range(dice.randint(0, 3)):
        who = dice.choice([*PEOPLE, "Jane", "Jane", "Zoltan"])
        born = dice.choice(["1990-03-01Z", None, "1990-03-02Z"])
        mail = "zoltan@example.org" if who == "Zoltan" else "jane@example.org"
        others = [one for one in free if one != "21234"]
        ids = dice.sample(others, dice.randint(0, min(2, len(others) - 1)))
        free = [one for one in free if one not in ids]
        more: dict[str, object] = {
            "birth_date": "1975-11-23Z" if who == "Zoltan" else born,
            "user_identifier": [
                identifier(
                    dice.choice(["UNIV_ID", "BARCODE"]),
                    value,
                    status=dice.choice(["ACTIVE", "ACTIVE", "INACTIVE"]),
                )
                for value in ids
            ],
            "contact_info": {"email": [email(mail)]} if dice.random() < 0.5 else {},
        }
        if dice.random() < 0.2:
            more |= {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"}
        found.append(user(primary_id=free.pop(), **PEOPLE[who] | more))
    return found


def match_of(dice: Random) -> Match:
    """How a mapping finds people, and what it does then."""
    return Match(
        by=dice.choice([("primary_id",), ("primary_id", "BARCODE"), ("BARCODE",), ("UNIV_ID",)]),
        id_change=dice.choice(["review", "rename"]),
        new=dice.choice(["create", "create", "create", "skip", "reject"]),
        known=dice.choice(["update", "update", "update", "skip", "reject"]),
        account_type=dice.choice(["review", "convert", "any"]),
        possible_match=dice.choice(["review", "review", "warn", "ignore"]),
    )


@dataclass(frozen=True)
class Campus:
    """A row, the users of Alma, the mapping, and what people answered so far."""

    row: DraftUser
    users: Sequence[User]
    match: Match
    answers: Mapping[str, Resolution]

    @property
    def found(self) -> MatchResult:
        """Who has an ID of the row, and who may be its person."""
        holders = []
        for one in self.users:
            own = identifiers(one)
            by = (key for key, value in self.row.every_identifier if value.casefold() in own)
            if kinds := tuple(dict.fromkeys(by)):
                holders.append(MatchedUser(one, kinds))
        found = MatchResult(tuple(holders))
        if not (needs_people(self.row, found, NOTHING_COMMON) if holders else self.match.by_name):
            return found
        others = [one for one in self.users if one not in found.every_user]
        alike = (one for one in others if may_be_same(self.row.person, user_keys(one)))
        return MatchResult(tuple(holders), tuple(alike))

    @property
    def earlier(self) -> EarlierLoads:
        """What is remembered: nothing but whose ID is right."""

        def of(row: DraftUser, live: User) -> UserMemory:
            key = current(live, "primary_id").casefold()
            leaves = key != row.key and leaves_id(self.answers, row, key)
            return UserMemory(None, (), keeps_id=leaves)

        return EarlierLoads(of, keyed(b""), TODAY, "", frozenset(), None)

    @property
    def case(self) -> Case:
        """All that the row's step is decided from."""
        return Case(self.row, self.found, self.match, NOTHING_COMMON, self.earlier)

    def follow(self, answer: Answer, live: User | None) -> Planned | str:
        """The step that an answer asks for."""
        return follow(self.case, answer, live)

    def plan(self) -> Step:
        """The step of the row, with what people answered."""
        step = decide(self.case).step
        there = {current(one, "primary_id").casefold() for one in self.found.every_user}
        asked = step.problems if isinstance(step, Held) else ()
        if (kept := fitting(self.answers, self.row, asked, there)) is None:
            return step
        named = (one for one in self.found.every_user if same_id(one.primary_id, kept.user))
        made = self.follow(kept.answer, next(named, None))
        return made.step if isinstance(made, Planned) else step

    def after(self, step: Step) -> list[User]:
        """The users of Alma after a step; no ID is of two of them."""
        users = list(self.users)
        if isinstance(step, Create):
            users.append(step.user)
        elif isinstance(step, Update):
            users = [step.after if same_id(u.primary_id, step.primary_id) else u for u in users]
        every = [one for there in users for one in identifiers(there)]
        assert len(every) == len({*every}), every
        return users


def kept(campus: Campus, step: Held, answer: Answer, live: User | None) -> Mapping[str, Resolution]:
    """What is kept of an answer for later plans."""
    row, now = campus.row, datetime.now(UTC)
    made = resolution(row, step.problems, answer, live, "jo", now, typed=answer)
    return {row.key: made}


def answered(campus: Campus, step: Held, text: str) -> tuple[Step, Mapping[str, Resolution]]:
    """The step that an answer of the Decision column asks for, and what is kept of it."""
    decision = read_decision(text)
    assert decision is not None
    answer, name = decision
    held = [problem for problem in step.problems if problem.severity.holds]
    live = None
    if answer.names_user:
        (name,) = (name,) if name else possible_users(held)
        live = next(one for one in campus.users if same_id(one.primary_id, name))
    made = campus.follow(answer, live)
    assert isinstance(made, Planned), (text, held, made)
    return made.step, kept(campus, step, answer, live)


@pytest.mark.parametrize("seeds", [range(at, at + 200) for at in range(0, 800, 200)])
def test_each_answer_that_is_offered_is_taken_and_not_asked_again(seeds: range) -> None:
    """Nothing is made that the mapping does not make, and the next plan has nothing to do.

    A plan that is made with the answer does what the answer did in the plan that asked. No ID gets
    two holders. But whoever is overwritten as "the same person after all" may then be one of two
    who fit.
    """
    for seed in seeds:
        dice = Random(seed)  # noqa: S311  invented people
        campus = Campus(row_of(dice), users_of(dice), match_of(dice), {})
        step = campus.plan()
        ways: list[tuple[Step, Mapping[str, Resolution]]] = [(step, campus.answers)]
        if isinstance(step, Held) and {one.severity for one in step.problems} == {Severity.REVIEW}:
            texts = [text for text in choices(step.problems) if "do not load" not in text]
            ways = [answered(campus, step, text) for text in texts]
        elif isinstance(step, Held):
            ways = []
        for planned, answers in ways:
            if isinstance(planned, Create):
                assert campus.match.creates, (seed, step)
                assert not campus.row.lacks, (seed, step)
            if isinstance(planned, Update):
                assert campus.match.known == "update", (seed, step)
            assert replace(campus, answers=answers).plan() == planned, (seed, step, planned)
            users = campus.after(planned)
            again = Campus(campus.row, users, campus.match, answers).plan()
            codes = {problem.code for problem in again.problems} if isinstance(again, Held) else {}
            after_all = Code.MATCHES_TWO_USERS in codes and isinstance(step, Held)
            after_all |= codes == {Code.EXISTS_IN_ALMA} and campus.match.known == "reject"
            assert not isinstance(again, Create | Update | Held) or after_all, (seed, step, again)
