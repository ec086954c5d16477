"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importer.alma.code_tables import read_file
from importer.model.fields import NO_CODES, CodeTables

Roster = Annotated[
    Path, typer.Argument(help="The spreadsheet: CSV, Excel or OpenDocument.", show_default=False)
]
MappingFile = Annotated[
    Path, typer.Option("-m", "--mapping", help="The mapping (YAML).", show_default=False)
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder; default: a new one under runs/.")
]
Codes = Annotated[
    Path | None,
    typer.Option(help="Saved code tables; default: codes.json in this folder, if there."),
]
VisibleOnly = Annotated[
    bool, typer.Option("--visible-only", help="Skip the rows that are hidden in the sheet.")
]
Run = Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")]

Row = Annotated[int, typer.Argument(help="Row number, as in the spreadsheet.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
ShowValues = Annotated[
    bool,
    typer.Option("--show-values", help="Do not mask patron data in report.html and on screen."),
]

USERS = Path("users")
"""The folder of the user caches, one file for each institution's Alma."""

CODES = Path("codes.json")
"""The file of saved code tables, unless another file is named."""


def saved_codes(path: Path | None) -> CodeTables:
    """Return the code tables of a file; without one, those of `codes.json`, or none.

    Raises UsageError where a named file is missing, or a file is wrong.
    """
    if path is None and not CODES.is_file():
        return NO_CODES

    return read_file(path or CODES)
