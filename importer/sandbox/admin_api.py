"""The admin API /_sandbox: what tests and demonstrations do to the practice Alma.

GET, DELETE /_sandbox/log            the calls so far, as JSON Lines; forget them
GET    /_sandbox/state               every user, whole, with its edited fields
PUT    /_sandbox/users/{id}          staff change the whole record in Alma
PATCH  /_sandbox/users/{id}          staff change the given fields only
POST   /_sandbox/users/{id}/edited   mark sticky fields as edited by hand: ["user_group", …]
POST   /_sandbox/users/{id}/loans    {"loans": 2}: a user with loans cannot be deleted
POST   /_sandbox/settings            {"rate", "daily", "remaining", "latency", "switches"}
POST   /_sandbox/faults              the rules of a faults file; an empty body removes them
POST   /_sandbox/codes/{table}       {"CODE": "description"}: rows added by the institution
POST   /_sandbox/sis                 a zip for the SIS load

Each call needs the header `Authorization: apikey KEY`, with the key that may do everything. A
refusal is 400, 403 or 404 with one sentence under `error`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from importer.errors import UsageError
from importer.sandbox import formats
from importer.sandbox.answers import RefusalError, json_answer
from importer.sandbox.faults import read_faults
from importer.sandbox.gateway import ADMIN, Gateway, Handler, key_in_header
from importer.sandbox.institution import Institution
from importer.sandbox.record import STICKY, Json
from importer.sandbox.sis_load import read_profile, run_load
from importer.sandbox.switches import set_switches

_PAGE = 1000
_Seconds = Annotated[float, Field(ge=0, le=3600)]
_T = TypeVar("_T")


class _Settings(BaseModel):
    """The settings that can change while the server runs; those that are not given stay."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate: float | None = Field(None, ge=0, allow_inf_nan=False)
    daily: int = 0
    remaining: int = 0
    latency: Annotated[tuple[_Seconds, _Seconds], Field(strict=False)] | None = None
    switches: dict[str, str] = {}


class _Loans(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    loans: int = Field(ge=0)


_EDITED = TypeAdapter(list[str])
_CODES = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class AdminApi:
    """The handlers of the admin API."""

    institution: Institution
    gateway: Gateway

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; `check_access` must run before them."""
        user = f"{ADMIN}/users/{{id:[^/]+}}"
        return [
            web.get(f"{ADMIN}/log", self.show_log),
            web.delete(f"{ADMIN}/log", self.clear_log),
            web.get(f"{ADMIN}/state", self.show_state),
            web.put(user, self.edit),
            web.patch(user, self.edit),
            web.post(f"{user}/edited", self.mark_edited),
            web.post(f"{user}/loans", self.set_loans),
            web.post(f"{ADMIN}/settings", self.change_settings),
            web.post(f"{ADMIN}/faults", self.set_faults),
            web.post(f"{ADMIN}/codes/{{table:[^/]+}}", self.add_codes),
            web.post(f"{ADMIN}/sis", self.load_sis),
        ]

    @web.middleware
    async def check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for the key, and turn refusals into one sentence."""
        if request.path.partition("/")[2].partition("/")[0] != ADMIN.strip("/"):
            return await handler(request)
        if key_in_header(request.headers) != self.gateway.key:
            sentence = "the admin API needs the header `Authorization: apikey KEY`"
            return json_answer({"error": sentence}, 403)
        try:
            return await handler(request)
        except (RefusalError, UsageError) as error:
            return json_answer({"error": str(error)}, 400)
        except web.HTTPException as error:
            sentence = f"{request.method} {request.path} is not one of the admin API's calls"
            return json_answer({"error": sentence}, error.status)

    async def show_log(self, _request: web.Request) -> web.Response:
        """Return the calls to Alma's API, oldest first."""
        lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in self.gateway.log)
        return web.Response(text=lines, content_type="application/x-ndjson")

    async def clear_log(self, _request: web.Request) -> web.Response:
        """Forget the calls so far."""
        self.gateway.log.clear()
        return web.Response(status=204)

    async def show_state(self, _request: web.Request) -> web.Response:
        """Return every user, whole."""
        shown: list[Json] = []
        store, describe = self.institution.store, self.institution.tables.describe
        for offset in range(0, store.count(), _PAGE):
            for user in store.page("1", (), "number", _PAGE, offset):
                record = formats.show_user(user.record, describe)
                shown.append({**record, "edited": sorted(user.edited), "modified": user.modified})
        return json_answer({"users": shown})

    async def edit(self, request: web.Request) -> web.Response:
        """Change a user as staff do: the whole record (PUT) or the given fields (PATCH)."""
        old = self.institution.find(request.match_info["id"])
        document = formats.parse_json(await request.read())
        describe = self.institution.tables.describe
        if request.method == "PATCH":
            if not isinstance(document, dict):
                msg = "the body is an object of fields"
                raise UsageError(msg)
            document = {**formats.show_user(old.record, describe), **document}
        user = self.institution.edit(old, formats.read_user(document))
        return json_answer(formats.show_user(user.record, describe))

    async def mark_edited(self, request: web.Request) -> web.Response:
        """Mark sticky fields of a user as edited by hand."""
        sentence = f"the body is a list of {', '.join(STICKY)}"
        given = _read(_EDITED, await request.read(), sentence)
        names = frozenset(given)
        if not names <= set(STICKY):
            raise UsageError(sentence)
        old = self.institution.find(request.match_info["id"])
        now = {name: old.record.get(STICKY[name], "") for name in names}
        self.institution.save(replace(old, edited=now | old.edited))
        return web.Response(status=204)

    async def set_loans(self, request: web.Request) -> web.Response:
        """Set how many loans a user has."""
        sentence = 'the body is {"loans": a number from 0}'
        given = _read(TypeAdapter(_Loans), await request.read(), sentence)
        old = self.institution.find(request.match_info["id"])
        self.institution.save(replace(old, loans=given.loans))
        return web.Response(status=204)

    async def add_codes(self, request: web.Request) -> web.Response:
        """Add rows to a code table."""
        rows = _read(_CODES, await request.read(), 'the body is {"CODE": "description"}')
        table = request.match_info["table"]
        if not self.institution.add_codes(table, rows):
            msg = f"there is no code table {table}"
            raise UsageError(msg)
        return web.Response(status=204)

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change the limits, the latency and the switches."""
        sentence = (
            "the body has `rate` (calls a second), `daily` and `remaining` (calls), `latency` "
            "([least, most] seconds) or `switches` ({name: value})"
        )
        given = _read(TypeAdapter(_Settings), await request.read(), sentence)
        named = given.model_fields_set
        if "switches" in named:
            before = self.institution.switches
            self.institution.switches = set_switches(given.switches, before)
        if "rate" in named:
            self.gateway.limits.rate = given.rate or 0
        if "daily" in named:
            self.gateway.limits.daily = given.daily
        if "remaining" in named:
            self.gateway.limits.set_remaining(given.remaining)
        if "latency" in named:
            self.gateway.latency = given.latency
        return web.Response(status=204)

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the rules for faults."""
        source = (await request.read()).decode("utf-8", "replace")
        self.gateway.faults = read_faults(source, "faults")
        return web.Response(status=204)

    async def load_sis(self, request: web.Request) -> web.Response:
        """Run a SIS load of the zip in the body."""
        profile = read_profile(request.query)
        return json_answer(await run_load(self.institution, await request.read(), profile))


def _read(model: TypeAdapter[_T], body: bytes, sentence: str) -> _T:
    """Return a JSON body as what it must be; UsageError with the sentence otherwise."""
    try:
        return model.validate_json(body, strict=True)
    except ValidationError as error:
        raise UsageError(sentence) from error
