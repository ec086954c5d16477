"""What is to be looked at first: one view for the terminal, the report and the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from importer.ledger.journal import RESOLVED_ADVICE
from importer.ledger.ledger import Ledger, summarize
from importer.model.problem import CATALOGUE, Severity
from importer.report.files import write_all
from importer.report.terminal import show_counts, show_problems
from importer.report.view import Survey
from importer.report.wording import PAGE, plain
from tests.report.building import RENEWAL, renewal

SCREEN = 40
"""Lines of a terminal."""


def _screen(ledger: Ledger) -> str:
    console = Console(file=io.StringIO(), width=100)
    show_counts(summarize(ledger), console)
    show_problems(ledger, summarize(ledger), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(text.splitlines()[:SCREEN])


def _report(ledger: Ledger) -> str:
    write_all(ledger, summarize(ledger))
    page = (ledger.folder / PAGE).read_text("utf-8")
    first = page.partition('<main id="main">')[2].partition('<section id="counts"')[0]
    return re.sub(r"<[^>]+>|&#39;", lambda hit: "'" if hit[0] == "&#39;" else "", first)


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
        looks = Survey(ledger, show_values=True).looks
        assert [(one.count, one.title) for one in looks] == [(3, RENEWAL[0][1]), *RENEWAL[1:]]


def test_next_steps_stand_below_the_problems(tmp_path: Path) -> None:
    """A reader in a hurry meets what is wrong before the command."""
    with renewal().ledger(tmp_path / "run") as ledger:
        write_all(ledger, summarize(ledger))
        page = (ledger.folder / PAGE).read_text("utf-8")
    places = [page.index(f'<section id="{name}"') for name in ("look", "problems", "next")]
    assert places == sorted(places)


MARKED = re.compile(r"\*\S[^*\n]*\S\*|`[^`\n]+`")


def test_no_markdown_reaches_a_person(tmp_path: Path) -> None:
    """No title or sentence has marks; those of code in advice are shown or left out."""
    for code, kind in CATALOGUE.items():
        assert not MARKED.search(kind.title), code
        assert not re.search(r"\*\w[^*\n]*\w\*", kind.advice + kind.meaning), code
        assert not MARKED.search(plain(kind.advice)), code
    with renewal().ledger(tmp_path / "run") as ledger:
        for surface in (_screen, _report):
            assert not MARKED.search(surface(ledger))
        for path in write_all(ledger, summarize(ledger)):
            if path.suffix in {".html", ".csv"}:
                shown = path.read_text("utf-8").partition("<body>")[2] or path.read_text("utf-8")
                assert not MARKED.search(shown.partition("<script>")[0]), path.name
