"""What a specimen of the zoo is: a hostile or awkward file, and what reading it must give."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from importer.model.roster import Layout


@dataclass(frozen=True)
class Specimen:
    """A file, built by code, and what must come of it.

    Either `refusal`, words of the one sentence; or rows by number, problems as (row, column letter,
    code), the codes of notices in order, and the rows that are blank or left out.
    """

    name: str  # of the file
    hazard: str
    build: Callable[[Path], None]
    layout: Layout = field(default_factory=Layout)
    refusal: str = ""
    rows: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    problems: Collection[tuple[int, str, str]] = ()
    notices: tuple[str, ...] = ()
    blank: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    def __str__(self) -> str:
        """For the test's name."""
        return self.hazard.replace(" ", "-")


BANNED = (
    "traceback", "nonetype", "dtype", "json", "exception", "null", "nan", "regex", "regexp", "400",
    "404", "500", "http", "string", "str", "integer", "int", "boolean", "bool", "float", "parse",
    "parser", "parsed", "validation error", "validator", "pydantic", "pandas", "dataframe", "tuple",
    "dict", "enum", "payload", "endpoint", "schema", "stack", "assert", "keyerror", "valueerror",
    "errno", "codec", "utf8", "byte", "bytes", "literal", "deserialize", "instance", "invalid",
)  # fmt: skip
"""Words of programmers; as whole words, in any case. `UTF-8` stays: Excel's menu has it."""
_BANNED = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, BANNED))})(?![\w-])", re.IGNORECASE)


def banned(text: str) -> list[str]:
    """The banned words in a text; what stands in the mapping's own marks or quotes is quoted."""
    return _BANNED.findall(re.sub(r"`[^`]*`|\"[^\"]*\"", "", text))
