"""`doctor --probe` measures each uncertain fact, and leaves no user behind."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.facts import Facts
from importer.alma.pacing import RateLimiter
from importer.alma.probe import EXPERIMENTS, LAST_NAME, probe
from importer.alma.responses import Reply
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
    with running(Options(rate=0, seed_users=2)) as base_url:
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
    return [user for user in found if user.get("status") != {"value": "DELETED", "desc": "Deleted"}]


def test_every_fact_has_an_experiment() -> None:
    """Only the SIS load and what staff do cannot be measured; the page about it lists them."""
    assert EXPERIMENTS.keys() | _NOT_BY_THE_API == SWITCHES.keys()
    page = Path(__file__).parents[2] / "docs" / "howto" / "probe.md"
    section = page.read_text("utf-8").partition("## What cannot be measured")[2]
    assert set(re.findall("`([a-z-]+)`", section.partition("##")[0])) == _NOT_BY_THE_API


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


class _Killed(BaseException):
    """The process ended."""


@pytest.mark.faults
def test_a_kill_at_any_call_leaves_one_user_at_most(url: str) -> None:
    """After each call there is one more user at most, of the probe; the next run removes it."""
    _set(url, {})
    before = _users(url)

    def left() -> list[str]:
        return [user["last_name"] for user in _users(url) if user not in before]

    async def run(most: int) -> list[list[str]]:
        """Probe, and make no call after so many; return which users were left after each."""
        after: list[list[str]] = []
        async with Alma(f"{url}/almaws/v1", SecretStr("sandbox"), RateLimiter(10_000)) as alma:
            call_once = alma.call_once

            async def watched(*words: Any, **more: Any) -> Reply:
                if len(after) == most:
                    raise _Killed
                reply = await call_once(*words, **more)
                after.append(left())
                return reply

            alma.call_once = watched  # type: ignore[method-assign]
            with contextlib.suppress(_Killed):
                await probe(alma, "SIS", lambda _done, _of: None)
        return after

    after = asyncio.run(run(1000))
    assert ({len(users) for users in after}, after[-1]) == ({0, 1}, [])
    assert {name for users in after for name in users} == {LAST_NAME}
    killed = [number for number, users in enumerate(after, start=1) if users]
    for number in (killed[0], killed[len(killed) // 2], killed[-1]):
        asyncio.run(run(number))
        assert left() == [LAST_NAME]
    asyncio.run(run(1000))
    assert _users(url) == before
