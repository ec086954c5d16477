"""Placeholders: text with headings in angle brackets, as in a mail merge."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticKnownError

from importer.model.text import similar

RUN_VARIABLES = ("today", "file", "sheet", "row")
"""What the run knows; every other `<@name>` is a field of the same record."""

DOLLAR = "$"
"""The first character of the name of a value under `values:`."""

TO_CHOOSE = "?"
"""Stands for a heading (`<?>`) or a code that a person still has to choose."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`<Heading>`: the cell under that heading."""

    heading: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`<@today>` of the run, `<@field>` of the record, or `<$value>`; `name` has no `@`."""

    name: str

    @property
    def of_run(self) -> bool:
        """Whether it comes from the run, not from the record."""
        return self.name in RUN_VARIABLES


@dataclass(frozen=True, slots=True)
class Template:
    """A text as the mapping writes it, in pieces. Without a cell or variable it is constant."""

    text: str
    pieces: tuple[str | Cell | Variable, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells in it, in order."""
        return tuple(part for part in self.pieces if isinstance(part, Cell))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Its variables, in order."""
        return tuple(part for part in self.pieces if isinstance(part, Variable))

    @property
    def constant(self) -> str | None:
        """Its text, if nothing is filled in."""
        texts = [part for part in self.pieces if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(self.pieces) else None

    @property
    def lone_value(self) -> str:
        """The name of the value under `values:` that is all of it, or ""."""
        lone = self.variables[0].name if len(self.pieces) == len(self.variables) == 1 else ""
        return lone if lone.startswith(DOLLAR) else ""

    @property
    def never_blank(self) -> bool:
        """Whether it is a constant, or takes variables of the run only."""
        return not self.cells and all(part.of_run for part in self.variables)

    @property
    def lone_cell(self) -> bool:
        """Whether it is one cell without any text around it."""
        return len(self.pieces) == len(self.cells) == 1


_TOKEN = re.compile(r"<<|<(?P<name>[^<>]*)>|(?P<open><)|[^<]+")

ANGLED = (
    "a heading that contains `<` or `>` gets another name under `headings:`, as in "
    '`headings: {Size: ["Size <cm>"]}`, and is then written `<Size>`'
)
"""How such a heading is mapped."""


_VALUE_NAME = r"\$\w+(?:\.\w+)?"
_NO_NAME = re.compile(rf"[<>]|^@|^{_VALUE_NAME}$")


def is_nameable(heading: str) -> bool:
    """Return whether a placeholder can name a heading. Another gets a name under `headings:`."""
    return not _NO_NAME.search(heading)


def parse(text: str) -> Template:
    """Read the template of a text. Raises ValueError if a `<` is not closed or is empty."""
    parts: list[str | Cell | Variable] = []
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if token["open"]:
            msg = f"`<` is not closed in `{text}`; {_hint(text)}"
            raise ValueError(msg)
        if name is None:
            literal = "<" if token[0] == "<<" else token[0]
            if parts and isinstance(parts[-1], str):
                literal = parts.pop() + literal  # type: ignore[operator]
            parts.append(literal)
        elif not name.strip().removeprefix("@").strip():
            msg = "`<>` names no heading; write `<<` for a plain `<`"
            raise ValueError(msg)
        elif re.fullmatch(_VALUE_NAME, name.strip()):
            parts.append(Variable(name.strip()))
        elif name.strip().startswith("@"):
            parts.append(Variable(name.strip()[1:].strip()))
        else:
            parts.append(Cell(name.strip()))
    return Template(text, tuple(parts))


def written_template(value: object) -> Template:
    """Return the template of what the mapping writes, for pydantic."""
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")  # noqa: EM101  pydantic's own name of it
    if not value.strip():
        raise PydanticKnownError("string_too_short", {"min_length": 1})  # noqa: EM101
    return parse(value)


Written = Annotated[
    Template,
    BeforeValidator(
        written_template, json_schema_input_type=Annotated[str, StringConstraints(min_length=1)]
    ),
]
"""A template as the mapping writes it."""


def _hint(text: str) -> str:
    if text.rstrip() and ">" not in text:
        return (
            f"write `{text.rstrip()}>`, with the whole value in quotation marks if the heading "
            'contains `#`, `,` or a brace (as in "<Phone #>"), or `<<` for a plain `<`'
        )
    return f"write `<<` for a plain `<`; {ANGLED}"


def heading_key(heading: str) -> str:
    """Return the form in which headings and words are compared: no case, no needless blanks."""
    return " ".join(heading.split()).casefold()


def key_of(part: Cell | Variable) -> str:
    """Return by what a cell or a variable is known: its heading's key, or its name."""
    return heading_key(part.heading) if isinstance(part, Cell) else part.name


def nearest(name: str, known: Iterable[str], count: int = 1) -> str:
    """Return `; did you mean …?` with the nearest names, or "" if none is near."""
    near = " or ".join(f"`{word}`" for word in similar(name, known, count))
    return f"; did you mean {near}?" if near else ""
