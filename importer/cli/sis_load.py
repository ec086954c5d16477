"""The commands `convert` and `sis-report`."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.alma.client import Alma
from importer.cli import options
from importer.cli.check import paired, run_request
from importer.cli.connection import only_user_cache, open_alone, with_alma
from importer.cli.console import conclude, progress
from importer.cli.output import now, say
from importer.ledger.journal import Journal
from importer.ledger.ledger import State, summarize
from importer.model.plan import Fate
from importer.model.text import counted, spans, word_list
from importer.pipeline import sis_load
from importer.pipeline.apply import check_same_institution, remember
from importer.pipeline.check import save_check, validate
from importer.pipeline.inputs import CheckedRosters, open_inputs
from importer.report.wording import field_name
from importer.settings import Settings
from importer.users.cache import UserCache, cache_path
from importer.users.refresh import Refresh

app = options.Commands()


@app.command()
def convert(
    roster: options.Rosters,
    mapping: options.Mappings,
    to: Annotated[Literal["jsonl", "sis-xml"], typer.Option(help="The format of the records.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    codes: options.Codes = None,
    corrections: options.CorrectionsFile = None,
    visible_only: options.VisibleOnly = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Write the records of the ready rows to a file: JSON Lines, or a zip for the SIS load."""
    with tempfile.TemporaryDirectory(prefix="importer-") as scratch:
        pairs = paired(roster, mapping, corrections, visible_only=visible_only)
        folder = Path(scratch, "run")  # so that no run of another process is beside it
        request = run_request(pairs, folder, codes, refresh=False)
        rosters = validate(open_inputs(request))
        with save_check(rosters, request) as ledger:
            ready = {row for row, fate in ledger.fates() if fate is Fate.READY}
            files = sis_load.convert(rosters, ready, to, output)
            sentences = (
                _what_loads(rosters, ready, request.codes.institution) if to == "sis-xml" else []
            )
            summary = summarize(ledger).model_copy(update={"run": ""})
            code = conclude(
                ledger, summary, as_json=as_json, show_values=show_values, reports="none"
            )
    say(f"{len(ready):,} records in {', '.join(map(str, files))}")
    for sentence in sentences:
        say(sentence)
    return code


def _what_loads(rosters: CheckedRosters, ready: Collection[int], institution: str) -> list[str]:
    """Return in sentences what a load of the ready rows clears and undoes, and whom it misses."""
    with only_user_cache() as cache:
        undone = _by_reason(
            (row, word_list([field_name(path) for path in paths]))
            for row, paths in sis_load.sis_undoes(rosters, ready, cache, institution)
        )
        missed = _by_reason(sis_load.sis_unmatched(rosters, ready, cache))
    names = word_list([field_name(path) for path in sis_load.sis_clears(rosters)])
    blanks = _by_reason(
        (row, field_name(path)) for row, path in sis_load.blank_cells(rosters, ready)
    )
    said = [
        f"The load would undo what staff edited in Alma ({fields}): row {rows}."
        for fields, rows in undone.items()
    ]
    if names:
        said += ["Loading this file clears these fields in Alma, which the mapping does not set:"]
        said += [f"  {names}"]
    said += [
        f"It clears {field}, which is blank here: row {rows}." for field, rows in blanks.items()
    ]
    said += [f"Row {rows}: {why}." for why, rows in missed.items()]
    if names or blanks or undone:
        said += [
            "`importer plan ROSTER -m MAPPING --to sis-xml` shows the values; with --fill and "
            "--keep-edits they stay."
        ]
    return said


@app.command("sis-report")
def sis_report(
    run: options.Run,
    report: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The list of rejected users that Alma's job report exports.",
            show_default=False,
        ),
    ] = None,
    no_refresh: Annotated[
        bool, typer.Option("--no-refresh", help="Use the user cache as it is.")
    ] = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Report what the SIS load did with each row of a file, after Alma loaded it."""
    with open_alone(run) as ledger:
        facts, journal = ledger.facts, Journal(ledger, options.operator(), now)
        steps = sis_load.delivered(journal)
        reasons = sis_load.read_reasons(report, steps) if report else {}
        assert facts.alma is not None  # noqa: S101  a plan has it
        path = cache_path(options.USERS, facts.alma.institution, facts.alma.environment)
        with UserCache.open(path) as cache:

            async def refresh(alma: Alma) -> None:
                await check_same_institution(facts, alma)
                with progress("Reading changes") as advance:
                    incomplete = cache.state.as_of is None
                    await Refresh(cache, alma, now, advance, say).run(due=incomplete)

            if not no_refresh:
                with_alma(Settings.read(), refresh)
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


def _by_reason(found: Iterable[tuple[int, str]]) -> dict[str, str]:
    """Return the rows of each reason, as `2–5, 9`."""
    grouped: dict[str, list[int]] = {}
    for row, why in found:
        grouped.setdefault(why, []).append(row)
    return {why: spans(numbers, 20) for why, numbers in grouped.items()}
