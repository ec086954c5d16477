"""What a person's answer about a row says: its step, when it counts, and what of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import replace
from datetime import datetime

from importer.model.answers import Resolution
from importer.model.fields import SECRETS
from importer.model.people import PersonKeys
from importer.model.plan import Planned
from importer.model.problem import Code, Problem
from importer.model.question import About, Answer
from importer.model.text import row_label
from importer.model.user import User
from importer.planner.case import Case
from importer.planner.decide import change_questions
from importer.planner.drafts import DraftUser
from importer.planner.entries import same_id
from importer.planner.update import change, create, taken_ids
from importer.planner.who import identify, managed_elsewhere
from importer.users.matching import user_keys


def follow(case: Case, answer: Answer, live: User | None) -> Planned | str:
    """Return the step that a person's answer asks for, or a sentence with why it cannot be sent.

    `live`: the user that the answer names, if any. An update leaves the user's primary ID, unless
    the mapping replaces it without a question.
    """
    is_taken = case.draft.primary_id.casefold() in taken_ids(case, live)
    match answer:
        case Answer.CREATE:
            return _create(case, is_taken=is_taken)
        case Answer.UPDATE | Answer.RENAME:
            return _update(case, answer, live, is_taken=is_taken)
        case Answer.ONLY | Answer.SEPARATE | Answer.LOAD | Answer.REJECT:  # of rows, not of a user
            raise ValueError(answer)


def _create(case: Case, *, is_taken: bool) -> Planned | str:
    if not case.match.creates:
        return "The mapping creates no users. Reject the row."
    if is_taken:
        return (
            f"Alma already has a user with the primary ID of row {row_label(case.draft.row)}. "
            "Choose “same person, update” with that user's ID, or correct the row."
        )
    return create(case)


def _update(case: Case, answer: Answer, live: User | None, *, is_taken: bool) -> Planned | str:
    if live is None:
        return "Alma has no user with this ID. Nothing was changed."
    if obstacle := _obstacle_to_update(case, live):
        return obstacle
    if answer is Answer.RENAME and is_taken:
        return (
            f"The primary ID of row {row_label(case.draft.row)} belongs to another user of Alma, "
            "so Alma would refuse the update. Nothing was changed. Correct the row or that user, "
            "or reject the row."
        )
    who = identify(case)
    unasked = who.renames and who.user is not None and same_id(who.user.primary_id, live.primary_id)
    rename = answer is Answer.RENAME or (unasked and not is_taken)
    return change(case, live, rename=rename)


def _obstacle_to_update(case: Case, live: User) -> str:
    """Return why a person's answer must not update this user; "" if it may.

    Alma makes an Internal user External, and never the other way around (contract 1.2).
    """
    if managed_elsewhere(live, case.match):
        return (
            "That user is managed by another institution or system, is a contact, or is deleted in "
            "Alma. Change it there, or reject the row."
        )
    if case.match.known != "update":
        return "The mapping does not change users whom Alma has. Reject the row."
    asked = change_questions(case, live, asked=False)
    stays = next((problem for problem in asked if problem.code is Code.ACCOUNT_TYPE_STAYS), None)
    return f"{stays.sentence(begin=True)}. {stays.advice}" if stays else ""


# an answer that is kept for later plans


def fitting(
    answers: Mapping[str, Resolution],
    draft: DraftUser,
    asked: Collection[Problem],
    users: Set[str],
) -> Resolution | None:
    """Return the answer to everything that is asked about a row, if there is one.

    `answers`: by primary ID, without case. `users`: the primary IDs, without case, of those who may
    be the row's person. An answer is used as long as no other user is in question than then, and
    nothing else is asked.
    """
    kept = _of_person(answers, draft)
    if kept is None:
        return None
    if not (asked and kept.against) and kept.cells == _cells_hash(draft):
        return kept
    new = _concerned(draft, asked) - kept.against
    others = {problem.value.casefold() for problem in asked if problem.asks(About.ANOTHER)}
    if kept.loads and kept.user not in users and draft.key in new & users - others:
        kept = replace(kept, answer=Answer.UPDATE, user=draft.primary_id)
        new -= {draft.key}  # the user was created or renamed since
    is_whole = all(
        problem.question is not None
        and (not problem.asks(About.CHANGE) or problem.code in kept.changes)
        for problem in asked
    )
    return kept if asked and is_whole and not new else None


def leaves_id(answers: Mapping[str, Resolution], draft: DraftUser, user: str) -> bool:
    """Return whether a person decided that a user's primary ID is right, and not the row's.

    `user`: that ID, without case.
    """
    kept = _of_person(answers, draft)
    return kept is not None and kept.leaves_id and kept.user == user


def _of_person(answers: Mapping[str, Resolution], draft: DraftUser) -> Resolution | None:
    """Return what was decided about a row's ID, if it was about the row's person, too."""
    kept = answers.get(draft.key)
    return kept if kept is not None and kept.person in {"", person_hash(draft)} else None


def is_about(resolution: Resolution, live: User) -> bool:
    """Return whether the user is still who it was: an ID may be somebody else's by now."""
    return resolution.theirs in {"", _user_hash(live)}


def resolution(
    draft: DraftUser,
    problems: Collection[Problem],
    answer: Answer,
    live: User | None,
    operator: str,
    time: datetime,
    *,
    typed: Answer,
) -> Resolution:
    """Return an answer to a row's problems as it is kept; `live`: the user whom it names.

    `typed`: what the person chose.
    """
    user = live.id_key if live is not None else ""
    of_user = (it for it in problems if it.asks(About.ID) and it.value.casefold() == user)
    return Resolution(
        draft.key,
        answer,
        typed,
        user,
        _concerned(draft, problems),
        operator,
        time,
        changes=changes_asked(problems),
        leaves_id=answer is Answer.UPDATE and any(of_user),
        person=person_hash(draft),
        theirs=_user_hash(live) if live is not None else "",
        cells=_cells_hash(draft) if answer is Answer.REJECT else "",
    )


def changes_asked(problems: Iterable[Problem]) -> frozenset[Code]:
    """Return for which changes of a user a person is asked."""
    return frozenset(problem.code for problem in problems if problem.asks(About.CHANGE))


def _concerned(draft: DraftUser, problems: Collection[Problem]) -> frozenset[str]:
    """Return the IDs, without case, that an answer to a row's problems is about.

    Beside the users in question: the row's own ID if its name is, and all of its IDs if staff gave
    the user another one, so that the next card is another question.
    """
    ids = {problem.question.user for problem in problems if problem.question is not None} - {""}
    if any(problem.asks(About.NAME) for problem in problems):
        ids.add(draft.key)
    if any(problem.code is Code.CARD_DIFFERS for problem in problems):
        ids |= draft.ids
    return frozenset(map(str.casefold, ids))


def person_hash(draft: DraftUser) -> str:
    """Return a hash of a row's ID with the person of the row, for an answer that is about both."""
    return _hash(draft.key, draft.person)


def _user_hash(live: User) -> str:
    return _hash(live.id_key, user_keys(live))


def _hash(key: str, person: PersonKeys) -> str:
    return hashlib.sha256(f"{key}\n{person.text}".encode()).hexdigest()


def _cells_hash(draft: DraftUser) -> str:
    """Return a hash of the cells that the mapping uses, without passwords and PINs."""
    targets = draft.layout.targets.items()
    used = sorted({at for label, target in targets if label not in SECRETS for at in target.reads})
    return hashlib.sha256("\n".join(draft.cells[at] for at in used).encode()).hexdigest()
