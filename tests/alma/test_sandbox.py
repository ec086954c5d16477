"""The client against the practice Alma, over a socket: the two share only the contract."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import date

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.code_tables import LIBRARIES
from importer.alma.doctor import State, examine
from importer.alma.pacing import RateLimiter
from importer.alma.responses import explain_refusal
from importer.errors import (
    AccessError,
    RefusedError,
    UnavailableError,
)
from importer.model.fields import NO_CODES
from importer.model.user import User
from importer.sandbox.server import Options, running

pytestmark = pytest.mark.anyio

TODAY = date(2026, 8, 20)
KEY = {"Authorization": "apikey sandbox"}


@pytest.fixture
def anyio_backend() -> str:
    """Over sockets time is real."""
    return "asyncio"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A sandbox with forty patrons."""
    with running(Options(rate=0, seed_users=40)) as base_url:
        yield base_url


def client(address: str, key: str = "sandbox", reserve: int = 0) -> Alma:
    """A client of the sandbox."""
    return Alma(f"{address}/almaws/v1", SecretStr(key), RateLimiter(500, reserve))


@pytest.fixture
async def alma(address: str) -> AsyncIterator[Alma]:
    """A client of the sandbox, with every right."""
    async with client(address) as alma:
        yield alma


@contextlib.contextmanager
def faults(address: str, rules: str) -> Iterator[None]:
    """The sandbox with these faults, as long as the block lasts."""
    where = f"{address}/_sandbox/faults"
    httpx.post(where, content=rules, headers=KEY).raise_for_status()
    try:
        yield
    finally:
        httpx.post(where, content="", headers=KEY).raise_for_status()


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
async def test_a_refusal_speaks_our_language(
    alma: Alma, change: dict[str, object], field: str
) -> None:
    """What the sandbox refuses by the contract is our problem at our field, with Alma's words."""
    with pytest.raises(RefusedError) as caught:
        await alma.create_user(person("refused-1", **change))
    assert explain_refusal(caught.value).field == field
    assert caught.value.said
    assert caught.value.tracking_id


async def test_the_key_and_its_rights(address: str, alma: Alma) -> None:
    """A wrong key, and a key that may only read, are AccessErrors; reading goes on."""
    await alma.check_access("GET")
    await alma.check_access("POST")
    async with client(address, "sandbox-read-only") as reader, client(address, "wrong") as wrong:
        await reader.check_access("GET")
        with pytest.raises(AccessError):
            await reader.check_access("POST")
        with pytest.raises(AccessError):
            await wrong.check_access("GET")


async def test_code_tables_and_institution(alma: Alma) -> None:
    """Every table of the record is there, and the doctor is content."""
    tables = await alma.code_tables(TODAY)
    known = tables.known("UserGroups")
    assert known is not None
    assert "COMM" in known
    assert tables.tables[LIBRARIES]
    assert await alma.code_table("NoSuchTable") is None
    general = await alma.general()
    assert (general.code, general.environment) == (tables.institution, "sandbox")
    assert {finding.state for finding in await examine(alma, tables, {}, TODAY)} == {State.OK}


async def test_a_fetch_that_fails_gives_no_half_table(address: str, alma: Alma) -> None:
    """If Alma is down there are no new tables at all."""
    rules = "rules: [{on: GET, path: /conf/code-tables/*, do: 503}]"
    with faults(address, rules), pytest.raises(UnavailableError):
        await alma.code_tables(TODAY)


async def test_a_table_that_alma_refuses_is_left_out(address: str, alma: Alma) -> None:
    """Some tables are hidden at some institutions; the others are fetched all the same."""
    rules = "rules: [{on: GET, path: /conf/code-tables/UserTitles, do: refuse, code: 90102}]"
    with faults(address, rules):
        tables = (await alma.code_tables(TODAY)).tables
    assert ("UserTitles" in tables, "UserGroups" in tables) == (False, True)


async def test_a_key_without_configuration_is_found(address: str) -> None:
    """The doctor tells which area the key lacks."""
    async with client(address, "sandbox-users") as alma:
        found = {
            finding.name: finding.state for finding in await examine(alma, NO_CODES, {}, TODAY)
        }
    assert found["read users"] is State.OK
    assert found["institution"] is State.BAD
