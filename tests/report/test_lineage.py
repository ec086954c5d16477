"""How runs follow from one another is in the list of runs and in the reports."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from importer.ledger.journal import Journal
from importer.ledger.ledger import FILE, Ledger, State, summarize
from importer.model.plan import Create, Fate
from importer.report.files import write_all
from importer.report.lineage import Lineage, lineage, lineages, next_step
from tests.report import building
from tests.report.building import Run
from tests.report.conftest import Keep

BOTH = (State.APPLIED, State.APPLIED)


def _loaded(
    keep: Keep,
    *,
    undoes: Path | None = None,
    roster: Path | None = None,
    states: tuple[State, ...] = (State.APPLIED,),
    late: int = 0,
) -> Ledger:
    """An applied run of new patrons, which undoes another or loads its corrected rejects.

    `late`: how many minutes later it was planned.
    """
    run = Run(facts=building.planned().facts.model_copy(update={"failed_checks": ()}))
    if undoes:
        run.facts = run.facts.model_copy(update={"command": "undo", "undoes": str(undoes)})
    if roster:
        facts = run.facts.roster.model_copy(update={"path": str(roster)})
        run.facts = run.facts.model_copy(update={"roster": facts})
    started = run.facts.started + timedelta(minutes=late)
    run.facts = run.facts.model_copy(update={"started": started})
    for row, state in enumerate(states, start=2):
        run.row(row, Fate.READY)
        run.steps += [Create(row, building.user(row))]
        run.states[row] = state
    return keep(run)


def text_of(folder: Path) -> str:
    """What people read on the page of a run."""
    return re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text("utf-8"))


def test_each_run_knows_what_it_follows_from_and_what_follows(keep: Keep) -> None:
    """A correction and an undo are related to the first run in both directions."""
    first = keep(building.planned()).folder
    fixed = _loaded(keep, roster=first / "rejects-2.xlsx").folder
    back = _loaded(keep, undoes=fixed).folder
    found = lineages([first, fixed, back])
    assert found[first] == Lineage(corrected_by=[fixed])
    assert found[fixed] == Lineage(corrects=first, undone_by=[back])
    assert found[back] == Lineage(undoes=fixed)


def test_a_correction_that_was_not_applied_corrects_nothing_yet(keep: Keep) -> None:
    """Until `apply` the first run's rejects are still to be loaded."""
    first = keep(building.planned()).folder
    run = building.planned()
    roster = run.facts.roster.model_copy(update={"path": str(first / "rejects.csv")})
    run.facts = run.facts.model_copy(update={"roster": roster})
    later = keep(run).folder
    found = lineages([first, later])
    assert found[first] == Lineage()
    assert found[later].corrects == first


def test_reports_of_a_later_run_bring_the_first_ones_up_to_date(keep: Keep) -> None:
    """After the rejects are loaded the first page says so, and asks nobody to correct them."""
    first = _loaded(keep)
    first.connection.execute("INSERT INTO rows VALUES (3, 'rejected')")
    write_all(first, summarize(first))
    assert "Correct the marked cells" in text_of(first.folder)
    fixed = _loaded(keep, roster=first.folder / "rejects.xlsx")
    write_all(fixed, summarize(fixed))
    assert "Correct the marked cells" not in text_of(first.folder)
    assert f"loaded by {fixed.folder}" in text_of(first.folder)
    assert f"corrected rejects of {first.folder}" in text_of(fixed.folder)


def test_a_run_that_was_undone_says_so_and_offers_no_undo(keep: Keep) -> None:
    """The next step does not undo it a second time."""
    first = _loaded(keep)
    back = _loaded(keep, undoes=first.folder)
    write_all(back, summarize(back))
    assert f"undone by {back.folder}" in text_of(first.folder)
    undone = Lineage(undone_by=[back.folder])
    assert next_step(summarize(first), first.facts, undone).command == ""
    assert "importer undo" not in text_of(first.folder)


@pytest.mark.parametrize("state", [State.PLANNED, State.REFUSED, State.HELD, State.UNKNOWN])
def test_an_undo_that_changed_nothing_undid_nothing(keep: Keep, state: State) -> None:
    """Its apply began, as with `--limit 0`, or Alma refused every row: the first run stands."""
    first = _loaded(keep)
    back = _loaded(keep, undoes=first.folder, states=(state,))
    assert back.was_applied
    assert lineage(first) == Lineage()
    assert lineage(back) == Lineage(undoes=first.folder)


@pytest.mark.parametrize(
    "states", [(), (State.PLANNED,), (State.REFUSED,), (State.HELD,), (State.UNKNOWN,)]
)
def test_an_undo_that_did_some_rows_undid_a_part(keep: Keep, states: tuple[State, ...]) -> None:
    """The first run is not called undone: planning its undo again finds what is left.

    It may have written the others since the undo was planned, or they may be users who stay.
    """
    first = _loaded(keep, states=BOTH)
    back = _loaded(keep, undoes=first.folder, states=(State.APPLIED, *states))
    related = lineage(first)
    assert related == Lineage(partly_undone_by=[back.folder])
    assert related.as_json()["undone_by"] == []
    assert any("in part" in sentence for sentence in related.sentences())
    assert next_step(summarize(first), first.facts, related).command.startswith("importer undo ")


def test_an_undo_that_was_undone_undid_nothing(keep: Keep) -> None:
    """However often: the last one counts; in part, if it did some rows. All pages say so."""
    first = _loaded(keep, states=BOTH)
    states = [BOTH, BOTH, BOTH, (State.APPLIED, State.HELD)]
    folders, seen = [first.folder], list[tuple[list[Path], list[Path]]]()
    for late, done in enumerate(states, start=1):
        run = _loaded(keep, undoes=folders[-1], states=done, late=late)
        write_all(run, summarize(run))
        folders.append(run.folder)
        related = lineages(reversed(folders))[first.folder]
        assert related == lineage(first)
        seen.append((related.undone_by, related.partly_undone_by))
        assert ("This run was undone by" in text_of(first.folder)) is bool(related.undone_by)
    once = [folders[1]]
    assert seen == [(once, []), ([], []), (once, []), ([], once)]


def test_folders_that_undo_one_another_end(keep: Keep, tmp_path: Path) -> None:
    """The undo of an undo may have the folder of the run that was undone first, and purged."""
    back = _loaded(keep, undoes=tmp_path / "run-1")
    again = _loaded(keep, undoes=back.folder, late=1)
    assert again.folder == tmp_path / "run-1"
    write_all(again, summarize(again))
    for related in (lineage(back), lineages([again.folder, back.folder])[back.folder]):
        assert related.undone_by == [again.folder]
    assert lineage(again).undone_by == []


def test_a_resumed_apply_is_counted(keep: Keep) -> None:
    """Each start of an apply is in the history."""
    ledger = keep(building.planned())
    for _ in range(2):
        Journal(ledger, "robin", lambda: building.FACTS.started).start("")
    assert lineage(ledger).sittings == 2
    assert any("continued once" in sentence for sentence in lineage(ledger).sentences())


def test_a_run_that_is_purged_meanwhile_stops_no_report(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder was there when the folders were listed."""
    ledger = keep(building.planned())
    monkeypatch.setattr(Path, "glob", lambda *_: [tmp_path / "purged" / FILE])
    assert lineage(ledger) == Lineage()
