"""The steps of `clean:` and of `ids:`, and what is done to IDs, emails and codes unasked.

Each step is a function on one text. What a step does to a person's name is at the end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Annotated, Literal, get_args

import regex
from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from importer.mapper.placeholders import nearest
from importer.model.candidates import IdRule
from importer.model.contacts import HOME_REGION, read_phone
from importer.model.fields import country_of, region_of
from importer.model.patterns import MOST_CHARACTERS, Pattern, compile_pattern, replaced
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code

Reading = tuple[str, CellFinding | None]
"""What a step makes of a text, and what there is to report about it."""

Transform = Callable[[str, str], Reading]
"""A step on a text that is not blank, and the country of its address ("" if not known)."""

Word = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1, le=100)]


def one_or_more(value: object) -> object:
    """A single text is a list of one."""
    return [value] if isinstance(value, str) else value


Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]

# --- how the mapping writes a step ---


class Phone(MappingPart):
    """How phone numbers are read where the country of the address is not known."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = HOME_REGION


class Split(MappingPart):
    """Take one part of a text, counted from 1, or from the end: -1 is the last of several."""

    on: Word
    take: Annotated[int, Field(ge=-100, le=100)]

    @model_validator(mode="after")
    def _is_a_part(self) -> Split:
        if self.take == 0:
            sentence = "`take` counts from 1; the last part is -1"
            raise ValueError(sentence)
        return self

    def part(self, text: str) -> str:
        """Return the part of a text; "" if it has too few.

        The one part of a text is its first, not its last: "Cher" has no last name.
        """
        parts = text.split(self.on)
        if len(parts) == 1 and self.take < 0:
            return ""
        at = self.take - 1 if self.take > 0 else self.take
        return parts[at].strip() if -len(parts) <= at < len(parts) else ""


class Replace(MappingPart):
    r"""Replace what a pattern finds; `\1` is its first group."""

    find: Pattern
    text: str = Field(alias="with")

    def model_post_init(self, _context: object, /) -> None:
        """Try the replacement: it may name a group that the pattern does not have."""
        try:
            compile_pattern(self.find + "|").sub(self.text, "")
        except (ValueError, regex.error, IndexError):
            sentence = f"`{self.text}` names a group that the pattern does not have"
            raise ValueError(sentence) from None


class CleanStep(MappingPart):
    """One step of `clean`: a name, or one of the keys with its setting."""

    name: SkipJsonSchema[str] = Field(default="", exclude=True)
    phone: Phone | None = None
    pad: Count | None = None
    first: Count | None = None
    last: Count | None = None
    split: Split | None = None
    replace: Replace | None = None
    extract: Pattern | None = None
    strip: Word | None = None
    unless: Words | None = None

    @property
    def word(self) -> str:
        """The step's name."""
        return self.name or next(key for key in _KEYED if getattr(self, key))

    @property
    def selects(self) -> bool:
        """Whether it is meant to leave out parts of the text, possibly all of it."""
        return self.word in {"first", "last", "split", "replace", "extract", "strip", "unless"}


Named = Literal["upper", "lower", "name", "digits", "email", "zip", "phone", "country"]
_NAMED: tuple[str, ...] = get_args(Named)
_KEYED = tuple(key for key in CleanStep.model_fields if key != "name")
STEPS = tuple(dict.fromkeys((*_NAMED, *_KEYED)))
"""Every step of `clean`."""


def _clean_step(value: object) -> object:
    words = [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []
    for word in words:
        if word not in (_NAMED if isinstance(value, str) else _KEYED):
            sentence = f"`{word}` is not a step of `clean`; the steps are {', '.join(STEPS)}"
            raise ValueError(sentence + nearest(word, STEPS))
    if isinstance(value, dict) and len(value) != 1:
        sentence = "a step has one key; write each step by itself, as in `[digits, {last: 4}]`"
        raise ValueError(sentence)
    if isinstance(value, str):
        return {"phone": {}} if value == "phone" else {"name": value}
    return value


Step = Annotated[CleanStep, BeforeValidator(_clean_step, json_schema_input_type=Named | CleanStep)]


# --- the functions ---


def transform(step: CleanStep) -> Transform:
    """Return the function of a step of `clean`."""
    first, last = step.first or 0, step.last or 0
    unwanted = str.maketrans("", "", step.strip or "")
    left_out = {" ".join(word.split()).casefold() for word in step.unless or ()}
    texts: dict[str, Callable[[str], str]] = {
        "upper": str.upper,
        "lower": str.lower,
        "name": capitalize,
        "digits": lambda text: re.sub("[^0-9]+", "", text),
        "email": _email,
        "first": lambda text: text[:first].rstrip(),
        "last": lambda text: text[-last:].lstrip(),
        "split": step.split.part if step.split else str,
        "country": lambda text: country_of(text) or text,
        "unless": lambda text: "" if text.casefold() in left_out else text,
        "strip": lambda text: text.translate(unwanted).strip(),
    }
    if (change := texts.get(step.word)) is not None:
        return lambda text, _: (change(text), None)
    if step.replace is not None:
        return _searcher(step.replace.find, step.replace.text)
    if step.extract is not None:
        return _searcher(step.extract)
    if step.phone is not None:
        home = step.phone.region
        return lambda text, country: (_phone(text, region_of(country) or home), None)
    width = step.pad
    return _zip if width is None else (lambda text, _: padded(text, width))


def padded(text: str, width: int) -> Reading:
    """Return the text with leading zeros, if it consists of digits only."""
    if len(text) >= width or not (text.isascii() and text.isdigit()):
        return text, None
    message = f"{{value}} has fewer than {width} digits; zeros were put in front"
    return text.zfill(width), CellFinding(Code.ZEROS_RESTORED, message)


def _email(text: str) -> str:
    """Without `mailto:`, angle brackets and a closing separator; the domain in lower case."""
    inner = text.strip("<>;, ")
    if inner.lower().startswith("mailto:"):
        inner = inner[len("mailto:") :].strip()
    name, at, domain = inner.rpartition("@")
    return f"{name}{at}{domain.lower()}" if at else inner


_ZIP = re.compile(r"([0-9]{3,5})(?:[- ]?([0-9]{4}))?")


def _zip(text: str, country: str) -> Reading:
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


def _phone(text: str, region: str) -> str:
    """Return the number as +17015550123 if it is valid in the region; else the text as it is."""
    phone = read_phone(text, region)
    return text if phone.abroad or not phone.whole else phone.whole


def _searcher(find: str, replacement: str | None = None) -> Transform:
    """Return what replaces what a pattern finds, or takes its first group or all that it finds."""

    def change(text: str, _country: str) -> Reading:
        if len(text) > MOST_CHARACTERS:
            message = "{value} is too long to be searched by the mapping's pattern"
            return text, CellFinding(Code.CELL_TOO_LONG, message)
        return " ".join(replaced(find, replacement, text).split()), None

    return change


# --- what is done to IDs, emails and codes without being asked ---

_UNSEEN = re.compile("[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
"""Blanks and invisible characters, which no ID or email address contains."""


def _removed(text: str, whole: str, what: str) -> Reading:
    if whole == text:
        return text, None
    return whole, CellFinding(Code.WHITESPACE_REMOVED, f"{{value}} contained {what}")


def without_blanks(text: str, _country: str = "") -> Reading:
    """Return the text without blanks and invisible characters."""
    what = "blanks or invisible characters; they were removed"
    return _removed(text, _UNSEEN.sub("", text), what)


def without_invisible(text: str) -> Reading:
    """Return the text without invisible characters; blanks, which a code may contain, stay."""
    whole = "".join(char for char in text if char.isspace() or not _UNSEEN.match(char))
    return _removed(text, whole, "invisible characters; they were removed")


TIDIED: dict[str, Transform] = {
    "primary_id": without_blanks,
    "user_identifier.value": without_blanks,
    "proxy_for_user.primary_id": without_blanks,
    "contact_info.email.email_address": lambda text, _: (
        without_blanks(text) if text.count("@") == 1 else (text, None)
    ),
}
"""Fields that contain no blanks, by path. What is not one email address stays as it is."""


def id_transforms(rule: IdRule) -> Iterator[Transform]:
    """Yield what an `ids:` rule does to the cells of its column."""
    yield without_blanks
    if rule.strip:
        what = "characters that the mapping removes from IDs"
        unwanted = str.maketrans("", "", rule.strip)
        yield lambda text, _: _removed(text, text.translate(unwanted), what)
    if rule.pad and rule.digits:
        width = rule.digits
        yield lambda text, _: padded(text, width)


# --- capitals as people write names: McKay, O'Neil, de la Cruz ---

_PARTICLES = re.compile(
    "al|bin|da|das|de|del|della|den|der|di|do|dos|du|e|ibn|la|las|los|ten|ter|van|von|y|zu"
)
_NUMERALS = re.compile("ii|iii|iv|vi|vii|viii")
_WORD = re.compile(r"[^\s\-.'’]+")
_MC = re.compile(r"mc[^\W\d_]{2,}")
_DOTTED = frozenset("İıĞğƏə")
"""Letters of Turkish and Azeri only, in which I and ı are one letter and İ and i another."""
_SMALL = str.maketrans({"İ": "i", "I": "ı"})
_LARGE = str.maketrans({"i": "İ", "ı": "I"})


def capitalize(name: str) -> str:
    """Return the name with capitals if it is all in capitals or all without; else as it is.

    The result is composed (NFC). A name with a letter that only Turkish and Azeri have follows
    their rule for the dotted and the dotless i.
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
        if at < last and _PARTICLES.fullmatch(text.lower()):
            return lower(text)
        if at and _NUMERALS.fullmatch(text.lower().rstrip(".,")):
            return text.upper()
        return _WORD.sub(part, lower(text))

    if composed not in {upper(composed), lower(composed)}:
        return name
    words = composed.split(" ")
    last = len(words) - 1
    return " ".join(word(text, at) for at, text in enumerate(words))
