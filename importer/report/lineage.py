"""What the ledger of a run says about other runs and about people, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path, PurePath

from importer.advice import Action, Apply, ResolveFrom, SisReport, Undo
from importer.ledger.journal import JournalEntry, made_by_people
from importer.ledger.ledger import FILE, JournalEvent, Ledger
from importer.model.problem import Code
from importer.model.run import RunFacts, Summary
from importer.model.text import counted, word_list
from importer.report.commands import as_command
from importer.report.wording import WORKBOOK, again


@dataclass(frozen=True, slots=True)
class Lineage:
    """What the ledger of a run says about other runs.

    `undoes`, `corrects`: the folder of the run whose writes it undoes, or whose rejects it loads.
    `undone_by`: the name of the last undo of it that took effect, "" if none; `whole`: nothing that
    this run wrote is left. `sittings`: how often its apply was started.
    """

    undoes: Path | None = None
    corrects: Path | None = None
    undone_by: str = ""
    whole: bool = False
    sittings: int = 0

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each relation."""
        if self.undoes:
            yield f"This run undoes {shortest(self.undoes)}."
        if self.corrects:
            yield f"This run loads the corrected rejects of {shortest(self.corrects)}."
        if self.undone_by:
            yield f"This run was undone{'' if self.whole else ' in part'} by {self.undone_by}."
        if self.sittings > 1:
            times = "once" if self.sittings == 2 else f"{self.sittings - 1} times"
            yield f"The load was paused and continued {times}."

    def as_json(self) -> dict[str, object]:
        """Return the relations as JSON values."""
        return {
            "undoes": shortest(self.undoes),
            "corrects": shortest(self.corrects),
            "undone_by": self.undone_by,
            "undone": self.whole,
            "sittings": self.sittings,
        }


def shortest(folder: Path | None) -> str:
    """Return a folder as people type it: relative to the current folder if it is in it."""
    if folder is None:
        return ""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def lineage(ledger: Ledger) -> Lineage:
    """Return what the ledger of a run says about other runs."""
    facts = ledger.facts
    undoes = Path(facts.undoes) if facts.undoes else None
    folders = () if undoes else (Path(roster.path).parent for roster, _ in facts.rosters)
    # a copy that was saved elsewhere does not show which run it is of
    corrects = next((folder for folder in folders if (folder / FILE).is_file()), None)
    sittings = sum(entry.event == JournalEvent.APPLY for entry in made_by_people(ledger))
    return Lineage(undoes, corrects, *ledger.undone, sittings)


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next, and the action; none where there is nothing to do."""

    why: str
    do: Action | None = None

    @property
    def command(self) -> str:
        """The command of the action, "" for none."""
        return as_command(self.do) if self.do else ""


def next_step(
    summary: Summary, facts: RunFacts, related: Lineage, rejects: Mapping[int, str]
) -> NextStep:
    """Return what to do next, with the exact command.

    `related`: a later run may have undone this one. `rejects`: see `open_workbooks`.
    """
    return next(_next_steps(summary, facts, related, rejects))


def _next_steps(
    summary: Summary, facts: RunFacts, related: Lineage, rejects: Mapping[int, str]
) -> Iterator[NextStep]:
    """Yield what there may be to do, the most urgent first."""
    run, applied = summary.run, summary.created is not None
    if not applied and Code.MOST_OF_COLUMN in summary.problems:
        why = "Most of a column fails. Correct the mapping as described above, then run:"
        yield NextStep(why, again("plan" if facts.alma else "check", facts))
    if summary.unknown or summary.not_sent:
        yield NextStep("Some rows are not done yet. To continue, run:", Apply(run))
    if not applied and (summary.create or summary.update or summary.delete):
        checks = dict.fromkeys(summary.failed_checks or ())
        allow = tuple(check.value for check in checks)
        why = "Review the plan. If it is right, carry it out:"
        if allow:
            why = "A safety check failed. Review the changes, then run:"
        yield NextStep(why, Apply(run, allow=allow))
    if summary.delivered:
        why = "Once Alma's SIS load is done, find out what it did with the rows:"
        yield NextStep(why, SisReport(run))
    undone = shortest(Path(facts.undoes)) if facts.undoes else ""
    if undone and (summary.review or summary.held):
        why = "Some rows need review. Follow the advice and resolve them, or undo again:"
        yield NextStep(why, Undo(undone, delete=bool(summary.delete)))
    if facts.users_stay:
        users = counted(facts.users_stay, "user")
        why = f"To delete the {users} that the run created, too:"
        yield NextStep(why, Undo(undone, delete=True))
    if related.whole:
        yield NextStep("This run was undone. There is nothing to do.")
    if not facts.undoes:
        yield from _with_rejects(summary, facts, rejects)
    if applied and summary.written and not facts.undoes:
        why = "Everything is done. If it was wrong, plan the undo:"
        yield NextStep(why, Undo(run))
    if summary.rows and not summary.patrons:
        why = "There is nothing to load yet. Fill in the roster, then check it again:"
        yield NextStep(why, again("check", facts))
    if facts.command == "check" and (summary.ready or summary.review):
        yield NextStep("Compare with Alma (read only):", again("plan", facts))
    yield NextStep("Everything is done." if applied else "There is nothing to send.")


def _with_rejects(
    summary: Summary, facts: RunFacts, rejects: Mapping[int, str]
) -> Iterator[NextStep]:
    wrong = summary.to_correct + (summary.refused or 0)
    rejects = rejects or ({0: WORKBOOK} if wrong + summary.review else {})
    names = " and ".join(rejects.values())
    files = {roster: str(PurePath(summary.run, name)) for roster, name in rejects.items()}
    if not summary.run and wrong + summary.review:
        why = "To get the rows that were left out, each with its problem:"
        yield NextStep(why, again("check", facts))
    if wrong and facts.command == "check" and summary.ready:
        why = f"Correct the rows in {names} now or later. To compare the ready rows with Alma "
        yield NextStep(f"{why}(read only):", again("plan", facts))
    if wrong:
        verb = "check" if facts.command == "check" else "plan"
        # a refusal of Alma is marked in no cell: its reason is beside the row
        todo = "Correct the marked cells" if summary.to_correct else "Follow the advice"
        if summary.review and verb == "plan":
            todo += " and choose a Decision for each row that needs review"
        why = f"{todo} in {names}, save it, and {verb} those rows again:"
        yield NextStep(why, again(verb, facts, files))
    if summary.review and facts.command == "plan":
        first = min(rejects)
        why = f"Choose a Decision for each row in {rejects[first]}, save it, and resolve the rows:"
        yield NextStep(why, ResolveFrom(summary.run, files[first]))
    if summary.held:
        rows = f"The rows that need review{f' in {names}' if names else ''}"
        why = f"{rows} need no correction; compare them with Alma again:"
        yield NextStep(why, again("plan", facts, files))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person did with a load: when, who, the name of an icon, and what."""

    time: datetime
    who: str
    icon: str
    text: str


def events_in(ledger: Ledger) -> Iterator[Event]:
    """Yield what people did with a run, the oldest first."""
    facts = ledger.facts
    what = "undo" if facts.command == "undo" else "load"
    planned = {"check": "checked the rows", "undo": "planned the undo"}
    yield Event(
        facts.started, facts.operator, "eye", planned.get(facts.command, "compared with Alma")
    )
    words = {
        "apply": ("play", f"approved the {what}{{}}"),
        JournalEvent.PAUSED: ("pause", f"the {what} was paused"),
        JournalEvent.FINISHED: ("check", f"the {what} is finished"),
        JournalEvent.DECIDED: ("people", "decided {}"),
        JournalEvent.ALLOWED: ("alert", "allowed: {}"),
    }

    # no start is one with another: after a load that was killed, no end is between them
    def alike(entry: JournalEntry) -> tuple[str, str, datetime | None]:
        return (
            entry.event,
            entry.operator,
            entry.time if entry.event == JournalEvent.APPLY else None,
        )

    for (event, who, _), entries in groupby(made_by_people(ledger), alike):
        each = list(entries)
        if event not in words:
            continue
        (icon, text), detail = words[event], each[-1].detail
        if event == JournalEvent.APPLY:
            words["apply"] = ("play", f"continued the {what}{{}}")
            limit = each[-1].limit
            detail = "" if limit is None else f", only the first {limit}"
        elif event == JournalEvent.DECIDED:
            detail = counted(len(each), "row")
        elif event == JournalEvent.ALLOWED:
            detail = word_list([entry.detail.replace("-", " ") for entry in each])
        yield Event(each[-1].time, who, icon, text.format(detail))
