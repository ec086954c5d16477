"""Read how an institution's Alma behaves, of production too: nothing but GET is sent.

The facts have the names of the practice Alma's switches. What is reported are counts, codes and
names of fields: no value of a patron leaves this module.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from importer.alma.address import segment
from importer.alma.client import PAGE, Alma
from importer.alma.doctor import Finding, State, consequences, reading_right, whose
from importer.alma.facts import Facts
from importer.alma.models import UserPage, read_users
from importer.alma.responses import NOT_FOUND_CODES, Reply, error_in
from importer.errors import RefusedError
from importer.model.text import counted
from importer.model.user import Coded, Part, User, UserIdentifier

Body: TypeAlias = "dict[str, Any]"  # JSON as Alma has it


class UnclearError(Exception):
    """An experiment had another result than any that it knows."""


def code_in(reply: Reply) -> str:
    """Return Alma's error code; blank if the call was carried out."""
    if reply.status < 300:
        return ""
    found = error_in(reply)
    return found.code if found else f"status {reply.status}"


def json_in(reply: Reply) -> Body:
    """Return the object in a reply. Raises UnclearError if it is not JSON."""
    try:
        document = json.loads(reply.body)
    except ValueError as error:
        msg = f"Alma replied status {reply.status} without JSON"
        raise UnclearError(msg) from error
    return document if isinstance(document, dict) else {}


def why_unclear(error: UnclearError | KeyError) -> str:
    """Return the reason in words."""
    return f"Alma's reply has no {error}" if isinstance(error, KeyError) else str(error)


async def get(alma: Alma, path: str, accept: str = "application/json") -> Reply:
    """Make one GET; the reply may be a refusal."""
    return await alma.call_once("GET", path, accept=accept)


async def _encoded_slash(alma: Alma) -> str:
    reply = await get(alma, "/users/importer%2Fprobe")
    return "accept" if code_in(reply) in NOT_FOUND_CODES else "refuse"


async def _zero_hits(alma: Alma) -> str:
    found = json_in(await get(alma, "/users?q=last_name~Importerprobenobody"))
    if "user" not in found:
        return "absent"
    return "null" if found["user"] is None else "empty"


async def _error_shape(alma: Alma) -> str:
    document = json_in(await get(alma, "/users/importer-probe-nobody"))
    if "web_service_result" in document:
        return "wrapped"
    error = document["errorList"]["error"]
    if isinstance(error, dict):
        return "single"
    if document["errorsExist"] == "true":
        return "text-flag"
    if "trackingId" in error[0]:
        return "standard"
    return "older" if "Tracking ID" in error[0]["errorMessage"] else "bare"


async def _default_format(alma: Alma) -> str:
    reply = await get(alma, "/users?limit=1", accept="*/*")
    return "json" if "json" in reply.content_type else "xml"


READING: Mapping[str, Callable[[Alma], Awaitable[str]]] = {
    "encoded-slash": _encoded_slash,
    "zero-hits": _zero_hits,
    "error-shape": _error_shape,
    "default-format": _default_format,
}
"""Experiments that need no user, by fact."""


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What was read: facts for a file, and findings for a person."""

    facts: Facts
    findings: tuple[Finding, ...]


async def first_contact(alma: Alma, pin_user: str, today: date) -> FirstContact:
    """Read the first, a middle and the last page of users, and make a few more GETs.

    `pin_user`: the primary ID of a user who has a PIN; blank if there is none to try. Raises
    AlmaError.
    """
    institution = await alma.general()
    findings = [whose(institution), await reading_right(alma)]
    pages = [await _page(alma, 0)]
    total, last = pages[0].total, pages[0].total - PAGE
    pages += [await _page(alma, offset) for offset in (last // 2, last) if last > 0]
    users = list({user.primary_id: user for page in pages for user in page.users}.values())
    unreadable = {one for page in pages for one in page.unreadable}
    if (left := alma.limiter.remaining) is not None:
        findings.append(Finding("daily limit", State.OK, f"{left:,} API calls are left today."))
    findings += _of_users(users, total, len(unreadable))
    beyond = code_in(await get(alma, f"/users?limit={PAGE + 1}"))
    sentence = f"Alma {'refuses' if beyond else 'accepts'} pages of more than {PAGE} users."
    findings.append(Finding("page", State.OK, sentence))
    facts, unclear = await _facts(alma, users, pin_user)
    findings += _of_pin(facts.get("get-pin"), pin_user)
    findings += (one for one in consequences(facts) if one.name != "get-pin")
    known = Facts(
        institution=institution.code,
        environment=institution.environment,
        measured=today,
        facts=facts,
        unclear=unclear,
    )
    return FirstContact(known, tuple(findings))


async def _page(alma: Alma, offset: int) -> UserPage:
    path = f"/users?limit={PAGE}&offset={offset}&expand=full&order_by=primary_id"
    return read_users((await get(alma, path)).body) or UserPage((), 0)


async def _facts(
    alma: Alma, users: Sequence[User], pin_user: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the facts that reading shows, and why others are not clear."""
    facts: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for name, experiment in READING.items():
        try:
            facts[name] = await experiment(alma)
        except (UnclearError, KeyError) as error:
            unclear[name] = why_unclear(error)
    if old := _chosen(users, lambda one: one.status == "INACTIVE"):
        found = await _finds(alma, old[0], old[1])
        facts["inactive-identifiers"] = "resolve" if found else "hide"
    if cased := _chosen(users, lambda one: one.status != "INACTIVE" and _has_case(one.value)):
        found = await _finds(alma, cased[0].swapcase(), cased[1])
        facts["identifier-case"] = "insensitive" if found else "sensitive"
    if any(user.pin_number for user in users):
        facts["get-pin"] = "show"
    elif pin_user and (user := await alma.get_user(pin_user)) is not None:
        facts["get-pin"] = "show" if user.pin_number else "hide"
    elif pin_user:
        unclear["get-pin"] = "Alma has no user with the ID of --pin-user"
    return facts, unclear


def _chosen(
    users: Sequence[User], fits: Callable[[UserIdentifier], bool]
) -> tuple[str, str] | None:
    """Return an additional ID that fits, and its user's primary ID; None if there is none."""
    for user in users:
        for one in user.user_identifier or ():
            if one.value and one.value.isalnum() and fits(one):
                return one.value, user.primary_id or ""
    return None


def _has_case(text: str | None) -> bool:
    return text is not None and text.isascii() and any(map(str.isalpha, text))


async def _finds(alma: Alma, value: str, primary_id: str) -> bool:
    """Return whether Alma finds this user by an ID."""
    try:
        reply = await get(alma, f"/users/{segment(value)}")
    except RefusedError:
        return False
    return reply.status < 300 and json_in(reply).get("primary_id") == primary_id


def _of_users(users: Sequence[User], total: int, unreadable: int) -> Iterator[Finding]:
    """Yield what users show: counts and codes."""
    seen = f"Alma has {total:,} users; {len(users)} of them were read."
    yield Finding("users", State.OK, seen)
    if unreadable:
        yield Finding(
            "unreadable", State.WARN, f"{counted(unreadable, 'user')} could not be understood.",
            "Rows that match them fail. Send the maintainers the output of `doctor --bundle`.",
        )  # fmt: skip
    strange = sorted({name for user in users for name in _unknown(user, "")})
    shape = (
        f"These fields are not known, and are sent back as they are: {', '.join(strange)}."
        if strange
        else "Every field of these users is known."
    )
    yield Finding("shape", State.OK, shape)
    ids = [(user.primary_id or "").casefold() for user in users[:PAGE]]
    if ids != sorted(ids):
        yield Finding("order", State.OK, "Alma does not sort by primary ID as the importer does.")
    words = {
        "status": Counter(_code(user.status) for user in users),
        "account type": Counter(_code(user.account_type) for user in users),
        "external system": Counter(user.external_id for user in users if user.external_id),
    }
    for name, counts in words.items():
        listed = ", ".join(f"{word} {count}" for word, count in counts.most_common())
        yield Finding(name, State.OK, f"{listed or 'none'}.")
    if copies := sum(bool(user.source_institution_code) for user in users):
        sentence = f"{counted(copies, 'user')} of these are copies of another institution's."
        yield Finding("linked", State.OK, sentence, "No load changes them.")


def _code(code: Coded | None) -> str:
    return (code.value if code else "") or "none"


def _unknown(part: Part, place: str) -> Iterator[str]:
    """Yield the paths of fields that the model does not have; their values are not looked at."""
    yield from (f"{place}{name}" for name in part.model_extra or {})
    for name in part.model_fields_set & type(part).model_fields.keys():
        value = getattr(part, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Part):
                yield from _unknown(inner, f"{place}{name}.")


def _of_pin(known: str | None, pin_user: str) -> Iterator[Finding]:
    """Yield whether an update of an Internal user keeps the PIN."""
    if known == "show":
        yield Finding("PIN", State.OK, "Alma shows PINs, so an update keeps them.")
    elif known == "hide":
        yield from consequences({"get-pin": "hide"})
    else:
        why = "has no user with this ID" if pin_user else "shows no PIN, perhaps as nobody has one"
        yield Finding(
            "PIN", State.WARN, f"It is not known whether Alma shows PINs: it {why}.",
            "Set a PIN for yourself in Alma, then run this command with --pin-user YOUR-ID. "
            "Until then, an update of an Internal user may clear the PIN.",
        )  # fmt: skip
