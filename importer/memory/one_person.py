"""All that runs left of one person, to show or to erase."""

from __future__ import annotations

from collections.abc import Collection

from importer.ledger.database import as_json, naming
from importer.ledger.ledger import Ledger
from importer.memory.memory import Memory

_ABOUT = {
    "answers": ("primary_id", "resolution"),
    "seen": ("primary_id",),
    "leavers": ("primary_id", "before", "sent", "answered"),
    "loaded": ("primary_id",),
    "former": ("former", "primary_id"),
}
"""The columns of each table that can name a person: an ID, or JSON with it."""


def entries_about(ids: Collection[str], *, erase: bool = False) -> dict[str, int]:
    """Return how many entries of each table, of all institutions, name one of these IDs.

    The IDs are without case. `erase`: delete them. Raises LedgerError.
    """
    memory, counts = Memory(""), dict[str, int]()
    if not memory.exists:
        return counts
    with memory.transaction() as connection:
        for table, columns in _ABOUT.items():
            do = "DELETE" if erase else "SELECT 1"
            query = f"{do} FROM {table} WHERE {naming(columns)}"
            for user_id in ids:
                done = connection.execute(query, (user_id, as_json(user_id)))
                if count := done.rowcount if erase else len(done.fetchall()):
                    counts[table] = counts.get(table, 0) + count
    return counts


def known_as(ids: Collection[str]) -> frozenset[str]:
    """Return IDs, without case, with those that loads replaced by them, and that replaced them.

    Raises LedgerError.
    """
    pairs = [*Memory("").read("SELECT former, primary_id FROM former")]
    now = {new for pair in pairs if not {*ids}.isdisjoint(pair) for new in pair[1:]}
    return frozenset({*ids, *now, *(former for former, new in pairs if new in now)})


def rows_about(ledger: Ledger, ids: Collection[str]) -> frozenset[int]:
    """Return the rows of a run that name one of these IDs, given without case, in any text.

    Row 0 for who was looked for as a person who may be missing.
    """
    columns = {
        "cells": ("cells",),
        "steps": ("primary_id", "before", "after"),
        "images": ("before", "sent", "answered"),
        "problems": ("value",),
    }
    rows: set[int] = set()
    for table, names in columns.items():
        query = f"SELECT row FROM {table} WHERE {naming(names)}"  # noqa: S608
        for user_id in ids:
            rows.update(row for (row,) in ledger.read(query, (user_id, as_json(user_id))))
    people = {key for seen in ledger.seen().values() for key in seen}
    people |= {person.primary_id.casefold() for person in ledger.missing()}
    if not people.isdisjoint(ids):
        rows.add(0)
    return frozenset(rows)
