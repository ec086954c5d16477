"""The commands `users`: the user cache, and what it shows of Alma's users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importer.cli.connection import open_user_caches, user_caches
from importer.cli.console import Screen
from importer.cli.options import Commands, Json, ShowValues, Yes
from importer.cli.output import confirm, emit, say
from importer.errors import Exit, UsageError
from importer.files import printable
from importer.model.text import counted, word_list
from importer.pipeline.duplicate_users import COLUMNS, find_pairs
from importer.report.files import write_list
from importer.report.masking import shown
from importer.service import tables
from importer.service.office import Stop, office
from importer.users.cache import UserCache
from importer.users.cache import delete_cache as remove

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
    with tables.users(office(), Screen(), Stop(), refresh=True, full=full) as cache:
        say(_sentence(cache))


@users.command()
def status(as_json: Json = False) -> None:
    """Show the number of users in the cache and its date, offline."""
    caches: list[dict[str, object]] = []
    lines: list[str] = []
    for cache in open_user_caches():
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


def _sentence(cache: UserCache) -> str:
    """Return the state of a cache in one sentence."""
    state, known = cache.state, cache.count()
    name = f"{state.institution} ({state.environment}): {known:,} users"
    if state.as_of is None or state.swept is None:
        return printable(
            f"{name}, not complete: {cache.pages_done:,} calls were made. "
            "`importer users refresh` continues."
        )
    as_of, swept = state.as_of.astimezone(), state.swept.astimezone()
    text = f"{name}, as of {as_of:%Y-%m-%d %H:%M}, all read on {swept:%Y-%m-%d}"
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
    paths = user_caches()
    if len(paths) != 1:
        msg = "This needs one user cache in this folder. Run `importer users refresh`."
        if paths:
            msg = (
                f"This needs one user cache in this folder, not {word_list([*map(str, paths)])}. "
                "Run `importer users delete`, then `importer users refresh` with the key of the "
                "Alma that you mean."
            )
        raise UsageError(msg)
    with UserCache.open(paths[0]) as cache:
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
    listed, lines = [], list[str]()
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
        listed.append({"users": people, "agreement": pair.agreement, "obstacle": pair.obstacle})
        why = f"; not to merge: {pair.obstacle}" if pair.obstacle else ""
        lines.append(f"{pair.agreement}{why}")
        lines += ("  " + "  ".join(filter(None, texts.values())) for texts in people)
    offered = sum(not pair.obstacle for pair in pairs)
    emit({"pairs": listed, "offered": offered, "unread": unread}, lines, as_json=as_json)
    say(f"{counted(len(pairs), 'pair')} of users; {offered:,} can be merged with Merge Users.")
    if unread:
        say(f"{counted(unread, 'user')} were not read yet. `importer users refresh --full` does.")
    if output is not None:
        say(f"{output}  (personal data)")
