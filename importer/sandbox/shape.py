"""The user record as tables: every field, its kind, its length and how Alma prints it empty.

One description serves reading and writing, JSON and XML (contract 1.1 to 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a field holds."""

    TEXT = auto()
    CODE = auto()  # JSON {"value", "desc"}; XML text with a desc attribute
    CODES = auto()  # a list of them, in XML inside a wrapper
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
    """One field. `length` is the most characters it takes, None for any number of them."""

    name: str
    kind: Kind = Kind.TEXT
    length: int | None = 255
    table: str = ""
    empty: Empty = Empty.BLANK
    attribute: bool = False
    wrapper: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A list of entries. `wrapper` is the XML element around them."""

    name: str
    wrapper: str
    fields: tuple[Field, ...]
    parts: tuple[Part, ...] = ()
    segmented: bool = True
    contact: bool = False


def _code(name: str, table: str = "", length: int = 255) -> Field:
    return Field(name, Kind.CODE, length, table)


def _date(name: str) -> Field:
    return Field(name, Kind.DATE, None, empty=Empty.ABSENT)


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
    _code("record_type", "AddNewUserOptions"),
    Field("primary_id"),
    Field("first_name"),
    Field("middle_name"),
    Field("last_name"),
    Field("full_name", length=600),
    Field("pin_number"),
    _code("user_title", "UserTitles"),
    _code("job_category", "JobTitles"),
    Field("job_description"),
    _code("gender", "Genders"),
    _code("user_group", "UserGroups"),
    Field("campus_code", Kind.CODE, 50, "Campuses", Empty.NULL_VALUE),
    Field("web_site_url"),
    _code("cataloger_level", "CatalogerLevel"),
    _code("preferred_language", "UserPreferredLanguage"),
    _date("birth_date"),
    _date("expiry_date"),
    _date("purge_date"),
    _code("account_type", "UserUserType"),
    Field("external_id"),
    Field("password"),
    Field("force_password_change", length=4),
    _code("status", "ContentStructureStatus"),
    _date("status_date"),
    Field("pref_first_name"),
    Field("pref_middle_name"),
    Field("pref_last_name"),
    Field("pref_name_suffix"),
    _bool("is_researcher"),
    Field("source_institution_code", length=None, empty=Empty.ABSENT),
    Field("source_link_id", length=None, empty=Empty.ABSENT),
)
# Alma makes these itself; in a body they are read over (contract 3.1).
OUTPUT_ONLY = frozenset(
    {
        "full_name",
        "status_date",
        "source_institution_code",
        "source_link_id",
    }
)
# Elements of Alma's schema that the sandbox reads over, whatever they hold.
IGNORED = frozenset(
    {
        "last_patron_activity_date",
        "requests",
        "loans",
        "fees",
        "proxy_for_users",
        "linking_id",
        "researcher",
    }
)

ADDRESS = Part(
    "address",
    "addresses",
    (
        Field("preferred", Kind.BOOL, None, attribute=True),
        _SEGMENT,
        Field("line1", length=None),
        *(_optional(f"line{number}") for number in range(2, 6)),
        Field("city"),
        Field("state_province"),
        Field("postal_code"),
        Field("country", Kind.CODE, 255, "CountryCodes", Empty.NULL),
        Field("address_note", length=1000),
        _date("start_date"),
        _date("end_date"),
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
ROLE = Part(
    "user_role",
    "user_roles",
    (
        _code("status", "UserRoleStatus"),
        _code("scope", "Scopes", 50),
        _code("role_type", "HFrUserRoles.roleType"),
        _date("expiry_date"),
    ),
    parts=(
        Part(
            "parameter",
            "parameters",
            (_code("type"), _code("scope"), _code("value")),
            segmented=False,
        ),
    ),
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

CONTACTS = (ADDRESS, EMAIL, PHONE)  # the order that Alma's XML schema demands
USER_PARTS = (
    *CONTACTS,
    IDENTIFIER,
    ROLE,
    BLOCK,
    NOTE,
    STATISTIC,
    RS_LIBRARY,
    LIBRARY_NOTICE,
)
SEGMENTED = tuple(part for part in USER_PARTS if part.segmented)
BRIEF_PARTS = ("email", "user_identifier", "user_statistic")
