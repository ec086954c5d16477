"""How every command behaves: help, logs, progress, and where nobody reads or a library lacks."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from importer.cli.app import COMMANDS, run
from importer.cli.console import INTERVAL, Bar, progress
from importer.cli.output import UnbrokenStream, commit
from importer.cli.web import _opened
from importer.errors import Exit, missing_library
from importer.ledger.ledger import State
from importer.model.plan import Act
from importer.pipeline.inputs import Listener
from importer.service.loads import Counts
from importer.service.place import PACKAGE, PROGRESS
from importer.writer.executor import RowDone
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, state, write
from tests.command_line import typed
from tests.pipeline.runs import SAMPLES

BAD = ("2003", "Ida", "Moss", "COMM", "no date", "", "")
CHECK = ("people.csv", "-m", "small.yaml")


def test_help_explains_commands_and_exit_codes() -> None:
    """`help` and `-h` show what `--help` does, and what each exit code means.

    The commands of the main job come first, in its order.
    """
    assert typed("check", "-h").out == typed("check", "--help").out
    assert typed("-h").out.startswith("Usage: importer")
    assert typed("help", "mapping", "new").out == typed("mapping", "new", "--help").out
    first, more = typed("help").out.partition("\nMore:\n")[::2]
    main = ("check", "plan", "resolve", "apply", "undo", "mapping", "web", "demo", "help")
    panels = [re.findall(r"^  ([a-z][a-z-]+) ", part, re.MULTILINE) for part in (first, more)]
    assert panels == [[*main], [name for name in COMMANDS if name not in main]]
    assert (bare := typed()).exit == Exit.DONE
    assert "check" in bare.out
    assert (group := typed("mapping")).exit == Exit.USAGE
    assert group.err
    codes = [int(line.split()[0]) for line in typed("help", "exit-codes").out.splitlines()]
    assert codes == list(map(int, Exit))
    for words in (("sesame",), ("plan", "sesame"), ("mapping", "new", "sesame")):
        assert typed("help", *words).exit == Exit.USAGE
    shown = typed("--version").out
    assert typed("-V").out == shown
    assert shown == f"importer {version(PACKAGE)} ({commit()})\n"
    assert len(commit()) == 12


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--for", "01X_INST"),
        ("doctor", "--pin-user", "2001"),
        ("doctor", "--probe", "--first-contact"),
        ("demo",),
    ],
)
def test_what_would_have_no_effect_or_another_one_is_refused(
    words: tuple[str, ...], folder: Path
) -> None:
    """An option without the one that it is for, and a demo beside the settings of an Alma."""
    Path(".env").write_text("ALMA_REGION=eu\n", "utf-8")
    assert typed(*words).exit == Exit.USAGE
    assert [path.name for path in folder.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("number", "goes_on"), [(errno.EPIPE, True), (errno.EINVAL, True), (errno.ENOSPC, False)]
)
def test_a_reader_who_left_stops_no_command(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, goes_on: bool
) -> None:
    """Windows calls it an invalid argument; a full disk is an error."""
    failures = [OSError(number, os.strerror(number))]

    class Left(BytesIO):
        def write(self, _: object) -> int:
            if failures:
                raise failures.pop()
            return 0

    with (tmp_path / "out").open("wb") as file:
        stream = UnbrokenStream(Left(), "utf-8", write_through=True)
        monkeypatch.setattr(stream, "fileno", file.fileno)
        with nullcontext() if goes_on else pytest.raises(OSError, match="space"):
            assert stream.write("row 14") == len("row 14")


@pytest.mark.parametrize("opens", [True, False])
def test_windows_opens_the_page_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, opens: bool
) -> None:
    """It would not find `C:/Users/J%C3%B6rg`; where nothing opens, the address is printed."""
    opened = list[Path]()

    def start(page: Path) -> None:
        opened.append(page)
        if not opens:
            raise OSError(errno.ENOENT, "no application")

    monkeypatch.setattr(os, "startfile", start, raising=False)
    assert _opened("http://localhost/?token=1", tmp_path / "J\u00f6rg.html") == opens
    assert opened == [tmp_path / "J\u00f6rg.html"]


def test_memory_is_collected_while_a_command_works() -> None:
    """A start without the collector ends when the command's module is loaded."""
    gc.disable()
    try:
        typed("check", "--help")
        assert gc.isenabled()
        assert gc.get_freeze_count()
    finally:
        gc.enable()


def test_quiet_writes_only_what_stops() -> None:
    """A run without problems writes nothing; one with problems a line; both make their reports."""
    write(ANA, BO)
    good = typed("-q", "check", *CHECK, "-o", "good")
    assert (good.exit, good.out, good.err) == (Exit.DONE, "", "")
    write(ANA, BAD)
    bad = typed("check", *CHECK, "-o", "bad", "-q")
    assert (bad.exit, len(bad.err.splitlines())) == (Exit.REJECTS, 1)
    assert Path("good/report.html").is_file()


def test_the_log_has_a_line_for_each_message_and_the_end() -> None:
    """Lines of JSON, without the values of any row; a later command adds to them."""
    write(ANA, BAD)
    typed("--log", "log.jsonl", "check", *CHECK, "-o", "run")
    typed("--log", "log.jsonl", "check", "missing.csv", "-m", "small.yaml")
    lines = [json.loads(line) for line in Path("log.jsonl").read_text("utf-8").splitlines()]
    ends = [(line["command"], line["exit"], line["run"]) for line in lines if "exit" in line
            and line["event"] == "end"]  # fmt: skip
    assert ends == [("check", Exit.REJECTS, "run"), ("check", Exit.ROSTER, "")]
    assert {"begin", "summary", "error", "end"} == {line["event"] for line in lines}
    assert "Nunez" not in Path("log.jsonl").read_text("utf-8")
    assert typed("--log", "no/such/folder", "runs").exit == Exit.USAGE


@pytest.mark.parametrize("lines", [0, 1])
def test_a_log_that_fills_its_disk_stops_no_load(
    lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named once, and the result is that of the load, also where it was full before."""
    write(ANA)
    append, left = Path.open, [True] * lines

    def full(path: Path, *words: Any, **more: Any) -> Any:
        if path.name == "log.jsonl" and not (left and left.pop()):
            raise OSError(errno.ENOSPC, "No space left on device")
        return append(path, *words, **more)

    monkeypatch.setattr(Path, "open", full)
    got = typed("--log", "log.jsonl", "check", *CHECK, "-o", "run")
    assert (got.exit, got.err.count("log.jsonl cannot be written")) == (Exit.DONE, 1)
    assert Path("run/report.html").is_file()


def test_cells_of_an_error_are_for_the_person_at_the_screen() -> None:
    """A log has none of them; with `--json`, as jobs call it, they are apart from the message."""
    path = write((ANA[0], "Zo\u00eb", "N\u00fa\u00f1ez", *ANA[3:]))
    path.write_bytes(path.read_text("utf-8").encode("mac-roman"))
    shown = typed("--log", "log.jsonl", "check", *CHECK)
    assert (shown.exit, "Zo\u00eb" in shown.err) == (Exit.ROSTER, True)
    apart = typed("--log", "log.jsonl", "check", *CHECK, "--json")
    assert "Zo" not in apart.err + str(apart.summary["error"])
    assert "Zo\u00eb" in str(apart.summary["cells"])
    assert "Zo" not in Path("log.jsonl").read_text("utf-8")


def test_a_command_in_another_folder() -> None:
    """`-C` is the current folder of that command, and of no other."""
    Path("north").mkdir()
    write(ANA, folder="north")
    assert typed("-C", "north", "check", *CHECK, "-o", "run").exit == Exit.DONE
    assert Path("north/run/report.html").is_file()
    assert typed("check", *CHECK).exit == Exit.USAGE
    assert typed("-C", "south", "runs").exit == Exit.USAGE


def test_completion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands are completed without importing them, and the names of runs, in each shell."""
    for name in ("2026-a", "2026-b", "other"):
        Path("runs", name).mkdir(parents=True)
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


WAIT = "Alma asked us to slow down, 4 s"


def test_a_wait_is_seen_while_nothing_advances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate and the results stand with the bar; a wait appears between two rows."""
    times, notices = [0.0], [""]
    timed = partial(Console, get_time=lambda: times[-1])
    monkeypatch.setattr("importer.cli.console.Console", timed)
    bar = Bar("Applying", lambda: notices[-1])
    bar.advance_to(3, 10, "3 created")
    times.append(2)
    bar.advance_to(7, 10, "6 created, 1 updated")
    notices.append(WAIT)
    console = Console(file=StringIO(), width=100, record=True)
    console.print(*bar.get_renderables())
    shown = console.export_text()
    assert "7 of 10" in shown
    assert "2.0 a second" in shown
    assert f"6 created, 1 updated · {WAIT}" in shown


def test_without_a_terminal_there_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says how far, how fast, with which results, and what it waits for."""
    times = iter((0.0, INTERVAL - 1, INTERVAL))
    monkeypatch.setattr("importer.cli.console.time", Mock(monotonic=lambda: next(times)))
    with progress("Applying", lambda: WAIT) as advance:
        advance(4, 40, "4 created")
        advance(5, 40, "5 created")
    assert capsys.readouterr().err.splitlines() == [
        f"Applying: 5 of 40 (0.5 a second, about 70 s left; 5 created; {WAIT})"
    ]


def test_the_page_reads_how_far_a_command_is_as_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it names a file, no line is written."""
    monkeypatch.setenv(PROGRESS, str(tmp_path / "progress.json"))
    times = iter((0.0, 1.0))
    monkeypatch.setattr("importer.cli.console.time", Mock(monotonic=lambda: next(times)))
    with progress("Applying", lambda: "") as advance:
        advance(2000, 40000)
    assert json.loads((tmp_path / "progress.json").read_text("utf-8"))[:2] == [2000, 40000]
    assert capsys.readouterr().err == ""


def test_rows_are_counted_by_what_came_of_them() -> None:
    """A row counts once, by its last state, and only what is final is done."""
    told: list[tuple[int, int, str]] = []
    telling = Counts(Listener(lambda *news: told.append(news), print), 3)
    telling(RowDone(2, Act.CREATE, State.UNKNOWN))
    telling(RowDone(3, Act.UPDATE, State.APPLIED))
    telling(RowDone(2, Act.CREATE, State.APPLIED))
    telling(RowDone(4, Act.CREATE, State.REFUSED))
    assert told[0] == (0, 3, "")
    assert told[-1] == (3, 3, "1 created, 1 updated, 1 refused by Alma")


WITHOUT = (
    "import sys; sys.modules[sys.argv.pop(1)] = None\nfrom importer.__main__ import main\nmain()"
)


@pytest.mark.parametrize(
    ("library", "arguments"),
    [
        ("typer", ("--help",)),
        ("truststore", ("doctor",)),
        ("pandas", ("check", str(SAMPLES / "community-patrons.csv"), "-m", "m.yaml")),
        ("aiohttp", ("sandbox", "--switch", "list")),
    ],
)
def test_a_library_that_is_not_installed(
    tmp_path: Path, library: str, arguments: tuple[str, ...]
) -> None:
    """Whenever it is needed first, one sentence names it and what to run, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, library, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.USAGE, done.stderr
    assert library in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_of_another_user_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a run with `sudo`: it is named, with what to do."""
    denied = PermissionError(errno.EACCES, "denied", "runs")
    Path("runs").mkdir()
    monkeypatch.setattr(Path, "iterdir", Mock(side_effect=denied))
    listed = typed("runs")
    assert listed.exit == Exit.STOPPED
    assert listed.err.startswith("importer: runs may not be read")


def test_a_module_of_our_own_is_a_defect() -> None:
    """Installing libraries again would not bring it back."""
    assert not missing_library(ModuleNotFoundError(name="importer.alma.client"))


def _unread(*words: str, closed: str) -> int:
    """Run a command in a process of its own, whose stdout or stderr nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "importer", *words],
            check=False,
            stdout=writing if closed == "stdout" else subprocess.PIPE,
            stderr=writing if closed == "stderr" else subprocess.PIPE,
        ).returncode
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    ("closed", "options"),
    [("stderr", ()), pytest.param("stdout", ("--json",), marks=pytest.mark.faults)],
)
def test_a_load_does_not_need_a_reader(
    sandbox: Sandbox, closed: str, options: tuple[str, ...]
) -> None:
    """Every row is sent, the exit code is the one earned, and the reports are written."""
    roster = write(ANA, BO, ("2003", "Cy", "", "COMM", "", "", ""))
    planned = _unread("plan", str(roster), "-m", "small.yaml", "-o", "run", *options, closed=closed)
    assert planned == Exit.REJECTS
    applied = _unread("apply", "run", *options, closed=closed)
    assert applied == Exit.REJECTS
    assert set(state(sandbox)) == {"2001", "2002"}
    assert "2 created" in Path("run/report.html").read_text("utf-8")
    assert '"created": 2' in Path("run/summary.json").read_text("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that closes streams")
def test_a_load_needs_no_streams(sandbox: Sandbox) -> None:
    """As a service starts it, with all three closed."""
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "importer")
    for words in (("plan", write(ANA), "-m", "small.yaml", "-o", "run"), ("apply", "run")):
        assert subprocess.run((*closed, *words), check=False).returncode == Exit.DONE
    assert set(state(sandbox)) == {"2001"}
