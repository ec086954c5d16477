"""`doctor --probe` as a command: its file, what uses the file, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, BO, ask, change, codes, load, write
from tests.command_line import typed

_HANG = {"on": "POST", "path": "/users", "nth": 5, "do": "slow", "delay": 3600}


def _users(sandbox: Sandbox) -> list[Any]:
    return list(ask(sandbox, "GET", "state")["users"])


def _posts(sandbox: Sandbox) -> list[object]:
    return [call for call in sandbox.log() if call["method"] == "POST"]


def test_the_facts_are_saved_and_used(sandbox: Sandbox) -> None:
    """The probe shows what it means for loads, and so does the doctor from then on."""
    ask(sandbox, "POST", "settings", {"switches": {"get-pin": "hide", "zero-hits": "null"}})
    probed = typed("doctor", "--probe", "--json")
    assert (probed.exit, probed.summary["facts"]["get-pin"]) == (Exit.DONE, "hide")
    saved = json.loads(Path("facts.json").read_text("utf-8"))
    assert set(saved) == {"institution", "environment", "measured", "facts", "unclear", "also_for"}
    assert _users(sandbox) == []
    examined = typed("doctor", "--json").summary["findings"]
    assert "get-pin" in {finding["name"] for finding in examined}
    shown = typed("doctor", "--probe", "--for", "01LIVE_INST")
    assert "get-pin is hide" in shown.out
    assert json.loads(Path("facts.json").read_text("utf-8"))["also_for"] == "01LIVE_INST"


def test_the_probe_does_not_run_in_production(sandbox: Sandbox) -> None:
    """In a production environment nothing but the question which one it is is sent: exit 2."""
    ask(sandbox, "POST", "settings", {"switches": {"environment": "production"}})
    refused = typed("doctor", "--probe")
    assert (refused.exit, len(sandbox.log())) == (Exit.USAGE, 1)
    assert "sandbox environment only" in refused.err
    assert not list(Path().glob("facts*"))


def test_a_probe_that_is_stopped_does_not_claim_that_nothing_was_written(sandbox: Sandbox) -> None:
    """Its users are deleted by the next one."""
    ask(sandbox, "POST", "faults", {"rules": [_HANG]})
    words = [sys.executable, "-m", "importer", "doctor", "--probe"]
    killed = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while len(_posts(sandbox)) < 5 or not _users(sandbox):
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGINT)
    ask(sandbox, "POST", "faults", {})
    _, told = killed.communicate()
    assert (killed.returncode, "next probe" in told) == (Exit.INTERRUPTED, True)
    assert "Nothing was written" not in told
    typed("doctor", "--probe")
    assert _users(sandbox) == []


def _renewed() -> Path:
    """A roster that changes an Internal user that it made."""
    roster = write(ANA)
    load(roster, "one")
    change(roster, ("COMM", "FRIEND"))
    return roster


def test_a_pin_that_may_be_hidden_is_warned_of(sandbox: Sandbox) -> None:
    """A plan says that PINs may be lost until it is known, or seen, that Alma shows them."""
    roster = _renewed()
    before = typed("plan", roster, "-m", "small.yaml", "-o", "two")
    ask(sandbox, "PATCH", "users/2001", {"pin_number": "4321"})
    seen = typed("plan", roster, "-m", "small.yaml", "-o", "three")
    ask(sandbox, "PATCH", "users/2001", {"pin_number": ""})
    assert typed("doctor", "--first-contact", "--pin-user", "2001").exit == Exit.DONE
    hidden = typed("plan", roster, "-m", "small.yaml", "-o", "four")
    assert ["set a PIN for" in run.err for run in (before, seen, hidden)] == [True, False, False]
    assert "does not show PINs" in hidden.err
    assert "set a PIN for" in Path("two/report.html").read_text("utf-8")


def test_a_hidden_pin_is_never_cleared_silently(sandbox: Sandbox) -> None:
    """With the fact `get-pin: hide`, a load and its undo stop at the safety check `pins`."""
    ask(sandbox, "POST", "settings", {"switches": {"get-pin": "hide"}})
    typed("doctor", "--probe")
    roster = _renewed()
    ask(sandbox, "PATCH", "users/2001", {"pin_number": "4321"})
    planned = typed("plan", roster, "-m", "small.yaml", "-o", "two", "--json")
    assert planned.summary["failed_checks"] == ["pins"]
    assert typed("apply", "two").exit == Exit.SAFETY_CHECK
    assert _users(sandbox)[0]["pin_number"] == "4321"
    assert typed("apply", "two", "--allow", "pins").exit == Exit.DONE
    undone = typed("undo", "two", "-o", "back", "--json")
    assert undone.summary["failed_checks"] == ["pins"]


_LEAVING = """match:
  absent:
    among: {user_group: [FRIEND]}
    set: {expiry_date: <@today>}"""
_ROADS = {
    "api": (ANAS_CHANGE, BO),
    "sis": (ANAS_CHANGE, BO),
    "resolve": (("2009", *ANA[1:3], "FRIEND", *ANA[4:]), BO),
    "leavers": (ANA,),
}
"""The roster that changes one user, by the way on which that is planned."""


@pytest.mark.parametrize("blank", ["clear", "keep", ""])
@pytest.mark.parametrize("road", _ROADS)
def test_each_road_counts_the_hidden_pins_that_it_clears(
    sandbox: Sandbox, road: str, blank: str
) -> None:
    """Also of External users, unless Alma is known to keep what is blank."""
    ask(sandbox, "POST", "settings", {"switches": {"get-pin": "hide"}})
    known = {"get-pin": "hide"} | (
        {"sticky-blank": blank, "sis-empty-sticky": blank} if blank else {}
    )
    measured = {"institution": "01SANDBOX_INST", "environment": "sandbox", "measured": "2026-11-28"}
    Path("facts.json").write_text(json.dumps({**measured, "facts": known}), "utf-8")
    roster = write(ANA, BO)
    external = ("INTERNAL", "EXTERNAL\nowning_system: SIS")
    change("small.yaml", external)
    load(roster, "one")
    typed("users", "refresh")
    write(*_ROADS[road])
    change("small.yaml", external)
    if road == "leavers":
        change("small.yaml", ("match: {by: [primary_id], possible_match: review}", _LEAVING))
    to = ("--to", "sis-xml") if road == "sis" else ()
    two = typed("plan", roster, "-m", "small.yaml", "-o", "two", "--json", *to)
    if road == "resolve":
        two = typed("resolve", "two", "2", "--as", "update", "2001", "--json")
    assert two.summary["update"] == 1, two.err
    assert ("pins" in two.summary["failed_checks"]) == (blank != "keep")
    rows = [row for row, code in codes("two") if code == "pin-cleared"]
    assert rows == [] if blank == "keep" else rows == ["absent-1" if road == "leavers" else "2"]


def test_a_plan_warns_of_a_wrong_clock(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dates that it counts from today would be wrong for everybody; Alma's replies show it."""
    roster = write(ANA)
    plan = ("plan", roster, "-m", "small.yaml", "-o")
    assert "clock" not in typed(*plan, "right").err
    theirs = lambda text: parsedate_to_datetime(text) + timedelta(days=9, hours=1)  # noqa: E731
    monkeypatch.setattr("importer.alma.client.parsedate_to_datetime", theirs)
    assert "clock is 9 days behind" in typed(*plan, "wrong").err
    assert "9 days behind" in Path("wrong/report.html").read_text("utf-8")


def test_the_replies_to_a_probe_that_fails_are_saved(sandbox: Sandbox) -> None:
    """They say why."""
    ask(sandbox, "POST", "faults", {"rules": [{"on": "POST", "do": "refuse", "code": "401664"}]})
    assert typed("doctor", "--probe").exit == Exit.USAGE
    assert "401664" in Path("facts-replies.jsonl").read_text("utf-8")
