"""An office with a job, a practice Alma, a mail server, a chat, and an SFTP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Sandbox, folder, sandbox, typed
from tests.jobs.office import SSHD, Office, SshServer, mail_server, prepare, ssh_server, web_server

__all__ = ["folder", "sandbox", "typed"]


@pytest.fixture
def office(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose job loads into the practice Alma."""
    made = Office(folder)
    prepare(folder)
    with mail_server(made) as port, web_server(made) as address:
        monkeypatch.setenv("ALMA_MAIL_HOST", "127.0.0.1")
        monkeypatch.setenv("ALMA_MAIL_PORT", str(port))
        monkeypatch.setenv("ALMA_MAIL_FROM", "importer@example.org")
        monkeypatch.setenv("CHAT_URL", f"{address}/chat")
        monkeypatch.setenv("PING_URL", f"{address}/ping")
        yield made


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An SFTP server."""
    if not Path(SSHD).is_file():
        pytest.skip("needs an SSH server: apt-get install openssh-server")
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server
