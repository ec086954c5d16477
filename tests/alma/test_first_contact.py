"""`doctor --first-contact` finds what reading shows, and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.doctor import READING, FirstContact, first_contact
from importer.alma.pacing import RateLimiter
from importer.sandbox.configuration import SWITCHES
from importer.sandbox.server import Options
from tests.sandbox.alma import Alma as Practice
from tests.sandbox.alma import barcode, coded, practice, student

_BY_READING = {*READING, "inactive-identifiers", "identifier-case", "get-pin"}
_USUAL = {name: switch.values[0] for name, switch in SWITCHES.items()}
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
    async def read() -> FirstContact:
        limiter = RateLimiter(10_000)
        async with Alma(f"{alma.url}/almaws/v1", SecretStr("sandbox"), limiter) as client:
            return await first_contact(client, pin_user, date(2026, 11, 28))

    alma.admin("DELETE", "/log")
    return asyncio.run(read())


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in sorted(_BY_READING) for value in SWITCHES[name].values],
)
def test_reading_finds_exactly_the_switch(patrons: Practice, name: str, value: str) -> None:
    """Of production, one switch of those that reading shows is reported, and no other changes."""
    patrons.set(switches={**_USUAL, "environment": "production", name: value})
    found = _read(patrons).facts
    assert (found.environment, found.unclear) == ("production", {})
    assert found.facts == {one: _USUAL[one] for one in _BY_READING} | {name: value}


def test_only_get_is_sent_and_nobody_is_named(patrons: Practice) -> None:
    """At most a dozen calls, all GET, and no value of a user in what is reported."""
    patrons.set(switches={**_USUAL, "environment": "production"})
    found = _read(patrons)
    methods = [call["method"] for call in patrons.log()]
    assert (set(methods), len(methods) <= 13) == ({"GET"}, True)
    assert not any(word in repr(found) for word in (_CANARY, "zz1", "zz2", "oldcard7", "4321"))


def test_what_a_page_of_users_shows(patrons: Practice) -> None:
    """Status words, external systems and copies are counted; fields are known or named."""
    patrons.set(switches={**_USUAL, "environment": "production"})
    found = {one.name: one.sentence for one in _read(patrons).findings}
    assert found["users"].startswith("Alma has 4 users; 4")
    assert (found["status"], found["external system"]) == ("ACTIVE 3, INACTIVE 1.", "SIS 2.")
    assert "refuses" in found["page"]
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
    assert "--pin-user" in pin.advice
    assert _read(patrons, "nobody").facts.unclear.keys() == {"get-pin"}
    patrons.set(switches={**_USUAL, "environment": "production"})


def test_a_key_that_may_not_read_is_reported(patrons: Practice) -> None:
    """The finding names the right; nothing is concluded from the refusal."""

    def refused(url: str) -> None:
        rules = {"rules": [{"on": "GET", "path": "/users/operation/test", "do": "unauthorized"}]}
        headers = {"Authorization": "apikey sandbox"}
        httpx.post(f"{url}/_sandbox/faults", json=rules, headers=headers)

    refused(patrons.url)
    try:
        findings = _read(patrons).findings
        assert [one.name for one in findings if one.exit] == ["read users"]
    finally:
        patrons.admin("POST", "/faults", "")
