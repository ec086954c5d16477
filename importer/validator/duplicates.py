"""Checks across rows: the same ID twice, the same person twice, contacts that people share.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from importer.model.candidates import Candidates
from importer.model.catalogue import Code, Severity
from importer.model.plan import Duplicates
from importer.model.problem import Problem
from importer.validator.match_keys import (
    EMAIL,
    PHONE,
    PRIMARY,
    Mask,
    MatchKeys,
    paired,
    row_list,
    sharing,
)
from importer.validator.similar_people import similar_people

_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}

_UNLISTED = float("-inf")
"""The weight of a user group that the policy does not list: less than any other."""


def duplicates(candidates: Candidates, policy: Duplicates) -> Iterator[Problem]:
    """Yield the problems across rows, kind by kind, each kind in the order of the rows."""
    keys = MatchKeys.of(candidates)
    found, skipped = duplicate_ids(keys, policy)
    yield from found
    yield from duplicate_identifiers(keys, skipped)
    if policy.same_person != "off":
        yield from duplicate_people(keys, skipped, policy.same_person)
    if policy.similar_person != "off":
        yield from similar_people(keys, skipped)
    yield from shared_contacts(keys)


def duplicate_ids(keys: MatchKeys, policy: Duplicates) -> tuple[list[Problem], Mask]:
    """Find rows with the same primary ID; also return a mask of the rows that are skipped for it.

    By policy one row of a group may be kept; the others are then skipped, and are not compared
    with other rows. If the policy cannot choose, all rows of the group need review.
    """
    texts = keys.candidates.texts(PRIMARY)
    groups = [[position for position, _ in places] for places in sharing(keys.ids[:1])]
    chooser = _Chooser(keys, policy, {position for group in groups for position in group})
    skipped = np.zeros(len(keys.rows), np.bool_)
    problems: list[Problem] = []
    for group in groups:
        keeper, advice, severity = None, "", Severity.REJECT
        if policy.same_id != "reject":
            keeper, advice = chooser.keeper(group)
            severity = Severity.REVIEW
        for position in group:
            if position == keeper:
                continue
            same = "{value} is also the primary ID of"
            if keeper is None:
                named = keys.named(group, position, len(group))
                problem = keys.problem(
                    Code.DUPLICATE_ID,
                    position,
                    f"{same} {named}",
                    PRIMARY,
                    value=texts[position],
                    advice=advice,
                    severity=severity,
                )
            else:
                skipped[position] = True
                problem = keys.problem(
                    Code.SKIPPED_DUPLICATE,
                    position,
                    f"{same} row {keys.rows[keeper]}, which the `duplicates` rule keeps",
                    PRIMARY,
                    value=texts[position],
                )
            problems.append(problem)
    return sorted(problems, key=lambda problem: problem.origin.row), skipped


class _Chooser:
    """Chooses the row to keep of rows with the same primary ID."""

    def __init__(self, keys: MatchKeys, policy: Duplicates, positions: Iterable[int]) -> None:
        """Look up what the rows at these positions contain."""
        self._keys = keys
        self._heaviest = policy.same_id == "keep heaviest"
        self._weights = policy.weights
        self._groups = keys.candidates.texts("user_group")
        columns = keys.candidates.layout.targets.values()
        compared = [
            column.label
            for column in columns
            if column.label != PRIMARY
            and not column.run_dependent
            and column.label in keys.candidates.frame
        ]
        chosen = sorted(positions)
        cells = keys.candidates.frame[compared].iloc[chosen].to_numpy().tolist()
        self._contents = dict(zip(chosen, map(tuple, cells), strict=True))

    def keeper(self, group: list[int]) -> tuple[int | None, str]:
        """Return the position to keep; or None, and what a person has to do.

        That is the first row of the group, or of its heaviest, if the rows between which the
        policy does not choose are equal and the whole group is of one person; to weigh rows, all
        of them need a user group.
        """
        if not self._one_person(group):
            return None, "The rows name different people. Find out whose ID it is."
        equal = group
        if self._heaviest:
            if not all(self._groups[position] for position in group):
                return None, "A row has no known user group. Correct it, or delete the others."
            weights = [self._weights.get(self._groups[position], _UNLISTED) for position in group]
            pairs = zip(group, weights, strict=True)
            equal = [position for position, weight in pairs if weight == max(weights)]
        if len({self._contents[position] for position in equal}) > 1:
            return None, "The rows differ. Find out which one is right, and delete the others."
        return equal[0], ""

    def _one_person(self, group: list[int]) -> bool:
        """Return whether the rows have one last name and no two birth dates."""
        births = {int(self._keys.birth[position]) for position in group} - {0}
        return len({self._keys.last[position] for position in group}) == 1 and len(births) < 2


def duplicate_identifiers(keys: MatchKeys, skipped: Mask) -> Iterator[Problem]:
    """Find IDs that are in two rows or in two columns (contract 3.2: all IDs share one space).

    Rows with the same primary ID are another problem, and so is everything else that they share;
    but not a value that is the primary ID in one place and an additional ID in another.
    """
    found: list[tuple[int, int, Problem]] = []
    for places in sharing(keys.without(skipped)):
        rows = list(dict.fromkeys(position for position, _ in places))
        one_column = len({column for _, column in places}) == 1
        if one_column and len(rows) > 1 and len(set(map(keys.person, rows))) == 1:
            continue
        columns: defaultdict[int, list[int]] = defaultdict(list)
        for position, column in places:
            columns[position].append(column)
        for position, own in columns.items():
            labels = [keys.id_labels[column] for column in own]
            parts = []
            if len(own) > 1:
                headings = keys.candidates.layout.places(*labels)
                listed = ", ".join(map(str, headings)) or ", ".join(labels)
                parts.append(f"is more than once in this row ({listed})")
            if len(rows) > 1:
                parts.append(f"is also an ID in {keys.named(rows, position, len(rows))}")
            problem = keys.problem(
                Code.DUPLICATE_IDENTIFIER,
                position,
                f"{{value}} {' and '.join(parts)}",
                *labels,
                value=str(keys.candidates.frame[labels[0]].iloc[position]),
            )
            found.append((position, own[0], problem))
    yield from (problem for _, _, problem in sorted(found, key=lambda entry: entry[:2]))


def duplicate_people(
    keys: MatchKeys, skipped: Mask, policy: Literal["review", "reject", "warn"]
) -> Iterator[Problem]:
    """Find rows with one name and one birth date or email, but different primary IDs."""
    names = np.where(skipped, 0, keys.name)
    layout = keys.candidates.layout
    groups: list[list[int]] = []
    labels: defaultdict[int, list[str]] = defaultdict(list)
    for path, columns in (("birth_date", [keys.birth]), (EMAIL, keys.emails)):
        shared = sharing(paired(names, columns))
        found = [sorted({position for position, _ in places}) for places in shared]
        found = [group for group in found if len(group) > 1]
        groups += found
        for position in {position for group in found for position in group}:
            labels[position] += layout.labels(path)
    problems: list[tuple[int, Problem]] = []
    for members in _connected(groups):
        by_id: defaultdict[int, list[int]] = defaultdict(list)
        for position in members:
            by_id[keys.person(position)].append(position)
        if len(by_id) == 1:
            continue
        for same in by_id.values():
            others = (keys.rows[other] for other in members if other not in set(same))
            named = row_list(others, len(members) - len(same))
            problems += (
                (
                    position,
                    keys.problem(
                        Code.DUPLICATE_PERSON,
                        position,
                        f"{_in_common(labels[position])} as in {named}, with another ID",
                        "last_name",
                        "first_name",
                        *labels[position],
                        severity=_BY_POLICY[policy],
                    ),
                )
                for position in same
            )
    yield from (problem for _, problem in sorted(problems, key=lambda entry: entry[0]))


def _in_common(labels: Sequence[str]) -> str:
    """Return what a row has in common with its duplicates, for a message."""
    birth = "birth_date" in labels
    if birth and len(labels) > 1:
        return "the same name, birth date and email"
    return f"the same name and {'birth date' if birth else 'email'}"


def _connected(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the positions that are connected through groups, each set in order."""
    parent: dict[int, int] = {}

    def root(position: int) -> int:
        parent.setdefault(position, position)
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    for first, *others in groups:
        for other in others:
            one, two = sorted((root(first), root(other)))
            parent[two] = one
    sets: defaultdict[int, list[int]] = defaultdict(list)
    for position in sorted(parent):
        sets[root(position)].append(position)
    return [members for _, members in sorted(sets.items())]


def shared_contacts(keys: MatchKeys) -> Iterator[Problem]:
    """Yield one notice about the roster's emails and one about its phone numbers.

    It is one sentence however many rows share them: in some rosters everybody has the office's
    number. Rows of one name do not count; other checks cover them.
    """
    for columns, path, what in (
        (keys.emails, EMAIL, "email address"),
        (keys.phones, PHONE, "phone number"),
    ):
        groups = [[position for position, _ in places] for places in sharing(columns)]
        groups = [group for group in groups if len({int(keys.name[at]) for at in group}) > 1]
        if not groups:
            continue
        labels = keys.candidates.layout.labels(path)
        rows = sorted({keys.rows[position] for group in groups for position in group})
        plural = "es" if path == EMAIL else "s"
        which = f"{len(groups):,} {what}{plural} are" if len(groups) > 1 else f"1 {what} is"
        yield Problem.of(
            Code.SHARED_CONTACT,
            keys.candidates.source.origin(),
            f"{which} shared by different people ({row_list(rows, len(rows))})",
            *keys.candidates.layout.places(*labels),
            field=labels[0],
        )
