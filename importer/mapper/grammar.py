"""The mapping file's closed grammar: every key there is, and what may stand behind it.

Every scalar arrives as text. A value is a rule; a plain text is a rule that only has a `from`.
The `record:` part is made from the field catalogue, so it has Alma's own shape and names.
"""

from __future__ import annotations

from typing import Annotated, Literal, LiteralString

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    create_model,
)
from pydantic_core import PydanticCustomError

from importer.mapper import periods
from importer.mapper.dates import ORDERS, Style, pattern_fault
from importer.mapper.template import Template, TemplateError, heading_key, parse
from importer.model.fields import FIELDS, LISTS
from importer.model.policy import AccountType, Brakes, IdRule, Match, OnUpdate, Yes


class Part(BaseModel):
    """A part of the mapping file: closed and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def fault(sentence: str) -> PydanticCustomError:
    """A finding in our own words, at the key that is being read."""
    return PydanticCustomError("finding", "{sentence}", {"sentence": sentence})


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _template(text: str) -> str:
    try:
        parse(text)
    except TemplateError as error:
        raise fault(str(error)) from None
    return text


def _pattern(text: str) -> str:
    import regex

    try:
        regex.compile(text)
    except regex.error:
        sentence = f"`{text}` is not a pattern that can be read; look at its brackets"
        raise fault(sentence) from None
    return text


Word = Annotated[str, StringConstraints(min_length=1)]
Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(_one_or_more, json_schema_input_type=Word | list[Word]),
]
TemplateText = Annotated[Word, AfterValidator(_template)]
Templates = Annotated[
    tuple[TemplateText, ...],
    Field(min_length=1),
    BeforeValidator(_one_or_more, json_schema_input_type=Word | list[Word]),
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

    find: Annotated[Word, AfterValidator(_pattern)]
    text: str = Field(alias="with")

    def model_post_init(self, _context: object, /) -> None:
        """Try the replacement: it may name a group that the pattern does not have."""
        import regex

        try:
            regex.compile(self.find + "|").sub(self.text, "")
        except (regex.error, IndexError):
            sentence = f"`{self.text}` names a group that the pattern does not have"
            raise fault(sentence) from None


Named = Literal["upper", "lower", "name", "digits", "email", "zip"]


class CleanStep(Part):
    """One step of `clean`: a name, or one of the keys with its setting."""

    name: Named | None = Field(default=None, exclude=True)
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


def _form(value: object) -> str:
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


class Term(Part):
    """When a term ends, and how long borrowing goes on after it."""

    ends: Annotated[str, AfterValidator(_ends)]
    grace: Annotated[str, AfterValidator(_grace)] | None = None

    @property
    def end(self) -> periods.TermEnd:
        """For the reckoning of dates."""
        month, day = periods.month_day(self.ends) or (1, 1)
        grace = periods.period(self.grace) if self.grace else None
        return periods.TermEnd(month, day, grace or periods.Period())


def _as_rule(value: object) -> object:
    if isinstance(value, list):
        sentence = "must be one value, not a list; alternatives stand behind `from`"
        raise fault(sentence)
    return {"from": value} if isinstance(value, str) else value


class Rule(Part):
    """How a field gets its value. The steps apply in the order in which they stand here."""

    when: dict[Word, Words] = Field(default_factory=dict)
    source: Templates = Field(alias="from")
    clean: tuple[Step, ...] = ()
    lookup: LookupName | None = None
    dates: DatesPart | None = None
    plus: Annotated[str, AfterValidator(_plus)] | None = None
    default: Value | None = None
    required: Literal["true", "warn", "false"] = "false"
    on_update: OnUpdate | None = None
    override: Yes = False

    @property
    def templates(self) -> tuple[Template, ...]:
        """Its `from`, read."""
        return tuple(parse(text) for text in self.source)

    @property
    def constant(self) -> str | None:
        """The text that it gives to every row, if it is one and nothing is done with it."""
        steps = self.when or self.clean or self.lookup or self.dates or self.plus
        return None if steps or len(self.source) != 1 else self.templates[0].constant


Value = Annotated[Rule, BeforeValidator(_as_rule, json_schema_input_type=Word | Rule)]
"""A value of the record: a template, or a rule."""
Rule.model_rebuild()


class EntryPart(Part):
    """One entry of a list; what it may hold beside `on_update` is Alma's."""

    on_update: OnUpdate = OnUpdate.REPLACE


def _entry_model(parent: str) -> type[EntryPart]:
    fields = {f.name: (Value | None, None) for f in FIELDS.values() if f.parent == parent}
    name = "".join(word.title() for word in parent.rpartition(".")[2].split("_"))
    return create_model(f"{name}Entry", __base__=EntryPart, **fields)  # type: ignore[call-overload,no-any-return]


ENTRY_MODELS: dict[str, type[EntryPart]] = {parent: _entry_model(parent) for parent in LISTS}
"""The closed entry of each list, by the list's path."""

TOP_FIELDS = ("account_type", "record_type", "external_id")
"""Fields of the record that the mapping says at its top, not in `record:`."""


def _record_model() -> type[Part]:
    def list_field(parent: str) -> tuple[object, object]:
        entry = ENTRY_MODELS[parent]
        return (tuple[entry, ...], ())  # type: ignore[valid-type]

    contact = {p.split(".")[1]: list_field(p) for p in LISTS if p.startswith("contact_info.")}
    contact_model = create_model("ContactInfoPart", __base__=Part, **contact)  # type: ignore[call-overload]
    scalars = {
        path: (Value | None, None)
        for path, field in FIELDS.items()
        if not field.parent and path not in TOP_FIELDS
    }
    lists = {path: list_field(path) for path in LISTS if "." not in path}
    parts = {**scalars, "contact_info": (contact_model | None, None), **lists}
    return create_model("Record", __base__=Part, **parts)  # type: ignore[call-overload,no-any-return]


Record = _record_model()
"""The `record:` part: Alma's own shape and names."""


Table = Annotated[
    Annotated[dict[Word, str], Tag(AS_TABLE)] | Annotated[LookupFile, Tag(AS_FILE)],
    Discriminator(lambda value: AS_FILE if _form(value) == AS_FILE else AS_TABLE),
]
"""A lookup: its keys and codes, or the CSV file that has them."""


class RosterPart(Part):
    """How the roster is read."""

    sheet: Word | None = None
    encoding: Word = "auto"
    header: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...],
        Field(max_length=3),
        BeforeValidator(
            lambda value: () if value == "auto" else _one_or_more(value),
            json_schema_input_type=Literal["auto"] | int | list[int],
        ),
    ] = ()
    dates: DatesPart = Dates()
    only: dict[Word, Words] = Field(default_factory=dict)
    unused: Words | tuple[()] = ()


class KeepHeaviest(Part):
    """Of rows with the same identifier, keep the one whose group weighs most."""

    weights: Word = Field(alias="keep heaviest")


class DuplicatesPart(Part):
    """What rows of one roster that collide mean."""

    same_id: Annotated[
        Annotated[Literal["reject", "keep first"], Tag(AS_TEXT)]
        | Annotated[KeepHeaviest, Tag(AS_TABLE)],
        Discriminator(_form),
    ] = "reject"
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


def _brake_names(value: object) -> object:
    if isinstance(value, dict):
        return {str(key).replace("-", "_"): item for key, item in value.items()}
    return value


def _id_pattern(rule: IdRule) -> IdRule:
    if rule.pattern is not None:
        _pattern(rule.pattern)
    if rule.pad and rule.digits is None:
        sentence = "`pad` needs `digits`, so that it is known how many zeros are missing"
        raise fault(sentence)
    return rule


class MappingFile(Part):
    """A whole mapping file."""

    version: Literal["1"]
    name: Word | None = None
    title: Word | None = None
    account_type: AccountType
    record_type: Literal["PUBLIC", "STAFF", "CONTACT"] = "PUBLIC"
    owning_system: Value | None = None
    roster: RosterPart = RosterPart()
    ids: dict[Word, Annotated[IdRule, AfterValidator(_id_pattern)]] = Field(default_factory=dict)
    headings: dict[Word, Words] = Field(default_factory=dict)
    match: Match = Match()
    duplicates: DuplicatesPart = DuplicatesPart()
    brakes: Annotated[Brakes, BeforeValidator(_brake_names, json_schema_input_type=Brakes)] = (
        Brakes()
    )
    terms: tuple[Term, ...] = ()
    lookups: dict[Word, Table] = Field(default_factory=dict)
    record: Record  # type: ignore[valid-type]

    def id_rule(self, heading: str) -> IdRule | None:
        """The `ids:` rule of a heading."""
        key = heading_key(heading)
        return next((rule for name, rule in self.ids.items() if heading_key(name) == key), None)
