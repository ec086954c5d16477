"""`doctor --probe` measures each uncertain fact, and leaves no user behind."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.facts import Facts
from importer.alma.pacing import RateLimiter
from importer.alma.probe import EXPERIMENTS, probe
from importer.errors import UsageError
from importer.sandbox.server import Options, running
from importer.sandbox.switches import SWITCHES

_NOT_BY_THE_API = {"original-value", "sis-empty-sticky", "sis-unmatched", "environment"}
_USUAL = {name: switch.values[0] for name, switch in SWITCHES.items()}


def _measure(url: str) -> Facts:
    async def run() -> Facts:
        limiter = RateLimiter(50)
        async with Alma(f"{url}/almaws/v1", SecretStr("sandbox"), limiter) as alma:
            return await probe(alma, "SIS", lambda _done, _of: None)

    return asyncio.run(run())


def _users(url: str) -> list[dict[str, Any]]:
    state = httpx.get(
        f"{url}/_sandbox/state",
        headers={"Authorization": "apikey sandbox"},
    )
    found: list[dict[str, Any]] = state.json()["users"]
    return found


def test_every_fact_has_an_experiment() -> None:
    """Only the SIS load and what staff do cannot be measured through the API."""
    assert EXPERIMENTS.keys() | _NOT_BY_THE_API == SWITCHES.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, switch in SWITCHES.items() for value in switch.values[1:]],
)
def test_the_probe_finds_exactly_the_switch(name: str, value: str) -> None:
    """With one switch flipped the probe reports that one and no other; all users are deleted."""
    with running(Options(rate=None, seed_users=2, switches={name: value})) as url:
        before = _users(url)
        if name == "environment":
            with pytest.raises(UsageError, match="sandbox environment only"):
                _measure(url)
            return
        facts = _measure(url)
        assert facts.unclear == {}
        different = {n: v for n, v in facts.facts.items() if v != _USUAL[n]}
        assert different == ({} if name in _NOT_BY_THE_API else {name: value})
        assert _users(url) == before


def test_the_probe_says_when_its_users_are_refused() -> None:
    """If Alma takes none of its users, the probe stops with Alma's code and what to do."""
    with running(Options(rate=None)) as url:
        rules = {"rules": [{"on": "POST", "path": "/users", "do": "refuse", "code": "401664"}]}
        key = {"Authorization": "apikey sandbox"}
        httpx.post(f"{url}/_sandbox/faults", json=rules, headers=key)
        with pytest.raises(UsageError, match="401664"):
            _measure(url)
