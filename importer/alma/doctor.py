"""Check the connection to Alma, the key and the code tables in a handful of calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from importer.alma.client import Alma
from importer.errors import AlmaError, Exit
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


async def examine(alma: Alma | None, codes: CodeTables, today: date) -> tuple[Finding, ...]:
    """Check the key, its rights, the institution, the clock and the code tables.

    `alma` is None if no key is set. An AlmaError becomes a finding.
    """
    if alma is None:
        missing = Finding(
            "key",
            State.BAD,
            "No API key is set; `check` and `convert` work without one.",
            "Make a key at developers.exlibrisgroup.com and put it into ALMA_API_KEY.",
            Exit.ACCESS,
        )
        return missing, _codes(codes, "", today)
    institution, code = await _institution(alma)
    return (
        Finding("key", State.OK, "An API key is set."),
        await _right("read users", alma.may_read),
        await _right("write users", alma.may_write),
        institution,
        _clock(alma.clock_offset),
        _codes(codes, code, today),
    )


async def _right(name: str, ask: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await ask()
    except AlmaError as error:
        advice = f"Give the key the right to {name} in the area Users, or wait if Alma is down."
        return Finding(name, State.BAD, str(error), advice, error.exit)
    return Finding(name, State.OK, f"The key may {name}.")


async def _institution(alma: Alma) -> tuple[Finding, str]:
    try:
        general = await alma.general()
    except AlmaError as error:
        advice = "Give the key the right to read in the area Configuration."
        return Finding("institution", State.BAD, str(error), advice, error.exit), ""
    name = general.name or general.code
    sentence = f"{name} ({general.code}), {general.environment or 'environment not known'}."
    if general.environment == "production":
        advice = "This is the production Alma: patrons see what is applied here."
        return Finding("institution", State.OK, sentence, advice), general.code
    return Finding("institution", State.OK, sentence), general.code


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
    advice = "Run `importer codes fetch`."
    if not codes.tables:
        sentence = "No code tables are saved, so `check` cannot find wrong codes."
        return Finding("code tables", State.WARN, sentence, advice)
    if institution and codes.institution and institution != codes.institution:
        sentence = f"The saved code tables belong to {codes.institution}, not to {institution}."
        return Finding("code tables", State.BAD, sentence, advice, Exit.USAGE)
    age = codes.age(today)
    if age is None:
        sentence = "The saved code tables were written by hand."
        return Finding("code tables", State.OK, sentence)
    days = "today" if age == 0 else f"{counted(age, 'day')} ago"
    sentence = f"The saved code tables were fetched {days}."
    if codes.old(today):
        return Finding("code tables", State.WARN, sentence, advice)
    return Finding("code tables", State.OK, sentence)
