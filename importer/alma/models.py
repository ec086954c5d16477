"""What Alma sends, as models: users, code tables, the institution, and error envelopes.

A reader turns the body of a reply into its value, or into None where it is not what was asked for.
Nothing is raised, so that no error contains a piece of a patron's record.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, Field, ValidationError

from importer.model.fields import CodeRow
from importer.model.run import AlmaFacts
from importer.model.user import Amount, User

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Reader = Callable[[bytes], T | None]

OBLIGATIONS = "loans,requests,fees"
"""What to ask for with `expand` (contract 2.2) before a user is deleted."""


def _text(value: object) -> str:
    """Return a value as text; the code of a coded field."""
    inner = value.get("value") if isinstance(value, dict) else value
    return str(inner).strip() if isinstance(inner, str | int | float) else ""


def _entries(value: object) -> list[dict[str, object]]:
    """Return the objects of a list; a single object counts as a list of one."""
    return [
        entry
        for entry in (value if isinstance(value, list) else [value])
        if isinstance(entry, dict)
    ]


Text = Annotated[str, BeforeValidator(_text)]
Entries = BeforeValidator(_entries)


class ApiError(BaseModel, frozen=True):
    """The first error of an envelope: Alma's code, text and tracking ID, blank if it gave none."""

    code: Text = Field("", alias="errorCode")
    said: Text = Field("", alias="errorMessage")
    tracking_id: Text = Field("", alias="trackingId")


class _Envelope(BaseModel, frozen=True):
    """An error in JSON (contract 2.3), bare or inside `web_service_result`."""

    errors: Annotated[list[ApiError], Entries] = Field(
        validation_alias=AliasChoices(
            AliasPath("errorList", "error"), AliasPath("web_service_result", "errorList", "error")
        )
    )


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of a list of users, and how many the whole list has.

    The page may be shorter than asked for: contacts without a primary ID are left out, and
    `unreadable` has the primary IDs of entries that could not be understood.
    """

    users: tuple[User, ...]
    total: int
    unreadable: tuple[str, ...] = ()


class Institution(BaseModel, frozen=True):
    """Which Alma this is. `environment` is `production` or `sandbox`, or what Alma calls it."""

    code: Text = Field(validation_alias="institution")
    name: Text = Field("", validation_alias=AliasPath("institution", "desc"))
    environment: Annotated[str, BeforeValidator(lambda raw: _text(raw).lower())] = Field(
        "", validation_alias="environment_type"
    )

    def facts(self, base_url: str) -> AlmaFacts:
        """Return what a run keeps of it."""
        return AlmaFacts(
            base_url=base_url, institution=self.code, name=self.name, environment=self.environment
        )


class _UserList(BaseModel, frozen=True):
    user: Annotated[list[dict[str, Any]], Entries] = []
    total_record_count: Text = ""


class _Row(BaseModel, frozen=True):
    """A row of a code table, or a library."""

    code: Text = ""
    description: Text = Field("", validation_alias=AliasChoices("description", "name"))
    enabled: Text = ""


class _Table(BaseModel, frozen=True):
    name: Text = Field("", validation_alias=AliasChoices("name", "total_record_count"))
    row: Annotated[list[_Row], Entries] = Field([], validation_alias=AliasChoices("row", "library"))


def _read(model: type[M], body: bytes) -> M | None:
    """The body as a model; None if it is something else, or has none of the model's keys."""
    try:
        read = model.model_validate_json(body)
    except ValidationError:
        return None
    return read if read.model_fields_set else None


def read_user(body: bytes) -> User | None:
    """A whole user; a body without a primary ID is none."""
    try:
        user = User.from_json(body)
    except ValidationError:
        return None
    return user if user.primary_id else None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A user of whom a field cannot be understood."""

    field: str


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def user_reader(user_id: str) -> Reader[User | Unreadable]:
    """Return a reader that takes only a user who has this ID, primary or additional."""

    def read(body: bytes) -> User | Unreadable | None:
        try:
            user = User.from_json(body)
        except ValidationError as error:
            field = ".".join(
                str(name) for name in error.errors()[0]["loc"] if isinstance(name, str)
            )
            return Unreadable(field) if field else None
        ids = [user.primary_id, *(entry.value for entry in user.user_identifier or ())]
        has_it = user.primary_id and _folded(user_id) in {_folded(text) for text in ids if text}
        return user if has_it else None

    return read


def read_users(body: bytes) -> UserPage | None:
    """A page of users. With no hit, Alma leaves the list out or sends none (contract 2.2)."""
    page = _read(_UserList, body)
    if page is None:
        return None
    users: list[User] = []
    unreadable: list[str] = []
    for entry in page.user:
        primary_id = _text(entry.get("primary_id"))
        if not primary_id or primary_id.startswith("no primary id ("):  # a contact's, contract 3.2
            continue
        try:
            users.append(User.model_validate(entry))
        except ValidationError:
            unreadable.append(primary_id)
    count = page.total_record_count
    is_count = count.isascii() and count.isdigit() and len(count) < 12
    return UserPage(tuple(users), int(count) if is_count else len(users), tuple(unreadable))


def read_table(body: bytes) -> tuple[CodeRow, ...] | None:
    """The rows of a code table, or the libraries, as codes with their names."""
    table = _read(_Table, body)
    if table is None:
        return None
    return tuple(
        CodeRow(row.code, row.description, enabled=row.enabled.lower() != "false")
        for row in table.row
    )


def read_error(body: bytes) -> ApiError | None:
    """The error of a JSON envelope, or None if the body is none."""
    envelope = _read(_Envelope, body)
    return envelope.errors[0] if envelope and envelope.errors and envelope.errors[0].code else None


def read_institution(body: bytes) -> Institution | None:
    """The institution; a body without its code is none."""
    institution = _read(Institution, body)
    return institution if institution and institution.code else None


def read_nothing(body: bytes) -> Literal[True] | None:
    """True, whatever the body, unless it is a web page: no body is expected."""
    return None if body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")) else True


def obligations(user: User) -> str:
    """What the user still has to do with the library, as `2 loans, fees`; blank if nothing.

    It keeps the user from being deleted. A count that Alma does not give may be anything, so it
    counts: a deletion cannot be undone.
    """
    return ", ".join(
        shown
        for name in OBLIGATIONS.split(",")
        if (shown := _obligation(name, getattr(user, name)))
    )


def _obligation(name: str, amount: Amount | None) -> str:
    try:
        count = float(amount.value) if amount is not None and amount.value is not None else None
    except ValueError:
        count = None
    if count is None:
        return f"{name} that Alma does not count"
    if not count or name == "fees":
        return name if count else ""
    return f"{count:.0f} {name.removesuffix('s') if count == 1 else name}"
