"""The counts of a run: disjoint, and the same numbers wherever they are shown."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from itertools import count

from rich.console import Console

from importer.ledger.ledger import RESULTS, State, summarize
from importer.model.plan import Act, Create, Delete, Fate, Result, SisRules, Update
from importer.model.problem import Code, Problem, Severity
from importer.report.files import write_all
from importer.report.terminal import show_counts
from importer.report.wording import DISMISSED, ENDS, headline
from tests.report import building
from tests.report.building import Run, at, user, view_of
from tests.report.conftest import Keep


def every_kind() -> Run:
    """An applied undo in which every fate and result occurs, and no two equally often."""
    sis = SisRules(
        creates=True, keeps_blank=False, undoes_edits=True, keeps_names=True, record_types={}
    )
    run = Run(facts=building.planned("undo").facts.model_copy(update={"sis": sis}))
    rows = count(2)
    one_each = {result: key for key, result in RESULTS.items() if key[1] is not State.INTENT}
    for often, (result, (act, state)) in enumerate(one_each.items(), start=1):
        for _, row in zip(range(often), rows, strict=False):
            run.row(row, Fate.READY)
            run.states[row], who = state, user(row)
            run.steps.append(
                Create(row, who)
                if act is Act.CREATE
                else Update(row, who.primary_id or "", who, who, ())
                if act is Act.UPDATE
                else Delete(row, who.primary_id or "", who)
            )
        assert result in Result
    others = (Fate.REJECTED, Fate.REVIEW, Fate.BLANK, Fate.SKIPPED)
    for often, fate in enumerate(others, start=len(one_each) + 1):
        for _, row in zip(range(often), rows, strict=False):
            run.row(row, fate)
    last = next(rows)
    for row in range(last, last + 3):
        person_said = Problem.of(Code.RESOLVED, at(row), "was rejected by pat")
        run.row(row, Fate.REJECTED, replace(person_said, severity=Severity.REJECT))
    return run


def shown(text: str) -> dict[str, int]:
    """The number in front of the words of each end, in a text without marks of a page."""
    words = ENDS | {
        Fate.REJECTED: "(?:to correct|must be corrected)",
        Fate.REVIEW: "needs? review(?!:)",
        Result.HELD: "needs? review: changed in Alma",
        Result.UNKNOWN: "(?:with a )?result (?:that is )?not known yet",
    }
    found = {}
    for end, told in words.items():
        numbers = re.findall(rf"([0-9,]+) (?:are )?{told}\b", text)
        if numbers:
            found[str(end)] = int(numbers[0].replace(",", ""))
    return found


def test_screen_page_mail_and_summary_show_the_same_disjoint_counts(keep: Keep) -> None:
    """Where every kind occurs, the results sum to what was planned and no number differs."""
    ledger = keep(every_kind())
    summary = summarize(ledger)
    write_all(view_of(ledger))
    told = json.loads((ledger.folder / "summary.json").read_text("utf-8"))
    assert told["schema_version"] == 2
    results: dict[str, int] = {result: told[result] for result in Result}
    assert all(results.values())
    assert sum(results.values()) == told["create"] + told["update"] + told["delete"]
    assert sum(told[fate] for fate in Fate) == told["rows"]
    assert summary.adds_up()

    screen = io.StringIO()
    show_counts(summary, Console(file=screen, width=200))
    page = (ledger.folder / "report.html").read_text("utf-8")
    section = page.partition('<ul class="tallies">')[2].partition("</ul>")[0]
    mail = headline(summary)  # the first line of a job's message
    expected: dict[str, int] = {**results, DISMISSED: told["of_these"]["dismissed"]}
    expected[Fate.REJECTED] = told["rejected"] - told["of_these"]["dismissed"]
    expected[Fate.REVIEW] = told["review"]
    texts = {
        "screen": " ".join(screen.getvalue().split()),
        "page": " ".join(html.unescape(re.sub("<[^>]+>", " ", section)).split()),
        "mail": mail,
    }
    for where, text in texts.items():
        found = shown(text)
        assert {end: found.get(end) for end in expected} == expected, where
