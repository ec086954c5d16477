"""The command that removes what is not needed any more: purge."""

from __future__ import annotations

import re
import shutil
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.output import Json, now, operator, say, write_json
from importer.errors import Exit, LedgerError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(purge)


def purge(
    older_than: Annotated[str, typer.Option(help="Age in days, such as 30d.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete them; otherwise only list them.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Delete old runs and resolutions, which contain personal data; without --yes, list them."""
    from importer.ledger.resolutions import count_older, delete_older
    from importer.pipeline.folders import DECISIONS
    from importer.pipeline.runs import list_runs
    from importer.report.wording import counted

    found = re.fullmatch(r"([0-9]{1,5})d?", older_than.strip())
    if found is None:
        msg = f"{older_than} is not an age in days. Write it like 30d."
        raise UsageError(msg)
    limit = now() - timedelta(days=int(found[1]))
    runs, decisions = list_runs(), count_older(DECISIONS, limit)
    old: list[Path] = []
    stay = {kept.folder: kept.fault for kept in runs if kept.since is None}
    for kept in runs:
        if kept.since is None or kept.since >= limit:
            continue
        if kept.folder.is_symlink():
            stay[kept.folder] = "it is a link to another folder. Delete the link by hand."
            continue
        if yes and (why := _not_removed(kept.folder)):
            stay[kept.folder] = why
            continue
        old.append(kept.folder)
        if not as_json:
            sys.stdout.write(f"{kept.folder}\n")
        if kept.fault:
            say(f"{kept.fault} Its age is that of its newest file.")
    if yes and decisions:
        delete_older(DECISIONS, limit)
    if as_json:
        told = [{"run": str(folder), "fault": why} for folder, why in stay.items()]
        write_json(
            {"runs": list(map(str, old)), "stay": told, "decisions": decisions, "removed": yes}
        )
    what = "deleted" if yes else "would be deleted; run again with --yes to delete them"
    said = f" and {counted(decisions, 'decision')} about patrons" if decisions else ""
    say(f"{counted(len(old), 'run')}{said} {what}.")
    for folder, why in stay.items():
        say(f"{folder} was not deleted: {why}")
    return Exit.STOPPED if stay else Exit.DONE


def _not_removed(folder: Path) -> str:
    """Delete a run; return why it cannot be, or blank."""
    from importer.ledger.lock import run_lock

    try:
        with run_lock(folder, operator(), now()):
            shutil.rmtree(folder)
    except LedgerError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or folder} cannot be deleted ({error.strerror or error})."
    return ""
