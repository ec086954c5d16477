"""The files of a run are put in place whole, private, and never over somebody's work."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from xlsxwriter.exceptions import FileCreateError

from importer.advice import Choice, WriteReports, text_of
from importer.errors import LedgerError
from importer.ledger.ledger import Ledger, RunValue, State, summarize
from importer.model.run import OtherRoster, Summary
from importer.report import rejects
from importer.report.files import open_workbooks, place, present, write_all
from importer.report.lineage import next_step
from importer.report.rejects import PROBLEM_COLUMNS
from importer.report.wording import plain, rejects_name
from tests.actions import EVERY
from tests.report import building
from tests.report.building import view_of
from tests.report.conftest import Keep

PAGES = ["report.html", "report-masked.html"]
PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "summary.schema.json"
ALL = [*PAGES, "rejects.xlsx", "rejects.csv", "problems.csv", "summary.json"]


def write(ledger: Ledger) -> list[str]:
    """Write the reports of a ledger; gives their names."""
    return [path.name for path in write_all(view_of(ledger))]


def test_every_file_is_there_and_private(keep: Keep) -> None:
    """All files are written, and nobody else may read them, whatever the umask says."""
    ledger = keep(building.checked())
    before = os.umask(0)
    try:
        assert write(ledger) == ALL
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in present(ledger.folder)}
    assert modes == {0o600}
    assert not [path for path in ledger.folder.iterdir() if path.name.startswith(".")]


def test_rejects_are_only_there_where_rows_come_back(keep: Keep) -> None:
    """Rejects of an earlier invocation do not outlive the rows that they held."""
    ledger = keep(building.checked())
    write(ledger)
    ledger.connection.execute("UPDATE rows SET fate = 'ready'")
    left = [*PAGES, "problems.csv", "summary.json"]
    assert write(ledger) == left
    assert [path.name for path in present(ledger.folder)] == left


def test_rejects_that_somebody_corrected_are_kept(keep: Keep) -> None:
    """A rejects file that was edited is neither replaced nor removed; the new one stands beside."""
    ledger = keep(building.checked())
    assert write(ledger) == write(ledger) == ALL
    corrected = ledger.folder / "rejects.xlsx"
    corrected.write_bytes(b"corrected by hand")
    assert write(ledger) == ALL  # nothing changed: the corrections stay in the file they are in
    assert not (ledger.folder / "rejects-2.xlsx").exists()
    (row,) = next(ledger.read("SELECT min(row) FROM rows WHERE fate = 'rejected'"))
    ledger.connection.execute("UPDATE rows SET fate = 'ready' WHERE row = ?", (row,))
    assert write(ledger) == ALL  # a row less, as after a decision: the file has all that are left
    names = [path.name for path in present(ledger.folder)]
    assert open_workbooks(view_of(ledger), names) == {0: "rejects.xlsx"}  # in the next step


def _after_apply(keep: Keep, *states: State) -> tuple[Ledger, Path]:
    """A run whose plan had rows to correct, in a file that was edited; then the apply went so."""
    run = building.planned()
    ledger = keep(run)
    write(ledger)
    edited = ledger.folder / "rejects.xlsx"
    edited.write_bytes(b"corrected by hand")
    with ledger.transaction():
        ledger.keep(RunValue.APPLIED, "2026-08-20T10:00:00+00:00")
        for row, state in enumerate((State.APPLIED,) * 5 + states, start=2):
            ledger.connection.execute("UPDATE steps SET state = ? WHERE row = ?", (state, row))
    return ledger, edited


def _next(ledger: Ledger) -> str:
    """The command of the next step."""
    view = view_of(ledger)
    books = open_workbooks(view, [path.name for path in present(ledger.folder)])
    return next_step(view.summary, view.facts, view.related, books).command


def test_rows_that_an_apply_held_make_no_second_rejects_file(keep: Keep) -> None:
    """A person has nothing to correct in them, and the edited file has all that is; it is named."""
    ledger, edited = _after_apply(keep, State.HELD, State.APPLIED, State.APPLIED)
    assert "rejects.xlsx" in write(ledger)
    assert not (ledger.folder / "rejects-2.xlsx").exists()
    assert str(edited) in _next(ledger)
    ledger.connection.execute("UPDATE rows SET fate = 'ready'")  # only the held row is left
    assert "rejects" not in _next(ledger)
    assert _next(ledger).startswith(f"importer plan {ledger.facts.roster.path} ")
    assert edited.read_bytes() == b"corrected by hand"


def test_a_row_that_alma_refused_is_in_a_rejects_file_beside_an_edited_one(keep: Keep) -> None:
    """The edited file cannot have it; the new one has every row, and the next step names it."""
    ledger, edited = _after_apply(keep, State.REFUSED, State.APPLIED, State.APPLIED)
    assert "rejects-2.xlsx" in write(ledger)
    assert "rejects-2.xlsx" in write(ledger)  # ours again, so it may be replaced
    assert str(ledger.folder / "rejects-2.xlsx") in _next(ledger)
    assert str(edited) not in _next(ledger)
    ledger.connection.execute("UPDATE rows SET fate = 'ready'")
    ledger.connection.execute("UPDATE steps SET state = 'applied'")
    write(ledger)
    assert edited.read_bytes() == b"corrected by hand"
    assert not (ledger.folder / "rejects-2.xlsx").exists()


def test_rejects_that_were_only_opened_for_corrections_are_not_written_again(keep: Keep) -> None:
    """A file with another time and the same content is kept, and no second one stands beside."""
    ledger = keep(building.checked())
    write(ledger)
    opened = ledger.folder / "rejects.xlsx"
    os.utime(opened)
    time = opened.stat().st_mtime
    assert write(ledger) == ALL
    assert opened.stat().st_mtime == time
    assert "rejects-2.xlsx" not in {path.name for path in present(ledger.folder)}


def test_rejects_of_rejects_are_named_simply() -> None:
    """They have the name of the first roster, however often they are corrected."""
    staff = building.FACTS.roster.model_copy(update={"path": "run/rejects-2-staff.xlsx"})
    other = OtherRoster(roster=staff, mapping=building.FACTS.mapping)
    facts = building.FACTS.model_copy(update={"others": (other,)})
    assert rejects_name("rejects.xlsx", facts, 1) == "rejects-2-staff.xlsx"


def test_the_newest_rejects_of_each_roster_are_listed_last(tmp_path: Path) -> None:
    """Also of several rosters, and after nine of one name."""
    names = ["1-staff", "1-staff-2", "1-staff-10", "2-students", "2-students-2"]
    for name in sorted(names):
        (tmp_path / f"rejects-{name}.xlsx").touch()
    assert [path.name for path in present(tmp_path)] == [f"rejects-{name}.xlsx" for name in names]


@pytest.mark.parametrize("lock", ["~$rejects.xlsx", ".~lock.rejects.xlsx#"])
def test_a_file_that_is_open_elsewhere_stays(keep: Keep, lock: str) -> None:
    """While Excel or LibreOffice has the workbook open, the new one gets a free name."""
    ledger = keep(building.checked())
    write(ledger)
    before = (ledger.folder / "rejects.xlsx").stat().st_ino
    (ledger.folder / lock).touch()
    assert write(ledger)[2] == "rejects.xlsx"
    (row,) = next(ledger.read("SELECT min(row) FROM rows WHERE fate = 'rejected'"))
    ledger.connection.execute("UPDATE rows SET fate = 'ready' WHERE row = ?", (row,))
    assert write(ledger)[2] == "rejects-2.xlsx"
    assert (ledger.folder / "rejects.xlsx").stat().st_ino == before


def test_a_name_that_cannot_be_taken_is_passed_over(tmp_path: Path) -> None:
    """Where something else has the name, the file stands beside it."""
    wanted = tmp_path / "report.html"
    wanted.mkdir()
    placed = place(wanted, lambda path: _fill(path, "new"))
    assert placed.name == "report-2.html"
    assert placed.read_text("utf-8") == "new"


def _fill(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    """A full disk leaves the earlier file whole and no fragment, and says what to do."""
    wanted = tmp_path / "report.html"
    _fill(wanted, "old")

    def fail(path: Path) -> None:
        _fill(path, "half")
        raise OSError(28, "No space left on device")

    with pytest.raises(LedgerError, match="No space left") as caught:
        place(wanted, fail)
    assert caught.value.advice == (Choice(WriteReports(str(tmp_path))),)
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["old"]


def test_what_cannot_be_written_stops_with_a_sentence(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is gone, and what the workbook's library makes of a full disk."""
    ledger = keep(building.checked())
    with pytest.raises(LedgerError, match="was moved, renamed or deleted"):
        place(ledger.folder / "gone" / "report.html", lambda path: _fill(path, "x"))

    def full(*_: object) -> None:
        raise FileCreateError(OSError(28, "No space left on device"))

    monkeypatch.setattr(rejects._Rejects, "write", full)
    with pytest.raises(LedgerError, match="No space left"):
        write(ledger)
    assert not (ledger.folder / "rejects.xlsx").exists()


def test_summary_json_is_the_summary(keep: Keep) -> None:
    """What is written reads back as the same counts; what does not apply is not in it."""
    ledger = keep(building.checked())
    summary = summarize(ledger)
    write_all(view_of(ledger))
    text = (ledger.folder / "summary.json").read_text("utf-8")
    assert Summary.model_validate_json(text) == summary
    assert "create" not in json.loads(text)
    assert text.endswith("}\n")


def test_problems_csv_has_a_line_per_problem(keep: Keep) -> None:
    """Its headings are fixed, its rows whole numbers in order, whatever the severity."""
    ledger = keep(building.checked())
    write(ledger)
    text = (ledger.folder / "problems.csv").read_text("utf-8")
    heading, *lines = text.splitlines()
    assert tuple(heading.split(",")) == PROBLEM_COLUMNS
    rows = [int(line.split(",")[0]) for line in lines]
    assert rows == sorted(rows)
    assert len(rows) == len(list(ledger.problems()))
    assert rows[0] == 0
    assert "15,D Patron Type,user_group,unknown-code,reject," in text
    assert "18,B First Name; C Last Name,,duplicate-person,review," in text


def test_a_summary_has_only_keys_of_the_schema(keep: Keep) -> None:
    """Everything in a summary is described, and what is required is there."""
    schema = json.loads(PUBLISHED.read_text("utf-8"))
    for run in (building.checked(), building.planned(), building.applied()):
        counts = json.loads(summarize(keep(run)).model_dump_json(exclude_none=True))
        assert counts.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= counts.keys()


def _cells(path: Path) -> Iterator[str]:
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows(values_only=True):
            yield from map(str, row)


def test_reports_have_the_sentence_of_every_action(keep: Keep) -> None:
    """In the workbook and in the file of problems."""
    run = building.checked()
    texts = []
    for row, action in enumerate(EVERY, 1000):
        run.reject(row)
        run.problems[-1] = replace(run.problems[-1], advice=(Choice(action),))
        texts.append(plain(text_of((Choice(action),))))
    ledger = keep(run)
    files = {path.name: path for path in write_all(view_of(ledger))}
    with files["problems.csv"].open(encoding="utf-8") as file:
        problems = "\n".join(line["message"] for line in csv.DictReader(file))
    workbook = "\n".join(_cells(files["rejects.xlsx"]))
    for text in texts:
        assert text in problems
        assert text in workbook
