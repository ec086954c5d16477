"""Find a mapping's columns in one roster by their headings; lay out its candidates' columns."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from datetime import date

from importer.errors import ColumnsError, MappingError
from importer.mapper.dates import END_OF_TERM, YEARS, is_any_date
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import Rule
from importer.mapper.lookups import CodeTable, KeyFile, LookupKey, OwnTable
from importer.mapper.mapping import MappedEntry, MappedField, MappingDocument
from importer.mapper.placeholders import (
    ANGLED,
    DOLLAR,
    TO_CHOOSE,
    Cell,
    Template,
    Variable,
    heading_key,
    key_of,
    nearest,
)
from importer.mapper.schema import EntryPart, MappingFile
from importer.mapper.transforms import repaired_id
from importer.mapper.yaml_source import shortest
from importer.model.candidates import ID_FIELDS, FieldColumn, IdRule, ListEntry, RecordLayout
from importer.model.fields import OnUpdate, Shape
from importer.model.problem import Code, Origin, Place, Problem
from importer.model.roster import ADDED
from importer.model.text import command_line
from importer.model.vocabulary import field_of, meaning_of


@dataclass(frozen=True, slots=True)
class Use:
    """A column of the roster that the mapping uses.

    `position` counts from 0. `how`: how its heading was matched. `labels`: what it feeds.
    `id_rule`: its rule under `ids:`. `separators`: between which texts rules look for parts of its
    cells, none if they are whole IDs. `dashed`: whether a dash means blank, but for these `words`.
    """

    position: int
    place: Place
    how: str = "exact"
    labels: tuple[str, ...] = ()
    id_rule: IdRule | None = None
    separators: frozenset[str] = frozenset()
    dashed: bool = False
    words: frozenset[str] = frozenset()


class Headings:
    """The roster's headings, and the spellings that the mapping gives them."""

    def __init__(
        self, file: MappingFile, places: tuple[Place, ...], expected: frozenset[str]
    ) -> None:
        """Index the places by their headings. `expected`: all that the mapping uses."""
        self.places = places
        self._spellings = {
            heading_key(name): tuple(heading_key(other) for other in others)
            for name, others in file.headings.items()
        }
        self._found: dict[str, list[int]] = {}
        for position, place in enumerate(places):
            if place.heading.strip():
                self._found.setdefault(heading_key(place.heading), []).append(position)
        named = [place.heading for place in places if place.heading.strip()]
        usual = sum(bool(field_of(heading)) for heading in named)
        self._is_person = looks_like_a_person(named)
        usual_headings = usual >= 2 and not self._is_person
        self.recognized = usual_headings or any(map(self.exact, expected))
        """Whether the row has headings. Else it may be a person's, and no message may quote it."""
        self._quotable = named if self.recognized else []
        self._expected = set(map(heading_key, expected))

    def column(self, heading: str) -> Use | str:
        """Return the one column of a heading, or what is wrong if there is none, or two."""
        if heading == TO_CHOOSE:
            return f"replace `{TO_CHOOSE}` with the heading of the column"
        key = heading_key(heading)
        other = [at for name in self._spellings.get(key, ()) for at in self._found.get(name, ())]
        exact = self._found.get(key, [])
        positions = list(dict.fromkeys((*exact, *other)))
        if not positions:
            # what is left, by its beginning, of a heading with an angle bracket
            cut = {heading_key(re.split("[<>]", name)[0]) for name in self._quotable}
            angled = f" ({ANGLED})" if key in cut else ""
            return f"column `{heading}` is missing{self._instead(heading)}{angled}"
        if len(positions) > 1:
            columns = " and ".join(str(self.places[at]) for at in positions)
            return (
                f"the roster has `{heading}` twice, in columns {columns}; rename one of the columns"
            )
        how = "exact" if exact else "spelling in `headings`"
        return Use(positions[0], self.places[positions[0]], how)

    def _instead(self, heading: str) -> str:
        """Return which unused columns may be the missing one: by their meaning, then spelling."""
        free = [name for name in self._quotable if heading_key(name) not in self._expected]
        meaning = meaning_of(heading)
        same = [name for name in free if meaning and meaning_of(name) == meaning]
        if not same:
            return nearest(heading, free, 3)
        columns = " or ".join(str(place) for name in same for place in self.exact(name))
        return f". Did it become column {columns}?"

    def lacks(self, heading: str) -> bool:
        """Return whether no column has this heading, in any of its spellings."""
        keys = {(key := heading_key(heading)), *self._spellings.get(key, ())}
        return heading != TO_CHOOSE and keys.isdisjoint(self._found)

    def exact(self, heading: str) -> tuple[Place, ...]:
        """Return the columns of exactly this heading."""
        return tuple(self.places[at] for at in self._found.get(heading_key(heading), ()))

    def unused(self, used: Collection[int], known: tuple[str, ...]) -> Iterator[Place]:
        """Yield the columns that no rule uses and that are not known to be unused."""
        expected = {"", *map(heading_key, (*known, *ADDED))}
        for position, place in enumerate(self.places):
            if position not in used and heading_key(place.heading) not in expected:
                yield place

    def summary(self, file: str) -> str:
        """Return a sentence about the roster's headings, without quoting a person's row."""
        if not self.recognized and self._is_person:
            return (
                f"{file}: the first row looks like a person, not like headings. If the file has no "
                "headings, set `header: none` under `roster:` in the mapping, and write its "
                "columns as `<A>`, `<B>` and so on"
            )
        if not self.recognized:
            return (
                f"{file}: no row with headings was found. Check that this is the right "
                "file and sheet. If the headings are below row 20, set `header` to their row under "
                "`roster:` in the mapping; if there are none, set `header: none`, and name each "
                "column by its letter, such as `<A>`"
            )
        glue = "\N{NO-BREAK SPACE}"
        named = [str(at).replace(" ", glue) for at in self.places if at.heading.strip()]
        lines = textwrap.wrap(", ".join(named), 88, break_on_hyphens=False)
        listed = "\n  ".join(lines).replace(glue, " ")
        return f"{file}: its columns are\n  {listed or 'without headings'}"


EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def digits_of(text: str) -> int:
    """Return how many digits 0 to 9 a text has."""
    return sum(char in "0123456789" for char in text)


def looks_like_a_person(headings: Iterable[str]) -> bool:
    """Return whether headings are rather a person: an email, or mostly numbers and dates."""
    texts = [heading for heading in headings if heading.strip()]
    values = sum(
        digits_of(text) >= 5 or is_any_date(text) or (text.isdecimal() and int(text) not in YEARS)
        for text in texts
    )
    known = sum(bool(meaning_of(text)) for text in texts)
    return values > known or any(map(EMAIL.fullmatch, texts))


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
    headings = Headings(mapping.file, places, mapping.layout().expected)
    work = _Compiler(mapping, headings)
    values, scalars = (
        tuple(work.field(mapped, mapped.field.path) for mapped in rules)
        for rules in (mapping.values, mapping.scalars)
    )
    entries = tuple(_without_lost_lists([*work.entries()], work.lost))
    for at, subject, _ in mapping.tests:
        if isinstance(subject, Cell):
            work.column(subject.heading, at[:-1])
    origin = Origin(run.file, run.sheet, 0)
    same_for_all: list[str] = []
    constants: list[Problem] = []
    for mapped, at, text in mapping.constants if headings.recognized else ():
        written = mapping.source.place(at)
        for place in headings.exact(text.strip(_MARKS)):
            if mapped.field.path in OF_ONE_PERSON:
                same_for_all.append(
                    f"{written}: every patron would get the text `{text}`; write "
                    f"`<{place.heading}>` to take column {place}"
                )
            message = f"is a heading, but {written} sets it as a text"
            constants.append(
                Problem.of(
                    Code.CONSTANT_IS_HEADING, origin, message, place, field=mapped.field.path
                )
            )
    open_ends = [f"{mapping.source.place(at)}: {advice}" for at, advice in mapping.open_codes]
    if work.faults or same_for_all or open_ends:
        wrong = _findings(mapping, headings, work.faults, run.file) if work.faults else ()
        kind = MappingError if open_ends or same_for_all else ColumnsError
        raise kind((*open_ends, *same_for_all, *wrong))
    fields = (*scalars, *(column for entry in entries for column in entry.columns))
    layout = RecordLayout(
        mapping.file.account_type,
        mapping.file.record_type,
        {column.label: column for column in fields},
        entries,
        tuple(entry.removal for entry in mapping.removals if entry.removal),
    )
    columns = {key: _with_rules(use, key, mapping, layout) for key, use in work.columns.items()}
    positions = [use.position for use in work.columns.values()]
    unused = []
    left = [*headings.unused(positions, mapping.file.roster.unused)]
    if left and not mapping.from_alma:  # who a user is, is there for people
        message = "is not used by the mapping" if len(left) == 1 else "are not used by the mapping"
        unused.append(Problem.of(Code.UNUSED_COLUMN, origin, message, *left))
    named = {column.label: column for column in (*values, *scalars)}
    return CompiledMapping(
        mapping,
        run,
        layout,
        columns,
        frozenset(work.missing),
        named,
        _droppable(mapping, (*values, *fields)),
        scalars,
        entries,
        _split_parts(mapping),
        (*unused, *constants),
    )


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

_FEW = 4
"""At most N missing headings are listed one by one; more may mean that it is another file."""


_RENAME = "write the roster's heading in place of a missing one"

_LEAVE_OUT = (
    f"{_RENAME}, or delete the lines that use it",
    "list a column that only some rosters have in `optional` under `roster:`",
)

_NEEDED = re.compile(r"\brecord\.(primary_id|first_name|last_name|user_group)\b")
"""What no mapping can do without, so that its column cannot be left out."""


def _findings(
    mapping: MappingDocument, headings: Headings, faults: Mapping[str, str], file: str
) -> Iterator[str]:
    """Yield the faults of headings, the cause first; in one line if most headings are missing."""
    if mapping.from_alma and all(map(headings.lacks, mapping.headings)):
        yield (
            f"{mapping.path.name}: the rows of this mapping come from Alma, not from {file}. Leave "
            f"the file out: `{command_line('plan', '-m', str(mapping.path))}`"
        )
        return
    names = {heading_key(heading): heading for heading in mapping.headings}
    missing = {key: name for key, name in names.items() if key in faults and headings.lacks(name)}
    several = len(missing) > max(_FEW, len(names) / 2)
    summary = headings.summary(file)
    if headings.recognized and missing:
        needed = any(_NEEDED.search(faults[key]) for key in missing)
        advised = (_RENAME,) if needed else _LEAVE_OUT
        summary += "".join(f"\n{mapping.path.name}: {advice}" for advice in advised)
    if several and not headings.recognized:
        yield summary
    if several:
        listed = ", ".join(f"`{name}`" for name in missing.values())
        yield f"{mapping.path.name}: the roster has no columns {listed}"
    yield from (fault for key, fault in faults.items() if not (several and key in missing))
    if not several or headings.recognized:
        yield summary


# --- rules ---


_VERSION = 2
"""The version of the fingerprints of rules, which memories keep."""


@dataclass(slots=True)
class _Compiler:
    """Compiles the rules one by one and collects the headings that are missing."""

    mapping: MappingDocument
    headings: Headings
    columns: dict[str, Use] = default(default_factory=dict)
    faults: dict[str, str] = default(default_factory=dict)
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
        parts = [rule for mapped in rules for _, rule in mapped.nested]
        names: list[LookupKey] = [rule.lookup for rule in parts if rule.lookup is not None]
        if not any(mapped.run_variables for mapped in rules):
            conditions = (entry.part.when if entry else None, *(rule.when for rule in parts))
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
        ends = any(rule.plus == END_OF_TERM for rule in parts)
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
                self.faults[key] = f"{self.mapping.source.place(at)}: {use}"
        return self.columns.get(key)

    def _common_id_rule(self, mapped: MappedField) -> IdRule | None:
        """Return the `ids:` rule that the columns behind a field share, if none is changed."""
        plain = {name: value for name, value in mapped.values.items() if value.keeps_lines}
        if not all(rule.is_lone(plain) for _, rule in mapped.nested if rule.templates):
            return None
        rules = [self.mapping.file.id_rule(name) for name in mapped.cells]
        return rules[0] if rules and all(other == rules[0] for other in rules) else None
