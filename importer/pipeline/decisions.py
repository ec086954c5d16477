"""Decisions about rows that need review: which are possible, and what a rejects file decides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.loader.read import read
from importer.model.decisions import (
    NAME,
    Answer,
    choices,
    in_question,
    may_be_new,
    read_decision,
)
from importer.model.plan import Fate, Result
from importer.model.problem import CATALOGUE, Code, Severity
from importer.model.roster import Layout, Roster
from importer.model.run import RowHistory
from importer.model.text import one_line, row_label
from importer.report.masking import shown_word
from importer.report.wording import again, roster_of


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer about a row; `user` is the ID of the user to update or rename.

    Without an ID it is the only user in question.
    """

    row: int
    answer: Answer
    user: str = ""


def open_rows(ledger: Ledger) -> dict[int, frozenset[Code]]:
    """Return the rows that need review, each with the codes of the problems that hold it."""
    asked: dict[int, set[Code]] = {
        one.row: set()
        for one in ledger.returning()
        if one.fate is Fate.REVIEW or one.result is Result.HELD
    }
    for problem in ledger.problems():
        if problem.severity is Severity.REVIEW and problem.origin.row in asked:
            asked[problem.origin.row].add(problem.code)
    return {row: frozenset(codes) for row, codes in asked.items()}


def rows_with(ledger: Ledger, code: str) -> list[int]:
    """Return the rows that need review for problems of this code and no other.

    The start of a code is enough. Raises UsageError if there are none.
    """
    asked = open_rows(ledger)
    found = [
        row
        for row, codes in asked.items()
        if len(codes) == 1 and all(one.startswith(code) for one in codes)
    ]
    if not found:
        others = ", ".join(sorted({one for codes in asked.values() for one in codes}))
        msg = f"No row needs review for {code} only. "
        msg += f"Rows need review for: {others}." if others else "No row needs review."
        raise UsageError(msg)
    return found


def why_not(ledger: Ledger, decision: Decision) -> str:
    """Return why a row cannot be resolved in this way; "" if it can."""
    answer, label = decision.answer, row_label(decision.row)
    if ledger.facts.command == "check":
        return (
            f"{ledger.folder} is a check, without data from Alma. Make a plan with "
            "`importer plan`, then resolve the row."
        )
    if not answer.names_user and decision.user:
        return f"An ID is given with --as update or rename, not with --as {answer}."
    row = ledger.row(decision.row)
    if row is None:
        return f"The roster of this run has no row {label}."
    wrong = _closed(row, decided=row.row in ledger.rows_with(Code.RESOLVED))
    asked = [one for one in ledger.problems(row.row) if one.severity is Severity.REVIEW]
    if not wrong and answer is Answer.CREATE and row.result is Result.HELD:
        wrong = (
            "needs review since it was sent; use --as update or rename with the user's ID, or "
            "--as reject"
        )
    elif not wrong and answer is Answer.CREATE and not may_be_new(asked):
        wrong = "cannot become a new user; use one of: " + ", ".join(choices(asked))
    if not wrong and answer is Answer.LOAD and not {one.code for one in asked} <= NAME:
        wrong = "is asked about more than its name; use --as update, rename, create or reject"
    undoes = ledger.facts.command == "undo"
    if not wrong and answer in {Answer.CREATE, Answer.LOAD, Answer.RENAME} and undoes:
        wrong = "belongs to an undo plan; use --as update or --as reject"
    return f"Row {label} {wrong}." if wrong else ""


def _closed(row: RowHistory, *, decided: bool) -> str:
    """Return why a row cannot be resolved; "" if it can."""
    match row.result:
        case Result.HELD:
            return ""
        case Result.REFUSED:
            return "was refused by Alma; correct it in the rejects and plan those rows again"
        case None | Result.NOT_SENT:
            pass
        case _:
            return "is done already; it cannot be resolved any more"
    if row.fate is Fate.REVIEW or (decided and row.fate in {Fate.READY, Fate.REJECTED}):
        return ""
    if row.fate is Fate.REJECTED:
        return "is rejected for its errors; correct it and plan it again"
    return "does not need review; there is nothing to resolve"


def decisions_in_file(ledger: Ledger, path: Path) -> tuple[list[Decision], list[str]]:
    """Return what a person decided in a rejects file of this run, as `decisions_in` does.

    Rows whose cells were corrected are left: their roster is that file. The file may have any
    name: its rows name their roster. Raises RosterError, UsageError.
    """
    roster = read(path, Layout())
    if len(roster.parts) > 1:
        msg = (
            f"{path.name} has rows of several rosters. Put the rows of each roster into a file of "
            "their own."
        )
        raise UsageError(msg)
    position = max(roster.parts, default=0) if ledger.facts.others else 0
    position = position or roster_of(path.name, ledger.facts)
    if position >= len(ledger.facts.rosters):
        msg = f"{path.name} has rows of roster {position + 1}, and the run has no such roster."
        raise UsageError(msg)
    roster = roster.at_position(position)
    if not roster.decisions:
        msg = f"{path.name} has no decisions. Fill in the column Decision, and save the file."
        raise UsageError(msg)
    now = [place.heading for place in roster.places]
    then = [use.heading for use in ledger.columns(position)]
    left, corrected = [], set()
    for row, *cells in roster.frame.itertuples(name=None):
        history = ledger.row(row)
        before, after = _filled(then, history.cells if history else ()), _filled(now, cells)
        if row in roster.decisions and any(after.get(name) != before.get(name) for name in now):
            corrected.add(row)
            left.append(
                f"Row {row_label(row)}: its cells were changed. Plan the file instead: "
                + again("plan", ledger.facts, {position: str(path)})
            )
    for row, text in unclear_decisions(roster):
        kind = CATALOGUE[Code.UNCLEAR_DECISION]
        left.append(f"Row {row_label(row)}: {NOT_A_CHOICE.format(shown_word(text))}. {kind.advice}")
    decisions, others = decisions_in(ledger, roster)
    kept = [decision for decision in decisions if decision.row not in corrected]
    return kept, [*left, *others]


def _filled(headings: Iterable[str], cells: Iterable[str]) -> dict[str, list[str]]:
    """Return the texts under each heading, which several columns may have; blanks are left out."""
    texts: dict[str, list[str]] = {}
    for heading, text in zip(headings, cells, strict=False):
        if text:
            texts.setdefault(heading, []).append(one_line(text))
    return texts


NOT_A_CHOICE = "its Decision “{}” is not one of the choices"


def unclear_decisions(roster: Roster) -> Iterator[tuple[int, str]]:
    """Yield the rows of a rejects file with a Decision that is no choice, and its text."""
    for row, cell in roster.decisions.items():
        if read_decision(cell.text) is None:
            yield row, cell.text


def decisions_in(ledger: Ledger, roster: Roster) -> tuple[list[Decision], list[str]]:
    """Return what a person decided in a rejects file, without decisions that are not clear.

    The second list has a sentence for each that is about other users than those in question now.
    """
    decisions, left = [], []
    for row, cell in roster.decisions.items():
        found, name = read_decision(cell.text), row_label(row)
        users = in_question(ledger.problems(row))
        if found is None:
            continue
        seen = all(_has_word(cell.why, user) for user in users)
        if found[0] is not Answer.REJECT and not found[1] and not seen:
            left.append(f"Row {name}: other users are in question now. Decide again.")
        else:
            decisions.append(Decision(row, *found))
    return decisions, left


def _has_word(text: str, word: str) -> bool:
    """Return whether a text has an ID, without case, and not as a part of another one."""
    pattern = rf"(?<![\w.@+-]){re.escape(word.casefold())}(?![\w@+-]|\.\w)"
    return re.search(pattern, text.casefold()) is not None
