"""Names with two people, a comma, a title or a suffix: from the roster to Alma."""

from __future__ import annotations

from pathlib import Path

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.plan import Fate
from importer.model.question import DECISIONS, Answer
from tests.cli.conftest import Sandbox
from tests.cli.small import decide, state
from tests.command_line import typed

SPLIT = """\
version: 1
name: club
account_type: INTERNAL
match: {by: [primary_id]}
safety_checks:
  renames: {percent: 100, count: 100}
  many_changes: {percent: 100, count: 100}
record:
  primary_id: <Id>
  first_name: {from: <Name>, clean: [{split: {on: " ", take: 1}}]}
  last_name: {from: <Name>, clean: [{split: {on: " ", take: -1}}]}
  user_group: COMM
"""
CLUB = (
    "Noah & Nora Clark",
    "Ann and Bob",
    "Kim, Olivia",
    "Dr. Harold T. Bixby Jr.",
    "Sofia Anderson",
)


def club(*names: str) -> tuple[str, ...]:
    """Write a roster with one cell for the name."""
    rows = [f'30{n},"{name}"' for n, name in enumerate(names)]
    Path("club.csv").write_text("\n".join(["Id,Name", *rows]) + "\n", "utf-8")
    Path("club.yaml").write_text(SPLIT, "utf-8")
    return ("club.csv", "-m", "club.yaml")


_OTHER = {"no-preferred-email"}


def found(run: str) -> dict[int, tuple[str, set[str]]]:
    """Fate and codes of the rows of a run that have problems."""
    with Ledger.open(Path(run)) as ledger:
        fates = dict(ledger.fates())
        codes: dict[int, set[str]] = {}
        for problem in ledger.problems():
            if problem.origin.row:
                codes.setdefault(problem.origin.row, set()).add(problem.code.value)
        return {row: (fates[row].value, own - _OTHER) for row, own in codes.items() if own - _OTHER}


def test_a_cell_that_is_split_is_looked_at_as_a_whole(sandbox: Sandbox) -> None:
    """Nobody is lost: two people, a comma, and a title in place of a name need review."""
    load = club(*CLUB)
    for command in ("check", "plan"):
        assert typed(command, *load, "-o", command).exit == Exit.REJECTS
        assert found(command) == {
            2: (Fate.REVIEW, {"two-people"}),
            3: (Fate.REVIEW, {"two-people"}),
            4: (Fate.REVIEW, {"comma-in-name"}),
            5: (Fate.REVIEW, {"title-in-name"}),
        }
    typed("apply", "plan", "--yes")
    assert [user["last_name"] for user in state(sandbox).values()] == ["Anderson"]


def test_a_name_that_is_right_is_asked_about_once(sandbox: Sandbox) -> None:
    """Later loads of the name that was decided are not asked, those of another are."""
    load = club("Parks and Recreation", "Sofia Anderson")
    typed("plan", *load, "-o", "run")
    assert typed("resolve", "run", "2", "--as", "load").exit == Exit.DONE
    typed("plan", *load, "-o", "again")
    for folder in ("run", "again"):
        with Ledger.open(Path(folder)) as ledger:
            said = "\n".join(f"{one.message} {one.to_do}" for one in ledger.problems(2))
        assert (DECISIONS[Answer.LOAD] in said, DECISIONS[Answer.CREATE] in said) == (True, False)
    typed("apply", "run", "--yes")
    assert state(sandbox)["300"]["first_name"] == "Parks"
    summary = typed("plan", *load, "-o", "later", "--json").summary
    assert (summary["review"], summary["unchanged"]) == (0, 2)
    typed("plan", *club("Parks and Gardens"), "-o", "other")
    assert found("other")[2][0] == Fate.REVIEW


def test_a_known_user_gets_such_a_name_by_a_decision(sandbox: Sandbox) -> None:
    """`load` updates the row's own user. `create` says that Alma has the user."""
    typed("plan", *club("Ann Clark"), "-o", "first")
    typed("apply", "first", "--yes")
    typed("plan", *club("Ann & Bob Clarke"), "-o", "run")
    assert found("run")[2][0] == Fate.REVIEW
    assert typed("resolve", "run", "2", "--as", "create").exit == Exit.USAGE
    decide(Path("run/rejects.xlsx"), {2: Answer.LOAD})
    assert typed("resolve", "run", "--from", "run/rejects.xlsx").exit == Exit.DONE
    typed("apply", "run", "--yes")
    assert state(sandbox)["300"]["last_name"] == "Clarke"


def test_a_name_and_a_possible_match_are_asked_at_once(sandbox: Sandbox) -> None:
    """Nothing that a person must look at waits for the next plan."""
    mapping = (
        SPLIT + "  contact_info:\n    email:\n      - {email_address: <E>, email_type: personal}\n"
    )
    Path("club.yaml").write_text(mapping, "utf-8")
    Path("club.csv").write_text("Id,Name,E\n300,Ann Clark,a@example.org\n", "utf-8")
    typed("plan", "club.csv", "-m", "club.yaml", "-o", "first")
    typed("apply", "first", "--yes")
    Path("club.csv").write_text("Id,Name,E\n301,Ann & Bob Clark,a@example.org\n", "utf-8")
    typed("plan", "club.csv", "-m", "club.yaml", "-o", "run")
    codes = found("run")[2][1]
    assert {"two-people", "possible-match-in-alma"} <= codes
