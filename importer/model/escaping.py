"""The mark that keeps a CSV cell from becoming a formula, put on and taken off without loss."""

from __future__ import annotations

TRIGGERS = frozenset("=+-@\t\r\0")
"""A cell that begins with one of these is run as a formula by some spreadsheet program."""

MARK = "'"
_AFTER_MARK = TRIGGERS | {MARK}


def escape(text: str) -> str:
    """The text as our CSV files hold it: marked where a spreadsheet program would run it.

    Text that would be taken for marked text is marked as well, so that `unescape` loses nothing:
    `'Akamu` and `'t Hooft` stay as they are, and `'=x` becomes `''=x`.
    """
    if text[:1] in TRIGGERS or _marked(text):
        return MARK + text
    return text


def unescape(text: str) -> str:
    """What `escape` was given."""
    return text[1:] if _marked(text) else text


def _marked(text: str) -> bool:
    return text[:1] == MARK and text[1:2] in _AFTER_MARK
