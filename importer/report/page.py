"""report.html: one page that needs no other file, and what it shows, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice

from jinja2 import Environment, PackageLoader, StrictUndefined

from importer.ledger.journal import JournalEntry, history
from importer.ledger.ledger import Ledger, to_create
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act, Result
from importer.model.problem import KNOWN, Problem
from importer.model.run import FailedCheck, RowHistory, RunFacts, Summary
from importer.model.text import counted
from importer.model.user import AccountType
from importer.report.differences import MOST, Changes, Differences, NewUsers, new_users
from importer.report.masking import CUT, mask_all, printable, shown
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import (
    ACTS,
    GROUPS,
    RESULTS,
    SEVERITIES,
    Group,
    NextStep,
    Tally,
    duration,
    effort,
    next_step,
    number,
    row_numbers,
    rows,
    sentence,
    sentences_of,
    tallies,
)

MOST_GROUPS = 60
"""Problem groups shown of one severity; the page counts the others."""

_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class SeverityGroup:
    """The problem groups of one severity, and the number of those left out."""

    severity: Severity
    groups: tuple[ProblemGroup, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the roster, its fields, how it was matched, and some values."""

    letter: str
    heading: str
    labels: tuple[str, ...]
    how: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileLink:
    """A report beside the page, and what it is for."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything that the page shows."""

    title: str
    roster: str
    run: str
    headline: tuple[str, ...]
    rows: int
    tallies: tuple[Tally, ...]
    next: NextStep
    effort: str
    writing: str
    failed_checks: tuple[FailedCheck, ...]
    problems: tuple[SeverityGroup, ...]
    outcomes: tuple[Outcome, ...]
    creates: tuple[int, ...]
    new_users: NewUsers
    deletes: tuple[int, ...]
    differences: tuple[Differences, ...]
    columns: tuple[Column, ...]
    files: tuple[FileLink, ...]
    facts: tuple[Fact, ...]
    show_values: bool

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return the kinds of change of the plan, in the page's order."""
        acts = ((Act.CREATE, self.creates), (Act.DELETE, self.deletes))
        done = (act for act, of_rows in acts if of_rows)
        return (*done, *(found.kind for found in self.differences))

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts of the record that change, by which changes are filtered."""
        return tuple(sorted(frozenset().union(*(found.parts for found in self.differences))))

    def listed(self, group: Group, part: str) -> bool:
        """Return whether a change of the group is shown when only that part is chosen."""
        found = next((found for found in self.differences if found.kind is group), None)
        return found is not None and (part in found.parts or found.more > 0)


def build_view(
    ledger: Ledger, summary: Summary, files: tuple[FileLink, ...], *, show_values: bool
) -> ReportView:
    """Return what the page shows of a run. `files` are the reports beside the page."""
    facts = ledger.facts
    creates: list[int] = []
    deletes: list[int] = []
    changes, outcomes = Changes(show_values), Outcomes(show_values)
    for life in ledger.planned():
        outcomes.add(life)
        changes.add(life.row, life.changes)
        if life.act is Act.CREATE:
            creates.append(life.row)
        if life.act is Act.DELETE:
            deletes.append(life.row)
    workbook = next((file.name for file in files if file.name.endswith(".xlsx")), "")
    return ReportView(
        title="Applied" if ledger.was_applied else facts.command.capitalize(),
        roster=facts.roster.shown,
        run=summary.run,
        headline=sentences_of(summary),
        rows=summary.rows,
        tallies=tallies(summary),
        next=next_step(summary, facts, workbook),
        effort=effort(summary.calls) if summary.calls and not ledger.was_applied else "",
        writing=describe_apply(history(ledger)),
        failed_checks=facts.failed_checks,
        problems=tuple(_by_severity(group_problems(ledger.problems()))),
        outcomes=outcomes.by_result(ledger.problems()) if ledger.was_applied else (),
        creates=tuple(creates),
        new_users=new_users(to_create(ledger, most=MOST), show_values=show_values),
        deletes=tuple(deletes),
        differences=changes.by_kind(),
        columns=tuple(_columns(ledger, show_values=show_values)),
        files=files,
        facts=fact_lines(facts),
        show_values=show_values,
    )


def _by_severity(found: tuple[ProblemGroup, ...]) -> Iterator[SeverityGroup]:
    for severity in Severity:
        of_it = tuple(cause for cause in found if cause.severity is severity)
        if of_it:
            listed = of_it[:MOST_GROUPS]
            yield SeverityGroup(severity, listed, len(of_it) - len(listed))


def _columns(ledger: Ledger, *, show_values: bool) -> Iterator[Column]:
    # what is no code, however typed, is no sample of the codes of its column
    strange = {
        (place.letter, problem.value)
        for problem in ledger.problems()
        if problem.code is Code.UNKNOWN_CODE and KNOWN not in problem.message
        for place in problem.places
    }
    for use in ledger.columns():
        samples = tuple(
            CUT
            if (use.letter, text) in strange and not show_values
            else mask_all(use.labels, text, show_values=show_values)
            for text in islice(use.samples, _SAMPLES)
        )
        yield Column(use.letter, use.heading, use.labels, use.how, samples)


_HASH = 12
"""Characters of a hash that are shown."""


_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a run."""

    label: str
    text: str


def fact_lines(facts: RunFacts) -> tuple[Fact, ...]:
    """Return the facts of a run in words, without those that are not known."""
    roster, mapping, alma = facts.roster, facts.mapping, facts.alma
    kind = "Internal" if mapping.account_type is AccountType.INTERNAL else "External"
    told = [
        ("Roster", roster.shown),
        ("Sheet", roster.sheet),
        ("Encoding", roster.encoding),
        ("Separator", _SEPARATORS.get(roster.delimiter, roster.delimiter)),
        ("Heading row", " and ".join(map(str, roster.header))),
        ("Hidden rows", "skipped" if roster.visible_only else ""),
        ("Roster's SHA-256", f"{roster.sha256[:_HASH]}…"),
        ("Mapping", f"{mapping.title or mapping.name} ({mapping.path})"),
        ("Mapping's SHA-256", f"{mapping.sha256[:_HASH]}…"),
        ("Patrons", kind),
    ]
    if alma:
        told += [
            ("Institution", f"{alma.name} ({alma.institution})" if alma.name else alma.institution),
            ("Environment", alma.environment),
            ("Alma's address", alma.base_url),
        ]
    read = f"read on {facts.codes_fetched}" if facts.codes_fetched else ""
    told += [
        ("Code tables", ", ".join(filter(None, (facts.codes_institution, read)))),
        ("Undoes", facts.undoes),
        ("Operator", facts.operator),
        ("Started", moment(facts.started)),
        ("Version", f"alma-roster-importer {facts.version}"),
    ]
    return tuple(Fact(label, text) for label, text in told if text)


def moment(time: datetime) -> str:
    """`24 November 2026, 16:02:18 (UTC+01:00)`."""
    zone = f" ({time.tzname()})" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M:%S}{zone}"


MOST_ROWS = 200
"""Rows of one result that are listed; the page counts the others."""

_ORDER = (
    Result.REFUSED, Result.HELD, Result.UNKNOWN, Result.NOT_SENT, Result.CREATED, Result.UPDATED,
    Result.DELETED, Result.WAS_SO, Result.WAS_GONE,
)  # fmt: skip
"""Results in the page's order: those that need attention first."""

_DONE = frozenset(_ORDER[_ORDER.index(Result.CREATED) :])


@dataclass(frozen=True, slots=True)
class Line:
    """A row, its patron's primary ID, what was planned, and why it was not done."""

    row: int
    patron: str
    planned: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of one result."""

    result: Result
    total: int
    lines: tuple[Line, ...]

    @property
    def more(self) -> int:
        """Return the number of rows that are not listed."""
        return self.total - len(self.lines)

    @property
    def comes_back(self) -> bool:
        """Return whether its rows are in the rejects files."""
        return self.result in {Result.REFUSED, Result.HELD}

    @property
    def done(self) -> bool:
        """Return whether it is what was planned."""
        return self.result in _DONE


@dataclass(slots=True)
class Outcomes:
    """Collects rows by their result."""

    show_values: bool
    found: dict[Result, list[RowHistory]] = field(default_factory=dict)
    counts: dict[Result, int] = field(default_factory=dict)

    def add(self, life: RowHistory) -> None:
        """Add one row."""
        if life.result is None:
            return
        self.counts[life.result] = self.counts.get(life.result, 0) + 1
        listed = self.found.setdefault(life.result, [])
        if len(listed) < MOST_ROWS:
            listed.append(life)

    def by_result(self, problems: Iterable[Problem]) -> tuple[Outcome, ...]:
        """Return the outcomes; `problems` of the listed rows give the reasons."""
        reasons: dict[int, list[str]] = {
            life.row: [] for listed in self.found.values() for life in listed
        }
        for problem in problems:
            if problem.severity.holds and problem.origin.row in reasons:
                told = sentence(problem, show_values=self.show_values)
                reasons[problem.origin.row].append(told)
        return tuple(
            Outcome(
                result,
                self.counts[result],
                tuple(self._line(life, reasons[life.row]) for life in self.found[result]),
            )
            for result in _ORDER
            if result in self.found
        )

    def _line(self, life: RowHistory, reasons: list[str]) -> Line:
        patron = shown("primary_id", life.primary_id, show_values=self.show_values)
        return Line(life.row, patron, ACTS[life.act] if life.act else "", " ".join(reasons))


def describe_apply(entries: Iterable[JournalEntry]) -> str:
    """Return how a run was applied: by whom, when, and with how many writes; blank if never.

    The time counts from each start to the last entry before the next start, so that the hours
    between two sittings are not in it.
    """
    operators: dict[str, None] = {}
    sittings: list[tuple[datetime, datetime]] = []
    writes = 0
    for entry in entries:
        if entry.event == "apply":
            operators[entry.operator] = None
            sittings.append((entry.time, entry.time))
        elif sittings:
            sittings[-1] = sittings[-1][0], entry.time
            writes += entry.event == "intent"
    if not sittings:
        return ""
    seconds = round(sum((end - start).total_seconds() for start, end in sittings))
    times = "" if len(sittings) == 1 else f" in {number(len(sittings))} sittings"
    return (
        f"Applied by {' and '.join(operators)}{times}, from {moment(sittings[0][0])} to "
        f"{moment(sittings[-1][1])}. {counted(writes, 'write')} "
        f"{'was' if writes == 1 else 'were'} sent to Alma, in {duration(seconds)} of work."
    )


_WHYS = {
    Result.REFUSED: "Alma did not take the record.",
    Result.HELD: "The record was changed in Alma since the plan.",
    Result.UNKNOWN: "Alma's answer was lost. Run apply again: it asks Alma first.",
    Result.NOT_SENT: "Not reached yet. Run apply again to continue.",
}
"""The reason shown for a row without a problem of its own."""


def render(
    ledger: Ledger, summary: Summary, files: tuple[FileLink, ...], *, show_values: bool = False
) -> str:
    """Return the page. `files` are the reports beside it; values masked unless `show_values`."""
    view = build_view(ledger, summary, files, show_values=show_values)
    return _environment().get_template("report.html.j2").render(view=view)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("importer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "capitalize_first": _capitalised,
        "number": number,
        "row_numbers": row_numbers,
        "rows": rows,
    }
    environment.globals |= {
        "groups": GROUPS,
        "results": RESULTS,
        "severities": SEVERITIES,
        "whys": _WHYS,
    }
    return environment


def _shown(value: object) -> object:
    """Make every text on the page printable, wherever it came from."""
    return value if hasattr(value, "__html__") else printable(str(value))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
