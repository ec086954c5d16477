"""Commands beside the page: whether they run, and how they ended; work inside it."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from filelock import FileLock

import importer.web.drafts
from importer.loader.corrections import Correction
from importer.loader.read import read
from importer.mapper.load import examine
from importer.model.fields import NO_CODES, CodeRow, CodeTables
from importer.model.plan import Fate
from importer.model.roster import Layout, Roster
from importer.pipeline.inputs import MappedRoster, Reader, RosterRequest, read_inputs
from importer.web import drafts
from importer.web.drafts import Draft, DraftFacts
from importer.web.tasks import EXIT, KILLED, RUNNING, TASK, TASK_LOCK, Task, Tasks, _apart, run_task

PEOPLE_CSV = DraftFacts(file="people.csv", created=datetime.now(UTC))

MAPPING = """version: 1
account_type: INTERNAL
record: {primary_id: <Barcode>, first_name: <First>, last_name: <Last>, user_group: <Group>}
"""
JUST_NOW, LONG_AGO = timedelta(seconds=1), timedelta(minutes=10)


def _begun(folder: Path, ago: timedelta, *files: str) -> Task:
    """A task that was started some time ago, with these files in its folder."""
    task = Task(id="one", words=("plan",), started=datetime.now(UTC) - ago)
    (folder / task.id).mkdir(parents=True)
    (folder / task.id / TASK).write_text(task.model_dump_json(), "utf-8")
    for name in files:
        (folder / task.id / name).write_text("3" if name == EXIT else "", "utf-8")
    return task


def _draft(folder: Path, *lines: str) -> Draft:
    """A draft of a roster with the headings of the mapping."""
    draft = Draft.create(folder / "drafts", PEOPLE_CSV)
    draft.roster.write_text("\n".join(["Barcode,First,Last,Group", *lines, ""]), "utf-8")
    return draft


@pytest.mark.parametrize(
    ("ago", "files", "code"),
    [
        (JUST_NOW, (), None),
        (JUST_NOW, (TASK_LOCK,), None),  # its lock is there and not yet held
        (JUST_NOW, (TASK_LOCK, RUNNING), -1),
        (JUST_NOW, (TASK_LOCK, RUNNING, EXIT), 3),
        (LONG_AGO, (TASK_LOCK,), -1),
        (LONG_AGO, (TASK_LOCK, RUNNING, EXIT), 3),
    ],
)
def test_a_task_that_starts_is_not_taken_for_a_killed_one(
    tmp_path: Path, ago: timedelta, files: tuple[str, ...], code: int | None
) -> None:
    """Only a task that had begun, or did not begin in five minutes, was killed without a code."""
    task = _begun(tmp_path, ago, *files)
    tasks = Tasks(tmp_path, tmp_path, {})
    assert tasks.exit(task) == code
    assert list(tasks.running()) == ([task] if code is None else [])


def test_a_task_that_has_ended_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of loads asks for each load what runs and ran, where thousands have ended."""
    _begun(tmp_path, LONG_AGO, TASK_LOCK, RUNNING, EXIT)
    tasks = Tasks(tmp_path, tmp_path, {})
    assert list(tasks.running()) == []
    monkeypatch.delattr(Tasks, "find")
    assert list(tasks.running()) == []
    assert tasks.last("apply", "runs/other") is None


def test_what_was_given_up_does_not_begin_any_more(tmp_path: Path) -> None:
    """What the page said wrote nothing writes nothing, however late it comes."""
    late, early = _begun(tmp_path / "1", LONG_AGO), _begun(tmp_path / "2", JUST_NOW)
    one, two = (Tasks(tmp_path / name, tmp_path, {}) for name in "12")
    assert (one.exit(late), two.exit(early)) == (KILLED, None)
    assert run_task(tmp_path / "1" / late.id, lambda: 3) == KILLED
    assert run_task(tmp_path / "2" / early.id, lambda: 3) == 3
    assert (one.exit(late), two.exit(early)) == (KILLED, 3)


def test_a_task_runs_while_its_lock_is_held(tmp_path: Path) -> None:
    """However long ago it was started."""
    task = _begun(tmp_path, LONG_AGO, RUNNING)
    with FileLock(tmp_path / task.id / TASK_LOCK):
        assert Tasks(tmp_path, tmp_path, {}).exit(task) is None


def test_without_signals_a_task_is_stopped_by_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a command has its own console: closing that of the page ends none."""
    monkeypatch.delattr(os, "killpg")
    task, tasks = _begun(tmp_path, JUST_NOW), Tasks(tmp_path, tmp_path, {})

    def until_stopped() -> int:
        tasks.cancel(task)
        for _ in range(6000):
            time.sleep(0.01)
        return 0

    with pytest.raises(KeyboardInterrupt):
        run_task(tmp_path / task.id, until_stopped)
    monkeypatch.setattr(os, "name", "nt")
    assert _apart() == {"creationflags": 0x08000200}


def test_two_rosters_are_checked_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes memory; whoever asks for another one waits, and gets it."""
    (tmp_path / "people.yaml").write_text(MAPPING, "utf-8")
    most, now, both = 0, set(), Barrier(2)

    def counted(
        asked: RosterRequest, codes: CodeTables, today: date, reader: Reader
    ) -> MappedRoster:
        nonlocal most
        now.add(asked.roster)
        most = max(most, len(now))
        both.wait(60)  # two are under way at once
        try:
            return read_inputs(asked, codes, today, reader=reader)
        finally:
            now.remove(asked.roster)

    def rows(number: int) -> int:
        draft = _draft(tmp_path / str(number), *["1,Ana,Roe,COMM"] * number)
        checked = draft.checked(tmp_path / "people.yaml", NO_CODES, date(2026, 8, 20))
        return len(checked.decided.fates)

    monkeypatch.setattr(drafts, "read_inputs", counted)
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(rows, range(1, 7))) == [1, 2, 3, 4, 5, 6]
    assert most == 2


def test_a_roster_that_was_just_read_is_checked_without_reading_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sheet's page has read is handed over, and not kept: corrections change it."""
    mapping, reads = tmp_path / "people.yaml", 0

    def counted(file: Path, layout: Layout) -> Roster:
        nonlocal reads
        reads += 1
        return read(file, layout)

    monkeypatch.setattr(drafts, "read", counted)
    monkeypatch.setattr(importer.web.drafts, "SMALL", 0)  # corrected in place
    mapping.write_text(MAPPING, "utf-8")
    draft = _draft(tmp_path, "1001,Ana,Roe,COMM")
    document, _ = examine(mapping)
    shown = draft.read(draft.layout(document))
    checked = draft.checked(mapping, NO_CODES, date(2026, 8, 20))
    assert (reads, checked.inputs.roster is shown) == (1, True)
    checked.correct([Correction(2, "C", "Last", "Roe", "Berg", "Ana", "", "")])
    assert draft.read(draft.layout(document)).frame.at[2, 2] == "Roe"


def test_a_check_is_kept_until_something_that_it_depends_on_changes(tmp_path: Path) -> None:
    """The roster, a lookup file and code tables that were fetched again are new checks."""
    lookup = MAPPING.replace(
        "<Group>", "{from: <Group>, lookup: {file: groups.csv, key: from, value: to}}"
    )
    mapping, groups, today = tmp_path / "people.yaml", tmp_path / "groups.csv", date(2026, 8, 20)
    mapping.write_text(lookup, "utf-8")
    groups.write_text("from,to\nNeighbor,COMM\n", "utf-8")
    draft = _draft(tmp_path, "1001,Ana,Roe,Neighbor")
    codes, again, other = (
        CodeTables({"UserGroups": (CodeRow(code, "People"),)}, fetched=today)
        for code in ("COMM", "COMM", "STAFF")
    )
    first = draft.checked(mapping, codes, today)
    assert draft.checked(mapping, again, today) is first
    assert draft.checked(mapping, other, today).decided.fates == {2: Fate.REJECTED}
    groups.write_text("from,to\nNeighbor,STAFF\n", "utf-8")
    assert draft.checked(mapping, other, today).decided.fates == {2: Fate.READY}
    with draft.roster.open("a", encoding="utf-8") as file:
        file.write("1002,Bo,Berg,Neighbor\n")
    assert draft.checked(mapping, other, today).decided.fates == {2: Fate.READY, 3: Fate.READY}


def test_a_corrected_row_is_read_as_its_columns_show(tmp_path: Path) -> None:
    """One date of a column shows the order of all, also of a row that is checked alone."""
    dated = MAPPING.replace(
        "}\n",
        ", birth_date: <Born>, expiry_date: {from: <Until>, when: {Since: {before: <@today>}}}}\n",
    )
    (tmp_path / "people.yaml").write_text(dated, "utf-8")
    draft = Draft.create(tmp_path / "drafts", PEOPLE_CSV)
    rows = "Barcode,First,Last,Group,Born,Until,Since\n"
    rows += "1001,Ana,Roe,COMM,14/03/1988,31/01/2027,31/01/2020\n"
    rows += "1002,Bo,,COMM,05/06/1971,02/03/2027,01/10/2026\n"
    draft.roster.write_text(rows, "utf-8")
    today = date(2026, 8, 20)
    checked = draft.checked(tmp_path / "people.yaml", NO_CODES, today)
    assert checked.decided.fates == {2: Fate.READY, 3: Fate.REJECTED}
    made = Correction(3, "C", "Last", "", "Berg", "ana", "2030-05-13T09:00:00", "")
    checked.correct([made])
    draft.add([made])
    whole = draft.checked(tmp_path / "people.yaml", NO_CODES, today)
    assert checked.decided.fates == whole.decided.fates == {2: Fate.READY, 3: Fate.READY}


def test_a_command_that_the_system_does_not_start_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has ended, and the same can be started again at once."""

    def full(*_: object, **_more: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(subprocess, "Popen", full)
    tasks = Tasks(tmp_path / "tasks", tmp_path, {})
    with pytest.raises(OSError, match="no memory"):
        tasks.start(Task(words=("plan", "people.csv"), started=datetime.now(UTC)), "")
    assert tasks.doing(("plan", "people.csv")) is None
    last = tasks.last("plan", "people.csv")
    assert last is not None
    assert tasks.exit(last) == KILLED
