"""Rosters of any size for the benchmarks: 16 columns, every two-hundredth row wrong."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

HEADINGS = (
    "Barcode", "First Name", "Middle", "Last Name", "Patron Type", "Email", "Alternate Email",
    "Phone", "Street", "Apt", "City", "State", "ZIP", "DOB", "Expires", "Comments",
)  # fmt: skip

SYLLABLES = (
    "ka",
    "ro",
    "mi",
    "tel",
    "van",
    "dor",
    "lis",
    "ber",
    "nu",
    "sha",
    "gri",
    "wen",
    "o",
    "fal",
)

GROUPS = ("Community", "Friends of the Library", "Emeritus", "Special")


def name(draw: random.Random) -> str:
    """An invented name."""
    return "".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))).capitalize()


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """The same rows for the same count."""
    draw = random.Random(7)  # noqa: S311
    first_day = date(1935, 1, 1)
    for number in range(count):
        person = f"person{number}@example.org"
        born = first_day + timedelta(days=draw.randrange(28_000))
        barcode = f"2{number:013}"
        if number % 200 == 17:
            barcode = barcode[:9]
        yield (
            barcode, name(draw), draw.choice("ABCDEFG"), name(draw), draw.choice(GROUPS), person,
            "" if number % 3 else f"p{number}@mail.example.org", f"605-555-01{number % 100:02}",
            f"{draw.randrange(1, 9999)} {name(draw)} St",
            "" if number % 5 else f"Apt {number % 90}",
            name(draw), "SD", f"57{draw.randrange(1000):03}", born.strftime("%m/%d/%Y"),
            "08/31/2035", "",
        )  # fmt: skip


def write_csv(path: Path, count: int) -> None:
    """A CSV roster."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(rows(count))


def write_xlsx(path: Path, count: int, *, inline: bool = False) -> None:
    """The same as a workbook of text cells.

    Texts are shared between cells, as Excel saves them; or `inline`, each in its own cell, as
    many exporters write them.
    """
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": inline}) as book:
        sheet = book.add_worksheet("Patrons")
        for at, row in enumerate((HEADINGS, *rows(count))):
            for column, text in enumerate(row):
                if text:
                    sheet.write_string(at, column, text)
