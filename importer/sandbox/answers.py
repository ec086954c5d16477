"""HTTP answers in the format that was asked for, and Alma's error envelope (contract 2.3)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeAlias

from aiohttp import web
from lxml import etree

from importer.sandbox.json_format import ILLEGAL, Json
from importer.sandbox.refusals import Refusal, RefusalError

Element: TypeAlias = "etree._Element"
_JSON = "application/json;charset=UTF-8"
_XML = "application/xml;charset=UTF-8"
_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


def wants_xml(request: web.BaseRequest, default: str) -> bool:
    """Return whether to answer in XML: by the query's `format`, then Accept, then the default."""
    wanted = request.query.get("format") or request.headers.get("Accept") or ""
    return "json" not in wanted and ("xml" in wanted or default == "xml")


def json_answer(document: Json, status: int = 200) -> web.Response:
    """Return an answer in JSON."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(status=status, body=body, headers={"Content-Type": _JSON})


def xml_answer(root: Element, status: int = 200) -> web.Response:
    """Return an answer in XML."""
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return web.Response(status=status, body=body, headers={"Content-Type": _XML})


def gateway_answer(refusal: Refusal | RefusalError) -> web.Response:
    """Return a refusal by the gateway before Alma: always XML, without a tracking ID."""
    error = refusal if isinstance(refusal, RefusalError) else refusal.error()
    return error_answer(error, "", "standard", xml=True)


def error_answer(error: RefusalError, tracking: str, shape: str, *, xml: bool) -> web.Response:
    """Return a refusal in Alma's envelope.

    A blank `tracking` leaves the tracking ID out. `shape` is a value of the switch `error-shape`.
    """
    if xml:
        return xml_answer(_error_xml(error, tracking), error.status)
    return json_answer(_error_json(error, tracking, shape), error.status)


def tracking_id(now: datetime, number: int) -> str:
    """Return an ID in Alma's pattern: E01-ddMMHHmmss-XXXXX-AWAE and digits."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    tag = "".join(letters[(number // 36**place + 11 * place) % 36] for place in range(5))
    return f"E01-{now:%d%m%H%M%S}-{tag}-AWAE{1_000_000_000 + number}"


def _error_json(refusal: RefusalError, tracking: str, shape: str) -> Json:
    error: dict[str, Json] = {"errorCode": refusal.code, "errorMessage": refusal.message}
    if shape == "older":
        error["errorMessage"] = f"{refusal.message}\n(Tracking ID: {tracking})"
    elif tracking and shape != "bare":
        error["trackingId"] = tracking
    envelope: dict[str, Json] = {
        "errorsExist": "true" if shape == "text-flag" else True,
        "errorList": {"error": error if shape == "single" else [error]},
    }
    if shape == "standard":
        envelope["result"] = None
    return {"web_service_result": envelope} if shape == "wrapped" else envelope


def _error_xml(refusal: RefusalError, tracking: str) -> Element:
    root = etree.fromstring(f'<web_service_result xmlns="{_NAMESPACE}"/>')
    etree.SubElement(root, f"{{{_NAMESPACE}}}errorsExist").text = "true"
    listed = etree.SubElement(root, f"{{{_NAMESPACE}}}errorList")
    error = etree.SubElement(listed, f"{{{_NAMESPACE}}}error")
    parts = {"errorCode": refusal.code, "errorMessage": refusal.message, "trackingId": tracking}
    for name, value in parts.items():
        if value:
            etree.SubElement(error, f"{{{_NAMESPACE}}}{name}").text = ILLEGAL.sub("?", value)
    return root
