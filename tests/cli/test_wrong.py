"""What can go wrong before anything is done: one clear sentence, its exit code, nothing left."""

from __future__ import annotations

import codecs
import re
import shutil
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"

FILES = {
    "image.csv": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "empty.csv": b"",
    "swapped.yaml": b"PK\x03\x04" + bytes(64),
    "old.yaml": b"\xd0\xcf\x11\xe0" + bytes(64),
}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("plan", "nowhere.csv", "-m", COMMUNITY), Exit.ROSTER, "nowhere.csv"),
        (("check", "image.csv", "-m", COMMUNITY), Exit.ROSTER, "image.csv"),
        (("check", "empty.csv", "-m", COMMUNITY), Exit.ROSTER, "empty.csv"),
        (("check", PATRONS, "-m", ""), Exit.USAGE, ". is a folder"),
        (("check", PATRONS, "-m", "mappings"), Exit.USAGE, "mappings is a folder"),
        (("check", PATRONS, "-m", "swapped.yaml"), Exit.USAGE, "is a workbook, not a mapping"),
        (("check", PATRONS, "-m", "old.yaml"), Exit.USAGE, "is a workbook, not a mapping"),
        (("convert", PATRONS, "-m", COMMUNITY, "--to", "sis-xml", "-o", "z"), Exit.USAGE, "SIS"),
        (("check",), Exit.USAGE, "ROSTER"),
        (("check", "--what"), Exit.USAGE, "--what"),
        (("apply", "none"), Exit.USAGE, "none"),
        (("apply", "x", "--limit", "-1"), Exit.USAGE, "--limit"),
        (("apply", "x", "--allow", "foo"), Exit.USAGE, "--allow"),
        (("sandbox", "--rate", "fast"), Exit.USAGE, "--rate"),
    ],
    ids=lambda given: " ".join(map(str, given[:3])) if isinstance(given, tuple) else "",
)
def test_what_is_refused_before_anything_is_done(
    words: tuple[str | Path, ...], code: Exit, said: str, folder: Path, sandbox: Sandbox
) -> None:
    """The message names what is wrong in words for people, to machines as well; nothing is left."""
    Path("mappings").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    got = typed(*words)
    assert got.exit == code
    assert said in got.err
    assert not any(theirs in got.err for theirs in ("Value error", "Input should", "parse"))
    assert {path.name for path in folder.iterdir()} - {"runs", "codes.json"} == {"mappings", *FILES}
    assert not [path for path in folder.glob("runs/*") if path.is_dir()]
    if words[0] == "check" and len(words) == 4:
        assert typed(*words, "--json").summary["exit"] == code


def test_a_key_that_everybody_can_read(sandbox: Sandbox) -> None:
    """A key file that is open to everybody is not used: exit 9, and how to close it."""
    Path(".env").write_text("ALMA_API_KEY=sandbox\n", "utf-8")
    Path(".env").chmod(0o644)
    got = typed("codes", "fetch")
    assert (got.exit, "chmod 600 .env" in got.err) == (Exit.ACCESS, True)
    assert sandbox.log() == []
    assert typed("doctor").exit == got.exit


def test_everything_wrong_with_a_mapping_in_one_go() -> None:
    """A wrong key and a heading that the roster lacks are told together, each with its line."""
    text = COMMUNITY.read_text("utf-8")
    wrong = text.replace("  middle_name:", "  midle_name:").replace("<DOB>", "<BOD>")
    Path("wrong.yaml").write_text(wrong, "utf-8")
    got = typed("check", PATRONS, "-m", "wrong.yaml")
    assert got.exit == Exit.USAGE
    places = [line for line in got.err.splitlines() if re.search(r"wrong\.yaml:[0-9]", line)]
    found = [("midle_name" in line, "BOD" in line) for line in places]
    assert found == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (codecs.BOM_UTF16_LE + "ALMA_RATE=5".encode("utf-16-le"), "Save it again as UTF-8"),
        (b"\xff\xfe\x00A", "Save it again as UTF-8"),
        (b"ALMA_REGION=\xe9", "Save it again as UTF-8"),
        (codecs.BOM_UTF8 + b"ALMA_PLAN_DAYS=soon", "ALMA_PLAN_DAYS must be a whole number of days"),
    ],
)
def test_settings_that_cannot_be_used(content: bytes, said: str) -> None:
    """A `.env` in UTF-16, or of bytes; a wrong value is named, alone, also after a mark."""
    Path(".env").write_bytes(content)
    got = typed("codes", "fetch")
    assert got.exit == Exit.USAGE
    assert said in got.err
    assert "ALMA_RATE" not in got.err


def test_a_row_that_no_roster_has(sandbox: Sandbox) -> None:
    """However large its number: exit 2."""
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "run")
    for row in ("99999999999999999999", "9223372036854775808", "900000"):
        for words in (("show", "run", row), ("resolve", "run", row, "--as", "reject")):
            got = typed(*words)
            assert got.exit == Exit.USAGE
            assert f"has no row {row}" in got.err


@pytest.mark.parametrize("command", ["check", "apply"])
def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """It is said, to machines as well, and whether anything may have been written."""

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importer.cli.connection.find_folder", press)
    monkeypatch.setattr("importer.cli.check.saved_codes", press)
    rest = ("run",) if command == "apply" else (PATRONS, "-m", COMMUNITY)
    got = typed(command, *rest, "--json")
    assert got.summary["exit"] == got.exit == Exit.INTERRUPTED
    assert str(got.summary["error"]).startswith("Stopped.")
    assert ("Nothing was written to Alma." in got.err) is (command == "check")


@pytest.mark.parametrize("what", ["roster", "mapping"])
def test_a_stale_plan(sandbox: Sandbox, what: str) -> None:
    """A plan whose roster or mapping was changed since is not carried out: exit 5."""
    files = {"roster": Path("patrons.csv"), "mapping": Path("community.yaml")}
    shutil.copy(PATRONS, files["roster"])
    shutil.copy(COMMUNITY, files["mapping"])
    typed("plan", files["roster"], "-m", files["mapping"], "-o", "run")
    with files[what].open("a", encoding="utf-8") as file:
        file.write("\n# one line more\n" if what == "mapping" else "1,A,,B\n")
    before = len(sandbox.log())
    got = typed("apply", "run")
    assert got.exit == Exit.STALE
    assert len(sandbox.log()) == before


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ("lookup: groups", "lookup: grups", "record.user_group.lookup"),
        ("<@expiry_date>", "<@expire_date>", "record.purge_date"),
    ],
)
def test_a_name_that_the_mapping_lacks_stops_every_command(
    right: str, wrong: str, key: str, sandbox: Sandbox
) -> None:
    """An unknown lookup or field ends with its finding, before the first row."""
    Path("typo.yaml").write_text(COMMUNITY.read_text("utf-8").replace(right, wrong), "utf-8")
    for command, *more in (("check",), ("plan",), ("convert", "--to", "jsonl")):
        found = typed(command, PATRONS, "-m", "typo.yaml", *more, "-o", "out")
        assert found.exit == Exit.USAGE
        assert f": {key}: " in found.err
        assert "defect" not in found.err
    assert sandbox.log() == []
