"""The commands `plan`, `apply`, `convert` and `sis-report`."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.alma.client import Alma
from importer.cli import connection, options
from importer.cli.check import paired, run_request
from importer.cli.console import Advance, conclude, progress, saved_facts
from importer.cli.output import now, program, say
from importer.errors import (
    AlmaError,
    Cause,
    DailyLimitError,
    Exit,
    ImporterError,
    StoppedError,
    UsageError,
)
from importer.ledger.journal import Journal, next_deletes
from importer.ledger.ledger import RESULTS, Ledger, State, summarize
from importer.ledger.run_lock import held_since
from importer.mapper.load import load as load_mapping
from importer.model.plan import Fate, Result, SafetyCheck
from importer.model.problem import Code
from importer.model.text import command_line, counted, spans, word_list
from importer.pipeline import apply as apply_stage
from importer.pipeline import sis_load
from importer.pipeline.check import save_check, validate
from importer.pipeline.inputs import CheckedRosters, Progress, open_inputs
from importer.pipeline.plan import plan as plan_roster
from importer.pipeline.remember import remember, remembering
from importer.pipeline.undo import UndoRequest
from importer.report import wording
from importer.settings import TASK, Settings
from importer.users.cache import UserCache, cache_path
from importer.users.refresh import Refresh
from importer.writer.executor import RowDone, Waiting

app = options.Commands()

NoRefresh = Annotated[bool, typer.Option("--no-refresh", help="Use the user cache as it is.")]


@app.command()
def plan(
    mapping: options.Mappings,
    roster: options.NoRosters = [],  # noqa: B006
    output: options.Folder = None,
    codes: options.Codes = None,
    corrections: Annotated[Path | None, typer.Option(hidden=True)] = None,
    visible_only: options.VisibleOnly = False,
    no_refresh: NoRefresh = False,
    overwrite_edits: Annotated[
        list[str],
        typer.Option(
            help="Write this field even where staff edited it in Alma. Repeatable.", metavar="FIELD"
        ),
    ] = [],  # noqa: B006
    to: Annotated[
        Literal["api", "sis-xml"],
        typer.Option(
            help="How `apply` loads the rows: through the API, or in a file for Alma's SIS load."
        ),
    ] = "api",
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Check, then compare with Alma (read only): what would be created and changed."""
    sis = to == "sis-xml"
    if sis and no_refresh:
        msg = "Alma must not load old values from a file: leave out --no-refresh."
        raise UsageError(msg)
    settings = Settings.read()
    rosters = paired(roster, mapping, visible_only=visible_only)
    if corrections is not None:  # of the page, of its only roster
        rosters = tuple(replace(one, corrections=corrections) for one in rosters)

    async def use(alma: Alma) -> Ledger:
        if codes is None and not options.CODES.is_file():
            for one in rosters:
                load_mapping(one.mapping)  # one with errors is found before any call
            say("No code tables are saved here, so they are read from Alma first.")
            await connection.fetch_codes(alma, options.CODES)
        request = run_request(
            rosters, output, codes, refresh=not no_refresh, overwrite_edits=overwrite_edits, sis=sis
        )
        with progress("Planning", lambda: alma.limiter.notice) as advance:
            return await plan_roster(request, alma, settings.alma_rate, Progress(advance, say))

    with connection.with_alma(settings, use) as ledger:
        return conclude(ledger, as_json=as_json, show_values=show_values)


@app.command()
def apply(
    run: options.Run,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Send at most N rows.", metavar="N")
    ] = None,
    allow: Annotated[
        list[SafetyCheck],
        typer.Option(
            help=f"Let a safety check pass: {', '.join(SafetyCheck)}. Repeatable.", metavar="CHECK"
        ),
    ] = [],  # noqa: B006
    delete: Annotated[
        int | None,
        typer.Option(min=1, help="Delete exactly N users, as the plan says.", metavar="N"),
    ] = None,
    seal: Annotated[str, typer.Option(hidden=True)] = "",
    yes: options.Yes = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Carry out a saved plan. Run it again to continue where it stopped."""
    with connection.open_alone(run) as ledger:
        with remembering(ledger, options.USERS, now, say):
            stop = _apply_run(ledger, limit, frozenset(allow), delete, seal, yes=yes)
        summary = summarize(ledger, frozenset({stop.exit} if stop else ()))
        return conclude(
            ledger,
            summary.model_copy(update={"stopped": str(stop), "passes": stop.cause is Cause.PASSES})
            if stop
            else summary,
            as_json=as_json,
            show_values=show_values,
            reports="none" if stop and stop.exit is Exit.USAGE else "wanted",
            stopped=_stopped(ledger, stop, run) if stop else "",
        )


def undo_request(output: Path | None, settings: Settings, *, delete_created: bool) -> UndoRequest:
    """Return how a run is to be undone, with the saved facts of this folder."""
    return UndoRequest(
        folder=output,
        now=now(),
        operator=options.operator(),
        version=program(),
        rate=settings.alma_rate,
        facts=saved_facts(),
        delete_created=delete_created,
    )


def _apply_run(
    ledger: Ledger,
    limit: int | None,
    allowed: frozenset[SafetyCheck],
    deletes: int | None,
    seal: str,
    *,
    yes: bool,
) -> ImporterError | None:
    """Carry out the rest of a run; return why it ended early, if it did.

    The users of a list for Alma's purge job are read again. Where nothing is left, Alma is not
    called. Raises ImporterError.
    """
    left, journal = apply_stage.left_to_do(ledger), Journal(ledger, options.operator(), now)
    listed = len(journal.listed())
    if not left and not listed:
        why = "is already complete" if ledger.was_applied else "has nothing to apply"
        say(f"This plan {why}. Nothing was sent.")
        return None
    settings = Settings.read()
    names = {os.environ.get(TASK, ""), held_since(ledger.folder)} - {""}
    stopping = connection.Stopping(ledger.folder / apply_stage.STOP, names)
    of = left if limit is None else min(left, limit)
    count = next_deletes(ledger, limit)
    typed = connection.typed_deletions(ledger.facts.alma, count, deletes, limit)
    how = apply_stage.ApplyOptions(
        now=now,
        note=say,
        stopping=stopping,
        verify_delay=settings.alma_verify_delay,
        plan_days=settings.alma_plan_days,
        seal=seal,
        limit=limit,
        allowed=allowed,
        deletes=typed,
    )
    apply_stage.prepare(ledger, journal, how)
    if listed:
        unlisted = connection.with_alma(
            settings, lambda alma: apply_stage.list_again(ledger, alma, journal)
        )
        say(f"{wording.SET} lists {counted(listed - unlisted, 'user')}.")
        if unlisted:
            changed = f"{counted(unlisted, 'user')} of the plan may not be retired any more"
            say(f"{changed}. See `{Code.NOT_DELETED.value}`.")
    if not left:
        return None
    if ledger.facts.sis:
        zips = connection.with_alma(
            settings, lambda alma: sis_load.write_file(ledger, alma, journal, how, options.USERS)
        )
        if not zips:
            say("No file was written, because no row is left for it.")
            return None
        files = ", ".join(map(str, zips))
        say(f"Written: {files}. Put it where your Alma's SIS profile looks for it.")
        say(f"After the load, run:\n  {command_line('sis-report', str(ledger.folder))}")
        return None
    if not yes and of and (typed is None or deletes is not None):
        connection.confirm_production(ledger.facts, of)

    async def carry_out(alma: Alma) -> ImporterError | None:
        with progress("Applying", lambda: alma.limiter.notice) as advance:
            return await apply_stage.carry_out(
                ledger, alma, journal, how, _ShownProgress(advance, of)
            )

    try:
        with stopping.listening():
            return connection.with_alma(settings, lambda alma: stopping.run(carry_out(alma)))
    except (StoppedError, AlmaError) as error:  # an error of Alma's before anything was sent
        return error


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
                ends = [(self._counts[end], words) for end, words in _ENDS.items()]
                done = sum(count for count, _ in ends)
                counts = ", ".join(f"{n:,} {wording.in_number(words, n)}" for n, words in ends if n)
                self._advance(min(done, self._of), self._of, counts)
            case Waiting(waiting, seconds):
                say(
                    f"Alma's answer was lost for {wording.rows(waiting)}. Waiting {seconds:,.0f} s "
                    "before asking Alma whether they were written."
                )


_ENDS = {
    result: words
    for result, words in wording.ENDS.items()
    if isinstance(result, Result) and result not in {Result.UNKNOWN, Result.NOT_SENT}
}
"""The results that are final, in words."""


def _stopped(ledger: Ledger, stop: ImporterError, run: str) -> str:
    """Return why an apply ended early, what is done, unknown and left, and how to continue."""
    lines = [str(stop)]
    if isinstance(stop, DailyLimitError):
        moment = now()
        tomorrow = moment.astimezone(UTC).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), UTC).astimezone(moment.tzinfo)
        lines.append(f"Midnight GMT is {midnight:%H:%M on %d %B} local time.")
    again = f"To continue, run:\n  {command_line('apply', run)}"
    end = again if stop.exit is not Exit.USAGE else ""
    with suppress(ImporterError):
        counts = ledger.progress()
        unknown = counts.get(State.INTENT, 0) + counts.get(State.UNKNOWN, 0)
        left = counts.get(State.PLANNED, 0)
        done = sum(counts.values()) - unknown - left
        asked = " (looked up first when you continue)"
        doubt = f" Result not known yet: {unknown:,}{asked}." if unknown else ""
        lines.append(f"Done: {done:,}.{doubt} Left: {left:,}.")
        if not unknown + left:
            end = "The plan is complete. There is nothing to continue."
    return "\n".join(filter(None, (*lines, end)))


@app.command()
def convert(
    roster: options.Rosters,
    mapping: options.Mappings,
    to: Annotated[Literal["jsonl", "sis-xml"], typer.Option(help="The format of the records.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    codes: options.Codes = None,
    visible_only: options.VisibleOnly = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Write the records of the ready rows to a file: JSON Lines, or a zip for the SIS load."""
    with tempfile.TemporaryDirectory(prefix="importer-") as scratch:
        pairs = paired(roster, mapping, visible_only=visible_only)
        folder = Path(scratch, "run")  # so that no run of another process is beside it
        request = run_request(pairs, folder, codes, refresh=False)
        rosters = validate(open_inputs(request))
        with save_check(rosters, request) as ledger:
            ready = {row for row, fate in ledger.fates() if fate is Fate.READY}
            files = sis_load.convert(rosters, ready, to, output)
            sentences = _what_is_cleared(rosters, ready) if to == "sis-xml" else []
            summary = summarize(ledger).model_copy(update={"run": ""})
            code = conclude(
                ledger, summary, as_json=as_json, show_values=show_values, reports="none"
            )
    say(f"{len(ready):,} records in {', '.join(map(str, files))}")
    for sentence in sentences:
        say(sentence)
    return code


def _what_is_cleared(rosters: CheckedRosters, ready: Collection[int]) -> list[str]:
    """Return in sentences what a load of the ready rows clears in Alma."""
    names = word_list([wording.field_name(path) for path in sis_load.sis_clears(rosters)])
    blanks = dict[str, list[int]]()
    for row, path in sis_load.blank_cells(rosters, ready):
        blanks.setdefault(wording.field_name(path), []).append(row)
    cleared = [f"The file clears in Alma what the mapping does not set: {names}."] if names else []
    cleared += [
        f"It clears {field}, which is blank here: row {spans(rows, 20)}."
        for field, rows in blanks.items()
    ]
    if cleared:
        cleared.append("`importer plan ROSTER -m MAPPING --to sis-xml` keeps these values.")
    return cleared


@app.command("sis-report")
def sis_report(
    run: options.Run,
    report: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The list of rejected users that Alma's job report exports.",
            show_default=False,
        ),
    ] = None,
    no_refresh: NoRefresh = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Report what the SIS load did with each row of a file, after Alma loaded it."""
    with connection.open_alone(run) as ledger:
        facts, journal = ledger.facts, Journal(ledger, options.operator(), now)
        steps = sis_load.delivered(journal)
        reasons = sis_load.read_reasons(report, steps) if report else {}
        assert facts.alma is not None  # noqa: S101  a plan has it
        path = cache_path(options.USERS, facts.alma.institution, facts.alma.environment)
        with UserCache.open(path) as cache:

            async def refresh(alma: Alma) -> None:
                await apply_stage.check_same_institution(facts, alma)
                with progress("Reading changes") as advance:
                    incomplete = cache.state.as_of is None
                    await Refresh(cache, alma, now, advance, say).run(due=incomplete)

            if not no_refresh:
                connection.with_alma(Settings.read(), refresh)
            journal.record_outcomes(sis_load.compare(steps, cache, reasons, facts.origin))
        remember(ledger, options.USERS, now(), say)
        left = len(journal.rows_in(State.DELIVERED))
        code = conclude(ledger, as_json=as_json, show_values=show_values)
    if left:
        say(
            f"{counted(left, 'row')} of the file cannot be seen in Alma. Check that the load is "
            "done. Export the rejected users from its report in Alma (Monitor Jobs, History), and "
            "run this command with that file."
        )
    return code
