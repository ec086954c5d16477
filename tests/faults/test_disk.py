"""The disk is full or broken, at any write: nothing is lost, and a sentence says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from importer.errors import Exit
from tests.faults.ground import ROWS, Ground, tell

_WITHOUT_EFFECT = 4
"""Writes in a row that may fail without effect before the last one is taken to be past."""


def _broken_at(ground: Ground, folder: Path, write: int, fails: Literal["full", "io"]) -> bool:
    """Return whether a failing write has an effect; then apply again on a good disk."""
    with ground.trial(folder) as trial:
        code = trial.apply(fail_at=write, fail_with=fails, lasting=fails == "full")
        if code not in {Exit.STOPPED, Exit.REFUSED}:
            raise AssertionError((code, trial.err))
        failed = code == Exit.STOPPED or "cannot be written" in trial.err
        if failed:
            assert "folder" in trial.err or "report" in trial.err
            assert "again" in trial.err or "importer report" in trial.err
        trial.finish()
        assert ground.violations(trial) == [], f"{fails} at write {write}"
    return failed


def _loop(ground: Ground, folder: Path, fails: Literal["full", "io"], stride: int) -> int:
    """Return how many writes were tried, up to the last that stopped the run or lost a report.

    A few writes may fail without effect, such as those of the ledger's mark.
    """
    write, last = 1, 0
    while write <= last + _WITHOUT_EFFECT * stride:
        if _broken_at(ground, folder / f"{fails}{write}", write, fails):
            last = write
        write += stride
    return last


@pytest.mark.parametrize("fails", ["full", "io"])
@pytest.mark.parametrize(
    "stride",
    [pytest.param(17, marks=pytest.mark.faults), pytest.param(1, marks=pytest.mark.hunt)],
)
def test_a_write_fails(
    ground: Ground, tmp_path: Path, fails: Literal["full", "io"], stride: int
) -> None:
    """From the first write of the ledger to the last report; the full disk stays full.

    The short form lets every seventeenth write fail, the long form every one.
    """
    writes = _loop(ground, tmp_path, fails, stride)
    assert writes > 100
    if stride == 1:
        tell(f"every write, {fails}", failed=writes, rows=writes * ROWS)


def test_reports_that_cannot_be_written_are_made_again(ground: Ground, tmp_path: Path) -> None:
    """Everything was sent; `importer report` makes the files from the ledger."""
    with ground.trial(tmp_path) as trial:
        trial.apply()
        for path in (trial.folder / "run").glob("r*.*"):
            path.unlink()
        assert trial.type("report", "run", fail_at=1) == Exit.STOPPED
        assert "importer report" in trial.err
        assert trial.type("report", "run") == Exit.REFUSED
        assert (trial.folder / "run" / "report.html").exists()
        assert ground.violations(trial) == []


@pytest.mark.faults
@pytest.mark.parametrize("most", [4_096, 40_000, 150_000])
def test_no_file_may_grow(ground: Ground, tmp_path: Path, most: int) -> None:
    """The system lets no file grow beyond so many bytes: the ledger's log soon meets that."""
    with ground.trial(tmp_path) as trial:
        assert trial.apply(file_size=most) == Exit.STOPPED
        trial.finish()
        assert ground.violations(trial) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room, where this may be made."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", str(place)]
    if os.name != "posix" or shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.faults
def test_the_disk_is_full(ground: Ground, tmp_path: Path, small: Path) -> None:
    """On a file system without room nothing is sent; with room again the run goes on."""
    with ground.trial(tmp_path / "trial") as trial:
        shutil.copytree(trial.folder / "run", small / "run")
        trial.run = str(small / "run")
        filler = small / "filler"
        for leave in (0, 50_000):
            _fill(filler, leave)
            assert trial.apply() == Exit.STOPPED
            assert str(small) in trial.err
            assert trial.house.writes() == []
            filler.unlink()
        trial.finish()
        assert ground.violations(trial) == []


@pytest.mark.faults
def test_purge_frees_a_full_disk(ground: Ground, tmp_path: Path, small: Path) -> None:
    """It needs no room itself."""
    with ground.trial(tmp_path / "trial") as trial:
        trial.apply()
        shutil.copytree(trial.folder / "run", small / "run")
        _fill(small / "filler", 0)
        assert trial.type("purge", str(small / "run"), "--yes") == Exit.DONE
        assert not (small / "run").exists()


def _fill(path: Path, leave: int) -> None:
    """Take all room but so many bytes."""
    with path.open("wb") as file:
        room = shutil.disk_usage(path.parent).free - leave
        file.write(b"\0" * max(0, room))
