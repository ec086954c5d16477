"""A mapping as it was read: its rules, its lookups, and where each key is written."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path

from importer.mapper.lookups import Lookup, LookupFile
from importer.mapper.schema import EntryRules, FieldRule, KeepHeaviest, MappingFile
from importer.mapper.yaml_source import Source
from importer.model.plan import Duplicates, Match, SafetyLimits
from importer.model.roster import Layout
from importer.model.user import AccountType

Tables = MappingOf[str | LookupFile, Lookup]
"""Every lookup of the mapping that can be used, by its name or its file."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that has been read.

    `sha256` is over the file, the mappings it extends and its lookup files: equal if nothing
    changed. `source` knows the line of every key.
    """

    path: Path
    sha256: str
    file: MappingFile
    tables: Tables
    scalars: tuple[FieldRule, ...]
    entries: tuple[EntryRules, ...]
    source: Source

    @property
    def name(self) -> str:
        """Its short name; that of the file if it gives none."""
        return self.file.name or self.path.stem

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.file.title or self.name

    @property
    def account_type(self) -> AccountType:
        """Internal or External."""
        return self.file.account_type

    @property
    def record_type(self) -> str:
        """PUBLIC, STAFF or CONTACT."""
        return self.file.record_type

    @property
    def match(self) -> Match:
        """How a row finds its user in Alma."""
        return self.file.match

    @property
    def safety_limits(self) -> SafetyLimits:
        """The limits of the safety checks."""
        return self.file.safety_checks

    @property
    def duplicates(self) -> Duplicates:
        """What happens to duplicates, with the groups' weights from their lookup."""
        part = self.file.duplicates
        if not isinstance(part.same_id, KeepHeaviest):
            return Duplicates.model_validate(part.model_dump())
        lookup = self.tables[part.same_id.weights]
        weights = {lookup.written[key]: int(code) for key, code in lookup.codes.items()}
        rest = part.model_dump(exclude={"same_id"})
        return Duplicates(same_id="keep heaviest", weights=weights, **rest)

    @property
    def maps_password(self) -> bool:
        """Whether it sets passwords, which are read from the roster again when they are sent."""
        return any(rule.field.path == "password" for rule in self.scalars)

    @property
    def rules(self) -> tuple[FieldRule, ...]:
        """Every rule: of the record's own fields, then of the entries."""
        return (*self.scalars, *(rule for entry in self.entries for rule in entry.fields))

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading that a rule uses, as the mapping writes it; each once, in order."""
        found: list[str] = []
        for rule in self.rules:
            found.extend(rule.cells)
            for part in rule.rule.chain:
                found.extend(part.when)
        return tuple(dict.fromkeys((*found, *self.file.roster.only)))

    def layout(self) -> Layout:
        """Return what the loader needs to know. `expected` has every heading in all spellings."""
        roster = self.file.roster
        other = (name for names in self.file.headings.values() for name in names)
        single = (heading for heading in self.headings if "*" not in heading)
        return Layout(
            sheet=roster.sheet or "",
            encoding=roster.encoding,
            header=roster.header,
            expected=frozenset((*single, *other)),
        )
