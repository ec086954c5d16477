"""What check, plan, apply and undo leave of every sample is on file.

`make golden` rewrites the files; read the diff before you keep it. Facts that differ by machine,
day and version are replaced by fixed words.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shutil import copytree

import pytest

from importer import cli, service
from importer.cli.app import run
from importer.errors import Exit
from tests.practice import call, reached, users_of

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent
SAMPLES = ROOT / "samples"
MAPPINGS = {
    "community-patrons.csv": "community.yaml",
    "community-patrons.xlsx": "community.yaml",
    "students-and-staff.xlsx": "students-and-staff.yaml",
}
OF_JOBS = {
    "new-students.csv", "reciprocal-borrowers.csv", "renewals.csv", "self-registration.csv",
}  # fmt: skip
"""Samples of a few rows, whose loads `tests/cli/test_ready_mappings.py` follows."""
NAMES = sorted(MAPPINGS)

REMEMBERED = {"community-patrons.xlsx"}
"""Samples whose earlier load is remembered, so that what staff edited since stays."""

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
KNOWN = 14
"""This many patrons of a sample are in Alma before the load."""

FILES = ("terminal.txt", "summary.json", "problems.csv", "rejects.csv", "report.html")

NEUTRAL = (
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:PORT"),
    (r"\b[0-9a-f]{12}…", "SHA-256…"),
    (r"alma-roster-importer \S+?(?=<)", "alma-roster-importer VERSION"),
    (r"[\d,]+(?= of today(?:'|&#39;)s calls)", "N"),
    (r'"left": \d+', '"left": 0'),
    (r"(?m) +$", ""),
    (r"(?s)<(style|script)>.*?</", r"<\1></"),
    (r"'sha256-[^']*'", "'sha256-HASH'"),
)
"""What differs from run to run, and what stands for it in the files."""


def test_every_sample_is_golden() -> None:
    """No sample without an expectation, no expectation without a sample."""
    samples = {path.name for path in SAMPLES.iterdir() if path.suffix in {".csv", ".xlsx"}}
    assert sorted(path.name for path in GOLDEN.glob("*.*/")) == NAMES
    assert samples == {*NAMES, *OF_JOBS}


@pytest.fixture
def alma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty practice Alma on a fixed day; the working folder holds the sample and mappings."""
    names = [
        found.name
        for package in (cli, service)
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    for module in [import_module(name) for name in names]:  # all are imported before any is changed
        for name, fixed in (("now", lambda: NOW), ("operator", lambda: "librarian@desk")):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fixed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name, folder in (("samples", SAMPLES), ("mappings", ROOT / "mappings")):
        copytree(folder, tmp_path / name)  # copied, so that every path is under this folder
    with reached(monkeypatch) as host:
        yield host


def _left_by(folder: Path, terminal: str) -> dict[str, str]:
    """The files of a run's folder and what was on the terminal, without what differs."""
    texts = {"terminal.txt": terminal}
    for name in FILES[1:]:
        if (folder / name).exists():
            texts[name] = (folder / name).read_text("utf-8-sig")
    for pattern, words in (*NEUTRAL, (re.escape(str(Path.cwd())), "FOLDER")):
        texts = {name: re.sub(pattern, words, text) for name, text in texts.items()}
    return texts


@pytest.mark.parametrize("name", NAMES)
def test_golden(
    name: str, alma: str, capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """A load of which Alma knows some patrons: what each command shows and leaves."""

    def typed(*arguments: str) -> str:
        capfd.readouterr()
        code = run(list(arguments))
        terminal = capfd.readouterr().err
        assert code in {Exit.DONE, Exit.REJECTS}, terminal
        return f"$ importer {' '.join(arguments)}\n{terminal}(exit {int(code)})\n"

    load = (f"samples/{name}", "-m", f"mappings/{MAPPINGS[name]}")
    found: dict[str, dict[str, str]] = {}

    def keep(folder: str, *arguments: str) -> None:
        terminal = typed(*arguments)
        found[arguments[0]] = _left_by(Path(folder), terminal)

    typed("codes", "fetch")
    typed("plan", *load, "-o", "earlier")
    typed("apply", "earlier", "--limit", str(KNOWN))
    if name not in REMEMBERED:
        Path("runs", "memory.sqlite").unlink()
    ids = sorted(users_of(alma))
    assert len(ids) == KNOWN
    by_hand: list[dict[str, object]] = [
        {"last_name": "Married"},
        {"contact_info": {"email": [], "phone": [], "address": []}},
        {"expiry_date": "2026-09-01Z", "purge_date": "2027-09-01Z"},
        {"middle_name": "Q", "birth_date": "1951-02-03Z"},
    ]
    for change, primary_id in zip(by_hand, ids, strict=False):
        call(alma, "PATCH", f"/_sandbox/users/{primary_id}", change)

    keep("check", "check", *load, "-o", "check")
    keep("plan", "plan", *load, "-o", "plan")
    call(alma, "PATCH", f"/_sandbox/users/{ids[0]}", {"last_name": "Since"})
    keep("plan", "apply", "plan", "--allow", "removals", "--allow", "many-changes")
    call(alma, "PATCH", f"/_sandbox/users/{ids[1]}", {"last_name": "Again"})
    keep("undo", "undo", "plan", "--delete-created", "-o", "undo")

    for command, texts in found.items():
        expected = GOLDEN / name / command
        if request.config.getoption("--update-golden"):
            expected.mkdir(parents=True, exist_ok=True)
            for old in expected.iterdir():
                old.unlink()
            for file, text in texts.items():
                (expected / file).write_text(text, "utf-8")
        assert sorted(path.name for path in expected.iterdir()) == sorted(texts)
        for file, text in texts.items():
            assert text == (expected / file).read_text("utf-8"), f"{command}: {file}"
