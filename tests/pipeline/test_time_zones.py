"""A date is a date, wherever the computer stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from importer.model.problem import Code
from importer.pipeline.check import check, validate
from importer.pipeline.inputs import open_inputs
from importer.pipeline.sis_load import convert
from tests.mapper.bench import mapping_text
from tests.pipeline.runs import order

MAPPING = mapping_text("birth_date: <Born>", "roster: {dates: mdy}")
BORN = ("02/03/2001", "2001-02-03", "2001-02-03T00:00:00Z", date(2001, 2, 3), datetime(2001, 2, 3))  # noqa: DTZ001


@pytest.fixture(params=["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone")
def test_a_date_is_the_same_in_every_time_zone(tmp_path: Path) -> None:
    """Typed in whichever way, or a cell of a workbook, no zone moves it by a day."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["ID", "First", "Last", "Born"])
    for at, born in enumerate(BORN):
        sheet.append([f"100{at}", f"First{at}", f"Last{at}", born])
    book.save(tmp_path / "r.xlsx")
    (tmp_path / "m.yaml").write_text(MAPPING, "utf-8")
    asked = order(tmp_path / "r.xlsx", tmp_path / "m.yaml", tmp_path / "run")
    with check(asked) as ledger:
        assert not [p for p in ledger.problems() if p.code is Code.UNPARSABLE_DATE]
        fates = {history.row: history.fate for row in range(2, 7) if (history := ledger.row(row))}
    convert(validate(open_inputs(asked)), fates, "jsonl", tmp_path / "out.jsonl")
    text = (tmp_path / "out.jsonl").read_text("utf-8")
    assert text.count("2001-02-03") == len(BORN)
