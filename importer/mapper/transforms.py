"""The steps of `clean:` and of `ids:`, and what is done to IDs, emails and codes unasked.

Each step is a function on one text. What a step does to a person's name is at the end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import StrEnum, auto
from functools import reduce
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from importer.model.candidates import IdRule
from importer.model.fields import region_of
from importer.model.people import COMMA, JOINS, PARTICLES, read_phone
from importer.model.problem import CellFinding, Code
from importer.model.roster import NULLS
from importer.model.text import MOST_CHARACTERS, is_several_words, one_line, replaced

Outcome = tuple[str, CellFinding | None]
"""What a step makes of a text, and what there is to report about it."""

Transform = Callable[[str, str], Outcome]
"""A step on a text that is not blank, and the country of its address ("" if not known)."""

Word = Annotated[str, StringConstraints(min_length=1)]


def one_or_more(value: object) -> object:
    """A single text is a list of one."""
    return [value] if isinstance(value, str) else value


Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]

LINE_BREAK = "\n"


_NEWLINES = {"newline": LINE_BREAK, "\\n": LINE_BREAK}
Separators = Annotated[
    tuple[Annotated[Word, BeforeValidator(lambda text: _NEWLINES.get(str(text), text))], ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]
"""The texts between the parts of a cell; `newline` is a line break."""


def in_words(separators: tuple[str, ...]) -> str:
    """Return the separators in words."""
    return " or ".join(
        "line breaks" if separator == LINE_BREAK else f"`{separator}`" for separator in separators
    )


def each_line(text: str) -> str:
    """Return a text without doubled blanks in its lines."""
    return LINE_BREAK.join(map(one_line, text.split(LINE_BREAK)))


_DASHES = NULLS | {".", "-", "--", "---", "–", "—", "none", "n/a", "na", "nan", "nat"}


def is_dash(text: str) -> bool:
    """Return whether a text is what people type in place of nothing."""
    return text.casefold() in _DASHES


def padded(text: str, width: int) -> Outcome:
    """Return the text with leading zeros, if it consists of digits only."""
    if len(text) >= width or not (text.isascii() and text.isdigit()):
        return text, None
    message = f"{{value}} has fewer than {width} digits; zeros were put in front"
    return text.zfill(width), CellFinding(Code.ZEROS_RESTORED, message)


def as_email(text: str) -> str:
    """Return an address without `mailto:`, brackets and separators; its domain in lower case."""
    inner = text.strip("<>;, ")
    if inner.lower().startswith("mailto:"):
        inner = inner[len("mailto:") :].strip()
    name, at, domain = inner.rpartition("@")
    return f"{name}{at}{domain.lower()}" if at else inner


_ZIP = re.compile(r"([0-9]{3,5})(?:[- ]?([0-9]{4}))?")


def as_zip(text: str, country: str) -> Outcome:
    """Return a ZIP code as 07030 or 07030-1234, if the address is in the USA."""
    match = _ZIP.fullmatch(text) or _ZIP.fullmatch("".join(text.split()))
    if match is None or region_of(country) != "US":
        return text, None
    five = match[1].zfill(5)
    whole = f"{five}-{match[2]}" if match[2] else five
    if five == match[1]:
        return whole, None
    message = "{value} is a ZIP code without its leading zeros; they were put back"
    return whole, CellFinding(Code.ZEROS_RESTORED, message)


def as_phone(text: str, region: str) -> str:
    """Return the number as +17015550123 if it is valid in the region; else the text as it is."""
    phone = read_phone(text, region)
    return text if phone.abroad or not phone.whole else phone.whole


def _between(separators: Iterable[str]) -> str:
    """Return the pattern of any of these."""
    return "|".join(
        map(re.escape, sorted(separators, key=lambda separator: (-len(separator), separator)))
    )


def parts_of(text: str, separators: tuple[str, ...]) -> list[str]:
    """Return the parts of a text between any of these, without blanks around them."""
    return [part.strip() for part in re.split(_between(separators), text)]


def in_each_part(change: Transform, separators: Collection[str]) -> Transform:
    """Return a step that changes each part of a text between these, if there are any."""

    def each(text: str, country: str) -> Outcome:
        pieces = re.split(f"({_between(separators)})", text)
        read = [
            change(piece.strip(), country) if piece.strip() else ("", None) for piece in pieces[::2]
        ]
        pieces[::2] = [part for part, _ in read]
        return "".join(pieces), next((finding for _, finding in read if finding), None)

    return each if separators else change


def searched(find: str, replacement: str | None, text: str) -> Outcome:
    """Return a text with what a pattern finds replaced; without one, only what it finds."""
    if len(text) > MOST_CHARACTERS:
        message = "{value} is too long to be searched by the mapping's pattern"
        return text, CellFinding(Code.CELL_TOO_LONG, message)
    return each_line(replaced(find, replacement, text)), None


# --- what is done to IDs, emails and codes without being asked ---

UNSEEN = re.compile("[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
"""Blanks and invisible characters, which no ID or email address contains."""


def _removed(text: str, whole: str, what: str) -> Outcome:
    if whole == text:
        return text, None
    return whole, CellFinding(Code.WHITESPACE_REMOVED, f"{{value}} contained {what}")


def without_blanks(text: str) -> Outcome:
    """Return the text without blanks and invisible characters."""
    if UNSEEN.search(text) is None:
        return text, None
    what = "blanks or invisible characters; they were removed"
    return _removed(text, UNSEEN.sub("", text), what)


def without_blanks_in_id(text: str, _country: str = "") -> Outcome:
    """Return an ID without blanks and invisible characters. Several words are none, and stay."""
    return (text, None) if is_several_words(text) else without_blanks(text)


def without_invisible(text: str) -> Outcome:
    """Return the text without invisible characters; blanks, which a code may contain, stay."""
    whole = "".join(char for char in text if char.isspace() or not UNSEEN.match(char))
    return _removed(text, whole, "invisible characters; they were removed")


def without_blanks_in_email(text: str, _country: str = "") -> Outcome:
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


# --- capitals as people write names: McKay, O'Neil, de la Cruz ---

_NUMERALS = re.compile("ii|iii|iv|vi|vii|viii")
_WORD = re.compile(r"[^\s\-.'’]+")
_MC = re.compile(r"mc[^\W\d_]{2,}")
_DOTTED = frozenset("İıĞğƏə")
"""Letters of Turkish and Azeri only, in which I and ı are one letter and İ and i another."""
_SMALL = str.maketrans({"İ": "i", "I": "ı"})
_LARGE = str.maketrans({"i": "İ", "ı": "I"})


class NameOf(StrEnum):
    """Which name a text is: another than a last name, a last name, or a whole one in an order."""

    OTHER = auto()
    LAST = auto()
    WHOLE = auto()
    LAST_FIRST = auto()

    def last(self, words: Sequence[str]) -> range:
        """Return the positions of the words that may be of the last name."""
        comma = next((at for at, word in enumerate(words) if COMMA.search(word)), None)
        if self is NameOf.OTHER:
            return range(0)
        if self is NameOf.LAST:
            return range(len(words))
        if comma is not None:
            return range(comma + 1)
        if self is NameOf.WHOLE:
            return range(1, len(words))
        ends = (at for at, word in enumerate(words) if word.lower() not in PARTICLES)
        return range(next(ends, 0) + 1)


def has_small_particle(name: str) -> bool:
    """Return whether a particle in the name is in small letters."""
    return not PARTICLES.isdisjoint(name.split())


def capitalize(name: str, which: NameOf) -> str:
    """Return the name with capitals if it is all in capitals or all without; else as it is.

    Particles become small, and numerals stay large, only in a last name. In a whole name without a
    comma, a letter that is a particle stays a capital: it may be an initial. The result is composed
    (NFC). A name with a letter that only Turkish and Azeri have follows their rule for the dotted
    and the dotless i.
    """
    composed = unicodedata.normalize("NFC", name)
    dotted = not _DOTTED.isdisjoint(composed)

    def lower(text: str) -> str:
        return unicodedata.normalize("NFC", (text.translate(_SMALL) if dotted else text).lower())

    def upper(text: str) -> str:
        return (text.translate(_LARGE) if dotted else text).upper()

    def part(match: re.Match[str]) -> str:
        text, before = match[0], match.string[: match.start()]
        if before.endswith(("'", "’")) and (len(before) > 3 or len(text) == 1):
            return text  # Ha'apai, and the s of an English genitive
        if _MC.fullmatch(text):
            return "Mc" + text[2:3].upper() + text[3:]
        return upper(text[:1]) + text[1:]

    def word(text: str, at: int) -> str:
        if at in last[:-1] and text.lower() in (
            PARTICLES if last.start == 0 else PARTICLES - JOINS
        ):
            return lower(text)
        if at and at in last and _NUMERALS.fullmatch(text.lower().rstrip(".,")):
            return text.upper()
        return _WORD.sub(part, lower(text))

    if composed not in {upper(composed), lower(composed)}:
        return name
    words = composed.split(" ")
    last = which.last(words)
    return " ".join(word(text, at) for at, text in enumerate(words))
