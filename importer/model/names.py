"""Names as people write them: what counts as the same name in a roster and in Alma."""

from __future__ import annotations

import unicodedata

_PLAIN = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h",
        "ı": "i", "ŋ": "n", "ŧ": "t", "ƒ": "f",
    }
)  # fmt: skip
"""Latin letters that Unicode does not take apart and that people type without their stroke."""


def _is_accent(mark: str) -> bool:
    """Accents and pointing are left out when typing; vowel signs and voicing are letters.

    Told by the canonical combining class: 1 overlays, 10 to 36 Hebrew and Arabic pointing, 200
    and more what stands above and below. Nukta, kana voicing, virama and the vowel signs of
    Indic and Thai script have other classes.
    """
    place = unicodedata.combining(mark)
    return place == 1 or 10 <= place <= 36 or place >= 200


def folded(name: str) -> str:
    """The name without case, accents, punctuation and blanks; letters of every script stay."""
    if name.isascii():
        return name.lower() if name.isalpha() else "".join(filter(str.isalnum, name.lower()))
    apart = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN)).casefold()
    kept = (
        letter
        for letter in apart
        if (letter.isalnum() or unicodedata.category(letter)[0] == "M") and not _is_accent(letter)
    )
    return unicodedata.normalize("NFC", "".join(kept))


def name_key(first: str, last: str) -> tuple[str, str]:
    """The key of a whole name from its folded parts, whichever of the two stands first."""
    return (first, last) if first <= last else (last, first)
