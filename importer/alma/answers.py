"""What came back, and which error it is: the only place that reads statuses and envelopes.

Each thing that can come back falls in exactly one of: done, refused, not found, too fast, the
day's calls used up, no access, not available, outcome unknown (contract 2.3 and 2.4). What is
safe to say of a read is not safe to say of a write: a write without a clear answer may have
happened.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from importer.alma.refusals import ACCESS, DAILY, NOT_FOUND, PER_SECOND, REFUSALS, TROUBLE
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
"""Seconds beyond which a server's wish to wait is not believed."""

NOT_ALMAS = "The answer is not one of Alma's"


class NotFoundError(RefusedError):
    """Alma has no such user: it said so with one of the codes that mean it."""


@dataclass(frozen=True, slots=True)
class Answer:
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
class Lost:
    """The call was sent, or partly, and no whole answer came; `why` is a clause."""

    why: str


Outcome = Answer | NotSent | Lost


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error envelope holds."""

    code: str
    said: str
    tracking_id: str = ""


def judge(outcome: Outcome, *, writes: bool) -> AlmaError | None:
    """The error that an outcome means, or None if Alma did what was asked."""
    match outcome:
        case NotSent(why):
            return UnavailableError(f"Alma cannot be reached: {why}.", repeatable=True)
        case Lost(why):
            return _unclear(f"{why[0].upper()}{why[1:]}", writes=writes)
        case Answer():
            return _judge(outcome, complaint(outcome), writes=writes)


def nonsense(*, writes: bool) -> AlmaError:
    """The error for an answer of success that is not what was asked for."""
    return _unclear(NOT_ALMAS, writes=writes)


def _judge(answer: Answer, problem: Complaint | None, *, writes: bool) -> AlmaError | None:
    if problem is not None and (error := _by_code(problem, answer, writes=writes)):
        return error
    if answer.status in range(200, 300):
        return None if problem is None else _refused(problem)
    return _by_status(answer, problem, writes=writes)


def _by_status(answer: Answer, problem: Complaint | None, *, writes: bool) -> AlmaError:
    match answer.status:
        case 429:
            return _throttled(problem, answer)
        case 401 | 403:
            return _no_access("Alma does not accept the API key.", problem)
        case status if status in range(300, 400):
            return UnavailableError(
                f"Something between here and Alma redirects the calls{_whither(answer.location)}; "
                "check ALMA_REGION or ALMA_BASE_URL and the network's sign-in page."
            )
        case status if status < 500 and problem is not None:
            return _refused(problem)
        case status:
            what = "Alma reports an error of its own" if status >= 500 else NOT_ALMAS
            return _unclear(what, problem, writes=writes, wait=_wait(answer))


def _by_code(problem: Complaint, answer: Answer, *, writes: bool) -> AlmaError | None:
    """What the code alone says, whatever the status; None where the status decides."""
    if problem.code == DAILY:
        return DailyLimitError(
            "The institution's calls of the day are used up; "
            "run the same command again after midnight GMT.",
            code=problem.code,
            tracking_id=problem.tracking_id,
            said=problem.said,
        )
    if problem.code == PER_SECOND:
        return _throttled(problem, answer)
    if problem.code in ACCESS:
        return _no_access(ACCESS[problem.code], problem)
    if problem.code in TROUBLE:
        return _unclear("Alma reports an error of its own", problem, writes=writes)
    return None


def _refused(problem: Complaint) -> RefusedError:
    kind = NotFoundError if problem.code in NOT_FOUND else RefusedError
    known = REFUSALS.get(problem.code)
    return kind(
        known.sentence if known else "Alma does not take the record.",
        code=problem.code,
        tracking_id=problem.tracking_id,
        said=problem.said,
    )


def _throttled(problem: Complaint | None, answer: Answer) -> ThrottledError:
    return ThrottledError(
        "Alma was asked more often than it allows; lower ALMA_RATE if this goes on.",
        code=problem.code if problem else "",
        tracking_id=problem.tracking_id if problem else "",
        said=problem.said if problem else "",
        wait=_wait(answer),
    )


def _no_access(sentence: str, problem: Complaint | None) -> AccessError:
    return AccessError(
        f"{sentence} Check ALMA_API_KEY, its areas and rights, and ALMA_REGION.",
        code=problem.code if problem else "",
        tracking_id=problem.tracking_id if problem else "",
        said=problem.said if problem else "",
    )


def _unclear(
    what: str, problem: Complaint | None = None, *, writes: bool, wait: float = 0
) -> AlmaError:
    code = problem.code if problem else ""
    tracking_id = problem.tracking_id if problem else ""
    said = problem.said if problem else ""
    if writes:
        msg = f"{what}; whether the change was made must be asked."
        return UnknownOutcomeError(msg, code=code, tracking_id=tracking_id, said=said)
    msg = f"{what}; try again later."
    return UnavailableError(
        msg, code=code, tracking_id=tracking_id, said=said, repeatable=True, wait=wait
    )


def _whither(location: str) -> str:
    """The host that a redirect names; nothing more of it, as a path may hold an identifier."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return ""
    return f" to {host}" if host else ""


def _wait(answer: Answer) -> float:
    """The seconds that Retry-After asks for; a day and time is taken by the server's own clock."""
    text = answer.retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(text) - parsedate_to_datetime(answer.date)
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds.total_seconds(), 0.0), LONGEST_WAIT)


# ---- the envelope, in all the forms that were seen (contract 2.3) ----

_TRACKING = re.compile(r"\s*\(?\s*Tracking ID:\s*([\w-]+)\s*\)?", re.IGNORECASE)


def complaint(answer: Answer) -> Complaint | None:
    """The error that a body holds, or None if it holds none that can be read."""
    body = answer.body.strip()
    if body.startswith(b"{"):
        found = _in_json(body) if b"errorsExist" in body or b"errorList" in body else None
    elif b"<errorCode>" in body:
        found = _in_xml(body.decode("utf-8", "replace"))
    elif body[:100].lower().startswith(b"invalid api key"):
        found = Complaint("UNAUTHORIZED", "Invalid API Key")
    else:
        found = None
    if found is not None and (match := _TRACKING.search(found.said)):
        said = _TRACKING.sub("", found.said).strip()
        found = Complaint(found.code, said, found.tracking_id or match[1])
    return found


def _in_json(body: bytes) -> Complaint | None:
    try:
        envelope: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    envelope = _key(envelope, "web_service_result") or envelope
    errors = _key(_key(envelope, "errorList"), "error")
    first = errors[0] if isinstance(errors, list) and errors else errors
    code = _text(_key(first, "errorCode"))
    if not code:
        return None
    said, tracking_id = _text(_key(first, "errorMessage")), _text(_key(first, "trackingId"))
    return Complaint(code, said, tracking_id)


def _key(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, dict) else None


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _in_xml(text: str) -> Complaint | None:
    """The first error; read by its tags, as gateways send XML that is not always whole."""
    code = _element(text, "errorCode")
    if not code:
        return None
    return Complaint(code, _element(text, "errorMessage"), _element(text, "trackingId"))


def _element(text: str, name: str) -> str:
    match = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(match[1]).strip() if match else ""
