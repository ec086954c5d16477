"""People in Alma who are missing from a roster, and those who are back.

Nobody outside the groups that the mapping names is touched, nothing is deleted, and who has expired
already has left before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from importer.alma.models import OBLIGATIONS
from importer.model.candidates import ROLE_END
from importer.model.people import Common, may_be_same
from importer.model.plan import (
    ChangeKind,
    Image,
    Imprints,
    Match,
    Planned,
    Unchanged,
    Update,
    UserMemory,
)
from importer.model.problem import Code, Problem
from importer.model.user import AccountType, User
from importer.planner.borrowing import end_patron_roles
from importer.planner.case import Case, nothing_earlier
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, entries, with_entries, with_fields
from importer.planner.patch import changed_fields, changed_lists, differences, undo_update
from importer.planner.person import (
    Born,
    Verdict,
    agrees,
    compare,
    judge,
    person_of_keys,
    person_of_row,
    person_of_user,
)
from importer.planner.update import update
from importer.planner.who import managed_elsewhere
from importer.users.cache import NearUser
from importer.users.matching import identifiers, user_keys


@dataclass(frozen=True, slots=True)
class ExpectedUsers:
    """The users whom a roster is expected to have; codes without case, no `owners` for any.

    Whoever is managed elsewhere by `match` is none of them.
    """

    match: Match
    account_type: AccountType
    groups: frozenset[str]
    owners: frozenset[str] = frozenset()

    def has(self, user: User) -> bool:
        """Return whether the user is one of them."""
        owner = current(user, "external_id").casefold()
        return (
            current(user, "account_type") == self.account_type
            and current(user, "user_group").casefold() in self.groups
            and (not self.owners or owner in self.owners)
            and not managed_elsewhere(user, self.match)
        )


class Leavers:
    """Users who were missing from rosters and are not back, with what was changed of them.

    `changed` is by the primary ID that they had then, without case.
    """

    def __init__(self, changed: Mapping[str, Image]) -> None:
        """Make them findable by everything by which they are still the same users."""
        self.changed = changed
        self._keys = {mark: key for key, image in changed.items() for mark in _marks(image.was)}
        self._keys |= {key: key for key in changed}

    def key_of(self, user: User) -> str:
        """Return the primary ID, without case, under which a user left; "" if the user did not.

        Staff may have given the user another one since, as with a new card.
        """
        marks = _marks(user) if self._keys else ()
        return next((self._keys[mark] for mark in marks if mark in self._keys), "")

    def forgotten(self, user: User, memory: UserMemory) -> UserMemory:
        """Return what loads left of a user, but of who left nothing of what the leaving changed."""
        if not (key := self.key_of(user)):
            return memory
        before, sent = self.changed[key].was, self.changed[key].sent
        paths = {*_changed(before, sent), *changed_lists(before, sent)}
        paths |= {ROLE_END} if "user_role" in paths else set()

        def rest(imprints: Imprints) -> Imprints:
            return {key: it for key, it in imprints.items() if it.where.path not in paths}

        own = memory.own if memory.own is None else rest(memory.own)
        return replace(memory, own=own, others=tuple(map(rest, memory.others)))

    def is_back(self, user: User, after: User) -> bool:
        """Return whether a user left and, as written now, has nothing of it left to take back.

        Somebody with the name and birth date of who left may have two records in Alma.
        """
        return self.has_left(user) and self._returned(user, after) is None

    def has_left(self, user: User) -> bool:
        """Return whether a user left, perhaps under a primary ID that staff replaced since.

        Somebody's other record has the same name and birth date, but nothing of what was changed.
        """
        key = self.key_of(user)
        same = key != "" and user.id_key == key
        return same or self._returned(user, user) is not None

    def _returned(self, user: User, record: User) -> User | None:
        """Return a record of a user without what the leaving changed, None if none of it is there.

        None, too, if the user did not leave.
        """
        key = self.key_of(user)
        undone = undo_update(0, self.changed[key], record)[0] if key else None
        return undone.after if isinstance(undone, Update) else None


def _marks(user: User) -> tuple[str, ...]:
    """Return all IDs of a user without case, the primary one first, then name and birth date."""
    person = user_keys(user)
    named = all(person.name) and person.born
    return (*identifiers(user), *((person.text,) if named else ()))


_FITS = {Born.CONTRADICTS: 0, Born.UNKNOWN: 1, Born.TYPO: 1, Born.AGREES: 2}


def counts_for(
    draft: DraftUser, near: Sequence[NearUser], match: Match, common: Common
) -> frozenset[str]:
    """Return who is still there because of a row, by primary ID without case.

    That is everybody who has one of its IDs or agrees with it. But where a user with an ID of the
    row is its person, whoever fits its birth date less well is somebody else.
    """
    row, users = person_of_row(draft), {user.primary_id.casefold(): user for user in near}
    people = {
        key: person_of_keys(user.keys) if user.record is None else person_of_user(user.record)
        for key, user in users.items()
    }
    rivals = {
        key: people[key]
        for key, user in users.items()
        if user.record is None or not managed_elsewhere(user.record, match)
    }
    holders, least = {key for key, user in users.items() if user.holds}, 0
    for key in holders:
        others = (person for other, person in rivals.items() if other != key)
        evidence, result = judge(row, people[key], others, common)
        if result is not Verdict.ANOTHER:
            least = max(least, _FITS[evidence.born])
    alike = {
        key
        for key, user in users.items()
        if _FITS[compare(row, people[key], common).born] >= least
        and (may_be_same(draft.person, user.keys) or agrees(row, people[key], common))
    }
    return frozenset(holders | alike)


def has_expired(user: User, today: date) -> bool:
    """Return whether the user has left before: the expiry date has passed."""
    return user.expiry_date is not None and user.expiry_date < today


def leave(case: Case, live: User) -> Planned:
    """Return the step that changes a user who is missing from the roster.

    The case's row has what the mapping sets then. An expiry date is only brought forward, and
    Patron roles are only shortened. What is set then is not remembered as a load.
    """
    draft = case.draft
    expires, wanted = current(live, "expiry_date"), draft.values.get("expiry_date", "")
    role_ends, scope = (draft.values.get(f"patron_role.{name}", "") for name in ("expiry", "scope"))
    values = {**draft.values, "patron_role.expiry": ""}
    sets = replace(draft, values=values)
    if expires and wanted > expires:
        sets = sets.without({"expiry_date"})
    unremembered = replace(case, draft=sets, earlier=nothing_earlier(case.earlier.today))
    planned = update(unremembered, live, rename=False)
    after = planned.user
    ended = end_patron_roles(after, role_ends, scope) if after is not None and role_ends else after
    if ended is None or ended is after:
        return planned
    override = planned.step.override if isinstance(planned.step, Update) else ()
    step = Update(
        draft.row, current(live, "primary_id"), live, ended, differences(live, ended), override
    )
    return replace(planned, step=step, user=ended)


def without_counts(user: User) -> User:
    """Return the user as Alma shows it without loans, requests and fees."""
    names = OBLIGATIONS.split(",")
    plain = user.model_copy(update=dict.fromkeys(names))
    plain.model_fields_set.difference_update(names)
    return plain


_WHO = ("first_name", "last_name", "birth_date")


def what_left(image: Image) -> Image:
    """Return what is remembered of a user who left: what the change was about, and who it was."""
    before, sent = image.was, image.sent
    lists = {"user_identifier", *changed_lists(before, sent)}
    lists -= {"user_note"}  # notes stay: they say what happened

    def part(user: User) -> User:
        fields = with_fields(User(), user, (*_WHO, *_changed(before, sent)))
        return with_entries(fields, {name: entries(user, name) for name in lists})

    return Image(part(before), part(sent), part(image.after))


def _changed(before: User, sent: User) -> set[str]:
    """Return the names of the fields outside lists that an update changes, with the roles."""
    roles = set() if before.user_role == sent.user_role else {"user_role"}
    return {*changed_fields(before, sent), *roles}


def come_back(case: Case, planned: Planned, leavers: Leavers) -> Planned:
    """Return the step for a row; if its person left before, that is taken back first.

    `planned` is the step without that. What someone changed in Alma since then stays.
    """
    step = planned.step
    if not isinstance(step, Update | Unchanged):
        return planned
    live = step.before if isinstance(step, Update) else planned.user
    assert live is not None  # noqa: S101  who does not change was found
    if not (key := leavers.key_of(live)):
        return planned
    undone, _ = undo_update(case.draft.row, leavers.changed[key], live)
    if not isinstance(undone, Update):
        return planned
    rename = isinstance(step, Update) and step.renames
    updated = update(case, undone.after, rename=rename)
    again = updated.step if isinstance(updated.step, Update) else undone
    if not (changes := differences(live, again.after)):
        return planned
    since = differences(undone.after, again.after)  # it may remove only what the leaving added
    returns = replace(
        again,
        primary_id=step.primary_id,
        before=live,
        changes=changes,
        override=tuple(dict.fromkeys((*undone.override, *again.override))),
        takes_back=all(change.kind is not ChangeKind.REMOVE for change in since),
    )
    sentence = "was missing from earlier rosters; what was changed for that is taken back"
    problem = Problem.of(Code.RETURNED, case.draft.origin, sentence, field="primary_id")
    of_edits = {Code.EDITED_IN_ALMA, Code.REPLACES_EDIT}  # of the record before the return
    others = (warning for warning in planned.warnings if warning.code not in of_edits)
    return replace(
        planned,
        step=returns,
        warnings=(*others, *updated.warnings, problem),
        imprints=updated.imprints,
        kept=updated.kept,
        user=again.after,
    )
