"""The steps of `clean`: what each makes of a text, their table, and how a mapping writes them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import regex
from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic_core import core_schema

from importer.mapper.placeholders import heading_key, nearest
from importer.mapper.repairs import Repaired, Transform, padded
from importer.mapper.whole_names import NameOf, capitalize
from importer.mapper.written import Word, Words, key, one_or_more
from importer.model.fields import country_of, region_of
from importer.model.people import HOME_REGION, read_phone
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code
from importer.model.text import MOST_CHARACTERS, Pattern, compile_pattern, one_line, replaced

# --- texts between separators ---

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

    def each(text: str, country: str) -> Repaired:
        pieces = re.split(f"({_between(separators)})", text)
        read = [
            change(piece.strip(), country) if piece.strip() else ("", None) for piece in pieces[::2]
        ]
        pieces[::2] = [part for part, _ in read]
        return "".join(pieces), next((finding for _, finding in read if finding), None)

    return each if separators else change


# --- settings of steps ---

Count = Annotated[int, Field(ge=1, le=100)]


class PhoneReading(MappingPart):
    """How phone numbers are read where the country of the address is not known."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = HOME_REGION


class Split(MappingPart):
    """Take one part of a text, counted from 1, or from the end: -1 is the last of several."""

    on: Separators
    take: Annotated[int, Field(ge=-100, le=100)]

    @property
    def separators(self) -> str:
        """What is between the parts, in words."""
        return in_words(self.on)

    @model_validator(mode="after")
    def _is_a_part(self) -> Split:
        if self.take == 0:
            sentence = "`take` counts from 1; the last part is -1"
            raise ValueError(sentence)
        return self

    def without(self, text: str, taken: Collection[int]) -> list[str]:
        """Return the parts that none of these numbers takes, without those that are blank."""
        parts = parts_of(text, self.on)
        at = {number - 1 if number > 0 else len(parts) + number for number in taken}
        return [part for position, part in enumerate(parts) if part and position not in at]

    def part(self, text: str) -> str:
        """Return the part of a text, "" if it has too few; of one part, as "Cher", the first."""
        parts = parts_of(text, self.on)
        if len(parts) == 1 and self.take < 0:
            return ""
        at = self.take - 1 if self.take > 0 else self.take
        return parts[at] if -len(parts) <= at < len(parts) else ""


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


# --- what steps make of a text ---


def as_email(text: str) -> str:
    """Return an address without `mailto:`, brackets and separators; its domain in lower case."""
    inner = text.strip("<>;, ")
    if inner.lower().startswith("mailto:"):
        inner = inner[len("mailto:") :].strip()
    name, at, domain = inner.rpartition("@")
    return f"{name}{at}{domain.lower()}" if at else inner


_ZIP = re.compile(r"([0-9]{3,5})(?:[- ]?([0-9]{4}))?")


def as_zip(text: str, country: str) -> Repaired:
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


def searched(find: str, replacement: str | None, text: str) -> Repaired:
    """Return a text with what a pattern finds replaced; without one, only what it finds."""
    if len(text) > MOST_CHARACTERS:
        message = "{value} is too long to be searched by the mapping's pattern"
        return text, CellFinding(Code.CELL_TOO_LONG, message)
    return each_line(replaced(find, replacement, text)), None


# --- the steps ---


@dataclass(frozen=True, slots=True)
class StepKind:
    """A step: in words (with its setting), and what it makes of a text in a country.

    `form`: of its setting, for pydantic; None if it has none. `alone`: the setting if only its name
    is written. `selects`: it leaves out parts of the text on purpose, possibly all of it.
    `divides`: it looks for parts of the text, so that blanks in IDs are removed after it.
    `by_country`: it reads the text by the country of the address.
    """

    phrase: str
    read: Callable[[Any, str, str], Repaired]
    form: object = None
    alone: object = None
    selects: bool = False
    divides: bool = False
    by_country: bool = False


def _text(change: Callable[[Any, str], str]) -> Callable[[Any, str, str], Repaired]:
    return lambda setting, text, _: (change(setting, text), None)


def _phone(setting: PhoneReading, text: str, country: str) -> Repaired:
    return as_phone(text, region_of(country) or setting.region), None


def _without(chars: str, text: str) -> str:
    return each_line(text.translate(str.maketrans("", "", chars))).strip()


STEPS: dict[str, StepKind] = {
    "upper": StepKind("in upper case", _text(lambda _, text: text.upper())),
    "lower": StepKind("in lower case", _text(lambda _, text: text.lower())),
    "name": StepKind(
        "with capitals as people write names",
        _text(lambda which, text: capitalize(text, which)),
        alone=NameOf.OTHER,
    ),
    "digits": StepKind("only the digits", _text(lambda _, text: re.sub("[^0-9]+", "", text))),
    "email": StepKind("as an email address", _text(lambda _, text: as_email(text))),
    "zip": StepKind(
        "as a ZIP code", lambda _, text, country: as_zip(text, country), by_country=True
    ),
    "phone": StepKind(
        "as a phone number, without a country one of {0.region}",
        _phone,
        PhoneReading,
        PhoneReading(),
        by_country=True,
    ),
    "country": StepKind(
        "as Alma's code of the country", _text(lambda _, text: country_of(text) or text)
    ),
    "pad": StepKind(
        "zeros in front up to {} digits", lambda width, text, _: padded(text, width), Count
    ),
    "first": StepKind(
        "the first {} characters",
        _text(lambda count, text: text[:count].rstrip()),
        Count,
        selects=True,
    ),
    "last": StepKind(
        "the last {} characters",
        _text(lambda count, text: text[-count:].lstrip()),
        Count,
        selects=True,
    ),
    "split": StepKind(
        "part {0.take} between {0.separators}", _text(Split.part), Split, selects=True, divides=True
    ),
    "replace": StepKind(
        "with `{0.text}` for `{0.find}`",
        lambda part, text, _: searched(part.find, part.text, text),
        Replace,
        selects=True,
        divides=True,
    ),
    "extract": StepKind(
        "only what `{}` finds",
        lambda pattern, text, _: searched(pattern, None, text),
        Pattern,
        selects=True,
        divides=True,
    ),
    "strip": StepKind("without `{}`", _text(_without), Word, selects=True),
    "unless": StepKind(
        "blank if it is {}",
        _text(lambda words, t: "" if heading_key(t) in map(heading_key, words) else t),
        Words,
        selects=True,
    ),
}
"""Every step, by its name. To add one, write an entry."""


@dataclass(frozen=True, slots=True)
class CleanStep:
    """One step of `clean`: a name, or one of the keys with its setting."""

    name: str
    setting: object

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate a step by its name, or by the model with a key for each setting."""
        return handler.generate_schema(_written_step())

    @property
    def kind(self) -> StepKind:
        """What it does."""
        return STEPS[self.name]

    def read(self, text: str, country: str) -> Repaired:
        """Return what it makes of a text that is not blank, and what there is to report."""
        return self.kind.read(self.setting, text, country)

    @property
    def sees_lines(self) -> bool:
        """Whether it looks for line breaks: by its separators, or in its pattern."""
        match self.setting:
            case Split(on=separators):
                return LINE_BREAK in separators
            case Replace(find=pattern) | str(pattern) if self.kind.divides:
                return LINE_BREAK in pattern or "\\n" in pattern
        return False

    def __str__(self) -> str:
        """In words."""
        words = " or ".join(self.setting) if isinstance(self.setting, tuple) else self.setting
        return self.kind.phrase.format(words)


@functools.cache
def _written_step() -> object:
    """Return the type of a step as the mapping writes it, for pydantic."""
    names = tuple(name for name, kind in STEPS.items() if not kind.form or kind.alone)
    keyed: dict[str, object] = {n: (kind.form, key()) for n, kind in STEPS.items() if kind.form}
    model = create_model("CleanStep", __base__=MappingPart, **keyed)  # type: ignore[call-overload]

    def read(value: object, handler: Callable[[object], object]) -> CleanStep:
        words = [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []
        for word in words:
            if word not in STEPS:
                known = ", ".join(STEPS)
                sentence = f"`{word}` is not a step of `clean`; the steps are {known}"
                raise ValueError(sentence + nearest(word, STEPS))
            if word not in (names if isinstance(value, str) else keyed):
                written = f"`{word}`" if word in names else f"`{{{word}: …}}` with its setting"
                sentence = f"the step `{word}` is written as {written}"
                raise ValueError(sentence)
        if len(words) != 1:
            sentence = "a step has one key; write each step by itself, as in `[digits, {last: 4}]`"
            raise ValueError(sentence)
        if isinstance(value, str):
            return CleanStep(value, STEPS[value].alone)
        return CleanStep(words[0], getattr(handler(value), words[0]))

    return Annotated[model, WrapValidator(read, json_schema_input_type=Literal[names] | model)]


def cleaned(steps: Iterable[CleanStep], text: str) -> str:
    """Return what steps leave of a text whose country is not known."""
    for step in steps:
        text = step.read(text, "")[0] if text else ""
    return text
