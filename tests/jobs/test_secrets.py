"""Secrets of a job go where their owner sends them: never where a foreign `.env` says."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from importer.errors import Exit, MappingError, PlaceError
from importer.jobs.notify import Concern, Message, send
from importer.jobs.schema import Notify, load_job
from tests.cli.conftest import Sandbox
from tests.cli.small import state
from tests.jobs.office import Mailbox, Office, free_port, own_certificate, people

TEST = Message("nightly", Concern.TROUBLE, Exit.DONE, "A test.")
TO = Notify(email=("circ@example.org",))
MAIL = ("HOST", "PORT", "FROM", "USER", "PASSWORD")


@dataclass
class Stranger:
    """A mail server that takes every login: its connections, and the logins with TLS or not."""

    port: int
    connections: int = 0
    logins: list[tuple[bytes, bytes, bool]] = field(default_factory=list)


@contextmanager
def mail_server(office: Office, context: ssl.SSLContext | None = None) -> Iterator[Stranger]:
    """Run a mail server on this computer that offers a login, also in clear."""
    stranger = Stranger(free_port())

    class Box(Mailbox):
        async def handle_EHLO(  # noqa: N802
            self, server: SMTP, session: Session, envelope: Envelope, hostname: str,  # noqa: ARG002
            responses: list[str],
        ) -> list[str]:  # fmt: skip
            """Count a connection."""
            stranger.connections += 1
            session.host_name = hostname
            return responses

    def log_in(
        _: SMTP, session: Session, __: Envelope, ___: str, data: LoginPassword
    ) -> AuthResult:
        stranger.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=True)

    controller = Controller(
        Box(office), hostname="127.0.0.1", port=stranger.port, authenticator=log_in,
        auth_require_tls=False, tls_context=context,
    )  # fmt: skip
    controller.start()
    try:
        yield stranger
    finally:
        controller.stop()


def write_env(office: Office, **values: object) -> None:
    """Write the `.env` of the folder."""
    path = office.folder / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
    path.chmod(0o600)


def test_a_login_is_never_sent_in_clear(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to this computer, where any user may listen; without a login a mail may be."""
    with mail_server(office) as stranger:
        monkeypatch.setenv("ALMA_MAIL_PORT", str(stranger.port))
        monkeypatch.setenv("ALMA_MAIL_USER", "feeds")
        monkeypatch.setenv("ALMA_MAIL_PASSWORD", "MailSecret123")
        with pytest.raises(PlaceError, match="STARTTLS"):
            send("email", TO, TEST)
        assert (stranger.logins, office.mails) == ([], [])
        monkeypatch.delenv("ALMA_MAIL_USER")
        send("email", TO, TEST)
        assert (stranger.logins, len(office.mails)) == ([], 1)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_a_login_is_sent_over_an_encrypted_connection(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose certificate is trusted."""
    certificate, context = own_certificate(tmp_path)
    with mail_server(office, context) as stranger:
        monkeypatch.setenv("ALMA_MAIL_PORT", str(stranger.port))
        monkeypatch.setenv("ALMA_MAIL_USER", "feeds")
        monkeypatch.setenv("ALMA_MAIL_PASSWORD", "MailSecret123")
        with pytest.raises(PlaceError, match="certificate"):
            send("email", TO, TEST)
        assert stranger.logins == []
        monkeypatch.setenv("ALMA_CA_BUNDLE", str(certificate))
        send("email", TO, TEST)
        assert stranger.logins == [(b"feeds", b"MailSecret123", True)]
    assert len(office.mails) == 1


@pytest.mark.parametrize("given", ["USER PASSWORD", "HOST USER PASSWORD", "HOST FROM", ""])
def test_a_foreign_env_gets_no_email_and_no_password(
    given: str, office: Office, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment has the key, with or without settings for emails, and `.env` adds none."""
    with mail_server(office) as stranger:
        values = {"HOST": "127.0.0.1", "PORT": str(stranger.port), "FROM": "office@example.org",
                  "USER": "feeds", "PASSWORD": "MailSecret123"}  # fmt: skip
        for name in MAIL:
            monkeypatch.delenv(f"ALMA_MAIL_{name}", raising=False)
        for name in given.split():
            monkeypatch.setenv(f"ALMA_MAIL_{name}", values.pop(name))
        write_env(office, **{f"ALMA_MAIL_{name}": value for name, value in values.items()})
        office.write_job()
        assert office.takes(people(3)) == Exit.STOPPED  # it is loaded, and nobody was notified
        assert (stranger.connections, office.mails) == (0, [])
    assert len(state(sandbox)) == 3
    stray = sorted(f"ALMA_MAIL_{name}" for name in values)
    (line,) = {line for line in office.said if "must not decide where emails are sent" in line}
    assert [name for name in stray if name in line.split(" must not ")[1]] == stray


def test_settings_that_are_all_in_the_env_file_are_used(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key, the mail server and the addresses: the folder belongs to whoever wrote it."""
    names = ("ALMA_API_KEY", "ALMA_BASE_URL", "ALMA_RATE", "CHAT_URL", "PING_URL")
    values = {name: os.environ[name] for name in names}
    for name in (*names, *(f"ALMA_MAIL_{name}" for name in MAIL)):
        monkeypatch.delenv(name, raising=False)
    with mail_server(office) as stranger:
        mail = {"ALMA_MAIL_HOST": "127.0.0.1", "ALMA_MAIL_PORT": stranger.port,
                "ALMA_MAIL_FROM": "importer@example.org"}  # fmt: skip
        write_env(office, **values, **mail)
        office.write_job()
        assert office.takes(people(3)) == Exit.DONE
    assert (len(office.mails), len(office.chats), len(office.pings)) == (1, 1, 2)


@pytest.mark.parametrize("name", ["CHAT_URL", "PING_URL", "ALMA_PROXY", "ALMA_CA_BUNDLE"])
def test_a_foreign_env_decides_neither_an_address_nor_the_way_to_it(
    name: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where the key, or an address with a token, is in the environment; the load is done."""
    own = name if name in os.environ else "ALMA_API_KEY"
    write_env(office, **{name: "http://127.0.0.1:9", own: os.environ[own]})
    monkeypatch.delenv(own)
    office.write_job()
    office.takes(people(3))
    both: list[list[Any]] = [office.chats, office.pings]
    sent = {"CHAT_URL": both[:1], "PING_URL": both[1:]}.get(name, both)
    assert [one for one in sent if one] == []
    assert any(f"{name} in .env decides that" in line for line in office.said)


@pytest.mark.parametrize("name", ["$ALMA_API_KEY", "$alma_mail_password"])
@pytest.mark.parametrize("key", ["password", "ping"])
def test_a_job_sends_no_setting_of_the_importer(name: str, key: str, office: Office) -> None:
    """Neither as a password for another server, nor as an address."""
    office.write_job()
    path = office.folder / "nightly.yaml"
    text = path.read_text("utf-8")
    new = text.replace("$PING_URL", name) if key == "ping" else (
        f"{text}sftp:\n  example.org:\n    password: {name}\n"
    )  # fmt: skip
    path.write_text(new, "utf-8")
    with pytest.raises(MappingError, match=f"{key}`?: must not be a setting"):
        load_job(path)


def test_a_secret_is_in_no_message(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here an office that names its file after the password."""
    monkeypatch.setenv("ALMA_MAIL_PASSWORD", "MailSecret123")
    office.write_job()
    assert office.takes(people(3), "patrons-mailsecret123.csv") == Exit.DONE
    sent = f"{office.text}{office.chats}{office.said}"
    assert "File: patrons-[hidden].csv" in sent
    assert "secret123" not in sent.lower()
