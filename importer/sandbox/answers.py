"""HTTP answers in the format that was asked for, and the errors of `errors.toml` (contract 2.3)."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeAlias
from xml.sax.saxutils import escape

from aiohttp import web
from lxml import etree

from importer.sandbox.users import Json

Element: TypeAlias = "etree._Element"

# Characters that XML 1.0 does not allow; Alma cannot store them.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS = tomllib.loads(Path(__file__).with_name("errors.toml").read_text("utf-8"))
# Errors of the layer that reads requests, which has an envelope of its own.
_WRAPPED = frozenset({"BAD_REQUEST", "NOT_FOUND"})
_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


class RefusalError(Exception):
    """A refused call: Alma's error code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Store the three parts."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def refusal(name: str, **words: str) -> RefusalError:
    """Return an error of `errors.toml`, with the words filled into its message."""
    code, message, *status = _ERRORS[name]
    return RefusalError(code, message.format(**words), *status)


def refuse(name: str, **words: str) -> NoReturn:
    """Raise an error of `errors.toml`."""
    raise refusal(name, **words)


def wants_xml(request: web.BaseRequest, default: str) -> bool:
    """Return whether to answer in XML.

    By the query's `format`, then Accept, then the format of the body, then the default.
    """
    wanted = request.query.get("format") or request.headers.get("Accept") or ""
    if "json" not in wanted and "xml" not in wanted and request.method in {"POST", "PUT"}:
        wanted = request.headers.get("Content-Type", "")
    return "json" not in wanted and ("xml" in wanted or default == "xml")


def json_answer(document: Json, status: int = 200) -> web.Response:
    """Return an answer in JSON."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return _answer(body, "json", status)


def xml_answer(root: Element, status: int = 200) -> web.Response:
    """Return an answer in XML."""
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return _answer(body, "xml", status)


def _answer(body: bytes, kind: str, status: int) -> web.Response:
    headers = {"Content-Type": f"application/{kind};charset=UTF-8"}
    return web.Response(status=status, body=body, headers=headers)


def error_answer(
    error: RefusalError, tracking: str = "", shape: str = "standard", *, xml: bool = True
) -> web.Response:
    """Return a refusal in Alma's envelope; the gateway's have no tracking ID.

    `shape` is a value of the switch `error-shape`.
    """
    if error.code in _WRAPPED:
        shape, tracking = "rest", tracking.replace("AWAE", "JME") or "unknown"
    if xml:
        return xml_answer(_error_xml(error, tracking), error.status)
    return json_answer(_error_json(error, tracking, shape), error.status)


def tracking_id(now: datetime, number: int) -> str:
    """Return an ID in Alma's pattern: E01-ddMMHHmmss-XXXXX-AWAE and digits."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    tag = "".join(letters[(number // 36**place + 11 * place) % 36] for place in range(5))
    return f"E01-{now:%d%m%H%M%S}-{tag}-AWAE{1_000_000_000 + number}"


def _error_json(refused: RefusalError, tracking: str, shape: str) -> Json:
    error: dict[str, Json] = {"errorCode": refused.code, "errorMessage": refused.message}
    if shape == "older":
        error["errorMessage"] = f"{refused.message}\n(Tracking ID: {tracking})"
    elif tracking and shape != "bare":
        error["trackingId"] = tracking
    envelope: dict[str, Json] = {
        "errorsExist": "true" if shape == "text-flag" else True,
        "errorList": {"error": error if shape in {"single", "rest"} else [error]},
    }
    if shape == "standard":
        envelope["result"] = None
    return {"web_service_result": envelope} if shape in {"wrapped", "rest"} else envelope


def _error_xml(refused: RefusalError, tracking: str) -> Element:
    parts = {"errorCode": refused.code, "errorMessage": refused.message, "trackingId": tracking}
    error = "".join(
        f"<{name}>{escape(ILLEGAL.sub('?', value))}</{name}>"
        for name, value in parts.items()
        if value
    )
    return etree.fromstring(
        f'<web_service_result xmlns="{_NAMESPACE}"><errorsExist>true</errorsExist>'
        f"<errorList><error>{error}</error></errorList></web_service_result>"
    )
