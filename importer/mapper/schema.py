"""The mapping file's closed schema: every key there is, and what may follow it.

A value of the record is a rule; a plain text is a rule that only has a `from`. The `record:` part
is made from the field catalogue, so it has Alma's own shape and names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    create_model,
    model_validator,
)
from pydantic_core import PydanticKnownError

from importer.mapper.conditions import EVERY_ROW, Condition
from importer.mapper.dates import Dates, DatesPart, Plus, Term
from importer.mapper.lookups import LookupFile
from importer.mapper.placeholders import Template, Variable, heading_key, parse
from importer.mapper.transforms import Reading, Step, Word, Words, one_or_more
from importer.model.candidates import IdRule, Yes
from importer.model.fields import FIELDS, JOINED, LISTS, OnUpdate
from importer.model.patterns import Pattern, check_pattern
from importer.model.plan import MappingPart, Match, SafetyLimits
from importer.model.problem import CellFinding, Code
from importer.model.roster import NO_HEADINGS
from importer.model.user import AccountType

if TYPE_CHECKING:
    from importer.mapper.yaml_source import Steps

AS_TEXT, AS_TABLE, AS_FILE = "as text", "as table", "as file"
"""Which of its forms a value has; pydantic's places contain these words, ours do not."""


def form(value: object) -> str:
    """Return which of its forms a value has."""
    if isinstance(value, LookupFile) or (isinstance(value, dict) and "file" in value):
        return AS_FILE
    return AS_TABLE if isinstance(value, dict | BaseModel) else AS_TEXT


def _template(value: object) -> Template:
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")  # noqa: EM101  pydantic's own name of it
    if not value:
        raise PydanticKnownError("string_too_short", {"min_length": 1})  # noqa: EM101
    return parse(value)


Templates = Annotated[
    tuple[Annotated[Template, BeforeValidator(_template)], ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]
LookupName = Annotated[
    Annotated[Word, Tag(AS_TEXT)] | Annotated[LookupFile, Tag(AS_FILE)],
    Discriminator(lambda value: AS_TEXT if isinstance(value, str) else AS_FILE),
]
"""A table of `lookups:` by its name, or a CSV file beside the mapping."""


# --- rules ---


class PlusBy(MappingPart):
    """A span of time, or a date, by a lookup of this text."""

    by: Annotated[Template, BeforeValidator(_template, json_schema_input_type=Word)]
    lookup: LookupName


def _as_rule(value: object) -> object:
    if isinstance(value, list):
        sentence = "must be one value, not a list; write alternatives after `from`"
        raise ValueError(sentence)  # noqa: TRY004  pydantic takes ValueErrors only
    return {"from": value} if isinstance(value, str) else value


class Rule(MappingPart):
    """How a field gets its value. The steps apply in the order of these keys."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["from"]}, {"required": ["cases"]}]}
    )

    when: Condition = EVERY_ROW
    templates: Templates = Field(default=(), alias="from")
    cases: Annotated[tuple[Value, ...], Field(min_length=1)] = ()
    clean: tuple[Step, ...] = ()
    lookup: LookupName | None = None
    dates: DatesPart | None = None
    plus: (
        Annotated[
            Annotated[Plus, Tag(AS_TEXT)] | Annotated[PlusBy, Tag(AS_TABLE)], Discriminator(form)
        ]
        | None
    ) = None
    default: Value | None = None
    required: Literal["true", "warn", "false"] = "false"
    bad: Literal["reject", "drop"] = "reject"
    on_update: OnUpdate | None = None
    override: Yes = False

    @model_validator(mode="after")
    def _has_one_source(self) -> Rule:
        if bool(self.templates) == bool(self.cases):
            sentence = (
                "`from` is missing" if not self.cases else "has `from` and `cases`; delete one"
            )
            raise ValueError(sentence)
        return self

    @property
    def constant(self) -> str | None:
        """The text that it gives to every row, if it is one and nothing is done with it."""
        steps = self.when or self.clean or self.lookup or self.dates or self.plus
        return None if steps or len(self.templates) != 1 else self.templates[0].constant

    @property
    def lone_cells(self) -> bool:
        """Whether it takes cells as they are, without any text around them."""
        return not self.cases and all(template.lone_cell for template in self.templates)

    @property
    def lone_variable(self) -> str:
        """The name of the value or field that it takes as it is, as in `<@name>`; "" if none."""
        parts = self.templates[0].parts if len(self.templates) == 1 else ()
        return parts[0].name if len(parts) == 1 and isinstance(parts[0], Variable) else ""

    def parts(self, steps: Steps = ()) -> Iterator[tuple[Steps, Rule]]:
        """Yield the rule, its cases and its defaults, each with the steps that lead to it."""
        yield steps, self
        for at, case in enumerate(self.cases):
            yield from case.parts((*steps, "cases", at))
        if self.default is not None:
            yield from self.default.parts((*steps, "default"))


Value = Annotated[Rule, BeforeValidator(_as_rule, json_schema_input_type=Word | Rule)]
"""A value of the record: a template, or a rule."""
Rule.model_rebuild()


def _as_types(value: object) -> object:
    """Several types are a constant; what else there is, is a value like others."""
    if not isinstance(value, list):
        return value
    for code in value:
        if not isinstance(code, str) or not code or "<" in code:
            sentence = "a list has Alma's codes only; for types by a column, write a `lookup`"
            raise ValueError(sentence)
    if len({*value}) < max(len(value), 1):
        sentence = "has a type twice" if value else "is blank"
        raise ValueError(sentence)
    return {"from": (Template("` and `".join(value), (JOINED.join(value),)),)}


Types = Annotated[
    Value, BeforeValidator(_as_types, json_schema_input_type=Word | Rule | list[Word])
]
"""The types of an address, email or phone: a value, or a list of codes."""


# --- the record ---


def _one_heading(template: Template) -> Template:
    if not template.lone_cell:
        sentence = f"`{template.text}` must be one heading in angle brackets"
        raise ValueError(sentence)
    return template


class EachPart(MappingPart):
    """A cell of several parts, each of which makes an entry; `most` entries at most."""

    template: Annotated[
        Template,
        BeforeValidator(_template, json_schema_input_type=Word),
        AfterValidator(_one_heading),
    ] = Field(alias="from")
    on: Word = ","
    most: Annotated[int, Field(ge=2, le=20)] = 5

    @property
    def heading(self) -> str:
        """The heading of the cell."""
        return self.template.cells[0].heading

    def __str__(self) -> str:
        """In words, after `for each part of`."""
        return f"<{self.heading}> between `{self.on}`, up to {self.most}"

    def checked(self, text: str, _country: str = "") -> Reading:
        """Return the text, with a finding if it has more than `most` parts."""
        if len(self.parts(text)) <= self.most:
            return text, None
        message = f"{{value}} has more than {self.most} parts; the others are left out"
        return text, CellFinding(Code.TOO_MANY_PARTS, message)

    def parts(self, text: str) -> list[str]:
        """Return the parts of a text that are not blank."""
        return list(filter(None, (part.strip() for part in text.split(self.on))))

    def part(self, text: str, number: int) -> str:
        """Return one of the parts, from 0; "" if there are fewer."""
        return "".join(self.parts(text)[number : number + 1])


class RemovePart(MappingPart):
    """Which of Alma's entries go: those of this type, and with a text that matches as a whole."""

    note_type: Word | None = None
    statistic_category: Word | None = None
    block_type: Word | None = None
    matches: Pattern | None = None


class EntryPart(MappingPart):
    """One entry of a list; its other keys are Alma's. Or, with `remove`, entries that go."""

    remove: RemovePart | None = None
    when: Condition = EVERY_ROW
    each: EachPart | None = None
    placeholder: Yes = False
    replaces: Words = ()
    on_update: OnUpdate = OnUpdate.REPLACE


def _entry_model(parent: str) -> type[EntryPart]:
    fields = {
        f.name: ((Types if f.several else Value) | None, None)
        for f in FIELDS.values()
        if f.parent == parent
    }
    name = "".join(word.title() for word in parent.rpartition(".")[2].split("_"))
    return create_model(f"{name}Entry", __base__=EntryPart, **fields)  # type: ignore[call-overload,no-any-return]


ENTRY_MODELS: dict[str, type[EntryPart]] = {parent: _entry_model(parent) for parent in LISTS}
"""The closed entry of each list, by the list's path."""

TOP_FIELDS = ("account_type", "record_type", "external_id")
"""Fields of the record that the mapping sets at its top, not in `record:`."""


def _record_model() -> type[MappingPart]:
    def list_field(parent: str) -> tuple[object, object]:
        entry = ENTRY_MODELS[parent]
        return (tuple[entry, ...], ())  # type: ignore[valid-type]

    contact = {p.split(".")[1]: list_field(p) for p in LISTS if p.startswith("contact_info.")}
    contact_model = create_model("ContactInfoPart", __base__=MappingPart, **contact)  # type: ignore[call-overload]
    scalars = {
        path: (Value | None, None)
        for path, field in FIELDS.items()
        if not field.parent and path not in TOP_FIELDS
    }
    lists = {path: list_field(path) for path in LISTS if "." not in path}
    parts = {**scalars, "contact_info": (contact_model | None, None), **lists}
    return create_model("Record", __base__=MappingPart, **parts)  # type: ignore[call-overload,no-any-return]


Record = _record_model()
"""The `record:` part: Alma's own shape and names."""


# --- the other parts ---

Table = Annotated[
    Annotated[dict[Word, str], Tag(AS_TABLE)] | Annotated[LookupFile, Tag(AS_FILE)],
    Discriminator(lambda value: AS_FILE if form(value) == AS_FILE else AS_TABLE),
]
"""A lookup: its keys and codes, or the CSV file that has them."""


def _encoding(name: str) -> str:
    """A character encoding that Python knows; `bz2` and `rot13` are other things."""
    try:
        "a".encode("utf-8" if name == "auto" else name)
    except (LookupError, ValueError):
        sentence = f"`{name}` is not a known encoding; write auto, utf-8 or windows-1252"
        raise ValueError(sentence) from None
    return name


_HEADER_WORDS = {"auto": (), "none": NO_HEADINGS}


class SkipPart(MappingPart):
    """Rows that are not loaded, and the reason for the report."""

    when: Condition
    reason: Word


class RosterPart(MappingPart):
    """How the roster is read."""

    sheet: Word | None = None
    encoding: Annotated[Word, AfterValidator(_encoding)] = "auto"
    header: Annotated[
        tuple[Annotated[int, Field(ge=0, le=1000)], ...],
        Field(max_length=3),
        BeforeValidator(
            lambda value: _HEADER_WORDS.get(str(value), one_or_more(value)),
            json_schema_input_type=Literal["auto", "none"] | int | list[int],
        ),
    ] = ()
    dates: DatesPart = Dates()
    only: Condition = EVERY_ROW
    skip: tuple[SkipPart, ...] = ()
    blank: Words = ()
    unused: Words = ()


class KeepHeaviest(MappingPart):
    """Of rows with the same ID, keep the one whose group weighs most."""

    weights: Word = Field(alias="keep heaviest")


class Among(MappingPart):
    """The users in Alma whom a roster is expected to contain."""

    user_group: Words
    external_id: Words = ()


class AbsentPart(MappingPart):
    """What happens to users who are missing from the roster.

    `after`: from how many rosters in a row. `changes` has the shape of the record, without cells.
    """

    among: Among
    after: Annotated[int, Field(ge=1, le=100)] = 1
    changes: Record = Field(alias="set")  # type: ignore[valid-type]


class MatchPart(Match):
    """How rows find their users, and what happens to users without a row."""

    absent: AbsentPart | None = None


class PatronRolePart(MappingPart):
    """The Patron role: until when, and for which library or institution."""

    expiry: Value
    scope: Value | None = None


class DuplicatesPart(MappingPart):
    """What happens to rows of one roster that share an ID or are the same person."""

    same_id: Annotated[
        Annotated[Literal["reject", "keep first"], Tag(AS_TEXT)]
        | Annotated[KeepHeaviest, Tag(AS_TABLE)],
        Discriminator(form),
    ] = "reject"
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


def _check_names(value: object) -> object:
    """The safety checks' own names, such as `many-changes`, as keys."""
    if isinstance(value, dict):
        return {str(key).replace("-", "_"): item for key, item in value.items()}
    return value


def _id_rule(rule: IdRule) -> IdRule:
    if rule.pattern is not None:
        check_pattern(rule.pattern)
    if rule.pad and rule.digits is None:
        sentence = "`pad` needs `digits`: the full number of digits"
        raise ValueError(sentence)
    return rule


def _value_name(name: str) -> str:
    if not re.fullmatch(r"\w+", name):
        sentence = f"`{name}` must consist of letters, digits and `_`, to be used as `<$name>`"
        raise ValueError(sentence)
    return name


class MappingFile(MappingPart):
    """A whole mapping file."""

    version: Literal["1"]
    name: Word | None = None
    title: Word | None = None
    account_type: AccountType
    record_type: Literal["PUBLIC", "STAFF", "CONTACT"] = "PUBLIC"
    owning_system: Value | None = None
    roster: RosterPart = RosterPart()
    ids: dict[Word, Annotated[IdRule, AfterValidator(_id_rule)]] = Field(default_factory=dict)
    headings: dict[Word, Words] = Field(default_factory=dict)
    match: MatchPart = MatchPart()
    duplicates: DuplicatesPart = DuplicatesPart()
    safety_checks: Annotated[
        SafetyLimits, BeforeValidator(_check_names, json_schema_input_type=SafetyLimits)
    ] = SafetyLimits()
    terms: Annotated[
        Annotated[tuple[Term, ...], Tag(AS_TEXT)]
        | Annotated[dict[Word, tuple[Term, ...]], Tag(AS_TABLE)],
        Discriminator(form),
    ] = ()
    values: dict[Annotated[Word, AfterValidator(_value_name)], Value] = Field(default_factory=dict)
    lookups: dict[Word, Table] = Field(default_factory=dict)
    patron_role: PatronRolePart | None = None
    record: Record  # type: ignore[valid-type]

    def dates(self, rule: Rule) -> Dates:
        """Return how the dates of a rule are read: its own settings, then those of the roster."""
        return rule.dates.over(self.roster.dates) if rule.dates else self.roster.dates

    def id_rule(self, heading: str) -> IdRule | None:
        """Return the `ids:` rule of a heading."""
        key = heading_key(heading)
        return next((rule for name, rule in self.ids.items() if heading_key(name) == key), None)
