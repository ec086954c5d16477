"""An identifier as one segment of a path, and nothing more than that."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from importer.errors import RefusedError
from importer.model.text import steering

LONGEST = 255


def segment(text: str) -> str:
    """The text, quoted, so that it stays one segment.

    Raises RefusedError where that is not certain on the whole way to Alma: blank, signs that
    steer an address, control characters. The identifier is not repeated in the error.
    """
    if not text.strip():
        msg = "The primary identifier is blank; nothing was sent."
        raise RefusedError(msg)
    if steering(text) or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        msg = "The identifier has a form that cannot be sent to Alma safely; nothing was sent."
        raise RefusedError(msg)
    if len(text) > LONGEST:
        msg = f"The identifier is longer than Alma's {LONGEST} characters; nothing was sent."
        raise RefusedError(msg)
    return quote(text, safe="")
