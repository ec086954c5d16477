"""What the pages tell a reader to type can be typed, in order, and ends as the page says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from importer.cli.app import run
from importer.sandbox.server import Options, running
from tests.docs.pages import PAGES, ROOT, Block, blocks, name

TYPED = [page for page in PAGES if any(block.commands for block in blocks(page))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A blank folder to work in, and a sandbox that the settings name."""
    monkeypatch.chdir(tmp_path)
    for setting in ("REGION", "RESERVE", "PLAN_DAYS", "CA_BUNDLE"):
        monkeypatch.delenv(f"ALMA_{setting}", raising=False)
    with running(Options(rate=None)) as base_url:
        monkeypatch.setenv("ALMA_BASE_URL", base_url.removesuffix("/almaws/v1"))
        monkeypatch.setenv("ALMA_API_KEY", "sandbox")
        monkeypatch.setenv("ALMA_RATE", "50")
        monkeypatch.setenv("ALMA_VERIFY_DELAY", "0.2")
        yield tmp_path


@pytest.mark.parametrize("page", TYPED, ids=name)
def test_what_the_page_says_can_be_typed(
    page: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each command line of a page, in order, ends with the exit code that the page says."""
    for block in blocks(page):
        _prepare(block, folder)
        if block.note("not run"):
            continue
        exits = [int(code) for code in block.note("exits").split(",") if code]
        exits = exits or [0] * len(block.commands)
        assert len(exits) == len(block.commands), block.text
        for words, wanted in zip(block.commands, exits, strict=True):
            capfd.readouterr()
            assert run(list(words)) == wanted, (words, capfd.readouterr().err)


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
    book = openpyxl.load_workbook(folder / path)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    rows = {
        str(line[headings.index("Row in the original file")].value): line
        for line in sheet.iter_rows(min_row=2)
    }
    for correction in corrections:
        place, _, value = correction.partition("=")
        row, _, heading = place.partition(" ")
        rows[row][headings.index(heading)].value = value
    book.save(folder / path)


def test_the_tutorial_is_typed() -> None:
    """The README and the tutorial have command lines, and most of them are run."""
    for page in (ROOT / "README.md", ROOT / "docs" / "tutorial.md"):
        run_here = [b for b in blocks(page) if b.commands and not b.note("not run")]
        assert len(run_here) > 2, name(page)
