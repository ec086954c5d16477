"""No page and no report reads its own prose: with other words, everything else is as before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from importer import advice
from importer.advice import Choice, as_json
from importer.errors import Exit
from importer.jobs.commands import StepError, counts_of
from importer.jobs.words import reasons
from importer.ledger.ledger import summarize
from importer.mapper.key_path import KeyPath
from importer.mapper.yaml_source import YamlSource
from importer.model.plan import Fate, Unchanged
from importer.model.problem import CATALOGUE, Code, Problem, Severity
from importer.report import view as report_view
from importer.report import wording
from importer.report.files import write_all
from importer.report.view import RunView
from importer.report.wording import MASKED, PAGE
from importer.service.outcome import Ending
from importer.web import advice as controls
from importer.web import (
    decision_pages,
    draft_pages,
    mapping_pages,
    run_pages,
    settings_page,
    task_pages,
)
from importer.web.drafts import Draft, DraftFacts
from importer.web.site import ROOT, SITE, Site, Visit
from importer.web.tasks import EXIT, OUT, TASK, Task, Tasks
from importer.web.workspace import DRAFTS, Workspace
from tests.actions import EVERY
from tests.pipeline.runs import ROOT as CHECKOUT
from tests.report import building
from tests.web.conftest import with_mapping

NOW = datetime(2026, 8, 20, 10, tzinfo=UTC)
ADVICE = tuple(map(Choice, EVERY))

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
    """Return the elements of a page; of an email, what its lines count, and its commands."""
    if "<html" not in page:
        return re.findall(r"^(- [\d,]+ rows?:|  importer .*)", page, re.MULTILINE)
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


def _tasks(folder: Path, number: int) -> Tasks:
    """Return a failed command and a check of the setup, each with every action, and a `resolve`."""
    for name, words, out in (
        ("1", ("users", "refresh"), {"error": f"It is wrong {number}.", "advice": as_json(ADVICE)}),
        ("2", ("doctor",), {"findings": [
            {"name": state, "state": state, "sentence": f"is {number}", "advice": as_json(ADVICE)}
            for state in ("ok", "warn", "bad")
        ]}),
        ("3", ("resolve", "runs/run"), {
            "unused_answers": [{"rows": ["18"], "why": f"Is not used {number}."}]
        }),
    ):  # fmt: skip
        (task := folder / "tasks" / name).mkdir(parents=True)
        (task / TASK).write_text(Task(words=words, started=NOW, id=name).model_dump_json())
        (task / OUT).write_text(json.dumps({**out, "exit": Exit.USAGE}))
        (task / EXIT).write_text(str(int(Exit.USAGE)))
    return Tasks(folder / "tasks", folder, {})


def _mail(run: Path, number: int) -> str:
    """Return what emails say of the rows of a run, and of a command that failed."""
    with pytest.raises(StepError) as failed:
        counts_of(Ending(exit=Exit.STOPPED, error=f"Alma is {number}.", advice=ADVICE))
    return "\n".join((*reasons(str(run), None), str(failed.value)))


def _visits(folder: Path, tasks: Tasks) -> tuple[Workspace, Callable[..., Visit]]:
    """Return a workspace, and a function for visits of it: a name, fields, and what is named."""
    space = Workspace("alma", folder, tasks, CHECKOUT, "ana@desk")
    app = web.Application()
    app[ROOT] = "/secret"
    app[SITE] = Site({"alma": space, "practice": space}, lambda: NOW, None)

    def visit(name: str, *fields: tuple[str, str], **names: str) -> Visit:
        names = {"place": "alma", **names}
        return Visit(make_mocked_request("GET", f"/{name}", app=app, match_info=names), fields)

    return space, visit


def _pages(folder: Path, number: int) -> Iterator[tuple[str, str]]:
    """Yield the reports, emails and pages of such a run, and of a roster, each with its name."""
    here = folder / f"{number}"
    with _run(number).ledger(here / "runs" / "run") as ledger:
        for path in write_all(RunView(ledger, summarize(ledger))):
            if path.name in {PAGE, MASKED}:
                yield path.name, path.read_text("utf-8")
    yield "mail", _mail(here / "runs" / "run", number)
    space, visit = _visits(here, _tasks(here, number))
    draft_pages.take_sample(visit("samples"))
    (draft,) = space.drafts()
    for name, page, names in (
        ("run", run_pages.run, {"run": "run"}),
        ("decisions", decision_pages.decisions, {"run": "run"}),
        *((row, run_pages.row, {"run": "run", "row": row}) for row in ("100", "101", "130")),
        ("home", draft_pages.home, {}),
        ("sheet", draft_pages.sheet, {"draft": draft.name}),
        ("mapping", mapping_pages.mapping, {"draft": draft.name}),
        ("settings", settings_page.settings, {}),
        ("task", task_pages.task, {"task": "1"}),
    ):
        shown = page(visit(name, **names))
        assert isinstance(shown, web.Response), name
        yield name, shown.text or ""


def test_pages_and_reports_do_not_depend_on_their_prose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles, sentences, advice and names are replaced: links, forms and states are the same."""
    before = dict(_pages(tmp_path, 1))
    said: tuple[dict[Any, str], ...] = (wording.ENDS, wording._FIELDS, report_view._OF_ONE)
    for names in said:
        for number, name in enumerate(names):
            monkeypatch.setitem(names, name, f"N{number}")
    for number, (code, kind) in enumerate(CATALOGUE.items()):
        scrambled = kind.model_copy(update={"title": f"T{number}", "meaning": f"M{number}"})
        monkeypatch.setitem(CATALOGUE, code, scrambled)
    monkeypatch.setattr(advice, "as_text", lambda action: f"A{hash(action)}.")
    monkeypatch.setattr(controls, "as_text", lambda action: f"A{hash(action)}.")
    after = dict(_pages(tmp_path, 2))
    assert before.keys() == after.keys()
    assert "Is not used 1." in before["decisions"]
    for name, page in before.items():
        assert _skeleton(page) == _skeleton(after[name]), name
        assert page != after[name] or name in {"home", "sheet", "mapping"}, name


OPEN = """version: 1
account_type: INTERNAL
record:
  primary_id: <Id>
  first_name: <?>
  user_group: "?"
  job_category: <Gone>
"""


def _mapping_pages(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the pages of a mapping with all that can be open in it, and the mapping as saved."""
    _, visit = _visits(folder, _tasks(folder, 1))
    draft = Draft.create(folder / DRAFTS, DraftFacts(file="people.csv", created=NOW))
    draft.roster.write_text("Id,First,Group\n1,Ida,COMM\n", "utf-8")
    path = with_mapping(folder, "open.yaml", OPEN)
    draft.choose(path.name)
    page = ""
    for view in ("form", "text"):
        page = mapping_pages.mapping(visit("mapping", ("view", view), draft=draft.name)).text or ""
        yield view, page
    digest = re.search(r'name="digest" value="(\w+)"', page)
    assert digest is not None
    fields = (("digest", digest[1]), ("target-B", "record/first_name"))
    mapping_pages.save(visit("mapping", *fields, draft=draft.name))
    yield "saved", path.read_text("utf-8")


def test_the_mapping_does_not_depend_on_the_words_of_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open is known by its place: the form names it, and can be saved as it is."""
    before = dict(_mapping_pages(tmp_path / "1"))
    placed = YamlSource.finding

    def scrambled(source: YamlSource, at: KeyPath, _: str, *, lacking: bool = False) -> str:
        return placed(source, at, f"W{hash(at)}", lacking=lacking)

    monkeypatch.setattr(YamlSource, "finding", scrambled)
    after = dict(_mapping_pages(tmp_path / "2"))
    assert "first_name: <First>" in before["saved"]
    assert after["saved"] == before["saved"]
    for view in ("form", "text"):
        assert _skeleton(after[view]) == _skeleton(before[view])
        assert after[view] != before[view]
    assert before["form"].count("Use First for") == after["form"].count("Use First for") == 1
