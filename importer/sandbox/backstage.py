"""The back door /_sandbox: what tests and demonstrations do to the sandbox, outside of Alma's API.

GET, DELETE /_sandbox/log            the calls so far, as JSON Lines; forget them
GET    /_sandbox/state               every user, whole, with its edited fields
PUT    /_sandbox/users/{id}          staff change the whole record in Alma
PATCH  /_sandbox/users/{id}          staff change the given fields only
POST   /_sandbox/users/{id}/edited   mark sticky fields as edited by hand: ["user_group", …]
POST   /_sandbox/users/{id}/loans    {"loans": 2}: a user with loans cannot be deleted
POST   /_sandbox/settings            {"rate", "daily", "remaining", "latency", "switches"}
POST   /_sandbox/faults              the rules of a faults file; an empty body takes them away
POST   /_sandbox/codes/{table}       {"CODE": "words"}: rows of the institution's own
POST   /_sandbox/sis                 a zip for the SIS load

Each call needs the header `Authorization: apikey KEY`, with the key that may do all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from importer.errors import UsageError
from importer.sandbox import json_wire, merge
from importer.sandbox.call import Call
from importer.sandbox.envelope import Reply, json_reply
from importer.sandbox.faults import Faults, read_faults
from importer.sandbox.institution import Institution
from importer.sandbox.json_wire import Json
from importer.sandbox.limits import Limits
from importer.sandbox.log import Log
from importer.sandbox.refusal import RefusalError
from importer.sandbox.sis import read_profile, run_load
from importer.sandbox.switches import set_switches

_PREFIX = "_sandbox"
_PAGE = 1000


@dataclass(slots=True)
class Gateway:
    """What stands before Alma and may be changed while it runs. `latency` is in seconds."""

    limits: Limits
    faults: Faults
    latency: tuple[float, float] | None
    log: Log


def answer_backstage(institution: Institution, gateway: Gateway, call: Call) -> Reply:
    """Do what the back door is asked; a refusal is one sentence under `error`."""
    try:
        return _answer(institution, gateway, call)
    except RefusalError as refusal:
        return json_reply({"error": str(refusal)}, status=refusal.status)
    except UsageError as error:
        return json_reply({"error": str(error)}, status=400)


def _answer(institution: Institution, gateway: Gateway, call: Call) -> Reply:
    match call.method, call.segments[1:]:
        case "GET", ("log",):
            reply = Reply(200, gateway.log.as_lines().encode(), "application/x-ndjson")
        case "DELETE", ("log",):
            gateway.log.entries.clear()
            reply = Reply(204)
        case "GET", ("state",):
            reply = json_reply({"users": _state(institution)})
        case "PUT" | "PATCH", ("users", asked):
            reply = _edit(institution, call, asked)
        case "POST", ("users", asked, "edited"):
            reply = _mark_edited(institution, call, asked)
        case "POST", ("users", asked, "loans"):
            reply = _set_loans(institution, call, asked)
        case "POST", ("settings",):
            reply = _set(institution, gateway, call)
        case "POST", ("faults",):
            gateway.faults = read_faults(call.body.decode("utf-8", "replace"), "faults")
            reply = Reply(204)
        case "POST", ("codes", table):
            reply = _add_codes(institution, call, table)
        case "POST", ("sis",):
            reply = json_reply(run_load(institution, call.body, read_profile(call.query)))
        case _:
            sentence = "there is no such back door; its docstring lists them"
            raise _wrong(sentence, 404)
    return reply


def _state(institution: Institution) -> list[Json]:
    shown: list[Json] = []
    store, describe = institution.store, institution.tables.describe
    for offset in range(0, store.count(), _PAGE):
        for user in store.page("1", (), "number", _PAGE, offset):
            record = json_wire.show_user(user.record, describe)
            shown.append({**record, "edited": sorted(user.edited), "modified": user.modified})
    return shown


def _edit(institution: Institution, call: Call, asked: str) -> Reply:
    old = institution.find(asked)
    document = json_wire.parse(call.body)
    if call.method == "PATCH":
        if not isinstance(document, dict):
            sentence = "the body is an object of fields"
            raise _wrong(sentence)
        before = json_wire.show_user(old.record, institution.tables.describe)
        document = {**before, **document}
    user = institution.edit(old, json_wire.read_user(document))
    return json_reply(json_wire.show_user(user.record, institution.tables.describe))


def _mark_edited(institution: Institution, call: Call, asked: str) -> Reply:
    document = json_wire.parse(call.body)
    names = set(document) if isinstance(document, list) else {None}
    if not names <= set(merge.STICKY):
        sentence = f"the body is a list of {', '.join(merge.STICKY)}"
        raise _wrong(sentence)
    old = institution.find(asked)
    institution.replace(replace(old, edited=old.edited | {str(name) for name in names}))
    return Reply(204)


def _set_loans(institution: Institution, call: Call, asked: str) -> Reply:
    document = json_wire.parse(call.body)
    loans = document.get("loans") if isinstance(document, dict) else None
    if not isinstance(loans, int) or loans < 0:
        sentence = 'the body is {"loans": a number}'
        raise _wrong(sentence)
    institution.replace(replace(institution.find(asked), loans=loans))
    return Reply(204)


def _add_codes(institution: Institution, call: Call, table: str) -> Reply:
    document = json_wire.parse(call.body)
    if not isinstance(document, dict):
        sentence = 'the body is {"CODE": "words"}'
        raise _wrong(sentence)
    rows = {str(code): str(words) for code, words in document.items()}
    if not institution.add_codes(table, rows):
        sentence = f"there is no code table {table}"
        raise _wrong(sentence)
    return Reply(204)


def _set(institution: Institution, gateway: Gateway, call: Call) -> Reply:
    document = json_wire.parse(call.body)
    if not isinstance(document, dict):
        sentence = "the body is an object of settings"
        raise _wrong(sentence)
    for name, value in document.items():
        match name, value:
            case "rate", None:
                gateway.limits.rate = 0
            case "rate", int() | float():
                gateway.limits.rate = float(value)
            case "daily", int():
                gateway.limits.daily = value
            case "remaining", int():
                gateway.limits.set_remaining(value)
            case "latency", None:
                gateway.latency = None
            case "latency", [int() | float() as low, int() | float() as high]:
                gateway.latency = (float(low), float(high))
            case "switches", dict():
                given = {str(key): str(position) for key, position in value.items()}
                positions = {**institution.switches.positions, **given}
                institution.switches = set_switches(positions)
            case _:
                sentence = f"there is no setting {name!r} of that kind"
                raise _wrong(sentence)
    return Reply(204)


def _wrong(sentence: str, status: int = 400) -> RefusalError:
    return RefusalError("sandbox", sentence, status)
