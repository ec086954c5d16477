"""The commands about the institution's Alma: codes, doctor."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.output import Json, now, printable, say
from importer.errors import Exit, ImporterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importer.alma.client import Alma
    from importer.alma.doctor import Finding
    from importer.model.codes import CodeTables

codes = typer.Typer(help="The institution's code tables, saved for checking offline.")

File = Annotated[
    Path | None, typer.Option("-f", "--file", help="The file; default: codes.json here.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(codes, name="codes")
    app.command()(doctor)


@codes.command()
def fetch(file: File = None) -> int:
    """Read the tables from Alma into a file that can be shared and edited by hand."""
    from importer.alma.code_tables import TABLES, write_file
    from importer.alma.code_tables import fetch as fetch_tables
    from importer.cli.alma import with_alma
    from importer.cli.codes import CODES
    from importer.settings import Settings

    today = now().date()

    async def use(alma: Alma) -> CodeTables:
        return await fetch_tables(alma, TABLES, today)

    tables = with_alma(Settings.read(), use)
    path = file or CODES
    write_file(path, tables)
    count = sum(len(rows) for rows in tables.tables.values())
    say(f"{count:,} codes of {len(tables.tables)} tables are in {path}.")
    return Exit.DONE


@codes.command("show")
def show_codes(
    table: Annotated[str, typer.Argument(help="A table's name; default: list them.")] = "",
    file: File = None,
    as_json: Json = False,
) -> int:
    """Show the saved tables, or one of them."""
    from importer.cli.codes import saved_codes

    tables = saved_codes(file)
    if not tables.tables:
        msg = "No code tables are saved here. `importer codes fetch` reads them from Alma."
        raise UsageError(msg)
    if table and table not in tables.tables:
        msg = f"There is no table {table}; there are {', '.join(tables.tables)}."
        raise UsageError(msg)
    if as_json:
        chosen = {table: tables.tables[table]} if table else tables.tables
        told = {name: [asdict(row) for row in part] for name, part in chosen.items()}
        sys.stdout.write(json.dumps({"institution": tables.institution, "tables": told}) + "\n")
    elif not table:
        day = f", read on {tables.fetched}" if tables.fetched else ""
        say(f"{tables.institution or 'Code tables'}{day}")
        for name, rows in tables.tables.items():
            sys.stdout.write(f"{name}: {len(rows)}\n")
    else:
        for row in tables.tables[table]:
            disabled = "" if row.enabled else "  (disabled)"
            sys.stdout.write(printable(f"{row.code}  {row.description}{disabled}") + "\n")
    return Exit.DONE


def doctor(as_json: Json = False) -> int:
    """Look at key, rights, institution, clock, folders and code tables; say what to do."""
    from importer.alma.doctor import State
    from importer.alma.doctor import examine as examine_alma
    from importer.cli.alma import with_alma
    from importer.cli.codes import saved_codes
    from importer.settings import Settings

    findings: list[Finding] = list(_here())
    tables = saved_codes(None)
    today = now().date()

    async def use(alma: Alma) -> tuple[Finding, ...]:
        return await examine_alma(alma, tables, today)

    try:
        findings += with_alma(Settings.read(), use)
    except ImporterError as error:
        from importer.alma.doctor import Finding as Found

        findings.append(Found("Alma", State.BAD, str(error), exit=error.exit))
    code = Exit.worst({finding.exit for finding in findings})
    if as_json:
        rows = [
            {"name": f.name, "state": f.state, "sentence": f.sentence, "advice": f.advice}
            for f in findings
        ]
        sys.stdout.write(json.dumps({"findings": rows, "exit": int(code)}) + "\n")
        return code
    for finding in findings:
        advice = f" {finding.advice}" if finding.advice else ""
        text = f"{finding.state.upper():4}  {finding.name}: {finding.sentence}{advice}"
        sys.stdout.write(printable(text) + "\n")
    return code


def _here() -> Iterator[Finding]:
    """How this folder and this computer are."""
    from importer.alma.doctor import Finding, State

    here = Path()
    if os.access(here, os.W_OK):
        yield Finding("folder", State.OK, "Runs can be written here, under runs/.")
    else:
        yield Finding(
            "folder", State.BAD, "Nothing can be written in this folder.",
            "Work in a folder of your own.", Exit.USAGE,
        )  # fmt: skip
    free = shutil.disk_usage(here).free // 2**20
    if free < 200:
        yield Finding(
            "disk", State.WARN, f"Only {free:,} MB are free.", "Make room before a large load."
        )
    else:
        yield Finding("disk", State.OK, f"{free:,} MB are free.")
    env = Path(".env")
    if os.name == "posix" and env.is_file() and _for_group_only(env.stat().st_mode):
        yield Finding(
            "key file", State.WARN, "Others of your group can read .env, which holds the key.",
            "Type: chmod 600 .env",
        )  # fmt: skip


def _for_group_only(mode: int) -> bool:
    """May the group read a file, and nobody else? One that everybody can read is not used."""
    return bool(mode & stat.S_IRGRP) and not mode & stat.S_IROTH
