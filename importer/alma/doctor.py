"""Check the connection to Alma and read how it behaves, of production too: only GET is sent.

What is reported are counts, codes and names of fields: no value of a patron leaves this module.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Literal

from importer.advice import Choice, Do, Measure, by_hand, text_of
from importer.alma.client import PAGE, Alma
from importer.alma.facts import MEASURABLE, MeasuredFacts, facts_for
from importer.alma.models import Institution
from importer.errors import AlmaError, Cause, Exit
from importer.model.fields import CodeTables, text
from importer.model.finding import Finding, FindingState
from importer.model.text import counted
from importer.model.user import RecordPart, User


async def examine(
    alma: Alma, codes: CodeTables, saved: Mapping[Path, MeasuredFacts], today: date
) -> tuple[Finding, ...]:
    """Check key, rights, institution, clock, code tables and saved facts, whatever Alma says."""
    institution, code = await _institution(alma)
    if institution.exit is Exit.STOPPED:
        return replace(institution, name="connection"), _codes(codes, "", today)
    clock, tables = _clock(alma.clock_offset), _codes(codes, code, today)
    key = Finding("key", FindingState.OK, "An API key is set.")
    reading, writing = await right(alma, "GET"), await right(alma, "POST")
    if reading.sentence == writing.sentence == institution.sentence:  # it is not a right
        advice = "Copy the key again from developers.exlibrisgroup.com, or make a new one."
        return replace(institution, name="key", advice=advice), clock, tables
    facts = fact_findings(saved, code) if code else ()
    return key, reading, writing, institution, clock, tables, *facts


RIGHTS = {"GET": "read users", "POST": "write users"}
"""What a key may do, by method; these are the names of the findings about it."""


async def right(alma: Alma, method: Literal["GET", "POST"]) -> Finding:
    """Return whether the key may read (GET) or write users."""
    name = RIGHTS[method]
    try:
        await alma.check_access(method)
    except AlmaError as error:
        return _failed(name, error, f"{name} in the area Users")
    return Finding(name, FindingState.OK, f"The key may {name}.")


async def _institution(alma: Alma) -> tuple[Finding, str]:
    try:
        general = await alma.general()
    except AlmaError as error:
        return _failed("institution", error, "read in the area Configuration"), ""
    return whose(general), general.code


def _failed(name: str, error: AlmaError, right: str) -> Finding:
    give = "" if error.cause is Cause.PASSES else f"Give the key the right to {right}."
    return Finding(name, FindingState.BAD, error.prose, (*error.advice, *by_hand(give)), error.exit)


def whose(general: Institution) -> Finding:
    """Return whose Alma it is."""
    name = general.name or general.code
    sentence = f"{name} ({general.code}), {general.environment or 'environment not known'}."
    live = general.environment == "production"
    advice = "This is the production Alma: loads change real patrons." if live else ""
    return Finding("institution", FindingState.OK, sentence, advice)


def wrong_clock(offset: float | None) -> Iterator[str]:
    """Yield that this computer's clock is wrong, if it is by the `clock_offset` of Alma."""
    if (clock := _clock(offset)).advice:
        yield f"{clock.sentence} {text_of(clock.choices)}"


def _clock(offset: float | None) -> Finding:
    if offset is None:
        return Finding("clock", FindingState.WARN, "Alma's reply has no date.")
    if abs(offset) > 300:  # seconds
        way = "behind" if offset > 0 else "ahead of"
        minutes = round(abs(offset) / 60)
        size = counted(minutes // 1440, "day") if minutes >= 1440 else f"{minutes} minutes"
        sentence = f"This computer's clock is {size} {way} Alma's."
        advice = "Set it. Dates that mappings count from today are wrong otherwise."
        return Finding("clock", FindingState.WARN, sentence, advice)
    return Finding("clock", FindingState.OK, "This computer's clock agrees with Alma's.")


def _codes(codes: CodeTables, institution: str, today: date) -> Finding:
    age = codes.age(today)
    state, exit_code = FindingState.OK, Exit.DONE
    if not codes.tables:
        state = FindingState.WARN
        sentence = "No code tables are saved, so wrong codes are not found."
    elif institution and codes.institution and institution != codes.institution:
        state, exit_code = FindingState.BAD, Exit.USAGE
        sentence = f"The saved code tables belong to {codes.institution}, not to {institution}."
    elif age is None:
        sentence = "The saved code tables were written by hand."
    else:
        days = "today" if age == 0 else f"{counted(age, 'day')} ago"
        sentence = f"The saved code tables were fetched {days}."
        state = FindingState.WARN if codes.old(today) else FindingState.OK
    advice = () if state is FindingState.OK else (Choice(Do.FETCH_CODES),)
    return Finding("code tables", state, sentence, advice, exit_code)


_MEANINGS: dict[str, dict[str, dict[str, str]]] = tomllib.loads(
    files("importer.alma").joinpath("facts.toml").read_text("utf-8")
)


def fact_findings(saved: Mapping[Path, MeasuredFacts], institution: str) -> Iterator[Finding]:
    """Yield which facts count for this institution, what they mean, and which are not known."""
    known = facts_for(saved, institution)
    yield from (Finding("facts", FindingState.OK, sentence) for sentence in known.used)
    again = (Choice(Measure(institution)),)
    yield from (Finding("facts", FindingState.WARN, sentence, again) for sentence in known.unused)
    yield from consequences(known.values)
    missing = [name for name in MEASURABLE if name not in known.values]
    if saved and missing:
        advice = (Choice(Do.READ_PINS if missing == ["get-pin"] else Measure()),)
        yield Finding("facts", FindingState.WARN, f"Not known here: {', '.join(missing)}.", advice)


def consequences(values: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the facts mean for loads."""
    for name, value in values.items():
        if meaning := _MEANINGS.get(name, {}).get(value):
            yield Finding(name, FindingState.WARN, meaning["sentence"], meaning.get("advice", ""))


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What was read: facts for a file, and findings for a person."""

    facts: MeasuredFacts
    findings: tuple[Finding, ...]


async def first_contact(alma: Alma, pin_user: str, today: date) -> FirstContact:
    """Read the first, a middle and the last page of users, and one more user if that is needed.

    `pin_user`: the primary ID of a user who has a PIN; blank if there is none to try. Raises
    AlmaError.
    """
    institution = await alma.general()
    findings = [whose(institution), await right(alma, "GET")]
    pages = [await alma.list_users(0)]
    total, last = pages[0].total, pages[0].total - PAGE
    pages += [await alma.list_users(offset) for offset in (last // 2, last) if last > 0]
    users = list({user.primary_id: user for page in pages for user in page.users}.values())
    unreadable = {user for page in pages for user in page.unreadable}
    if (left := alma.limiter.remaining) is not None:
        findings.append(
            Finding("daily limit", FindingState.OK, f"{left:,} API calls are left today.")
        )
    findings += _of_users(users, total, len(unreadable))
    shown = await _pin(alma, users, pin_user)
    findings += _of_pin(shown, pin_user)
    known = MeasuredFacts(
        institution=institution.code,
        environment=institution.environment,
        measured=today,
        facts={"get-pin": shown} if shown else {},
    )
    return FirstContact(known, tuple(findings))


async def _pin(alma: Alma, users: Sequence[User], pin_user: str) -> str:
    """Return whether Alma shows PINs, as the value of `get-pin`; blank where nobody knows."""
    if any(user.pin_number for user in users):
        return "show"
    user = await alma.get_user(pin_user) if pin_user else None
    return "" if user is None else "show" if user.pin_number else "hide"


def _of_users(users: Sequence[User], total: int, unreadable: int) -> Iterator[Finding]:
    """Yield what users show: counts and codes."""
    seen = f"Alma has {total:,} users; {len(users)} of them were read."
    yield Finding("users", FindingState.OK, seen)
    if unreadable:
        yield Finding(
            "unreadable", FindingState.WARN,
            f"{counted(unreadable, 'user')} could not be understood.",
            "Rows that match them fail. Send the maintainers what this command prints.",
        )  # fmt: skip
    strange = sorted({name for user in users for name in _unknown(user, "")})
    shape = (
        f"These fields are not known, and are sent back as they are: {', '.join(strange)}."
        if strange
        else "Every field of these users is known."
    )
    yield Finding("shape", FindingState.OK, shape)
    words = {
        "status": Counter(text(user.status) or "none" for user in users),
        "account type": Counter(text(user.account_type) or "none" for user in users),
        "external system": Counter(user.external_id for user in users if user.external_id),
    }
    for name, counts in words.items():
        listed = ", ".join(f"{word} {count}" for word, count in counts.most_common())
        yield Finding(name, FindingState.OK, f"{listed or 'none'}.")
    if copies := sum(bool(user.source_institution_code) for user in users):
        sentence = f"{counted(copies, 'user')} of these are copies of another institution's."
        yield Finding("linked", FindingState.OK, sentence, "No load changes them.")


def _unknown(part: RecordPart, place: str) -> Iterator[str]:
    """Yield the paths of fields that the model does not have; their values are not looked at."""
    yield from (f"{place}{name}" for name in part.model_extra or {})
    for name in part.model_fields_set & type(part).model_fields.keys():
        value = getattr(part, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, RecordPart):
                yield from _unknown(inner, f"{place}{name}.")


def _of_pin(known: str, pin_user: str) -> Iterator[Finding]:
    """Yield whether an update of an Internal user keeps the PIN."""
    if known == "show":
        yield Finding("PIN", FindingState.OK, "Alma shows PINs, so an update keeps them.")
    elif known == "hide":
        yield from consequences({"get-pin": "hide"})
    else:
        why = "has no user with this ID" if pin_user else "shows no PIN, perhaps as nobody has one"
        yield Finding(
            "PIN", FindingState.WARN, f"It is not known whether Alma shows PINs: it {why}.",
            (Choice(Do.READ_PINS), *by_hand(
                "Until then, an update of an Internal user may clear the PIN.")),
        )  # fmt: skip
