"""What the page of a run shows: what to look at first, what changes, and every row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from importer.errors import StalePlanError
from importer.jobs.overview import holding
from importer.ledger.integrity import check_whole
from importer.ledger.journal import made_by_people, next_deletes
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.states import DECIDED
from importer.mapper.load import examine
from importer.model.run import FailedCheck, RunFacts, Summary
from importer.model.text import counted
from importer.pipeline.apply import check_unchanged, left_to_do, stopping_checks
from importer.report.files import present
from importer.report.lineage import lineage
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.view import Survey, Surveyor
from importer.web.drafts import Draft
from importer.web.history import Event, events_of, prepared_by, text_people
from importer.web.loads import ledger_stamp
from importer.web.workspace import Workspace


@lru_cache(maxsize=4)
def _survey(folder: Path, _stamp: object) -> Survey:
    with Ledger.open(folder) as ledger:
        return Surveyor(ledger).made()


@dataclass(frozen=True, slots=True)
class Review:
    """A run: its facts and counts, what changes and what is wrong, and what is left to do.

    `left`: rows that an apply still has to work on. `stale`: why it can be neither applied nor
    answered any more, "" if it can. `draft`: what it was made from, if that is still there.
    `prepared_by`: who dropped, changed, planned or answered anything of it, or wrote its
    mapping where the rows are users of Alma. `related`: a sentence
    for each related run. `seal`: of the planned steps; another one after any was changed.
    `deletions`: users whom an apply of all that is left deletes; the number is typed each time.
    `checks`: failed safety checks that nobody let pass as they are now. `answered`: what is
    dangerous of rows that were answered since the load was approved. `job`: the one that holds it,
    where it is allowed and not approved; "" if none.
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
    deletions: int
    checks: list[FailedCheck]
    answered: list[ProblemGroup]
    job: str

    @property
    def production(self) -> bool:
        """Whether it writes to a production Alma."""
        return self.facts.alma is not None and self.facts.alma.is_production

    @property
    def again(self) -> str:
        """Where it is planned again, below the place."""
        if self.draft:
            return f"drafts/{self.draft.name}/grid"
        mapping = Path(self.facts.mapping.path)
        document = examine(mapping)[0] if self.facts.roster.kept else None
        return f"users?mapping={quote(mapping.name)}" if document and document.from_alma else ""

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
    def to_view(self) -> frozenset[str]:
        """What must be viewed before it is approved, by name."""
        if self.applied:
            return frozenset(one.code.value for one in self.answered)
        return frozenset(one.key for one in self.survey.looks if one.dangerous and not one.check)

    @property
    def undo_heading(self) -> str:
        """What an undo does or did, in a sentence; "" for a load, and while rows are left."""
        counts, done = self.summary, self.applied
        if not self.facts.undoes or (done and self.left):
            return ""
        back = (counts.updated if done else counts.update) or 0
        gone = (counts.deleted if done else counts.delete) or 0
        gets = "got" if done else "would get"
        goes = "would be" if not done else "was" if gone == 1 else "were"
        parts = [f"{_people(back)} {gets} the old values back"] if back else []
        parts += [f"{_people(gone)} {goes} deleted"] if gone else []
        return f"{'Undone' if done else 'Undo'}: {' and '.join(parts) or 'nothing changes'}"

    @property
    def button(self) -> str:
        """The words of the button that starts the load: what happens."""
        if self.facts.sis is not None:
            return f"Write the file for the SIS load: {counted(self.left, 'row')}"
        written = self.left - self.deletions
        verb, to = ("Restore", "in") if self.facts.undoes else ("Write", "to")
        if not self.deletions:
            return f"{verb} {_people(written)} {to} {self.alma}"
        deleted = f"elete {_people(self.deletions)} from {self.alma}"
        return f"{verb} {_people(written)} and d{deleted}" if written else f"D{deleted}"


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def review(space: Workspace, folder: Path) -> Review:
    """Read a run. Raises UsageError, LedgerError."""
    with Ledger.open(folder) as ledger:
        check_whole(ledger)
        summary, facts = summarize(ledger), ledger.facts
        draft, thrown = draft_of(space, facts), draft_of(space, facts, trashed=True)
        events, related = tuple(events_of(ledger, thrown)), lineage(ledger)
        related.undoes = None  # the page has a link to it
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
            prepared_by(events, folder, thrown) | text_people(space.folder, facts),
            tuple(related.sentences()),
            tuple(path.name for path in present(folder)),
            ledger.value("seal") or "",
            next_deletes(ledger, None),
            [] if facts.command == "check" else stopping_checks(ledger),
            answered_dangers(ledger),
            "" if space.practice or ledger.was_applied else holding(folder),
        )


def answered_dangers(ledger: Ledger) -> list[ProblemGroup]:
    """Return what is dangerous of the rows that were answered since the load was approved last.

    Rows that are not to be loaded do not count; nothing does before the first approval.
    """
    rows = set[int]()
    for one in made_by_people(ledger) if ledger.was_applied else ():
        if one.event == DECIDED:
            rows.add(one.row)
        elif one.event == "apply":
            rows.clear()
    to_write = (row for row in sorted(rows) if (known := ledger.row(row)) and known.act)
    found = group_problems(one for row in to_write for one in ledger.problems(row))
    return [one for one in found if one.danger]


def draft_of(space: Workspace, facts: RunFacts, *, trashed: bool = False) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone; from the trash if asked.

    An undo is made from a run.
    """
    roster = Path(facts.roster.path)
    drafts = () if facts.command == "undo" else space.drafts(trashed=trashed)
    return next((one for one in drafts if one.roster == roster), None)


def _stale(ledger: Ledger, draft: Draft | None) -> str:
    corrected = draft and bool(draft.corrections) != bool(ledger.facts.roster.corrections)
    try:
        check_unchanged(ledger)
    except StalePlanError as error:
        if not (corrected and error.__cause__):  # else the file of the corrections is gone
            return str(error)
    if draft and corrected:
        return f"The roster {draft.facts.file} was corrected since the plan was made. Plan again."
    return ""
