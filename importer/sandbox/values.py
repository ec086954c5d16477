"""Single values as they come in, by the rules of Alma's XML schema (lengths, dates, characters)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from importer.sandbox.refusal import Said

# What XML 1.0 cannot hold, Alma cannot store.
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def as_text(value: str, length: int | None) -> str:
    """The text itself; refused if too long or if it holds a character that XML cannot."""
    if (length is not None and len(value) > length) or ILLEGAL.search(value):
        raise Said.UNREADABLE.refuse()
    return value


def as_date(value: str) -> str:
    """An xs:date as YYYY-MM-DD; its zone is dropped."""
    match = _DATE.fullmatch(value.strip())
    if match is None:
        raise Said.UNREADABLE.refuse()
    try:
        return date.fromisoformat(match[1]).isoformat()
    except ValueError as error:
        raise Said.UNREADABLE.refuse() from error


def as_time(value: str) -> str:
    """An xs:dateTime as Alma prints it: UTC, milliseconds, Z."""
    if _TIME.fullmatch(value.strip()) is None:
        raise Said.UNREADABLE.refuse()
    try:
        moment = datetime.fromisoformat(value.strip())
        return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise Said.UNREADABLE.refuse() from error


def stamp(moment: datetime) -> str:
    """A moment as Alma prints it, such as 2026-08-20T09:30:00.000Z."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def as_flag(value: str) -> bool:
    """An xs:boolean."""
    match value.strip():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise Said.UNREADABLE.refuse()
