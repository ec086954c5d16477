"""Placeholders: text with headings in angle brackets, as in a mail merge."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

RUN_VARIABLES = ("today", "file", "sheet", "row")
"""What the run knows; every other `<@name>` is a field of the same record."""

TO_CHOOSE = "?"
"""Stands for a heading (`<?>`) or a code that a person still has to choose."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`<Heading>`: the cell under that heading. `<Email *>` stands for every such heading."""

    heading: str

    @property
    def repeats(self) -> bool:
        """Whether it makes one entry for each matching heading."""
        return self.heading.endswith("*")


@dataclass(frozen=True, slots=True)
class Variable:
    """`<@today>`, from the run, or `<@expiry_date>`, a field of the same record."""

    name: str

    @property
    def of_run(self) -> bool:
        """Whether it comes from the run, not from the record."""
        return self.name in RUN_VARIABLES


Part = str | Cell | Variable


@dataclass(frozen=True, slots=True)
class Template:
    """A text in parts. Without a cell or a variable it is a constant."""

    parts: tuple[Part, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells, in order."""
        return tuple(part for part in self.parts if isinstance(part, Cell))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Its variables, in order."""
        return tuple(part for part in self.parts if isinstance(part, Variable))

    @property
    def constant(self) -> str | None:
        """Its text, if nothing is filled in."""
        if any(not isinstance(part, str) for part in self.parts):
            return None
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def lone_cell(self) -> bool:
        """Whether it is one cell without any text around it."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Cell)


class PlaceholderError(ValueError):
    """A template that cannot be read; its text is the reason, as the end of a sentence."""


_TOKEN = re.compile(r"<<|<(?P<name>[^<>]*)>|(?P<open><)")

ANGLED = (
    "a heading that contains `<` or `>` gets another name under `headings:`, as in "
    '`headings: {Size: ["Size <cm>"]}`, and is then written `<Size>`'
)
"""How such a heading is mapped."""


def parse(text: str) -> Template:
    """Read the template of a text. Raises PlaceholderError if a `<` is not closed or is empty."""
    parts: list[Part] = []
    literal = ""
    position = 0
    for token in _TOKEN.finditer(text):
        literal += text[position : token.start()]
        position = token.end()
        name = token["name"]
        if token["open"]:
            msg = f"`<` is not closed in `{text}`; {_hint(text)}"
            raise PlaceholderError(msg)
        if name is None:
            literal += "<"
            continue
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_placeholder(name.strip()))
    literal += text[position:]
    if literal:
        parts.append(literal)
    return Template(tuple(parts))


def _placeholder(name: str) -> Cell | Variable:
    if not name.removeprefix("@").strip():
        msg = "`<>` names no heading; write `<<` for a plain `<`"
        raise PlaceholderError(msg)
    if name.startswith("@"):
        return Variable(name[1:].strip())
    return Cell(name)


def _hint(text: str) -> str:
    if text.rstrip() and ">" not in text:
        return (
            "put the whole value in quotation marks if the heading contains `#`, `,` or a brace "
            '(as in "<Phone #>"), or write `<<` for a plain `<`'
        )
    return f"write `<<` for a plain `<`; {ANGLED}"


def heading_key(heading: str) -> str:
    """Return the form in which headings, cells and lookup keys are compared.

    Case, surrounding blanks and doubled blanks do not count.
    """
    return " ".join(heading.split()).casefold()


def nearest(name: str, known: Iterable[str], count: int = 1) -> str:
    """Return `; did you mean …?` with the nearest names, or "" if none is near."""
    spelled = {known_name.casefold(): known_name for known_name in known}
    near = difflib.get_close_matches(name.casefold(), spelled, n=count, cutoff=0.6)
    if not near:
        return ""
    return f"; did you mean {' or '.join(f'`{spelled[found]}`' for found in near)}?"
