"""Compile a mapping for the headings of one roster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from importer.errors import MappingError
from importer.mapper.column_guesses import field_of
from importer.mapper.compiled import (
    CompiledEntry,
    CompiledField,
    CompiledMapping,
    CompiledRule,
    Filling,
    IdColumn,
    Moment,
    RunVariables,
    Step,
    Use,
)
from importer.mapper.conditions import Condition
from importer.mapper.explain import mapped_codes, takes_cells
from importer.mapper.mapping import Mapping as MappingDocument
from importer.mapper.placeholders import (
    ANGLED,
    TO_CHOOSE,
    Cell,
    Template,
    Variable,
    heading_key,
    nearest,
)
from importer.mapper.schema import EXTERNAL_SYSTEM, EntryRules, FieldRule, MappingFile, Rule
from importer.mapper.transforms import TIDIED, id_transforms, transform
from importer.mapper.yaml_source import Steps
from importer.model.candidates import FieldColumn, IdRule, ListEntry, RecordLayout
from importer.model.catalogue import Code
from importer.model.fields import ALWAYS_REQUIRED, Shape
from importer.model.problem import Origin, Place, Problem
from importer.model.roster import ADDED

EXACT = "exact"
SPELLING = "spelling in `headings`"


def compile_mapping(
    mapping: MappingDocument, places: tuple[Place, ...], run: RunVariables
) -> CompiledMapping:
    """Compile a mapping for a roster with these columns.

    Raises MappingError with every heading that the roster lacks or has twice. A mapping with
    findings can be compiled too, so that one run shows all of them; it must not be evaluated.
    """
    headings = Headings(mapping.file, places, mapping.layout().expected)
    return _Compiler(mapping, run, headings).compiled()


# --- headings ---


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the roster: its position from 0, its place, and how its heading was matched."""

    position: int
    place: Place
    how: str = EXACT


_USUAL_HEADINGS = 2  # usual headings that show that a row has headings


class HeadingError(ValueError):
    """A heading without one column of its own; its text is the reason, for a finding."""


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
        self.recognized = usual >= _USUAL_HEADINGS or any(map(self.has, expected))
        """Whether the row has headings. Else it may be a person's, and no message may quote it."""
        self._quotable = named if self.recognized else []

    def column(self, heading: str) -> Column:
        """Return the one column of a heading. Raises HeadingError if there is none, or two."""
        if heading == TO_CHOOSE:
            msg = f"the column is still to be chosen; write its heading instead of `{TO_CHOOSE}`"
            raise HeadingError(msg)
        key = heading_key(heading)
        other = [at for name in self._spellings.get(key, ()) for at in self._found.get(name, ())]
        exact = self._found.get(key, [])
        found = list(dict.fromkeys((*exact, *other)))
        if not found:
            names = self._quotable
            angled = f" ({ANGLED})" if _angled(heading, names) else ""
            msg = f"the roster has no column `{heading}`{nearest(heading, names, 3)}{angled}"
            raise HeadingError(msg)
        if len(found) > 1:
            columns = " and ".join(str(self.places[at]) for at in found)
            msg = f"the roster has `{heading}` twice, in {columns}; rename one of the columns"
            raise HeadingError(msg)
        return Column(found[0], self.places[found[0]], EXACT if exact else SPELLING)

    def has(self, heading: str) -> bool:
        """Return whether there is a column of exactly this heading."""
        return heading_key(heading) in self._found

    def repeated(self, cell: Cell) -> tuple[str, ...]:
        """Return the headings that `<Email *>` stands for, in the roster's order."""
        start = heading_key(cell.heading.removesuffix("*"))
        return tuple(
            place.heading
            for place in self.places
            if (key := heading_key(place.heading)) == start or key.startswith(f"{start} ")
        )

    def unused(self, used: set[int], known: tuple[str, ...]) -> Iterator[Place]:
        """Yield the columns that no rule uses and that are not known to be unused."""
        expected = {heading_key(name) for name in known}
        for position, place in enumerate(self.places):
            key = heading_key(place.heading)
            if position not in used and key and key not in expected:
                yield place


def _angled(heading: str, names: list[str]) -> bool:
    """Whether this is, by its beginning, what is left of a heading with an angle bracket."""
    key = heading_key(heading)
    return any(key == heading_key(re.split("[<>]", name)[0]) for name in names)


# --- rules ---


@dataclass(slots=True)
class _Compiler:
    """Compiles the rules one by one and collects the headings that are missing."""

    mapping: MappingDocument
    run: RunVariables
    headings: Headings
    columns: dict[str, Column] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def _columns(self) -> str:
        """Return a sentence about the roster's headings, without quoting a person's row."""
        if not self.headings.recognized:
            return (
                f"{self.run.file}: no row with headings was found. Check that this is the right "
                "file and sheet. If the headings are below row 20, set `header` under `roster:` in "
                "the mapping"
            )
        places = self.headings.places
        there = ", ".join(str(place) for place in places if place.heading.strip())
        return f"{self.run.file}: its columns are {there or 'without headings'}"

    def compiled(self) -> CompiledMapping:
        """Compile the whole mapping. Raises MappingError."""
        file = self.mapping.file
        scalars = tuple(self._field(rule, rule.field.path, {}) for rule in self.mapping.scalars)
        entries = tuple(self._entries())
        only = self._condition(file.roster.only, ("roster", "only"), {})
        if self.faults:
            raise MappingError((*self.faults.values(), self._columns()))
        fields = (*scalars, *(one for entry in entries for one in entry.fields))
        layout = RecordLayout(
            self.mapping.account_type,
            self.mapping.record_type,
            {one.column.label: one.column for one in fields},
            tuple(entry.entry for entry in entries),
        )
        return CompiledMapping(
            layout=layout,
            run=self.run,
            scalars=tuple(self._by_need(scalars)),
            entries=entries,
            ids=tuple(self._id_columns(layout)),
            only=only,
            uses=self._uses(layout),
            notices=tuple(self._notices()),
        )

    def _entries(self) -> Iterator[CompiledEntry]:
        """The entries; one that repeats over headings becomes as many as the roster has."""
        counts: dict[str, int] = {}
        for entry in self.mapping.entries:
            for bound in self._bindings(entry):
                position = counts.get(entry.parent, 0)
                counts[entry.parent] = position + 1
                yield self._entry(entry, position, bound)

    def _bindings(self, entry: EntryRules) -> list[dict[str, str]]:
        """What `<Email *>` stands for, once for each column; one empty binding without it."""
        for name in entry.cells:
            if Cell(name).repeats and not self.headings.has(name):
                found = self.headings.repeated(Cell(name))
                if not found:
                    self._fault(name, entry.steps, f"the roster has no column like `{name}`")
                return [{name: heading} for heading in found]
        return [{}]

    def _entry(self, entry: EntryRules, position: int, bound: Mapping[str, str]) -> CompiledEntry:
        prefix = f"{entry.parent}[{position}]"
        fields = tuple(
            self._field(rule, f"{prefix}.{rule.field.name}", bound) for rule in entry.fields
        )
        labels = tuple(one.column.label for one in fields)
        needed = tuple(one.column.label for one in fields if one.column.field.facts.required)
        constants = {
            one.column.label: text
            for one, rule in zip(fields, entry.fields, strict=True)
            if (text := rule.rule.constant) is not None
        }
        whole = ListEntry(entry.parent, labels, entry.on_update, constants)
        return CompiledEntry(whole, fields, tuple(_deciding(fields, entry)), needed)

    def _field(self, rule: FieldRule, label: str, bound: Mapping[str, str]) -> CompiledField:
        used = [self._column(bound.get(name, name), rule.steps) for name in rule.cells]
        places = [one.place for one in used if one is not None]
        codes = mapped_codes(rule, self.mapping.tables)
        column = FieldColumn(
            label,
            rule.field,
            tuple(dict.fromkeys(places)),
            rule.on_update,
            rule.rule.override,
            self._id_rule(rule, bound),
            rule.run_dependent,
            {code: self.mapping.source.place(steps) for code, steps in codes.items()},
            takes_cells(rule),
        )
        always = rule.field.path in (*ALWAYS_REQUIRED, EXTERNAL_SYSTEM)
        return CompiledField(
            column,
            self._rule(rule, rule.rule, label, bound),
            "true" if always else rule.rule.required,
            as_in_cells=rule.rule.lookup is None and rule.rule.lone_cells,
        )

    def _rule(
        self, owner: FieldRule, rule: Rule, key: str, bound: Mapping[str, str]
    ) -> CompiledRule:
        moment = None
        if owner.field.shape is Shape.DATE:
            base = self.mapping.file.roster.dates.style
            style = rule.dates.style.over(base) if rule.dates else base
            terms = tuple(term.end for term in self.mapping.file.terms)
            moment = Moment(style, rule.plus, terms)
        default = rule.default
        return CompiledRule(
            key,
            tuple(self._filling(owner, template, bound) for template in rule.templates),
            tuple(self._steps(owner, rule)),
            self._condition(rule.when, owner.steps, bound),
            moment,
            self._rule(owner, default, f"{key}.default", bound) if default else None,
        )

    def _filling(self, owner: FieldRule, template: Template, bound: Mapping[str, str]) -> Filling:
        parts: list[str | int | Variable] = []
        for part in template.parts:
            if isinstance(part, Cell):
                column = self._column(bound.get(part.heading, part.heading), owner.steps)
                parts.append(column.position if column else 0)  # a fault stops before it is used
            else:
                parts.append(part)
        return Filling(tuple(parts))

    def _steps(self, owner: FieldRule, rule: Rule) -> Iterator[Step]:
        steps = [
            Step(transform(part), part.selects, part.word in {"zip", "phone"})
            for part in rule.clean
        ]
        tidied = TIDIED.get(owner.field.path)
        if tidied is not None and rule.lone_cells:
            apart = any(part.split or part.replace for part in rule.clean)
            steps.insert(len(steps) if apart else 0, Step(tidied))
        yield from steps
        # A lookup that does not exist is a finding of the mapping, which is refused.
        if rule.lookup is not None and rule.lookup in self.mapping.tables:
            yield Step(self.mapping.tables[rule.lookup].find)

    def _condition(
        self, wanted: Mapping[str, tuple[str, ...]], steps: Steps, bound: Mapping[str, str]
    ) -> Condition:
        found = []
        for name, texts in wanted.items():
            column = self._column(bound.get(name, name), steps)
            if column is not None:
                found.append((column.position, frozenset(heading_key(text) for text in texts)))
        return Condition(tuple(found))

    def _column(self, heading: str, steps: Steps) -> Column | None:
        key = heading_key(heading)
        if key not in self.columns and key not in self.faults:
            try:
                self.columns[key] = self.headings.column(heading)
            except HeadingError as error:
                self._fault(heading, steps, str(error))
        return self.columns.get(key)

    def _fault(self, heading: str, steps: Steps, wrong: str) -> None:
        self.faults.setdefault(heading_key(heading), f"{self.mapping.source.place(steps)}: {wrong}")

    def _id_rule(self, rule: FieldRule, bound: Mapping[str, str]) -> IdRule | None:
        """The `ids:` rule of the columns that feed a field, if they all have the same."""
        if not all(part.lone_cells for part in rule.rule.chain):
            return None
        rules = [self.mapping.file.id_rule(bound.get(name, name)) for name in rule.cells]
        return rules[0] if rules and all(other == rules[0] for other in rules) else None

    def _id_columns(self, layout: RecordLayout) -> Iterator[IdColumn]:
        for key, column in self.columns.items():
            rule = self.mapping.file.id_rule(key)
            labels = [label for label, t in layout.targets.items() if column.place in t.places]
            if rule is not None and labels:
                yield IdColumn(column.position, column.place, labels[0], id_transforms(rule))

    def _by_need(self, fields: tuple[CompiledField, ...]) -> Iterator[CompiledField]:
        """Each field after those that it takes by `<@…>`; the checks have found circles."""
        rules = {rule.field.path: rule for rule in self.mapping.scalars}
        by_path = {one.column.label: one for one in fields}
        done: set[str] = set()

        def visit(path: str) -> Iterator[CompiledField]:
            if path in done:
                return
            done.add(path)
            for name in rules[path].fields:
                if name in rules:
                    yield from visit(name)
            yield by_path[path]

        for path in by_path:
            yield from visit(path)

    def _uses(self, layout: RecordLayout) -> tuple[Use, ...]:
        found = sorted(self.columns.values(), key=lambda column: column.position)
        return tuple(
            Use(
                column.place,
                tuple(label for label, t in layout.targets.items() if column.place in t.places),
                column.how,
            )
            for column in found
        )

    def _notices(self) -> Iterator[Problem]:
        origin = Origin(self.run.file, self.run.sheet, 0)
        used = {column.position for column in self.columns.values()}
        known = (*self.mapping.file.roster.unused, *ADDED)
        for place in self.headings.unused(used, known):
            yield Problem.of(Code.UNUSED_COLUMN, origin, "is not used by the mapping", place)


def _deciding(fields: tuple[CompiledField, ...], entry: EntryRules) -> Iterator[str]:
    """The labels that decide whether a row has the entry: those filled in by the roster's cells.

    Beside them, an optional flag decides nothing, nor does what the record itself fills in: an
    address does not exist because its end date is the expiry date.
    """
    of_roster: list[str] = []
    of_flags: list[str] = []
    of_record: list[str] = []
    for one, rule in zip(fields, entry.fields, strict=True):
        column = one.column
        if rule.cells:
            optional = column.field.shape is Shape.FLAG and not column.field.facts.required
            (of_flags if optional else of_roster).append(column.label)
        elif rule.fields:
            of_record.append(column.label)
    yield from of_roster or of_flags or of_record
