"""A job that is killed anywhere and run again loads its file once."""

from __future__ import annotations

import shutil
import zipfile
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ask, delete, state
from tests.jobs.killed import DONE_AT_ALL, kill, lead, lead_astray
from tests.jobs.office import NOTIFY, Office, in_process, names, people, rows_of
from tests.jobs.test_sftp import SIS


def _clean(office: Office) -> None:
    for name in ("jobs", "runs", "incoming", "out", "back"):
        shutil.rmtree(office.folder / name, ignore_errors=True)
    for name in ("incoming", "out", "back"):
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
        if kill(at, office.folder) == DONE_AT_ALL:
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


@pytest.mark.parametrize(
    "stride", [pytest.param(5, marks=pytest.mark.faults), pytest.param(1, marks=pytest.mark.hunt)]
)
def test_a_feed_that_is_killed_anywhere_loads_each_file_once_and_in_its_order(
    stride: int, office: Office, sandbox: Sandbox
) -> None:
    """Two files wait; the first is held and allowed, the second has a row that the office corrects.

    Killed after each step of the job, the person or the office: the next start continues.
    """
    notify = NOTIFY.replace("  chat", "  office: [registrar@example.org]\n  chat")
    more = "every: file\ndo: apply\nguards: {creates: 2, absent: off}\nrejects_to: back\n"
    office.write_job(more, max_age="26h")
    job = office.folder / "nightly.yaml"
    job.write_text(job.read_text("utf-8").replace(NOTIFY, notify), "utf-8")
    for at in count(1, stride):
        _clean(office)
        delete_all(sandbox)
        ask(sandbox, "DELETE", "log")
        three, last = people(3), (*people(1)[0][:2], "Newname", "COMM", "", "", "")
        office.drop(rows_of(three), age=timedelta(hours=1))
        wrong = ("", "Canaria999", "Vexworthy", "COMM", "", "", "")
        office.drop(rows_of([last, *three[1:], wrong]), "patrons-2.csv")
        ended = kill(at, office.folder)
        lead(job, in_process)
        users = state(sandbox)
        assert sorted(users) == ["20001", "20002", "20003", "20999"], at
        assert users["20001"]["last_name"] == "Newname", at
        calls = [call["method"] for call in sandbox.log() if call["method"] != "GET"]
        assert calls == ["POST", "POST", "POST", "PUT", "POST"], at
        assert names(office.inbox) == ["patrons-1.csv.done-", "patrons-2.csv.done-"], at
        (done,) = (office.folder / "back").iterdir()
        assert ".done-" in done.name, at
        mails = [mail["Subject"] for mail in office.mails if "registrar" in mail["To"]]
        assert 1 <= len(mails) <= 2, at
        assert 4 <= len(office.mails) <= 6, at
        if ended == DONE_AT_ALL:
            break
    assert at > 30


@pytest.mark.parametrize(
    "stride", [pytest.param(5, marks=pytest.mark.faults), pytest.param(1, marks=pytest.mark.hunt)]
)
def test_what_is_skipped_or_corrected_too_late_is_put_aside_once(
    stride: int, office: Office, sandbox: Sandbox
) -> None:
    """Two files are loaded; a third is held and skipped; corrections of the first come too late.

    Killed after each step of the job, the person or the office: the next start continues.
    """
    office.write_job(
        "every: file\ndo: apply\nguards: {creates: off, absent: off}\nrejects_to: back\n",
        max_age="26h",
    )
    job = office.folder / "nightly.yaml"
    wrong = ("", "Canaria999", "Vexworthy", "COMM", "", "", "")
    everybody = people(20)
    changed = [(*everybody[0][:2], "Newname", *everybody[0][3:]), *everybody[1:]]
    for at in count(1, stride):
        _clean(office)
        delete_all(sandbox)
        ask(sandbox, "DELETE", "log")
        for number, rows in enumerate(([*everybody, wrong], [*changed, wrong], everybody[:5]), 1):
            office.drop(rows_of(rows), f"patrons-{number}.csv", age=timedelta(hours=4 - number))
        ended = kill(at, office.folder, "lead_astray")
        lead_astray(job, in_process)
        assert sorted(state(sandbox)) == sorted(row[0] for row in everybody), at
        calls = [call["method"] for call in sandbox.log() if call["method"] != "GET"]
        assert calls == ["POST"] * 20 + ["PUT"], at
        assert names(office.inbox) == [
            "patrons-1.csv.done-", "patrons-2.csv.done-", "patrons-3.csv.skipped-"
        ], at  # fmt: skip
        left = sorted(path.name for path in (office.folder / "back").iterdir())
        # twice where the job is killed before it remembers that: then the office saves it again
        aside = ["superseded" in name for name in left].count(True)
        assert 1 <= aside <= 2, at
        assert len(left) == aside + 1, at
        late = [mail for mail in office.mails if "Corrections came too" in str(mail.get_body())]
        assert 1 <= len(late) <= 2, at
        if ended == DONE_AT_ALL:
            break
    assert at > 20


def delete_all(sandbox: Sandbox) -> None:
    """Delete every user, so that the next attempt begins with an empty Alma."""
    for key in state(sandbox):
        delete(sandbox, key)
