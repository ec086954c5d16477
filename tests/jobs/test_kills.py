"""A job that is killed anywhere and run again loads its file once."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ask, delete, state
from tests.jobs.killed import DONE_AT_ALL, LEADS, kill
from tests.jobs.office import SIS, WRONG, Office, SshServer, in_process, names, people, rows_of


def _clean(office: Office, sandbox: Sandbox) -> None:
    """Begin anew: no file, no run, no user."""
    for name in ("jobs", "runs", "incoming", "out", "back"):
        shutil.rmtree(office.folder / name, ignore_errors=True)
    for name in ("incoming", "out", "back"):
        (office.folder / name).mkdir()
    for key in state(sandbox):
        delete(sandbox, key)
    ask(sandbox, "DELETE", "log")
    office.clear()


def _methods(sandbox: Sandbox) -> list[object]:
    """The methods of the calls that may have changed something."""
    return [call["method"] for call in sandbox.log() if call["method"] != "GET"]


def _killed(
    office: Office, sandbox: Sandbox, stride: int, arrive: Callable[[], None], way: str = "lead"
) -> Iterator[int]:
    """Let files arrive and kill the job at every n-th step, then go on; yield after each time."""
    for at in count(1, stride):
        _clean(office, sandbox)
        arrive()
        ended = kill(at, office.folder, way)
        LEADS[way](office.folder / "nightly.yaml", in_process)
        yield at
        if ended == DONE_AT_ALL:
            break


def _strides(often: int) -> pytest.MarkDecorator:
    """At every step in a hunt, and at every n-th one else."""
    every = pytest.param(1, marks=pytest.mark.hunt)
    return pytest.mark.parametrize("stride", [pytest.param(often, marks=pytest.mark.faults), every])


@pytest.mark.faults
@pytest.mark.parametrize("do", ["apply", "sis-load"])
def test_a_killed_job_loads_once(
    do: str, office: Office, sandbox: Sandbox, sshd: SshServer
) -> None:
    """Killed after each step: one load, one or two emails, and no half zip, also on a server.

    An older file is never loaded, and an email names it.
    """
    more = "do: apply\nguards: {creates: off, absent: off}\n"
    if do == "sis-load":
        (office.folder / "small.yaml").write_text(SIS, "utf-8")
        out = sshd.address(office.folder / "out")
        more = f"do: {do}\ndeliver_to: {out}\nguards: {{creates: off}}\n{sshd.login()}"
    office.write_job(more, max_age="26h")
    for at in count(1):
        _clean(office, sandbox)
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
            assert _methods(sandbox) == ["POST"] * 3, at
        else:
            (delivered,) = Path("out").iterdir()
            assert zipfile.is_zipfile(delivered), at
    assert at > 10


@_strides(5)
def test_a_feed_that_is_killed_anywhere_loads_each_file_once_and_in_its_order(
    stride: int, office: Office, sandbox: Sandbox
) -> None:
    """Two files wait; the first is held and allowed, the second has a row to correct.

    Killed after each step of the job or the person: the next start continues.
    """
    more = "every: file\ndo: apply\nguards: {creates: 2, absent: off}\nrejects_to: back\n"
    office.write_job(more, max_age="26h")

    def arrive() -> None:
        three, last = people(3), (*people(1)[0][:2], "Newname", "COMM", "", "", "")
        office.drop(rows_of(three), age=timedelta(hours=1))
        office.drop(rows_of([last, *three[1:], WRONG]), "patrons-2.csv")

    for at in _killed(office, sandbox, stride, arrive):
        users = state(sandbox)
        assert sorted(users) == ["20001", "20002", "20003"], at
        assert users["20001"]["last_name"] == "Newname", at
        assert _methods(sandbox) == ["POST", "POST", "POST", "PUT"], at
        assert names(office.inbox) == ["patrons-1.csv.done-", "patrons-2.csv.done-"], at
        (workbook,) = (office.folder / "back").iterdir()
        assert zipfile.is_zipfile(workbook), at
        assert 3 <= len(office.mails) <= 4, at
    assert at > 20


@_strides(5)
def test_what_is_skipped_is_put_aside_once(stride: int, office: Office, sandbox: Sandbox) -> None:
    """Two files are loaded; a third is held and skipped.

    Killed after each step of the job or the person: the next start continues.
    """
    office.write_job(
        "every: file\ndo: apply\nguards: {creates: off, absent: off}\nrejects_to: back\n",
        max_age="26h",
    )
    everybody = people(20)
    changed = [(*everybody[0][:2], "Newname", *everybody[0][3:]), *everybody[1:]]

    def arrive() -> None:
        for number, rows in enumerate(([*everybody, WRONG], [*changed, WRONG], everybody[:5]), 1):
            office.drop(rows_of(rows), f"patrons-{number}.csv", age=timedelta(hours=4 - number))

    for at in _killed(office, sandbox, stride, arrive, "lead_astray"):
        assert sorted(state(sandbox)) == sorted(row[0] for row in everybody), at
        assert _methods(sandbox) == ["POST"] * 20 + ["PUT"], at
        assert names(office.inbox) == [
            "patrons-1.csv.done-", "patrons-2.csv.done-", "patrons-3.csv.skipped-"
        ], at  # fmt: skip
        assert len(list((office.folder / "back").iterdir())) == 2, at
    assert at > 20


@_strides(7)
def test_rosters_of_a_server_are_loaded_once(
    stride: int, office: Office, sandbox: Sandbox, sshd: SshServer
) -> None:
    """Two rosters, each with a row to correct; the load is held and allowed.

    Killed after each step of the job or the person, on this computer or on the server: the next
    start continues.
    """
    more = (
        f"guards: {{creates: 0, absent: off}}\nrejects_to: {sshd.address(office.folder / 'back')}\n"
    )
    office.write_job_of_two(more + sshd.login(), max_age="26h")
    office.edit("incoming/staff", sshd.address(office.inbox / "staff"))

    def arrive() -> None:
        for name, first in (("patrons-1.csv", 1), ("staff-1.csv", 101)):
            office.drop(rows_of([*people(3, first=first), WRONG]), name)
        office.drop(rows_of(people(9)), "staff-0.csv", age=timedelta(hours=1))

    for at in _killed(office, sandbox, stride, arrive):
        ids = [row[0] for first in (1, 101) for row in people(3, first=first)]
        assert sorted(state(sandbox)) == ids, at
        assert _methods(sandbox) == ["POST"] * 6, at
        assert names(office.inbox) == [
            "patrons-1.csv.done-", "staff-0.csv.superseded-", "staff-1.csv.done-"
        ], at  # fmt: skip
        workbooks = [*(office.folder / "back").iterdir()]
        assert [zipfile.is_zipfile(path) for path in workbooks] == [True, True], at
        mails = [str(mail.get_body()) for mail in office.mails]
        assert any("staff-0.csv (" in mail for mail in mails), at
        loads = [mail for mail in office.mails if "written to Alma: " in mail["Subject"]]
        assert 1 <= len(loads) <= 2, at
    assert at > 20
