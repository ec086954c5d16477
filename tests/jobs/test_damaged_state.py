"""A damaged state of a job is never a defect of the importer, and never makes it load twice."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from errno import EACCES, EROFS
from unittest.mock import Mock

import pytest

from importer.errors import Exit, ImporterError, LedgerError
from importer.jobs.feed import Feed, FeedFile
from importer.jobs.state import JobMemory, Store
from importer.service.outcome import Ending
from importer.service.place import now
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state
from tests.jobs.office import Office, people, rows_of

ODD: tuple[object, ...] = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "\0",
    "../../x",
    "2026-11-28",
    [],
    ["a"],
    {},
    [[]],
)
"""Values in the place of others."""


def _places(value: object) -> Iterator[Callable[[object], None]]:
    """Yield what replaces each value inside of another one."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield lambda new, key=key: value.__setitem__(key, new)  # type: ignore[misc]
            yield from _places(value[key])


def _stopped(*_: str) -> Ending:
    return Ending(exit=Exit.STOPPED, error="Alma cannot be reached.")


@pytest.mark.faults
def test_no_damage_of_a_state_is_a_defect(office: Office, sandbox: Sandbox) -> None:
    """Of an open load, a last one and superseded files: each value is replaced, or bytes are."""
    office.write_job("guards: {creates: off}\n")
    office.drop(rows_of(people(19)), "patrons-0.csv")
    assert office.takes(people(20)) == Exit.DONE
    assert office.takes(people(9), "patrons-2.csv") == Exit.SAFETY_CHECK
    office.mails.clear()
    path = office.folder / "jobs" / "nightly.json"
    before, draw = path.read_bytes(), random.Random(20261128)  # noqa: S311
    count = len(list(_places(json.loads(before))))
    path_of_roster = office.inbox / "patrons-2.csv"
    roster = path_of_roster.read_bytes()
    for number in range(300):
        damaged = bytearray(before)
        if number % 3:
            values = json.loads(before)
            list(_places(values))[draw.randrange(count)](draw.choice(ODD))
            damaged = bytearray(json.dumps(values).encode())
        else:
            at = draw.randrange(len(damaged))
            damaged[at : at + draw.randrange(40)] = draw.randbytes(draw.randrange(4))
        path.write_bytes(damaged)
        if not path_of_roster.exists():
            office.drop(roster, path_of_roster.name)
        try:
            code = office.run(command=_stopped)
        except ImporterError as error:
            code = error.exit
        assert code is not Exit.BUG, damaged
    assert len(state(sandbox)) == 20


@pytest.mark.parametrize("copy", ["", "x", "../x/y", "jobs/x"])
def test_only_a_copy_of_the_job_is_deleted(copy: str, office: Office, sandbox: Sandbox) -> None:
    """A state that names another folder for its copy does not delete that one."""
    office.write_job()
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    path = office.folder / "jobs" / "nightly.json"
    values = json.loads(path.read_text())
    values["open"] |= {"step": "picked-up", "run": "", "summary": None}
    values["open"]["files"][0]["copied_to"] = copy
    path.write_text(json.dumps(values))
    office.run(command=_stopped)
    assert (office.folder / "small.yaml").is_file()
    assert (office.inbox / "patrons-1.csv").is_file()
    assert path.is_file()


def test_a_job_of_the_same_name_has_no_part_in_a_load(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """Run from one folder, it would load the files of the other one with its own mapping."""
    office.write_job()
    assert office.takes(people(40)) == Exit.SAFETY_CHECK
    (other := office.folder / "students").mkdir()
    text = (office.folder / "nightly.yaml").read_text("utf-8")
    (other / "nightly.yaml").write_text(text.replace("incoming/", "students/"), "utf-8")
    for words in (("run",), ("allow", "--why", "x"), ("skip", "--why", "x")):
        got = typed("job", words[0], "students/nightly.yaml", *words[1:])
        assert (got.exit, "has the name of another job" in got.err) == (Exit.USAGE, True)
        # renamed, the job whose memory this is would have none
        assert "Rename students/nightly.yaml: " in got.err
    checked = typed("job", "check", "students/nightly.yaml")
    assert (checked.exit, "another job" in checked.out) == (Exit.USAGE, True)
    assert "another job" not in typed("job", "check", "nightly.yaml").out
    (shown,) = typed("job", "list", "students", "--json").summary["jobs"]
    assert ("another job" in shown["headline"], shown["allow"]) == (True, "")
    (office.folder / "nightly.yaml").rename(other / "nightly.yaml")  # it was only moved
    assert typed("job", "allow", "students/nightly.yaml", "--why", "x").exit == Exit.DONE
    assert state(sandbox) == {}


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such links")
def test_a_job_behind_a_link_is_the_same_job_in_each_release(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """`current` leads to the folder of the newest release, and the one before stays.

    Also after somebody ran the job there by its real path.
    """
    office.write_job(max_age="26h")
    link = office.folder / "current"
    for release in ("1", "2"):
        (folder := office.folder / "releases" / release).mkdir(parents=True)
        for name in ("nightly.yaml", "small.yaml"):
            shutil.copy(office.folder / name, folder)
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
        for path in ("current", f"{link}", f"releases/{release}"):
            office.drop(rows_of(people(3)), f"patrons-{release}.csv")
            assert typed("job", "run", f"{path}/nightly.yaml").exit == Exit.DONE


@pytest.mark.parametrize(
    ("what", "fails", "said"),
    [
        ("os.access", Mock(return_value=False), "chown"),
        ("FileLock.acquire", Mock(side_effect=PermissionError), "chown"),
        ("FileLock.acquire", Mock(side_effect=OSError(EROFS, "read-only")), "jobs/nightly cannot"),
    ],
)
def test_a_state_of_another_user_is_not_damaged(
    what: str, fails: Mock, said: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator ran the job once: nobody is led to delete what it remembers.

    Nor on a disk that the system has set read-only. People are notified of both.
    """
    office.write_job()
    assert office.takes(people(3)) == Exit.DONE
    monkeypatch.setattr(f"importer.jobs.state.{what}", fails)
    if what == "os.access":  # the folder, too
        monkeypatch.setattr("importer.jobs.state.Path.exists", Mock(side_effect=PermissionError))
    with pytest.raises(LedgerError, match=said) as error:
        office.run()
    assert "delete" not in str(error.value)
    assert said in str(office.mails[1]).replace("=\n", "")
    assert office.pings[-1] == "/ping/fail"


@pytest.mark.parametrize("path", ["nightly.yaml", "."])
def test_a_folder_of_another_user_is_no_defect_of_a_job(
    path: str, office: Office, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by email nor where all jobs of a folder are run."""
    office.write_job("keep: 1d\n")
    office.drop(rows_of(people(3)))
    denied = PermissionError(EACCES, "denied", "runs")
    monkeypatch.setattr("importer.jobs.run.list_runs", Mock(side_effect=denied))
    got = typed("job", "run", path)
    assert got.exit == Exit.STOPPED
    for text in (got.err, str(office.mails[-1])):
        assert "runs may not be read" in text
        assert "defect" not in text


def test_the_files_of_some_years_are_no_damage(office: Office, typed: Type) -> None:
    """As many of each of four rosters as a job remembers."""
    one = FeedFile(name="patrons-2026-01-31T0315.csv", modified=1.7e9, size=9, sha256="0" * 64)
    files = tuple(
        one.model_copy(update={"modified": 1.7e9 + n, "at": now()}) for n in range(10_000)
    )
    office.write_job()
    (office.folder / "jobs").mkdir()
    store = Store("nightly")
    store.state = JobMemory(feeds={str(n): Feed(files=files) for n in range(4)})
    store.save()
    assert Store("nightly").read().feeds["0"].files[-1].found == files[-1].found
