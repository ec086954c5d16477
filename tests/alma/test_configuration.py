"""What Alma tells of itself: code tables, the institution, the rights of the key."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from importer.errors import AccessError, RefusedError, UnavailableError
from importer.model.fields import CodeRow
from tests.alma.fakes import HTML, Script, alma, ok, refuses, xml_envelope


def test_code_tables_are_read_and_an_unknown_one_is_none() -> None:
    """Rows keep their code as text; a table that Alma does not have is None."""
    rows = [
        {"code": "01", "description": "One", "enabled": True},
        {"code": "OLD", "description": "Old", "enabled": False},
    ]

    async def work(answer: httpx.Response) -> tuple[CodeRow, ...] | None:
        async with alma(Script(answer)) as client:
            return await client.code_table("UserGroups")

    assert asyncio.run(work(ok({"name": "UserGroups", "row": rows}))) == (
        CodeRow("01", "One"),
        CodeRow("OLD", "Old", enabled=False),
    )
    assert asyncio.run(work(refuses("40166411"))) is None
    with pytest.raises(RefusedError):
        asyncio.run(work(refuses("401664")))


@pytest.mark.parametrize("environment", ["SANDBOX", {"value": "SANDBOX", "desc": "Sandbox"}])
def test_the_institution_and_its_environment_are_told(environment: object) -> None:
    """The plan is bound to them."""
    body = {
        "institution": {"value": "01EX_INST", "desc": "Example"},
        "environment_type": environment,
        "alma_url": "https://example.org",
    }

    async def work() -> None:
        async with alma(Script(ok(body))) as client:
            general = await client.general()
            assert (general.code, general.name) == ("01EX_INST", "Example")
            assert general.environment == "sandbox"

    asyncio.run(work())


def test_rights_are_asked_without_changing_anything() -> None:
    """GET asks for reading, POST for writing; a key without the right is an AccessError."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/almaws/v1/users/operation/test"
        if request.method == "POST":
            return httpx.Response(400, content=xml_envelope("UNAUTHORIZED"))
        return httpx.Response(200, content=b"<test>ok</test>")

    async def work() -> None:
        async with alma(handler) as client:
            await client.check_access("GET")
            with pytest.raises(AccessError):
                await client.check_access("POST")

    asyncio.run(work())


def test_a_page_in_place_of_the_test_is_no_right() -> None:
    """A network's sign-in page answers 200 to everything."""

    async def work() -> None:
        async with alma(Script(httpx.Response(200, content=HTML))) as client:
            await client.check_access("GET")

    with pytest.raises(UnavailableError):
        asyncio.run(work())
