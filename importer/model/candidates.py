"""Candidates: the rows after mapping, one column per field, before any decision.

Every value is text: dates are ISO (`2027-05-15`), flags are `true` or `false`, codes are Alma's
codes, and "" is blank. A column's label is the field's path, with the entry's number in a list:
`contact_info.email[0].email_address`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default  # a column's `field` is another thing
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator
from pydantic import Field as Key

from importer.model.fields import FIELDS, Field, OnUpdate
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code, Origin, Place, Problem, Repairs, Severity
from importer.model.roster import Source
from importer.model.text import full_match, word_list
from importer.model.user import AccountType

if TYPE_CHECKING:
    import pandas as pd  # the rules of a mapping need none

NAMES = tuple(path for path in FIELDS if path.endswith("_name"))
"""The fields with parts of a person's name."""

ID_FIELDS = ("primary_id", "user_identifier.value")  # the fields of a person's own IDs
ENDS = ("expiry_date", "purge_date")  # the fields with the dates on which a record ends
ROLE_END = "patron_role.expiry"  # the field with the date on which the Patron role ends

NEVER = "9999-12-31"
"""The date on which a record ends that means that it never does."""
_FIRST_END, _LONGEST = "1990-01-01", 100  # years ahead


def years_from(today: date, years: int) -> str:
    """Return, as ISO, the same day some years later; that day need not exist."""
    return f"{today.year + years:04}{today.isoformat()[4:]}"


def is_long_past(end: str) -> bool:
    """Return whether a date on which a record ends, as ISO or blank, is before 1990."""
    return "" < end < _FIRST_END


def wrong_end(end: str, today: date) -> str:
    """Return why a date on which a record ends is out of range, "" if it is not."""
    if is_long_past(end):
        return "before 1990"
    return f"more than {_LONGEST} years ahead" if end > years_from(today, _LONGEST) else ""


def _yes(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Yes = Annotated[bool, BeforeValidator(_yes)]
"""`true` or `false`, written as text in the mapping."""


class IdRule(MappingPart):
    """What the IDs of one column look like."""

    digits: int | None = Key(default=None, ge=1, le=50)
    pattern: str | None = None
    pad: Yes = False
    check_digit: Literal["mod10"] | None = None
    strip: str = ""

    @property
    def has_form(self) -> bool:
        """Whether it asks for a form, and does not only repair the cells."""
        return bool(self.digits or self.pattern or self.check_digit)

    def wrong(self, text: str) -> CellFinding | None:
        """Return what is wrong with an ID. Raises MappingError if the pattern takes too long."""
        numeric = text.isascii() and text.isdigit()
        if self.digits is not None and not numeric:
            return CellFinding(Code.MALFORMED_ID, f"{{value}} is not {self.digits} digits")
        if self.digits is not None and len(text) != self.digits:
            zeros = not self.pad and len(text) < self.digits < 2 * len(text)
            return CellFinding(
                Code.MALFORMED_ID,
                f"{{value}} has {len(text)} digits, and its column asks for {self.digits}",
                _PAD if zeros else "",
                repairs=Repairs.COLUMN,
            )
        if self.pattern and not full_match(self.pattern, text):
            what = _in_words(self.pattern)
            return CellFinding(Code.MALFORMED_ID, f"{{value}} does not fit: {what}")
        if self.check_digit and not (numeric and has_check_digit(text)):
            return CellFinding(
                Code.MALFORMED_ID,
                "the last digit of {value} does not agree with the others",
                "Look for a wrong or swapped digit, or scan the barcode again.",
            )
        return None


_PAD = (
    "If the spreadsheet program removed leading zeros, set `pad: true` for this column under `ids` "
    "in the mapping; otherwise correct the ID."
)
_NUMBERS = re.compile(r"([0-9]*)\[0-9\]\{([0-9]+)\}")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def _in_words(pattern: str) -> str:
    """Return what a column needs by the pattern of its IDs."""
    if numbers := _NUMBERS.fullmatch(pattern):
        start, rest = numbers.groups()
        starting = f", starting with {start}" if start else ""
        return f"this column needs {len(start) + int(rest)} digits{starting}"
    return f"the pattern under `ids:` in the mapping is {pattern}"


def has_check_digit(text: str) -> bool:
    """Return whether the last digit is right by modulus 10, as in 14-digit library barcodes."""
    digits = text.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """One column of the candidates: its field, its columns in the roster, its rules.

    `places` is empty for a constant. `id_rule` is the `ids:` rule of the column that feeds it.
    `run_dependent`: it contains a run variable, such as the day.
    `drop_bad`: a bad value is left out with a warning, and does not reject its row.
    `mapped_codes`: the codes that the mapping itself writes, constants and those of lookups, each
    with its place in the mapping file. `from_cells`: a cell's own text may be written as well.
    `reads`: the positions in the roster of all columns that decide the value, also by a condition
    or through another field. `rule`: its rule with the lookups, as a text that only compares.
    `takes`: the fields of the record that it takes; `instead`: positions of the columns whose cells
    it may take in place of all of them. `needed`: no row goes without it.
    `by_row`: it contains the number or the file of each row.
    """

    label: str
    field: Field
    places: tuple[Place, ...] = ()
    on_update: OnUpdate = OnUpdate.REPLACE
    override: bool = False
    id_rule: IdRule | None = None
    run_dependent: bool = False
    drop_bad: bool = False
    mapped_codes: Mapping[str, str] = default(default_factory=dict)
    from_cells: bool = False
    reads: tuple[int, ...] = ()
    rule: str = ""
    takes: tuple[str, ...] = ()
    instead: tuple[int, ...] = ()
    needed: bool = False
    by_row: bool = False


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry of a list as the mapping writes it, with the labels of its columns.

    A row has the entry if any of these columns is not blank. `constants` are labels whose value
    is the same text in every row that has the entry, with that text. `replaces`: the types of
    Alma's entries whose place it takes, beside its own.
    """

    parent: str
    labels: tuple[str, ...]
    on_update: OnUpdate = OnUpdate.REPLACE
    constants: Mapping[str, str] = default(default_factory=dict)
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """Entries of a list that every update removes: of a type, or with a text that matches."""

    parent: str
    type: str = ""
    pattern: str = ""


@dataclass(frozen=True, eq=False)  # one for each mapping of a run
class RecordLayout:
    """The columns and entries that the mapping makes of any roster with these headings."""

    account_type: AccountType
    record_type: str
    targets: Mapping[str, FieldColumn]
    entries: tuple[ListEntry, ...] = ()
    removals: tuple[Removal, ...] = ()

    @cached_property
    def scalars(self) -> list[FieldColumn]:
        """The fields of the record itself, outside any list."""
        return [target for target in self.targets.values() if not target.field.parent]

    @cached_property
    def parents(self) -> Iterable[str]:
        """The paths of the lists that it writes."""
        written = (entry.parent for entry in self.entries)
        return dict.fromkeys((*written, *(removal.parent for removal in self.removals)))

    def followers(self, path: str) -> tuple[str, ...]:
        """The labels of what takes a field of the record, itself or through another one."""
        labels = [path]
        for name in labels:
            taking = (label for label, column in self.targets.items() if name in column.takes)
            labels += (label for label in taking if label not in labels)
        return tuple(labels[1:])

    def labels(self, path: str) -> tuple[str, ...]:
        """The labels of a field: one outside lists, in a list one per entry."""
        return tuple(label for label, column in self.targets.items() if column.field.path == path)

    def places(self, *labels: str) -> tuple[Place, ...]:
        """The roster's columns behind some labels, each once; none for an unmapped field."""
        columns = (self.targets.get(label) for label in labels)
        return tuple(dict.fromkeys(p for column in columns if column for p in column.places))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The mapped rows of a roster.

    `frame`: text, "" for blank; the index is the row number, the columns are the labels in the
    order of `layout.targets`. `not_applicable`: by label, the rows for which a rule's `when` does
    not hold or whose value was dropped, so that the field is left unchanged (which differs from
    blank for `required` and `on_update: erase`). `skipped`: rows that the mapping leaves out; they
    are not in the frame. `cells`: the roster's own frame, with all of its rows. `problems`: what
    could not be read or had to be repaired while mapping.
    `orders`: those of dates that columns show, None if they show none, by what reads the columns.
    `behind`: by label of a name, each row's text before the mapping's steps, such as the whole
    name.
    """

    source: Source
    layout: RecordLayout
    frame: pd.DataFrame
    cells: pd.DataFrame
    not_applicable: Mapping[str, frozenset[int]] = default(default_factory=dict)
    skipped: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()
    orders: dict[Hashable, str | None] = default(default_factory=dict)
    behind: Mapping[str, list[str]] = default(default_factory=dict)

    @property
    def rows(self) -> list[int]:
        """The row numbers, in order."""
        numbers: list[int] = self.frame.index.tolist()
        return numbers

    def texts(self, label: str) -> list[str]:
        """The values of a column, one per row; blanks if the field is not mapped."""
        if label not in self.frame:
            return [""] * len(self.frame)
        column: list[str] = self.frame[label].tolist()
        return column

    def origin(self, row: int) -> Origin:
        """Return the place of a row in the roster."""
        return self.source.origin(row)

    def without_bad(self, problems: Iterable[Problem]) -> tuple[Candidates, list[Problem]]:
        """Return the rows without the values that reject them, where `bad: drop` allows that.

        What takes such a value is left out with it; if no row goes without that, the value rejects
        its row after all. The problem of a value that is left out is returned as a warning; what
        is left out with it has none.
        """
        problems = [*problems]
        fields = {problem.field for problem in problems}
        followers = {label: self.layout.followers(label) for label in fields}
        taking: dict[tuple[str, int], tuple[str, ...]] = {}
        for problem in problems:
            label, row = problem.field, problem.origin.row
            column = self.layout.targets.get(label)
            if column is not None and column.drop_bad and problem.severity is Severity.REJECT:
                with_it = self._taking(label, row, followers[label])
                if not any(self.layout.targets[label].needed for label in with_it):
                    taking[label, row] = with_it
        dropped: defaultdict[str, set[int]] = defaultdict(set)
        for (label, row), with_it in taking.items():
            for name in (label, *with_it):
                dropped[name].add(row)
        shown = []
        for problem in problems:
            label, row = problem.field, problem.origin.row
            if (label, row) in taking and problem.severity is Severity.REJECT:
                names = [f"`{name}`" for name in (label, *taking[label, row])]
                what = f"{word_list(names)} are" if names[1:] else "the value is"
                message = f"{problem.message}; {what} left out"
                shown.append(replace(problem, severity=Severity.WARNING, message=message))
            elif (label, row) in taking or row not in dropped.get(label, ()):
                shown.append(problem)
        return self._without(dropped) if dropped else self, shown

    def _taking(self, label: str, row: int, followers: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of the labels take a value of a row; a blank one gives nothing.

        Of a field that may take a cell in its place, the cell counts if it has a text.
        """
        if not followers or not self.frame.at[row, label]:
            return tuple(follower for follower in followers if not self.frame.at[row, follower])
        cells, targets = self.cells.loc[row], self.layout.targets
        return tuple(
            follower
            for follower in followers
            if not any(cells[at] for at in targets[follower].instead)
        )

    def _without(self, dropped: Mapping[str, Collection[int]]) -> Candidates:
        """Return the rows without some values, by label."""
        index, known, nothing = self.frame.index, self.not_applicable, frozenset[int]()
        silent = {label: known.get(label, nothing).union(rows) for label, rows in dropped.items()}
        kept = {
            label: self.frame[label].mask(index.isin([*rows]), "")
            for label, rows in dropped.items()
        }
        frame = self.frame.assign(**kept)
        return replace(self, frame=frame, not_applicable={**known, **silent})
