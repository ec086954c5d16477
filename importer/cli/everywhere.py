"""The commands `all`, which runs one in several folders, and `help`."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.output import say, write
from importer.errors import Exit, UsageError
from importer.settings import importer_command

app = typer.Typer(rich_markup_mode=None)


@app.command("all")
def run_everywhere(
    words: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER... -- COMMAND", help="The folders, then the command."),
    ],
) -> int:
    """Run a command in several folders at once, each with its own key and runs.

    The exit code is the worst of all. A command that asks for confirmation needs --yes.
    """
    at = words.index("--") if "--" in words else len(words)
    folders, command = list(dict.fromkeys(words[:at])), words[at + 1 :]
    if not folders or not command:
        msg = "Name the folders, then -- and a command: importer all north south -- plan …"
        raise UsageError(msg)
    if missing := [folder for folder in folders if not Path(folder).is_dir()]:
        msg = f"There is no folder {', '.join(missing)}."
        raise UsageError(msg)
    width = max(map(len, folders))
    with ThreadPoolExecutor(len(folders)) as pool:
        codes = list(pool.map(lambda folder: _run_in(folder, command, width), folders))
    say()
    for folder, code in zip(folders, codes, strict=True):
        write(f"{folder:{width}}  {int(code):3}  {code.meaning}")
    return Exit.worst(set(codes))


_LINES = threading.Lock()


def _run_in(folder: str, command: list[str], width: int) -> Exit:
    """Run the command in a folder; show each line that it writes behind the folder's name."""
    arguments = (*importer_command(), "-C", folder, *command)
    with subprocess.Popen(  # noqa: S603
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            with _LINES:
                say(f"{folder:{width}} | {line.rstrip()}")
    try:
        return Exit(process.returncode)
    except ValueError:  # ended by a signal
        return Exit.STOPPED


@app.command("help")
def explain(
    context: typer.Context,
    topic: Annotated[
        list[str] | None, typer.Argument(help="A command, such as mapping new, or exit-codes.")
    ] = None,
) -> None:
    """Explain a command, or the exit codes."""
    if topic == ["exit-codes"]:
        write(*(f"{int(code):3}  {code.meaning}. {code.advice}" for code in Exit))
        return
    within = context.find_root()
    command = within.command
    for word in topic or ():
        found = getattr(command, "get_command", lambda *_: None)(within, word)
        if found is None:
            msg = f"There is no help about {' '.join(topic or ())}. See: importer help"
            raise UsageError(msg)
        within = typer.Context(found, parent=within, info_name=word)
        command = found
    write(command.get_help(within))
