"""The command `web`: a local page for those who do not use a terminal."""

from __future__ import annotations

import os
import re
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from importer.cli.app import run
from importer.cli.options import Commands, shipped
from importer.cli.output import say
from importer.errors import UsageError
from importer.files import write_atomically
from importer.ledger.database import merge_journal
from importer.sandbox.server import Options, running
from importer.sandbox.users import is_unusable
from importer.service.place import CODES, now, operator
from importer.settings import (
    APPROVERS,
    ENV,
    KEY,
    TWO_PEOPLE,
    Settings,
    check_earlier_approvers,
)
from importer.web import tasks, workspace
from importer.web.app import serve
from importer.web.guard import ENTER, Access, Guard, split_groups
from importer.web.site import Site

app = Commands()


@app.command()
def web(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0: any free port.")
    ] = 8420,
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
        float, typer.Option(min=0, help="Stop after N hours without use; 0: never.", metavar="N")
    ] = 8.0,
) -> None:
    """Open the local page: drop a roster, correct it, review the plan, and load it."""
    if os.environ.get(KEY):
        posix = f"`chmod 600 {ENV}` and `unset {KEY}`"
        msg = (
            f"The page holds no API key, and {KEY} is set in its environment, which other programs "
            f"can read. Put {KEY}=… into the file {ENV} in this folder, run "
            f"{f'`Remove-Item Env:{KEY}`' if os.name == 'nt' else posix}, then start the page "
            "again. The commands read the key there."
        )
        raise UsageError(msg)
    if public_url and socket_file is None:
        msg = "--public-url is for --socket: without a reverse proxy the page has one user only."
        raise UsageError(msg)
    access = _access(proxied=socket_file is not None)
    with ExitStack() as stack:
        if socket_file is not None:
            listening = stack.enter_context(_proxys_socket(socket_file, public_url))
            usual = ":443" if public_url.startswith("https:") else ":80"
            # as the headers Host and Origin name it
            origin, root, seconds = public_url.lower().removesuffix(usual), "", None
        else:
            listening = _listen(port)
            origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
            root, seconds = f"/{secrets.token_urlsafe(32)}", idle * 3600 or None
        guard = Guard(host=origin.partition("://")[2], origin=origin, root=root)
        site = stack.enter_context(_site(access))
        private = stack.enter_context(tempfile.TemporaryDirectory())

        def ready() -> None:
            if socket_file is not None:
                say(f"The page is served at {socket_file} for {public_url}; Ctrl-C stops it.")
                return
            say(f"The page is served at {origin}{root}/ on this computer only; Ctrl-C stops it.")
            entry = f"{origin}{root}{ENTER}?token={guard.token}"
            if no_browser or not _opened(entry, Path(private, "open.html")):
                say(f"Open it with this address, which works once:\n  {entry}")

        serve(site, guard, listening, ready, seconds)


def _access(*, proxied: bool) -> Access | None:
    """Return who approves on a server; None on one's own computer, where one person does all.

    Raises UsageError where nobody would approve, and where nothing says who asks.
    """
    check_earlier_approvers()
    settings = Settings.without_secrets()
    approvers = split_groups([settings.alma_web_approvers])
    if not proxied and (approvers or settings.alma_web_two_people):
        msg = (
            f"{APPROVERS} and {TWO_PEOPLE} are for a page behind a web server that says who asks. "
            "Start `importer web` with --socket, or delete the settings."
        )
        raise UsageError(msg)
    if proxied and not approvers:
        msg = (
            "Nobody could approve a load. Name the groups of those who approve in the file "
            f"{ENV}, such as: {APPROVERS}=systems"
        )
        raise UsageError(msg)
    return Access(approvers, settings.alma_web_two_people) if proxied else None


@contextmanager
def _proxys_socket(path: Path, public_url: str) -> Iterator[socket.socket]:
    """Listen to a reverse proxy that checks who asks; the socket's file is removed at the end.

    Raises UsageError, also where another server listens there.
    """
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?", public_url):
        msg = (
            "--socket needs --public-url, the address at which people open the page, such as "
            "https://loads.example.edu (without a path)."
        )
        raise UsageError(msg)
    if not hasattr(socket, "AF_UNIX"):
        msg = "This computer has no sockets of this kind. Use `importer web` without --socket."
        raise UsageError(msg)
    with ExitStack() as stack:
        try:
            # two servers that start at once must not take each other's socket for a dead one
            stack.enter_context(FileLock(f"{path}.lock", timeout=0))
            _remove_dead(path, socket.AF_UNIX)
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(str(path))
            path.chmod(0o660)
            listening.listen(64)
        except Timeout as error:
            raise _in_use(path) from error
        except OSError as error:
            msg = f"The socket {path} cannot be made ({error.strerror})."
            raise UsageError(msg) from error
        try:
            yield listening
        finally:
            path.unlink(missing_ok=True)


def _remove_dead(path: Path, family: int) -> None:
    """Remove a socket that a killed server left. Raises UsageError where a server listens."""
    if path.is_socket():
        with socket.socket(family) as client:
            if client.connect_ex(str(path)) == 0:
                raise _in_use(path)
        path.unlink()


def _in_use(path: Path) -> UsageError:
    return UsageError(
        f"Another server is running at {path}. Stop that one first, or name another file."
    )


@contextmanager
def _site(access: Access | None) -> Iterator[Site]:
    """Return the site of this folder, with a practice Alma that runs while the block lasts."""
    practice = Path("practice")
    practice.mkdir(mode=0o700, exist_ok=True)
    _put_aside(practice / workspace.PRACTICE_ALMA)
    key = secrets.token_hex(16)  # people drop real rosters here, too
    with running(Options(db=practice / workspace.PRACTICE_ALMA, key=key)) as alma:
        settings = {
            "ALMA_BASE_URL": alma.removesuffix("/almaws/v1"),
            "ALMA_API_KEY": key,
            "ALMA_RATE": "20",
            "ALMA_VERIFY_DELAY": "1",
        }
        space = _workspace(workspace.PRACTICE, practice, settings)
        if not (space.folder / CODES).is_file():
            space.tasks.start(tasks.Task(words=("codes", "fetch"), started=now()), "")
        yield Site(
            {workspace.ALMA: _workspace(workspace.ALMA, Path(), {}), workspace.PRACTICE: space},
            now,
            access,
        )


def _put_aside(alma: Path) -> None:
    """Rename a practice Alma that cannot be opened, so that a new one begins: see `not_opened`."""
    if is_unusable(alma):
        merge_journal(alma)
        name = f"{workspace.PUT_ASIDE}{now():%Y%m%dT%H%M%S}.sqlite"
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                alma.with_name(alma.name + end).rename(alma.with_name(name + end))


def _listen(port: int) -> socket.socket:
    """Return a socket on loopback. Raises UsageError where the port is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        msg = (
            f"Port {port} cannot be used ({error.strerror}). If the page is open already, use its "
            "browser window, or stop it first: press Ctrl-C or close its black window. Otherwise "
            "name another port with --port."
        )
        raise UsageError(msg) from error


def _opened(address: str, page: Path) -> bool:
    """Open an address in the browser; return whether this was possible.

    It goes through a private file: its token must not be seen in the list of processes.
    """
    target = escape(address, quote=True)
    text = (
        f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={target}">'
        f'<title>Opening the page</title><a href="{target}">Open the page</a>'
    )
    write_atomically(page, text.encode())
    if start := getattr(os, "startfile", None):  # Windows; there an address must be in ASCII
        with suppress(OSError):
            start(page)
            return True
        return False
    return webbrowser.open(page.as_uri())


def _workspace(place: str, folder: Path, settings: dict[str, str]) -> workspace.Workspace:
    folder = folder.resolve()
    return workspace.Workspace(
        place=place,
        folder=folder,
        tasks=tasks.Tasks(folder / "tasks", folder, settings),
        shipped=shipped(),
        operator=operator(),
    )


@app.command(tasks.RUNNER, hidden=True)
def run_one(folder: Path, words: list[str]) -> int:
    """Run a command for the page."""
    return tasks.run_task(folder, lambda: run(words))
