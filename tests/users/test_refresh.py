"""Refreshing the cache, over a socket: sweeps, changes, breaks, who is gone."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.models import UserPage
from importer.alma.pacing import RateLimiter
from importer.alma.responses import UnreadableUserError
from importer.errors import Cause, Exit, LedgerError, RefusedError, UnavailableError, UsageError
from importer.ledger.journal import Journal, RunContent, write_run
from importer.ledger.ledger import GONE, State
from importer.model.people import person_keys
from importer.model.plan import Create, Delete, Fate, Step, Update
from importer.model.run import AlmaKey
from importer.model.user import Coded, User, UserIdentifier
from importer.pipeline.lookup import Users
from importer.users import refresh
from importer.users.cache import (
    CacheState,
    UnreadUsers,
    UserCache,
    delete_cache,
    find_users,
    refresh_lock,
)
from importer.users.matching import MatchResult, PersonQuery
from importer.users.refresh import (
    SWEEP_EVERY,
    Refresh,
    add_applied,
    read_again,
    sweep_due,
)
from tests.report import building
from tests.users.conftest import World, now, unheard

SOMEBODY = "1000001"
NEW = User.from_json(
    '{"primary_id": "new", "first_name": "N", "last_name": "N", "user_group": {"value": "COMM"},'
    ' "record_type": {"value": "PUBLIC"}, "account_type": {"value": "INTERNAL"}}'
)


def query(value: str) -> PersonQuery:
    """A row that gives one identifier."""
    return PersonQuery((("primary_id", value),))


def found(cache: UserCache, value: str) -> list[str | None]:
    """The primary identifiers of those who hold a value."""
    answer = find_users(cache, query(value))
    assert isinstance(answer, MatchResult)
    return [matched.user.primary_id for matched in answer.users]


def test_the_first_refresh_reads_everybody(world: World) -> None:
    """A hundred users a call; then the cache knows what Alma shows, and as of when."""
    began = now()
    with world.cache() as cache:
        calls = world.refresh(cache)
        assert cache.count() == 250
        assert cache.state.total == 250
        assert cache.state.as_of is not None
        assert cache.state.as_of >= began
        # Three pages of everybody; all were seeded today, so all are changes too; two counts.
        assert len(calls) == 8
        one = find_users(cache, query(SOMEBODY))
        assert isinstance(one, MatchResult)
        assert one.users[0].user == world.asked(lambda alma: alma.get_user(SOMEBODY))


def test_later_only_changes_are_read(world: World) -> None:
    """Nobody changed since: one call for changes and one for the count."""
    with world.cache() as cache:
        world.refresh(cache)
        assert len(world.refresh(cache, later=timedelta(days=4))) == 4  # all were seeded today
        assert len(world.refresh(cache, later=timedelta(days=4))) == 2


def test_a_change_arrives(world: World) -> None:
    """What staff changed since, and who is new, is in the cache after a refresh."""
    with world.cache() as cache:
        world.refresh(cache)
        entry = {"id_type": {"value": "UNIV_ID"}, "value": "U-new"}
        world.back("PATCH", f"/users/{SOMEBODY}", {"user_identifier": [entry]})
        assert found(cache, "U-new") == []
        world.refresh(cache)
        assert found(cache, "u-NEW") == [SOMEBODY]
        assert found(cache, "22222000000001") == []  # the barcode that the user had before


def test_a_user_who_is_added_during_a_refresh_takes_no_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a load of the SIS in the same night; the changes are read once more."""
    total = refresh._total

    async def added(alma: Alma) -> int:
        monkeypatch.setattr(refresh, "_total", total)
        await alma.create_user(NEW)
        return await total(alma)

    with world.cache() as cache:
        world.refresh(cache)
        monkeypatch.setattr(refresh, "_total", added)
        pages = [one for one in world.refresh(cache) if "limit=100" in one]
        assert all("modify_date_from" in one for one in pages)
        assert cache.count() == cache.state.total == 251


@pytest.mark.parametrize("hours", [-12, -6, 0, 14])
@pytest.mark.parametrize("after", [True, False], ids=["after", "from"])
def test_a_change_arrives_wherever_alma_is(
    cache: UserCache, hours: int, *, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alma counts days in its own zone, and may leave out the day from which changes are asked."""
    zone = timezone(timedelta(hours=hours))

    def refreshed(began: datetime) -> dict[str, str]:
        """What is known of a user who changed a minute after a refresh, after the next one."""
        changed = (began + timedelta(minutes=1)).astimezone(zone)

        async def list_users(
            _alma: Alma, _offset: int, limit: int = 100, modified_from: date | None = None
        ) -> UserPage:
            asked = modified_from or date.min
            listed = changed.date() > asked if after else changed.date() >= asked
            return UserPage((User(primary_id="a", last_name="new"),) * listed, 1)

        monkeypatch.setattr(Alma, "list_users", list_users)
        cache.remove("a")
        cache.put([User(primary_id="a", last_name="old")], began)
        update = {"as_of": began, "swept": began, "total": 1}
        cache.set_state(cache.state.model_copy(update=update))
        alma, clock = Alma("http://127.0.0.1:9", SecretStr("key"), RateLimiter(5000, 0)), now()
        asyncio.run(Refresh(cache, alma, lambda: clock, unheard, print).run())
        return names(cache)

    day = now().replace(hour=0) - timedelta(days=2)
    assert all(refreshed(day + timedelta(hours=n)) == {"a": "new"} for n in range(24))


@pytest.mark.parametrize("beside", [False, True])
def test_a_deletion_shows_and_everybody_is_read_again(world: World, *, beside: bool) -> None:
    """Changes do not show a deletion; a total that differs does, and that is said first.

    A new user beside it is among the changes, so that one too many is known.
    """
    with world.cache() as cache:
        world.refresh(cache)
        world.delete(SOMEBODY)
        if beside:
            world.asked(lambda alma: alma.create_user(NEW))
        said: list[str] = []
        world.asked(lambda alma: Refresh(cache, alma, now, unheard, said.append).run(due=False))
        assert found(cache, SOMEBODY) == []
        assert found(cache, "new") == ["new"] * beside
        assert cache.count() == cache.state.total == 249 + beside
        assert len(said) == 1
        assert "(3 calls)" in said[0]


def test_contacts_are_no_difference(world: World) -> None:
    """Entries of Alma's list that are no users do not make every refresh read everybody."""
    with world.cache() as cache:
        world.refresh(cache)
        state = cache.state
        later = timedelta(days=4)
        cache.remove(SOMEBODY)  # as if Alma's list had one entry that is no user
        update = {"as_of": now() + later, "swept": now() + later, "others": 1}
        cache.set_state(state.model_copy(update=update))
        assert len(world.refresh(cache, later=later)) == 2


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_a_broken_sweep_goes_on(world: World, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before a break is not read again; until the end the cache is not whole."""
    whole = Alma.list_users

    async def breaking(alma: Alma, offset: int, limit: int = 100, **more: None) -> UserPage:
        if limit == 100 and offset // 99 >= pages:
            while cache.pages_done < pages:
                await asyncio.sleep(0.001)  # until those before are stored
            msg = "gone"
            raise UnavailableError(msg)
        return await whole(alma, offset, limit, **more)

    with world.cache() as cache:
        with monkeypatch.context() as patch:
            patch.setattr(Alma, "list_users", breaking)
            with pytest.raises(UnavailableError):
                world.refresh(cache)
        assert cache.pages_done == pages
    with world.cache() as cache:
        assert cache.state.as_of is None
        calls = world.refresh(cache)
        assert len(calls) == 8 - pages
        assert cache.count() == 250
        assert cache.pages_done == 0


def test_a_user_whose_record_cannot_be_understood_is_there(
    cache: UserCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff mistyped a date: the user counts as one whose record is to be read, also if new.

    So does one with an ID, such as smith/j, by which nobody can be asked for.
    """
    mistyped = set[str]()

    async def list_users(_alma: Alma, offset: int, limit: int = 100, **more: object) -> UserPage:
        every = () if more or offset else ("a", "b", "c")
        users = tuple(User(primary_id=one, last_name=one) for one in every if one not in mistyped)
        return UserPage(users, len(every), tuple(mistyped.intersection(every)))

    async def get_user(_alma: Alma, user_id: str) -> User:
        raise (RefusedError if user_id == "c" else UnreadableUserError)(user_id)

    monkeypatch.setattr(Alma, "list_users", list_users)
    monkeypatch.setattr(Alma, "get_user", get_user)
    alma = Alma("http://127.0.0.1:9", SecretStr("key"), RateLimiter(5000, 0))
    for ids in ({"c"}, {"b", "c"}, {"c"}):
        mistyped |= ids
        mistyped &= ids
        asyncio.run(Refresh(cache, alma, now, unheard, print).run(full=True))
        asyncio.run(read_again(cache, alma, cache.stale(), now))
        assert (cache.count(), cache.difference(), cache.state.others) == (3, 0, 0)
        assert {*cache.stale()} == ids
        assert find_users(cache, query("c")) == UnreadUsers(("c",))
        assert ("b" in mistyped) == (find_users(cache, query("b")) == UnreadUsers(("b",)))


@pytest.mark.parametrize("unread", [0, 1])
def test_deletions_during_a_sweep_lose_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, unread: int
) -> None:
    """Who moves up to a page that was read already is met when all is read once more.

    A user whose record cannot be understood is no contact, which would hide that.
    """
    whole = Alma.list_users
    gone: list[str] = []

    async def meddling(alma: Alma, offset: int, limit: int = 100, **more: object) -> UserPage:
        if more:  # changes would bring back whom the pages passed over
            return UserPage((), 0)
        page = await whole(alma, offset, limit)
        if limit == 100 and offset == 0 and not gone:
            gone.extend(user.primary_id or "" for user in page.users[:5])
            for primary_id in gone:
                await alma.delete_user(primary_id)
        mistyped = tuple(user.primary_id or "" for user in page.users[:unread])
        return UserPage(page.users[unread:], page.total, mistyped)

    monkeypatch.setattr(Alma, "list_users", meddling)
    monkeypatch.setattr(RateLimiter, "in_flight", 1)  # one page after the other
    with world.cache() as cache:
        world.refresh(cache)
        left = {user["primary_id"] for user in world.back("GET", "/state").json()["users"]}
        assert {key for (key,) in cache.read("SELECT primary_id FROM users")} == left
        assert len(left) == 245


@pytest.mark.parametrize("full", [True, False])
def test_who_moves_behind_the_last_page_is_read(
    cache: UserCache, monkeypatch: pytest.MonkeyPatch, *, full: bool
) -> None:
    """Users who are added, or change, while pages are read move the others down.

    As in the night of the SIS load: those at the end are read, and not taken for contacts.
    """
    late, ids = (
        [f"a{number:03}" for number in range(60)],
        [f"u{number:03}" for number in range(290)],
    )
    every, began = {*late, *ids}, now()

    async def list_users(
        _alma: Alma, offset: int, limit: int = 100, modified_from: date | None = None
    ) -> UserPage:
        listed = [*ids]
        if full and modified_from:
            listed = late[: len(ids) - 290]
        elif limit == 1:
            return UserPage((), len(ids) if full else 350)
        elif ids[0] != late[0]:
            ids[:0] = late
        users = (User(primary_id=one, last_name="new") for one in listed[offset : offset + limit])
        return UserPage(tuple(users), len(listed))

    monkeypatch.setattr(Alma, "list_users", list_users)
    monkeypatch.setattr(RateLimiter, "in_flight", 1)  # one page after the other
    if not full:
        cache.put([User(primary_id=one, last_name="old") for one in every], began)
        update = {"as_of": began, "swept": began, "total": 350}
        cache.set_state(cache.state.model_copy(update=update))
    alma = Alma("http://127.0.0.1:9", SecretStr("key"), RateLimiter(5000, 0))
    asyncio.run(Refresh(cache, alma, now, unheard, print).run(full=full))
    assert names(cache) == dict.fromkeys(every, "new") | (
        {} if full else dict.fromkeys(late, "old")
    )
    assert (cache.state.others, cache.difference()) == (0, 0)


def test_after_too_many_changes_who_is_missing_is_no_contact(
    cache: UserCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where users are added faster than pages are read, the next refresh reads all once more."""
    ids = [f"u{number:03}" for number in range(290)]

    async def list_users(_alma: Alma, offset: int, limit: int = 100, **more: object) -> UserPage:
        listed = [] if more else [*ids]
        if (offset, limit, more) == (0, 100, {}) and len(ids) < 600:
            ids[:0] = [f"a{1000 - len(ids) - number:04}" for number in range(150)]
        users = (User(primary_id=one) for one in listed[offset : offset + limit])
        return UserPage(tuple(users), len(listed))

    monkeypatch.setattr(Alma, "list_users", list_users)
    monkeypatch.setattr(RateLimiter, "in_flight", 1)  # one page after the other
    alma = Alma("http://127.0.0.1:9", SecretStr("key"), RateLimiter(5000, 0))
    asyncio.run(Refresh(cache, alma, now, unheard, print).run())
    assert cache.count() - len(ids) == cache.difference() < 0
    asyncio.run(Refresh(cache, alma, now, unheard, print).run())
    assert names(cache).keys() == {*ids}


@pytest.mark.parametrize("contact", [100, 150, 240])
@pytest.mark.parametrize("gone", [2, 6])
def test_a_contact_hides_nobody_who_moved_up(
    world: World, monkeypatch: pytest.MonkeyPatch, contact: int, gone: int
) -> None:
    """Where a contact is near the end of a page, whoever was not met is asked for by ID.

    Where that takes more calls than all pages, all is read once more instead.
    """
    ids = [f"u{number:03}" for number in range(250)]
    hidden, todo = f"u{contact:03}", [*ids[:gone]]
    asked: list[str] = []

    async def list_users(_alma: Alma, offset: int, limit: int = 100, **more: object) -> UserPage:
        if more:
            return UserPage((), 0)
        shown = [User(primary_id=one) for one in ids[offset : offset + limit] if one != hidden]
        page = UserPage(tuple(shown), len(ids))
        if cache.count() == 249 and offset == 0 and limit == 100:
            while todo:
                ids.remove(todo.pop())
        return page

    async def get_user(_alma: Alma, primary_id: str) -> User | None:
        asked.append(primary_id)
        return User(primary_id=primary_id) if primary_id in ids else None

    monkeypatch.setattr(Alma, "list_users", list_users)
    monkeypatch.setattr(Alma, "get_user", get_user)
    monkeypatch.setattr(RateLimiter, "in_flight", 1)  # one page after the other
    with world.cache() as cache:
        for _ in range(2):
            world.asked(lambda alma: Refresh(cache, alma, now, unheard, print).run(full=True))
        there = {*ids} - {hidden}
        assert there <= names(cache).keys()
        assert len(asked) < 4
        world.asked(lambda alma: Refresh(cache, alma, now, unheard, print).run())
        assert there == names(cache).keys()
        assert cache.difference() == 0


def test_an_old_sweep_is_made_again() -> None:
    """After a month, and where one was broken off, everybody is read."""
    day = datetime(2026, 8, 20, tzinfo=UTC)
    fresh = CacheState(institution="I", environment="", as_of=day, swept=day)
    assert not sweep_due(fresh, day + SWEEP_EVERY)
    assert sweep_due(fresh, day + SWEEP_EVERY + timedelta(seconds=1))
    assert sweep_due(fresh.model_copy(update={"sweeping": day}), day)
    assert sweep_due(CacheState(institution="I"), day)


def test_catching_up_does_not_sweep_for_age(world: World) -> None:
    """A plan reads changes only while the totals agree; a cache never whole is left unchanged."""
    with world.cache() as cache:
        world.asked(lambda alma: Refresh(cache, alma, now, unheard, print).run(due=False))
        assert world.calls() == []
        world.refresh(cache)
        old = datetime(2000, 1, 1, tzinfo=UTC)
        cache.set_state(cache.state.model_copy(update={"swept": old}))
        world.calls()
        world.asked(lambda alma: Refresh(cache, alma, now, unheard, print).run(due=False))
        assert all("modify_date_from" in call or "limit=1&" in call for call in world.calls())
        assert cache.state.swept == old


@pytest.mark.parametrize("how", ["refresh", "plan", "interrupted", "apply"])
def test_a_clock_that_was_ahead_hides_no_change(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read at a time to come counts as read now, and all users are read again."""
    whole = Alma.list_users

    async def breaking(alma: Alma, offset: int, limit: int = 100, **more: None) -> UserPage:
        if more:
            msg = "gone"
            raise UnavailableError(msg)
        return await whole(alma, offset, limit, **more)

    ahead = timedelta(days=3)
    with world.cache() as cache:
        world.refresh(cache, later=timedelta() if how == "apply" else ahead)
        if how == "apply":
            cache.put([User(primary_id=SOMEBODY)], now() + ahead)
        if how == "interrupted":
            with monkeypatch.context() as patch:
                patch.setattr(Alma, "list_users", breaking)
                with pytest.raises(UnavailableError):
                    world.refresh(cache, full=True, later=ahead)
        entry = {"id_type": {"value": "UNIV_ID"}, "value": "U-new"}
        world.back("PATCH", f"/users/{SOMEBODY}", {"user_identifier": [entry]})
        said: list[str] = []

        async def refresh(alma: Alma) -> None:
            again = Refresh(cache, alma, now, unheard, said.append)
            await (again.run(due=False) if how == "plan" else again.run())

        world.asked(refresh)
        assert found(cache, "U-new") == [SOMEBODY]
        assert len(said) == 1
        state = cache.state
        assert state.as_of is not None
        assert state.swept is not None
        assert max(state.as_of, state.swept) <= now()
        assert len(world.refresh(cache)) < 8  # not all once more


def test_one_refresh_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second, as of two jobs of one minute, waits; after a while it stops and sends nothing.

    It says so, and other tasks, as one that cancels it, go on meanwhile.
    """
    said: list[str] = []

    def second() -> list[str]:
        with world.cache() as cache:
            return world.refresh(cache)

    async def canceled(alma: Alma) -> None:
        with world.cache() as cache:
            await asyncio.wait_for(Refresh(cache, alma, now, unheard, said.append).run(), 0.5)

    with ThreadPoolExecutor(1) as threads, refresh_lock(world.path):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            world.asked(canceled)
        assert time.monotonic() - began < 30
        assert len(said) == 1
        monkeypatch.setattr("importer.users.refresh.WAIT", 0)
        with pytest.raises(LedgerError) as busy:
            second()
        assert (busy.value.exit, busy.value.cause) == (Exit.STOPPED, Cause.PASSES)
        assert world.calls() == []
        monkeypatch.undo()
        waiting = threads.submit(second)
        time.sleep(0.3)
        assert not waiting.done()
    assert waiting.result() != []


@pytest.fixture(name="cache")
def _cache(tmp_path: Path) -> Iterator[UserCache]:
    """An empty cache, without an Alma."""
    inst = AlmaKey(institution="INST")
    with UserCache.make(inst.cache(tmp_path / "users"), inst) as made:
        yield made


def test_the_file_is_for_its_owner_only(cache: UserCache) -> None:
    """The folder is 0700 and the file 0600: they hold personal data."""
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


def test_later_knowledge_wins(cache: UserCache) -> None:
    """What was seen earlier never replaces what was seen later."""
    cache.put([User(primary_id="P1", last_name="New")], now())
    cache.put([User(primary_id="p1", last_name="Old")], now() - timedelta(hours=1))
    answer = find_users(cache, query("P1"))
    assert isinstance(answer, MatchResult)
    assert [matched.user.last_name for matched in answer.users] == ["New"]


@pytest.mark.parametrize("spoiled", [b"no database, this", b"\0" * 5000])
def test_a_damaged_file_is_told_and_forgotten(tmp_path: Path, spoiled: bytes) -> None:
    """It is a clear sentence, and `forget` takes it away."""
    path = AlmaKey(institution="01X/..", environment="sandbox").cache(tmp_path)
    assert path.parent == tmp_path
    path.write_bytes(spoiled)
    with pytest.raises(UsageError):
        UserCache.open(path)
    delete_cache(path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_in_a_folder_that_cannot_be_written_stays(cache: UserCache) -> None:
    """As on a disk that is read-only."""
    cache.path.with_suffix(".lock").mkdir()
    with pytest.raises(UsageError):
        delete_cache(cache.path)


def test_a_damaged_record_is_told(cache: UserCache) -> None:
    """A record that is none is damage, not a crash."""
    cache.put([User(primary_id="P1")], now())
    with cache.transaction() as connection:
        connection.execute("UPDATE users SET record = '{'")
    with pytest.raises(UsageError):
        find_users(cache, query("P1"))


def test_another_version_is_told(cache: UserCache) -> None:
    """A file of a later importer is left as it is."""
    with cache.transaction() as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError):
        UserCache.open(cache.path)


def names(cache: UserCache) -> dict[str, str]:
    """Last names by primary ID."""
    return dict(cache.read("SELECT primary_id, last FROM users"))


def test_an_id_that_somebody_else_has_now_stays(tmp_path: Path) -> None:
    """Whom an apply renamed, deleted or missed is removed as of then, not who has the ID since."""
    began, created = now(), User(primary_id="A", last_name="b")
    steps: list[Step] = [
        Update(2, "A", User(primary_id="A", last_name="a"), User(primary_id="B"), ()),
        Create(3, created),
        Delete(4, "D", User(primary_id="D")),
        Update(5, "G", User(primary_id="G"), User(primary_id="G", last_name="x"), ()),
        Delete(6, "E", User(primary_id="E")),
    ]
    alma = building.ALMA
    facts = building.FACTS.model_copy(update={"alma": alma})
    path = alma.cache(tmp_path / "users")
    fates = {step.row: Fate.READY for step in steps}
    with write_run(tmp_path, facts, fates, RunContent(steps=steps)) as ledger:
        journal = Journal(ledger, "robin", now)
        for row, sent in ((2, User(primary_id="B", last_name="a")), (3, created)):
            journal.record_intent(row, None, sent)
            journal.record_outcome(row, State.APPLIED, answered=sent)
        journal.record_outcome(4, State.APPLIED)
        journal.record_outcome(5, State.HELD, GONE)
        journal.record_outcome(6, State.ALREADY)
        with UserCache.make(path, alma) as cache:
            cache.put([User(primary_id=one, last_name="old") for one in "ADEG"], began)
            assert add_applied(ledger, path.parent) == 2
            assert names(cache) == {"A": "b", "B": "a"}
            cache.put([User(primary_id=one, last_name="new") for one in "ADG"], now())
            add_applied(ledger, path.parent)  # as `apply` on a finished run does
            assert names(cache) == {"A": "new", "B": "a", "D": "new", "G": "new"}


def test_who_is_unread_is_still_known_by_ids_and_names(cache: UserCache) -> None:
    """A row that means such a user is answered with whom to read first."""
    user = User(
        primary_id="1",
        first_name="Ada",
        last_name="Almeida",
        birth_date="1990-03-01Z",
        user_identifier=(UserIdentifier(id_type=Coded(value="BARCODE"), value="EXTRA"),),
    )
    cache.put([user], now())
    cache.put_unread(["1"], now())
    for value in ("1", "extra", "9"):
        row = PersonQuery(
            (("primary_id", value),),
            person=person_keys("Ada", "Almeida", born="1990-03-01"),
            by_name=True,
        )
        assert find_users(cache, row) == UnreadUsers(("1",))


def test_a_match_costs_one_call_once(world: World) -> None:
    """The record of an unread user is read when a row first means the user, and kept."""
    with world.cache() as cache:
        cache.put_unread([SOMEBODY, "1000002"], now())
        for calls in (1, 0):
            world.calls()
            found = world.asked(lambda alma: Users(alma, now, cache).find(query(SOMEBODY)))
            assert [matched.user.primary_id for matched in found.users] == [SOMEBODY]
            assert len(world.calls()) == calls
        assert cache.count("record = ''") == 1
