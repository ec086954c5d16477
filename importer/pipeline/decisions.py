"""The fate of each row before anything is sent, and what people decided about those to review."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from importer.advice import Choice, Decide, Do, text_of
from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.loader.read import read
from importer.model.answers import Resolution, choices, possible_users, takes, to_review
from importer.model.plan import Fate, Result
from importer.model.problem import (
    ANSWERED_ADVICE,
    CATALOGUE,
    RESOLVED_ADVICE,
    Code,
    Origin,
    Problem,
    Severity,
)
from importer.model.question import DECISIONS, OF_ROWS, About, Answer, read_decision
from importer.model.roster import Layout, Roster
from importer.model.run import RowHistory, UnusedAnswers
from importer.model.text import (
    RowId,
    is_whole_roster,
    one_line,
    row_label,
    word_list,
)
from importer.pipeline.inputs import CheckedRosters
from importer.planner.answers import person_hash
from importer.planner.drafts import DraftUser
from importer.report.masking import shown_word
from importer.report.wording import roster_of
from importer.validator.row_keys import connected


@dataclass(frozen=True, slots=True)
class Fates:
    """Each row's fate, in row order, and all problems with the severities that result.

    `lacks`: by row, the problems that hold it only if Alma has no such user.
    """

    fates: Mapping[int, Fate]
    problems: tuple[Problem, ...]
    lacks: Mapping[int, tuple[Problem, ...]]

    def rows(self, *fates: Fate) -> frozenset[int]:
        """The rows with one of these fates."""
        return frozenset(row for row, fate in self.fates.items() if fate in fates)


def decide_fates(
    rows: Mapping[int, Fate],
    problems: Iterable[Problem],
    *,
    answers: Mapping[int, Resolution],
    only_new: Sequence[Collection[str]],
) -> Fates:
    """Decide the fate of each row.

    `rows`: all rows of the run, in order; blank and skipped ones stay so, ready ones may change.
    `answers`: by row, an earlier answer to the question whether it is the same person as another
    row. `only_new`: by roster, the fields that only a new user needs, before users are looked up;
    none if they are not looked up.
    Problems stay in their order; a problem of a whole roster is kept once.

    1. A row that the `duplicates` rule does not keep is skipped; its other problems are warnings.
    2. A row with a rejecting problem is rejected, unless it lacks only what a new user needs. So it
       waits, before users are looked up, with a question about its name.
    3. A row with a problem that needs review is for review, unless the questions that hold it were
       answered before; a row that a person dismissed is rejected.
    """
    by_row: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_row[problem.origin.row].append(problem)
    for row in filter(is_whole_roster, by_row):
        by_row[row] = list(dict.fromkeys(by_row[row]))
    fates, lacks = dict(rows), dict[int, tuple[Problem, ...]]()
    for row, fate in rows.items():
        if fate is not Fate.READY or row not in by_row:
            continue
        of_row, answer = by_row[row], answers.get(row)
        if any(problem.code is Code.SKIPPED_DUPLICATE for problem in of_row):
            fates[row] = Fate.SKIPPED
            by_row[row] = [as_warning(problem, None) for problem in of_row]
            continue
        lacking = []
        if only_new:
            needed = only_new[RowId.of(row).roster]
            lacking = [problem for problem in of_row if _depends_on_user(problem, needed)]
        others = _answered([problem for problem in of_row if problem not in lacking], answer)
        if lacking and worst(others) is Fate.READY:
            lacks[row] = tuple(lacking)
        else:
            others = _answered(of_row, answer)
        fates[row], by_row[row] = worst(others), others
    return Fates(fates, tuple(problem for of_row in by_row.values() for problem in of_row), lacks)


def _depends_on_user(problem: Problem, needed: Collection[str]) -> bool:
    """Return whether a problem holds its row only if Alma has no such user, or another name."""
    lacks = problem.field in needed and problem.code in {Code.MISSING_VALUE, Code.MISSING_EMPL_ID}
    return problem.severity.holds and (
        lacks or problem.code is Code.PURGE_PAST or problem.asks(About.NAME)
    )


def worst(problems: Iterable[Problem]) -> Fate:
    """Return the fate of a row by the gravest of its problems."""
    severities = {problem.severity for problem in problems}
    if Severity.REJECT in severities:
        return Fate.REJECTED
    return Fate.REVIEW if Severity.REVIEW in severities else Fate.READY


_OF_USER = (Answer.UPDATE, Answer.RENAME)


def _said(*answers: Answer) -> str:
    """Return answers in the words of the Decision column."""
    return word_list([f"“{DECISIONS[answer]}”" for answer in answers], link="or")


def as_warning(problem: Problem, answer: str | None) -> Problem:
    """Return the problem as a warning that holds nothing back.

    `answer` is what a person decided about it, "" if another problem says that; None if nobody did.
    """
    if not problem.severity.holds:
        return problem
    message = f"{problem.message}; {answer}" if answer else problem.message
    decided = ANSWERED_ADVICE if answer else RESOLVED_ADVICE
    advice = problem.advice if answer is None else decided
    return replace(problem, severity=Severity.WARNING, message=message, advice=advice)


def _answered(problems: list[Problem], answer: Resolution | None) -> list[Problem]:
    """Return the problems with the question about the same person answered, if it was."""
    if answer is None or worst(problems) is not Fate.REVIEW:
        return problems
    answered = [
        as_warning(problem, answer.sentence if answer.loads else "")
        if problem.asks(About.ROWS) and problem.severity is Severity.REVIEW
        else problem
        for problem in problems
    ]
    origin = problems[0].origin
    return answered if answer.loads else [*answered, dismissed(origin, answer.sentence)]


def dismissed(origin: Origin, sentence: str) -> Problem:
    """Return the problem that rejects a row which a person decided not to send."""
    return Problem.of(
        Code.RESOLVED,
        origin,
        sentence,
        advice=(Choice(Do.NOTHING), Choice(Decide(), "To send it after all")),
        severity=Severity.REJECT,
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer about a row; `user` is the ID of the user to update or rename.

    Without an ID it is the only user in question.
    """

    row: int
    answer: Answer
    user: str = ""


def open_rows(ledger: Ledger) -> dict[int, list[Problem]]:
    """Return the rows that need review, each with the problems that hold it."""
    asked: dict[int, list[Problem]] = {
        row.row: [] for row in ledger.returning() if row.needs_review
    }
    for problem in to_review(ledger.problems()):
        if problem.origin.row in asked:
            asked[problem.origin.row].append(problem)
    return asked


def rows_with(ledger: Ledger, code: str) -> list[int]:
    """Return the rows that need review for problems of this code and no other.

    The start of one code is enough. Raises UsageError if there are none.
    """
    asked = {
        row: {problem.code for problem in problems} for row, problems in open_rows(ledger).items()
    }
    every: list[str] = sorted(set().union(*asked.values()))
    named = [code] if code in every else [other for other in every if other.startswith(code)]
    if len(named) > 1:
        msg = f"{code} is the start of {word_list(named, 'or')}. Type more of it."
        raise UsageError(msg)
    rows = [row for row, codes in asked.items() if [*codes] == named]
    if not rows:
        others = ", ".join(every)
        others = f"Rows need review for: {others}." if others else "No row needs review."
        msg = f"No row needs review for {code} only. {others}"
        raise UsageError(msg)
    return rows


def why_not(ledger: Ledger, decision: Decision) -> str:
    """Return why a row cannot be resolved in this way; "" if it can."""
    answer = decision.answer
    if ledger.facts.command == "check":
        return (
            f"{ledger.folder} is a check, without data from Alma. Plan the roster, then resolve "
            "the row."
        )
    if not answer.names_user and decision.user:
        return f"No user's ID is given with {_said(answer)}, only with {_said(*_OF_USER)}."
    row = ledger.row(decision.row)
    if row is None:
        return f"The roster of this run has no row {row_label(decision.row)}."
    problems = [*ledger.problems(row.row)]
    answered = any(problem.code is Code.RESOLVED for problem in problems)
    if wrong := _closed(row, answered=answered):
        pass
    elif ledger.facts.command == "undo" and answer not in {Answer.UPDATE, Answer.REJECT}:
        wrong = f"belongs to an undo plan; choose {_said(Answer.UPDATE, Answer.REJECT)}"
    elif not takes(problems, answer):
        wrong = f"cannot be resolved so; choose one of: {', '.join(choices(problems))}"
        wrong = "has no other row of the same person" if answer in OF_ROWS else wrong
    return f"The row {wrong}." if wrong else ""


def _closed(row: RowHistory, *, answered: bool) -> str:
    """Return why a row cannot be resolved; "" if it can."""
    match row.result, row.fate:
        case (Result.HELD, _) | (None | Result.NOT_SENT, Fate.REVIEW):
            return ""
        case Result.REFUSED, _:
            return "was refused by Alma; correct it in the rejects and plan those rows again"
        case None | Result.NOT_SENT, Fate.READY | Fate.REJECTED if answered:
            return ""
        case None | Result.NOT_SENT, Fate.REJECTED:
            return "is rejected for its errors; correct it and plan it again"
        case None | Result.NOT_SENT, _:
            return "does not need review; there is nothing to resolve"
        case _:
            return "is done already; it cannot be resolved any more"


def decisions_in_file(ledger: Ledger, path: Path) -> tuple[list[Decision], list[UnusedAnswers]]:
    """Return what a person decided in a rejects file of this run, as `decisions_in` does.

    Rows whose cells were corrected are left: their roster is that file; rows that were deleted from
    it still wait. The file may have any name: its rows name their roster. Raises RosterError,
    UsageError.
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
    unclear, corrected = list[UnusedAnswers](), set()
    for row, *cells in roster.frame.itertuples(name=None):
        history = ledger.row(row)
        before, after = _filled(then, history.cells if history else ()), _filled(now, cells)
        if row in roster.decisions and any(after.get(name) != before.get(name) for name in now):
            corrected.add(row)
            why = "Its cells were changed. Plan the file instead."
            unclear.append(UnusedAnswers(rows=(row,), why=why))
    for row, cell in roster.decisions.items():
        if read_decision(cell.text) is None:
            wrong = NOT_A_CHOICE.format(shown_word(cell.text))
            advice = text_of(CATALOGUE[Code.UNCLEAR_DECISION].advice)
            unclear.append(
                UnusedAnswers(rows=(row,), why=f"{wrong[0].upper()}{wrong[1:]}. {advice}")
            )
    decisions, others = decisions_in(ledger, roster)
    kept = [decision for decision in decisions if decision.row not in corrected]
    asked = {row for row in open_rows(ledger) if RowId.of(row).roster == position}
    if deleted := asked.difference(roster.frame.index):
        why = f"Not in {path.name}, so nothing was decided there. They are not loaded."
        unclear.append(UnusedAnswers(rows=tuple(sorted(deleted)), why=why))
    return kept, [*unclear, *others]


def _filled(headings: Iterable[str], cells: Iterable[str]) -> dict[str, list[str]]:
    """Return the texts under each heading, which several columns may have; blanks are left out."""
    texts: dict[str, list[str]] = {}
    for heading, text in zip(headings, cells, strict=False):
        if text:
            texts.setdefault(heading, []).append(one_line(text))
    return texts


NOT_A_CHOICE = "its Decision “{}” is not one of the choices"


def decisions_in(ledger: Ledger, roster: Roster) -> tuple[list[Decision], list[UnusedAnswers]]:
    """Return what a person decided in a rejects file, without decisions that are not clear.

    The second list has those that are about other users than those in question now.
    """
    decisions, unclear = [], []
    for row, cell in roster.decisions.items():
        decision = read_decision(cell.text)
        users = possible_users(to_review(ledger.problems(row)))
        if decision is None:
            continue
        seen = all(_has_word(cell.why, user) for user in users)
        if decision[0] not in {*OF_ROWS, Answer.REJECT} and not decision[1] and not seen:
            why = "Other users are in question now. Decide again."
            unclear.append(UnusedAnswers(rows=(row,), why=why))
        else:
            decisions.append(Decision(row, *decision))
    return decisions, unclear


def _has_word(text: str, word: str) -> bool:
    """Return whether a text has an ID, without case, and not as a part of another one."""
    pattern = rf"(?<![\w.@+-]){re.escape(word.casefold())}(?![\w@+-]|\.\w)"
    return re.search(pattern, text.casefold()) is not None


def answers_of_rows(
    answers: Mapping[str, Resolution], rosters: CheckedRosters, problems: Iterable[Problem]
) -> dict[int, Resolution]:
    """Return by row the answers about rows of one person, as long as the rosters have them all.

    One answer counts for all rows of the person.
    """
    groups = same_people(rosters, problems) if answers else ()
    known = ((group, answers.get(group_hash(group))) for group in groups)
    return {
        draft.row: answer.of_row(draft.key)
        for group, answer in known
        if answer is not None
        for draft in group
    }


def same_people(rosters: CheckedRosters, problems: Iterable[Problem]) -> Iterator[list[DraftUser]]:
    """Yield the rows of each person who has several, in the order of the rows.

    The problem of a row names another of them, or the user of Alma whom they all find.
    """
    named = {p.origin.row: p.value.casefold() for p in problems if p.asks(About.ROWS)}
    drafts = {draft.row: draft for draft in rosters.drafts(named, {})} if named else {}
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for draft in drafts.values():
        for key in {draft.key, named[draft.row]}:
            rows[key].append(draft.row)
    for group in connected(rows.values()):
        if len(group) > 1:
            yield [drafts[row] for row in group]


def group_hash(group: Iterable[DraftUser]) -> str:
    """Return a hash of the IDs and the persons of some rows, whatever their order."""
    return hashlib.sha256("\n".join(sorted(map(person_hash, group))).encode()).hexdigest()
