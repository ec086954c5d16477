"""The rejects, corrected in LibreOffice: what is typed and saved there is read as it was meant."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from importer.model.roster import ROW, letter, read_row
from tests.cli.test_rejects import CORRECTIONS
from tests.command_line import typed
from tests.pipeline.runs import MAPPING_OF_SAMPLE, SAMPLES

PYTHON = "/usr/bin/python3"
"""The system's, for which LibreOffice's `uno` is installed."""

TYPING = Path(__file__).with_name("typing_in_libreoffice.py")

Correct = Callable[[Path, dict[str, str], Path], None]


def has_uno() -> bool:
    """Whether the system's Python can speak to LibreOffice."""
    asked = [PYTHON, "-c", "import uno"]
    found = shutil.which(PYTHON) is not None
    return found and not subprocess.run(asked, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def correct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Correct]:
    """Types texts into the cells of a workbook, in a LibreOffice of its own, and saves a copy."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("needs LibreOffice")
    if not has_uno():
        pytest.skip("needs LibreOffice's uno for Python")
    home = tmp_path_factory.mktemp("office")
    pipe = f"corrections-{os.getpid()}"
    command = [
        office, "--headless", "--norestore", "--nologo", "--nodefault",
        f"-env:UserInstallation={home.as_uri()}", f"--accept=pipe,name={pipe};urp;",
    ]  # fmt: skip

    def type_in(book: Path, texts: dict[str, str], saved: Path) -> None:
        keys = json.dumps(texts)
        subprocess.run(
            [PYTHON, TYPING, pipe, book, saved], input=keys, text=True, timeout=120, check=True
        )

    with subprocess.Popen(command, start_new_session=True) as running:
        yield type_in
        os.killpg(running.pid, signal.SIGTERM)


def corrections(book: Path, wanted: dict[int, dict[str, str]]) -> dict[str, str]:
    """The texts to type by cell, for the rows and headings that are wanted."""
    sheet = openpyxl.load_workbook(book).worksheets[0]
    heads = {str(cell.value): letter(at) for at, cell in enumerate(sheet[1])}
    lines = {read_row(str(cell.value)).number: cell.row for cell in sheet[heads[ROW]][1:]}
    return {
        f"{heads[heading]}{lines[row]}": text
        for row, texts in wanted.items()
        for heading, text in texts.items()
    }


@pytest.mark.parametrize("name", CORRECTIONS)
def test_rejects_corrected_in_libreoffice_are_all_ready(name: str, correct: Correct) -> None:
    """With the marked cells corrected and saved there, every row that came back is ready."""
    mapping = MAPPING_OF_SAMPLE[name]
    first = typed("check", SAMPLES / name, "-m", mapping, "-o", "first", "--json").summary
    rejects, corrected = Path("first/rejects.xlsx"), Path("corrected.xlsx")
    texts = corrections(rejects, CORRECTIONS[name])
    correct(rejects, texts, corrected)
    sheet = openpyxl.load_workbook(corrected).worksheets[0]
    assert {cell: sheet[cell].value or "" for cell in texts} == texts
    again = typed("check", "corrected.xlsx", "-m", mapping, "-o", "again", "--json").summary
    assert again["ready"] == again["rows"] == first["rejected"] + first["review"]
