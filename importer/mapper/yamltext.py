"""Texts as YAML, for mappings that the importer writes."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./+()&'-]*[A-Za-z0-9.)]|[A-Za-z0-9]")
_PLAIN_CELL = re.compile(r"<[@A-Za-z0-9][A-Za-z0-9 _./+&'()-]*>")


def scalar(text: str) -> str:
    """The text as one YAML value or key, in quotation marks where it needs them."""
    if _PLAIN.fullmatch(text) or _PLAIN_CELL.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in quoted)


def remark(text: str) -> str:
    """The text for a comment: on one line, without what cannot be seen."""
    return "".join(char if char.isprintable() else " " for char in text)


def cell(heading: str) -> str:
    """The placeholder of a heading, as YAML."""
    return scalar(f"<{heading}>")


def constant(text: str) -> str:
    """A text that is the same for everybody, as YAML; a `<` of its own is written `<<`."""
    return scalar(text.replace("<", "<<"))
