"""What a step makes of one text, and how a step runs once per distinct text of a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from importer.model.catalogue import Code


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step has to say about a text; `message` holds {value} where the text goes."""

    code: Code
    message: str
    advice: str = ""


Reading = tuple[str, Finding | None]
Convert = Callable[[str], Reading]
"""A step on one text that is not blank. A blank stays blank in every step."""


def quietly(change: Callable[[str], str]) -> Convert:
    """A step that never has anything to say."""
    return lambda text: (change(text), None)


def convert_all(texts: list[str], convert: Convert) -> tuple[list[str], dict[int, Finding]]:
    """The converted texts, and what was found by position. Each distinct text is read once."""
    known: dict[str, str] = {"": ""}
    found: dict[str, Finding] = {}
    for text in set(texts):
        if text:
            known[text], finding = convert(text)
            if finding is not None:
                found[text] = finding
    converted = [known[text] for text in texts]
    if not found:
        return converted, {}
    return converted, {at: found[text] for at, text in enumerate(texts) if text in found}
