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
from tests.jobs.test_returns import WRONG, correct, gives_back
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

Arrange = Callable[[Office, Sandbox], object]


@dataclass(frozen=True)
class Kind:
    """What happens, its exit code, and what the email has: cause, counts, places and commands.

    The first of `has` is the point, which the subject has. `lacks`: what would lead to the wrong
    person, or to a command that does not help. `order`: what a person reads before what. `acts`:
    whether somebody has to act.
    """

    exit: Exit
    happens: Arrange
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    acts: bool = True


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
        office.takes(rows, name, age=HOUR * hours)

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
        office.takes([*people(20), *more])

    return happens


def _corrected_too_late(office: Office, sandbox: Sandbox) -> None:
    first = gives_back(office)
    content = first.read_bytes()
    office.takes([*people(21), WRONG], "patrons-2.csv", age=HOUR * 2)
    first.write_bytes(content)
    correct(first)
    office.drop(rows_of([*people(22), WRONG]), "patrons-3.csv", age=HOUR)
    office.clear()
    office.run()
    del office.mails[1:], office.chats[1:]  # those of the third roster


def _corrected_to_rubbish(office: Office, sandbox: Sandbox) -> None:
    gives_back(office).write_bytes(b"PK\x03\x04 half of a workbook")
    office.run()


def _corrected_to_less(office: Office, sandbox: Sandbox) -> None:
    path = gives_back(office)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].delete_cols(1, 6)
    book.save(path)
    office.run()


def _corrected_nowhere(office: Office, sandbox: Sandbox) -> None:
    gives_back(office)
    shutil.rmtree(office.folder / "back")
    office.run()


def _rejected_of_two(office: Office, _: Sandbox) -> None:
    _write_job_of_two(office, OFF)
    office.drop(rows_of([*people(20), WRONG]))
    office.takes(people(20, first=100), "staff-1.csv")


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
    office.takes(people(2, first=100), "staff-1.csv", age=HOUR)
    office.takes(people(2, first=10))


def _first_waits(office: Office, _: Sandbox) -> None:
    """A file of one roster comes, and none of the other has ever come."""
    _write_job_of_two(office, OFF)
    office.takes(people(2, first=100), "staff-1.csv")


def _held_in_turn(office: Office, sandbox: Sandbox) -> None:
    """A job that loads every file holds one, and another file waits behind it."""
    _arrives(rows_of(people(40)), hours=3, job=f"every: file\n{OFF}")(office, sandbox)
    office.drop(rows_of(people(10)), "patrons-2.csv", age=HOUR)
    office.takes(people(41), "patrons-3.csv")


def _comes_again(office: Office, sandbox: Sandbox) -> None:
    """The roster comes as it was."""
    _arrives(rows_of(people(3)), hours=3)(office, sandbox)
    job = office.folder / "nightly.yaml"
    job.write_text(job.read_text("utf-8").replace("when: changes", "when: always"), "utf-8")
    office.takes(people(3), "patrons-2.csv")


def _two_files(office: Office, sandbox: Sandbox) -> None:
    """Two files come before the job runs."""
    _arrives(rows_of(people(38)), "patrons-0.csv", hours=4)(office, sandbox)
    office.drop(rows_of(people(39)), age=HOUR)
    office.takes(people(40), "patrons-2.csv")


def _after_an_edit(office: Office, sandbox: Sandbox) -> None:
    """Somebody edits the mapping between two loads."""
    _arrives(rows_of(people(40)), hours=3)(office, sandbox)
    edited = MAPPING.replace("popup_note: false", "popup_note: true")
    (office.folder / "small.yaml").write_text(edited, "utf-8")
    office.takes(people(41), "patrons-2.csv")


def _retires(do: str, loans: int) -> Arrange:
    """A job retires two people in Alma, one of whom may have loans."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        lines = ["Id,First,Last,Born"]
        for at, user in enumerate(("FIRST", "SECOND")):
            one = record(user, at)
            caller(sandbox.host)("POST", "/almaws/v1/users", one)
            lines.append(f"{user},{one['first_name']},{one['last_name']},{one['birth_date'][:-1]}")
        ask(sandbox, "POST", "users/FIRST/loans", {"loans": loans})
        mapping = MAPPING_TO_RETIRE.format(if_open="hold", do=do)
        head, end = mapping.split("    set:")
        mapping = head + end[end.index("record:") :] if do == "list" else mapping
        (office.folder / "small.yaml").write_text(mapping, "utf-8")
        _arrives("\n".join([*lines, ""]).encode())(office, sandbox)

    return happens


def _allowed(office: Office, _: Sandbox) -> None:
    office.write_job()
    office.takes(people(10))
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
    office.takes([("70001", *known[0][1:]), *known[1:]], "patrons-2.csv")


def _huge(office: Office, sandbox: Sandbox) -> None:
    office.write_job()
    os.truncate(office.drop(b"Id\n"), LARGEST + 1)
    office.run()


def _wrong_mapping(right: str, wrong: str) -> Arrange:
    """The mapping has a slip."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        (office.folder / "small.yaml").write_text(MAPPING.replace(right, wrong), "utf-8")
        _arrives(rows_of(people(3)))(office, sandbox)

    return happens


def _wrong_job(office: Office, _: Sandbox) -> None:
    office.write_job("guards: {creates: of}\n")
    type_in("job", "run", "nightly.yaml")


RENAMED = [(*row[:2], f"New{row[0]}", *row[3:]) for row in people(40)]
DAILY = {"do": "429_daily", "on": "POST", "nth": 5}
HELD = (FILE, RUN, r"The plan: .*\.\n", r"Look at runs/\S+/report\.html", "nothing was written")
USED_UP = "(?:API calls for today|daily API calls) are used up"  # told by Alma, or counted by us
SKIP_HELD, MAP = rf"{SKIP} --run runs/\S+", rf"If the mapping is wrong.*\n{AGAIN}\n"
IDLE = "Nothing needs to be done"
PLANNED = r"  importer plan \S+/rejects\.xlsx -m small\.yaml\nThis writes nothing yet"
UNTIL_THEN = r"\d of 10 rows were written to Alma: \d created\. \d not sent\."

KINDS = {
    "loaded": Kind(
        Exit.DONE,
        _second([*people(40), *people(2, first=90)], hours=1),
        ("2 of 42 rows were written", "42 rows: 2 created, 40 unchanged", FILE, RUN),
        acts=False,
    ),
    "nothing new": Kind(
        Exit.DONE,
        _comes_again,
        (r"patrons-2\.csv: the same content as in the last load", FILE, IDLE),
        (ASK,),
        acts=False,
    ),
    "allowed": Kind(
        Exit.DONE, _allowed, ("10 of 10", r"Allowed \(creates\) by ana@desk", FILE, RUN), acts=False
    ),
    "planned": Kind(
        Exit.DONE,
        _arrives(rows_of(people(10)), job=f"do: plan\n{OFF}"),
        ("A plan waits", "10 of 10 rows would be", FILE, RUN, r"  importer apply runs/\S+"),
        order=(r"report\.html", "importer apply"),
    ),
    "rejects": Kind(
        Exit.REJECTS,
        _arrives(rows_of([*people(20), WRONG])),
        (
            "20 of 21 rows",
            "21 rows: 20 created, 1 rejected",
            "1 row to correct",
            r"- 1 row: .*A \(Id\)",
            FILE,
            RUN,
            ASK,
            PLANNED,
        ),
    ),
    "rejects of two": Kind(
        Exit.REJECTS,
        _rejected_of_two,
        (
            "40 of 41",
            r"- 1 row: Column A \(Id\)",
            FILE,
            RUN,
            r"  importer plan runs/\S+/rejects-1-patrons-1\.xlsx -m small\.yaml",
        ),
    ),
    "rejects to": Kind(
        Exit.REJECTS,
        lambda office, _: gives_back(office),
        ("20 of 21", "1 row to correct", FILE, RUN, "in back, as", "next run"),
    ),
    "refused": Kind(
        Exit.REFUSED,
        _fails("apply", {"do": "refuse", "on": "POST", "nth": 5, "code": "401851"}),
        (
            "9 of 10 rows",
            "1 refused by Alma",
            r"- 1 row: .*Alma's message: \d+ …",
            FILE,
            RUN,
            PLANNED,
        ),
        (ASK,),
    ),
    "missing": Kind(
        Exit.ROSTER,
        _missing,
        (r"no file patrons-\*\.csv in incoming", NOTHING, ASK),
    ),
    "empty": Kind(Exit.ROSTER, _arrives(b""), (r"patrons-1\.csv \(.*is empty", NOTHING, ASK, SKIP)),
    "old": Kind(
        Exit.ROSTER,
        _arrives(b"Id\n1\n", hours=27),
        ("no file of the last 26 hours", r"patrons-1\.csv .*not loaded", NOTHING, ASK),
    ),
    "future": Kind(
        Exit.ROSTER,
        _arrives(b"Id\n1\n", hours=-50),
        (r"1\.csv \(.*from the future", NOTHING, ASK, SKIP),
    ),
    "huge": Kind(Exit.ROSTER, _huge, (r"patrons-1\.csv \(.*too large", NOTHING, ASK, SKIP)),
    "without people": Kind(
        Exit.ROSTER, _arrives(rows_of([])), ("headings but no rows", FILE, NOTHING, ASK, SKIP)
    ),
    "cut": Kind(
        Exit.ROSTER,
        _arrives(rows_of(people(3))[:-20]),
        (r"1\.csv is cut off", FILE, NOTHING, ASK, "next run of the job takes it", SKIP),
    ),
    "damaged": Kind(
        Exit.ROSTER,
        _arrives(b"PK\x03\x04 half", "patrons-1.xlsx"),
        ("is damaged", r"File: patrons-1\.xlsx \(.* bytes", NOTHING, ASK, SKIP),
    ),
    "two sheets": Kind(
        Exit.ROSTER,
        _two_sheets,
        (
            "More than one sheet",
            r"sheets are: \"Sheet\", \"Sheet1\"",
            r"File: patrons-1\.xlsx",
            NOTHING,
            AGAIN,
            ASK,
            SKIP,
        ),
    ),
    "review": Kind(
        Exit.REJECTS,
        _unsure,
        (
            "1 needs review",
            "20 rows: 19 unchanged, 1 to review",
            "- 1 row: .*name and birth date",
            "choose a Decision",
            FILE,
            RUN,
            PLANNED,
        ),
    ),
    "growing": Kind(
        Exit.ROSTER,
        _grows,
        (r"1\.csv .*still being written", NOTHING, "next run of the job", IDLE),
        (ASK, "importer"),
        acts=False,
    ),
    "columns": Kind(
        Exit.USAGE,
        _arrives(b"Id,First,Last,Group,Born\n1,A,B,COMM,\n"),
        (
            r"small\.yaml:\d+:.*`Email` is missing",
            "`Note` is missing",
            FILE,
            NOTHING,
            AGAIN,
            ASK,
            SKIP,
        ),
    ),
    "columns that are needed": Kind(
        Exit.USAGE,
        _arrives(b"Card,First,Last,Group,Born,Email,Note\n1,A,B,COMM,,,\n"),
        (r"small\.yaml:\d+:.*`Id` is missing", "write the roster's heading", NOTHING, AGAIN),
        ("delete the lines", "optional"),
    ),
    "mapping": Kind(
        Exit.USAGE,
        _wrong_mapping("birth_date", "birthdate"),
        (r"small\.yaml:16: .*birthdate", FILE, NOTHING, "need not send it again", AGAIN),
        (ASK, SKIP),
    ),
    "mapping: a slip": Kind(
        Exit.USAGE,
        _wrong_mapping("<Last>", "<Last"),
        (r"small\.yaml:14: .*is not closed", "; write `<Last>`", FILE, NOTHING, AGAIN),
        (ASK, SKIP),
    ),
    "setting": Kind(
        Exit.USAGE,
        _fails("plan", ALMA_RATE="fast"),
        ("ALMA_RATE must be", FILE, NOTHING, AGAIN),
        (ASK, SKIP),
    ),
    "job": Kind(Exit.USAGE, _wrong_job, (r"nightly\.yaml:7: creates", AGAIN)),
    "waits": Kind(
        Exit.ROSTER,
        _waits,
        (r"no new file staff-\*\.csv", r"patrons-1\.csv \(.* came and waits", NOTHING, ASK),
    ),
    "first waits": Kind(
        Exit.ROSTER,
        _first_waits,
        (r"no file patrons-\*", r"staff-1\.csv \(.* came and waits", NOTHING, ASK),
    ),
    "ended": Kind(
        Exit.REJECTS,
        _retires("expire", 1),
        ("1 membership ended", "- 1 row: .*has 1 loan", "choose a Decision", FILE, RUN, PLANNED),
    ),
    "listed": Kind(
        Exit.DONE,
        _retires("list", 0),
        ("2 users to retire", r"runs/\S+/set\.csv", "Purge User Records", FILE, RUN),
        ("Nothing would be written",),
    ),
    "held: in turn": Kind(
        Exit.SAFETY_CHECK,
        _held_in_turn,
        (
            "held by rows and absent",
            ALLOW % "rows absent",
            *HELD,
            "under the same name",
            SKIP_HELD,
            r"Loaded before it: patrons-1\.csv",
            r"1 file waiting behind it: patrons-3\.csv",
            "not loaded until this one is allowed, replaced or skipped",
        ),
        (MAP,),
        order=(ASK, "job skip", "job allow"),
    ),
    "held: creates": Kind(
        Exit.SAFETY_CHECK,
        _arrives(rows_of(people(10)), job=""),
        (
            "held by creates",
            "10 users would be created; at most 5",
            ALLOW % "creates",
            *HELD,
            "The next run of the job then loads it",
            "until a newer file comes",
        ),
        ("once more",),
        order=("job allow", MAP, ASK, SKIP_HELD),
    ),
    "held: a plan": Kind(
        Exit.SAFETY_CHECK,
        _arrives(rows_of(people(10)), job="do: plan\n"),
        ("held by creates", ALLOW % "creates", *HELD, "then reports the plan, and writes nothing"),
    ),
    "held: a zip": Kind(
        Exit.SAFETY_CHECK,
        _sis("sis-zip", *[WRONG] * 20),
        (
            "held by rejects",
            "20 of 40 rows would be rejected; at most 8",
            ALLOW % "rejects",
            *HELD,
            r"- 20 rows: .*A \(Id\)",
            "then puts the file for Alma's SIS load into out, without these rows",
        ),
        order=(MAP, ASK, SKIP_HELD, "job allow"),
    ),
    "held: rows": Kind(
        Exit.SAFETY_CHECK,
        _second(people(10)),
        (
            "held by rows and absent",
            "has 10 people, the last load had 40; at least 32",
            "30 people of the last load.*leave their users in Alma",
            ALLOW % "rows absent",
            *HELD,
        ),
        (MAP,),
        order=(ASK, SKIP_HELD, "job allow"),
    ),
    "held: mapping": Kind(
        Exit.SAFETY_CHECK,
        _after_an_edit,
        ("held by mapping", ALLOW % "mapping", *HELD),
        (ASK, SKIP),
        order=(MAP, "job allow"),
    ),
    "held: many changes": Kind(
        Exit.SAFETY_CHECK,
        _second(RENAMED),
        (
            "held by many-changes",
            "40 of 40 known users would change; at most 20",
            "many-changes` of the mapping",
            r"Changed: Last name \(40 rows\)",
            "may be held once more then, by `mapping`",
            ALLOW % "many-changes",
            *HELD,
        ),
        order=(r"report\.html", "job allow", MAP, ASK, SKIP_HELD),
    ),
    "two files of a night": Kind(
        Exit.DONE,
        _two_files,
        (
            "2 of 40",
            r"1 older file was not loaded: patrons-1\.csv \(",
            r"Newer: patrons-2\.csv",
            IDLE,
        ),
        ("importer", "after all", "allow"),
        acts=False,
    ),
    "late": Kind(
        Exit.REJECTS,
        _second(people(39), "patrons-0.csv", hours=5),
        (
            r"1 older file was not loaded: patrons-0\.csv \(",
            r"Newer: patrons-1\.csv \(",
            r"a new name that matches patrons-\*",
            "older values replace newer ones",
        ),
        ("allow",),
    ),
    "late corrections": Kind(
        Exit.REJECTS,
        _corrected_too_late,
        (
            r"Corrections came too late: \S+-rejects\.xlsx\.",
            r"newer file was loaded before: patrons-2\.csv.*\(its workbook: \S+-rejects\.xlsx",
            ASK,
            "newest workbook in back",
            "[Nn]othing needs to be done",
        ),
    ),
    "unreadable corrections": Kind(
        Exit.ROSTER,
        _corrected_to_rubbish,
        ("is damaged", r"File: \S+-rejects\.xlsx \(", "It was not loaded", ASK, "in back"),
    ),
    "corrections without columns": Kind(
        Exit.USAGE,
        _corrected_to_less,
        ("`Id` is missing", r"File: \S+-rejects\.xlsx \(", ASK, "in back again, with its columns"),
        (SKIP, AGAIN),
    ),
    "no folder of corrections": Kind(
        Exit.STOPPED, _corrected_nowhere, ("folder back cannot", "`rejects_to` of the job", AGAIN)
    ),
    "encoding": Kind(
        Exit.ROSTER,
        _arrives(
            rows_of([*people(9), ("7", "Zo\xeb", "N\xfa\xf1ez", "COMM", "", "", "")])
            .decode()
            .encode("mac-roman")
        ),
        ("is not UTF-8", "`encoding: mac_roman`", FILE, AGAIN, ASK, SKIP, NOTHING),
        ("Zo", "ez$"),
    ),
    "plan: daily limit": Kind(
        Exit.STOPPED,
        _fails("plan", {"do": "429_daily", "on": "GET", "nth": 3}),
        (
            USED_UP,
            "after midnight GMT",
            FILE,
            NOTHING,
            IDLE,
            CONTINUES,
        ),
        acts=False,
    ),
    "plan: key": Kind(
        Exit.ACCESS,
        _fails("plan", ALMA_API_KEY="wrong"),
        ("does not accept the API key", FILE, NOTHING, AGAIN, "  importer doctor"),
        ("stopped",),
    ),
    "plan: no key": Kind(
        Exit.ACCESS, _fails("plan", ALMA_API_KEY=""), ("no API key", FILE, NOTHING, AGAIN)
    ),
    "apply: daily limit": Kind(
        Exit.STOPPED,
        _fails("apply", DAILY),
        (USED_UP, UNTIL_THEN, FILE, RUN, IDLE, CONTINUES),
        acts=False,
    ),
    "apply: outage": Kind(
        Exit.STOPPED,
        _fails("apply", {"do": "503", "on": "POST"}),
        (
            "Alma gave no clear reply",
            "Alma reports an error of its own",
            "The load stopped",
            "10 with a result that is not known",
            FILE,
            RUN,
            IDLE,
            CONTINUES,
        ),
        acts=False,
    ),
    "apply: key": Kind(
        Exit.ACCESS,
        _fails("apply", {**DAILY, "do": "unauthorized"}),
        ("the API key", "ALMA_API_KEY", UNTIL_THEN, FILE, RUN, AGAIN),
    ),
    "apply: no connection": Kind(
        Exit.STOPPED,
        _fails("apply", ALMA_BASE_URL="http://127.0.0.1:9"),
        ("no connection", "Nothing was written to Alma", FILE, RUN, IDLE, CONTINUES),
        acts=False,
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
        acts=False,
    ),
    "zip: rejects": Kind(
        Exit.REJECTS,
        _sis("sis-zip", WRONG),
        (
            "SIS load was delivered",
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
        (
            "SIS load was delivered",
            r"Delivered to out: nightly-\S+\.zip",
            FILE,
            RUN,
            IDLE,
            r"  importer sis-report runs/\S+",
        ),
        ("Nothing was written",),
        acts=False,
    ),
    "nowhere to deliver": Kind(
        Exit.STOPPED,
        _sis("sis-zip", out=False),
        (
            r"SIS load \(20 rows\) was not delivered\.",
            "next run then delivers",
            "The folder out cannot be read",
            "Check its name",
            r"`deliver_to` in \S+nightly\.yaml",
            FILE,
            RUN,
            CONTINUES,
            AGAIN,
        ),
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
    assert ("needs attention" in text) is kind.acts, text
    assert bool(re.search(NOTHING, text, re.MULTILINE)) is (NOTHING in kind.has), text
    places = [found.start() for one in kind.order if (found := re.search(one, text))]
    assert len(places) == len(kind.order), text
    assert places == sorted(places), text
    assert re.search(kind.has[0], text.split("\n")[0]), text
    for line in re.findall(r"^  importer (.+)$", text, re.MULTILINE):
        assert typed(*shlex.split(line), "--help").exit == Exit.DONE, line
