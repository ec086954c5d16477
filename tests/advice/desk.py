"""A librarian's desk: a folder and files with blanks in their names, and whoever follows advice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import openpyxl

from importer.ledger.ledger import Ledger
from importer.model.plan import SafetyCheck
from importer.model.problem import Code, Problem
from importer.model.roster import DECISION, REJECTS_SHEETS
from importer.model.text import command_line, shell_word
from importer.report.commands import with_commands
from tests.cli.small import COMMUNITY, STUDENTS
from tests.command_line import Typed
from tests.command_line import typed as type_in
from tests.pipeline.runs import MAPPINGS
from tests.sheets import correct, read_rows, write_rows
from tests.zoo.specimen import banned

UNMARKED = str.maketrans("", "", "`“”")
"""Takes out the marks of what is typed, which differ by surface."""

Row = dict[str, str]
ROSTER, MAPPING = "my roster (2).csv", "the mapping (1).yaml"
TABLES = {
    "UserGroups": dict.fromkeys(
        ("COMM", "FRIEND", "EMER", "SPEC", "RECIP", "UGRD", "GRAD", "STAFF", "FACULTY"), ""
    ),
    "Campuses": {"MAIN": "Main", "DOWNTOWN": "Downtown"},
}


LETTERS = str.maketrans("0123456789", "abcdefghij")
"""A digit in a name would be a problem of its own."""


def person(number: int, usual: Row = COMMUNITY, **cells: str) -> Row:
    """A row of a ready mapping, all of it right, but for these cells; `_` is a blank."""
    row = {heading: text.format(number) for heading, text in usual.items()}
    row |= {part: row[part].translate(LETTERS) for part in ("First Name", "Last Name")}
    return row | {heading.replace("_", " ").strip(): text for heading, text in cells.items()}


def student(number: int, **cells: str) -> Row:
    """The same for students-and-staff.yaml."""
    return person(number, STUDENTS, **cells)


Test = TypeVar("Test", bound=Callable[..., None])


def follows(*_codes: str) -> Callable[[Test], Test]:
    """Mark a test that follows the advice of these codes; `test_findings.py` reads it."""
    return lambda test: test


def pasted(command: str) -> Typed:
    """Run a command as it is printed: a shell splits it into words."""
    assert command.startswith("importer "), command
    shell = "importer() { printf '%s\\0' \"$@\"; }; "
    ran = subprocess.run(("bash", "-c", shell + command), capture_output=True, check=True)
    return type_in(*ran.stdout.decode().split("\0")[:-1])


@dataclass(frozen=True)
class Outcome:
    """A run: its folder, what was printed, its problems, and its counts."""

    run: Path
    printed: Typed
    problems: tuple[Problem, ...]
    counts: Mapping[str, int] = field(repr=False)

    @property
    def codes(self) -> set[str]:
        """The codes of its problems."""
        return {problem.code.value for problem in self.problems}

    def advice(self, code: str, *says: str) -> str:
        """The advice of the first problem of this code, with commands; print says this."""
        found = [problem for problem in self.problems if problem.code == code]
        assert found, (code, self.codes, self.printed)
        for words in says:
            assert words in found[0].to_do, (code, found[0].to_do)
        lines = read_rows(self.run / "problems.csv")
        printed = [line["message"].translate(UNMARKED) for line in lines if line["code"] == code]
        wanted = [words.translate(UNMARKED) for words in says]
        assert all(any(words in text for text in printed) for words in wanted), printed
        return with_commands(found[0].advice)

    def command(self, verb: str) -> str:
        """The command of this verb that was printed as the next step."""
        lines = (self.printed.out + self.printed.err).splitlines()
        found = [line.strip() for line in lines if line.strip().startswith(f"importer {verb} ")]
        assert found, (verb, lines)
        return found[0]


@dataclass
class Desk:
    """The files of one load in the current folder. `runs` counts the runs that were made."""

    folder: Path
    mapping: str = MAPPING
    roster: str = ROSTER
    runs: int = 0

    def take(self, name: str, *edits: tuple[str, str]) -> None:
        """Copy a ready mapping, changed in these places."""
        (self.folder / self.mapping).write_text((MAPPINGS / f"{name}.yaml").read_text("utf-8"))
        self.edit(*edits)
        (self.folder / "codes.json").write_text(json.dumps({"tables": TABLES}), "utf-8")

    def edit(self, *edits: tuple[str, str]) -> None:
        """Change the mapping; each text is in it once."""
        path = self.folder / self.mapping
        for old, new in edits:
            text = path.read_text("utf-8")
            assert text.count(old) == 1, (old, text.count(old))
            path.write_text(text.replace(old, new), "utf-8")

    def append(self, lines: str) -> None:
        """Add lines at the end of the mapping."""
        with (self.folder / self.mapping).open("a", encoding="utf-8") as file:
            file.write(f"\n{lines}\n")

    def write(self, rows: Sequence[Row], encoding: str = "utf-8") -> None:
        """Write the roster."""
        path = write_rows(self.folder / self.roster, rows)
        path.write_bytes(path.read_bytes().decode().encode(encoding))

    def check(self, *more: str) -> Outcome:
        """Check the roster."""
        return self.ran("check", self.roster, "-m", self.mapping, *more)

    def plan(self, *more: str) -> Outcome:
        """Compare the roster with Alma."""
        return self.ran("plan", self.roster, "-m", self.mapping, *more)

    def begin(self, known: Sequence[Row], name: str, *edits: tuple[str, str]) -> None:
        """Load people by a ready mapping, changed in these places."""
        self.take(name, *edits)
        self.write(known)
        self.load()

    def load(self) -> Outcome:
        """Plan the roster, and apply all of that plan."""
        return self.apply(self.plan().run)

    def apply(self, run: Path, *flags: str) -> Outcome:
        """Apply a plan, whatever the safety checks find."""
        allowed = (word for check in SafetyCheck for word in ("--allow", check.value))
        return self.outcome(run, type_in("apply", run, "--yes", *allowed, *flags))

    def ran(self, *words: str) -> Outcome:
        """Run a command with a run folder of its own."""
        return self.paste(command_line(*words))

    def paste(self, command: str) -> Outcome:
        """Run a command that was printed, with a run folder of its own."""
        self.runs += 1
        run = self.folder / f"my run {self.runs}"
        return self.outcome(run, pasted(f"{command} -o '{run.name}'"))

    def outcome(self, run: Path, printed: Typed) -> Outcome:
        """A run as it is now."""
        assert (run / "summary.json").exists(), printed
        counts = json.loads((run / "summary.json").read_text("utf-8"))
        with Ledger.open(run) as ledger:
            problems = tuple(ledger.problems())
        for problem in problems:
            _speaks_to_a_librarian(problem)
        return Outcome(run, printed, problems, counts)


NO_CELL = {
    Code.MISSING_FROM_ROSTER,
    Code.ROW_TOO_LONG,
    Code.REFUSED_BY_ALMA,
    Code.CANNOT_BORROW,
    Code.OWNING_SYSTEM_DIFFERS,
    Code.UNCLEAR_DECISION,
}
"""Their text is of several cells, Alma's own, what the head of a mapping says, or ours."""


def _speaks_to_a_librarian(problem: Problem) -> None:
    """Check its words and its place: no programmer's word, no private value, and the column."""
    told = f"{problem.message} {problem.to_do}"
    assert problem.message.strip()
    assert problem.to_do.strip()
    assert banned(told) == [], told
    private = problem.field not in {"", "user_group", "campus_code"} and len(problem.value) > 4
    assert not (private and problem.value in problem.message), problem.code
    no_cell = problem.code in NO_CELL or problem.field == "patron_role.expiry"
    assert problem.places or not problem.value or no_cell, problem.code


def sent_back(run: Path) -> str:
    """The command that the rejects workbook says to run with it in place of the roster."""
    steps = openpyxl.load_workbook(run / "rejects.xlsx")[REJECTS_SHEETS[1]]
    texts = [str(cell.value) for cells in steps.iter_rows() for cell in cells]
    (command,) = (text.split(": ", 1)[1] for text in texts if ". Save the file and run" in text)
    return command.replace("THIS-FILE", shell_word(f"{run.name}/rejects.xlsx"))


def decide(run: Path, decisions: Mapping[int, str]) -> None:
    """Choose Decisions in a run's rejects.xlsx."""
    correct(run / "rejects.xlsx", {row: {DECISION: text} for row, text in decisions.items()})


def is_better(before: Outcome, after: Outcome, code: str, fresh: Iterable[str] = ()) -> None:
    """The problem is gone, no other came but these, and no row is held back for it."""
    assert code not in after.codes, after.problems
    assert after.codes <= before.codes | set(fresh), after.codes - before.codes
    counts = after.counts
    assert counts["ready"] + counts["skipped"] + counts["blank"] == counts["rows"], after.problems
