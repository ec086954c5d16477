"""Answers from earlier runs: a question about a person is not asked twice.

An answer is used as long as no other user is in question than then, and nothing else is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from importer.alma.models import Institution
from importer.ledger.resolutions import Answer, Resolution, load_resolutions
from importer.model.candidates import Candidates
from importer.model.catalogue import Code, Severity
from importer.model.plan import Held, Planned
from importer.model.problem import Origin, Problem
from importer.model.run import AlmaFacts
from importer.model.text import folded, name_key
from importer.model.user import User
from importer.pipeline.folders import DECISIONS
from importer.planner.decide import create, taken_identifiers, update
from importer.planner.drafts import DraftUser, drafts
from importer.planner.entries import current
from importer.users.matching import MatchResult

WHO = frozenset({Code.POSSIBLE_MATCH_IN_ALMA, Code.PRIMARY_ID_DIFFERS, Code.MATCHES_TWO_USERS})
"""Problems that ask who a row is."""

DOUBTS = frozenset({Code.ACCOUNT_TYPE_DIFFERS, Code.OWNING_SYSTEM_DIFFERS})
"""Problems that ask whether that user may be changed.

The value of these problems, and of those in WHO, is the primary ID of the user in question.
"""


def institution_key(alma: Institution | AlmaFacts) -> str:
    """Return the key of an institution's answers; its sandbox is another Alma."""
    code = alma.institution if hasattr(alma, "institution") else alma.code
    return f"{code} {alma.environment}"


class Resolutions:
    """What people decided about rows of one institution in earlier runs."""

    def __init__(self, decisions: Mapping[str, Resolution]) -> None:
        """Take the decisions by the row's primary ID, without case."""
        self._decisions = decisions

    @classmethod
    def of(cls, institution: Institution) -> Resolutions:
        """Load the decisions for this Alma. Raises LedgerError if the file is damaged."""
        return cls(load_resolutions(DECISIONS, institution_key(institution)))

    def same_person(
        self, candidates: Candidates, problems: Iterable[Problem]
    ) -> dict[int, Resolution]:
        """Return by row the decisions that answer whether it is the same person as another row.

        If rows are different people, both rows of each pair must have been decided; a row that is
        not to be sent stays so whatever was decided about the other.
        """
        if not self._decisions:
            return {}
        answered: dict[int, Resolution] = {}
        for draft, others in alike_rows(candidates, problems):
            own = draft.primary_id.casefold()
            decision = self._decisions.get(own)
            if decision is None:
                continue
            dismiss = decision.answer is Answer.REJECT
            if others <= decision.against if dismiss else self._apart(own, others):
                answered[draft.row] = decision
        return answered

    def _apart(self, own: str, others: Collection[str]) -> bool:
        ours = self._decisions.get(own)
        return ours is not None and all(
            other in ours.against
            and (theirs := self._decisions.get(other)) is not None
            and own in theirs.against
            for other in others
        )

    def apply(self, draft: DraftUser, found: MatchResult, planned: Planned) -> Planned:
        """Return the step as decided before, with warnings instead of the same questions."""
        decision = self._decisions.get(draft.primary_id.casefold())
        if decision is None or not isinstance(planned.step, Held):
            return planned
        problems = planned.step.problems
        asked = {problem.code for problem in problems}
        if asked - WHO - decision.doubts or in_question(problems) - decision.against:
            return planned
        if decision.answer is Answer.REJECT:
            warnings = tuple(replace(problem, severity=Severity.WARNING) for problem in problems)
            return Planned(Held(draft.row, (*warnings, dismissed(draft.origin, decision))))
        warnings = tuple(
            replace(
                problem,
                severity=Severity.WARNING,
                message=f"{problem.message}; {decision.sentence}",
            )
            for problem in problems
        )
        if decision.answer is Answer.CREATE:
            return planned if found.users else Planned(create(draft), warnings)
        live = next((u for u in _users(found) if _id(u) == decision.user), None)
        if live is None or current(live, "account_type") != draft.layout.account_type.value:
            return planned
        step = update(draft, live)
        return planned if taken_identifiers(draft, step, found) else Planned(step, warnings)


def dismissed(origin: Origin, decision: Resolution) -> Problem:
    """Return the problem of a row that a person decided not to send."""
    return Problem.of(
        Code.RESOLVED,
        origin,
        decision.sentence,
        advice="Nothing to do. To send it after all, run `importer resolve` again.",
        severity=Severity.REJECT,
    )


def in_question(problems: Iterable[Problem]) -> frozenset[str]:
    """Return the primary IDs, without case, of the users that a row may be."""
    return frozenset(p.value.casefold() for p in problems if p.code in WHO | DOUBTS and p.value)


def alike_rows(
    candidates: Candidates, problems: Iterable[Problem]
) -> Iterator[tuple[DraftUser, frozenset[str]]]:
    """Yield the rows that may be one person, each with the primary IDs of the others.

    All such rows of one name count as one group; a person may be asked once too often.
    """
    flagged = {p.origin.row for p in problems if p.code is Code.DUPLICATE_PERSON}
    groups: defaultdict[tuple[str, str], list[DraftUser]] = defaultdict(list)
    for draft in drafts(candidates, flagged) if flagged else ():
        first, last = draft.name
        groups[name_key(folded(first), folded(last))].append(draft)
    for group in groups.values():
        ids = {draft.primary_id.casefold() for draft in group}
        for draft in group:
            yield draft, frozenset(ids - {draft.primary_id.casefold()})


def _users(found: MatchResult) -> tuple[User, ...]:
    return (*found.possible_matches, *(matched.user for matched in found.users))


def _id(user: User) -> str:
    return current(user, "primary_id").casefold()
