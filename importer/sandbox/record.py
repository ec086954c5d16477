"""A user as the practice Alma keeps it, and the table of its fields.

A `Record` holds fields by Alma's names and nothing that was not given: text (codes and ISO dates
too), booleans, lists of codes (`address_type`) and lists of further records (`address`, ...). An
absent key and an empty value mean the same. The contact lists are kept beside the other lists;
`contact_info` exists in JSON and XML only.

`USER_FIELDS` and `USER_PARTS` describe every field: its kind, length, code table and how Alma shows
it when it is empty. Both formats are read and written by them (contract 1.1 to 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TypeAlias

Value: TypeAlias = "str | bool | list[str] | list[Record]"
Record: TypeAlias = "dict[str, Value]"

INTERNAL = "INTERNAL"
EXTERNAL = "EXTERNAL"


def text(record: Record, name: str) -> str:
    """Return the text, code or date of a field; blank if there is none."""
    value = record.get(name, "")
    return value if isinstance(value, str) else ""


def flag(record: Record, name: str) -> bool:
    """Return whether a boolean field is set."""
    return record.get(name) is True


def codes(record: Record, name: str) -> list[str]:
    """Return the codes of a list such as `address_type`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def entries(record: Record, name: str) -> list[Record]:
    """Return the entries of a list such as `user_identifier`."""
    value = record.get(name, [])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def full_name(record: Record) -> str:
    """Return first, middle and last name; Alma shows at most 600 characters."""
    names = (text(record, name) for name in ("first_name", "middle_name", "last_name"))
    return " ".join(name for name in names if name)[:600]


def timestamp(moment: datetime) -> str:
    """Return a moment as Alma prints it, such as 2026-08-20T09:30:00.000Z."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


class Kind(Enum):
    """The type of a field's value."""

    TEXT = auto()
    CODE = auto()  # JSON {"value", "desc"}; XML text with a desc attribute
    CODES = auto()  # a list of codes; in XML inside a wrapper element
    DATE = auto()
    TIME = auto()
    BOOL = auto()


class Empty(Enum):
    """How JSON shows a field without a value."""

    BLANK = auto()  # "" or {"value": "", "desc": ""}
    NULL = auto()  # null or {"value": null, "desc": null}
    NULL_VALUE = auto()  # {"value": null, "desc": ""}
    ABSENT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `length` is the maximum number of characters, None for no limit."""

    name: str
    kind: Kind = Kind.TEXT
    length: int | None = 255
    table: str = ""
    empty: Empty = Empty.BLANK
    attribute: bool = False
    wrapper: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A list of entries, in XML inside the element `wrapper`.

    `segmented`: entries are Internal or External; `contact`: the list is under `contact_info`.
    """

    name: str
    wrapper: str
    fields: tuple[Field, ...]
    parts: tuple[Part, ...] = ()
    segmented: bool = True
    contact: bool = False


def _code(name: str, table: str = "", length: int = 255) -> Field:
    return Field(name, Kind.CODE, length, table)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def _dates(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Kind.DATE, None, empty=Empty.ABSENT) for name in names)


def _time(name: str) -> Field:
    return Field(name, Kind.TIME, None, empty=Empty.ABSENT)


def _bool(name: str, *, attribute: bool = False) -> Field:
    return Field(name, Kind.BOOL, None, attribute=attribute)


def _types(name: str, table: str) -> Field:
    return Field(name, Kind.CODES, 255, table, wrapper=f"{name}s")


def _optional(name: str, length: int = 255) -> Field:
    return Field(name, length=length, empty=Empty.NULL)


_SEGMENT = Field("segment_type", length=10, empty=Empty.ABSENT, attribute=True)
_CREATED = (Field("created_by", empty=Empty.ABSENT), _time("created_date"))

USER_FIELDS = (
    *_texts("primary_id", "first_name", "middle_name", "last_name", "pin_number"),
    *_texts("pref_first_name", "pref_middle_name", "pref_last_name", "pref_name_suffix"),
    *_texts("job_description", "web_site_url", "external_id", "password"),
    Field("full_name", length=600),
    Field("force_password_change", length=4),
    _code("record_type", "AddNewUserOptions"),
    _code("account_type", "UserUserType"),
    _code("status", "ContentStructureStatus"),
    _code("user_group", "UserGroups"),
    _code("user_title", "UserTitles"),
    _code("job_category", "JobTitles"),
    _code("gender", "Genders"),
    _code("cataloger_level", "CatalogerLevel"),
    _code("preferred_language", "UserPreferredLanguage"),
    Field("campus_code", Kind.CODE, 50, "Campuses", Empty.NULL_VALUE),
    *_dates("birth_date", "expiry_date", "purge_date", "status_date"),
    _bool("is_researcher"),
    Field("source_institution_code", length=None, empty=Empty.ABSENT),
    Field("source_link_id", length=None, empty=Empty.ABSENT),
)
# Alma sets these itself and ignores them in a body (contract 3.1).
OUTPUT_ONLY = frozenset({"full_name", "status_date", "source_institution_code", "source_link_id"})
ADDRESS = Part(
    "address",
    "addresses",
    (
        _bool("preferred", attribute=True),
        _SEGMENT,
        Field("line1", length=None),
        *(_optional(f"line{number}") for number in range(2, 6)),
        *_texts("city", "state_province", "postal_code"),
        Field("country", Kind.CODE, 255, "CountryCodes", Empty.NULL),
        Field("address_note", length=1000),
        *_dates("start_date", "end_date"),
        _types("address_type", "UserAddressTypes"),
    ),
    contact=True,
)
EMAIL = Part(
    "email",
    "emails",
    (
        _bool("preferred", attribute=True),
        _SEGMENT,
        Field("email_address"),
        _optional("description"),
        _types("email_type", "UserEmailTypes"),
    ),
    contact=True,
)
PHONE = Part(
    "phone",
    "phones",
    (
        _bool("preferred", attribute=True),
        _bool("preferred_sms", attribute=True),
        _SEGMENT,
        Field("phone_number"),
        _types("phone_type", "UserPhoneTypes"),
    ),
    contact=True,
)
IDENTIFIER = Part(
    "user_identifier",
    "user_identifiers",
    (
        _SEGMENT,
        _code("id_type", "UserIdentifierTypes"),
        Field("value"),
        _optional("note", 2000),
        Field("status"),
    ),
)
_PARAMETER = Part(
    "parameter", "parameters", (_code("type"), _code("scope"), _code("value")), segmented=False
)
ROLE = Part(
    "user_role",
    "user_roles",
    (
        _code("status", "UserRoleStatus"),
        _code("scope", "Scopes", 50),
        _code("role_type", "HFrUserRoles.roleType"),
        *_dates("expiry_date"),
    ),
    parts=(_PARAMETER,),
    segmented=False,
)
BLOCK = Part(
    "user_block",
    "user_blocks",
    (
        _SEGMENT,
        _code("block_type", "UserBlockTypes"),
        _code("block_description", "UserBlockDescription"),
        Field("block_status"),
        _optional("block_note", 2000),
        *_CREATED,
        _time("expiry_date"),
        Field("item_loan_id", length=None, empty=Empty.ABSENT),
    ),
)
NOTE = Part(
    "user_note",
    "user_notes",
    (
        _SEGMENT,
        _code("note_type", "NoteTypes"),
        Field("note_text", length=2000),
        _bool("user_viewable"),
        _bool("popup_note"),
        *_CREATED,
    ),
)
STATISTIC = Part(
    "user_statistic",
    "user_statistics",
    (
        _SEGMENT,
        _code("statistic_category", "UserStatCategories"),
        Field("category_type", Kind.CODE, 255, "UserStatisticalTypes", Empty.ABSENT),
        _optional("statistic_note", 2000),
    ),
)
RS_LIBRARY = Part("rs_library", "rs_libraries", (_code("code", "Libraries", 50),), segmented=False)
LIBRARY_NOTICE = Part(
    "library_notice",
    "library_notices",
    (_code("code", "LibraryNoticesOptInDisplay"), _bool("value")),
    segmented=False,
)

CONTACTS = (ADDRESS, EMAIL, PHONE)  # in the order of Alma's XML schema
USER_PARTS = (
    *CONTACTS, IDENTIFIER, ROLE, BLOCK, NOTE, STATISTIC, RS_LIBRARY, LIBRARY_NOTICE,
)  # fmt: skip
SEGMENTED = tuple(part for part in USER_PARTS if part.segmented)
BRIEF_PARTS = ("email", "user_identifier", "user_statistic")
