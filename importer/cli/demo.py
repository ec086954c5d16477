"""`make demo`: load the community sample into a practice Alma.

It runs the commands that a librarian would type, and shows them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from importer.cli.console import say
from importer.errors import Exit
from importer.sandbox.server import Options, running

ROSTER = Path("samples/community-patrons.xlsx")
MAPPING = Path("mappings/community.yaml")
ALMA = Path("runs/demo-alma.sqlite")
CODES = Path("runs/demo-codes.json")

GOOD = frozenset({Exit.DONE, Exit.ROWS_HELD})
"""The sample has rows with problems on purpose."""


def main() -> int:
    """Fetch codes, check, plan, apply; then list the files to open."""
    ALMA.parent.mkdir(exist_ok=True)
    for path in ALMA.parent.glob(f"{ALMA.name}*"):  # with what SQLite keeps beside it
        path.unlink()
    with running(Options(db=ALMA)) as base_url:
        host = base_url.removesuffix("/almaws/v1")
        say(f"A practice Alma runs on this computer at {host}.")
        env = {**os.environ, "ALMA_BASE_URL": host, "ALMA_API_KEY": "sandbox"}
        env["ALMA_RATE"] = "20"
        front = (str(ROSTER), "-m", str(MAPPING), "--codes", str(CODES))
        _run(env, "codes", "fetch", "-f", str(CODES))
        _run(env, "check", *front)
        run = _plan(env, *front)
        _run(env, "apply", run)
        _run(env, "runs")
    say()
    say("The practice Alma has stopped. To see its records again, type")
    say(f"  importer sandbox --db {ALMA}")
    say("Open these files:")
    for name in ("report.html", "rejects.xlsx", "problems.csv"):
        say(f"  {Path(run, name)}")
    return Exit.DONE


def _run(env: dict[str, str], *arguments: str) -> None:
    say(f"\n$ importer {' '.join(arguments)}")
    done = subprocess.run([sys.executable, "-m", "importer", *arguments], env=env, check=False)  # noqa: S603
    if done.returncode not in GOOD:
        sys.exit(done.returncode)


def _plan(env: dict[str, str], *front: str) -> str:
    """Plan with --json to get the run's name, then show the plan."""
    say(f"\n$ importer plan {' '.join(front)}")
    command = [sys.executable, "-m", "importer", "plan", *front, "--json"]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode not in GOOD:
        sys.stderr.write(done.stderr)
        sys.exit(done.returncode)
    run = str(json.loads(done.stdout)["run"])
    subprocess.run([sys.executable, "-m", "importer", "report", run], env=env, check=False)  # noqa: S603
    return run


if __name__ == "__main__":
    sys.exit(main())
