"""Alma's user record (contract section 1), by Alma's own names, in Alma's own JSON shape.

Every key that Alma sends is kept, also those that a newer Alma may add, and only what was set is
sent back: reading a record and writing it again loses nothing. What Alma's documents
state about a field (its length, its code table) is kept beside the field as `Facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class AccountType(StrEnum):
    """Who manages the user (contract 1.2, account_type)."""

    INTERNAL = "INTERNAL"  # the library; the primary ID is the barcode
    EXTERNAL = "EXTERNAL"  # the student information system; the primary ID is the SIS ID (EMPL ID)

    @property
    def segment(self) -> str:
        """The segment_type that we own in such a user's lists."""
        return "Internal" if self is AccountType.INTERNAL else "External"


DELETED = "DELETED"  # the status of a user whose record Alma keeps after deleting it (contract 3.3)


class Reach(Enum):
    """Who may set a field."""

    SETTABLE = "settable"
    INTERNAL_ONLY = "internal only"
    OUTPUT = "output"  # Alma returns it and ignores it on input


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a field in Alma. Lengths are in characters; 0 is unbounded.

    `table` is the code table's name in Alma, blank where values are free. `sticky`: an External
    user's value that was edited by hand in Alma is kept unless overridden. `sis`: taken by the SIS
    load. `required`: an entry without it is not an entry.
    """

    length: int = 255
    table: str = ""
    sticky: bool = False
    sis: bool = True
    required: bool = False
    reach: Reach = Reach.SETTABLE


OUTPUT = Facts(reach=Reach.OUTPUT)


def _day(value: object) -> object:
    """Alma prints dates as 1990-03-01Z and an unset one, in old records, as blank."""
    return value.removesuffix("Z") or None if isinstance(value, str) else value


def _almas_day(value: date | None) -> str | None:
    return None if value is None else f"{value.isoformat()}Z"


Day = Annotated[date | None, BeforeValidator(_day), PlainSerializer(_almas_day)]
"""A date without a time, in Alma's notation."""


class RecordPart(BaseModel):
    """A part of the record: frozen, and open for what a newer Alma adds."""

    # deferred: a check only asks which fields there are, and builds no record
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class Coded(RecordPart):
    """A code and Alma's description of it; the description is ignored on input."""

    value: str | None = None
    desc: str | None = None


Text = str | None
Flag = bool | None
Code = Coded | None
Codes = tuple[Coded, ...] | None
"""The types of most fields; None is not set."""


class Amount(RecordPart):
    """A count or a sum that Alma reports, with a link to what it counts; older Almas quote it."""

    value: int | float | str | None = None
    link: str | None = None


class Segment(RecordPart):
    """An entry of a list: owned by the library (Internal) or the SIS (External)."""

    segment_type: Annotated[Text, Facts(10, sis=False)] = None


class Address(Segment):
    """A postal address."""

    preferred: Annotated[Flag, Facts(0)] = None
    line1: Annotated[Text, Facts(0, required=True)] = None
    line2: Annotated[Text, Facts()] = None
    line3: Annotated[Text, Facts()] = None
    line4: Annotated[Text, Facts()] = None
    line5: Annotated[Text, Facts()] = None
    city: Annotated[Text, Facts()] = None
    state_province: Annotated[Text, Facts()] = None
    postal_code: Annotated[Text, Facts()] = None
    country: Annotated[Code, Facts(table="CountryCodes")] = None
    address_note: Annotated[Text, Facts(1000)] = None
    start_date: Annotated[Day, Facts(0)] = None
    end_date: Annotated[Day, Facts(0)] = None
    address_type: Annotated[Codes, Facts(table="UserAddressTypes", required=True)] = None


class Email(Segment):
    """An email address."""

    preferred: Annotated[Flag, Facts(0)] = None
    email_address: Annotated[Text, Facts(required=True)] = None
    description: Annotated[Text, Facts()] = None
    email_type: Annotated[Codes, Facts(table="UserEmailTypes", required=True)] = None


class Phone(Segment):
    """A phone number."""

    preferred: Annotated[Flag, Facts(0)] = None
    preferred_sms: Annotated[Flag, Facts(0)] = None
    phone_number: Annotated[Text, Facts(required=True)] = None
    phone_type: Annotated[Codes, Facts(table="UserPhoneTypes", required=True)] = None


class ContactInfo(RecordPart):
    """How to reach the user. The order of the three lists is that of Alma's schema."""

    address: tuple[Address, ...] | None = None
    email: tuple[Email, ...] | None = None
    phone: tuple[Phone, ...] | None = None


class UserIdentifier(Segment):
    """An identifier beside the primary one. All share one space of values (contract 3.2)."""

    id_type: Annotated[Code, Facts(table="UserIdentifierTypes", required=True)] = None
    value: Annotated[Text, Facts(required=True)] = None
    note: Annotated[Text, Facts(2000)] = None
    status: Annotated[Text, Facts()] = None


class UserNote(Segment):
    """A note on the user."""

    note_type: Annotated[Code, Facts(table="NoteTypes", required=True)] = None
    note_text: Annotated[Text, Facts(2000, required=True)] = None
    user_viewable: Annotated[Flag, Facts(0)] = None
    popup_note: Annotated[Flag, Facts(0)] = None
    created_by: Annotated[Text, OUTPUT] = None
    created_date: Annotated[Text, OUTPUT] = None


class UserBlock(Segment):
    """A block that keeps the user from borrowing."""

    block_type: Annotated[Code, Facts(table="UserBlockTypes")] = None
    block_description: Annotated[Code, Facts(table="UserBlockDescription", required=True)] = None
    block_status: Annotated[Text, Facts()] = None
    block_note: Annotated[Text, Facts(2000)] = None
    created_by: Annotated[Text, OUTPUT] = None
    created_date: Annotated[Text, OUTPUT] = None
    expiry_date: Annotated[Text, OUTPUT] = None
    item_loan_id: Annotated[Text, OUTPUT] = None


class UserStatistic(Segment):
    """A statistical category that the user counts in."""

    statistic_category: Annotated[Code, Facts(table="UserStatCategories", required=True)] = None
    category_type: Annotated[Code, Facts(table="UserStatisticalTypes", reach=Reach.OUTPUT)] = None
    statistic_note: Annotated[Text, Facts(2000)] = None


class UserRole(RecordPart):
    """A role of the user. Of all roles, an update may write the Patron role only."""

    status: Coded | None = None
    scope: Coded | None = None
    role_type: Coded | None = None
    expiry_date: str | None = None


class ProxyForUser(RecordPart):
    """A user for whom this user may borrow."""

    primary_id: Annotated[Text, Facts(sis=False, required=True)] = None
    full_name: Annotated[Text, OUTPUT] = None
    proxy_type: Annotated[Text, OUTPUT] = None
    link: Annotated[Text, OUTPUT] = None


class RsLibrary(RecordPart):
    """A resource-sharing library."""

    code: Annotated[Code, Facts(50, table="Libraries", required=True)] = None


class LibraryNotice(RecordPart):
    """A notice that the user takes or does not take."""

    code: Annotated[Code, Facts(table="LibraryNoticesOptInDisplay", required=True)] = None
    value: Annotated[Flag, Facts(0, required=True)] = None


class User(RecordPart):
    """The whole user. Fields that Alma only reports are ignored by Alma on input."""

    record_type: Annotated[Code, Facts(table="AddNewUserOptions", sis=False)] = None
    primary_id: Annotated[Text, Facts()] = None
    first_name: Annotated[Text, Facts()] = None
    middle_name: Annotated[Text, Facts()] = None
    last_name: Annotated[Text, Facts()] = None
    full_name: Annotated[Text, Facts(600, reach=Reach.OUTPUT)] = None
    pref_first_name: Annotated[Text, Facts(sticky=True)] = None
    pref_middle_name: Annotated[Text, Facts(sticky=True)] = None
    pref_last_name: Annotated[Text, Facts(sticky=True)] = None
    pref_name_suffix: Annotated[Text, Facts()] = None
    pin_number: Annotated[Text, Facts(sticky=True)] = None
    user_title: Annotated[Code, Facts(table="UserTitles", sticky=True)] = None
    job_category: Annotated[Code, Facts(table="JobTitles", sticky=True)] = None
    job_description: Annotated[Text, Facts()] = None
    gender: Annotated[Code, Facts(table="Genders")] = None
    user_group: Annotated[Code, Facts(table="UserGroups", sticky=True)] = None
    campus_code: Annotated[Code, Facts(50, table="Campuses", sticky=True)] = None
    web_site_url: Annotated[Text, Facts()] = None
    cataloger_level: Annotated[Code, Facts(sticky=True)] = None
    preferred_language: Annotated[Code, Facts(table="UserPreferredLanguage", sticky=True)] = None
    birth_date: Annotated[Day, Facts(0)] = None
    expiry_date: Annotated[Day, Facts(0)] = None
    purge_date: Annotated[Day, Facts(0)] = None
    account_type: Annotated[Code, Facts(table="UserUserType", sis=False)] = None
    external_id: Annotated[Text, Facts(sis=False)] = None
    password: Annotated[Text, Facts(sis=False, reach=Reach.INTERNAL_ONLY)] = Field(
        default=None, repr=False
    )
    force_password_change: Annotated[Text, Facts(4, sis=False, reach=Reach.INTERNAL_ONLY)] = None
    status: Annotated[Code, Facts(table="ContentStructureStatus")] = None
    status_date: Annotated[Day, OUTPUT] = None
    last_patron_activity_date: Annotated[Day, OUTPUT] = None
    requests: Annotated[Amount | None, OUTPUT] = None
    loans: Annotated[Amount | None, OUTPUT] = None
    fees: Annotated[Amount | None, OUTPUT] = None
    contact_info: ContactInfo | None = None
    user_identifier: tuple[UserIdentifier, ...] | None = None
    user_role: tuple[UserRole, ...] | None = None
    user_block: tuple[UserBlock, ...] | None = None
    user_note: tuple[UserNote, ...] | None = None
    user_statistic: tuple[UserStatistic, ...] | None = None
    proxy_for_user: tuple[ProxyForUser, ...] | None = None
    rs_library: Annotated[tuple[RsLibrary, ...] | None, Facts(sticky=True)] = None
    library_notice: Annotated[tuple[LibraryNotice, ...] | None, Facts(sticky=True)] = None
    source_link_id: Annotated[Text, OUTPUT] = None
    source_institution_code: Annotated[Text, OUTPUT] = None
    linking_id: Annotated[Text, OUTPUT] = None
    is_researcher: Annotated[Flag, OUTPUT] = None
    link: Annotated[Text, OUTPUT] = None

    @property
    def id_key(self) -> str:
        """The primary ID without case, as Alma compares it; "" if there is none."""
        return (self.primary_id or "").casefold()

    def to_json(self) -> str:
        """The body as Alma takes it: what was set, nothing else."""
        return self.model_dump_json(exclude_unset=True)

    @classmethod
    def from_json(cls, body: str | bytes) -> User:
        """Return the user of a body that Alma sent. Raises pydantic's ValidationError."""
        return cls.model_validate_json(body)
