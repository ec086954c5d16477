"""What makes another text of a text: `clean`, whose named steps are a table, and `lookup`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import regex
from pydantic import (
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic_core import core_schema

from importer.mapper.lookups import (
    NO_CODE,
    OTHERWISE,
    LookupFile,
    LookupKey,
    LookupName,
    OwnTable,
    Tables,
)
from importer.mapper.lookups import Lookup as Table
from importer.mapper.placeholders import Steps, heading_key, nearest
from importer.mapper.steps.read import Read
from importer.mapper.steps.step import Codes, MappingFinding, Named, Needs, RulePart, Step, optional
from importer.mapper.transforms import (
    LINE_BREAK,
    TIDIED,
    UNSEEN,
    NameOf,
    Reading,
    Separators,
    Word,
    Words,
    as_email,
    as_phone,
    as_zip,
    capitalize,
    each_line,
    has_small_particle,
    in_words,
    padded,
    parts_of,
    searched,
)
from importer.mapper.values import CLEANED, ONE_PART, RuleWork, Values
from importer.model.fields import Field as RecordField
from importer.model.fields import country_of, region_of
from importer.model.people import HOME_REGION
from importer.model.plan import MappingPart
from importer.model.problem import VALUE, CellFinding, Code, Severity
from importer.model.text import Pattern, compile_pattern, counted

# --- settings of steps ---

Count = Annotated[int, Field(ge=1, le=100)]

_EXAMPLES = 3
"""Names that a notice shows."""

UNTAKEN = CellFinding(
    Code.TOO_MANY_PARTS,
    f"{VALUE} has a part that no entry takes; it is left out",
)
"""A part of a cell that none of the entries takes."""


class Phone(MappingPart):
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


# --- the steps ---


@dataclass(frozen=True, slots=True)
class Kind:
    """A step: in words (with its setting), and what it makes of a text in a country.

    `form`: of its setting, for pydantic; None if it has none. `alone`: the setting if only its name
    is written. `selects`: it leaves out parts of the text on purpose, possibly all of it.
    `divides`: it looks for parts of the text, so that blanks in IDs are removed after it.
    """

    phrase: str
    read: Callable[[Any, str, str], Reading]
    form: object = None
    alone: object = None
    selects: bool = False
    divides: bool = False


def _text(change: Callable[[Any, str], str]) -> Callable[[Any, str, str], Reading]:
    return lambda setting, text, _: (change(setting, text), None)


def _phone(setting: Phone, text: str, country: str) -> Reading:
    return as_phone(text, region_of(country) or setting.region), None


def _without(chars: str, text: str) -> str:
    return each_line(text.translate(str.maketrans("", "", chars))).strip()


KINDS: dict[str, Kind] = {
    "upper": Kind("in upper case", _text(lambda _, text: text.upper())),
    "lower": Kind("in lower case", _text(lambda _, text: text.lower())),
    "name": Kind(
        "with capitals as people write names",
        _text(lambda which, text: capitalize(text, which)),
        alone=NameOf.OTHER,
    ),
    "digits": Kind("only the digits", _text(lambda _, text: re.sub("[^0-9]+", "", text))),
    "email": Kind("as an email address", _text(lambda _, text: as_email(text))),
    "zip": Kind("as a ZIP code", lambda _, text, country: as_zip(text, country)),
    "phone": Kind("as a phone number, without a country one of {0.region}", _phone, Phone, Phone()),
    "country": Kind(
        "as Alma's code of the country", _text(lambda _, text: country_of(text) or text)
    ),
    "pad": Kind(
        "zeros in front up to {} digits", lambda width, text, _: padded(text, width), Count
    ),
    "first": Kind(
        "the first {} characters",
        _text(lambda count, text: text[:count].rstrip()),
        Count,
        selects=True,
    ),
    "last": Kind(
        "the last {} characters",
        _text(lambda count, text: text[-count:].lstrip()),
        Count,
        selects=True,
    ),
    "split": Kind(
        "part {0.take} between {0.separators}", _text(Split.part), Split, selects=True, divides=True
    ),
    "replace": Kind(
        "with `{0.text}` for `{0.find}`",
        lambda part, text, _: searched(part.find, part.text, text),
        Replace,
        selects=True,
        divides=True,
    ),
    "extract": Kind(
        "only what `{}` finds",
        lambda pattern, text, _: searched(pattern, None, text),
        Pattern,
        selects=True,
        divides=True,
    ),
    "strip": Kind("without `{}`", _text(_without), Word, selects=True),
    "unless": Kind(
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
    def kind(self) -> Kind:
        """What it does."""
        return KINDS[self.name]

    def read(self, text: str, country: str) -> Reading:
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
    names = tuple(key for key, kind in KINDS.items() if not kind.form or kind.alone)
    keyed: dict[str, object] = {k: optional(kind.form) for k, kind in KINDS.items() if kind.form}
    model = create_model("CleanStep", __base__=MappingPart, **keyed)  # type: ignore[call-overload]

    def read(value: object, handler: Callable[[object], object]) -> CleanStep:
        words = [value] if isinstance(value, str) else [*value] if isinstance(value, dict) else []
        for word in words:
            if word not in KINDS:
                known = ", ".join(KINDS)
                sentence = f"`{word}` is not a step of `clean`; the steps are {known}"
                raise ValueError(sentence + nearest(word, KINDS))
            if word not in (names if isinstance(value, str) else keyed):
                written = f"`{word}`" if word in names else f"`{{{word}: …}}` with its setting"
                sentence = f"the step `{word}` is written as {written}"
                raise ValueError(sentence)
        if len(words) != 1:
            sentence = "a step has one key; write each step by itself, as in `[digits, {last: 4}]`"
            raise ValueError(sentence)
        if isinstance(value, str):
            return CleanStep(value, KINDS[value].alone)
        return CleanStep(words[0], getattr(handler(value), words[0]))

    return Annotated[model, WrapValidator(read, json_schema_input_type=Literal[names] | model)]


class Clean(Step[tuple[CleanStep, ...]]):
    """Named steps on the text, in order."""

    key = "clean"
    form = tuple[CleanStep, ...]
    position = 40
    leaves_blank = True

    @classmethod
    def implied(cls, field: RecordField) -> Clean | None:
        return cls(()) if field.path in TIDIED else None

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """Only an address that says where it is can be in the USA."""
        country, entry = "contact_info.address.country", part.of.steps[:-1]
        rules = (rule for rule in part.mapping.rules if rule.field.path == country)
        located = any(rule.steps[:-1] == entry for rule in rules)
        if not located and any(step.name == "zip" for step in self.value):
            wrong = "`zip` has no effect without a `country` in the same address, such as USA"
            yield part.hint("clean", wrong)
        if not self.sees_lines:
            return
        if not part.rule.templates:
            yield part.finding("clean", "finds no line breaks; write this step inside each case")
        for name in (v.name for t in part.rule.templates for v in t.variables if not v.of_run):
            named = part.of.values.get(name)
            if named is None or not named.keeps_lines:
                wrong = f"finds no line breaks, because `<{name}>` is in one line"
                yield part.finding("clean", f"{wrong}; take the column itself")

    def describe(self, said: str, part: RulePart) -> str:
        """`, only the digits, the last 4 characters`."""
        return ", ".join((said, *map(str, self.value)))

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        for text, where in given:
            yield text and self.of(text), where

    def of(self, text: str) -> str:
        """Return what the steps leave of a text whose country is not known."""
        for step in self.value:
            text = step.read(text, "")[0] if text else ""
        return text

    def run(self, values: Values, work: RuleWork) -> Values:
        """Take the steps; blanks in IDs go before, or after what looks for parts."""
        field = work.one.rule
        tidied = TIDIED.get(field.field.path) if work.rule.is_lone(field.values) else None
        divided = any(step.kind.divides for step in self.value)
        last = max((at for at, step in enumerate(self.value) if step.sees_lines), default=-1)
        if tidied is not None and not divided and values.has(UNSEEN):
            values.step(tidied)
        for at, step in enumerate(self.value):
            if isinstance(step.setting, Split):
                self._report_parts(step.setting, values, work)
            if step.name == "name":
                self._write_names(values, work)
                continue
            values.step(step.read, work.located)
            if at == last:
                values.fold()
            if step.kind.selects:  # it may leave the text out on purpose: nothing is missing
                values.content &= values.filled
        if tidied is not None and divided:
            values.step(tidied)
        return values

    @staticmethod
    def _write_names(values: Values, work: RuleWork) -> None:
        """Write names with capitals; report in how many a particle became small."""
        which, read = NameOf.OTHER, work.rule.get(Read)
        if read is not None:
            which = NameOf.LAST_FIRST if read.value.name == "last-first" else NameOf.WHOLE
        elif work.one.rule.field.path.endswith("last_name"):
            which = NameOf.LAST
        came: list[str] = values.texts.tolist()
        values.step(lambda text, _: (capitalize(text, which), None))
        pairs = zip(came, values.texts.tolist(), strict=True)
        small = [text for old, text in pairs if text != old and has_small_particle(text)]
        if small:
            count, column = counted(len(small), "name"), work.one.column
            finding = CellFinding(
                Code.ODD_COLUMN,
                f"in {count} a particle is written small, as in {VALUE}",
                "No action needed if the names are right. Otherwise, take the step `name` out of "
                "the field's `clean` in the mapping.",
                Severity.REPAIRED,
            )
            shown = ", ".join([*dict.fromkeys(small)][:_EXAMPLES])
            work.evaluation.report([(None, finding, shown)], column.label, column.places)

    @staticmethod
    def _report_parts(split: Split, values: Values, work: RuleWork) -> None:
        """If several entries of a list take parts of a cell, report the parts that none takes."""
        evaluation, column = work.evaluation, work.one.column
        key = (column.field.path, work.rule.templates, split.on)
        takes = evaluation.mapping.takes.get(key, ())
        if len(takes) < 2 or split.take != takes[0]:
            return
        texts: list[str] = values.texts.tolist()
        left = {text for text in {*texts} if split.without(text, takes)}
        rows = (row for row, text in enumerate(texts) if text in left)
        found = ((row, UNTAKEN, values.source[row]) for row in rows)
        evaluation.report(found, "", column.places)

    @property
    def splits(self) -> tuple[Split, ...]:
        """Its steps that take one part of several."""
        return tuple(step.setting for step in self.value if isinstance(step.setting, Split))

    @property
    def separators(self) -> tuple[str, ...]:
        """The texts between the parts of which it takes one."""
        return tuple(text for split in self.splits for text in split.on)

    @property
    def sees_lines(self) -> bool:
        """Whether one of them looks for line breaks."""
        return any(step.sees_lines for step in self.value)

    @property
    def picks(self) -> bool:
        return any(step.kind.selects for step in self.value)

    def emptied(self, text: str) -> tuple[str, str] | None:
        """A cell of one part has no second one; other steps leave nothing of a text."""
        if self.of(text):
            return None
        return ONE_PART if any(step.name == "split" for step in self.value) else CLEANED


# --- from the roster's words to codes ---


class Lookup(Step[LookupKey]):
    """A table under `lookups:` or in place, or a CSV file beside the mapping, with Alma's codes."""

    key = "lookup"
    form = LookupName
    position = 50
    leaves_blank = True

    @property
    def needs(self) -> Needs:
        return Needs(lookups=((("lookup",), self.value),))

    def describe(self, said: str, part: RulePart) -> str:
        """`, looked up in `groups` (2 values, otherwise COMM)`."""
        return f"{said}, looked up in {about(self.value, part.mapping.tables)}"

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        """Return its codes, each at its key, or where its file is named, and what it passes."""
        table = tables.get(self.value)
        if table is None:
            yield from given
            return
        if table.passes:
            yield from (one for one in given if heading_key(one[0] or "") not in table.codes)
        keys = {table.written[key]: code for key, code in table.codes.items()}
        if table.otherwise is not None and not table.passes:
            keys[OTHERWISE] = table.otherwise
        for key, code in keys.items():
            if isinstance(self.value, str):
                yield code, ("lookups", self.value, key)
            else:
                yield code, (*steps, "lookup", key)

    def run(self, values: Values, work: RuleWork) -> Values:
        """Look the texts up. One whose code is blank is blank on purpose."""
        whole = work.rule.is_lone(work.one.rule.values) and work.rule.get(Clean) is None
        table = work.evaluation.table(self.value, work.one.column.id_rule if whole else None)
        values.step(table.find)
        values.content[values.unexplained(values.applies)] = False
        return values

    def emptied(self, text: str) -> tuple[str, str]:
        """A text may have a blank code."""
        return NO_CODE


def about(lookup: LookupKey, tables: Tables) -> str:
    """Return a lookup in words: its name or file, and its size, 0 if it cannot be used."""
    table = tables.get(lookup, Table({}, {}))
    parts = [counted(len(table.codes), "value")]
    if table.passes:
        parts.append("otherwise the cell's own text")
    elif table.otherwise is not None:
        parts.append(f"otherwise {table.otherwise}")
    if isinstance(lookup, LookupFile):
        return f"`{lookup.file}` ({lookup.key} to {lookup.value}, {', '.join(parts)})"
    if isinstance(lookup, OwnTable):
        return f"its own table ({', '.join(parts)})"
    return f"`{lookup}` ({', '.join(parts)})"
