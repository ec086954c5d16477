"""`doctor --probe` measures each uncertain fact, and leaves no user behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.facts import Facts
from importer.alma.pacing import RateLimiter
from importer.alma.probe import EXPERIMENTS, probe
from importer.errors import UsageError
from importer.sandbox.configuration import SWITCHES
from importer.sandbox.server import Options, running

_NOT_BY_THE_API = {
    *("original-value", "sis-empty-sticky", "sis-edited-names", "sis-unmatched"),
    "environment",
}
_USUAL = {name: switch.values[0] for name, switch in SWITCHES.items()}


_KEY = {"Authorization": "apikey sandbox"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One practice Alma with two patrons for all measurements."""
    with running(Options(rate=None, seed_users=2)) as base_url:
        yield base_url


def _measure(url: str) -> Facts:
    async def run() -> Facts:
        limiter = RateLimiter(10_000)
        async with Alma(f"{url}/almaws/v1", SecretStr("sandbox"), limiter) as alma:
            return await probe(alma, "SIS", lambda _done, _of: None)

    return asyncio.run(run())


def _set(url: str, switches: dict[str, str]) -> None:
    body = {"switches": _USUAL | switches, "remaining": 10_000}
    httpx.post(f"{url}/_sandbox/settings", json=body, headers=_KEY).raise_for_status()


def _users(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{url}/_sandbox/state", headers=_KEY).json()["users"]
    return found


def test_every_fact_has_an_experiment() -> None:
    """Only the SIS load and what staff do cannot be measured through the API."""
    assert EXPERIMENTS.keys() | _NOT_BY_THE_API == SWITCHES.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, switch in SWITCHES.items()
        for value in switch.values[1:]
        if name not in _NOT_BY_THE_API
    ],
)
def test_the_probe_finds_exactly_the_switch(url: str, name: str, value: str) -> None:
    """With one switch flipped the probe reports that one and no other; all users are deleted."""
    _set(url, {name: value})
    before = _users(url)
    facts = _measure(url)
    assert facts.unclear == {}
    assert {n: v for n, v in facts.facts.items() if v != _USUAL[n]} == {name: value}
    assert _users(url) == before


def test_what_the_api_does_not_show_changes_no_fact(url: str) -> None:
    """Rules of the SIS load and of staff's edits, all flipped, leave every fact as usual."""
    _set(url, {n: SWITCHES[n].values[-1] for n in _NOT_BY_THE_API - {"environment"}})
    assert _measure(url).facts.items() <= _USUAL.items()


def test_the_probe_refuses_a_production_environment(url: str) -> None:
    """Nothing is created there."""
    _set(url, {"environment": "production"})
    with pytest.raises(UsageError, match="sandbox environment only"):
        _measure(url)


def test_the_probe_says_when_its_users_are_refused(url: str) -> None:
    """If Alma takes none of its users, the probe stops with Alma's code and what to do."""
    _set(url, {})
    rules = {"rules": [{"on": "POST", "path": "/users", "do": "refuse", "code": "401664"}]}
    httpx.post(f"{url}/_sandbox/faults", json=rules, headers=_KEY)
    try:
        with pytest.raises(UsageError, match="401664"):
            _measure(url)
    finally:
        httpx.post(f"{url}/_sandbox/faults", headers=_KEY)
