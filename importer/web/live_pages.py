"""A load as it runs: its progress, what happens now, pausing it, and what continuing it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile

from aiohttp import web

from importer.errors import FINE
from importer.files import write_atomically
from importer.ledger import journal
from importer.ledger.journal import JournalEntry
from importer.ledger.ledger import OPEN, JournalEvent, Ledger, State
from importer.ledger.run_lock import HOLDER, LOCK, holder
from importer.model.plan import Result
from importer.model.text import counted, row_label
from importer.report import view
from importer.report.view import ProblemGroup, ShownNames
from importer.report.wording import ENDS, duration
from importer.service.loads import stop_file
from importer.service.outcome import Ending
from importer.service.standing import Standing, standing
from importer.web.site import Visit, see
from importer.web.tasks import Sittings, is_locked

_SEEN, _LINES, _FIELDS = 400, 8, 3
"""Entries from which the rate is taken, lines of what happens, and changed fields in a line."""


def pause(visit: Visit) -> web.Response:
    """Ask the load to stop after the rows under way."""
    if worker := visit.space.at_work(visit.run, Sittings()).worker:
        write_atomically(stop_file(visit.run), worker.encode())
    return see(f"{visit.run_address}/live?task={visit.request.query.get('task', '')}")


@dataclass(frozen=True, slots=True)
class Asks:
    """What the form that starts or continues a load asks first.

    `answered`: what is dangerous of rows that were answered since the load was approved.
    """

    standing: Standing
    answered: list[ProblemGroup]

    @classmethod
    def of(cls, ledger: Ledger) -> Asks:
        """Read what a run asks now."""
        return cls(standing(ledger), _answered_dangers(ledger))

    def __bool__(self) -> bool:
        """Whether there is anything to answer."""
        return bool(self.standing.deletions or self.standing.checks or self.answered)


def _answered_dangers(ledger: Ledger) -> list[ProblemGroup]:
    """Return what is dangerous of the rows that were answered since the load was approved last.

    Rows that are not to be loaded do not count; nothing does before the first approval.
    """
    rows = set[int]()
    for one in journal.made_by_people(ledger) if ledger.was_applied else ():
        if one.event == JournalEvent.DECIDED:
            rows.add(one.row)
        elif one.event == JournalEvent.APPLY:
            rows.clear()
    to_write = (row for row in sorted(rows) if (known := ledger.row(row)) and known.act)
    found = view.group_problems(one for row in to_write for one in ledger.problems(row))
    return [one for one in found if view.is_danger(one.code)]


def held_by(visit: Visit) -> str:
    """Return who works on a run, and since when; "" while the command for it only starts."""
    run = visit.run
    return holder(run) if is_locked(run / LOCK) and (run / HOLDER).exists() else ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load has come.

    `state`: `running`, `stopping`, `paused`, `stopped` or, where a command only answers rows or
    the like, `working`. `by`: who runs it, and since when, if known. `rate`: rows a second, 0 if
    not known yet; `first`: how many rows were approved, 0 for all. `lines`: what happened: when,
    the name of an icon, its color, and a sentence. `outcome`: what
    its task printed at its end; `exit`: its code. `asks`: what is asked to continue it, None while
    it is running.
    """

    state: str
    heading: str
    by: str
    done: int
    of: int
    rate: float
    first: int
    counts: tuple[tuple[Result, str, int], ...]
    lines: tuple[tuple[str, str, str, str], ...]
    refused: list[dict[str, object]]
    messages: tuple[str, ...]
    outcome: Ending | None
    exit: int | None
    asks: Asks | None

    @property
    def running(self) -> bool:
        """Whether a command works on it."""
        return self.asks is None

    @property
    def percent(self) -> int:
        """How much is done; 100 only when all is."""
        return 100 * self.done // self.of if self.of else 100

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The figures beside the bar, each with its name."""
        found = [("Rows done", f"{self.done:,} of {self.of:,}")]
        if self.state == "running" and self.rate:
            found.append(("Rate", f"{self.rate:.1f} a second"))
            if not self.first:
                found.append(("Time left", duration(round((self.of - self.done) / self.rate))))
        return found

    @property
    def sentence(self) -> str:
        """`30% done, 120 of 400 rows, 34 seconds left.`, for a screen reader."""
        left = dict(self.figures).get("Time left")
        told = f"{self.heading}: {self.percent}% done, {self.done:,} of {self.of:,} rows"
        return f"{told}, {left} left." if left else f"{told}."


def _progress(visit: Visit) -> LoadProgress:
    """Look at a load, and at the command that was started for it here."""
    run, space = visit.run, visit.space
    with Ledger.open(run) as ledger:
        results = ledger.results() if ledger.was_applied else {}
        states, facts = ledger.progress(), ledger.facts
        entries = list(journal.newest(ledger, _SEEN))
        sitting = list(takewhile(lambda one: one.event != "apply", entries))
        began = entries[len(sitting)] if len(sitting) < len(entries) else None
        sittings = Sittings.of(ledger)
        now, first = space.at_work(run, sittings), sittings.first
        if now.busy and now.task and not any(one > now.task.started for one in sittings.began):
            sitting, began, first = [], None, now.task.first  # it has not noted that it began
        state = "stopped" if now.failed else "paused"
        if now.busy:
            state = "running" if now.loads else "working"
            with suppress(OSError):
                if now.loads and stop_file(run).read_text("utf-8") == now.worker:
                    state = "stopping"
        of = sum(states.values())
        done = of - sum(states.get(one, 0) for one in OPEN)
        first = first if first < of else 0
        open_words = {Result.NOT_SENT: "still to write"}
        open_words |= {Result.UNKNOWN: "being written"} if now.busy else {}
        return LoadProgress(
            state,
            _heading(state, done, of, first, facts.alma.called if facts.alma else "Alma"),
            held_by(visit) if now.busy else "",
            done,
            of,
            _rate(sitting, began),
            first,
            tuple(
                (end, open_words.get(end, words), results[end])
                for end, words in ENDS.items()
                if isinstance(end, Result) and results.get(end)
            ),
            tuple(_lines(ledger, entries)),
            view.rows_page(ledger, Result.REFUSED, "", 0, _LINES)[0]
            if results.get(Result.REFUSED)
            else [],
            space.tasks.messages(now.task) if now.task else (),
            space.tasks.outcome(now.task) if now.task else None,
            now.exit,
            None if now.busy else Asks.of(ledger),
        )


def _heading(state: str, done: int, of: int, first: int, alma: str) -> str:
    if state == "running":
        people = f"{f'{first:,} of ' if first else ''}{of:,} {'person' if of == 1 else 'people'}"
        return f"Writing {people} to {alma}"
    if state == "working":
        return "A command is working on this load"
    if state == "stopping":
        return "Pausing after the current rows"
    return f"{'Paused' if state == 'paused' else 'Stopped'} at {done:,} of {counted(of, 'row')}"


def _rate(sitting: list[JournalEntry], began: JournalEntry | None) -> float:
    """Return the rows a second since the load was started or, if that is long ago, lately."""
    ended = [
        one for one in sitting if one.row and one.event not in {State.INTENT, JournalEvent.UNSENT}
    ]
    since = began or (sitting[-1] if sitting else None)
    seconds = (ended[0].time - since.time).total_seconds() if ended and since else 0
    return len(ended) / seconds if seconds else 0


def _lines(ledger: Ledger, entries: list[JournalEntry]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what happened last, the newest first, each row once."""
    names, rows = ShownNames(ledger, show_values=True), set[int]()
    for one in entries:
        if len(rows) == _LINES:
            return
        row = ledger.row(one.row) if one.row and one.row not in rows else None
        if row is None:
            continue
        rows.add(one.row)
        who, end = f"Row {row_label(one.row)}: {names.of(row)}", row.result
        if one.event == JournalEvent.DECIDED:
            line = ("people", "", f"{who}, decided")
        elif one.event == State.INTENT or end is None:
            line = ("play", "", f"{who}, being written")
        elif end in {Result.REFUSED, Result.HELD, Result.UNKNOWN}:
            line = ("alert", "warn-text", f"{who}, {ENDS[end]}")
        else:
            fields = dict.fromkeys(d.name for d in view.differences(row.changes, show_values=True))
            told, more = ", ".join(list(fields)[:_FIELDS]), len(fields) - _FIELDS
            told += f" and {more} more" if more > 0 else ""
            line = ("check", "good-text", f"{who}, {ENDS[end]}{f': {told}' if told else ''}")
        yield f"{one.time.astimezone():%H:%M:%S}", *line


def live(visit: Visit) -> web.Response:
    """Show the progress of a load; when it has ended, lead to its result."""
    found = _progress(visit)
    tried = found.exit is not None or (found.asks is not None and found.asks.standing.began)
    ended = found.done == found.of or (visit.text("task") and found.exit in FINE)
    if not found.running and (ended or not tried):
        return see(visit.run_address)
    return visit.step_page("live.html.j2", "Load", task=visit.text("task"), progress=found)
