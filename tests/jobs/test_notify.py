"""What is sent to people holds counts and commands, and never patron data or a key."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from importer.errors import Exit, PlaceError
from importer.jobs.notify import SUBJECT, Concern, Message, send, send_email
from importer.jobs.schema import Notify
from importer.settings import Settings
from tests.cli.conftest import Sandbox
from tests.cli.small import state
from tests.jobs.office import Mailbox, Office, free_port, own_certificate, people, web_server
from tests.serving import serving

TEST = Message("nightly", Concern.TROUBLE, Exit.DONE, "A test.")


def test_no_canary_is_in_a_mail_a_chat_a_ping_or_the_log(
    office: Office,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No name, ID or key: of a load that is held, one with rejects, and one without Alma."""
    rejected = ("", "Canaria", "Vexworthy", "COMM", "", "", "")
    with caplog.at_level(logging.DEBUG):
        office.write_job("guards: {rejects: off, absent: off}\n")
        office.takes([*people(30), rejected])
        office.run("creates")
        office.drop(b"Id,First\n2000017,Canaria\n", "patrons-2.csv")
        office.run()
        monkeypatch.setenv("ALMA_API_KEY", "canary-key-8c1f")
        office.takes(people(29), "patrons-3.csv")
    assert len(office.mails) >= 3
    parts = [part for mail in office.mails for part in mail.walk() if not part.is_multipart()]
    logged = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    sent = [
        *(str(part.get_content()) for part in parts),
        *(str(mail["Subject"]) for mail in office.mails),
        json.dumps(office.chats), *office.pings, *office.said, *logged, *capfd.readouterr(),
    ]  # fmt: skip
    text = "\n".join(sent)
    canaries = ("Canaria", "Vexworthy", "20001", "20017", "canary-key")
    assert [line for line in text.splitlines() if any(word in line for word in canaries)] == []


@pytest.mark.parametrize("chat_format", ["slack", "teams", "json"])
def test_a_chat_gets_its_own_format(chat_format: str, office: Office) -> None:
    """Each one carries the same text."""
    notify = Notify.model_validate({"chat": "$CHAT_URL", "chat_format": chat_format})
    send("chat", notify, TEST)
    (body,) = office.chats
    assert "A test." in json.dumps(body)
    key = {"slack": "text", "teams": "attachments", "json": "job"}[chat_format]
    assert key in body


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_chat_that_does_not_answer_with_success_has_no_message(
    status: int, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect counts as an error: the message would arrive without its text."""
    monkeypatch.setenv("CHAT_URL", f"{os.environ['CHAT_URL']}/status/{status}")
    with pytest.raises(PlaceError, match=f"status {status}"):
        send("chat", Notify(chat="$CHAT_URL"), TEST)
    assert office.pings == []


@pytest.mark.parametrize(
    ("host", "said"), [("127.0.0.1", "no connection"), ("mail..example.org", "host name")]
)
def test_where_nobody_answers_this_is_said_in_words(
    host: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name of a library's error is in the message; a name with an empty part is taken by none.

    Whether for a chat or a mail.
    """
    port = str(free_port())
    for name, value in (("HOST", host), ("PORT", port), ("FROM", "importer@example.org")):
        monkeypatch.setenv(f"ALMA_MAIL_{name}", value)
    monkeypatch.setenv("CHAT_URL", f"https://{host}:{port}/chat")
    for channel in ("chat", "email"):
        notify = Notify(chat="$CHAT_URL", email=("circ@example.org",))
        with pytest.raises(PlaceError, match=said):
            send(channel, notify, TEST)


def test_a_server_without_encryption_gets_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only on this computer a mail is sent in clear."""
    monkeypatch.setattr("importer.jobs.notify.is_loopback", lambda _: False)
    with pytest.raises(PlaceError, match="STARTTLS"):
        send("email", Notify(email=("circ@example.org",)), TEST)
    assert office.mails == []


def test_a_reply_that_is_not_of_the_web_never_stops_a_load(
    office: Office, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port of another service behind `ping` and `chat`: the load is done, the email is sent."""
    with _another_service() as address:
        monkeypatch.setenv("CHAT_URL", f"{address}/chat")
        monkeypatch.setenv("PING_URL", f"{address}/ping")
        office.write_job()
        # as always where a message could not be sent
        assert office.takes(people(3)) == Exit.STOPPED
    assert len(state(sandbox)) == len(office.mails) + 2 == 3
    assert sum("as a web server does" in line for line in office.said) == 3


@contextmanager
def _another_service() -> Iterator[str]:
    """A server that greets everybody in its own language."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Say who it is."""
            self.request.recv(10_000)
            self.request.sendall(b"SSH-2.0-OpenSSH\r\n")

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as address:
        yield f"http://{address}"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_a_chat_needs_a_certificate_that_is_trusted(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that signs itself is taken only if it is named, as for a mail server."""
    certificate, context = own_certificate(tmp_path)
    with web_server(office, context) as address:
        notify = Notify(chat=f"{address}/chat")
        with pytest.raises(PlaceError, match="certificate cannot be trusted"):
            send("chat", notify, TEST)
        monkeypatch.setenv("ALMA_CA_BUNDLE", str(certificate))
        send("chat", notify, TEST)
    assert len(office.chats) == 1


def test_a_report_that_is_too_large_for_the_server_is_named(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The email arrives without it."""
    report = tmp_path / "report-masked.html"
    report.write_text("<p>x</p>" * 9000, "utf-8")
    server = Controller(
        Mailbox(office), hostname="127.0.0.1", port=free_port(), data_size_limit=60_000
    )
    server.start()
    try:
        monkeypatch.setenv("ALMA_MAIL_PORT", str(server.port))
        send_email(Settings.read(), ("circ@example.org",), replace(TEST, report=report))
    finally:
        server.stop()
    assert str(report) in office.text
    assert [*office.mails[0].iter_attachments()] == []


@pytest.mark.parametrize("words", [3, 40])
def test_a_subject_ends_with_a_word_and_is_not_repeated(words: int) -> None:
    """A long headline is shortened in the subject and whole in the text; a short one is there."""
    headline = " ".join(["possible"] * words) + "."
    message = Message("nightly", Concern.TROUBLE, Exit.DONE, headline, ("Run: runs/x",))
    assert len(message.subject) <= SUBJECT
    assert set(message.subject.split()[3:]) <= {"possible", "possible.", "…"}
    assert (headline in message.subject, headline in message.text) == (words == 3, words == 40)


def test_a_value_in_the_wrong_column_is_in_no_mail(office: Office, sandbox: Sandbox) -> None:
    """The text names the column and counts the rows; advice on a whole column stays out of it."""
    office.write_job("guards: {creates: off}\n")
    office.takes([*people(5), *((*row[:3], row[2], *row[4:]) for row in people(15, 50))])
    assert "D (Group)" in office.text
    assert "Vexworthy" not in office.text


def test_an_address_that_the_server_refuses_is_named(office: Office) -> None:
    """The others get the email, and nobody takes a test of the job for a good one."""
    sentence = send("email", Notify(email=("circ@example.org", "gone@example.org")), TEST)
    assert (len(office.mails), "refuses gone@example.org" in sentence) == (1, True)
