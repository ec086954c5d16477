"""The client against the practice Alma, over a socket: the two share only the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date

import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.code_tables import LIBRARIES
from importer.alma.doctor import examine
from importer.alma.pacing import RateLimiter
from importer.alma.responses import explain_refusal
from importer.errors import RefusedError, UnavailableError
from importer.model.finding import FindingState
from importer.model.user import User
from importer.sandbox.server import Options
from tests.sandbox.alma import Alma as Practice
from tests.sandbox.alma import barcode, coded, person, practice

pytestmark = pytest.mark.anyio

TODAY = date(2026, 8, 20)


@pytest.fixture
def anyio_backend() -> str:
    """Over sockets time is real."""
    return "asyncio"


@pytest.fixture(scope="module")
def there() -> Iterator[Practice]:
    """A practice Alma."""
    with practice(Options(rate=0)) as alma:
        yield alma


@pytest.fixture
async def alma(there: Practice) -> AsyncIterator[Alma]:
    """A client of it, without faults at the end."""
    async with Alma(f"{there.url}/almaws/v1", SecretStr("sandbox"), RateLimiter(500)) as alma:
        yield alma
    there.admin("POST", "/faults", "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_group": coded("NOPE")}, "user_group"),
        ({"external_id": "SIS"}, "external_id"),
        ({"password": "short"}, "password"),
        ({"last_name": ""}, "last_name"),
        ({"user_identifier": [barcode("refused-1")]}, "user_identifier.value"),
        ({"user_identifier": [barcode("x", id_type=coded("NOPE"))]}, "user_identifier.id_type"),
    ],
)
async def test_a_refusal_speaks_our_language(
    alma: Alma, change: dict[str, object], field: str
) -> None:
    """What the sandbox refuses by the contract is our problem at our field, with Alma's words."""
    with pytest.raises(RefusedError) as caught:
        await alma.create_user(User.model_validate(person(primary_id="refused-1", **change)))
    assert explain_refusal(caught.value).field == field
    assert caught.value.said
    assert caught.value.tracking_id


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
    assert {finding.state for finding in await examine(alma, tables, {}, TODAY)} == {
        FindingState.OK
    }


@pytest.mark.parametrize(
    "fault",
    [
        "path: /conf/code-tables/*, do: 503",
        "path: /conf/code-tables/*, do: refuse, code: 402119",
        "path: /conf/code-tables/User*, do: refuse, code: 402119",
        "path: /conf/code-tables/*, do: refuse, code: 90102",
    ],
)
async def test_a_fetch_that_fails_gives_no_half_table(
    alma: Alma, there: Practice, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Alma is down, or fails at most of them, there are no new tables at all."""
    monkeypatch.setattr("importer.alma.client.BACKOFF", (0.0,))
    there.admin("POST", "/faults", f"rules: [{{on: GET, {fault}}}]")
    with pytest.raises(UnavailableError):
        await alma.code_tables(TODAY)


@pytest.mark.parametrize("code", [90102, 402119])
async def test_a_table_that_alma_refuses_is_left_out(
    alma: Alma, there: Practice, code: int
) -> None:
    """Some tables are hidden at some institutions; the others are fetched all the same."""
    rule = f"{{on: GET, path: /conf/code-tables/UserTitles, do: refuse, code: {code}}}"
    there.admin("POST", "/faults", f"rules: [{rule}]")
    tables = (await alma.code_tables(TODAY)).tables
    assert ("UserTitles" in tables, "UserGroups" in tables) == (False, True)
