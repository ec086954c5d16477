"""Settings, from the environment, folders of secrets, and `.env` in the current folder."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from importer.errors import AccessError, FileMissingError, UsageError
from importer.files import add_secret, read_text_bounded, write_atomically
from importer.model.text import word_list

KEY = "ALMA_API_KEY"
ENV = ".env"

ENV_BYTES = 64_000  # the largest `.env` that is read

REGION = "ALMA_REGION"

APPROVERS, TWO_PEOPLE = "ALMA_WEB_APPROVERS", "ALMA_WEB_TWO_PEOPLE"

DESTINATION = (REGION, "ALMA_BASE_URL", "ALMA_GATEWAY", "ALMA_CA_BUNDLE", "ALMA_PROXY")
"""The settings that decide where the key is sent, and which certificates are trusted there."""

MAIL = tuple(f"ALMA_MAIL_{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "FROM"))
"""The settings that decide where emails are sent, and the login there."""

WAY = ("ALMA_PROXY", "ALMA_CA_BUNDLE")
"""The settings that decide through what a message is sent, and which certificates it trusts."""

SECRET_FOLDERS = ("CREDENTIALS_DIRECTORY", "ALMA_SECRETS")
"""Names of variables with a folder of secrets: systemd sets the first, the second is ours."""

DOCKER_SECRETS = Path("/run/secrets")  # where Docker puts the secrets of a container

_MUST_BE = {
    "ALMA_RATE": "a number of calls a second, more than 0 and up to 50",
    "ALMA_RESERVE": "a whole number of calls, 0 or more",
    "ALMA_VERIFY_DELAY": "a number of seconds, from 0 to 3600",
    "ALMA_PLAN_DAYS": "a whole number of days, from 1 to 365",
    TWO_PEOPLE: "1 or 0",
    "ALMA_MAIL_PORT": "a port, from 1 to 65535",
}
"""The rule of each setting, for the message about a wrong value."""


class Settings(BaseSettings):
    """Settings of the place where the importer runs, not of a roster; a blank one is not set.

    `alma_rate` is in calls a second; `alma_reserve` is the number of the institution's daily API
    calls that are kept for others; `alma_verify_delay` is in seconds; `alma_plan_days` is in days.
    """

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, str_strip_whitespace=True
    )

    alma_api_key: SecretStr | None = None
    alma_region: str = ""
    alma_base_url: str = ""
    alma_gateway: str = ""
    alma_rate: float = Field(default=8, gt=0, le=50)
    alma_reserve: int = Field(default=0, ge=0)
    alma_verify_delay: float = Field(default=90, ge=0, le=3600)
    alma_plan_days: int = Field(default=7, ge=1, le=365)
    alma_ca_bundle: Path | None = None
    alma_proxy: str = ""
    alma_mail_host: str = ""
    alma_mail_port: int = Field(default=587, ge=1, le=65535)
    alma_mail_user: str = ""
    alma_mail_password: SecretStr | None = None
    alma_mail_from: str = ""
    alma_web_approvers: str = ""
    alma_web_two_people: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  replaced by ours
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the environment first, then the secrets, then a `.env` that can be trusted."""
        secrets = {name: value for name in settings_cls.model_fields if (value := _secret(name))}
        return (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, secrets),
            InitSettingsSource(settings_cls, {k.lower(): v for k, v in _trusted_env().items()}),
        )

    @classmethod
    def read(cls) -> Settings:
        """Return the settings. Raises UsageError for wrong ones, or a `.env` not to be trusted."""
        return cls._checked()._hidden()

    @classmethod
    def for_messages(cls, needed: tuple[str, ...]) -> Settings:
        """Return the settings for a message of a job, which may be about the wrong ones.

        A setting that is wrong and not `needed` has its default, as has one in a line of `.env`
        that cannot be read; nothing of a `.env` counts that cannot be trusted. Raises UsageError
        naming the needed ones that are wrong.
        """
        return cls._usable(needed)._hidden()

    @classmethod
    def without_secrets(cls) -> Settings:
        """Return the settings for the local page, which keeps no key. Raises as `read` does."""
        secrets = ("alma_api_key", "alma_mail_password")
        return cls._checked().model_copy(update=dict.fromkeys(secrets))

    @classmethod
    def _checked(cls) -> Settings:
        _read_env()  # to be refused whole where others can change it
        _check_source((KEY,), DESTINATION, "it is sent")
        return cls._usable(tuple(name.upper() for name in cls.model_fields))

    @classmethod
    def _usable(cls, needed: tuple[str, ...]) -> Settings:
        try:
            settings = cls()
        except ValidationError as error:
            names = dict.fromkeys(str(item["loc"][0]) for item in error.errors())
            wrong = [name.upper() for name in names if name.upper() in needed]
            if wrong:
                rules = (f"{name} must be {_MUST_BE.get(name, 'another value')}" for name in wrong)
                msg = f"These settings cannot be used: {'; '.join(rules)}. They are in "
                msg += f"the environment, in a folder of secrets or in {ENV}."
                raise UsageError(msg) from None
            settings = cls(**{name: cls.model_fields[name].default for name in names})
        if "\0" in str(settings.alma_ca_bundle or ""):
            msg = "ALMA_CA_BUNDLE is not a file name: it contains a control character."
            raise UsageError(msg)
        return settings

    def _hidden(self) -> Settings:
        """Return these settings, whose secrets no text shows from now on."""
        for secret in (self.alma_api_key, self.alma_mail_password):
            add_secret(secret.get_secret_value() if secret else "")
        if "@" in self.alma_proxy:  # with a user name and a password
            add_secret(self.alma_proxy)
        return self

    @property
    def key(self) -> SecretStr:
        """The API key. Raises AccessError where there is none, or everybody can read it."""
        env = Path(ENV)
        everybody = os.name == "posix" and env.is_file() and env.stat().st_mode & stat.S_IROTH
        if everybody and KEY in _read_env():
            msg = (
                f"Everybody on this computer can read {ENV}, which contains the API key. Run: "
                f"chmod 600 {ENV}. If other people use this computer, have a new key made."
            )
            raise AccessError(msg)
        if not (self.alma_api_key and self.alma_api_key.get_secret_value()):
            msg = f"There is no API key. Put {KEY}=… into the file {ENV} in this folder"
            if Path(f"{ENV}.txt").exists():
                msg += f": rename {ENV}.txt, whose ending an editor such as Notepad added."
            else:
                msg += ", or set it in the environment."
            raise AccessError(msg)
        return self.alma_api_key


def place_of_key() -> str:
    """Return where commands of the page have the API key from: `secrets` before ENV, else ""."""
    if _secret(KEY):
        return "secrets"
    return ENV if KEY in _trusted_env() else ""


def named(name: str) -> SecretStr | None:
    """Return a value by its name in the environment, a folder of secrets or `.env`, or None.

    For the passwords that a job names, which it sends to the server that it names. Raises
    UsageError as `Settings.read` does.
    """
    value = os.environ.get(name) or _secret(name) or _values(_env_lines()).get(name.upper())
    add_secret(value or "")
    return SecretStr(value) if value else None


def named_address(name: str) -> SecretStr | None:
    """Return a web address by its name, as `named` does: where a message of a job is sent.

    Raises UsageError where `.env` would decide where an address of the environment, or the counts
    of a load with the key of the environment, are sent.
    """
    _check_source((name.upper(),), WAY, "messages to it are sent")
    _check_source((KEY,), (name.upper(),), "messages about its loads are sent")
    return named(name)


def check_earlier_approvers() -> None:
    """Raise UsageError where a setting of versions 1.x says who approves on the page.

    If it were ignored, the wrong people would approve.
    """
    given = {name.upper(): value for name, value in os.environ.items() if value.strip()}
    for name in ("ALMA_WEB_ROLES", "ALMA_WEB_FOUR_EYES"):
        if value := given.get(name) or _secret(name) or _trusted_env().get(name):
            line = f"{TWO_PEOPLE}={value}"
            if name == "ALMA_WEB_ROLES":
                groups = re.search(r"approver\s*=\s*([^;]*)", value, re.IGNORECASE)
                line = f"{APPROVERS}={groups[1].strip() if groups else 'GROUP'}"
            msg = f"{name} was a setting of version 1. Replace it by this line: {line}"
            raise UsageError(msg)


def web_settings() -> Settings:
    """Return the settings for a call to the address of a chat or a monitoring service.

    Raises UsageError as `Settings.for_messages` does, and where `.env` would decide through what
    the counts of a load with the key of the environment are sent.
    """
    _check_source((KEY,), WAY, "messages about its loads are sent")
    return Settings.for_messages(WAY)


def mail_settings() -> Settings:
    """Return the settings, for an email.

    Raises UsageError where those that emails need are not set, and where `.env` would decide where
    emails are sent although the environment has the key or a setting for emails.
    """
    decides = (*MAIL, "ALMA_CA_BUNDLE")
    _check_source((*MAIL, KEY), decides, "emails are sent")
    settings = Settings.for_messages(decides)
    needed = {"ALMA_MAIL_HOST": settings.alma_mail_host, "ALMA_MAIL_FROM": settings.alma_mail_from}
    if missing := [name for name, value in needed.items() if not value]:
        msg = f"{' and '.join(missing)} must be set to send emails."
        raise UsageError(msg)
    return settings


def _secret(name: str) -> str | None:
    """Return the content of a file with this name, in any case, in a folder of secrets."""
    folders = [Path(os.environ[folder]) for folder in SECRET_FOLDERS if os.environ.get(folder)]
    for folder in (*folders, DOCKER_SECRETS):
        files = folder.iterdir() if folder.is_dir() and os.access(folder, os.R_OK) else ()
        for path in files:
            if path.name.lower() == name.lower() and path.is_file():
                return read_text_bounded(path, ENV_BYTES).strip()
    return None


def _env_lines() -> list[Binding]:
    """Return the lines of `.env`. Raises UsageError where it cannot be read or trusted.

    A folder of this name, as some make for a virtual environment, is not a settings file.
    """
    path = Path(ENV)
    if path.is_dir():
        return []
    try:
        text = read_text_bounded(path, ENV_BYTES)
    except FileMissingError:
        return []
    _require_trusted(path)
    return list(parse_stream(io.StringIO(text.replace("\r\n", "\n"))))


def _values(lines: Iterable[Binding]) -> dict[str, str]:
    """Return the settings as they are written, by their names in capital letters."""
    values = {line.key.upper(): line.value for line in lines if line.key}
    return {name: value for name, value in values.items() if value}


def _meant(binding: Binding) -> set[str]:
    """Return our settings that a line is about which is neither NAME=value nor a comment.

    Lines of other programs, and comments as they write them, are not ours to judge.
    """
    if not binding.error and re.fullmatch(r"[\w.-]*", binding.key or ""):
        return set()
    lines = (line.upper() for line in binding.original.string.splitlines())
    told = (line for line in lines if not line.lstrip().startswith((";", "/", "*", "--", "REM ")))
    words = {word for line in told for word in re.findall(r"\w+", line)[:2]}
    return words & {name.upper() for name in Settings.model_fields}


def _read_env() -> dict[str, str]:
    """Return the settings in `.env`. Raises UsageError for a line that is meant to be one."""
    lines = _env_lines()
    if wrong := next(filter(_meant, lines), None):
        text = wrong.original.string
        blank = text[: len(text) - len(text.lstrip())].count("\n")
        msg = (
            f"Line {wrong.original.line + blank} of {ENV} cannot be read. Write NAME=value, such "
            f"as {KEY}=…, with nothing before it, and a quotation mark at both ends or at none. A "
            "comment begins with #."
        )
        raise UsageError(msg)
    return _values(lines)


def _trusted_env() -> dict[str, str]:
    """Return the settings in lines of `.env` that can be read; none if it is not to be trusted."""
    try:
        return _values(_env_lines())
    except UsageError:
        return {}


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Set values in a `.env` file, which only its owner can read then; other lines stay.

    Raises UsageError where another person could have written the file, or it cannot be read.
    """
    kept: list[str] = []
    if path.exists():
        text = read_text_bounded(path, ENV_BYTES)
        _require_trusted(path)
        for binding in parse_stream(io.StringIO(text.rstrip() + "\n")):
            line = binding.original.string
            meant = _meant(binding) if "\n" not in line.strip() else set()
            if (binding.key or "").upper() not in values and meant.isdisjoint(values):
                kept.append(line)
    made = (f"{name}={value}\n" for name, value in values.items())
    write_atomically(path, "".join((*kept, *made)).encode())


def _require_trusted(path: Path) -> None:
    """Raise UsageError where another person could have written the file."""
    if os.name != "posix":
        return
    status = path.stat()
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = (
            f"Other people can change {path}, and with it where the API key is sent. Check its "
            f"content, then run: chmod 600 {path}"
        )
        raise UsageError(msg)
    if status.st_uid not in {os.geteuid(), 0}:
        msg = (
            f"{path} belongs to another user of this computer and is not used. Write a file of "
            "your own, or run the importer in another folder."
        )
        raise UsageError(msg)


def _check_source(secrets: tuple[str, ...], destinations: tuple[str, ...], what: str) -> None:
    """Raise UsageError where `.env` would decide where something of the environment is sent.

    A `.env` may come with a roster from elsewhere. It decides where its own secrets are sent, never
    where those of the environment, or of a folder of secrets, are sent.
    """
    values = _trusted_env()
    given = {name.upper() for name, value in os.environ.items() if value.strip()}
    given |= {name for name in (*secrets, *destinations) if _secret(name)}
    held = next((name for name in secrets if name in given), "")
    stray = [name for name in destinations if name in values and name not in given]
    if held and stray:
        verb = "decides" if len(stray) == 1 else "decide"
        msg = (
            f"{held} is set in the environment, so {ENV} must not decide where {what}, and "
            f"{word_list(stray)} in {ENV} {verb} that. Set {word_list(stray)} in the "
            f"environment too, or delete the line from {ENV}."
        )
        raise UsageError(msg)


def importer_command() -> tuple[str, ...]:
    """Return how this importer is started: by Python, as a zip application, or as a program."""
    started = Path(sys.argv[0])
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    if started.is_file() and zipfile.is_zipfile(started):
        return (sys.executable, str(started.resolve()))
    return (sys.executable, "-P", "-m", "importer")
