"""The routes under /almaws/v1/users (contract 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from lxml import etree

from importer.sandbox import json_wire, search, xml_wire
from importer.sandbox.call import ROOT, Call
from importer.sandbox.envelope import Format, Reply, json_reply, xml_reply
from importer.sandbox.identifiers import ALL_UNIQUE
from importer.sandbox.institution import Institution
from importer.sandbox.json_wire import Json
from importer.sandbox.record import Record, text
from importer.sandbox.refusal import Said
from importer.sandbox.store import Stored


def list_users(institution: Institution, call: Call) -> Reply:
    """GET /users."""
    found, total = search.find(institution.store, call.query)
    whole = call.query.get("expand") == "full"
    describe = institution.tables.describe
    if _wants_json(institution, call):
        rows: list[Json] = [
            json_wire.show_user(user.record, describe)
            if whole
            else json_wire.show_item(user.record, describe, _link(call, user))
            for user in found
        ]
        document: dict[str, Json] = {"total_record_count": total}
        if rows or institution.switches["zero-hits"] == "empty":
            document["user"] = rows
        elif institution.switches["zero-hits"] == "null":
            document["user"] = None
        return json_reply(document)
    root = etree.Element("users", total_record_count=str(total))
    for user in found:
        if whole:
            root.append(xml_wire.show_user(user.record, describe))
        else:
            root.append(xml_wire.show_item(user.record, describe, _link(call, user)))
    return xml_reply(root)


def create_user(institution: Institution, call: Call) -> Reply:
    """POST /users."""
    source: Record = {}
    for name, field in (
        ("source_institution_code", "source_institution_code"),
        ("source_user_id", "source_link_id"),
    ):
        if call.query.get(name):
            source[field] = call.query[name]
    return _show(institution, call, institution.create(read_body(call), source), applied=True)


def get_user(institution: Institution, call: Call) -> Reply:
    """GET /users/{id}."""
    value = call.segments[1]
    if "source_institution_code" in call.query:
        return _show(institution, call, _from_source(institution, call))
    return _show(institution, call, institution.find(value, _kind(call)))


def put_user(institution: Institution, call: Call) -> Reply:
    """PUT /users/{id}."""
    old = institution.find(call.segments[1], _kind(call))
    override = frozenset(name.strip() for name in call.query.get("override", "").split(","))
    return _show(
        institution, call, institution.update(old, read_body(call), override), applied=True
    )


def delete_user(institution: Institution, call: Call) -> Reply:
    """DELETE /users/{id}: 204 without a body."""
    user = institution.find(call.segments[1], _kind(call))
    institution.delete(user, call.segments[1], _kind(call))
    return Reply(204, applied=True)


def authenticate(institution: Institution, call: Call) -> Reply:
    """POST /users/{id}?op=auth: 204, or 401866."""
    if call.query.get("op") != "auth":
        raise Said.GENERAL.refuse()
    user = institution.find(call.segments[1], _kind(call))
    password = call.query.get("password") or unquote(call.headers.get("Exl-User-Pw", ""))
    institution.authenticate(user, password)
    return Reply(204)


def read_body(call: Call) -> Record:
    """The user in the body, in either format."""
    if call.sent is Format.JSON:
        return json_wire.read_user(json_wire.parse(call.body))
    return xml_wire.read_user(xml_wire.parse(call.body))


def _from_source(institution: Institution, call: Call) -> Stored:
    value = call.segments[1]
    query: Mapping[str, str] = {
        "source_institution_code": call.query["source_institution_code"],
        "source_user_id": value,
    }
    found, _ = search.find(institution.store, query)
    if not found:
        raise Said.NOT_FOUND_BY_SOURCE.refuse(value=value)
    return found[0]


def _kind(call: Call) -> str:
    return call.query.get("user_id_type") or ALL_UNIQUE


def _show(institution: Institution, call: Call, user: Stored, *, applied: bool = False) -> Reply:
    brief = call.query.get("view") == "brief"
    describe = institution.tables.describe
    if not _wants_json(institution, call):
        root = xml_wire.show_user(user.record, describe, brief=brief)
        return xml_reply(root, applied=applied)
    shown = json_wire.show_user(user.record, describe, brief=brief)
    expand = call.query.get("expand", "").split(",")
    counts = {"loans": user.loans, "requests": 0, "fees": 0.0}
    for name, count in counts.items():
        if name in expand:
            shown[name] = {"value": count, "link": f"{_link(call, user)}/{name}"}
    return json_reply(shown, applied=applied)


def _wants_json(institution: Institution, call: Call) -> bool:
    return call.wanted(institution.switches["default-format"]) is Format.JSON


def _link(call: Call, user: Stored) -> str:
    host = call.headers.get("Host", "127.0.0.1")
    return f"http://{host}{ROOT}/users/{quote(text(user.record, 'primary_id'), safe='')}"
