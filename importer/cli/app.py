"""The command `importer`: its commands, and its exit code after an error."""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer
import typer.core
from typer.main import get_group

from importer.cli.output import commit, complain, emit, output
from importer.errors import Exit, StoppedError, UsageError
from importer.service.place import version


def _version(asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if asked:
        built_from = f" ({known})" if (known := commit()) else ""
        sys.stdout.write(f"importer {version()}{built_from}\n")
        raise typer.Exit


COMMANDS = {
    "check": ("check", "Read, map and check every row offline (dry run)."),
    "plan": ("load", "Check, then compare with Alma (read only)."),
    "resolve": ("runs", "Resolve a row that needs review."),
    "apply": ("load", "Carry out a saved plan, or continue with it."),
    "undo": ("runs", "Plan how to undo a run."),
    "mapping": ("mapping", "Start, check and explain a mapping."),
    "web": ("web", "Open the local page: everything without a terminal."),
    "demo": ("sandbox", "Load a sample roster into a practice Alma."),
    "help": ("help", "Explain a command, or the exit codes."),
    "doctor": ("alma", "Check the key, its rights and this computer."),
    "codes": ("alma", "Save the institution's code tables for checking offline."),
    "runs": ("runs", "List the runs under runs/."),
    "show": ("runs", "Show the history of one row."),
    "report": ("runs", "Write the reports of a run again."),
    "convert": ("load", "Write the records of the ready rows to a file."),
    "sis-report": ("load", "Report what the SIS load did with each row of a file."),
    "users": ("users", "Keep the user cache, a local copy of Alma's users."),
    "job": ("job", "Run loads on a schedule: pick up, plan, apply or deliver, notify."),
    "person": ("privacy", "Show or erase what is stored about a person."),
    "purge": ("privacy", "Delete old runs."),
    "sandbox": ("sandbox", "Run a practice Alma on this computer."),
}
"""Each command: its module, which is imported only when the command is used, and its help."""

_MAIN = [*COMMANDS].index("help") + 1
"""How many of them are the main job, in its order; the help has the others under More."""

HIDDEN = {"run-task": "web"}
"""Commands that only the importer itself calls, and their modules."""


class _Commands(typer.core.TyperGroup):
    """The commands. A command's module is imported when it is called, so that help is quick."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, or None."""
        name = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else HIDDEN.get(cmd_name)
        if name is None:
            return None
        module = import_module(f"importer.cli.{name}")
        if not gc.isenabled():
            gc.freeze()
            gc.set_threshold(200_000)  # a roster is many objects, of which hardly any is rubbish
            gc.enable()
        return get_group(module.app).get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called. Raises UsageError with the nearest name."""
        if args and args[0] not in {*COMMANDS, *HIDDEN} and not args[0].startswith("-"):
            from importer.model.text import similar  # not read to start a command

            near = similar(args[0], COMMANDS)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            msg = f"No such command {args[0]!r}.{hint} See: importer --help"
            raise UsageError(msg)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:  # noqa: ARG002
        """Return the names that begin so, without importing the commands."""
        return [
            SimpleNamespace(type="plain", value=name, help=sentence)
            for name, (_, sentence) in COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the lists of commands without importing them."""
        lines = [(name, sentence) for name, (_, sentence) in COMMANDS.items()]
        for title, listed in (("Commands", lines[:_MAIN]), ("More", lines[_MAIN:])):
            with formatter.section(title):
                formatter.write_dl(listed)

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command. Raises StoppedError at Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            msg = "Stopped. Nothing was written to Alma."
            if ctx.invoked_subcommand == "plan":
                msg += " The users read so far are kept: run the same command to continue."
            elif ctx.invoked_subcommand in {"apply", "job"}:
                msg = "Stopped. Run the same command to continue."
            raise StoppedError(msg) from None


app = typer.Typer(
    name="importer",
    cls=_Commands,
    help="Load library patrons into Alma from spreadsheets: check, plan, review, apply.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    folder: Annotated[
        Path | None,
        typer.Option(
            "-C",
            "--folder",
            metavar="PATH",
            help="Work in this folder, as if it were the current one.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Write only errors and what stops a run.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show all problems and timings.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a JSON log to this file.")
    ] = None,
    version: Annotated[  # noqa: ARG001  its callback acts
        bool,
        typer.Option("-V", "--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Load library patrons into Alma from spreadsheets: check, plan, review, apply."""
    log = None if log is None else log.absolute()
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            msg = f"The folder {folder} cannot be used: {error.strerror}."
            raise UsageError(msg) from error
    output.begin(quiet=quiet, verbose=verbose, log=log)


_ANYWHERE = ("-q", "--quiet", "-v", "--verbose")
"""Options that may also follow the command."""


def run(arguments: list[str]) -> int:
    """Carry out a command line; return the exit code. No error ends in a traceback."""
    os.umask(0o077)  # files may contain personal data
    for stream in (sys.stdout, sys.stderr):
        if os.name == "nt" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # a pipe there has an older encoding
    at = arguments.index("--") if "--" in arguments else len(arguments)
    words, behind = arguments[:at], arguments[at:]
    flags = [word for word in words if word in _ANYWHERE]
    words = [word for word in words if word not in _ANYWHERE]
    output.reset()
    with chdir("."):  # `-C` ends with the command
        code = _run([*flags, *words, *behind])
        output.end(next((word for word in words if word in COMMANDS), ""), code)
    return code


def _run(arguments: list[str]) -> int:
    try:
        code = app(arguments or ["--help"], prog_name="importer", standalone_mode=False)
    except typer.Exit as error:
        return error.exit_code
    except Exception as error:  # noqa: BLE001  what is private is not printed
        from importer.report.commands import to_paste  # not read to start a command
        from importer.service.outcome import failed
        from importer.service.place import TASK

        outcome = failed(_of_the_library(error))
        sentence = to_paste(outcome.error, outcome.advice)
        output.note("error", text=sentence)
        # as jobs do, whose messages go to logs and people, and the page
        as_json = "--json" in arguments or bool(os.environ.get(TASK))
        if as_json:
            emit(outcome.as_json(), (), as_json=True)
        complain(sentence + ("" if as_json else outcome.cells))
        return outcome.exit
    return code if isinstance(code, int) else Exit.DONE


def _of_the_library(error: Exception) -> Exception:
    """Return our own error in place of one of the command-line library."""
    if isinstance(error, typer.Abort):  # what the library makes of Ctrl-C outside of a command
        return StoppedError("Stopped. Run the same command to continue.")
    return UsageError(usage) if (usage := _usage(error)) else error


def _usage(error: Exception) -> str | None:
    """Return the message of the command-line library about wrong arguments, or None."""
    message = getattr(error, "format_message", None)
    if message is None or not hasattr(error, "exit_code"):
        return None
    context = getattr(error, "ctx", None)
    text = str(message())
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours)
    hint = f" See: {context.command_path} --help" if context is not None else ""
    named = {getattr(error, "option_name", ""), *getattr(getattr(error, "param", None), "opts", ())}
    hint = next((f" {ours}{hint}" for option, ours in _MEANT.items() if option in named), hint)
    return f"{text if text.endswith('?') else text.rstrip('.') + '.'}{hint}"


_MEANT = {
    "-m": "Name a mapping: `importer mapping ready` lists ready ones, and "
    "`importer mapping new ROSTER -o NAME.yaml` starts one for your roster.",
    "--dry-run": "`importer plan` is the dry run: it changes nothing in Alma.",
    "--force": "`--allow CHECK` lets a safety check pass, and `--yes` skips the question.",
}
"""Options that are missing here, or that other programs have, and what is meant."""

_OURS = {
    "Value error, ": "",
    "invalid literal for int() with base 10:": "not the number of a row, such as 14:",
    "Input should be a valid integer, unable to parse string as an integer": (
        "write it with digits, such as 10"
    ),
    "Input should be a valid number, unable to parse string as a number": "not a number",
    "Input should be ": "it must be ",
}
"""Messages of the command-line library, and ours in plain words."""
