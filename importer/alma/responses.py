"""What a call came to, and which error that is: the only place that reads statuses.

A call is either done, refused, refused because there is no such user, too fast, beyond the daily
limit, without access, not available, or of unknown outcome (contract 2.3 and 2.4). What is safe to
conclude about a read is not safe for a write: only a refusal in Alma's own words, about this
record, is a refusal, and after every other reply the write may have happened.
What each of Alma's error codes means is in `error_codes.toml`.
"""

from __future__ import annotations

import html
import re
import tomllib
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.resources import files
from urllib.parse import urlsplit

from pydantic import BaseModel

from importer import errors
from importer.advice import Do
from importer.alma.models import ApiError, read_error
from importer.files import hide
from importer.model.fields import FIELDS
from importer.model.problem import Repairs

LONGEST_WAIT = 600.0  # seconds; a server that asks for a longer wait is not believed

_SUPPORT = (
    "Try this row again later. If it fails again, send Alma's tracking ID to Ex Libris support."
)


class Refusal(BaseModel, frozen=True, extra="forbid"):
    """Why Alma refuses a record. `field` is the path of the field, blank if it is not known."""

    codes: tuple[str, ...] = ()
    sentence: str
    advice: str = _SUPPORT
    field: str = ""
    repairs: Repairs = Repairs.ROW


class _Codes(BaseModel, extra="forbid"):
    outage: frozenset[str]
    access: dict[str, str]
    fields: dict[str, str]
    refusal: tuple[Refusal, ...]


_CODES = _Codes.model_validate(
    tomllib.loads(files("importer.alma").joinpath("error_codes.toml").read_text("utf-8"))
)

OUTAGE_CODES = _CODES.outage
ACCESS_CODES = _CODES.access
REFUSALS = {code: refusal for refusal in _CODES.refusal for code in refusal.codes}
NOT_FOUND_CODES = frozenset(REFUSALS["401861"].codes)
DAILY_LIMIT_CODE = "DAILY_THRESHOLD"
GENERAL_ERROR = "402119"
PER_SECOND_CODE = "PER_SECOND_THRESHOLD"

NOT_ALMAS = "The reply is not one of Alma's"
ALMAS_FAULT = "Alma reports an error of its own"
_NO_ADDRESS = f"{NOT_ALMAS}; the address of Alma may be wrong"


class NotFoundError(errors.RefusedError):
    """Alma has no such user, by one of the codes that mean it."""


class UnreadableUserError(errors.UnavailableError):
    """Alma has the user, with a value that no user can have."""


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


def judge(result: CallResult, *, writes: bool) -> errors.AlmaError | None:
    """Return the error that a result means, or None if Alma did what was asked."""
    match result:
        case NotSent(why):
            return errors.UnavailableError(
                f"Alma cannot be reached at {why}.", repeatable=True
            ).advising(Do.SET_ADDRESS, "If the address is wrong")
        case ReplyLost(why):
            return unclear(f"{why[0].upper()}{why[1:]}", writes=writes)
        case Reply():
            return _judge(result, error_in(result) or errors.NOTHING_SAID, writes=writes)


def unclear(
    what: str = NOT_ALMAS,
    error: errors.AlmaSaid = errors.NOTHING_SAID,
    *,
    writes: bool,
    wait: float = 0,
) -> errors.AlmaError:
    """Return the error for a call that may or may not have been processed."""
    if writes:
        message = f"{what}. Alma must be asked whether the change was made."
        return errors.UnknownOutcomeError(message, error)
    message = f"{what}. Try again later."
    return errors.UnavailableError(message, error, repeatable=True, wait=wait)


def _judge(reply: Reply, error: errors.AlmaSaid, *, writes: bool) -> errors.AlmaError | None:
    """Return what a code means, whatever the status; without a known code the status decides."""
    if error.code == DAILY_LIMIT_CODE:
        return errors.DailyLimitError(
            "Your library's API calls for today are used up. There are new ones after midnight "
            "GMT.",
            error,
        )
    if error.code in ACCESS_CODES:
        return _no_access(ACCESS_CODES[error.code], error)
    if error.code in OUTAGE_CODES:
        return unclear(ALMAS_FAULT, error, writes=writes)
    if error.code == PER_SECOND_CODE or reply.status == 429:
        return errors.ThrottledError(
            "Alma received more calls per second than it allows.", error, wait=_wait(reply)
        ).advising(Do.LOWER_RATE)
    return _by_status(reply, error, writes=writes)


def _by_status(reply: Reply, error: errors.AlmaSaid, *, writes: bool) -> errors.AlmaError | None:
    status = reply.status
    if status in {401, 403}:
        return _no_access("Alma does not accept the API key.", error)
    if status in range(300, 400):
        what = f"Something between here and Alma redirects the calls{_host(reply.location)}"
        if writes:
            return unclear(what, error, writes=True)
        wrong = errors.UnavailableError(f"{what}. Check the network's sign-in page.")
        return wrong.advising(Do.SET_ADDRESS, "If the address is wrong")
    if error.code and status < 500:
        refusal = REFUSALS.get(error.code)
        kind = NotFoundError if error.code in NOT_FOUND_CODES else errors.RefusedError
        sentence = refusal.sentence if refusal else "Alma refused the record."
        return kind(sentence, error)
    if status not in range(200, 300):
        what = ALMAS_FAULT if status >= 500 else _NO_ADDRESS if status == 404 else NOT_ALMAS
        doubt = unclear(what, error, writes=writes, wait=_wait(reply))
        return doubt.advising(Do.SET_ADDRESS, "If so") if what is _NO_ADDRESS else doubt
    # A web page with status 200 is the sign of a network that wants a sign-in.
    return unclear(writes=writes) if "html" in reply.content_type.lower() else None


def _no_access(sentence: str, error: errors.AlmaSaid) -> errors.AccessError:
    refused = errors.AccessError(
        f"{sentence} Check the key, its areas and rights, and the region.", error
    )
    return refused.advising(Do.SET_KEY, "If the key is not the right one")


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


_DAILY = b"daily api request threshold"  # how Alma's text of the daily limit begins

_TRACKING = re.compile(r"\(?\s{0,9}Tracking ID:\s*+([\w-]+)\s*+\)?", re.IGNORECASE)


def error_in(reply: Reply) -> errors.AlmaSaid | None:
    """Return the error that a body contains in any of the forms that were seen (contract 2.3).

    Its texts are stored and shown, so secrets that a gateway repeats are hidden.
    """
    body = reply.body.strip()
    if body.startswith(b"{"):
        error = read_error(body)
    elif b"<errorCode>" in body:
        error = _error_in_xml(body.decode("utf-8", "replace"))
    elif body[:100].lower().startswith(b"invalid api key"):
        error = ApiError(errorCode="UNAUTHORIZED", errorMessage="Invalid API Key")
    else:
        error = None
    if error is None and reply.status == 429 and _DAILY in body.lower():
        error = ApiError(errorCode=DAILY_LIMIT_CODE)
    if error is None:
        return None
    said, tracking_id = error.said, error.tracking_id
    if match := _TRACKING.search(said):
        said, tracking_id = _TRACKING.sub("", said).strip(), tracking_id or match[1]
    return errors.AlmaSaid(hide(error.code), hide(said), hide(tracking_id))


def _error_in_xml(text: str) -> ApiError | None:
    """Return the first error; found by its tags, as gateways send XML that may be cut off."""

    def element(name: str) -> str:
        match = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        return html.unescape(match[1]).strip() if match else ""

    names = ("errorCode", "errorMessage", "trackingId")
    error = ApiError(**{name: element(name) for name in names})
    return error if error.code else None


_NAMED = (
    re.compile(r"Mandatory field is missing:\s*(?P<field>[\w. ]+)"),
    re.compile(r"Given field\s+(?P<field>[\w. ]+?)\s+has invalid value"),
    re.compile(r"Given\s+(?P<field>[\w. ]+?)\s+type\s+\("),
    re.compile(r"Given\s+(?P<field>[\w. ]+?)\s+\("),
)


def explain_refusal(error: errors.RefusedError) -> Refusal:
    """Return what a refusal means, with the field that Alma's text names, if it names one."""
    known = REFUSALS.get(error.code)
    if known is None:
        advice = "Read Alma's message and correct the row." if error.said else _SUPPORT
        return Refusal(sentence=str(error), advice=advice)
    field = known.field or _named(error.said)
    if error.code == "401851" and "of type" in error.said:
        mine = re.search(r"of type\s+primary.id\b", error.said, re.IGNORECASE)
        field = "primary_id" if mine else "user_identifier.value"
    return known.model_copy(update={"field": field})


def _named(said: str) -> str:
    match = next(filter(None, (pattern.search(said) for pattern in _NAMED)), None)
    if match is None:
        return ""
    name = "_".join(match["field"].strip().lower().split())
    if name in _CODES.fields and f"{match['field']} type" in said:
        return _CODES.fields[name]
    parent, _, part = name.partition("_")
    inside = f"contact_info.{parent}.{part}"
    if inside in FIELDS:
        return inside
    endings = [path for path in FIELDS if path == name or path.endswith(f".{name}")]
    if len(endings) == 1 or name in endings:
        return name if name in endings else endings[0]
    return _CODES.fields.get(name.split("_")[0], "")
