"""Answers of success, read: each reader gives its value, or None where it is not what was asked.

Nothing is raised, so that no error holds a piece of a patron's record.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import ValidationError

from importer.alma.answers import Answer
from importer.model.codes import CodeRow
from importer.model.user import User

T = TypeVar("T")
Reader = Callable[[Answer], T | None]

NO_PRIMARY_ID = "no primary id ("
"""How Alma's lists show contacts that have none (contract 3.2)."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of a list of users, and how many the whole list has.

    The page may be shorter than asked for: contacts without a primary identifier are left out,
    and the primary identifiers of entries that could not be understood are in `unreadable`.
    """

    users: tuple[User, ...]
    total: int
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Institution:
    """Which Alma this is. `environment` is `production` or `sandbox`, or what Alma calls it."""

    code: str
    name: str
    environment: str
    url: str


def read_user(answer: Answer) -> User | None:
    """A whole user; a body without a primary identifier is none."""
    try:
        user = User.from_json(answer.body)
    except ValidationError:
        return None
    return user if user.primary_id else None


def user_reader(user_id: str) -> Reader[User]:
    """Return a reader that takes only a user who has this identifier, primary or additional."""

    def read(answer: Answer) -> User | None:
        user = read_user(answer)
        return user if user is not None and _has(user, user_id) else None

    return read


def _has(user: User, user_id: str) -> bool:
    ids = [user.primary_id, *(entry.value for entry in user.user_identifier or ())]
    return _folded(user_id) in {_folded(text) for text in ids if text}


def _folded(user_id: str) -> str:
    return unicodedata.normalize("NFC", user_id.strip()).casefold()


def read_users(answer: Answer) -> UserPage | None:
    """A page of users. With no hit, Alma leaves the list out or sends none (contract 2.2)."""
    page = _object(answer)
    if page is None or ("user" not in page and "total_record_count" not in page):
        return None
    users: list[User] = []
    unreadable: list[str] = []
    for entry in _entries(page.get("user")):
        primary_id = _text(entry.get("primary_id"))
        if not primary_id or primary_id.startswith(NO_PRIMARY_ID):
            continue
        try:
            users.append(User.model_validate(entry))
        except ValidationError:
            unreadable.append(primary_id)
    total = _count(page.get("total_record_count"))
    return UserPage(tuple(users), len(users) if total is None else total, tuple(unreadable))


def read_code_table(answer: Answer) -> tuple[CodeRow, ...] | None:
    """The rows of a code table."""
    table = _object(answer)
    if table is None or ("row" not in table and "name" not in table):
        return None
    return tuple(
        CodeRow(
            _text(row.get("code")),
            _text(row.get("description")),
            enabled=_text(row.get("enabled")).lower() != "false",
        )
        for row in _entries(table.get("row"))
    )


def read_libraries(answer: Answer) -> tuple[CodeRow, ...] | None:
    """The libraries, as codes with their names."""
    page = _object(answer)
    if page is None or ("library" not in page and "total_record_count" not in page):
        return None
    return tuple(
        CodeRow(_text(row.get("code")), _text(row.get("name")))
        for row in _entries(page.get("library"))
    )


def read_institution(answer: Answer) -> Institution | None:
    """The institution; a body without its code is none."""
    general = _object(answer)
    code = _text(general.get("institution")) if general else ""
    if general is None or not code:
        return None
    return Institution(
        code=code,
        name=_description(general.get("institution")),
        environment=_text(general.get("environment_type")).lower(),
        url=_text(general.get("alma_url")),
    )


def read_deleted(answer: Answer) -> Literal[True] | None:
    """That a user was deleted: Alma says so by status 204 and by nothing else."""
    return True if answer.status == 204 else None


def read_nothing(answer: Answer) -> Literal[True] | None:
    """That all went well, where no body is expected; a web page in its place is not well."""
    page = answer.body[:200].lstrip().lower()
    html = page.startswith((b"<!doctype html", b"<html")) or "html" in answer.content_type.lower()
    return None if html else True


def _object(answer: Answer) -> dict[str, object] | None:
    try:
        value: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _entries(value: object) -> Iterator[dict[str, object]]:
    """The objects of a list; of one object that stands alone, that one; of nothing, none."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield entry


def _text(value: object) -> str:
    """A value as text, whether it stands alone or as a code with a description."""
    inner = value.get("value") if isinstance(value, dict) else value
    return str(inner) if isinstance(inner, str | int | float) else ""


def _count(value: object) -> int | None:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _description(value: object) -> str:
    return _text(value.get("desc")) if isinstance(value, dict) else ""
