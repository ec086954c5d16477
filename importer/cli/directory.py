"""The commands about the directory: what we know of Alma's users without asking again."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importer.cli.output import Json, now, printable, say
from importer.errors import Exit, UsageError

if TYPE_CHECKING:
    from importer.alma.client import Alma
    from importer.users.cache import UserCache

FOLDER = Path("directory")
"""Where the mirrors are kept, one file for each institution's Alma."""

directory = typer.Typer(help="A local mirror of Alma's users, so that a plan costs few calls.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(directory, name="directory")


@directory.command()
def refresh(
    full: Annotated[
        bool, typer.Option("--full", help="Read everybody again, and forget who is gone.")
    ] = False,
) -> int:
    """Read who changed since the last time; the first time, and once a month, read everybody."""
    from importer.cli.alma import with_alma
    from importer.cli.progress import progress
    from importer.settings import Settings
    from importer.users.refresh import refresh as refresh_mirror

    settings = Settings.read()

    async def use(alma: Alma) -> None:
        watched = progress("Reading users", lambda: alma.limiter.notice)
        with await _mirror(alma) as mirror, watched as advance:
            told = False

            def tell(done: int, of: int) -> None:
                nonlocal told
                if not told:
                    left = of - done
                    say(f"Calls that this takes: {left:,}, or {left / settings.alma_rate:,.0f} s.")
                    told = True
                advance(done, of, "")

            await refresh_mirror(mirror, alma, now, tell, say, full=full)
            say(_sentence(mirror))

    with_alma(settings, use)
    return Exit.DONE


@directory.command()
def status(as_json: Json = False) -> int:
    """Say how many users the directory knows, and as of when. Asks Alma nothing."""
    from importer.users.cache import UserCache

    mirrors: list[dict[str, object]] = []
    for path in _paths():
        with UserCache.open(path) as mirror:
            mirrors.append(_facts(mirror))
            if not as_json:
                say(_sentence(mirror))
    if as_json:
        sys.stdout.write(json.dumps({"directories": mirrors, "exit": int(Exit.DONE)}) + "\n")
    elif not mirrors:
        say("No directory is kept here. `importer directory refresh` makes one.")
    return Exit.DONE


@directory.command()
def forget(yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False) -> int:
    """Remove the directory from this computer; Alma is not touched."""
    from importer.users.cache import delete_cache as remove

    paths = _paths()
    if not paths:
        say("No directory is kept here.")
        return Exit.DONE
    if not yes:
        _confirm(paths)
    for path in paths:
        remove(path)
        say(f"{path} is removed.")
    return Exit.DONE


@directory.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV export of all users.", show_default=False)],
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day it shows; default: that before it."),
    ] = None,
) -> int:
    """Begin with an export of all users (from Analytics, say): it costs hardly a call.

    Its headings are Primary Identifier, First Name, Last Name, and Birth Date, Email, Barcode.
    """
    from importer.cli.alma import with_alma
    from importer.settings import Settings
    from importer.users.export_csv import add_export, read_export

    day = as_of.replace(tzinfo=UTC) if as_of else _day_before(file)
    export = read_export(file)

    async def use(alma: Alma) -> int:
        with await _mirror(alma) as mirror:
            return add_export(mirror, export, day)

    new, known = with_alma(Settings.read(), use), len(export.users)
    say(f"{known:,} users as of {day:%Y-%m-%d}, {new:,} of them new to the directory.")
    if export.nameless:
        say(f"{export.nameless:,} rows have no primary identifier and were passed over.")
    if export.dateless:
        say(
            f"The birth dates of {export.dateless:,} users were passed over: they are not written "
            "as 1990-03-01. These people are found by identifier, or by name and e-mail."
        )
    return Exit.DONE


async def _mirror(alma: Alma) -> UserCache:
    """The mirror of the institution that the key belongs to."""
    from importer.users.cache import UserCache, cache_path

    of = await alma.general()
    return UserCache.make(cache_path(FOLDER, of.code, of.environment), of.code, of.environment)


def _paths() -> list[Path]:
    return sorted(FOLDER.glob("*.sqlite"))


def _day_before(file: Path) -> datetime:
    """Analytics shows Alma as it was the night before."""
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}). Name the CSV file of the export."
        raise UsageError(msg) from error
    return written - timedelta(days=1)


def _confirm(paths: list[Path]) -> None:
    """Have it said twice. Raises UsageError where it is not."""
    if not sys.stdin.isatty():
        msg = "Say --yes to remove the directory without being asked."
        raise UsageError(msg)
    say(f"This removes {', '.join(map(str, paths))}. Type yes to go on:")
    if sys.stdin.readline().strip().lower() != "yes":
        msg = "Nothing was removed."
        raise UsageError(msg)


def _facts(mirror: UserCache) -> dict[str, object]:
    """The mirror for machines."""
    state = mirror.state
    return {
        **state.model_dump(mode="json", exclude={"sweep"}),
        "users": mirror.count(),
        "unread": mirror.count("record = ''"),
        "pages_done": mirror.pages_done,
    }


def _sentence(mirror: UserCache) -> str:
    """The mirror for people."""
    state, known = mirror.state, mirror.count()
    name = f"{state.institution} ({state.environment}): {known:,} users"
    if state.as_of is None:
        return printable(
            f"{name}, not complete: {mirror.pages_done:,} calls were made. "
            "`importer directory refresh` goes on."
        )
    text = f"{name}, as of {state.as_of.astimezone():%Y-%m-%d %H:%M}"
    if state.swept is not None:
        text += f", all read on {state.swept.astimezone():%Y-%m-%d}"
    if unread := mirror.count("record = ''"):
        text += f"; {unread:,} of them are read when a row means them"
    if state.total is not None and known != state.total - state.others:
        text += f". Alma has {state.total - state.others:,}"
    return printable(f"{text}.")
