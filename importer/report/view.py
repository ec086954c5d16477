"""One view of a run, for report.html and the local page: its people, differences and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import groupby

from importer.advice import Advice
from importer.ledger.journal import to_create
from importer.ledger.ledger import Ledger
from importer.model.fields import FIELDS, fields_of
from importer.model.plan import Act, Change, ChangeKind, Fate, Result, SafetyCheck
from importer.model.problem import (
    CANNOT_BORROW,
    RESOLVED_ADVICE,
    VALUE,
    Code,
    Problem,
    Repairs,
    Severity,
)
from importer.model.run import FailedCheck, NotInRoster, RowHistory, Summary
from importer.model.text import RowId, counted, is_absent, row_label
from importer.report.commands import with_commands
from importer.report.lineage import Lineage, lineage
from importer.report.masking import CUT, plain_path, shown, shown_change, takes_code
from importer.report.wording import (
    ENDS,
    End,
    about_people,
    effort,
    end_of,
    field_name,
    part_name,
    roster_counts,
    sentence,
    what,
)  # fmt: skip

MOST_LINES = 200
"""Lines shown of one kind; the table of all rows has the others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference as it may be shown: the field's path, what Alma has and what it will have."""

    kind: ChangeKind
    path: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """The field in words."""
        return field_name(self.path)

    @property
    def part(self) -> str:
        """The part of the record in words."""
        return part_name(self.path)

    @property
    def change(self) -> str:
        """Both values: `Lee → Leeson`."""
        return f"{self.old or 'nothing'} → {self.new or 'nothing'}"

    def __str__(self) -> str:
        """Return `Last name: Lee → Leeson`."""
        return f"{self.name}: {self.change}"


def differences(changes: Iterable[Change], *, show_values: bool) -> Iterator[Difference]:
    """Yield the differences of a row, masked unless `show_values`."""
    for change in changes:
        old, new = shown_change(change.path, change.old, change.new, show_values=show_values)
        yield Difference(change.kind, change.path, old, new)


def by_kind(rows_of: Mapping[Difference, Sequence[int]]) -> list[dict[str, object]]:
    """Return the differences by kind, removals first, without empty kinds.

    `lines`: each with its rows, those of most rows first, and those of one row each in the order of
    their fields; `more` are left out.
    """
    ordered = sorted(
        rows_of.items(),
        key=lambda item: (
            -len(item[1]),
            item[0].name if len(item[1]) == 1 else "",
            item[1][0],
            item[0].path,
        ),
    )
    kinds: list[dict[str, object]] = []
    for kind in ChangeKind:
        lines = [
            (difference, tuple(dict.fromkeys(rows)))
            for difference, rows in ordered
            if difference.kind is kind
        ]
        if lines:
            total, more = sum(len(rows) for _, rows in lines), len(lines[MOST_LINES:])
            kinds.append({"kind": kind, "total": total, "lines": lines[:MOST_LINES], "more": more})
    return kinds


def by_field(rows_of: Mapping[Difference, Sequence[int]]) -> list[tuple[str, Counter[Difference]]]:
    """Return the fields that change, each with the number of rows of each change.

    Those of most rows come first.
    """
    fields: dict[str, Counter[Difference]] = {}
    for difference, rows in rows_of.items():
        fields.setdefault(difference.name, Counter())[difference] = len(set(rows))
    return sorted(fields.items(), key=lambda field: (-field[1].total(), field[0]))


MOST_USERS = 3
"""New users shown side by side; `importer show` shows those of any row."""


def new_users(
    ledger: Ledger, *, show_values: bool
) -> tuple[list[int], list[tuple[str, str, list[str]]]]:
    """Return the first rows of new users and, by path and name of each field, what each has.

    The fields are in the record's order, values masked unless `show_values`, and "" for none.
    """
    users = dict(to_create(ledger, most=MOST_USERS))
    values: dict[str, dict[int, list[str]]] = {}
    for row, user in users.items():
        for path, text in fields_of(user):
            value = shown(path, text, show_values=show_values)
            values.setdefault(path, {}).setdefault(row, []).append(value)
    return [*users], [
        (path, field_name(path), [" · ".join(by_row.get(row, ())) for row in users])
        for path, by_row in values.items()
    ]


_ORDER = tuple(Severity)

_DANGERS = (
    Code.MANY_OTHER_PEOPLE,
    Code.ANOTHER_PERSON,
    Code.CARD_DIFFERS,
    Code.MANAGED_ELSEWHERE,
    Code.MATCHES_TWO_USERS,
    Code.TWO_USERS_ONE_PERSON,
    Code.IDENTIFIER_OF_ANOTHER_PERSON,
    Code.IDENTIFIER_TAKEN,
    Code.ANOTHER_BIRTH_DATE,
    Code.ANOTHER_NAME,
    Code.REPLACES_EDIT,
)
"""Problems that may be about somebody else's record, or undo an edit; the worst first."""


def is_danger(code: Code) -> bool:
    """Return whether a problem may be about somebody else's record, or undo an edit."""
    return code in _DANGERS


@dataclass(slots=True)
class ProblemGroup:
    """Problems of one roster with equal code, severity, places, field and advice, and their rows.

    Findings about the whole roster are grouped by code, severity and advice, and `all` has
    every one of them. `alike`: all have the same message and value.
    """

    first: Problem
    numbers: set[int] = field(default_factory=set)
    all: list[Problem] = field(default_factory=list)
    alike: bool = True

    def add(self, problem: Problem) -> None:
        """Add a problem."""
        self.numbers.add(problem.origin.row)
        self.alike &= (problem.message, problem.value) == (self.first.message, self.first.value)
        if self.whole:
            self.all.append(problem)

    @property
    def whole(self) -> bool:
        """Whether it is about the whole roster."""
        return self.first.origin.whole

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows, in order; one alone may be a whole roster."""
        return tuple(sorted(self.numbers))

    @property
    def code(self) -> Code:
        """The code of all."""
        return self.first.code

    @property
    def severity(self) -> Severity:
        """The severity of all; nothing is left to correct where a person decided."""
        return Severity.WARNING if self.code is Code.RESOLVED else self.first.severity

    @property
    def title(self) -> str:
        """The title in the catalog."""
        return self.first.title

    @property
    def count(self) -> int:
        """The number of rows; 0 where it is about the whole roster."""
        return 0 if self.whole else len(self.numbers)

    @property
    def once(self) -> str:
        """Whether a single change of the mapping may correct all, "" where it may not."""
        repairs = self.first.repairs
        enough = repairs is Repairs.COLUMN or (repairs is Repairs.VALUE and self.alike)
        several = self.count > 1 and enough
        return f"One change may correct all {self.count:,} rows: " if several else ""

    @property
    def in_words(self) -> str:
        """The advice without commands."""
        return self.once + self.first.to_do

    @property
    def to_do(self) -> str:
        """The advice with its commands."""
        return self.once + with_commands(self.first.advice)

    def sentences(self, *, show_values: bool) -> list[str]:
        """Return the sentence of the first or, about the whole roster, of each."""
        return [sentence(problem, show_values=show_values) for problem in self.all or (self.first,)]


def group_problems(problems: Iterable[Problem]) -> tuple[ProblemGroup, ...]:
    """Return the groups: dangers, the whole roster, the worst severity, then those of most rows.

    Columns that no rule uses come last.
    """
    groups: dict[tuple[object, ...], ProblemGroup] = {}
    for problem in problems:
        origin = problem.origin
        # people who are compared have one question, whatever columns they share
        together = origin.whole or len(problem.places) > 1
        about = (origin.whole,) if together else (problem.places, problem.field)
        roster = RowId.of(origin.row).roster
        key = (problem.code, problem.severity, roster, *about, problem.advice)
        groups.setdefault(key, ProblemGroup(problem)).add(problem)
    return tuple(
        sorted(
            groups.values(),
            key=lambda group: (
                group.code is Code.UNUSED_COLUMN,
                _DANGERS.index(group.code) if is_danger(group.code) else len(_DANGERS),
                not group.whole,
                _ORDER.index(group.severity),
                -group.count,
                min(group.numbers),
            ),
        )
    )


class RunView:
    """One view of a run as it stands now, for all of its reports: each part is read once."""

    def __init__(self, ledger: Ledger, summary: Summary) -> None:
        """Take the run, and read no more of it than how it was made."""
        self.ledger, self.summary, self.facts = ledger, summary, ledger.facts
        self.applied = ledger.was_applied

    @cached_property
    def related(self) -> Lineage:
        """What it says about other runs."""
        return lineage(self.ledger)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All problems by row, those of a whole roster first."""
        return tuple(self.ledger.problems())

    @cached_property
    def groups(self) -> tuple[ProblemGroup, ...]:
        """All problems by cause."""
        return group_problems(self.problems)

    @cached_property
    def by_row(self) -> Mapping[int, tuple[Problem, ...]]:
        """The problems of each row that has any, in the order found."""
        rows = groupby(self.problems, key=lambda problem: problem.origin.row)
        return {row: tuple(problems) for row, problems in rows}

    @cached_property
    def failed_checks(self) -> tuple[FailedCheck, ...]:
        """The safety checks that its plan fails."""
        return self.ledger.failed_checks()

    @property
    def stands(self) -> tuple[str, ...]:
        """How it stands, in sentences below the headline.

        Each surface has this order: what is (the headline, the counts and these), what to look at
        (failed safety checks, `looks`, problems), and what to do next.
        """
        summary, related = self.summary, self.related.sentences()
        rosters, takes = map(roster_counts, summary.rosters or ()), effort(summary)
        return (*related, *rosters, *about_people(summary), *filter(None, (takes,)))

    @cached_property
    def masked(self) -> Survey:
        """What to look at first, and the counts of what changes, without private values."""
        return Survey(self, show_values=False)

    @cached_property
    def shown(self) -> Survey:
        """The same with private values."""
        return Survey(self, show_values=True)


MOST_PEOPLE = 50
"""Rows that a line of what to look at lists; the table of all rows has the others."""

_WHYS: dict[End, str] = {
    Result.REFUSED: "Alma did not take the record.",
    Result.HELD: "The record was changed in Alma since the plan.",
    Result.UNKNOWN: "Alma's answer was lost. The load asks Alma first when it continues.",
    Result.DELIVERED: "In the file for the SIS load; the result is known after that load.",
    Result.NOT_SENT: "Not reached yet. Run apply again to continue.",
}
"""The reason shown for a row without a problem of its own."""


class ShownNames:
    """The names of people in the rows of a run, as they may be shown."""

    def __init__(self, ledger: Ledger, *, show_values: bool) -> None:
        """Find the columns of each field, by roster."""
        self._show_values = show_values
        self._places = []
        for number in range(len(ledger.facts.rosters)):
            columns = [*enumerate(ledger.columns(number))]
            # rows that are users of Alma have names, also where the mapping does not use them
            by_heading = {use.heading: at for at, use in columns}
            self._places.append(
                by_heading | {name: at for at, use in columns for name in use.labels}
            )

    def cells(self, row: RowHistory, *fields: str) -> list[str]:
        """Return the cells of the columns of some fields, each column once."""
        columns = self._places[RowId.of(row.row).roster]
        places = {columns[name]: name for name in fields if name in columns}
        return [
            shown(name, row.cells[at], show_values=self._show_values)
            for at, name in places.items()
            if at < len(row.cells)
        ]

    def known(self, row: RowHistory) -> str:
        """Return the name in a row, or else its primary ID; "" if it has neither."""
        names = " ".join(filter(None, self.cells(row, "first_name", "last_name")))
        return names or shown("primary_id", row.primary_id, show_values=self._show_values)

    def of(self, row: RowHistory | None) -> str:
        """Return the name in a row, or else its primary ID or number."""
        return "" if row is None else self.known(row) or f"row {row_label(row.row)}"


def details_of(
    end: End, changes: Iterable[Difference], problems: Iterable[Problem], *, show_values: bool
) -> tuple[str, ...]:
    """Return why a row is held back, then its differences, then what is worth a look."""
    reasons: list[str] = []
    others: list[str] = []
    here = tuple(problems)
    codes = {problem.code for problem in here}
    for problem in here:
        if problem.severity is not Severity.REPAIRED and not _repeated(problem, codes):
            held_back = problem.severity.holds
            (reasons if held_back else others).append(told(problem, show_values=show_values))
    if not reasons and end in _WHYS:
        reasons.append(_WHYS[end])
    return (*reasons, *map(str, changes), *others)


def _decided(problem: Problem) -> bool:
    """Return whether it is a question that a person answered; another problem has the answer."""
    return problem.advice == RESOLVED_ADVICE


def _repeated(problem: Problem, codes: Collection[Code]) -> bool:
    """Return whether other problems of the row say it: a decision, or that its date has passed."""
    if problem.code is Code.CANNOT_BORROW and Code.EXPIRY_PAST in codes:
        return bool(problem.value)  # the user has only expired
    return _decided(problem) and Code.RESOLVED in codes


def told(problem: Problem, *, show_values: bool) -> str:
    """Return a problem in a sentence, as it may be shown to others than the operator.

    What is no code, however typed, may be anything, such as the name from the next cell.
    """
    coded = problem.code is Code.UNKNOWN_CODE or takes_code(problem.field)
    if coded and not show_values and problem.code not in _ABOUT_RECORDS:
        problem = replace(problem, value=CUT if VALUE in problem.message else problem.value)
    return sentence(problem, show_values=show_values)


_ABOUT_RECORDS = frozenset({Code.REFUSED_BY_ALMA, Code.OWNING_SYSTEM_DIFFERS})
"""Problems whose value is not that of their field."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row in a list: who it is, a sentence or an ID, and what changes. Row 0 is in no roster."""

    row: int
    name: str
    said: str = ""
    changes: tuple[Difference, ...] = ()


@dataclass(slots=True)
class Look:
    """Something to look at before a plan is approved, with some of its rows.

    `key`: names it in the form of approval. `count`: of rows, 0 where the note has it. `dangerous`:
    it must be viewed. `check`: it is a safety check that failed, which is allowed by name.
    `advice`: how the mapping may be changed. `moves`: the rows of each change.
    """

    key: str
    title: str
    note: str
    count: int
    dangerous: bool
    check: bool = False
    advice: Advice = ()
    people: list[ListedRow] = field(default_factory=list)
    moves: Counter[Difference] = field(default_factory=Counter)

    @property
    def called(self) -> str:
        """The title of as many rows as there are."""
        return _OF_ONE.get(self.key, self.title) if self.count == 1 else self.title

    @property
    def number(self) -> str:
        """The count in words, "" for 0."""
        return f"{self.count:,}" if self.count else ""

    def add(self, person: ListedRow) -> None:
        """Count one more row; the first ones are listed."""
        self.count += 1
        self.moves.update(person.changes)
        if len(self.people) < MOST_PEOPLE:
            self.people.append(person)


_OF_ONE = {
    "groups": "Group change",
    "earlier": "End date that becomes earlier",
    "last-names": "New last name",
    "primary-ids": "New primary ID",
    "deletions": "Deletion",
    "absent": "Person who is missing from the roster",
    "not-here": "Person of the last load who is not in this roster",
    "cannot-borrow": "Person who cannot borrow after this load",
}
"""By key, the title of what concerns one row."""

MOST_MOVES = 6
"""Changes that a line of what to look at names; its list of people has the others."""


def look_line(look: Look) -> str:
    """Return a line of what to look at, behind its count and title: what changes, or the note.

    The commonest changes have their rows: `STUDENT → STAFF (8), nothing → STAFF (4)`.
    """
    if look.note:
        return look.note
    named = [
        f"{difference.change} ({count:,})"
        for difference, count in look.moves.most_common(MOST_MOVES)
    ]
    more = len(look.moves) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


class Survey:
    """What the rows of a plan change, counted in one pass.

    `looks`: what to look at first, until the plan is applied. `problems`: the causes that it does
    not name. `missing`, `blocked`: who of the last load is not in the roster, and who cannot borrow
    after this one, each with the reasons. `fields`: rows by field in words. `expiry`: rows by how
    an expiration date moves. `created`: the first people whom a load created.
    """

    def __init__(self, run: RunView, *, show_values: bool) -> None:
        """Read the ledger, which stays open meanwhile."""
        self._run, self._names = run, ShownNames(run.ledger, show_values=show_values)
        self._show_values = show_values
        self._renamed_in_doubt = {
            row
            for group in run.groups
            if group.code is Code.ANOTHER_NAME and not _decided(group.first)
            for row in group.numbers
        }
        self.missing = tuple(map(self._missing, run.ledger.missing()))
        self.blocked = tuple(self._blocked())
        self._fields, self._expiry = Counter[str](), Counter[str]()
        note = "Alma cannot bring these users back"
        self._deleted = Look("deletions", "Deletions", note, 0, dangerous=True)
        title = "People who are missing from the roster"
        self._absent = Look("absent", title, "would be changed", 0, dangerous=True)
        title = "End dates that become earlier"
        self._shortened = Look("earlier", title, "", 0, dangerous=run.facts.command == "plan")
        self._moved = Look("groups", "Group changes", "", 0, dangerous=False)
        self._renamed = Look("last-names", "New last names", "", 0, dangerous=False)
        self._new_ids = Look("primary-ids", "New primary IDs", "", 0, dangerous=False)
        self._updated: list[ListedRow] = []
        for row in run.ledger.planned():
            self._add(row)
        self.fields, self.expiry = self._fields.most_common(), self._expiry.most_common()
        self.looks = () if run.applied else tuple(self._looks())
        above = {look.key for look in self.looks}
        self.problems = tuple(
            group
            for group in run.groups
            if not (is_danger(group.code) or group.code is Code.RESOLVED or _decided(group.first))
            and group.code not in above
            and not self.lists(group)
        )
        self.created = tuple(
            ListedRow(row.row, self._names.of(row), row.primary_id)
            for row in run.ledger.some_rows(Result.CREATED, "", 0, MOST_PEOPLE)
        )

    def lists(self, group: ProblemGroup) -> bool:
        """Return whether what to look at first has all of a cause: who cannot borrow, and why."""
        return group.code in CANNOT_BORROW and not self._run.applied

    def _missing(self, person: NotInRoster) -> ListedRow:
        user = shown("primary_id", person.primary_id, show_values=self._show_values)
        name = shown("last_name", person.name, show_values=self._show_values)
        return ListedRow(0, name, user) if name else ListedRow(0, user)

    def _blocked(self) -> Iterator[ListedRow]:
        for row, problems in self._run.by_row.items():
            said = [
                what(problem, show_values=self._show_values, begin=True)
                for problem in problems
                if problem.code in CANNOT_BORROW
            ]
            if said:
                yield ListedRow(row, self._names.of(self._run.ledger.row(row)), " ".join(said))

    def _looks(self) -> Iterator[Look]:
        """Yield what to look at, the most dangerous first, without what a person decided."""
        asked: dict[Code, list[ProblemGroup]] = {}
        for group in self._run.groups:
            if is_danger(group.code) and not group.first.is_resolved:
                asked.setdefault(group.code, []).append(group)
        for same in asked.values():
            yield self._look(*same)
        yield from self._checks()
        everybody = (
            self._deleted, self._absent, self._shortened, self._new_ids, self._moved, self._renamed,
            _listed("not-here", "People of the last load who are not in this roster", self.missing),
            _listed("cannot-borrow", "People who cannot borrow after this load", self.blocked),
        )  # fmt: skip
        yield from (look for look in everybody if look.count)
        for group in self._run.groups:
            if group.code is Code.NOT_DELETED:
                yield self._look(group, note="they stay in Alma", dangerous=False)
            elif group.code is Code.NO_END_DATE:
                of = f"{group.first.origin.roster}: " if self._run.facts.others else ""
                note, advice = of + " ".join(group.sentences(show_values=True)), group.first.advice
                yield Look(group.code.value, group.title, note, 0, dangerous=False, advice=advice)

    def _add(self, row: RowHistory) -> None:
        changes = _in_order(differences(row.changes, show_values=self._show_values))
        self._fields.update(list(dict.fromkeys(change.name for change in changes)))
        by_path = {change.path: change for change in changes}

        def person(*changes: Difference, said: str = "") -> ListedRow:
            return ListedRow(row.row, self._names.of(row), said, _changed(changes))

        user = shown("primary_id", row.primary_id, show_values=self._show_values)
        if row.act is Act.DELETE:
            self._deleted.add(person(said=user))
        if is_absent(row.row) and changes:
            self._absent.add(ListedRow(row.row, user, "", _changed(changes)))
        if row.act is Act.UPDATE and len(self._updated) < MOST_PEOPLE:
            self._updated.append(person(*changes))
        if number := by_path.get("primary_id"):
            self._new_ids.add(person(number))
        if group := by_path.get("user_group"):
            self._moved.add(person(group))
        name = by_path.get("last_name")
        if name and name.old and row.row not in self._renamed_in_doubt:
            self._renamed.add(person(name))
        for end in (change for change in row.changes if change.path == "expiry_date"):
            moved = _moved(end.old, end.new)
            self._expiry[moved] += 1
            if moved.startswith("Earlier") and not self._run.facts.leaves(row.row):
                self._shortened.add(person(by_path[end.path]))

    def _look(self, *groups: ProblemGroup, note: str = "", dangerous: bool = True) -> Look:
        """Return what problems of one code say; without a note the advice is one."""
        first = groups[0]
        if not note:
            held = any(group.severity.holds for group in groups)
            note = "not written until you decide" if held else first.first.to_do
        rows = sorted({row for group in groups for row in group.rows})
        people = []
        for row in rows[:MOST_PEOPLE]:
            its = next(problem for problem in self._run.by_row[row] if problem.code is first.code)
            said = what(its, show_values=self._show_values, begin=True)
            people.append(ListedRow(row, self._names.of(self._run.ledger.row(row)), said))
        count = 0 if first.whole else len(rows)
        return Look(first.code.value, first.title, note, count, dangerous, people=people)

    def _checks(self) -> Iterator[Look]:
        for failed in self._run.failed_checks:
            title = f"Safety check: {failed.check.value.replace('-', ' ')}"
            all_updates = failed.check is SafetyCheck.MANY_CHANGES and not self._run.facts.others
            yield Look(
                failed.check.value, title, failed.sentence, failed.concerned, dangerous=True,
                check=True, people=self._updated if all_updates else [],
            )  # fmt: skip


def _listed(key: str, title: str, people: Sequence[ListedRow]) -> Look:
    return Look(key, title, "", len(people), dangerous=False, people=[*people[:MOST_PEOPLE]])


def _changed(changes: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return what changes, first where Alma has a value, which is lost."""
    return tuple(sorted(_in_order(changes), key=lambda change: not change.old))


def _in_order(changes: Iterable[Difference]) -> list[Difference]:
    """Return differences in the order of a record's fields, for a load and its undo alike."""
    return sorted(changes, key=lambda change: _FIELDS.get(plain_path(change.path), len(_FIELDS)))


_FIELDS = {path: at for at, path in enumerate(FIELDS)}


def _moved(old: str, new: str) -> str:
    """Return how an expiration date moves."""
    try:
        days = (date.fromisoformat(new[:10]) - date.fromisoformat(old[:10])).days
    except ValueError:
        return "Set for the first time" if not old else "Removed"
    if abs(days) <= _MONTH:
        return "Later, by up to a month" if days > 0 else "Earlier, by up to a month"
    years = round(abs(days) / _YEAR)
    by = f"about {counted(years, 'year')}" if years else "less than half a year"
    return f"{'Later' if days > 0 else 'Earlier'}, by {by}"


_MONTH, _YEAR = 31, 365.25  # days


def rows_page(
    ledger: Ledger, end: str, find: str, offset: int, most: int
) -> tuple[list[dict[str, object]], int]:
    """Return the rows of one end, or of any, that contain a text, and how many there are in all.

    `fields`: each field that is written; of a new user, `is_new`, none has an old value. `gist`:
    the most important of them.
    """
    chosen = next(
        (known for known in ENDS if known == end and isinstance(known, Fate | Act | Result)), None
    )
    page, names = ledger.some_rows(chosen, find, offset, most), ShownNames(ledger, show_values=True)
    rows = [_row(ledger, names, row) for row in list(page)]
    return rows, ledger.count_rows(chosen, find)


def _row(ledger: Ledger, names: ShownNames, row: RowHistory) -> dict[str, object]:
    problems = tuple(ledger.problems(row.row))
    end, is_new = end_of(row, problems), row.act is Act.CREATE
    fields = _changed(differences(row.changes, show_values=True))
    gist = fields[:1]
    if is_new:
        records = (user for _, user in to_create(ledger, row.row))
        fields = tuple(
            Difference(ChangeKind.ADD, path, "", shown(path, text, show_values=True))
            for user in records for path, text in fields_of(user)
        )  # fmt: skip
        gist = tuple(change for change in fields if change.path in {"user_group", "expiry_date"})
    renamed = (
        change.new
        for change in fields
        if change.path == "primary_id" and row.result is Result.UPDATED
    )
    return {
        "row": row.row,
        "name": names.of(row),
        "primary_id": next(renamed, row.primary_id),
        "end": end,
        "details": details_of(end, (), problems, show_values=True),
        "fields": fields,
        "gist": gist,
        "is_new": is_new,
    }
