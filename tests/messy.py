"""A messy workbook of an office: two sheets, a title above the headings, and wrong cells."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

HEADINGS = (
    "Reader No", "Forename(s)", "Surname", "Born", "Reader category", "E-mail address", "Mobile",
    "Street addr", "Apt", "Town", "ST", "Zip", "Valid to", "Remarks",
)  # fmt: skip
FIRST = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Iris", "Jon")
LAST = ("Abbott", "Birch", "Cobb", "Dale", "Ekberg", "Fowler")
WRONG: dict[int, dict[str, str | None]] = {
    6: {"Born": "02/31/1988"},
    9: {"Born": "05/04/2071"},
    12: {"Born": "31/05/1990"},
    15: {"E-mail address": "hugo.example.org"},
    18: {"Surname": "eva@example.net"},
    20: {"Reader category": "Nieghbor"},
    23: {"Reader category": "Nieghbor"},
    26: {"Reader category": "Nieghbor"},
    29: {"Reader No": "2400112"},
    32: {"Zip": "5810"},
    35: {"ST": "Minnesotta"},
    38: {"Surname": None},
}
"""What is wrong in the workbook, by row of the sheet."""

TWIN = {41: {"Forename(s)": "Gina", "Surname": "Dale", "Born": "01/09/1986"}}
"""The second row of a person whom row 40 has."""

KNOWN = """Id,First,Last,Born,Email
24001123450050,Somebody,Different,1944-02-03,other@example.org
7001,Jon,Ekberg,1999-02-22,jon@example.com
7002,Ada,Fowler,2000-03-23,ada@example.com
24001123450054,Eva,Before,1969-01-01,eva@example.com
"""
"""People of Alma: one has a card of the roster, two may be people of it, one has another name."""


def messy(path: Path) -> None:
    """Write a workbook of two sheets: 60 people below a title, with twelve wrong cells."""
    book = Workbook()
    book.worksheets[0].append(["Notes of the office"])
    sheet = book.create_sheet("Members")
    sheet.append(["Members of the fall term"])
    sheet.append([])
    sheet.append(HEADINGS)
    for number in range(60):
        kind = ("Neighbor", "Friend", "Volunteer")[number % 3]
        texts = (
            f"2400112345{number:04}", FIRST[number % 10], LAST[number // 10],
            f"{number % 12 + 1:02}/{number % 28 + 1:02}/{1950 + number}", kind,
            f"p{number}@example.org", f"701-555-01{number:02}", f"{number + 1} Elm Street",
            None if number % 4 else str(number), "Fargo", "ND", f"581{number:02}", "12/31/2027",
            None,
        )  # fmt: skip
        other = WRONG.get(number + 4, TWIN.get(number + 4, {}))
        sheet.append([other.get(name, text) for name, text in zip(HEADINGS, texts, strict=True)])
    book.save(path)
