"""A job that is killed anywhere and run again loads its file once."""

from __future__ import annotations

import shutil
import zipfile
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.campus.retiring import MAPPING as MAPPING_TO_RETIRE
from tests.campus.retiring import record
from tests.cli.conftest import Sandbox
from tests.cli.small import ask, delete, state
from tests.jobs.killed import DONE_AT_ALL, kill, lead, lead_astray
from tests.jobs.office import NOTIFY, Office, SshServer, in_process, names, people, rows_of
from tests.jobs.test_returns import WRONG
from tests.jobs.test_several_rosters import _write_job_of_two
from tests.jobs.test_sftp import SIS
from tests.practice import call


def _clean(office: Office) -> None:
    for name in ("jobs", "runs", "incoming", "out", "back"):
        shutil.rmtree(office.folder / name, ignore_errors=True)
    for name in ("incoming", "out", "back"):
        (office.folder / name).mkdir()
    office.clear()


@pytest.mark.faults
@pytest.mark.parametrize("do", ["apply", "sis-zip", "sis-load", "retire"])
def test_a_killed_job_loads_once(
    do: str, office: Office, sandbox: Sandbox, sshd: SshServer
) -> None:
    """Killed after each step: one load, one or two emails, and no half zip, also on a server.

    An older file is never loaded, and an email names it.
    """
    more = "do: apply\nguards: {creates: off, absent: off}\n"
    if do in {"sis-zip", "sis-load"}:
        (office.folder / "small.yaml").write_text(SIS, "utf-8")
        out = "out" if do == "sis-zip" else sshd.address(office.folder / "out")
        guards = "guards: {creates: off}\n" if do == "sis-load" else ""
        more = f"do: {do}\ndeliver_to: {out}\n{guards}{sshd.login()}"
    if do == "retire":
        mapping = MAPPING_TO_RETIRE.format(if_open="hold", do="expire")
        (office.folder / "small.yaml").write_text(mapping, "utf-8")
    office.write_job(more, max_age="26h")
    for at in count(1):
        _clean(office)
        for user, first, last, *_ in people(3, first=10 * at) if do == "retire" else ():
            ended = record(user, at) | {"first_name": first, "last_name": last}
            call(sandbox.host, "POST", "/almaws/v1/users", ended)
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
        if do in {"apply", "retire"}:
            calls = [call["method"] for call in sandbox.log() if call["method"] != "GET"]
            assert calls == ["POST" if do == "apply" else "PUT"] * 3, at
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


@pytest.mark.parametrize(
    "stride", [pytest.param(7, marks=pytest.mark.faults), pytest.param(1, marks=pytest.mark.hunt)]
)
def test_rosters_of_a_server_are_loaded_once_with_their_corrections(
    stride: int, office: Office, sandbox: Sandbox, sshd: SshServer
) -> None:
    """Two rosters, each with a row that the office corrects; each load is held and allowed.

    Killed after each step of the job, the person or the office, on this computer or on the server:
    the next start continues.
    """
    more = (
        f"guards: {{creates: 0, absent: off}}\nrejects_to: {sshd.address(office.folder / 'back')}\n"
    )
    _write_job_of_two(office, more + sshd.login(), max_age="26h")
    job = office.folder / "nightly.yaml"
    notify = NOTIFY.replace("  chat", "  office: [registrar@example.org]\n  chat")
    text = job.read_text("utf-8").replace(NOTIFY, notify)
    job.write_text(text.replace("incoming/staff", sshd.address(office.inbox / "staff")), "utf-8")
    for at in count(1, stride):
        _clean(office)
        delete_all(sandbox)
        ask(sandbox, "DELETE", "log")
        for name, first in (("patrons-1.csv", 1), ("staff-1.csv", 101)):
            office.drop(rows_of([*people(3, first=first), WRONG]), name)
        office.drop(rows_of(people(9)), "staff-0.csv", age=timedelta(hours=1))
        ended = kill(at, office.folder)
        lead(job, in_process)
        ids = [row[0] for first in (1, 101) for row in people(3, first=first)]
        assert sorted(state(sandbox)) == [*ids[:3], *ids[3:], "20998", "20999"], at
        calls = [call["method"] for call in sandbox.log() if call["method"] != "GET"]
        assert calls == ["POST"] * 8, at
        assert names(office.inbox) == [
            "patrons-1.csv.done-", "staff-0.csv.superseded-", "staff-1.csv.done-"
        ], at  # fmt: skip
        left = [path.name for path in (office.folder / "back").iterdir()]
        assert [".done-" in name for name in left] == [True, True], at
        mails = [str(mail.get_body()) for mail in office.mails]
        assert any("staff-0.csv (" in mail for mail in mails), at
        told = [mail for mail in office.mails if "registrar" in mail["To"]]
        assert 1 <= len(told) <= 2, at
        loads = [mail for mail in office.mails if "written to Alma: " in mail["Subject"]]
        assert 3 <= len(loads) <= 4, at
        if ended == DONE_AT_ALL:
            break
    assert at > 40


def delete_all(sandbox: Sandbox) -> None:
    """Delete every user, so that the next attempt begins with an empty Alma."""
    for key in state(sandbox):
        delete(sandbox, key)
