"""Private values, as far as others may see them: enough to find the row, too little to know it."""

from __future__ import annotations

import re
from collections.abc import Callable

from importer.model.fields import FIELDS, Shape

CUT = "…"
"""Stands where something private was left out."""

_POSITION = re.compile(r"\[[^\]]*\]")

_MAIN = {
    "contact_info.email": "contact_info.email.email_address",
    "contact_info.phone": "contact_info.phone.phone_number",
    "user_identifier": "user_identifier.value",
    "user_statistic": "user_statistic.statistic_category",
    "rs_library": "rs_library.code",
    "library_notice": "library_notice.code",
}
"""The field that speaks for an entry of a list, where it is of a kind that may be shown in part."""

SECRETS = frozenset({"password", "pin_number"})
"""Never shown, whoever asks."""

_PRIVATE_CODES = frozenset({"gender"})

_BARE_CODES = frozenset({"external_id", "segment_type"})
"""Fields that Alma writes as text and that take codes: who owns a record, and an entry of it."""

_ID_TAIL = re.compile(r"[0-9A-Za-z]*[0-9][0-9A-Za-z]*", re.ASCII)
_YEAR = re.compile(r"(?<![0-9])(?:18|19|20)[0-9]{2}(?![0-9])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.](?:[0-9]{2}){1,2}")
_CODE = re.compile(r"[^\W\d_][\w &/.,'()-]{0,39}|[0-9]{1,4}")
_WORD = re.compile(r"""\([^)]*\)?\S*|"[^"]*"?\S*|'[^']*'?\S*|\S+""")
_PLAIN = re.compile(r"[a-z][A-Za-z_.-]*[.,:;]?", re.ASCII)
_FIRST = re.compile(r"[A-Za-z][a-z-]*:?", re.ASCII)
_LETTER = re.compile(r"[^\W\d_]")


def mask(field: str, text: str) -> str:
    """A value of a field as it may be shown; a cut stands wherever something was left out.

    Identifiers keep their last four characters, names their initials, birth dates the year, e-mail
    addresses the first letter, phone numbers two digits. Codes, flags and the other dates say
    nothing about a person and are shown. `field` is a path (`contact_info.email.email_address`),
    with or without positions, or blank where the field is not known: then all is cut.
    """
    if not text:
        return ""
    path = _path(field)
    masking = _MASKS.get(path)
    if masking is not None:
        return masking(text)
    return text if _says_nothing(path, text) else CUT


def takes_code(field: str) -> bool:
    """Is it a field that takes codes, and no others' words?"""
    known = FIELDS.get(_path(field))
    return known is not None and (known.shape is Shape.CODE or known.name in _BARE_CODES)


def said(text: str) -> str:
    """Alma's own words about a record, without what it may have taken from the record.

    What is kept are its first word and the words in small letters, but not in brackets or where a
    value is named. `Given field job has invalid value Ann` → `Given field job has invalid value …`
    """
    words = _WORD.findall(text)
    if len(words) == 1:  # a value alone
        return CUT
    kept: list[str] = []
    for word in words:
        named = bool(kept) and kept[-1].strip(":") in {"value", "identifier"}
        plain = _PLAIN.fullmatch(word) if kept else _FIRST.fullmatch(word)
        kept.append(word if plain and not named else CUT)
    return re.sub(rf"{CUT}(?: {CUT})+", CUT, " ".join(kept))


def mask_all(fields: tuple[str, ...], text: str, *, show_values: bool) -> str:
    """A value that feeds several fields: as the one that shows least of it would have it."""
    return min((shown(field, text, show_values=show_values) for field in fields or ("",)), key=len)


def shown(field: str, text: str, *, show_values: bool) -> str:
    """The value, masked unless values are asked for; a secret is never shown."""
    if show_values and _POSITION.sub("", field) not in SECRETS:
        return text
    return mask(field, text)


def _path(field: str) -> str:
    path = _POSITION.sub("", field)
    return _MAIN.get(path, path)


def _identifier(text: str) -> str:
    tail = text[-4:]
    return CUT + tail if len(text) >= 7 and _ID_TAIL.fullmatch(tail) else CUT


def _initials(text: str) -> str:
    """`Jane van Dyck` → `J… v… D…`."""
    letters = (_LETTER.search(word) for word in text.split())
    return " ".join(found.group() + CUT for found in letters if found) or CUT


def _year(text: str) -> str:
    found = _YEAR.search(text)
    if found is None:
        return CUT
    before, after = (CUT if part else "" for part in (text[: found.start()], text[found.end() :]))
    return before + found.group() + after


def _address(text: str) -> str:
    first = text[:1] if text[:1].isalnum() and "@" in text[1:] else ""
    return f"{first}{CUT}@{CUT}" if first else CUT


def _number(text: str) -> str:
    digits = [character for character in text if character in "0123456789"]
    return CUT + "".join(digits[-2:]) if len(digits) >= 7 else CUT


def _says_nothing(path: str, text: str) -> bool:
    """Is it a code, a flag or a day, by the field and by its looks?"""
    known = FIELDS.get(path)
    if known is None or path in SECRETS or path in _PRIVATE_CODES:
        return False
    if takes_code(path):
        return bool(_CODE.fullmatch(text)) and sum(c.isdigit() for c in text) <= 4
    match known.shape:
        case Shape.DATE:
            return bool(_DAY.fullmatch(text))
        case Shape.FLAG:
            return text.casefold() in {"true", "false"}
        case _:
            return False


_MASKS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("primary_id", "user_identifier.value"), _identifier),
    **{path: _initials for path in FIELDS if path.endswith("_name")},
    "birth_date": _year,
    "contact_info.email.email_address": _address,
    "contact_info.phone.phone_number": _number,
}
