"""Answers: a status, a body in the format that was asked for, and Alma's error envelope."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from lxml import etree

from importer.sandbox.json_wire import Json
from importer.sandbox.refusal import RefusalError
from importer.sandbox.values import ILLEGAL

_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


class Format(Enum):
    """The two languages that Alma speaks."""

    JSON = "application/json;charset=UTF-8"
    XML = "application/xml;charset=UTF-8"


class ErrorShape(Enum):
    """The variants of the JSON envelope that were seen in the wild (contract 2.3)."""

    STANDARD = "standard"
    SINGLE = "single"
    WRAPPED = "wrapped"
    TEXT_FLAG = "text-flag"
    OLDER = "older"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over the wire. `applied`: the call changed what Alma holds."""

    status: int
    body: bytes = b""
    content_type: str = Format.XML.value
    headers: dict[str, str] = field(default_factory=dict)
    applied: bool = False


def json_reply(document: Json, *, applied: bool = False, status: int = 200) -> Reply:
    """An answer in JSON."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(status, body, Format.JSON.value, applied=applied)


def xml_reply(root: etree._Element, *, applied: bool = False, status: int = 200) -> Reply:
    """An answer in XML."""
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return Reply(status, body, Format.XML.value, applied=applied)


def error_reply(
    refusal: RefusalError, wanted: Format, tracking: str, variant: ErrorShape = ErrorShape.STANDARD
) -> Reply:
    """A refusal in Alma's envelope; a blank `tracking` leaves the tracking id out."""
    if wanted is Format.XML:
        return xml_reply(_error_xml(refusal, tracking), status=refusal.status)
    return json_reply(_error_json(refusal, tracking, variant), status=refusal.status)


def gateway_reply(refusal: RefusalError) -> Reply:
    """A refusal by the gateway before Alma: always XML, without a tracking id."""
    return error_reply(refusal, Format.XML, "")


def tracking_id(now: datetime, number: int) -> str:
    """An id in Alma's pattern, E01-ddMMHHmmss-XXXXX-AWAE and digits."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    place, tag = number, ""
    for _ in range(5):
        place, index = divmod(place * 7 + 11, len(letters))
        tag += letters[index]
    return f"E01-{now:%d%m%H%M%S}-{tag}-AWAE{1_000_000_000 + number}"


def _error_json(refusal: RefusalError, tracking: str, variant: ErrorShape) -> Json:
    error: dict[str, Json] = {"errorCode": refusal.code, "errorMessage": refusal.message}
    if tracking:
        error["trackingId"] = tracking
    envelope: dict[str, Json] = {"errorsExist": True, "errorList": {"error": [error]}}
    match variant:
        case ErrorShape.STANDARD:
            return {**envelope, "result": None}
        case ErrorShape.SINGLE:
            return {**envelope, "errorList": {"error": error}}
        case ErrorShape.WRAPPED:
            return {"web_service_result": envelope}
        case ErrorShape.TEXT_FLAG:
            return {**envelope, "errorsExist": "true"}
        case ErrorShape.OLDER:
            message = f"{refusal.message}\n(Tracking ID: {tracking})"
            older: Json = {"errorCode": refusal.code, "errorMessage": message}
            return {**envelope, "errorList": {"error": [older]}}
        case ErrorShape.BARE:
            error.pop("trackingId", None)
            return envelope


def _error_xml(refusal: RefusalError, tracking: str) -> etree._Element:
    root = etree.fromstring(f'<web_service_result xmlns="{_NAMESPACE}"/>')
    etree.SubElement(root, f"{{{_NAMESPACE}}}errorsExist").text = "true"
    listed = etree.SubElement(root, f"{{{_NAMESPACE}}}errorList")
    error = etree.SubElement(listed, f"{{{_NAMESPACE}}}error")
    told = {"errorCode": refusal.code, "errorMessage": refusal.message, "trackingId": tracking}
    for name, value in told.items():
        if value:
            etree.SubElement(error, f"{{{_NAMESPACE}}}{name}").text = ILLEGAL.sub("?", value)
    return root
