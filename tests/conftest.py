"""Options and rules for the whole suite."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from importer.alma import client, pacing
from tests import quick

quick.begin()  # before the command line is imported

# The same examples at every run, so that a commit is green or not; a hunt draws new ones. No
# deadlines: a busy machine is no failure.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("hunt", deadline=None, suppress_health_check=[HealthCheck.too_slow])


MEMORY = Path("/dev", "shm")
"""Where Linux keeps files in memory: a commit of SQLite waits there for no disk (6 ms each)."""

if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


# Else each worker reads all tests anew, and each command that a test starts all of the importer.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites what the golden tests expect."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
    parser.addoption("--pictures", metavar="FOLDER", help="save the local page in every state")


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`, half as many tests again as there are cores: some wait for servers."""
    return (os.cpu_count() or 2) * 3 // 2


def pytest_configure(config: pytest.Config) -> None:
    """A hunt looks where nobody looked before."""
    settings.load_profile("hunt" if "hunt" in config.getoption("-m") else "same")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long hunts run only when asked for with `-m hunt`; the longest other tests come first."""
    items.sort(key=lambda item: item.path.parent.name != "web")  # or one worker ends alone
    if "hunt" in config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="a long hunt; `make hunt` runs it")
    for item in items:
        if "hunt" in item.keywords:
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """What the collected tests hold is not looked through again at each cleaning of memory."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def _no_pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls in this process do not wait for their turn, except in the tests of the pace.

    A failed call is soon repeated, as often as ever.
    """
    if request.path.parent.name != "alma":
        monkeypatch.setattr(pacing, "HEADROOM", 100)
        monkeypatch.setattr(client, "BACKOFF", tuple(one / 10 for one in client.BACKOFF))


@pytest.fixture
def open_files_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, a file that this process has open is neither deleted nor renamed."""
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("This computer has no /proc.")

    def refused(name: str, *paths: object, **folders: int | None) -> None:
        for path, folder in zip(paths, (*folders.values(), None), strict=False):
            place = Path() if folder is None else handles / str(folder)
            if not os.path.lexists(place / str(path)):
                continue
            status = (place / str(path)).lstat()
            for handle in handles.iterdir():
                if handle.exists() and os.path.samestat(handle.stat(), status):
                    raise PermissionError(13, f"{name}: the file is open", str(path))

    def careful(name: str, plain: Callable[..., None]) -> Callable[..., None]:
        def called(*paths: object, **folders: int | None) -> None:
            refused(name, *paths, **folders)
            plain(*paths, **folders)

        return called

    for name in ("unlink", "remove", "rename", "replace"):
        monkeypatch.setattr(os, name, careful(name, getattr(os, name)))
