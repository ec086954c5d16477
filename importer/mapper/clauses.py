"""The parts of a rule as the mapping writes them: templates, steps of `clean`, dates, lookups.

Every scalar arrives as text. Where a word may stand for keys, it becomes the keys first.
"""

from __future__ import annotations

from typing import Annotated, Literal, LiteralString

import regex
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from importer.mapper import periods
from importer.mapper.dates import ORDERS, Style, pattern_fault
from importer.mapper.patterns import PatternError, compile_pattern
from importer.mapper.template import TemplateError, parse
from importer.model.policy import Yes


class Part(BaseModel):
    """A part of the mapping file: closed and frozen."""

    # deferred: it is built once, as a part of the whole mapping
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def fault(sentence: str) -> PydanticCustomError:
    """A finding in our own words, at the key that is being read."""
    return PydanticCustomError("finding", "{sentence}", {"sentence": sentence})


def one_or_more(value: object) -> object:
    """A single text is a list of one."""
    return [value] if isinstance(value, str) else value


def _template(text: str) -> str:
    try:
        parse(text)
    except TemplateError as error:
        raise fault(str(error)) from None
    return text


def readable_pattern(text: str) -> str:
    """Return the text if it is a pattern within limits; a finding otherwise."""
    try:
        compile_pattern(text)
    except PatternError as error:
        raise fault(str(error)) from None
    return text


Word = Annotated[str, StringConstraints(min_length=1)]
Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]
TemplateText = Annotated[Word, AfterValidator(_template)]
Templates = Annotated[
    tuple[TemplateText, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]
Count = Annotated[int, Field(ge=1, le=100)]


class Phone(Part):
    """How telephone numbers are read: numbers without a country's code are of this region."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "US"


class Split(Part):
    """Take one part of a text, counted from 1."""

    on: Annotated[str, StringConstraints(min_length=1)]
    take: Count


class Replace(Part):
    r"""Replace what a pattern finds; `\1` is its first group."""

    find: Annotated[Word, AfterValidator(readable_pattern)]
    text: str = Field(alias="with")

    def model_post_init(self, _context: object, /) -> None:
        """Try the replacement: it may name a group that the pattern does not have."""
        try:
            regex.compile(self.find + "|").sub(self.text, "")
        except (regex.error, IndexError):
            sentence = f"`{self.text}` names a group that the pattern does not have"
            raise fault(sentence) from None


Named = Literal["upper", "lower", "name", "digits", "email", "zip"]


class CleanStep(Part):
    """One step of `clean`: a name, or one of the keys with its setting."""

    name: SkipJsonSchema[Named | None] = Field(default=None, exclude=True)
    phone: Phone | None = None
    pad: Count | None = None
    first: Count | None = None
    last: Count | None = None
    split: Split | None = None
    replace: Replace | None = None
    strip: Annotated[str, StringConstraints(min_length=1)] | None = None

    @property
    def word(self) -> str:
        """The step's name."""
        return self.name or next(key for key in STEPS if getattr(self, key, None) is not None)


NAMED = ("upper", "lower", "name", "digits", "email", "zip")
STEPS = (*NAMED, "phone", "pad", "first", "last", "split", "replace", "strip")
"""Every step of `clean`."""


def _no_step(step: str) -> PydanticCustomError:
    kind: LiteralString = "step"
    return PydanticCustomError(kind, "{step}", {"step": step})


def _clean_step(value: object) -> object:
    if isinstance(value, str):
        if value in NAMED:
            return {"name": value}
        if value == "phone":
            return {"phone": {}}
        raise _no_step(value)
    if isinstance(value, dict):
        if unknown := [key for key in value if key not in STEPS[len(NAMED) :]]:
            raise _no_step(str(unknown[0]))
        if len(value) != 1:
            sentence = (
                "a step has one name; write each step for itself, as in `[digits, {last: 4}]`"
            )
            raise fault(sentence)
    return value


Step = Annotated[
    CleanStep,
    BeforeValidator(
        _clean_step,
        json_schema_input_type=Literal["upper", "lower", "name", "digits", "email", "zip", "phone"]
        | CleanStep,
    ),
]


class Dates(Part):
    """How the dates of a column are read."""

    order: str = ""
    pivot: Annotated[int, Field(ge=0, le=99)] | None = None
    serials: Yes = False

    @property
    def style(self) -> Style:
        """For the reader of dates."""
        return Style(self.order, self.pivot, self.serials)

    def model_post_init(self, _context: object, /) -> None:
        """Check the order or pattern."""
        if self.order and "%" not in self.order and self.order not in ORDERS:
            sentence = (
                f"`{self.order}` is no order of dates; write mdy, dmy, ymd or a pattern "
                "such as `%d %b %Y`"
            )
            raise fault(sentence)
        if "%" in self.order and (wrong := pattern_fault(self.order)):
            raise fault(wrong)


DatesPart = Annotated[
    Dates,
    BeforeValidator(
        lambda value: {"order": value} if isinstance(value, str) else value,
        json_schema_input_type=str | Dates,
    ),
]


class LookupFile(Part):
    """A lookup in a CSV file beside the mapping: which column is compared, which is the code."""

    file: Word
    key: Word
    value: Word


AS_TEXT, AS_TABLE, AS_FILE = "as text", "as table", "as file"
"""Which of its forms a value has; pydantic's places hold these words, ours do not."""


def is_form(step: str | int) -> bool:
    """Is this step of one of pydantic's places such a word?"""
    return step in {AS_TEXT, AS_TABLE, AS_FILE}


def form(value: object) -> str:
    """Which of its forms a value has."""
    if isinstance(value, LookupFile) or (isinstance(value, dict) and "file" in value):
        return AS_FILE
    return AS_TABLE if isinstance(value, dict | BaseModel) else AS_TEXT


def _named_or_file(value: object) -> str:
    return AS_TEXT if isinstance(value, str) else AS_FILE


LookupName = Annotated[
    Annotated[Word, Tag(AS_TEXT)] | Annotated[LookupFile, Tag(AS_FILE)],
    Discriminator(_named_or_file),
]
"""A table of `lookups:` by its name, or a CSV file beside the mapping."""


def _plus(text: str) -> str:
    plain = " ".join(text.split()).lower()
    if plain not in {periods.END_OF_MONTH, periods.END_OF_TERM} and periods.period(plain) is None:
        sentence = (
            f"`{text}` is no span of time; write `1 year`, `6 months`, `14 days`, "
            "`end of month` or `end of term`"
        )
        raise fault(sentence)
    return plain


def _grace(text: str) -> str:
    if periods.period(text) is None:
        sentence = f"`{text}` is no span of time; write `14 days` or `1 month`"
        raise fault(sentence)
    return text


def _ends(text: str) -> str:
    if periods.month_day(text) is None:
        sentence = f"`{text}` is no day of the year; write month and day, as in `05-15`"
        raise fault(sentence)
    return text


Plus = Annotated[str, AfterValidator(_plus)]
"""A span of time, or the end of the month or term."""
Grace = Annotated[str, AfterValidator(_grace)]
"""A span of time."""
DayOfYear = Annotated[str, AfterValidator(_ends)]
"""Month and day."""
