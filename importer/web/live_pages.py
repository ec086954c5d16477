"""A load as it runs: its progress, what happens now, pausing it, and what continuing it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from aiohttp import web

from importer.errors import FINE
from importer.files import write_atomically
from importer.ledger.journal import JournalEntry, made_by_people, newest
from importer.ledger.ledger import OPEN, JournalEvent, Ledger, State
from importer.ledger.run_lock import LOCK, LockHolder, holder
from importer.model.plan import Result
from importer.model.text import counted, row_label
from importer.report import view
from importer.report.view import ProblemGroup, ShownNames
from importer.report.wording import ENDS, duration
from importer.service.loads import stop_file
from importer.service.standing import Standing, standing
from importer.web.site import Visit, see
from importer.web.tasks import is_locked
from importer.web.workspace import AtWork, Sittings

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
    for entry in made_by_people(ledger) if ledger.was_applied else ():
        if entry.event == JournalEvent.DECIDED:
            rows.add(entry.row)
        elif entry.event == JournalEvent.APPLY:
            rows.clear()
    to_write = (row for row in sorted(rows) if (known := ledger.row(row)) and known.act)
    groups = view.group_problems(problem for row in to_write for problem in ledger.problems(row))
    return [group for group in groups if view.is_danger(group.code)]


def held_by(visit: Visit) -> LockHolder | None:
    """Return who works on a run, and since when; None while the command for it only starts."""
    return holder(visit.run) if is_locked(visit.run / LOCK) else None


def live(visit: Visit) -> web.Response:
    """Show the progress of a load; when it has ended, lead to its result.

    What continuing it asks is shown while no command works on it.
    """
    run, space = visit.run, visit.space
    with Ledger.open(run) as ledger:
        states, sittings, facts = ledger.progress(), Sittings.of(ledger), ledger.facts
        of = sum(states.values())
        done = of - sum(states.get(state, 0) for state in OPEN)
        now, first = space.at_work(run, sittings), sittings.first
        asks = None if now.busy else Asks.of(ledger)
        if asks is not None:
            ended = done == of or (visit.text("task") and now.exit in FINE)
            if ended or (now.exit is None and not asks.standing.began):
                return see(visit.run_address)
        entries = list(newest(ledger, _SEEN))
        sitting = list(takewhile(lambda entry: entry.event != JournalEvent.APPLY, entries))
        began = entries[len(sitting)] if len(sitting) < len(entries) else None
        if now.busy and now.task and not any(time > now.task.started for time in sittings.began):
            sitting, began, first = [], None, now.task.first  # it has not noted that it began
        first = first if first < of else 0  # all rows were approved
        state = _state(run, now)
        heading = _heading(state, done, of, first, facts.alma.called if facts.alma else "Alma")
        rate = _rate(sitting, began) if state == "running" else 0
        time_left = duration(round((of - done) / rate)) if rate and not first else ""
        results = ledger.results() if ledger.was_applied else {}
        refused = results.get(Result.REFUSED, 0)
        return visit.step_page(
            "live.html.j2", "Load",
            task=visit.text("task"), state=state, running=now.busy, asks=asks, heading=heading,
            by=held_by(visit) if now.busy else None,
            done=done, of=of, percent=100 * done // of if of else 100,
            rate=rate, time_left=time_left,
            counts=[*_counts(results, busy=now.busy)], lines=[*_lines(ledger, entries)],
            refused=view.rows_page(ledger, Result.REFUSED, "", 0, _LINES)[0] if refused else (),
            refusals=refused,
            messages=space.tasks.messages(now.task) if now.task else (),
            outcome=space.tasks.outcome(now.task) if now.task else None,
        )  # fmt: skip


def _state(run: Path, now: AtWork) -> str:
    """Return how a load stands; `working` where a command only answers rows."""
    if not now.busy:
        return "stopped" if now.failed else "paused"
    with suppress(OSError):
        if now.loads and stop_file(run).read_text("utf-8") == now.worker:
            return "stopping"
    return "running" if now.loads else "working"


def _counts(results: Mapping[Result, int], *, busy: bool) -> Iterator[tuple[Result, str, int]]:
    """Yield how many rows have each outcome, with its words."""
    open_words = {Result.NOT_SENT: "still to write"}
    open_words |= {Result.UNKNOWN: "being written"} if busy else {}
    for end, words in ENDS.items():
        if isinstance(end, Result) and results.get(end):
            yield end, open_words.get(end, words), results[end]


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
        entry
        for entry in sitting
        if entry.row and entry.event not in {State.INTENT, JournalEvent.UNSENT}
    ]
    since = began or (sitting[-1] if sitting else None)
    seconds = (ended[0].time - since.time).total_seconds() if ended and since else 0
    return len(ended) / seconds if seconds else 0


def _lines(ledger: Ledger, entries: list[JournalEntry]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what happened last, the newest first, each row once."""
    names, rows = ShownNames(ledger, show_values=True), set[int]()
    for entry in entries:
        if len(rows) == _LINES:
            return
        row = ledger.row(entry.row) if entry.row and entry.row not in rows else None
        if row is None:
            continue
        rows.add(entry.row)
        who, end = f"Row {row_label(entry.row)}: {names.of(row)}", row.result
        if entry.event == JournalEvent.DECIDED:
            line = ("people", "", f"{who}, decided")
        elif entry.event == State.INTENT or end is None:
            line = ("clock", "", f"{who}, being written")
        elif end in {Result.REFUSED, Result.HELD, Result.UNKNOWN}:
            line = ("alert", "warn-text", f"{who}, {ENDS[end]}")
        else:
            fields = dict.fromkeys(d.name for d in view.differences(row.changes, show_values=True))
            told, more = ", ".join(list(fields)[:_FIELDS]), len(fields) - _FIELDS
            told += f" and {more} more" if more > 0 else ""
            line = ("check", "good-text", f"{who}, {ENDS[end]}{f': {told}' if told else ''}")
        yield f"{entry.time.astimezone():%H:%M:%S}", *line
