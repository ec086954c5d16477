"""Files beside the roster that no person would write: each command ends with one sentence.

A pipe or a device must not hang a command, and a damaged file is not a defect of the importer.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Type
from tests.pipeline.runs import MAPPINGS, SAMPLES

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"

DEEP = "[" * 100_000
LONG = '{"tables": {"UserGroups": {"A": ' + "9" * 5000 + "}}}"
BROKEN = '{"tables": {"UserGroups": {"A\\ud800": "x"}}}'

TOO_LONG = "x" * 5000 + ".yaml"

MAPPING = """\
version: 1
account_type: INTERNAL
record:
  primary_id: <Barcode>
  first_name: <First Name>
  last_name: <Last Name>
  user_group: {from: <Patron Type>, lookup: groups}
"""


def _mapping(folder: Path, text: str) -> str:
    (folder / "m.yaml").write_text(text, "utf-8")
    return "m.yaml"


@pytest.mark.parametrize(
    "text", [DEEP, LONG, BROKEN, "\udcff", "[1, 2"], ids=lambda text: text[:20]
)
@pytest.mark.parametrize(
    "command",
    [
        ("check", PATRONS, "-m", COMMUNITY, "--codes", "file.json"),
        ("codes", "show", "-f", "file.json"),
        ("mapping", "check", COMMUNITY, "--codes", "file.json"),
        ("mapping", "import", "file.json"),
    ],
    ids=lambda command: " ".join(str(word) for word in command[:2]),
)
def test_json_that_no_person_writes(
    command: tuple[str | Path, ...], text: str, folder: Path, typed: Type
) -> None:
    """Deep brackets, numbers of 5,000 digits, half characters: exit 2, and the file is named."""
    (folder / "file.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    got = typed(*command)
    assert got.exit == Exit.USAGE
    assert "defect" not in got.err


@pytest.mark.parametrize(
    "command",
    [
        ("check", PATRONS, "-m", TOO_LONG),
        ("check", PATRONS, "-m", "a\0b"),
        ("check", PATRONS, "-m", COMMUNITY, "--codes", TOO_LONG),
        ("check", PATRONS, "-m", COMMUNITY, "--codes", "a\0b"),
        ("check", PATRONS, "-m", COMMUNITY, "-o", TOO_LONG),
        ("check", PATRONS, "-m", COMMUNITY, "-o", "a\0b"),
        ("mapping", "check", TOO_LONG),
        ("mapping", "import", TOO_LONG),
        ("mapping", "import", "a\0b"),
        ("mapping", "new", PATRONS, "-o", TOO_LONG),
        ("mapping", "new", PATRONS, "-o", "a\0b"),
        ("codes", "show", "-f", TOO_LONG),
        ("report", TOO_LONG),
        ("report", "a\0b"),
        ("show", "a\0b", "2"),
        ("convert", PATRONS, "-m", COMMUNITY, "--to", "jsonl", "-o", "a\0b"),
        ("convert", PATRONS, "-m", COMMUNITY, "--to", "jsonl", "-o", TOO_LONG),
        ("mapping", "template", COMMUNITY, "-o", "a\0b.xlsx"),
        ("mapping", "template", COMMUNITY, "-o", f"{TOO_LONG}.xlsx"),
    ],
    ids=lambda command: " ".join(str(word)[:8] for word in command).replace("\0", "NUL"),
)
def test_names_that_are_no_file_names(
    command: tuple[str | Path, ...], folder: Path, typed: Type
) -> None:
    """A name that is too long, or with a NUL: exit 2."""
    got = typed(*command)
    assert got.exit == Exit.USAGE
    assert "defect" not in got.err


@pytest.mark.parametrize("command", ["check", "mapping new", "mapping check"])
def test_a_roster_with_a_name_that_is_too_long(command: str, folder: Path, typed: Type) -> None:
    """The same for the roster, whose exit code is 4."""
    name = TOO_LONG
    lines: dict[str, tuple[str | Path, ...]] = {
        "check": ("check", name, "-m", COMMUNITY),
        "mapping new": ("mapping", "new", name),
        "mapping check": ("mapping", "check", COMMUNITY, name),
    }
    got = typed(*lines[command])
    assert got.exit == Exit.ROSTER
    assert "defect" not in got.err


@pytest.mark.parametrize(
    "text",
    [
        "extends: " + "x" * 5000 + "\n" + MAPPING,
        'extends: "a\\0b"\n' + MAPPING,
        "extends: pipe\n" + MAPPING,
        MAPPING + "lookups: {groups: {file: " + "x" * 5000 + ", key: A, value: B}}\n",
        MAPPING + 'lookups: {groups: {file: "a\\0b", key: A, value: B}}\n',
        MAPPING + "lookups: {groups: {file: pipe, key: A, value: B}}\n",
        MAPPING + "lookups: {groups: {file: /dev/zero, key: A, value: B}}\n",
        MAPPING + "lookups: {groups: {file: .env, key: A, value: B}}\n",
        MAPPING + "lookups: {groups: {A: B}}\nroster: {encoding: bz2}\n",
        MAPPING + "lookups: {groups: {A: B}}\nroster: {encoding: rot13}\n",
    ],
    ids=lambda text: text.replace(MAPPING, "")[:40],
)
@pytest.mark.parametrize("command", ["check", "mapping check"])
def test_mappings_that_name_what_is_no_file(
    command: str, text: str, folder: Path, typed: Type
) -> None:
    """A base mapping or a lookup that is a pipe, a device or no file name; odd encodings."""
    os.mkfifo(folder / "pipe")
    (folder / ".env").write_text("ALMA_API_KEY=canarykey\n")
    (folder / ".env").chmod(0o600)
    mapping = _mapping(folder, text)
    lines: dict[str, tuple[str | Path, ...]] = {
        "check": ("check", PATRONS, "-m", mapping),
        "mapping check": ("mapping", "check", mapping),
    }
    got = typed(*lines[command])
    assert got.exit == Exit.USAGE
    assert "defect" not in got.err
    assert "canarykey" not in (got.out + got.err).lower()


@pytest.mark.skipif(os.name != "posix", reason="other systems have no pipes among their files")
@pytest.mark.parametrize("kind", ["pipe", "/dev/urandom", "socket"])
@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (("check", "KIND", "-m", COMMUNITY), Exit.ROSTER),
        (("mapping", "new", "KIND"), Exit.ROSTER),
        (("check", PATRONS, "-m", "KIND"), Exit.USAGE),
        (("check", PATRONS, "-m", COMMUNITY, "--codes", "KIND"), Exit.USAGE),
        (("codes", "show", "-f", "KIND"), Exit.USAGE),
        (("mapping", "import", "KIND"), Exit.USAGE),
        (("users", "import", "KIND"), Exit.USAGE),
        (("sandbox", "--faults", "KIND", "--port", "0"), Exit.USAGE),
    ],
    ids=lambda given: " ".join(map(str, given)) if isinstance(given, tuple) else None,
)
def test_pipes_and_devices_in_place_of_files(
    command: tuple[str | Path, ...], exit_code: Exit, kind: str, tmp_path: Path
) -> None:
    """They are refused at once, by a process of its own, as a mistake here would hang the test."""
    _make(kind, tmp_path)
    line = [kind if word == "KIND" else str(word) for word in command]
    done = _run(line, tmp_path, {})
    assert done.returncode == exit_code, done.stderr
    assert "defect" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="other systems have no pipes among their files")
@pytest.mark.parametrize("name", [".env", "ca.pem"])
def test_pipes_in_place_of_settings(name: str, tmp_path: Path) -> None:
    """A `.env` or a file of certificates that is a pipe: exit 2, at once."""
    os.mkfifo(tmp_path / name)
    settings = {"ALMA_API_KEY": "k", "ALMA_REGION": "na"}
    if name == "ca.pem":
        settings["ALMA_CA_BUNDLE"] = name
    done = _run(["codes", "fetch"], tmp_path, settings)
    assert done.returncode == Exit.USAGE, done.stderr
    assert "pipe or a device" in done.stderr


def _make(kind: str, folder: Path) -> None:
    if kind == "pipe":
        os.mkfifo(folder / "pipe")
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket is at most 107 bytes long
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("socket")
        finally:
            os.chdir(here)


def _run(
    line: list[str], folder: Path, settings: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALMA_")}
    return subprocess.run(
        [sys.executable, "-m", "importer", *line],
        cwd=folder,
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
