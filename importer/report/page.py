"""report.html: one page that needs no other file, and what it shows, in its order."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import groupby, islice

from jinja2 import Environment, PackageLoader, StrictUndefined

from importer.ledger.ledger import Ledger
from importer.model.plan import Act, Fate
from importer.model.problem import Code, Problem
from importer.model.run import ColumnUse, RowHistory, RunFacts
from importer.model.text import row_label
from importer.model.user import AccountType
from importer.report import view, wording
from importer.report.lineage import NextStep, events_in, next_step
from importer.report.masking import CUT, mask_all, printable, shown
from importer.report.view import Difference, ProblemGroup, RunView, ShownNames

MOST_GROUPS = 60
"""Problem groups shown of one severity; the page counts the others."""

MOST_ROWS = 10_000
"""Lines in the table of all rows; those that need attention come before others."""

MOST_WORDS = 20
"""Words for user groups of new patrons."""

_SAMPLES, _HASH = 3, 12
"""Values shown of a column, and characters of a hash."""


def render(
    run: RunView, files: Sequence[tuple[str, str]], rejects: Mapping[int, str]
) -> tuple[str, str]:
    """Return the masked page, and the one with values.

    `files` are the names of the reports beside the page, each with what it is for; `rejects` the
    workbooks with rows to correct, by the position of their roster.
    """
    ledger = run.ledger
    tables = [_RowTable(ledger, show_values=show_values) for show_values in (False, True)]
    for row in ledger.rows_to_tell():
        for table in tables:
            table.add(row, run.by_row.get(row.row, ()))
    for first, last, fate in ledger.quiet_rows():
        for table in tables:
            table.add_quiet(first, last, fate)
    step = next_step(run.summary, run.facts, run.related, rejects)
    masked, shown = (_render(run, files, step, table) for table in tables)
    return masked, shown


def _render(
    run: RunView, files: Sequence[tuple[str, str]], step: NextStep, table: _RowTable
) -> str:
    ledger, summary, facts = run.ledger, run.summary, run.facts
    show_values = table.show_values
    survey = run.shown if show_values else run.masked
    lists = {
        "In the last load, not in this roster": survey.missing,
        "Cannot borrow after this load": survey.blocked,
    }
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            run=facts,
            failed_checks=run.failed_checks,
            applied=run.applied,
            show_values=show_values,
            headline=wording.sentences_of(summary),
            stands=run.stands,
            tallies=wording.tallies(summary),
            next=step,
            events=[
                (moment(event.time), f"{event.who}: {event.text}") for event in events_in(ledger)
            ],
            looks=survey.looks,
            problems=tuple(_sections(run.groups)),
            people={title: people for title, people in lists.items() if people},
            table=table,
            new_users=view.new_users(ledger, show_values=show_values),
            differences=view.by_kind(table.differences),
            fields=view.by_field(table.differences),
            parts=sorted({difference.part for difference in table.differences}),
            lines=(lines := table.lines()),
            listed=sum(line.last - line.row + 1 for line in lines),
            search_hash=_hash_of("search.js"),
            columns=_columns(run, show_values=show_values),
            files=files if show_values else (),
            facts=fact_lines(facts),
        )
    )


@cache
def _hash_of(script: str) -> str:
    """Return the hash by which the page's policy allows this script and no other."""
    text = environment().get_template(script).render()
    return b64encode(sha256(text.encode()).digest()).decode()


_WORDS = (
    "effort", "field_name", "in_columns", "placed", "row_numbers", "rows",
)  # fmt: skip
_TABLES = ("ENDS", "KINDS", "MARKS", "SEVERITIES", "TONES")
"""What templates take of the words for a run."""


@cache
def environment(package: str = "importer.report") -> Environment:
    """Return the environment of the templates of a package."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        # every text on the page is printable, wherever it came from
        finalize=lambda value: value if hasattr(value, "__html__") else printable(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = {name: getattr(wording, name) for name in _WORDS}
    environment.filters |= words | {"number": "{:,}".format, "row_label": row_label}
    environment.globals |= words | {"most_words": MOST_WORDS, "told": view.told}
    environment.filters["look_line"] = view.look_line
    environment.globals |= {name.lower(): getattr(wording, name) for name in _TABLES}
    return environment


def _sections(
    groups: Sequence[ProblemGroup],
) -> Iterator[tuple[str, str, tuple[ProblemGroup, ...], int]]:
    """Yield key, title, groups and number of groups left out of each section."""
    for key, about in groupby(groups, key=_section):
        every = tuple(about)
        yield key, _SECTIONS[key], every[:MOST_GROUPS], len(every[MOST_GROUPS:])


_SECTIONS = {
    "first": "The most dangerous",
    "whole": "About the whole roster",
    **{severity.value: title for severity, title in wording.SEVERITIES.items()},
    "unused": "Columns that no rule uses",
}
"""The titles of the sections of problems, in their order."""


def _section(group: ProblemGroup) -> str:
    if view.is_danger(group.code):
        return "first"
    if group.code is Code.UNUSED_COLUMN:
        return "unused"
    return "whole" if group.whole else group.severity.value


@dataclass(frozen=True, slots=True)
class Line:
    """A row in the table of all rows, as it may be shown.

    Rows up to `last` of which only the same result is reported are one line.
    """

    row: int
    last: int
    roster: str
    end: wording.End
    patron: str
    name: str
    details: tuple[str, ...]


class _RowTable:
    """Collects the lines of the table of all rows, the differences, and rows by act.

    `people`: the name in the roster, or the primary ID, of each row that changes.
    """

    def __init__(self, ledger: Ledger, *, show_values: bool) -> None:
        """Start with no rows."""
        self.facts, self.show_values = ledger.facts, show_values
        self.creates: list[int] = []
        self.deletes: list[int] = []
        self.differences: dict[Difference, list[int]] = {}
        self.people: dict[int, str] = {}
        self.new_groups: Counter[str] = Counter()
        self._urgent: list[Line] = []
        self._others: list[Line] = []
        self._names = ShownNames(ledger, show_values=show_values)

    def add(self, row: RowHistory, problems: tuple[Problem, ...]) -> None:
        """Add one row with its problems."""
        if row.act is Act.CREATE:
            self.creates.append(row.row)
            self.new_groups.update(self._names.cells(row, "user_group"))
        if row.act is Act.DELETE:
            self.deletes.append(row.row)
        end = wording.end_of(row, problems)
        listed = self._urgent if wording.TONES.get(end) in {"bad", "decide"} else self._others
        is_listed = len(listed) < MOST_ROWS
        if not is_listed and not row.changes:
            return
        patron = shown("primary_id", row.primary_id, show_values=self.show_values)
        name = " ".join(self._names.cells(row, "first_name", "last_name"))
        differences = tuple(view.differences(row.changes, show_values=self.show_values))
        if differences:
            self.people[row.row] = name or patron
        for difference in differences:
            self.differences.setdefault(difference, []).append(row.row)
        if is_listed:
            roster = self.facts.origin(row.row).roster if self.facts.others else ""
            details = view.details_of(end, differences, problems, show_values=self.show_values)
            listed.append(Line(row.row, row.row, roster, end, patron, name, details))

    def add_quiet(self, first: int, last: int, fate: Fate) -> None:
        """Add rows of which only the fate is known, from `first` to `last`."""
        roster = self.facts.origin(first).roster if self.facts.others else ""
        if len(self._others) < MOST_ROWS:
            self._others.append(Line(first, last, roster, fate, "", "", ()))

    def lines(self) -> tuple[Line, ...]:
        """Return the lines by row; where there are too many, urgent ones before others."""
        kept = [*self._urgent, *self._others][:MOST_ROWS]
        return tuple(sorted(kept, key=lambda line: line.row))


def _columns(run: RunView, *, show_values: bool) -> Iterator[tuple[ColumnUse, tuple[str, ...]]]:
    """Yield each column with some of its values, as they may be shown."""
    # what is no code, however typed, is no sample of the codes of its column
    strange = {
        (place.letter, problem.value)
        for problem in run.problems
        if problem.code is Code.UNKNOWN_CODE and not problem.may_be_shown
        for place in problem.places
    }
    for use in run.ledger.columns():
        samples = tuple(
            CUT
            if (use.letter, text) in strange and not show_values
            else mask_all(use.labels, text, show_values=show_values)
            for text in islice(use.samples, _SAMPLES)
        )
        yield use, samples


_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def fact_lines(facts: RunFacts) -> tuple[tuple[str, str], ...]:
    """Return the facts of a run in words, each with its label, without those not known."""
    alma = facts.alma
    lines: list[tuple[str, str]] = []
    for number, (roster, mapping) in enumerate(facts.rosters, start=1):
        kind = "Internal" if mapping.account_type is AccountType.INTERNAL else "External"
        lines += [
            (f"Roster {number}" if facts.others else "Roster", roster.shown),
            ("Sheet", roster.sheet),
            ("Encoding", roster.encoding),
            ("Separator", _SEPARATORS.get(roster.delimiter, roster.delimiter)),
            ("Heading row", " and ".join(map(str, filter(None, roster.header))) or "none"),
            ("Corrections", roster.corrections.shown if roster.corrections else ""),
            ("Hidden rows", "skipped" if roster.visible_only else ""),
            ("Roster's SHA-256", f"{roster.sha256[:_HASH]}…"),
            ("Mapping", f"{mapping.title or mapping.name} ({mapping.path})"),
            ("Mapping's SHA-256", f"{mapping.sha256[:_HASH]}…"),
            ("Patrons", kind),
        ]
    if alma:
        lines += [
            ("Institution", f"{alma.name} ({alma.institution})" if alma.name else alma.institution),
            ("Environment", alma.environment),
            ("Alma's address", alma.base_url),
            *(("Rules of this Alma", sentence) for sentence in facts.about_alma),
        ]
    read = f"read on {facts.codes_fetched}" if facts.codes_fetched else ""
    kept = facts.kept_in_alma
    lines += [
        ("Planned", "for Alma's SIS load" if facts.sis else ""),
        ("Code tables", ", ".join(filter(None, (facts.codes_institution, read)))),
        ("User cache", f"as of {moment(facts.users_as_of)}" if facts.users_as_of else ""),
        ("Edited in Alma", f"{wording.rows(kept)}, in which that value stays" if kept else ""),
        ("Version", f"alma-roster-importer {facts.version}"),
    ]
    return tuple((label, text) for label, text in lines if text)


def moment(time: datetime) -> str:
    """`24 November 2026, 16:02:18 (UTC+01:00)`."""
    zone = f" ({time.tzname()})" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M:%S}{zone}"
