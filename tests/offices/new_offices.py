"""Rosters of five offices that load patrons for the first time, with the mistakes they contain."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openpyxl

Rows = list[list[str]]
Cells = dict[int, dict[str, str]]

FIRST = (
    "Ana", "Ben", "Cora", "Dev", "Elsa", "Finn", "Gia", "Hugo", "Ines", "Jon", "Kira", "Liam",
    "Mina", "Noah", "Olga", "Paul",
)  # fmt: skip
LAST = (
    "Abel", "Bauer", "Castro", "Diaz", "Egan", "Flores", "Gupta", "Haddad", "Ivers", "Jansen",
    "Keller", "Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Romero", "Sato", "Tran",
    "Ueda", "Vargas", "Weiss", "Xu", "Yilmaz", "Zhou",
)  # fmt: skip


def person(number: int) -> tuple[str, str]:
    """Return a first and a last name; the first 416 are different."""
    return FIRST[number % len(FIRST)], LAST[number * 7 % len(LAST)] + "son" * (number // 208 % 2)


def barcode(number: int) -> str:
    """Return a card's barcode of 14 digits."""
    return f"2000512{number:07}"


def as_meant(row: int) -> dict[str, str]:
    """Return what the cells of a row of the campus should contain."""
    at = row - 2
    return {
        "Last Name": person(at)[1],
        "Barcode": barcode(1_000_000 + at),
        "Email": f"c{at}@example.org",
    }


def changed(rows: Rows, cells: Cells) -> Rows:
    """Return the rows with other cells, by row of the file and heading."""
    heading = next(at for at, row in enumerate(rows) if len(list(filter(None, row))) > 1)
    for row, by_heading in cells.items():
        for name, text in by_heading.items():
            rows[row - 1][rows[heading].index(name)] = text
    return rows


def friends() -> Rows:
    """A club's list: a title above the headings, whole names, words for groups, some misspelled."""
    heads = ["Patron Name", "Library Card #", "Patron Type", "Card exp.", "D.O.B.", "E-mail",
             "Phone", "Street", "City", "State", "ZIP"]  # fmt: skip
    rows = [["Friends of the Library, as of June"], [], heads]
    for at in range(45):
        first, last = person(at)
        kind = "Community" if at % 3 else "Friends of the Library"
        rows.append([f"{last}, {first}", barcode(at), kind, "8/31/2035",
                     f"{at % 12 + 1}/{at % 28 + 1}/19{50 + at}", f"friend{at}@example.org",
                     f"605-555-01{at:02}", f"{at + 1} Maple St", "Northfield", "SD",
                     "57001"])  # fmt: skip
    wrong: Cells = {
        7: {"Patron Name": "Cher"},
        9: {"Patron Type": "Comunity"},
        12: {"Patron Type": "???"},
        15: {"Library Card #": "200051200000"},
        20: {"E-mail": "friend16 at example.org"},
        23: {"D.O.B.": "2/30/1969"},
        31: {"Library Card #": barcode(26)},
    }
    return changed(rows, wrong)


def banner() -> Rows:
    """A registrar's export: headings of the SIS, its codes for levels, one ID in lower case."""
    rows = [["SPRIDEN_ID", "SPRIDEN_LAST_NAME", "SPRIDEN_FIRST_NAME", "SPBPERS_BIRTH_DATE",
             "SGBSTDN_LEVL_CODE", "GOREMAL_EMAIL_ADDRESS", "EXPECTED_GRAD_DATE"]]  # fmt: skip
    for at in range(60):
        first, last = person(at)
        level = ("UG", "UG", "GR", "PR")[at % 4]
        rows.append([f"A0010{at:04}", last.upper(), first.upper(), f"{at % 12 + 1:02}/"
                     f"{at % 28 + 1:02}/2004", level, f"s{at}@example.org",
                     "05/15/2035"])  # fmt: skip
    return changed(rows, {12: {"SGBSTDN_LEVL_CODE": "ND"}, 22: {"SPRIDEN_ID": "A001002"}})


def three() -> Rows:
    """Three people on a list, with whole names and without a date of expiration."""
    return [
        ["Card", "Name", "Type", "Email"],
        [barcode(7_001), "Ana Bauer", "Faculty", "ana@example.org"],
        [barcode(7_002), "Ben Castro", "Staff", "ben@example.org"],
        [barcode(7_003), "Cora", "Staff", "cora@example.org"],
    ]


def spanish() -> Rows:
    """A library of Quito: headings and groups in Spanish, days first, separated by semicolons."""
    rows = [["Cédula", "Nombres", "Apellidos", "Tipo de usuario", "Correo", "Fecha de nacimiento",
             "Vence", "Dirección", "Ciudad"]]  # fmt: skip
    for at in range(20):
        first, last = person(at)
        kind = ("Estudiante", "Docente", "Comunidad")[at % 3]
        rows.append([f"17{at:08}", first, last, kind, f"u{at}@example.org", f"{at + 1}/3/1990",
                     "31/8/2035", f"Calle {at + 1}", "Quito"])  # fmt: skip
    return changed(rows, {6: {"Correo": "u4example.org"}, 9: {"Vence": "31/6/2035"}})


def campus(people: int) -> Rows:
    """A whole campus: some cards rounded by the spreadsheet, blank cells, people listed twice."""
    rows = [["Student ID", "First Name", "Last Name", "Type", "Barcode", "Expires", "Email"]]
    for at in range(people):
        first, last = person(at)
        kind = ("Undergraduate", "Undergraduate", "Graduate", "Staff")[at % 4]
        rows.append([f"81{at:07}", first, f"{last}{'' if at < 416 else ' ' + LAST[at // 416]}",
                     kind, barcode(1_000_000 + at), "8/31/2035", f"c{at}@example.org"])  # fmt: skip
        if at % 91 == 30:
            rows[-1][4] = "2.00051E+13"
        elif at % 20 == 5:
            rows[-1][2] = ""
        elif at % 60 == 11:
            rows[-1][6] = f"c{at}"
        elif at % 400 == 123:
            rows[-1][1:3], rows[-1][6] = rows[-2][1:3], rows[-2][6]
    return rows


@dataclass(frozen=True)
class NewOffice:
    """A roster, what its librarian answers to `mapping new`, and how the rejects are corrected.

    `edit`: a text of the first mapping and what is written in its place. `corrected`: by row of
    the roster and heading, the texts typed into rejects.xlsx; of the campus, those of `as_meant`.
    """

    file: str
    rows: Callable[[], Rows]
    answers: tuple[str, ...]
    corrected: Cells
    edit: tuple[str, str] = ("", "")
    delimiter: str = ","
    sheet: str = ""

    def write(self, folder: Path) -> Path:
        """Write the file as the office sends it."""
        path = folder / self.file
        if path.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, delimiter=self.delimiter).writerows(self.rows())
            return path
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.title = self.sheet
        for row in self.rows():
            sheet.append(row)
        book.save(path)
        return path


def groups(**codes: str) -> tuple[str, ...]:
    """Return the options that give a code for each word of the group column."""
    return tuple(part for word, code in codes.items() for part in ("--group", f"{word}={code}"))


PEOPLE = 250
"""On the campus's roster; as many more as are asked for differ in nothing."""

OFFICES = {
    "a club's list": NewOffice(
        "friends.xlsx",
        friends,
        ("--id", "Library Card #", *groups(Comunity="COMM")),
        {
            7: {"Patron Name": "Sarkisian, Cher"},
            12: {"Patron Type": "Community"},
            15: {"Library Card #": barcode(11)},
            20: {"E-mail": "friend16@example.org"},
            23: {"D.O.B.": "2/20/1969"},
            31: {"Library Card #": barcode(27)},
        },
        sheet="Friends 2026",
    ),
    "a registrar's export": NewOffice(
        "banner.csv",
        banner,
        ("--id", "SPRIDEN_ID", *groups(UG="UGRD", GR="GRAD", PR="GRAD")),
        {12: {"SGBSTDN_LEVL_CODE": "UG"}, 22: {"SPRIDEN_ID": "A00100020"}},
    ),
    "three people": NewOffice("three.csv", three, ("--id", "Card"), {4: {"Name": "Cora Diaz"}}),
    "in Spanish": NewOffice(
        "spanish.csv",
        spanish,
        ("--id", "Cédula", *groups(Estudiante="UGRD", Docente="FACULTY", Comunidad="COMM")),
        {6: {"Correo": "u4@example.org"}, 9: {"Vence": "31/8/2035"}},
        edit=('country: "?"', "country: ECU"),
        delimiter=";",
    ),
    "a campus": NewOffice(
        "campus.xlsx",
        lambda: campus(PEOPLE),
        ("--id", "Student ID"),
        {row: as_meant(row) for row in range(2, PEOPLE + 2)},
        sheet="Sheet1",
    ),
}
