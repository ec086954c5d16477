"""What a call came to, and which error that is: the only place that reads statuses.

A call is either done, refused, refused because there is no such user, too fast, beyond the daily
limit, without access, not available, or of unknown outcome (contract 2.3 and 2.4). What is safe to
conclude about a read is not safe for a write: a write without a clear reply may have happened.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypedDict
from urllib.parse import urlsplit

from importer.alma.error_codes import (
    ACCESS_CODES,
    DAILY_LIMIT_CODE,
    NOT_FOUND_CODES,
    OUTAGE_CODES,
    PER_SECOND_CODE,
    REFUSALS,
)
from importer.alma.models import ApiError, read_error
from importer.errors import (
    AccessError,
    AlmaError,
    DailyLimitError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)

LONGEST_WAIT = 600.0
"""Seconds; a server that asks for a longer wait is not believed."""

NOT_ALMAS = "The reply is not one of Alma's"


class NotFoundError(RefusedError):
    """Alma has no such user, by one of the codes that mean it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sent. Header values are blank where it sent none."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""
    retry_after: str = ""
    date: str = ""
    location: str = field(default="", repr=False)
    remaining: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """The call did not reach Alma; `why` ends the sentence "Alma cannot be reached: …"."""

    why: str


@dataclass(frozen=True, slots=True)
class ReplyLost:
    """The call was sent, or partly, and no whole reply came; `why` is a clause."""

    why: str


CallResult = Reply | NotSent | ReplyLost


def judge(result: CallResult, *, writes: bool) -> AlmaError | None:
    """Return the error that a result means, or None if Alma did what was asked."""
    match result:
        case NotSent(why):
            return UnavailableError(f"Alma cannot be reached: {why}.", repeatable=True)
        case ReplyLost(why):
            return _unclear(f"{why[0].upper()}{why[1:]}", writes=writes)
        case Reply():
            return _judge(result, error_in(result), writes=writes)


def not_understood(*, writes: bool) -> AlmaError:
    """Return the error for a reply of success that is not what was asked for."""
    return _unclear(NOT_ALMAS, writes=writes)


def _judge(reply: Reply, error: ApiError | None, *, writes: bool) -> AlmaError | None:
    if error is not None and (known := _by_code(error, reply, writes=writes)):
        return known
    if reply.status not in range(200, 300):
        return _by_status(reply, error, writes=writes)
    if error is not None:
        return _refused(error)
    # A web page with status 200 is the sign of a network that wants a sign-in.
    return not_understood(writes=writes) if "html" in reply.content_type.lower() else None


def _by_status(reply: Reply, error: ApiError | None, *, writes: bool) -> AlmaError:
    match reply.status:
        case 429:
            return _throttled(error, reply)
        case 401 | 403:
            return _no_access("Alma does not accept the API key.", error)
        case status if status in range(300, 400):
            return UnavailableError(
                f"Something between here and Alma redirects the calls{_host(reply.location)}. "
                "Check ALMA_REGION or ALMA_BASE_URL and the network's sign-in page."
            )
        case status if status < 500 and error is not None:
            return _refused(error)
        case status:
            what = "Alma reports an error of its own" if status >= 500 else NOT_ALMAS
            return _unclear(what, error, writes=writes, wait=_wait(reply))


def _by_code(error: ApiError, reply: Reply, *, writes: bool) -> AlmaError | None:
    """Return what the code alone means, whatever the status; None where the status decides."""
    if error.code == DAILY_LIMIT_CODE:
        return DailyLimitError(
            "Your library's API calls for today are used up. "
            "Run the same command again after midnight GMT.",
            **_details(error),
        )
    if error.code == PER_SECOND_CODE:
        return _throttled(error, reply)
    if error.code in ACCESS_CODES:
        return _no_access(ACCESS_CODES[error.code], error)
    if error.code in OUTAGE_CODES:
        return _unclear("Alma reports an error of its own", error, writes=writes)
    return None


class _Details(TypedDict, total=False):
    code: str
    tracking_id: str
    said: str


def _details(error: ApiError | None) -> _Details:
    if error is None:
        return {}
    return {"code": error.code, "tracking_id": error.tracking_id, "said": error.said}


def _refused(error: ApiError) -> RefusedError:
    kind = NotFoundError if error.code in NOT_FOUND_CODES else RefusedError
    known = REFUSALS.get(error.code)
    return kind(known.sentence if known else "Alma refused the record.", **_details(error))


def _throttled(error: ApiError | None, reply: Reply) -> ThrottledError:
    return ThrottledError(
        "Alma received more calls per second than it allows. Lower ALMA_RATE.",
        **_details(error),
        wait=_wait(reply),
    )


def _no_access(sentence: str, error: ApiError | None) -> AccessError:
    return AccessError(
        f"{sentence} Check ALMA_API_KEY, its areas and rights, and ALMA_REGION.", **_details(error)
    )


def _unclear(
    what: str, error: ApiError | None = None, *, writes: bool, wait: float = 0
) -> AlmaError:
    if writes:
        return UnknownOutcomeError(
            f"{what}. Alma must be asked whether the change was made.", **_details(error)
        )
    return UnavailableError(
        f"{what}. Try again later.", **_details(error), repeatable=True, wait=wait
    )


def _host(location: str) -> str:
    """Return ` to HOST` for a redirect; nothing more of it, as a path may contain an ID."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return ""
    return f" to {host}" if host else ""


def _wait(reply: Reply) -> float:
    """Return the seconds that Retry-After asks for; a time is compared with the server's clock."""
    text = reply.retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(text) - parsedate_to_datetime(reply.date)
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds.total_seconds(), 0.0), LONGEST_WAIT)


_TRACKING = re.compile(r"\s*\(?\s*Tracking ID:\s*([\w-]+)\s*\)?", re.IGNORECASE)


def error_in(reply: Reply) -> ApiError | None:
    """Return the error that a body contains in any of the forms that were seen (contract 2.3)."""
    body = reply.body.strip()
    if body.startswith(b"{"):
        found = read_error(body)
    elif b"<errorCode>" in body:
        found = _error_in_xml(body.decode("utf-8", "replace"))
    elif body[:100].lower().startswith(b"invalid api key"):
        found = ApiError(errorCode="UNAUTHORIZED", errorMessage="Invalid API Key")
    else:
        found = None
    if found is not None and (match := _TRACKING.search(found.said)):
        said = _TRACKING.sub("", found.said).strip()
        tracking_id = found.tracking_id or match[1]
        found = ApiError(errorCode=found.code, errorMessage=said, trackingId=tracking_id)
    return found


def _error_in_xml(text: str) -> ApiError | None:
    """Return the first error; found by its tags, as gateways send XML that may be cut off."""
    code = _element(text, "errorCode")
    if not code:
        return None
    return ApiError(
        errorCode=code,
        errorMessage=_element(text, "errorMessage"),
        trackingId=_element(text, "trackingId"),
    )


def _element(text: str, name: str) -> str:
    match = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(match[1]).strip() if match else ""
