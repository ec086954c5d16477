"""One writer of a run at a time, on this computer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from importer.errors import LedgerError
from importer.ledger.run_lock import HOLDER, LOCK, run_lock
from tests.pipeline.runs import ROOT

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from importer.ledger.run_lock import run_lock
with run_lock(Path(sys.argv[1]), "jo@desk", datetime(2026, 8, 20, 9, 30, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    """By name, and since when."""
    with (
        other(tmp_path),
        pytest.raises(LedgerError, match=r"jo@desk \(since 2026-08-20 09:30"),
        run_lock(tmp_path, "flo@desk", NOW),
    ):
        pass


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    """The system frees the lock; the next holder signs it."""
    with other(tmp_path) as process:
        process.kill()
        process.wait()
    with run_lock(tmp_path, "flo@desk", NOW):
        assert "flo@desk" in (tmp_path / HOLDER).read_text("utf-8")
    assert not (tmp_path / HOLDER).exists()


def test_an_error_lets_go(tmp_path: Path) -> None:
    """However the block ends, the next one may hold it."""

    def fail() -> None:
        with run_lock(tmp_path, "jo", NOW):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with run_lock(tmp_path, "flo", NOW):
        assert "flo" in (tmp_path / HOLDER).read_text("utf-8")


def test_a_name_that_cannot_be_read(tmp_path: Path) -> None:
    """Is another operator's; the lock counts, not the name."""
    with other(tmp_path):
        (tmp_path / HOLDER).write_text("[]", "utf-8")
        with pytest.raises(LedgerError, match="Another operator"), run_lock(tmp_path, "flo", NOW):
            pass


@pytest.mark.parametrize("name", [LOCK, HOLDER])
def test_a_folder_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    """A sentence says so; nothing is held."""
    (tmp_path / name).mkdir()
    with pytest.raises(LedgerError, match="cannot be written"), run_lock(tmp_path, "jo", NOW):
        pass
