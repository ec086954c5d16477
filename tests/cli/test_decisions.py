"""The same decision gives the same result, wherever a person makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import openpyxl
import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.fields import NO_CODES
from importer.model.plan import Fate
from importer.model.question import Answer
from importer.model.roster import DECISION
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.web.drafts import Checked
from tests.cli.conftest import Sandbox
from tests.cli.small import (
    ANA,
    ANAS_CHANGE,
    ANAS_TWIN,
    BARCODED,
    BO,
    BY_BARCODE,
    PLAN,
    ask,
    change,
    codes,
    decide,
    load,
    state,
    write,
)
from tests.command_line import typed
from tests.sheets import read_rows, write_rows

Way = Literal["one by one", "in bulk", "workbook", "fed back"]
Setup = Callable[[], tuple[str, ...]]


def possible_match() -> tuple[str, ...]:
    """Row 2 may be 2001 of Alma under another ID; row 3 is new."""
    load(write(ANA), "first")
    write(("2009", *ANA[1:3], "FRIEND", *ANA[4:]), BO)
    return ("small.yaml", "people.csv")


def same_person_twice() -> tuple[str, ...]:
    """Rows 2 and 3 may be one person."""
    write(ANA, ANAS_TWIN)
    return ("small.yaml", "people.csv")


def barcodes(people: str) -> tuple[str, ...]:
    """3001 and 3002 are in Alma, with the barcodes B1 and B2."""
    Path("two.yaml").write_text(BY_BARCODE, "utf-8")
    Path("first.csv").write_text(f"{BARCODED}3001,Ida,Zorn,B1\n3002,Jon,Zorn,B2\n", "utf-8")
    typed("plan", "first.csv", "-m", "two.yaml", "-o", "first")
    typed("apply", "first", "--yes")
    Path("people.csv").write_text(BARCODED + people, "utf-8")
    return ("two.yaml", "people.csv")


def primary_id_differs() -> tuple[str, ...]:
    """Row 2 has the barcode of 3001 under another primary ID."""
    return barcodes("3009,Ida,Zorne,B1\n")


def two_users() -> tuple[str, ...]:
    """Row 2 has the primary ID of 3001 and the barcode of 3002."""
    return barcodes("3001,Jon,Zorne,B2\n")


def two_names() -> tuple[str, ...]:
    """The name of row 2 looks like two people."""
    write(("2009", "Ana and Max", *ANA[2:]), BO)
    return ("small.yaml", "people.csv")


def another_person() -> tuple[str, ...]:
    """Row 2 has the ID of 2001, and nothing else of that user."""
    load(write(ANA), "first")
    write(ZOE)
    return ("small.yaml", "people.csv")


ZOE = ("2001", "Zoe", "Kovacs", "COMM", "1999-01-01", "zk@example.org", "")


@dataclass(frozen=True)
class Case:
    """Rows that need review for one problem, the decisions, and what Alma has afterwards.

    `users` are last names by primary ID; `later` the create, update, review and rejected rows of
    a plan of the same roster after the load.
    """

    setup: Setup
    code: str
    decisions: dict[int, Answer]
    users: dict[str, str]
    later: tuple[int, int, int, int]


SAME, NEW = {"2001": "Nunez", "2002": "Doe"}, {"2009": "Nunez", "2002": "Doe"}
NOTHING, ONE_OUT = (0, 0, 0, 0), (0, 0, 0, 1)
OPEN = "possible-match-in-alma"
CASES = {
    name: Case(setup, code, answers, users, later)
    for name, setup, code, answers, users, later in (
        ("new card", possible_match, OPEN, {2: Answer.RENAME}, NEW, NOTHING),
        ("another person", possible_match, OPEN, {2: Answer.CREATE}, SAME | NEW, NOTHING),
        ("not loaded", possible_match, OPEN, {2: Answer.REJECT}, SAME, ONE_OUT),
        ("one name", two_names, "two-people", {2: Answer.LOAD}, NEW, NOTHING),
        ("two people", same_person_twice, "duplicate-person",
         {2: Answer.SEPARATE}, {"2001": "Nunez", "2009": "Nunez"}, NOTHING),
        ("one of two", same_person_twice, "duplicate-person",
         {2: Answer.ONLY, 3: Answer.REJECT}, {"2001": "Nunez"}, ONE_OUT),
        ("neither", same_person_twice, "duplicate-person", {3: Answer.REJECT}, {}, (0, 0, 0, 2)),
        ("found by barcode, new card", primary_id_differs, "primary-id-differs",
         {2: Answer.RENAME}, {"3009": "Zorne", "3002": "Zorn"}, NOTHING),
        ("another name, the same person", another_person, "another-person",
         {2: Answer.UPDATE}, {"2001": "Kovacs"}, NOTHING),
        ("another person's ID", another_person, "another-person",
         {2: Answer.REJECT}, {"2001": "Nunez"}, ONE_OUT),
        ("one of two users", two_users, "matches-two-users",
         {2: Answer.UPDATE}, {"3001": "Zorn", "3002": "Zorne"}, NOTHING),
    )
}  # fmt: skip


ALIKE = ("another person", "not loaded", "one name", "two people")
"""Cases whose rows all have one answer, without a user."""
QUICK = ("new card", "another person", "not loaded", "one name")
"""What `make test` tries in every way; the other cases are only answered one by one there."""
WAYS = [
    pytest.param(name, way, marks=() if quick else pytest.mark.faults)
    for name in CASES
    for way in get_args(Way)
    if way != "in bulk" or name in ALIKE
    for quick in [way in {"one by one", "in bulk"} or name in QUICK]
]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_the_same_decision_has_the_same_result(name: str, way: Way, sandbox: Sandbox) -> None:
    """On the command line, for all rows at once, or in the workbook, resolved or planned again."""
    case = CASES[name]
    mapping, roster = case.setup()
    typed("plan", roster, "-m", mapping, "-o", "run")
    runs = ["run"]
    match way:
        case "one by one":
            for row, answer in case.decisions.items():
                typed("resolve", "run", row, "--as", answer)
        case "in bulk":
            (answer,) = set(case.decisions.values())
            typed("resolve", "run", "--all", case.code[:-2], "--as", answer)
        case "workbook":
            decide(Path("run/rejects.xlsx"), case.decisions)
            typed("resolve", "run", "--from", "run/rejects.xlsx")
        case "fed back":
            decide(Path("run/rejects.xlsx"), case.decisions)
            typed("plan", "run/rejects.xlsx", "-m", mapping, "-o", "again")
            runs = ["again", "run"]
    for run in runs:
        typed("apply", run, "--yes", "--allow", "many-changes", "--allow", "renames")
    assert {key: user["last_name"] for key, user in state(sandbox).items()} == case.users
    later = typed("plan", roster, "-m", mapping, "-o", "later", "--json").summary
    counted = tuple(later[name] for name in ("create", "update", "review", "rejected"))
    assert counted == case.later


def test_an_answer_about_another_name_is_about_that_id_and_person(sandbox: Sandbox) -> None:
    """The next plan does not ask again about this person; about a third one it does."""
    mapping, roster = another_person()
    plan = ("plan", roster, "-m", mapping, "--json", "-o")
    assert typed(*plan, "run").summary["review"] == 1
    typed("resolve", "run", "2", "--as", "update")
    again = typed(*plan, "again").summary
    assert (again["review"], again["update"]) == (0, 1)
    write(("2001", "Max", "Adler", *ZOE[3:]))
    assert typed(*plan, "third").summary["review"] == 1
    write(("2001", *ZOE[1:4], "1971-01-01", *ZOE[5:]))
    assert typed(*plan, "namesake").summary["review"] == 1


def test_a_row_that_apply_held_is_resolved_in_the_workbook(sandbox: Sandbox) -> None:
    """After a change by staff, the rejects offer to merge again or not to load the row.

    Who was in question before it was sent is in question no more.
    """
    mapping, roster = primary_id_differs()
    typed("plan", roster, "-m", mapping, "-o", "run")
    typed("resolve", "run", "2", "--as", "update")
    ask(sandbox, "PATCH", "users/3001", {"last_name": "Byhand"})
    typed("apply", "run", "--yes", "--allow", "many-changes")
    decide(Path("run/rejects.xlsx"), {2: Answer.UPDATE})
    assert typed("resolve", "run", "--from", "run/rejects.xlsx", "--json").exit == Exit.DONE
    typed("apply", "run", "--yes", "--allow", "many-changes")
    assert state(sandbox)["3001"]["last_name"] == "Zorne"


def test_a_row_that_apply_held_is_left_out_while_its_cells_are_the_same(sandbox: Sandbox) -> None:
    """Nobody is in question, so that only a change in the row makes it another question.

    Until then, another answer is the one that counts.
    """
    load(write(ANA), "first")
    roster = write(ANAS_CHANGE)
    typed("plan", roster, *PLAN, "run")
    ask(sandbox, "PATCH", "users/2001", {"last_name": "Byhand"})
    typed("apply", "run", "--yes", "--allow", "many-changes")
    for number, answer in enumerate((("reject",), ("update", "2001"), ("reject",))):
        how, *user = answer
        assert typed("resolve", "run", "2", *user, "--as", how).exit == Exit.DONE
        later = typed("plan", roster, *PLAN, f"later{number}", "--json").summary
        out = int(how == "reject")
        assert (later["update"], later["of_these"]["dismissed"]) == (1 - out, out)
    write((*ANAS_CHANGE[:-1], "came back again"))
    later = typed("plan", roster, *PLAN, "next", "--json").summary
    assert (later["update"], later["rejected"]) == (1, 0)


def test_the_user_of_a_warning_is_not_in_question(sandbox: Sandbox) -> None:
    """A Decision about the row's name needs no other one, and no advice is about an answer."""
    mapping, roster = possible_match()
    write(("2009", "Ana and Max", *ANA[2:]))
    change(mapping, ("possible_match: review", "possible_match: warn"))
    typed("plan", roster, "-m", mapping, "-o", "run")
    assert ("2", "possible-match-in-alma") in codes("run")
    with Ledger.open(Path("run")) as ledger:
        (warning,) = (one for one in ledger.problems(2) if one.code == "possible-match-in-alma")
    assert "resolve" not in warning.to_do
    decide(Path("run/rejects.xlsx"), {2: Answer.LOAD})
    got = typed("resolve", "run", "--from", "run/rejects.xlsx", "--json")
    assert (got.exit, got.summary["create"]) == (Exit.DONE, 1)


def test_do_not_load_counts_for_every_row_of_the_file(sandbox: Sandbox) -> None:
    """Also for a row that was corrected, or whose question is gone with the row of the same person.

    Other Decisions that no row needs are named, and so are deleted rows. Of rows of one person all
    are left out.
    """
    write(ANA, ANAS_TWIN, (BO[0], "Bo and Max", *BO[2:]), ("2003", "Max and Jo", *BO[2:]))
    typed("plan", "people.csv", *PLAN, "run")
    _, twin, pair, other = read_rows(Path("run/rejects.csv"))
    for row, text in ((twin, "do not load"), (pair, "do not load"), (other, "load as it is")):
        row[DECISION] = text
    write_rows(Path("mine.csv"), [twin])
    got = typed("resolve", "run", "--from", "mine.csv", "--json")
    assert (got.summary["create"], got.summary["review"]) == (0, 2)
    assert "2, 4–5" in got.err
    pair["First"], other["First"] = "Bo", "Max"
    write_rows(Path("mine.csv"), [twin, pair, other])
    assert typed("check", "mine.csv", *PLAN, "checked", "--json").summary["ready"] == 1
    asked = RosterRequest(Path("mine.csv"), Path("small.yaml"))
    checked = Checked(read_inputs(asked, NO_CODES, date(2026, 8, 20)))
    assert (checked.rows(Fate.REJECTED), checked.rows(Fate.SKIPPED)) == ([], [3, 4])
    got = typed("plan", "mine.csv", *PLAN, "again", "--json")
    assert (got.summary["create"], got.summary["of_these"]["dismissed"]) == (1, 2)
    assert "Row 5: " in got.err
    later = typed("plan", "people.csv", *PLAN, "later", "--json").summary
    assert (later["review"], later["of_these"]["dismissed"]) == (2, 2)


def test_what_is_not_clear_stays_for_review(sandbox: Sandbox) -> None:
    """Other words, a corrected row and another user in question are reported, and nothing is done.

    The decision was about the users that the file's Why column names.
    """
    mapping, roster = possible_match()
    typed("plan", roster, "-m", mapping, "-o", "run")
    path = Path("run/rejects.xlsx")
    book = openpyxl.load_workbook(path)
    cells = {cell.value: at for at, cell in enumerate(book.worksheets[0][1], start=1)}
    book.worksheets[0].cell(2, cells["Decision"]).value = "ana@example.org"
    book.save(Path("private.xlsx"))
    shown = typed("resolve", "run", "--from", "private.xlsx").err
    assert ("Row 2: " in shown, "ana@" in shown) == (True, False)
    for changed in ({"Decision": "maybe"}, {"Decision": "another person, create", "Why": ""}):
        for heading, text in changed.items():
            book.worksheets[0].cell(2, cells[heading]).value = text
        book.save(Path("mine.xlsx"))
        got = typed("resolve", "run", "--from", "mine.xlsx", "--json")
        assert (got.summary["review"], got.err.count("Row 2: ")) == (1, 1)
        typed("check", "mine.xlsx", "-m", mapping, "-o", f"check{len(changed)}")
        unclear = ("2", "unclear-decision") in codes(f"check{len(changed)}")
        assert unclear == ("Why" not in changed)
        again = f"plan{len(changed)}"
        got = typed("plan", "mine.xlsx", "-m", mapping, "-o", again, "--json")
        told = got.err.count("Row 2: ") + codes(again).count(("2", "unclear-decision"))
        assert (got.summary["review"], told) == (1, 1)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].cell(2, cells["Last"]).value = "Other"
    book.worksheets[0].cell(2, cells["Decision"]).value = "do not load"
    book.save(Path("mine.xlsx"))
    got = typed("resolve", "run", "--from", "mine.xlsx", "--json")
    assert (got.summary["review"], got.err.count("Plan the file instead")) == (1, 1)


def test_columns_with_the_same_heading_or_none_are_compared_one_by_one(sandbox: Sandbox) -> None:
    """A workbook with decisions only is unchanged; a correction in one of such columns is seen."""
    mapping, roster = possible_match()
    head, *lines = Path(roster).read_text("utf-8").splitlines()
    texts = (f"{head},,,Room,room,Room", f"{lines[0]},,y,a,b,c", f"{lines[1]},x,,,,")
    Path(roster).write_text("\n".join(texts) + "\n", "utf-8")
    typed("plan", roster, "-m", mapping, "-o", "run")
    path = Path("run/rejects.xlsx")
    decide(path, {2: Answer.CREATE})
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    *_, last = (cell for cell in sheet[1] if cell.value == "Room")
    sheet.cell(2, last.column).value = "d"
    book.save(Path("mine.xlsx"))
    got = typed("resolve", "run", "--from", "mine.xlsx", "--json")
    assert (got.summary["review"], got.err.count("Plan the file instead")) == (1, 1)
    decide(path, {2: Answer.CREATE})  # resolve has written the rejects again
    got = typed("resolve", "run", "--from", "run/rejects.xlsx", "--json")
    assert (got.summary["review"], got.err.count("Row 2: ")) == (0, 0)
