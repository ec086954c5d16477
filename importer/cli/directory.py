"""The commands `users`: the user cache, a local copy of Alma's users."""

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

FOLDER = Path("users")
"""The folder of the user caches, one file for each institution's Alma."""

users = typer.Typer(
    help="The user cache: a local copy of Alma's users, so that a plan needs few API calls."
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(users, name="users")


@users.command()
def refresh(
    full: Annotated[
        bool, typer.Option("--full", help="Read all users again, and drop those deleted in Alma.")
    ] = False,
) -> int:
    """Read the users changed since the last refresh; the first time and once a month, read all."""
    from importer.cli.alma import with_alma
    from importer.cli.progress import progress
    from importer.settings import Settings
    from importer.users.refresh import refresh as refresh_cache

    settings = Settings.read()

    async def use(alma: Alma) -> None:
        watched = progress("Reading users", lambda: alma.limiter.notice)
        with await _cache(alma) as cache, watched as advance:
            told = False

            def tell(done: int, of: int) -> None:
                nonlocal told
                if not told:
                    left = of - done
                    say(f"This takes {left:,} API calls, about {left / settings.alma_rate:,.0f} s.")
                    told = True
                advance(done, of, "")

            await refresh_cache(cache, alma, now, tell, say, full=full)
            say(_sentence(cache))

    with_alma(settings, use)
    return Exit.DONE


@users.command()
def status(as_json: Json = False) -> int:
    """Show the number of users in the cache and its date, without a call to Alma."""
    from importer.users.cache import UserCache

    caches: list[dict[str, object]] = []
    for path in _paths():
        with UserCache.open(path) as cache:
            caches.append(_facts(cache))
            if not as_json:
                say(_sentence(cache))
    if as_json:
        sys.stdout.write(json.dumps({"caches": caches, "exit": int(Exit.DONE)}) + "\n")
    elif not caches:
        say("There is no user cache here. `importer users refresh` creates one.")
    return Exit.DONE


@users.command()
def delete(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> int:
    """Delete the user cache from this computer. Nothing changes in Alma."""
    from importer.users.cache import delete_cache as remove

    paths = _paths()
    if not paths:
        say("There is no user cache here.")
        return Exit.DONE
    if not yes:
        _confirm(paths)
    for path in paths:
        remove(path)
        say(f"{path} was deleted.")
    return Exit.DONE


@users.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV export of all users.", show_default=False)],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day of the data; default: the day before the file."
        ),
    ] = None,
) -> int:
    """Fill the cache from a CSV export of all users, such as one from Analytics, in one call.

    The headings are Primary Identifier, First Name, Last Name, and Birth Date, Email, Barcode.
    """
    from importer.cli.alma import with_alma
    from importer.settings import Settings
    from importer.users.export_csv import add_export, read_export

    day = as_of.replace(tzinfo=UTC) if as_of else _day_before(file)
    export = read_export(file)

    async def use(alma: Alma) -> int:
        with await _cache(alma) as cache:
            return add_export(cache, export, day)

    new, known = with_alma(Settings.read(), use), len(export.users)
    say(f"{known:,} users as of {day:%Y-%m-%d}, {new:,} of them new in the cache.")
    if export.nameless:
        say(f"{export.nameless:,} rows have no primary ID and were skipped.")
    if export.dateless:
        say(
            f"The birth dates of {export.dateless:,} users were skipped: they are not written like "
            "1990-03-01. These people are found by ID, or by name and email."
        )
    return Exit.DONE


async def _cache(alma: Alma) -> UserCache:
    """Return the cache of the institution that the key belongs to."""
    from importer.users.cache import UserCache, cache_path

    of = await alma.general()
    return UserCache.make(cache_path(FOLDER, of.code, of.environment), of.code, of.environment)


def _paths() -> list[Path]:
    return sorted(FOLDER.glob("*.sqlite"))


def _day_before(file: Path) -> datetime:
    """Return the day before the file's date: Analytics shows Alma as of the night before."""
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}). Name the CSV file of the export."
        raise UsageError(msg) from error
    return written - timedelta(days=1)


def _confirm(paths: list[Path]) -> None:
    """Ask for confirmation. Raises UsageError without one."""
    if not sys.stdin.isatty():
        msg = "Give --yes to delete the user cache without confirmation."
        raise UsageError(msg)
    say(f"This deletes {', '.join(map(str, paths))}. Type yes to continue:")
    if sys.stdin.readline().strip().lower() != "yes":
        msg = "Nothing was deleted."
        raise UsageError(msg)


def _facts(cache: UserCache) -> dict[str, object]:
    """Return the state of a cache as JSON values."""
    state = cache.state
    return {
        **state.model_dump(mode="json", exclude={"sweep"}),
        "users": cache.count(),
        "unread": cache.count("record = ''"),
        "pages_done": cache.pages_done,
    }


def _sentence(cache: UserCache) -> str:
    """Return the state of a cache in one sentence."""
    state, known = cache.state, cache.count()
    name = f"{state.institution} ({state.environment}): {known:,} users"
    if state.as_of is None:
        return printable(
            f"{name}, not complete: {cache.pages_done:,} calls were made. "
            "`importer users refresh` continues."
        )
    text = f"{name}, as of {state.as_of.astimezone():%Y-%m-%d %H:%M}"
    if state.swept is not None:
        text += f", all read on {state.swept.astimezone():%Y-%m-%d}"
    if unread := cache.count("record = ''"):
        text += f"; {unread:,} of them are read when a row matches them"
    if state.total is not None and known != state.total - state.others:
        text += f". Alma has {state.total - state.others:,}"
    return printable(f"{text}.")
