"""The front door: takes calls off the wire, lets faults strike, puts answers on the wire."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field, replace

from aiohttp import web

from importer.sandbox.access import is_from_a_web_page, opens_back_door, refuse_stranger
from importer.sandbox.backstage import Gateway, answer_backstage
from importer.sandbox.call import Call, read_call
from importer.sandbox.clock import Clock
from importer.sandbox.envelope import Reply, error_reply, gateway_reply, json_reply, tracking_id
from importer.sandbox.faults import Fault, Rule
from importer.sandbox.institution import Institution
from importer.sandbox.log import Entry
from importer.sandbox.refusal import RefusalError, Said
from importer.sandbox.routes import answer
from importer.sandbox.values import stamp

_MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head>"
    b"<body><h1>Alma is being maintained.</h1></body></html>"
)

_GATEWAY = {
    Fault.THROTTLED: Said.PER_SECOND,
    Fault.DAILY: Said.DAILY,
    Fault.UNAVAILABLE: Said.DOWN,
    Fault.ERROR_BEFORE: Said.BROKEN,
    Fault.UNAUTHORIZED: Said.NO_RIGHT,
}


@dataclass(slots=True)
class Front:
    """Everything between a socket and the institution."""

    institution: Institution
    gateway: Gateway
    key: str
    clock: Clock
    _number: int = 0
    _late: dict[asyncio.Task[None], tuple[Call, Entry]] = field(default_factory=dict)
    _dice: random.Random = field(default_factory=random.Random)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call, or let it go wrong as the faults say."""
        try:
            body = await request.content.read()
        except (web.RequestPayloadError, ConnectionError):
            return _cut(request)  # the caller hung up while sending
        call = read_call(request.method, request.raw_path, request.headers, body)
        back_door = call.segments[0] == "_sandbox"
        if (sentence := self._why_not(call, back_door=back_door)) is not None:
            return _respond(json_reply({"error": sentence}, status=403))
        if back_door:
            return _respond(answer_backstage(self.institution, self.gateway, call))
        if not call.for_alma:
            return _respond(gateway_reply(Said.NO_ROUTE.refuse()))
        entry = self.gateway.log.open(stamp(self.clock.now()), call.method, call.target)
        if self.gateway.latency:
            await self.clock.sleep(self._dice.uniform(*self.gateway.latency))
        rule = self.gateway.faults.strike(call.method, call.path)
        if rule is None:
            return _respond(self._process(call, entry))
        return await self._go_wrong(request, call, entry, rule)

    def _why_not(self, call: Call, *, back_door: bool) -> str | None:
        if is_from_a_web_page(call.headers):
            return "the sandbox answers programs on this computer only, by 127.0.0.1"
        if back_door and not opens_back_door(call.headers, self.key):
            return "the back door needs the header `Authorization: apikey KEY`"
        return None

    def settle(self) -> None:
        """Apply now what was to be applied late."""
        for task, (call, entry) in self._late.items():
            task.cancel()
            self._process(call, entry)
        self._late.clear()

    def _process(self, call: Call, entry: Entry) -> Reply:
        """The answer of a healthy Alma; whether it changed anything goes into the log."""
        self._number += 1
        limits = self.gateway.limits
        try:
            refuse_stranger(call, self.key)
            limits.take(self.clock.monotonic(), self.clock.now())
        except RefusalError as refusal:
            reply = gateway_reply(refusal)
        else:
            reply = answer(self.institution, call, self._number)
            reply = replace(reply, headers={"X-Exl-Api-Remaining": str(limits.remaining)})
        entry.status = reply.status
        entry.applied = entry.applied or reply.applied
        return reply

    async def _go_wrong(
        self, request: web.BaseRequest, call: Call, entry: Entry, rule: Rule
    ) -> web.StreamResponse:
        match rule.fault:
            case Fault.DROP_BEFORE:
                return _cut(request)
            case Fault.LATE:
                self._apply_later(call, entry, rule.delay)
                return _cut(request)
            case Fault.DROP_AFTER | Fault.TRUNCATED:
                reply = self._process(call, entry)
                entry.status = 0
                whole = rule.fault is Fault.DROP_AFTER
                return _cut(request) if whole else await _truncate(request, reply)
            case Fault.SLOW:
                reply = self._process(call, entry)
                await self.clock.sleep(rule.delay)
                if request.transport is None:  # nobody waited for it
                    entry.status = 0
                    return _cut(request)
            case Fault.ERROR_AFTER:
                self._process(call, entry)
                reply = gateway_reply(Said.BROKEN.refuse())
            case _:
                reply = self._unprocessed(call, rule)
        entry.status = reply.status
        return _respond(reply)

    def _unprocessed(self, call: Call, rule: Rule) -> Reply:
        """The answer to a call that Alma did not process."""
        if rule.fault is Fault.HTML:
            return Reply(200, _MAINTENANCE, "text/html;charset=UTF-8")
        if rule.fault is not Fault.REFUSE:
            return gateway_reply(_GATEWAY[rule.fault].refuse())
        self._number += 1
        refusal = RefusalError(rule.code, "Refused because the sandbox was told to.")
        wanted = call.wanted(self.institution.switches["default-format"])
        return error_reply(refusal, wanted, tracking_id(self.clock.now(), self._number))

    def _apply_later(self, call: Call, entry: Entry, delay: float) -> None:
        async def apply() -> None:
            await self.clock.sleep(delay)
            del self._late[task]
            self._process(call, entry)
            entry.status = 0

        task = asyncio.get_running_loop().create_task(apply())
        self._late[task] = (call, entry)


def _respond(reply: Reply) -> web.Response:
    headers = {
        "Server": "Layer7-API-Gateway",
        "X-Request-ID": str(uuid.uuid4()),
        "Content-Type": reply.content_type,
        **reply.headers,
    }
    if reply.status == 204:
        del headers["Content-Type"]
    return web.Response(status=reply.status, body=reply.body or None, headers=headers)


def _cut(request: web.BaseRequest) -> web.Response:
    """Reset the connection; what is returned here never reaches anybody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _truncate(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send half of the answer, then close the connection."""
    response = web.StreamResponse(status=reply.status)
    response.content_type, _, _ = reply.content_type.partition(";")
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
