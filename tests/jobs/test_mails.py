"""Each kind of email leads an operator who sees nothing else to the cause and to what to do.

`mails.txt` has them. A title has the kind, the job's exit code, and whether nothing is to do. Each
line below is a pattern. `+`: what the email has, first its point, which the subject has; causes,
counts, places and commands. `-`: what would lead to the wrong person, or to a command that does not
help. `>`: what a person reads before what. `<NAME>` stands for a pattern that is given here.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit
from importer.jobs.commands import Command, how_it_ended
from importer.loader.detect import LARGEST
from importer.service.outcome import Ending
from tests.campus.retiring import MAPPING as MAPPING_TO_RETIRE
from tests.campus.retiring import caller, record
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import HEAD, MAPPING, ask
from tests.command_line import typed as type_in
from tests.jobs.office import REJECTS_TO, WRONG, Office, delivers, in_process, people, rows_of

HOUR = timedelta(hours=1)
OFF = "guards: {creates: off}\n"
FILE, RUN = r"File: patrons-\d\.csv \([-:\d ]+\), [\d,]+ bytes", r"Run: runs/\S+-nightly"
NIGHTLY = r"\S*nightly\.yaml"
AGAIN = rf"  importer job run {NIGHTLY}"
ALLOW = rf"  importer job allow {NIGHTLY} %s --why 'your reason' --run runs/\S+"
SKIP = rf"  importer job skip {NIGHTLY} --why 'your reason'"
NOTHING = "^Nothing was loaded"

Arrange = Callable[[Office, Sandbox], object]


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


def _with(command: Callable[..., Ending]) -> Arrange:
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
        def command(*words: str) -> Ending:
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


def _is_wrong(*_: str) -> Ending:
    raise KeyError


def _sis(*more: tuple[str, ...], out: bool = True) -> Arrange:
    """A job for Alma's own SIS load."""

    def happens(office: Office, _: Sandbox) -> None:
        office.write_mapping("sis-load", "COMM")
        if not out:
            shutil.rmtree(office.folder / "out")
        office.takes([*people(20), *more])

    return happens


def _grows(office: Office, _: Sandbox) -> None:
    """Somebody still writes the file."""
    office.write_job()
    path = office.drop(rows_of(people(3)))
    office.during.append(lambda: path.write_bytes(path.read_bytes() + b"x"))
    office.run()


def _waits(office: Office, _: Sandbox) -> None:
    office.write_job_of_two(OFF, max_age="26h")
    office.drop(rows_of(people(2)), "patrons-0.csv", age=HOUR)
    office.takes(people(2, first=100), "staff-1.csv", age=HOUR)
    office.takes(people(2, first=10))


def _held_in_turn(office: Office, sandbox: Sandbox) -> None:
    """A job that loads every file holds one, and another file waits behind it."""
    _arrives(rows_of(people(40)), hours=3, job=f"every: file\n{OFF}")(office, sandbox)
    office.drop(rows_of(people(10)), "patrons-2.csv", age=HOUR)
    office.takes(people(41), "patrons-3.csv")


def _comes_again(office: Office, sandbox: Sandbox) -> None:
    """The roster comes as it was."""
    _arrives(rows_of(people(3)), hours=3)(office, sandbox)
    office.edit("when: changes", "when: always")
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


def _to_retire(sandbox: Sandbox, mapping: Path, do: str, loans: int) -> bytes:
    """Return a roster of two people to retire, one of whom may have loans; write its mapping."""
    lines = ["Id,First,Last,Born"]
    for at, user in enumerate(("FIRST", "SECOND")):
        one = record(user, at)
        caller(sandbox.host)("POST", "/almaws/v1/users", one)
        lines.append(f"{user},{one['first_name']},{one['last_name']},{one['birth_date'][:-1]}")
    ask(sandbox, "POST", "users/FIRST/loans", {"loans": loans})
    text = MAPPING_TO_RETIRE.format(if_open="hold", do=do)
    head, end = text.split("    set:")
    text = head + end[end.index("record:") :] if do == "list" else text
    mapping.write_text(text, "utf-8")
    return "\n".join([*lines, ""]).encode()


def _retires(do: str, loans: int) -> Arrange:
    """A job retires two people in Alma, one of whom may have loans."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        office.write_job(OFF)
        office.takes(_to_retire(sandbox, office.folder / "small.yaml", do, loans))

    return happens


def _loads_and_retires(office: Office, sandbox: Sandbox) -> None:
    """A job loads one roster and lists the people of another."""
    office.write_job_of_two(OFF)
    office.edit("staff-*.csv\n    mapping: small", "staff-*.csv\n    mapping: retire")
    office.drop(_to_retire(sandbox, office.folder / "retire.yaml", "list", 1), "staff-1.csv")
    office.takes([*people(3), WRONG])


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


def _huge(office: Office, _: Sandbox) -> None:
    office.write_job()
    os.truncate(office.drop(b"Id\n"), LARGEST + 1)
    office.run()


def _wrong_mapping(right: str, wrong: str) -> Arrange:
    """The mapping has a slip since the last load."""

    def happens(office: Office, sandbox: Sandbox) -> None:
        _arrives(rows_of(people(3)), hours=3)(office, sandbox)
        (office.folder / "small.yaml").write_text(MAPPING.replace(right, wrong), "utf-8")
        office.takes(people(4), "patrons-2.csv")

    return happens


RENAMED = [(*row[:2], f"New{row[0]}", *row[3:]) for row in people(40)]
DAILY = {"do": "429_daily", "on": "POST", "nth": 5}
HELD = (FILE, RUN, r"The plan: .*\.\n", r"Look at runs/\S+/report\.html", "nothing was written")

SHORT: dict[str, tuple[str, ...]] = {
    "<HELD>": HELD,
    "<FILE>": (FILE,),
    "<RUN>": (RUN,),
    "<ASK>": ("sk the office",),
    "<AGAIN>": (AGAIN,),
    "<SKIP>": (SKIP,),
    "<SKIP_HELD>": (rf"{SKIP} --run runs/\S+",),
    "<MAP>": (rf"If the mapping is wrong.*\n{AGAIN}\n",),
    "<IDLE>": ("Nothing needs to be done",),
    "<NOTHING>": (NOTHING,),
    "<CONTINUES>": ("The next run of the job continues",),
    "<PLANNED>": (r"  importer plan \S+/rejects\.xlsx -m small\.yaml\nThis writes nothing yet",),
    "<USED_UP>": ("(?:API calls for today|daily API calls) are used up",),
    "<UNTIL_THEN>": (
        r"\d of 10 rows were written to Alma: \d created\. "
        r"\d with a result that is not known yet\.",
    ),
}
TEXT = (Path(__file__).parent / "mails.txt").read_text("utf-8")
MAILS = {title: lines for title, *lines in map(str.splitlines, TEXT.split("\n== ")[1:])}
"""The lines of each email by its title."""


def _patterns(lines: list[str], mark: str) -> list[str]:
    """Return the patterns of the lines with a mark."""
    found: list[str] = []
    for line in lines:
        text = line[2:]
        if line.startswith("+ <ALLOW ") and mark == "+":
            found.append(ALLOW % text[len("<ALLOW ") : -1])
        elif line.startswith(f"{mark} "):
            found += SHORT.get(text, (text,))
    return found


HAPPENS: dict[str, Arrange] = {
    "loaded": _second([*people(40), *people(2, first=90)], hours=1),
    "nothing new": _comes_again,
    "allowed": lambda office, _: (
        office.write_job(), office.takes(people(10)), office.run("creates")),
    "planned": _arrives(rows_of(people(10)), job=f"do: plan\n{OFF}"),
    "rejects": _arrives(rows_of([*people(20), WRONG])),
    "rejects of two": lambda office, _: (
        office.write_job_of_two(OFF), office.drop(rows_of([*people(20), WRONG])),
        office.takes(people(20, first=100), "staff-1.csv")),
    "rejects to": lambda office, _: delivers(office),
    "rejects to nowhere": _arrives(rows_of([*people(20), WRONG]), job=REJECTS_TO),
    "refused": _fails("apply", {"do": "refuse", "on": "POST", "nth": 5, "code": "401851"}),
    "missing": lambda office, _: (office.write_job(), office.run()),
    "empty": _arrives(b""),
    "old": _arrives(b"Id\n1\n", hours=27),
    "future": _arrives(b"Id\n1\n", hours=-50),
    "huge": _huge,
    "without people": _arrives(rows_of([])),
    "cut": _arrives(rows_of(people(3))[:-20]),
    "damaged": _arrives(b"PK\x03\x04 half", "patrons-1.xlsx"),
    "two sheets": _two_sheets,
    "review": _unsure,
    "older by its time": lambda office, _: (
        office.write_job(OFF), office.takes(people(40)),
        office.takes(people(41), "patrons-0.csv", HOUR)),
    "growing": _grows,
    "columns": _arrives(b"Id,First,Last,Group,Born\n1,A,B,COMM,\n"),
    "columns, and the mapping was right": lambda office, sandbox: (
        _second(people(40))(office, sandbox),
        office.takes(b"Id,First,Last,Group,Born\n1,A,B,COMM,\n", "patrons-2.csv")),
    "columns that are needed": _arrives(b"Card,First,Last,Group,Born,Email,Note\n1,A,B,COMM,,,\n"),
    "mapping": _wrong_mapping("birth_date", "birthdate"),
    "mapping: a slip": _wrong_mapping("<Last>", "<Last"),
    "setting": _fails("plan", ALMA_RATE="fast"),
    "job": lambda office, _: (
        office.write_job("guards: {creates: of}\n"), type_in("job", "run", "nightly.yaml")),
    "waits": _waits,
    "first waits": lambda office, _: (
        office.write_job_of_two(OFF), office.takes(people(2, first=100), "staff-1.csv")),
    "ended": _retires("expire", 1),
    "listed": _retires("list", 0),
    "listed, beside a load": _loads_and_retires,
    "held: in turn": _held_in_turn,
    "held: creates": _arrives(rows_of(people(10)), job=""),
    "held: a plan": _arrives(rows_of(people(10)), job="do: plan\n"),
    "held: SIS load": _sis(*[WRONG] * 20),
    "held: rows": _second(people(10)),
    "held: mapping": _after_an_edit,
    "held: many changes": _second(RENAMED),
    "two files of a night": _two_files,
    "late": _second(people(39), "patrons-0.csv", hours=5),
    "encoding": _arrives(
        rows_of([*people(9), ("7", "Zo\xeb", "N\xfa\xf1ez", "COMM", "", "", "")])
        .decode()
        .encode("mac-roman")
    ),
    "plan: daily limit": _fails("plan", {"do": "429_daily", "on": "GET", "nth": 3}),
    "plan: key": _fails("plan", ALMA_API_KEY="wrong"),
    "plan: no key": _fails("plan", ALMA_API_KEY=""),
    "apply: daily limit": _fails("apply", DAILY),
    "apply: outage": _fails("apply", {"do": "503", "on": "POST"}),
    "apply: key": _fails("apply", {**DAILY, "do": "unauthorized"}),
    "apply: no connection": _fails("apply", ALMA_BASE_URL="http://127.0.0.1:9"),
    "apply: killed": _with(_killed("apply")),
    "defect": _with(_is_wrong),
    "SIS load": _sis(),
    "SIS load: rejects": _sis(WRONG),
    "nowhere to deliver": _sis(out=False),
}  # fmt: skip
"""What leads to each email."""


@pytest.mark.parametrize("title", MAILS)
def test_an_email_leads_to_the_cause_and_to_what_to_do(
    title: str, office: Office, sandbox: Sandbox, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the cause, counts, file and run, and commands that the command line knows."""
    for name in ("ALMA_API_KEY", "ALMA_BASE_URL", "ALMA_RATE"):
        monkeypatch.setenv(name, os.environ[name])
    kind, _, end = title.rpartition(": ")
    ended, _, idle = end.partition(", ")
    has, lacks, order = (_patterns(MAILS[title], mark) for mark in "+->")
    HAPPENS[kind](office, sandbox)
    assert office.chats[-1]["exit"] == Exit[ended.replace("-", "_").upper()]
    office.mails = [mail for mail in office.mails if mail["To"] == "circ@example.org"][-1:]
    text = office.text.replace("\r", "")
    assert [pattern for pattern in has if not re.search(pattern, text, re.MULTILINE)] == [], text
    assert [pattern for pattern in lacks if re.search(pattern, text, re.MULTILINE)] == [], text
    assert "\n\n\n" not in text
    assert ("needs attention" in text) is not bool(idle), text
    assert bool(re.search(NOTHING, text, re.MULTILINE)) is (NOTHING in has), text
    places = [found.start() for one in order if (found := re.search(one, text))]
    assert len(places) == len(order), text
    assert places == sorted(places), text
    assert re.search(has[0], text.split("\n")[0]), text
    for line in re.findall(r"^  importer (.+)$", text, re.MULTILINE):
        assert typed(*shlex.split(line), "--help").exit == Exit.DONE, line


def test_every_email_is_described_once() -> None:
    """Whatever leads to an email has a title, and no line is without a mark."""
    assert [title.rpartition(": ")[0] for title in MAILS] == [*HAPPENS]
    lines = [line for lines in MAILS.values() for line in lines if line]
    assert [line for line in lines if line[:2] not in {"+ ", "- ", "> "}] == []
