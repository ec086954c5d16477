"""What people decided about rows in earlier runs, and what it answers now.

A question about a person is not asked twice. An answer is used as long as no other user is in
question than then, and nothing else is asked.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from importer.ledger.memory import DecisionMemory, Resolution
from importer.model.decisions import ANOTHER, DOUBTS, NAME, WHO, WHOSE_ID, Answer, concerned
from importer.model.people import PersonKeys
from importer.model.plan import Held, Planned, Update
from importer.model.problem import Code, Problem
from importer.model.user import User
from importer.pipeline.fates import Answered, dismissed
from importer.pipeline.inputs import CheckedRosters
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.users.matching import user_keys

OTHER_LEFT_OUT = "the other row of this person is not loaded"


class KeptAnswer(NamedTuple):
    """An answer of an earlier run: about which user, and a sentence with who gave it and when.

    `theirs`: the hash of who that user was then, "" if it does not matter.
    """

    answer: Answer
    user: str
    sentence: str
    theirs: str

    def is_about(self, live: User) -> bool:
        """Return whether the user is still who it was: an ID may be somebody else's by now."""
        return self.theirs in {"", _user_hash(live)}


@dataclass(frozen=True, slots=True)
class Resolutions:
    """What people decided in earlier runs, by the row's primary ID without case."""

    by_id: Mapping[str, Resolution]

    def same_person(
        self, rosters: CheckedRosters, problems: Iterable[Problem]
    ) -> dict[int, Answered]:
        """Return by row the decisions that answer whether it is the same person as another row.

        If rows are different people, both rows of each pair must have been decided; a row that is
        not to be sent stays so whatever was decided about the other, and one whose others are all
        not to be sent needs no decision.
        """
        answered: dict[int, Answered] = {}
        for draft, others in alike_rows(rosters, problems) if self.by_id else ():
            own, decision = draft.key, self._about(draft)
            theirs = [
                their
                for other in others
                if (their := self.by_id.get(other)) and own in their.against
            ]
            everybody = len(theirs) == len(others)
            if decision is not None and others <= decision.against:
                loads = decision.answer is not Answer.REJECT
                if everybody or not loads:
                    answered[draft.row] = Answered(decision.sentence, loads)
            elif theirs and everybody and all(one.answer is Answer.REJECT for one in theirs):
                answered[draft.row] = Answered(f"{OTHER_LEFT_OUT}, {theirs[0].sentence}")
        return answered

    def fitting(
        self, draft: DraftUser, asked: Sequence[Problem], there: Set[str]
    ) -> KeptAnswer | None:
        """Return the answer to everything that is asked about a row, if there is one.

        `there`: the primary IDs, without case, of the users who may be the row's person.
        """
        decision = self._about(draft)
        if not asked or decision is None:
            return None
        codes, questioned = {problem.code for problem in asked}, {*_questioned(draft, asked)}
        answer, user, theirs = decision.answer, decision.user, decision.theirs
        others = {problem.value.casefold() for problem in asked if problem.code in ANOTHER}
        has_id = draft.key in there - others and draft.key in questioned - decision.against
        if has_id and user not in there and answer is not Answer.REJECT:
            answer, user = Answer.UPDATE, draft.primary_id  # the user was created or renamed since
            questioned.discard(draft.key)
        if codes - WHO - NAME - decision.doubts or questioned - decision.against:
            return None
        return KeptAnswer(answer, user, decision.sentence, theirs)

    def _about(self, draft: DraftUser) -> Resolution | None:
        """Return what was decided about a row's ID, if it was about the row's person, too."""
        decision = self.by_id.get(draft.key)
        if decision is None or decision.person not in {"", person_hash(draft)}:
            return None
        return decision

    def leaves_id(self, draft: DraftUser, user: str) -> bool:
        """Return whether a person decided that a user's primary ID is right, and not the row's.

        `user`: that ID, without case.
        """
        decision = self._about(draft)
        return (
            decision is not None
            and decision.answer is Answer.UPDATE
            and decision.user == user
            and not decision.doubts.isdisjoint(WHOSE_ID)
        )

    def leave_out_old_cards(
        self, drafts: Sequence[DraftUser], planned: Sequence[Planned]
    ) -> list[Planned]:
        """Return the steps, without those of old cards that gave way to a row with the new one.

        The row of an old card counts again in a roster without the new one.
        """
        renamed = {
            one.step.primary_id.casefold(): draft.key
            for draft, one in zip(drafts, planned, strict=True)
            if isinstance(one.step, Update)
            and not same_id(one.step.after.primary_id, one.step.primary_id)
        }
        kept = []
        for draft, one in zip(drafts, planned, strict=True):
            decision = self._about(draft)
            if (
                decision is not None
                and decision.answer is Answer.REJECT
                and renamed.get(draft.key) in decision.against
            ):
                kept.append(Planned(Held(draft.row, (dismissed(draft.origin, decision.sentence),))))
            else:
                kept.append(one)
        return kept


def keep_answer(
    institution: str,
    draft: DraftUser,
    answer: Answer,
    live: User | None,
    problems: Collection[Problem],
    others: frozenset[str],
    operator: str,
    now: datetime,
) -> None:
    """Save the answer to a row's problems; without anybody in question, delete an earlier one.

    `live`: the user whom it names. `others`: the IDs of rows that may be the same person.
    """
    own, memory = draft.key, DecisionMemory(institution)
    against = others | _questioned(draft, problems)
    doubts = (DOUBTS | WHOSE_ID).intersection(problem.code for problem in problems)
    user = current(live, "primary_id").casefold() if live is not None else ""
    hashes = person_hash(draft), _user_hash(live) if live is not None else ""
    if against:
        memory.save(Resolution(own, answer, user, against, doubts, operator, now, *hashes))
    else:
        memory.delete(own)


def _questioned(draft: DraftUser, problems: Collection[Problem]) -> frozenset[str]:
    """Return the IDs, without case, that an answer to a row's problems is about.

    Beside users in question: the row's own ID if its name is, and all of its IDs if staff gave the
    user another one, so that the next card is another question.
    """
    codes = {problem.code for problem in problems}
    own = {draft.key} if codes & NAME else set()
    if Code.CARD_DIFFERS in codes:
        own.update(value.casefold() for _, value in draft.every_identifier)
    return concerned(problems) | own


def person_hash(draft: DraftUser) -> str:
    """Return a hash of a row's ID with the person of the row, for an answer that is about both."""
    return _hash(draft.key, draft.person)


def _user_hash(live: User) -> str:
    return _hash(current(live, "primary_id").casefold(), user_keys(live))


def _hash(key: str, person: PersonKeys) -> str:
    return hashlib.sha256("\n".join((key, *person.name, person.born)).encode()).hexdigest()


def alike_rows(
    rosters: CheckedRosters, problems: Iterable[Problem]
) -> Iterator[tuple[DraftUser, frozenset[str]]]:
    """Yield the rows that may be one person, each with the IDs of the others.

    All such rows of one name, or about one user, count as one group; a person may be asked once
    too often.
    """
    about = {p.origin.row: p.value.casefold() for p in problems if p.code is Code.DUPLICATE_PERSON}
    groups: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    found: list[tuple[DraftUser, set[tuple[str, ...]]]] = []
    for draft in rosters.drafts(about, {}, "") if about else ():
        keys = {draft.person.name, (draft.key,), (about[draft.row],)} - {("",)}
        found.append((draft, keys))
        for key in keys:
            groups[key].add(draft.key)
    for draft, keys in found:
        yield draft, frozenset().union(*(groups[key] for key in keys)) - {draft.key}
