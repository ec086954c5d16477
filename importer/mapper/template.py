"""Templates: text with headings in angle brackets, as in a mail merge."""

from __future__ import annotations

import re
from dataclasses import dataclass

RUN_VARIABLES = ("today", "file", "sheet", "row")
"""What the run knows; every other `<@name>` is a field that the same record has got."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`<Heading>`: the cell under that heading. `<Email *>` stands for every such heading."""

    heading: str

    @property
    def repeats(self) -> bool:
        """Does it make one entry for each matching heading?"""
        return self.heading.endswith("*")


@dataclass(frozen=True, slots=True)
class Variable:
    """`<@today>`, or `<@expiry_date>`: from the run, or a field that the record has got."""

    name: str

    @property
    def of_run(self) -> bool:
        """Does it come from the run, not from the record?"""
        return self.name in RUN_VARIABLES


Part = str | Cell | Variable


@dataclass(frozen=True, slots=True)
class Template:
    """A text in parts. Without a cell or a variable it is a constant."""

    parts: tuple[Part, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that it needs, in order."""
        return tuple(part for part in self.parts if isinstance(part, Cell))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that it needs, in order."""
        return tuple(part for part in self.parts if isinstance(part, Variable))

    @property
    def constant(self) -> str | None:
        """Its text where nothing is to be filled in."""
        if any(not isinstance(part, str) for part in self.parts):
            return None
        return "".join(part for part in self.parts if isinstance(part, str))


def heading_key(heading: str) -> str:
    """By what headings are compared: without case, surrounding or doubled blanks."""
    return " ".join(heading.split()).casefold()


ANGLED = (
    "a heading that itself holds `<` or `>` is given another name under `headings:`, as in "
    '`headings: {Size: ["Size <cm>"]}`, and then stands as `<Size>`'
)
"""How such a heading is mapped."""


class TemplateError(ValueError):
    """A template that cannot be read; its text is the reason, for a finding."""


_TOKEN = re.compile(r"<<|<(?P<name>[^<>]*)>|(?P<open><)")


def parse(text: str) -> Template:
    """The template of a text. Raises TemplateError where a `<` is not closed or holds nothing."""
    parts: list[Part] = []
    literal = ""
    position = 0
    for token in _TOKEN.finditer(text):
        literal += text[position : token.start()]
        position = token.end()
        name = token["name"]
        if token["open"]:
            msg = f"`<` is not closed in `{text}`; {_hint(text)}"
            raise TemplateError(msg)
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
        msg = "`<>` names no heading; a `<` of its own is written `<<`"
        raise TemplateError(msg)
    if name.startswith("@"):
        return Variable(name[1:].strip())
    return Cell(name)


def _hint(text: str) -> str:
    if text.rstrip() and ">" not in text:
        return (
            "put the whole value into quotation marks if the heading holds `#`, `,` or a brace "
            '(as in "<Phone #>"), or write `<<` for a `<` of its own'
        )
    return f"a `<` of its own is written `<<`, and {ANGLED}"
