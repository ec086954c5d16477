"""What the pages ask a reader to type works from the wheel, in order, and ends as they say.

One process of the wheel's Python types all pages, each in an empty folder with a practice Alma of
its own; nothing of the checkout is on its path.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from importer.cli.app import app
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks, name
from tests.sheets import correct

TYPED = [page for page in PAGES if any(block.commands for block in blocks(page))]
HOW_TO = [page for page in PAGES if page.parent.name == "howto"]
NOT_RUN = 6
"""Command lines of all how-tos that no test types; the page about installing has it."""

Type = Callable[[tuple[str, ...]], tuple[int, str]]
Started = tuple[tuple[str, ...], dict[str, str]]


@pytest.fixture(scope="module")
def typist(
    python: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[str]]:
    """The process that types. It has no setting of the person who runs the tests."""
    executable, environ = python
    settings = {"ALMA_API_KEY": "sandbox", "ALMA_RATE": "50", "ALMA_VERIFY_DELAY": "0.2"}
    folder = tmp_path_factory.mktemp("typist")
    script = shutil.copy(Path(__file__).with_name("typist.py"), folder)
    with subprocess.Popen(
        (executable, "-P", script, str(folder / "log")),
        cwd=folder, env=environ | settings, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def type_in(typist: subprocess.Popen[str], tmp_path: Path) -> Type:
    """Type a command in an empty folder; its exit code and what it printed."""
    assert typist.stdin is not None
    assert typist.stdout is not None
    print(json.dumps({"folder": str(tmp_path)}), file=typist.stdin, flush=True)
    assert json.loads(typist.stdout.readline()) == {}

    def type_one(words: tuple[str, ...]) -> tuple[int, str]:
        print(json.dumps({"type": words}), file=typist.stdin, flush=True)
        assert typist.stdout is not None
        answer = json.loads(typist.stdout.readline())
        return answer["exit"], answer["output"]

    return type_one


@pytest.mark.parametrize("page", TYPED, ids=name)
def test_what_the_page_says_can_be_typed(page: Path, type_in: Type, tmp_path: Path) -> None:
    """Each command line of a page, in order, ends with the exit code that the page says.

    A block that the page calls printed is in the output of the command before it.
    """
    printed = ""
    for block in blocks(page):
        if block.note("printed"):
            lines = filter(None, map(_words, block.text.splitlines()))
            assert [line for line in lines if line not in _words(printed)] == []
        _prepare(block, tmp_path)
        if block.note("not run"):
            continue
        exits = [int(code) for code in block.note("exits").split(",") if code]
        exits = exits or [0] * len(block.commands)
        assert len(exits) == len(block.commands), block.text
        for words, wanted in zip(block.commands, exits, strict=True):
            code, printed = type_in(words)
            assert code == wanted, (words, printed)


SHELLS = {"sh": ("sh", "-c"), "powershell": ("pwsh", "-NoProfile", "-Command")}
LOOPS = [
    pytest.param(page, block, id=f"{name(page)} {block.language}")
    for page in HOW_TO
    for block in blocks(page)
    if block.language in SHELLS
]


@pytest.mark.parametrize(("page", "block"), LOOPS)
def test_a_loop_over_folders_runs_in_its_shell(
    page: Path, block: Block, started: Started, tmp_path: Path
) -> None:
    """Each folder has its run, and the exit code that the page says is shown with its name."""
    shell, *words = SHELLS[block.language]
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    _prepare(block, tmp_path)
    command, environ = started
    (programs := tmp_path / "bin").mkdir()
    program = programs / "importer"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', "utf-8")
    program.chmod(0o755)
    environ = environ | {"PATH": f"{programs}{os.pathsep}{environ['PATH']}"}
    ran = subprocess.run(
        (shell, *words, block.text), cwd=tmp_path, env=environ, text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    (code,) = re.findall(r"\[exit code (\d)\]", page.read_text("utf-8"))
    ended = [line for line in ran.stdout.splitlines() if ": exit code" in line]
    assert ended == [f"{library}: exit code {code}" for library in ("north", "south")], ran.stderr
    runs = tmp_path.glob("*/runs/*/summary.json")
    assert sorted(path.relative_to(tmp_path).parts[0] for path in runs) == ["north", "south"]


def test_few_lines_of_the_guide_are_not_run() -> None:
    """Every command line of a how-to is run, but for six, each of which says why."""
    not_run = []
    for page in HOW_TO:
        for block in blocks(page):
            lines = [line for line in block.text.splitlines() if line.startswith("$ ")]
            if block.note("not run"):
                not_run += lines
            else:
                assert len(lines) == len(block.commands), (name(page), block.text)
            assert not re.search(r"^(?:importer|curl|docker|make) ", block.text, re.MULTILINE)
    assert len(not_run) == NOT_RUN, not_run


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name)
def test_a_command_within_a_sentence_exists(page: Path) -> None:
    """`importer …` in a sentence names a command and flags that there are."""
    for text in re.findall(r"`(?:\.venv/bin/)?importer ([^`]+)`", page.read_text("utf-8")):
        known = {"-C", "-q", "--log", "-v", "--version", "--help", "--install-completion"}
        command = get_command(app)
        for word in shlex.split(text.split(" -- ")[0].replace("…", "").replace("\n", " ")):
            if word.startswith("-"):
                assert word.split("=")[0] in known, text
            elif isinstance(command, TyperGroup) and (
                deeper := command.get_command(typer.Context(command), word)
            ):
                command = deeper
                known |= {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)}


def _words(text: str) -> str:
    """Without the breaks of lines, which depend on the width of a terminal."""
    return " ".join(text.split())


def _prepare(block: Block, folder: Path) -> None:
    """Do what the page asks of the reader's hands: save a file, correct some cells."""
    for kind, text in block.notes:
        match kind:
            case "file":
                path = folder / text
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
            case "given":
                source, _, target = text.partition(" as ")
                path = folder / (target or Path(source).name)
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, path)
            case "correct":
                _correct(folder, text)
            case _:
                pass


def _correct(folder: Path, text: str) -> None:
    """`FILE; ROW HEADING=VALUE; …`, by the row numbers that the rejects show."""
    path, *corrections = text.split("; ")
    cells: dict[int, dict[str, str]] = {}
    for correction in corrections:
        place, _, value = correction.partition("=")
        row, _, heading = place.partition(" ")
        cells.setdefault(int(row), {})[heading] = value
    correct(folder / path, cells)


def test_the_tutorial_is_typed() -> None:
    """The README and the tutorial have command lines, and most of them are run."""
    for page in (ROOT / "README.md", DOCS / "tutorial.md"):
        run_here = [b for b in blocks(page) if b.commands and not b.note("not run")]
        assert run_here, name(page)
