"""The page's templates: every branch is rendered, so that no run meets a name that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from jinja2 import Environment, nodes

from importer.advice import by_hand
from importer.ledger.journal import Journal
from importer.ledger.ledger import JournalEvent
from importer.model.plan import (
    Change,
    ChangeKind,
    Create,
    Delete,
    Fate,
    SafetyCheck,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Problem
from importer.model.run import ColumnUse, NotInRoster, OtherRoster, SinceLoad
from importer.model.text import RowId
from importer.report import page
from importer.report.page import MOST_GROUPS
from importer.report.view import MOST_LINES, MOST_USERS
from tests.report import building
from tests.report.building import Run, at, view_of
from tests.report.conftest import Keep

Seen = dict[str, set[bool]]

BRANCHES: dict[type[nodes.Node], str] = {
    nodes.If: "test",
    nodes.CondExpr: "test",
    nodes.Or: "left",
    nodes.For: "iter",
}
"""What decides which way a template goes."""


@pytest.fixture
def branches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Which way each condition, `or` and loop of the templates went, by its place."""
    seen: Seen = {}
    parse = Environment._parse

    def watched(
        itself: Environment, source: str, name: str | None, filename: str | None
    ) -> nodes.Template:
        tree = parse(itself, source, name, filename)
        for kind, decides in BRANCHES.items():
            for number, found in enumerate(tree.find_all(kind)):
                place = f"{name}:{found.lineno}: {kind.__name__} {number}"
                seen[place] = set()
                value = getattr(found, decides)
                watch = nodes.Filter(value, "watch", [nodes.Const(place)], [], None, None)
                setattr(found, decides, watch.set_lineno(found.lineno))
        return tree

    def watch(value: object, place: str) -> object:
        # what a generator yields is seen in a tuple
        value = tuple(value) if isinstance(value, Iterator) else value
        seen[place].add(bool(value))
        return value

    monkeypatch.setattr(Environment, "_parse", watched)
    page.environment.cache_clear()
    page.environment().filters["watch"] = watch
    yield seen
    page.environment.cache_clear()


def _two_rosters() -> Run:
    """A plan of two rosters, with a problem and a new user of the second."""
    run = building.planned()
    facts = run.facts
    other = OtherRoster(roster=facts.roster, mapping=facts.mapping)
    run.facts = facts.model_copy(update={"others": (other,)})
    run.reject(RowId(1, 2).packed)
    run.row(RowId(1, 3).packed, Fate.READY)
    run.steps = [Create(RowId(1, 3).packed, building.user(3))]
    return run


def _since_a_load() -> Run:
    """A check of a roster whose mapping was loaded before, with somebody who cannot borrow."""
    run = building.checked()
    run.missing = [NotInRoster("20001", "Ana Nunez")]
    run.problems.append(Problem.of(Code.CANNOT_BORROW, at(2), "the user is INACTIVE"))
    counts = {"new": 1, "changed": 2, "missing": 1}
    since = SinceLoad(mapping="community", day=run.facts.today, fields={"user_group": 2}, **counts)
    run.facts = run.facts.model_copy(update={"since_last_load": (since,)})
    return run


def _bare() -> Run:
    """A check of one ready row in which one column has no heading and is used for nothing."""
    run = Run()
    run.row(2, Fate.READY)
    run.columns = (replace(building.COLUMNS[-1], heading="", samples=("",)),)
    return run


def _undone() -> Run:
    """An undo plan with two failed safety checks and one deletion."""
    run = building.planned("undo")
    run.row(30, Fate.READY)
    run.steps.append(Delete(30, "x", building.user(30)))
    (step,) = (one for one in run.steps if isinstance(one, Update) and one.checks)
    both = (*step.checks, SafetyCheck.PINS)
    run.steps[run.steps.index(step)] = replace(step, checks=both)
    return run


def _one_new(*columns: ColumnUse, cells: tuple[str, ...] | None = None) -> Run:
    """A plan with one new patron and nothing else, for one kind and one part of the record."""
    run = building.planned()
    run.steps = [Create(2, building.user(2))]
    run.columns = columns or run.columns
    run.cells[2] = cells or run.cells[2]
    return run


def _two_deletions() -> Run:
    run = _undone()
    run.row(31, Fate.READY)
    run.steps.append(Delete(31, "y", building.user(31)))
    return run


def _over_every_cap() -> Run:
    """More problem groups, differences and row numbers than are listed at once."""
    run = building.applied()
    for row in range(100, 101 + MOST_GROUPS):
        run.reject(row)
        run.problems[-1] = replace(
            run.problems[-1], advice=by_hand(f"Ask office {row}, or add:\n  a: b")
        )
    for row in range(200, 240, 2):
        run.row(row, Fate.READY, Problem.of(Code.EXPIRY_PAST, at(row), "is in the past"))
    run.problems += [
        Problem.of(Code.MANY_OTHER_PEOPLE, at(0), "6 of 9 known IDs find another person"),
        Problem.of(Code.ANOTHER_NAME, at(200), "the user is {value} in Alma", value="Ana Lee"),
    ]
    for row in range(300, 301 + MOST_LINES):
        run.row(row, Fate.READY)
        change = Change(ChangeKind.REPLACE, f"user_note[{row}]", "a", "b")
        user = building.user(row)
        run.steps.append(Update(row, str(user.primary_id), user, user, (change,)))
    return run


def _newcomers(count: int) -> Callable[[], Run]:
    def made() -> Run:
        run = building.planned()
        run.steps = [Create(row, building.user(row)) for row in range(2, 2 + count)]
        return run

    return made


def _updates(*changes: Change) -> Callable[[], Run]:
    """A plan that does nothing but these changes to one user."""

    def made() -> Run:
        run = building.planned()
        run.steps = [Update(6, "x", building.user(6), building.user(6), changes)]
        return run

    return made


def _nothing_to_send() -> Run:
    run = Run()
    run.facts = building.planned().facts
    run.row(2, Fate.READY)
    run.steps = [Unchanged(2, "x")]
    return run


_NAME = Change(ChangeKind.REPLACE, "last_name", "a", "b")
_GROUP = Change(ChangeKind.REPLACE, "user_group", "a", "b")
_ADDED = Change(ChangeKind.ADD, "last_name", "", "b")


def _stretches() -> Run:
    """Rows in a line of which there is nothing to tell."""
    run = Run()
    for row in range(2, 6):
        run.row(row, Fate.READY)
    run.cells.clear()
    return run


RUNS: tuple[Callable[[], Run], ...] = (
    building.checked,
    building.planned,
    building.applied,
    _two_rosters,
    _since_a_load,
    lambda: building.hostile("x"),
    _bare,
    Run,
    _stretches,
    _undone,
    _two_deletions,
    _one_new,
    lambda: _one_new(*building.COLUMNS[:1]),  # without a column of user groups
    lambda: _one_new(cells=("", "", "", "")),  # a blank cell of the user group
    _over_every_cap,
    _newcomers(MOST_USERS),
    _newcomers(MOST_USERS + 1),
    _updates(_NAME, _GROUP),
    _updates(_NAME, _ADDED),
    _nothing_to_send,
)


def test_every_branch_of_every_template_is_rendered(
    keep: Keep, branches: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each condition was true once and false once, and each loop had something to go through."""
    for made in RUNS:
        ledger = keep(made())
        for shown in page.render(view_of(ledger), [("a", "b")], {}):
            assert f"Row {RowId(1, 3).packed}" not in shown  # it is row 2:3
    ledger = keep(building.applied())
    journal = Journal(ledger, "robin", lambda: building.FACTS.started)
    journal.start(None)
    journal.start(None)
    journal.note(JournalEvent.ALLOWED, "removals")
    monkeypatch.setattr(page, "MOST_ROWS", 5)
    page.render(view_of(ledger), (), {})
    missing = {
        place: went
        for place, went in branches.items()
        if went != {True, False} and not (": For " in place and True in went)
    }
    assert missing == {}
