"""Settings, from the environment and from a `.env` file in the folder where one works."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from importer.errors import AccessError, UsageError

KEY = "ALMA_API_KEY"
ENV = ".env"

_MUST_BE = {
    "ALMA_RATE": "a number of calls a second, more than 0 and up to 50",
    "ALMA_RESERVE": "a whole number of calls, 0 or more",
    "ALMA_SETTLE": "a number of seconds, from 0 to 3600",
    "ALMA_PLAN_DAYS": "a whole number of days, 1 or more",
}
"""What is said of a setting that is wrong."""


class Settings(BaseSettings):
    """What is true of the place where the importer runs, not of a roster.

    `alma_rate` is in calls a second, `alma_reserve` in calls of the day that are left to others,
    `alma_settle` in seconds before an unknown outcome is looked up; `alma_plan_days` is how old a
    plan may be when it is begun.
    """

    model_config = SettingsConfigDict(
        env_file=ENV,
        env_file_encoding="utf-8-sig",  # some editors put a mark before what they save as UTF-8
        extra="ignore",
        frozen=True,
    )

    alma_api_key: SecretStr | None = None
    alma_region: str = ""
    alma_base_url: str = ""
    alma_gateway: str = ""
    alma_rate: float = Field(default=8, gt=0, le=50)
    alma_reserve: int = Field(default=0, ge=0)
    alma_settle: float = Field(default=90, ge=0, le=3600)
    alma_plan_days: int = Field(default=7, ge=1)
    alma_ca_bundle: Path | None = None

    @classmethod
    def read(cls) -> Settings:
        """The settings as they are now.

        Raises UsageError naming the ones that are wrong, or where `.env` is not text.
        """
        try:
            return cls()
        except UnicodeError:
            msg = f"{ENV} is not plain text (UTF-8): save it anew as UTF-8."
            raise UsageError(msg) from None
        except ValidationError as error:
            names = dict.fromkeys(str(item["loc"][0]).upper() for item in error.errors())
            wrong = [f"{name} must be {_MUST_BE.get(name, 'another text')}" for name in names]
            msg = f"Settings that cannot be used: {'; '.join(wrong)}."
            raise UsageError(msg) from None

    @property
    def key(self) -> SecretStr:
        """The API key. Raises AccessError where there is none, or others can read it in `.env`."""
        if _is_open(Path(ENV)):
            msg = (
                f"Everybody on this computer can read {ENV}, which holds the API key. Type: "
                f"chmod 600 {ENV}. If others work here, have a new key made."
            )
            raise AccessError(msg)
        if self.alma_api_key is None or not self.alma_api_key.get_secret_value().strip():
            msg = (
                f"There is no API key. Put {KEY}=… into the file .env in this folder, "
                "or into the environment."
            )
            raise AccessError(msg)
        return self.alma_api_key


def _is_open(env: Path) -> bool:
    """Does the file hold the key, and may everybody on this computer read it?"""
    if os.name != "posix" or not env.is_file() or not env.stat().st_mode & stat.S_IROTH:
        return False
    return KEY.encode() in env.read_bytes().upper()
