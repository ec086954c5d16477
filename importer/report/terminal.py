"""A run on one screen: counts, worst problems, files, and the next command; a row's history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from importer.advice import as_json, from_json
from importer.ledger.journal import history, to_create
from importer.ledger.ledger import Ledger, State
from importer.model.fields import fields_of
from importer.model.problem import Severity
from importer.model.run import Summary
from importer.model.text import RowId, row_label
from importer.report import wording
from importer.report.commands import with_commands
from importer.report.files import PERSONAL, open_workbooks, present
from importer.report.lineage import next_step
from importer.report.masking import printable, shown
from importer.report.view import (
    Difference,
    ProblemGroup,
    RunView,
    Survey,
    differences,
    group_problems,
    is_danger,
    look_line,
)

MOST_GROUPS = 8
"""Problem groups on the screen; the report has all."""

_COLORS = {"good": "green", "quiet": "dim", "decide": "yellow", "bad": "red"}

_SEVERITIES: dict[Severity, str] = {
    Severity.REJECT: "red",
    Severity.REVIEW: "yellow",
    Severity.WARNING: "cyan",
    Severity.REPAIRED: "dim",
}


def show_counts(summary: Summary, console: Console) -> None:
    """Print the headline and the counts of a run, at most as wide as the console."""
    console.print(_text(wording.headline(summary), "bold"))
    table = _counted()
    for tally in wording.tallies(summary):
        style = _COLORS[tally.tone]
        table.add_row(_text(f"{tally.count:,}", f"bold {style}"), _text(tally.words, style))
    console.print(Padding(table, (1, 0, 0, 2)))
    console.print()


def show_problems(
    run: RunView,
    console: Console,
    *,
    show_values: bool,
    reported: bool,
    most: int | None,
) -> None:
    """Print how the run stands and the worst problems, masked unless `show_values`.

    Of an applied run only the problems that came up after the plan are shown. `reported`: the
    run gets report files, which list all problems. `most`: groups shown of the dangers and those
    about the whole roster, and as many of the others; None for all.
    """
    if lines := tuple(_plan(run)):
        for line in lines:
            console.print(line)
        console.print()
    if run.applied:
        groups = group_problems(run.ledger.later_problems())
    else:
        survey = run.shown if show_values else run.masked
        _show_looks(survey, console)
        groups = tuple(group for group in run.groups if not survey.lists(group))
    several = bool(run.facts.others)
    seen: Counter[bool] = Counter()
    more = 0
    for group in groups:
        comes_first = is_danger(group.code) or group.whole
        seen[comes_first] += 1
        if most is None or seen[comes_first] <= most:
            console.print(_group(group, show_values=show_values, several=several))
        else:
            more += 1
    if more:
        where = "see the report" if reported else "`importer check` makes a report of them all"
        console.print(_text(f"… and {more:,} more; {where}.", "dim"))
    if groups and not (run.applied and _kept_back(run.summary)):
        console.print()


def _show_looks(survey: Survey, console: Console) -> None:
    """Print what to look at before the plan is approved, one line each with its count."""
    if not survey.looks:
        return
    console.print(_text("Look at these first", "bold"))
    table = _counted()
    for look in survey.looks:
        line = _text(look.called, "bold")
        line.append_text(_text(f"  {wording.plain(look_line(look))}".rstrip()))
        table.add_row(_text(look.number), line)
    console.print(Padding(table, (0, 0, 1, 2)))


def show_files(run: RunView, console: Console, *, stopped: str = "") -> None:
    """Print the report files of a run and the next command.

    `stopped`: why an apply ended early and how to continue; printed in place of the next step.
    """
    files = present(run.ledger.folder)
    rejects = open_workbooks(run, (path.name for path in files))
    if run.applied and (count := _kept_back(run.summary)):
        verb = "was" if count == 1 else "were"
        see = " and ".join(rejects.values()) or wording.WORKBOOK
        rest = f"{wording.rows(count)} {verb} not sent because the plan found problems; see {see}."
        console.print(_text(rest), end="\n\n")
    for path in files:
        line = _text(str(path))
        if wording.kind_of(path.name) in PERSONAL:
            line.append("  (personal data)", "dim")
        console.print(line, soft_wrap=True)
    if files:
        console.print()
    if stopped:
        console.print(_lines(stopped), soft_wrap=True)
        return
    step = next_step(run.summary, run.facts, run.related, rejects)
    console.print(_text(step.why, "bold"))
    if step.command:
        # not wrapped, so that it can be copied whole
        console.print(_text(f"  {step.command}", "bold green"), soft_wrap=True)


def _counted() -> Table:
    """Return a table of counts, each with what it is of."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    return table


def show_stop(stopped: str, console: Console) -> None:
    """Print why an apply sent nothing: the plan is still as it was shown."""
    console.print(_lines(stopped), soft_wrap=True)


def _kept_back(summary: Summary) -> int:
    return summary.to_correct + summary.review


def _text(text: str, style: str = "") -> Text:
    """Return text without markup and control characters."""
    return Text(printable(text), style=style)


def _lines(text: str) -> Text:
    return Text("\n").join(map(_text, text.splitlines()))


def _plan(run: RunView) -> Iterator[Text]:
    """Yield the institution, how the run stands and, of a plan, the safety checks that failed."""
    if alma := run.facts.alma:
        yield _text(f"Alma: {' · '.join(filter(None, (alma.called, alma.environment)))}")
    yield from map(_text, run.stands)
    for finding in () if run.applied else run.failed_checks:
        yield _text(f"Safety check {finding.check.value}: {finding.sentence}", "bold yellow")


def _group(group: ProblemGroup, *, show_values: bool, several: bool) -> RenderableType:
    head = Text()
    head.append(wording.SEVERITIES[group.severity], f"bold {_SEVERITIES[group.severity]}")
    head.append_text(_text(f" · {group.title}", "bold"))
    if several:
        head.append_text(_text(f" · {group.first.origin.roster}"))
    if group.count:
        listed = wording.row_numbers(group.rows, most=4)
        head.append_text(_text(f" · {wording.rows(group.count)} ({listed})"))
    example = "" if group.alike or group.whole else "For example: "
    told = [_text(example + said) for said in group.sentences(show_values=show_values)]
    to_do, *lines = f"→ {group.to_do}".splitlines()
    told.append(_text(wording.plain(to_do), "italic"))
    to_paste = map(_text, lines)  # into a mapping, where blanks in front count
    return Group(head, Padding(Group(*told), (0, 0, 0, 2)), *to_paste)


_HASH, _DETAIL = 12, 80
"""Characters shown of a hash, and of another detail of the history."""


def row_history(ledger: Ledger, row: int, *, show_values: bool) -> dict[str, Any] | None:
    """Return the history of a row as JSON values, masked unless `show_values`; None if no such row.

    `record`: the fields of a user to be created. `changes`: the fields that change of one to be
    updated.
    """
    known = ledger.row(row)
    if known is None:
        return None
    user = next((user for _, user in to_create(ledger, row)), None)
    facts = ledger.facts
    return {
        "row": RowId.of(row).number,
        **({"roster": facts.origin(row).roster} if facts.others else {}),
        "fate": known.fate,
        "planned": known.act,
        "record": [
            {"path": path, "value": shown(path, text, show_values=show_values)}
            for path, text in (fields_of(user) if user else ())
        ],
        "changes": list(map(asdict, differences(known.changes, show_values=show_values))),
        "result": known.result,
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity,
                "field": problem.field,
                "columns": [str(place) for place in problem.places],
                "message": wording.what(problem, show_values=show_values),
                "advice": as_json(problem.advice),
            }
            for problem in ledger.problems(row)
        ],
        "history": [
            {
                "time": entry.time.isoformat(timespec="seconds"),
                "operator": entry.operator,
                "event": entry.event,
                "detail": entry.detail[: _HASH if entry.event == State.INTENT else _DETAIL],
            }
            for entry in history(ledger, row)
        ],
    }


def as_lines(row: dict[str, Any]) -> list[str]:
    """Return the same for people, line by line."""
    of = f" of {row['roster']}" if "roster" in row else ""
    lines = [f"Row {row_label(row['row'])}{of}: {row['fate']}"]
    if row["planned"]:
        lines.append(f"Planned: {wording.ENDS[row['planned']]}")
    record = row["record"]
    lines += [f"  {wording.field_name(field['path'])}: {field['value']}" for field in record]
    lines += [f"  {Difference(**change)}" for change in row["changes"]]
    if row["result"]:
        lines.append(f"Result: {wording.ENDS[row['result']]}")
    for problem in row["problems"]:
        told = wording.placed(wording.in_columns(problem["columns"]), problem["message"])
        told = f"{told} {wording.plain(with_commands(from_json(problem['advice'])))}".rstrip()
        lines.append(f"{problem['severity']}: {told} [{problem['code']}]")
    for entry in row["history"]:
        detail = f"({entry['detail']})" if entry["event"] == State.INTENT else entry["detail"]
        lines.append(f"{entry['time']}  {entry['operator']}  {entry['event']}  {detail}".rstrip())
    return lines
