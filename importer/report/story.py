"""What the page tells of a run, in the page's order: everything in words, masked and capped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from importer.ledger.journal import history
from importer.ledger.ledger import to_create
from importer.model.catalogue import Code, Severity
from importer.model.plan import Act
from importer.model.problem import KNOWN
from importer.report.causes import Cause, causes
from importer.report.changes import Changes, Differences
from importer.report.facts import Fact, told_facts
from importer.report.headline import Tally, sentences_of, tallies
from importer.report.masking import CUT, mask_all
from importer.report.newcomers import MOST, Newcomers, newcomers
from importer.report.nextstep import NextStep, next_step
from importer.report.outcomes import Outcome, Outcomes
from importer.report.wording import (
    Group,
    effort,
)
from importer.report.writing import told_writing

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.run import FailedCheck, Summary

MOST_CAUSES = 60
"""Of one severity. The page says how many are left, and where they are."""

_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Grade:
    """The causes of one severity, and how many are left out."""

    severity: Severity
    causes: tuple[Cause, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the roster, where it goes, how it was matched, and what it looks like."""

    letter: str
    heading: str
    labels: tuple[str, ...]
    how: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The whole page."""

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
    grades: tuple[Grade, ...]
    outcomes: tuple[Outcome, ...]
    creates: tuple[int, ...]
    newcomers: Newcomers
    deletes: tuple[int, ...]
    differences: tuple[Differences, ...]
    columns: tuple[Column, ...]
    files: tuple[str, ...]
    facts: tuple[Fact, ...]
    show_values: bool

    @property
    def groups(self) -> tuple[Group, ...]:
        """What the plan does, in the page's order."""
        acts = ((Act.CREATE, self.creates), (Act.DELETE, self.deletes))
        done = (act for act, of_rows in acts if of_rows)
        return (*done, *(found.kind for found in self.differences))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the record that differ, by which the differences are filtered."""
        return tuple(sorted(frozenset().union(*(found.parts for found in self.differences))))

    def listed(self, group: Group, part: str) -> bool:
        """Whether something of the group is on the page when only that part is shown."""
        found = next((found for found in self.differences if found.kind is group), None)
        return found is not None and (part in found.parts or found.more > 0)


def tell(ledger: Ledger, summary: Summary, files: tuple[str, ...], *, show_values: bool) -> Story:
    """The story of a run, from its ledger. `files` are the names of the reports beside the page."""
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
    workbook = next((name for name in files if name.endswith(".xlsx")), "")
    return Story(
        title="Applied" if ledger.was_applied else facts.command.capitalize(),
        roster=facts.roster.shown,
        run=summary.run,
        headline=sentences_of(summary),
        rows=summary.rows,
        tallies=tallies(summary),
        next=next_step(summary, facts, workbook),
        effort=effort(summary.calls) if summary.calls and not ledger.was_applied else "",
        writing=told_writing(history(ledger)),
        failed_checks=facts.failed_checks,
        grades=tuple(_grades(causes(ledger.problems()))),
        outcomes=outcomes.told(ledger.problems()) if ledger.was_applied else (),
        creates=tuple(creates),
        newcomers=newcomers(to_create(ledger, most=MOST), show_values=show_values),
        deletes=tuple(deletes),
        differences=changes.told(),
        columns=tuple(_columns(ledger, show_values=show_values)),
        files=files,
        facts=told_facts(facts),
        show_values=show_values,
    )


def _grades(found: tuple[Cause, ...]) -> Iterator[Grade]:
    for severity in Severity:
        of_it = tuple(cause for cause in found if cause.severity is severity)
        if of_it:
            listed = of_it[:MOST_CAUSES]
            yield Grade(severity, listed, len(of_it) - len(listed))


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
