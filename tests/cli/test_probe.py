"""`doctor --probe` as a command: its file, what uses the file, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, ask, load, write

_HANG = {"on": "POST", "path": "/users", "nth": 5, "do": "slow", "delay": 3600}


def _users(sandbox: Sandbox) -> list[Any]:
    return list(ask(sandbox, "GET", "state")["users"])


def _posts(sandbox: Sandbox) -> list[object]:
    return [call for call in sandbox.log() if call["method"] == "POST"]


def test_the_facts_are_saved_and_used(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """The file sets the practice Alma's switches; the doctor says what it means for loads."""
    ask(sandbox, "POST", "settings", {"switches": {"get-pin": "hide", "zero-hits": "null"}})
    probed = typed("doctor", "--probe", "--json")
    assert (probed.exit, probed.summary["different"]) == (Exit.DONE, ["get-pin", "zero-hits"])
    saved = json.loads((folder / "facts.json").read_text("utf-8"))
    assert set(saved) == {"institution", "environment", "measured", "facts", "unclear"}
    assert _users(sandbox) == []
    examined = typed("doctor", "--json").summary["findings"]
    assert "get-pin" in {finding["name"] for finding in examined}
    shown = typed("doctor", "--probe")
    assert "get-pin is hide, not show" in shown.out
    (folder / "facts.json").write_text("{}", "utf-8")
    assert typed("sandbox", "--facts", "facts.json").exit == Exit.USAGE


def test_the_probe_does_not_run_in_production(typed: Type, sandbox: Sandbox) -> None:
    """In a production environment nothing but the question which one it is is sent: exit 2."""
    ask(sandbox, "POST", "settings", {"switches": {"environment": "production"}})
    refused = typed("doctor", "--probe")
    assert (refused.exit, len(sandbox.log())) == (Exit.USAGE, 1)
    assert "sandbox environment only" in refused.err


def test_a_killed_probe_leaves_nothing_after_the_next(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """Users of a probe that was killed are deleted by the next one, and no other user is."""
    write(folder, ANA)
    ask(sandbox, "POST", "faults", {"rules": [_HANG]})
    killed = subprocess.Popen([sys.executable, "-m", "importer", "doctor", "--probe"])
    while len(_posts(sandbox)) < 5 or not _users(sandbox):
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    ask(sandbox, "POST", "faults", {})
    assert len(_users(sandbox)) == 1
    typed("doctor", "--probe")
    assert _users(sandbox) == []


def test_a_group_that_alma_never_changes_is_overridden(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """With the fact `external-group: kept`, an update of an External user names its group."""
    ask(sandbox, "POST", "settings", {"switches": {"external-group": "kept"}})
    typed("doctor", "--probe")
    roster = write(folder, ANA)
    mapping = folder / "small.yaml"
    text = mapping.read_text("utf-8").replace("INTERNAL", "EXTERNAL\nowning_system: SIS")
    mapping.write_text(text, "utf-8")
    for run, group in (("one", "COMM"), ("two", "FRIEND")):
        roster.write_text(roster.read_text("utf-8").replace("COMM", group), "utf-8")
        typed("plan", roster, "-m", "small.yaml", "-o", run)
        assert typed("apply", run, "--allow", "many-changes").exit == Exit.DONE
    user = _users(sandbox)[0]
    assert user["user_group"]["value"] == "FRIEND"


def test_a_plan_warns_of_what_this_alma_does(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """If Alma does not show PINs, a plan reports the updates that may clear them."""
    ask(sandbox, "POST", "settings", {"switches": {"get-pin": "hide"}})
    roster = write(folder, ANA)
    load(typed, roster, "one")
    roster.write_text(roster.read_text("utf-8").replace("COMM", "FRIEND"), "utf-8")
    before = typed("plan", roster, "-m", "small.yaml", "-o", "two")
    typed("doctor", "--probe")
    after = typed("plan", roster, "-m", "small.yaml", "-o", "three")
    assert ("PIN" in before.err, "may clear their PINs" in after.err) == (False, True)
