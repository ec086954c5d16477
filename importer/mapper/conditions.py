"""Conditions: which rows a rule, an entry or `roster.only` applies to.

A condition names columns, `<@fields>` of the record or `<$values>`, each with a test. All of its
tests must be met; of those under `any`, one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from importer.mapper.dates import Span, first_later, is_iso
from importer.mapper.lookups import KeyFile, Tables
from importer.mapper.placeholders import Cell, Variable, heading_key, parse
from importer.mapper.written import Word, Words
from importer.model.candidates import Yes
from importer.model.plan import MappingPart
from importer.model.text import Pattern, full_match

TODAY = "<@today>"


def _day(text: str) -> str:
    if text != TODAY and not is_iso(text):
        sentence = f"`{text}` is not a date; write it as 2027-05-15, or {TODAY}"
        raise ValueError(sentence)
    return text


Day = Annotated[Word, AfterValidator(_day)]
"""A date, or `<@today>`."""


def _as_test(value: object) -> object:
    return {"is": value} if isinstance(value, str | list) else value


class Test(MappingPart):
    """What a text must be. If there are several keys, all of them must be met."""

    __test__: ClassVar[bool] = False  # no test of pytest's

    words: Words = Field(default=(), alias="is")
    negated: Texts | None = Field(default=None, alias="not")
    blank: Yes | None = None
    matches: Pattern | None = None
    file: KeyFile | None = Field(default=None, alias="in")
    younger_than: Span | None = None
    older_than: Span | None = None
    before: Day | None = None
    after: Day | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> Test:
        if not self.model_fields_set:
            sentence = "tests nothing; write the words that the cells contain"
            raise ValueError(sentence)
        return self

    @property
    def both(self) -> Iterator[Test]:
        """Itself, and what must not be met."""
        yield self
        if self.negated is not None:
            yield from self.negated.both

    @property
    def of_date(self) -> bool:
        """Whether it compares dates."""
        return any(t.younger_than or t.older_than or t.before or t.after for t in self.both)

    @property
    def files(self) -> tuple[KeyFile, ...]:
        """The files in which it looks for a text."""
        return tuple(test.file for test in self.both if test.file is not None)

    def accepted(self, texts: set[str], today: date, tables: Tables) -> set[str]:
        """Return those of the texts (ISO or blank if it compares dates) that meet the test."""
        left = texts
        if self.words:
            words = frozenset(map(heading_key, self.words))
            left = {text for text in left if heading_key(text) in words}
        if self.negated is not None:
            left = left - self.negated.accepted(left, today, tables)
        if self.blank is not None:
            left = left & {""} if self.blank else left - {""}
        if self.matches is not None:
            left = {text for text in left if full_match(self.matches, text)}
        if self.file is not None:
            left = {text for text in left if text and heading_key(text) in tables[self.file].codes}
        first, end = self._days(today)
        if first or end:
            left = {text for text in left if text and first <= text and (text < end or not end)}
        return left

    def _days(self, today: date) -> tuple[str, str]:
        """The first day that it takes, and the first one after these, as ISO; "" for no bound."""
        starts, ends = [], []
        if self.younger_than:
            starts.append(first_later(self.younger_than, today))
        if self.older_than:
            ends.append(first_later(self.older_than, today))
        if self.before:
            ends.append(self.before.replace(TODAY, today.isoformat()))
        if self.after:
            after = date.fromisoformat(self.after.replace(TODAY, today.isoformat()))
            starts.append((after + timedelta(1)).isoformat() if after < date.max else "A")
        return max(starts, default=""), min(ends, default="")

    def __str__(self) -> str:
        """In words, after the name of a column: `is Staff or Faculty`."""
        return self._in_words(yes=True)

    def _in_words(self, *, yes: bool) -> str:
        """It, or that it is not met."""
        verb, matches = ("is", "matches") if yes else ("is not", "does not match")
        parts = [f"{verb} {' or '.join(self.words)}"] if self.words else []
        if self.negated is not None:
            parts.append(self.negated._in_words(yes=not yes))
        if self.blank is not None:
            parts.append("is blank" if self.blank is yes else "is not blank")
        if self.matches is not None:
            parts.append(f"{matches} `{self.matches}`")
        if self.file is not None:
            parts.append(f"{verb} in {self.file.file}")
        dates = {
            "less than {} ago": self.younger_than,
            "at least {} ago": self.older_than,
            "before {}": self.before,
            "after {}": self.after,
        }
        parts += [f"{verb} {w.format(text.strip('<@>'))}" for w, text in dates.items() if text]
        return (" and " if yes else " or ").join(parts)


Texts = Annotated[Test, BeforeValidator(_as_test, json_schema_input_type=Word | list[Word] | Test)]
"""A test, or the words of which the text must be one."""
Test.model_rebuild()

Subject = Cell | Variable
"""What a test is about."""


def _key(text: str) -> Subject:
    """The column, field or value that a key of a condition names. Raises ValueError."""
    parts = parse(text).pieces if "<" in text else (Cell(text),)
    if len(parts) != 1 or isinstance(parts[0], str):
        sentence = f"`{text}` must be one heading, `<@field>` or `<$value>`"
        raise ValueError(sentence)
    return parts[0]


class Condition(MappingPart):
    """Tests by heading, `<@field>` or `<$value>`. An empty one is met by every row."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, Texts]

    any: tuple[Condition, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: object) -> object:
        for key in value if isinstance(value, dict) else ():
            _key(str(key))
        return value

    def __bool__(self) -> bool:
        """Whether it tests anything."""
        return bool(self.__pydantic_extra__ or self.any)

    @property
    def tests(self) -> Iterator[tuple[str, Subject, Test]]:
        """Its own tests, without those under `any`, with their keys as the mapping writes them."""
        for key, test in (self.__pydantic_extra__ or {}).items():
            yield key, _key(key), test

    @property
    def every_test(self) -> Iterator[tuple[str, Subject, Test]]:
        """Its tests and those under `any`, with their keys as the mapping writes them."""
        yield from self.tests
        for condition in self.any:
            yield from condition.every_test

    @property
    def files(self) -> Iterator[KeyFile]:
        """The files in which its tests look."""
        return (file for _, _, test in self.every_test for file in test.files)

    def __str__(self) -> str:
        """In words: `Type is Staff and (Email is blank or Dept is not LAW)`."""
        parts = [f"{key.strip('<@$>')} {test}" for key, _, test in self.tests]
        if self.any:
            parts.append(f"({' or '.join(map(str, self.any))})")
        return " and ".join(parts)


EVERY_ROW = Condition()
