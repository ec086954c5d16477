"""The steps of `clean:`: how the mapping writes them, and the function of each on one text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from importer.errors import MappingError
from importer.mapper.names import capitalize
from importer.mapper.patterns import PatternError, check_pattern, compile_pattern
from importer.mapper.placeholders import nearest
from importer.model.candidates import IdRule
from importer.model.catalogue import Code
from importer.model.contacts import HOME_REGION, read_phone
from importer.model.fields import region_of
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding

Reading = tuple[str, CellFinding | None]
"""What a step makes of a text, and what there is to report about it."""

Transform = Callable[[str, str], Reading]
"""A step on a text that is not blank, and the country of its address ("" if not known)."""

PATTERN_SECONDS = 0.5
"""How long a pattern of the mapping may take on one text."""
PATTERN_CHARACTERS = 4_000
"""Texts longer than this are not searched with a pattern."""

Word = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1, le=100)]


class Phone(MappingPart):
    """How phone numbers are read where the country of the address is not known."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = HOME_REGION


class Split(MappingPart):
    """Take one part of a text, counted from 1."""

    on: Word
    take: Count


class Replace(MappingPart):
    r"""Replace what a pattern finds; `\1` is its first group."""

    find: Annotated[Word, AfterValidator(check_pattern)]
    text: str = Field(alias="with")

    def model_post_init(self, _context: object, /) -> None:
        """Try the replacement: it may name a group that the pattern does not have."""
        try:
            compile_pattern(self.find + "|").sub(self.text, "")
        except (PatternError, regex.error, IndexError):
            sentence = f"`{self.text}` names a group that the pattern does not have"
            raise ValueError(sentence) from None


Named = Literal["upper", "lower", "name", "digits", "email", "zip"]


class CleanStep(MappingPart):
    """One step of `clean`: a name, or one of the keys with its setting."""

    name: SkipJsonSchema[Named | None] = Field(default=None, exclude=True)
    phone: Phone | None = None
    pad: Count | None = None
    first: Count | None = None
    last: Count | None = None
    split: Split | None = None
    replace: Replace | None = None
    strip: Word | None = None

    @property
    def word(self) -> str:
        """The step's name."""
        return self.name or next(key for key in STEPS if getattr(self, key, None) is not None)

    @property
    def selects(self) -> bool:
        """Whether it is meant to leave out parts of the text, possibly all of it."""
        return self.word in {"first", "last", "split", "replace", "strip"}


NAMED = ("upper", "lower", "name", "digits", "email", "zip")
STEPS = (*NAMED, "phone", "pad", "first", "last", "split", "replace", "strip")
"""Every step of `clean`."""


def _clean_step(value: object) -> object:
    if isinstance(value, str):
        if value in NAMED:
            return {"name": value}
        if value == "phone":
            return {"phone": {}}
        raise ValueError(_no_step(value))
    if isinstance(value, dict):
        if unknown := [key for key in value if key not in STEPS[len(NAMED) :]]:
            raise ValueError(_no_step(str(unknown[0])))
        if len(value) != 1:
            msg = "a step has one key; write each step by itself, as in `[digits, {last: 4}]`"
            raise ValueError(msg)
    return value


def _no_step(step: str) -> str:
    known = f"the steps are {', '.join(STEPS)}{nearest(step, STEPS)}"
    return f"`{step}` is not a step of `clean`; {known}"


Step = Annotated[
    CleanStep,
    BeforeValidator(
        _clean_step,
        json_schema_input_type=Literal["upper", "lower", "name", "digits", "email", "zip", "phone"]
        | CleanStep,
    ),
]


# --- the functions ---


def transform(step: CleanStep) -> Transform:
    """Return the function of a step of `clean`."""
    match step.word:
        case "zip":
            return _zip
        case "phone":
            region = (step.phone or Phone()).region
            return lambda text, country: (_phone(text, region_of(country) or region), None)
        case "pad":
            width = step.pad or 0
            return lambda text, _: padded(text, width)
        case "replace" if step.replace is not None:
            return _replacer(step.replace)
        case _:
            change = _text_change(step)
            return lambda text, _: (change(text), None)


def _text_change(step: CleanStep) -> Callable[[str], str]:
    """The function of a step that only changes the text, and has nothing to report."""
    first, last = step.first or 0, step.last or 0
    unwanted = str.maketrans("", "", step.strip or "")
    changes: dict[str, Callable[[str], str]] = {
        "upper": str.upper,
        "lower": str.lower,
        "name": capitalize,
        "digits": lambda text: re.sub("[^0-9]+", "", text),
        "email": _email,
        "first": lambda text: text[:first].rstrip(),
        "last": lambda text: text[-last:].lstrip(),
        "split": lambda text: _part(step.split, text) if step.split else text,
        "strip": lambda text: text.translate(unwanted).strip(),
    }
    return changes[step.word]


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
    if region_of(country) != "US":
        return text, None
    match = _ZIP.fullmatch(text) or _ZIP.fullmatch("".join(text.split()))
    if match is None:
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


def _part(split: Split, text: str) -> str:
    parts = text.split(split.on)
    return parts[split.take - 1].strip() if split.take <= len(parts) else ""


def _replacer(replace: Replace) -> Transform:
    pattern = compile_pattern(replace.find)

    def change(text: str, _country: str) -> Reading:
        if len(text) > PATTERN_CHARACTERS:
            message = "{value} is too long to be searched by the mapping's pattern"
            return text, CellFinding(Code.CELL_TOO_LONG, message)
        try:
            changed = pattern.sub(replace.text, text, timeout=PATTERN_SECONDS)
        except TimeoutError:
            msg = (
                f"The pattern `{replace.find}` takes too long on a text of the roster. "
                "Write it without a repetition inside a repetition."
            )
            raise MappingError((msg,)) from None
        return " ".join(changed.split()), None

    return change


# --- what is done to IDs, emails and codes without being asked ---

_UNSEEN = re.compile("[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")
"""Blanks and invisible characters, which no ID or email address contains."""


def without_blanks(text: str, _country: str = "") -> Reading:
    """Return the text without blanks and invisible characters."""
    whole = _UNSEEN.sub("", text)
    if whole == text:
        return text, None
    message = "{value} contained blanks or invisible characters; they were removed"
    return whole, CellFinding(Code.WHITESPACE_REMOVED, message)


def without_invisible(text: str) -> Reading:
    """Return the text without invisible characters; blanks, which a code may contain, stay."""
    whole = "".join(char for char in text if char.isspace() or not _UNSEEN.match(char))
    if whole == text:
        return text, None
    message = "{value} contained invisible characters; they were removed"
    return whole, CellFinding(Code.WHITESPACE_REMOVED, message)


def tidy_email(text: str, _country: str = "") -> Reading:
    """Return an email address without blanks; what is not one address stays as it is."""
    return without_blanks(text) if text.count("@") == 1 else (text, None)


TIDIED: dict[str, Transform] = {
    "primary_id": without_blanks,
    "user_identifier.value": without_blanks,
    "contact_info.email.email_address": tidy_email,
}
"""Fields that contain no blanks, by path."""


def id_transforms(rule: IdRule) -> tuple[Transform, ...]:
    """Return what an `ids:` rule does to the cells of its column."""
    unwanted = str.maketrans("", "", rule.strip)

    def strip(text: str, _country: str) -> Reading:
        whole = text.translate(unwanted)
        if whole == text:
            return text, None
        message = "{value} contained characters that the mapping removes from IDs"
        return whole, CellFinding(Code.WHITESPACE_REMOVED, message)

    found: list[Transform] = [without_blanks]
    if rule.strip:
        found.append(strip)
    if rule.pad and rule.digits:
        width = rule.digits
        found.append(lambda text, _: padded(text, width))
    return tuple(found)
