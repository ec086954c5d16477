"""A month of a job, and another one, with an operator who sees only the emails.

The clock is simulated; the practice Alma, the mail server, the monitoring service and the SFTP
server are real. After each night Alma is compared with what it should contain.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from importer.errors import FINE, Exit, ImporterError, LedgerError
from importer.jobs.state import Store
from tests.cli.conftest import Sandbox
from tests.cli.small import MAPPING, state
from tests.command_line import typed as type_in
from tests.jobs.office import Office, SshServer, names, rows_of, text_of
from tests.jobs.test_returns import back, correct, to_office, write_job

People = dict[str, str]
"""Last names by ID."""

HOUR = timedelta(hours=1)
GUARDS = "guards: {creates: 5}\n"


def content(people: People) -> bytes:
    """A roster of these people."""
    rows: list[tuple[str, ...]] = [
        (key, f"Canaria{key}", last, "COMM", "", "", "") for key, last in people.items()
    ]
    return rows_of(rows)


def changed(people: People, version: object, *keys: int) -> People:
    """The same people, some with another last name."""
    return people | {f"{20000 + key}": f"Vexworthy{key}v{version}" for key in keys}


def everybody(count: int = 40) -> People:
    """The first roster."""
    return changed({}, "", *range(1, count + 1))


@dataclass
class Month:
    """The nights of a job, and every email that the operator got."""

    office: Office
    sandbox: Sandbox
    people: People
    day: int = 0
    mails: list[str] = field(default_factory=list)

    def arrive(self, data: bytes | People, name: str = "", hours: float = -1) -> None:
        """Let a file arrive; by its time, so many hours after the night's run."""
        data = data if isinstance(data, bytes) else content(data)
        age = -timedelta(days=self.day, hours=hours)
        self.office.drop(data, name or f"patrons-{self.day:02}.csv", age=age)

    def run(self) -> Exit:
        """Run the job at this night, as the command line does."""
        self.office.clock = timedelta(days=self.day)
        try:
            return self.office.run()
        except ImporterError as error:
            return error.exit

    def night(self, exit_code: Exit, *mails: str, alma: People | None = None) -> None:
        """Run the job; each email contains what leads to the right command or person.

        `alma` is what Alma contains from now on, if it changes.
        """
        self.people = self.people if alma is None else alma
        for sent in (self.office.mails, self.office.pings):
            sent.clear()
        assert (self.day, self.run()) == (self.day, exit_code)
        texts = [*map(text_of, self.office.mails)]
        assert len(texts) == len(mails), (self.day, texts)
        for text, words in zip(texts, mails, strict=True):
            assert words in text, (self.day, text)
            acts = exit_code is not Exit.DONE and "othing needs to be done" not in text
            assert ("needs attention" in text) >= acts, (self.day, text)
        self.mails += texts
        if self.office.pings:
            last = "/ping" if exit_code in FINE else "/ping/fail"
            assert self.office.pings[-1] == last, self.day
        loaded = {key: user["last_name"] for key, user in state(self.sandbox).items()}
        assert loaded == self.people, self.day
        self.day += 1

    def follow(self, command: str) -> None:
        """Type a command of the last email, as it is there."""
        lines = [line.strip() for line in self.mails[-1].splitlines()]
        (line,) = [line for line in lines if line.startswith(f"importer {command}")]
        assert type_in(*shlex.split(line)[1:]).exit == Exit.DONE


@pytest.fixture
def month(office: Office, sandbox: Sandbox) -> Month:
    """A month that begins with an empty Alma, a roster of 40 people, and a load that is allowed."""
    office.write_job(GUARDS, max_age="26h")
    begun = Month(office, sandbox, {})
    begun.arrive(everybody())
    begun.night(Exit.SAFETY_CHECK, "importer job allow")
    begun.follow("job allow")
    begun.night(Exit.DONE, "40 of 40 rows", alma=everybody())
    return begun


@pytest.mark.faults
def test_a_month_has_no_surprise(  # noqa: PLR0915  a month is long
    month: Month, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that went wrong in the nights of a real one: nothing is lost, doubled or back."""
    job = office.folder / "nightly.yaml"
    text = job.read_text("utf-8")
    people = changed(month.people, 1, 1, 2)
    month.arrive(people)
    month.night(Exit.DONE, "2 of 40 rows", alma=people)
    month.arrive(people)
    month.night(Exit.DONE)  # the same content under another name
    people = changed(people, 2, 3)
    month.arrive(people)
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    month.night(Exit.DONE)  # no file for one night
    people = changed(people, 3, 4)
    month.arrive(people)
    path = office.inbox / f"patrons-{month.day:02}.csv"
    office.during.append(lambda: path.write_bytes(path.read_bytes() + b" "))
    month.night(Exit.ROSTER, "is still being written. The next run of the job looks again")
    office.during.clear()
    month.arrive(people)
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    month.arrive(content(people)[:-9])
    month.night(Exit.ROSTER, "Ask the office to send the file again")
    month.arrive(people := changed(people, 4, 5))
    month.night(Exit.DONE, "not loaded: patrons-", alma=people)
    month.night(Exit.DONE)
    month.arrive(changed(people, 5, 6), hours=-30)
    month.night(Exit.ROSTER, "no file of the last 26 hours (`max_age`) in")
    month.arrive(people := changed(people, 6, 7))
    month.night(Exit.DONE, "not loaded: patrons-", alma=people)
    half = dict(list(people.items())[:20])
    month.arrive(half)
    month.night(Exit.SAFETY_CHECK, "It may be cut off")  # the operator asks the office
    month.arrive(people := changed(people, 7, 8))
    month.night(Exit.DONE, "not loaded: patrons-", alma=people)
    newer = changed(people, 8, 9)
    month.arrive(people, "patrons-b.csv", hours=-2)
    month.arrive(newer, "patrons-a.csv", hours=-1)
    month.night(Exit.DONE, "patrons-b.csv (", alma=newer)
    month.arrive(people)  # the one before, sent again
    month.night(Exit.SAFETY_CHECK, "which was superseded")
    month.follow("job skip")
    month.arrive(people := changed(newer, 9, 10))
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    (office.folder / "small.yaml").write_text(MAPPING.replace("<First>", "<Frist>"), "utf-8")
    month.arrive(people := changed(people, 10, 11))
    month.night(Exit.USAGE, "small.yaml:")
    (office.folder / "small.yaml").write_text(MAPPING, "utf-8")
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    month.arrive(content(people).replace(b"First", b"Given", 1))
    month.night(Exit.USAGE, "Given")
    month.arrive(people := changed(people, 11, 12))
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    month.arrive(people := changed(people, 12, 13))
    monkeypatch.setenv("ALMA_API_KEY", "wrong")
    month.night(Exit.ACCESS, "key")
    monkeypatch.setenv("ALMA_API_KEY", "sandbox")
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    month.arrive({f"7{key}": last for key, last in people.items()})
    month.night(Exit.SAFETY_CHECK, "They may be known in Alma under other IDs")
    month.follow("job skip")
    month.arrive(people := changed(people, 13, 14), hours=2)  # a clock that is ahead
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    with Store("nightly").locked(), suppress(LedgerError):
        month.night(Exit.STOPPED)  # the first instance reports, this one does nothing
    month.arrive(people := changed(people, 14, 15))
    port = os.environ["ALMA_MAIL_PORT"]
    monkeypatch.setenv("ALMA_MAIL_PORT", "9")
    month.night(Exit.STOPPED, alma=people)
    monkeypatch.setenv("ALMA_MAIL_PORT", port)
    month.night(Exit.DONE, "1 of 40 rows")
    month.arrive(people := changed(people, 15, 16))
    host = os.environ["ALMA_BASE_URL"]
    monkeypatch.setenv("ALMA_BASE_URL", "http://127.0.0.1:9")
    month.night(Exit.STOPPED, "The next run of the job continues")
    monkeypatch.setenv("ALMA_BASE_URL", host)
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    job.write_text(text.replace("do: apply", "do: aply"), "utf-8")
    assert type_in("job", "run", "nightly.yaml").exit == Exit.USAGE
    assert "nightly.yaml:" in text_of(office.mails[-1])
    job.write_text(text, "utf-8")
    month.arrive(people := changed(people, 16, 17))
    month.night(Exit.DONE, "1 of 40 rows", alma=people)
    assert not [name for name in names(office.inbox) if name.endswith(".csv")]


@pytest.mark.faults
def test_another_month_has_no_surprise_either(
    month: Month, office: Office, sshd: SshServer, sandbox: Sandbox
) -> None:
    """An SFTP server, a weekend without it, a backlog, two files a night, drift, corrections."""
    people = month.people
    (office.folder / "back").mkdir()
    place = sshd.address(office.folder / "back")
    write_job(office, f"{GUARDS}rejects_to: {place}\n{sshd.login()}")
    job = office.folder / "nightly.yaml"
    source = sshd.address(f"{office.inbox}/patrons-*.csv")
    text = job.read_text("utf-8").replace("incoming/patrons-*.csv", source)
    job.write_text(text.replace(f":{sshd.port}/", ":9/"), "utf-8")
    for change in (1, 2, 3):  # Friday to Sunday: files come, and nobody can get them
        month.arrive(people := changed(people, change, change))
        month.night(Exit.STOPPED, *(["cannot be reached"] * 1))
    job.write_text(text, "utf-8")
    month.night(Exit.DONE, "3 of 40 rows", alma=people)  # Monday: one load, nothing older
    assert "not loaded: patrons-" in month.mails[-1]
    for change in (4, 5):  # two files a night
        month.arrive(changed(people, f"{change}a", 4), "patrons-b.csv", hours=-3)
        month.arrive(people := changed(people, change, 4), "patrons-a.csv", hours=-1)
        month.night(Exit.DONE, "patrons-b.csv (", alma=people)
    wrong = content(people) + b",Canaria20999,Vexworthy,COMM,,,\n"  # the office corrects a row
    month.arrive(wrong)
    month.night(Exit.REJECTS, "to correct", "1 row to correct or decide")
    correct(back(office)[0])
    people = people | {"20999": "Vexworthy"}
    month.night(Exit.DONE, "1 of 1 row was", alma=people)
    roster = dict(people)
    (office.folder / "small.yaml").write_text(
        MAPPING.replace("note_type: LIBRARY", "note_type: OTHER")
    )
    month.arrive(roster := changed(roster, 6, 6))
    month.night(Exit.SAFETY_CHECK, "The mapping small.yaml changed since the last load")
    month.follow("job allow")
    month.night(Exit.DONE, "1 of 41 rows", alma=roster)
    for night in range(20):  # a few people fewer each night: no single step is large
        roster = dict(list(roster.items())[:-2])
        month.arrive(changed(roster, f"d{night}", 7))
        month.office.clock = timedelta(days=month.day)
        if month.run() is Exit.SAFETY_CHECK:
            break
        month.day += 1
        office.mails.clear()
    assert len(roster) == 41 - 2 * (night + 1)
    assert 28 <= len(roster) <= 33
    body = text_of(office.mails[-1])
    assert "); at least" in body
    assert len(to_office(office)) == 0
