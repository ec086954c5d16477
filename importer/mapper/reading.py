"""What a step makes of one text, and how a step runs once per distinct text of a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from importer.model.catalogue import Code, Mends


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step has to say about a text; `message` holds {value} where the text goes.

    `advice` is the catalogue's where it is not given; `mends` is that of an advice that is given.
    """

    code: Code
    message: str
    advice: str = ""
    mends: Mends = Mends.ROW


Reading = tuple[str, Finding | None]
Convert = Callable[[str], Reading]
"""A step on one text that is not blank. A blank stays blank in every step."""

ConvertThere = Callable[[str, str], Reading]
"""A step on a text and the country of its address, blank where that is not known."""


def quietly(change: Callable[[str], str]) -> Convert:
    """A step that never has anything to say."""
    return lambda text: (change(text), None)


Idle = Callable[[str], bool]
"""Says at a glance at a whole column, its texts joined by `JOIN`, that a step changes none of them
and has nothing to say. It may be wrong in one direction only: then each text is looked at."""

JOIN = "|"
"""Stands between the texts of a column that is looked at as a whole; no step minds it."""


def convert_all(
    texts: list[str], convert: Convert, idle: Idle | None = None
) -> tuple[list[str], dict[int, Finding]]:
    """The converted texts, and what was found by position. Each distinct text is read once.

    Gives the same list where no text changes: nobody changes the columns that steps are given.
    """
    if idle is not None and idle(JOIN.join(texts)):
        return texts, {}
    changed: dict[str, str] = {}
    found: dict[str, Finding] = {}
    for text in set(texts):
        if text:
            whole, finding = convert(text)
            if whole != text:
                changed[text] = whole
            if finding is not None:
                found[text] = finding
    converted = list(map(changed.get, texts, texts)) if changed else texts
    if not found:
        return converted, {}
    return converted, {at: found[text] for at, text in enumerate(texts) if text in found}
