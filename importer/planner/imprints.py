"""What is remembered of the values that a load wrote: keyed hashes, found again in a record."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import TypeAlias

from importer.model.fields import TYPE_FIELD
from importer.model.plan import Imprint, Imprints, Where
from importer.model.user import Part, User
from importer.planner.borrowing import role_days
from importer.planner.entries import (
    FLAGS,
    comparable,
    current,
    entries,
    main_value,
    normal,
    types,
)
from importer.planner.list_merge import SET_ELSEWHERE
from importer.planner.patch import diff

Keyed: TypeAlias = Callable[[str], str]
"""Hashes a text with a secret key, so that nobody can find it by trying values."""

PRIMARY_ID, ROLE_EXPIRY = "primary_id", "patron_role.expiry"


def keyed(key: bytes) -> Keyed:
    """Return the function that hashes with this key; 16 hexadecimal digits."""

    def hashed(text: str) -> str:
        return hashlib.blake2b(text.encode(), key=key, digest_size=8).hexdigest()

    return hashed


def texts(where: Where, user: User) -> list[str]:
    """Return what a user has in a place, one text for each entry; equal texts mean the same."""
    if where.path == ROLE_EXPIRY:
        return role_days(user)
    if not where.names:
        return [normal(where.path, current(user, where.path))]
    return [
        entry_text(where, {name: current(part, name) for name in where.names})
        for part in _parts(where, user)
    ]


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
    if where.path == ROLE_EXPIRY:
        return max(role_days(user), default="")
    if not where.names:
        return current(user, where.path)
    return next((main_value(where.path, part) for part in _parts(where, user)), "")


def answered(imprints: Imprints, user: User, hashed: Keyed) -> dict[str, Imprint]:
    """Return what is remembered of an applied row, whose user Alma has so now.

    Where Alma wrote a value in its own way, that is what it answered.
    """
    every = {one.made for one in imprints.values()}
    return {
        key: one if one.answered else one._replace(answered=_answer(one, user, hashed, every))
        for key, one in imprints.items()
    }


def _answer(imprint: Imprint, user: User, hashed: Keyed, others: Collection[str]) -> str:
    there = [hashed(text) for text in texts(imprint.where, user)]
    if imprint.made in there:
        return imprint.made
    return next((text for text in there if text not in others), "")


def as_written(before: User | None, sent: User, hashed: Keyed, day: date) -> Imprints:
    """Return what to remember of a write of which only the records before and after are known.

    So of a run that was made before loads were remembered: its cells and rules are not known, and
    neither is a value that Alma had already.
    """
    was = before if before is not None else User()
    patch = diff(was, sent)
    found: dict[str, Imprint] = {}

    def add(key: str, where: Where, text: str) -> None:
        found[key] = Imprint(where, "", "", hashed(text), "", day.isoformat())

    for name in patch.fields:
        add(name, Where(name), normal(name, current(sent, name)))
    for parent in patch.lists:
        kind, numbers = TYPE_FIELD[parent], Counter[tuple[str, ...]]()
        for part in (one for one in entries(sent, parent) if one not in entries(was, parent)):
            values = {name: current(part, name) for name in comparable(part)}
            names = tuple(name for name in values if name not in {*SET_ELSEWHERE, kind}) or (kind,)
            where = Where(parent, "", tuple(sorted(types(parent, part))), names)
            numbers[where.types] += 1
            text = entry_text(where, values)
            add(f"{parent}[{'+'.join(where.types)}]{numbers[where.types]}", where, text)
            for flag in FLAGS.get(parent, ()):
                if getattr(part, flag):
                    where = Where(parent, flag, (), marked(parent, names))
                    add(f"{parent}.{flag}", where, entry_text(where, values))
    return found
