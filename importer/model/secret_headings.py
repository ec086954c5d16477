"""Which headings say that their columns have passwords, PINs or numbers that are never sent."""

from __future__ import annotations

from collections.abc import Iterable

from importer.model.vocabulary import DATA, field_of, meaning, words_of

_PARTS, _WORDS = (
    {"".join(words_of(text)) for text in DATA["secrets"][of]} for of in ("parts", "words")
)
_PINS = frozenset(DATA["secrets"]["pins"])
_NO_BRACKETS = str.maketrans("()[]", "    ")
_POSTAL, _PLACES = "postal_code", frozenset({"line1", "city", "state_province", "country"})


def _says_password(heading: str) -> bool:
    words = words_of(heading.translate(_NO_BRACKETS))
    joined = "".join(words)
    return not _WORDS.isdisjoint(words) or any(part in joined for part in _PARTS)


def _says_pin(heading: str) -> bool:
    words = words_of(heading.translate(_NO_BRACKETS))
    others = " ".join(word for word in words if word not in _PINS)
    return not _PINS.isdisjoint(words) and field_of(others) != _POSTAL


def say_secret(headings: Iterable[str]) -> frozenset[str]:
    """Return which of a roster's headings say that their column has passwords or PINs.

    `PIN code` names a postal code where the others have an address without one.
    """
    fields = {heading: field_of(heading) for heading in headings}
    postal = {heading for heading, field in fields.items() if field == _POSTAL}
    pins = {heading for heading in fields if _says_pin(heading)}
    if not postal - pins and not _PLACES.isdisjoint(fields.values()):
        pins -= postal
    return frozenset(pins).union(filter(_says_password, fields))


def is_left_out(heading: str) -> bool:
    """Return whether a column with this heading is never sent."""
    return "never" in meaning(heading).concepts or _says_password(heading)
