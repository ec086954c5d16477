"""The routes under /almaws/v1/users (contract 2.2). `q` searches words, not values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote

from aiohttp import web
from lxml import etree

from importer.sandbox import formats
from importer.sandbox.gateway import ROOT
from importer.sandbox.institution import ALL_UNIQUE, Practice
from importer.sandbox.users import SEARCH_FIELDS, SOURCE, Json, Record, Stored, text

_SOURCE = dict(zip(("source_institution_code", "source_user_id"), SOURCE, strict=True))
"""Fields by the parameters that name them."""
_SEARCHED = {
    **{name: (name,) for name in SEARCH_FIELDS},
    "general_info": tuple(
        name for name in SEARCH_FIELDS if name not in {"email", "birth_date", "identifiers"}
    ),
    "ALL": SEARCH_FIELDS,
}
_ORDERS = {
    "": "last_name, first_name, primary_id",
    "last_name": "last_name, primary_id",
    "first_name": "first_name, primary_id",
    "primary_id": "primary_id",
}
_MAX_LIMIT = 100
_LARGEST_FEE = 1_000_000
# The lists of a user that are not part of the record; the name of an entry.
_ACTIVITY = {"loans": "item_loan", "requests": "user_request", "fees": "fee"}


@dataclass(frozen=True, slots=True)
class UsersApi:
    """The users of the institution, in JSON and XML."""

    institution: Practice

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; an ID is one path segment."""
        user = "/users/{id:[^/]+}"
        return [
            web.get("/users", self.list_users),
            web.post("/users", self.create),
            web.get(user, self.get),
            web.put(user, self.update),
            web.delete(user, self.delete),
            web.get(f"{user}/{{name:{'|'.join(_ACTIVITY)}}}", self.activity),
            web.post(f"{user}/fees", self.charge),
        ]

    async def list_users(self, request: web.Request) -> web.Response:
        """Return one page of users, short or (`expand=full`) whole."""
        _check_words(request, "expand", {"none", "full"})
        users, total = self._select(request.query)
        describe = self.institution.tables.describe
        shown: list[dict[str, Json]] = [
            self._show(user)
            if request.query.get("expand") == "full"
            else formats.show_item(user.record, describe, self._link(request, user))
            for user in users
        ]
        if formats.wants_xml(request):
            root = etree.Element("users", total_record_count=str(total))
            root.extend(formats.to_element(user) for user in shown)
            return formats.xml_answer(root)
        document: dict[str, Json] = {"total_record_count": total}
        if shown or self.institution.switches["zero-hits"] == "empty":
            document["user"] = shown
        elif self.institution.switches["zero-hits"] == "null":
            document["user"] = None
        return formats.json_answer(document)

    async def create(self, request: web.Request) -> web.Response:
        """Create a user; the answer is 200 with the whole user."""
        source: Record = {
            field: request.query[name] for name, field in _SOURCE.items() if request.query.get(name)
        }
        user = self.institution.create(await self._read_body(request), source)
        return self._answer(request, user)

    async def get(self, request: web.Request) -> web.Response:
        """Return one user, by any of its identifiers."""
        _check_words(request, "expand", {"none", *_ACTIVITY})
        return self._answer(request, self._find(request))

    async def update(self, request: web.Request) -> web.Response:
        """Replace a user's record."""
        old = self._find(request)
        override = frozenset(name.strip() for name in request.query.get("override", "").split(","))
        user = self.institution.update(old, await self._read_body(request), override)
        return self._answer(request, user)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a user; the answer is 204 without a body."""
        self.institution.delete(self._find(request), *_asked(request))
        return web.Response(status=204)

    async def activity(self, request: web.Request) -> web.Response:
        """Return a user's open fees, or loans or requests, of which only the number is known."""
        user, name = self._find(request), request.match_info["name"]
        known, primary_id = user.activity, text(user.record, "primary_id")
        listed: dict[str, list[Json]] = {
            "loans": [{"loan_id": f"{n + 1}", "user_id": primary_id} for n in range(known.loans)],
            "requests": [
                {"request_id": f"{n + 1}", "user_primary_id": primary_id}
                for n in range(known.requests)
            ],
            "fees": [*known.fees],
        }
        rows = listed[name]
        sums: dict[str, Json] = {"total_record_count": len(rows)}
        if name == "fees":
            sums |= {"total_sum": known.owed, "currency": "USD"}
        if formats.wants_xml(request):
            root = etree.Element(f"item_{name}" if name == "loans" else name)
            for key, value in sums.items():
                root.set(key, str(value))
            return formats.xml_answer(root)
        return formats.json_answer({**({_ACTIVITY[name]: rows} if rows else {}), **sums})

    async def charge(self, request: web.Request) -> web.Response:
        """Add a fee to a user; the answer is 200 with the fee."""
        user, body = self._find(request), formats.parse_json(await request.read())
        given = body if isinstance(body, Mapping) else {}
        amount = given.get("original_amount")
        if not isinstance(amount, int | float) or not 0 < amount < _LARGEST_FEE:
            formats.refuse("missing", field="original_amount")
        fee = {
            **given,
            "id": f"{user.number:06}{len(user.activity.fees):03}",
            "balance": float(amount),
            "status": {"value": "ACTIVE", "desc": "Active"},
        }
        known = replace(user.activity, fees=(*user.activity.fees, fee))
        self.institution.save(replace(user, activity=known))
        return formats.json_answer(fee)

    def _find(self, request: web.Request) -> Stored:
        return self.institution.find(*_asked(request))

    def _select(self, query: Mapping[str, str]) -> tuple[list[Stored], int]:
        """Return one page of users and the number of all; refuse wrong parameters (402119)."""
        limit, offset = _number(query, "limit", 10), _number(query, "offset", 0)
        order = _ORDERS.get(query.get("order_by", ""))
        if limit > _MAX_LIMIT or order is None or ("q" in query and "modify_date_from" in query):
            formats.refuse("general")
        conditions: dict[str, str] = {}
        if "q" in query:
            expression = _match_expression(query["q"])
            conditions["number IN (SELECT rowid FROM words WHERE words MATCH ?)"] = expression
        if since := query.get("modify_date_from"):
            inclusive = self.institution.switches["modify-date-from"] == "inclusive"
            day = "modified" if inclusive else "substr(modified, 1, 10)"
            conditions[f"{day} {'>=' if inclusive else '>'} ?"] = _day(since)
        for name, field in _SOURCE.items():
            if query.get(name):
                conditions[f"{field} = ?"] = query[name]
        where, values = " AND ".join(conditions) or "1", tuple(conditions.values())
        store = self.institution.store
        return store.page(where, values, order, limit, offset), store.count(where, values)

    def _answer(self, request: web.Request, user: Stored) -> web.Response:
        shown = self._show(user)
        expand = request.query.get("expand", "").split(",")
        known = user.activity
        counts = {"loans": known.loans, "requests": known.requests, "fees": known.owed}
        shown |= {
            name: {"value": count, "link": f"{self._link(request, user)}/{name}"}
            for name, count in counts.items()
            if name in expand
        }
        if formats.wants_xml(request):
            return formats.xml_answer(formats.to_element(shown))
        return formats.json_answer(shown)

    def _show(self, user: Stored) -> dict[str, Json]:
        shown = formats.show_user(user.record, self.institution.tables.describe)
        if self.institution.switches["get-pin"] == "hide":
            shown.pop("pin_number", None)
        return shown

    async def _read_body(self, request: web.Request) -> Record:
        """Return the user in the body, in either format."""
        body = await request.read()
        if "json" in request.headers.get("Content-Type", ""):
            return formats.read_user(formats.parse_json(body))
        return formats.read_xml(formats.parse_xml(body))

    def _link(self, request: web.Request, user: Stored) -> str:
        primary_id = quote(text(user.record, "primary_id"), safe="")
        return f"http://{request.host}{ROOT}/users/{primary_id}"


def _asked(request: web.Request) -> tuple[str, str]:
    return request.match_info["id"], request.query.get("user_id_type") or ALL_UNIQUE


def _check_words(request: web.Request, name: str, allowed: set[str]) -> None:
    """Refuse a parameter that contains anything but the allowed words (401666)."""
    given = request.query.get(name)
    if given and not allowed.issuperset(given.split(",")):
        formats.refuse("invalid_parameter", parameter=name)


def _match_expression(question: str) -> str:
    """Return the FTS5 expression for `field~words`, parts joined by AND."""
    parts: list[str] = []
    for part in question.split(" AND "):
        field, tilde, wanted = part.partition("~")
        words = re.findall(r"\w+", wanted.replace("_", " "))
        columns = _SEARCHED.get(field.strip())
        if not tilde or not words or columns is None:
            formats.refuse("general")
        quoted = " AND ".join(f'"{word}"' for word in words)
        parts.append(f"{{{' '.join(columns)}}} : ({quoted})")
    return " AND ".join(parts)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        formats.refuse("general")
    return int(given)


def _day(given: str) -> str:
    try:
        return date.fromisoformat(given if len(given) == 10 else "").isoformat()
    except ValueError:
        formats.refuse("general")
