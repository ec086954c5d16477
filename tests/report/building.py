"""Ledgers of invented runs: every fate, every severity, checked, planned and applied."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from importer.advice import by_hand
from importer.ledger.journal import RunContent, add_problems, write_run
from importer.ledger.ledger import Ledger, State, summarize
from importer.model.plan import (
    Change,
    ChangeKind,
    Create,
    Fate,
    LeftAlone,
    SafetyCheck,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Origin, Place, Problem, Severity
from importer.model.run import (
    AlmaFacts,
    ColumnUse,
    MappingFacts,
    NotInRoster,
    RosterFacts,
    RunFacts,
)
from importer.model.user import AccountType, Coded, User
from importer.report.view import RunView

BARCODE = Place("A", "Barcode")
FIRST = Place("B", "First Name")
LAST = Place("C", "Last Name")
TYPE = Place("D", "Patron Type")
BORN = Place("E", "DOB")
EMAIL = Place("F", "Email")
EXPIRES = Place("G", "Expires")

COLUMNS = (
    ColumnUse("A", "Barcode", ("primary_id",), "exact", ("20001234567890", "20001234567891")),
    ColumnUse("B", "First Name", ("first_name",), "exact", ("Wilhelmina", "José")),
    ColumnUse("C", "Last Name", ("last_name",), "exact", ("Quillfeather", "McKay")),
    ColumnUse("D", "Patron Type", ("user_group",), "exact", ("Community", "Friend")),
    ColumnUse("E", "DOB", ("birth_date",), "exact", ("1987-06-05", "2001-02-03")),
    ColumnUse("F", "Email", ("contact_info.email[0].email_address",), "exact", ("w@example.org",)),
    ColumnUse("G", "Expires", ("expiry_date",), "by another spelling", ("2027-05-15",)),
    ColumnUse("H", "Comments", (), "not used", ("knows the dean",)),
)

FACTS = RunFacts(
    command="check",
    version="0.1.0",
    started=datetime(2026, 8, 20, 9, 30, tzinfo=UTC),
    today=date(2026, 8, 20),
    operator="pat",
    roster=RosterFacts(
        path="rosters/community.xlsx", sha256="ab" * 32, kind="xlsx", sheet="Patrons", header=(1,)
    ),
    mapping=MappingFacts(
        path="mappings/community.yaml",
        sha256="cd" * 32,
        name="community",
        title="Community patrons",
        account_type=AccountType.INTERNAL,
    ),
    codes_fetched=date(2026, 8, 1),
)

ALMA = AlmaFacts(
    base_url="https://api-na.hosted.exlibrisgroup.com/almaws/v1",
    institution="01EXAMPLE",
    name="Example State University",
    environment="Sandbox",
)


def person(row: int) -> tuple[str, ...]:
    """The cells of one invented patron."""
    name, group, born = ("Wilhelmina", "Quillfeather"), "Community", "1987-06-05"
    return f"2000{row:010}", *name, group, born, f"reader{row}@example.org", "2027-05-15", ""


def at(row: int) -> Origin:
    """The place of a row."""
    return Origin("community.xlsx", "Patrons", row)


def user(row: int) -> User:
    """The user that a row becomes."""
    return User(
        primary_id=person(row)[0],
        first_name="Wilhelmina",
        last_name="Quillfeather",
        user_group=Coded(value="COMM"),
    )


@dataclass
class Run:
    """What goes into a ledger, to be changed before `ledger` writes it."""

    facts: RunFacts = FACTS
    columns: tuple[ColumnUse, ...] = COLUMNS
    fates: dict[int, Fate] = field(default_factory=dict)
    cells: dict[int, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    later: list[Problem] = field(default_factory=list)
    states: dict[int, State] = field(default_factory=dict)
    missing: list[NotInRoster] = field(default_factory=list)

    def row(self, number: int, fate: Fate, *problems: Problem) -> None:
        """Add a row and what is wrong with it."""
        self.fates[number] = fate
        if fate not in {Fate.BLANK, Fate.SKIPPED}:
            self.cells[number] = person(number)
        self.problems += problems

    def reject(self, row: int, cells: tuple[str, ...] = ()) -> None:
        """Add a row whose identifier is wrong."""
        cells = cells or person(row)
        value = cells[ord(BARCODE.letter) - ord("A")]
        message = 'has the wrong number of digits: "{value}"'
        problem = Problem.of(
            Code.MALFORMED_ID, at(row), message, BARCODE, field="primary_id", value=value
        )
        self.row(row, Fate.REJECTED, problem)
        self.cells[row] = cells

    def ledger(self, folder: Path) -> Ledger:
        """Write it all."""
        folder.mkdir(parents=True, exist_ok=True)
        content = RunContent(
            problems=self.problems,
            steps=self.steps,
            columns=self.columns,
            cells=self.cells.items(),
            missing=self.missing,
        )
        ledger = write_run(folder, self.facts, self.fates, content)
        with ledger.transaction():
            add_problems(ledger, self.later)
            if self.states:
                sql = "INSERT OR REPLACE INTO run VALUES ('applied', '2026-08-20T10:00:00+00:00')"
                ledger.connection.execute(sql)
            for row, state in self.states.items():
                ledger.connection.execute("UPDATE steps SET state = ? WHERE row = ?", (state, row))
        return ledger


def checked() -> Run:
    """A check with every fate and every severity."""
    run = Run()
    for row in range(2, 12):
        run.row(row, Fate.READY)
    unused = Problem.of(
        Code.UNUSED_COLUMN, at(0), "is not used by any rule", Place("H", "Comments")
    )
    run.problems.append(unused)
    for row in (12, 13, 14, 17):
        run.reject(row, (f"20{row}", *person(row)[1:]))
    run.row(
        15,
        Fate.REJECTED,
        Problem.of(
            Code.UNKNOWN_CODE, at(15), "{value} is not in the lookup groups", TYPE,
            field="user_group", value="Comunity", advice="Did you mean Community?",
        ),
        Problem.of(
            Code.UNPARSABLE_DATE, at(15), "{value} is not a date", BORN,
            field="birth_date", value="5 June 87",
        ),
    )  # fmt: skip
    run.cells[15] = (*person(15)[:3], "Comunity", "5 June 87", *person(15)[5:])
    twins = "looks like the person of row {other}, under another barcode"
    for row, other in ((18, 19), (19, 18)):
        message = twins.replace("{other}", str(other))
        run.row(row, Fate.REVIEW, Problem.of(Code.DUPLICATE_PERSON, at(row), message, FIRST, LAST))
    expired = Problem.of(
        Code.EXPIRY_PAST, at(3), "{value} is in the past", EXPIRES,
        field="expiry_date", value="2020-05-15",
    )  # fmt: skip
    trimmed = Problem.of(
        Code.WHITESPACE_REMOVED, at(4), 'blanks inside "{value}" were removed', EMAIL,
        field="contact_info.email[0].email_address", value="reader 4@example.org",
    )  # fmt: skip
    run.problems += [expired, trimmed]
    run.row(16, Fate.BLANK)
    run.row(20, Fate.SKIPPED)
    return run


def planned(command: Literal["plan", "undo"] = "plan") -> Run:
    """A plan: rows 2 to 5 are created, 6 to 9 updated, 10 unchanged, 11 skipped by the plan."""
    run = checked()
    run.facts = FACTS.model_copy(update={"command": command, "alma": ALMA, "rate": 8.0})
    run.steps += [Create(row, user(row)) for row in range(2, 6)]
    group = Change(ChangeKind.REPLACE, "user_group", "FRIEND", "COMM")
    email = Change(ChangeKind.ADD, "contact_info.email[work]", "", "w.quillfeather@example.org")
    phone = Change(ChangeKind.REMOVE, "contact_info.phone[home]", "605-555-0142", "")
    born = Change(ChangeKind.REPLACE, "birth_date", "1987-06-04", "1987-06-05")
    for row, changes in ((6, (group,)), (7, (group, email)), (8, (born,)), (9, (group, phone))):
        checks = (SafetyCheck.REMOVALS,) if phone in changes else ()
        step = Update(row, person(row)[0], user(row), user(row), changes, checks=checks)
        run.steps.append(step)
    run.steps += [Unchanged(10, person(10)[0]), LeftAlone(11, "")]
    return run


def applied() -> Run:
    """An apply: created, refused, not sent, unknown, updated, held, and so already."""
    run = planned()
    run.states = {
        2: State.APPLIED, 3: State.REFUSED, 4: State.PLANNED, 5: State.UNKNOWN,
        6: State.APPLIED, 7: State.HELD, 8: State.INTENT, 9: State.ALREADY,
    }  # fmt: skip
    run.later += [
        Problem.of(Code.REFUSED_BY_ALMA, at(3), "Alma says: user group COMM is not enabled"),
        Problem.of(Code.CHANGED_IN_ALMA, at(7), "someone changed the user group since the plan"),
    ]
    return run


def hostile(text: str) -> Run:
    """A check whose headings, values, file, sheet and operator hold this text."""
    run = Run()
    place = Place("A", text)
    run.columns = (ColumnUse("A", text, ("user_note.note_text",), text, (text,)),)
    run.facts = FACTS.model_copy(
        update={
            "operator": text,
            "roster": FACTS.roster.model_copy(update={"path": text, "sheet": text}),
            "mapping": FACTS.mapping.model_copy(update={"path": text, "title": text}),
        }
    )
    problem = Problem.of(
        Code.CONTROL_CHARACTER, at(2), "holds {value}", place, field=text, value=text
    )
    run.row(2, Fate.REJECTED, replace(problem, advice=by_hand(text), severity=Severity.REJECT))
    run.cells[2] = (text,)
    return run


RENEWAL = [
    (5, "Perhaps another person's ID"),
    (4, "End dates that become earlier"),
    (12, "Group changes"),
    (30, "New last names"),
    (150, "People of the last load who are not in this roster"),
    (2, "People who cannot borrow after this load"),
]
"""What is to be looked at in `renewal`, in its order."""


def view_of(ledger: Ledger) -> RunView:
    """The view of a run, from which its reports are made."""
    return RunView(ledger, summarize(ledger))


def renewal() -> Run:
    """The plan of a renewal: 300 updates and five wrong IDs, with dangerous changes among them."""
    replaced = ChangeKind.REPLACE
    run = Run(FACTS.model_copy(update={"command": "plan", "alma": ALMA}))
    for row in range(2, 302):
        old, new = ("2027-06-30", "2026-09-30") if row < 6 else ("2026-06-30", "2027-06-30")
        changes = [Change(replaced, "expiry_date", old, new)]
        if 10 <= row < 22:
            group = "STAFF" if row < 18 else "FAC"
            changes.append(Change(replaced, "user_group", "STU", group))
        if 30 <= row < 60:
            changes.append(Change(replaced, "last_name", "Quill", "Quillfeather"))
        run.row(row, Fate.READY)
        run.steps.append(Update(row, person(row)[0], user(row), user(row), tuple(changes)))
    for row in (70, 71):
        run.problems.append(Problem.of(Code.CANNOT_BORROW, at(row), "the user has a block"))
    for row in range(302, 307):
        run.row(row, Fate.REVIEW, Problem.of(Code.ANOTHER_PERSON, at(row), "is Ada Moss", BARCODE))
    run.missing = [NotInRoster(f"9{number}", "Hal Hart") for number in range(150)]
    return run
