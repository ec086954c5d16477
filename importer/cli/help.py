"""The command `help`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_group

from importer.cli.app import app as commands
from importer.cli.app import run
from importer.cli.options import Commands
from importer.cli.output import write
from importer.errors import Exit, UsageError
from importer.model.text import command_line
from importer.report.commands import with_commands

app = Commands()


@app.command("help")
def explain(
    topic: Annotated[
        list[str] | None,
        typer.Argument(help="A command, such as mapping new, or exit-codes.", metavar="TOPIC"),
    ] = None,
) -> int:
    """Explain a command, or the exit codes."""
    if topic == ["exit-codes"]:
        write(*(f"{int(code):3}  {code.meaning}. {with_commands(code.advice)}" for code in Exit))
        return Exit.DONE
    words, group = topic or [], get_group(commands)
    for at, word in enumerate(words, 1):
        command = group.get_command(typer.Context(group), word)  # `run` reports an unknown one
        if isinstance(command, TyperGroup):
            group = command
        elif command is not None and words[at:]:
            known = command_line("help", *words[:at])
            msg = f"{' '.join(words[:at])} has no commands, such as {words[at]!r}. See: {known}"
            raise UsageError(msg)
        else:
            break
    return run([*words, "--help"])
