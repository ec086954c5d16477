"""Private values masked for others: enough to find the row, too little to know the person."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from importer.model.fields import FIELDS, SECRETS, Shape

CUT = "…"
"""Marks what was left out."""

_POSITION = re.compile(r"\[[^\[\]]*+\]")

_MAIN = {
    "contact_info.email": "contact_info.email.email_address",
    "contact_info.phone": "contact_info.phone.phone_number",
    "user_identifier": "user_identifier.value",
    "user_statistic": "user_statistic.statistic_category",
    "proxy_for_user": "proxy_for_user.primary_id",
    "rs_library": "rs_library.code",
    "library_notice": "library_notice.code",
}
"""The main field of a list's entry, where it may be shown in part."""

_PRIVATE_CODES = frozenset({"gender"})

_BARE_CODES = frozenset({"external_id", "segment_type"})
"""Fields that Alma writes as text and that take codes."""

_ID_TAIL = re.compile(r"[A-Za-z]*+[0-9][0-9A-Za-z]*+", re.ASCII)
_YEAR = re.compile(r"(?<![0-9])(?:18|19|20)[0-9]{2}(?![0-9])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.](?:[0-9]{2}){1,2}")
_CODE = re.compile(r"[^\W\d_][\w &/.,'()-]{0,39}|[0-9]{1,4}")
_WORD = re.compile(r"""\([^)]*\)?\S*|"[^"]*"?\S*|'[^']*'?\S*|\S+""")
_PLAIN = re.compile(r"[a-z][A-Za-z_.-]*[.,:;]?", re.ASCII)
_FIRST = re.compile(r"[A-Za-z][a-z-]*:?", re.ASCII)
_LETTER = re.compile(r"[^\W\d_]")


def shown(field: str, text: str, *, show_values: bool) -> str:
    """Return a value of a field; without `show_values`, private parts are replaced by CUT.

    IDs keep their last four characters, names their initials, birth dates the year, email addresses
    the first letter, phone numbers two digits. Codes, flags and other dates are not private. A
    secret is never shown. `field` is a path (`contact_info.email.email_address`), with or without
    positions, or blank where the field is not known: then everything is cut.
    """
    path = plain_path(field)
    if not text or (show_values and path not in SECRETS):
        return text
    if path in _MASKS:
        return _MASKS[path](text)
    return text if _is_public(path, text) else CUT


def shown_word(text: str) -> str:
    """Return a word of a column of codes; CUT if its form shows that it is none, as of an email."""
    return text if _CODE.fullmatch(text) and sum(map(str.isdigit, text)) <= 4 else CUT


def takes_code(field: str) -> bool:
    """Return whether a field takes codes."""
    known = FIELDS.get(plain_path(field))
    return known is not None and (known.shape is Shape.CODE or known.name in _BARE_CODES)


def said(text: str) -> str:
    """Return Alma's message about a record without what it may quote from the record.

    The first word and lower-case words are kept, but not in brackets or where a value is named.
    `Given field job has invalid value Ann` → `Given field job has invalid value …`
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
    """Return a value of several fields, masked as the strictest of them asks."""
    return min((shown(field, text, show_values=show_values) for field in fields or ("",)), key=len)


def shown_change(field: str, old: str, new: str, *, show_values: bool) -> tuple[str, str]:
    """Return both sides of a difference, masked as `shown` does, and never the same text twice.

    Where the masks are equal, each side shows the first character that differs: `…e…` and `…o…`.
    Of a secret, or a code of few values that is private, nothing is shown.
    """
    before, after = (shown(field, text, show_values=show_values) for text in (old, new))
    if before != after or old == new:
        return before, after
    if plain_path(field) in SECRETS | _PRIVATE_CODES:
        return CUT, f"another {CUT}"
    at = next(at for at, (a, b) in enumerate(zip_longest(old, new)) if a != b)
    return _around(old, at), _around(new, at)


def _around(text: str, at: int) -> str:
    """Return the character at a position between marks; only a mark behind the end."""
    return f"{CUT}{text[at]}{CUT}" if at < len(text) else CUT


def plain_path(field: str) -> str:
    """Return the path of a field without positions; of a list's entry, that of its main field."""
    path = _POSITION.sub("", field)
    return _MAIN.get(path, path)


def _identifier(text: str) -> str:
    tail = text[-4:]
    return CUT + tail if len(text) >= 7 and _ID_TAIL.fullmatch(tail) else CUT


def _initials(text: str) -> str:
    """Return the initials: `J… v… D…` for `Jane van Dyck`."""
    letters = (_LETTER.search(word) for word in text.split())
    return " ".join(first.group() + CUT for first in letters if first) or CUT


def _year(text: str) -> str:
    year = _YEAR.search(text)
    if year is None:
        return CUT
    before, after = (CUT if part else "" for part in (text[: year.start()], text[year.end() :]))
    return before + year.group() + after


def _address(text: str) -> str:
    first = text[:1] if text[:1].isalnum() and "@" in text[1:] else ""
    return f"{first}{CUT}@{CUT}" if first else CUT


def _number(text: str) -> str:
    digits = re.sub("[^0-9]", "", text)
    return CUT + digits[-2:] if len(digits) >= 7 else CUT


def _is_public(path: str, text: str) -> bool:
    """Return whether a value is a code, a flag or a date, by its field and its form."""
    known = FIELDS.get(path)
    if known is None or path in SECRETS or path in _PRIVATE_CODES:
        return False
    if takes_code(path):
        return CUT not in map(shown_word, known.codes(text))
    match known.shape:
        case Shape.DATE:
            return bool(_DAY.fullmatch(text))
        case Shape.FLAG:
            return text.casefold() in {"true", "false"}
        case _:
            return False


_MASKS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(
        ("primary_id", "user_identifier.value", "proxy_for_user.primary_id"), _identifier
    ),
    **{path: _initials for path in FIELDS if path.endswith("_name")},
    "birth_date": _year,
    "contact_info.email.email_address": _address,
    "contact_info.phone.phone_number": _number,
}

_BLANKS = re.compile(r"[\t\n\r\f\v\u2028\u2029]+")

_UNPRINTABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f"
    "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """Return the text on one line, each unprintable character replaced by its number.

    Such characters steer a terminal, hide text or turn its direction; rosters contain them in
    cells, headings and file names. Joiners between letters stay: scripts need them.
    """
    if text.isprintable():  # as nearly all is; a quick look spares the search
        return text
    one_line = _BLANKS.sub(" ", text)
    return _UNPRINTABLE.sub(lambda char: f"⟨U+{ord(char.group()):04X}⟩", one_line)
