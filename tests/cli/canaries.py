"""A roster with passwords and PINs, which no file may keep."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

from tests.mapper.bench import BASE

NAMES = BASE.replace("<ID>", "<Barcode>")

CANARIES = ("Canary", "CANARY", "7315846", "2584613")
"""Of the passwords and the PINs, in any part of a run."""

LISTED = """\
Barcode,First,Last,Password,Verify password,Code PIN,Ort
2000112345001,Ana,Ibarra,Canary-one-1,Canary-one-1,7315846,Hof
2000112345002,,Lindqvist,"Canary-\u200btwo",Canary-two-2,7315846,Hof
2000112345003,Owen,Park,Canary-three-3,Canary-three-3,7315846,Hof,Canary-beyond
2000112345004,Uma,Canary-shifted,7315846,Hof
2000112345005,Ida,"Berg
2000112345006,Eva,Bell,Canary-swallowed,Canary-swallowed,7315846,Hof
2000112345007,Eva,Bell,Canary-swallowed,Canary-swallowed,7315846,Hof",Canary-six,Canary-six,2584613,Hof
2000112345008,Lea,Sand,Canary-eight,Canary-eight,2584613,Hof
Canary-nine,Canary-nine,7315846,Hof
Canary-nine,Canary-nine,7315846,Hof
"""
"""A row lacks its first name; one has a cell too many, some too few; one has swallowed two."""

MAPPED = {
    "nowhere": NAMES,
    "listed as unused": NAMES.replace("record:", "roster: {unused: [Password, Code PIN]}\nrecord:"),
    "as password and PIN": f"{NAMES}  password: <Password>\n  pin_number: <Code PIN>\n",
    "in two steps": f"{NAMES}  password: <$pw>\n"
    "values: {pw: {from: <Password>, clean: [upper]}}\n",
}

KEPT_TEXTS = """SELECT value FROM run UNION ALL SELECT cells FROM cells
    UNION ALL SELECT value || message || advice FROM problems
    UNION ALL SELECT detail FROM entries"""


def kept_in(folder: Path) -> dict[str, str]:
    """The files below a folder, also the parts of workbooks, in which there is a canary."""
    found = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        parts = [path.read_bytes()]
        if path.suffix == ".xlsx":
            with ZipFile(path) as book:
                parts = [book.read(name) for name in book.namelist()]
        for canary in CANARIES:
            if path.name == "ledger.sqlite" and canary.isdigit():  # a planned record has its PIN
                with closing(sqlite3.connect(path)) as ledger:
                    parts = [repr(ledger.execute(KEPT_TEXTS).fetchall()).encode()]
            if any(canary.encode() in part for part in parts):
                found[path.name] = canary
    return found
