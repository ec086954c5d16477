"""The routes under /almaws/v1/users (contract 2.2). `q` searches words, not values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote

from aiohttp import web
from lxml import etree

from importer.sandbox import formats
from importer.sandbox.answers import json_answer, refuse, wants_xml, xml_answer
from importer.sandbox.institution import ALL_UNIQUE, Institution
from importer.sandbox.record import Json, Record, text
from importer.sandbox.store import SEARCH_FIELDS, Store, Stored

_SOURCE = {
    "source_institution_code": "source_institution_code",
    "source_user_id": "source_link_id",
}
_GENERAL = tuple(f for f in SEARCH_FIELDS if f not in {"email", "birth_date", "identifiers"})
_ORDERS = {
    "": "last_name, first_name, primary_id",
    "last_name": "last_name, primary_id",
    "first_name": "first_name, primary_id",
    "primary_id": "primary_id",
}
_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class UsersApi:
    """The users of the institution, in JSON and XML."""

    institution: Institution
    root: str

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; an ID is one path segment, %2F included."""
        user = f"{self.root}/users/{{id:[^/]+}}"
        return [
            web.get(f"{self.root}/users", self.list_users),
            web.post(f"{self.root}/users", self.create),
            web.get(user, self.get),
            web.put(user, self.update),
            web.delete(user, self.delete),
            web.post(user, self.authenticate),
        ]

    async def list_users(self, request: web.Request) -> web.Response:
        """Return one page of users, short or (`expand=full`) whole."""
        found, total = find(self.institution.store, request.query)
        shown: list[dict[str, Json]] = [
            self._show(user)
            if request.query.get("expand") == "full"
            else formats.show_item(
                user.record, self.institution.tables.describe, self._link(request, user)
            )
            for user in found
        ]
        if self._wants_xml(request):
            root = etree.Element("users", total_record_count=str(total))
            root.extend(formats.to_element(user) for user in shown)
            return xml_answer(root)
        document: dict[str, Json] = {"total_record_count": total}
        if shown or self.institution.switches.zero_hits == "empty":
            document["user"] = shown
        elif self.institution.switches.zero_hits == "null":
            document["user"] = None
        return json_answer(document)

    async def create(self, request: web.Request) -> web.Response:
        """Create a user; the answer is 200 with the whole user."""
        source: Record = {
            field: request.query[name] for name, field in _SOURCE.items() if request.query.get(name)
        }
        user = self.institution.create(await _read_body(request), source)
        return self._answer(request, user)

    async def get(self, request: web.Request) -> web.Response:
        """Return one user, by any of its identifiers or by its source."""
        if "source_institution_code" in request.query:
            return self._answer(request, self._from_source(request))
        return self._answer(request, self._find(request))

    async def update(self, request: web.Request) -> web.Response:
        """Replace a user's record."""
        old = self._find(request)
        override = frozenset(name.strip() for name in request.query.get("override", "").split(","))
        user = self.institution.update(old, await _read_body(request), override)
        return self._answer(request, user)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a user; the answer is 204 without a body."""
        self.institution.delete(self._find(request), *_asked(request))
        return web.Response(status=204)

    async def authenticate(self, request: web.Request) -> web.Response:
        """Check a password (`op=auth`): 204, or 401866."""
        if request.query.get("op") != "auth":
            refuse("general")
        given = request.query.get("password") or unquote(request.headers.get("Exl-User-Pw", ""))
        self.institution.authenticate(self._find(request), given)
        return web.Response(status=204)

    def _find(self, request: web.Request) -> Stored:
        return self.institution.find(*_asked(request))

    def _from_source(self, request: web.Request) -> Stored:
        value = request.match_info["id"]
        source = request.query["source_institution_code"]
        query = {"source_institution_code": source, "source_user_id": value}
        found, _ = find(self.institution.store, query)
        if not found:
            refuse("not_found_by_source", value=value)
        return found[0]

    def _answer(self, request: web.Request, user: Stored) -> web.Response:
        shown = self._show(user, brief=request.query.get("view") == "brief")
        if self._wants_xml(request):
            return xml_answer(formats.to_element(shown))
        expand = request.query.get("expand", "").split(",")
        for name, count in {"loans": user.loans, "requests": 0, "fees": 0.0}.items():
            if name in expand:
                shown[name] = {"value": count, "link": f"{self._link(request, user)}/{name}"}
        return json_answer(shown)

    def _show(self, user: Stored, *, brief: bool = False) -> dict[str, Json]:
        return formats.show_user(user.record, self.institution.tables.describe, brief=brief)

    def _wants_xml(self, request: web.Request) -> bool:
        return wants_xml(request, self.institution.switches.default_format)

    def _link(self, request: web.Request, user: Stored) -> str:
        primary_id = quote(text(user.record, "primary_id"), safe="")
        return f"http://{request.host}{self.root}/users/{primary_id}"


def _asked(request: web.Request) -> tuple[str, str]:
    """Return the ID in the path and its type."""
    return request.match_info["id"], request.query.get("user_id_type") or ALL_UNIQUE


async def _read_body(request: web.Request) -> Record:
    """Return the user in the body, in either format."""
    body = await request.read()
    if "json" in request.headers.get("Content-Type", ""):
        return formats.read_user(formats.parse_json(body))
    return formats.read_user(formats.to_document(formats.parse_xml(body)))


def find(store: Store, query: Mapping[str, str]) -> tuple[list[Stored], int]:
    """Return one page of users and the number of all; refuse wrong parameters (402119)."""
    limit = _number(query, "limit", _DEFAULT_LIMIT)
    offset = _number(query, "offset", 0)
    order = _ORDERS.get(query.get("order_by", ""))
    if limit > _MAX_LIMIT or order is None or ("q" in query and "modify_date_from" in query):
        refuse("general")
    conditions, values = ["1"], []
    if "q" in query:
        conditions.append("number IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(_match_expression(query["q"]))
    if since := query.get("modify_date_from"):
        conditions.append("modified >= ?")
        values.append(_day(since))
    for name, field in _SOURCE.items():
        if wanted := query.get(name):
            conditions.append(f"{field} = ?")
            values.append(wanted)
    where = " AND ".join(conditions)
    found = store.page(where, tuple(values), order, limit, offset) if limit else []
    return found, store.count(where, tuple(values))


def _match_expression(question: str) -> str:
    """Return the FTS5 expression for `field~words`, parts joined by AND."""
    parts: list[str] = []
    for part in question.split(" AND "):
        field, tilde, wanted = part.partition("~")
        words = re.findall(r"\w+", wanted.replace("_", " "))
        if not tilde or not words:
            refuse("general")
        quoted = " AND ".join(f'"{word}"' for word in words)
        parts.append(f"{{{' '.join(_columns(field.strip()))}}} : ({quoted})")
    return " AND ".join(parts)


def _columns(field: str) -> tuple[str, ...]:
    several = {"general_info": _GENERAL, "ALL": SEARCH_FIELDS}
    if field not in {*several, *SEARCH_FIELDS}:
        refuse("general")
    return several.get(field, (field,))


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        refuse("general")
    return int(given)


def _day(given: str) -> str:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
            refuse("general")
        return date.fromisoformat(given).isoformat()
    except ValueError:
        refuse("general")
