"""A job that is killed anywhere and run again loads its file once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ask
from tests.jobs.killed import DONE_AT_ALL
from tests.jobs.office import Office, names, people, rows_of
from tests.jobs.test_sftp import SIS

ROOT = Path(__file__).parents[2]


def _kill(office: Office, at: int) -> int:
    """Run the job until its n-th step; return how it ended."""
    command = (sys.executable, "-m", "tests.jobs.killed", str(at), "nightly.yaml")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environ, capture_output=True, check=False).returncode


def _clean(office: Office) -> None:
    for name in ("jobs", "runs", "incoming", "out"):
        shutil.rmtree(office.folder / name, ignore_errors=True)
    for name in ("incoming", "out"):
        (office.folder / name).mkdir()
    office.clear()


@pytest.mark.faults
@pytest.mark.parametrize("do", ["apply", "sis-zip"])
def test_a_killed_job_loads_once(do: str, office: Office, sandbox: Sandbox) -> None:
    """Killed after each step: one load, one or two emails, and no half zip.

    An older file is never loaded, and an email names it.
    """
    more = "do: apply\nguards: {creates: off, absent: off}\n"
    if do == "sis-zip":
        (office.folder / "small.yaml").write_text(SIS, "utf-8")
        more = "do: sis-zip\ndeliver_to: out\n"
    office.write_job(more, max_age="26h")
    for at in count(1):
        _clean(office)
        ask(sandbox, "DELETE", "log")
        office.drop(rows_of(people(3, first=10 * at)))
        older = rows_of(people(3, first=10 * at + 5))
        office.drop(older, "patrons-0.csv", age=timedelta(hours=1))
        if _kill(office, at) == DONE_AT_ALL:
            break
        assert office.run() == Exit.DONE, at
        assert names(office.inbox) == ["patrons-0.csv.superseded-", "patrons-1.csv.done-"], at
        assert 1 <= len(office.mails) <= 2, at
        assert all("patrons-0.csv (" in str(mail.get_body()) for mail in office.mails), at
        if do == "apply":
            assert [call["method"] for call in sandbox.log() if call["method"] != "GET"] == [
                "POST"
            ] * 3, at
        else:
            (delivered,) = Path("out").iterdir()
            assert zipfile.is_zipfile(delivered), at
    assert at > 10
