"""Every row is counted exactly once, by its fate, its act and its result, all through a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from importer.ledger.journal import Journal, RunContent, write_run
from importer.ledger.ledger import RESULTS, Ledger, State, summarize
from importer.model.plan import (
    Act,
    Create,
    Delete,
    Fate,
    LeftAlone,
    Planned,
    Result,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Origin, Problem, Severity
from importer.model.run import OtherRoster
from importer.model.text import ABSENT_ROWS, RowId
from importer.model.user import User
from tests.ledger.plans import FACTS, NOW

ANA = User(primary_id="20001234567890", first_name="Ana")

SENT = (Act.CREATE, Act.UPDATE, Act.DELETE)
ROWS = st.sets(
    st.integers(2, 40)
    | st.integers(ABSENT_ROWS + 1, ABSENT_ROWS + 3)
    | st.integers(RowId(1, 2).packed, RowId(1, 9).packed),
    min_size=4,
    max_size=12,
)


def step_of(row: int, act: Act) -> Step:
    """A step that does this."""
    match act:
        case Act.CREATE:
            return Create(row, ANA)
        case Act.UPDATE:
            return Update(row, "20001234567890", ANA, ANA, ())
        case Act.DELETE:
            return Delete(row, "20001234567890", ANA)
        case Act.UNCHANGED:
            return Unchanged(row, "20001234567890")
        case Act.LEFT_ALONE:
            return LeftAlone(row, "")


def check_counts(ledger: Ledger) -> None:
    """Hold every way of counting against the rows themselves, one by one."""
    rows, summary = list(ledger.every_row()), summarize(ledger)
    assert summary.adds_up()
    assert ledger.count_rows(None, "") == summary.rows == len(rows)
    for end in (*Fate, *Act, *(Result if ledger.was_applied else ())):
        ours = [row.row for row in rows if end in {row.fate, row.act, row.result}]
        assert [row.row for row in ledger.some_rows(end, "", 0, -1)] == ours
        assert ledger.count_rows(end, "") == len(ours)
    for row in rows:
        assert (row.act is not None) is (row.fate is Fate.READY)
        assert (row.result is not None) is (row.act in SENT and ledger.was_applied)
    results = Counter(row.result for row in rows)
    if ledger.was_applied:
        counts = summary.model_dump()
        assert {end: counts[end] or 0 for end in Result} == {end: results[end] for end in Result}


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, undoes=st.booleans(), data=st.data())
def test_every_row_is_counted_once(rows: set[int], undoes: bool, data: st.DataObject) -> None:  # noqa: FBT001
    """As planned, as people resolved it, and after each outcome, with kills in between."""
    acts = [act for act in Act if undoes or act is not Act.DELETE]
    planned = {row: data.draw(st.sampled_from([*Fate, *acts, *acts])) for row in sorted(rows)}
    steps = {row: step_of(row, end) for row, end in planned.items() if isinstance(end, Act)}
    fates = {row: end if isinstance(end, Fate) else Fate.READY for row, end in planned.items()}
    steps |= {row: LeftAlone(row, "") for row, end in planned.items() if end is Fate.READY}
    others = (OtherRoster(roster=FACTS.roster, mapping=FACTS.mapping),)
    facts = FACTS.model_copy(update={"command": "undo" if undoes else "plan", "others": others})
    with (
        TemporaryDirectory() as folder,
        write_run(Path(folder), facts, fates, RunContent(steps=list(steps.values()))) as ledger,
    ):
        journal = Journal(ledger, "jo", lambda: NOW)
        check_counts(ledger)
        for row in (row for row, fate in fates.items() if fate is Fate.REVIEW):
            act = data.draw(st.none() | st.sampled_from(acts))
            step = step_of(row, act) if act else None
            problem = Problem.of(
                Code.RESOLVED,
                Origin("autumn.csv", "", row),
                "decided",
                severity=Severity.WARNING if step else Severity.REJECT,
            )
            fate = Fate.READY if step else Fate.REJECTED
            journal.record_resolution(row, fate, Planned(step) if step else None, [problem], "")
        check_counts(ledger)
        journal.start(None)
        for row in data.draw(st.permutations(journal.rows_in(*State))):
            step_act = journal.step(row).act
            journal.record_intent(row, None, ANA)
            ends = [state for act, state in RESULTS if act is step_act]
            if end := data.draw(st.sampled_from([*ends, None])):  # None: killed
                journal.record_outcome(row, end)
            check_counts(ledger)
