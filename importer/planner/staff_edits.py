"""What staff changed in Alma since the last load stays, unless the roster has a new value.

An unchanged roster says nothing about what a colleague decided since. So for every value that a
load wrote, keyed hashes are remembered: of the cells that it came from, of its rule, of the value,
and of what Alma answered. `_RULINGS` is the table of what is done then with a value of a row.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from importer.model.candidates import ENDS, ROLE_END
from importer.model.fields import IDS, TYPE_FIELD, OnUpdate, Shape
from importer.model.plan import Imprint, Imprints, SisRules, UserMemory, Where
from importer.model.user import Part, User
from importer.planner.borrowing import role_days
from importer.planner.drafts import DraftEntry, DraftUser
from importer.planner.entries import FLAGS, current, entries, main_value, normal, types
from importer.planner.written import (
    SET_APART,
    SET_ELSEWHERE,
    account_of,
    is_removed,
    matches,
    new_entry,
    resolve_value,
)

Keyed: TypeAlias = Callable[[str], str]
"""Hashes a text with a secret key, so that nobody can find it by trying values."""

PRIMARY_ID = "primary_id"


def keyed(key: bytes) -> Keyed:
    """Return the function that hashes with this key; 16 hexadecimal digits."""

    def hashed(text: str) -> str:
        return hashlib.blake2b(text.encode(), key=key, digest_size=8).hexdigest()

    return hashed


def texts(where: Where, user: User, entry: Part | None = None) -> list[str]:
    """Return what a user has in a place, one text for each entry; equal texts mean the same.

    `entry`: the one that is asked about, None for all of them.
    """
    if where.path == ROLE_END:
        return role_days(user)
    if not where.names:
        return [normal(where.path, current(user, where.path))]
    parts = (part for part in _parts(where, user) if entry is None or part is entry)
    return [_part_text(where, part) for part in parts]


def _part_text(where: Where, part: Part) -> str:
    return entry_text(where, {name: current(part, name) for name in where.names})


def marked(parent: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields by which a marked entry is known, from those that are compared.

    Its type is one of them: two entries may have the same address.
    """
    return tuple(dict.fromkeys((*names, TYPE_FIELD[parent])))


def entry_text(where: Where, values: Mapping[str, str]) -> str:
    """Return the text of an entry of which these values are compared."""
    return "\x1f".join(normal(name, values.get(name, "")) for name in where.names)


def _parts(where: Where, user: User) -> list[Part]:
    """Return the entries of a user's list with the flag, or with the types."""
    sought = {*where.types}
    return [
        part
        for part in entries(user, where.path)
        if (getattr(part, where.flag) if where.flag else sought <= {*types(where.path, part)})
    ]


def shown(where: Where, user: User) -> str:
    """Return what a user has in a place, for a person; "" if nothing."""
    if where.path == ROLE_END:
        return max(role_days(user), default="")
    if not where.names:
        return current(user, where.path)
    return next((main_value(where.path, part) for part in _parts(where, user)), "")


def with_reply(
    imprints: Imprints, before: User | None, after: User, hashed: Keyed
) -> dict[str, Imprint]:
    """Return what is remembered of an applied row: its user before, None if new, and after it.

    Where Alma wrote a value in its own way, that is its reply. An entry that was there before is
    none.
    """
    every = {imprint.made for imprint in imprints.values()}

    def reply(where: Where, made: str) -> str:
        now = [hashed(text) for text in texts(where, after)]
        if made in now:
            return made
        was = texts(where, before) if where.names and before is not None else ()
        others = {*every, *map(hashed, was)}
        return next((text for text in now if text not in others), "")

    return {
        key: imprint._replace(reply=imprint.reply or reply(imprint.where, imprint.made))
        for key, imprint in imprints.items()
    }


REPEATED = timedelta(days=120)
"""An edit is reported again after this time."""

_A_MONTH = timedelta(days=28)
"""A date that moves with the day of the load by less than this is no reason for an update."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier loads left, for the rows of a plan.

    `of` returns that of a row's user. `hashed` makes the hashes. `today`: the day of the plan.
    `institution`: its code, for a new Patron role; "" to add none.
    `overwrites`: paths of fields and lists that are written although staff edited them. `sis`: the
    rules of a plan for the SIS load, None where the plan is sent through the API.
    """

    of: Callable[[DraftUser, User], UserMemory]
    hashed: Keyed
    today: date
    institution: str
    overwrites: frozenset[str]
    sis: SisRules | None


def nothing_earlier(today: date) -> Earlier:
    """Return what is left where no load is remembered."""
    return Earlier(lambda _draft, _live: NO_MEMORY, keyed(b""), today, "", frozenset(), None)


NO_MEMORY = UserMemory(None, ())


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user of Alma as it is now, with what loads left of it."""

    live: User
    memory: UserMemory
    hashed: Keyed

    def has(self, where: Where, entry: Part | None = None) -> list[str]:
        """Return the hashes of what the user has in a place; `entry`: of that entry alone."""
        return [*map(self.hashed, texts(where, self.live, entry))]

    def of_part(self, where: Where, part: Part) -> str:
        """Return the hash of an entry."""
        return self.hashed(_part_text(where, part))

    def is_as_left(self, last: Imprint, entry: Part | None) -> bool:
        """Return whether Alma has its reply to a load of ours, of this roster or of another.

        `entry`: the entry that it had to be, None if any will do. Another roster's entry counts if
        it has a type of this one; a user has many kinds of IDs.
        """
        where, sought = last.where, {*last.where.types}
        of_others = (
            imprint
            for imprints in self.memory.others
            for imprint in imprints.values()
            if imprint.where[:2] == where[:2] and (not sought or sought & {*imprint.where.types})
        )
        now = self.has(where, entry)
        return not last.reply or any(imprint.reply in now for imprint in (last, *of_others))

    def is_of_another(self, where: Where) -> bool:
        """Return whether Alma has what it had after the last load of another roster."""
        now = self.has(where)
        every = (imprint for imprints in self.memory.others for imprint in imprints.values())
        return any(imprint.where == where and imprint.reply in now for imprint in every)


def last_values(
    draft: DraftUser, row: Collection[Value], memory: UserMemory
) -> dict[str, tuple[str, Imprint]]:
    """Return the values of a row as this roster's last load made them, with their keys then.

    As any roster did, if this one never made it; entries only if this one never loaded the user.
    """
    lasts: dict[str, tuple[str, Imprint]] = {}
    for imprints in _newest_first(memory):
        was = {
            value.key: value.key for value in row if value.key in imprints and not value.is_entry
        }
        if memory.own is None or imprints is memory.own:
            was |= _claims(draft, row, imprints)
        lasts = {key: (old, imprints[old]) for key, old in was.items()} | lasts
    return lasts


def _claims(draft: DraftUser, row: Collection[Value], imprints: Imprints) -> dict[str, str]:
    """Return which entry of ours belongs to which line of the mapping: the key of it by the line's.

    By value, for all lines first; else the line's own entry, if no other line has it now; else an
    entry of ours of that type that no line claims. A line that is blank claims its own.
    """
    claims: dict[str, str] = {}

    def claim(fits: Callable[[Value, Imprint], bool]) -> None:
        for value in (value for value in row if value.is_entry and value.key not in claims):
            free = (key for key, last in imprints.items() if key not in claims.values()
                    and last.where[:2] == value.where[:2] and fits(value, last))  # fmt: skip
            if (key := next(free, None)) is not None:
                claims[value.key] = key

    claim(lambda value, last: last.made == value.made and last.where.types == value.where.types)
    claim(lambda value, last: last.made == value.made)
    if any(value.is_entry and value.key not in claims for value in row):
        lines = {key for parent in draft.layout.parents for key, _ in _every_entry(draft, parent)}
        claims |= {key: key for key in (lines & {*imprints}) - {*claims} - {*claims.values()}}
        claim(lambda value, last: not {*last.where.types}.isdisjoint(value.where.types))
    return claims


Lines: TypeAlias = "Mapping[str, Part | None]"
"""Alma's entry that belongs to a line of the mapping, by a label of the line; None if none does.

Only of lines whose values Alma does not have: they replace that entry, or are added.
"""


def _lines(
    row: Collection[Value], lasts: Mapping[str, tuple[str, Imprint]], user: KnownUser
) -> Lines:
    """Return the entries that loads left for the lines of a row. What is not ours stays.

    If staff edited it, it is the only entry of its types that neither a load left nor the row has.
    Empty if no load of the user is remembered: then a line replaces an entry of its type.
    """
    lines: dict[str, Part | None] = {}
    of_row = [] if user.memory.is_blank else [value for value in row if value.is_entry]
    ours = [(value.where, value.made) for value in of_row]
    for imprints in _newest_first(user.memory):
        ours += [(last.where, last.reply) for last in imprints.values() if not last.where.flag]

    def is_ours(path: str, part: Part) -> bool:
        return any(where.path == path and text == user.of_part(where, part) for where, text in ours)

    for value in of_row:
        if value.made in user.has(value.where):
            continue
        lines[value.labels[0]] = None
        if value.key in lasts:
            _, last = lasts[value.key]
            taken = [id(part) for part in lines.values()]
            parts = {
                user.of_part(last.where, part): part
                for part in _parts(last.where, user.live)
                if id(part) not in taken
            }
            edited = [part for part in parts.values() if not is_ours(value.where.path, part)]
            if last.reply in parts or (last.reply and len(edited) == 1):
                lines[value.labels[0]] = parts.get(last.reply) or edited[0]
    return lines


def _newest_first(memory: UserMemory) -> tuple[Imprints, ...]:
    """Return what this roster left, if it ever loaded the user, then what the others did."""
    return memory.others if memory.own is None else (memory.own, *memory.others)


def has_id_of(user: KnownUser) -> bool:
    """Return whether a user has an ID that loads gave the one of whom this is remembered."""
    return any(
        imprint.where.path == IDS and imprint.reply in user.has(imprint.where)
        for imprints in _newest_first(user.memory)
        for imprint in imprints.values()
    )


def edited_fields(names: Collection[str], user: KnownUser) -> dict[str, Imprint]:
    """Return which of these fields and lists staff edited, each as the last load left it."""
    last = next(iter(_newest_first(user.memory)), {})
    return {
        imprint.where.path: imprint
        for imprint in last.values()
        if imprint.where.path in names
        and not imprint.where.flag
        and not user.is_as_left(imprint, None)
    }


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a row as it would be written now; `labels` are its columns.

    `day`: the value, if it is a date. `settled`: the mapping's `on_update` leaves Alma's value.
    """

    key: str
    where: Where
    labels: tuple[str, ...]
    cells: str
    rule: str
    made: str
    day: str = ""
    settled: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether it is an entry of a list, not a field or a preferred mark."""
        return bool(self.where.names) and not self.where.flag


def imprint_of(value: Value, today: date, reply: str = "") -> Imprint:
    """Return what a load of today leaves of a value; `reply` is "" if that is not known yet."""
    where, cells, rule, made = value.where, value.cells, value.rule, value.made
    return Imprint(where, cells, rule, made, reply, today.isoformat())


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


def changed_since(draft: DraftUser, imprints: Imprints, hashed: Keyed) -> set[str]:
    """Return the fields and lists of which a row has something else than at the last load.

    So other cells that give another value. Of what only a load's record shows, a value that it does
    not have is not known.
    """
    changed, whole = set[str](), all(imprint.cells for imprint in imprints.values())
    row = tuple(values_of(draft, User(), hashed, rename=False))
    lasts = last_values(draft, row, UserMemory(imprints, ()))
    for value in row:
        _, last = lasts.get(value.key, ("", None))
        if last is None:
            differs = whole
        elif last.cells:
            differs = value.made != last.made and value.cells != last.cells
        else:
            differs = value.made != last.made and value.where == last.where
        if differs:
            changed.add(value.where.path)
    return changed


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


def compare_with_loads(
    draft: DraftUser, live: User, memory: UserMemory, earlier: Earlier, *, rename: bool
) -> ComparedRow:
    """Compare a row's values with what earlier loads of its user left in Alma.

    `rename`: the mapping gives the user the row's primary ID, if it is another one. What the
    mapping writes in any case (`override`, `replace_all`) is not compared.
    """
    user, today = KnownUser(live, memory, earlier.hashed), earlier.today
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


def _never_given(value: Value, user: KnownUser) -> Imprint | None:
    """Return what loads left of a value that they never had: a blank, which is no news.

    So whatever Alma has there is not ours. None where Alma has nothing, or the mark at an entry of
    ours; for an entry that is only added, and in lists also if this roster never loaded the user;
    if none did. Whose primary ID is right is asked elsewhere.
    """
    where, is_added = value.where, value.is_entry and value.where.path != IDS
    newest = next(iter(_newest_first(user.memory)), None)
    imprints = user.memory.own if where.names else newest
    if imprints is None or is_added or where.path == PRIMARY_ID:
        return None
    if not any(texts(where, user.live)):
        return None
    if where.flag and any(
        imprint.where.path == where.path and user.of_part(imprint.where, part) == imprint.reply
        for imprint in imprints.values()
        for part in _parts(where, user.live)
    ):
        return None
    since = max((imprint.since for imprint in imprints.values()), default="")
    return Imprint(where, "", value.rule, "", user.hashed(""), since)


_EDITED = frozenset({Ruling.KEEP_EDIT, Ruling.ASK, Ruling.REPLACE_EDIT})
"""Rulings about a value that staff changed."""


def _ruling(
    value: Value, last: Imprint | None, user: KnownUser, lines: Lines, today: date
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


def value_of(
    draft: DraftUser, hashed: Keyed, key: str, where: Where, labels: tuple[str, ...], text: str
) -> Value:
    """Return a value of a row that comes from these columns; none if the mapping lacks it."""
    columns = [draft.layout.targets[label] for label in labels]
    reads = sorted({position for column in columns for position in column.reads})
    cells = "\x1f".join(draft.cells[position] for position in reads)
    rule = "".join(column.rule for column in columns)
    return Value(key, where, labels, hashed(cells), hashed(rule), hashed(text))


def values_of(draft: DraftUser, live: User, hashed: Keyed, *, rename: bool) -> Iterator[Value]:
    """Yield the values of a row that are remembered, each with a key of its own.

    A blank is not compared, unless the mapping erases by it. Left out is what `override`,
    `replace_all` and `remove` write in any case, and what only new users get.
    """
    made = partial(value_of, draft, hashed)
    if rename and draft.primary_id:
        text = normal(PRIMARY_ID, draft.primary_id)
        yield made(PRIMARY_ID, Where(PRIMARY_ID), (PRIMARY_ID,), text)
    for target in draft.layout.scalars:
        name, value = target.field.name, draft.values.get(target.label, "")
        unset = target.label not in draft.values or (
            not value and target.on_update is not OnUpdate.ERASE
        )
        skipped = target.override or target.on_update is OnUpdate.NEVER
        if name in SET_APART or unset or skipped:
            continue
        was = current(live, name)
        made_now = made(name, Where(name), (target.label,), normal(name, value))
        day = value if target.field.shape is Shape.DATE else ""
        settled = resolve_value(target.on_update, name, was, value) == was
        yield replace(made_now, day=day, settled=settled)
    if expiry := draft.values.get(ROLE_END, ""):
        yield replace(made(ROLE_END, Where(ROLE_END), (ROLE_END,), expiry), day=expiry)
    for parent in draft.layout.parents:
        yield from _entry_values(draft, parent, live, made)


_Maker: TypeAlias = Callable[[str, Where, tuple[str, ...], str], Value]


def _entry_values(draft: DraftUser, parent: str, live: User, made: _Maker) -> Iterator[Value]:
    items = []
    for key, item in _every_entry(draft, parent):
        compared = item.compared
        if compared is None or item.is_blank or _in_any_case(draft, item, live):
            continue
        items.append(compared)
        where = Where(parent, "", tuple(sorted(item.types)), _compared(compared))
        main = compared.targets[where.names[0]].label
        labels = tuple(dict.fromkeys((main, *item.entry.labels)))
        yield made(key, where, labels, entry_text(where, compared.values))
    for flag in FLAGS.get(parent, ()):
        for marks in [item for item in items if item.values.get(flag) == "true"][:1]:
            where = Where(parent, flag, (), marked(parent, _compared(marks)))
            every = (item.targets[flag].label for item in (marks, *items) if flag in item.targets)
            labels = tuple(dict.fromkeys(every))
            yield made(f"{parent}.{flag}", where, labels, entry_text(where, marks.values))


def _every_entry(draft: DraftUser, parent: str) -> Iterator[tuple[str, DraftEntry]]:
    """Yield the entries of a list that a row may have, blank ones too, with their keys."""
    numbers: Counter[str] = Counter()
    for item in draft.every_entry(parent):
        name = f"{parent}[{'+'.join(sorted(item.types))}"
        numbers[name] += 1
        yield f"{name}]{numbers[name]}", item


def _in_any_case(draft: DraftUser, item: DraftEntry, live: User) -> bool:
    """Return whether an entry is written whatever staff did.

    So is one where `remove` takes what staff made of it, and leaves none but the row's.
    """
    if item.override or item.entry.on_update is OnUpdate.REPLACE_ALL:
        return True
    if not draft.layout.removals:
        return False
    account = account_of(live, draft.layout.account_type)
    removes = partial(is_removed, draft.layout, item.parent, account)
    parts = entries(live, item.parent)
    goes = any(removes(part) and not matches(item, part) for part in parts)
    return goes and removes(new_entry(item, account))


def _compared(item: DraftEntry) -> tuple[str, ...]:
    """Return the fields of an entry that the row gives, without its flags.

    Without its type, too, unless there is nothing else.
    """
    kind = TYPE_FIELD[item.parent]
    apart = {*SET_ELSEWHERE, kind}
    return tuple(name for name, text in item.values.items() if text and name not in apart) or (
        kind,
    )
