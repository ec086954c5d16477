"""The commands `undo` and `resolve`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from importer.alma.client import Alma
from importer.cli.connection import with_alma
from importer.cli.console import (
    Codes,
    Folder,
    Json,
    Row,
    Run,
    ShowValues,
    conclude,
    now,
    operator,
    program,
    progress,
    saved_codes,
)
from importer.ledger.journal import run_lock
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.resolutions import Answer
from importer.pipeline.inputs import Progress
from importer.pipeline.resolve import Decision, Review
from importer.pipeline.runs import find_folder
from importer.pipeline.undo import UndoRequest, check_undoable
from importer.pipeline.undo import undo as plan_undo
from importer.settings import Settings

app = typer.Typer(rich_markup_mode=None)


@app.command()
def undo(
    run: Run,
    delete_created: Annotated[
        bool,
        typer.Option(
            "--delete-created",
            help="Also delete the users that the run created; Alma cannot undo that.",
        ),
    ] = False,
    output: Folder = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Plan how to undo a run, from the records saved before each write. `apply` carries it out."""
    folder = find_folder(run)
    with Ledger.open(folder) as done, run_lock(folder, operator(), now()):
        check_undoable(done)
        settings = Settings.read()
        request = UndoRequest(
            folder=output,
            now=now(),
            operator=operator(),
            version=program(),
            rate=settings.alma_rate,
            delete_created=delete_created,
        )

        async def use(alma: Alma) -> Ledger:
            with progress("Comparing with Alma", lambda: alma.limiter.notice) as advance:
                return await plan_undo(
                    done, alma, request, Progress(lambda done, of: advance(done, of, ""))
                )

        with with_alma(settings, use) as ledger:
            return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


@app.command()
def resolve(
    run: Run,
    row: Row,
    how: Annotated[
        Literal["create", "update", "rename", "reject"],
        typer.Option("--as", help="How to resolve the row."),
    ],
    user: Annotated[
        str,
        typer.Argument(
            metavar="[ID]", help="With --as update or rename: the ID of the user in Alma."
        ),
    ] = "",
    codes: Codes = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Resolve a row that needs review. `apply` carries it out; later plans remember it."""
    folder = find_folder(run)
    with Ledger.open(folder) as ledger, run_lock(folder, operator(), now()):
        review = Review(ledger, saved_codes(codes), operator(), now)
        decision = Decision(row, Answer(how), user)
        review.check(decision)
        if decision.answer is Answer.REJECT:
            review.reject(row)
        else:
            with_alma(Settings.read(), lambda alma: review.resolve(decision, alma))
        return conclude(
            ledger, summarize(ledger), as_json=as_json, show_values=show_values, reports="wanted"
        )
