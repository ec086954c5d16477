"""The mapping file's closed grammar: every key there is, and what may stand behind it.

A value is a rule; a plain text is a rule that only has a `from`. The `record:` part is made from
the field catalogue, so it has Alma's own shape and names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, create_model

from importer.mapper import periods
from importer.mapper.clauses import (
    AS_FILE,
    AS_TABLE,
    AS_TEXT,
    Dates,
    DatesPart,
    DayOfYear,
    Grace,
    LookupFile,
    LookupName,
    Part,
    Plus,
    Step,
    Templates,
    Word,
    Words,
    fault,
    form,
    one_or_more,
    readable_pattern,
)
from importer.mapper.template import Template, heading_key, parse
from importer.model.fields import FIELDS, LISTS
from importer.model.policy import AccountType, Brakes, IdRule, Match, OnUpdate, Yes


class Term(Part):
    """When a term ends, and how long borrowing goes on after it."""

    ends: DayOfYear
    grace: Grace | None = None

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
    plus: Plus | None = None
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
    Discriminator(lambda value: AS_FILE if form(value) == AS_FILE else AS_TABLE),
]
"""A lookup: its keys and codes, or the CSV file that has them."""


def _encoding(name: str) -> str:
    """A character encoding that Python knows; `bz2` and `rot13` are other things."""
    try:
        "a".encode("utf-8" if name == "auto" else name)
    except (LookupError, ValueError):
        sentence = f"`{name}` is not a known encoding; write auto, utf-8 or windows-1252"
        raise fault(sentence) from None
    return name


class RosterPart(Part):
    """How the roster is read."""

    sheet: Word | None = None
    encoding: Annotated[Word, AfterValidator(_encoding)] = "auto"
    header: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...],
        Field(max_length=3),
        BeforeValidator(
            lambda value: () if value == "auto" else one_or_more(value),
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
        Discriminator(form),
    ] = "reject"
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


def _brake_names(value: object) -> object:
    if isinstance(value, dict):
        return {str(key).replace("-", "_"): item for key, item in value.items()}
    return value


def _id_pattern(rule: IdRule) -> IdRule:
    if rule.pattern is not None:
        readable_pattern(rule.pattern)
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
