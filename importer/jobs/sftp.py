"""A folder of an SFTP server, through paramiko."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import paramiko
from paramiko.hostkeys import InvalidHostKey

from importer.errors import AccessError, PlaceError
from importer.files import is_full
from importer.jobs.places import FoundFile, advice_for
from importer.jobs.schema import Location, Login, required

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it would log tracebacks

TIMEOUT = 30
"""Seconds to connect, to log in, and for each reply."""


class _UnknownHostError(paramiko.SSHException):
    """The host key of a server is not known."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a server whose host key is not known."""

    def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Raise the error with the fingerprint as `ssh-keygen -l` shows it."""
        digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        msg = f"{key.get_name()} SHA256:{digest}"
        raise _UnknownHostError(msg)


@contextmanager
def connected(location: Location, login: Login) -> Iterator[RemoteFolder]:
    """Connect to a server for the block. Raises AccessError, or PlaceError if it is not there."""
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(_Refuse())
        _load_known_hosts(client, login)
        yield RemoteFolder(_log_in(client, location, login), location)


def _log_in(client: paramiko.SSHClient, location: Location, login: Login) -> paramiko.SFTPClient:
    password = required(login.password) if login.password else None
    passphrase = required(login.passphrase) if login.passphrase else None
    host = location.host
    try:
        client.connect(
            host,
            location.port,
            location.user,
            password=password,
            key_filename=os.path.expanduser(login.key) if login.key else None,  # noqa: PTH111
            passphrase=passphrase,
            allow_agent=False,
            look_for_keys=login.key is None and password is None,
            timeout=TIMEOUT,
            banner_timeout=TIMEOUT,
            auth_timeout=TIMEOUT,
        )
    except _UnknownHostError as error:
        port = "" if location.port == 22 else f" -p {location.port}"
        file = login.known_hosts or "~/.ssh/known_hosts"
        msg = (
            f"The server {host} is not known, so nothing was sent to it. Its key is {error}. "
            "Compare this with what its administrators publish. If it is the same, run: "
            f"ssh-keyscan{port} {host} >> {file}"
        )
        raise AccessError(msg) from None
    except paramiko.BadHostKeyException:
        msg = (
            f"The server {host} has another key than before, so nothing was sent to it. Ask its "
            "administrators whether they changed the key."
        )
        raise AccessError(msg) from None
    except FileNotFoundError:
        msg = f"The key file for {host} does not exist. Check `sftp:`."
        raise PlaceError(msg) from None
    except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
        if not _is_of_login(error, client):
            raise _unreachable(host, error) from None
        msg = (
            f"The server {host} refuses the login of {location.user}, or the key file cannot be "
            "used: it must be a private key of OpenSSH. Check the key, its passphrase or the "
            "password under `sftp:` in the job."
        )
        raise AccessError(msg) from None
    try:
        sftp = client.open_sftp()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _unreachable(host, error) from None
    if (channel := sftp.get_channel()) is not None:
        channel.settimeout(TIMEOUT)
    return sftp


def _is_of_login(error: Exception, client: paramiko.SSHClient) -> bool:
    """Whether a connection failed at the login.

    A key is tried as each kind of key in turn, and the last failure hides that of the server. So
    the error alone does not show it, but after the keys are exchanged only the login is left.
    """
    transport = client.get_transport()
    exchanged = transport is not None and transport.initial_kex_done
    return exchanged or isinstance(error, paramiko.AuthenticationException)


def _unreachable(host: str, error: Exception) -> PlaceError:
    return PlaceError(
        f"The server {host} cannot be reached ({_why(error)}). Check its name and the network."
    )


def _load_known_hosts(client: paramiko.SSHClient, login: Login) -> None:
    file = login.known_hosts or Path("~/.ssh/known_hosts")
    try:
        if login.known_hosts:
            client.load_host_keys(os.path.expanduser(file))  # noqa: PTH111  which raises nothing
            return
        client.load_system_host_keys()
        file = Path("/etc/ssh/ssh_known_hosts")
        if file.is_file():
            client.load_system_host_keys(str(file))
    except OSError as error:
        msg = f"The file of known hosts, {file}, cannot be read ({_why(error)})."
        raise AccessError(msg) from error
    except (paramiko.SSHException, InvalidHostKey, ValueError) as error:
        msg = (
            f"The file of known hosts, {file}, has a damaged line. Delete the line; if it was that "
            "of the server, the next run shows how to add it."
        )
        raise AccessError(msg) from error


def _why(error: Exception) -> str:
    """Return the cause in words, without the text of a library."""
    if is_full(error):
        return "the disk of this computer is full"
    if isinstance(error, TimeoutError):
        return "no reply within the time limit"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    return "the connection failed"


class RemoteFolder:
    """A folder of a server."""

    def __init__(self, sftp: paramiko.SFTPClient, location: Location) -> None:
        """Use an open connection."""
        self._sftp = sftp
        self._location = location
        home = location.folder.removeprefix("~").lstrip("/") or "."
        self._folder = PurePosixPath(home if location.folder.startswith("~") else location.folder)

    def __str__(self) -> str:
        """For messages: the folder, with its server."""
        return str(self._location)

    def _path(self, name: str) -> str:
        return str(self._folder / name)

    def files(self) -> list[FoundFile]:
        """Return the ordinary files of the folder."""
        with self._trouble(f"The folder {self} cannot be read"):
            return [
                FoundFile(entry.filename, entry.st_size or 0, float(entry.st_mtime or 0))
                for entry in self._sftp.listdir_attr(str(self._folder))
                if entry.st_mode is not None and stat.S_ISREG(entry.st_mode)
            ]

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this computer."""
        with self._trouble(f"{name} in {self} cannot be read"):
            self._sftp.get(self._path(name), str(target))

    def put(self, source: Path, name: str) -> None:
        """Copy a file into the folder under a hidden name, then rename it."""
        part = f".{name}.part"
        with self._trouble(f"{name} in {self} cannot be written"):
            self._sftp.put(str(source), self._path(part))
        self.rename(part, name)

    def rename(self, name: str, new: str) -> None:
        """Give a file another name."""
        with self._trouble(f"{name} in {self} cannot be renamed"):
            try:
                self._sftp.posix_rename(self._path(name), self._path(new))
            except (FileNotFoundError, PermissionError):
                raise
            except OSError:
                self._sftp.rename(self._path(name), self._path(new))  # a server without the other

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._trouble(f"{name} in {self} cannot be deleted"):
            self._sftp.remove(self._path(name))

    @contextmanager
    def _trouble(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, paramiko.SSHException) as error:
            advice = "Check the server and the network."
            if isinstance(error, (FileNotFoundError, PermissionError)) or is_full(error):
                advice = advice_for(error)
            msg = f"{what} ({_why(error)}). {advice}"
            raise PlaceError(msg) from error
