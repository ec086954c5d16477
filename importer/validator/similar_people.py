"""Rows that may be of one person: similar names, and one more thing in common.

Only rows that share a birth date, an email, a phone number or an address, and beside it a name, a
nickname of it or the initials, are compared. So that the work grows with the roster and not
with its square, what more than 200 rows share does not count: as a contact it is an office's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations

from importer.model.catalogue import Code
from importer.model.people import BORN, COMMON, EMAIL, NICKNAMES, PersonKeys, in_words, may_be_same
from importer.model.problem import Problem
from importer.validator.duplicates import RowKeys


def similar_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs.

    The same name with the same birth date or email is a duplicate person, another check's.
    """
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    people = _without_common_contacts(keys)
    for one, two in sorted(_pairs(keys, people, skipped)):
        left, right = people[one], people[two]
        kinds = left.shared(right)
        duplicate = left.name == right.name and not {BORN, EMAIL}.isdisjoint(kinds)
        if not duplicate and may_be_same(left, right):
            for own, other in ((one, two), (two, one)):
                others[own].append(other)
                shared[own].update(kinds)
    for position in sorted(others):
        named = keys.listed(sorted(others[position]), position)
        yield keys.problem(
            Code.SIMILAR_PERSON,
            position,
            f"the name is similar to the one in {named}, with the same "
            f"{in_words(shared[position])}",
            "last_name",
            "first_name",
            *keys.labels(shared[position]),
        )


def _without_common_contacts(keys: RowKeys) -> list[PersonKeys]:
    """Return the people without contacts that very many rows share."""
    common = {
        trait
        for trait, group in keys.sharing.items()
        if len(group) > COMMON and not trait.startswith(f"{BORN} ")
    }
    if not common:
        return keys.people
    return [replace(person, traits=person.traits - common) for person in keys.people]


def _pairs(
    keys: RowKeys, people: list[PersonKeys], skipped: Collection[int]
) -> set[tuple[int, int]]:
    """Find the pairs of positions that share something and whose names may be similar."""
    pairs: set[tuple[int, int]] = set()
    for trait, group in keys.sharing.items():
        blocks: defaultdict[str, list[int]] = defaultdict(list)
        for position in group:
            person = people[position]
            if person.last and trait in person.traits and position not in skipped:
                for block in _blocks(person.name):
                    blocks[block].append(position)
        for positions in blocks.values():
            if len(positions) <= COMMON:
                pairs.update(combinations(positions, 2))
    return {(a, b) for a, b in pairs if keys.person(a) != keys.person(b)}


@cache
def _blocks(name: tuple[str, str]) -> frozenset[str]:
    """Return the names that both parts of a name may stand for, and the initials."""
    long = (full for part in name for full in NICKNAMES.get(part, ()))
    return frozenset({*name, *long, f"{name[0][:1]} {name[1][:1]}"})
