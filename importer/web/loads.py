"""Loads: a roster on its way into Alma, its state, what people did with it, and what is next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import TypeAdapter

from importer.errors import ImporterError
from importer.files import write_atomically
from importer.ledger.ledger import FILE, OPEN, Ledger, summarize
from importer.loader.corrections import digest
from importer.mapper.load import examine
from importer.model.run import RunFacts, Summary
from importer.model.text import counted
from importer.pipeline.decisions import open_rows
from importer.pipeline.runs import list_runs
from importer.report.lineage import Event, events_in, lineage
from importer.web.drafts import Asked, Draft, DraftCounts, title
from importer.web.tasks import Task, subject
from importer.web.workspace import IDLE, AtWork, Sittings, Workspace

ANSWERS = "answers.json"
"""In a run's folder: the answers that were given on the page."""


def events_of(ledger: Ledger, draft: Draft | None) -> Iterator[Event]:
    """Yield what people did with a load, the oldest first."""
    if draft:
        file, by = draft.facts.file, draft.facts.by or ledger.facts.operator
        yield Event(draft.facts.created.astimezone(), by, "file", f"dropped {file}")
        for who, made in groupby(draft.made(), key=lambda correction: correction.who):
            cells = list(made)
            text = f"corrected {counted(len(cells), 'cell')}"
            yield Event(datetime.fromisoformat(cells[-1].when), who, "pencil", text)
    yield from events_in(ledger)


def given_answers(folder: Path) -> dict[int, str]:
    """Return the answers that were given on the page, also those that were carried out."""
    with suppress(OSError, ValueError):
        return _GIVEN.validate_json((folder / ANSWERS).read_bytes())
    return {}


_GIVEN = TypeAdapter(dict[int, str])


def save_answers(folder: Path, answers: Mapping[int, str]) -> None:
    """Save the answers in place of those that were there."""
    write_atomically(folder / ANSWERS, _GIVEN.dump_json(dict(answers)))


def forget_answers(folder: Path, open_now: Collection[int]) -> None:
    """Forget the answers that were carried out: the load may ask something else about their rows.

    `open_now`: the rows that need a person.
    """
    if given := given_answers(folder):
        save_answers(folder, {row: text for row, text in given.items() if row in open_now})


Tone = Literal["", "good", "warn", "info"]


class LoadState(StrEnum):
    """How far a load has come; the value is the name of its icon."""

    DRAFT = "pencil"
    CHECKED = "check"
    PLANNING = "clock"
    DECISIONS = "people"
    PLANNED = "eye"
    LOADING = "play"
    STOPPED = "pause"
    DONE = "done"
    UNDONE = "undo"
    FAULT = "alert"


class Show(StrEnum):
    """Which loads a list shows."""

    ALL = ""
    YOU = "you"
    LOADING = "loading"
    DONE = "done"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class NextButton:
    """The state of a load in words, and the button for what comes next.

    `address`: below the place. `version`: of the draft, if the button sends a form with it.
    """

    state: LoadState
    words: str
    button: str
    address: str
    tone: Tone = ""
    version: int | None = None

    @property
    def shows(self) -> Show:
        """The list that the load is in, beside all."""
        if self.state in {LoadState.LOADING, LoadState.PLANNING}:
            return Show.LOADING
        return Show.DONE if self.state in {LoadState.DONE, LoadState.UNDONE} else Show.YOU


@dataclass(frozen=True, slots=True)
class KnownRun:
    """What is known of a run from its ledger.

    `open_rows`: those that need a decision. `corrects`: it loads the rejects of another run.
    `undone`: nothing that it wrote is left. `sittings`: its loads.
    """

    facts: RunFacts
    summary: Summary
    applied: bool
    left: int
    done: int
    of: int
    open_rows: frozenset[int]
    corrects: bool
    undone: bool
    sittings: Sittings


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run: its name, when it was made, and what is known of it, or why nothing is."""

    name: str
    since: datetime
    known: KnownRun | None
    fault: str = ""

    def is_from(self, draft: Draft) -> bool:
        """Return whether it is a plan of a draft."""
        facts = self.known.facts if self.known else None
        return bool(facts and facts.command == "plan" and facts.roster.path == str(draft.roster))


@dataclass(frozen=True, slots=True)
class ListedLoad:
    """A line of the list of loads: a draft, the newest run made from it, or both.

    `counts`: of the draft's last check, if nothing changed since. `planning`: the task that
    compares it with Alma. `fresh`: neither the draft nor, unless all is done, the mapping was
    changed since the run. `now`: what works on the run.
    """

    draft: Draft | None = None
    run: SeenRun | None = None
    counts: DraftCounts | None = None
    planning: str = ""
    fresh: bool = True
    now: AtWork = IDLE

    @property
    def known(self) -> KnownRun | None:
        """What is known of the run."""
        return self.run.known if self.run else None

    @property
    def name(self) -> str:
        """Its name: that of the draft or, without one, what the run is about."""
        if self.draft:
            return self.draft.title
        return name_of(self.known.facts) if self.known else self.run.name if self.run else ""

    @property
    def file(self) -> str:
        """The name of its roster's file."""
        if self.draft:
            return self.draft.facts.file
        return Path(self.known.facts.roster.path).name if self.known else ""

    @property
    def who(self) -> str:
        """Who made the run or, without one, dropped the roster."""
        known, draft = self.known, self.draft
        return known.facts.operator if known else draft.facts.by if draft else ""

    @property
    def when(self) -> datetime:
        """When it was dropped, or the run made."""
        dropped = [self.draft.facts.created] if self.draft else []
        return max(dropped + ([self.run.since] if self.run else [])).astimezone()

    @property
    def trashed(self) -> bool:
        """Whether it is in the trash."""
        return self.draft is not None and self.draft.facts.trashed

    @property
    def address(self) -> str:
        """Where its name leads to, below the place."""
        if self.run and not self.run.fault and (self.fresh or not self.draft):
            return f"runs/{self.run.name}"
        return f"drafts/{self.draft.name}/sheet" if self.draft else ""

    @property
    def next(self) -> NextButton:
        """Its state, and what to do next with it."""
        if self.planning:
            address = f"tasks/{self.planning}"
            return NextButton(LoadState.PLANNING, "Comparing with Alma", "Watch", address, "info")
        known, fault = self.known, self.run.fault if self.run else ""
        old = known is None or not (self.fresh or known.applied or self.now.busy)
        if self.draft and old and not fault:
            return _of_draft(self.draft, self.counts)
        if self.run is None or known is None:
            return NextButton(LoadState.FAULT, "Cannot be read", "", "", "warn")
        run = f"runs/{self.run.name}"
        if self.now.busy:
            words, state = "A command is working on it", LoadState.PLANNING
            if self.now.loads:
                words, state = f"Loading {known.done:,} of {known.of:,}", LoadState.LOADING
            return NextButton(state, words, "Watch", f"{run}/live", "info")
        return _of_load(self, known, run) if known.applied else _of_plan(self, known, run)


def _of_plan(load: ListedLoad, known: KnownRun, run: str) -> NextButton:
    """Return the next step with a check or a plan that nothing was written of."""
    if known.facts.command == "check":
        return NextButton(LoadState.CHECKED, "Checked", "Open", run)
    if not load.fresh:
        return NextButton(LoadState.PLANNED, "Out of date", "Open", run, "warn")
    if review := known.summary.review:
        words, button = counted(review, "decision"), f"Decide {review:,}"
        return NextButton(LoadState.DECISIONS, words, button, f"{run}/decisions", "warn")
    if known.left and load.now.failed:
        return NextButton(LoadState.STOPPED, "Nothing was sent", "Approve again", run, "warn")
    if known.left:
        return NextButton(
            LoadState.PLANNED, "Waiting for approval", "Review and approve", run, "warn"
        )
    return NextButton(LoadState.PLANNED, "Nothing to write", "Open", run)


def _of_load(load: ListedLoad, known: KnownRun, run: str) -> NextButton:
    """Return the next step after a load has begun."""
    if known.left:
        words = f"{'Stopped' if load.now.failed else 'Paused'} at {known.done:,} of {known.of:,}"
        return NextButton(LoadState.STOPPED, words, "Continue the load", f"{run}/live", "warn")
    if known.undone:
        return NextButton(LoadState.UNDONE, "Undone", "Open", run)
    refused = known.summary.refused
    words = f"Done, {refused:,} refused" if refused else "Done"
    if load.draft is None or known.facts.command == "undo":
        return NextButton(LoadState.DONE, words, "Open", run, "good")
    after = f"?after={load.draft.name}"
    return NextButton(LoadState.DONE, words, "Start the next term", after, "good")


_ASKED: dict[Asked, tuple[str, str]] = {
    "": ("Mapping to choose", "Choose the mapping"),
    "sheet": ("Sheet to choose", "Choose the sheet"),
    "names": ("Names to confirm", "Confirm the names"),
}
"""The state of a draft that has no mapping or cannot be read yet, and its button."""


def _of_draft(draft: Draft, counts: DraftCounts | None) -> NextButton:
    """Return the next step before there is a plan, or after the draft was changed since."""
    address = f"drafts/{draft.name}"
    if draft.facts.ask or not draft.facts.mapping:
        return NextButton(LoadState.DRAFT, *_ASKED[draft.facts.ask], f"{address}/sheet", "warn")
    if counts is None:
        return NextButton(
            LoadState.DRAFT, "Rows to check", "Check the rows", f"{address}/grid", "warn"
        )
    if counts.wrong:
        rows = counted(counts.wrong, "row")
        words, button = f"{rows} to correct", f"Correct {rows}"
        return NextButton(LoadState.DRAFT, words, button, f"{address}/grid", "warn")
    button, address, version = "Compare with Alma", f"{address}/plan", draft.facts.version
    return NextButton(LoadState.CHECKED, "Checked", button, address, "warn", version)


def loads(space: Workspace) -> list[ListedLoad]:
    """Return all loads with those in the trash, newest first."""
    seen = list(seen_runs(space))
    running = list(space.tasks.running())
    listed, taken = [], set[str]()
    for draft in space.drafts(trashed=True):
        runs = [run for run in seen if run.is_from(draft)]
        taken |= {run.name for run in runs}
        listed.append(_load(space, draft, runs[0] if runs else None, running))
    listed += (_load(space, None, run, running) for run in seen if run.name not in taken)
    return sorted(listed, key=lambda load: load.when, reverse=True)


def _load(
    space: Workspace, draft: Draft | None, run: SeenRun | None, running: Collection[Task]
) -> ListedLoad:
    """Return the line of a draft, of the newest run made from it, or of both."""
    known, planning, fresh, now = run.known if run else None, "", True, IDLE
    if draft:
        plan = ("plan", space.typed_roster(draft))
        planning = next((task.id for task in running if subject(task.words) == plan), "")
        fresh = known is None or _has_draft_of(known.facts, draft)
    if run and known:
        now = space.at_work(space.runs / run.name, known.sittings)
        work = known.left or known.summary.review or known.summary.rejected
        fresh = fresh and (known.applied or not work or _has_mappings_of(known.facts))
    return ListedLoad(draft, run, draft.counts if draft else None, planning, fresh, now)


def draft_of(space: Workspace, facts: RunFacts, *, trashed: bool = False) -> Draft | None:
    """Return the draft that a run was made from, None if it is gone; from the trash if asked.

    An undo is made from a run.
    """
    roster = Path(facts.roster.path)
    drafts = () if facts.command == "undo" else space.drafts(trashed=trashed)
    return next((load for load in drafts if load.roster == roster), None)


def name_of(facts: RunFacts) -> str:
    """Return the name of a load without a draft: its file's or, of users of Alma, its mapping's."""
    return f"Undo of {loaded(facts)}" if facts.command == "undo" else loaded(facts)


def loaded(facts: RunFacts) -> str:
    """Return the name of what a run loads or, of an undo, of what it undoes."""
    return title(Path((facts.mapping if facts.roster.kept else facts.roster).path).stem)


def _has_mappings_of(facts: RunFacts) -> bool:
    """Return whether the mappings are those of a plan; a file that is older is not read again."""
    for _, mapping in facts.rosters if facts.command == "plan" else ():
        path = Path(mapping.path)
        with suppress(OSError):
            if mapping.kept or path.stat().st_mtime < facts.started.timestamp():
                continue
        document, _ = examine(path)
        if document is None or document.sha256 != mapping.sha256:
            return False
    return True


def _has_draft_of(facts: RunFacts, draft: Draft) -> bool:
    """Return whether a run has the corrections that a draft has now."""
    made = facts.roster.corrections
    now = digest(draft.corrections) if draft.corrections else ""
    same_mapping = Path(facts.mapping.path).name == draft.facts.mapping
    same_sheet = draft.facts.sheet in {"", facts.roster.sheet}
    return same_mapping and same_sheet and now == (made.sha256 if made else "")


def open_loads(space: Workspace, draft: Draft) -> Iterator[str]:
    """Yield the names of the runs that load a draft, began and are not done."""
    for run in seen_runs(space):
        known = run.known if run.is_from(draft) else None
        if known and known.left and (known.applied or space.is_busy(space.runs / run.name)):
            yield run.name


def last_load(space: Workspace, run: str) -> Summary | None:
    """Return the counts of the last load before a plan with the same mapping, None if none.

    A load that was undone is none, nor is one of corrected rejects.
    """
    runs = [(run.name, run.known) for run in seen_runs(space) if run.known]
    whole = (run for run in runs if run[1].facts.command == "plan" and not run[1].corrects)
    before = dropwhile(lambda pair: pair[0] != run, whole)
    _, plan = next(before, ("", None))
    mapping = Path(plan.facts.mapping.path).name if plan else ""
    for _, known in before:
        done = known.applied and not known.undone
        if done and Path(known.facts.mapping.path).name == mapping:
            return known.summary
    return None


def ledger_stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    """Return what is another value after any change of a run's ledger. Raises OSError."""
    paths = (folder / FILE, folder / f"{FILE}-wal")
    stats = (path.stat() for path in paths if path.exists())
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)


_LONG_AGO = datetime.fromtimestamp(0, UTC)


def seen_runs(space: Workspace) -> Iterator[SeenRun]:
    """Yield the runs, newest first, without those that a command is only making."""
    made = {Path(task.run).name for task in space.tasks.running()}
    for saved in list_runs(space.runs)[::-1]:
        if saved.folder.name in made:
            continue
        known, fault = (None, saved.fault) if saved.fault else known_run(saved.folder)
        yield SeenRun(saved.folder.name, saved.since or _LONG_AGO, known, fault)


def known_run(folder: Path) -> tuple[KnownRun | None, str]:
    """Return what is known of a run, or why nothing is."""
    try:
        return _known(folder, ledger_stamp(folder)), ""
    except (ImporterError, OSError) as error:
        return None, str(error)


@lru_cache(maxsize=2000)
def _known(folder: Path, _changed: tuple[tuple[int, int], ...]) -> KnownRun:
    """Read a run; the result is kept until a file of its ledger changes."""
    with Ledger.open(folder) as ledger:
        states = ledger.progress()
        of = sum(states.values())
        done = of - sum(states.get(state, 0) for state in OPEN)
        asked = frozenset(open_rows(ledger)) if ledger.facts.command != "check" else frozenset()
        counts, applied = summarize(ledger), ledger.was_applied
        its = lineage(ledger)
        return KnownRun(
            ledger.facts, counts, applied, ledger.left, done, of, asked,
            its.corrects is not None, its.whole, Sittings.of(ledger),
        )  # fmt: skip


class HeaderStep(NamedTuple):
    """A step of a load in the header. `address`: "" where it has not been reached."""

    name: str
    address: str
    done: bool
    left: int = 0


def steps(
    base: str, draft: Draft | None, run: Path | None, known: KnownRun | None
) -> tuple[HeaderStep, ...]:
    """Return the steps of a load, each that was reached with a link, and what is left to do in it.

    Rows without a decision stay counted after the load.
    """
    at = f"{base}/drafts/{draft.name}" if draft else ""
    to = f"{base}/runs/{run.name}" if run else ""
    mapped = bool(draft and draft.facts.mapping)
    planned, applied = bool(to and known), bool(known and known.applied)
    checked = draft.counts if draft else None
    asked = known.open_rows if known else frozenset()
    left = len(asked - given_answers(run).keys()) if run and asked else 0
    looked = bool(checked) or planned
    word = "Undo" if known and known.facts.command == "undo" else "Load"
    last = (
        HeaderStep("Review", to if planned else "", applied),
        HeaderStep(
            word, f"{to}/live" if applied else "", bool(known and applied and not known.left)
        ),
    )
    decisions = HeaderStep(
        "Decisions", f"{to}/decisions" if asked and not applied else "", planned and not left, left
    )
    if word == "Undo":
        return (decisions, *last) if asked else last
    return (
        HeaderStep("Sheet", f"{at}/sheet" if at else "", mapped or planned),
        HeaderStep("Mapping", f"{at}/mapping" if mapped else "", looked),
        HeaderStep("Grid", f"{at}/grid" if mapped else "", looked, checked.wrong if checked else 0),
        decisions,
        *last,
    )  # fmt: skip
