"""The commands `plan`, `apply`, `convert` and `sis-report`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.advice import Apply, Choice, SisReport
from importer.cli import connection, options
from importer.cli.check import paired
from importer.cli.console import Screen, conclude
from importer.cli.output import say
from importer.errors import Exit, ImporterError, UsageError
from importer.ledger.ledger import Ledger, State
from importer.model.plan import SafetyCheck
from importer.model.text import counted, spans, word_list
from importer.pipeline.inputs import AskedRun
from importer.report.commands import to_paste
from importer.service import loads, plans
from importer.service.office import Stop, office
from importer.service.outcome import ending_of
from importer.service.plans import Converted

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
    rosters = paired(roster, mapping, visible_only=visible_only)
    if corrections is not None:  # of the page, of its only roster
        rosters = tuple(replace(roster, corrections=corrections) for roster in rosters)
    edits = tuple(overwrite_edits)
    request = AskedRun(rosters, codes, output, not no_refresh, edits, sis)
    with plans.plan(office(), request, Screen(), Stop()) as ledger:
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
        screen, stopping = Screen(delete, yes=yes), connection.Stopping(ledger.folder)
        approved = loads.Approval(limit, frozenset(allow), seal)
        applied = loads.apply(office(), ledger, screen, stopping, approved)
        if applied.files is not None:
            _say_written(applied.files, ledger.folder)
        stop = applied.stopped
        return conclude(
            ledger,
            ending_of(ledger, stop),
            as_json=as_json,
            show_values=show_values,
            reports="none" if stop and stop.exit is Exit.USAGE else "wanted",
            stopped=_stopped(ledger, stop, run) if stop else "",
        )


def _say_written(files: tuple[Path, ...], run: Path) -> None:
    """Say where the file for the SIS load is, and what to do with it."""
    if not files:
        say("No file was written, because no row is left for it.")
        return
    names = ", ".join(map(str, files))
    say(f"Written: {names}. Put it where your Alma's SIS profile looks for it.")
    say(to_paste("", (Choice(SisReport(str(run))),)))


def _stopped(ledger: Ledger, stop: ImporterError, run: str) -> str:
    """Return why an apply ended early, what is done, unknown and left, and how to continue."""
    lines = [to_paste(stop.prose, stop.advice)]
    end = to_paste("", (Choice(Apply(run)),)) if stop.exit is not Exit.USAGE else ""
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
    pairs = paired(roster, mapping, visible_only=visible_only)
    with plans.convert(office(), AskedRun(pairs, codes), to, output) as converted:
        outcome = ending_of(converted.check)
        nowhere = outcome.counts.model_copy(update={"run": ""})
        outcome = outcome.model_copy(update={"summary": nowhere})
        code = conclude(
            converted.check, outcome, as_json=as_json, show_values=show_values, reports="none"
        )
    say(f"{converted.ready:,} records in {', '.join(map(str, converted.files))}")
    for sentence in _what_is_cleared(converted):
        say(sentence)
    return code


def _what_is_cleared(converted: Converted) -> list[str]:
    """Return in sentences what a load of the records clears in Alma."""
    cleared = []
    if names := converted.clears:
        cleared.append(
            f"The file clears in Alma what the mapping does not set: {word_list(names)}."
        )
    cleared += [
        f"It clears {field}, which is blank here: row {spans(rows, 20)}."
        for field, rows in converted.blanks.items()
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
        screen = Screen()
        left = loads.sis_report(office(), ledger, screen, report, refresh=not no_refresh)
        code = conclude(ledger, as_json=as_json, show_values=show_values)
    if left:
        say(
            f"{counted(left, 'row')} of the file cannot be seen in Alma. Check that the load is "
            "done. Export the rejected users from its report in Alma (Monitor Jobs, History), and "
            "run this command with that file."
        )
    return code
