"""One chunk on its way to candidates: values, and the problems met on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.mapper.batch import COUNTRY
from importer.mapper.reading import Finding, convert_all
from importer.mapper.record import OWNING_SYSTEM
from importer.model.catalogue import Code, Severity
from importer.model.policy import AccountType
from importer.model.problem import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from importer.mapper.batch import Batch
    from importer.mapper.chain import Values
    from importer.mapper.coding import Coder
    from importer.mapper.lines import Group, IdColumn, Line
    from importer.model.candidates import FieldColumn
    from importer.model.roster import Source

_NO_OWNER = (
    "Fill in the cell, or give `owning_system` in the mapping a `default`: Alma refuses an "
    "External patron without one."
)
"""The advice where the cell that `owning_system` comes from is blank."""


class Work:
    """One chunk on its way to candidates."""

    def __init__(
        self, account_type: AccountType, batch: Batch, source: Source, coder: Coder
    ) -> None:
        """Start with the rows that are taken, and the institution's codes."""
        self.account_type = account_type
        self.batch = batch
        self.source = source
        self.coder = coder
        self.texts: dict[str, list[str]] = {}
        self.unspoken: dict[str, frozenset[int]] = {}
        self.problems: list[Problem] = []
        self.countries = [""] * len(batch)

    def repair(self, ids: tuple[IdColumn, ...]) -> None:
        """Apply the `ids:` rules to their columns."""
        for column in ids:
            cells = texts = self.batch.cells(column.position)
            for step in column.steps:
                texts, found = step.run(texts, self.batch)
                for at, finding in found.items():
                    self.report(at, finding, column.label, (column.place,), cells[at])
            self.batch.set_cells(column.position, texts)

    def run(self, line: Line) -> Values:
        """A scalar's values; what was found becomes problems."""
        values = line.chain.run(self.batch)
        self._finish(line, values)
        self.require(line, values)
        return values

    def _finish(self, line: Line, values: Values) -> None:
        """Write codes as Alma has them, and report what was found."""
        target = line.target
        for at, finding, text in values.found:
            self.report(at, finding, target.label, target.places, text)
        step = self.coder.step(target.field, from_cells=line.from_cells)
        if step is not None:
            before = values.texts
            values.texts, found = convert_all(before, step)
            for at, finding in found.items():
                self.report(at, finding, target.label, target.places, before[at])
        self.texts[target.label] = values.texts
        if values.unspoken:
            self.unspoken[target.label] = frozenset(self.batch.rows[at] for at in values.unspoken)

    def require(self, line: Line, values: Values) -> None:
        """A problem for each row that leaves a required field blank."""
        if line.required == "false" or all(values.texts):
            return
        told = {at for at, _, _ in values.found}
        severity = Severity.WARNING if line.required == "warn" else None
        for at, text in enumerate(values.texts):
            if not text and at not in told:
                self._missing(at, line.target, severity)

    def _missing(self, at: int, target: FieldColumn, severity: Severity | None) -> None:
        external = self.account_type is AccountType.EXTERNAL
        no_empl_id = external and target.label == "primary_id"
        no_owner = target.field.path == OWNING_SYSTEM
        self.problems.append(
            Problem.of(
                Code.MISSING_EMPL_ID if no_empl_id else Code.MISSING_VALUE,
                self.source.origin(self.batch.rows[at]),
                "is blank, and this person is External" if no_empl_id else "is blank",
                *target.places,
                field=target.label,
                severity=severity,
                advice=_NO_OWNER if no_owner else "",
            )
        )

    def enter(self, group: Group) -> None:
        """An entry: left out of the rows that have nothing for it, whole in the others."""
        lines = {line.target.label: line for line in group.lines}
        self._locate(group)
        values = {label: line.chain.run(self.batch) for label, line in lines.items()}
        there = self._there(group, values)
        for label, line in lines.items():
            found = values[label]
            self.require(line, found)
            if not all(there):
                texts = zip(found.texts, there, strict=True)
                found.texts = [text if here else "" for text, here in texts]
                found.found = [item for item in found.found if there[item[0]]]
            if label in group.needed and line.required == "false":
                self._complete(line.target, found, there, group)
            self._finish(line, found)

    def _locate(self, group: Group) -> None:
        """Let the steps of an entry know the country: its own, or that of the first address."""
        countries = self.countries
        if group.entry.parent == "contact_info.address":
            lines = (line for line in group.lines if line.target.field.name == "country")
            own = next((line.chain.run(self.batch).texts for line in lines), [""] * len(self.batch))
            self.countries = [text or other for text, other in zip(countries, own, strict=True)]
            countries = own
        elif group.entry.parent != "contact_info.phone":
            countries = [""] * len(self.batch)
        self.batch.set_field(COUNTRY, countries)

    def _there(self, group: Group, values: Mapping[str, Values]) -> list[bool]:
        """Which rows have the entry: something tells so, and its needed parts are spoken of."""
        contents = [values[label].content for label in group.telling]
        if not contents or any(map(all, contents)):
            there = [True] * len(self.batch)
        else:
            there = list(map(any, zip(*contents, strict=True)))
        for label in group.needed:
            for at in values[label].unspoken:
                there[at] = False
        return there

    def _complete(
        self, target: FieldColumn, values: Values, there: list[bool], group: Group
    ) -> None:
        """A problem for each row that has the entry without a part that it needs."""
        filled = list(map(bool, values.texts))
        if filled == there:
            return
        told = {at for at, _, _ in values.found}
        for at, (here, full) in enumerate(zip(there, filled, strict=True)):
            if here and not full and at not in told:
                self._incomplete(at, target, group)

    def _incomplete(self, at: int, target: FieldColumn, group: Group) -> None:
        places = target.places or tuple(p for line in group.lines for p in line.target.places)
        self.problems.append(
            Problem.of(
                Code.MISSING_VALUE,
                self.source.origin(self.batch.rows[at]),
                f"`{target.field.name}` is blank, but other parts of the same entry are not",
                *places,
                field=target.label,
                advice="Fill in the cell, or clear the other cells of this entry.",
            )
        )

    def report(
        self, at: int, finding: Finding, label: str, places: tuple[Place, ...], text: str
    ) -> None:
        """A finding of a step becomes a problem of a row."""
        private = label == "password"
        self.problems.append(
            Problem.of(
                finding.code,
                self.source.origin(self.batch.rows[at]),
                finding.message,
                *places,
                field=label,
                value="" if private else text,
                advice=finding.advice,
                mends=finding.mends,
            )
        )
