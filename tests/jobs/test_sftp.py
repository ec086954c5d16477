"""Pick-up and delivery through a real OpenSSH server."""

from __future__ import annotations

import base64
import errno
import os
import re
import socket
import subprocess
import sys
import threading
import zipfile
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from importer.errors import AccessError, Exit
from importer.jobs.feed import RosterFolder, matching
from importer.jobs.places import FoundFile, LocalFolder
from importer.jobs.schema import Location, Login
from importer.jobs.sftp import connected
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state
from tests.jobs.office import SIS, Office, SshServer, names, people, rows_of


def test_a_file_is_picked_up_and_renamed_on_the_server(
    office: Office, sandbox: Sandbox, sshd: SshServer, typed: Type
) -> None:
    """The login is by a key, and `job check` shows the newest file."""
    office.write_job_on(sshd)
    office.drop(rows_of(people(2)), "patrons-0.csv", age=timedelta(hours=1))
    office.drop(rows_of(people(3)))
    checked = typed("job", "check", "nightly.yaml")
    assert checked.exit == Exit.DONE
    assert "patrons-1.csv, of" in checked.out
    assert office.run() == Exit.DONE
    assert len(state(sandbox)) == 3
    assert names(office.inbox) == ["patrons-0.csv.superseded-", "patrons-1.csv.done-"]


@pytest.mark.parametrize(
    ("right", "wrong", "ended", "told"),
    [
        ("/known_hosts", "/empty_hosts", Exit.ACCESS, "is not known, so nothing was sent.*SHA256:"),
        ("/known_hosts", "/changed_hosts", Exit.ACCESS, "another key(?!.*SHA256:)"),
        ("{folder}/user", "~nobody-here/user", Exit.STOPPED, "does not exist"),
        ("{folder}/known_hosts", "~nobody-here/known_hosts", Exit.ACCESS, "cannot be read"),
        (":{port}/", ":9/", Exit.STOPPED, "cannot be reached"),
    ],
)
def test_a_server_that_cannot_be_trusted_or_reached_is_reported(
    right: str, wrong: str, ended: Exit, told: str, office: Office, sshd: SshServer
) -> None:
    """An unknown key with its fingerprint; nobody is asked, and nothing is sent.

    A file under `~` in a container whose user has no home is none. An outage ends as one of Alma.
    """
    office.write_job_on(sshd)
    office.edit(right.format(folder=sshd.folder, port=sshd.port), wrong)
    assert office.takes(people(3)) == ended
    assert re.search(told, office.text, re.DOTALL)


@pytest.mark.parametrize("key", ["ed25519", "rsa", "public", "putty", "binary"])
def test_a_login_that_is_refused_is_reported(key: str, office: Office, sshd: SshServer) -> None:
    """A key of any kind that the server does not know, and a file that is not a private key."""
    path = office.folder / "key"
    content = {
        "public": (sshd.folder / "user.pub").read_bytes(),
        "putty": b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
        "binary": b"\xff\xfe\x00",
    }
    if key in content:
        path.write_bytes(content[key])
    else:
        subprocess.run(("ssh-keygen", "-q", "-t", key, "-N", "", "-f", str(path)), check=True)
    office.write_job_on(sshd)
    office.edit(f"{sshd.folder / 'user'}\n", f"{path}\n")
    assert office.run() == Exit.ACCESS
    assert "refuses the login" in office.text


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ["half base64", "half a key", "binary"])
def test_a_damaged_file_of_known_hosts_is_named(
    *, kind: str, named: bool, tmp_path: Path, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the job, or the one in the home of the user."""
    key = b"\0\0\0\x0bssh-ed25519\0\0\0\x04half"
    content = {
        "half base64": (sshd.folder / "known_hosts").read_bytes().strip()[:-3],
        "half a key": b"127.0.0.1 ssh-ed25519 " + base64.b64encode(key),
        "binary": b"\xff\xfe \xff \xff",
    }
    (file := tmp_path / ".ssh" / "known_hosts").parent.mkdir()
    file.write_bytes(content[kind] + b"\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    login = Login(key=sshd.folder / "user", known_hosts=file if named else None)
    location = Location("/out", host="127.0.0.1", port=sshd.port, user=sshd.user)
    shown = str(file) if named else "~/.ssh/known_hosts"
    with pytest.raises(AccessError, match=f"{re.escape(shown)}, has a damaged line"):
        connected(location, login).__enter__()


class _ByPassword(paramiko.ServerInterface):
    """A server that takes one password, and no key."""

    def check_auth_password(self, username: str, password: str) -> int:
        """Let one person in."""
        right = (username, password) == ("feeds", "right")
        return AUTH_SUCCESSFUL if right else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        """Open every channel."""
        return OPEN_SUCCEEDED


class _EmptyFolder(paramiko.SFTPServerInterface):
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:  # noqa: ARG002
        return []


@pytest.mark.parametrize(("password", "error"), [("right", None), ("wrong", AccessError)])
def test_a_login_by_password(
    password: str, error: type[Exception] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job names the setting with the password; keys of this computer are not tried."""
    host_key = paramiko.RSAKey.generate(2048)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        (known := tmp_path / "known").write_text(
            f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n"
        )

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _EmptyFolder)
            # in the background, as a client who is refused may hang up before it has started
            transport.start_server(event=threading.Event(), server=_ByPassword())

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("FEEDS_PASSWORD", password)
        login = Login(password="$FEEDS_PASSWORD", known_hosts=known)
        location = Location("/out", host="127.0.0.1", port=port, user="feeds")
        with pytest.raises(error) if error else nullcontext(), connected(location, login) as place:
            assert place.files() == []
        thread.join()


@pytest.mark.parametrize("server", [True, False])
def test_a_delivery_is_never_half_visible(*, server: bool, tmp_path: Path, sshd: SshServer) -> None:
    """A reader that looks at the folder all the time finds no file, or the whole one."""
    source, out = tmp_path / "load", tmp_path / "out"
    source.write_bytes(os.urandom(30_000_000))
    out.mkdir()
    login = Login(key=sshd.folder / "user", known_hosts=sshd.folder / "known_hosts")
    location = Location(str(out), host="127.0.0.1", port=sshd.port, user=sshd.user)
    opened = connected(location, login) if server else nullcontext(LocalFolder(out))
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(path.stat().st_size for path in out.glob("*.zip"))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        with opened as place:
            place.put(source, "load.zip")
    finally:
        done.set()
        reader.join()
    assert seen <= {30_000_000}
    assert (out / "load.zip").read_bytes() == source.read_bytes()


def test_the_zip_of_a_load_is_delivered_once(
    office: Office, sandbox: Sandbox, sshd: SshServer
) -> None:
    """The same roster under another name is nothing new."""
    (office.folder / "small.yaml").write_text(SIS, "utf-8")
    out = office.folder / "out"
    out.mkdir()
    more = f"do: sis-load\nguards: {{creates: off}}\ndeliver_to: {sshd.address(out)}\n"
    office.write_job(more + sshd.login())
    assert office.takes(people(30)) == Exit.DONE
    (delivered,) = out.iterdir()
    assert delivered.name.startswith("nightly-")
    assert zipfile.is_zipfile(delivered)
    assert f"{out} on 127.0.0.1: {delivered.name}" in office.text
    assert office.takes(people(30), "patrons-2.csv") == Exit.DONE
    assert list(out.iterdir()) == [delivered]


def test_a_folder_that_cannot_be_written_keeps_the_load(office: Office, sandbox: Sandbox) -> None:
    """The next run delivers the same zip."""
    (office.folder / "small.yaml").write_text(SIS, "utf-8")
    office.write_job("do: sis-load\nguards: {creates: off}\ndeliver_to: out\n")
    assert office.takes(people(3)) == Exit.STOPPED
    Path("out").mkdir()
    assert office.run() == Exit.DONE
    assert len(list(Path("out").iterdir())) == 1
    assert {entry["method"] for entry in sandbox.log()} == {"GET"}


class _Listing:
    """A folder that lists names as a hostile server can."""

    def files(self) -> list[FoundFile]:
        """Return names that match, and lead elsewhere."""
        names = (
            "a/../../b.csv",
            "..\\b.csv",
            "C:b.csv",
            ".b.csv",
            "b\n.csv",
            "~$b.csv",
            "right.csv",
        )
        return [FoundFile(name, 1, 1.0) for name in names]


def test_a_name_that_leads_elsewhere_never_matches() -> None:
    """A server cannot make the importer write outside of the job's folder."""
    listing = cast("RosterFolder", _Listing())
    assert [file.name for file in matching(listing, "*.csv")] == ["right.csv"]


@pytest.mark.parametrize(("system", "found"), [("linux", 1), ("darwin", 2), ("win32", 2)])
def test_a_name_matches_as_the_disk_compares_it(
    system: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accent counts as the same in either form, and so does case on Windows and macOS."""
    monkeypatch.setattr(sys, "platform", system)
    for name in ("e\u0301tudiants-1.csv", "\u00c9tudiants-2.CSV"):
        (tmp_path / name).touch()
    assert len(matching(LocalFolder(tmp_path), "\u00e9tudiants-*.csv")) == found


def test_a_full_disk_of_this_computer_is_no_fault_of_the_server(
    office: Office, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is sent to its administrators."""
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(paramiko.SFTPClient, "get", full)
    office.write_job_on(sshd)
    assert office.takes(people(3)) == Exit.STOPPED
    assert "the disk of this computer is full" in office.text
    assert "network" not in office.text
