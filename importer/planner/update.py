"""The step that creates or updates a row's user, whoever that is, and what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from importer.model.candidates import ROLE_END
from importer.model.plan import Create, Planned, Step, Unchanged, Update
from importer.model.problem import Code, Problem
from importer.model.question import About, Answer
from importer.model.user import User
from importer.planner import sis_load
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, same_id
from importer.planner.imprints import NO_MEMORY, with_reply
from importer.planner.merge import Merged, merge, new_user, unless_by_day
from importer.planner.staff_edits import StaffEdit, compare_with_loads
from importer.users.matching import identifiers


def create(case: Case) -> Planned:
    """Return the step that creates the row's user, whatever Alma may have.

    Its roles are by Alma's own rules: what the row has is not sent, and is remembered so.
    """
    case = _without_taken(case, None)
    user = new_user(case.draft)
    nobody = compare_with_loads(case, User(), NO_MEMORY, rename=False)
    imprints = {**nobody.imprints}
    if ROLE_END in imprints:
        imprints[ROLE_END] = imprints[ROLE_END]._replace(rule="")
    if case.earlier.sis is not None:
        user = sis_load.external_part(user)
        imprints |= sis_load.not_given(case, imprints, user)
    return Planned(Create(case.draft.row, user), imprints=imprints)


def change(case: Case, live: User, *, rename: bool) -> Planned:
    """Return the step for a known user; what `match.retire` does is decided later, in `retire`."""
    if case.match.retire is not None:
        return Planned(Unchanged(case.draft.row, current(live, "primary_id")), user=live)
    return update(case, live, rename=rename)


def update(case: Case, live: User, *, rename: bool) -> Planned:
    """Return the step that updates a user with the row's values, whoever that user is.

    `rename`: the user also gets the row's primary ID, as with a new card. What staff edited in Alma
    since the last load stays, with a warning; an ID that both changed needs review, by a warning
    that holds. An ID that another user has is not written.
    """
    case = _without_taken(case, live)
    draft, earlier = case.draft, case.earlier
    memory, primary_id = earlier.of(draft, live), current(live, "primary_id")
    compared = compare_with_loads(case, live, memory, rename=rename)
    of_row = replace(case, draft=compared.draft)
    merged = merge(of_row, live, rename=compared.renames, lines=compared.lines)
    if earlier.sis is None:
        merged = unless_by_day(merged, compared.draft, compared.beside, live)
    else:
        merged, compared = sis_load.finish(case, live, memory, compared, merged)
    step: Step = Unchanged(draft.row, primary_id)
    imprints = compared.imprints
    if merged.changes:
        step = Update(
            draft.row,
            primary_id,
            live,
            merged.after,
            merged.changes,
            merged.override,
            first_load=memory.is_blank,
        )
    else:
        imprints = with_reply(imprints, live, live, earlier.hashed)
    warnings = (
        *(_edited(draft, edit) for edit in compared.edits if not edit.again),
        *(_card_differs(draft, edit, primary_id) for edit in compared.asks),
        *_purged_early(draft, merged),
    )
    stays = any(not edit.replaced for edit in compared.edits)
    return Planned(step, warnings, imprints, stays, merged.after)


def taken_ids(case: Case, live: User | None) -> frozenset[str]:
    """Return all IDs, without case, of the users with an ID of a row, but those of one of them."""
    mine = live.primary_id if live is not None else None
    users = (matched.user for matched in case.match_result.users)
    others = (user for user in users if not same_id(user.primary_id, mine))
    return frozenset(identifier for user in others for identifier in identifiers(user))


def _without_taken(case: Case, live: User | None) -> Case:
    """Return the case of a row for this user without the entries whose IDs other users have."""
    if not (taken := taken_ids(case, live)):
        return case
    labels = frozenset(
        label
        for item in case.draft.entries("user_identifier")
        if item.values["value"].casefold() in taken
        for label in item.entry.labels
    )
    return replace(case, draft=case.draft.without(labels))


def _purged_early(draft: DraftUser, merged: Merged) -> Iterator[Problem]:
    """Report an update after which Alma may purge a user early, unless the row has both dates."""
    ends = {name: current(merged.after, name) for name in ("purge_date", "expiry_date")}
    purges, expires = ends.values()
    of_row = all(draft.values.get(name) == day for name, day in ends.items())
    changes_end = any(change.path in ends for change in merged.changes)
    if "" != purges < expires and not of_row and changes_end:
        message = f"the purge date {{value}} would be before {expires}, the expiry date in Alma"
        yield draft.problem(Code.PURGE_BEFORE_EXPIRY, message, "purge_date", purges)


def _edited(draft: DraftUser, edit: StaffEdit) -> Problem:
    has = "Alma has {value}" if edit.shown else "Alma has no such value any more"
    when = f"edited there {_between(edit)}"
    if edit.replaced:
        asked = "the roster's value replaces it, as was asked for"
        why = asked if edit.asked else "the new value is sent"
        return draft.problem(Code.REPLACES_EDIT, f"{has}, {when}; {why}", edit.label, edit.shown)
    message = f"{has}, {when}; the roster's value is not sent"
    return draft.problem(Code.EDITED_IN_ALMA, message, edit.label, edit.shown)


def _card_differs(draft: DraftUser, edit: StaffEdit, primary_id: str) -> Problem:
    """Return the question which of two new IDs of a kind is right."""
    message = (
        f"the user {{value}} got another ID of this type in Alma {_between(edit)}, and the roster "
        "has a new one, too"
    )
    problem = draft.problem(Code.CARD_DIFFERS, message, edit.label, primary_id)
    return problem.asking(About.CHANGE, Answer.UPDATE)


def _between(edit: StaffEdit) -> str:
    if edit.since == edit.noticed:
        return f"after the load of {edit.since}"
    return f"between {edit.since} and {edit.noticed}"
