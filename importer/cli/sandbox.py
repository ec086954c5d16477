"""The command `sandbox`: a practice Alma on this computer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.console import say
from importer.errors import Exit, UsageError
from importer.sandbox.server import Options, serve
from importer.sandbox.switches import list_switches

app = typer.Typer(rich_markup_mode=None)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free port.")] = 8421,
    db: Annotated[Path | None, typer.Option(help="Keep the users in this file.")] = None,
    key: Annotated[str, typer.Option(help="API key that it accepts.")] = "sandbox",
    rate: Annotated[float, typer.Option(min=0, help="Limit of calls a second; 0: no limit.")] = 25,
    daily: Annotated[int, typer.Option(min=0, help="Limit of calls a day.")] = 100_000,
    faults: Annotated[Path | None, typer.Option(help="File of faults (YAML).")] = None,
    seed_users: Annotated[int, typer.Option(min=0, help="Start with N invented patrons.")] = 0,
    latency: Annotated[str, typer.Option(help="Seconds for each reply, such as 0.3-2.")] = "",
    switch: Annotated[list[str], typer.Option(help="NAME=VALUE; `list` lists all.")] = [],  # noqa: B006
) -> int:
    """Run a practice Alma on this computer until Ctrl-C."""
    if switch == ["list"]:
        for name, values, description in list_switches():
            say(f"{name}={'|'.join(values)}\n    {description}")
        return Exit.DONE
    options = Options(
        port=port,
        db=db,
        key=key,
        rate=rate or None,
        daily=daily,
        faults=faults,
        seed_users=seed_users,
        latency=_latency(latency),
        switches=dict(_switch(text) for text in switch),
    )

    def ready(base_url: str) -> None:
        host = base_url.removesuffix("/almaws/v1")
        say(f"The practice Alma runs at {host}; Ctrl-C stops it. In another window, type:")
        say(f"  export ALMA_BASE_URL={host} ALMA_API_KEY={key}")

    serve(options, ready)
    return Exit.DONE


def _latency(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    found = re.fullmatch(r"([0-9.]+)(?:-([0-9.]+))?", text)
    try:
        low = float(found[1]) if found else -1.0
        high = float(found[2] or found[1]) if found else -1.0
    except ValueError:
        low = high = -1.0
    if not 0 <= low <= high:
        msg = f"--latency {text}: give seconds, such as 2 or 0.3-2"
        raise UsageError(msg)
    return low, high


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"--switch {text}: give NAME=VALUE; --switch list lists all"
        raise UsageError(msg)
    return name, value
