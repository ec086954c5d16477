"""The job file: which rosters to pick up, what to do with them, what stops it, whom to notify."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)

from importer.alma.connection import is_loopback
from importer.errors import MappingError, UnreadableFileError, UsageError
from importer.files import read_bounded
from importer.mapper.findings import MappingFinding, in_order
from importer.mapper.json_schema import in_our_words, known_keys
from importer.mapper.key_path import KeyPath
from importer.mapper.placeholders import nearest
from importer.mapper.yaml_source import SIZE_LIMIT, read
from importer.settings import named


@dataclass(frozen=True, slots=True)
class Location:
    """A folder of this computer (`host` is blank) or of an SFTP server, and a file pattern."""

    folder: str
    pattern: str = ""
    host: str = ""
    port: int = 22
    user: str = ""

    def __str__(self) -> str:
        """For messages: the folder, with its server."""
        return f"{self.folder} on {self.host}" if self.host else self.folder

    @property
    def in_folder(self) -> tuple[str, int, str, str]:
        """Its folder, however it is written."""
        return self.host, self.port, self.user, os.path.realpath(self.folder)

    @property
    def address(self) -> str:
        """What identifies the files of a roster: user, server, folder and pattern."""
        server = f"sftp://{self.user}@{self.host}:{self.port}" if self.host else ""
        return f"{server}{self.folder}/{self.pattern}"


def _location(value: object, *, with_pattern: bool) -> Location:
    text = str(value) if isinstance(value, str) else ""
    other = "must be a folder, or an address such as `sftp://user@host/folder`"
    address, port = urlsplit(text), None
    with suppress(ValueError):
        port = address.port or 22
    if not text or not text.isprintable() or port is None:
        raise ValueError(other)
    windows = os.name == "nt" and "://" not in text
    if "://" not in text:
        home = os.path.expanduser(text)  # noqa: PTH111  a text: the pattern is no path
        path, server = home.replace("\\", "/") if windows else home, {}
    elif address.scheme != "sftp" or not address.hostname or not address.username:
        raise ValueError(other)
    elif address.password:
        msg = "must not contain a password; set it under `sftp:`, as in `password: $FEEDS_PASSWORD`"
        raise ValueError(msg)
    else:
        path = text.split("://", 1)[1].partition("/")[2]
        path = path if path.startswith("~") else f"/{path}"
        server = {"host": address.hostname, "user": address.username}
    folder, slash, pattern = path.rpartition("/") if with_pattern else (path, "", "")
    if with_pattern and not pattern:
        msg = "must end with a file name or a pattern, such as `patrons-*.csv`"
        raise ValueError(msg)
    folder = (folder or slash or ".") if with_pattern else (folder.rstrip("/") or "/")
    folder += "/" if windows and folder.endswith(":") else ""  # `C:` alone is no folder
    return Location(folder, pattern, port=port, **server)


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> timedelta:
    matched = re.fullmatch(r"(\d{1,6})\s*([smhd])", str(value))
    if not matched:
        msg = "must be a time, such as `60s`, `5m`, `26h` or `30d`"
        raise ValueError(msg)
    return timedelta(**{_UNITS[matched[2]]: int(matched[1])})


@dataclass(frozen=True, slots=True)
class Limit:
    """A number, or a percentage. None where there is no limit (`off`)."""

    number: int | None
    percent: bool = False

    def of(self, whole: int) -> int | None:
        """Return the number that a percentage of `whole` is."""
        if self.number is None or not self.percent:
            return self.number
        return whole * self.number // 100


def _limit(value: object) -> Limit:
    matched = re.fullmatch(r"(\d{1,9})\s*(%?)", str(value))
    if value == "off":
        return Limit(None)
    if not matched or (matched[2] and int(matched[1]) > 100):
        msg = "must be a number such as `200`, a percentage such as `20%`, or `off`"
        raise ValueError(msg)
    return Limit(int(matched[1]), percent=bool(matched[2]))


Every = Literal["newest", "file"]
"""Which files of a feed a job loads."""

Order = Literal["time", "name"]
"""What puts the files of a feed into their sequence."""

Hold = Literal["hold", "off"]
"""Whether a guard without a number holds a load."""

_TEXT = WithJsonSchema({"type": "string"})
Duration = Annotated[timedelta, BeforeValidator(_duration), _TEXT]
GuardLimit = Annotated[Limit, PlainValidator(_limit), _TEXT]
PickUp = Annotated[Location, PlainValidator(partial(_location, with_pattern=True)), _TEXT]
Folder = Annotated[Location, PlainValidator(partial(_location, with_pattern=False)), _TEXT]


def _secret(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\$[A-Za-z][A-Za-z0-9_]*", value):
        msg = (
            "must be the name of a setting, as in `$FEEDS_PASSWORD`; the secret itself is in the "
            "environment, in `.env` or in a folder of secrets"
        )
        raise ValueError(msg)
    if value.upper().startswith("$ALMA_"):
        msg = "must not be a setting of the importer, such as the API key"
        raise ValueError(msg)
    return value


Secret = Annotated[str, PlainValidator(_secret), _TEXT]
"""The name of a secret, as in `$FEEDS_PASSWORD`."""


def _address(value: object) -> str:
    if isinstance(value, str) and value.startswith("$"):
        return _secret(value)
    return web_address(str(value))


Address = Annotated[str, PlainValidator(_address), _TEXT]
"""A web address, or the name of a secret that is one."""


def web_address(text: str) -> str:
    """Return an address that a message may be sent to. Raises ValueError for another one."""
    with suppress(ValueError):  # of the port, or of brackets
        parts = urlsplit(text)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        fitting = re.fullmatch(r"[!-~]+", text) and parts.hostname and parts.port != 0
        if fitting and (parts.scheme == "https" or local):
            return text
    msg = (
        "must be an address that starts with https://, in ASCII and without blanks, or the name of "
        "a setting, as in `$URL`"
    )
    raise ValueError(msg)


def required(name: str, look_up: Callable[[str], SecretStr | None] = named) -> str:
    """Return the value of `$NAME`. Raises UsageError where it is not set, or may not be used."""
    name = name.removeprefix("$")
    if (value := look_up(name)) is None:
        msg = f"{name} is not set. Set it in the environment, in .env or in a folder of secrets."
        raise UsageError(msg)
    return value.get_secret_value()


class _Part(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """A closed part of the job file; every scalar of it arrives as text."""


class JobRoster(_Part):
    """One roster: where it is picked up, its mapping, and what happens to the file afterwards.

    `order`: what makes a file newer than another; `unchanged_for`: how long size and time must
    stay the same; `max_age`: how old it may be.
    """

    source: PickUp = Field(alias="from")
    mapping: Path
    order: Order = "time"
    unchanged_for: Duration = timedelta(seconds=60)
    max_age: Duration | None = None
    after: Literal["rename", "keep", "delete"] = "rename"


class GuardName(StrEnum):
    """The names of the guards, which are the keys of `guards:`."""

    ROWS = "rows"
    CREATES = "creates"
    REJECTS = "rejects"
    REVIEW = "review"
    ABSENT = "absent"
    MAPPING = "mapping"
    EARLIER = "earlier"


class Guards(_Part):
    """What an unattended load may do: fewest rows; most creates, rejects, reviews, absent people.

    A percentage of `rows` is of the largest of the last loads; the others are of this roster or the
    last one. `mapping`: a changed mapping; `earlier`: the content of an earlier file again.
    """

    rows: GuardLimit = Field(default_factory=lambda: Limit(80, percent=True))
    creates: GuardLimit = Field(default_factory=lambda: Limit(20, percent=True))
    rejects: GuardLimit = Field(default_factory=lambda: Limit(20, percent=True))
    review: GuardLimit = Field(default_factory=lambda: Limit(20, percent=True))
    absent: GuardLimit = Field(default_factory=lambda: Limit(20, percent=True))
    mapping: Hold = "hold"
    earlier: Hold = "hold"


class Notify(_Part):
    """Who is notified of what."""

    when: Literal["trouble", "changes", "always"] = "changes"
    email: tuple[str, ...] = ()
    chat: Address | None = None
    chat_format: Literal["slack", "teams", "json"] = "json"
    ping: Address | None = None


class Login(_Part):
    """How to log in to an SFTP server, and the file with the host keys that are known."""

    key: Path | None = None
    passphrase: Secret | None = None
    password: Secret | None = None
    known_hosts: Path | None = None


class JobFile(_Part):
    """The whole file."""

    version: Literal["1"]
    rosters: tuple[JobRoster, ...] = Field(min_length=1)
    every: Every = "newest"
    do: Literal["plan", "apply", "sis-load"]
    deliver_to: Folder | None = None
    rejects_to: Folder | None = None
    guards: Guards = Field(default_factory=Guards)
    notify: Notify = Field(default_factory=Notify)
    sftp: dict[Annotated[str, AfterValidator(str.lower)], Login] = Field(default_factory=dict)
    keep: Duration | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its file, which gives it its name, and what the file contains."""

    path: Path
    file: JobFile
    sha256: str
    """Of the file."""

    @property
    def longest_gap(self) -> timedelta | None:
        """How long after a load the next one may come: the shortest `max_age`."""
        return min((p.max_age for p in self.file.rosters if p.max_age is not None), default=None)

    @property
    def name(self) -> str:
        """The name of its state, its runs and its messages."""
        return self.path.stem


class JobFileError(MappingError):
    """A job file is wrong. `notify`: whom it notifies, as far as this can be read."""

    def __init__(self, findings: tuple[str, ...], notify: object) -> None:
        """Keep the keys of `notify:` that are right beside the findings; None if none is."""
        super().__init__(findings)
        right = {}
        for key, value in notify.items() if isinstance(notify, dict) else ():
            with suppress(ValidationError):
                Notify.model_validate({key: value})
                right[key] = value
        self.notify = Notify.model_validate(right) if right else None


ENDINGS = (".yaml", ".yml")
"""How the files end among which the jobs of a folder are."""


def check_name(path: Path) -> None:
    """Raise MappingError where a job file's name cannot be that of the job."""
    if not re.fullmatch(r"[\w.-]+", path.stem):
        msg = f"{path.name}: name the file with letters, digits, `-` and `_` only"
        raise MappingError((msg,))


def load_job(path: Path) -> Job:
    """Load a job file. Raises MappingError with every finding, each with its line and key.

    It is a JobFileError where the file can be read at all.
    """
    check_name(path)
    try:
        content = read_bounded(path, SIZE_LIMIT)
        source = read(path, content)
    except UnreadableFileError as error:
        raise MappingError((str(error),)) from None
    try:
        file = JobFile.model_validate(source.values)
    except ValidationError as error:
        findings = in_order(source, _findings(error))
        raise JobFileError(findings, source.values.get("notify")) from None
    wrong = (*_contradictions(file), *_own_files(file, path.stem))
    if contradictions := [MappingFinding(*finding) for finding in wrong]:
        raise JobFileError(in_order(source, contradictions), source.values.get("notify"))
    return Job(path, file, hashlib.sha256(content).hexdigest())


def _findings(error: ValidationError) -> list[MappingFinding]:
    findings = []
    for detail in error.errors():
        steps: KeyPath = detail["loc"]
        if detail["type"] == "too_short" and detail["input"]:  # its parts are at fault
            continue
        if detail["type"] == "extra_forbidden":
            wrong = f"is not a known key{nearest(str(steps[-1]), known_keys(steps, JobFile))}"
        elif detail["type"] == "missing" and len(steps) > 1:
            wrong, steps = f"`{steps[-1]}` is missing", steps[:-1]
        else:
            wrong = in_our_words(detail, steps)
        findings.append(MappingFinding(steps, wrong))
    return findings


def _contradictions(file: JobFile) -> Iterator[tuple[KeyPath, str]]:
    if file.do == "sis-load" and file.deliver_to is None:
        yield ("do",), "`sis-load` needs `deliver_to`, the folder that Alma reads"
    if file.do != "sis-load" and file.deliver_to is not None:
        yield ("deliver_to",), "is only for an SIS load"
    for number, address in enumerate(file.notify.email):
        if not re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", address) or not address.isascii():
            yield ("notify", "email", number), "is not an email address in ASCII"
    if file.keep is not None and not 1 <= file.keep / timedelta(days=1) <= 99_999:
        yield ("keep",), "must be from `1d` to `99999d`"


def _own_files(file: JobFile, name: str) -> Iterator[tuple[KeyPath, str]]:
    """Yield the folders in which a job would take what it puts there for a roster."""
    for key, place, end in (
        ("rejects_to", file.rejects_to, "-rejects.xlsx"),
        ("deliver_to", file.deliver_to, ".zip"),
    ):
        for source in (part.source for part in file.rosters):
            matches = fnmatchcase(f"2026-01-31T0315-{name}{end}", source.pattern)
            if matches and place is not None and place.in_folder == source.in_folder:
                yield (key,), f"is where `from` finds {source.pattern}; name another folder"
