"""A run's folder: a new one is private, an existing one is never changed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from importer.errors import UsageError
from importer.ledger.ledger import FILE
from importer.pipeline.runs import find_folder, new_folder, new_run

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
ROSTER = "Community Patrons"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_folder_is_private_and_named_after_the_roster() -> None:
    """Two runs of the same minute get two folders."""
    first = new_folder(ROSTER, NOW, None)
    second = new_folder(ROSTER, NOW, None)
    assert (str(first), str(second)) == (
        "runs/2026-08-20T0930-community-patrons",
        "runs/2026-08-20T0930-community-patrons-2",
    )
    assert _mode(first) == _mode(second) == 0o700


def test_a_folder_that_is_not_empty_is_refused_and_not_changed(tmp_path: Path) -> None:
    """A shared folder keeps its mode and its content when it is named by mistake."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "x").write_text("x")
    shared.chmod(0o2775)
    with pytest.raises(UsageError, match="not empty"):
        new_folder(ROSTER, NOW, shared)
    assert _mode(shared) == 0o2775
    assert [path.name for path in shared.iterdir()] == ["x"]


def test_an_empty_folder_is_used_and_folders_above_a_new_one_are_made(tmp_path: Path) -> None:
    """The mode of the first is its owner's decision; only the run's own folder is private."""
    empty, deep = tmp_path / "empty", tmp_path / "a" / "b"
    empty.mkdir(mode=0o750)
    for folder, mode in ((empty, _mode(empty)), (deep, 0o700)):
        assert new_folder(ROSTER, NOW, folder) == folder
        assert _mode(folder) == mode


def test_a_command_that_fails_spares_the_run_of_another(tmp_path: Path) -> None:
    """A folder belongs to the first command that makes a run in it, empty or not."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with new_run(ROSTER, NOW, empty):
        with pytest.raises(UsageError, match="not empty"), new_run(ROSTER, NOW, empty):
            pass
        (empty / FILE).write_text("the first one's", "utf-8")
    with pytest.raises(UsageError, match="not empty"), new_run(ROSTER, NOW, empty):
        pass
    assert [path.name for path in empty.iterdir()] == [FILE]


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300, "a\0b"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    """A file, an impossible name or a name that is too long: one sentence, exit 2."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError):
        new_folder(ROSTER, NOW, tmp_path / name)


@pytest.mark.parametrize("wanted", [None, Path("runs"), Path("runs/new")])
@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("share/not-mounted")])
def test_a_file_or_a_link_to_nothing_in_place_of_a_folder_is_refused(
    make: Callable[[Path], None], wanted: Path | None
) -> None:
    """As with a share that is not mounted: the sentence names what is there; nothing is made."""
    make(Path("runs"))
    with pytest.raises(UsageError, match=r"\bruns\b"):
        new_folder(ROSTER, NOW, wanted)
    assert [path.name for path in Path().iterdir()] == ["runs"]


@pytest.mark.parametrize("name", ["nothing", "x" * 300, "a\0b"])
def test_an_unknown_run_is_a_wrong_argument(name: str) -> None:
    """Whatever was typed in place of a run's name."""
    with pytest.raises(UsageError, match="There is no run"):
        find_folder(name)


def test_a_roster_in_place_of_a_run_is_planned_first(tmp_path: Path) -> None:
    """Whoever types the roster after `apply` reads what comes before."""
    (roster := tmp_path / "patrons.csv").touch()
    with pytest.raises(UsageError, match="Plan the roster first"):
        find_folder(str(roster))
