"""The command `web`: a local page for those who do not use a terminal."""

from __future__ import annotations

import os
import re
import socket
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from importer.cli.app import run
from importer.cli.console import operator, shipped
from importer.cli.output import now, say
from importer.errors import UsageError
from importer.model.files import write_atomically
from importer.sandbox.server import Options, running
from importer.settings import ENV, KEY
from importer.web.app import serve
from importer.web.guard import ENTER, Guard
from importer.web.site import Site
from importer.web.tasks import EXIT, LOCK, RUNNER, RUNNING, Tasks, remove_unused
from importer.web.workspace import ALMA, CODES, PRACTICE, Workspace

app = typer.Typer(rich_markup_mode=None)

PORT = 8420

IDLE_HOURS = 8.0

_PRACTICE_RATE = "20"  # calls a second


@app.command()
def web(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free port.")] = PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address; do not open a browser.")
    ] = False,
    socket_file: Annotated[
        Path | None,
        typer.Option("--socket", help="For a department: serve a reverse proxy at this socket."),
    ] = None,
    public_url: Annotated[
        str, typer.Option(help="With --socket: the page's address, https://loads.example.edu.")
    ] = "",
    idle: Annotated[
        float,
        typer.Option(min=0, help="Stop after N hours without use; 0: never.", metavar="N"),
    ] = IDLE_HOURS,
) -> None:
    """Open the local page: drop a roster, correct it, review the plan, and load it."""
    if os.environ.get(KEY):
        msg = (
            f"The page holds no API key, and {KEY} is set in its environment, which other programs "
            f"can read. Put {KEY}=… into the file {ENV} in this folder, run `chmod 600 {ENV}` and "
            f"`unset {KEY}`, then start the page again. The commands read the key there."
        )
        raise UsageError(msg)
    if public_url and socket_file is None:
        msg = "--public-url is for --socket: without a reverse proxy the page has one user only."
        raise UsageError(msg)
    if socket_file is not None:
        listening = _listen_to_proxy(socket_file, public_url)
        address, seconds = _as_browsers_send(public_url), None
    else:
        listening = _listen(port)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        seconds = idle * 3600 or None
    host = address.partition("://")[2]
    guard = Guard(
        hosts=frozenset({host}),
        origins=frozenset({address}),
        cookie_name=f"importer-{host.rpartition(':')[2]}",
        proxied=socket_file is not None,
    )
    with _site(proxied=guard.proxied) as site, tempfile.TemporaryDirectory() as private:

        def ready() -> None:
            if socket_file is not None:
                say(f"The page is served at {socket_file} for {public_url}; Ctrl-C stops it.")
                return
            say(f"The page is served at {address} on this computer only; Ctrl-C stops it.")
            entry = f"{address}{ENTER}?token={guard.token}"
            if no_browser:
                say(f"Open it with this address, which works once:\n  {entry}")
            else:
                # through a private file: the token must not be seen in the list of processes
                page = Path(private, "open.html")
                write_atomically(page, _redirect(entry).encode())
                webbrowser.open(page.as_uri())

        serve(site, guard, listening, ready, seconds)
    if socket_file is not None:
        socket_file.unlink(missing_ok=True)


def _listen_to_proxy(path: Path, public_url: str) -> socket.socket:
    """Return a listening socket for a reverse proxy that checks who asks. Raises UsageError."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?", public_url):
        msg = (
            "--socket needs --public-url, the address at which people open the page, such as "
            "https://loads.example.edu (without a path)."
        )
        raise UsageError(msg)
    if not hasattr(socket, "AF_UNIX"):
        msg = "This computer has no sockets of this kind. Use `importer web` without --socket."
        raise UsageError(msg)
    listening = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket():
            path.unlink()
        listening.bind(str(path))
        path.chmod(0o660)
        listening.listen(64)
    except OSError as error:
        listening.close()
        msg = f"The socket {path} cannot be made ({error.strerror})."
        raise UsageError(msg) from error
    return listening


def _as_browsers_send(public_url: str) -> str:
    """Return an address as the headers Host and Origin name it: without capitals, usual port."""
    address = public_url.lower()
    return address.removesuffix(":443" if address.startswith("https:") else ":80")


@contextmanager
def _site(*, proxied: bool = False) -> Iterator[Site]:
    """Return the site of this folder, with a practice Alma that runs while the block lasts."""
    practice = Path("practice")
    practice.mkdir(mode=0o700, exist_ok=True)
    with running(Options(db=practice / "alma.sqlite")) as alma:
        settings = {
            "ALMA_BASE_URL": alma.removesuffix("/almaws/v1"),
            "ALMA_API_KEY": "sandbox",
            "ALMA_RATE": _PRACTICE_RATE,
            "ALMA_VERIFY_DELAY": "1",
        }
        space = _workspace(PRACTICE, practice, settings)
        if not (space.folder / CODES).is_file():
            words = ("codes", "fetch")
            space.tasks.start(*words, title="", then="", back="", now=now(), operator="", run="")
        yield Site({ALMA: _workspace(ALMA, Path(), {}), PRACTICE: space}, now, proxied)


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
    with FileLock(folder / LOCK):  # the page takes it for a moment to see whether it is free
        (folder / RUNNING).touch()
        code = run(words)
        remove_unused(folder)
        write_atomically(folder / EXIT, str(int(code)).encode())
    return code
