"""A run, resolutions and a user cache that an earlier version saved, opened over a real socket."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter
from importer.ledger.ledger import Ledger
from importer.ledger.memory import DecisionMemory, EditMemory
from importer.model.people import person_keys
from importer.model.plan import Answer
from importer.model.user import User
from importer.pipeline.apply import remember_earlier
from importer.users.cache import UnreadUsers, UserCache, find_users
from importer.users.matching import MatchResult, PersonQuery
from tests.cli.conftest import Sandbox
from tests.cli.small import delete, state
from tests.command_line import typed
from tests.earlier.make import FILES

EVERY = sorted(path.parent for path in (Path(__file__).parents[1] / "earlier").glob("*/alma.json"))


def seed(sandbox: Sandbox, users: list[dict[str, object]]) -> None:
    """Create the users of a saved state."""

    async def create() -> None:
        key = SecretStr("sandbox")
        async with Alma(f"{sandbox.host}/almaws/v1", key, RateLimiter(5000, 0)) as alma:
            for user in users:
                for name in ("modified", "edited"):
                    user.pop(name)
                await alma.create_user(User.from_json(json.dumps(user)))

    asyncio.run(create())


@pytest.fixture(params=EVERY, ids=lambda path: path.name)
def earlier(request: pytest.FixtureRequest) -> Path:
    """The folder of one version; its files are where the importer has them."""
    there = ((to, name) for to, name in FILES.items() if (request.param / name).is_file())
    for target, source in there:
        Path(target).parent.mkdir(exist_ok=True)
        shutil.copyfile(request.param / source, Path(target))
    return Path(request.param)


def states(earlier: Path) -> dict[str, list[dict[str, object]]]:
    """Alma's users before and after the saved run."""
    saved = json.loads((earlier / "alma.json").read_text("utf-8"))
    return {when: told["users"] for when, told in saved.items()}


def test_an_earlier_run_is_undone(earlier: Path, sandbox: Sandbox) -> None:
    """Its history and report are shown, and its undo gives the state before it."""
    saved = states(earlier)
    seed(sandbox, saved["before"])
    before = state(sandbox)
    for primary_id in before:
        delete(sandbox, primary_id)
    seed(sandbox, saved["after"])
    assert typed("show", "second", "2").exit == 0
    assert typed("report", "second", "--json").summary["updated"] == 1
    undone = typed("undo", "second", "--delete-created", "-o", "back", "--json").summary
    assert (undone["update"], undone["delete"], undone["review"]) == (1, 1, 0)
    typed("apply", "back", "--delete", "1")
    assert state(sandbox) == before


def test_earlier_resolutions_count(earlier: Path) -> None:
    """What people answered before is not asked again."""
    assert earlier.is_dir()
    memory = DecisionMemory("01SANDBOX_INST sandbox")
    (found,) = memory.load().values()
    assert (found.primary_id, found.answer) == ("2005", Answer.REJECT)


@pytest.mark.parametrize(
    "earlier", [path for path in EVERY if (path / "edits.key").is_file()], indirect=True
)
def test_earlier_loads_are_remembered(earlier: Path) -> None:
    """What staff edited since stays, and the undo of the last run finds what was left before it."""
    assert earlier.is_dir()
    with EditMemory("01SANDBOX_INST sandbox") as memory, Ledger.open(Path("second")) as ledger:
        run, cy = ledger.facts.run_name, "2003"
        assert memory.entry(run) == 8
        known = {user: memory.of("small", [user]).own for user in ("2001", "2002", cy)}
        memory.put_back("undo", 1, run, {cy: ""}, set(known))
        before = {user: memory.of("small", [user]).own for user in known}
    assert all(known.values())
    assert before[cy] is None
    assert before["2001"] not in (None, known["2001"])


@pytest.mark.parametrize(
    "earlier", [path for path in EVERY if not (path / "edits.key").is_file()], indirect=True
)
def test_an_earlier_run_under_runs_fills_the_memory(earlier: Path) -> None:
    """A run from before loads were remembered counts as far as its records show."""
    assert earlier.is_dir()
    Path("second").rename(Path("runs", "second"))
    remember_earlier("01SANDBOX_INST sandbox")
    with EditMemory("01SANDBOX_INST sandbox") as memory:
        created = memory.of("small", ["2003"]).own or {}
        updated = memory.of("small", ["2001"]).own or {}
    assert {"first_name", "user_group", "birth_date"} <= created.keys()
    assert 0 < len(updated) < len(created)


@pytest.mark.parametrize(
    "earlier", [path for path in EVERY if (path / "edits.key").is_file()], indirect=True
)
def test_an_earlier_user_cache_is_used(earlier: Path, sandbox: Sandbox) -> None:
    """It finds people by identifiers and by name.

    Those of an export, whose records were never read, are read when a row needs them.
    """
    path = Path("users/01SANDBOX_INST-sandbox.sqlite")
    shutil.copyfile(path, "unread.sqlite")
    with closing(sqlite3.connect("unread.sqlite")) as connection, connection:
        connection.execute("UPDATE users SET record = ''")
    seed(sandbox, states(earlier)["after"])
    assert typed("users", "status").exit == 0
    person = person_keys("Roe", "Cy", born="1970-05-06")
    by_id = PersonQuery((("primary_id", "2003"),))
    by_name = PersonQuery((("primary_id", "1"),), person=person, by_name=True)
    with UserCache.open(path) as cache, UserCache.open(Path("unread.sqlite")) as unread:
        assert cache.count() == 3
        assert cache.state.as_of is not None
        for query in (by_id, by_name):
            found = find_users(cache, query)
            assert isinstance(found, MatchResult)
            users = (*found.possible_matches, *(matched.user for matched in found.users))
            assert [user.primary_id for user in users] == ["2003"]
            assert find_users(unread, query) == UnreadUsers(("2003",))


@pytest.mark.parametrize(
    "earlier", [path for path in EVERY if not (path / "edits.key").is_file()], indirect=True
)
def test_a_user_cache_of_an_older_version_is_named(earlier: Path, sandbox: Sandbox) -> None:
    """The commands that make a new one are named, and they do."""
    seed(sandbox, states(earlier)["after"])
    refused = typed("users", "refresh")
    assert refused.exit == 2
    assert "`importer users delete`, then `importer users refresh`" in refused.err
    assert typed("users", "delete", "--yes").exit == 0
    assert typed("users", "refresh").exit == 0
