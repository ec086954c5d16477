"""Each kind of email leads an operator who sees nothing else to the cause and to what to do."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import openpyxl
import pytest

from importer.errors import Exit
from importer.jobs.commands import Command, Ended, how_it_ended
from importer.loader.detect import LARGEST
from tests.campus.retiring import MAPPING as MAPPING_TO_RETIRE
from tests.campus.retiring import caller, record
from tests.cli.conftest import Sandbox, Type, type_in
from tests.cli.small import HEAD, MAPPING, ask
from tests.jobs.office import Office, in_process, people, rows_of
from tests.jobs.test_returns import WRONG, back, correct, write_job
from tests.jobs.test_run import _write_mapping
from tests.jobs.test_several_rosters import _write_job_of_two

HOUR = timedelta(hours=1)
OFF = "guards: {creates: off}\n"
FILE, RUN = r"File: patrons-\d\.csv \([-:\d ]+\), [\d,]+ bytes", r"Run: runs/\S+-nightly"
CONTINUES = "The next run of the job continues"
NIGHTLY = r"\S*nightly\.yaml"
AGAIN = rf"  importer job run {NIGHTLY}"
ALLOW = rf"  importer job allow {NIGHTLY} %s --why 'your reason' --run runs/\S+"
SKIP = rf"  importer job skip {NIGHTLY} --why 'your reason'"
ASK = "sk the office"
NOTHING = "^Nothing was loaded"

Arrange = Callable[[Office, Sandbox], None]


@dataclass(frozen=True)
class Kind:
    """What happens, its exit code, and what the email has: cause, counts, places and commands.

    `lacks`: what would lead to the wrong person, or to a command that does not help.
    """

    exit: Exit
    happens: Arrange
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()


def _arrives(
    content: bytes, name: str = "patrons-1.csv", hours: float = 0, job: str = OFF
) -> Arrange:
    """A file arrives, and the job runs."""

    def happens(office: Office, _: Sandbox) -> None:
        office.write_job(job, **{"from": "incoming/patrons-*", "max_age": "26h"})
        office.drop(content, name, age=HOUR * hours)
        office.run()

    return happens


def _second(rows: list[tuple[str, ...]], name: str = "patrons-2.csv", hours: float = 0) -> Arrange:
    """A roster of 40 people is loaded, then another file arrives."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        _arrives(rows_of(people(40)), hours=3)(office, sandbox)
        office.drop(rows_of(rows), name, age=HOUR * hours)
        office.run()

    return happens


def _with(command: Callable[..., Ended]) -> Arrange:
    """The job runs, with something else than the importer's commands."""

    def happens(office: Office, _: Sandbox) -> None:
        office.write_job(OFF)
        office.drop(rows_of(people(10)))
        with suppress(KeyError):
            office.run(command=command)

    return happens


def _fails(during: str, *rules: dict[str, object], **environ: str) -> Arrange:
    """Alma, or a setting, is wrong from a command on."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        def command(*words: str) -> Ended:
            if words[0] == during:
                ask(sandbox, "POST", "faults", {"rules": [*rules]})
                os.environ.update(environ)
            return in_process(*words)

        _with(command)(office, sandbox)

    return happens


def _killed(command: str) -> Command:
    return lambda *words: (
        how_it_ended(command, -9, "") if words[0] == command else in_process(*words)
    )


def _is_wrong(*_: str) -> Ended:
    raise KeyError


def _sis(do: str, *more: tuple[str, ...], out: bool = True) -> Arrange:
    """A job for Alma's own SIS load."""

    def happens(office: Office, _: Sandbox) -> None:
        _write_mapping(office, "sis-zip", "COMM")
        if do == "sis-load":
            office.write_job(f"do: {do}\ndeliver_to: out\n{OFF}")
        if not out:
            shutil.rmtree(office.folder / "out")
        office.drop(rows_of([*people(20), *more]))
        office.run()

    return happens


def _gives_back(office: Office, _: Sandbox) -> None:
    (office.folder / "back").mkdir()
    write_job(office)
    office.drop(rows_of([*people(20), WRONG]), age=HOUR * 3)
    office.run()


def _corrected_too_late(office: Office, sandbox: Sandbox) -> None:
    _gives_back(office, sandbox)
    (first,) = back(office)
    content = first.read_bytes()
    office.drop(rows_of([*people(21), WRONG]), "patrons-2.csv", age=HOUR * 2)
    office.run()
    first.write_bytes(content)
    correct(first)
    office.drop(rows_of([*people(22), WRONG]), "patrons-3.csv", age=HOUR)
    office.clear()
    office.run()
    del office.mails[1:], office.chats[1:]  # those of the third roster


def _corrected_to_rubbish(office: Office, sandbox: Sandbox) -> None:
    _gives_back(office, sandbox)
    back(office)[0].write_bytes(b"PK\x03\x04 half of a workbook")
    office.run()


def _rejected_of_two(office: Office, _: Sandbox) -> None:
    _write_job_of_two(office, OFF)
    office.drop(rows_of([*people(20), WRONG]))
    office.drop(rows_of(people(20, first=100)), "staff-1.csv")
    office.run()


def _missing(office: Office, _: Sandbox) -> None:
    office.write_job()
    office.run()


def _grows(office: Office, _: Sandbox) -> None:
    """Somebody still writes the file."""
    office.write_job()
    path = office.drop(rows_of(people(3)))
    office.during.append(lambda: path.write_bytes(path.read_bytes() + b"x"))
    office.run()


def _waits(office: Office, _: Sandbox) -> None:
    _write_job_of_two(office, OFF, max_age="26h")
    office.drop(rows_of(people(2)), "patrons-0.csv", age=HOUR)
    office.drop(rows_of(people(2, first=100)), "staff-1.csv", age=HOUR)
    office.run()
    office.drop(rows_of(people(2, first=10)))
    office.run()


def _first_waits(office: Office, _: Sandbox) -> None:
    """A file of one roster comes, and none of the other has ever come."""
    _write_job_of_two(office, OFF)
    office.drop(rows_of(people(2, first=100)), "staff-1.csv")
    office.run()


def _held_in_turn(office: Office, sandbox: Sandbox) -> None:
    """A job that loads every file holds one."""
    _arrives(rows_of(people(40)), hours=3, job=f"every: file\n{OFF}")(office, sandbox)
    office.drop(rows_of(people(10)), "patrons-2.csv", age=HOUR)
    office.run()


def _listed(office: Office, sandbox: Sandbox) -> None:
    """A job lists who is to be retired in Alma."""
    lines = ["Id,First,Last,Born"]
    for at, user in enumerate(("FIRST", "SECOND")):
        one = record(user, at)
        caller(sandbox.host)("POST", "/almaws/v1/users", one)
        lines.append(f"{user},{one['first_name']},{one['last_name']},{one['birth_date'][:-1]}")
    head, end = MAPPING_TO_RETIRE.format(if_open="hold", do="list").split("    set:")
    mapping = head + end[end.index("record:") :]
    (office.folder / "small.yaml").write_text(mapping, "utf-8")
    _arrives("\n".join([*lines, ""]).encode())(office, sandbox)


def _allowed(office: Office, _: Sandbox) -> None:
    office.write_job()
    office.drop(rows_of(people(10)))
    office.run()
    office.run("creates")


def _two_sheets(office: Office, sandbox: Sandbox) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.worksheets[0], book.create_sheet()):
        for row in (HEAD, *people(2)):
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    _arrives(content.getvalue(), "patrons-1.xlsx")(office, sandbox)


def _unsure(office: Office, sandbox: Sandbox) -> None:
    """Somebody comes under another ID."""
    known = [(*row[:4], "2001-02-03", *row[5:]) for row in people(20)]
    _arrives(rows_of(known), hours=3)(office, sandbox)
    office.drop(rows_of([("70001", *known[0][1:]), *known[1:]]), "patrons-2.csv")
    office.run()


def _huge(office: Office, sandbox: Sandbox) -> None:
    office.write_job()
    os.truncate(office.drop(b"Id\n"), LARGEST + 1)
    office.run()


def _wrong_mapping(office: Office, sandbox: Sandbox) -> None:
    (office.folder / "small.yaml").write_text(MAPPING.replace("birth_date", "birthdate"), "utf-8")
    _arrives(rows_of(people(3)))(office, sandbox)


def _wrong_job(office: Office, _: Sandbox) -> None:
    office.write_job("guards: {creates: of}\n")
    type_in("job", "run", "nightly.yaml")


RENAMED = [(*row[:2], f"New{row[0]}", *row[3:]) for row in people(40)]
DAILY = {"do": "429_daily", "on": "POST", "nth": 5}
COMMANDS_OF_HELD = (FILE, RUN, rf"{AGAIN}\n", ASK, rf"{SKIP} --run runs/\S+")
UNTIL_THEN = r"\d of 10 rows were written to Alma: \d created\. \d not sent\."

KINDS = {
    "loaded": Kind(
        Exit.DONE, _arrives(rows_of(people(10))), ("10 of 10 rows were written", FILE, RUN)
    ),
    "allowed": Kind(Exit.DONE, _allowed, (r"Allowed \(creates\) by ana@desk", FILE, RUN)),
    "planned": Kind(
        Exit.DONE,
        _arrives(rows_of(people(10)), job=f"do: plan\n{OFF}"),
        (
            "waits to be applied. 10 of 10",
            r"Look at runs/\S+",
            FILE,
            RUN,
            r"  importer apply runs/",
        ),
    ),
    "rejects": Kind(
        Exit.REJECTS,
        _arrives(rows_of([*people(20), WRONG])),
        (
            "20 of 21 rows",
            "1 row to correct",
            r"Problems: Value missing \(1\)",
            FILE,
            RUN,
            ASK,
            r"  importer plan runs/\S+/rejects\.xlsx -m small\.yaml",
        ),
    ),
    "rejects of two": Kind(
        Exit.REJECTS,
        _rejected_of_two,
        (FILE, RUN, r"  importer plan runs/\S+/rejects-1-patrons-1\.xlsx -m small\.yaml"),
    ),
    "rejects to": Kind(
        Exit.REJECTS, _gives_back, ("1 row to correct", FILE, RUN, "in back, as", "next run")
    ),
    "refused": Kind(
        Exit.REFUSED,
        _fails("apply", {"do": "refuse", "on": "POST", "nth": 5, "code": "401851"}),
        ("9 of 10 rows", "1 refused by Alma", FILE, RUN, r"  importer plan \S+/rejects\.xlsx"),
        (ASK,),
    ),
    "missing": Kind(
        Exit.ROSTER,
        _missing,
        (r"no file patrons-\*\.csv in incoming", ASK),
    ),
    "empty": Kind(Exit.ROSTER, _arrives(b""), (r"patrons-1\.csv \(.*is empty", ASK, SKIP)),
    "old": Kind(
        Exit.ROSTER, _arrives(b"Id\n1\n", hours=27), (r"26 hours.*patrons-1\.csv \(", ASK, NOTHING)
    ),
    "future": Kind(
        Exit.ROSTER, _arrives(b"Id\n1\n", hours=-50), (r"1\.csv \(.*from the future", ASK, SKIP)
    ),
    "huge": Kind(Exit.ROSTER, _huge, (r"patrons-1\.csv \(.*too large", ASK, SKIP)),
    "without people": Kind(
        Exit.ROSTER, _arrives(rows_of([])), ("headings but no rows", FILE, ASK, SKIP)
    ),
    "cut": Kind(
        Exit.ROSTER, _arrives(rows_of(people(3))[:-20]), (r"1\.csv is cut off", FILE, ASK, SKIP)
    ),
    "damaged": Kind(
        Exit.ROSTER,
        _arrives(b"PK\x03\x04 half", "patrons-1.xlsx"),
        ("is damaged", r"File: patrons-1\.xlsx \(.* bytes", ASK, SKIP),
    ),
    "two sheets": Kind(
        Exit.ROSTER,
        _two_sheets,
        (r"sheets are: \"Sheet\", \"Sheet1\"", r"File: patrons-1\.xlsx", AGAIN, ASK, SKIP),
    ),
    "review": Kind(
        Exit.REJECTS,
        _unsure,
        ("1 needs review", "choose a Decision", FILE, RUN, r"  importer plan \S+/rejects\.xlsx"),
    ),
    "growing": Kind(Exit.ROSTER, _grows, (r"1\.csv .*still being written", "next run of the job")),
    "columns": Kind(
        Exit.USAGE,
        _arrives(b"Id,First,Last,Group,Born\n1,A,B,COMM,\n"),
        (r"small\.yaml:\d+:.*`Email` is missing", "`Note` is missing", FILE, AGAIN, ASK, SKIP),
    ),
    "mapping": Kind(
        Exit.USAGE, _wrong_mapping, (r"small\.yaml:16: .*birthdate", FILE, AGAIN), (ASK, SKIP)
    ),
    "setting": Kind(
        Exit.USAGE,
        _fails("plan", ALMA_RATE="fast"),
        ("ALMA_RATE must be", FILE, AGAIN),
        (ASK, SKIP),
    ),
    "job": Kind(Exit.USAGE, _wrong_job, (r"nightly\.yaml:7: guards", AGAIN)),
    "waits": Kind(
        Exit.ROSTER,
        _waits,
        (r"patrons-1\.csv \(.* bytes, waits", r"no new file staff-\*\.csv", ASK),
    ),
    "first waits": Kind(
        Exit.ROSTER, _first_waits, (r"staff-1\.csv \(.* bytes, waits", r"no file patrons-\*", ASK)
    ),
    "listed": Kind(
        Exit.DONE,
        _listed,
        ("2 users to retire", r"users from runs/\S+/set\.csv", "Purge User Records", FILE, RUN),
    ),
    "held: in turn": Kind(
        Exit.SAFETY_CHECK,
        _held_in_turn,
        (ALLOW % "rows absent", *COMMANDS_OF_HELD, "under the same name", "Later files wait"),
    ),
    "held: creates": Kind(
        Exit.SAFETY_CHECK,
        _arrives(rows_of(people(10)), job=""),
        (
            "10 users would be created; at most 5",
            "The plan: 10 of 10 rows would be written to Alma: 10 to create",
            ALLOW % "creates",
            *COMMANDS_OF_HELD,
            "The next run of the job then loads it",
        ),
    ),
    "held: a plan": Kind(
        Exit.SAFETY_CHECK,
        _arrives(rows_of(people(10)), job="do: plan\n"),
        (ALLOW % "creates", *COMMANDS_OF_HELD, "then reports the plan, and writes nothing"),
    ),
    "held: a zip": Kind(
        Exit.SAFETY_CHECK,
        _sis("sis-zip", *[WRONG] * 20),
        (
            "20 rows would be rejected; at most 8",
            ALLOW % "rejects",
            *COMMANDS_OF_HELD,
            "then puts the file for Alma's SIS load into out",
        ),
    ),
    "held: rows": Kind(
        Exit.SAFETY_CHECK,
        _second(people(10)),
        (
            "has 10 people, the last load had 40; at least 32",
            "30 people of the last load",
            ALLOW % "rows absent",
            *COMMANDS_OF_HELD,
        ),
    ),
    "held: many changes": Kind(
        Exit.SAFETY_CHECK,
        _second(RENAMED),
        (
            "40 of 40 known users would change; at most 20",
            "many-changes` of the mapping",
            ALLOW % "many-changes",
            *COMMANDS_OF_HELD,
        ),
    ),
    "late": Kind(
        Exit.REJECTS,
        _second(people(39), "patrons-0.csv", hours=5),
        (
            r"1 older file was not loaded: patrons-0\.csv \(",
            r"Newer: patrons-1\.csv \(",
            r"a new name that matches patrons-\*",
        ),
    ),
    "late corrections": Kind(
        Exit.REJECTS,
        _corrected_too_late,
        (r"Corrections came too late.*-rejects\.xlsx \(", ASK, "newest workbook in back"),
    ),
    "unreadable corrections": Kind(
        Exit.ROSTER,
        _corrected_to_rubbish,
        ("is damaged", r"File: \S+-rejects\.xlsx \(", ASK, "in back"),
    ),
    "plan: daily limit": Kind(
        Exit.STOPPED,
        _fails("plan", {"do": "429_daily", "on": "GET", "nth": 3}),
        ("API calls for today are used up", "after midnight GMT", FILE, CONTINUES),
    ),
    "plan: key": Kind(
        Exit.ACCESS,
        _fails("plan", ALMA_API_KEY="wrong"),
        ("does not accept the API key", FILE, AGAIN),
    ),
    "plan: no key": Kind(Exit.ACCESS, _fails("plan", ALMA_API_KEY=""), ("no API key", FILE, AGAIN)),
    "apply: daily limit": Kind(
        Exit.STOPPED,
        _fails("apply", DAILY),
        ("API calls for today are used up", UNTIL_THEN, FILE, RUN, CONTINUES),
    ),
    "apply: outage": Kind(
        Exit.STOPPED,
        _fails("apply", {"do": "503", "on": "POST"}),
        (
            "Alma reports an error of its own",
            "10 with a result that is not known",
            FILE,
            RUN,
            CONTINUES,
        ),
    ),
    "apply: key": Kind(
        Exit.ACCESS,
        _fails("apply", {**DAILY, "do": "unauthorized"}),
        ("the API key", "ALMA_API_KEY", UNTIL_THEN, FILE, RUN, AGAIN),
    ),
    "apply: no connection": Kind(
        Exit.STOPPED,
        _fails("apply", ALMA_BASE_URL="http://127.0.0.1:9"),
        ("no connection", "Nothing was written to Alma", FILE, RUN, CONTINUES),
    ),
    "apply: killed": Kind(
        Exit.STOPPED, _with(_killed("apply")), ("was killed", FILE, RUN, CONTINUES)
    ),
    "defect": Kind(
        Exit.BUG,
        _with(_is_wrong),
        (r"defect of the importer \(KeyError", FILE, r"  importer doctor --bundle \S+", CONTINUES),
    ),
    "zip": Kind(
        Exit.DONE,
        _sis("sis-zip"),
        ("All 20 rows are ready", r"Delivered to out: nightly-\S+\.zip", FILE, RUN, "SIS profile"),
    ),
    "zip: rejects": Kind(
        Exit.REJECTS,
        _sis("sis-zip", WRONG),
        (
            "Delivered to out",
            "1 row to correct",
            FILE,
            RUN,
            r"  importer convert \S+/rejects\.xlsx -m small\.yaml --to sis-xml -o \S+\.zip",
            r"Put the zip into out",
        ),
    ),
    "SIS load": Kind(
        Exit.DONE,
        _sis("sis-load"),
        (r"Delivered to out: nightly-\S+\.zip", FILE, RUN, r"  importer sis-report runs/\S+"),
    ),
    "nowhere to deliver": Kind(
        Exit.STOPPED,
        _sis("sis-zip", out=False),
        ("The folder out cannot be read", "Check its name", FILE, RUN, CONTINUES, AGAIN),
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_an_email_leads_to_the_cause_and_to_what_to_do(
    kind: Kind, office: Office, sandbox: Sandbox, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the cause, counts, file and run, and commands that the command line knows."""
    for name in ("ALMA_API_KEY", "ALMA_BASE_URL", "ALMA_RATE"):
        monkeypatch.setenv(name, os.environ[name])
    kind.happens(office, sandbox)
    assert office.chats[-1]["exit"] == kind.exit
    office.mails = [mail for mail in office.mails if mail["To"] == "circ@example.org"][-1:]
    text = office.text.replace("\r", "")
    assert [pattern for pattern in kind.has if not re.search(pattern, text, re.MULTILINE)] == [], (
        text
    )
    assert [pattern for pattern in kind.lacks if re.search(pattern, text, re.MULTILINE)] == [], text
    assert "\n\n\n" not in text
    for line in re.findall(r"^  importer (.+)$", text, re.MULTILINE):
        assert typed(*shlex.split(line), "--help").exit == Exit.DONE, line
