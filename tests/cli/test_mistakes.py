"""Mistakes that new users made: each message names the cause, and its advice works as written."""

from __future__ import annotations

import codecs
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS, SAMPLES

PEOPLE = ("Ana Nunez", "Bo Doe", "Cy Lee", "Di Kim", "Ed Roy", "Fay Orr", "Gus Lund", "Hana Weiss")
ROSTER = "Card,First,Last,Type,Born,Email\n" + "".join(
    f"2000112345{at:04},{name.replace(' ', ',')},{'UG' if at % 2 else 'GR'},"
    f"0{at + 1}/{at + 20}/1990,p{at}@example.org\n"
    for at, name in enumerate(PEOPLE)
)
MAPPING = """version: 1
account_type: INTERNAL
roster:
  dates: mdy
record:
  primary_id: <Card>
  first_name: <First>
  last_name: <Last>
  user_group: {from: <Type>, lookup: groups}
  birth_date: <Born>
  contact_info:
    email:
      - email_address: <Email>
        email_type: personal
lookups:
  groups:
    UG: UGRD
    GR: GRAD
"""
CODES = {"tables": {"UserGroups": {"UGRD": "Undergraduate", "GRAD": "Graduate"}}}
CHECK = ("check", "patrons.csv", "-m", "patrons.yaml")
PLAN = ("plan", "patrons.csv", "-m", "patrons.yaml")

Change = Callable[[], object]


def replaced(old: str, new: str, name: str = "patrons.yaml") -> Change:
    """Replace a text in a file, which must have it."""

    def change() -> None:
        text = Path(name).read_text("utf-8")
        assert old in text
        Path(name).write_text(text.replace(old, new), "utf-8")

    return change


def written(name: str, content: bytes | str) -> Change:
    """Write a file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda: Path(name).write_bytes(data)


def copied(source: Path, name: str) -> Change:
    """Copy a file into the folder."""
    return lambda: shutil.copy(source, name)


def by_letters() -> None:
    """What the message about a roster without headings says."""
    text = Path("patrons.yaml").read_text("utf-8")
    for letter, heading in zip("ABCDEF", ROSTER.partition("\n")[0].split(","), strict=True):
        text = text.replace(f"<{heading}>", f"<{letter}>")
    text = text.replace("  dates: mdy", "  dates: mdy\n  header: none")
    Path("patrons.yaml").write_text(text, "utf-8")


@dataclass(frozen=True)
class Mistake:
    """What was done wrong, what the message must contain, and how its advice is followed.

    `words`: of the cause and of the advice. `mended`: the command line that works after `fix`.
    `planned`: whether there is a plan to carry out.
    """

    arguments: tuple[str, ...]
    exit: Exit
    words: tuple[str, ...]
    made: Change = lambda: None
    fix: Change = lambda: None
    mended: tuple[str, ...] = ()
    planned: bool = False


def edited(old: str, new: str, *words: str, exit_code: Exit = Exit.USAGE) -> Mistake:
    """A mistake in the mapping; the advice takes it back."""
    return Mistake(CHECK, exit_code, words, replaced(old, new), replaced(new, old), CHECK)


MISTAKES = {
    # commands and options
    "a typing error in the command": Mistake(
        ("chek", "patrons.csv"), Exit.USAGE, ("'check'",), mended=CHECK
    ),
    "help as a command": Mistake(("help",), Exit.DONE, ("importer [OPTIONS] COMMAND",)),
    "a dry run": Mistake(
        (*PLAN, "--dry-run"), Exit.USAGE, ("importer plan", "dry run"), mended=PLAN
    ),
    "by force": Mistake(
        ("apply", "planned", "--force"), Exit.USAGE, ("--allow CHECK", "--yes"),
        mended=("apply", "planned", "--yes"), planned=True,
    ),
    "a limit in words": Mistake(
        ("apply", "planned", "--limit", "ten"), Exit.USAGE, ("--limit", "with digits, such as 10"),
        mended=("apply", "planned", "--limit", "10", "--yes"), planned=True,
    ),
    "swapped arguments": Mistake(
        ("check", "patrons.yaml", "-m", "patrons.csv"), Exit.USAGE, ("patrons.csv:1", "keys"),
        mended=CHECK,
    ),
    "a mapping without its ending": Mistake(
        ("check", "patrons.csv", "-m", "patrons"), Exit.USAGE,
        ("patrons does not exist", "Did you mean patrons.yaml?"), mended=CHECK,
    ),
    "a roster with another ending": Mistake(
        ("check", "patrons.xls", "-m", "patrons.yaml"), Exit.ROSTER,
        ("patrons.xls does not exist", "patrons.csv"), mended=CHECK,
    ),
    "a folder": Mistake(
        ("check", ".", "-m", "patrons.yaml"), Exit.ROSTER, ("is a folder", "Name a file in it"),
        mended=CHECK,
    ),
    "no mapping": Mistake(
        ("check", "patrons.csv"), Exit.USAGE,
        ("`importer mapping ready`", "`importer mapping new "), mended=CHECK,
    ),
    **{
        f"no rows to {command[0]}": Mistake(
            (*command, "-o", "out"), Exit.ROSTER, ("headings but no rows",),
            written("patrons.csv", ROSTER.partition("\n")[0] + "\n"),
        )
        for command in (CHECK, PLAN)
    },
    **{
        f"an address on the web to {command[0]}": Mistake(
            (*command, "https://example.org/a.xlsx"), Exit.ROSTER, ("https://example.org/a.xlsx",),
        )
        for command in (("check", "-m", "patrons.yaml"), ("mapping", "new"))
    },
    "an existing run folder": Mistake(
        (*CHECK, "-o", "full"), Exit.USAGE, ("not empty", "-o"),
        lambda: Path("full/x").mkdir(parents=True), mended=(*CHECK, "-o", "new"),
    ),
    "an existing mapping": Mistake(
        ("mapping", "new", "patrons.csv", "-o", "patrons.yaml"), Exit.USAGE,
        ("patrons.yaml already exists", "-o"),
        mended=("mapping", "new", "patrons.csv", "-o", "new.yaml"),
    ),
    "a row that is not there": Mistake(
        ("show", "run", "999"), Exit.USAGE, ("no row 999", "2 to 9"), mended=("show", "run", "9")
    ),
    "a check that is applied": Mistake(
        ("apply", "run", "--yes"), Exit.USAGE, ("is a check", "importer plan"), mended=PLAN
    ),
    "a table in lower case": Mistake(
        ("codes", "show", "usergrups"), Exit.USAGE, ("Did you mean UserGroups?",),
        mended=("codes", "show", "usergroups"),
    ),
    # the mapping
    "a heading": edited("<First>", "<Frist>", "Frist", "did you mean `First`"),
    "an indentation slip": edited(
        "  first_name", "   first_name", "patrons.yaml:7", "3 blanks before it, its neighbors 2"
    ),
    "the mapping of another roster": Mistake(
        ("check", "patrons.csv", "-m", "community.yaml"), Exit.USAGE,
        ("its headings match the mapping `patrons.yaml`", "use it with -m"),
        copied(MAPPINGS / "community.yaml", "community.yaml"), mended=CHECK,
    ),
    **{
        f"{name} with another mapping": Mistake(
            ("check", f"run/{name}", "-m", "community.yaml"), Exit.USAGE,
            ("the rejects of a run with `patrons.yaml`", "use it with -m"),
            copied(MAPPINGS / "community.yaml", "community.yaml"),
            mended=("check", f"run/{name}", "-m", "patrons.yaml"),
        )
        for name in ("rejects.xlsx", "rejects.csv")
    },
    # the roster
    "no headings": Mistake(
        CHECK, Exit.USAGE, ("looks like a person, not like headings", "`header: none`"),
        written("patrons.csv", ROSTER.partition("\n")[2]), by_letters, CHECK,
    ),
    "no code tables": Mistake(
        CHECK, Exit.DONE, ("codes were not checked", "importer codes fetch"),
        lambda: Path("codes.json").unlink(), mended=("codes", "fetch"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_explained(mistake: Mistake, folder: Path, sandbox: Sandbox) -> None:
    """The message names the cause and what to do; done as it says, the command works."""
    Path("patrons.csv").write_text(ROSTER, "utf-8")
    Path("patrons.yaml").write_text(MAPPING, "utf-8")
    Path("codes.json").write_text(json.dumps(CODES), "utf-8")
    bad = ROSTER.replace(",UG,", ",XX,", 1)
    Path("bad.csv").write_text(bad, "utf-8")
    if "run" in " ".join(mistake.arguments):
        typed("check", "bad.csv", "-m", "patrons.yaml", "-o", "run")
    if mistake.planned:
        assert typed(*PLAN, "-o", "planned").exit == Exit.DONE
    mistake.made()
    got = typed(*mistake.arguments)
    shown = " ".join((got.out + got.err).split())
    assert got.exit == mistake.exit, shown
    assert not [name for name in PEOPLE if name.split()[1] in shown]
    assert not Path("out").exists()
    missing = [word for word in mistake.words if " ".join(word.split()) not in shown]
    assert not missing, shown
    if mistake.mended:
        mistake.fix()
        mended = typed(*mistake.mended)
        expected = Exit.REJECTS if "run/rejects" in " ".join(mistake.mended) else Exit.DONE
        assert mended.exit == expected, mended.err


CONNECTIONS = {
    "no address": (
        {"ALMA_BASE_URL": None}, Exit.USAGE, ("ALMA_REGION", "ALMA_API_KEY", ".env")
    ),
    "a region that is none": (
        {"ALMA_BASE_URL": None, "ALMA_REGION": "us"}, Exit.USAGE, ("na for North America",)
    ),
    "no practice Alma": (
        {"ALMA_BASE_URL": "http://127.0.0.1:9"}, Exit.STOPPED,
        ("127.0.0.1:9", "ALMA_BASE_URL", "practice Alma"),
    ),
    "no key": ({"ALMA_API_KEY": None}, Exit.ACCESS, ("ALMA_API_KEY=", ".env")),
    "a wrong key": (
        {"ALMA_API_KEY": "canary-key"}, Exit.ACCESS, ("does not accept the API key", "ALMA_API_KEY")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "code", "words"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_an_alma_that_is_not_reached(
    settings: dict[str, str | None],
    code: Exit,
    words: tuple[str, ...],
    folder: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message names the setting, and `doctor` advises no more rights; set right, all works."""
    Path("patrons.csv").write_text(ROSTER, "utf-8")
    Path("patrons.yaml").write_text(MAPPING, "utf-8")
    with monkeypatch.context() as wrong:
        for name, value in settings.items():
            wrong.setenv(name, value) if value else wrong.delenv(name)
        got = typed(*PLAN)
        assert got.exit == code
        assert not [word for word in words if word not in got.err], got.err
        assert "canary" not in got.out + got.err
        assert not [path for path in folder.glob("runs/*") if path.is_dir()]
        doctor = typed("doctor")
        assert doctor.exit == code
        assert "right to" not in doctor.out + doctor.err
    assert typed(*PLAN).exit == Exit.DONE


def test_a_second_practice_alma(sandbox: Sandbox) -> None:
    """A port in use is perhaps that of a practice Alma that still runs."""
    port = sandbox.host.rpartition(":")[2]
    got = typed("sandbox", "--port", port)
    assert (got.exit, "--port" in got.err) == (Exit.USAGE, True)
    assert "still runs" in got.err


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
    monkeypatch.setattr("importer.service.office.saved_codes", press)
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
