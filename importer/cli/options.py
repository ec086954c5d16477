"""The commands' options and arguments, and where their files are; imported for every command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import typer.core

from importer.files import RUNS
from importer.model.text import read_row_label

Function = TypeVar("Function", bound=Callable[..., Any])


class Commands(typer.Typer):
    """Commands whose help is plain text, and names arguments without their types."""

    def __init__(self, help: str | None = None) -> None:  # noqa: A002  as the library calls it
        """Start without commands; `help` is that of a group."""
        super().__init__(rich_markup_mode=None, help=help)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Return a decorator that adds a command."""
        return super().command(name, cls=_Command, **options)


class _Command(typer.core.TyperCommand):
    """A command with a shorter help than the library's."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        return [re.sub("[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the lists of arguments and options."""
        arguments, options = [], []
        for param in self.get_params(ctx):
            name, text = param.get_help_record(ctx) or ("", "")  # a hidden option has none
            if isinstance(param, typer.core.TyperArgument):
                arguments.append((param.display_name_raw, text))
            elif name:
                options.append((name.replace("<str>", "TEXT").replace("<path>", "PATH"), text))
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


Rosters = Annotated[
    list[str],
    typer.Argument(
        help="The spreadsheet: CSV, Excel or OpenDocument. To read one sheet of a workbook, write "
        "BOOK[SHEET].",
        show_default=False,
        metavar="ROSTER",
    ),
]
NoRosters = Annotated[
    list[str],
    typer.Argument(
        help="The spreadsheet, as for check; none where the mapping has `from: alma`.",
        show_default=False,
        metavar="ROSTER",
    ),
]
Mappings = Annotated[
    list[Path],
    typer.Option(
        "-m",
        "--mapping",
        help="The mapping (YAML): one for all rosters, or one for each in their order.",
        show_default=False,
        metavar="MAPPING",
    ),
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder; default: a new one under runs/.")
]
NewFile = Annotated[
    Path | None, typer.Option("-o", "--output", help="The new file; default: print to stdout.")
]
Codes = Annotated[
    Path | None,
    typer.Option(help="Saved code tables; default: codes.json in this folder, if there."),
]
VisibleOnly = Annotated[
    bool, typer.Option("--visible-only", help="Skip the rows that are hidden in the sheet.")
]


def _names_of_runs(incomplete: str) -> list[str]:
    """Return the runs whose names begin so, for completion."""
    return [path.name for path in sorted(RUNS.glob(f"{incomplete}*")) if path.is_dir()]


Run = Annotated[
    str,
    typer.Argument(
        help="Run folder, or its name under runs/.", metavar="RUN", autocompletion=_names_of_runs
    ),
]
ROW_HELP = "Row number, as in the spreadsheet; 2:14 is row 14 of the second roster."
Row = Annotated[int, typer.Argument(help=ROW_HELP, parser=read_row_label, metavar="ROW")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Do not mask patron data on screen.")
]
JobFile = Annotated[Path, typer.Argument(help="The job (YAML).", metavar="JOB")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def shipped(name: str = "") -> Path:
    """Return a file that comes with the importer: beside its package, or in the wheel inside it.

    Without a name, the folder of these files.
    """
    package = Path(__file__).parents[1]
    installed = package / "shipped" / name
    if installed.exists():
        return installed
    beside = package.parent / name
    try:
        return Path(os.path.relpath(beside))
    except ValueError:  # another drive of Windows
        return beside
