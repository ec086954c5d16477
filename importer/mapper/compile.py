"""A mapping and a roster's headings become a compiled mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.errors import MappingError
from importer.mapper import clean, links, record
from importer.mapper.batch import RunVariables
from importer.mapper.chain import Chain, Step
from importer.mapper.compiled import Compiled, Undeclared, Use
from importer.mapper.dates import ORDER_WORDS, Order, Style
from importer.mapper.giving import given_codes, takes_cells
from importer.mapper.headings import Column, HeadingError, Headings
from importer.mapper.lines import Group, IdColumn, Line
from importer.mapper.template import Cell, Template, heading_key
from importer.model.candidates import FieldColumn, ListEntry, RecordLayout
from importer.model.catalogue import Code
from importer.model.fields import ALWAYS_REQUIRED, Shape
from importer.model.policy import IdRule
from importer.model.problem import Origin, Place, Problem
from importer.model.roster import ADDED

if TYPE_CHECKING:
    from importer.mapper.document import Mapping as MappingDocument
    from importer.mapper.grammar import Rule
    from importer.mapper.record import EntryRules, FieldRule

__all__ = ["Compiled", "RunVariables", "compile_mapping"]

_TIDIED = {
    "primary_id": links.tidy,
    "user_identifier.value": links.tidy,
    "contact_info.email.email_address": links.tidy_email,
}
"""Fields that hold no blanks."""


def compile_mapping(
    mapping: MappingDocument,
    places: tuple[Place, ...],
    run: RunVariables,
    orders: Mapping[str, Order] | None = None,
) -> Compiled:
    """The mapping made ready for a roster with these columns.

    `orders` are what `Compiled.settle` has found for dates that the mapping does not declare.
    Raises MappingError with every heading that the roster lacks or has twice.
    """
    return _Compiler(mapping, places, run, orders or {}).compiled()


@dataclass(slots=True)
class _Compiler:
    """Collects the lines, and what is wrong, while it goes through the mapping."""

    mapping: MappingDocument
    places: tuple[Place, ...]
    run: RunVariables
    orders: Mapping[str, Order]
    columns: dict[str, Column] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    undeclared: list[Undeclared] = field(default_factory=list)
    headings: Headings = field(init=False)

    def __post_init__(self) -> None:
        self.headings = Headings(self.mapping.file, self.places)

    def compiled(self) -> Compiled:
        file = self.mapping.file
        scalars = tuple(self._line(rule, rule.field.path, {}) for rule in self.mapping.scalars)
        groups = tuple(self._groups())
        only = self._conditions(file.roster.only, ("roster", "only"), {})
        if self.faults:
            there = ", ".join(str(place) for place in self.places if place.heading.strip())
            listing = f"{self.run.file}: its columns are {there or 'without headings'}"
            raise MappingError((*self.faults.values(), listing))
        lines = (*scalars, *(line for group in groups for line in group.lines))
        targets = {line.target.label: line.target for line in lines}
        scheme = RecordLayout(
            self.mapping.account_type,
            self.mapping.record_type,
            targets,
            tuple(group.entry for group in groups),
        )
        return Compiled(
            scheme=scheme,
            run=self.run,
            scalars=tuple(self._by_need(scalars)),
            groups=groups,
            ids=tuple(self._id_columns(targets)),
            only=only,
            undeclared=tuple(self.undeclared),
            uses=self._uses(targets),
            notices=tuple(self._notices(targets)),
            again=lambda orders: compile_mapping(self.mapping, self.places, self.run, orders),
        )

    def _groups(self) -> Iterator[Group]:
        """The entries; one that repeats over headings becomes as many as the roster has."""
        counts: dict[str, int] = {}
        for entry in self.mapping.entries:
            for bound in self._bindings(entry):
                position = counts.get(entry.parent, 0)
                counts[entry.parent] = position + 1
                yield self._group(entry, position, bound)

    def _bindings(self, entry: EntryRules) -> list[dict[str, str]]:
        """What `<Email *>` stands for, once for each column; one empty binding without it."""
        for name in entry.cells:
            if Cell(name).repeats and not self.headings.has(name):
                found = self.headings.repeated(Cell(name))
                if not found:
                    self._fault(name, entry.steps, f"the roster has no column like `{name}`")
                return [{name: heading} for heading in found]
        return [{}]

    def _group(self, entry: EntryRules, position: int, bound: Mapping[str, str]) -> Group:
        prefix = f"{entry.parent}[{position}]"
        lines = tuple(
            self._line(rule, f"{prefix}.{rule.field.name}", bound) for rule in entry.fields
        )
        labels = tuple(line.target.label for line in lines)
        needed = tuple(line.target.label for line in lines if line.target.field.facts.required)
        constants = {
            line.target.label: text
            for line, rule in zip(lines, entry.fields, strict=True)
            if (text := rule.rule.constant) is not None
        }
        whole = ListEntry(entry.parent, labels, entry.on_update, constants)
        return Group(whole, lines, tuple(_telling(lines, entry)), needed)

    def _line(self, rule: FieldRule, label: str, bound: Mapping[str, str]) -> Line:
        places = [
            column.place
            for name in rule.cells
            if (column := self._column(bound.get(name, name), rule.steps)) is not None
        ]
        target = FieldColumn(
            label,
            rule.field,
            tuple(dict.fromkeys(places)),
            rule.on_update,
            rule.rule.override,
            self._id_rule(rule, bound),
            rule.volatile,
            mapped_codes={
                code: self.mapping.place(steps)
                for code, steps in given_codes(rule, self.mapping.tables).items()
            },
            from_cells=takes_cells(rule),
        )
        always = rule.field.path in (*ALWAYS_REQUIRED, record.OWNING_SYSTEM)
        required = "true" if always else rule.rule.required
        return Line(
            target,
            self._chain(rule, rule.rule, label, bound),
            required,
            from_cells=rule.rule.lookup is None and _lone_cells(rule.rule),
        )

    def _chain(self, rule: FieldRule, step: Rule, key: str, bound: Mapping[str, str]) -> Chain:
        def position(name: str) -> int:
            column = self._column(bound.get(name, name), rule.steps)
            return column.position if column is not None else 0  # a fault stops before it is used

        default = step.default
        chain = Chain(
            fills=tuple(links.fill(template, position) for template in step.templates),
            steps=tuple(self._steps(rule, step, key)),
            when=self._conditions(step.when, rule.steps, bound),
            default=self._chain(rule, default, f"{key}.default", bound) if default else None,
        )
        style = self._style(step)
        if rule.field.shape is Shape.DATE and not style.declared and _asks_roster(step.templates):
            self.undeclared.append(Undeclared(key, key.removesuffix(".default"), chain, style))
        return chain

    def _steps(self, rule: FieldRule, step: Rule, key: str) -> Iterator[Step]:
        parts = [
            Step(clean.converter(part), clean.selects(part), clean.idle(part), clean.located(part))
            for part in step.clean
        ]
        tidied = _TIDIED.get(rule.field.path)
        if tidied is not None and _lone_cells(step):
            apart = any(part.split or part.replace for part in step.clean)
            parts.insert(len(parts) if apart else 0, Step(tidied, idle=links.is_tidy))
        yield from parts
        # A lookup or field that does not exist is a finding of the mapping, which is refused; its
        # headings are compared with the roster's all the same, so that one run shows all findings.
        if step.lookup is not None and step.lookup in self.mapping.tables:
            yield Step(self.mapping.tables[step.lookup].convert)
        if rule.field.shape is Shape.DATE:
            style = self._style(step)
            settled = Style(self.orders.get(key, ""), style.pivot, style.serials)
            terms = tuple(term.end for term in self.mapping.file.terms)
            yield links.date_step(style if style.declared else settled, step.plus, terms)

    def _style(self, step: Rule) -> Style:
        base = self.mapping.file.roster.dates.style
        return step.dates.style.over(base) if step.dates else base

    def _conditions(
        self,
        wanted: Mapping[str, tuple[str, ...]],
        steps: tuple[str | int, ...],
        bound: Mapping[str, str],
    ) -> tuple[tuple[int, frozenset[str]], ...]:
        found = []
        for name, texts in wanted.items():
            column = self._column(bound.get(name, name), steps)
            if column is not None:
                found.append((column.position, frozenset(heading_key(text) for text in texts)))
        return tuple(found)

    def _column(self, heading: str, steps: tuple[str | int, ...]) -> Column | None:
        key = heading_key(heading)
        if key not in self.columns and key not in self.faults:
            try:
                self.columns[key] = self.headings.column(heading)
            except HeadingError as error:
                self._fault(heading, steps, str(error))
        return self.columns.get(key)

    def _fault(self, heading: str, steps: tuple[str | int, ...], wrong: str) -> None:
        self.faults.setdefault(heading_key(heading), f"{self.mapping.place(steps)}: {wrong}")

    def _id_rule(self, rule: FieldRule, bound: Mapping[str, str]) -> IdRule | None:
        """The rule of the columns that feed a field, where they agree in one."""
        if not all(_lone_cells(step) for step in record.chain(rule.rule)):
            return None
        rules = [self.mapping.file.id_rule(bound.get(name, name)) for name in rule.cells]
        return rules[0] if rules and all(other == rules[0] for other in rules) else None

    def _id_columns(self, targets: Mapping[str, FieldColumn]) -> Iterator[IdColumn]:
        for key, column in self.columns.items():
            rule = self.mapping.file.id_rule(key)
            labels = [label for label, target in targets.items() if column.place in target.places]
            if rule is not None and labels:
                steps = links.id_steps(rule)
                yield IdColumn(column.position, column.place, labels[0], steps)

    def _by_need(self, lines: tuple[Line, ...]) -> Iterator[Line]:
        """Each line after those whose values it takes by `<@…>`; the checks have found circles."""
        rules = {rule.field.path: rule for rule in self.mapping.scalars}
        by_path = {line.target.label: line for line in lines}
        done: set[str] = set()

        def visit(path: str) -> Iterator[Line]:
            if path in done:
                return
            done.add(path)
            for name in record.named(rules[path]):
                if name in rules:
                    yield from visit(name)
            yield by_path[path]

        for path in by_path:
            yield from visit(path)

    def _uses(self, targets: Mapping[str, FieldColumn]) -> tuple[Use, ...]:
        found = sorted(self.columns.values(), key=lambda column: column.position)
        return tuple(
            Use(
                column.place,
                tuple(label for label, t in targets.items() if column.place in t.places),
                column.how,
            )
            for column in found
        )

    def _notices(self, targets: Mapping[str, FieldColumn]) -> Iterator[Problem]:
        origin = Origin(self.run.file, self.run.sheet, 0)
        used = {column.position for column in self.columns.values()}
        known = (*self.mapping.file.roster.unused, *ADDED)
        for place in self.headings.unused(used, known):
            yield Problem.of(Code.UNUSED_COLUMN, origin, "is not used by the mapping", place)
        for item in self.undeclared:
            if (order := self.orders.get(item.key)) is not None:
                message = f"was read as {ORDER_WORDS[order]}, since some dates fit nothing else"
                yield Problem.of(
                    Code.READ_WITH_NOTICE,
                    origin,
                    message,
                    *targets[item.label].places,
                    field=item.label,
                    advice=f"If it is right, declare it in the mapping: `dates: {order}`.",
                )


def _telling(lines: tuple[Line, ...], entry: EntryRules) -> Iterator[str]:
    """The labels that tell whether a row has the entry: those that the roster's cells fill in.

    A flag that may be left out tells nothing beside them, nor does what the record itself fills
    in: an address is not there because its end is the expiry date.
    """
    of_roster: list[str] = []
    of_flags: list[str] = []
    of_record: list[str] = []
    for line, rule in zip(lines, entry.fields, strict=True):
        field = line.target.field
        if rule.cells:
            optional = field.shape is Shape.FLAG and not field.facts.required
            (of_flags if optional else of_roster).append(line.target.label)
        elif any(record.named(rule)):
            of_record.append(line.target.label)
    yield from of_roster or of_flags or of_record


def _lone_cells(step: Rule) -> bool:
    """Does the rule take cells as they are, without any text around them?"""
    return all(len(t.parts) == 1 and isinstance(t.parts[0], Cell) for t in step.templates)


def _asks_roster(templates: tuple[Template, ...]) -> bool:
    return any(template.cells for template in templates)
