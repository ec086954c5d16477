"""The commands `users`: the user cache, and what it shows of Alma's users."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from importer.alma.client import Alma
from importer.cli.connection import only_user_cache, user_caches, with_alma
from importer.cli.console import progress
from importer.cli.options import USERS, Commands, Json, ShowValues, Yes
from importer.cli.output import confirm, emit, now, printable, say
from importer.errors import Exit, UsageError
from importer.model.text import counted, word_list
from importer.pipeline.people import COLUMNS, find_pairs
from importer.report.files import write_list
from importer.report.masking import shown
from importer.settings import Settings
from importer.users.cache import NoCacheError, UserCache, cache_path
from importer.users.cache import delete_cache as remove
from importer.users.refresh import Refresh, add_export, read_export

app = Commands()
users = Commands(
    help="The user cache: a local copy of Alma's users, so that a plan needs few API calls."
)
app.add_typer(users, name="users")


@users.command()
def refresh(
    full: Annotated[
        bool, typer.Option("--full", help="Read all users again, and drop those deleted in Alma.")
    ] = False,
) -> None:
    """Read the users changed since the last refresh.

    The first time, and once a month, all users are read.
    """
    settings = Settings.read()

    async def use(alma: Alma) -> None:
        with await _cache(alma) as cache:
            with progress("Reading users", lambda: alma.limiter.notice) as advance:
                await Refresh(cache, alma, now, advance, say).run(full=full)
            say(_sentence(cache))

    with_alma(settings, use)


@users.command()
def status(as_json: Json = False) -> None:
    """Show the number of users in the cache and its date, offline."""
    caches: list[dict[str, object]] = []
    lines: list[str] = []
    for path in user_caches():
        with suppress(NoCacheError), UserCache.open(path) as cache:
            state = cache.state.model_dump(mode="json", exclude={"sweep"})
            unread = cache.count("record = ''")
            pages = {"unread": unread, "pages_done": cache.pages_done}
            caches.append({**state, "users": cache.count(), **pages})
            lines.append(_sentence(cache))
    emit({"caches": caches, "exit": int(Exit.DONE)}, lines, as_json=as_json)
    if not caches:
        say("There is no user cache here. `importer users refresh` creates one.")


@users.command()
def delete(yes: Yes = False) -> None:
    """Delete the user cache from this computer. Nothing changes in Alma."""
    paths = user_caches()
    if not paths:
        say("There is no user cache here.")
        return
    if not yes:
        confirm(
            f"This deletes {', '.join(map(str, paths))}. Type yes to continue:",
            "yes",
            "Give --yes to delete the user cache without confirmation.",
            "Nothing was deleted.",
        )
    for path in paths:
        remove(path)
        say(f"{path} was deleted.")


@users.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV export of all users.", metavar="FILE")],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="The day of the data; default: the day before the file.",
        ),
    ] = None,
) -> None:
    """Fill the cache from a CSV export of all users.

    Alma Analytics makes one. The headings are Primary Identifier, First Name, Last Name, and Birth
    Date, Email, Barcode. One API call is made.
    """
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


async def _cache(alma: Alma) -> UserCache:
    of = await alma.general()
    return UserCache.make(cache_path(USERS, of.code, of.environment), of.code, of.environment)


def _day_before(file: Path) -> datetime:
    """Return the day before the file's date: Analytics shows Alma as of the night before."""
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}). Name the CSV file of the export."
        raise UsageError(msg) from error
    return written - timedelta(days=1)


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


_PATHS = {"emails": "contact_info.email", "phones": "contact_info.phone"}
_PUBLIC = frozenset({"roles", "last_patron_activity_date"})


@users.command()
def duplicates(
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Write the pairs to this CSV file, for Alma's Merge Users."
        ),
    ] = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """List pairs of users in Alma who seem to be one person.

    They are found in the user cache. In each pair, the second user would stay. Copies from other
    institutions are listed but not offered. Nobody is changed.
    """
    with only_user_cache() as cache:
        if cache is None:
            msg = "This needs one user cache in this folder. Run `importer users refresh`."
            if len(several := [*map(str, user_caches())]) > 1:
                msg = (
                    f"This needs one user cache in this folder, not {word_list(several)}. Run "
                    "`importer users delete`, then `importer users refresh` with the key of the "
                    "Alma that you mean."
                )
            raise UsageError(msg)
        pairs, unread = list(find_pairs(cache)), cache.count("record = ''")
    if output is not None:
        both = (f"{end}: {name}" for end in ("From", "To") for name in COLUMNS[1:])
        heads = ("From user", "To user", "Agreement", "Why not to merge", *both)
        rows = (
            (one[0], other[0], pair.agreement, pair.obstacle, *one[1:], *other[1:])
            for pair in pairs
            for one, other in (pair.texts,)
        )
        write_list(output, heads, rows)
    found, lines = [], list[str]()
    for pair in pairs:
        people = [
            {
                name: text
                if name in _PUBLIC
                else shown(_PATHS.get(name, name), text, show_values=show_values)
                for name, text in zip(COLUMNS, texts, strict=True)
            }
            for texts in pair.texts
        ]
        found.append({"users": people, "agreement": pair.agreement, "obstacle": pair.obstacle})
        why = f"; not to merge: {pair.obstacle}" if pair.obstacle else ""
        lines.append(f"{pair.agreement}{why}")
        lines += ("  " + "  ".join(filter(None, one.values())) for one in people)
    offered = sum(not pair.obstacle for pair in pairs)
    emit({"pairs": found, "offered": offered, "unread": unread}, lines, as_json=as_json)
    say(f"{counted(len(pairs), 'pair')} of users; {offered:,} can be merged with Merge Users.")
    if unread:
        say(f"{counted(unread, 'user')} were not read yet. `importer users refresh --full` does.")
    if output is not None:
        say(f"{output}  (personal data)")
