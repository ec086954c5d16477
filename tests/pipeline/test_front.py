"""What the front half makes of problems with cells, and of dates in any form and time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger, summarize
from importer.model.fields import NO_CODES
from importer.model.plan import Fate
from importer.model.problem import Code
from importer.pipeline.check import check, validate
from importer.pipeline.inputs import AskedRun, open_inputs
from importer.pipeline.sis_load import convert
from importer.pipeline.still_good import reopen_inputs
from tests.mapper.bench import mapping_text
from tests.pipeline.runs import order
from tests.zoo.xlsx import sheet_xml, text_rows, write_xlsx

MAPPING = mapping_text()


def checked(folder: Path, roster: str, mapping: str = MAPPING) -> Ledger:
    """The check of a roster with a mapping."""
    (folder / "m.yaml").write_text(mapping, "utf-8")
    (folder / "r.csv").write_text(roster, "utf-8")
    return check(order(folder / "r.csv", folder / "m.yaml", folder / "run"))


def test_cells_that_are_not_used_hold_nothing_back(tmp_path: Path) -> None:
    """An error in a column of comments is not sent, and is no problem; a row's own problem is."""
    with checked(
        tmp_path,
        "ID,First,Last,Comments\n1001,Ana,Silva,#N/A\n1002,Bo,Berg,MuÃ±oz\n"
        "1003,#N/A,Carr,\n1004,Di,Dorn,fine,more\n",
    ) as ledger:
        told = {(one.origin.row, one.code.value) for one in ledger.problems() if one.origin.row}
        assert told == {(4, "formula-error"), (5, "row-too-long")}
        returning = {one.row: one.fate for one in ledger.returning()}
        assert returning == {4: Fate.REJECTED, 5: Fate.REJECTED}
        assert summarize(ledger).ready == 2


def test_blank_rows_are_listed(tmp_path: Path) -> None:
    """Blank rows between others are counted, and one notice says which they are."""
    roster = "ID,First,Last\n1001,Ana,Silva\n,,\n\n1002,Bo,Berg\n,,\n1003,Cy,Cole\n"
    with checked(tmp_path, roster) as ledger:
        no_tables, notice, _no_dates = ledger.problems()
        summary = summarize(ledger)
    assert (notice.code.value, notice.origin.row) == ("blank-rows", 0)
    assert notice.message == "3 rows are blank: 3–4, 6"
    assert (no_tables.code.value, no_tables.origin.row) == ("codes-not-checked", 0)
    assert (summary.rows, summary.ready, summary.blank) == (6, 3, 3)


def test_hidden_rows_stay_skipped_when_the_roster_is_read_again(tmp_path: Path) -> None:
    """A run of the visible rows says so, and a later command reads its roster alike."""
    mapping, roster = tmp_path / "m.yaml", tmp_path / "r.xlsx"
    mapping.write_text(MAPPING, "utf-8")
    people = (("1001", "Ana", "Silva"), ("1001", "Ana", "Silva"), ("1003", "Cy", "Cole"))
    rows = text_rows(("ID", "First", "Last"), *people)
    write_xlsx(roster, {"R": sheet_xml(rows.replace('<row r="3"', '<row r="3" hidden="1"'))})
    asked = order(roster, mapping, tmp_path / "all")
    with check(asked) as ledger:
        assert (summarize(ledger).rejected, summarize(ledger).skipped) == (2, 0)
    visible = tuple(replace(one, visible_only=True) for one in asked.asked.rosters)
    with check(replace(asked, asked=AskedRun(visible, folder=tmp_path / "visible"))) as ledger:
        summary, facts = summarize(ledger), ledger.facts
    assert (summary.rows, summary.ready, summary.skipped) == (3, 2, 1)
    read_again = reopen_inputs(facts, NO_CODES)[0].roster
    assert read_again.frame.index.tolist() == [2, 4]
    assert read_again.left_out == (3,)


@pytest.mark.parametrize("birth", ["1990-01-02", "never"])
def test_a_row_that_gives_way_is_no_reject(tmp_path: Path, birth: str) -> None:
    """The row that the mapping gives up is passed over, right or wrong, and does not come back."""
    policy = "duplicates: {same_id: {keep heaviest: w}}\nlookups: {w: {STAFF: 2, UGRD: 1}}\n"
    mapping = MAPPING.replace("COMM", '"<Group>"') + '  birth_date: "<Born>"\n' + policy
    twins = f"1001,Ana,Silva,UGRD,{birth}\n1001,Ana,Silva,STAFF,1990-01-02\n"
    with checked(tmp_path, f"ID,First,Last,Group,Born\n{twins}", mapping) as ledger:
        summary = summarize(ledger)
        assert list(ledger.fates()) == [(2, Fate.SKIPPED), (3, Fate.READY)]
        assert list(ledger.returning()) == []
        assert not any(problem.severity.holds for problem in ledger.problems(2))
        assert ledger.rows_with(Code.SKIPPED_DUPLICATE) == (2,)
    assert (summary.ready, summary.skipped, summary.rejected, summary.exit) == (1, 1, 0, Exit.DONE)


DATED = mapping_text("birth_date: <Born>", "roster: {dates: mdy}")
TYPED = ("02/03/2001", "2001-02-03", "2001-02-03T00:00:00Z", date(2001, 2, 3), datetime(2001, 2, 3))  # noqa: DTZ001


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
    for at, born in enumerate(TYPED):
        sheet.append([f"100{at}", f"First{at}", f"Last{at}", born])
    book.save(tmp_path / "r.xlsx")
    (tmp_path / "m.yaml").write_text(DATED, "utf-8")
    asked = order(tmp_path / "r.xlsx", tmp_path / "m.yaml", tmp_path / "run")
    with check(asked) as ledger:
        assert not [p for p in ledger.problems() if p.code is Code.UNPARSABLE_DATE]
        fates = {history.row: history.fate for row in range(2, 7) if (history := ledger.row(row))}
    convert(validate(open_inputs(asked)), fates, "jsonl", tmp_path / "out.jsonl")
    text = (tmp_path / "out.jsonl").read_text("utf-8")
    assert text.count("2001-02-03") == len(TYPED)
