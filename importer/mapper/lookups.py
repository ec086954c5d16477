"""Lookups: from the roster's words to codes, by a table of the mapping or by Alma's own tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Discriminator, Field, GetCoreSchemaHandler, Tag
from pydantic_core import core_schema

from importer.errors import FileMissingError, UnreadableFileError
from importer.files import read_bounded
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.repairs import Repaired, without_blanks, without_invisible
from importer.mapper.written import Word
from importer.model.fields import JOINED, CodeTables, Shape
from importer.model.fields import Field as RecordField
from importer.model.plan import MappingPart
from importer.model.problem import KNOWN, VALUE, CellFinding, Code, Repairs
from importer.model.text import means_one_of, similar

OTHERWISE = "*"
SAME = "same"
"""The code of `OTHERWISE` by which the text itself is the code."""
NO_CODE = (
    f"{VALUE} has no code in the mapping",
    "Correct the cell, or give the word a code in the mapping.",
)
"""The message and the advice if the code of a text is blank, and the field may not be."""
SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of a lookup's CSV file."""


class KeyFile(MappingPart):
    """A CSV file beside the mapping, and the column of it to compare."""

    file: Word
    key: Word


class LookupFile(KeyFile):
    """A lookup in a CSV file: the column to compare, and that of the codes."""

    value: Word


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A lookup that is written in its rule: the words and their codes."""

    rows: tuple[tuple[str, str], ...]

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate it as a table under `lookups:`."""
        table = handler.generate_schema(Annotated[dict[Word, str], Field(min_length=1)])
        return core_schema.no_info_after_validator_function(
            lambda words: cls(tuple(words.items())), table
        )


LookupKey = str | KeyFile | OwnTable
"""By what a rule names its lookup: a table under `lookups:`, a file, or the table itself."""

AS_TEXT, AS_TABLE, AS_FILE = "as text", "as table", "as file"
"""Which of its forms a value has; pydantic's places contain these words, ours do not."""


def form(value: object) -> str:
    """Return which of its forms a value has."""
    if isinstance(value, LookupFile) or (isinstance(value, dict) and "file" in value):
        return AS_FILE
    return AS_TABLE if isinstance(value, dict | BaseModel) else AS_TEXT


LookupName = Annotated[
    Annotated[Word, Tag(AS_TEXT)]
    | Annotated[LookupFile, Tag(AS_FILE)]
    | Annotated[OwnTable, Tag(AS_TABLE)],
    Discriminator(form),
]
"""A table of `lookups:` by its name, a CSV file beside the mapping, or a table in place."""


class UnusableLookupError(ValueError):
    """A lookup that cannot be used; its text is the reason, for a finding."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A table of codes by `heading_key` of the words; `written` has the words as written.

    `otherwise` is the code for every other text that is not blank, None if there is none; SAME for
    the text itself.
    """

    codes: Mapping[str, str]
    written: Mapping[str, str]
    otherwise: str | None = None

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]]) -> CodeTable:
        """Make the table of these rows. Raises UnusableLookupError if a key has two codes."""
        codes: dict[str, str] = {}
        written: dict[str, str] = {}
        otherwise: str | None = None
        for key, code in ((key, code.strip()) for key, code in rows):
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
    def passes(self) -> bool:
        """Whether a text that it does not know is its own code."""
        return self.otherwise == SAME

    @property
    def as_list(self) -> list[object]:
        """Its words with their codes, and the code for others: equal where it is the same."""
        return [sorted(self.codes.items()), self.otherwise]

    def find(self, text: str, _country: str = "") -> Repaired:
        """Return the code of a text, or a finding with the nearest keys."""
        key = heading_key(text)
        code = self.codes.get(key, text if self.passes else self.otherwise)
        if code is not None and code != TO_CHOOSE:
            return code, None
        # a word of the table is not a name, so that it may be shown
        shown = KNOWN if means_one_of(key, (*self.codes, *self.codes.values())) else VALUE
        if code == TO_CHOOSE:
            message = f"{shown} has no code yet in the mapping"
            advice = "Correct the cell, or give the word one code in the mapping."
        else:
            message = f"{shown} has no code in the mapping"
            near = similar(key, self.codes, 3)
            words = " or ".join(f"{self.written[name]} ({self.codes[name]})" for name in near)
            repair = "Correct the cell, or give the word a code in the mapping."
            advice = f"Did you mean {words}? {repair}" if near else ""
        return "", CellFinding(Code.UNKNOWN_CODE, message, advice, repairs=Repairs.VALUE)


Tables = Mapping[LookupKey, CodeTable]
"""Every lookup of the mapping that can be used."""


# --- files ---


def read_lookup(mapping: Path, spec: KeyFile) -> tuple[CodeTable, bytes]:
    """Return the table of a CSV file beside the mapping, and the file's bytes.

    Without a column of codes, these are the keys as they are compared. Only an ordinary file in the
    mapping's own folder is read, and messages quote nothing of it: a mapping from outside must not
    show what other files contain. Raises UnusableLookupError.
    """
    content = _read_beside(mapping, spec.file)
    try:
        text = content.decode("utf-8-sig")
        lines = [*csv.reader(io.StringIO(text, newline=""), strict=True)]
    except UnicodeDecodeError:
        raise _unusable(spec, "is not UTF-8; save it as CSV UTF-8") from None
    except csv.Error:
        wrong = "is not a CSV file that can be read; look for a quotation mark"
        raise _unusable(spec, wrong) from None
    keys = [heading_key(heading) for heading in lines[0]] if lines else []
    code = spec.value if isinstance(spec, LookupFile) else spec.key
    for name in (spec.key, code):
        if (count := keys.count(heading_key(name))) != 1:
            wrong = f"has {'the heading twice:' if count else 'no heading'} `{name}`; "
            apart = len(keys) == 1 and ";" in keys[0]
            wrong += "there is a `;` between its columns: save it with commas; " if apart else ""
            raise _unusable(spec, f"{wrong}check `key` and `value` against its first line")
    key, value = (keys.index(heading_key(name)) for name in (spec.key, code))
    taken = [
        (row[key].strip(), row[value].strip() if code != spec.key else heading_key(row[key]))
        for row in lines[1:]
        if len(row) > max(key, value) and row[key].strip()
    ]
    try:
        return CodeTable.of(taken), content
    except UnusableLookupError:
        wrong = f"has a value of `{spec.key}` twice, with different codes"
        raise _unusable(spec, wrong) from None


def _unusable(spec: KeyFile, wrong: str) -> UnusableLookupError:
    return UnusableLookupError(f"`{spec.file}` {wrong}")


def _read_beside(mapping: Path, name: str) -> bytes:
    wrong, folder = "", mapping.parent
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
    except FileMissingError:
        msg = f"`{name}` does not exist beside {mapping.name}; put it into that folder"
        raise UnusableLookupError(msg) from None
    except UnreadableFileError as error:
        raise UnusableLookupError(str(error)) from None


# --- codes and flags as Alma writes them ---

_FLAGS = {"true": "true", "false": "false"}
_FORCE = {"true": "TRUE", "yes": "TRUE", "false": "", "no": ""}
"""`force_password_change` is the text TRUE or nothing (contract 1.1)."""


def code_reader(
    field: RecordField, tables: CodeTables, *, from_cells: bool
) -> Callable[[str], Repaired] | None:
    """Return what writes a field's codes or flags as Alma has them; None for texts and dates.

    Whether a code exists at all is checked by the validator. `from_cells`: the text is the cell's
    own, so that invisible characters in it are removed.
    """
    if field.shape is Shape.FLAG:
        return lambda text: (_FLAGS.get(text.lower(), text), None)
    if field.path == "force_password_change":
        return lambda text: (_FORCE.get(text.casefold(), text), None)
    if field.shape is not Shape.CODE:
        return None
    known = tables.known(field.facts.table)
    if known is None:
        return without_invisible if from_cells else None
    enabled: dict[str, list[str]] = {}
    for code, row in known.items():
        if row.enabled:
            enabled.setdefault(code.casefold(), []).append(code)

    def read(text: str) -> Repaired:
        spellings: list[Repaired] = [(text, None)]
        if from_cells:
            spellings += [without_invisible(text), without_blanks(text)]
        for spelling, finding in spellings:
            if spelling in known:
                return spelling, finding
        for spelling, _ in spellings[1:] or spellings:
            other = enabled.get(spelling.casefold(), [])
            if len(other) == 1:
                message = f"{KNOWN} was written as Alma has it: {other[0]}"
                return other[0], CellFinding(Code.WRONG_CASE_CODE, message)
        return spellings[1] if from_cells else spellings[0]

    def read_each(text: str) -> Repaired:
        readings = [read(code) for code in field.codes(text)]
        findings = [finding for _, finding in readings if finding is not None]
        return JOINED.join(code for code, _ in readings), findings[0] if findings else None

    return read_each if field.several else read
