"""The commands `check`, `plan`, `apply` and `convert`."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.alma.client import Alma
from importer.cli.arguments import (
    USERS,
    Codes,
    Folder,
    Json,
    MappingFile,
    Roster,
    Run,
    ShowValues,
    VisibleOnly,
    saved_codes,
)
from importer.cli.connection import Stopping, with_alma
from importer.cli.console import conclude, now, operator, program, say
from importer.cli.progress import Advance, progress
from importer.errors import AlmaError, ImporterError, StoppedError, UsageError
from importer.ledger.journal import Journal, run_lock
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.schema import RESULTS, State
from importer.model.plan import Result, SafetyCheck
from importer.model.run import RunFacts
from importer.pipeline import apply as apply_stage
from importer.pipeline.check import check as check_roster
from importer.pipeline.check import check_inputs, sis_clears
from importer.pipeline.check import convert as convert_inputs
from importer.pipeline.inputs import Progress, RunRequest, open_inputs
from importer.pipeline.plan import plan as plan_roster
from importer.pipeline.runs import find_folder
from importer.report import wording
from importer.report.wording import command, rows
from importer.settings import Settings
from importer.users.refresh import add_applied
from importer.writer.executor import RowDone, Stop, Waiting

app = typer.Typer(rich_markup_mode=None)


@app.command()
def check(
    roster: Roster,
    mapping: MappingFile,
    output: Folder = None,
    codes: Codes = None,
    visible_only: VisibleOnly = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Read, map and check every row offline; write a report and the rejects (dry run)."""
    request = _request(roster, mapping, output, codes, visible_only=visible_only)
    with progress("Checking") as advance:
        checked = check_roster(request, Progress(rows=lambda done, of: advance(done, of, "")))
    with checked as ledger:
        return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


@app.command()
def plan(
    roster: Roster,
    mapping: MappingFile,
    output: Folder = None,
    codes: Codes = None,
    visible_only: VisibleOnly = False,
    no_refresh: Annotated[
        bool, typer.Option("--no-refresh", help="Use the user cache as it is.")
    ] = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Check, then compare with Alma (read only): what would be created and changed."""
    settings = Settings.read()

    async def use(alma: Alma) -> Ledger:
        request = replace(
            _request(roster, mapping, output, codes, visible_only=visible_only),
            users_folder=USERS,
            refresh=not no_refresh,
        )
        with progress("Planning", lambda: alma.limiter.notice) as advance:
            return await plan_roster(
                request,
                alma,
                settings.alma_rate,
                Progress(lambda done, of: advance(done, of, ""), say),
            )

    with with_alma(settings, use) as ledger:
        return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


@app.command()
def apply(
    run: Run,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Send at most N rows.", metavar="N")
    ] = None,
    allow: Annotated[
        list[SafetyCheck], typer.Option(help="Let a safety check pass.", metavar="CHECK")
    ] = [],  # noqa: B006
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Carry out a saved plan. Run it again to continue where it stopped."""
    folder = find_folder(run)
    with Ledger.open(folder) as ledger, run_lock(folder, operator(), now()):
        stop = _apply_run(ledger, limit, frozenset(allow), yes=yes)
        summary = summarize(ledger, frozenset({stop.exit} if stop else ()))
        stopped = _stopped(ledger, stop, run) if stop else ""
        return conclude(
            ledger,
            summary,
            as_json=as_json,
            show_values=show_values,
            reports="wanted",
            stopped=stopped,
        )


@app.command()
def convert(
    roster: Roster,
    mapping: MappingFile,
    to: Annotated[Literal["jsonl", "sis-xml"], typer.Option(help="The format of the records.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    codes: Codes = None,
    visible_only: VisibleOnly = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Write the records of the ready rows to a file: JSON Lines, or a zip for the SIS load."""
    with tempfile.TemporaryDirectory(prefix="importer-") as scratch:
        request = _request(roster, mapping, Path(scratch), codes, visible_only=visible_only)
        inputs = open_inputs(request)
        clears = sis_clears(inputs) if to == "sis-xml" else ()
        with check_inputs(inputs, request) as ledger:
            files = convert_inputs(inputs, dict(ledger.fates()), to, output)
            summary = summarize(ledger).model_copy(update={"run": ""})
            code = conclude(
                ledger, summary, as_json=as_json, show_values=show_values, reports="none"
            )
    say(f"{summary.ready:,} records in {', '.join(map(str, files))}")
    if clears:
        say("Loading this file clears these fields in Alma, which the mapping does not set:")
        say(f"  {', '.join(clears)}")
    return code


def _request(
    roster: Path, mapping: Path, output: Path | None, codes: Path | None, *, visible_only: bool
) -> RunRequest:

    return RunRequest(
        roster=roster,
        mapping=mapping,
        codes=saved_codes(codes),
        codes_file=codes,
        folder=output,
        now=now(),
        operator=operator(),
        visible_only=visible_only,
        version=program(),
    )


def _apply_run(
    ledger: Ledger, limit: int | None, allowed: frozenset[SafetyCheck], *, yes: bool
) -> Stop | None:
    """Carry out the rest of a run; return why it ended early, if it did.

    Where nothing is left, Alma is not called. Raises ImporterError.
    """
    apply_stage.check_is_plan(ledger)
    left = apply_stage.left_to_do(ledger)
    if not left:
        say("This plan is already complete. Nothing was sent.")
        return None
    settings = Settings.read()
    stopping = Stopping()
    of = left if limit is None else min(left, limit)
    options = apply_stage.ApplyOptions(
        operator=operator(),
        now=now,
        stopping=stopping,
        report=lambda _: None,
        verify_delay=settings.alma_verify_delay,
        plan_days=settings.alma_plan_days,
        limit=limit,
        allowed=allowed,
    )
    apply_stage.check_fresh(ledger, options)
    apply_stage.check_disk_space(ledger)
    journal = Journal(ledger, options.operator, now)
    for entry in apply_stage.check_safety(ledger, journal, allowed):
        when = f"{entry.time:%Y-%m-%d %H:%M}"
        say(f"Safety check {entry.detail}: {entry.operator} let it pass on {when}.")
    _confirm(ledger.facts, of, yes=yes)
    if sentence := apply_stage.doubt_if_end_is_lost(ledger, journal):
        say(sentence)

    async def carry_out(alma: Alma) -> Stop | None:
        await apply_stage.check_same_institution(ledger.facts, alma)
        with progress("Applying", lambda: alma.limiter.notice) as advance:
            shown = replace(options, report=_ShownProgress(advance, of))
            return await apply_stage.carry_out(ledger, alma, journal, shown)

    try:
        with stopping.listening():
            stopped = with_alma(settings, lambda alma: stopping.run(carry_out(alma)))
    except StoppedError as error:
        stopped = Stop.by(error)
    except AlmaError as error:  # before anything was sent
        return Stop.by(error)
    _update_cache(ledger)
    return stopped


def _update_cache(ledger: Ledger) -> None:
    """Add what was written to the user cache, if there is one. A fault of it does not matter."""
    try:
        add_applied(ledger, USERS)
    except UsageError as error:
        say(str(error))


class _ShownProgress:
    """Shows the progress of an apply: counts by result."""

    def __init__(self, advance: Advance, of: int) -> None:
        self._advance = advance
        self._of = of
        self._results: dict[int, Result] = {}
        self._counts: Counter[Result] = Counter()

    def __call__(self, event: RowDone | Waiting) -> None:
        match event:
            case RowDone(row, act, state):
                if before := self._results.get(row):
                    self._counts[before] -= 1
                result = self._results[row] = RESULTS[act, state]
                self._counts[result] += 1
                ends = [(self._counts[result], words) for result, words in _ENDS.items()]
                done = sum(count for count, _ in ends)
                counts = ", ".join(f"{count:,} {words}" for count, words in ends if count)
                self._advance(min(done, self._of), self._of, counts)
            case Waiting(waiting, seconds):
                say(
                    f"Alma's answer was lost for {rows(waiting)}. Waiting {seconds:,.0f} s before "
                    "asking Alma what became of them."
                )


_ENDS = {
    result: words
    for result, words in wording.RESULTS.items()
    if result not in {Result.UNKNOWN, Result.NOT_SENT}
}
"""The results that are final, in words."""


def _stopped(ledger: Ledger, stop: Stop, run: str) -> str:
    """Return why an apply ended early, what is done, unknown and left, and how to continue."""
    lines = [stop.why]
    if stop.daily:
        lines.append(f"Midnight GMT is {_midnight(now()):%H:%M on %d %B} local time.")
    try:
        counts = ledger.progress()
    except ImporterError:
        counts = {}
    if counts:
        unknown = counts.get(State.INTENT, 0) + counts.get(State.UNKNOWN, 0)
        left = counts.get(State.PLANNED, 0)
        done = sum(counts.values()) - unknown - left
        asked = " (looked up first when you continue)" if unknown else ""
        lines.append(f"Done: {done:,}. Result not known yet: {unknown:,}{asked}. Left: {left:,}.")
    lines.append(f"To continue, run:\n  {command('apply', run)}")
    return "\n".join(lines)


def _midnight(moment: datetime) -> datetime:
    """Return the next midnight GMT, in the time zone of `moment`."""
    tomorrow = moment.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC).astimezone(moment.tzinfo)


def _confirm(facts: RunFacts, count: int, *, yes: bool) -> None:
    """Ask for the institution code before writing to production. Raises UsageError without it."""
    if yes or facts.alma is None or facts.alma.environment.lower() != "production":
        return
    code = facts.alma.institution
    if not sys.stdin.isatty():
        msg = (
            f"This writes to the production Alma of {code}. Give --yes to write without "
            "confirmation."
        )
        raise UsageError(msg)
    say(f"This writes {rows(count)} to the production Alma of {facts.alma.name or code}.")
    say(f"Type the institution code ({code}) to continue:")
    if sys.stdin.readline().strip() != code:
        msg = "That is not the institution code. Nothing was sent."
        raise UsageError(msg)
