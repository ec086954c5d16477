"""Rosters as five offices send them, each with what a librarian would say of its columns.

The first line of each file in `rosters/` names, above each heading, the fields that the column is
for, by their last names. Blank is a column that stays out of Alma or that only a person can place,
above all the ID, in the first column, which no heading names exactly.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import openpyxl

FOLDER = Path(__file__).parent / "rosters"


@dataclass(frozen=True)
class Office:
    """A roster, without its first line, and the fields of its columns by heading.

    `merged`: cells of the two heading rows of a workbook.
    """

    name: str
    delimiter: str = ","
    merged: tuple[str, ...] = ()

    @property
    def lines(self) -> list[list[str]]:
        """Every line of the file, the fields first."""
        with (FOLDER / f"{self.name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file, delimiter=self.delimiter))

    @property
    def header(self) -> tuple[int, ...]:
        """The heading rows, if there are two."""
        return (1, 2) if self.merged else ()

    @property
    def owed(self) -> dict[str, str]:
        """The fields that each column is for, by its heading."""
        fields, first, second = self.lines[:3]
        if not self.merged:
            return dict(zip(first, fields, strict=True))
        above, owed = "", {}
        for upper, lower, field in zip(first, second, fields, strict=True):
            above = upper or above if lower else upper
            owed[" ".join(filter(None, (above, lower)))] = field
        return owed

    @property
    def identity(self) -> str:
        """The heading of the column that identifies a patron."""
        return next(iter(self.owed))

    def write(self, folder: Path) -> Path:
        """Write the file as the office sends it."""
        if not self.merged:
            path = folder / "roster.csv"
            text = (FOLDER / f"{self.name}.csv").read_text("utf-8")
            path.write_text(text.partition("\n")[2], "utf-8")
            return path
        book = openpyxl.Workbook()
        for row in self.lines[1:]:
            book.worksheets[0].append(row)
        for cells in self.merged:
            book.worksheets[0].merge_cells(cells)
        path = folder / "roster.xlsx"
        book.save(path)
        return path


OFFICES = (
    Office("banner"),
    Office("staff"),
    Office("school", ";"),
    Office("spanish", ";"),
    Office("two-rows", "|", ("A1:A2", "B1:C1", "D1:G1", "H1:I1", "J1:J2", "K1:K2")),
)
_PATRONS = (
    "primary_id,first_name,middle_name,last_name,user_group,email_address,email_address,"
    "phone_number,line1,line2,city,state_province,postal_code,birth_date,expiry_date,"
)
SAMPLES_OWED = {
    "community-patrons.csv": _PATRONS,
    "community-patrons.xlsx": _PATRONS,
    "students-and-staff.xlsx": (
        "primary_id,first_name,middle_name,last_name,pref_first_name,user_group,email_address,"
        "email_address,phone_number,line1,city,state_province,postal_code,birth_date,value,"
        "campus_code,expiry_date"
    ),
}
"""The fields of the three samples' columns, whose headings say exactly which IDs they contain."""
