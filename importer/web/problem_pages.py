"""The page of problems: by cause, with the cells of the rows concerned to correct."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from importer.errors import MappingError, RosterError
from importer.loader.corrections import LEAVE_OUT, Correction, moment
from importer.model.plan import Fate
from importer.model.problem import Problem, Severity
from importer.model.roster import NOT_KEPT
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import ENDS, sentence, what
from importer.web.drafts import Checked
from importer.web.site import PAGE, Visit, see


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


def problems(visit: Visit) -> web.Response:
    """Show the problems by cause, and the rows of one cause with cells to correct."""
    draft = visit.draft
    try:
        checked = _checked(visit)
    except (MappingError, RosterError):
        return see("mapping")
    causes = {
        _key(group): group
        for group in group_problems(checked.decided.problems)
        if group.severity is not Severity.REPAIRED or group.whole
    }
    cause, done, at = visit.text("cause"), visit.number("done"), visit.page_number
    if cause not in causes:  # the next one, where the last row of a cause was corrected
        holding = (key for key, group in causes.items() if group.severity.holds)
        cause = next(holding, next(iter(causes), ""))
    shown = causes.get(cause)
    rows = shown.rows if shown and not shown.whole else ()
    fate = checked.decided.fates.get(done)
    counts = {fate: len(checked.decided.rows(fate)) for fate in Fate}
    return visit.page(
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


def _checked(visit: Visit) -> Checked:
    return visit.draft.checked(visit.mapping, visit.space.codes(), visit.now.date())


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
    found = [one for one in checked.decided.problems if one.origin.row == row]
    roster = checked.inputs.roster
    fate = ENDS[checked.decided.fates[row]]
    if row not in roster.frame.index:
        return Line(row, fate, (), ("This row is left out.",))
    cells, ((_, texts),) = [], checked.inputs.cells([row])
    for place, text in zip(roster.places, texts, strict=True):
        wrong = tuple(_message(one) for one in found if one.places == (place,))
        words = choices.get(place.letter, ()) if wrong else ()
        cells.append(Cell(place.letter, place.heading, text, wrong, text == NOT_KEPT, words))
    return Line(row, fate, tuple(cells), tuple(_message(p) for p in found if len(p.places) != 1))


def _message(problem: Problem) -> str:
    if len(problem.places) == 1:
        text = what(problem, show_values=True, begin=True)
    else:
        text = sentence(problem, show_values=True)
    return f"{text} {problem.advice}" if problem.severity.holds else text


def correct(visit: Visit) -> web.Response:
    """Correct the cells of a row, all equal cells of a column, or leave the row out."""
    draft, row = visit.draft, visit.number("row")
    here = f"problems?cause={quote(visit.text('cause'))}"
    if visit.text("do") == "undo":
        draft.take_back()
        return see(here)
    if visit.text("do") == "check":
        draft.add(())
        return see(here)
    checked = _checked(visit)
    made = list(_corrections(visit, checked, row))
    if made:
        draft.add(made)
        if len(made) == 1:
            checked.correct(made[0])
            draft.keep(checked, visit.mapping, visit.space.codes(), visit.now.date())
    return see(f"{here}&done={row}#work")


def _corrections(visit: Visit, checked: Checked, row: int) -> Iterator[Correction]:
    """Yield the corrections of a row that a form asks for and, of equal cells, of other rows."""
    roster, do = checked.inputs.roster, visit.text("do")
    by = visit.operator, moment(visit.now)
    if row not in roster.frame.index:
        return
    if do == "leave-out":
        yield Correction(row, "", "", "", LEAVE_OUT, *by)
        return
    ((_, kept),) = checked.inputs.cells([row])
    for at, (place, shown) in enumerate(zip(roster.places, kept, strict=True)):
        was = str(roster.frame.at[row, at])
        for now in visit.texts(f"cell-{place.letter}"):
            if now == was or shown == NOT_KEPT:
                continue
            others = roster.frame.index[roster.frame[at] == was] if do == "alike" else ()
            for one in dict.fromkeys((row, *others)):
                yield Correction(int(one), place.letter, place.heading, was, now, *by)
