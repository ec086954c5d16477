"""Workbooks of other programs (.xls, .ods), read in a process of its own."""

from __future__ import annotations

import json
import subprocess  # the parser that may abort runs apart
import sys
from typing import TYPE_CHECKING

import numpy as np

from importer.loader.child import LOCKED, TOO_LARGE, UNSAFE, ReadSheet
from importer.loader.content import Content, Oddity, texts
from importer.loader.heading import Span
from importer.loader.parsing import DoctypeError, LockedError, SheetError, TooLargeError
from importer.loader.unseen import nothing
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 90
"""Seconds after which the process is stopped."""


_FAULTS: dict[int, type[Exception]] = {
    TOO_LARGE: TooLargeError,
    UNSAFE: DoctypeError,
    LOCKED: LockedError,
}


class OtherBook:
    """The sheets of an .xls or .ods file, all in memory."""

    starts_1904 = False  # the reader honours it by itself

    def __init__(self, path: Path) -> None:
        """Read the file. Raises SheetError, or what else is to say of it."""
        # -P keeps a folder full of rosters from being searched for Python modules
        command = [sys.executable, "-P", "-m", "importer.loader.child", str(path.absolute())]
        try:
            done = subprocess.run(  # noqa: S603  our own module, and a path that is one argument
                command, capture_output=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise SheetError from None
        if done.returncode < 0:  # the system ended it: it asked for more than it may have
            raise TooLargeError
        if done.returncode:
            raise _FAULTS.get(done.returncode, SheetError)
        read: list[ReadSheet] = json.loads(done.stdout)
        self._sheets = {sheet["name"]: sheet for sheet in read}

    @property
    def sheets(self) -> tuple[tuple[str, bool], ...]:
        """The sheets in order: the name, and whether people see it."""
        return tuple((sheet["name"], sheet["visible"]) for sheet in self._sheets.values())

    def read(self, name: str, until: int = 0) -> Content:  # noqa: ARG002  all of it is there
        """What the sheet holds."""
        sheet = self._sheets[name]
        rows = np.array(sheet["rows"], dtype=np.int64)
        unseen = sheet["unseen"] or nothing()
        bottom = int(rows.max(initial=0))
        return Content(
            rows=rows,
            columns=np.array(sheet["columns"], dtype=np.int64),
            texts=texts(sheet["texts"]),
            oddities=[
                Oddity(row, column, Code.ID_LOST_DIGITS, text)
                for row, column, text in sheet["lost"]
            ],
            merged=[Span(*edges) for edges in sheet["merged"]],
            hidden_rows=[
                row for first, last in unseen["rows"] for row in range(first, min(last, bottom) + 1)
            ],
            hidden_columns=[(first, last) for first, last in unseen["columns"]],
            filtered=unseen["filtered"],
            hidden_told=sheet["unseen"] is not None,
        )
