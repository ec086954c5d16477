"""What the pages of a run show, read from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.errors import StalePlanError
from importer.ledger.integrity import check_whole
from importer.ledger.ledger import Ledger, summarize, to_create
from importer.model.decisions import choices, in_question
from importer.model.fields import fields_of
from importer.model.plan import Act, Fate, Result
from importer.model.problem import Problem
from importer.model.run import RowHistory, RunFacts, Summary
from importer.model.text import RowId
from importer.pipeline.apply import check_unchanged, left_to_do
from importer.report.differences import (
    MOST_USERS,
    Difference,
    Differences,
    NewUsers,
    by_kind,
    differences,
    new_users,
)
from importer.report.files import present
from importer.report.lineage import lineage
from importer.report.masking import shown
from importer.report.page import Line, approvals, details_of
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import ENDS, end_of, field_name
from importer.users.cache import UserCache, cache_path
from importer.users.matching import MatchResult, PersonQuery
from importer.users.query import find_users
from importer.web.drafts import Draft
from importer.web.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RunView:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `draft`: what it was made from, if that is still there.
    `related`: a sentence for each related run. `seal`: of the planned steps; another one after any
    was changed.
    """

    name: str
    facts: RunFacts
    summary: Summary
    applied: bool
    left: int
    stale: str
    draft: Draft | None
    groups: tuple[ProblemGroup, ...]
    differences: tuple[Differences, ...]
    new_users: NewUsers
    approvals: tuple[tuple[str, str], ...]
    related: tuple[str, ...]
    files: tuple[str, ...]
    seal: str

    @property
    def production(self) -> bool:
        """Whether it writes to a production Alma."""
        return self.facts.alma is not None and self.facts.alma.environment.lower() == "production"

    @property
    def can_undo(self) -> bool:
        """Whether it wrote to Alma what an undo can bring back."""
        return self.applied and self.facts.command == "plan" and bool(self.summary.written)


def view(space: Workspace, folder: Path) -> RunView:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft = draft_of(space, facts)
        found: dict[Difference, list[int]] = {}
        for one in ledger.planned():
            for difference in differences(one.changes, show_values=True):
                found.setdefault(difference, []).append(one.row)
        left = 0 if facts.command == "check" else left_to_do(ledger)
        answers = facts.command != "check" and not ledger.was_applied and summary.review
        return RunView(
            folder.name,
            facts,
            summary,
            ledger.was_applied,
            left,
            _stale(ledger, draft) if left or answers else "",
            draft,
            group_problems(ledger.problems()),
            by_kind(found),
            new_users(to_create(ledger, most=MOST_USERS), show_values=True),
            tuple(approvals(ledger)),
            tuple(lineage(ledger).sentences()),
            tuple(path.name for path in present(folder)),
            ledger.value("seal") or "",
        )


def draft_of(space: Workspace, facts: RunFacts) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone."""
    roster = Path(facts.roster.path)
    return next((one for one in space.drafts() if one.roster == roster), None)


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    try:
        check_unchanged(ledger)
    except StalePlanError as error:
        return str(error)
    if draft and draft.corrections and not ledger.facts.roster.corrections:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""


def rows_page(folder: Path, end: str, offset: int, most: int) -> tuple[tuple[Line, ...], int]:
    """Return the rows of one end, or of any, from an offset on, and how many there are in all."""
    chosen = next(
        (one for one in ENDS if one == end and isinstance(one, Fate | Act | Result)), None
    )
    with Ledger.open(folder) as ledger:
        found = list(ledger.some_rows(chosen, offset, most))
        lines = tuple(_line(one, tuple(ledger.problems(one.row))) for one in found)
        return lines, ledger.count_rows(chosen)


def _line(row: RowHistory, problems: tuple[Problem, ...]) -> Line:
    end = end_of(row, problems)
    changes = differences(row.changes, show_values=True)
    details = details_of(end, changes, problems, show_values=True)
    return Line(row.row, "", end, row.primary_id, "", details)


Person = tuple[str, tuple[tuple[str, str], ...]]
"""A title, and the name and the text of each field."""


def people(ledger: Ledger, row: int, users: Path) -> Iterator[Person]:
    """Yield a row that needs review, and the users of Alma who may be the same person.

    `users`: the folder of user caches; what a cache has of these users is shown.
    """
    problems, history = tuple(ledger.problems(row)), ledger.row(row)
    if history is None or not choices(problems):
        return
    columns = ledger.columns(RowId.of(row).roster)
    cells = ((use.heading, text) for use, text in zip(columns, history.cells, strict=False))
    yield "This row", tuple((name, text) for name, text in cells if text)
    alma, wanted = ledger.facts.alma, in_question(problems)
    path = cache_path(users, alma.institution, alma.environment) if alma and wanted else None
    if path is None or not path.is_file():
        return
    with UserCache.open(path) as cache:
        for primary_id in wanted:
            found = find_users(cache, PersonQuery((("primary_id", primary_id),)))
            for user in found.every_user if isinstance(found, MatchResult) else ():
                fields = (
                    (field_name(name), shown(name, text, show_values=True))
                    for name, text in fields_of(user)
                )
                yield f"{primary_id} in Alma", tuple(fields)
