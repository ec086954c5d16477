"""The admin API /_sandbox: what tests and demonstrations do to the practice Alma.

GET, DELETE /_sandbox/log            the calls so far, as JSON Lines; forget them
GET    /_sandbox/state               every user, whole, with its edited fields
PATCH  /_sandbox/users/{id}          staff change the given fields only; sticky ones become edited
POST   /_sandbox/users/{id}/edited   mark sticky fields as edited by hand: ["user_group", …]
POST   /_sandbox/users/{id}/loans    {"loans": 2, "requests": 1}: what the user has open
POST   /_sandbox/settings            {"rate", "remaining", "latency", "switches"}
POST   /_sandbox/faults              the rules of a faults file; an empty body removes them
POST   /_sandbox/sis                 a zip for the SIS load; ?mode, match, external_id, record_type

Each call needs the header `Authorization: apikey KEY`, with the key that may do everything. A
refusal is 400, 403 or 404 with one sentence under `error`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from importer.errors import UsageError
from importer.sandbox import formats
from importer.sandbox.answers import RefusalError, json_answer
from importer.sandbox.configuration import set_switches
from importer.sandbox.gateway import Gateway, Handler, key_in_header, read_faults
from importer.sandbox.institution import Institution
from importer.sandbox.sis_load import Profile, run_load
from importer.sandbox.users import STICKY, Json

_Seconds = Annotated[float, Field(ge=0, le=3600)]
_T = TypeVar("_T")


class _Open(BaseModel, extra="forbid", strict=True):
    """The numbers of a user's loans and requests; those that are not given stay."""

    loans: int | None = Field(None, ge=0)
    requests: int | None = Field(None, ge=0)


class _Settings(BaseModel, extra="forbid", strict=True):
    """The settings that can change while the server runs; those that are not given stay."""

    rate: float | None = Field(None, ge=0, allow_inf_nan=False)
    remaining: int = 0
    latency: Annotated[tuple[_Seconds, _Seconds], Field(strict=False)] | None = None
    switches: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class AdminApi:
    """The handlers of the admin API."""

    institution: Institution
    gateway: Gateway

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; `check_access` must run before them."""
        user = "/users/{id:[^/]+}"
        return [
            web.get("/log", self._show_log),
            web.delete("/log", self._clear_log),
            web.get("/state", self._show_state),
            web.patch(user, self._edit),
            web.post(f"{user}/edited", self._mark_edited),
            web.post(f"{user}/loans", self._set_loans),
            web.post("/settings", self._change_settings),
            web.post("/faults", self._set_faults),
            web.post("/sis", self._load_sis),
        ]

    @web.middleware
    async def check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for the key, and turn refusals into one sentence."""
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

    async def _show_log(self, _request: web.Request) -> web.Response:
        lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in self.gateway.log)
        return web.Response(text=lines, content_type="application/x-ndjson")

    async def _clear_log(self, _request: web.Request) -> web.Response:
        self.gateway.log.clear()
        return web.Response(status=204)

    async def _show_state(self, _request: web.Request) -> web.Response:
        shown: list[Json] = []
        for user in self.institution.store.page("1", (), "number", -1, 0):
            record = formats.show_user(user.record, self.institution.tables.describe)
            shown.append({**record, "edited": sorted(user.edited), "modified": user.modified})
        return json_answer({"users": shown})

    async def _edit(self, request: web.Request) -> web.Response:
        """Change the given fields of a user as staff do."""
        old = self.institution.find(request.match_info["id"])
        document = formats.parse_json(await request.read())
        if isinstance(document, dict):
            document = formats.show_user(old.record, self.institution.tables.describe) | document
        user = self.institution.edit(old, formats.read_user(document))
        return json_answer(formats.show_user(user.record, self.institution.tables.describe))

    async def _mark_edited(self, request: web.Request) -> web.Response:
        sentence = f"the body is a list of {', '.join(STICKY)}"
        names = _read(list[str], await request.read(), sentence)
        if not STICKY.keys() >= set(names):
            raise UsageError(sentence)
        old = self.institution.find(request.match_info["id"])
        now = {name: old.record.get(STICKY[name], "") for name in names}
        self.institution.save(replace(old, edited=now | old.edited))
        return web.Response(status=204)

    async def _set_loans(self, request: web.Request) -> web.Response:
        sentence = 'the body is {"loans": a number from 0, "requests": a number from 0}'
        given = _read(_Open, await request.read(), sentence)
        old = self.institution.find(request.match_info["id"])
        now = replace(old.activity, **given.model_dump(exclude_none=True))
        self.institution.save(replace(old, activity=now))
        return web.Response(status=204)

    async def _change_settings(self, request: web.Request) -> web.Response:
        sentence = (
            "the body has `rate` (calls a second), `remaining` (calls of today), `latency` "
            "([least, most] seconds) or `switches` ({name: value})"
        )
        given = _read(_Settings, await request.read(), sentence)
        named = given.model_fields_set
        self.institution.switches = set_switches(given.switches, self.institution.switches)
        if "rate" in named:
            self.gateway.limits.rate = given.rate or 0
        if "remaining" in named:
            self.gateway.limits.used = self.gateway.limits.daily - given.remaining
        if "latency" in named:
            self.gateway.latency = given.latency
        return web.Response(status=204)

    async def _set_faults(self, request: web.Request) -> web.Response:
        source = (await request.read()).decode("utf-8", "replace")
        self.gateway.faults = read_faults(source, "faults")
        return web.Response(status=204)

    async def _load_sis(self, request: web.Request) -> web.Response:
        sentence = "`mode` is import or synchronize; `match` is primary_id or an identifier type"
        query = json.dumps(dict(request.query)).encode()
        profile = _read(Profile, query, sentence)
        return json_answer(await run_load(self.institution, await request.read(), profile))


def _read(kind: type[_T], body: bytes, sentence: str) -> _T:
    """Return a JSON body as what it must be; UsageError with the sentence otherwise."""
    try:
        return TypeAdapter(kind).validate_json(body, strict=True)
    except ValidationError as error:
        raise UsageError(sentence) from error
