"""The mapping file's closed schema: every key there is, and what may follow it.

A value of the record is a rule; a plain text is a rule that only has a `from`. The `record:` part
is made from the field catalog, so it has Alma's own shape and names.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, create_model

from importer.mapper.conditions import EVERY_ROW, Condition
from importer.mapper.dates import Dates, Span, Term, WrittenDates, iso_day
from importer.mapper.keys import Rule, Value
from importer.mapper.lookups import AS_FILE, AS_TABLE, AS_TEXT, LookupFile, form
from importer.mapper.placeholders import Template, heading_key
from importer.mapper.written import Given, Word, Words, key, one_or_more
from importer.model.candidates import IdRule, Yes
from importer.model.fields import FIELDS, JOINED, LISTS, OnUpdate
from importer.model.plan import MappingPart, Match, Retire, SafetyLimits
from importer.model.roster import NO_HEADINGS
from importer.model.text import Pattern, check_pattern
from importer.model.user import AccountType

# --- the record ---


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


class RemovePart(MappingPart):
    """Which of Alma's entries go: those of this type, and with a text that matches as a whole."""

    note_type: Word | None = None
    statistic_category: Word | None = None
    block_type: Word | None = None
    matches: Pattern | None = None


class EntryPart(MappingPart):
    """One entry of a list: these keys of the language; its other keys are Alma's."""

    when: Given[Condition] = key("The rows that may have the entry.")
    placeholder: Given[Yes] = key("Whether the entry is there although its cells are blank.")
    on_update: Given[OnUpdate] = key("What happens to the list of a user whom Alma already has.")
    replaces: Given[Words] = key(
        "The types of Alma's statistics whose place it takes, beside its own."
    )
    remove: Given[RemovePart] = key("Entries of known users that go.")


def _entry_model(parent: str) -> type[EntryPart]:
    fields = {
        f.name: ((Types if f.several else Value) | None, None)
        for f in FIELDS.values()
        if f.parent == parent
    }
    name = "".join(word.title() for word in parent.rpartition(".")[2].split("_"))
    return create_model(f"{name}Entry", __base__=EntryPart, **fields)  # type: ignore[call-overload,no-any-return]


TOP_FIELDS = ("account_type", "record_type", "external_id")
"""Fields of the record that the mapping sets at its top, not in `record:`."""


def _record_model() -> type[MappingPart]:
    lists: dict[str, tuple[object, object]] = {
        parent: (tuple[_entry_model(parent), ...], ())  # type: ignore[misc]
        for parent in LISTS
    }
    own = {path: lists.pop(path) for path in LISTS if "." not in path}
    contact = {path.split(".")[1]: entries for path, entries in lists.items()}
    contact_model = create_model("ContactInfoPart", __base__=MappingPart, **contact)  # type: ignore[call-overload]
    scalars = {
        path: (Value | None, None)
        for path, field in FIELDS.items()
        if not field.parent and path not in TOP_FIELDS
    }
    parts = {**scalars, "contact_info": (contact_model | None, None), **own}
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


def _heading_rows(value: object) -> object:
    """The numbers of heading rows, which are counted from 1, or what a word stands for."""
    if str(value) in _HEADER_WORDS:
        return _HEADER_WORDS[str(value)]
    rows = one_or_more(value)
    for row in rows if isinstance(rows, list) else ():
        if str(row) == "0" or not str(row).isdigit():
            sentence = f"`{row}` is not a row; write its number, [3, 4] for two, auto or none"
            raise ValueError(sentence)
    return rows


class SkipPart(MappingPart):
    """Rows that are not loaded, and the reason for the report."""

    when: Condition
    reason: Word


class RosterPart(MappingPart):
    """Where the roster is from, and how it is read."""

    source: Literal["file", "alma"] = Field(default="file", alias="from")
    sheet: Word | None = None
    encoding: Annotated[Word, AfterValidator(_encoding)] = "auto"
    header: Annotated[
        tuple[Annotated[int, Field(ge=0, le=1000)], ...],
        Field(max_length=3),
        BeforeValidator(
            _heading_rows, json_schema_input_type=Literal["auto", "none"] | int | list[int]
        ),
    ] = ()
    dates: WrittenDates = Dates()
    only: Condition = EVERY_ROW
    skip: tuple[SkipPart, ...] = ()
    blank: Words = ()
    optional: Words = ()
    unused: Words = ()


class KeepHeaviest(MappingPart):
    """Of rows with the same ID, keep the one whose group weighs most."""

    weights: Word = Field(alias="keep heaviest")


class Among(MappingPart):
    """The users in Alma whom a roster is expected to contain."""

    user_group: Words
    external_id: Words = ()


class PatronRolePart(MappingPart):
    """The Patron role: until when, and for which library or institution."""

    expiry: Value
    scope: Value | None = None


class LeavingPart(MappingPart):
    """Who may leave, when longer Patron roles end, and what is set then, as `changes`."""

    among: Among
    patron_role: PatronRolePart | None = None

    @property
    def record(self) -> MappingPart | None:
        """Return what is set, in the shape of the record; None if nothing is."""
        return getattr(self, "changes", None)


class AbsentPart(LeavingPart):
    """What happens to users who are missing from the roster, once they are missing for `after`."""

    after: Span = "0 days"
    changes: Record = Field(alias="set")  # type: ignore[valid-type]


class RetirePart(LeavingPart, Retire):
    """How the users of the rows end; what is set where their membership ends."""

    changes: Record | None = Field(default=None, alias="set")  # type: ignore[valid-type]


class MatchPart(Match):
    """How rows find their users, and what happens to users without a row."""

    absent: AbsentPart | None = None
    retire: RetirePart | None = None

    @property
    def leaving(self) -> tuple[str, LeavingPart] | None:
        """Return the key about users who leave, and what it says; a mapping has one at most."""
        if self.absent is not None:
            return "absent", self.absent
        return None if self.retire is None else ("retire", self.retire)


class DuplicatesPart(MappingPart):
    """What happens to rows of one roster that share an ID or are the same person."""

    same_id: Annotated[
        Annotated[Literal["reject", "keep first"], Tag(AS_TEXT)]
        | Annotated[KeepHeaviest, Tag(AS_TABLE)],
        Discriminator(form),
    ] = "reject"
    same_person: Literal["review", "reject", "warn", "off"] = "review"
    similar_person: Literal["warn", "off"] = "warn"


class OwnRow(MappingPart):
    """A row of a roster, and what the mapping must make of it.

    `record`: texts by the labels of `mapping show`. `problems`: the codes of all its problems.
    """

    cells: dict[Word, str]
    record: dict[Word, str] = Field(default_factory=dict)
    problems: tuple[Word, ...] = ()


class OwnTests(MappingPart):
    """Rows by which a mapping tests itself, as on this day."""

    today: Annotated[Word, AfterValidator(iso_day)]
    rows: Annotated[tuple[OwnRow, ...], Field(min_length=1)]


def _check_names(value: object) -> object:
    """The safety checks' own names, such as `many-changes`, as keys."""
    items = value.items() if isinstance(value, dict) else ()
    return {str(key).replace("-", "_"): item for key, item in items} or value


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
    terms: tuple[Term, ...] = ()
    values: dict[Annotated[Word, AfterValidator(_value_name)], Value] = Field(default_factory=dict)
    lookups: dict[Word, Table] = Field(default_factory=dict)
    patron_role: PatronRolePart | None = None
    tests: OwnTests | None = None
    record: Record  # type: ignore[valid-type]

    def dates(self, own: Dates | None) -> Dates:
        """Return how the dates of a rule are read: its own settings, then those of the roster."""
        return own.over(self.roster.dates) if own else self.roster.dates

    def id_rule(self, heading: str) -> IdRule | None:
        """Return the `ids:` rule of a heading."""
        key = heading_key(heading)
        return next((rule for name, rule in self.ids.items() if heading_key(name) == key), None)
