"""What the programs of seven libraries do, in plain Python: the record of a row, by their rules.

Each takes a row and returns its record as `path: text`, or "skipped" or "rejected". Left out is
what an importer adds by itself: segments, preferred entries, the types of record and account. The
programs' own defects are not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Row = Mapping[str, str]
Record = dict[str, str]

TODAY, IN_6_MONTHS, IN_30_MONTHS = "2026-08-20", "2027-02-20", "2029-02-20"


def of(**fields: str) -> Record:
    """Return a record's own fields, without the blank ones."""
    return {name: text for name, text in fields.items() if text}


def entry(path: str, **fields: str) -> Record:
    """Return the fields of an entry; `path` names its list and type."""
    return {f"{path}.{name}": text for name, text in fields.items() if text}


def peoplesoft(row: Row) -> Record | str:
    """Addresses by group; no retirees; a home email only for people without a campus email."""
    if row["EMPLID"] == "" or (row["Status"] == "Retired" and row["Group"] != "EMER"):
        return "skipped"
    in_library = row["Department"].startswith("Lib-") and row["Group"] in ("STAFF", "P")
    group = "LIB" if in_library else row["Group"]
    eligible = row["Eligible"] == "E"
    record = of(
        primary_id=row["EMPLID"], first_name=row["First"], middle_name=row["Middle"],
        last_name=row["Last"], user_group=group, status="ACTIVE" if eligible else "INACTIVE",
        expiry_date=row["Expires"] if eligible else TODAY,
    )  # fmt: skip
    student = group in ("UGRD", "SENR")
    places = (
        [("school", "Dorm"), ("home", "Perm")]
        if student
        else [("work", "Campus"), ("home", "Home")]
    )
    for kind, name in places:
        if row[f"{name} 1"]:
            path = f"contact_info.address[{kind}]"
            record |= entry(path, line1=row[f"{name} 1"], city=row[f"{name} City"], country="USA")
    if row["Campus Email"]:
        record |= entry("contact_info.email[work]", email_address=row["Campus Email"])
    elif row["Home Email"]:
        record |= entry("contact_info.email[personal]", email_address=row["Home Email"])
    record |= entry("user_identifier[BARCODE]", value=row["Barcode"])
    record |= entry("user_identifier[NET_ID]", value=row["NetID"])
    if row["Category"]:
        record[f"user_statistic[{row['Category']}]"] = ""
    return record


def kerberos_staff(row: Row) -> Record | str:
    """Everybody has an address, if only a placeholder; nobody is loaded without a Kerberos name."""
    if not row["KRB_NAME"]:
        return "skipped"
    last, first = row["FULL_NAME"].split(", ")
    record = of(
        primary_id=row["KRB_NAME"] + "@EXAMPLE.ORG", first_name=first, last_name=last,
        user_group="02" if row["PERSONNEL_AREA"] == "Academic" else "03",
        preferred_language="en", expiry_date=IN_6_MONTHS, purge_date=IN_30_MONTHS, status="ACTIVE",
    )  # fmt: skip
    line = row["OFFICE_ADDRESS"] or "NO ADDRESS ON FILE IN DATA WAREHOUSE"
    record |= entry(
        "contact_info.address[work]", line1=line, line3="University", postal_code="00000"
    )
    record |= entry("contact_info.email[work]", email_address=row["EMAIL"])
    if phone := row["OFFICE_PHONE"]:
        number = f"{phone[:3]}-{phone[3:6]}-{phone[6:]}"
        record |= entry("contact_info.phone[office]", phone_number=number)
    record |= entry("user_identifier[02]", value=row["UNIV_ID"])
    if row["LIBRARY_ID"] != "NONE":
        record |= entry("user_identifier[01]", value=row["LIBRARY_ID"])
    record[f"user_statistic[{row['DEPT']}]"] = ""
    return record


def kerberos_students(row: Row) -> Record | str:
    """Nobody whom the staff file has; an office phone only beside a campus phone."""
    if row["UNIV_ID"] == "900000011" or not row["KRB_NAME"]:
        return "skipped"
    preferred = row["PREF_FIRST"]
    record = of(
        primary_id=row["KRB_NAME"] + "@EXAMPLE.ORG", first_name=row["FIRST_NAME"],
        last_name=row["LAST_NAME"], expiry_date=IN_6_MONTHS,
        pref_first_name=preferred if preferred != row["FIRST_NAME"] else "",
        user_group="54" if row["STUDENT_YEAR"] == "G" else "53",
    )  # fmt: skip
    if row["TERM_STREET1"]:
        record |= entry(
            "contact_info.address[school]", line1=row["TERM_STREET1"], line2=row["TERM_STREET2"],
            city=row["TERM_CITY"],
        )  # fmt: skip
    if row["TERM_PHONE"]:
        record |= entry("contact_info.phone[home]", phone_number=row["TERM_PHONE"])
        record |= entry("contact_info.phone[office]", phone_number=row["OFFICE_PHONE"])
    return record


GROUPS = {"05": ("FACULTY", "2027-08-20"), "03": ("UNIV STAFF", "2027-06-16"),
          "02": ("GRAD", "2026-12-18"), "00": ("UNDER PRIV", "2026-11-18")}  # fmt: skip
"""By code, in the order of weight: the group, and today in 365, 300, 120 or 90 days."""


def fs_codes(row: Row) -> Record | str:
    """The code of most weight decides; who was not paid or enrolled for 180 days expires today."""
    codes = row["C"].split("~")
    group, expires = next((GROUPS[code] for code in GROUPS if code in codes), ("", ""))
    if not group:
        return "skipped"
    employed = group in ("FACULTY", "UNIV STAFF")
    last_day = row["G"] if employed else row["F"] and row["F"] + "01"
    if last_day and last_day < "20260221":  # 180 days ago
        expires = TODAY
    last, _, names = row["B"].partition(", ")
    first, _, middle = names.partition(" ")
    record = of(
        primary_id=row["A"], last_name=last, first_name=first or "NONE", middle_name=middle,
        user_group=group, expiry_date=expires, purge_date="9999-12-31",  # 2382-12-21 in the program
    )  # fmt: skip
    if row["D"]:
        record |= entry("contact_info.address[home]", line1=row["D"], city=row["E"], country="USA")
    if "@" in row["H"]:
        record |= entry("contact_info.email[school]", email_address=row["H"])
    return record


def distance(row: Row) -> Record | str:
    """The suffix -distance where the ZIP is not local; faculty who take classes are students."""
    if not row["stu_username"]:
        return "skipped"
    takes_classes = row["stu_major"] not in ("", "0000")
    patron, zip_code = row["patron"], row["zip_1"][:5]
    base = {"FACULTY": "gradasst" if takes_classes else "faculty", "STAFF": "staff",
            "GRADUATE": "grad", "UNDERGRADUATE": "undergrad"}[patron]  # fmt: skip
    away = zip_code not in ("", "97201", "97202")
    # December 14 is the first end of a term after today; patrons keep their cards 132 days more
    expires, purged = {
        "faculty": ("2028-06-30", "2028-12-27"), "gradasst": ("2028-06-30", "2028-12-27"),
        "staff": ("2027-06-30", "2027-12-27"),
    }.get(base, ("2027-01-31", "2027-07-30"))  # fmt: skip
    group = base + ("-distance" if away else "")
    record = of(
        primary_id=row["stu_username"] + "@campus.example.org",
        first_name=row["pref_first_name"] or row["first_name"], last_name=row["last_name"],
        user_group=group, expiry_date=expires, purge_date=purged,
    )  # fmt: skip
    if row["street_line1"]:
        kind = "work" if group == "faculty" else "home" if away else "school"
        record |= entry(
            f"contact_info.address[{kind}]", line1=row["street_line1"], city=row["city_1"],
            postal_code=zip_code,
        )  # fmt: skip
    if row["email"]:
        kind = "work" if row["email"].endswith("@campus.example.org") else "personal"
        record |= entry(f"contact_info.email[{kind}]", email_address=row["email"])
    digits = "".join(filter(str.isdigit, row["phone"]))
    if digits:
        kind = "office" if digits.startswith("503555") else "home"
        number = f"{digits[:3]}-{digits[3:6]}-{digits[6:10]}"
        record |= entry(f"contact_info.phone[{kind}]", phone_number=number)
    record |= entry("user_identifier[BARCODE]", value=row["id_number"])
    for category in (row["orgn_desc"].split(" ")[0], "COAD - MHCC" if row["coadmit"] else ""):
        if category:
            record[f"user_statistic[{category}]"] = ""
    return record


def faculty_and_students(row: Row) -> Record | str:
    """Nobody whom the faculty file has; a status that is not known rejects the row."""
    if row["ID"] == "L0003":
        return "skipped"
    if row["Status"] not in ("Full", "Part"):
        return "rejected"
    group, expires = {"Law": ("LAWSTU", "2029-08-20"), "CAS": ("UGRD", "2026-08-31")}[
        row["College"]
    ]
    return of(
        primary_id=row["ID"], first_name=row["First"], last_name=row["Last"], user_group=group,
        expiry_date=expires,
    )  # fmt: skip


def youth(row: Row) -> Record | str:
    """The group by the age today; a birth date is month, day and year in eight digits."""
    digits = row["Born"].zfill(8) if row["Born"] else ""
    born = digits[4:] + digits[:4]
    group = "ADULT"
    for younger_than, name in ((18, "TEEN"), (13, "CHILD")):
        if born > f"{2026 - younger_than}0820":
            group = name
    if born and born <= "19610820":
        group = "SENIOR"
    return of(
        primary_id=row["Card"], first_name=row["First"], last_name=row["Last"], user_group=group,
        birth_date=f"{born[:4]}-{born[4:6]}-{born[6:]}" if born else "",
    )  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A program, and cells for its roster: those of each row, by `{n}` and `{name}`, and others.

    Every combination of `choices` makes a row.
    """

    rules: Callable[[Row], Record | str]
    each: Row
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PROGRAMS = {
    "peoplesoft": Program(
        peoplesoft,
        {"EMPLID": "9{n:08}", "First": "Ann", "Last": "{name}", "Expires": "2027-05-15",
         "NetID": "a{n}", "Dorm City": "Trenton", "Perm 1": "5 Elm Ct", "Perm City": "Fargo",
         "Campus City": "Trenton", "Home 1": "8 Ash Rd", "Home City": "Camden"},
        {"Group": ("UGRD", "SENR", "STAFF", "P", "EMER"), "Status": ("Active", "Retired"),
         "Department": ("Lib-Maps", "History"), "Eligible": ("E", "I"), "Category": ("", "UG"),
         "Campus Email": ("", "work@example.org"), "Home Email": ("", "home@example.org"),
         "Dorm 1": ("", "1 Dorm Hall"), "Campus 1": ("7 Library Pl",)},
    ),
    "kerberos-staff": Program(
        kerberos_staff,
        {"UNIV_ID": "9{n:08}", "FULL_NAME": "{name}, Ann Q", "DEPT": "ZLIB"},
        {"KRB_NAME": ("", "K{n}"), "PERSONNEL_AREA": ("Academic", "Staff"),
         "EMAIL": ("", "work@example.org"), "OFFICE_ADDRESS": ("", "14S-308"),
         "OFFICE_PHONE": ("", "6175550101"), "LIBRARY_ID": ("", "NONE", "2123{n:010}")},
    ),
    "kerberos-students": Program(
        kerberos_students,
        {"UNIV_ID": "9{n:08}", "FIRST_NAME": "Edgar", "LAST_NAME": "{name}", "TERM_CITY": "Boston"},
        {"KRB_NAME": ("", "K{n}"), "PREF_FIRST": ("", "Edgar", "Ed"), "STUDENT_YEAR": ("1", "G"),
         "TERM_STREET1": ("1 Elm Ct",), "TERM_STREET2": ("", "Room 12"),
         "TERM_PHONE": ("", "617-555-0103"), "OFFICE_PHONE": ("", "617-555-0104")},
    ),
    "fs-codes": Program(
        fs_codes,
        {"A": "81{n:07}", "D": "1 Elm Ct", "E": "Athens"},
        {"B": ("{name}, ANN QUINN", "{name}, BO", "{name}"),
         "C": ("00", "00~02", "03~00", "05~99", "02~03~05", "99", ""),
         "F": ("", "202608", "202602", "202501"), "G": ("", "20260815", "20260221", "20260220"),
         "H": ("", "x", "ann@example.org")},
    ),
    "distance": Program(
        distance,
        {"id_number": "93{n:07}", "last_name": "{name}", "first_name": "Cyrus", "city_1": "Bend",
         "street_line1": "1 Elm Ct"},
        {"patron": ("FACULTY", "STAFF", "GRADUATE", "UNDERGRADUATE"),
         "zip_1": ("97201-1234", "97202", "97701"), "stu_major": ("", "0000", "MUS"),
         "email": ("", "a{n}@campus.example.org", "a{n}@example.org"),
         "phone": ("", "(503) 555-0101", "971-555-0102"), "coadmit": ("", "Coadmit - Mt Hood CC"),
         "stu_username": ("", "u{n}"), "pref_first_name": ("Cy",), "orgn_desc": ("LIB Library",)},
    ),
    "faculty-and-students": Program(
        faculty_and_students,
        {"ID": "M{n:04}", "First": "Ann", "Last": "{name}"},
        {"College": ("Law", "CAS"), "Status": ("Full", "Part", "Alum")},
    ),
    "youth": Program(
        youth,
        {"Card": "2{n:06}", "First": "Ann", "Last": "{name}"},
        {"Born": ("", "8202008", "08212008", "8202013", "8212013", "08201961", "8211961",
                  "12311950", "1012000")},
    ),
}  # fmt: skip
