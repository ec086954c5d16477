"""The commands that look back: report, runs, show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.load import Run
from importer.cli.output import Json, ShowValues, conclude, printable, say, write
from importer.errors import Exit, ImporterError, UsageError

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.pipeline.runs import KeptRun


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(report)
    app.command()(runs)
    app.command()(show)


def report(run: Run, show_values: ShowValues = False, as_json: Json = False) -> int:
    """Write the reports of a run again, from its ledger."""
    from importer.ledger.ledger import Ledger
    from importer.ledger.summary import summarize
    from importer.pipeline.folders import find_folder

    with Ledger.open(find_folder(run)) as ledger:
        warn_of_faults(ledger)
        return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


def warn_of_faults(ledger: Ledger) -> None:
    """Warn where the ledger is not as it was written."""
    from importer.ledger.integrity import fault

    if sentence := fault(ledger):
        say(sentence)


def runs(as_json: Json = False) -> int:
    """List the runs under runs/, oldest first: operator, roster, time and result."""
    from importer.pipeline.runs import list_runs

    listed = [_listed(kept) for kept in list_runs()]
    if as_json:
        sys.stdout.write(json.dumps([one for one, _ in listed]) + "\n")
        return Exit.DONE
    if not listed:
        say("There are no runs under runs/ yet.")
    for one, outcome in listed:
        if "fault" in one:
            write(str(one["run"]), f"  {outcome}")
        else:
            _tell(one, outcome)
    return Exit.DONE


def _listed(kept: KeptRun) -> tuple[dict[str, object], str]:
    """A run for machines, and what came of it in words; where it cannot be read, why."""
    from importer.ledger.ledger import Ledger

    fault = kept.fault
    if not fault:
        try:
            with Ledger.open(kept.folder) as ledger:
                return _told(ledger)
        except ImporterError as error:  # damage may show only further down in the file
            fault = str(error)
    return {"run": str(kept.folder), "fault": fault}, fault


def _told(ledger: Ledger) -> tuple[dict[str, object], str]:
    from importer.ledger.integrity import first_broken
    from importer.ledger.summary import summarize
    from importer.report.headline import headline

    facts, summary = ledger.facts, summarize(ledger)
    told = {
        "run": str(ledger.folder),
        "command": facts.command,
        "applied": ledger.was_applied,
        "started": facts.started.isoformat(timespec="seconds"),
        "operator": facts.operator,
        "roster": Path(facts.roster.path).name,
        "sha256": facts.roster.sha256,
        "mapping": facts.mapping.name,
        "institution": facts.alma.institution if facts.alma else "",
        "summary": summary.model_dump(mode="json", exclude_none=True),
        "history_intact": first_broken(ledger) is None,
    }
    return told, headline(summary)


def _tell(one: dict[str, object], outcome: str) -> None:
    state = "applied" if one["applied"] else str(one["command"])
    broken = "" if one["history_intact"] else "  HISTORY CHANGED BY HAND"
    text = (
        f"{one['run']}  {state}  {one['started']}  {one['operator']}  "
        f"{one['roster']} with {one['mapping']}{broken}"
    )
    write(text, f"  {outcome}")


def show(
    run: Run,
    row: Annotated[int, typer.Argument(help="Row number, as in the spreadsheet.")],
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Show the history of one row: problems, plan, what was sent, and the result."""
    from importer.ledger.ledger import Ledger
    from importer.pipeline.folders import find_folder
    from importer.report.life import life_of, lines

    with Ledger.open(find_folder(run)) as ledger:
        warn_of_faults(ledger)
        life = life_of(ledger, row, show_values=show_values)
    if life is None:
        msg = f"The roster of this run has no row {row}."
        raise UsageError(msg)
    told = [json.dumps({"run": run} | life)] if as_json else map(printable, lines(life))
    sys.stdout.writelines(f"{line}\n" for line in told)
    return Exit.DONE
