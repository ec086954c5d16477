"""Text and attributes of XML that are cut apart by hand instead of parsed."""

from __future__ import annotations

import re

import numpy as np

from importer.loader.content import unescaped

_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));", re.ASCII)
_ENCODING = re.compile(rb"""encoding=["']([^"']*)""")
_ATTRIBUTE = re.compile(r'[ \t\r\n]+([A-Za-z_][\w:.-]*)="([^"<&]*)"', re.ASCII)
_TAG_END = re.compile(rf"((?:{_ATTRIBUTE.pattern})*)[ \t\r\n]*/?>", re.ASCII)
_CONTROLS = np.ones(32, dtype=np.bool_)
_CONTROLS[list(b"\t\n\r")] = False
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_utf8(head: bytes) -> bool:
    """Does XML that begins so declare no other encoding, and no document type?"""
    declared = _ENCODING.search(head)
    return b"<!" not in head and (declared is None or declared[1].lower() == b"utf-8")


def is_well_formed(piece: bytes) -> bool:
    """Are all characters and entities of a piece of UTF-8 ones that XML knows?"""
    data = np.frombuffer(piece, dtype=np.uint8)
    if _CONTROLS[data[data < len(_CONTROLS)]].any():
        return False
    if b"&" not in piece and piece.isascii():
        return True
    try:
        text = piece.decode()
        found = [_character(match) for match in _ENTITY.finditer(text)]
    except ValueError:
        return False
    known = len(found) == text.count("&") and _NO_CHARACTER.search("".join(found)) is None
    return known and "\ufffe" not in text and "\uffff" not in text


def attributes(form: bytes) -> dict[str, str] | None:
    """The attributes that a tag has from here to its end; None where they are not plain.

    Plain are those in double quotes without entities, each once.
    """
    match = _TAG_END.fullmatch(form.decode("utf-8", "replace"))
    if match is None:
        return None
    found = _ATTRIBUTE.findall(match[1])
    by_name = dict(found)
    return by_name if len(by_name) == len(found) else None


def read_text(text: str) -> str:
    """What the well-formed text between two tags says, its `_x000D_` and the like read as well."""
    return unescaped(read_xml(text))


def read_xml(text: str) -> str:
    """What the well-formed text between two tags is, as a parser of XML would give it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    return text


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return _ENTITIES[match[1]]
    return chr(int(match[2]) if match[2] else int(match[3], 16))
