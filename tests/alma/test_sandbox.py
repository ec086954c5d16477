"""The client against the sandbox, over a socket: two rooms that share only the contract."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.address import resolve
from importer.alma.client import Alma
from importer.alma.code_tables import LIBRARIES, TABLES, fetch
from importer.alma.doctor import State, examine
from importer.alma.error_codes import explain_refusal
from importer.alma.pacing import RateLimiter, run_concurrently
from importer.errors import (
    AccessError,
    DailyLimitError,
    RefusedError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.model.fields import NO_CODES
from importer.model.user import User
from importer.sandbox.server import Options, running

T = TypeVar("T")
TODAY = date(2026, 8, 20)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A sandbox with forty patrons."""
    with running(Options(rate=None, seed_users=40)) as base_url:
        yield base_url


@contextlib.contextmanager
def faults(address: str, rules: str) -> Iterator[None]:
    """The sandbox with these faults, as long as the block lasts."""
    where, key = f"{_root(address)}/_sandbox/faults", {"Authorization": "apikey sandbox"}
    httpx.post(where, content=rules, headers=key).raise_for_status()
    try:
        yield
    finally:
        httpx.post(where, content="", headers=key).raise_for_status()


def _root(address: str) -> str:
    return address.removesuffix("/").removesuffix("/almaws/v1")


def asked(
    address: str, work: Callable[[Alma], Awaitable[T]], key: str = "sandbox", rate: float = 500
) -> T:
    """What work gives with a client of the sandbox."""

    async def run() -> T:
        base_url = resolve("", _root(address))
        async with Alma(base_url, SecretStr(key), RateLimiter(rate)) as alma:
            return await work(alma)

    return asyncio.run(run())


def person(primary_id: str, **more: object) -> User:
    """An Internal patron that the sandbox takes."""
    return User.model_validate(
        {
            "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"},
            "primary_id": primary_id,
            "first_name": "Ana",
            "last_name": "Núñez",
            "user_group": {"value": "COMM"},
            **more,
        }
    )


def test_the_life_of_a_user(address: str) -> None:
    """Created, read, found, changed with roles kept, deleted, gone."""

    async def work(alma: Alma) -> None:
        assert await alma.get_user("life@1 é") is None
        barcode = {"id_type": {"value": "BARCODE"}, "value": "LIFE+2e"}
        made = await alma.create_user(person("life@1 é", user_identifier=[barcode]))
        assert made.user_role
        read = await alma.get_user("life@1 é")
        assert read is not None
        assert read.primary_id == "life@1 é"
        assert await alma.get_user("LIFE+2e", "BARCODE") == read
        found = await alma.find_users(last_name="Núñez", first_name="Ana")
        assert "life@1 é" in {user.primary_id for user in found}
        changed = await alma.update_user(
            "life@1 é", lambda user: user and user.model_copy(update={"last_name": "Cruz"})
        )
        assert changed is not None
        assert changed.last_name == "Cruz"
        assert changed.user_role == read.user_role
        await alma.delete_user("life@1 é")
        assert await alma.get_user("life@1 é") is None

    asked(address, work)


def test_the_list_gives_whole_users_once_each(address: str) -> None:
    """Page after page, everyone, with what a short item would not have."""

    async def work(alma: Alma) -> list[User]:
        users: list[User] = []
        total = 1
        for offset in range(0, 1000, 10):
            if offset >= total:
                break
            page = await alma.list_users(offset, 10)
            total = page.total
            assert not page.unreadable
            users += page.users
        assert len(users) == total
        return users

    users = asked(address, work)
    assert len(users) >= 40
    assert len({user.primary_id for user in users}) == len(users)
    assert all(user.user_group and user.contact_info for user in users)


def test_those_changed_since_a_day_are_listed(address: str) -> None:
    """Nobody changed since tomorrow."""

    async def work(alma: Alma) -> tuple[int, int]:
        long_ago = await alma.list_users(0, 100, date(2000, 1, 1))
        tomorrow = await alma.list_users(0, 100, date(2100, 1, 1) + timedelta(days=1))
        return long_ago.total, tomorrow.total

    everyone, nobody = asked(address, work)
    assert everyone >= 40
    assert nobody == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_group": {"value": "NOPE"}}, "user_group"),
        ({"external_id": "SIS"}, "external_id"),
        ({"password": "short"}, "password"),
        ({"last_name": None}, "last_name"),
        (
            {"user_identifier": [{"id_type": {"value": "BARCODE"}, "value": "refused-1"}]},
            "user_identifier.value",
        ),
        (
            {"user_identifier": [{"id_type": {"value": "NOPE"}, "value": "x"}]},
            "user_identifier.id_type",
        ),
    ],
)
def test_a_refusal_speaks_our_language(address: str, change: dict[str, object], field: str) -> None:
    """What the sandbox refuses by the contract is our problem at our field, with Alma's words."""

    async def work(alma: Alma) -> None:
        await alma.create_user(person("refused-1", **change))

    with pytest.raises(RefusedError) as caught:
        asked(address, work)
    found = explain_refusal(caught.value)
    assert found.field == field
    assert caught.value.said
    assert caught.value.tracking_id


def test_an_identifier_twice_is_exists_in_alma(address: str) -> None:
    """A second create of the same identifier is refused, and nothing is done twice."""

    async def work(alma: Alma) -> None:
        await alma.create_user(person("twice-1"))
        await alma.create_user(person("twice-1"))

    with pytest.raises(RefusedError) as caught:
        asked(address, work)
    assert explain_refusal(caught.value).field == "primary_id"


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        ("500_before", False),
        ("500_after", True),
        ("drop_before", False),
        ("drop_after", True),
        ("truncated", True),
        ("html", False),
    ],
)
def test_a_write_without_its_answer_is_unknown(address: str, fault: str, *, stored: bool) -> None:
    """Whether it happened or not, we say that we do not know, and send it once."""

    async def work(alma: Alma) -> bool:
        with pytest.raises(UnknownOutcomeError):
            await alma.create_user(person(f"lost-{fault}"))
        return await alma.get_user(f"lost-{fault}") is not None

    with faults(address, f"rules: [{{on: POST, do: {fault}}}]"):
        assert asked(address, work) is stored


@pytest.mark.parametrize("fault", ["503", "500_before", "drop_before", "html", "truncated"])
def test_a_read_survives_two_faults(address: str, fault: str) -> None:
    """A read is asked again."""

    async def work(alma: Alma) -> User | None:
        return await alma.get_user("1000001")

    rules = f"rules: [{{on: GET, nth: 1, do: {fault}}}, {{on: GET, nth: 2, do: {fault}}}]"
    with faults(address, rules):
        assert asked(address, work) is not None


def test_faults_that_stay_end_a_read(address: str) -> None:
    """After a few attempts Alma counts as unavailable."""

    async def work(alma: Alma) -> None:
        await alma.get_user("1000001")

    with faults(address, "rules: [{on: GET, do: 503}]"), pytest.raises(UnavailableError):
        asked(address, work)


def test_a_write_refused_for_speed_is_done_once(address: str) -> None:
    """429 was not processed: sent again, it is stored, and only then."""

    async def work(alma: Alma) -> float:
        await alma.create_user(person("fast-1"))
        return alma.limiter.rate

    with faults(address, 'rules: [{on: POST, nth: 1, do: "429"}]'):
        assert asked(address, work) < 500


def test_the_key_and_its_rights(address: str) -> None:
    """A wrong key, and a key that may only read, are AccessErrors; reading goes on."""

    async def both(alma: Alma) -> None:
        await alma.check_access("GET")
        await alma.check_access("POST")

    async def read(alma: Alma) -> None:
        await alma.check_access("GET")

    asked(address, both)
    asked(address, read, key="sandbox-read-only")
    with pytest.raises(AccessError):
        asked(address, both, key="sandbox-read-only")
    with pytest.raises(AccessError):
        asked(address, read, key="wrong")


def test_code_tables_and_institution(address: str) -> None:
    """Every table of the record is there, and the doctor is content."""

    async def work(alma: Alma) -> None:
        tables = await fetch(alma, TABLES, TODAY)
        known = tables.known("UserGroups")
        assert known is not None
        assert "COMM" in known
        assert tables.tables[LIBRARIES]
        assert await alma.code_table("NoSuchTable") is None
        general = await alma.general()
        assert general.code == tables.institution
        assert general.environment == "sandbox"
        findings = {f.name: f.state for f in await examine(alma, tables, TODAY)}
        assert set(findings.values()) == {State.OK}

    asked(address, work)


def test_a_fetch_that_fails_gives_no_half_table(address: str) -> None:
    """If Alma is down there are no new tables at all."""

    async def work(alma: Alma) -> None:
        await fetch(alma, TABLES, TODAY)

    rules = "rules: [{on: GET, path: /conf/code-tables/*, do: 503}]"
    with faults(address, rules), pytest.raises(UnavailableError):
        asked(address, work)


def test_a_key_without_configuration_is_found(address: str) -> None:
    """The doctor tells which area the key lacks."""

    async def work(alma: Alma) -> dict[str, State]:
        return {f.name: f.state for f in await examine(alma, NO_CODES, TODAY)}

    found = asked(address, work, key="sandbox-users")
    assert found["read users"] is State.OK
    assert found["institution"] is State.BAD


def test_the_days_calls_end_before_the_reserve() -> None:
    """Against a real counter: the reserve is not touched, in whatever order answers come."""

    async def work(address: str) -> int:
        limiter = RateLimiter(500, reserve=20)
        base_url = resolve("", _root(address))
        async with Alma(base_url, SecretStr("sandbox"), limiter) as alma:
            await alma.check_access("GET")
            ids = (str(1_000_000 + number) for number in range(200))
            with pytest.raises(DailyLimitError):
                _ = [user async for user in run_concurrently(limiter, ids, alma.get_user)]
            return limiter.calls

    with running(Options(rate=None, daily=80)) as address:
        calls = asyncio.run(work(address))
        key = {"Authorization": "apikey sandbox"}
        log = httpx.get(f"{_root(address)}/_sandbox/log", headers=key).text.splitlines()
    assert len(log) == calls
    assert 40 <= calls <= 60
