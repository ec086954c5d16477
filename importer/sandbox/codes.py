"""The code and mapping tables of the practice institution (contract 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from importer.sandbox.countries import COUNTRIES
from importer.sandbox.json_format import Json

INSTITUTION = ("01SANDBOX_INST", "Sandbox University")

_DEFAULTS: dict[str, str] = {
    "AddNewUserOptions": "PUBLIC Public|STAFF Staff|CONTACT Contact",
    "UserUserType": "INTERNAL Internal|EXTERNAL External",
    "ContentStructureStatus": "ACTIVE Active|INACTIVE Inactive|DELETED Deleted",
    "UserRoleStatus": "ACTIVE Active|INACTIVE Inactive",
    "UserGroups": (
        "COMM Community|FRIEND Friends of the Library|STAFF Staff|FACULTY Faculty"
        "|UGRD Undergraduate|GRAD Graduate|EMER Emeritus|SPEC Special|RECIP Reciprocal"
    ),
    "UserIdentifierTypes": (
        "BARCODE Barcode|UNIV_ID University ID|INST_ID Institution ID|NET_ID Network ID"
        "|OTHER_ID_1 Additional ID 1|OTHER_ID_2 Additional ID 2|01 Barcode (01)"
        "|02 Additional ID (02)|03 Additional ID (03)|FACEBOOK Facebook ID for social login"
    ),
    "UserAddressTypes": (
        "home Home|work Work|school School|alternative Alternative|order Order|claim Claim"
        "|payment Payment|returns Returns|billing Billing|shipping Shipping|office Office|ALL All"
    ),
    "UserEmailTypes": (
        "personal Personal|work Work|school School|alternative Alternative"
        "|orderMail Order|claimMail Claim|paymentMail Payment|returnsMail Returns"
    ),
    "UserPhoneTypes": (
        "home Home|mobile Mobile|office Office|officeFax Office fax"
        "|orderPhone Order|claimPhone Claim|paymentPhone Payment|returnsPhone Returns"
    ),
    "NoteTypes": (
        "OTHER Other|LIBRARY Library|ADDRESS Address|BARCODE Barcode|CIRCULATION Circulation"
        "|ERP ERP|POPUP General|REGISTAR Registrar"
    ),
    "UserBlockTypes": "GENERAL General|LOAN Loan",
    "UserBlockDescription": (
        "02-GLOBAL Block (02)(GLOBAL)|06-LOCAL Block (06)(LOCAL)|CONSORTIA Consortium block"
    ),
    "UserStatCategories": (
        "COMMUNITY Community|STAFF Staff|STUDENT Student|FACULTY Faculty|ALUMNI Alumni"
        "|VISITOR Visitor|RESIDENT Resident"
    ),
    "UserStatisticalTypes": "AFFILIATION Affiliation|DEPARTMENT Department",
    "UserPreferredLanguage": "en English|es Spanish|fr French|de German",
    "Genders": "MALE Male|FEMALE Female|OTHER Other|NONE None",
    "UserTitles": "MR Mr.|MRS Mrs.|MS Ms.|MX Mx.|DR Dr.|PROF Prof.",
    "JobTitles": "Cataloger Cataloger|CircDesk Circulation Desk Operator|Librarian Librarian",
    "Campuses": "MAIN Main Campus|DOWNTOWN Downtown Campus",
    "CatalogerLevel": "00 [00] Default Level|10 [10] Basic|20 [20] Full",
    "LibraryNoticesOptInDisplay": (
        "FulUserBorrowingActivityLetter Borrowing activity|FulOverdueNotificationLetter Overdue"
    ),
    "HFrUserRoles.roleType": (
        "200 Patron|204 Cataloger|214 Circulation Desk Operator|37 Receiving Operator"
        "|51 Requests Operator|55 Purchasing Manager|21 User Manager|26 General Administrator"
    ),
}
# Not code tables in Alma: campuses and libraries have menus of their own.
_UNLISTED = frozenset({"Campuses", "Libraries", "Scopes"})

# Types for CONTACT records (vendors) only.
_VENDOR_ONLY: dict[str, frozenset[str]] = {
    "UserAddressTypes": frozenset(
        {"order", "claim", "payment", "returns", "billing", "shipping", "office", "ALL"}
    ),
    "UserEmailTypes": frozenset({"orderMail", "claimMail", "paymentMail", "returnsMail"}),
    "UserPhoneTypes": frozenset({"orderPhone", "claimPhone", "paymentPhone", "returnsPhone"}),
}
MAPPING_TABLES = {
    "UserRecordType2AddressType": "UserAddressTypes",
    "UserRecordType2EmailType": "UserEmailTypes",
    "UserRecordType2PhoneType": "UserPhoneTypes",
    "UserRecordTypeUserGroup": "UserGroups",
}


@dataclass(frozen=True, slots=True)
class Library:
    """A library of the institution."""

    code: str
    name: str
    resource_sharing: bool


LIBRARIES = (
    Library("MAIN_LIB", "Main Library", resource_sharing=False),
    Library("LAW", "Law Library", resource_sharing=False),
    Library("RES_SHARE", "Resource Sharing Library", resource_sharing=True),
)


def _defaults() -> dict[str, dict[str, str]]:
    tables = {
        name: dict(_split(entry) for entry in rows.split("|")) for name, rows in _DEFAULTS.items()
    }
    tables["CountryCodes"] = dict(COUNTRIES)
    tables["Libraries"] = {library.code: library.name for library in LIBRARIES}
    tables["Scopes"] = {INSTITUTION[0]: INSTITUTION[1], **tables["Libraries"]}
    return tables


def _split(entry: str) -> tuple[str, str]:
    code, _, words = entry.partition(" ")
    return code, words


@dataclass(slots=True)
class CodeTables:
    """The code tables, to which an institution can add rows."""

    tables: dict[str, dict[str, str]] = field(default_factory=_defaults)

    def has(self, table: str, code: str) -> bool:
        """Return whether the code is in the table; case matters."""
        return code in self.tables.get(table, {})

    def describe(self, table: str, code: str) -> str:
        """Return the description of a code; blank if the table does not have it."""
        return self.tables.get(table, {}).get(code, "")

    def allowed(self, table: str, code: str, record_type: str) -> bool:
        """Return whether users of this record type may have this code of the table."""
        return record_type == "CONTACT" or code not in _VENDOR_ONLY.get(table, frozenset())

    def add(self, table: str, rows: dict[str, str]) -> bool:
        """Add rows to a table; return False if there is no such table."""
        if table not in self.tables:
            return False
        self.tables[table].update(rows)
        return True

    def names(self) -> list[str]:
        """Return the names of the tables that the configuration API shows."""
        return sorted(name for name in self.tables if name not in _UNLISTED)

    def show(self, name: str, language: str) -> Json:
        """Return a table as GET /conf/code-tables/{name} shows it."""
        rows: list[Json] = [
            {"code": code, "description": words, "default": index == 0, "enabled": True}
            for index, (code, words) in enumerate(self.tables[name].items())
        ]
        return {
            "name": name,
            "description": name,
            "sub_system": {"value": "INFRA", "desc": "Infrastructure"},
            "patron_facing": True,
            "language": {
                "value": language,
                "desc": self.describe("UserPreferredLanguage", language),
            },
            "scope": {"institution_id": {"value": INSTITUTION[0], "desc": INSTITUTION[1]}},
            "row": rows,
        }

    def show_mapping(self, name: str) -> Json:
        """Return a mapping table: which record type may have which code."""
        table = MAPPING_TABLES[name]
        rows: list[Json] = [
            {"column0": record_type, "column1": code, "enabled": True}
            for record_type in self.tables["AddNewUserOptions"]
            for code in self.tables[table]
            if self.allowed(table, code, record_type)
        ]
        return {"name": name, "description": name, "row": rows}
