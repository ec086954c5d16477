"""No page and no report reads its own prose: with other words, everything else is as before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from importer import advice
from importer.advice import Choice
from importer.ledger.ledger import summarize
from importer.model.plan import Fate, Unchanged
from importer.model.problem import CATALOGUE, Code, Problem, Severity
from importer.report.files import write_all
from importer.report.view import RunView
from importer.report.wording import MASKED, PAGE
from importer.web import advice as controls
from importer.web import decision_pages, run_pages
from importer.web.site import ROOT, SITE, Site, Visit
from importer.web.tasks import Tasks, Workspace
from tests.actions import EVERY
from tests.report import building

KEPT = {"class", "id", "href", "action", "method", "name", "type", "value", "for", "open", "form"}
"""The attributes that are no prose."""


class _Skeleton(HTMLParser):
    """The elements of a page with their attributes that are no prose, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"code", "span", "br"}:  # code is prose between backticks
            kept = (f"{name}={text}" for name, text in attrs if name in KEPT)
            self.found.append((tag, *kept))


def _skeleton(page: str) -> list[tuple[str, ...]]:
    parser = _Skeleton()
    parser.feed(page)
    return parser.found


def _run(number: int) -> building.Run:
    """A plan with a row for each kind of problem and each action, held back or only warned of."""
    run = building.planned()
    rows = iter(range(100, 400))
    place = building.BARCODE
    for code in CATALOGUE:
        for severity in (Severity.REJECT, Severity.WARNING):
            row = next(rows)
            said = f"is wrong {number}"
            problem = Problem.of(code, building.at(row), said, place, severity=severity)
            run.row(row, Fate.REJECTED if severity.holds else Fate.READY, problem)
            run.steps += [] if severity.holds else [Unchanged(row, f"20{row}")]
    for action in EVERY:
        row = next(rows)
        problem = Problem.of(Code.ODD_VALUE, building.at(row), f"is {number}", place)
        run.row(row, Fate.READY, replace(problem, advice=(Choice(action),)))
        run.steps.append(Unchanged(row, f"20{row}"))
    return run


def _pages(folder: Path, number: int) -> Iterator[tuple[str, str]]:
    """Yield the reports and pages of such a run, each with its name."""
    runs = folder / f"{number}"
    with _run(number).ledger(runs / "runs" / "run") as ledger:
        for path in write_all(RunView(ledger, summarize(ledger))):
            if path.name in {PAGE, MASKED}:
                yield path.name, path.read_text("utf-8")
    space = Workspace("alma", runs, Tasks(runs / "tasks", runs, {}), runs, "ana@desk")
    app = web.Application()
    app[ROOT] = "/secret"
    app[SITE] = Site(
        {"alma": space, "practice": space}, lambda: datetime(2026, 8, 20, 10, tzinfo=UTC), None
    )
    for name, page, row in (
        ("run", run_pages.run, ""),
        ("decisions", decision_pages.decisions, ""),
        *((f"row {row}", run_pages.row, str(row)) for row in (100, 101, 130)),
    ):
        names = {"place": "alma", "run": "run", "row": row}
        visit = Visit(make_mocked_request("GET", f"/{name}", app=app, match_info=names))
        shown = page(visit)
        assert isinstance(shown, web.Response)
        yield name, shown.text or ""


def test_pages_and_reports_do_not_depend_on_their_prose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles, sentences and advice are replaced: links, forms, pills and states are the same."""
    before = dict(_pages(tmp_path, 1))
    for number, (code, kind) in enumerate(CATALOGUE.items()):
        scrambled = kind.model_copy(update={"title": f"T{number}", "meaning": f"M{number}"})
        monkeypatch.setitem(CATALOGUE, code, scrambled)
    monkeypatch.setattr(advice, "as_text", lambda action: f"A{hash(action)}.")
    monkeypatch.setattr(controls, "as_text", lambda action: f"A{hash(action)}.")
    after = dict(_pages(tmp_path, 2))
    assert before.keys() == after.keys()
    for name, page in before.items():
        assert _skeleton(page) == _skeleton(after[name]), name
        assert page != after[name], name
