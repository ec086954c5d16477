"""Makes the sample rosters: invented people, mostly sound rows, and one of every kind of problem.

Run by `make samples`. The same script gives the same files, byte for byte.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.workbook import Format, Workbook
from xlsxwriter.worksheet import Worksheet

from importer.sandbox.configuration import PracticeCodes
from importer.sandbox.invented import people
from importer.sandbox.users import EXTERNAL, entries, text

HERE = Path(__file__).parent

Row = dict[str, str]

COMMUNITY = (
    "Barcode", "First Name", "Middle", "Last Name", "Patron Type", "Email", "Alternate Email",
    "Phone", "Street", "Apt", "City", "State", "ZIP", "DOB", "Expires", "Comments",
)  # fmt: skip

CAMPUS = (
    "EMPL ID", "First Name", "Middle Name", "Last Name", "Preferred First Name", "Role", "Email",
    "Campus Email", "Phone", "Address", "City", "State", "ZIP", "Birth Date", "Card Barcode",
    "Campus", "Expiration Date",
)  # fmt: skip

PEOPLE = (
    ("Ana", "M.", "Núñez"), ("Søren", "", "Ødegård"), ("Mary Jane", "", "O'Brien"),
    ("Thi Minh", "", "Trần"), ("Zoë", "K.", "van der Meer"), ("李", "", "王"),
    ("Amara", "", "Okonkwo-Reyes"), ("Grace", "L.", "Whitfield"), ("Tomás", "", "de la Cruz"),
    ("Ivy", "", "NA"), ("Noor", "", "Haddad"), ("Owen", "P.", "McAllister"),
    ("Freya", "", "Lindqvist"), ("Mateo", "", "Ibarra"), ("Priya", "S.", "Raman"),
    ("Jonas", "", "Weiß"), ("Leilani", "", "Kealoha"), ("Hugo", "", "Fontaine"),
    ("Sadie", "R.", "Blackwood"), ("Emeka", "", "Adeyemi"), ("Clara", "", "Fjord"),
    ("Wendell", "T.", "Park"), ("Beatriz", "", "Salgado"), ("Kenji", "", "Morimoto"),
    ("Ruth", "", "Eisenberg"), ("Desmond", "", "Ayers"), ("Lucía", "", "Prieto"),
    ("Harald", "", "Nygaard"), ("Opal", "J.", "Winters"), ("Yusuf", "", "Demir"),
    ("Marguerite", "", "Chapelle"), ("Silas", "", "Thornbury"), ("Ingrid", "", "Halvorsen"),
    ("Pavel", "", "Dvořák"), ("Tamsin", "", "Carrow"), ("Bao", "", "Nguyen"),
    ("Quentin", "", "Albright"), ("Rosalind", "E.", "Faraday"), ("Dmitri", "", "Volkov"),
    ("Hana", "", "Suzuki"), ("Elias", "", "Bergström"), ("Nia", "", "Campbell"),
)  # fmt: skip

TOWNS = (
    ("Northfield", "SD", "57001"), ("Millbrook", "SD", "57013"), ("Harlow", "MN", "56164"),
    ("Wexford", "IA", "51234"),
)  # fmt: skip

STREETS = ("Maple St", "Prairie Ave", "2nd St NE", "Dakota Rd", "College Blvd", "Elm Ct")


@dataclass(frozen=True)
class Sample:
    """One roster: its headings and its rows, all text."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def birth(index: int) -> str:
    """A birth date, month first."""
    return date(1950 + (index * 7) % 55, 1 + (index * 5) % 12, 1 + (index * 11) % 28).strftime(
        "%m/%d/%Y"
    )


def address(index: int) -> Row:
    """An invented address."""
    town, state, code = TOWNS[index % len(TOWNS)]
    street = f"{100 + 13 * index} {STREETS[index % len(STREETS)]}"
    return {"Street": street, "City": town, "State": state, "ZIP": code}


def handle(index: int) -> str:
    """The part of an e-mail address before the @."""
    return f"patron{index + 1:02}"


def community_row(index: int) -> Row:
    """A sound row of the community roster."""
    first, middle, last = PEOPLE[index]
    kinds = ("Community", "Community", "Friends of the Library", "Emeritus", "Special")
    return {
        "Barcode": with_check_digit(f"2000112345{index + 1:03}"),
        "First Name": first,
        "Middle": middle,
        "Last Name": last,
        "Patron Type": kinds[index % len(kinds)],
        "Email": f"{handle(index)}@example.org" if index % 9 else "",
        "Alternate Email": f"{handle(index)}@mail.example.org" if index % 3 == 0 else "",
        "Phone": f"605-555-01{index:02}" if index % 4 else "",
        **address(index),
        "Apt": f"Apt {index}" if index % 5 == 0 else "",
        "DOB": birth(index),
        "Expires": "08/31/2035" if index % 6 else "",
        "Comments": "",
    }


def with_check_digit(digits: str) -> str:
    """A library barcode: thirteen digits and the check digit (mod 10, every other one doubled)."""
    total = 0
    for position, digit in enumerate(digits):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def community() -> Sample:
    """Forty-odd community borrowers, as a front desk types them over a semester."""
    rows = [community_row(index) for index in range(len(PEOPLE))]
    spoil = {
        4: {"Barcode": ""},  # a required value is missing
        6: {"Barcode": "2000112345"},  # too few digits
        8: {"Barcode": "2.00011E+13"},  # rounded by a spreadsheet program
        10: {"Barcode": rows[11]["Barcode"]},  # the same barcode as the next row
        13: {"Last Name": ""},
        15: {"Patron Type": "Comunity"},  # not in the lookup
        17: {"Email": "hugo at example.org"},
        18: {"DOB": "13/45/1980"},
        19: {"DOB": "05/01/2091"},  # not born yet
        20: {
            "Expires": "01/31/2026"
        },  # expired already, and not to be purged before 2028: a warning
        21: {"Barcode": rows[21]["Barcode"][:5] + " " + rows[21]["Barcode"][5:]},  # repaired
        23: {"Phone": "call the office"},
        25: {"Street": "12 Elm\x0bCt"},  # a control character
        26: {"Last Name": "MuÃ±oz"},  # damaged letters: a warning
        28: {"ZIP": "5700"},
        30: {"State": "South Dakota"},
        33: {"Barcode": rows[33]["Barcode"].translate(FULL_WIDTH)},  # repaired
    }
    for index, changes in spoil.items():
        rows[index] |= changes
    # the same person under two barcodes, and one whose name is near another's
    rows[35] |= {key: rows[34][key] for key in ("First Name", "Last Name", "DOB", "Email")}
    rows[37] |= {"First Name": "Rosalynd", "Last Name": "Faraday"}
    rows[36] |= {"First Name": "Rosalind", "Last Name": "Faraday", "DOB": rows[37]["DOB"]}
    return Sample(COMMUNITY, tuple(rows))


FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def campus_row(index: int) -> Row:
    """A sound row of the students' and staff's roster."""
    first, middle, last = PEOPLE[index]
    roles = ("Undergraduate", "Undergraduate", "Graduate", "Staff", "Faculty")
    home = address(index)
    return {
        "EMPL ID": f"{41_200 + 37 * index:07}",
        "First Name": first,
        "Middle Name": middle,
        "Last Name": last,
        "Preferred First Name": "Sandy" if index % 10 == 4 else "",
        "Role": roles[index % len(roles)],
        "Email": f"{handle(index)}@example.org" if index % 3 else "",
        "Campus Email": f"{handle(index)}@campus.example.org",
        "Phone": f"605-555-01{index:02}" if index % 3 else "",
        "Address": home["Street"],
        "City": home["City"],
        "State": home["State"],
        "ZIP": home["ZIP"],
        "Birth Date": birth(index + 3),
        "Card Barcode": with_check_digit(f"2000198765{index + 1:03}") if index % 4 else "",
        "Campus": "MAIN",
        "Expiration Date": "05/31/2035",
    }


def campus() -> Sample:
    """Forty-odd students and staff, as a campus system exports them."""
    rows = [campus_row(index) for index in range(len(PEOPLE))]
    spoil = {
        3: {"EMPL ID": ""},
        5: {"EMPL ID": "00412X5"},
        7: {"EMPL ID": rows[8]["EMPL ID"]},
        11: {"First Name": ""},
        14: {"Role": "Visiting"},
        16: {"Campus Email": "leilani@@campus.example.org"},
        18: {"Card Barcode": rows[19]["Card Barcode"]},  # somebody else's card
        22: {"Birth Date": "02/30/1999"},
        24: {"Expiration Date": "12/31/2025"},
        27: {"EMPL ID": rows[27]["EMPL ID"].lstrip("0")},  # lost its zeros: repaired
        29: {"Card Barcode": rows[29]["Card Barcode"][:4] + " " + rows[29]["Card Barcode"][4:]},
        31: {"Last Name": "X" * 300},
        38: {"Phone": "none"},
    }
    for index, changes in spoil.items():
        rows[index] |= changes
    rows[34] |= {key: rows[33][key] for key in ("First Name", "Last Name", "Birth Date")}
    return Sample(CAMPUS, tuple(rows))


def write_csv(sample: Sample, path: Path) -> None:
    """As a spreadsheet program saves it: UTF-8 with a mark, one row too long, one blank row."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(sample.headings)
        for index, row in enumerate(sample.rows):
            cells = [row[heading] for heading in sample.headings]
            if index == 32:  # somebody typed a comma too many
                cells = [*cells[:8], "Rear", *cells[8:]]
            writer.writerow(cells)
            if index == 11:
                writer.writerow([""] * len(sample.headings))


def open_workbook(path: Path) -> Workbook:
    """A new workbook whose bytes do not depend on the day."""
    book = xlsxwriter.Workbook(path)
    book.set_properties({"title": "Invented people", "created": datetime(2026, 8, 20)})  # noqa: DTZ001
    return book


def write_text(sheet: Worksheet, at: int, cells: list[str], text: Format) -> None:
    """A row whose cells are all text."""
    for column, cell in enumerate(cells):
        if cell:
            sheet.write_string(at, column, cell, text)


def write_community(sample: Sample, path: Path) -> None:
    """A workbook as people keep it: a title above the headings, dates as dates, a hidden sheet."""
    book = open_workbook(path)
    sheet = book.add_worksheet("Patrons")
    bold = book.add_format({"bold": True})
    text = book.add_format({"num_format": "@"})
    day = book.add_format({"num_format": "mm/dd/yyyy"})
    sheet.write_string(0, 0, "Northfield Public Library: community borrowers, fall", bold)
    for column, heading in enumerate(sample.headings):
        sheet.write_string(2, column, heading, bold)
    at = 3
    for index, row in enumerate(sample.rows):
        write_text(sheet, at, [row[heading] for heading in sample.headings], text)
        if index in {1, 2, 9}:  # typed as a date, not as text
            typed = datetime.strptime(row["DOB"], "%m/%d/%Y")  # noqa: DTZ007
            sheet.write_datetime(at, sample.headings.index("DOB"), typed, day)
        if index == 32:
            sheet.write_formula(
                at, sample.headings.index("City"), "=VLOOKUP(1,Z1:Z2,1)", text, "#N/A"
            )
        at += 2 if index == 11 else 1
    sheet.write_string(at + 1, 0, f"Total: {len(sample.rows)}", bold)
    for blank in range(at + 2, at + 40):  # formatted by dragging down, never filled
        sheet.write_blank(blank, 0, None, text)
    sheet.freeze_panes(3, 0)
    sheet.set_column(0, len(sample.headings) - 1, 16)
    notes = book.add_worksheet("Old list")
    notes.write_row(0, 0, sample.headings)
    notes.hide()
    book.close()


def write_campus(sample: Sample, path: Path) -> None:
    """A workbook as a campus system exports it: EMPL IDs as numbers that only look padded."""
    book = open_workbook(path)
    sheet = book.add_worksheet("Export")
    text = book.add_format({"num_format": "@"})
    padded = book.add_format({"num_format": "0000000"})
    sheet.write_row(0, 0, sample.headings)
    for at, row in enumerate(sample.rows, 1):
        write_text(sheet, at, [row[heading] for heading in sample.headings], text)
        if 35 <= at <= 37 and row["EMPL ID"]:
            sheet.write_number(at, 0, int(row["EMPL ID"]), padded)
    sheet.autofilter(0, 0, len(sample.rows), len(sample.headings) - 1)
    sheet.set_column(0, len(sample.headings) - 1, 16)
    book.close()


def write_semester(path: Path) -> None:
    """A thousand patrons of the practice Alma: 900 as they are, 70 renewed, and 30 new ones.

    They are among the first 5,000 of `importer sandbox --seed-users 5000`.
    """
    rows: list[tuple[str, ...]] = []
    seen: set[tuple[str, ...]] = set()
    for user in people(5000, PracticeCodes({})):
        first, last, born = (text(user, key) for key in ("first_name", "last_name", "birth_date"))
        if text(user, "account_type") != EXTERNAL or (first, last, born) in seen:
            continue
        seen.add((first, last, born))
        expires = "2031-06-30" if len(rows) >= 900 else text(user, "expiry_date")
        (email,) = entries(user, "email")
        cells = (text(user, "primary_id"), first, last, text(user, "user_group"), born, expires)
        rows.append((*cells, text(email, "email_address")))
        if len(rows) == 970:
            break
    for number in range(30):
        name = f"Quill{'aeiou'[number % 5]}{'bdfgkl'[number // 5]}er"
        born = date(2005, 1, 1 + number).isoformat()
        id_, address = f"{5_000_000 + number}", f"new{number}@example.org"
        rows.append((id_, "Newton", name, "UGRD", born, "2031-06-30", address))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("ID", "First", "Last", "Group", "Born", "Expires", "Email"), *rows]
        )


def main() -> None:
    """Write every sample."""
    patrons = community()
    write_csv(patrons, HERE / "community-patrons.csv")
    write_community(patrons, HERE / "community-patrons.xlsx")
    write_campus(campus(), HERE / "students-and-staff.xlsx")
    write_semester(HERE / "user-loader" / "patrons.csv")


if __name__ == "__main__":
    main()
