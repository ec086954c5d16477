"""A campus over two semesters: every fate and every field is what a library expects.

`CAMPUS_COPIES` sets how many people there are of each kind, `CAMPUS_SEED` who they are. A hunt has
3,000 people.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.model.roster import DECISION
from importer.model.text import RowId, is_absent, row_label
from tests.campus import model
from tests.campus.fates import REVIEW, Campus, Users, expected, open_lines
from tests.campus.mappings import MAPPINGS
from tests.campus.model import HEAD, Row, compact, created
from tests.cli.conftest import Sandbox, folder, sandbox
from tests.cli.small import ask, delete
from tests.command_line import typed
from tests.practice import call
from tests.sheets import correct, write_csv

__all__ = ["folder", "sandbox"]

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("CAMPUS_SEED") or 20261128)
SIZES = pytest.mark.parametrize(
    "copies", [int(os.environ.get("CAMPUS_COPIES") or 2), pytest.param(17, marks=pytest.mark.hunt)]
)
ALLOW = ("many-changes", "removals", "renames", "foreign-group", "absent")
ROSTERS = tuple(MAPPINGS)


def write(path: Path, rows: list[Row]) -> Path:
    """A roster."""
    return write_csv(path, (HEAD, *(tuple(vars(row).values()) for row in rows)))


def users_of(sandbox: Sandbox) -> Users:
    """Every user, compact, by primary ID."""
    found = ask(sandbox, "GET", "state")["users"]
    return {user["primary_id"]: compact(user) for user in found}


def rosters(name: str, rows: dict[str, list[Row]]) -> list[object]:
    """The arguments of a plan of the three rosters."""
    found: list[object] = []
    for roster in ROSTERS:
        found += [write(Path(f"{name}-{roster}.csv"), rows[roster]), "-m", f"{roster}.yaml"]
    return found


def differences(expected_users: Users, users: Users) -> list[tuple[str, str, object, object]]:
    """Every field of every user that is not as expected: what was expected, and what Alma has."""
    return [
        (key, name, one.get(name), other.get(name))
        for key in sorted(expected_users.keys() | users.keys())
        for one, other in [(expected_users.get(key, {}), users.get(key, {}))]
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def puts(sandbox: Sandbox) -> Counter[str]:
    """The calls since the log was cleared, by method."""
    return Counter(str(call["method"]) for call in sandbox.log())


class Loaded:
    """A campus of which the first semester is in Alma, and staff have edited some users."""

    def __init__(self, sandbox: Sandbox, copies: int) -> None:
        """Load the first semester."""
        self.sandbox = sandbox
        self.campus = Campus(copies, SEED, datetime.now(UTC).astimezone().date())
        for name, text in MAPPINGS.items():
            Path(f"{name}.yaml").write_text(text, "utf-8")
        for case in self.campus.cases:
            for query, record in case.seeds:
                call(sandbox.host, "POST", f"/almaws/v1/users?{query}", model.body(record))
        assert typed("codes", "fetch").exit == Exit.DONE
        assert typed("users", "refresh").exit == Exit.DONE
        self.first = rosters("spring", {r: self.campus.first(r) for r in ROSTERS})
        seeded = users_of(sandbox)
        planned = typed("plan", *self.first, "-o", "spring", "--json")
        assert planned.exit == Exit.DONE, planned.err
        self.apply("spring")
        rows = ((r, row) for r in ROSTERS for row in self.campus.first(r))
        made = {row.id: created(roster, row) for roster, row in rows}
        assert differences({**seeded, **made}, users_of(sandbox)) == []

    def apply(self, run: str, *flags: object) -> dict[str, object]:
        """Apply a plan."""
        allowed = [text for check in ALLOW for text in ("--allow", check)]
        applied = typed("apply", run, "--json", "--yes", *allowed, *flags)
        assert applied.exit in {Exit.DONE, Exit.REJECTS}, applied.err
        return applied.summary

    def edit(self) -> Users:
        """Staff edit and delete users, and lend books; the users after that."""
        raw = {user["primary_id"]: user for user in ask(self.sandbox, "GET", "state")["users"]}
        for case in self.campus.cases:
            for user, change in case.edits:
                fields = change(raw[user])
                raw[user] |= fields
                ask(self.sandbox, "PATCH", f"users/{user}", fields)
            for user in case.deleted:
                delete(self.sandbox, user)
            for user in case.loans:
                ask(self.sandbox, "POST", f"users/{user}/loans", {"loans": 2})
        return users_of(self.sandbox)

    def second(self) -> list[object]:
        """The arguments of a plan of the second semester."""
        lines = {r: [line.row for _, line in self.campus.lines(r)] for r in ROSTERS}
        return rosters("fall", lines)

    def ends(self, run: str) -> dict[str, str]:
        """The fate and the act of each row of a run, as it is now."""
        with Ledger.open(Path(run)) as ledger:
            return {
                row_label(one.row): f"{one.fate} {one.act} {one.primary_id}"
                for one in ledger.every_row()
            }

    def wrong_ends(self, run: str) -> Iterator[tuple[str, object, object]]:
        """The rows of a plan that have another fate, act or question than foreseen."""
        asked: dict[int, set[str]] = {}
        found, missing = {}, set()
        with Ledger.open(Path(run)) as ledger:
            for problem in ledger.problems():
                if problem.severity.holds:
                    asked.setdefault(problem.origin.row, set()).add(problem.code)
            for one in ledger.every_row():
                found[one.row] = f"{one.fate} {one.act}".removesuffix(" None")
                if is_absent(one.row):
                    missing.add(one.primary_id)
        for number, roster in enumerate(ROSTERS):
            for place, (case, line) in enumerate(self.campus.lines(roster)):
                row = RowId(number, place + 2).packed
                if found[row] != line.end:
                    yield case.kind, line.end, (row_label(row), found[row], asked.get(row))
                elif line.codes and {*line.codes} != asked.get(row, set()):
                    yield case.kind, line.codes, (row_label(row), asked.get(row))
        for case in self.campus.cases:
            if gone := set(case.missing) - missing:
                yield case.kind, "missing", gone
        if more := missing - {user for case in self.campus.cases for user in case.missing}:
            yield "nobody", "missing", more

    def open_again(self, run: str) -> Iterator[tuple[str, str, set[str]]]:
        """The rows that need review although they were answered: kind, answer, questions."""
        with Ledger.open(Path(run)) as ledger:
            histories = {one.row: one.fate for one in ledger.every_row()}
            for number, roster in enumerate(ROSTERS):
                for place, (case, line) in enumerate(self.campus.lines(roster)):
                    row = RowId(number, place + 2).packed
                    if line.answer and histories[row] == REVIEW:
                        held = {str(p.code) for p in ledger.problems(row) if p.severity.holds}
                        yield case.kind, line.answer, held

    def answer(self, run: str) -> None:
        """Decide about the open rows in the rejects file of each roster."""
        for roster in ROSTERS:
            answers = {place + 2: line.answer for place, line in open_lines(self.campus, roster)}
            if not answers:
                continue
            (path,) = Path(run).glob(f"rejects*{roster}.xlsx")
            correct(path, {row: {DECISION: text} for row, text in answers.items()})
            done = typed("resolve", run, "--from", path)
            assert done.exit in {Exit.DONE, Exit.REJECTS}, done.err


def converted(loaded: Loaded) -> set[str]:
    """The IDs, old and new, of patrons who became External: Alma cannot make them Internal."""
    cases = [case for case in loaded.campus.cases if case.kind == "community becomes student"]
    old = {row.id for case in cases for _, row in case.first}
    return old | {line.row.id for case in cases for line in case.second}


@SIZES
def test_a_second_semester_is_as_a_library_expects(sandbox: Sandbox, copies: int) -> None:
    """0 wrong fates, 0 wrong fields in every user, few calls; undo gives every record back."""
    loaded = Loaded(sandbox, copies)
    before = loaded.edit()
    assert typed("users", "refresh").exit == Exit.DONE
    ask(sandbox, "DELETE", "log")
    planned = typed("plan", *loaded.second(), "-o", "fall", "--json")
    assert planned.exit == Exit.REJECTS, planned.err
    calls = puts(sandbox)
    wrong = list(loaded.wrong_ends("fall"))
    assert wrong == [], "\n".join(map(str, wrong))
    absent = sum(len(case.missing) for case in loaded.campus.cases)
    assert set(calls) == {"GET"}
    assert calls["GET"] <= 7 + absent + len(before) // 100
    loaded.answer("fall")
    loaded.apply("fall")
    after = users_of(sandbox)
    fields = differences(expected(loaded.campus, before), after)
    assert fields == [], "\n".join(map(str, fields))
    again = typed("plan", *loaded.second(), "-o", "again", "--json").summary
    assert (again["create"], again["update"]) == (0, 0)
    open_rows = list(loaded.open_again("again"))
    assert open_rows == [], "\n".join(map(str, open_rows))
    undone = typed("undo", "fall", "-o", "back", "--delete-created", "--json")
    assert undone.exit in {Exit.DONE, Exit.REJECTS}, undone.err
    loaded.apply("back", "--delete", undone.summary["delete"])
    left = {one[0] for one in differences(before, users_of(sandbox))}
    assert left == converted(loaded)
    typed("plan", *loaded.second(), "-o", "fall-again")
    first, again_planned = loaded.ends("fall"), loaded.ends("fall-again")
    ends = [(row, end, again_planned[row]) for row, end in first.items()]
    ids = converted(loaded)
    other = [one for one in ends if one[1] != one[2] and not ids & {*one[1].split()}]
    assert other == [], "\n".join(map(str, other))


QUESTIONS = ("primary-id-differs", "another-person", "card-differs", "possible-match-in-alma")


@SIZES
def test_an_unchanged_roster_sends_nothing_and_loses_no_edit(sandbox: Sandbox, copies: int) -> None:
    """Five loads after edits by staff: one PUT for each overridden group, then none.

    The second semester's new values arrive all the same.
    """
    loaded = Loaded(sandbox, copies)
    before = loaded.edit()
    overridden = sum(case.kind == "overridden group" for case in loaded.campus.cases)
    deleted = {user for case in loaded.campus.cases for user in case.deleted}
    found = []
    for number in range(5):
        ask(sandbox, "DELETE", "log")
        planned = typed("plan", *loaded.first, "-o", f"same{number}", "--json").summary
        asked = {code for code in QUESTIONS if code in planned["problems"]}
        assert (planned["review"], asked) == (copies, {"primary-id-differs"})
        loaded.apply(f"same{number}")
        sent = puts(sandbox)
        found.append((sent["PUT"], sent["POST"]))
    assert found == [(overridden, len(deleted)), *[(0, 0)] * 4]
    after = users_of(sandbox)
    changed = {key: name for key, name, *_ in differences(before, after) if key not in deleted}
    assert set(changed.values()) == {"user_group"}
    assert len(changed) == overridden
    typed("plan", *loaded.second(), "-o", "fall")
    loaded.answer("fall")
    loaded.apply("fall")
    assert differences(expected(loaded.campus, after), users_of(sandbox)) == []
