"""The commands `all`, which runs one in several folders, and `help`."""

from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_group

from importer.cli.app import app as commands
from importer.cli.app import run
from importer.cli.options import Commands
from importer.cli.output import say, write
from importer.errors import Exit, UsageError
from importer.model.plan import Act, Fate, Result
from importer.model.run import Summary
from importer.model.text import command_line, counted
from importer.settings import importer_command

app = Commands()


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
    width = max(len("total"), *map(len, folders))
    with ThreadPoolExecutor(len(folders)) as pool, TemporaryDirectory() as logs:
        paths = [Path(logs) / f"{number}" for number in range(len(folders))]
        runs = zip(folders, paths, strict=True)
        codes = list(pool.map(lambda one: _run_in(one[0], command, width, one[1]), runs))
        summaries = [found for path in paths if (found := _summary_in(path)) is not None]
    say()
    for folder, code in zip(folders, codes, strict=True):
        meaning = code.meaning if Path(folder).is_dir() else "there is no such folder"
        write(f"{folder:{width}}  {int(code):3}  {meaning}")
    if summaries:
        write(f"{'total':{width}}       {_total(summaries)}")
    return Exit.worst(set(codes))


def _total(summaries: list[Summary]) -> str:
    """Return the sums of the counts of several runs; of those that only some have, of these."""
    counts = {
        name: sum(values)
        for name in (*Fate, *Act, *Result)
        if (values := [value for one in summaries if (value := getattr(one, name)) is not None])
    }
    whole = sum(one.rows for one in summaries)
    shown = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
    )
    loaded = whole - counts[Fate.SKIPPED]
    runs = counted(len(summaries), "run")
    return f"{counted(whole, 'row')} in {runs}: {shown}; {loaded:,} not skipped"


def _summary_in(log: Path) -> Summary | None:
    """Return the summary that a command noted in its log; None if it noted none."""
    found = None
    for line in log.read_text("utf-8").splitlines() if log.is_file() else ():
        noted = json.loads(line)
        if noted.pop("event") == "summary":
            noted.pop("time")
            found = Summary.model_validate(noted)
    return found


_LINES = threading.Lock()


def _run_in(folder: str, command: list[str], width: int, log: Path) -> Exit:
    """Run the command in a folder; show each line that it writes behind the folder's name.

    It notes its summary in `log`.
    """
    if not Path(folder).is_dir():
        return Exit.USAGE
    arguments = (*importer_command(), "-C", folder, "--log", str(log), *command)
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
    topic: Annotated[
        list[str] | None,
        typer.Argument(help="A command, such as mapping new, or exit-codes.", metavar="TOPIC"),
    ] = None,
) -> int:
    """Explain a command, or the exit codes."""
    if topic == ["exit-codes"]:
        write(*(f"{int(code):3}  {code.meaning}. {code.advice}" for code in Exit))
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
