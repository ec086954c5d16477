"""The commands `sandbox` and `demo`: a practice Alma on this computer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from importer.alma.code_tables import plain, read_file
from importer.cli.app import run
from importer.cli.options import Commands, shipped
from importer.cli.output import say
from importer.errors import Exit, UsageError
from importer.files import RUNS
from importer.model.fields import NO_CODES
from importer.model.text import command_line, counted, shell_word
from importer.report.wording import PAGE, PROBLEMS, WORKBOOK
from importer.sandbox.configuration import INSTITUTION, SWITCHES
from importer.sandbox.server import Options, running, serve, users_in
from importer.service.place import now
from importer.settings import ENV

app = Commands()


@app.command()
def sandbox(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0: any free port.")
    ] = 8421,
    db: Annotated[Path | None, typer.Option(help="Keep the users in this file.")] = None,
    key: Annotated[str, typer.Option(help="API key that it accepts.")] = "sandbox",
    rate: Annotated[
        float, typer.Option(metavar="N", min=0, help="Limit of calls a second; 0: no limit.")
    ] = 25,
    daily: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Limit of calls a day; 0: every call is refused."),
    ] = 100_000,
    faults: Annotated[Path | None, typer.Option(help="File of faults (YAML).")] = None,
    seed_users: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Start with N invented patrons, if there is no user yet."
        ),
    ] = 0,
    codes: Annotated[
        Path | None, typer.Option(help="Have the code tables that `codes fetch` has saved.")
    ] = None,
    switch: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="A switch; `list` lists all.")
    ] = [],  # noqa: B006
) -> None:
    """Run a practice Alma on this computer until Ctrl-C."""
    if switch == ["list"]:
        for name, about in SWITCHES.items():
            say(f"{name}={'|'.join(about.values)}\n    {about.text} [{about.mark}]")
        return
    tables = read_file(codes) if codes else NO_CODES
    options = Options(
        port=port,
        db=db,
        key=key,
        rate=rate,
        daily=daily,
        faults=faults,
        seed_users=seed_users,
        codes=plain(tables),
        institution=(tables.institution,) * 2 if tables.institution else INSTITUTION,
        switches=dict(_switch(text) for text in switch),
    )

    if seed_users and (there := users_in(db)):
        say(f"{db} has {counted(there, 'user')} already; none were invented.")

    def ready(base_url: str) -> None:
        host = base_url.removesuffix("/almaws/v1")
        say(f"The practice Alma runs at {host}; Ctrl-C stops it. In another window, type:")
        say(f"  {_environment(host, key)}")

    serve(options, ready)


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"--switch {text}: give NAME=VALUE; --switch list lists all"
        raise UsageError(msg)
    return name, value


@app.command()
def demo() -> int:
    """Load a sample roster into a practice Alma, step by step; everything stays in this folder."""
    if Path(ENV).is_file():
        msg = f"{ENV} has the settings of another Alma. Run this command in an empty folder."
        raise UsageError(msg)
    folder = RUNS / f"demo-{now():%Y-%m-%dT%H%M%S}"
    folder.parent.mkdir(exist_ok=True)
    alma, codes = folder.with_suffix(".sqlite"), str(folder.with_suffix(".json"))
    front = (str(shipped("samples/community-patrons.xlsx")), "-m",
             str(shipped("mappings/community.yaml")), "--codes", codes)  # fmt: skip
    with running(Options(db=alma)) as base_url:
        host = base_url.removesuffix("/almaws/v1")
        say(f"A practice Alma runs on this computer at {host}.")
        os.environ |= {"ALMA_BASE_URL": host, "ALMA_API_KEY": "sandbox", "ALMA_RATE": "20"}
        for words in (
            ("codes", "fetch", "-f", codes),
            ("plan", *front, "-o", str(folder), "--no-refresh"),  # no user cache of a demo
            ("apply", str(folder)),
        ):
            say(f"\n$ {command_line(*words)}")
            if (code := run(list(words))) not in {Exit.DONE, Exit.REJECTS}:
                return code
    say("\nOpen these files:")
    for name in (PAGE, WORKBOOK, PROBLEMS):
        say(f"  {folder / name}")
    rejects = (str(folder / WORKBOOK), *front[1:], "-o", f"{folder}-rest")
    say("The practice Alma has stopped. To load the rejects, correct the marked cells, then start")
    say("it again in another window:")
    say(f"  {command_line('sandbox', '--db', str(alma))}")
    say("and here, type:")
    say(f"  {_environment('http://127.0.0.1:8421', 'sandbox')}")
    say(f"  {command_line('plan', *rejects)}")
    say("To do all of this in a browser, without a terminal:")
    say(f"  {command_line('web')}")
    return Exit.DONE


def _environment(host: str, key: str) -> str:
    """Return the line that makes the practice Alma the Alma of a window."""
    settings = {"ALMA_BASE_URL": host, "ALMA_API_KEY": key}
    if os.name == "nt":
        return "; ".join(f"$env:{name} = '{value}'" for name, value in settings.items())
    return " ".join(("export", *(f"{name}={shell_word(text)}" for name, text in settings.items())))
