"""What is done to IDs, emails and codes unasked, and to IDs by a rule under `ids:`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import reduce

from importer.model.candidates import IdRule
from importer.model.problem import CellFinding, Code
from importer.model.roster import NULLS
from importer.model.text import is_several_words, one_line

Repaired = tuple[str, CellFinding | None]
"""What a step makes of a text, and what there is to report about it."""

Transform = Callable[[str, str], Repaired]
"""A step on a text that is not blank, and the country of its address ("" if not known)."""

_DASHES = NULLS | {".", "-", "--", "---", "–", "—", "none", "n/a", "na", "nan", "nat"}


def is_dash(text: str) -> bool:
    """Return whether a text is what people type in place of nothing."""
    return text.casefold() in _DASHES


def padded(text: str, width: int) -> Repaired:
    """Return the text with leading zeros, if it consists of digits only."""
    if len(text) >= width or not (text.isascii() and text.isdigit()):
        return text, None
    message = f"{{value}} has fewer than {width} digits; zeros were put in front"
    return text.zfill(width), CellFinding(Code.ZEROS_RESTORED, message)


UNSEEN = re.compile("[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
"""Blanks and invisible characters, which no ID or email address contains."""


def _removed(text: str, whole: str, what: str) -> Repaired:
    if whole == text:
        return text, None
    return whole, CellFinding(Code.WHITESPACE_REMOVED, f"{{value}} contained {what}")


def without_blanks(text: str) -> Repaired:
    """Return the text without blanks and invisible characters."""
    if UNSEEN.search(text) is None:
        return text, None
    what = "blanks or invisible characters; they were removed"
    return _removed(text, UNSEEN.sub("", text), what)


def without_blanks_in_id(text: str, _country: str = "") -> Repaired:
    """Return an ID without blanks and invisible characters. Several words are none, and stay."""
    return (text, None) if is_several_words(text) else without_blanks(text)


def without_invisible(text: str) -> Repaired:
    """Return the text without invisible characters; blanks, which a code may contain, stay."""
    whole = "".join(char for char in text if char.isspace() or not UNSEEN.match(char))
    return _removed(text, whole, "invisible characters; they were removed")


def without_blanks_in_email(text: str, _country: str = "") -> Repaired:
    """Return an email address without blanks and invisible characters.

    A text stays as it is if a blank in it may separate the address from another word: one that is
    neither beside the @ nor before a dot.
    """
    if text.count("@") != 1 or UNSEEN.search(text) is None:
        return text, None
    around = "@".join(map(str.strip, without_invisible(text)[0].split("@")))
    plain = ".".join(map(str.rstrip, around.split(".")))
    return (text, None) if " " in one_line(plain) else without_blanks(text)


TIDIED: dict[str, Transform] = {
    "primary_id": without_blanks_in_id,
    "user_identifier.value": without_blanks_in_id,
    "proxy_for_user.primary_id": without_blanks_in_id,
    "contact_info.email.email_address": without_blanks_in_email,
}
"""Fields that contain no blanks, by path. What is not one email address stays as it is."""


def id_transforms(rule: IdRule) -> Iterator[tuple[Transform, re.Pattern[str] | None]]:
    """Yield what an `ids:` rule does to the cells of its column, and what it looks for in them."""
    yield without_blanks_in_id, UNSEEN
    if rule.strip:
        what = "characters that the mapping removes from IDs"
        unwanted = str.maketrans("", "", rule.strip)
        sign = re.compile(f"[{re.escape(rule.strip)}]")
        yield lambda text, _: _removed(text, text.translate(unwanted), what), sign
    if rule.pad and rule.digits:
        width = rule.digits
        yield lambda text, _: padded(text, width), None


def repaired_id(word: str, rule: IdRule) -> str:
    """Return an ID as an `ids:` rule leaves it, whatever it reports."""
    return word and reduce(lambda text, change: change[0](text, "")[0], id_transforms(rule), word)
