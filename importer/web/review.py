"""What the page of a run shows: what to look at first, what changes, and every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

from importer.errors import StalePlanError
from importer.ledger.integrity import check_whole
from importer.ledger.ledger import Ledger, summarize, to_create
from importer.model.fields import fields_of
from importer.model.plan import Act, Fate, Result
from importer.model.problem import Code, Severity
from importer.model.run import RowHistory, RunFacts, Summary
from importer.model.text import RowId, counted, is_absent, row_label
from importer.pipeline.apply import check_unchanged, left_to_do
from importer.report.differences import Difference, differences
from importer.report.files import present
from importer.report.lineage import lineage
from importer.report.masking import shown
from importer.report.page import details_of
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import ENDS, End, Tally, end_of, field_name, tallies, what
from importer.web.drafts import Draft
from importer.web.history import Event, events_of, prepared_by
from importer.web.loads import ledger_stamp
from importer.web.workspace import Workspace

MOST_LINES = 50
"""Rows that a line of what to look at lists; the table of all rows has the others."""

_NAMES = ("first_name", "last_name")


@dataclass(frozen=True, slots=True)
class Person:
    """A row in a list: who it is, what is said about it, and an old and a new value."""

    row: int
    name: str
    said: str = ""
    old: str = ""
    new: str = ""


@dataclass(slots=True)
class Look:
    """Something to look at before a plan is approved, with some of its rows.

    `key`: names it in the form of approval. `dangerous`: it must be viewed. `check`: it is a safety
    check that failed, which is allowed by name.
    """

    key: str
    title: str
    note: str
    count: int
    dangerous: bool
    check: bool = False
    people: list[Person] = field(default_factory=list)

    def add(self, person: Person) -> None:
        """Count one more row; the first ones are listed."""
        self.count += 1
        if len(self.people) < MOST_LINES:
            self.people.append(person)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the rows of a plan change, counted; it is kept until the ledger changes.

    `fields`: rows by field in words. `groups`: rows by old and new user group. `expiry`: rows by
    how an expiration date moves. `created`: the first people whom a load created.
    """

    looks: tuple[Look, ...]
    fields: tuple[tuple[str, int], ...]
    groups: tuple[tuple[tuple[str, str], int], ...]
    expiry: tuple[tuple[str, int], ...]
    problems: tuple[ProblemGroup, ...]
    created: tuple[Person, ...]


@lru_cache(maxsize=4)
def _survey(folder: Path, _stamp: object) -> Survey:
    with Ledger.open(folder) as ledger:
        return _Survey(ledger).made()


class _Survey:
    """Counts the planned rows of a run in one pass."""

    def __init__(self, ledger: Ledger) -> None:
        """Start with nothing."""
        self.ledger = ledger
        self.names = Names(ledger)
        self.fields: Counter[str] = Counter()
        self.groups: Counter[tuple[str, str]] = Counter()
        self.expiry: Counter[str] = Counter()
        note = "Alma cannot bring these users back"
        self.deleted = Look("deletions", "Deletions", note, 0, dangerous=True)
        title = "People who are missing from the roster"
        self.absent = Look("absent", title, "would be changed", 0, dangerous=True)
        self.moved = Look("groups", "Group changes", "old and new group", 0, dangerous=False)

    def made(self) -> Survey:
        """Read the ledger."""
        for one in self.ledger.planned():
            self._add(one)
        groups = group_problems(self.ledger.problems())
        held = "not written until you decide"
        first = [
            self._look(one, held if one.severity is Severity.REVIEW else one.first.advice)
            for one in groups if one.danger
        ]  # fmt: skip
        first += self._checks()
        open_ended = [
            Look(one.code.value, one.title, " ".join(one.sentences(show_values=True)),
                 len(one.all), dangerous=False)
            for one in groups if one.code is Code.NO_END_DATE
        ]  # fmt: skip
        counted_looks = [one for one in (self.deleted, self.absent, self.moved) if one.count]
        counted_looks += [self._look(one, "they stay in Alma", dangerous=False)
                          for one in groups if one.code is Code.NOT_DELETED]  # fmt: skip
        return Survey(
            looks=(*first, *counted_looks, *open_ended),
            fields=tuple(self.fields.most_common()),
            groups=tuple(self.groups.most_common()),
            expiry=tuple(self.expiry.most_common()),
            problems=tuple(one for one in groups if not one.danger),
            created=tuple(
                Person(row.row, self.names.of(row), row.primary_id)
                for row in self.ledger.some_rows(Result.CREATED, "", 0, MOST_LINES)
            ),
        )

    def _add(self, row: RowHistory) -> None:
        found = tuple(differences(row.changes, show_values=True))
        self.fields.update({one.name for one in found})
        by_path = {one.path: one for one in found}
        if row.act is Act.DELETE:
            self.deleted.add(Person(row.row, self.names.of(row), row.primary_id))
        if is_absent(row.row) and found:
            said = ", ".join(map(str, found))
            self.absent.add(Person(row.row, row.primary_id, said))
        if group := by_path.get("user_group"):
            self.groups[group.old, group.new] += 1
            self.moved.add(Person(row.row, self.names.of(row), "", group.old, group.new))
        if expiry := by_path.get("expiry_date"):
            self.expiry[_moved(expiry)] += 1

    def _look(self, group: ProblemGroup, note: str, *, dangerous: bool = True) -> Look:
        people = []
        for row in group.rows[:MOST_LINES]:
            problems = (one for one in self.ledger.problems(row) if one.code is group.code)
            said = what(next(problems, group.first), show_values=True, begin=True)
            people.append(Person(row, self.names.of(self.ledger.row(row)), said))
        return Look(group.code.value, group.title, note, group.count, dangerous, people=people)

    def _checks(self) -> Iterator[Look]:
        for one in () if self.ledger.was_applied else self.ledger.facts.failed_checks:
            title = f"Safety check: {one.check.value.replace('-', ' ')}"
            yield Look(
                one.check.value, title, one.sentence, one.concerned, dangerous=True, check=True
            )


class Names:
    """The names of people in the rows of a run."""

    def __init__(self, ledger: Ledger) -> None:
        """Find the columns with names, by roster."""
        self._places = [
            {label: at for at, use in enumerate(ledger.columns(number)) for label in use.labels}
            for number in range(len(ledger.facts.rosters))
        ]

    def of(self, row: RowHistory | None) -> str:
        """Return the name in a row, or else its primary ID or number."""
        if row is None:
            return ""
        places, cells = self._places[RowId.of(row.row).roster], row.cells
        names = (cells[places[n]] for n in _NAMES if places.get(n, len(cells)) < len(cells))
        return " ".join(filter(None, names)) or row.primary_id or f"row {row_label(row.row)}"


def _moved(expiry: Difference) -> str:
    """Return how an expiration date moves, in words."""
    try:
        days = (date.fromisoformat(expiry.new[:10]) - date.fromisoformat(expiry.old[:10])).days
    except ValueError:
        return "Set for the first time" if not expiry.old else "Removed"
    if abs(days) <= _MONTH:
        return "Later, by up to a month" if days > 0 else "Earlier, by up to a month"
    years = round(abs(days) / _YEAR)
    by = f"about {counted(years, 'year')}" if years else "less than half a year"
    return f"{'Later' if days > 0 else 'Earlier'}, by {by}"


_MONTH, _YEAR = 31, 365.25  # days


@dataclass(frozen=True, slots=True)
class Row:
    """A row in the table of all rows: who, the result, why, and its values.

    `fields`: the name, the old and the new value of each field that is written.
    """

    row: int
    name: str
    primary_id: str
    end: End
    details: tuple[str, ...]
    fields: tuple[tuple[str, str, str], ...]


def rows_page(
    folder: Path, end: str, find: str, offset: int, most: int
) -> tuple[tuple[Row, ...], int]:
    """Return the rows of one end, or of any, that contain a text, and how many there are in all."""
    chosen = next(
        (one for one in ENDS if one == end and isinstance(one, Fate | Act | Result)), None
    )
    with Ledger.open(folder) as ledger:
        found, names = list(ledger.some_rows(chosen, find, offset, most)), Names(ledger)
        rows = tuple(_row(ledger, names, one) for one in found)
        return rows, ledger.count_rows(chosen, find)


def _row(ledger: Ledger, names: Names, row: RowHistory) -> Row:
    problems = tuple(ledger.problems(row.row))
    end, changes = end_of(row, problems), tuple(differences(row.changes, show_values=True))
    fields = [(one.name, one.old, one.new) for one in changes]
    if row.act is Act.CREATE:
        records = (user for _, user in to_create(ledger, row.row))
        fields = [
            (field_name(path), "", shown(path, text, show_values=True))
            for user in records for path, text in fields_of(user)
        ]  # fmt: skip
    details = details_of(end, changes[:2], problems, show_values=True)
    return Row(row.row, names.of(row), row.primary_id, end, details, tuple(fields))


@dataclass(frozen=True, slots=True)
class Review:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `draft`: what it was made from, if that is still there.
    `prepared_by`: who dropped, changed, planned or answered anything of it. `related`: a sentence
    for each related run. `seal`: of the planned steps; another one after any
    was changed.
    """

    name: str
    facts: RunFacts
    summary: Summary
    applied: bool
    left: int
    stale: str
    draft: Draft | None
    survey: Survey
    events: tuple[Event, ...]
    prepared_by: frozenset[str]
    related: tuple[str, ...]
    files: tuple[str, ...]
    seal: str

    @property
    def production(self) -> bool:
        """Whether it writes to a production Alma."""
        return self.facts.alma is not None and self.facts.alma.is_production

    @property
    def code(self) -> str:
        """What is typed in the approval: the code of a production Alma; "" once it was approved."""
        alma = self.facts.alma
        return alma.institution if alma and self.production and not self.applied else ""

    @property
    def alma(self) -> str:
        """The name of the institution that is written to."""
        return self.facts.alma.called if self.facts.alma else "Alma"

    @property
    def can_undo(self) -> bool:
        """Whether it wrote to Alma what an undo can bring back."""
        return self.applied and self.facts.command == "plan" and bool(self.summary.written)

    @property
    def waits_for_load(self) -> bool:
        """Whether rows are in a file for the SIS load of which nothing is known yet."""
        return bool(self.summary.delivered)

    @property
    def to_view(self) -> frozenset[str]:
        """What must be viewed before it is approved, by name."""
        looks = () if self.applied else self.survey.looks
        return frozenset(one.key for one in looks if one.dangerous and not one.check)

    @property
    def became(self) -> Iterator[tuple[Tally, str]]:
        """What became of the rows, each with a note."""
        fields = ", ".join(f"{name} {count:,}" for name, count in self.survey.fields[:3])
        notes: dict[End, str] = {
            Result.CREATED: "New people", Result.UPDATED: fields,
            Result.DELETED: "Gone from Alma for good",
            Act.UNCHANGED: "Already as the roster says",
            Fate.REJECTED: "Wrong in the roster, so not sent",
            Result.REFUSED: "Alma did not take the record",
            Fate.REVIEW: "Without an answer, so not sent",
            Result.NOT_SENT: "Not reached yet", Result.UNKNOWN: "Alma's answer was lost",
            Result.HELD: "Changed in Alma since the plan, so not written",
        }  # fmt: skip
        for tally in tallies(self.summary):
            yield tally, notes.get(tally.end, "")

    @property
    def acts(self) -> Mapping[str, int]:
        """What an approval does, in words, with the number of people."""
        counts = self.summary
        acts = {"create": counts.create, "update": counts.update, "delete for good": counts.delete}
        return {words: count for words, count in acts.items() if count}

    @property
    def button(self) -> str:
        """The words of the button that starts the load: what happens."""
        if self.facts.sis is not None:
            return f"Write the file for the SIS load: {counted(self.left, 'row')}"
        written = self.left - self.deletions
        people = f"{written:,} {'person' if written == 1 else 'people'}"
        if not self.deletions:
            return f"Write {people} to {self.alma}"
        deleted = f"elete {counted(self.deletions, 'user')} from {self.alma}"
        return f"Write {people} and d{deleted}" if written else f"D{deleted}"

    @property
    def deletions(self) -> int:
        """How many users it deletes; the number is typed in the approval."""
        return 0 if self.applied else self.summary.delete or 0


def review(space: Workspace, folder: Path) -> Review:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft, thrown = draft_of(space, facts), draft_of(space, facts, trashed=True)
        events = tuple(events_of(ledger, thrown))
        left = 0 if facts.command == "check" else left_to_do(ledger)
        answers = facts.command != "check" and not ledger.was_applied and summary.review
        return Review(
            folder.name,
            facts,
            summary,
            ledger.was_applied,
            left,
            _stale(ledger, draft) if left or answers else "",
            draft,
            _survey(folder, ledger_stamp(folder)),
            events,
            prepared_by(events, folder, thrown),
            tuple(lineage(ledger).sentences()),
            tuple(path.name for path in present(folder)),
            ledger.value("seal") or "",
        )


def draft_of(space: Workspace, facts: RunFacts, *, trashed: bool = False) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone; from the trash if asked."""
    roster = Path(facts.roster.path)
    return next((one for one in space.drafts(trashed=trashed) if one.roster == roster), None)


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    try:
        check_unchanged(ledger)
    except StalePlanError as error:
        return str(error)
    if draft and draft.corrections and not ledger.facts.roster.corrections:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""


def compared(now: Summary, before: Summary | None) -> Sequence[tuple[str, int, int]]:
    """Return counts of the last load of the same mapping and of this one, in words."""
    if before is None:
        return ()
    pairs = (
        ("Rows", before.rows, now.rows),
        ("New users", before.create, now.create),
        ("Changed users", before.update, now.update),
        ("Rejected", before.rejected, now.rejected),
    )
    return [(words, old or 0, new or 0) for words, old, new in pairs]
