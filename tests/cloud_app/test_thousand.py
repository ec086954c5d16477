"""The README's table: 1,000 patrons, loaded by the Cloud App and by the importer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from importer.cli.app import run
from importer.errors import Exit
from importer.sandbox.server import Options
from importer.suggest.user_loader_profile import read_profile
from tests.cloud_app.app import Record, app_record, app_update
from tests.practice import log_of, reached, users_of
from tests.sheets import read_rows

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "user-loader"


def _claimed() -> dict[str, tuple[str, str]]:
    """Return what the README says of the app and of the importer, by line of its table."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _deleted(before: Record, after: Record) -> int:
    """Return how many addresses, emails and phones a user has fewer than before."""
    kept, had = after.get("contact_info", {}), before["contact_info"]
    lists = ("address", "email", "phone")
    return sum(max(0, len(had.get(name, ())) - len(kept.get(name, ()))) for name in lists)


def _phones(user: Record) -> list[str]:
    return [phone["phone_number"] for phone in user["contact_info"].get("phone", ())]


@pytest.mark.faults
def test_the_figures_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Calls, written records and lost entries, without a user cache at the start.

    What the app does to records is emulated; that the emulation does what the app's own code did is
    tested in `test_app.py`. The app's calls and writes are no measurement: as the README says, it
    asks about each row and writes each row.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    profile, rows = read_profile(Path("profile.json")), read_rows(Path("patrons.csv"))
    with reached(monkeypatch, Options(rate=0, seed_users=5_000)) as url:
        before = users_of(url)
        assert run(["plan", "patrons.csv", "-m", "semester.yaml", "-o", "run"]) == Exit.DONE
        assert run(["apply", "run", "--yes"]) == Exit.DONE
        after, calls = users_of(url), log_of(url)
    capfd.readouterr()
    sent = {row["ID"]: app_record(profile, row) for row in rows}
    known = {name: user for name, user in before.items() if name in sent}
    by_app = {name: app_update(user, sent[name], profile.kind) for name, user in known.items()}
    writes = [call for call in calls if call["method"] in {"PUT", "POST"}]

    def deleted(stored: dict[str, Record]) -> int:
        return sum(_deleted(user, stored[name]) for name, user in known.items())

    def replaced(stored: dict[str, Record]) -> int:
        return sum(_phones(user) != _phones(stored[name]) for name, user in known.items())

    assert (len(rows), len(known)) == (1_000, 970)
    measured = {
        "API calls": (2 * len(rows), len(calls)),
        "records written": (len(rows), len(writes)),
        "addresses, emails and phones deleted": (deleted(by_app), deleted(after)),
        "phone numbers replaced by the profile's": (replaced(by_app), replaced(after)),
    }
    claimed = _claimed()
    for name, both in measured.items():
        assert tuple(f"{number:,}" for number in both) == claimed[name], name
