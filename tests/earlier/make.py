"""Save a run, what it left and a user cache as this version of the importer writes them.

`python -m tests.earlier.make FOLDER` makes them; each change of a format adds a folder beside this
file, made just before the change.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from importer.cli.app import run
from importer.sandbox.server import Options, running
from tests.cli import small
from tests.cli.conftest import Sandbox

REJECTED = ("", "Dee", "Poe", "COMM", "1971-05-06", "dee@example.org", "")
NEW = ("2003", "Cy", "Roe", "COMM", "1970-05-06", "cy@example.org", "")
SAME_PERSON = ("2005", "Bo", "Doe", "COMM", "1980-03-04", "bo2@example.org", "")
FILES = {
    "second/ledger.sqlite": "ledger.sqlite",
    "second/ledger.mark": "ledger.mark",
    "runs/memory.sqlite": "memory.sqlite",
    "runs/decisions.sqlite": "resolutions.sqlite",  # by earlier versions, as the next
    "runs/edits.sqlite": "edits.sqlite",
    "users/edits.key": "edits.key",
    "users/01SANDBOX_INST-sandbox.sqlite": "users.sqlite",
}


def make(out: Path) -> None:
    """Load a roster twice, the second time with something of everything."""
    with TemporaryDirectory() as name, running(Options(rate=0)) as base_url:
        work = Path(name)
        os.chdir(work)
        sandbox = Sandbox(base_url.removesuffix("/almaws/v1"))
        os.environ |= {"ALMA_BASE_URL": sandbox.host, "ALMA_API_KEY": "sandbox"}
        roster = small.write(small.ANA, small.BO)
        run(["plan", str(roster), "-m", "small.yaml", "-o", "first"])
        run(["apply", "first"])
        before = small.ask(sandbox, "GET", "state")
        people = (small.ANAS_CHANGE, small.BO, NEW, REJECTED, SAME_PERSON)
        run(["plan", str(small.write(*people)), "-m", "small.yaml", "-o", "second"])
        run(["resolve", "second", "6", "--as", "reject"])
        run(["apply", "second", "--allow", "many-changes"])
        run(["users", "refresh"])
        states = {"before": before, "after": small.ask(sandbox, "GET", "state")}
        out.mkdir(parents=True, exist_ok=True)
        (out / "alma.json").write_text(json.dumps(states, indent=1) + "\n", "utf-8")
        for source, target in FILES.items():
            if not Path(source).is_file():
                continue
            if source.endswith(".sqlite"):
                _shrink(Path(source))
            shutil.copyfile(source, out / target)


def _shrink(path: Path) -> None:
    """Make the file small, and whole without its write-ahead log."""
    connection = sqlite3.connect(path, isolation_level=None)
    for words in ("journal_mode = DELETE", "page_size = 512"):
        connection.execute(f"PRAGMA {words}")
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
