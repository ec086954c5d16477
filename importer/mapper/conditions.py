"""Conditions: which rows a rule, an entry or `roster.only` applies to.

A condition names columns, `<@fields>` of the record or `<$values>`, each with a test. All of its
tests must be met; of those under `any`, one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from importer.mapper.dates import Span, later
from importer.mapper.lookups import KeyFile
from importer.mapper.placeholders import Cell, Variable, heading_key, parse
from importer.mapper.transforms import Pattern, Word, Words, full_match
from importer.model.candidates import Yes
from importer.model.plan import MappingPart

TODAY = "<@today>"


def _day(text: str) -> str:
    try:
        if text == TODAY or date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    sentence = f"`{text}` is not a date; write it as 2027-05-15, or {TODAY}"
    raise ValueError(sentence)


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
    def of_date(self) -> bool:
        """Whether it compares dates."""
        return bool(self.younger_than or self.older_than or self.before or self.after) or (
            self.negated is not None and self.negated.of_date
        )

    @property
    def files(self) -> Iterator[KeyFile]:
        """The files in which it looks for a text."""
        if self.file is not None:
            yield self.file
        if self.negated is not None:
            yield from self.negated.files

    def accepts(self, text: str, today: date, listed: Callable[[KeyFile, str], bool]) -> bool:
        """Return whether the text meets the test; if it compares dates, the text is ISO or blank.

        `listed`: whether a text is in a file.
        """
        key = heading_key(text)
        met = [
            not self.words or key in map(heading_key, self.words),
            self.negated is None or not self.negated.accepts(text, today, listed),
            self.blank is None or self.blank is not bool(text),
            self.matches is None or full_match(self.matches, text),
            self.file is None or (bool(text) and listed(self.file, text)),
        ]
        if any((self.younger_than, self.older_than, self.before, self.after)):
            met.append(bool(text) and self._accepts_date(date.fromisoformat(text), today))
        return all(met)

    def _accepts_date(self, day: date, today: date) -> bool:
        def named(text: str) -> date:
            return today if text == TODAY else date.fromisoformat(text)

        return (
            (self.younger_than is None or later(day, self.younger_than) > today)
            and (self.older_than is None or later(day, self.older_than) <= today)
            and (self.before is None or day < named(self.before))
            and (self.after is None or day > named(self.after))
        )

    def __str__(self) -> str:
        """In words, after the name of a column: `is Staff or Faculty`."""
        parts = []
        if self.words:
            parts.append(f"is {' or '.join(self.words)}")
        if self.negated is not None:
            negated = str(self.negated)
            not_ = negated.replace("is ", "is not ", 1)
            parts.append(not_ if negated.startswith("is ") else f"not: {negated}")
        if self.blank is not None:
            parts.append("is blank" if self.blank else "is not blank")
        if self.matches is not None:
            parts.append(f"matches `{self.matches}`")
        if self.file is not None:
            parts.append(f"is in {self.file.file}")
        dates = {
            "is less than {} ago": self.younger_than,
            "is at least {} ago": self.older_than,
            "is before {}": self.before,
            "is after {}": self.after,
        }
        parts += [words.format(text.strip("<@>")) for words, text in dates.items() if text]
        return " and ".join(parts)


Texts = Annotated[Test, BeforeValidator(_as_test, json_schema_input_type=Word | list[Word] | Test)]
"""A test, or the words of which the text must be one."""
Test.model_rebuild()

Key = Cell | Variable


def _key(text: str) -> Key:
    """The column, field or value that a key of a condition names. Raises ValueError."""
    parts = parse(text).parts if "<" in text else (Cell(text),)
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
        """Check the keys; `any` without a list is a heading."""
        for key in value if isinstance(value, dict) else ():
            _key(str(key))
        return value

    def __bool__(self) -> bool:
        """Whether it tests anything."""
        return bool(self.__pydantic_extra__ or self.any)

    @property
    def tests(self) -> Iterator[tuple[Key, Test]]:
        """Its own tests, without those under `any`."""
        for key, test in (self.__pydantic_extra__ or {}).items():
            yield _key(key), test

    @property
    def every_test(self) -> Iterator[tuple[str, Key, Test]]:
        """Its tests and those under `any`, with their keys as the mapping writes them."""
        for key, test in (self.__pydantic_extra__ or {}).items():
            yield key, _key(key), test
        for one in self.any:
            yield from one.every_test

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that it names."""
        return tuple(key.heading for _, key, _ in self.every_test if isinstance(key, Cell))

    def __str__(self) -> str:
        """In words: `Type is Staff and (Email is blank or Dept is not LAW)`."""
        parts = [
            f"{key.strip('<@$>')} {test}" for key, test in (self.__pydantic_extra__ or {}).items()
        ]
        if self.any:
            parts.append(f"({' or '.join(map(str, self.any))})")
        return " and ".join(parts)


EVERY_ROW = Condition()
