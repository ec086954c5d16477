"""Check the connection to Alma, the key, the code tables and the facts in a handful of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Literal

from importer.alma.client import Alma
from importer.alma.facts import MEASURABLE, Facts, facts_for
from importer.alma.models import Institution
from importer.errors import AlmaError, Exit, UnavailableError
from importer.model.fields import CodeTables
from importer.model.text import counted

CLOCK_TOLERANCE = 300
"""Seconds by which the two clocks may differ."""


class State(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, with its result and advice, blank if there is nothing to do.

    `exit` is the code with which a load would end because of it.
    """

    name: str
    state: State
    sentence: str
    advice: str = ""
    exit: Exit = Exit.DONE

    def as_json(self) -> dict[str, str]:
        """Return it as JSON values, without the exit code."""
        return {
            "name": self.name,
            "state": self.state,
            "sentence": self.sentence,
            "advice": self.advice,
        }


async def examine(
    alma: Alma, codes: CodeTables, files: Mapping[Path, Facts], today: date
) -> tuple[Finding, ...]:
    """Check the key, its rights, the institution, the clock, the code tables and saved facts.

    An AlmaError becomes a finding.
    """
    institution, code = await _institution(alma)
    if institution.exit is Exit.STOPPED:
        return replace(institution, name="connection"), _codes(codes, "", today)
    clock, tables = _clock(alma.clock_offset), _codes(codes, code, today)
    key = Finding("key", State.OK, "An API key is set.")
    reading = await reading_right(alma)
    writing = await _right(alma, "POST", "write users")
    if reading.sentence == writing.sentence == institution.sentence:  # it is not a right
        advice = "Copy the key again from developers.exlibrisgroup.com, or make a new one."
        return replace(institution, name="key", advice=advice), clock, tables
    facts = fact_findings(files, code) if code else ()
    return key, reading, writing, institution, clock, tables, *facts


async def reading_right(alma: Alma) -> Finding:
    """Return whether the key may read users; a GET."""
    return await _right(alma, "GET", "read users")


async def _right(alma: Alma, method: Literal["GET", "POST"], name: str) -> Finding:
    try:
        await alma.check_access(method)
    except AlmaError as error:
        down = isinstance(error, UnavailableError)
        advice = "" if down else f"Give the key the right to {name} in the area Users."
        return Finding(name, State.BAD, str(error), advice, error.exit)
    return Finding(name, State.OK, f"The key may {name}.")


async def _institution(alma: Alma) -> tuple[Finding, str]:
    try:
        general = await alma.general()
    except AlmaError as error:
        down = isinstance(error, UnavailableError)
        advice = "" if down else "Give the key the right to read in the area Configuration."
        return Finding("institution", State.BAD, str(error), advice, error.exit), ""
    return whose(general), general.code


def whose(general: Institution) -> Finding:
    """Return whose Alma it is."""
    name = general.name or general.code
    sentence = f"{name} ({general.code}), {general.environment or 'environment not known'}."
    live = general.environment == "production"
    advice = "This is the production Alma: patrons see what is applied here." if live else ""
    return Finding("institution", State.OK, sentence, advice)


def _clock(offset: float | None) -> Finding:
    if offset is None:
        return Finding("clock", State.WARN, "Alma's reply has no date.")
    if abs(offset) > CLOCK_TOLERANCE:
        way = "behind" if offset > 0 else "ahead of"
        minutes = round(abs(offset) / 60)
        sentence = f"This computer's clock is {minutes} minutes {way} Alma's."
        return Finding("clock", State.WARN, sentence, "Set the computer's clock.")
    return Finding("clock", State.OK, "This computer's clock agrees with Alma's.")


def _codes(codes: CodeTables, institution: str, today: date) -> Finding:
    age = codes.age(today)
    state, advice, exit_code = State.OK, "Run `importer codes fetch`.", Exit.DONE
    if not codes.tables:
        state = State.WARN
        sentence = "No code tables are saved, so `check` cannot find wrong codes."
    elif institution and codes.institution and institution != codes.institution:
        state, exit_code = State.BAD, Exit.USAGE
        sentence = f"The saved code tables belong to {codes.institution}, not to {institution}."
    elif age is None:
        sentence = "The saved code tables were written by hand."
    else:
        days = "today" if age == 0 else f"{counted(age, 'day')} ago"
        sentence = f"The saved code tables were fetched {days}."
        state = State.WARN if codes.old(today) else State.OK
    return Finding("code tables", state, sentence, advice if state != State.OK else "", exit_code)


_CONSEQUENCES = {
    ("get-pin", "hide"): (
        "Alma does not show PINs, so an update of an Internal user clears the PIN.",
        "Map `pin_number` with `on_update: replace`. Without it, the safety check `pins` stops "
        "every apply that does so.",
    ),
    ("rename-by-put", "refuse"): (
        "Alma does not change a primary ID through the API.",
        "Do not use `--as rename` or `id_change: rename`; change the ID in Alma by hand.",
    ),
    ("put-roles", "ignore"): (
        "Alma ignores roles in an update, so `patron_role` has no effect.",
        "",
    ),
    ("external-group", "kept"): (
        "Alma changes the user group of External users only if it is overridden, as every plan "
        "now does. A group that someone edited in Alma stays.",
        "",
    ),
    ("inactive-identifiers", "hide"): (
        "Alma finds no user by an inactive ID, so an old card matches nobody.",
        "",
    ),
    ("mandatory-email", "on"): (
        "Alma refuses users without an email.",
        "Set `required: true` for the email in the mapping.",
    ),
}
"""What a fact means for a load, and what to do, if the importer does not expect it."""


_ADVICE = {
    "get-pin": "See whether Alma shows PINs: `importer doctor --first-contact --pin-user ID`.",
    "": "On a sandbox environment, measure with `importer doctor --probe`.",
}
"""How to learn a fact that a plan depends on; the last line is for all others."""


def fact_findings(files: Mapping[Path, Facts], institution: str) -> Iterator[Finding]:
    """Yield which facts count for this institution, what they mean, and which are not known."""
    known = facts_for(files, institution)
    for state, sentences in ((State.OK, known.used), (State.WARN, known.unused)):
        for sentence in sentences:
            yield Finding("facts", state, sentence)
    yield from consequences(known.values)
    missing = [name for name in MEASURABLE if name not in known.values]
    if files and missing:
        advice = _ADVICE.get(missing[0] if len(missing) == 1 else "", _ADVICE[""])
        yield Finding("facts", State.WARN, f"Not known here: {', '.join(missing)}.", advice)


def consequences(values: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the facts mean for loads."""
    for name, value in values.items():
        if (name, value) in _CONSEQUENCES:
            yield Finding(name, State.WARN, *_CONSEQUENCES[name, value])
