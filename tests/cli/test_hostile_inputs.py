"""Files beside the roster that no person would write: each command ends with one sentence.

A pipe or a device must not hang a command, and a damaged file is not a defect of the importer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, ROOT, SAMPLES
from tests.zoo.books import BOOKS
from tests.zoo.specimen import Specimen
from tests.zoo.strangers import STRANGERS
from tests.zoo.texts import TEXTS

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"

DEEP = "[" * 100_000
LONG = '{"tables": {"UserGroups": {"A": ' + "9" * 5000 + "}}}"
BROKEN = '{"tables": {"UserGroups": {"A\\ud800": "x"}}}'

TOO_LONG = "x" * 5000 + ".yaml"


@pytest.mark.parametrize(
    "text", [DEEP, LONG, BROKEN, "\udcff", "[1, 2"], ids=lambda text: text[:20]
)
def test_json_that_no_person_writes(text: str) -> None:
    """Deep brackets, numbers of 5,000 digits, half characters: exit 2, and the file is named."""
    Path("file.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    for command in (
        ("check", PATRONS, "-m", COMMUNITY, "--codes", "file.json"),
        ("codes", "show", "-f", "file.json"),
        ("mapping", "check", COMMUNITY, "--codes", "file.json"),
        ("mapping", "import", "file.json"),
    ):
        got = typed(*command)
        assert got.exit == Exit.USAGE
        assert "file.json" in got.err
        assert "defect" not in got.err


@pytest.mark.parametrize("name", [TOO_LONG, "a\0b"], ids=["too long", "NUL"])
def test_names_that_are_no_file_names(name: str) -> None:
    """A name that is too long, or with a NUL: exit 2, and 4 for a roster."""
    for command, *words in (
        ("check", PATRONS, "-m", name),
        ("check", PATRONS, "-m", COMMUNITY, "--codes", name),
        ("check", PATRONS, "-m", COMMUNITY, "-o", name),
        ("mapping", "check", name),
        ("mapping", "import", name),
        ("mapping", "new", PATRONS, "-o", name),
        ("mapping", "template", COMMUNITY, "-o", f"{name}.xlsx"),
        ("codes", "show", "-f", name),
        ("report", name),
        ("show", name, "2"),
        ("convert", PATRONS, "-m", COMMUNITY, "--to", "jsonl", "-o", name),
    ):
        got = typed(command, *words)
        assert got.exit == Exit.USAGE, (command, got.err)
        assert "defect" not in got.err
    for command, *words in (
        ("check", name, "-m", COMMUNITY),
        ("mapping", "new", name),
        ("mapping", "check", COMMUNITY, name),
    ):
        got = typed(command, *words)
        assert got.exit == (Exit.USAGE if "null byte" in got.err else Exit.ROSTER)
        assert "defect" not in got.err


TYPE_IN_ALL = """
import json, sys
from importer.cli.app import run
for line in json.load(sys.stdin):
    print(int(run(line)), flush=True)
"""
"""Type one command line after another, and print their exit codes."""

WITH_A_FILE: dict[tuple[str, ...], Exit] = {
    ("check", "KIND", "-m", str(COMMUNITY)): Exit.ROSTER,
    ("mapping", "new", "KIND"): Exit.ROSTER,
    ("check", str(PATRONS), "-m", "KIND"): Exit.USAGE,
    ("check", str(PATRONS), "-m", str(COMMUNITY), "--codes", "KIND"): Exit.USAGE,
    ("codes", "show", "-f", "KIND"): Exit.USAGE,
    ("mapping", "import", "KIND"): Exit.USAGE,
    ("users", "import", "KIND"): Exit.USAGE,
    ("sandbox", "--faults", "KIND", "--port", "0"): Exit.USAGE,
}


@pytest.mark.skipif(os.name != "posix", reason="other systems have no pipes among their files")
def test_pipes_and_devices_in_place_of_files(tmp_path: Path) -> None:
    """They are refused at once, by a process of its own, as a mistake here would hang the test.

    So is a `.env` that is a pipe, or a file of certificates.
    """
    os.mkfifo(tmp_path / "pipe")
    with chdir(tmp_path), socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")  # by a short name: that of a socket has at most 107 bytes
    lines = [
        [kind if word == "KIND" else word for word in line]
        for kind in ("pipe", "/dev/urandom", "socket")
        for line in WITH_A_FILE
    ]
    settings = {"ALMA_API_KEY": "k", "ALMA_REGION": "na", "ALMA_CA_BUNDLE": "pipe"}
    codes, told = _type_in_all([*lines, ["codes", "fetch"]], tmp_path, settings)
    assert codes == [*WITH_A_FILE.values()] * 3 + [Exit.USAGE]
    assert "defect" not in told
    assert "ALMA_CA_BUNDLE" in told.splitlines()[-1]
    (tmp_path / "pipe").rename(tmp_path / ".env")
    codes, told = _type_in_all([["codes", "fetch"]], tmp_path, {})
    assert (codes, "pipe or a device" in told) == ([Exit.USAGE], True)


def _type_in_all(
    lines: list[list[str]], folder: Path, settings: dict[str, str]
) -> tuple[list[int], str]:
    """Type command lines in one process; return their exit codes, and what is on stderr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALMA_")}
    done = subprocess.run(
        [sys.executable, "-c", TYPE_IN_ALL],
        cwd=folder, env=clean | {"PYTHONPATH": str(ROOT)} | settings, input=json.dumps(lines),
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    return [int(code) for code in done.stdout.split()], done.stderr


OF_ZOO = """\
version: 1
account_type: INTERNAL
roster: {{dates: mdy}}
record:
  primary_id: <{id}>
  first_name: Ana
  last_name: <{name}>
  user_group: COMM
"""
ZOO = [one for one in [*BOOKS, *TEXTS, *STRANGERS] if "last cell" not in one.hazard]


@pytest.mark.parametrize("specimen", ZOO, ids=str)
def test_no_file_shows_a_defect_of_ours(specimen: Specimen) -> None:
    """It is checked, or refused for what it is; a first mapping is made for it, or not."""
    specimen.build(Path(specimen.name))
    ours = ("EMPL ID", "Last Name") if specimen in TEXTS else ("ID", "Name")
    Path("m.yaml").write_text(OF_ZOO.format(id=ours[0], name=ours[1]), "utf-8")
    checked = typed("check", specimen.name, "-m", "m.yaml", "-o", "run", "--json")
    assert checked.exit in {Exit.DONE, Exit.REJECTS, Exit.ROSTER, Exit.USAGE}
    if checked.exit in {Exit.DONE, Exit.REJECTS} and not specimen.refusal:
        assert checked.summary["rows"] == len([*specimen.rows, *specimen.blank, *specimen.left_out])
    made = typed("mapping", "new", specimen.name)
    assert made.exit in {Exit.DONE, Exit.ROSTER}
