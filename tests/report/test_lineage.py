"""What runs follow from is in the list of runs and in the reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from importer.ledger.journal import Journal
from importer.ledger.ledger import Ledger, State, summarize
from importer.model.plan import Create, Fate
from importer.report.files import write_all
from importer.report.lineage import Lineage, lineage, next_step
from tests.report import building
from tests.report.building import Run, view_of
from tests.report.conftest import Keep

BOTH = (State.APPLIED, State.APPLIED)


def _loaded(
    keep: Keep,
    *,
    undoes: Path | None = None,
    roster: Path | None = None,
    states: tuple[State, ...] = (State.APPLIED,),
) -> Ledger:
    """An applied run of new patrons, which undoes another or loads its corrected rejects."""
    run = Run(facts=building.planned().facts)
    if undoes:
        run.facts = run.facts.model_copy(update={"command": "undo", "undoes": str(undoes)})
    if roster:
        facts = run.facts.roster.model_copy(update={"path": str(roster)})
        run.facts = run.facts.model_copy(update={"roster": facts})
    for row, state in enumerate(states, start=2):
        run.row(row, Fate.READY)
        run.steps += [Create(row, building.user(row))]
        run.states[row] = state
    return keep(run)


def text_of(folder: Path) -> str:
    """What people read on the page of a run."""
    return re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text("utf-8"))


def test_each_run_knows_what_it_follows_from(keep: Keep) -> None:
    """A correction and an undo name the first run."""
    first = keep(building.planned()).folder
    fixed = _loaded(keep, roster=first / "rejects-2.xlsx")
    assert lineage(fixed) == Lineage(corrects=first)
    assert lineage(_loaded(keep, undoes=fixed.folder)) == Lineage(undoes=fixed.folder)


def test_a_run_that_was_undone_says_so_and_offers_no_undo(keep: Keep) -> None:
    """The next step does not undo it a second time; its page is written with the undo's reports."""
    first = _loaded(keep)
    back = _loaded(keep, undoes=first.folder)
    first.note_undo(back)
    write_all(view_of(back))
    assert f"undone by {back.folder.name}" in text_of(first.folder)
    assert next_step(summarize(first), first.facts, lineage(first), {}).command == ""
    assert "importer undo" not in text_of(first.folder)


@pytest.mark.parametrize("state", [State.PLANNED, State.REFUSED, State.HELD, State.UNKNOWN])
def test_an_undo_that_changed_nothing_undid_nothing(keep: Keep, state: State) -> None:
    """Its apply began, as with `--limit 0`, or Alma refused every row: the first run stands."""
    first = _loaded(keep)
    back = _loaded(keep, undoes=first.folder, states=(state,))
    assert back.was_applied
    first.note_undo(back)
    assert lineage(first) == Lineage()


@pytest.mark.parametrize(
    "states", [(), (State.PLANNED,), (State.REFUSED,), (State.HELD,), (State.UNKNOWN,)]
)
def test_an_undo_that_did_some_rows_undid_a_part(keep: Keep, states: tuple[State, ...]) -> None:
    """The first run is not called undone: planning its undo again finds what is left.

    It may have written the others since the undo was planned, or they may be users who stay.
    """
    first = _loaded(keep, states=BOTH)
    back = _loaded(keep, undoes=first.folder, states=(State.APPLIED, *states))
    first.note_undo(back)
    related = lineage(first)
    assert related == Lineage(undone_by=back.folder.name)
    assert any("in part" in sentence for sentence in related.sentences())
    assert next_step(summarize(first), first.facts, related, {}).command.startswith(
        "importer undo "
    )


def test_a_resumed_apply_is_counted(keep: Keep) -> None:
    """Each start of an apply is in the history."""
    ledger = keep(building.planned())
    for _ in range(2):
        Journal(ledger, "robin", lambda: building.FACTS.started).start(None)
    assert lineage(ledger).sittings == 2
    assert any("continued once" in sentence for sentence in lineage(ledger).sentences())
