"""The commands that settle a run: undo."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.load import Folder, Run
from importer.cli.output import Json, ShowValues, conclude, now, operator

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.ledger.ledger import Ledger


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(undo)


def undo(
    run: Run,
    delete_created: Annotated[
        bool,
        typer.Option(
            "--delete-created", help="Delete users that the run created; Alma cannot undo that."
        ),
    ] = False,
    output: Folder = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> int:
    """Plan the way back from what was saved before each write; carry it out with apply."""
    from importer.cli.alma import with_alma
    from importer.cli.progress import progress
    from importer.ledger.ledger import Ledger
    from importer.ledger.lock import held
    from importer.ledger.summary import summarise
    from importer.pipeline.folders import find_folder
    from importer.pipeline.undoing import WayBack, check_undoable
    from importer.pipeline.undoing import undo as plan_back
    from importer.settings import Settings

    folder = find_folder(run)
    with Ledger.open(folder) as first, held(folder, operator(), now()):
        check_undoable(first)
        settings = Settings.read()
        way = WayBack(
            folder=output,
            now=now(),
            operator=operator(),
            version=version("alma-roster-importer"),
            rate=settings.alma_rate,
            delete_created=delete_created,
        )

        async def use(alma: Alma) -> Ledger:
            with progress("Comparing with Alma") as advance:
                return await plan_back(
                    first, alma, way, lambda done, of: advance(done, of, alma.governor.notice)
                )

        with with_alma(settings, use) as ledger:
            return conclude(ledger, summarise(ledger), as_json=as_json, show_values=show_values)
