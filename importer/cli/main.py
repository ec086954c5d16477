"""The command `importer`: its commands, and what becomes of an error."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer
import typer.core

from importer.cli import directory, load, look, mappings, places, practice, purging, settling
from importer.cli.output import defect, printable, program
from importer.errors import Exit, ImporterError, StoppedError


def _version(asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if asked:
        sys.stdout.write(f"importer {program()}\n")
        raise typer.Exit


class _Commands(typer.core.TyperGroup):
    """The commands; the library would make a mute exit of Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command that was typed. Raises StoppedError where Ctrl-C is pressed."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            msg = "Stopped. Nothing was written to Alma."
            if ctx.invoked_subcommand == "apply":
                msg = "Stopped. Run the same command to continue."
            raise StoppedError(msg) from None


app = typer.Typer(
    name="importer",
    cls=_Commands,
    help="Load library patrons into Alma from spreadsheets: check, show, then write.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (load, settling, look, purging, mappings, places, directory, practice):
    part.register(app)


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.",
                                          callback=_version, is_eager=True)] = False,
) -> None:  # fmt: skip
    """Load library patrons into Alma from spreadsheets: check, show, then write."""


def run(arguments: list[str]) -> int:
    """Carry out a command line; the exit code. No error leaves as a traceback."""
    os.umask(0o077)  # whatever is written may hold personal data
    try:
        code = app(arguments or ["--help"], standalone_mode=False)
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.DONE
    except Exception as error:  # noqa: BLE001  what is private is not printed
        sentence, wrong = _understood(error)
        if sentence:
            sys.stderr.write(f"importer: {printable(sentence)}\n")
            if "--json" in arguments:
                told = json.dumps({"error": printable(sentence), "exit": wrong})
                sys.stdout.write(f"{told}\n")
        return wrong
    return code if isinstance(code, int) else Exit.DONE


def _understood(error: Exception) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    match error:
        case ImporterError():
            return str(error), error.exit
        case typer.Exit():
            return "", error.exit_code
        case typer.Abort():  # what the library makes of Ctrl-C outside of a command
            return "Stopped. Run the same command to continue.", Exit.INTERRUPTED
        case _:
            usage = _usage(error)
            return (defect(error), Exit.BUG) if usage is None else (usage, Exit.USAGE)


def _usage(error: Exception) -> str | None:
    """What the command-line library says of wrong flags, without its frame."""
    message = getattr(error, "format_message", None)
    if message is None or not hasattr(error, "exit_code"):
        return None
    context = getattr(error, "ctx", None)
    said = str(message())
    for theirs, ours in _OURS.items():
        said = said.replace(theirs, ours)
    hint = f" See: {context.command_path} --help" if context is not None else ""
    return f"{said if said.endswith('?') else said.rstrip('.') + '.'}{hint}"


_OURS = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "not a whole number",
    "Input should be a valid number, unable to parse string as a number": "not a number",
    "Input should be ": "it must be ",
}
"""What the command-line library says for programmers, in words for people."""
