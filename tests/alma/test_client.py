"""The verbs: what each one sends, what it gives, and what it never sends twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.answers import NotFoundError
from importer.alma.client import BACKOFF, PATIENCE, Alma
from importer.alma.governor import Governor
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from importer.model.codes import CodeRow
from importer.model.user import User
from tests.alma.fakes import BASE, KEY, alma, everything_said, record, refuses, xml_envelope

HTML = b"<!DOCTYPE html><html><body>Maintenance</body></html>"


class Script:
    """A fake Alma that gives its answers in turn, the last one for ever, and notes what it saw."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        """Begin with the first answer."""
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Note the request and give the next answer."""
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def ok(body: object, **headers: str) -> httpx.Response:
    """A success with a body."""
    return httpx.Response(200, json=body, headers=headers)


# ---- what is sent ----


def test_a_user_is_asked_for_by_one_quoted_segment() -> None:
    """Whatever an identifier holds, it stays one segment of the path."""
    fake = Script(ok(record()))

    async def work() -> None:
        async with alma(fake) as client:
            for user_id in (
                "a/b",
                "a?b",
                "a#b",
                "%2e%2e",
                "..%2f",
                "a b",
                "../conf/general",
                "é。",
            ):
                await client.get_user(user_id)

    asyncio.run(work())
    for request in fake.seen:
        path, _, query = request.url.raw_path.partition(b"?")
        assert path.startswith(b"/almaws/v1/users/")
        assert path.count(b"/") == 4
        assert query == b"view=full&expand=none"


@pytest.mark.parametrize(
    "user_id", ["", " ", ".", "..", "a\nb", "a\x00b", "\x7f", "\udc80", "x" * 256]
)
@pytest.mark.parametrize("verb", ["get", "update", "delete", "create"])
def test_an_identifier_that_cannot_be_a_segment_is_refused_unsent(user_id: str, verb: str) -> None:
    """Nothing is sent for it, and the error does not repeat it."""
    fake = Script(ok(record()))

    async def work() -> None:
        async with alma(fake) as client:
            match verb:
                case "get":
                    await client.get_user(user_id)
                case "update":
                    await client.update_user(user_id, User())
                case "delete":
                    await client.delete_user(user_id)
                case _:
                    await client.create_user(User(primary_id=user_id))

    with pytest.raises(RefusedError) as caught:
        asyncio.run(work())
    assert caught.value.code == ""
    assert not fake.seen
    assert not user_id.strip(" .") or user_id not in str(caught.value)


def test_the_key_is_in_the_header_alone() -> None:
    """No address, body, repr or other header holds the key."""
    fake = Script(ok(record()))

    async def work() -> str:
        async with alma(fake) as client:
            await client.create_user(User.model_validate(record()))
            return repr(client) + repr(client.__dict__)

    shown = asyncio.run(work())
    (request,) = fake.seen
    assert request.headers["Authorization"] == f"apikey {KEY}"
    assert KEY not in shown + repr(request) + str(request.url) + request.content.decode()
    others = {name: value for name, value in request.headers.items() if name != "authorization"}
    assert KEY not in repr(others)


@pytest.mark.parametrize("key", ["", "two words", "new\nline", "ключ"])
def test_a_key_of_no_possible_form_is_refused_before_a_library_sees_it(key: str) -> None:
    """The libraries would repeat it in their complaint."""
    with pytest.raises(AccessError) as caught:
        Alma(BASE, SecretStr(key), Governor(1))
    assert not key or all(key not in text for text in everything_said(caught.value))


def test_an_update_sends_no_roles_and_the_named_overrides() -> None:
    """Roles that are not sent stay (contract 3.1); override is a list with commas."""
    fake = Script(ok(record()))

    async def work() -> None:
        async with alma(fake) as client:
            user = User.model_validate(record())
            await client.update_user("2000", user, ("user_group", "pin_number"))
            await client.update_user("2000", user)

    asyncio.run(work())
    first, second = fake.seen
    assert first.method == "PUT"
    assert dict(first.url.params) == {"override": "user_group,pin_number"}
    assert not second.url.query
    body = json.loads(first.content)
    assert "user_role" not in body
    assert body["user_group"]["value"] == "COMM"
    assert first.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", ["create", "update"])
def test_half_a_letter_is_refused_unsent(verb: str) -> None:
    """A text that no encoding can carry is this one record's fault, and is not repeated."""
    fake = Script(ok(record()))

    async def work() -> None:
        async with alma(fake) as client:
            user = User(primary_id="1", first_name="Private\ud800")
            await (client.create_user(user) if verb == "create" else client.update_user("1", user))

    with pytest.raises(RefusedError) as caught:
        asyncio.run(work())
    assert not fake.seen
    assert all("Private" not in text for text in everything_said(caught.value))


def test_a_create_sends_what_was_set_and_nothing_else() -> None:
    """The body is the record as it was built."""
    fake = Script(ok(record()))

    async def work() -> User:
        async with alma(fake) as client:
            return await client.create_user(User(primary_id="2000", last_name="Núñez"))

    user = asyncio.run(work())
    assert user.primary_id == record()["primary_id"]
    assert json.loads(fake.seen[0].content) == {"primary_id": "2000", "last_name": "Núñez"}


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ({"last_name": "Núñez", "first_name": "Ana"}, "last_name~Núñez AND first_name~Ana"),
        ({"last_name": "de la Cruz"}, "last_name~de_la_Cruz"),
        ({"last_name": "O'Brien-Smith"}, "last_name~O'Brien-Smith"),
        ({"last_name": 'A~B AND (C) OR "D" & * ; ,'}, "last_name~A_B_AND_C_OR_D"),
        ({"last_name": "王", "first_name": "***"}, "last_name~王"),
        ({"email": "ana.nunez+x@example.org"}, "email~ana.nunez+x@example.org"),
    ],
)
def test_a_search_is_made_of_words(words: dict[str, str], query: str) -> None:
    """Blanks become underscores; what would break the query is taken out."""
    fake = Script(ok({"user": [record()], "total_record_count": 1}))

    async def work() -> int:
        async with alma(fake) as client:
            return len(await client.find_users(**words))

    assert asyncio.run(work()) == 1
    assert fake.seen[0].url.params["q"] == query
    assert fake.seen[0].url.params["expand"] == "full"


def test_a_search_without_a_word_is_not_sent() -> None:
    """It would list everyone."""
    fake = Script(ok({}))

    async def work() -> tuple[User, ...]:
        async with alma(fake) as client:
            return await client.find_users(last_name="***", first_name=" ")

    assert asyncio.run(work()) == ()
    assert not fake.seen


def test_a_search_gives_every_page_and_refuses_a_flood() -> None:
    """All hits or none: never silently some."""

    def handler(request: httpx.Request) -> httpx.Response:
        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        total = 250 if "Smith" in request.url.params["q"] else 5000
        users = [record(str(number)) for number in range(offset, min(offset + limit, total))]
        return ok({"user": users, "total_record_count": total})

    async def work(name: str) -> int:
        async with alma(handler) as client:
            return len({user.primary_id for user in await client.find_users(last_name=name)})

    assert asyncio.run(work("Smith")) == 250
    with pytest.raises(RefusedError):
        asyncio.run(work("Lee"))


# ---- what is given ----


@pytest.mark.parametrize("code", ["401861", "401890", "4019990", "4019998"])
def test_a_user_is_absent_only_by_the_codes_that_say_so(code: str) -> None:
    """These four codes, and nothing else, mean that there is no such user."""

    async def work() -> User | None:
        async with alma(Script(refuses(code))) as client:
            return await client.get_user("nobody", "BARCODE")

    assert asyncio.run(work()) is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(404, content=HTML),
        refuses("401664"),
        refuses("60101"),
        httpx.Response(200, content=HTML),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"primary_id": ""}),
        httpx.Response(200, json={"primary_id": "2", "birth_date": "soon"}),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "https://login.example.org"}),
    ],
)
def test_nothing_else_is_absence(answer: httpx.Response) -> None:
    """A page, an empty answer, another code: an error, never "no such user"."""

    async def work() -> None:
        async with alma(Script(answer)) as client:
            await client.get_user("2000")

    with pytest.raises((UnavailableError, RefusedError)):
        asyncio.run(work())


def test_another_users_record_is_given_as_it_is() -> None:
    """An identifier may be another person's barcode; the caller compares."""

    async def work() -> User | None:
        async with alma(Script(ok(record("other")))) as client:
            return await client.get_user("2000")

    user = asyncio.run(work())
    assert user is not None
    assert user.primary_id == "other"


def test_a_page_leaves_out_contacts_without_identifier_and_names_what_it_cannot_read() -> None:
    """One odd entry does not cost the page, and is not lost in silence."""
    entries = [
        record("1"),
        record("no primary id (123)"),
        {"primary_id": "3", "birth_date": "soon"},
        record("4"),
    ]
    fake = Script(ok({"user": entries, "total_record_count": 4}))

    async def work() -> None:
        async with alma(fake) as client:
            page = await client.list_users(100, 50, date(2026, 8, 1))
            assert [user.primary_id for user in page.users] == ["1", "4"]
            assert page.unreadable == ("3",)
            assert page.total == 4

    asyncio.run(work())
    params = dict(fake.seen[0].url.params)
    assert (params["offset"], params["limit"]) == ("100", "50")
    assert params["modify_date_from"] == "2026-08-01"
    assert params["expand"] == "full"


@pytest.mark.parametrize(
    "body",
    [{"total_record_count": 0}, {"user": None, "total_record_count": 0}, {"user": []}],
)
def test_a_list_without_hits_is_empty(body: object) -> None:
    """Alma leaves the list out, or sends none (contract 2.2)."""

    async def work() -> tuple[User, ...]:
        async with alma(Script(ok(body))) as client:
            return (await client.list_users(0)).users

    assert asyncio.run(work()) == ()


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
            await client.may_read()
            with pytest.raises(AccessError):
                await client.may_write()

    asyncio.run(work())


def test_a_page_in_place_of_the_test_is_no_right() -> None:
    """A network's sign-in page answers 200 to everything."""

    async def work() -> None:
        async with alma(Script(httpx.Response(200, content=HTML))) as client:
            await client.may_read()

    with pytest.raises(UnavailableError):
        asyncio.run(work())


def test_headers_tell_calls_left_and_the_clock() -> None:
    """X-Exl-Api-Remaining and Date are noted."""
    fake = Script(
        ok(record(), **{"X-Exl-Api-Remaining": "777", "Date": "Thu, 20 Aug 2026 09:40:00 GMT"})
    )

    async def work() -> None:
        noon = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
        transport = httpx.MockTransport(fake)
        async with Alma(BASE, SecretStr(KEY), Governor(9), transport, now=lambda: noon) as client:
            assert (client.calls, client.remaining, client.clock_offset) == (0, None, None)
            await client.get_user("2000")
            assert (client.calls, client.remaining, client.clock_offset) == (1, 777, 600)

    asyncio.run(work())


def test_the_reserve_stops_the_client() -> None:
    """Once Alma says that no more than the reserve is left, nothing is sent."""
    fake = Script(ok(record(), **{"X-Exl-Api-Remaining": "500"}))

    async def work() -> None:
        async with alma(fake, reserve=500) as client:
            await client.get_user("1")
            with pytest.raises(DailyLimitError):
                await client.get_user("2")

    asyncio.run(work())
    assert len(fake.seen) == 1


# ---- what is sent again, and what is not ----

WRITES = ["create", "update", "delete"]


async def _write(client: Alma, verb: str) -> None:
    user = User.model_validate(record())
    match verb:
        case "create":
            await client.create_user(user)
        case "update":
            await client.update_user("2000", user)
        case _:
            await client.delete_user("2000")


UNCLEAR = [
    httpx.Response(500, content=xml_envelope("GENERAL_ERROR")),
    httpx.Response(502),
    httpx.Response(503, content=HTML),
    httpx.Response(200, content=HTML, headers={"Content-Type": "text/html"}),
    httpx.Response(400),
    httpx.ReadTimeout("CANARY"),
    httpx.WriteTimeout("CANARY"),
    httpx.ReadError("CANARY"),
    httpx.WriteError("CANARY"),
    httpx.RemoteProtocolError("CANARY"),
    httpx.DecodingError("CANARY"),
]


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("answer", UNCLEAR)
def test_a_write_without_a_clear_answer_is_unknown_and_sent_once(
    answer: httpx.Response | Exception, verb: str
) -> None:
    """It may have happened; only a look at Alma can tell."""
    fake = Script(answer)

    async def work() -> None:
        async with alma(fake) as client:
            await _write(client, verb)

    with pytest.raises(UnknownOutcomeError) as caught:
        asyncio.run(work())
    assert len(fake.seen) == 1
    # KEY holds the word too.
    assert all("CANARY" not in text for text in everything_said(caught.value))


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"primary_id": "20', b"[]", b"null", b'"x"'])
def test_a_broken_echo_of_a_write_is_unknown(body: bytes, verb: str) -> None:
    """A 200 that does not hold the user proves nothing."""

    async def work() -> None:
        async with alma(Script(httpx.Response(200, content=body))) as client:
            await _write(client, verb)

    with pytest.raises(UnknownOutcomeError):
        asyncio.run(work())


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("error", [httpx.ConnectError("CANARY"), httpx.ConnectTimeout("CANARY")])
def test_a_write_that_never_left_is_tried_again(error: Exception, verb: str) -> None:
    """Without a connection nothing happened, so it may be sent again, and in the end is told."""
    rests: list[float] = []
    fake = Script(error)

    async def work() -> None:
        async with alma(fake, rests=rests) as client:
            await _write(client, verb)

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(work())
    assert len(fake.seen) == 1 + len(BACKOFF)
    assert rests == list(BACKOFF)
    assert all("CANARY" not in text for text in everything_said(caught.value))


@pytest.mark.parametrize("answer", UNCLEAR)
def test_a_read_is_tried_a_few_times(answer: httpx.Response | Exception) -> None:
    """Reading again does no harm; after a few times the run stops."""
    fake = Script(answer)

    async def work() -> None:
        async with alma(fake) as client:
            await client.get_user("2000")

    with pytest.raises(UnavailableError):
        asyncio.run(work())
    assert len(fake.seen) == 1 + len(BACKOFF)


def test_a_read_that_recovers_gives_its_user() -> None:
    """A hiccup is not seen by the caller."""
    fake = Script(httpx.Response(503), httpx.ReadTimeout("x"), ok(record()))

    async def work() -> User | None:
        async with alma(fake) as client:
            return await client.get_user("2000")

    assert asyncio.run(work()) is not None
    assert len(fake.seen) == 3


@pytest.mark.parametrize("verb", WRITES)
def test_a_call_refused_for_speed_is_sent_again(verb: str) -> None:
    """429 was not processed, so any verb may be sent again, after the governor's pause."""
    slow = httpx.Response(429, content=xml_envelope("PER_SECOND_THRESHOLD"))
    good = httpx.Response(204) if verb == "delete" else ok(record())
    fake = Script(slow, slow, good)

    async def work() -> float:
        async with alma(fake, rate=8) as client:
            await _write(client, verb)
            return client.governor.rate

    assert asyncio.run(work()) < 4
    assert len(fake.seen) == 3


def test_a_call_that_is_always_refused_for_speed_ends() -> None:
    """Patience has an end, so that a run does not hang for ever."""
    fake = Script(httpx.Response(429))

    async def work() -> None:
        async with alma(fake) as client:
            await client.get_user("2000")

    with pytest.raises(ThrottledError):
        asyncio.run(work())
    assert len(fake.seen) == PATIENCE + 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refuses("401852"), RefusedError),
        (refuses("401861"), NotFoundError),
        (httpx.Response(403, content=xml_envelope("INVALID_REQUEST")), AccessError),
        (httpx.Response(400, content=xml_envelope("UNAUTHORIZED")), AccessError),
        (httpx.Response(429, content=xml_envelope("DAILY_THRESHOLD")), DailyLimitError),
        (httpx.Response(307, headers={"Location": "https://x.example.org"}), UnavailableError),
    ],
)
@pytest.mark.parametrize("verb", WRITES)
def test_a_clear_no_is_not_asked_again(
    answer: httpx.Response, error: type[AlmaError], verb: str
) -> None:
    """Refused, no access, the day used up, redirected: once is enough."""
    fake = Script(answer)

    async def work() -> None:
        async with alma(fake) as client:
            await _write(client, verb)

    with pytest.raises(error) as caught:
        asyncio.run(work())
    assert type(caught.value) is error
    assert len(fake.seen) == 1
