"""From the words of a rule to the functions of its chain."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from importer.mapper import clean, periods
from importer.mapper.chain import Fill, Step
from importer.mapper.dates import ORDER_WORDS, Style, Unread
from importer.mapper.reading import JOIN, Finding, Reading
from importer.mapper.template import Cell, Template, Variable
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from importer.mapper.batch import Batch
    from importer.model.policy import IdRule

UNSEEN = re.compile("[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
"""Blanks and invisible characters, which no identifier, code or e-mail address holds."""


def tidy(text: str) -> Reading:
    """The text without blanks and invisible characters."""
    whole = UNSEEN.sub("", text)
    if whole == text:
        return text, None
    message = "{value} held blanks or invisible characters; they were removed"
    return whole, Finding(Code.WHITESPACE_REMOVED, message)


def without_invisible(text: str) -> Reading:
    """The text without invisible characters; a code may hold blanks, which stay."""
    whole = "".join(char for char in text if char.isspace() or not UNSEEN.match(char))
    if whole == text:
        return text, None
    message = "{value} held invisible characters; they were removed"
    return whole, Finding(Code.WHITESPACE_REMOVED, message)


def is_tidy(joined: str) -> bool:
    """Is there nothing to tidy in a whole column?"""
    if joined.isascii():
        # where all is ASCII, what is unseen is a blank
        return not joined or joined.split(maxsplit=1) == [joined]
    return UNSEEN.search(joined) is None


def tidy_email(text: str) -> Reading:
    """The same for an e-mail address; what is not one address stays as it is, to be seen so."""
    return tidy(text) if text.count("@") == 1 else (text, None)


def id_steps(rule: IdRule) -> tuple[Step, ...]:
    """What an `ids:` rule does to the cells of its column."""
    unwanted = str.maketrans("", "", rule.strip)

    def strip(text: str) -> Reading:
        whole = text.translate(unwanted)
        if whole == text:
            return text, None
        message = "{value} held characters that the mapping strips from identifiers"
        return whole, Finding(Code.WHITESPACE_REMOVED, message)

    found = [Step(tidy, idle=is_tidy)]
    if rule.strip:
        found.append(
            Step(strip, idle=lambda joined: not any(char in joined for char in rule.strip))
        )
    if rule.pad and rule.digits:
        width = rule.digits
        whole = re.compile(rf"(?:[0-9]{{{width}}}{re.escape(JOIN)})*+[0-9]{{{width}}}")
        found.append(
            Step(
                lambda text: clean.padded(text, width),
                idle=lambda joined: whole.fullmatch(joined) is not None,
            )
        )
    return tuple(found)


def date_step(style: Style, plus: str | None, terms: tuple[periods.TermEnd, ...]) -> Step:
    """Read a date, move it if it is to be moved, and write it as ISO."""
    move: Callable[[date], date] = periods.later(plus, terms) if plus else lambda day: day

    @lru_cache(maxsize=65_536)  # the next chunk holds much the same days
    def convert(text: str) -> Reading:
        day = style.read(text)
        if isinstance(day, date):
            return move(day).isoformat(), None
        return "", _unread(day, style)

    return Step(convert)


def _unread(why: Unread, style: Style) -> Finding:
    sentence, advice, mends = why.value
    message = f"{{value}} {sentence}"
    if why is Unread.TWO_WAYS:
        return Finding(Code.AMBIGUOUS_DATE, message, advice, mends)
    if why is Unread.NO_SUCH_DAY and style.order in ORDER_WORDS:
        message += f", read as {ORDER_WORDS[style.order]}"
    return Finding(Code.UNPARSABLE_DATE, message, advice, mends)


def fill(template: Template, position: Callable[[str], int]) -> Fill:
    """The function that fills a template in. `position` gives a heading's column."""
    match template.parts:
        case (Cell(heading=heading),):
            return _fill_cell(position(heading))
        case parts if template.constant is not None:
            text = "".join(part for part in parts if isinstance(part, str))
            return lambda batch: ([text] * len(batch), [""] * len(batch))
        case _:
            return _fill_parts(template, position)


def _fill_cell(column: int) -> Fill:
    def one(batch: Batch) -> tuple[list[str], list[str]]:
        texts = batch.cells(column)
        return texts, texts

    return one


_BLANKS = ("  ", f" {JOIN}", f"{JOIN} ")
"""Doubled ones, and those that end or begin a text; all others but the usual are not printable."""


def _fill_parts(template: Template, position: Callable[[str], int]) -> Fill:
    """A text is blank where everything that it takes from roster and record is blank.

    Run variables are never blank; they count only where nothing else is to be filled in.
    """
    parts = [position(part.heading) if isinstance(part, Cell) else part for part in template.parts]
    of_run_only = not template.cells and all(part.of_run for part in template.variables)

    def several(batch: Batch) -> tuple[list[str], list[str]]:
        columns: list[list[str]] = []
        asked: list[list[str]] = []
        for part in parts:
            match part:
                case int():
                    columns.append(batch.cells(part))
                    asked.append(columns[-1])
                case Variable(name=name):
                    columns.append(batch.variable(name))
                    if not part.of_run:
                        asked.append(columns[-1])
                case str():
                    columns.append([part] * len(batch))
        texts = _side_by_side(columns)
        joined = f"{JOIN}{JOIN.join(texts)}{JOIN}"
        if any(blanks in joined for blanks in _BLANKS) or not joined.isprintable():
            texts = [" ".join(text.split()) for text in texts]
        if of_run_only:
            return texts, [""] * len(batch)
        content = _side_by_side(asked)
        return [text if said else "" for text, said in zip(texts, content, strict=True)], content

    return several


def _side_by_side(columns: list[list[str]]) -> list[str]:
    """The texts of some columns as one."""
    return list(map("".join, zip(*columns, strict=True))) if len(columns) > 1 else columns[0]
