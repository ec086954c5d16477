"""What staff changed in Alma since the last load stays, unless the roster has a new value.

An unchanged roster says nothing about what a colleague decided since. `_RULINGS` is the table of
what is done with a value of a row that Alma has otherwise than the last load left it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from importer.model.candidates import ENDS, ROLE_END
from importer.model.fields import IDS
from importer.model.plan import Imprint, Imprints, UserMemory
from importer.model.user import RecordPart, User
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.entries import main_value
from importer.planner.imprints import (
    PRIMARY_ID,
    ImprintedUser,
    Value,
    imprint_of,
    last_values,
    parts_of,
    shown,
    texts,
    values_of,
)
from importer.planner.written import Lines

REPEATED = timedelta(days=120)
"""An edit is reported again after this time."""

_A_MONTH = timedelta(days=28)
"""A date that moves with the day of the load by less than this is no reason for an update."""


class Reason(StrEnum):
    """Why a row's value differs from that of the last load."""

    SAME = "same"
    NEW = "new"  # the roster has something else
    RULE = "rule"  # the mapping has
    DAY = "day"  # neither: it depends on the day of the load


class Ruling(StrEnum):
    """What to do with a value."""

    WRITE = "write"
    WRITE_BESIDE = "write beside other changes"
    REPLACE_EDIT = "replace an edit"
    KEEP = "keep Alma's value"
    KEEP_EDIT = "keep an edit"
    ASK = "ask"


_RULINGS: Mapping[tuple[Reason, bool], Ruling] = {
    (Reason.SAME, False): Ruling.KEEP,  # Alma took something else
    (Reason.SAME, True): Ruling.KEEP_EDIT,
    (Reason.NEW, False): Ruling.WRITE,
    (Reason.NEW, True): Ruling.REPLACE_EDIT,
    (Reason.RULE, False): Ruling.WRITE,
    (Reason.RULE, True): Ruling.KEEP_EDIT,
    (Reason.DAY, False): Ruling.WRITE_BESIDE,
    (Reason.DAY, True): Ruling.KEEP_EDIT,
}

_EDITED = frozenset({Ruling.KEEP_EDIT, Ruling.ASK, Ruling.REPLACE_EDIT})
"""Rulings about a value that staff changed."""


@dataclass(frozen=True, slots=True)
class StaffEdit:
    """A value that staff changed in Alma.

    `shown`: Alma's value now, "" if there is none. `since`, `noticed`: the loads between which it
    happened, as ISO days. `replaced`: the row's value is sent all the same. `again`: it was
    reported before, not long ago. `asked`: it is replaced only because the plan was asked to.
    """

    label: str
    shown: str
    since: str
    noticed: str
    replaced: bool = False
    again: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row after its values were compared with what earlier loads left.

    `draft`: without the values that stay as Alma has them. `beside`: labels of those that are
    written only beside other changes. `asks`: edits of IDs that a person must decide about.
    `lines`: which of Alma's entries belong to the row's.
    `imprints`: what to remember when the row was applied; `reply` is "" where that is what Alma
    answers then. `renames`: whether the user gets the row's primary ID.
    """

    draft: DraftUser
    beside: frozenset[str]
    edits: tuple[StaffEdit, ...]
    asks: tuple[StaffEdit, ...]
    imprints: Imprints
    renames: bool
    lines: Lines


def compare_with_loads(case: Case, live: User, memory: UserMemory, *, rename: bool) -> ComparedRow:
    """Compare a row's values with what earlier loads of its user left in Alma.

    `rename`: the mapping gives the user the row's primary ID, if it is another one. What the
    mapping writes in any case (`override`, `replace_all`) is not compared.
    """
    draft, earlier, today = case.draft, case.earlier, case.earlier.today
    user = ImprintedUser(live, memory, earlier.hashed)
    row = tuple(values_of(draft, live, earlier.hashed, rename=rename))
    lasts = last_values(draft, row, memory)
    lines = _lines(row, lasts, user)
    keys, claimed = {value.key for value in row}, {key for key, _ in lasts.values()}
    stay, beside, reported = set[str](), set[str](), set[str]()
    edits, asks = list[StaffEdit](), list[StaffEdit]()
    imprints: dict[str, Imprint] = {}
    for value in row:
        key, last = lasts.get(value.key, ("", None))
        if last is not None and key not in keys:  # a blank line's entry: it gets this line's
            of_line = None if value.key in claimed else (memory.own or {}).get(value.key)
            imprints[key] = of_line or last._replace(made="")
        last = last or _never_given(value, user)
        ruling, imprint = _ruling(value, last, user, lines, today), imprint_of(value, today)
        if last is not None and ruling in _EDITED:
            asked = ruling is not Ruling.REPLACE_EDIT and value.where.path in earlier.overwrites
            ruling = Ruling.REPLACE_EDIT if asked else ruling
            edit = _edit(value, last, _shown(value, live, lines), today, ruling, asked=asked)
            if ruling is Ruling.ASK:
                asks.append(edit)
            elif not (value.where.flag and edit.label in reported):  # of an entry that is reported
                edits.append(edit)
            reported.update(value.labels)
            if ruling is Ruling.KEEP_EDIT:  # what stays, stays edited
                imprint = imprint._replace(reply=last.reply, since=last.since, noticed=edit.noticed)
        elif last is not None and ruling is Ruling.KEEP:  # not sent, so there is no newer reply
            imprint = imprint._replace(reply=last.reply)
        imprints[value.key] = imprint
        if ruling in {Ruling.KEEP, Ruling.KEEP_EDIT}:
            stay.update(value.labels)
        elif ruling is Ruling.WRITE_BESIDE:
            beside.update(value.labels)
    renames = rename and PRIMARY_ID not in stay
    written = draft.without(stay - {PRIMARY_ID})
    return ComparedRow(
        written, frozenset(beside), tuple(edits), tuple(asks), imprints, renames, lines
    )


def _lines(
    row: Collection[Value], lasts: Mapping[str, tuple[str, Imprint]], user: ImprintedUser
) -> Lines:
    """Return the entries that loads left for the lines of a row. What is not ours stays.

    If staff edited it, it is the only entry of its types that neither a load left nor the row has.
    Empty if no load of the user is remembered: then a line replaces an entry of its type.
    """
    lines: dict[str, RecordPart | None] = {}
    of_row = [] if user.memory.is_blank else [value for value in row if value.is_entry]
    ours = [(value.where, value.made) for value in of_row]
    for imprints in user.memory.newest_first:
        ours += [(last.where, last.reply) for last in imprints.values() if not last.where.flag]

    def is_ours(path: str, part: RecordPart) -> bool:
        return any(where.path == path and text == user.hash_of(where, part) for where, text in ours)

    for value in of_row:
        if value.made in user.has(value.where):
            continue
        lines[value.labels[0]] = None
        if value.key in lasts:
            _, last = lasts[value.key]
            taken = [id(part) for part in lines.values()]
            parts = {
                user.hash_of(last.where, part): part
                for part in parts_of(last.where, user.live)
                if id(part) not in taken
            }
            edited = [part for part in parts.values() if not is_ours(value.where.path, part)]
            if last.reply in parts or (last.reply and len(edited) == 1):
                lines[value.labels[0]] = parts.get(last.reply) or edited[0]
    return lines


def _never_given(value: Value, user: ImprintedUser) -> Imprint | None:
    """Return what loads left of a value that they never had: a blank, which is no news.

    So whatever Alma has there is not ours. None where Alma has nothing, or the mark at an entry of
    ours; for an entry that is only added, and in lists also if this roster never loaded the user;
    if none did. Whose primary ID is right is asked elsewhere.
    """
    where, is_added = value.where, value.is_entry and value.where.path != IDS
    newest = next(iter(user.memory.newest_first), None)
    imprints = user.memory.own if where.names else newest
    if imprints is None or is_added or where.path == PRIMARY_ID:
        return None
    if not any(texts(where, user.live)):
        return None
    if where.flag and any(
        imprint.where.path == where.path and user.hash_of(imprint.where, part) == imprint.reply
        for imprint in imprints.values()
        for part in parts_of(where, user.live)
    ):
        return None
    since = max((imprint.since for imprint in imprints.values()), default="")
    return Imprint(where, "", value.rule, "", user.hashed(""), since)


def _ruling(
    value: Value, last: Imprint | None, user: ImprintedUser, lines: Lines, today: date
) -> Ruling:
    """Return what to do with a value of the row, of which `last` was left.

    Edited is what is neither as Alma answered nor as another roster of ours wrote it.
    """
    where, now = value.where, user.has(value.where)
    if last is None or value.settled or value.made in now:
        return Ruling.WRITE
    edited = not user.is_as_left(last, lines.get(value.labels[0]))
    reason = _reason(value, last, user.memory)
    if where.path == ROLE_END and not last.rule and not edited:  # of a create, so not sent
        return Ruling.WRITE
    alma = shown(where, user.live) if value.day else ""
    is_id = where.path == PRIMARY_ID or (where.path == IDS and bool(now))  # not a deleted one
    ruling = _RULINGS[reason, edited]
    match reason, edited:
        case Reason.DAY, True if value.day and "" != alma < today.isoformat():
            ruling = Ruling.WRITE  # it has passed
        case Reason.DAY, False if alma > value.day and user.is_of_another(where):
            ruling = Ruling.KEEP  # of two rosters that count from the day, the later end counts
        case Reason.DAY, False if value.day and _moves(alma, value.day):
            ruling = Ruling.WRITE
        case Reason.NEW, True if where.flag or is_id:
            ruling = Ruling.KEEP_EDIT if where.flag else Ruling.ASK
        case Reason.RULE, True if where.path in {*ENDS, ROLE_END} and "" != alma < value.day:
            ruling = Ruling.REPLACE_EDIT  # of two ends the later one counts, and none is the latest
    return ruling


def _reason(value: Value, last: Imprint, memory: UserMemory) -> Reason:
    """Return why a value differs from the last one, which may be another roster's."""
    own = memory.own
    ours, rule = own is not None and last in own.values(), value.rule != last.rule
    if value.made != last.made:
        if last.made and (own is None or (ours and rule)):
            return Reason.RULE
        return Reason.NEW if not ours or value.cells != last.cells else Reason.DAY
    if ours and last.where.types != value.where.types:  # the row's types are new
        return Reason.RULE if rule else Reason.NEW
    return Reason.SAME


def _moves(one: str, other: str) -> bool:
    """Return whether two ISO days are a month or more apart, or one of them is blank."""
    if not one or not other:
        return True
    return abs(date.fromisoformat(one) - date.fromisoformat(other)) >= _A_MONTH


def _shown(value: Value, live: User, lines: Lines) -> str:
    """Return what Alma has in place of a row's value, for a person; "" if nothing."""
    if not value.where.names or value.where.flag:
        return shown(value.where, live)
    part = lines.get(value.labels[0])
    return main_value(value.where.path, part) if part is not None else ""


def _edit(
    value: Value, last: Imprint, alma: str, today: date, ruling: Ruling, *, asked: bool
) -> StaffEdit:
    again = bool(last.noticed) and today - date.fromisoformat(last.noticed) < REPEATED
    noticed = last.noticed if again else today.isoformat()
    replaced = ruling is Ruling.REPLACE_EDIT
    again = again and not replaced
    return StaffEdit(value.labels[0], alma, last.since, noticed, replaced, again, asked)
