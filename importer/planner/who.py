"""Whom a row is about: the user that its ID finds, another user, or a new person.

P is the user whom the IDs of `match.by` find, Q a user with another ID of the row, S one found by
person only. Which of them the row is about, and what a person is asked where that is open, is one
table: `identify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from importer.advice import Where, by_hand
from importer.model.people import Common, in_words
from importer.model.plan import Held, Match, Step, Unchanged, Update
from importer.model.problem import Code, Origin, Problem, Severity
from importer.model.question import OF_ROWS, About, Answer
from importer.model.text import row_label
from importer.model.user import DELETED, User
from importer.planner.borrowing import other_roles
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.person import (
    Born,
    Evidence,
    Names,
    Verdict,
    is_doubtful,
    judge,
    person_of_row,
    person_of_user,
)
from importer.users.matching import MatchedUser, MatchResult, user_keys


@dataclass(frozen=True, slots=True)
class Judged:
    """A user with an ID of the row, and who that user is to the row."""

    matched: MatchedUser
    evidence: Evidence
    verdict: Verdict

    @property
    def user(self) -> User:
        """The user's record."""
        return self.matched.user

    @property
    def is_same(self) -> bool:
        """Whether the user is the row's person, perhaps under another name."""
        return self.verdict is not Verdict.ANOTHER


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a row is about.

    `user`: None for a new person, or while it is open. `questions`: what a person must answer
    first. `warnings`: what is worth a look. `renames`: the user gets the row's primary ID by the
    mapping, which is not asked.
    """

    user: User | None = None
    questions: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    renames: bool = False


def _judged_users(case: Case) -> tuple[list[Judged], list[Judged]]:
    """Return the `holders` of a row's IDs, and the users with another ID of the row.

    An update is undone if it was of somebody else, and warns of what differs. To be listed for
    Alma's own jobs or deleted is final, so any doubt makes a user another person then.
    """
    match, row = case.match, person_of_row(case.draft)
    is_final = match.retire is not None and match.retire.do != "expire"
    people = {
        current(user, "primary_id"): person_of_user(user)
        for user in case.match_result.every_user
        if not managed_elsewhere(user, match)
    }

    def judged(matched: MatchedUser) -> Judged:
        theirs = current(matched.user, "primary_id")
        others = (person for key, person in people.items() if key != theirs)
        evidence, result = judge(row, person_of_user(matched.user), others, case.common)
        if result is Verdict.ANOTHER and match.another_person == "update":
            result = Verdict.NEW_NAME
        if is_final and is_doubtful(evidence):
            result = Verdict.ANOTHER
        return Judged(matched, evidence, result)

    by_match = holders(case)
    by_others = (matched for matched in case.match_result.users if matched not in by_match)
    return [*map(judged, by_match)], [*map(judged, by_others)]


def holders(case: Case) -> list[MatchedUser]:
    """Return the users whom the IDs of `match.by` find or, if none do, the row's primary ID."""
    users, keys = case.match_result.users, ({*case.match.by}, {"primary_id"})
    by_key = ([matched for matched in users if {*matched.by} & wanted] for wanted in keys)
    return next(filter(None, by_key), [])


def is_another(draft: DraftUser, user: User, common: Common) -> bool:
    """Return whether a user is another person than the row, by what both have."""
    _, result = judge(person_of_row(draft), person_of_user(user), (), common)
    return result is Verdict.ANOTHER


def needs_people(draft: DraftUser, match_result: MatchResult, common: Common) -> bool:
    """Return whether people of the row's name must be looked for although users have its IDs.

    One of them may be the row's person, if the user with the ID is not clearly that person.
    """
    row = person_of_row(draft)
    people = (person_of_user(matched.user) for matched in match_result.users)
    every = (judge(row, person, (), common) for person in people)
    clear = {Names.BOTH, Names.UNKNOWN}
    return any(
        evidence.names not in clear or result is Verdict.ANOTHER for evidence, result in every
    )


def managed_elsewhere(user: User, match: Match) -> str:
    """Return why a user is not ours to change, as `is a contact, not a patron`; "" if it is ours.

    Others are shown, and never matched, updated, renamed or expired: a linked copy, a user of an
    external system in `match.managed_elsewhere`, a contact, or one that Alma has deleted.
    """
    owner = current(user, "external_id")
    if current(user, "status").upper() == DELETED:
        return "is deleted in Alma"
    if home := user.source_institution_code or user.source_link_id:
        return f"is a copy of a user of another institution ({home})"
    if current(user, "record_type").upper() == "CONTACT":
        return "is a contact, not a patron"
    managed = owner.casefold() in map(str.casefold, match.managed_elsewhere)
    return f"is managed by {owner}" if managed else ""


def identify(case: Case) -> Who:
    """Return whom a row is about, or the questions that are open: the first line that fits."""
    draft, match = case.draft, case.match
    by_match, others = _judged_users(case)
    every = (*by_match, *others)
    if elsewhere := [judged for judged in every if managed_elsewhere(judged.user, match)]:
        return Who(questions=tuple(_elsewhere(draft, judged, match) for judged in elsewhere))
    some_same = any(judged.is_same for judged in by_match)
    holder = next((judged for judged in by_match if "primary_id" in judged.matched.by), None)
    if holder is not None and not some_same:  # nobody new can get that ID
        others, by_match = [judged for judged in every if judged is not holder], [holder]
    if len(by_match) > 1:  # somebody who is another person is offered only if nobody else can be
        new = match.creates or some_same
        another = Code.IDENTIFIER_OF_ANOTHER_PERSON if new else Code.ANOTHER_PERSON
        of_same = (Code.MATCHES_TWO_USERS, About.USER, Answer.UPDATE)
        of_another = (another, About.ANOTHER, Answer.CREATE if new else Answer.UPDATE)
        several = {True: of_same, False: of_another}
        return Who(questions=tuple(_of(draft, it, *several[it.is_same]) for it in by_match))
    return _with_p(case, by_match[0], others) if by_match else _without_p(case, others)


def _with_p(case: Case, p: Judged, others: Sequence[Judged]) -> Who:
    draft, theirs = case.draft, current(p.user, "primary_id")
    rename = not same_id(draft.primary_id or theirs, theirs)
    asks = rename and (case.match.id_change == "review" or _keeps_id(case, p.user))
    same = [q for q in others if q.is_same]
    questions: tuple[Problem, ...] = ()
    if not p.is_same:
        # the row's primary ID is another user's: nobody else can get it
        by_id = (Code.KNOWN_BY_ANOTHER_ID, About.ID, Answer.UPDATE)
        alike = [_of(draft, q, *by_id) for q in same] or _possible_matches(case, Answer.UPDATE)
        another = _of(draft, p, Code.ANOTHER_PERSON, About.ANOTHER, Answer.UPDATE)
        questions = (another, *alike)
    elif others:
        questions = (_of_two(draft, p, (*same, *others)[0]),)
    elif asks:
        message = "the user's primary identifier in Alma is {value}"
        differs = draft.problem(Code.PRIMARY_ID_DIFFERS, message, "primary_id", theirs)
        questions = (differs.asking(About.ID, Answer.RENAME, Answer.UPDATE),)
    differences = tuple(_differences(draft, p)) if p.is_same else ()
    return Who(p.user, questions, differences, rename and not asks)


def _keeps_id(case: Case, user: User) -> bool:
    """Return whether a primary ID is replaced only by an answer.

    The row has an ID that Alma has as inactive, or the primary ID that the user had before, or the
    user has staff roles, or a person decided before that Alma's ID is right.
    """
    ours = case.draft.ids
    inactive = any(
        (identifier.value or "").casefold() in ours and identifier.status == "INACTIVE"
        for identifier in user.user_identifier or ()
    )
    return inactive or bool(other_roles(user)) or case.earlier.of(case.draft, user).keeps_id


def _without_p(case: Case, others: Sequence[Judged]) -> Who:
    draft, match = case.draft, case.match
    same = [q for q in others if q.is_same]
    theirs = (Code.IDENTIFIER_OF_ANOTHER_PERSON, About.ANOTHER, Answer.CREATE)
    taken = tuple(_of(draft, q, *theirs) for q in others if not q.is_same)
    if same:
        q, alone = same[0], len(others) == 1
        sure = q.evidence.names is Names.BOTH and q.evidence.born is Born.AGREES
        renames = match.id_change == "rename" and sure and alone
        if renames and not _keeps_id(case, q.user):
            return Who(q.user, (), tuple(_differences(draft, q)), renames=True)
        by_id = (Code.KNOWN_BY_ANOTHER_ID, About.ID, Answer.RENAME, Answer.UPDATE)
        return Who(questions=(*(_of(draft, q, *by_id) for q in same), *taken))
    if not match.creates:  # a new person, whoever is like the row's
        return Who()
    alike = tuple(_possible_matches(case, Answer.RENAME, Answer.UPDATE, Answer.CREATE))
    if taken:
        return Who(questions=(*taken, *alike))
    if match.possible_match == "review":  # it counts only here, where the row would be created
        return Who(questions=alike)
    shown = alike if match.possible_match == "warn" else ()
    looks = (
        replace(problem, severity=Severity.WARNING, advice=by_hand(_LOOK_AT_USER, Where.ALMA))
        for problem in shown
    )
    return Who(warnings=tuple(looks))


# what is said


def _of(draft: DraftUser, judged: Judged, code: Code, about: About, *answers: Answer) -> Problem:
    """Return a question about a user with an ID of the row, and how the two compare."""
    key, theirs = judged.matched.by[0], current(judged.user, "primary_id")
    name = "primary ID" if key == "primary_id" else key
    message = f"this {name} belongs to {_compared(judged)}"
    problem = draft.problem(code, message, draft.label_of(key), theirs)
    return problem.asking(about, *answers)


def _of_two(draft: DraftUser, p: Judged, other: Judged) -> Problem:
    """Return a question about the row's user, at the column of an ID that is another user's."""
    by, theirs = other.matched.by, current(p.user, "primary_id")
    code, who = Code.IDENTIFIER_TAKEN, "another person in Alma"
    if other.is_same:
        code, who = Code.TWO_USERS_ONE_PERSON, "another user who seems to be the same person"
    message = f"the row's user is {_compared(p)}; its {' and '.join(by)} belongs to {who}"
    problem = draft.problem(code, message, draft.label_of(by[0]), theirs)
    return problem.asking(About.USER, Answer.UPDATE)


_NAMES = {
    Names.BOTH: "the name agrees",
    Names.FIRST: "only the first name agrees",
    Names.LAST: "only the last name agrees",
    Names.NEITHER: "neither name agrees",
    Names.UNKNOWN: "no name can be compared",
}
_BORN = {
    Born.AGREES: "the birth date agrees",
    Born.TYPO: "the birth date differs a little",
    Born.CONTRADICTS: "the birth date differs",
    Born.UNKNOWN: "there is no birth date to compare",
}


def _compared(judged: Judged) -> str:
    kind = current(judged.user, "account_type").capitalize()
    return f"the Alma user {{value}}{kind and f' ({kind})'}; {agreement(judged.evidence)}"


def agreement(evidence: Evidence) -> str:
    """Describe how two people compare."""
    suffix = ", the suffix differs" if evidence.other_suffix else ""
    contact = f"{suffix}, an email or phone agrees" if evidence.contact else suffix
    return f"{_NAMES[evidence.names]}, {_BORN[evidence.born]}{contact}"


def _elsewhere(draft: DraftUser, judged: Judged, match: Match) -> Problem:
    why = managed_elsewhere(judged.user, match)
    label = draft.label_of(judged.matched.by[0])
    theirs = current(judged.user, "primary_id")
    message = f"the Alma user {{value}} {why}"
    return draft.problem(Code.MANAGED_ELSEWHERE, message, label, theirs).asking(About.ANOTHER)


def _differences(draft: DraftUser, judged: Judged) -> Iterator[Problem]:
    """Yield what a person should look at in a user who is updated."""
    if judged.verdict is Verdict.NEW_NAME or judged.evidence.other_suffix:
        parts = ("first_name", "last_name", "pref_name_suffix")
        names = (current(judged.user, part) for part in parts)
        message = "the user with this ID is {value} in Alma"
        yield draft.problem(Code.ANOTHER_NAME, message, "last_name", " ".join(filter(None, names)))
    if judged.evidence.born in {Born.TYPO, Born.CONTRADICTS}:
        message = "the user with this ID was born on {value} in Alma"
        born = current(judged.user, "birth_date")
        yield draft.problem(Code.ANOTHER_BIRTH_DATE, message, "birth_date", born)


def _possible_matches(case: Case, *answers: Answer) -> Iterator[Problem]:
    """Report possible matches by primary ID, which the person who resolves it needs."""
    draft = case.draft
    for user in case.match_result.possible_matches:
        if managed_elsewhere(user, case.match):
            continue
        ours, theirs = draft.person, user_keys(user)
        shared = ours.shared(theirs)
        like = f"a similar name and the same {in_words(shared)}"
        like = in_words(shared, "this name") if ours.name == theirs.name else like
        message = f"Alma has a user with {like}: {{value}}"
        primary_id = current(user, "primary_id")
        problem = draft.problem(Code.POSSIBLE_MATCH_IN_ALMA, message, "primary_id", primary_id)
        yield problem.asking(About.ID, *answers)


_LOOK_AT_USER = (
    "Look at this user in Alma. If it is the same person, correct the ID in the row or delete the "
    "row, and plan again."
)


# two rows about one user


def review_collisions(steps: Sequence[Step], origin: Callable[[int], Origin]) -> list[Step]:
    """Return the steps in their order; rows that are about the same user need review instead.

    The second would undo what the first did, and no rule can know which of them is right.
    """
    rows: dict[str, list[int]] = {}
    for step in steps:
        if isinstance(step, Update | Unchanged):
            rows.setdefault(step.primary_id.casefold(), []).append(step.row)
    return [review_collision(step, rows, origin) for step in steps]


def review_collision(
    step: Step, rows: Mapping[str, Iterable[int]], origin: Callable[[int], Origin]
) -> Step:
    """Return the step, or that its row needs review beside other rows of its user.

    `rows` are by primary ID without case.
    """
    user = step.primary_id if isinstance(step, Update | Unchanged) else ""
    others = sorted({*rows.get(user.casefold(), ())} - {step.row})
    if not others:
        return step
    problem = Problem.of(
        Code.DUPLICATE_PERSON,
        origin(step.row),
        f"matches the Alma user {{value}}, as row {', '.join(map(row_label, others))} does",
        field="primary_id",
        value=user,
        advice="Decide which row is right. Resolve the others as not to be loaded.",
    )
    return Held(step.row, (problem.asking(About.ROWS, *OF_ROWS),))
