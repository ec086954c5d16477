"""Options of every command, help, completion, and several folders at once."""

from __future__ import annotations

import gc
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from importer.cli.app import COMMANDS, run
from importer.cli.output import PACKAGE, commit
from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, write

BAD = ("2003", "Ida", "Moss", "COMM", "no date", "", "")
CHECK = ("people.csv", "-m", "small.yaml")


def test_help_explains_commands_and_exit_codes(typed: Type) -> None:
    """`help` and `-h` show what `--help` does, and what each exit code means."""
    assert typed("check", "-h").out == typed("check", "--help").out
    assert typed("-h").out.startswith("Usage: importer")
    assert typed("help", "mapping", "new").out == typed("mapping", "new", "--help").out
    assert all(name in typed("help").out for name in COMMANDS)
    codes = [int(line.split()[0]) for line in typed("help", "exit-codes").out.splitlines()]
    assert codes == list(map(int, Exit))
    assert typed("help", "sesame").exit == Exit.USAGE
    shown = typed("--version").out
    assert typed("-V").out == shown
    assert shown == f"importer {version(PACKAGE)} ({commit()})\n"
    assert len(commit()) == 12


def test_memory_is_collected_while_a_command_works(typed: Type) -> None:
    """A start without the collector ends when the command's module is loaded."""
    gc.disable()
    try:
        typed("check", "--help")
        assert gc.isenabled()
        assert gc.get_freeze_count()
    finally:
        gc.enable()


def test_quiet_writes_only_what_stops(folder: Path, typed: Type) -> None:
    """A run without problems writes nothing; one with problems a line; both make their reports."""
    write(folder, ANA, BO)
    good = typed("-q", "check", *CHECK, "-o", "good")
    assert (good.exit, good.out, good.err) == (Exit.DONE, "", "")
    write(folder, ANA, BAD)
    bad = typed("check", *CHECK, "-o", "bad", "-q")
    assert (bad.exit, len(bad.err.splitlines())) == (Exit.REJECTS, 1)
    assert (folder / "good" / "report.html").is_file()


def test_the_log_has_a_line_for_each_message_and_the_end(folder: Path, typed: Type) -> None:
    """Lines of JSON, without the values of any row; a later command adds to them."""
    write(folder, ANA, BAD)
    typed("--log", "log.jsonl", "check", *CHECK, "-o", "run")
    typed("--log", "log.jsonl", "check", "missing.csv", "-m", "small.yaml")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    ends = [(line["command"], line["exit"], line["run"]) for line in lines if "exit" in line
            and line["event"] == "end"]  # fmt: skip
    assert ends == [("check", Exit.REJECTS, "run"), ("check", Exit.ROSTER, "")]
    assert {"begin", "summary", "error", "end"} == {line["event"] for line in lines}
    assert "Nunez" not in (folder / "log.jsonl").read_text("utf-8")
    assert typed("--log", "no/such/folder", "runs").exit == Exit.USAGE


def test_cells_of_an_error_are_for_the_person_at_the_screen(folder: Path, typed: Type) -> None:
    """A log has none of them; with `--json`, as jobs call it, they are apart from the message."""
    path = write(folder, (ANA[0], "Zo\u00eb", "N\u00fa\u00f1ez", *ANA[3:]))
    path.write_bytes(path.read_text("utf-8").encode("mac-roman"))
    shown = typed("--log", "log.jsonl", "check", *CHECK)
    assert (shown.exit, "Zo\u00eb" in shown.err) == (Exit.ROSTER, True)
    apart = typed("--log", "log.jsonl", "check", *CHECK, "--json")
    assert "Zo" not in apart.err + str(apart.summary["error"])
    assert "Zo\u00eb" in str(apart.summary["cells"])
    assert "Zo" not in (folder / "log.jsonl").read_text("utf-8")


def test_a_command_in_another_folder(folder: Path, typed: Type) -> None:
    """`-C` is the current folder of that command, and of no other."""
    other = folder / "north"
    other.mkdir()
    write(other, ANA)
    assert typed("-C", "north", "check", *CHECK, "-o", "run").exit == Exit.DONE
    assert (other / "run" / "report.html").is_file()
    assert typed("check", *CHECK).exit == Exit.USAGE
    assert typed("-C", "south", "runs").exit == Exit.USAGE


def test_a_command_in_several_folders(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Each folder has its run; one is down, the others are done; the worst exit code is the end."""
    down = sandbox.host.replace("127.0.0.1", "127.0.0.2")  # where nothing listens
    for name, person, host in (
        ("east", ANA, sandbox.host), ("north", ANA, down), ("south", BAD, sandbox.host),
    ):  # fmt: skip
        (folder / name).mkdir()
        write(folder / name, person)
        (folder / name / ".env").write_text(f"ALMA_BASE_URL={host}\nALMA_API_KEY=sandbox\n")
        (folder / name / ".env").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ALMA_BASE_URL")
        patch.delenv("ALMA_API_KEY")
        got = typed("all", "east", "north", "south", "--", "plan", *CHECK, "-o", "run", "-q")
    assert got.exit == Exit.STOPPED
    table = [line.split()[:2] for line in got.out.splitlines()]
    assert table == [["east", "0"], ["north", "8"], ["south", "3"], ["total", "2"]]
    assert "2 rows in 2 runs: 1 ready, 1 rejected, 1 create; 2 not skipped" in got.out
    assert "north | importer: " in got.err
    done = [path.parent.parent.name for path in sorted(folder.glob("*/run/report.html"))]
    assert done == ["east", "south"]
    got = typed("all", "east", "west", "--", "runs")
    assert [line.split()[:2] for line in got.out.splitlines()] == [["east", "0"], ["west", "2"]]
    assert "east  | " in got.err  # the missing folder stops no other one
    assert got.exit == Exit.USAGE
    assert typed("all", "north").exit == Exit.USAGE


def test_a_bundle_for_asking_for_help_names_nobody(folder: Path, typed: Type) -> None:
    """Versions, settings that are set, and the counts of runs; no name, file, path or key."""
    write(folder, ANA, BAD, name="secret-list.csv")
    typed("check", "secret-list.csv", "-m", "small.yaml")
    (folder / ".env").write_text("ALMA_API_KEY=l7xx-private\nALMA_REGION=mars\n", "utf-8")
    (folder / ".env").chmod(0o600)
    typed("doctor", "--bundle", "bundle.json")
    text = (folder / "bundle.json").read_text("utf-8")
    told = json.loads(text)
    assert told["settings"] == {"ALMA_API_KEY": "set", "ALMA_REGION": "mars"}
    assert (told["runs"][0]["rows"], told["runs"][0]["rosters"][0]["kind"]) == (2, "csv")
    assert told["libraries"]["pandas"]
    private = ("l7xx", "Nunez", "Moss", "2001", "secret-list", str(folder))
    assert not [word for word in private if word in text]


def test_completion(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands are completed without importing them, and the names of runs, in each shell."""
    for name in ("2026-a", "2026-b", "other"):
        (folder / "runs" / name).mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setenv("_IMPORTER_COMPLETE", "complete_bash")
        for line, offered in (
            ("importer ma", ["mapping"]),
            ("importer show 20", ["2026-a", "2026-b"]),
        ):
            patch.setenv("COMP_WORDS", line)
            patch.setenv("COMP_CWORD", str(line.count(" ")))
            with pytest.raises(SystemExit):
                run([])
            assert capsys.readouterr().out.split() == offered
    # which shell a person uses is found out by the library
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for shell in ("bash", "zsh", "fish", "powershell", "pwsh"):
        with pytest.raises(SystemExit) as end:
            run(["--show-completion", shell])
        assert not end.value.code
