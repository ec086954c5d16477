"""What can go wrong before anything is done: one clear sentence, its exit code, nothing left."""

from __future__ import annotations

import codecs
import os
import shutil
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.pipeline.runs import MAPPINGS, SAMPLES

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"

NOT_ROSTERS = {
    "image.csv": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "page.xlsx": b"%PDF-1.7\n" + bytes(64),
    "empty.csv": b"",
    "broken.xlsx": b"PK\x03\x04" + bytes(64),
}


def nothing_left(folder: Path) -> bool:
    """Is there no run, not even half of one?"""
    return not [path for path in (folder / "runs").glob("*") if path.is_dir()]


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_roster_that_is_not_there(
    folder: Path, typed: Type, sandbox: Sandbox, command: str
) -> None:
    """A roster that is not there: exit 4, and nothing is left."""
    got = typed(command, "nowhere.csv", "-m", COMMUNITY)
    assert got.exit == Exit.ROSTER
    assert "nowhere.csv" in got.err
    assert nothing_left(folder)


@pytest.mark.skipif(os.name != "posix", reason="other systems keep rights in another way")
@pytest.mark.parametrize(
    ("mode", "text", "refused"),
    [
        (0o644, "ALMA_API_KEY=sandbox\n", True),
        (0o640, "ALMA_API_KEY=sandbox\n", False),
        (0o600, "ALMA_API_KEY=sandbox\n", False),
        (0o644, "ALMA_RATE=50\n", False),
    ],
)
def test_a_key_that_everybody_can_read(
    folder: Path, typed: Type, sandbox: Sandbox, mode: int, text: str, *, refused: bool
) -> None:
    """A key file that is open to everybody is not used: exit 9, and how to close it."""
    env = folder / ".env"
    env.write_text(text, "utf-8")
    env.chmod(mode)
    got = typed("codes", "fetch")
    assert got.exit == (Exit.ACCESS if refused else Exit.DONE)
    assert ("chmod 600 .env" in got.err) is refused
    assert bool(sandbox.log()) is not refused
    assert typed("doctor").exit == got.exit


@pytest.mark.parametrize("name", NOT_ROSTERS)
def test_a_file_that_is_no_roster(folder: Path, typed: Type, name: str) -> None:
    """An empty file, an image, a PDF or a damaged workbook is refused whole: exit 4."""
    (folder / name).write_bytes(NOT_ROSTERS[name])
    got = typed("check", name, "-m", COMMUNITY)
    assert got.exit == Exit.ROSTER
    assert name in got.err
    assert nothing_left(folder)


def test_a_roster_that_lacks_a_mapped_column(folder: Path, typed: Type) -> None:
    """A heading that the mapping names and the roster lacks is told with those that are there."""
    (folder / "short.csv").write_text("Barcode,First Name\n20001123450011,Ana\n", "utf-8")
    got = typed("check", "short.csv", "-m", COMMUNITY)
    assert got.exit == Exit.USAGE
    assert "Last Name" in got.err
    assert "First Name" in got.err
    assert nothing_left(folder)


def test_a_mapping_with_a_typing_error(folder: Path, typed: Type) -> None:
    """An unknown key is told with its line and the nearest known one: exit 2."""
    wrong = folder / "wrong.yaml"
    wrong.write_text(COMMUNITY.read_text("utf-8").replace("  last_name:", "  lst_name:"), "utf-8")
    got = typed("check", PATRONS, "-m", wrong)
    assert got.exit == Exit.USAGE
    assert "wrong.yaml:" in got.err
    assert "last_name" in got.err
    assert nothing_left(folder)


def test_everything_wrong_with_a_mapping_in_one_go(folder: Path, typed: Type) -> None:
    """A wrong key and a heading that the roster lacks are told together, each with its line."""
    text = COMMUNITY.read_text("utf-8")
    wrong = folder / "wrong.yaml"
    wrong.write_text(
        text.replace("  middle_name:", "  midle_name:").replace("<DOB>", "<BOD>"), "utf-8"
    )
    got = typed("check", PATRONS, "-m", wrong)
    assert got.exit == Exit.USAGE
    places = [line for line in got.err.splitlines() if "wrong.yaml:" in line]
    assert [("midle_name" in line, "BOD" in line) for line in places] == [
        (True, False),
        (False, True),
    ]


def test_no_key(
    folder: Path, typed: Type, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key nothing is sent: exit 9."""
    monkeypatch.delenv("ALMA_API_KEY")
    got = typed("plan", PATRONS, "-m", COMMUNITY)
    assert got.exit == Exit.ACCESS
    assert sandbox.log() == []
    assert nothing_left(folder)


def test_wrong_key(
    folder: Path, typed: Type, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that Alma does not know: exit 9, and the key is not told."""
    monkeypatch.setenv("ALMA_API_KEY", "canary-key")
    got = typed("plan", PATRONS, "-m", COMMUNITY)
    assert got.exit == Exit.ACCESS
    assert "canary-key" not in got.out + got.err
    assert nothing_left(folder)


def test_no_answer(folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Alma that does not answer: exit 8, and nothing is left."""
    monkeypatch.setenv("ALMA_API_KEY", "sandbox")
    monkeypatch.setenv("ALMA_BASE_URL", "http://127.0.0.1:9")
    got = typed("plan", PATRONS, "-m", COMMUNITY)
    assert got.exit == Exit.STOPPED
    assert nothing_left(folder)


def test_no_alma_named(folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither region nor address: exit 2."""
    monkeypatch.setenv("ALMA_API_KEY", "sandbox")
    got = typed("plan", PATRONS, "-m", COMMUNITY)
    assert got.exit == Exit.USAGE
    assert "ALMA_REGION" in got.err


def test_errors_for_machines(typed: Type) -> None:
    """With --json the sentence and the exit code are on stdout as well."""
    got = typed("check", "nowhere.csv", "-m", COMMUNITY, "--json")
    assert got.summary["exit"] == got.exit == Exit.ROSTER


@pytest.mark.parametrize(
    "arguments", [("chek",), ("check",), ("check", "--what"), ("apply", "none")]
)
def test_wrong_usage(typed: Type, arguments: tuple[str, ...]) -> None:
    """A command line that cannot be understood: exit 2."""
    assert typed(*arguments).exit == Exit.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "x", "--limit", "many"),
        ("apply", "x", "--limit", "-1"),
        ("apply", "x", "--allow", "foo"),
        ("sandbox", "--rate", "fast"),
    ],
)
def test_a_wrong_value_is_told_in_words_for_people(typed: Type, arguments: tuple[str, ...]) -> None:
    """The flag is named, and nothing is said as the libraries say it to programmers."""
    got = typed(*arguments)
    assert got.exit == Exit.USAGE
    assert arguments[-2] in got.err
    assert not any(theirs in got.err for theirs in ("Value error", "Input should", "parse"))


def test_a_wrong_setting_is_named_with_what_it_must_be(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the settings that are wrong are spoken of."""
    monkeypatch.setenv("ALMA_PLAN_DAYS", "soon")
    got = typed("codes", "fetch")
    assert got.exit == Exit.USAGE
    assert "ALMA_PLAN_DAYS must be a whole number of days" in got.err
    assert "ALMA_RATE" not in got.err


@pytest.mark.parametrize("start", [codecs.BOM_UTF16_LE, b"\xff\xfe\x00", b"ALMA_REGION=\xe9"])
def test_settings_that_are_no_text(folder: Path, typed: Type, start: bytes) -> None:
    """A `.env` in UTF-16, or of bytes, is told with what to do: exit 2."""
    (folder / ".env").write_bytes(start + "ALMA_RATE=5".encode("utf-16-le"))
    got = typed("codes", "fetch")
    assert got.exit == Exit.USAGE
    assert "Save it again as UTF-8" in got.err


def test_a_mark_before_the_settings_is_passed_over(folder: Path, typed: Type) -> None:
    """Some editors begin what they save as UTF-8 with a mark, before the first name."""
    (folder / ".env").write_text("ALMA_PLAN_DAYS=soon", "utf-8-sig")
    assert "ALMA_PLAN_DAYS must be" in typed("codes", "fetch").err


@pytest.mark.parametrize("name", ["", ".", "mappings"])
def test_a_folder_is_no_mapping(folder: Path, typed: Type, name: str) -> None:
    """It is there, so nobody is told that it is not."""
    (folder / "mappings").mkdir()
    got = typed("check", PATRONS, "-m", name)
    assert got.exit == Exit.USAGE
    assert f"{name or '.'} is a folder" in got.err


@pytest.mark.parametrize("row", ["99999999999999999999", "9223372036854775808", "900000"])
def test_a_row_that_no_roster_has(typed: Type, sandbox: Sandbox, row: str) -> None:
    """However large its number: exit 2."""
    typed("plan", PATRONS, "-m", COMMUNITY, "-o", "run")
    for arguments in (("show", "run", row), ("resolve", "run", row, "--as", "reject")):
        got = typed(*arguments)
        assert got.exit == Exit.USAGE
        assert f"has no row {row}" in got.err


@pytest.mark.parametrize("command", ["check", "apply"])
def test_ctrl_c(typed: Type, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """It is said, to machines as well, and whether anything may have been written."""

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importer.cli.load.find_folder", press)
    monkeypatch.setattr("importer.cli.load.saved_codes", press)
    rest = ("run",) if command == "apply" else (PATRONS, "-m", COMMUNITY)
    got = typed(command, *rest, "--json")
    assert got.summary["exit"] == got.exit == Exit.INTERRUPTED
    assert str(got.summary["error"]).startswith("Stopped.")
    assert ("Nothing was written to Alma." in got.err) is (command == "check")


def test_a_command_with_a_slip_is_guessed(typed: Type) -> None:
    """And the guess ends as a question does."""
    assert "Did you mean 'check'? See: " in typed("chek").err


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_no_mapping(folder: Path, typed: Type, start: bytes) -> None:
    """Roster and mapping are easily swapped; that is said, not that letters are not UTF-8."""
    (folder / "patrons.yaml").write_bytes(start + bytes(64))
    got = typed("check", PATRONS, "-m", "patrons.yaml")
    assert got.exit == Exit.USAGE
    assert "is a workbook, not a mapping" in got.err


def test_a_folder_that_is_in_use(folder: Path, typed: Type) -> None:
    """A run never writes over what is in a folder already."""
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("dear", "utf-8")
    assert typed("check", PATRONS, "-m", COMMUNITY, "-o", "mine").exit == Exit.USAGE
    assert [path.name for path in (folder / "mine").iterdir()] == ["letter.txt"]


def test_an_internal_mapping_makes_no_sis_file(folder: Path, typed: Type) -> None:
    """The student system's load never touches Internal users: exit 2, no file."""
    got = typed("convert", PATRONS, "-m", COMMUNITY, "--to", "sis-xml", "-o", "load.zip")
    assert got.exit == Exit.USAGE
    assert not (folder / "load.zip").exists()


@pytest.mark.parametrize("what", ["roster", "mapping"])
def test_a_stale_plan(folder: Path, typed: Type, sandbox: Sandbox, what: str) -> None:
    """A plan whose roster or mapping was changed since is not carried out: exit 5."""
    files = {"roster": folder / "patrons.csv", "mapping": folder / "community.yaml"}
    shutil.copy(PATRONS, files["roster"])
    shutil.copy(COMMUNITY, files["mapping"])
    typed("plan", files["roster"], "-m", files["mapping"], "-o", "run")
    with files[what].open("a", encoding="utf-8") as file:
        file.write("\n# one line more\n" if what == "mapping" else "1,A,,B\n")
    before = len(sandbox.log())
    got = typed("apply", "run")
    assert got.exit == Exit.STALE
    assert len(sandbox.log()) == before


def test_a_check_cannot_be_applied(typed: Type, sandbox: Sandbox) -> None:
    """A check is not a plan: exit 2."""
    typed("check", PATRONS, "-m", COMMUNITY, "-o", "run")
    assert typed("apply", "run").exit == Exit.USAGE


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ("lookup: groups", "lookup: grups", "record.user_group.lookup"),
        ("<@expiry_date>", "<@expire_date>", "record.purge_date"),
    ],
)
@pytest.mark.parametrize("command", ["check", "plan", "convert"])
def test_a_name_that_the_mapping_lacks_stops_every_command(
    command: str, right: str, wrong: str, key: str, folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """An unknown lookup or field ends with its finding, before the first row."""
    root = Path(__file__).parents[2]
    text = (root / "mappings" / "community.yaml").read_text("utf-8").replace(right, wrong)
    (folder / "typo.yaml").write_text(text, "utf-8")
    more = ("--to", "jsonl", "-o", "out.jsonl") if command == "convert" else ("-o", "run")
    found = typed(command, root / "samples" / "community-patrons.csv", "-m", "typo.yaml", *more)
    assert found.exit == Exit.USAGE
    assert f": {key}: " in found.err
    assert "defect" not in found.err
    assert sandbox.log() == []
