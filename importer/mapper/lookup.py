"""Lookups: tables from a roster's words to codes, written in the mapping or in a CSV beside it."""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import UnreadableFileError
from importer.mapper.reading import Finding, Reading
from importer.mapper.template import heading_key
from importer.mapper.todo import TO_CHOOSE
from importer.model.catalogue import Code, Mends
from importer.model.files import read_bounded
from importer.model.problem import KNOWN, VALUE
from importer.model.text import means_one_of

if TYPE_CHECKING:
    from importer.mapper.clauses import LookupFile

OTHERWISE = "*"
SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of a lookup's CSV file."""


class UnusableLookupError(ValueError):
    """A lookup that cannot be used; its text is the reason, for a finding."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table. Keys are compared without case and doubled blanks; `written` is how they stand.

    `otherwise` is the code for every other text that is not blank, None if there is none.
    """

    codes: Mapping[str, str]
    written: Mapping[str, str]
    otherwise: str | None = None

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]]) -> Lookup:
        """The table of these rows. Raises UnusableLookupError where a key has two codes."""
        codes: dict[str, str] = {}
        written: dict[str, str] = {}
        otherwise: str | None = None
        for key, code in rows:
            if key.strip() == OTHERWISE:
                otherwise = code
                continue
            plain = heading_key(key)
            if codes.setdefault(plain, code) != code:
                msg = f"`{key}` has two codes, `{codes[plain]}` and `{code}`"
                raise UnusableLookupError(msg)
            written.setdefault(plain, key)
        return cls(codes, written, otherwise)

    @property
    def given(self) -> frozenset[str]:
        """Every code that it can give."""
        rest = () if self.otherwise is None else (self.otherwise,)
        return frozenset((*self.codes.values(), *rest))

    def convert(self, text: str) -> Reading:
        """The code of a text, or a finding with the nearest keys."""
        key = heading_key(text)
        code = self.codes.get(key, self.otherwise)
        if code == TO_CHOOSE:
            message = f"{self._shown(key)} has no code yet in the mapping's lookup"
            advice = "Write Alma's code into the lookup."
            return "", Finding(Code.UNKNOWN_CODE, message, advice, Mends.VALUE)
        if code is not None:
            return code, None
        message = f"{self._shown(key)} is not in the mapping's lookup"
        return "", Finding(Code.UNKNOWN_CODE, message, self._advice(key), Mends.VALUE)

    def _shown(self, key: str) -> str:
        """How a text without a code stands in a message: a word of the table is nobody's name."""
        return KNOWN if means_one_of(key, (*self.codes, *self.codes.values())) else VALUE

    def _advice(self, key: str) -> str:
        near = difflib.get_close_matches(key, self.codes, n=3, cutoff=0.6)
        if not near:
            return ""
        words = " or ".join(f"{self.written[name]} ({self.codes[name]})" for name in near)
        return f"Did you mean {words}? Correct the cell, or add the value to the lookup."


def read_file(folder: Path, spec: LookupFile) -> tuple[Lookup, bytes]:
    """Return the table of a CSV file beside the mapping, and the file's bytes.

    Only an ordinary file in the mapping's own folder is read, and messages quote nothing of it: a
    mapping from outside must not show what other files contain. Raises UnusableLookupError.
    """
    content = _read_beside(folder, spec.file)
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError:
        msg = f"`{spec.file}` is not UTF-8; save it as CSV UTF-8"
        raise UnusableLookupError(msg) from None
    except csv.Error:
        msg = f"`{spec.file}` is not a CSV file that can be read; look for a quotation mark"
        raise UnusableLookupError(msg) from None
    headings = [heading_key(heading) for heading in rows[0]] if rows else []
    columns = [_column(spec, headings, name) for name in (spec.key, spec.value)]
    taken = [
        (row[columns[0]].strip(), row[columns[1]].strip())
        for row in rows[1:]
        if len(row) > max(columns) and row[columns[0]].strip()
    ]
    try:
        return Lookup.of(taken), content
    except UnusableLookupError:
        msg = f"`{spec.file}` has a value of `{spec.key}` twice, with different codes"
        raise UnusableLookupError(msg) from None


def _read_beside(folder: Path, name: str) -> bytes:
    wrong = ""
    beside = "the file must be in the folder of the mapping; write its name only"
    if name != Path(name).name or "\\" in name or not name.isprintable():
        wrong = f"is not a file name; {beside}"
    elif name.startswith("."):
        wrong = "is a hidden file, which is never read as a lookup"
    elif Path(os.path.realpath(folder / name)).parent != Path(os.path.realpath(folder)):
        wrong = f"is a link to another folder; {beside}"
    if wrong:
        msg = f"`{name}` {wrong}"
        raise UnusableLookupError(msg)
    try:
        return read_bounded(folder / name, SIZE_LIMIT)
    except UnreadableFileError as error:
        raise UnusableLookupError(str(error)) from None


def _column(spec: LookupFile, headings: list[str], name: str) -> int:
    key = heading_key(name)
    if headings.count(key) == 1:
        return headings.index(key)
    wrong = "has the heading twice:" if key in headings else "has no heading"
    msg = f"`{spec.file}` {wrong} `{name}`; check `key` and `value` against its first line"
    raise UnusableLookupError(msg)
