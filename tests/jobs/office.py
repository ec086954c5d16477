"""An office that sends rosters, a library that is notified, and an SFTP server between them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from importer.cli.app import run
from importer.errors import Exit
from importer.jobs.commands import Command, Tools, how_it_ended
from importer.jobs.guards import Instruction, allow, skip
from importer.jobs.run import JobRun
from importer.jobs.schema import Job, load_job
from importer.jobs.state import Load, Store
from importer.service.outcome import Ending
from importer.service.place import now
from tests.cli.small import HEAD, MAPPING, TABLES
from tests.serving import serving

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
"""The SSH server of Debian's package `openssh-server`, which `.ci/run` installs."""


WRONG = ("", "Canaria", "Vexworthy", "COMM", "", "", "")
"""A row that is rejected, as it has no ID."""


SIS = MAPPING.replace("account_type: INTERNAL", "account_type: EXTERNAL\nowning_system: SIS")
"""The small mapping for Alma's SIS load."""


def people(count: int, first: int = 1) -> list[tuple[str, ...]]:
    """Rows of invented people for the small mapping, who have no birth date and no email."""
    return [
        (f"{20000 + n}", f"Canaria{n}", f"Vexworthy{n}", "COMM", "", "", "")
        for n in range(first, first + count)
    ]


def rows_of(rows: Iterable[tuple[str, ...]]) -> bytes:
    """A roster as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((HEAD, *rows))
    return text.getvalue().encode()


def in_process(*words: str) -> Ending:
    """Run a command of the importer here, to save the time of starting Python."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = run(list(words))
    return how_it_ended(words[0], code, out.getvalue())


@dataclass
class Office:
    """A folder with a job, a mapping and an inbox, and everything that was sent from it."""

    folder: Path
    mails: list[EmailMessage] = field(default_factory=list)
    chats: list[dict[str, object]] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    clock: timedelta = timedelta()
    during: list[object] = field(default_factory=list)

    @property
    def inbox(self) -> Path:
        """Where rosters arrive."""
        return self.folder / "incoming"

    def drop(
        self, content: bytes, name: str = "patrons-1.csv", age: timedelta = timedelta()
    ) -> Path:
        """Let a file arrive."""
        path = self.inbox / name
        path.write_bytes(content)
        moment = (now() - age).timestamp()
        os.utime(path, (moment, moment))
        return path

    def takes(
        self,
        roster: Iterable[tuple[str, ...]] | bytes,
        name: str = "patrons-1.csv",
        age: timedelta = timedelta(),
    ) -> Exit:
        """Let a roster arrive, or another content, and run the job."""
        self.drop(roster if isinstance(roster, bytes) else rows_of(roster), name, age)
        return self.run()

    def write_job(self, text: str = "", **roster: str) -> Path:
        """Write the job: its roster's keys, and further parts of the file; return it."""
        keys = {"from": "incoming/patrons-*.csv", "mapping": "small.yaml", "unchanged_for": "0s"}
        lines = [f"    {key}: {value}" for key, value in {**keys, **roster}.items()]
        lines[0] = f"  - {lines[0].strip()}"
        action = "" if "\ndo:" in f"\n{text}" else "do: apply\n"
        whole = ("version: 1", "rosters:", *lines, action + text, NOTIFY)
        (path := self.folder / "nightly.yaml").write_text("\n".join(whole), "utf-8")
        return path

    def write_job_of_two(self, text: str = "", **roster: str) -> Path:
        """Write a job of two rosters, patrons and staff, which have the same keys."""
        keys = {"from": "incoming/staff-*.csv", "mapping": "small.yaml", "unchanged_for": "0s"}
        lines = "\n    ".join(f"{key}: {value}" for key, value in {**keys, **roster}.items())
        path = self.write_job(text, **roster)
        self.edit("do: apply", f"  - {lines}\ndo: apply")
        return path

    def write_mapping(self, do: str, group: str, name: str = "small.yaml") -> None:
        """Write a job that does this, with a mapping of this name and user group."""
        more = f"do: {do}\nguards: {{absent: off, creates: off}}\n"
        if do == "sis-load":
            more += "deliver_to: out\n"
            (self.folder / "out").mkdir(exist_ok=True)
        self.write_job(more, mapping=name)
        text = (SIS if do == "sis-load" else MAPPING).replace("<Group>", group)
        (self.folder / name).write_text(text, "utf-8")

    def write_job_on(self, sshd: SshServer, more: str = "") -> None:
        """Write a job whose roster is picked up from the inbox on a server."""
        source = sshd.address(f"{self.inbox}/patrons-*.csv")
        self.write_job(more + sshd.login(), **{"from": source})

    def run(self, *allowed: str, command: Command = in_process) -> Exit:
        """Run the job, after a person allowed these guards for the load that is held.

        What is in `during` happens while a file is watched.
        """

        def sleep(_: float) -> None:
            for event in self.during:
                assert callable(event)
                event()

        if allowed:
            said = Instruction("", "ana@desk", "it is right", now() + self.clock)
            allow(self.job, allowed, said)
        tools = Tools(command, lambda: now() + self.clock, sleep, self.said.append)
        return JobRun(self.job, tools).run()

    def edit(self, old: str, new: str, name: str = "nightly.yaml") -> None:
        """Change a file of the folder, the job if no other is named, as a person does."""
        path = self.folder / name
        assert old in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    @property
    def job(self) -> Job:
        """The job as its file says now."""
        return load_job(self.folder / "nightly.yaml")

    @property
    def held(self) -> Load:
        """The load that is held."""
        load = Store("nightly").read().held
        assert load is not None
        return load

    def skip(self, run: str = "") -> None:
        """A person skips what is held with this run, or else what is refused."""
        skip(self.job, (), Instruction(run, "ana@desk", "half a file", now()))

    def clear(self) -> None:
        """Forget what was sent."""
        for sent in (self.mails, self.chats, self.pings, self.said):
            sent.clear()

    @property
    def text(self) -> str:
        """The text of the only email."""
        (mail,) = self.mails
        return text_of(mail)

    @property
    def state(self) -> dict[str, object]:
        """What the job remembers."""
        kept: dict[str, object] = json.loads((self.folder / "jobs" / "nightly.json").read_text())
        return kept


def text_of(mail: EmailMessage) -> str:
    """The subject and the text of an email."""
    part = mail.get_body(("plain",))
    assert part is not None
    return f"{mail['Subject']}\n{part.get_content()}"


NOTIFY = """notify:
  when: changes
  email: [circ@example.org]
  chat: $CHAT_URL
  ping: $PING_URL
"""


def prepare(folder: Path) -> None:
    """Write the mapping, the code tables and the inbox."""
    (folder / "codes.json").write_text(json.dumps(TABLES), "utf-8")
    (folder / "small.yaml").write_text(MAPPING, "utf-8")
    (folder / "incoming").mkdir()


class Mailbox:
    """Takes emails."""

    def __init__(self, office: Office) -> None:
        """Put them where the office keeps them."""
        self._office = office

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        """Take an address, except that of somebody who left."""
        if address == "gone@example.org":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take one."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self._office.mails.append(mail)
        return "250 OK"


@contextmanager
def mail_server(office: Office) -> Iterator[int]:
    """Run a mail server on this computer; yield its port."""
    controller = Controller(Mailbox(office), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def own_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for 127.0.0.1 that signs itself, and what a server does with it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
         certificate),
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return certificate, context


@contextmanager
def web_server(office: Office, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a chat and a monitoring service, encrypted with `context`; yield their address.

    A path that ends in `/status/302` is answered with that status.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            office.pings.append(self.path)
            self._reply()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            office.chats.append(json.loads(body))
            self._reply()

        def _reply(self) -> None:
            asked = self.path.rpartition("/status/")[2]
            self.send_response(int(asked) if asked.isdigit() else 200)
            self.send_header("Location", "/ping")  # where a reply of status 302 sends on to
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as address:
        yield f"http{'s' if context else ''}://{address}"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class SshServer:
    """An OpenSSH server on this computer, its files, and the user who may log in."""

    folder: Path
    port: int
    user: str

    def address(self, path: Path | str) -> str:
        """The address of a folder on it."""
        return f"sftp://{self.user}@127.0.0.1:{self.port}{path}"

    def login(self) -> str:
        """The part of a job that logs in."""
        return (
            f"sftp:\n  127.0.0.1:\n    key: {self.folder / 'user'}\n"
            f"    known_hosts: {self.folder / 'known_hosts'}\n"
        )


@contextmanager
def ssh_server(folder: Path, sftp: str = "internal-sftp") -> Iterator[SshServer]:
    """Run an OpenSSH server with keys of its own; `sftp` is what serves the files."""
    for name in ("host", "user"):
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        subprocess.run(command, check=True)
    port = free_port()
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    other_key = " ".join((folder / "user.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "empty_hosts").write_text("")
    (folder / "changed_hosts").write_text(f"[127.0.0.1]:{port} {other_key}\n")
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    settings = {
        "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys", "PidFile": "none", "UsePAM": "no",
        "StrictModes": "no", "PasswordAuthentication": "no", "PermitRootLogin": "yes",
        "Subsystem": f"sftp {sftp}",
    }  # fmt: skip
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it refuses to start as root without it
    # From 9.8 on, it refuses an address for some seconds after logins that failed.
    patient = folder / "patient_config"
    patient.write_text(f"{config.read_text()}PerSourcePenalties no\n")
    tried = (SSHD, "-t", "-f", str(patient))
    if subprocess.run(tried, check=False, stderr=subprocess.DEVNULL).returncode == 0:
        config = patient
    server = subprocess.Popen((SSHD, "-D", "-e", "-f", str(config)), stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        user = subprocess.run(("id", "-un"), check=True, capture_output=True, text=True)
        yield SshServer(folder, port, user.stdout.strip())
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    msg = "the server does not start"
    raise AssertionError(msg)


def names(folder: Path) -> list[str]:
    """The names of the files in a folder; the time in a name is `*`."""
    stamp = f"{datetime.now():%Y-}"  # noqa: DTZ005
    return sorted(path.name.split(stamp)[0] for path in folder.iterdir())


OFF = "guards: {creates: off, absent: off}\n"

REJECTS_TO = f"{OFF}rejects_to: back\n"


def back(office: Office) -> list[Path]:
    """What is in the folder of the office."""
    return sorted((office.folder / "back").iterdir())


def delivers(office: Office) -> Path:
    """Let a roster arrive of which a row is to be corrected: its workbook."""
    (office.folder / "back").mkdir()
    office.write_job(REJECTS_TO, max_age="26h")
    assert office.takes([*people(20), WRONG], age=timedelta(hours=3)) == Exit.REJECTS
    (workbook,) = back(office)
    return workbook
