"""Candidates: the rows after mapping, one column per field, before anybody decided.

Every value is text: dates are ISO (`2027-05-15`), flags are `true` or `false`, codes are Alma's
codes, and "" is blank. A column's label is the field's path, with the entry's number in a list:
`contact_info.email[0].email_address`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made  # a target's `field` is another thing
from typing import TYPE_CHECKING

from importer.model.fields import Field
from importer.model.policy import AccountType, IdRule, OnUpdate
from importer.model.problem import Origin, Place, Problem

if TYPE_CHECKING:
    import pandas as pd

    from importer.model.roster import Source


@dataclass(frozen=True, slots=True)
class Target:
    """One column of the candidates: which field, from which columns of the roster, by which rules.

    `places` is empty for a constant. `id_rule` is the `ids:` rule of the column that feeds it.
    `volatile`: a run variable, such as the day, is in it.
    `given`: the codes that the mapping itself writes, constants and those of lookups, each with
    its place in the mapping file. `free`: a cell's own text may come as well.
    """

    label: str
    field: Field
    places: tuple[Place, ...] = ()
    on_update: OnUpdate = OnUpdate.REPLACE
    override: bool = False
    id_rule: IdRule | None = None
    volatile: bool = False
    given: Mapping[str, str] = made(default_factory=dict)
    free: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list as the mapping writes it, with the labels of its columns.

    A row has the entry when any of these columns is not blank. `constants` are labels whose value
    is the same text in every row that has the entry, with that text.
    """

    parent: str
    labels: tuple[str, ...]
    on_update: OnUpdate = OnUpdate.REPLACE
    constants: Mapping[str, str] = made(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scheme:
    """What the mapping makes of any roster with these headings: the same for every chunk."""

    account_type: AccountType
    record_type: str
    targets: Mapping[str, Target]
    entries: tuple[Entry, ...] = ()

    @property
    def scalars(self) -> Iterator[Target]:
        """The fields of the record itself, outside any list."""
        return (target for target in self.targets.values() if not target.field.parent)

    def places(self, label: str) -> tuple[Place, ...]:
        """The roster's columns behind a label; none for a constant or an unmapped field."""
        target = self.targets.get(label)
        return target.places if target else ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Some mapped rows.

    `rows`: their numbers, in order. `columns`: by label, in the order of `scheme.targets`, one
    text per row, not to be changed. `unspoken`: per label, the rows for which a rule's `when`
    does not hold, so that the field is not spoken of (which differs from blank for `required` and
    `on_update: erase`). `skipped`: rows that `roster.only` does not take; they are not in `rows`.
    `problems`: what could not be read or had to be repaired while mapping.
    """

    source: Source
    scheme: Scheme
    rows: Sequence[int]
    columns: Mapping[str, list[str]]
    unspoken: Mapping[str, frozenset[int]] = made(default_factory=dict)
    skipped: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a frame, made anew each time: index = row number, columns = labels."""
        import pandas as pd

        return pd.DataFrame(self.columns, index=list(self.rows), dtype=object)

    def origin(self, row: int) -> Origin:
        """Where a row stands."""
        return self.source.origin(row)
