"""The commands `undo` and `resolve`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from importer.alma.client import Alma
from importer.cli.connection import with_alma
from importer.cli.console import (
    ROW_HELP,
    Codes,
    Folder,
    Json,
    Run,
    ShowValues,
    conclude,
    operator,
    progress,
    saved_codes,
)
from importer.cli.output import now, program, say
from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.ledger.run_lock import run_lock
from importer.model.decisions import Answer
from importer.model.text import read_row_label
from importer.pipeline.inputs import Progress
from importer.pipeline.resolve import Decision, Review, decisions_in_file, rows_with
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
                return await plan_undo(done, alma, request, Progress(advance))

        with with_alma(settings, use) as ledger:
            return conclude(ledger, as_json=as_json, show_values=show_values)


@app.command()
def resolve(
    run: Run,
    row: Annotated[
        int | None,
        typer.Argument(metavar="[ROW]", help=ROW_HELP, parser=read_row_label),
    ] = None,
    user: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="With update or rename: the user's ID in Alma, if several users are in question.",
        ),
    ] = "",
    how: Annotated[
        Literal["update", "rename", "create", "reject"] | None,
        typer.Option("--as", help="How to resolve the row, or all these rows."),
    ] = None,
    code: Annotated[
        str, typer.Option("--all", metavar="CODE", help="All rows that need review for this only.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--from", help="As written in the Decision column of this rejects file."),
    ] = None,
    codes: Codes = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Resolve rows that need review. `apply` carries it out; later plans remember it.

    update: the same person. rename: the same person, who gets the row's primary ID (a new card).
    create: another person. reject: do not load the row.
    """
    folder = find_folder(run)
    with Ledger.open(folder) as ledger, run_lock(folder, operator(), now()):
        review = Review(ledger, saved_codes(codes), operator(), now)
        left: list[str] = []
        match row, how, code, file:
            case int(), str(), "", None:
                decisions = [Decision(row, Answer(how), user)]
            case None, str(), str(), None if code:
                decisions = [Decision(one, Answer(how)) for one in rows_with(ledger, code)]
            case None, None, "", Path():
                decisions, left = decisions_in_file(ledger, file)
            case _:
                msg = (
                    "Resolve one row (importer resolve RUN ROW --as HOW), all rows with one "
                    "problem (importer resolve RUN --all CODE --as HOW), or as decided in a "
                    "rejects file (importer resolve RUN --from rejects.xlsx)."
                )
                raise UsageError(msg)
        left += _resolve(review, decisions)
        if left and row is not None:
            raise UsageError(left[0])
        for sentence in left:
            say(sentence)
        return conclude(ledger, as_json=as_json, show_values=show_values, reports="wanted")


def _resolve(review: Review, decisions: list[Decision]) -> list[str]:
    """Resolve the rows, with Alma if it must be asked; return why some could not be."""

    async def use(alma: Alma | None) -> list[str]:
        with progress("Resolving", lambda: alma.limiter.notice if alma else "") as advance:
            return await review.resolve_all(
                decisions, alma, lambda done: advance(done, len(decisions))
            )

    if not review.asks_alma(decisions):
        return asyncio.run(use(None))
    return with_alma(Settings.read(), use)
