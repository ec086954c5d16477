"""The page of problems: by cause, with the cells of the rows concerned to correct."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from aiohttp import web

from importer.errors import MappingError, RosterError
from importer.loader.corrections import Correction
from importer.model.catalogue import Severity
from importer.model.plan import Fate
from importer.model.problem import Problem
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import ENDS, sentence, what
from importer.web.drafts import Checked, cell_correction, leaving_out
from importer.web.site import (
    PAGE,
    Posted,
    address_of,
    changes_draft,
    draft_of,
    in_thread,
    number,
    operator_of,
    page,
    see,
    site_of,
    workspace_of,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is shown: what is wrong with it, and whether it can be corrected.

    `choices`: the words that it may have, if it takes a code.
    """

    letter: str
    heading: str
    text: str
    messages: tuple[str, ...]
    fixed: bool  # it cannot be changed: a password
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row with problems: its cells, and what is wrong with the row as a whole."""

    row: int
    fate: str
    cells: tuple[Cell, ...]
    messages: tuple[str, ...]


async def problems(request: web.Request) -> web.StreamResponse:
    """Show the problems by cause, and the rows of one cause with cells to correct."""
    space, draft = workspace_of(request), draft_of(request)
    chosen = space.mapping(draft.facts.mapping)
    if chosen is None:
        return see(address_of(request, draft, "mapping"))
    try:
        checked = await in_thread(
            draft.checked, chosen, space.codes(), site_of(request).now().date()
        )
    except (MappingError, RosterError):
        return see(address_of(request, draft, "mapping"))
    causes = {
        _key(group): group
        for group in group_problems(checked.decided.problems)
        if group.severity is not Severity.REPAIRED or group.whole
    }
    cause, done = request.query.get("cause", ""), number(request.query.get("done"))
    at = max(1, number(request.query.get("page"), 1))
    if cause not in causes:  # the next one, where the last row of a cause was corrected
        holding = (key for key, group in causes.items() if group.severity.holds)
        cause = next(holding, next(iter(causes), ""))
    shown = causes.get(cause)
    rows = shown.rows if shown and not shown.whole else ()
    fate = checked.decided.fates.get(done)
    counts = {fate: len(checked.decided.rows(fate)) for fate in Fate}
    return page(
        request,
        "problems.html.j2",
        draft=draft,
        causes=causes,
        cause=cause,
        shown=shown,
        lines=list(_lines(checked, rows[(at - 1) * PAGE : at * PAGE])),
        at=at,
        pages=-(-len(rows) // PAGE),
        counts=[(count, ENDS[fate]) for fate, count in counts.items() if count],
        total=len(checked.decided.fates),
        to_correct=counts[Fate.REJECTED],
        partial=len(checked.partial),
        made=len(draft.made()),
        done=_done(done, fate) if fate else "",
        done_well=fate is not Fate.REJECTED,
    )


def _done(row: int, fate: Fate) -> str:
    """Return what became of a row that was corrected."""
    if fate is Fate.REJECTED:
        return f"Saved. Row {row} still needs correction."
    return f"Row {row}: {ENDS[fate]}."


def _key(group: ProblemGroup) -> str:
    """Return a name of a cause that stays when others are gone."""
    first = group.first
    text = "|".join(
        (first.code, first.severity, *map(str, first.places), first.field, first.advice)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _lines(checked: Checked, rows: Sequence[int]) -> Iterator[Line]:
    choices = {one.letter: one.choices for one in checked.inputs.columns()} if rows else {}
    return (_line(checked, row, choices) for row in rows)


def _line(checked: Checked, row: int, choices: Mapping[str, tuple[str, ...]]) -> Line:
    problems_ = checked.problems_of(row)
    roster, secret = checked.inputs.roster, checked.inputs.passwords()
    if row not in roster.frame.index:
        return Line(row, ENDS[checked.decided.fates[row]], (), ("This row is left out.",))
    texts = roster.frame.loc[[row]].to_numpy()[0].tolist()
    cells = []
    for at, (place, text) in enumerate(zip(roster.places, texts, strict=True)):
        wrong = tuple(_message(one) for one in problems_ if one.places == (place,))
        shown = "" if at in secret else text
        words = choices.get(place.letter, ()) if wrong else ()
        cells.append(Cell(place.letter, place.heading, shown, wrong, at in secret, words))
    whole = tuple(_message(one) for one in problems_ if len(one.places) != 1)
    return Line(row, ENDS[checked.decided.fates[row]], tuple(cells), whole)


def _message(problem: Problem) -> str:
    one = len(problem.places) == 1
    text = (
        what(problem, show_values=True, begin=True) if one else sentence(problem, show_values=True)
    )
    return f"{text} {problem.advice}" if problem.severity.holds else text


@changes_draft
async def correct(form: Posted) -> web.Response:
    """Correct the cells of a row, all equal cells of a column, or leave the row out."""
    space, draft, chosen, do = form.space, form.draft, form.mapping, form.text("do")
    now, row = site_of(form.request).now(), number(form.text("row"))
    here = f"{address_of(form.request, draft, 'problems')}?cause={quote(form.text('cause'))}"
    if do == "undo":
        await in_thread(draft.take_back)
        return see(here)
    if do == "check":
        await in_thread(draft.add, ())
        return see(here)
    checked = await in_thread(draft.checked, chosen, space.codes(), now.date())
    who = operator_of(form.request)
    if row not in checked.inputs.roster.frame.index:
        made = []
    elif do == "leave-out":
        made = [leaving_out(row, who, now)]
    else:
        made = [
            one
            for name, text in form.form.items()
            if name.startswith("cell-") and isinstance(text, str)
            for one in _wanted(checked, row, name[5:], text, who, now, alike=do == "alike")
        ]
    if made:
        await in_thread(draft.add, made)
        if len(made) == 1:
            await in_thread(checked.correct, made[0])
            draft.keep(checked, chosen, space.codes(), now.date())
    return see(f"{here}&done={row}#work")


def _wanted(
    checked: Checked, row: int, letter: str, text: str, who: str, now: datetime, *, alike: bool
) -> Iterator[Correction]:
    """Yield the correction of a cell and, if asked, of all equal cells of its column."""
    first = cell_correction(checked, row, letter, text, who, now)
    if first is None:
        return
    yield first
    if alike:
        frame = checked.inputs.roster.frame
        at = next(n for n, p in enumerate(checked.inputs.roster.places) if p.letter == letter)
        for other in frame.index[frame[at] == first.was].tolist():
            if other != row and (one := cell_correction(checked, other, letter, text, who, now)):
                yield one
