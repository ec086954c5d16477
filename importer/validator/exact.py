"""Rows with the same identifier, and rows of the same person under two identifiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from importer.model.catalogue import Code, Severity
from importer.model.problem import Place, Problem
from importer.validator.groups import linked, others, sharing
from importer.validator.keys import UNWEIGHED, Keys, mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from importer.model.candidates import Candidates
    from importer.model.policy import Duplicates

    Mask = NDArray[np.bool_]

_ENOUGH = 6
"""So many rows are looked up to name five others, whichever of them is the row itself."""

_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}


@dataclass(frozen=True, slots=True)
class Standing:
    """The roster's keys, with what is needed to say where a row stands.

    `candidates` gives source and scheme; `labels` are those of the identifiers, primary first.
    """

    candidates: Candidates
    labels: list[str]
    keys: Keys

    def row(self, position: int) -> int:
        """The row number of a position."""
        return int(self.keys.rows[position])

    def named(self, positions: list[int], own: int) -> str:
        """The other rows of a group, for a message to one of them."""
        near = (self.row(other) for other in positions[:_ENOUGH] if other != own)
        return others(near, len(positions) - 1)

    def places(self, *labels: str) -> tuple[Place, ...]:
        """The roster's columns behind some labels, each once."""
        scheme = self.candidates.layout
        return tuple(dict.fromkeys(place for label in labels for place in scheme.places(label)))

    def labels_of(self, path: str) -> list[str]:
        """The labels of a field, in the mapping's order."""
        targets = self.candidates.layout.targets.items()
        return [label for label, target in targets if target.field.path == path]

    def problem(
        self,
        code: Code,
        position: int,
        message: str,
        *labels: str,
        value: str = "",
        advice: str = "",
        severity: Severity | None = None,
    ) -> Problem:
        """A problem of one row, about the field of the first label."""
        return Problem.of(
            code,
            self.candidates.origin(self.row(position)),
            message,
            *self.places(*labels),
            field=labels[0],
            value=value,
            advice=advice,
            severity=severity,
        )


def duplicate_ids(standing: Standing, policy: Duplicates) -> tuple[list[Problem], Mask]:
    """Rows with the same primary identifier, and a mask of the rows that are still to compare.

    By policy one row of a group may be kept; the others then give way to it, and are no longer
    anybody's twins. Where the policy cannot tell which, all of them are held for review.
    """
    keys = standing.keys
    left = np.ones(len(keys.rows), dtype=np.bool_)
    problems: list[Problem] = []
    for places in sharing(keys.id_keys[:1]):
        group = [position for position, _ in places]
        keeper, severity, doubt = None, Severity.REJECT, ""
        if policy.same_id != "reject":
            keeper, doubt = _keeper(keys, group, heaviest=policy.same_id == "keep heaviest")
            severity = Severity.REVIEW
        for position in group:
            if position == keeper:
                continue
            same = "{value} is also the primary identifier of"
            if keeper is None:
                code, message = Code.DUPLICATE_ID, f"{same} {standing.named(group, position)}"
            else:
                left[position] = False
                code = Code.GIVES_WAY
                message = f"{same} row {standing.row(keeper)}, which is kept instead"
            problem = standing.problem(
                code,
                position,
                message,
                "primary_id",
                value=keys.ids[0][position],
                advice=doubt,
                severity=severity if keeper is None else None,
            )
            problems.append(problem)
    problems.sort(key=lambda problem: problem.origin.row)
    return problems, left


def _keeper(keys: Keys, group: list[int], *, heaviest: bool) -> tuple[int | None, str]:
    """The row of a group to keep; or none, and what a person is to do.

    That is the first of the group, or of its heaviest, as long as those among which the policy
    does not choose say the same, and all of the group are of one person; and where it weighs,
    all of them have a user group.
    """
    if not _one_person(keys, group):
        return None, "The rows name different persons. Find out whose identifier it is."
    if heaviest and any(keys.weight[position] == UNWEIGHED for position in group):
        return None, "A row is without a known user group. Correct it, or delete the others."
    best = max(int(keys.weight[position]) for position in group)
    equal = [position for position in group if not heaviest or keys.weight[position] == best]
    if len({int(keys.content[position]) for position in equal}) > 1:
        return None, "The rows differ. Find out which one is right, and delete the others."
    return equal[0], ""


def _one_person(keys: Keys, group: list[int]) -> bool:
    """Do the rows have one last name, and no two birth dates?"""
    births = {int(keys.birth[position]) for position in group} - {0}
    return len({keys.last[position] for position in group}) == 1 and len(births) < 2


def duplicate_identifiers(standing: Standing, left: Mask) -> Iterator[Problem]:
    """Identifiers that stand in two rows, or in two columns (contract 3.2: one space of values).

    The same primary identifier in several rows is another kind of problem, and so is all that
    such rows have in common besides; it is one of this kind as well where the value stands as
    primary identifier in one place and as additional identifier in another.
    """
    keys = standing.keys
    found: list[tuple[int, int, Problem]] = []
    columns = [np.where(left, column, 0) for column in keys.id_keys]
    for places in sharing(columns):
        rows = list(dict.fromkeys(position for position, _ in places))
        people = {int(keys.id_keys[0][position]) or -position - 1 for position in rows}
        if len({column for _, column in places}) == len(people) == 1 and len(rows) > 1:
            continue
        within: defaultdict[int, list[int]] = defaultdict(list)
        for position, column in places:
            within[position].append(column)
        for position, own in within.items():
            labels = [standing.labels[column] for column in own]
            parts = []
            if len(own) > 1:
                headings = ", ".join(map(str, standing.places(*labels))) or ", ".join(labels)
                parts.append(f"stands more than once in this row ({headings})")
            if len(rows) > 1:
                parts.append(f"is also an identifier in {standing.named(rows, position)}")
            problem = standing.problem(
                Code.DUPLICATE_IDENTIFIER,
                position,
                f"{{value}} {' and '.join(parts)}",
                *labels,
                value=keys.ids[own[0]][position],
            )
            found.append((position, own[0], problem))
    yield from (problem for _, _, problem in sorted(found, key=lambda entry: entry[:2]))


def duplicate_persons(
    standing: Standing, left: Mask, policy: Literal["review", "reject", "warn"]
) -> Iterator[Problem]:
    """Rows of one name and one birth date or e-mail under different primary identifiers."""
    keys = standing.keys
    names = np.where(left, keys.name, 0)
    by_birth = sharing([mixed(names, keys.birth)])
    by_email = sharing([mixed(names, email) for email in keys.emails])
    groups: list[list[int]] = []
    labels: defaultdict[int, list[str]] = defaultdict(list)
    for path, shared in (("birth_date", by_birth), ("contact_info.email.email_address", by_email)):
        grouped = [sorted({position for position, _ in places}) for places in shared]
        groups += (group for group in grouped if len(group) > 1)
        for position in {position for group in grouped if len(group) > 1 for position in group}:
            labels[position] += standing.labels_of(path)
    found: list[tuple[int, Problem]] = []
    for members in linked(groups):
        by_id: defaultdict[int, list[int]] = defaultdict(list)
        for position in members:
            by_id[int(keys.id_keys[0][position]) or -position - 1].append(position)
        if len(by_id) == 1:
            continue
        for same in by_id.values():
            own = set(same)
            rest = (standing.row(other) for other in members if other not in own)
            named = others(islice(rest, _ENOUGH), len(members) - len(same))
            found += (
                (
                    position,
                    standing.problem(
                        Code.DUPLICATE_PERSON,
                        position,
                        f"{_what(labels[position])} as in {named}, under another identifier",
                        "last_name",
                        "first_name",
                        *labels[position],
                        severity=_BY_POLICY[policy],
                    ),
                )
                for position in same
            )
    yield from (problem for _, problem in sorted(found, key=lambda entry: entry[0]))


def _what(labels: list[str]) -> str:
    """What a row has in common with its twins, for a message."""
    birth = "birth_date" in labels
    if birth and len(labels) > 1:
        return "the same name, birth date and e-mail"
    return f"the same name and {'birth date' if birth else 'e-mail'}"
