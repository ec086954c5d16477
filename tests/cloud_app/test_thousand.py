"""The README's table: 1,000 patrons, loaded by the Cloud App and by the importer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import run
from importer.errors import Exit
from importer.sandbox.server import Options
from tests.practice import log_of, reached, users_of

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "user-loader"
LISTS = ("address", "email", "phone")


def _claimed() -> dict[str, tuple[str, str]]:
    """Return what the README says of the app and of the importer, by line of its table."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _lost(before: dict[str, Any], after: dict[str, Any]) -> int:
    """Return the entries of a user's lists that are no longer there."""
    kept = after["contact_info"]
    return sum(e not in kept[name] for name in LISTS for e in before["contact_info"][name])


def _deleted(side: dict[str, Any]) -> int:
    return sum(side["deleted"].values())


@pytest.mark.faults
def test_the_figures_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Calls, written records and lost entries, without a user cache at the start.

    What the app does to records is computed by `mapping import --prove`, whose agreement with the
    app's own code is tested in `test_prove.py`. Its calls and writes are no measurement: as the
    README says, it asks about each row and writes each row.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    with reached(monkeypatch, Options(rate=0, seed_users=5_000)) as url:
        before = users_of(url)
        assert run(["plan", "patrons.csv", "-m", "semester.yaml", "-o", "run"]) == Exit.DONE
        capfd.readouterr()
        prove = ["mapping", "import", "profile.json", "--prove", "patrons.csv", "--json"]
        assert run([*prove, "--mapping", "semester.yaml"]) == Exit.DONE
        rows = json.loads(capfd.readouterr().out)["rows"]
        assert run(["apply", "run", "--yes"]) == Exit.DONE
        after, calls = users_of(url), log_of(url)
    replaced = sum(
        one["field"] == "contact_info.phone" and one["importer"] != ""
        for row in rows
        for one in row["differences"]
    )
    writes = [call for call in calls if call["method"] in {"PUT", "POST"}]
    lost = sum(_lost(user, after[name]) for name, user in before.items())
    measured = {
        "API calls": (2 * len(rows), len(calls)),
        "records written": (len(rows), len(writes)),
        "addresses deleted": (sum(_deleted(row["app"]) for row in rows), lost),
        "phone numbers replaced by the profile's": (replaced, lost),
    }
    assert len(rows) == 1_000
    assert sum(_deleted(row["importer"]) for row in rows) == 0
    claimed = _claimed()
    for name, both in measured.items():
        assert tuple(f"{number:,}" for number in both) == claimed[name], name
