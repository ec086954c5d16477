"""The fate of each row before anything is sent, decided here and nowhere else.

Answers from earlier runs count: a question about a person is not asked twice. An answer is used as
long as no other user is in question than then, and nothing else is asked.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from importer.ledger.journal import RESOLVED_ADVICE
from importer.ledger.memory import Resolution
from importer.model.decisions import NAME, WHO, Answer, concerned
from importer.model.plan import Fate, Held, Match, Planned, Update
from importer.model.problem import Code, Origin, Problem, Severity
from importer.model.text import RowId, is_whole_roster, row_label
from importer.model.user import User
from importer.pipeline.inputs import CheckedRosters
from importer.planner.decide import create, obstacle_to_update, update
from importer.planner.drafts import DraftUser
from importer.planner.entries import same_id
from importer.planner.staff_edits import Earlier
from importer.users.matching import MatchResult, identifiers


@dataclass(frozen=True, slots=True)
class Answered:
    """An earlier answer to the question whether a row is the same person as another one.

    `sentence` says who answered what; `loads`: whether the row is loaded.
    """

    sentence: str
    loads: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """Each row's fate, in row order, and all problems with the severities that result.

    `missing`: by row, the problems that hold it only if Alma has no such user.
    """

    fates: Mapping[int, Fate]
    problems: tuple[Problem, ...]
    missing: Mapping[int, tuple[Problem, ...]] = field(default_factory=dict)

    def rows(self, *fates: Fate) -> frozenset[int]:
        """The rows with one of these fates."""
        return frozenset(row for row, fate in self.fates.items() if fate in fates)


def decide_fates(
    rows: Mapping[int, Fate],
    problems: Iterable[Problem],
    answers: Mapping[int, Answered] = MappingProxyType({}),
    only_new: Sequence[Collection[str]] = (),
) -> Decided:
    """Decide the fate of each row.

    `rows`: all rows of the run, in order; blank and skipped ones stay so, ready ones may change.
    `answers`: by row, an earlier answer to the question whether it is the same person as another
    row. `only_new`: by roster, the fields that only a new user needs, before users are looked up;
    none if they are not looked up.
    Problems stay in their order; a problem of a whole roster is kept once.

    1. A row that the `duplicates` rule does not keep is skipped; its other problems are warnings.
    2. A row with a rejecting problem is rejected, unless it lacks only what a new user needs. So it
       waits, before users are looked up, with a question about its name.
    3. A row with a problem that needs review is for review, unless the questions that hold it were
       answered before; a row that a person dismissed is rejected.
    """
    found: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.origin.row].append(problem)
    for row in filter(is_whole_roster, found):
        found[row] = list(dict.fromkeys(found[row]))
    fates, missing = dict(rows), {}
    for row, fate in rows.items():
        if fate is not Fate.READY or row not in found:
            continue
        own, answer = found[row], answers.get(row)
        if any(problem.code is Code.SKIPPED_DUPLICATE for problem in own):
            fates[row], found[row] = Fate.SKIPPED, [_as_warning(problem) for problem in own]
            continue
        lacking = []
        if only_new:
            needed = only_new[RowId.of(row).roster]
            lacking = [problem for problem in own if _depends_on_user(problem, needed)]
        decided = _answered([problem for problem in own if problem not in lacking], answer)
        if lacking and worst(decided) is Fate.READY:
            missing[row] = tuple(lacking)
        else:
            decided = _answered(own, answer)
        fates[row], found[row] = worst(decided), decided
    return Decided(fates, tuple(problem for own in found.values() for problem in own), missing)


_MISSING = frozenset({Code.MISSING_VALUE, Code.MISSING_EMPL_ID})


def _depends_on_user(problem: Problem, needed: Collection[str]) -> bool:
    """Return whether a problem holds its row only if Alma has no such user, or another name."""
    missing = problem.field in needed and problem.code in _MISSING
    return problem.severity.holds and (missing or problem.code in {Code.PURGE_PAST, *NAME})


def worst(problems: Iterable[Problem]) -> Fate:
    """Return the fate of a row by the gravest of its problems."""
    severities = {problem.severity for problem in problems}
    if Severity.REJECT in severities:
        return Fate.REJECTED
    return Fate.REVIEW if Severity.REVIEW in severities else Fate.READY


def _as_warning(problem: Problem, answer: str | None = None) -> Problem:
    """Return the problem as a warning that holds nothing back.

    `answer` is what a person decided about it, "" if another problem says that.
    """
    if not problem.severity.holds:
        return problem
    message = f"{problem.message}; {answer}" if answer else problem.message
    advice = problem.advice if answer is None else RESOLVED_ADVICE
    return replace(problem, severity=Severity.WARNING, message=message, advice=advice)


def _answered(problems: list[Problem], answer: Answered | None) -> list[Problem]:
    """Return the problems with the question about the same person answered, if it was."""
    if answer is None or worst(problems) is not Fate.REVIEW:
        return problems
    answered = [
        _as_warning(problem, answer.sentence if answer.loads else "")
        if problem.code is Code.DUPLICATE_PERSON and problem.severity is Severity.REVIEW
        else problem
        for problem in problems
    ]
    origin = problems[0].origin
    return answered if answer.loads else [*answered, _dismissed(origin, answer.sentence)]


def _dismissed(origin: Origin, sentence: str) -> Problem:
    """Return the problem of a row that a person decided not to send."""
    return Problem.of(
        Code.RESOLVED,
        origin,
        sentence,
        advice="Nothing to do. To send it after all, run `importer resolve` again.",
        severity=Severity.REJECT,
    )


OTHER_LEFT_OUT = "the other row of this person is not loaded"


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
            own, decision = draft.key, self.by_id.get(draft.key)
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

    def apply(
        self,
        draft: DraftUser,
        found: MatchResult,
        planned: Planned,
        match: Match,
        earlier: Earlier,
    ) -> Planned:
        """Return the step as decided before, with warnings instead of the same questions."""
        decision = self.by_id.get(draft.key)
        if decision is None or not isinstance(planned.step, Held):
            return planned
        problems = planned.step.problems
        asked = {problem.code for problem in problems}
        questioned = {*concerned(problems)}
        answer, user = decision.answer, decision.user
        if answer is Answer.CREATE and asked == {Code.IDENTIFIER_TAKEN}:
            answer, user = Answer.UPDATE, draft.primary_id  # was created since, without that ID
            questioned.discard(user.casefold())
        if decision.person not in {"", person_hash(draft)}:
            return planned
        if asked & NAME:
            questioned.add(draft.key)
        if asked - WHO - NAME - decision.doubts or questioned - decision.against:
            return planned
        if answer is Answer.REJECT:
            warnings = tuple(_as_warning(problem, "") for problem in problems)
            dismissed = Held(draft.row, (*warnings, _dismissed(draft.origin, decision.sentence)))
            return replace(planned, step=dismissed)
        live = next((u for u in found.every_user if same_id(u.primary_id, user)), None)
        made = answered_step(answer, draft, live, found, match, earlier)
        if not isinstance(made, Planned):
            return planned
        warnings = tuple(_as_warning(problem, decision.sentence) for problem in problems)
        return replace(made, warnings=(*warnings, *planned.warnings, *made.warnings))

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
            decision = self.by_id.get(draft.key)
            if (
                decision is not None
                and decision.answer is Answer.REJECT
                and renamed.get(draft.key) in decision.against
            ):
                kept.append(
                    Planned(Held(draft.row, (_dismissed(draft.origin, decision.sentence),)))
                )
            else:
                kept.append(one)
        return kept


def person_hash(draft: DraftUser) -> str:
    """Return a hash of a row's ID with the person of the row, for an answer that is about both."""
    known = (draft.key, *draft.person.name, draft.person.born)
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def answered_step(
    answer: Answer,
    draft: DraftUser,
    live: User | None,
    found: MatchResult,
    match: Match,
    earlier: Earlier,
) -> Planned | str:
    """Return the step that an answer asks for, or a sentence with why it cannot be sent.

    `live`: the user that the answer names, if any. `found`: who has the row's IDs in Alma.
    """
    name = row_label(draft.row)
    mine = live.primary_id if live is not None else None
    others = [one.user for one in found.users if not same_id(one.user.primary_id, mine)]
    taken = {identifier for user in others for identifier in identifiers(user)}
    is_taken = draft.primary_id.casefold() in taken
    own = draft.without(_labels_of(draft, taken))
    if answer is Answer.CREATE:
        if not is_taken:
            return create(own, earlier)
        return (
            f"Alma already has a user with the primary ID of row {name}. Use --as update with that "
            "user's ID, or correct the row."
        )
    if live is None:
        return "Alma has no user with this ID. Nothing was changed."
    if obstacle := obstacle_to_update(draft, live, match):
        return obstacle
    if answer is Answer.RENAME and is_taken:
        return (
            f"The primary ID of row {name} belongs to another user of Alma, so Alma would refuse "
            "the update. Nothing was changed. Correct the row or that user, or reject the row."
        )
    rename = answer is Answer.RENAME or (match.id_change == "rename" and not is_taken)
    planned = update(own, live, match, earlier, rename=rename)
    answered = tuple(one for one in planned.warnings if not one.severity.holds)
    return replace(planned, warnings=answered)


def _labels_of(draft: DraftUser, ids: Collection[str]) -> frozenset[str]:
    """Return the columns of the row's entries with one of these IDs, which are without case."""
    return frozenset(
        label
        for item in draft.entries("user_identifier")
        if item.values["value"].casefold() in ids
        for label in item.entry.labels
    )


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
    for draft in rosters.drafts(about) if about else ():
        keys = {draft.person.name, (draft.key,), (about[draft.row],)} - {("",)}
        found.append((draft, keys))
        for key in keys:
            groups[key].add(draft.key)
    for draft, keys in found:
        yield draft, frozenset().union(*(groups[key] for key in keys)) - {draft.key}
