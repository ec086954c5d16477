"""Ctrl-C pressed twice in a real process: exit 130, no traceback, and how to continue."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options, running
from tests.cli.conftest import Sandbox
from tests.cli.small import write
from tests.pipeline.runs import ROOT

TRIES = int(os.environ.get("SIGNAL_TRIES", "5"))
"""Processes that are stopped, all but one of them by `make faults`; a hunt sets more."""
ATTEMPTS = [0, *(pytest.param(n, marks=pytest.mark.faults) for n in range(1, TRIES))]

PEOPLE = 150
"""People of an apply that does not end before Ctrl-C, however busy the computer is."""

SCRIPT = """
import signal, sys
from importer.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
main()
"""
"""The command line, which says when Ctrl-C is ours and not yet the interpreter's."""


@dataclass(frozen=True)
class Plan:
    """A saved plan of creates, the Alma that it is for, and where it is applied."""

    folder: Path
    sandbox: Sandbox

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own."""
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "ALMA_BASE_URL": self.sandbox.host,
            "ALMA_API_KEY": "sandbox",
            "ALMA_RATE": "50",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """A plan for an Alma that takes its time."""
    folder = tmp_path_factory.mktemp("signals")
    rows = (
        (f"{3000 + n}", "Ana", f"Nunez{n}", "COMM", "1990-01-02", f"ana{n}@example.org", "")
        for n in range(PEOPLE)
    )
    write(*rows, folder=str(folder))
    with running(Options(rate=0, latency=(0.05, 0.2))) as base_url:
        plan = Plan(folder, Sandbox(base_url.removesuffix("/almaws/v1")))
        process = plan.command("plan", "people.csv", "-m", "small.yaml", "-o", "plan")
        _, told = process.communicate(timeout=120)
        assert process.returncode == Exit.DONE, told
        yield plan


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_ctrl_c_twice(plan: Plan, attempt: int) -> None:
    """Whatever is under way: connecting, sending, writing down, or closing the connections."""
    chance = random.Random(attempt)  # noqa: S311  no secret
    run = f"run{attempt}"
    shutil.copytree(plan.folder / "plan", plan.folder / run)
    calls = len(plan.sandbox.log())
    process = plan.command("apply", run)
    while len(plan.sandbox.log()) == calls and process.poll() is None:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.6))
    process.send_signal(signal.SIGINT)
    for _ in range(chance.choice((1, 1, 2))):
        time.sleep(chance.choice((0, 0.001, 0.02, chance.uniform(0, 0.5))))
        process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert "Traceback" not in out + told, told
    assert "Exception ignored" not in told, told
    assert process.returncode == Exit.INTERRUPTED, (process.returncode, told)
    ends = f"importer apply {run}", "Run the same command to continue", "nothing to continue"
    assert any(end in told for end in ends), told


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_ctrl_c_from_the_start(plan: Plan, attempt: int) -> None:
    """Also while the program still loads, and where nothing is ever written to Alma."""
    chance = random.Random(f"start {attempt}")  # noqa: S311  no secret
    command = ("check", "plan")[attempt % 2]
    process = plan.command(command, "people.csv", "-m", "small.yaml")
    time.sleep(chance.uniform(0, 0.7))
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(chance.choice((0, 0.01)))
    out, told = process.communicate(timeout=60)
    assert "Traceback" not in out + told, told
    assert process.returncode in {Exit.INTERRUPTED, Exit.DONE}, (process.returncode, told)


def test_ctrl_c_in_a_callback_is_not_lost() -> None:
    """Python drops exceptions of weak references' callbacks, and prints a traceback instead."""
    script = """
import signal, sys, time, weakref
from importer import __main__ as program
from importer.cli import app

class Thing: pass

def interrupted(_):
    raise KeyboardInterrupt

def run(arguments):
    thing = Thing()
    reference = weakref.ref(thing, interrupted)
    del thing
    time.sleep(30)

app.run = run
signal.signal(signal.SIGINT, signal.default_int_handler)
program.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (Exit.INTERRUPTED, False), done.stderr
