"""A public library's own template: formatted far below its rows, birth dates as bare numbers."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl

from importer.ledger.ledger import summarize
from importer.model.problem import Code
from importer.pipeline.check import check, validate
from importer.pipeline.convert import convert
from importer.pipeline.inputs import RunRequest, open_inputs
from tests.pipeline.runs import order

MAPPING = """\
version: 1
account_type: INTERNAL
roster: {dates: "%m%d%Y"}
record:
  primary_id: <Card Number>
  first_name: <First Name>
  last_name: <Last Name>
  user_group: COMM
  birth_date: <Birth Date>
"""

HEADINGS = [
    "Card Number",
    "First Name",
    "Last Name",
    "Birth Date",
    *map("Other {}".format, range(14)),
]

BORN = {5121980: "1980-05-12Z", 1121980: "1980-01-12Z", 12251975: "1975-12-25Z"}


def template(folder: Path) -> RunRequest:
    """Eighteen columns, three people, and 375 rows that were only formatted."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADINGS)
    for number, born in enumerate(BORN):
        sheet.append([f"2000112345{number:04}", "Ana", f"Person {number}", born])
    for row in range(5, 380):
        for column in range(1, 19):
            sheet.cell(row, column).number_format = "@"
    book.save(folder / "template.xlsx")
    (folder / "template.yaml").write_text(MAPPING, "utf-8")
    return order(folder / "template.xlsx", folder / "template.yaml", folder / "run")


def test_no_phantom_rows(tmp_path: Path) -> None:
    """The formatted rows are no rows, and how many were passed over is said."""
    with check(template(tmp_path)) as ledger:
        summary = summarize(ledger)
        notices = [p.message for p in ledger.problems(0) if p.code is Code.READ_WITH_NOTICE]
    assert (summary.rows, summary.ready, summary.blank) == (3, 3, 0)
    assert any("375" in notice for notice in notices)


def test_birth_dates_as_numbers(tmp_path: Path) -> None:
    """A number that has lost its first zero is not read as another day."""
    asked = template(tmp_path)
    material = validate(open_inputs(asked))
    with check(asked) as ledger:
        fates = {history.row: history.fate for row in (2, 3, 4) if (history := ledger.row(row))}
    convert(material, fates, "jsonl", tmp_path / "out.jsonl")
    bodies = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(body)["birth_date"] for body in bodies] == list(BORN.values())
