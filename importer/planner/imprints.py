"""What a row's values are, and what loads left of them, as keyed hashes.

For every value that a load wrote it is remembered: of which cells it came from, of its rule, of the
value, and of Alma's reply.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeAlias

from importer.model.candidates import ROLE_END
from importer.model.fields import IDS, TYPE_FIELD, OnUpdate, Shape
from importer.model.plan import Imprint, Imprints, InRecord, UserMemory
from importer.model.user import RecordPart, User
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


def texts(where: InRecord, user: User, entry: RecordPart | None = None) -> list[str]:
    """Return what a user has in a place, one text for each entry; equal texts mean the same.

    `entry`: the one that is asked about, None for all of them.
    """
    if where.path == ROLE_END:
        return role_days(user)
    if not where.names:
        return [normal(where.path, current(user, where.path))]
    parts = (part for part in parts_of(where, user) if entry is None or part is entry)
    return [_part_text(where, part) for part in parts]


def _part_text(where: InRecord, part: RecordPart) -> str:
    return _entry_text(where, {name: current(part, name) for name in where.names})


def _entry_text(where: InRecord, values: Mapping[str, str]) -> str:
    """Return the text of an entry of which these values are compared."""
    return "\x1f".join(normal(name, values.get(name, "")) for name in where.names)


def parts_of(where: InRecord, user: User) -> list[RecordPart]:
    """Return the entries of a user's list with the flag, or with the types."""
    sought = {*where.types}
    return [
        part
        for part in entries(user, where.path)
        if (getattr(part, where.flag) if where.flag else sought <= {*types(where.path, part)})
    ]


def shown(where: InRecord, user: User) -> str:
    """Return what a user has in a place, for a person; "" if nothing."""
    if where.path == ROLE_END:
        return max(role_days(user), default="")
    if not where.names:
        return current(user, where.path)
    return next((main_value(where.path, part) for part in parts_of(where, user)), "")


NO_MEMORY = UserMemory(None, ())


@dataclass(frozen=True, slots=True)
class ImprintedUser:
    """A user of Alma as it is now, with what loads left of it."""

    live: User
    memory: UserMemory
    hashed: Keyed

    def has(self, where: InRecord, entry: RecordPart | None = None) -> list[str]:
        """Return the hashes of what the user has in a place; `entry`: of that entry alone."""
        return [*map(self.hashed, texts(where, self.live, entry))]

    def hash_of(self, where: InRecord, part: RecordPart) -> str:
        """Return the hash of an entry."""
        return self.hashed(_part_text(where, part))

    def is_as_left(self, last: Imprint, entry: RecordPart | None) -> bool:
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

    def is_of_another(self, where: InRecord) -> bool:
        """Return whether Alma has what it had after the last load of another roster."""
        now = self.has(where)
        every = (imprint for imprints in self.memory.others for imprint in imprints.values())
        return any(imprint.where == where and imprint.reply in now for imprint in every)


def has_id_of(user: ImprintedUser) -> bool:
    """Return whether a user has an ID that loads gave the one of whom this is remembered."""
    return any(
        imprint.where.path == IDS and imprint.reply in user.has(imprint.where)
        for imprints in user.memory.newest_first
        for imprint in imprints.values()
    )


def edited_fields(names: Collection[str], user: ImprintedUser) -> dict[str, Imprint]:
    """Return which of these fields and lists staff edited, each as the last load left it."""
    last = next(iter(user.memory.newest_first), {})
    return {
        imprint.where.path: imprint
        for imprint in last.values()
        if imprint.where.path in names
        and not imprint.where.flag
        and not user.is_as_left(imprint, None)
    }


def with_reply(
    imprints: Imprints, before: User | None, after: User, hashed: Keyed
) -> dict[str, Imprint]:
    """Return what is remembered of an applied row: its user before, None if new, and after it.

    Where Alma wrote a value in its own way, that is its reply. An entry that was there before is
    none.
    """
    every = {imprint.made for imprint in imprints.values()}

    def reply(where: InRecord, made: str) -> str:
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


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a row as it would be written now; `labels` are its columns.

    `day`: the value, if it is a date. `settled`: the mapping's `on_update` leaves Alma's value.
    """

    key: str
    where: InRecord
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


def value_of(
    draft: DraftUser, hashed: Keyed, key: str, where: InRecord, labels: tuple[str, ...], text: str
) -> Value:
    """Return a value of a row that comes from these columns; none if the mapping lacks it."""
    columns = [draft.layout.targets[label] for label in labels]
    reads = sorted({position for column in columns for position in column.reads})
    cells = "\x1f".join(draft.cells[position] for position in reads)
    rule = "".join(column.rule for column in columns)
    return Value(key, where, labels, hashed(cells), hashed(rule), hashed(text))


def imprint_of(value: Value, today: date, reply: str = "") -> Imprint:
    """Return what a load of today leaves of a value; `reply` is "" if that is not known yet."""
    where, cells, rule, made = value.where, value.cells, value.rule, value.made
    return Imprint(where, cells, rule, made, reply, today.isoformat())


def values_of(draft: DraftUser, live: User, hashed: Keyed, *, rename: bool) -> Iterator[Value]:
    """Yield the values of a row that are remembered, each with a key of its own.

    A blank is not compared, unless the mapping erases by it. Left out is what `override`,
    `replace_all` and `remove` write in any case, and what only new users get.
    """
    made = partial(value_of, draft, hashed)
    if rename and draft.primary_id:
        text = normal(PRIMARY_ID, draft.primary_id)
        yield made(PRIMARY_ID, InRecord(PRIMARY_ID), (PRIMARY_ID,), text)
    for target in draft.layout.scalars:
        name, value = target.field.name, draft.values.get(target.label, "")
        unset = target.label not in draft.values or (
            not value and target.on_update is not OnUpdate.ERASE
        )
        skipped = target.override or target.on_update is OnUpdate.NEVER
        if name in SET_APART or unset or skipped:
            continue
        was = current(live, name)
        made_now = made(name, InRecord(name), (target.label,), normal(name, value))
        day = value if target.field.shape is Shape.DATE else ""
        settled = resolve_value(target.on_update, name, was, value) == was
        yield replace(made_now, day=day, settled=settled)
    if expiry := draft.values.get(ROLE_END, ""):
        yield replace(made(ROLE_END, InRecord(ROLE_END), (ROLE_END,), expiry), day=expiry)
    for parent in draft.layout.parents:
        yield from _entry_values(draft, parent, live, made)


_Maker: TypeAlias = Callable[[str, InRecord, tuple[str, ...], str], Value]


def _entry_values(draft: DraftUser, parent: str, live: User, made: _Maker) -> Iterator[Value]:
    items = []
    for key, item in _every_entry(draft, parent):
        compared = item.compared
        if compared is None or item.is_blank or _in_any_case(draft, item, live):
            continue
        items.append(compared)
        where = InRecord(parent, "", tuple(sorted(item.types)), _compared(compared))
        main = compared.targets[where.names[0]].label
        labels = tuple(dict.fromkeys((main, *item.entry.labels)))
        yield made(key, where, labels, _entry_text(where, compared.values))
    for flag in FLAGS.get(parent, ()):
        for marks in [item for item in items if item.values.get(flag) == "true"][:1]:
            # two entries may have the same address, so the type counts, too
            names = dict.fromkeys((*_compared(marks), TYPE_FIELD[parent]))
            where = InRecord(parent, flag, (), tuple(names))
            every = (item.targets[flag].label for item in (marks, *items) if flag in item.targets)
            labels = tuple(dict.fromkeys(every))
            yield made(f"{parent}.{flag}", where, labels, _entry_text(where, marks.values))


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


def last_values(
    draft: DraftUser, row: Collection[Value], memory: UserMemory
) -> dict[str, tuple[str, Imprint]]:
    """Return the values of a row as this roster's last load made them, with their keys then.

    As any roster did, if this one never made it; entries only if this one never loaded the user.
    """
    lasts: dict[str, tuple[str, Imprint]] = {}
    for imprints in memory.newest_first:
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
