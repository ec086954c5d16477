"""The commands `undo` and `resolve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from importer.cli.load import Codes, Folder, Run
from importer.cli.output import Json, ShowValues, conclude, now, operator, program
from importer.errors import UsageError

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.ledger.ledger import Ledger


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(undo)
    app.command()(resolve)


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
    from importer.cli.alma import with_alma
    from importer.cli.progress import progress
    from importer.ledger.ledger import Ledger
    from importer.ledger.lock import run_lock
    from importer.ledger.summary import summarize
    from importer.pipeline.folders import find_folder
    from importer.pipeline.inputs import Progress
    from importer.pipeline.undo import UndoRequest, check_undoable
    from importer.pipeline.undo import undo as plan_back
    from importer.settings import Settings

    folder = find_folder(run)
    with Ledger.open(folder) as first, run_lock(folder, operator(), now()):
        check_undoable(first)
        settings = Settings.read()
        way = UndoRequest(
            folder=output,
            now=now(),
            operator=operator(),
            version=program(),
            rate=settings.alma_rate,
            delete_created=delete_created,
        )

        async def use(alma: Alma) -> Ledger:
            with progress("Comparing with Alma", lambda: alma.limiter.notice) as advance:
                return await plan_back(
                    first, alma, way, Progress(lambda done, of: advance(done, of, ""))
                )

        with with_alma(settings, use) as ledger:
            return conclude(ledger, summarize(ledger), as_json=as_json, show_values=show_values)


def resolve(
    run: Run,
    row: Annotated[int, typer.Argument(help="Row number, as in the spreadsheet.")],
    how: Annotated[
        Literal["create", "update", "reject"], typer.Option("--as", help="What becomes of the row.")
    ],
    user: Annotated[
        str, typer.Argument(metavar="[ID]", help="With --as update: the ID of the user to update.")
    ] = "",
    codes: Codes = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Resolve a row that needs review. `apply` carries it out; later plans remember it."""
    from importer.cli.alma import with_alma
    from importer.cli.codes import saved_codes
    from importer.ledger.ledger import Ledger
    from importer.ledger.lock import run_lock
    from importer.ledger.resolutions import Answer
    from importer.ledger.summary import summarize
    from importer.pipeline import resolve
    from importer.pipeline.folders import find_folder
    from importer.pipeline.resolve import ReviewedRow, check_open
    from importer.settings import Settings

    folder = find_folder(run)
    with Ledger.open(folder) as ledger, run_lock(folder, operator(), now()):
        question = ReviewedRow(ledger, row, operator(), now)
        chosen = Answer(how)
        _check_user(user, how, needed=ledger.facts.command != "undo")
        check_open(question, chosen)
        if chosen is Answer.REJECT:
            resolve.reject(question, saved_codes(codes))
        else:

            async def use(alma: Alma) -> None:
                await resolve.resolve(question, chosen, user, alma, saved_codes(codes))

            with_alma(Settings.read(), use)
        return conclude(
            ledger, summarize(ledger), as_json=as_json, show_values=show_values, reports="wanted"
        )


def _check_user(user: str, how: str, *, needed: bool) -> None:
    """Raises UsageError where an update lacks its user, or anything else names one."""
    if how == "update" and needed and not user.strip():
        msg = "Name the user to update: importer resolve RUN ROW --as update ID"
        raise UsageError(msg)
    if how != "update" and user:
        msg = f"An ID is given with --as update only, not with --as {how}."
        raise UsageError(msg)
