"""Commands that are shown can be pasted into a shell, whatever the names in them."""

from __future__ import annotations

import html
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from importer.advice import AllowLoad, Decide, Do, NameUser, ResolveFrom, SisReport, SkipFiles
from importer.errors import Exit
from importer.model import text
from importer.model.text import command_line, shell_word
from importer.report.commands import Here, as_command
from tests.actions import EVERY, JOB
from tests.actions import RUN as OF_ALL
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.pipeline.runs import SAMPLES

WORDS = (
    "Gastleser SoSe 2026.csv", "Friends_Membership_FINAL(2).xlsx", "Dean's list [new].csv",
    "two  blanks", "book.xlsx[Main Hall]", "a&b;c|d<e>f", "$HOME `id` !x", "~user", "*?{a,b}#%X%",
    'say "so"', "“curly” ‘quotes’", "Größe", "-m", "2:14", "",
)  # fmt: skip
SHELLS = ("bash", "zsh", "fish", "dash")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_passes_the_words_that_were_meant(shell: str, tmp_path: Path) -> None:
    """Blanks, brackets, apostrophes and every sign of a shell reach the importer unchanged."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    program = tmp_path / "importer"
    program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", "utf-8")
    program.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    typed = command_line(*WORDS)
    ran = subprocess.run(
        (shell, "-c", typed), env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    assert tuple(ran.stdout.split("\0")[:-1]) == WORDS


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("roster.xlsx", "roster.xlsx"),
        (r"C:\runs\2026-08-20T0930", r"C:\runs\2026-08-20T0930"),
        ("Gastleser SoSe 2026.csv", '"Gastleser SoSe 2026.csv"'),
        ("Final(2).xlsx", '"Final(2).xlsx"'),
        ("book.xlsx[Staff]", '"book.xlsx[Staff]"'),
        ("Dean's list.csv", '"Dean\'s list.csv"'),
        ("a,b;c&d@e", '"a,b;c&d@e"'),
        ("cost $5's.csv", "'cost $5''s.csv'"),
        ("“new”.csv", "'“new”.csv'"),
        ("", '""'),
    ],
)
def test_on_windows_words_are_quoted_for_powershell_and_where_it_can_be_for_cmd(
    monkeypatch: pytest.MonkeyPatch, word: str, quoted: str
) -> None:
    """By about_Quoting_Rules: double quotes, which cmd knows too, unless `$` would be replaced."""
    monkeypatch.setattr("os.name", "nt")
    assert shell_word(word) == quoted


def test_a_program_that_no_shell_finds_is_shown_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a checkout `importer` is not on the PATH, but `.venv/bin/importer` works."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [".venv/bin/importer", "plan"])
    assert command_line("plan") == ".venv/bin/importer plan"
    monkeypatch.setattr("sys.argv", ["/x/importer/__main__.py", "plan"])
    assert command_line("plan") == "importer plan"


def test_powershell_calls_a_program_whose_path_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `&` a quoted path is only a text."""
    monkeypatch.setattr(text, "program", lambda: "C:/Ana B/importer.exe")
    monkeypatch.setattr("os.name", "nt")
    assert command_line("plan") == '& "C:/Ana B/importer.exe" plan'


NOT_HERE = (Decide, NameUser, ResolveFrom, SisReport, AllowLoad, SkipFiles)
"""What needs a row with a question, a decision in a file, a delivered file, or a held load."""

NIGHTLY = """version: 1
rosters:
  - {from: incoming/*.xlsx, mapping: mapping.yaml, unchanged_for: 0s}
do: plan
guards: {creates: off, rejects: off, review: off}
"""


def test_the_command_of_every_action_works_when_it_is_pasted(sandbox: Sandbox) -> None:
    """Beside the practice Alma it does its work, or says what this run has not for it.

    The command line understands each of its words: no error leads to its help.
    """
    shutil.copy(SAMPLES / "community-patrons.xlsx", "my roster.xlsx")
    Path("incoming").mkdir()
    shutil.copy("my roster.xlsx", "incoming")
    Path(JOB).write_text(NIGHTLY, "utf-8")
    assert typed("mapping", "ready", "community", "-o", "mapping.yaml").exit == Exit.DONE
    assert typed("plan", "my roster.xlsx", "-m", "mapping.yaml", "-o", OF_ALL).exit == Exit.REJECTS
    for action in EVERY:
        _, *words = shlex.split(as_command(action, Here(OF_ALL, "14"))) or [""]
        if not words or "ANSWER" in words:  # which a person replaces
            continue
        got = typed(*words)
        assert "--help" not in got.err, words
        waits = isinstance(action, NOT_HERE) or action is Do.DELETE_USERS  # it asks first
        assert got.exit in ({Exit.USAGE} if waits else {Exit.DONE, Exit.REJECTS}), words


ROSTER, MAPPING, RUN = "Friends of (2) O'Hara.xlsx", "the dean's [new].yaml", "my run's"


def _shown(printed: str) -> list[list[str]]:
    """Return the words of every command in a text, as a shell reads them."""
    starts = re.findall(r"(?:^|\s|`)(importer(?: [^\n`]+)?)", printed)
    return [shlex.split(line)[1:] for line in starts if re.match(r"importer [a-z]+ .*'", line)]


def test_the_commands_that_are_shown_run_as_they_are(sandbox: Sandbox) -> None:
    """Each that names a file is pasted as it was printed, with names as offices give them."""
    shutil.copy(SAMPLES / "community-patrons.xlsx", ROSTER)
    Path("my jobs").mkdir()
    shown = []
    for words, verb in (
        (("mapping", "ready", "community", "-o", MAPPING), "mapping"),
        (("mapping", "new", ROSTER, "-o", "own mapping.yaml"), "mapping"),
        (("job", "new", "my jobs/nightly.yaml", "-m", MAPPING, "--from", "Fr*.xlsx"), "job"),
        (("check", ROSTER, "-m", MAPPING, "-o", "my check"), "plan"),
        (("plan", ROSTER, "-m", MAPPING, "-o", RUN), "apply"),
        (("apply", RUN, "--limit", "3"), "apply"),
        (("apply", RUN), "plan"),
    ):
        got = typed(*words)
        assert got.exit in {Exit.DONE, Exit.REJECTS}, got.err
        commands = _shown(got.err)
        assert verb in {command[0] for command in commands}, (words, got.err)
        shown += commands
    shown += _shown(html.unescape(Path(RUN, "report.html").read_text("utf-8")))
    for command in {tuple(command) for command in shown}:
        got = typed(*command)
        assert got.exit in {Exit.DONE, Exit.REJECTS}, (command, got.err)
