"""What is to be looked at first: one view for the terminal, the report and the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from rich.console import Console

from importer.jobs.words import reasons
from importer.ledger.ledger import Ledger, summarize
from importer.model.plan import Fate
from importer.model.problem import CATALOGUE, RESOLVED_ADVICE, Code, Problem, Severity
from importer.report.files import write_all
from importer.report.lineage import next_step
from importer.report.terminal import (
    MOST_GROUPS,
    as_lines,
    row_history,
    show_counts,
    show_files,
    show_problems,
)
from importer.report.wording import PAGE, sentences_of
from tests.report.building import BARCODE, RENEWAL, Run, at, planned, renewal, view_of

SCREEN = 40
"""Lines of a terminal."""


def _printed(ledger: Ledger, most: int | None = MOST_GROUPS, width: int = 1000) -> str:
    write_all(view_of(ledger))
    console = Console(file=io.StringIO(), width=width)
    show_counts(summarize(ledger), console)
    show_problems(view_of(ledger), console, show_values=False, reported=True, most=most)
    show_files(view_of(ledger), console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def _screen(ledger: Ledger) -> str:
    return "\n".join(_printed(ledger, width=100).splitlines()[:SCREEN])


def _report(ledger: Ledger) -> str:
    write_all(view_of(ledger))
    page = (ledger.folder / PAGE).read_text("utf-8")
    first = page.partition('<main id="main">')[2].partition('<section id="problems"')[0]
    return re.sub(r"<[^>]+>|&#39;", lambda hit: "'" if hit[0] == "&#39;" else "", first)


def _whole_report(ledger: Ledger) -> str:
    write_all(view_of(ledger))
    page = (ledger.folder / PAGE).read_text("utf-8").partition("<h1>")[2]
    return unescape(re.sub(r"<nav.*?</nav>|<[^>]+>", "", page, flags=re.DOTALL))


@pytest.mark.parametrize("surface", [_printed, _whole_report])
def test_what_is_comes_before_what_to_look_at_and_what_to_do(
    tmp_path: Path, surface: Callable[[Ledger], str]
) -> None:
    """On each surface: the headline, how the run stands, looks, problems, the next step."""
    with renewal().ledger(tmp_path / "run") as ledger:
        view, text = view_of(ledger), surface(ledger)
        assert view.stands
        step = next_step(view.summary, view.facts, view.related, {})
        order = (
            sentences_of(view.summary)[0], *view.stands, "Look at these first", RENEWAL[0][1],
            "If the ID is wrong", step.why, step.command,
        )  # fmt: skip
        places = [text.find(part) for part in order]
        assert -1 not in places
        assert places == sorted(places)


@pytest.mark.parametrize("surface", [_screen, _report])
def test_the_first_screen_names_each_danger_with_its_number(
    tmp_path: Path, surface: Callable[[Ledger], str]
) -> None:
    """Wrong IDs, earlier dates, changes of group and last name, who is missing or cannot borrow."""
    with renewal().ledger(tmp_path / "run") as ledger:
        text = " ".join(surface(ledger).split())
        for count, title in RENEWAL:
            assert re.search(rf"\b{count}\b[ ·]+{re.escape(title)}", text), title
        for move in ("STU → STAFF (8), STU → FAC (4)", "2027-06-30 → 2026-09-30 (4)"):
            assert move in text


def test_what_a_person_decided_needs_no_second_look(tmp_path: Path) -> None:
    """The answer settles the line; the others stay."""
    run = renewal()
    run.problems = [
        replace(one, severity=Severity.WARNING, advice=RESOLVED_ADVICE)
        if one.severity is Severity.REVIEW and one.origin.row < 304
        else one
        for one in run.problems
    ]
    with run.ledger(tmp_path / "run") as ledger:
        looks = view_of(ledger).shown.looks
        assert [(one.count, one.title) for one in looks] == [(3, RENEWAL[0][1]), *RENEWAL[1:]]


def _in_doubt(code: Code, row: int) -> Problem:
    return Problem.of(code, at(row), "is {value} in Alma", BARCODE, value="Ann Quill")


def test_what_to_look_at_first_names_a_change_once(tmp_path: Path) -> None:
    """A new last name that may be another person's is not among the new last names as well."""
    run = renewal()
    run.problems.append(_in_doubt(Code.ANOTHER_NAME, 30))
    with run.ledger(tmp_path / "run") as ledger:
        rows = {one.key: [p.row for p in one.people] for one in view_of(ledger).shown.looks}
        assert rows["another-name"] == [30]
        assert rows["last-names"] == [*range(31, 60)]


def test_who_cannot_borrow_is_on_the_screen_once(tmp_path: Path) -> None:
    """What to look at first has them, so the problems below do not; the report has the reasons."""
    with renewal().ledger(tmp_path / "run") as ledger:
        told = _printed(ledger, None)
        assert told.count("People who cannot borrow") == 1
        assert CATALOGUE[Code.CANNOT_BORROW].title not in told
        assert [one.row for one in view_of(ledger).shown.blocked] == [70, 71]


MARKED = re.compile(r"\*\S[^*\n]*\S\*|`[^`\n]+`")
"""What is emphasized or code in Markdown."""


def _every_problem() -> Run:
    """A plan with a rejected row for each problem of the catalog, with its own advice."""
    run = planned()
    for row, code in enumerate(CATALOGUE, start=100):
        problem = Problem.of(code, at(row), "is wrong", BARCODE, severity=Severity.REJECT)
        run.row(row, Fate.REJECTED, problem)
    return run


def _texts(path: Path) -> Iterator[str]:
    """The texts of a report that a person reads."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        for cell in (cell for sheet in book for line in sheet for cell in line):
            yield f"{cell.value} {cell.comment.text if cell.comment else ''}"
    else:
        page = path.read_text("utf-8")
        yield page.partition("<body>")[2].partition("<script>")[0] or page


def test_no_markdown_reaches_a_person(tmp_path: Path) -> None:
    """No title, sentence or advice has asterisks or backticks on any surface of a run."""
    with _every_problem().ledger(tmp_path / "run") as ledger:
        texts = [_printed(ledger, None)]
        for row in range(100, 100 + len(CATALOGUE)):
            texts += as_lines(row_history(ledger, row, show_values=True) or {})
        for path in write_all(view_of(ledger)):
            texts += _texts(path)
        texts += reasons(str(ledger.folder), None)
    for kind in CATALOGUE.values():
        assert any(kind.title in text for text in texts)
    assert [found[0] for text in texts if (found := MARKED.search(text))] == []
