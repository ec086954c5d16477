"""What rows are compared by: IDs, names, and what people share."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from importer.model import people
from importer.model.candidates import Candidates
from importer.model.people import BORN, EMAIL, PHONE
from importer.model.plan import Duplicates
from importer.model.problem import CellFinding, Place, Problem
from importer.model.roster import Source
from importer.model.text import RowId, folded, row_list
from importer.validator.ids import no_id, rounded_ids

PRIMARY, IDENTIFIER = "primary_id", "user_identifier.value"
NAME = ("last_name", "first_name")

PATHS = {
    BORN: "birth_date",
    EMAIL: "contact_info.email.email_address",
    PHONE: "contact_info.phone.phone_number",
    people.ADDRESS: "contact_info.address.line1",
}
"""The field of each kind of trait."""


class RowKeys:
    """What rows are compared by: IDs without case, names, and what people share.

    Positions count through the rows of all rosters. `ids` has one list per column, the primary IDs
    first; `shared_ids` are the places of those of two or more. `parts`: the first and the last
    names by their numbers in `folded`, -1 for a blank. `names`: a number of each row, the same for
    both orders of first and last, -1 where both are blank. `shared`: the traits of two or more
    rows, a line for each row: `position`, `kind`, `name`, and `key`, the number of the trait (see
    `trait`). `same_id`: the positions of rows that share an ID, in groups; see `_same_id`.
    """

    def __init__(self, rosters: Sequence[tuple[Candidates, Duplicates]]) -> None:
        """Fold every value that rows are compared by."""
        self._candidates = [candidates for candidates, _ in rosters]
        self._policies = [policy for _, policy in rosters]
        self._texts: dict[str, list[str]] = {}
        self.rows = [row for candidates in self._candidates for row in candidates.rows]
        self._starts = [bisect_left(self.rows, RowId(n, 0).packed) for n in range(len(rosters) + 1)]
        texts = self.texts
        self.id_labels = (PRIMARY, *self._labels(IDENTIFIER))
        self.first = _each_once(people.first_key, texts("first_name"))
        self.last = _each_once(folded, texts("last_name"))
        numbers, self.folded = _numbered(chain(self.first, self.last))
        self.parts = numbers.reshape(2, -1)
        low, high = np.sort(self.parts, axis=0)
        self.names = (low + 1) * (len(self.folded) + 1) + high
        every_id = [[*map(str.casefold, texts(at))] for at in self.id_labels]
        self.rounded = rounded_ids(every_id, self.names.tolist())
        self.ids, self.shared_ids = _known_ids(every_id, self.rounded)

        def keys(kind: str, at: str) -> list[str]:
            labels = dict.fromkeys((at, at.replace("line1", "postal_code")))
            return [*map(people.KEYS[kind], *map(texts, labels))]

        self._traits = {
            kind: [keys(kind, at) for at in self._labels(path)] for kind, path in PATHS.items()
        }
        lines = []
        self.trait = np.array([], dtype=object)
        for kind, columns in self._traits.items():
            places, distinct = _repeated(columns)
            lines.append(places.assign(kind=kind, key=places["key"] + len(self.trait)))
            self.trait = np.concatenate([self.trait, distinct])
        self.shared = pd.concat(lines, ignore_index=True).drop_duplicates(["position", "key"])
        self.shared["name"] = self.names[self.shared["position"]]
        self.same_id = _same_id(self)
        self._persons = {at: group[0] for group in self.same_id for at in group}

    def _labels(self, path: str) -> tuple[str, ...]:
        """Return the labels of a field that any of the mappings sets."""
        every = (label for roster in self._candidates for label in roster.layout.labels(path))
        return tuple(dict.fromkeys(every))

    def texts(self, label: str) -> list[str]:
        """Return the values of a column by position; blanks where the field is not mapped."""
        if label not in self._texts:
            self._texts[label] = [t for roster in self._candidates for t in roster.texts(label)]
        return self._texts[label]

    @cached_property
    def _contents(self) -> list[list[str]]:
        columns = [c for roster in self._candidates for c in roster.layout.targets.values()]
        by_row = {column.label for column in columns if column.by_row}
        labels = dict.fromkeys(column.label for column in columns if column.label != PRIMARY)
        return [self._cells(label) if label in by_row else self.texts(label) for label in labels]

    def _cells(self, label: str) -> list[str]:
        """Return the cells that decide a column, by position, without what the run writes."""
        texts = []
        for roster in self._candidates:
            target = roster.layout.targets.get(label)
            cells = roster.cells.loc[roster.rows, [*target.reads] if target else []]
            texts += ["\n".join(row) for row in cells.to_numpy().tolist()]
        return texts

    def content(self, position: int) -> tuple[str, ...]:
        """Return what a row contains besides its primary ID and what the run writes into it."""
        return tuple(column[position] for column in self._contents)

    def person_keys(self, position: int, common: Collection[str]) -> people.PersonKeys:
        """Return what the person of a row is compared by; traits in `common` do not count."""
        traits = {
            f"{kind} {column[position]}"
            for kind, columns in self._traits.items()
            for column in columns
            if column[position]
        }
        own = frozenset(traits.difference(common))
        return people.PersonKeys(self.first[position], self.last[position], own)

    def roster(self, position: int) -> int:
        """Return which of the rosters has the row."""
        return RowId.of(self.rows[position]).roster

    def policy(self, position: int) -> Duplicates:
        """Return the rules of the row's mapping."""
        return self._policies[self.roster(position)]

    def off(self, rule: Literal["same_person", "similar_person"]) -> frozenset[int]:
        """Return the positions of rows whose mapping turns a rule off."""
        spans = zip(pairwise(self._starts), self._policies, strict=True)
        off = (range(*span) for span, policy in spans if getattr(policy, rule) == "off")
        return frozenset(chain.from_iterable(off))

    def id(self, position: int) -> str:
        """Return the first ID of the row as it is there; blank if it has none."""
        return next(filter(None, (self.texts(label)[position] for label in self.id_labels)), "")

    def person(self, position: int) -> int:
        """Return the first position with an ID of the row."""
        return self._persons.get(position, position)

    def listed(self, positions: Sequence[int], own: int, without: Collection[int] = ()) -> str:
        """List rows, in order, for a message to one of them, without some of them.

        Those of other rosters have their file. Of many rows only the first are looked at, because
        each of them may get its own list.
        """
        parts = []
        for roster, (start, end) in enumerate(pairwise(self._starts)):
            first, last = bisect_left(positions, start), bisect_left(positions, end)
            count = last - first - sum(start <= position < end for position in without)
            if count:
                every = (positions[at] for at in range(first, last))
                rows = row_list((self.rows[at] for at in every if at not in without), count)
                file = self._candidates[roster].source.path.name
                parts.append(rows if roster == self.roster(own) else f"{rows} of {file}")
        return " and ".join(parts)

    def places(self, position: int, *labels: str) -> tuple[Place, ...]:
        """Return the columns of the row's roster behind some labels."""
        return self._candidates[self.roster(position)].layout.places(*labels)

    def source(self, position: int) -> Source:
        """Return the file of the row's roster."""
        return self._candidates[self.roster(position)].source

    def labels(self, kinds: Collection[str]) -> list[str]:
        """The labels of some kinds of traits, in the order of their kinds."""
        paths = (path for kind, path in PATHS.items() if kind in kinds)
        return [label for path in paths for label in self._labels(path)]

    def problem(self, position: int, finding: CellFinding, *labels: str) -> Problem:
        """Return a problem of one row, about the field of the first label."""
        places = self.places(position, *labels)
        origin = self.source(position).origin(self.rows[position])
        return finding.problem(origin, *places, field=labels[0])


def _each_once(change: Callable[[str], str], texts: Sequence[str]) -> list[str]:
    """Return the changed texts. Each distinct one is changed once."""
    changed = {text: change(text) for text in {*texts}}
    return [*map(changed.__getitem__, texts)]


def _known_ids(
    columns: list[list[str]], rounded: Collection[str]
) -> tuple[list[list[str]], pd.DataFrame]:
    """Blank the IDs that identify nobody, such as rounded ones, where rows share them.

    Also return the places of the other IDs that are more than once, see `_repeated`.
    """
    places, texts = _repeated(columns)
    repeated = {number: texts[number] for number in places["key"].unique().tolist()}
    nobody = [at for at, text in repeated.items() if text in rounded or no_id(text)]
    for _, position, column in places[places["key"].isin(nobody)].iloc[:, :2].itertuples():
        columns[column][position] = ""
    return columns, places[~places["key"].isin(nobody)]


def _numbered(texts: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Return a number for each text, equal ones for equal texts, -1 for blanks; and the texts."""
    numbers, distinct = pd.factorize(np.fromiter(texts, object))
    numbers[(distinct == "")[numbers]] = -1
    return numbers, distinct


def _repeated(columns: Sequence[list[str]]) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Return each place of a key that is more than once in some columns, blanks left out.

    `position`, `column` and `key`, one column after the other; a key is a number, that of its text
    in the texts that are also returned.
    """
    numbers, texts = _numbered(chain.from_iterable(columns))
    often = np.bincount(numbers[numbers >= 0], minlength=len(texts)) > 1
    places = np.flatnonzero((numbers >= 0) & often[numbers])
    column, position = np.divmod(places, max(map(len, columns), default=0) or 1)
    lines = {"position": position, "column": column, "key": numbers[places]}
    return pd.DataFrame(lines), texts


def sharing(places: pd.DataFrame, skipped: Collection[int] = ()) -> list[list[tuple[int, int]]]:
    """Group places of IDs by their key, as (position, column), two or more; some are skipped.

    Places are in order, and so are groups, by their first place.
    """
    groups: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for position, column, key in zip(*(places[name].tolist() for name in places), strict=True):
        if position not in skipped:
            groups[key].append((position, column))
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _same_id(keys: RowKeys) -> list[list[int]]:
    """Return groups of positions: of one primary ID or, in different rosters, with any ID shared.

    A person's primary ID may be another one in each roster.
    """
    primary = keys.shared_ids[keys.shared_ids["column"] == 0]
    groups = [[position for position, _ in places] for places in sharing(primary)]
    everywhere = ({position for position, _ in places} for places in sharing(keys.shared_ids))
    across = [sorted(group) for group in everywhere if len({*map(keys.roster, group)}) > 1]
    return connected([*groups, *across])


def connected(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the positions that are connected through groups, each set in order."""
    sets: dict[int, set[int]] = {}
    for group in groups:
        joined = max((sets[at] for at in group if at in sets), key=len, default=set[int]())
        for position in group:
            if (other := sets.get(position, {position})) is not joined:
                joined |= other
                sets.update(dict.fromkeys(other, joined))
    return sorted(map(sorted, {id(same): same for same in sets.values()}.values()))
