"""Five offices get from nothing to a corrected, applied load, in eight commands at most."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from importer.model.roster import DECISION
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.offices.new_offices import OFFICES, Cells, NewOffice

MOST = 8
"""Commands from nothing to a corrected, applied load."""

SETTING_UP = 2
"""Commands that the fixtures stand for: `make sandbox`, and one line of settings."""


@pytest.mark.parametrize("office", OFFICES.values(), ids=OFFICES)
def test_a_first_load(office: NewOffice, folder: Path, sandbox: Sandbox) -> None:
    """All rows are in Alma after one correction, and no row is sent twice."""
    roster = office.write(folder)
    people = sum(len(row) > 1 for row in office.rows()) - 1
    commands = SETTING_UP

    def step(*arguments: str) -> Exit:
        nonlocal commands
        commands += 1
        got = typed(*arguments)
        assert got.exit in {Exit.DONE, Exit.REJECTS}, got.err
        return Exit(got.exit)

    assert step("codes", "fetch") == Exit.DONE
    assert step("mapping", "new", roster.name, "-o", "m.yaml", *office.answers) == Exit.DONE
    _edit(Path("m.yaml"), *office.edit)
    assert step("plan", roster.name, "-m", "m.yaml", "-o", "first") == Exit.REJECTS
    step("apply", "first", "--yes")
    _correct(Path("first/rejects.xlsx"), office.corrected)
    assert step("plan", "first/rejects.xlsx", "-m", "m.yaml", "-o", "rest") == Exit.DONE
    assert step("apply", "rest", "--yes") == Exit.DONE
    assert commands <= MOST
    created = [call for call in sandbox.log() if call["method"] == "POST"]
    assert [call["status"] for call in created] == [200] * people


def _edit(mapping: Path, old: str, new: str) -> None:
    text = mapping.read_text("utf-8")
    assert old in text
    mapping.write_text(text.replace(old, new), "utf-8")


def _correct(rejects: Path, cells: Cells) -> None:
    """Type the right texts into the rows that came back; where one is to decide, decide."""
    book = openpyxl.load_workbook(rejects)
    sheet = book.worksheets[0]
    at = {str(cell.value): place for place, cell in enumerate(sheet[1], start=1)}
    for line in range(2, sheet.max_row + 1):
        row = int(str(sheet.cell(line, 1).value))
        if sheet.cell(line, at["Result"]).value == "review":
            sheet.cell(line, at[DECISION]).value = "another person, create"
            continue
        for heading, text in cells.get(row, {}).items():
            sheet.cell(line, at[heading]).value = text
    book.save(rejects)
