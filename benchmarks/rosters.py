"""Rosters of any size for the benchmarks: 16 columns, a problem in every two-hundredth row."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import xlsxwriter

HEADINGS = (
    "Barcode", "First Name", "Middle", "Last Name", "Patron Type", "Email", "Alternate Email",
    "Phone", "Street", "Apt", "City", "State", "ZIP", "DOB", "Expires", "Comments",
)  # fmt: skip

SYLLABLES = (
    "ka", "ro", "mi", "tel", "van", "dor", "lis", "ber", "nu", "sha", "gri", "wen", "o", "fal",
)  # fmt: skip
GROUPS = ("Community", "Friends of the Library", "Emeritus", "Special")


def name(draw: random.Random) -> str:
    """Return an invented name."""
    return "".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))).capitalize()


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """Yield N rows, always the same."""
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
    """Write a CSV roster."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(rows(count))


def write_xlsx(path: Path, count: int, *, formatted: bool = False) -> None:
    """Write the same rows as a workbook of text cells, shared as Excel saves them.

    `formatted`: barcodes and ZIP codes are numbers with a format of leading zeros, and dates are
    dates, as in a workbook that somebody keeps by hand.
    """
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Patrons")
        zeros = {
            column: book.add_format({"num_format": "0" * n}) for column, n in ((0, 14), (12, 5))
        }
        day = book.add_format({"num_format": "mm/dd/yyyy"})
        for at, row in enumerate((HEADINGS, *rows(count))):
            for column, text in enumerate(row):
                if formatted and at and column in zeros:
                    sheet.write_number(at, column, int(text), zeros[column])
                elif formatted and at and column in {13, 14}:
                    moment = datetime.strptime(text, "%m/%d/%Y")  # noqa: DTZ007  a day
                    sheet.write_datetime(at, column, moment, day)
                elif text:
                    sheet.write_string(at, column, text)
