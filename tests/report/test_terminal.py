"""What a run looks like on a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from importer.advice import by_hand
from importer.ledger.ledger import Ledger, summarize
from importer.model.plan import Fate
from importer.model.problem import Code, Problem
from importer.report.files import write_all
from importer.report.lineage import Lineage, next_step
from importer.report.terminal import MOST_GROUPS, show_counts, show_files, show_problems
from importer.report.wording import WORKBOOK, headline
from tests.report import building
from tests.report.building import Run, view_of
from tests.report.conftest import Keep

RUNS = [building.checked, building.planned, building.applied]


def screen(
    ledger: Ledger,
    *,
    width: int = 100,
    colour: bool = False,
    values: bool = False,
    stopped: str = "",
    reported: bool = True,
) -> str:
    """What is printed."""
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colour, color_system="standard" if colour else "auto"
    )
    summary = summarize(ledger)
    show_counts(summary, console)
    show_problems(view_of(ledger), console, show_values=values, reported=reported, most=MOST_GROUPS)
    show_files(view_of(ledger), console, stopped=stopped)
    return file.getvalue()


@pytest.mark.parametrize("run", RUNS)
def test_the_screen_says_how_it_stands_and_what_to_type(keep: Keep, run: Callable[[], Run]) -> None:
    """Headline, files and the next command are on it; the command is on one line."""
    ledger = keep(run())
    summary = summarize(ledger)
    files = write_all(view_of(ledger))
    told = screen(ledger, width=400)
    lines = told.splitlines()
    assert headline(summary) in told
    personal = {"report.html", "problems.csv", "rejects.xlsx", "rejects.csv"}
    for path in files:
        mark = "  (personal data)" if path.name in personal else ""
        assert f"{path}{mark}" in lines
    assert f"  {next_step(summary, ledger.facts, Lineage(), {0: WORKBOOK}).command}" in lines


def test_an_apply_tells_what_is_new(keep: Keep) -> None:
    """Alma's refusals and what was held are told; what the plan said already is one line."""
    planned = screen(keep(building.planned()))
    assert "Safety check removals" in planned
    assert "ID not valid" in planned
    applied = screen(keep(building.applied()))
    assert "Refused by Alma · 1 row (3)" in applied
    assert "Changed in Alma since the plan · 1 row (7)" in applied
    assert "ID not valid" not in applied
    assert "Safety check" not in applied
    assert "7 rows were not sent because the plan found problems; see rejects.xlsx." in applied


def test_why_an_apply_ended_early_stands_last(keep: Keep) -> None:
    """Nothing that is said after it contradicts it."""
    ledger = keep(building.applied())
    told = screen(ledger, stopped="The quota is spent.\nTo go on:\n  importer apply x")
    assert told.endswith("\nThe quota is spent.\nTo go on:\n  importer apply x\n")
    assert next_step(summarize(ledger), ledger.facts, Lineage(), {0: WORKBOOK}).why not in told


@pytest.mark.parametrize("run", RUNS)
def test_a_narrow_terminal_is_enough(keep: Keep, run: Callable[[], Run]) -> None:
    """At 40 columns nothing but paths and the command, which must stay whole, is wider."""
    ledger = keep(run())
    told = screen(ledger, width=40)
    wide = [line for line in told.splitlines() if cell_len(line) > 40]
    assert wide == [
        f"  {next_step(summarize(ledger), ledger.facts, Lineage(), {0: WORKBOOK}).command}"
    ]


def test_colour_is_only_for_terminals(keep: Keep) -> None:
    """A file or a pipe gets plain text."""
    ledger = keep(building.checked())
    assert "\x1b" not in screen(ledger)
    assert "\x1b[" in screen(ledger, colour=True)


def test_values_are_masked_on_the_screen(keep: Keep) -> None:
    """Names, identifiers, birth dates and addresses show only where they are asked for."""
    ledger = keep(building.checked())
    for private in ("reader 4@example.org", "5 June 87", '"2012"'):
        assert private not in screen(ledger)
        assert private in screen(ledger, values=True)


def test_a_run_with_many_causes_still_fits(keep: Keep) -> None:
    """The screen shows the worst causes, and says how many more there are and where they stand."""
    run = Run()
    for row in range(2, 2 + MOST_GROUPS + 3):
        run.reject(row)
    run.problems = [
        replace(one, advice=by_hand(f"Ask office {number}."))
        for number, one in enumerate(run.problems)
    ]
    ledger = keep(run)
    told = screen(ledger)
    assert told.count("Ask office") == MOST_GROUPS
    assert "and 3 more; see the report" in told
    assert "importer check" in screen(ledger, reported=False)


def test_dangers_hide_no_other_group(keep: Keep) -> None:
    """As many dangers as fit leave the groups that must be corrected on the screen."""
    run = Run()
    for row in range(2, 2 + MOST_GROUPS + 3):
        danger = Problem.of(Code.ANOTHER_NAME, building.at(row), "differs", advice=f"Look {row}.")
        run.row(row, Fate.READY, danger)
    run.reject(40)
    told = screen(keep(run))
    assert told.count("→ Look") == MOST_GROUPS
    assert "Must be corrected · " in told
    assert "and 3 more" in told


def test_markup_and_terminal_codes_are_only_text(keep: Keep) -> None:
    """Nothing from a roster colours the screen, clears it or turns the direction of writing."""
    hostile = "[red]x[/red]\x1b[2J\x9b2J\u202e\x07[link=http://x]"
    ledger = keep(building.hostile(hostile))
    told = screen(ledger, width=300)
    assert "[red]x[/red]" in told
    assert not set(told) & set("\x1b\x9b\x07\u202e")


def test_a_roster_without_problems_is_short(keep: Keep) -> None:
    """Where all is well there is little to read."""
    run = Run()
    run.row(2, Fate.READY)
    told = screen(keep(run))
    assert "The one row is ready." in told
    assert len(told.splitlines()) < 10
