"""The code and mapping tables of the practice institution (contract 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

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
# ISO 3166-1 alpha-3.
_COUNTRIES = """\
ABW Aruba|AFG Afghanistan|AGO Angola|AIA Anguilla|ALA Åland Islands|ALB Albania|AND Andorra
ARE United Arab Emirates|ARG Argentina|ARM Armenia|ASM American Samoa|ATA Antarctica
ATF French Southern Territories|ATG Antigua and Barbuda|AUS Australia|AUT Austria|AZE Azerbaijan
BDI Burundi|BEL Belgium|BEN Benin|BES Bonaire, Sint Eustatius and Saba|BFA Burkina Faso
BGD Bangladesh|BGR Bulgaria|BHR Bahrain|BHS Bahamas|BIH Bosnia and Herzegovina
BLM Saint Barthélemy|BLR Belarus|BLZ Belize|BMU Bermuda|BOL Bolivia|BRA Brazil|BRB Barbados
BRN Brunei|BTN Bhutan|BVT Bouvet Island|BWA Botswana|CAF Central African Republic|CAN Canada
CCK Cocos (Keeling) Islands|CHE Switzerland|CHL Chile|CHN China|CIV Côte d'Ivoire|CMR Cameroon
COD Congo, Democratic Republic|COG Congo|COK Cook Islands|COL Colombia|COM Comoros
CPV Cabo Verde|CRI Costa Rica|CUB Cuba|CUW Curaçao|CXR Christmas Island|CYM Cayman Islands
CYP Cyprus|CZE Czechia|DEU Germany|DJI Djibouti|DMA Dominica|DNK Denmark|DOM Dominican Republic
DZA Algeria|ECU Ecuador|EGY Egypt|ERI Eritrea|ESH Western Sahara|ESP Spain|EST Estonia
ETH Ethiopia|FIN Finland|FJI Fiji|FLK Falkland Islands|FRA France|FRO Faroe Islands
FSM Micronesia|GAB Gabon|GBR United Kingdom|GEO Georgia|GGY Guernsey|GHA Ghana|GIB Gibraltar
GIN Guinea|GLP Guadeloupe|GMB Gambia|GNB Guinea-Bissau|GNQ Equatorial Guinea|GRC Greece
GRD Grenada|GRL Greenland|GTM Guatemala|GUF French Guiana|GUM Guam|GUY Guyana|HKG Hong Kong
HMD Heard and McDonald Islands|HND Honduras|HRV Croatia|HTI Haiti|HUN Hungary|IDN Indonesia
IMN Isle of Man|IND India|IOT British Indian Ocean Territory|IRL Ireland|IRN Iran|IRQ Iraq
ISL Iceland|ISR Israel|ITA Italy|JAM Jamaica|JEY Jersey|JOR Jordan|JPN Japan|KAZ Kazakhstan
KEN Kenya|KGZ Kyrgyzstan|KHM Cambodia|KIR Kiribati|KNA Saint Kitts and Nevis|KOR Korea, South
KWT Kuwait|LAO Laos|LBN Lebanon|LBR Liberia|LBY Libya|LCA Saint Lucia|LIE Liechtenstein
LKA Sri Lanka|LSO Lesotho|LTU Lithuania|LUX Luxembourg|LVA Latvia|MAC Macao|MAF Saint Martin
MAR Morocco|MCO Monaco|MDA Moldova|MDG Madagascar|MDV Maldives|MEX Mexico|MHL Marshall Islands
MKD North Macedonia|MLI Mali|MLT Malta|MMR Myanmar|MNE Montenegro|MNG Mongolia
MNP Northern Mariana Islands|MOZ Mozambique|MRT Mauritania|MSR Montserrat|MTQ Martinique
MUS Mauritius|MWI Malawi|MYS Malaysia|MYT Mayotte|NAM Namibia|NCL New Caledonia|NER Niger
NFK Norfolk Island|NGA Nigeria|NIC Nicaragua|NIU Niue|NLD Netherlands|NOR Norway|NPL Nepal
NRU Nauru|NZL New Zealand|OMN Oman|PAK Pakistan|PAN Panama|PCN Pitcairn|PER Peru
PHL Philippines|PLW Palau|PNG Papua New Guinea|POL Poland|PRI Puerto Rico|PRK Korea, North
PRT Portugal|PRY Paraguay|PSE Palestine|PYF French Polynesia|QAT Qatar|REU Réunion|ROU Romania
RUS Russia|RWA Rwanda|SAU Saudi Arabia|SDN Sudan|SEN Senegal|SGP Singapore
SGS South Georgia and the South Sandwich Islands|SHN Saint Helena|SJM Svalbard and Jan Mayen
SLB Solomon Islands|SLE Sierra Leone|SLV El Salvador|SMR San Marino|SOM Somalia
SPM Saint Pierre and Miquelon|SRB Serbia|SSD South Sudan|STP Sao Tome and Principe|SUR Suriname
SVK Slovakia|SVN Slovenia|SWE Sweden|SWZ Eswatini|SXM Sint Maarten|SYC Seychelles|SYR Syria
TCA Turks and Caicos Islands|TCD Chad|TGO Togo|THA Thailand|TJK Tajikistan|TKL Tokelau
TKM Turkmenistan|TLS Timor-Leste|TON Tonga|TTO Trinidad and Tobago|TUN Tunisia|TUR Türkiye
TUV Tuvalu|TWN Taiwan|TZA Tanzania|UGA Uganda|UKR Ukraine|UMI US Minor Outlying Islands
URY Uruguay|USA United States|UZB Uzbekistan|VAT Holy See|VCT Saint Vincent and the Grenadines
VEN Venezuela|VGB Virgin Islands, British|VIR Virgin Islands, U.S.|VNM Viet Nam|VUT Vanuatu
WLF Wallis and Futuna|WSM Samoa|YEM Yemen|ZAF South Africa|ZMB Zambia|ZWE Zimbabwe"""
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
    tables["CountryCodes"] = dict(
        _split(e) for line in _COUNTRIES.split("\n") for e in line.split("|")
    )
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
