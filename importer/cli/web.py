"""The command `web`: a local page for those who do not use a terminal."""

from __future__ import annotations

import os
import socket
import tempfile
import webbrowser
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from importer.cli.app import run
from importer.cli.console import now, operator, say, shipped
from importer.errors import Exit, UsageError
from importer.model.files import write_atomically
from importer.sandbox.server import Options, running
from importer.web.app import serve
from importer.web.guard import ENTER, Guard
from importer.web.site import Site
from importer.web.tasks import EXIT, LOCK, RUNNER, Tasks
from importer.web.workspace import ALMA, CODES, PRACTICE, Workspace

app = typer.Typer(rich_markup_mode=None)

PORT = 8420

_PRACTICE_RATE = "20"  # calls a second


@app.command()
def web(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free port.")] = PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address; do not open a browser.")
    ] = False,
) -> int:
    """Open the local page: drop a roster, correct it, review the plan, and load it."""
    os.umask(0o077)
    listening = _listen(port)
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    guard = Guard(
        hosts=frozenset({host}),
        origins=frozenset({f"http://{host}"}),
        cookie_name=f"importer-{host.rpartition(':')[2]}",
    )
    address = f"http://{host}{ENTER}?token={guard.token}"
    with ExitStack() as stack:
        practice = Path("practice")
        practice.mkdir(mode=0o700, exist_ok=True)
        alma = stack.enter_context(running(Options(db=practice / "alma.sqlite")))
        settings = {
            "ALMA_BASE_URL": alma.removesuffix("/almaws/v1"),
            "ALMA_API_KEY": "sandbox",
            "ALMA_RATE": _PRACTICE_RATE,
            "ALMA_VERIFY_DELAY": "1",
        }
        space = _workspace(PRACTICE, practice, settings)
        if not (space.folder / CODES).is_file():
            space.tasks.start("codes", "fetch", title="", then="", now=now())
        site = Site({ALMA: _workspace(ALMA, Path(), {}), PRACTICE: space}, now)

        def ready() -> None:
            say(f"The page is served at http://{host} on this computer only; Ctrl-C stops it.")
            if no_browser:
                say(f"Open it with this address, which works once:\n  {address}")
            else:
                # through a private file: the token must not be seen in the list of processes
                page = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "open.html"
                write_atomically(page, _redirect(address).encode())
                webbrowser.open(page.as_uri())

        serve(site, guard, listening, ready)
    return Exit.DONE


def _listen(port: int) -> socket.socket:
    """Return a listening socket on loopback. Raises UsageError where the port is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        msg = f"Port {port} cannot be used ({error.strerror}). Name another with --port."
        raise UsageError(msg) from error


def _redirect(address: str) -> str:
    target = escape(address, quote=True)
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={target}">'
        f'<title>Opening the page</title><a href="{target}">Open the page</a>'
    )


def _workspace(place: str, folder: Path, settings: dict[str, str]) -> Workspace:
    folder = folder.resolve()
    return Workspace(
        place=place,
        folder=folder,
        tasks=Tasks(folder / "tasks", folder, settings),
        shipped=shipped(),
        operator=operator(),
    )


@app.command(RUNNER, hidden=True)
def run_task(folder: Path, words: list[str]) -> int:
    """Run a command for the page: lock its folder meanwhile, and leave its exit code there."""
    with FileLock(folder / LOCK, timeout=0):
        code = run(words)
        write_atomically(folder / EXIT, str(int(code)).encode())
    return code
