"""The command that removes what is not needed any more: purge."""

from __future__ import annotations

import re
import shutil
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.output import Json, now, operator, say, write_json
from importer.errors import Exit, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(purge)


def purge(
    older_than: Annotated[str, typer.Option(help="An age in days, such as 30d.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; otherwise only list.")] = False,
    as_json: Json = False,
) -> int:
    """Remove old runs and decisions, which hold personal data. Without --yes it only says which."""
    from importer.ledger.decisions import decided_before, forget_before
    from importer.pipeline.folders import DECISIONS
    from importer.pipeline.runs import folders_before
    from importer.report.wording import counted

    found = re.fullmatch(r"([0-9]{1,5})d?", older_than.strip())
    if found is None:
        msg = f"{older_than} is no age in days; write it like 30d."
        raise UsageError(msg)
    limit = now() - timedelta(days=int(found[1]))
    old, decisions = folders_before(limit), decided_before(DECISIONS, limit)
    for folder in old:
        if yes:
            _remove(folder)
        if not as_json:
            sys.stdout.write(f"{folder}\n")
    if yes and decisions:
        forget_before(DECISIONS, limit)
    if as_json:
        write_json({"runs": list(map(str, old)), "decisions": decisions, "removed": yes})
    what = "removed" if yes else "would be removed; say --yes to remove them"
    said = f" and {counted(decisions, 'decision')} about patrons" if decisions else ""
    say(f"{counted(len(old), 'run')}{said} {what}.")
    return Exit.DONE


def _remove(folder: Path) -> None:
    from importer.ledger.lock import held

    with held(folder, operator(), now()):
        shutil.rmtree(folder)
