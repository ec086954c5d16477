"""A month of a job with an operator who sees only the emails.

The clock is simulated; the practice Alma, the mail server and the monitoring service are real.
After each night Alma is compared with what it should contain.
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
from tests.jobs.office import Office, names, rows_of, text_of

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
    month.night(Exit.ROSTER, "Given")
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
