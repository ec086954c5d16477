"""`doctor --probe` measures what a plan depends on, and leaves no user behind.

`doctor --first-contact` finds what reading shows, and writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from importer.advice import Choice, Do
from importer.alma.client import Alma
from importer.alma.doctor import FirstContact, first_contact
from importer.alma.facts import MEASURABLE, MeasuredFacts
from importer.alma.pacing import RateLimiter
from importer.alma.probe import EXPERIMENTS, LAST_NAME, probe
from importer.alma.responses import Reply
from importer.errors import UnavailableError, UsageError
from importer.sandbox.configuration import SWITCHES
from importer.sandbox.server import Options
from tests.sandbox.alma import Alma as Practice
from tests.sandbox.alma import barcode, coded, practice, student

T = TypeVar("T")

_USUAL = {name: switch.values[0] for name, switch in SWITCHES.items()}


@pytest.fixture(scope="module")
def lab() -> Iterator[Practice]:
    """One practice Alma with two patrons for all measurements."""
    with practice(Options(rate=0, daily=10**9, seed_users=2)) as alma:
        yield alma


def _asked(alma: Practice, use: Callable[[Alma], Awaitable[T]]) -> T:
    async def main() -> T:
        limiter = RateLimiter(10_000)
        async with Alma(f"{alma.url}/almaws/v1", SecretStr("sandbox"), limiter) as client:
            return await use(client)

    return asyncio.run(main())


async def _probe(alma: Alma) -> MeasuredFacts:
    return await probe(alma, "SIS", "", [], lambda _done, _of: None)


def _measure(lab: Practice, faults: str = "", **switches: str) -> MeasuredFacts:
    """Measure it with one switch flipped; `faults`: what goes wrong meanwhile."""
    lab.set(switches=_USUAL | {name.replace("_", "-"): one for name, one in switches.items()})
    lab.admin("POST", "/faults", faults and f"rules: [{faults}]")
    try:
        return _asked(lab, _probe)
    finally:
        lab.admin("POST", "/faults", "")


def _users(lab: Practice) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.admin("GET", "/state").json()["users"]
    return [user for user in found if user.get("status") != {"value": "DELETED", "desc": "Deleted"}]


def test_every_fact_that_can_be_measured_has_an_experiment() -> None:
    """Its values are those of the practice Alma's switch of the same name."""
    assert EXPERIMENTS.keys() == MEASURABLE.keys()
    assert {name: SWITCHES[name].values for name in MEASURABLE} == MEASURABLE


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in MEASURABLE.items() for value in values[1:]],
)
def test_the_probe_finds_exactly_the_switch(lab: Practice, name: str, value: str) -> None:
    """With one switch flipped the probe reports that one and no other; all users are deleted."""
    before = _users(lab)
    facts = _measure(lab, **{name: value})
    assert facts.unclear == {}
    assert facts.facts == {fact: _USUAL[fact] for fact in MEASURABLE} | {name: value}
    assert _users(lab) == before


def test_what_the_api_does_not_show_changes_no_fact(lab: Practice) -> None:
    """Everything else that is uncertain, flipped, leaves every fact as usual."""
    others = SWITCHES.keys() - MEASURABLE.keys() - {"environment"}
    flipped = {name: SWITCHES[name].values[-1] for name in others}
    assert _measure(lab, **flipped).facts == {fact: _USUAL[fact] for fact in MEASURABLE}


def test_the_probe_says_when_its_users_are_refused(lab: Practice) -> None:
    """If Alma takes none of its users, the probe stops with Alma's code and what to do."""
    with pytest.raises(UsageError, match="401664"):
        _measure(lab, '{on: POST, path: /users, do: refuse, code: "401664"}')


@pytest.mark.parametrize("fault", ["503", "html"])
def test_an_outage_is_no_fact(lab: Practice, fault: str) -> None:
    """What fails because a gateway or Alma is down is not measured."""
    facts = _measure(lab, f'{{on: PUT, do: "{fault}"}}')
    assert facts.facts.items() <= _USUAL.items()
    assert "rename-by-put" in facts.unclear


class _Killed(BaseException):
    """The process ended."""


@pytest.mark.faults
def test_a_kill_at_any_call_leaves_one_user_at_most(lab: Practice) -> None:
    """After each call there is one more user at most, of the probe; the next run removes it."""
    lab.set(switches=_USUAL)
    before = _users(lab)

    def left() -> list[str]:
        return [user["last_name"] for user in _users(lab) if user not in before]

    async def run(most: int) -> list[list[str]]:
        """Probe, and make no call after so many; return which users were left after each."""
        after: list[list[str]] = []
        async with Alma(f"{lab.url}/almaws/v1", SecretStr("sandbox"), RateLimiter(10_000)) as alma:
            call_once = alma.call_once

            async def watched(*words: Any, **more: Any) -> Reply:
                if len(after) == most:
                    raise _Killed
                reply = await call_once(*words, **more)
                after.append(left())
                return reply

            alma.call_once = watched  # type: ignore[method-assign]
            with contextlib.suppress(_Killed):
                await _probe(alma)
        return after

    after = asyncio.run(run(1000))
    assert ({len(users) for users in after}, after[-1]) == ({0, 1}, [])
    assert {name for users in after for name in users} == {LAST_NAME}
    killed = [number for number, users in enumerate(after, start=1) if users]
    for number in (killed[0], killed[len(killed) // 2], killed[-1]):
        asyncio.run(run(number))
        assert left() == [LAST_NAME]
    asyncio.run(run(1000))
    assert _users(lab) == before


_CANARY = "Kanarivogel"


@pytest.fixture(scope="module")
def patrons() -> Iterator[Practice]:
    """A practice Alma of production with four users, one of them with a PIN."""
    with practice(Options(rate=0, seed_users=2, switches={"environment": "production"})) as alma:
        ids = [barcode("oldcard7", status="INACTIVE"), barcode("abcdef7")]
        body = student(
            primary_id="zz1", last_name=_CANARY, user_identifier=ids, status=coded("INACTIVE")
        )
        alma.call("POST", "/users?source_institution_code=01X&source_user_id=7", body)
        alma.create(primary_id="zz2", pin_number="4321", first_name=_CANARY)
        yield alma


def _read(alma: Practice, pin_user: str = "zz2") -> FirstContact:
    alma.admin("DELETE", "/log")
    return _asked(alma, lambda client: first_contact(client, pin_user, date(2026, 11, 28)))


@pytest.mark.parametrize("value", SWITCHES["get-pin"].values)
def test_reading_finds_whether_pins_are_shown(patrons: Practice, value: str) -> None:
    """Of production, too, with the ID of a user who has one."""
    patrons.set(switches={**_USUAL, "environment": "production", "get-pin": value})
    found = _read(patrons).facts
    assert (found.environment, found.facts, found.unclear) == ("production", {"get-pin": value}, {})


def test_only_get_is_sent_and_nobody_is_named(patrons: Practice) -> None:
    """A few calls, all GET, and no value of a user in what is reported."""
    patrons.set(switches={**_USUAL, "environment": "production"})
    found = _read(patrons)
    methods = [call["method"] for call in patrons.log()]
    assert (set(methods), len(methods) <= 6) == ({"GET"}, True)
    assert not any(word in repr(found) for word in (_CANARY, "zz1", "zz2", "oldcard7", "4321"))


def test_what_a_page_of_users_shows(patrons: Practice) -> None:
    """Status words, external systems and copies are counted; fields are known or named."""
    patrons.set(switches={**_USUAL, "environment": "production"})
    found = {one.name: one.sentence for one in _read(patrons).findings}
    assert found["users"].startswith("Alma has 4 users; 4")
    assert (found["status"], found["external system"]) == ("ACTIVE 3, INACTIVE 1.", "SIS 2.")
    assert found["linked"].startswith("1 user ")
    assert "known" in found["shape"]


def test_three_pages_of_a_large_alma_are_read() -> None:
    """The first, a middle and the last page, so that every kind of user is seen."""
    with practice(Options(rate=0, seed_users=299)) as alma:
        found = {one.name: one.sentence for one in _read(alma, "").findings}
        offsets = [call["path"] for call in alma.log() if "offset=" in call["path"]]
    assert found["users"] == "Alma has 299 users; 299 of them were read."
    assert (found["account type"], len(offsets)) == ("EXTERNAL 199, INTERNAL 100.", 3)


def test_a_pin_is_unknown_unless_a_user_has_one(patrons: Practice) -> None:
    """Without a user who has a PIN, or an ID to try, it stays open and the command says how."""
    patrons.set(switches={**_USUAL, "get-pin": "hide", "environment": "production"})
    found = _read(patrons, "")
    assert "get-pin" not in found.facts.facts
    (pin,) = (one for one in found.findings if one.name == "PIN")
    assert Choice(Do.READ_PINS) in pin.choices
    assert _read(patrons, "nobody").facts.facts == {}
    patrons.set(switches={**_USUAL, "environment": "production"})


def test_a_key_that_may_not_read_is_reported(patrons: Practice) -> None:
    """The finding names the right; nothing is concluded from the refusal."""
    rule = "{on: GET, path: /users/operation/test, do: unauthorized}"
    patrons.admin("POST", "/faults", f"rules: [{rule}]")
    try:
        findings = _read(patrons).findings
        assert [one.name for one in findings if one.exit] == ["read users"]
    finally:
        patrons.admin("POST", "/faults", "")


def test_a_list_that_fails_is_no_alma_without_users(patrons: Practice) -> None:
    """As where whole users take the gateway too long: it is an outage, and no finding."""
    patrons.admin("POST", "/faults", "rules: [{on: GET, path: /users, do: 503}]")
    try:
        with pytest.raises(UnavailableError):
            _read(patrons)
    finally:
        patrons.admin("POST", "/faults", "")
