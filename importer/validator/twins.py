"""The checks across rows: the same identifier twice, and the same person twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from importer.validator.exact import (
    Standing,
    duplicate_identifiers,
    duplicate_ids,
    duplicate_persons,
)
from importer.validator.keys import UNWEIGHED, Part, id_labels, joined, kept
from importer.validator.shared import shared_contacts
from importer.validator.similar import similar_persons

if TYPE_CHECKING:
    from importer.model.candidates import Candidates
    from importer.model.policy import Duplicates
    from importer.model.problem import Problem

_LIGHTEST = -(2**62)
"""A user group without a weight of its own gives way to any that has one."""


class Twins:
    """Collects what is compared across rows, chunk by chunk, and tells the twins at the end.

    Every row of a group is flagged, and names the others. Rows that are rejected for other
    reasons count as well: which of two twins is right is a person's decision.
    """

    def __init__(self, duplicates: Duplicates) -> None:
        """`duplicates` is what the mapping says of rows that collide."""
        self._duplicates = duplicates
        self._parts: list[Part] = []
        self._first: Candidates | None = None

    def add(self, candidates: Candidates) -> None:
        """Keep the keys of these rows. All chunks are of one roster and one mapping."""
        if self._first is None:
            self._first = _emptied(candidates)
        keeps = self._duplicates.same_id != "reject"
        self._parts.append(kept(candidates, self._weight, whole=keeps))

    def _weight(self, group: str) -> int:
        return self._duplicates.weights.get(group, _LIGHTEST) if group else UNWEIGHED

    def problems(self) -> Iterator[Problem]:
        """Every twin of the rows added so far, kind by kind, each kind in the order of the rows."""
        if self._first is None:
            return
        standing = Standing(self._first, id_labels(self._first), joined(self._parts))
        found, left = duplicate_ids(standing, self._duplicates)
        yield from found
        yield from duplicate_identifiers(standing, left)
        if self._duplicates.same_person != "off":
            yield from duplicate_persons(standing, left, self._duplicates.same_person)
        if self._duplicates.similar_person != "off":
            yield from similar_persons(standing, left)
        yield from shared_contacts(standing)


def _emptied(candidates: Candidates) -> Candidates:
    """The same source and scheme without the rows, so that no column is kept."""
    return replace(
        candidates, frame=candidates.frame.iloc[:0], not_applicable={}, skipped=(), problems=()
    )
