"""Rosters without a file: a DataFrame or rows become a CSV file, which the run keeps and reads.

Nothing about this file is guessed: the first row has the headings, and every other one is a row.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from importer.errors import RosterError
from importer.loader import table
from importer.loader.cleaning import Cleaned, clean, writable
from importer.loader.detect import Kind
from importer.loader.headings import Headings
from importer.loader.table import Sheet
from importer.model.roster import Roster, Source, letter
from importer.model.text import unescape

_EXACT = 10**15  # a larger number with decimals has lost digits


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a roster without a file, as CSV in UTF-8."""

    content: bytes = field(repr=False)

    @classmethod
    def of(cls, rows: pd.DataFrame | Iterable[object]) -> Rows:
        """Return the rows of a DataFrame, or of dicts by heading. Raises RosterError."""
        if isinstance(rows, pd.DataFrame):
            headings = [str(name) for name in rows.columns]
            every: Iterable[Sequence[object]] = rows.itertuples(index=False, name=None)
        else:
            dicts: list[Mapping[str, object]] = []
            for one in rows:
                if not isinstance(one, Mapping):
                    msg = f"Row {len(dicts) + 2} is not a dict. Give each row as a dict by heading."
                    raise RosterError(msg)
                dicts.append(one)
            headings = list(dict.fromkeys(str(name) for one in dicts for name in one))
            every = ([one.get(name) for name in headings] for one in dicts)
        if not headings:
            msg = "There are no columns. Name the columns of the DataFrame, or give dicts."
            raise RosterError(msg)
        return cls.of_texts(
            headings,
            (
                [_text(value, number, at, headings[at]) for at, value in enumerate(values)]
                for number, values in enumerate(every, start=2)
            ),
        )

    @classmethod
    def of_texts(cls, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Rows:
        """Return the rows with these texts under these headings."""
        text = io.StringIO(newline="")
        file = csv.writer(text, lineterminator="\r\n")
        file.writerow(headings)
        file.writerows(rows)
        return cls(writable(text.getvalue()).encode())


def _text(value: object, row: int, at: int, heading: str) -> str:
    """Return the text of a cell as a spreadsheet shows it. Raises RosterError if it has none."""
    text, why = "", ""
    match value:
        case _ if value is None or value is pd.NA or value is pd.NaT:
            pass
        case str():
            text = value
        case bool() | np.bool_():
            text = str(value).upper()
        case datetime():
            text = value.isoformat(" ").removesuffix(" 00:00:00")
        case date():
            text = value.isoformat()
        case Decimal():
            text = "" if value.is_nan() else f"{value:f}"
        case numbers.Integral():
            text = str(value)
        case numbers.Real() if abs(number := float(value)) < _EXACT:
            text = str(int(number)) if number.is_integer() else repr(number)
        case numbers.Real() if not math.isnan(value):
            why = "a number that has lost digits. Read this column as text"
        case numbers.Real():
            pass
        case _:
            why = f"a {type(value).__name__}. Make it a text"
    if why:
        msg = f"Row {row}, column {letter(at)} ({heading}) contains {why}."
        raise RosterError(msg)
    return text


def read_rows(path: Path, rows: Rows) -> Roster:
    """Return the roster of these rows. `path`: of the file in which a run keeps them.

    Row 1 has the headings, as that file shows.
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(rows.content)))
    reader = csv.reader(io.StringIO(rows.content.decode(), newline=""))
    sheet = Sheet([tuple(record) for record in reader])
    headings = Headings((1,), tuple(clean(cell)[0] for cell in sheet.rows[0]))
    columns = table.find_columns(headings, sheet, len(headings.texts), escaped=True)
    digest = hashlib.sha256(rows.content).hexdigest()
    source = Source(path, digest, Kind.CSV, encoding="utf-8", delimiter=",")

    def of_rejects(text: str) -> Cleaned:
        return clean(unescape(text))

    return table.build(
        source,
        columns,
        sheet,
        clean=clean if columns.added is None else of_rejects,
        visible_only=False,
        all_people=True,
        notices=(),
    )
