"""Every action in every report of a run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl

from importer.advice import Choice, text_of
from importer.ledger.ledger import summarize
from importer.report.files import write_all
from importer.report.view import RunView
from importer.report.wording import plain
from tests.actions import EVERY
from tests.report import building
from tests.report.conftest import Keep


def _cells(path: Path) -> Iterator[str]:
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows(values_only=True):
            yield from map(str, row)


def test_reports_have_the_sentence_of_every_action(keep: Keep) -> None:
    """The page, the masked page, the workbook, and both CSV files."""
    run = building.checked()
    texts = []
    for row, action in enumerate(EVERY, 1000):
        run.reject(row)
        run.problems[-1] = replace(run.problems[-1], advice=(Choice(action),))
        texts.append(plain(text_of((Choice(action),))))
    ledger = keep(run)
    files = {path.name: path for path in write_all(RunView(ledger, summarize(ledger)))}
    with files["problems.csv"].open(encoding="utf-8") as file:
        problems = "\n".join(line["message"] for line in csv.DictReader(file))
    workbook = "\n".join(_cells(files["rejects.xlsx"]))
    for text in texts:
        assert text in problems
        assert text in workbook
