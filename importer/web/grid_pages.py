"""The grid: every row with its mapped columns, what is wrong beside it, and cells to correct.

The page itself is a frame; `grid.js` asks for the rows and sends each correction as JSON.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.errors import MappingError, RosterError
from importer.loader.cleaning import clean
from importer.loader.corrections import LEAVE_OUT, Correction, remembered
from importer.mapper.load import examine
from importer.mapper.mapping import label
from importer.mapper.placeholders import heading_key
from importer.model.answers import choices
from importer.model.plan import Fate
from importer.model.problem import Code, Problem, Severity
from importer.model.roster import NOT_KEPT
from importer.model.run import ColumnUse
from importer.model.text import counted, similar
from importer.model.user import AccountType
from importer.report.view import ProblemGroup, group_problems
from importer.report.wording import ENDS, fate_counts, field_name, sentence, what
from importer.web.drafts import Checked, Draft, StaleError
from importer.web.site import Visit, see

PAGE = 100
"""Rows that the grid shows at once."""

MOST_CHOICES = 200
"""Words of a list to choose from; a longer one is no help."""

FOUND, WRONG, EVERY, EDITED, OUT, READY = "", "wrong", "all", "edited", "out", "ready"
"""What the grid shows beside the rows of one cause."""

_MISFIT = (
    "The corrections do not fit the roster as it is read now. Choose the sheet, the heading row "
    "and the encoding as they were, or undo the corrections."
)

_SEARCHED = ("primary_id", "first_name", "last_name")


_DECIDED = "Correct a cell if that is the reason; else “Compare with Alma” asks under Decisions."
"""What to do about a cause that a person decides."""

_IN_MAPPING = {
    Code.UNKNOWN_CODE: "Give the word a code in the mapping",
    Code.AMBIGUOUS_DATE: "Choose in the mapping how dates are typed",
}
"""What corrects all cells of a cause at once: the words of a link to the mapping."""


class CellEdit(BaseModel):
    """A cell as it was shown, and as it shall be.

    `alike`: so shall all equal cells, in a column of codes; in others, they are other people's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    column: str
    was: str
    now: str
    alike: bool = False


class Edits(BaseModel):
    """What one request changes: cells, or rows that are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edits: tuple[CellEdit, ...] = ()
    leave_out: tuple[int, ...] = ()


def grid(visit: Visit) -> web.Response:
    """Show the frame of the grid."""
    document = examine(visit.mapping)[0]
    if document is None:
        return see("mapping")
    counts = visit.draft.counts
    return visit.step_page(
        "grid.html.j2", "Grid",
        wrong=counts.wrong if counts else 0,
        external=document.file.account_type is AccountType.EXTERNAL,
    )  # fmt: skip


def grid_rows(visit: Visit) -> web.Response:
    """Return a page of rows, with the causes and counts."""
    try:
        shown = Grid(visit.draft, _checked(visit), _last_term(visit))
    except (MappingError, RosterError):
        step = "sheet" if visit.draft.facts.ask else "mapping"
        wrong: dict[str, object] = {"see": f"{visit.base}/drafts/{visit.draft.name}/{step}"}
        if visit.draft.misfits(examine(visit.mapping)[0]):
            wrong = {"sentence": _MISFIT, "undo": True}
        return web.json_response(wrong, status=409)
    rows = shown.rows(visit.text("show"), visit.text("find"), visit.text("sort"))
    at = visit.page_number
    return web.json_response(
        {
            **shown.state(),
            "undoable": any(correction.who == visit.operator for correction in visit.draft.made()),
            "columns": shown.columns(visit.text("show")),
            "found": len(rows),
            "page": at,
            "pages": max(1, -(-len(rows) // PAGE)),
            "lines": shown.lines(rows[(at - 1) * PAGE : at * PAGE]),
        }
    )


def save_cells(visit: Visit) -> web.Response:
    """Correct cells or leave rows out, all or nothing; return the rows as they are judged now.

    A request that comes twice changes nothing the second time. Where a cell is not as it was shown,
    409 and the rows as they are now.
    """
    try:
        asked = Edits.model_validate_json(visit.body)
    except ValidationError as error:
        raise web.HTTPBadRequest from error
    draft, checked, before = visit.draft, _checked(visit), _last_term(visit)
    try:
        made = _corrections(visit, Grid(draft, checked, before), asked)
    except StaleError as error:
        shown, known = Grid(draft, checked, before), checked.inputs.roster.frame.index
        rows = dict.fromkeys(edit.row for edit in asked.edits)
        rows |= dict.fromkeys(correction.row for correction in draft.made()[-PAGE:])
        lines = shown.lines([row for row in rows if row in known])
        now = {**shown.state(), "sentence": str(error), "lines": lines}
        return web.json_response(now, status=409)
    if made:
        draft.correct(checked, made)
    rows = dict.fromkeys((*(edit.row for edit in asked.edits), *asked.leave_out))
    rows |= dict.fromkeys(correction.row for correction in made)
    shown = Grid(draft, checked, before)
    return web.json_response(
        {
            **shown.state(),
            "lines": shown.lines(list(rows)[:PAGE]),
            "saved": len(made),
            "alike": sum(shown.alike(edit) for edit in asked.edits) if len(asked.edits) == 1 else 0,
        }
    )


def undo(visit: Visit) -> web.Response:
    """Take back what the person corrected last."""
    return web.json_response({"undone": len(visit.draft.take_back(visit.operator))})


def check_again(visit: Visit) -> web.Response:
    """Check all rows again."""
    visit.draft.change()
    return web.json_response({})


def _checked(visit: Visit) -> Checked:
    return visit.draft.checked(visit.mapping, visit.space.codes(), visit.now.date())


def _last_term(visit: Visit) -> Draft | None:
    return visit.space.draft(visit.draft.facts.after, trashed=True)


def _corrections(visit: Visit, grid: Grid, asked: Edits) -> list[Correction]:
    """Return the corrections that are asked for and not made yet. Raises StaleError."""
    roster = grid.roster
    by = visit.operator, visit.now.isoformat(timespec="milliseconds")
    positions = {place.letter: at for at, place in enumerate(roster.places)}
    rows = [row for row in asked.leave_out if row in roster.frame.index]
    made = [Correction(row, "", "", "", LEAVE_OUT, *by, "") for row in rows]
    shown = dict(grid.checked.inputs.cells({edit.row for edit in asked.edits}))
    texts: dict[tuple[int, int], str] = {}  # as this request has changed them so far
    for edit in asked.edits:
        at, wanted = positions.get(edit.column), clean(edit.now)[0]
        if at is None or shown.get(edit.row, {at: NOT_KEPT})[at] == NOT_KEPT:
            msg = f"Row {edit.row}, column {edit.column} cannot be corrected here."
            raise StaleError(msg)
        now = str(roster.frame.at[edit.row, at])
        if {edit.was, wanted}.isdisjoint({now, texts.get((edit.row, at), now)}):
            heading = roster.places[at].heading or edit.column
            place = f"Row {edit.row}, {heading}"
            msg = f"{place}: somebody else entered “{now}”, and you “{edit.now}”. Choose one."
            raise StaleError(msg)
        alike = edit.alike and grid.has_codes(at)
        others = roster.frame.index[roster.frame[at] == edit.was] if alike else ()
        for row in dict.fromkeys((edit.row, *map(int, others))):
            was = texts.get((row, at), str(roster.frame.at[row, at]))
            if was != wanted and (row == edit.row or was == edit.was):
                texts[row, at], heading = wanted, roster.places[at].heading
                made.append(Correction(row, edit.column, heading, was, edit.now, *by, ""))
    made = [replace(correction, id=grid.person(correction.row, texts)) for correction in made]
    return list(dict.fromkeys(made))


class Grid:
    """The rows of a check as the grid shows them."""

    def __init__(self, draft: Draft, checked: Checked, before: Draft | None) -> None:
        """Use the check as it is now; `before`: the draft of the last term, if any."""
        self.draft, self.checked, self.before = draft, checked, before
        self.roster, self.fates = checked.inputs.roster, checked.decided.fates

    @cached_property
    def causes(self) -> dict[str, ProblemGroup]:
        """The problems by cause, each with a name that stays when others are gone."""
        return {
            _key(group): group
            for group in group_problems(self.checked.decided.problems)
            if group.severity is not Severity.REPAIRED or group.whole
        }

    @property
    def marked(self) -> frozenset[int]:
        """The rows that have a cause."""
        return frozenset().union(*(c.numbers for c in self.causes.values() if not c.whole))

    @cached_property
    def uses(self) -> tuple[ColumnUse, ...]:
        """The columns of the roster, in order."""
        return tuple(self.checked.inputs.columns())

    @cached_property
    def edited(self) -> frozenset[tuple[int, str]]:
        """The cells that were corrected."""
        return frozenset((correction.row, correction.column) for correction in self.draft.made())

    @cached_property
    def again(self) -> list[dict[str, object]]:
        """The wrong cells that were corrected in the last term, the first PAGE, and their texts.

        A word of a code list is corrected for everybody, any other text for the same primary ID.
        """
        earlier = remembered(self.before.made()) if self.before else {}
        if not earlier:
            return []
        columns = {place.letter: at for at, place in enumerate(self.roster.places)}
        cells = {
            (problem.origin.row, place.letter): place
            for problem in self.checked.decided.problems if problem.severity.holds
            for place in problem.places if problem.origin.row in self.roster.frame.index
        }  # fmt: skip
        shown = dict(self.checked.inputs.cells({row for row, _ in cells}))
        offers: list[dict[str, object]] = []
        for (row, letter), place in cells.items():
            at = columns[letter]
            was, heading = shown[row][at], place.heading
            person = "" if self.has_codes(at) else self.person(row, {}) or None
            now = earlier.get((heading.casefold(), was, person)) if person is not None else None
            if now is not None:
                edit = CellEdit(row=row, column=letter, was=was, now=now)
                name = self._name(shown[row])
                offers.append({"heading": heading, "name": name, "edit": edit.model_dump()})
        return offers[:PAGE]

    def has_codes(self, position: int) -> bool:
        """Return whether a column takes words of a list, such as codes; others are of a person."""
        return bool(self.uses[position].choices)

    def person(self, row: int, texts: Mapping[tuple[int, int], str]) -> str:
        """Return the primary ID that the roster has in a row, without capitals, "" for none.

        `texts`: cells that are others now, by row and position.
        """
        if row not in self.roster.frame.index:
            return ""
        cells = ((row, at) for at in self._positions("primary_id"))
        return (
            " ".join(texts.get(c, str(self.roster.frame.at[c])) for c in cells).strip().casefold()
        )

    def state(self) -> dict[str, object]:
        """Return what the page says about the whole roster."""
        counts = Counter(self.fates.values())
        wrong, rows = counts[Fate.REJECTED], counts.total()
        heading = f"{counted(wrong, 'row')} {'needs' if wrong == 1 else 'need'} correction"
        return {
            "version": self.draft.facts.version,
            "heading": heading if wrong else "No row needs correction",
            "sub": f"{counted(rows, 'row')}: {fate_counts(counts)}.",
            "wrong": wrong,
            "partial": len(self.checked.partial),
            "again": self.again,
            "causes": [
                {
                    "key": key,
                    "title": group.title,
                    "holds": group.severity.holds,
                    "count": 0 if group.whole else group.count,
                    "columns": [place.heading or place.letter for place in group.first.places],
                    "told": group.sentences(show_values=True) if group.whole else [],
                    "advice": _DECIDED if choices((group.first,)) else group.in_words,
                }
                for key, group in self.causes.items()
            ],
            "counts": {
                FOUND: len(self.marked),
                WRONG: wrong,
                EVERY: rows,
                EDITED: len({row for row, _ in self.edited}),
                OUT: len(self.roster.left_out),
                READY: counts[Fate.READY],
            },
        }

    def columns(self, cause: str) -> list[dict[str, object]]:
        """Return the columns in their order: those of the cause, then those with a field."""
        group = self.causes.get(cause)
        first = [place.letter for place in group.first.places] if group else []
        ordered = sorted(
            enumerate(self.uses),
            key=lambda column: (column[1].letter not in first, not column[1].labels, column[0]),
        )
        mapping = self.checked.inputs.mapping
        fields: dict[str, dict[str, None]] = {}
        for rule in mapping.fields:
            for heading in rule.headings:
                name = field_name(label(mapping, rule))
                fields.setdefault(heading_key(heading), {})[name] = None
        return [
            {
                "letter": use.letter,
                "heading": use.heading,
                "field": ", ".join(
                    fields.get(heading_key(mapping.name_of(use.heading)), ()) if use.labels else ()
                ),
                "at": at,
                "fixed": at in self.checked.inputs.secret,
                "choices": use.choices if len(use.choices) <= MOST_CHOICES else (),
            }
            for at, use in ordered
        ]

    def rows(self, show: str, find: str, sort: str) -> list[int]:
        """Return the rows of a cause, or of one of the other lists, that contain a text.

        `sort`: the letter of the column that they are sorted by, after `-` from the last; "" keeps
        the order of the roster.
        """
        rows = self._sorted(self._shown(show), sort)
        if not (text := find.strip().casefold()):
            return rows
        frame = self.roster.frame
        index = frame.index[:0]
        for at in self._positions(*_SEARCHED):
            has = frame[at].str.casefold().str.contains(text, regex=False)
            index = index.union(frame.index[has])
        return [row for row in rows if row in index or str(row) == text]

    def _sorted(self, rows: list[int], sort: str) -> list[int]:
        letters = [place.letter for place in self.roster.places]
        if (letter := sort.removeprefix("-")) not in letters:
            return rows
        at = letters.index(letter)
        if at in self.checked.inputs.secret:
            return rows
        texts = self.roster.frame[at].str.casefold().to_dict()
        return sorted(rows, key=lambda row: texts.get(row, ""), reverse=sort != letter)

    def _shown(self, show: str) -> list[int]:
        if group := self.causes.get(show):
            return [] if group.whole else list(group.rows)
        lists: dict[str, Callable[[], Iterable[int]]] = {
            WRONG: lambda: self.checked.rows(Fate.REJECTED),
            READY: lambda: self.checked.rows(Fate.READY),
            EVERY: lambda: self.fates,
            EDITED: lambda: {row for row, _ in self.edited},
            OUT: lambda: self.roster.left_out,
        }
        return sorted(lists.get(show, lambda: self.marked)())

    def _positions(self, *labels: str) -> list[int]:
        """Return the positions of the columns of some fields, each once, in the fields' order."""
        known = {label: at for at, use in enumerate(self.uses) for label in use.labels}
        return list(dict.fromkeys(known[label] for label in labels if label in known))

    def alike(self, edit: CellEdit) -> int:
        """Return how many other cells of a column of codes are still as this one was."""
        position = next(at for at, use in enumerate(self.uses) if use.letter == edit.column)
        if not (edit.was and self.has_codes(position)):
            return 0
        return int((self.roster.frame[position] == edit.was).sum())

    def lines(self, rows: Collection[int]) -> list[dict[str, object]]:
        """Return rows as the grid shows them."""
        wanted = {*rows}
        cells = dict(self.checked.inputs.cells(wanted))
        problems: dict[int, list[Problem]] = {}
        for problem in self.checked.decided.problems:
            if problem.origin.row in wanted and problem.severity is not Severity.REPAIRED:
                problems.setdefault(problem.origin.row, []).append(problem)
        return [self._line(row, cells.get(row), problems.get(row, ())) for row in rows]

    def _line(
        self, row: int, cells: tuple[str, ...] | None, problems: Iterable[Problem]
    ) -> dict[str, object]:
        wrong: dict[str, list[dict[str, object]]] = {}
        told = []
        for problem in sorted(problems, key=lambda problem: not problem.severity.holds):
            place = problem.places[0] if problem.places else None
            text, holds = what(problem, show_values=True, begin=True), problem.severity.holds
            advice = _DECIDED if choices((problem,)) else problem.to_do
            for each in problem.places:
                why = text if len(problem.places) == 1 else sentence(problem, show_values=True)
                fix = _IN_MAPPING.get(problem.code, "")
                shown = {"text": why, "advice": advice, "holds": holds, "fix": fix}
                wrong.setdefault(each.letter, []).append(shown)
            column = (place.heading or place.letter) if place else ""
            short = what(problem, show_values=True) if place else text
            told.append({"column": column, "text": short, "holds": holds})
        return {
            "row": row,
            "name": self._name(cells) if cells else "",
            "fate": ENDS[self.fates[row]] if row in self.fates else "",
            "ready": self.fates.get(row) is Fate.READY,
            "out": cells is None,
            "cells": [text if text != NOT_KEPT else None for text in cells or ()],
            "wrong": wrong,
            "told": told,
            "edited": [letter for at, letter in self.edited if at == row and letter],
            "likely": self._likely(cells, wrong) if cells else {},
        }

    def _name(self, cells: tuple[str, ...]) -> str:
        names = self._positions("first_name", "last_name")
        return " ".join(filter(None, (cells[at] for at in names)))

    def _likely(self, cells: tuple[str, ...], wrong: Collection[str]) -> dict[str, str]:
        """Return, by column, the closest of the words that a wrong cell may have."""
        likely: dict[str, str] = {}
        for at, use in enumerate(self.uses):
            if use.letter in wrong and cells[at] and use.choices:
                close = similar(cells[at], use.choices)
                if close and close[0] != cells[at]:
                    likely[use.letter] = close[0]
        return likely


def _key(group: ProblemGroup) -> str:
    first = group.first
    text = "|".join((first.code, first.severity, *map(str, first.places), first.field, first.to_do))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
