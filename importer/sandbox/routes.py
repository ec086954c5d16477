"""Which call goes where. Everything here is plain computing: no sockets, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from importer.sandbox import conf, users
from importer.sandbox.call import Call
from importer.sandbox.envelope import ErrorShape, Reply, error_reply, gateway_reply, tracking_id
from importer.sandbox.institution import Institution
from importer.sandbox.refusal import RefusalError, Said

Route: TypeAlias = "Callable[[Institution, Call], Reply]"

# The first that fits is taken.
_ROUTES: tuple[tuple[str, tuple[str, ...], Route], ...] = (
    ("GET", ("users", "operation", "test"), conf.probe),
    ("POST", ("users", "operation", "test"), conf.probe),
    ("GET", ("conf", "test"), conf.probe),
    ("POST", ("conf", "test"), conf.probe),
    ("GET", ("users",), users.list_users),
    ("POST", ("users",), users.create_user),
    ("GET", ("users", "*"), users.get_user),
    ("PUT", ("users", "*"), users.put_user),
    ("DELETE", ("users", "*"), users.delete_user),
    ("POST", ("users", "*"), users.authenticate),
    ("GET", ("conf", "code-tables"), conf.code_tables),
    ("GET", ("conf", "code-tables", "*"), conf.code_table),
    ("GET", ("conf", "mapping-tables", "*"), conf.mapping_table),
    ("GET", ("conf", "libraries"), conf.libraries),
    ("GET", ("conf", "general"), conf.general),
)


def answer(institution: Institution, call: Call, number: int) -> Reply:
    """Alma's answer to a call that the gateway let through; `number` makes its tracking id."""
    route = _route(call)
    if route is None:
        return gateway_reply(Said.NO_ROUTE.refuse())
    try:
        return route(institution, call)
    except RefusalError as refusal:
        wanted = call.wanted(institution.switches["default-format"])
        variant = ErrorShape(institution.switches["error-shape"])
        return error_reply(refusal, wanted, tracking_id(institution.now(), number), variant)


def _route(call: Call) -> Route | None:
    """The route whose pattern fits; `*` stands for any one segment."""
    for method, pattern, route in _ROUTES:
        if method == call.method and len(pattern) == len(call.segments):
            pairs = zip(pattern, call.segments, strict=True)
            if all(wanted in {"*", segment} for wanted, segment in pairs):
                return route
    return None
