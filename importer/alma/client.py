"""Alma's users and configuration as Python verbs (contract 2.2).

A verb returns what its name says or raises an AlmaError; it knows users, not rows. Calls that Alma
did not process are repeated here and nowhere else: refused for speed, no connection, or a read
that failed. A write that may have happened is never repeated.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, TypeVar

import httpx
import stamina
from pydantic import SecretStr
from pydantic_core import PydanticSerializationError

from importer import errors
from importer.alma import models
from importer.alma.code_tables import LIBRARIES, TABLES
from importer.alma.connection import MANY_RECORDS, Connection, Request, Timeouts, segment
from importer.alma.pacing import Moment, RateLimiter, Slot, StaleReadError, run_concurrently
from importer.alma.responses import (
    GENERAL_ERROR,
    NotFoundError,
    Reply,
    UnreadableUserError,
    judge,
    unclear,
)
from importer.model.fields import CodeRow, CodeTables
from importer.model.user import User

PAGE = 100  # the most users that Alma gives in one call
MOST_FOUND = 1000  # more hits than this are not a search for one person

BACKOFF = (0.5, 1.0, 2.0)
"""Seconds before a failed call is sent again; no jitter, as the limiter spaces calls."""

PATIENCE = 10  # how often one call may be refused for speed or be too late until the run stops

BLOCKED = (
    "Something between here and Alma, such as a firewall, refuses the call (status 401 or 403)."
)

_NO_ANSWER = (errors.AccessError, errors.DailyLimitError, errors.ThrottledError)

T = TypeVar("T")

# stamina would log every repetition, with what the error says.
stamina.instrumentation.set_on_retry_hooks(())


class Alma(contextlib.AbstractAsyncContextManager["Alma"]):
    """One institution's Alma, for the length of an `async with`."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        limiter: RateLimiter,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        ca_bundle: Path | None = None,
        proxy: str = "",
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Use an address that `address.resolve` returned. Raises AccessError if there is no key."""
        self.base_url = base_url
        self.limiter = limiter
        self.clock_offset: float | None = None
        """Alma's clock less ours, in seconds; None until the first reply with a date."""
        self.heard: Callable[[Request, Reply], None] = lambda _request, _reply: None
        """Called with each reply, a refusal too."""
        self._now = now
        self._connection = Connection(
            base_url, key, transport=transport, ca_bundle=ca_bundle, proxy=proxy, timeouts=timeouts
        )

    async def __aexit__(self, *error: object) -> None:
        """Close the connections."""
        await self._connection.close()

    # ---- users ----

    async def get_user(
        self, user_id: str, expand: str = "none", *, urgent: bool = False
    ) -> User | None:
        """Return the whole user with this ID, or None if Alma reports that there is none.

        Any unique ID may match, another person's barcode too: compare the primary ID. A reply with
        a user who has this ID nowhere is not Alma's: UnavailableError. `expand` names what Alma is
        to count, such as `models.OBLIGATIONS`; `urgent` is as for `RateLimiter.call`. Raises
        UnreadableUserError, AlmaError.
        """
        request = Request("GET", f"/users/{segment(user_id)}", {"view": "full", "expand": expand})
        user: User | models.Unreadable
        try:
            async with self._of_one_user():
                user = await self._ask(request, models.user_reader(user_id), urgent=urgent)
        except NotFoundError:
            return None
        if isinstance(user, User):
            return user
        msg = (
            f"Alma's record of this user has a value in {user.field} that cannot be understood. "
            "Correct it in Alma."
        )
        raise UnreadableUserError(msg)

    async def user_with(self, primary_id: str, *, counts: bool) -> User | None:
        """Return the user with this primary ID, None where Alma has none.

        Whom Alma finds by another ID is somebody else. `counts`: with loans, requests and fees.
        """
        user = await self.get_user(primary_id, expand=models.OBLIGATIONS if counts else "none")
        return user if user is not None and user.id_key == primary_id.casefold() else None

    async def find_users(self, **words: str) -> tuple[User, ...]:
        """Return the users whose fields contain words: `last_name="Núñez", first_name="Ana"`.

        Alma searches by words and finds more than was asked: compare again. If no word has a
        letter or digit, nothing is sent and nothing found. Raises AlmaError.
        """
        query = " AND ".join(
            f"{field}~{cleaned}" for field, text in words.items() if (cleaned := _words(text))
        )
        if not query:
            return ()
        users: list[User] = []
        for offset in range(0, MOST_FOUND, PAGE):
            async with self._of_one_user():
                page = await self._list({"q": query, "limit": str(PAGE), "offset": str(offset)})
            users += page.users
            if offset + PAGE >= page.total:
                return tuple(users)
        msg = f"More than {MOST_FOUND:,} users match the search, too many to compare."
        raise errors.RefusedError(msg)

    async def list_users(
        self, offset: int, limit: int = PAGE, modified_from: date | None = None
    ) -> models.UserPage:
        """Return a page of whole users by primary ID, of all or those modified since a day."""
        params = {"limit": str(limit), "offset": str(offset), "order_by": "primary_id"}
        if modified_from is not None:
            params["modify_date_from"] = modified_from.isoformat()
        return await self._list(params)

    async def create_user(
        self,
        user: User,
        sending: Callable[[], None] = lambda: None,
        leaving: Callable[[], None] = lambda: None,
    ) -> User:
        """Create a user and return it as Alma stored it.

        `sending` is called before the call, and again before it is repeated; `leaving` after that,
        when the call's turn has come (see `Request`). A user without a
        primary ID is refused: Alma would invent one, and after a lost reply the user could not be
        looked up. Raises AlmaError.
        """
        segment(user.primary_id or "")
        request = Request("POST", "/users", {}, body=_body(user), leaving=leaving)

        async def once() -> User:
            sending()
            return await self._send(request, models.read_user)

        async with self._of_one_user():
            return await _repeated(once)

    async def update_user(
        self,
        primary_id: str,
        change: Callable[[User | None], User | None],
        override: tuple[str, ...] = (),
        leaving: Callable[[], None] = lambda: None,
        expand: str = "none",
    ) -> User | None:
        """Read a user, let `change` make the new record, and send that in the very next call.

        `change` gets the user as Alma has it, None if there is none, and returns the whole new
        record, or None to send nothing. It is called again, with a newer reading, whenever the
        last one is not fresh any more when its turn comes, and before a call is repeated. Alma
        replaces a record whole and knows no condition: between reading and replacing, the time of
        one call remains in which somebody else's edit would be lost.

        Roles are sent only if `change` changes them. Without them Alma keeps what it has, and an
        old role that lacks a parameter makes it refuse the whole record (contract 3.1). `override`
        names the sticky fields that are replaced though they were edited by hand in Alma. `leaving`
        is that of the PUT, `expand` that of the reading. Returns the user as Alma stored it, or
        None if nothing was sent. Raises AlmaError.
        """
        path = f"/users/{segment(primary_id)}"
        params = {"override": ",".join(override)} if override else {}

        def request(user: User | None) -> Request | None:
            record = change(user)
            if record is None:
                return None
            same = user is not None and record.user_role == user.user_role
            leave_out = {"user_role"} if same else None
            body = _body(record, leave_out=leave_out)
            return Request("PUT", path, params, body=body, leaving=leaving)

        return await self._read_and_write(primary_id, expand, request, models.read_user)

    async def delete_user(
        self,
        primary_id: str,
        agreed: Callable[[User | None], bool] = bool,
        leaving: Callable[[], None] = lambda: None,
    ) -> bool:
        """Read a user with loans, requests and fees, and delete it if `agreed` returns true.

        `agreed` is called as `change` of `update_user` is, `leaving` before the DELETE. Returns
        whether the user was deleted. Only Alma's status 204 counts; anything else is an
        UnknownOutcomeError. Raises AlmaError.
        """
        path = f"/users/{segment(primary_id)}"

        def request(user: User | None) -> Request | None:
            call = Request("DELETE", path, {}, success=204, leaving=leaving)
            return call if agreed(user) else None

        done = models.read_nothing
        return await self._read_and_write(primary_id, models.OBLIGATIONS, request, done) or False

    # ---- configuration ----

    async def code_table(self, name: str) -> tuple[CodeRow, ...] | None:
        """Return the rows of a code table, or None if Alma gives none of that name."""
        with contextlib.suppress(errors.RefusedError):
            request = Request("GET", f"/conf/code-tables/{segment(name)}", {})
            return await self._ask(request, models.read_table)
        return None

    async def code_tables(self, today: date) -> CodeTables:
        """Return the tables that a record's fields refer to, as far as Alma gives them.

        One call each. Raises AlmaError, also if Alma gives no code table, or fails at most.
        """
        institution = await self.general()
        failed: list[errors.UnavailableError] = []

        async def rows_of(name: str) -> tuple[str, tuple[CodeRow, ...] | None]:
            try:
                if name != LIBRARIES:
                    return name, await self.code_table(name)
                request = Request("GET", "/conf/libraries", {})
                return name, await self._ask(request, models.read_table)
            except errors.UnavailableError as error:
                if error.code != GENERAL_ERROR:  # of this table, as long as others are given
                    raise
                failed.append(error)
                return name, None

        fetched = {
            name: rows async for name, rows in run_concurrently(self.limiter, TABLES, rows_of)
        }
        tables = {name: rows for name, rows in sorted(fetched.items()) if rows is not None}
        if failed and len(failed) >= len(tables):
            raise failed[0]
        if tables.keys() <= {LIBRARIES}:
            msg = (
                "Alma refuses each of its code tables. Check that the key may read the area "
                "Configuration, or try again later."
            )
            raise errors.UnavailableError(msg)
        return CodeTables(tables, institution.code, today)

    async def general(self) -> models.Institution:
        """Return the institution and environment that the key belongs to. Raises AlmaError."""
        return await self._ask(Request("GET", "/conf/general", {}), models.read_institution)

    async def check_access(self, method: Literal["GET", "POST"]) -> None:
        """Check that the key may read (GET) or change (POST) users. Raises AlmaError."""
        request = Request(method, "/users/operation/test", {}, harmless=True)
        await self._ask(request, models.read_nothing)

    async def call_once(self, method: str, path: str, body: str | None = None) -> Reply:
        """Make a call and return the reply, a refusal too. Raises AlmaError if there is none."""
        request = Request(method, path, {}, body=body)

        async def once() -> Reply:
            async with self.limiter.call() as slot:
                result = await self._connection.send(request)
                error = judge(result, writes=request.writes)
                if not isinstance(result, Reply) or isinstance(error, _NO_ANSWER):
                    raise error or unclear(writes=request.writes)
                self._note(slot, request, result)
                return result

        return await _repeated(once)

    # ---- one call, as often as it takes ----

    async def _list(self, params: Mapping[str, str]) -> models.UserPage:
        params = {**params, "expand": "full"}
        request = Request("GET", "/users", params, largest=MANY_RECORDS)
        return await self._ask(request, models.read_users)

    async def _read_and_write(
        self,
        primary_id: str,
        expand: str,
        write: Callable[[User | None], Request | None],
        read: models.Reader[T],
    ) -> T | None:
        """Read a user and make the call that `write` gives for it, if any; to repeat it, both."""
        urgent = False
        async for attempt in _attempts():
            user = await self.get_user(primary_id, expand, urgent=urgent)
            urgent = True
            read_at = self.limiter.moment()
            with attempt:
                if (request := write(user)) is None:
                    return None
                async with self._of_one_user():
                    return await self._send(request, read, read_at=read_at)
        raise AssertionError

    @contextlib.asynccontextmanager
    async def _of_one_user(self) -> AsyncIterator[None]:
        """Raise no AccessError where only this call about a user is refused, and not the key.

        A key that Alma itself refuses has a code. Without one, a call about nobody decides. A write
        may have arrived all the same: the reply is not Alma's.
        """
        try:
            yield
        except errors.AccessError as error:
            if error.code:
                raise
            kind = errors.UnknownOutcomeError if error.of_write else errors.UnavailableError
            reason: errors.AlmaError = kind(BLOCKED)
            try:
                with contextlib.suppress(errors.RefusedError):
                    await self.check_access("POST" if error.of_write else "GET")
            except errors.AlmaError as wrong:
                reason = wrong
            reason.of_write = error.of_write
            raise reason from error

    async def _ask(self, request: Request, read: models.Reader[T], *, urgent: bool = False) -> T:
        return await _repeated(lambda: self._send(request, read, urgent=urgent))

    async def _send(
        self,
        request: Request,
        read: models.Reader[T],
        *,
        urgent: bool = False,
        read_at: Moment | None = None,
    ) -> T:
        """Make one call, once; `urgent` and `read_at` as for `RateLimiter.call`."""
        async with self.limiter.call(urgent=urgent, read_at=read_at) as slot:
            request.leaving()
            result = await self._connection.send(request)
            error = judge(result, writes=request.writes)
            if isinstance(result, Reply):
                self._note(slot, request, result)
                if error is None and request.success in {None, result.status}:
                    value = read(result.body)
                    if value is not None:
                        return value
            error = error or unclear(writes=request.writes)
            error.of_write = request.writes
            raise error

    def _note(self, slot: Slot, request: Request, reply: Reply) -> None:
        """Learn from a reply's headers what is left of the day and what time it is in Alma."""
        self.heard(request, reply)
        left = reply.remaining
        if left.isascii() and left.isdigit() and len(left) < 12:
            self.limiter.saw(slot, int(left))
        try:
            server = parsedate_to_datetime(reply.date)
            self.clock_offset = (server - self._now()).total_seconds()
        except (ValueError, TypeError):
            return


async def _repeated(once: Callable[[], Awaitable[T]]) -> T:
    """Make a call, again as long as that is harmless and may help."""
    async for attempt in _attempts():
        with attempt:
            return await once()
    raise AssertionError


def _attempts() -> AsyncIterable[stamina.Attempt]:
    """Yield attempts at one call, as long as another one is harmless and may help.

    After a refusal for speed the limiter lets all calls wait, so nothing is waited for here.
    """
    late = failed = 0

    def wait(error: Exception) -> float | bool:
        nonlocal late, failed
        match error:
            case errors.ThrottledError() | StaleReadError():
                late += 1
                return 0.0 if late <= PATIENCE else False
            case errors.UnavailableError(repeatable=True) if failed < len(BACKOFF):
                failed += 1
                return max(BACKOFF[failed - 1], error.wait)
            case _:
                return False

    return stamina.retry_context(on=wait, attempts=None, timeout=None)


def _body(user: User, leave_out: set[str] | None = None) -> str:
    """Return the record as JSON. Raises RefusedError if a value contains half a character."""
    with contextlib.suppress(PydanticSerializationError):
        return user.model_dump_json(exclude_unset=True, exclude=leave_out)
    msg = "A value contains a character that cannot be sent; type the value again."
    raise errors.RefusedError(msg)


def _words(text: str) -> str:
    """Return words for a search: joined by underscores, without what would break the query."""
    letters = unicodedata.normalize("NFC", text)
    kept = (c if unicodedata.category(c)[0] in "LMN" or c in ".@'+-" else " " for c in letters)
    return "_".join("".join(kept).split())
