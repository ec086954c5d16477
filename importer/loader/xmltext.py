"""Text of XML that is cut apart by hand instead of parsed, where its form is certain."""

from __future__ import annotations

import re

from importer.loader.content import unescaped
from importer.loader.parsing import SheetError

_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));")
_ALLOWED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML may name by its number."""
_ENCODING = re.compile(rb"""encoding=["']([^"']*)""")


def is_utf8(head: bytes) -> bool:
    """Does XML that begins so declare no other encoding, and no document type?"""
    declared = _ENCODING.search(head)
    return b"<!" not in head and (declared is None or declared[1].lower() == b"utf-8")


def read_text(text: str) -> str | None:
    """What the text between two tags says; None where it holds an entity that XML does not know.

    Raises SheetError where it names a character that there is not.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in text:
        if len(_ENTITY.findall(text)) != text.count("&"):
            return None
        text = _ENTITY.sub(_character, text)
    return unescaped(text)


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    code = int(match[2]) if match[2] else int(match[3], 16)
    if code > 0x10FFFF or not _ALLOWED.fullmatch(char := chr(code)):
        raise SheetError
    return char
