"""The commands that carry a roster into Alma: check, plan, apply, convert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from importer.cli.output import Json, ShowValues, conclude, now, operator, program, say
from importer.model.plan import Brake

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.pipeline.inputs import RunRequest

Roster = Annotated[
    Path, typer.Argument(help="The spreadsheet: CSV, Excel or OpenDocument.", show_default=False)
]
MappingFile = Annotated[
    Path, typer.Option("-m", "--mapping", help="The mapping (YAML).", show_default=False)
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder; default: a new one under runs/.")
]
Codes = Annotated[
    Path | None,
    typer.Option(help="Saved code tables; default: codes.json in this folder, if there."),
]
VisibleOnly = Annotated[
    bool, typer.Option("--visible-only", help="Skip the rows that are hidden in the sheet.")
]
Run = Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(check)
    app.command()(plan)
    app.command()(apply)
    app.command()(convert)


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
    from importer.cli.progress import progress
    from importer.ledger.summary import summarize
    from importer.pipeline.check import check as check_roster
    from importer.pipeline.inputs import Progress

    order = _order(roster, mapping, output, codes, visible_only=visible_only)
    with progress("Checking") as advance:
        checked = check_roster(order, Progress(rows=lambda done, of: advance(done, of, "")))
    with checked as ledger:
        return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


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
    from importer.alma.client import Alma
    from importer.cli.alma import with_alma
    from importer.cli.directory import FOLDER
    from importer.cli.progress import progress
    from importer.ledger.summary import summarize
    from importer.pipeline.inputs import Progress
    from importer.pipeline.plan import plan as plan_roster
    from importer.settings import Settings

    settings = Settings.read()

    async def use(alma: Alma) -> Ledger:
        order = replace(
            _order(roster, mapping, output, codes, visible_only=visible_only),
            mirrors=FOLDER,
            refresh=not no_refresh,
        )
        with progress("Planning", lambda: alma.limiter.notice) as advance:
            return await plan_roster(
                order,
                alma,
                settings.alma_rate,
                Progress(lambda done, of: advance(done, of, ""), say),
            )

    with with_alma(settings, use) as ledger:
        return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


def apply(
    run: Run,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Send at most N rows.", metavar="N")
    ] = None,
    allow: Annotated[
        list[Brake], typer.Option(help="Let a safety check pass.", metavar="CHECK")
    ] = [],  # noqa: B006
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Carry out a saved plan. Run it again to continue where it stopped."""
    from importer.cli.applying import apply_run, told
    from importer.ledger.ledger import Ledger
    from importer.ledger.lock import run_lock
    from importer.ledger.summary import summarize
    from importer.pipeline.folders import find_folder

    folder = find_folder(run)
    with Ledger.open(folder) as ledger, run_lock(folder, operator(), now()):
        stop = apply_run(ledger, limit, frozenset(allow), yes=yes)
        summary = summarize(ledger, frozenset({stop.exit} if stop else ()))
        stopped = told(ledger, stop, run) if stop else ""
        return conclude(
            ledger,
            summary,
            as_json=as_json,
            show_values=show_values,
            reports="wanted",
            stopped=stopped,
        )


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
    import tempfile

    from importer.ledger.summary import summarize
    from importer.pipeline import check
    from importer.pipeline.inputs import open_inputs

    with tempfile.TemporaryDirectory(prefix="importer-") as nobodys:
        order = _order(roster, mapping, Path(nobodys), codes, visible_only=visible_only)
        material = open_inputs(order)
        clears = check.sis_clears(material) if to == "sis-xml" else ()
        with check.check_inputs(material, order) as ledger:
            files = check.convert(material, dict(ledger.fates()), to, output)
            summary = summarize(ledger).model_copy(update={"run": ""})
            code = conclude(
                ledger, summary, as_json=as_json, show_values=show_values, reports="none"
            )
    say(f"{summary.ready:,} records in {', '.join(map(str, files))}")
    if clears:
        say("Loading this file clears these fields in Alma, which the mapping does not set:")
        say(f"  {', '.join(clears)}")
    return code


def _order(
    roster: Path, mapping: Path, output: Path | None, codes: Path | None, *, visible_only: bool
) -> RunRequest:
    from importer.cli.codes import saved_codes
    from importer.pipeline.inputs import RunRequest

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
