"""Compile a mapping for one roster: where its cells are, and what each field reads."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from datetime import date

from importer.errors import ColumnsError, MappingError
from importer.mapper.dates import END_OF_TERM
from importer.mapper.headings import RosterHeadings, Use, findings
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import Rule
from importer.mapper.lookups import CodeTable, KeyFile, LookupKey, OwnTable
from importer.mapper.mapping import MappedEntry, MappedField, MappingDocument
from importer.mapper.placeholders import (
    DOLLAR,
    TO_CHOOSE,
    Cell,
    Template,
    Variable,
    heading_key,
    key_of,
)
from importer.mapper.repairs import repaired_id
from importer.mapper.schema import EntryPart
from importer.mapper.yaml_source import PlacedFinding, shortest
from importer.model.candidates import ID_FIELDS, FieldColumn, IdRule, ListEntry, RecordLayout
from importer.model.fields import OnUpdate, Shape
from importer.model.problem import Code, Origin, Place, Problem

OF_ONE_PERSON = frozenset(
    {
        "primary_id", "first_name", "last_name", "birth_date", "user_identifier.value",
        "contact_info.email.email_address", "contact_info.phone.phone_number",
    }
)  # fmt: skip
"""Fields that are never the same text for everybody."""


@dataclass(frozen=True, slots=True)
class RunVariables:
    """What a run knows: `<@today>`, `<@file>`, `<@sheet>` (blank for CSV)."""

    today: date
    file: str
    sheet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledColumn(FieldColumn):
    """A column of the candidates, with its field and rule as the mapping has them."""

    mapped: MappedField


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEntry(ListEntry):
    """An entry of a list, with its fields and the keys that the mapping writes for it."""

    part: EntryPart
    columns: tuple[CompiledColumn, ...]

    @property
    def made_by(self) -> tuple[CompiledColumn, ...]:
        """The fields by which a row has the entry, one at least; without any, every row has it.

        These are filled in by the roster's cells. Beside them, an optional flag decides nothing,
        nor does what the record itself fills in: an address does not exist because its end date is
        the expiry date.
        """

        def optional(column: CompiledColumn) -> bool:
            return column.field.shape is Shape.FLAG and not column.field.facts.required

        of_roster = tuple(column for column in self.columns if column.mapped.cells)
        of_record = tuple(column for column in self.columns if column.mapped.takes)
        return (
            tuple(column for column in of_roster if not optional(column)) or of_roster or of_record
        )


@dataclass(frozen=True, slots=True)
class SplitCell:
    """A cell of which the entries of a list take parts: for a field, between these separators."""

    field: str
    templates: tuple[Template, ...]
    separators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping ready for one roster.

    `columns`: the roster's columns that it uses, by `heading_key` of the heading as the mapping
    writes it. `missing`: the keys of those that the roster may lack, and does. `named`: its values
    and scalars by label. `droppable`: the labels of fields with `bad: drop`, by the value that
    nothing else takes. `split_parts`: which parts of a cell are taken by the entries of a list.
    """

    mapping: MappingDocument
    run: RunVariables
    layout: RecordLayout
    columns: Mapping[str, Use]
    missing: frozenset[str]
    named: Mapping[str, CompiledColumn]
    droppable: Mapping[str, str]
    scalars: tuple[CompiledColumn, ...]
    entries: tuple[CompiledEntry, ...]
    split_parts: Mapping[SplitCell, tuple[int, ...]]
    notices: tuple[Problem, ...]

    def id_rule(self, cell: Cell) -> IdRule | None:
        """Return the `ids:` rule of a cell."""
        use = self.columns.get(key_of(cell))
        return use.id_rule if use else None

    def table(self, key: LookupKey, rule: IdRule | None) -> CodeTable:
        """Return a lookup; in a file, IDs are repaired by the `ids:` rule of what is looked up.

        One that needs no repair comes before others; if they have two codes, it has none.
        """
        table = self.mapping.tables[key]
        spec = self.mapping.file.lookups.get(key) if isinstance(key, str) else key
        if rule is None or not isinstance(spec, KeyFile):
            return table
        codes: dict[str, str] = {}
        written: dict[str, str] = {}
        for word, code in table.codes.items():
            repaired = heading_key(repaired_id(table.written[word], rule))
            codes[repaired] = code if codes.get(repaired, code) == code else TO_CHOOSE
            written[repaired] = table.written[word]
        exact = {word: code for word, code in table.codes.items() if word in codes}
        return replace(table, codes=codes | exact, written=written)

    @property
    def uses(self) -> tuple[Use, ...]:
        """The roster's columns that it uses, in the roster's order."""
        return tuple(sorted(self.columns.values(), key=lambda use: use.position))


def compile_mapping(
    mapping: MappingDocument, places: tuple[Place, ...], run: RunVariables
) -> CompiledMapping:
    """Compile a mapping for a roster with these columns.

    Raises MappingError with every heading that the roster lacks or has twice. A mapping with
    findings can be compiled too, so that one run shows all of them; it must not be evaluated.
    """
    headings = RosterHeadings(mapping.file, places, mapping.layout().expected)
    compiler = _Compiler(mapping, headings)
    values, scalars = (
        tuple(compiler.field(mapped, mapped.field.path) for mapped in fields)
        for fields in (mapping.values, mapping.scalars)
    )
    entries = tuple(_without_lost_lists([*compiler.entries()], compiler.lost))
    for at, subject, _ in mapping.tests:
        if isinstance(subject, Cell):
            compiler.column(subject.heading, at[:-1])
    constants = [*_constant_headings(mapping, headings)]
    _raise_if_wrong(compiler, constants, run.file)
    columns = (*scalars, *(column for entry in entries for column in entry.columns))
    layout = RecordLayout(
        mapping.file.account_type,
        mapping.file.record_type,
        {column.label: column for column in columns},
        entries,
        tuple(entry.removal for entry in mapping.removals if entry.removal),
    )
    return CompiledMapping(
        mapping=mapping,
        run=run,
        layout=layout,
        columns={
            key: _with_rules(use, key, mapping, layout) for key, use in compiler.columns.items()
        },
        missing=frozenset(compiler.missing),
        named={column.label: column for column in (*values, *scalars)},
        droppable=_droppable(mapping, (*values, *columns)),
        scalars=scalars,
        entries=entries,
        split_parts=_split_parts(mapping),
        notices=tuple(_notices(compiler, constants, Origin(run.file, run.sheet, 0))),
    )


@dataclass(frozen=True, slots=True)
class _ConstantHeading:
    """A text that the mapping sets for a field, and that heads this column."""

    field: str
    text: str
    at: KeyPath
    place: Place


def _constant_headings(
    mapping: MappingDocument, headings: RosterHeadings
) -> Iterator[_ConstantHeading]:
    """Yield the constants that are headings of the roster."""
    for mapped, at, text in mapping.constants if headings.recognized else ():
        for place in headings.exact(text.strip(_MARKS)):
            yield _ConstantHeading(mapped.field.path, text, at, place)


def _raise_if_wrong(compiler: _Compiler, constants: Iterable[_ConstantHeading], file: str) -> None:
    """Raise MappingError if a heading is missing, or a value is open or one that nobody shares."""
    mapping = compiler.mapping
    wrong = [mapping.source.finding(at, advice) for at, advice in mapping.open_codes]
    wrong += [
        mapping.source.finding(
            constant.at,
            f"every patron would get the text `{constant.text}`; write "
            f"`<{constant.place.heading}>` to take column {constant.place}",
        )
        for constant in constants
        if constant.field in OF_ONE_PERSON
    ]
    lacking = findings(mapping, compiler.headings, compiler.faults, file) if compiler.faults else ()
    if wrong or compiler.faults:
        kind = MappingError if wrong else ColumnsError
        raise kind((*wrong, *lacking))


def _notices(
    compiler: _Compiler, constants: Iterable[_ConstantHeading], origin: Origin
) -> Iterator[Problem]:
    """Yield which columns are not used, and which constants are headings."""
    mapping, positions = compiler.mapping, [use.position for use in compiler.columns.values()]
    left = [*compiler.headings.unused(positions, mapping.file.roster.unused)]
    if left and not mapping.from_alma:  # who a user is, is there for people
        message = "is not used by the mapping" if len(left) == 1 else "are not used by the mapping"
        yield Problem.of(Code.UNUSED_COLUMN, origin, message, *left)
    for constant in constants:
        message = f"is a heading, but {mapping.source.place(constant.at)} sets it as a text"
        place, field = constant.place, constant.field
        yield Problem.of(Code.CONSTANT_IS_HEADING, origin, message, place, field=field)


_DASHED = frozenset({"contact_info.email.email_address", "contact_info.phone.phone_number"})
"""Fields in whose columns a dash means blank, beside dates."""


def _with_rules(use: Use, key: str, mapping: MappingDocument, layout: RecordLayout) -> Use:
    """Return a column with what the mapping says about its cells, by its key.

    A dash means blank in columns of dates, emails and phones, also of dates in conditions. A word
    that a lookup or a condition of the column names is none.
    """
    tests = [(subject, test) for _, subject, test in mapping.tests]
    dated = {subject for subject, test in tests if test.of_date}
    own = [test for subject, test in tests if isinstance(subject, Cell) and key_of(subject) == key]
    words = {heading_key(word) for test in own for tested in test.both for word in tested.words}
    dashed, whole, separators = any(test.of_date for test in own), False, set[str]()
    for mapped in (*mapping.values, *mapping.fields):
        field = mapped.field
        for rule in _taking(mapped.nested_and_lone_values, key):
            lookups = (name for name in (rule.lookup, mapped.rule.lookup) if name is not None)
            tables = map(mapping.tables.get, lookups)  # None: reported already
            words.update(word for table in tables if table for word in table.codes)
            dashed |= field.shape is Shape.DATE or field.path in _DASHED
            dashed |= Variable(field.path) in dated
        for rule in _taking(mapped.nested, key):
            divided = [text for split in rule.splits for text in split.on]
            whole |= not divided and field.path in ID_FIELDS
            separators.update(divided)
    return replace(
        use,
        labels=tuple(
            label for label, target in layout.targets.items() if use.place in target.places
        ),
        id_rule=mapping.file.id_rule(key),
        separators=frozenset() if whole else frozenset(separators),
        dashed=dashed,
        words=frozenset(words),
    )


def _taking(parts: Iterable[tuple[KeyPath, Rule]], key: str) -> Iterator[Rule]:
    """Yield the parts of a rule that take a column's cells as they are."""
    for _, rule in parts:
        if any(key == key_of(t.cells[0]) for t in rule.templates if t.lone_cell):
            yield rule


def _split_parts(mapping: MappingDocument) -> dict[SplitCell, tuple[int, ...]]:
    """Return which parts of each cell the entries of a list take."""
    taken: dict[SplitCell, tuple[int, ...]] = {}
    for entry in mapping.entries:
        for mapped in entry.fields:
            for _, rule in mapped.nested:
                for split in rule.splits:
                    cell = SplitCell(mapped.field.path, rule.templates, split.on)
                    taken[cell] = (*taken.get(cell, ()), split.take)
    return taken


def _droppable(mapping: MappingDocument, fields: Iterable[CompiledColumn]) -> dict[str, str]:
    """Return, by value, the label of the field with `bad: drop` that takes it as the only one."""
    taking: defaultdict[str, list[FieldColumn]] = defaultdict(list)
    for column in fields:
        for name in column.mapped.needs:
            taking[name].append(column)
    decide = {subject.name for _, subject, _ in mapping.tests if isinstance(subject, Variable)}
    return {
        name: columns[0].label
        for name, columns in taking.items()
        if len(columns) == 1 and columns[0].drop_bad and name not in decide
        if name.startswith(DOLLAR)
    }


def _without_lost_lists(
    entries: Iterable[CompiledEntry], lost: Collection[str]
) -> Iterator[CompiledEntry]:
    """Yield the entries; a list that lost a column is not replaced as a whole."""
    for entry in entries:
        owns = entry.parent in lost and entry.on_update is OnUpdate.REPLACE_ALL
        yield replace(entry, on_update=OnUpdate.REPLACE) if owns else entry


_MARKS = "<>«»“”„‘’"
"""What a word processor may put around a heading, as in `<<Email>>`."""

# --- rules ---


_VERSION = 2
"""The version of the fingerprints of rules, which memories keep."""


@dataclass(slots=True)
class _Compiler:
    """Compiles the rules one by one and collects the headings that are missing."""

    mapping: MappingDocument
    headings: RosterHeadings
    columns: dict[str, Use] = default(default_factory=dict)
    faults: dict[str, PlacedFinding] = default(default_factory=dict)
    missing: set[str] = default(default_factory=set)
    lost: set[str] = default(default_factory=set)
    """The lists of which the roster may lack a column, and does."""

    def entries(self) -> Iterator[CompiledEntry]:
        """Compile the entries."""
        counts: Counter[str] = Counter()
        for entry in self.mapping.entries:
            prefix = f"{entry.parent}[{counts[entry.parent]}]"
            counts[entry.parent] += 1
            columns = tuple(
                self.field(mapped, f"{prefix}.{mapped.field.name}", entry)
                for mapped in entry.fields
            )
            constants = {
                column.label: text
                for column in columns
                if (text := column.mapped.rule.constant) is not None
            }
            compiled = CompiledEntry(
                parent=entry.parent,
                labels=tuple(column.label for column in columns),
                on_update=entry.part.on_update or OnUpdate.REPLACE,
                constants=constants,
                replaces=entry.part.replaces or (),
                part=entry.part,
                columns=columns,
            )
            if any(column.mapped.cells and not column.places for column in compiled.made_by):
                self.lost.add(entry.parent)
            yield compiled

    def field(
        self, mapped: MappedField, label: str, entry: MappedEntry | None = None
    ) -> CompiledColumn:
        """Compile a field, of an entry if it has one."""
        used = [self.column(name, mapped.at) for name in mapped.headings]
        places = [use.place for use in used[: len(mapped.cells)] if use is not None]
        own = tuple(use.position for use in used[: len(mapped.cells)] if use is not None)
        policy = mapped.on_update
        if policy is OnUpdate.ERASE and mapped.cells and not places:
            policy = OnUpdate.REPLACE  # a column that the roster lacks clears nothing
        tables = self.mapping.tables
        mapped_codes = mapped.mapped_codes(tables).items()
        reads, fingerprint = self._reads_and_rule(mapped, entry)
        return CompiledColumn(
            label=label,
            field=mapped.field,
            places=tuple(dict.fromkeys(places)),
            on_update=policy,
            override=bool(mapped.rule.override),
            id_rule=self._common_id_rule(mapped),
            run_dependent=bool(mapped.run_variables),
            drop_bad=mapped.rule.bad == "drop",
            mapped_codes={code: self.mapping.source.place(at) for code, at in mapped_codes},
            from_cells=mapped.takes_cells(tables),
            reads=reads,
            rule=fingerprint,
            takes=mapped.takes,
            instead=own
            if any(not t.variables for _, p in mapped.nested for t in p.templates)
            else (),
            needed=mapped.needed,
            by_row=bool(mapped.run_variables - {"today"}),  # not the same in all rows of a run
            mapped=mapped,
        )

    def _reads_and_rule(
        self, mapped: MappedField, entry: MappedEntry | None
    ) -> tuple[tuple[int, ...], str]:
        """Return the positions of all columns behind a value, also through others, and its rule."""
        mapping = self.mapping
        known = {other.field.path: other for other in (*mapping.values, *mapping.scalars)}
        rules: dict[str, MappedField] = {mapped.field.path: mapped}
        subjects = entry.tested if entry else ()
        names = [
            *mapped.needs,
            *(subject.name for subject in subjects if isinstance(subject, Variable)),
        ]
        countries = self._countries(mapped)
        names += (name for country in countries for name in country.needs)
        for name in names:
            if name in known and name not in rules:
                rules[name] = known[name]
                names += known[name].needs
        others = (rules[name] for name in sorted(rules) if rules[name] is not mapped)
        every = [mapped, *countries, *others]
        headings = {name: other.at for other in every for name in other.headings}
        headings |= {
            subject.heading: mapped.at for subject in subjects if isinstance(subject, Cell)
        }
        uses = [self.column(name, at) for name, at in headings.items()]
        fingerprint = self._fingerprint(every, entry, headings)
        return tuple(sorted({use.position for use in uses if use is not None})), fingerprint

    def _countries(self, mapped: MappedField) -> list[MappedField]:
        """Return the rules of the countries by which steps of `clean` read the text."""
        steps = (step for _, rule in mapped.nested for step in rule.clean or ())
        if not any(step.kind.by_country for step in steps):
            return []
        phone, path = mapped.field.parent == "contact_info.phone", "contact_info.address.country"
        countries = (other for other in self.mapping.fields if other.field.path == path)
        return [other for other in countries if phone or other.at[:-1] == mapped.at[:-1]]

    def _fingerprint(
        self, rules: list[MappedField], entry: MappedEntry | None, headings: Iterable[str]
    ) -> str:
        """Return the fingerprint of all that decides a value beside its cells.

        It is of the mapping's own words, however written, and of the codes of lookups. The files of
        conditions are no part of a date that moves with the day: it is written if it moves far.
        """
        mapping, file = self.mapping, self.mapping.file
        written = [shortest(mapping.source.value(mapped.at)) for mapped in rules]
        when = shortest(mapping.source.value((*entry.at, "when")), own=True) if entry else ""
        nested = [rule for mapped in rules for _, rule in mapped.nested]
        names: list[LookupKey] = [rule.lookup for rule in nested if rule.lookup is not None]
        if not any(mapped.run_variables for mapped in rules):
            conditions = (entry.part.when if entry else None, *(rule.when for rule in nested))
            names += (file for when in conditions if when is not None for file in when.files)
        codes = {
            name if isinstance(name, str) else name.model_dump_json(): mapping.tables[name].as_list
            for name in names
            if name in mapping.tables and not isinstance(name, OwnTable)  # is written in its rule
        }
        ids = {
            heading_key(name): rule.model_dump()
            for name in headings
            if (rule := file.id_rule(name))
        }
        ends = any(rule.plus == END_OF_TERM for rule in nested)
        terms = [term.model_dump() for term in file.terms if ends]
        roster = (file.roster.dates.model_dump(), sorted(file.roster.blank))
        text = json.dumps((_VERSION, written, when, codes, ids, terms, roster), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def column(self, heading: str, at: KeyPath) -> Use | None:
        """Return the column of a heading; None, with a fault, if there is not one of its own."""
        key, optional = heading_key(heading), self.mapping.file.roster.optional
        if self.headings.lacks(heading) and key in map(heading_key, optional):
            self.missing.add(key)
        elif key not in self.columns and key not in self.faults:
            use = self.headings.column(heading)
            if isinstance(use, Use):
                self.columns[key] = use
            else:
                self.faults[key] = self.mapping.source.finding(at, use)
        return self.columns.get(key)

    def _common_id_rule(self, mapped: MappedField) -> IdRule | None:
        """Return the `ids:` rule that the columns behind a field share, if none is changed."""
        plain = {name: value for name, value in mapped.values.items() if value.keeps_lines}
        if not all(rule.is_lone(plain) for _, rule in mapped.nested if rule.templates):
            return None
        rules = [self.mapping.file.id_rule(name) for name in mapped.cells]
        return rules[0] if rules and all(other == rules[0] for other in rules) else None
