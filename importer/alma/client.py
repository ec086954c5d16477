"""Alma's users and configuration as Python verbs (contract 2.2).

A verb gives what it says or raises one of the errors of `importer.errors`; it knows users, not
rows. Calls that Alma did not process are sent again here, and nowhere else: refused for speed,
no connection, or a read that failed. A write that may have happened never is.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import SecretStr
from pydantic_core import PydanticSerializationError

from importer.alma.answers import Answer, NotFoundError, judge, nonsense, worth_repeating
from importer.alma.governor import Governor, Slot
from importer.alma.paths import segment
from importer.alma.readers import (
    Institution,
    Reader,
    UserPage,
    read_code_table,
    read_institution,
    read_libraries,
    read_nothing,
    read_user,
    read_users,
)
from importer.alma.refusals import NO_SUCH_TABLE
from importer.alma.wire import MANY_RECORDS, Request, Timeouts, Wire
from importer.errors import RefusedError, ThrottledError, UnavailableError
from importer.model.codes import CodeRow
from importer.model.user import User

if TYPE_CHECKING:
    import httpx

PAGE = 100
"""The most users that Alma gives in one call."""

MOST_FOUND = 1000
"""More hits than this are not a search for one person."""

BACKOFF = (0.5, 1.0, 2.0)
"""Seconds to rest before a failed call is sent again. No jitter: the governor spreads the calls."""

PATIENCE = 10
"""How often one call may be refused for speed before the run stops."""

SEARCHABLE = frozenset({"primary_id", "first_name", "last_name", "middle_name", "email",
                        "phone_number", "identifiers", "birth_date"})  # fmt: skip
"""The fields of a search that this client uses (contract 2.2)."""

T = TypeVar("T")


class Alma:
    """One institution's Alma, for the length of an `async with`."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        governor: Governor,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        ca_bundle: Path | None = None,
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`base_url` is what `address.resolve` gives. Raises AccessError where there is no key."""
        self.base_url = base_url
        self.governor = governor
        self.clock_offset: float | None = None
        """Alma's clock less ours, in seconds; None until Alma has told its time."""
        self._now = now
        self._wire = Wire(
            base_url, key, transport=transport, ca_bundle=ca_bundle, timeouts=timeouts
        )

    def __repr__(self) -> str:
        """Name the address, never the key."""
        return f"Alma({self.base_url!r})"

    async def __aenter__(self) -> Self:
        """Open for calls."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._wire.close()

    @property
    def calls(self) -> int:
        """Calls sent so far, by everyone who shares the governor."""
        return self.governor.calls

    @property
    def remaining(self) -> int | None:
        """The institution's calls that are left today, or None if Alma has not said."""
        return self.governor.remaining

    # ---- users ----

    async def get_user(self, user_id: str, id_type: str = "", expand: str = "none") -> User | None:
        """The whole user with this identifier, or None if Alma says that there is none.

        Without `id_type` any unique identifier may match, another person's barcode too: compare
        the primary identifier. `expand` names what Alma counts besides, such as
        `business.EVERYTHING`. Raises AlmaError.
        """
        path = f"/users/{segment(user_id)}"
        params = {"view": "full", "expand": expand}
        if id_type:
            params["user_id_type"] = id_type
        try:
            return await self._ask(Request("GET", path, params), read_user)
        except NotFoundError:
            return None

    async def find_users(self, **words: str) -> tuple[User, ...]:
        """The whole users whose fields hold these words, as `last_name="Núñez", first_name="Ana"`.

        Alma searches by words and finds more than was asked: compare again. Nothing is asked,
        and nothing found, where no word has a letter or digit. Raises AlmaError.
        """
        if unknown := sorted(words.keys() - SEARCHABLE):
            msg = f"no search by {', '.join(unknown)}"
            raise ValueError(msg)
        query = " AND ".join(
            f"{field}~{cleaned}" for field, text in words.items() if (cleaned := _words(text))
        )
        if not query:
            return ()
        found: list[User] = []
        for offset in range(0, MOST_FOUND, PAGE):
            page = await self._list({"q": query, "limit": str(PAGE), "offset": str(offset)})
            found += page.users
            if offset + PAGE >= page.total:
                return tuple(found)
        msg = f"More than {MOST_FOUND:,} users fit the search; nothing can be told from it."
        raise RefusedError(msg)

    async def list_users(
        self, offset: int, limit: int = PAGE, modified_from: date | None = None
    ) -> UserPage:
        """A page of whole users, by primary identifier; those changed since a day, if one is given.

        Contacts without a primary identifier are left out. Raises AlmaError.
        """
        params = {"limit": str(limit), "offset": str(offset), "order_by": "primary_id"}
        if modified_from is not None:
            params["modify_date_from"] = modified_from.isoformat()
        return await self._list(params)

    async def create_user(self, user: User) -> User:
        """Create a user and give it as Alma stored it.

        Alma would make up a primary identifier; then a lost answer could never be looked up, so
        a user without one is refused here. Raises AlmaError.
        """
        segment(user.primary_id or "")
        return await self._ask(Request("POST", "/users", {}, body=_body(user)), read_user)

    async def update_user(
        self, primary_id: str, user: User, override: tuple[str, ...] = ()
    ) -> User:
        """Replace the user with this identifier whole and give it as Alma stored it.

        Roles are not sent, which keeps them (contract 3.1). `override` names the sticky fields
        that are replaced though they were edited by hand in Alma. Raises AlmaError.
        """
        params = {"override": ",".join(override)} if override else {}
        path = f"/users/{segment(primary_id)}"
        body = _body(user, leave_out={"user_role"})
        return await self._ask(Request("PUT", path, params, body=body), read_user)

    async def delete_user(self, primary_id: str) -> None:
        """Delete a user for good. Raises AlmaError; Alma refuses users who still have loans."""
        await self._ask(Request("DELETE", f"/users/{segment(primary_id)}", {}), read_nothing)

    # ---- configuration ----

    async def code_table(self, name: str) -> tuple[CodeRow, ...] | None:
        """The rows of a code table, or None if Alma has none of that name. Raises AlmaError."""
        try:
            request = Request("GET", f"/conf/code-tables/{segment(name)}", {})
            return await self._ask(request, read_code_table)
        except RefusedError as error:
            if error.code == NO_SUCH_TABLE:
                return None
            raise

    async def libraries(self) -> tuple[CodeRow, ...]:
        """The institution's libraries, by code. Raises AlmaError."""
        return await self._ask(Request("GET", "/conf/libraries", {}), read_libraries)

    async def general(self) -> Institution:
        """Which institution and which environment the key belongs to. Raises AlmaError."""
        return await self._ask(Request("GET", "/conf/general", {}), read_institution)

    async def may_read(self) -> None:
        """Ask whether the key may read users. Raises AccessError if not, or another AlmaError."""
        await self._ask(Request("GET", "/users/operation/test", {}), read_nothing)

    async def may_write(self) -> None:
        """Ask whether the key may change users; changes nothing. Raises as `may_read` does."""
        request = Request("POST", "/users/operation/test", {}, harmless=True)
        await self._ask(request, read_nothing)

    # ---- one call, as often as it takes ----

    async def _list(self, params: Mapping[str, str]) -> UserPage:
        params = {**params, "expand": "full"}
        return await self._ask(Request("GET", "/users", params, largest=MANY_RECORDS), read_users)

    async def _ask(self, request: Request, read: Reader[T]) -> T:
        throttled = failed = 0
        while True:
            again = False
            try:
                async with self.governor.call() as slot:
                    outcome = await self._wire.send(request)
                    if isinstance(outcome, Answer):
                        self._note(slot, outcome)
                    error = judge(outcome, writes=request.writes)
                    if error is None and isinstance(outcome, Answer):
                        value = read(outcome)
                        if value is not None:
                            return value
                    again = worth_repeating(outcome, writes=request.writes)
                    raise error or nonsense(writes=request.writes)
            except ThrottledError:
                throttled += 1
                if throttled > PATIENCE:
                    raise
            except UnavailableError:
                if not again or failed == len(BACKOFF):
                    raise
                await self.governor.rest(BACKOFF[failed])
                failed += 1

    def _note(self, slot: Slot, answer: Answer) -> None:
        """Learn from an answer's headers what is left of the day and what time it is in Alma."""
        left = answer.remaining
        if left.isascii() and left.isdigit() and len(left) < 12:
            self.governor.saw(slot, int(left))
        try:
            server = parsedate_to_datetime(answer.date)
            self.clock_offset = (server - self._now()).total_seconds()
        except (ValueError, TypeError):
            return


def _body(user: User, leave_out: set[str] | None = None) -> str:
    """The record as it is sent. Raises RefusedError where a text is no text, half a letter say."""
    with contextlib.suppress(PydanticSerializationError):
        return user.model_dump_json(exclude_unset=True, exclude=leave_out)
    msg = "A value holds a character that cannot be sent; type the value anew."
    raise RefusedError(msg)


def _words(text: str) -> str:
    """Words as a search takes them: joined by underscores, without what would break the query."""
    letters = unicodedata.normalize("NFC", text)
    kept = (c if unicodedata.category(c)[0] in "LMN" or c in ".@'+-" else " " for c in letters)
    return "_".join("".join(kept).split())
