"""A mapping file, read and checked as far as that is possible without a roster."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import MappingError
from importer.mapper import checks, record
from importer.mapper.clauses import LookupFile
from importer.mapper.extending import read_extended
from importer.mapper.grammar import KeepHeaviest, MappingFile
from importer.mapper.lookup import Lookup, UnusableLookupError, read_file
from importer.mapper.tree import Block
from importer.mapper.validating import checked, in_order, place
from importer.model.policy import AccountType, Brakes, Duplicates, Match
from importer.model.roster import Layout

if TYPE_CHECKING:
    from importer.mapper.record import EntryRules, FieldRule

Tables = MappingOf[str | LookupFile, Lookup]
"""Every lookup that the mapping has, by its name or its file."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that is right in itself.

    `sha256` is over the file, what it extends, and its lookup files: equal if nothing changed.
    `tree` knows the lines of every key.
    """

    path: Path
    sha256: str
    file: MappingFile
    tables: Tables
    scalars: tuple[FieldRule, ...]
    entries: tuple[EntryRules, ...]
    tree: Block

    @property
    def name(self) -> str:
        """Its short name; the file's own where it says none."""
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
    def brakes(self) -> Brakes:
        """The numbers of the brakes."""
        return self.file.brakes

    @property
    def duplicates(self) -> Duplicates:
        """What colliding rows mean, with the groups' weights from their lookup."""
        part = self.file.duplicates
        if isinstance(part.same_id, KeepHeaviest):
            lookup = self.tables[part.same_id.weights]
            weights = {lookup.written[key]: int(code) for key, code in lookup.codes.items()}
            return Duplicates(
                same_id="keep heaviest",
                weights=weights,
                same_person=part.same_person,
                similar_person=part.similar_person,
            )
        return Duplicates(
            same_id=part.same_id,
            same_person=part.same_person,
            similar_person=part.similar_person,
        )

    @property
    def maps_password(self) -> bool:
        """Does it give passwords? They are read from the roster again when they are sent."""
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
            for step in record.chain(rule.rule):
                found.extend(step.when)
        return tuple(dict.fromkeys((*found, *self.file.roster.only)))

    def layout(self) -> Layout:
        """What the loader needs to know. `expected` has every heading in all its spellings."""
        roster = self.file.roster
        other = (name for names in self.file.headings.values() for name in names)
        single = (heading for heading in self.headings if "*" not in heading)
        return Layout(
            sheet=roster.sheet or "",
            encoding=roster.encoding,
            header=roster.header,
            expected=frozenset((*single, *other)),
        )

    def place(self, steps: tuple[str | int, ...]) -> str:
        """For a finding: `autumn.yaml:12: record.user_group`."""
        return place(self.tree, steps)


def load(path: Path) -> Mapping:
    """The mapping of a file. Raises MappingError with every finding, each with its line and key."""
    mapping, findings = examine(path)
    if mapping is None or findings:
        raise MappingError(findings)
    return mapping


def examine(path: Path) -> tuple[Mapping | None, tuple[str, ...]]:
    """The mapping of a file, or what is right of it, and every finding against it.

    What is right can still be held against a roster's headings, so that a person learns of all
    at once; None where too little is left for that. Raises MappingError where there is no file, or
    none that can be read at all.
    """
    if os.path.isdir(path):  # noqa: PTH112  is_dir raises for a path that is too long
        msg = f"{path} is a folder; name a mapping file, such as {path / 'community.yaml'}"
        raise MappingError((msg,))
    extended = read_extended(path)
    tree = extended.tree
    file, wrong = checked(tree)
    if file is None:
        return None, in_order(tree, wrong)
    scalars, entries = record.scalars(file), record.entries(file)
    rules = (*scalars, *(rule for entry in entries for rule in entry.fields))
    tables, contents, faults = _tables(file, path.parent, rules)
    missed = checks.findings(file, scalars, entries, tables)
    found = [*wrong, *faults, *(miss for miss in missed if not (wrong and miss.lacking))]
    mapping = Mapping(
        path, _hash((*extended.contents, *contents)), file, tables, scalars, entries, tree
    )
    return (None if faults else mapping), in_order(tree, found)


def _tables(
    file: MappingFile, folder: Path, rules: tuple[FieldRule, ...]
) -> tuple[Tables, list[bytes], list[checks.Found]]:
    """Every lookup, the bytes of those in files, and what is wrong with them."""
    tables: dict[str | LookupFile, Lookup] = {}
    contents: list[bytes] = []
    findings: list[checks.Found] = []
    wanted: list[tuple[str | LookupFile, dict[str, str] | LookupFile, tuple[str | int, ...]]] = [
        (name, table, ("lookups", name)) for name, table in file.lookups.items()
    ]
    for rule in rules:
        for steps, step in record.steps(rule):
            if isinstance(step.lookup, LookupFile):
                wanted.append((step.lookup, step.lookup, (*steps, "lookup")))
    for name, table, steps in wanted:
        try:
            if isinstance(table, LookupFile):
                tables[name], content = read_file(folder, table)
                contents.append(content)
            else:
                tables[name] = Lookup.of(table.items())
        except UnusableLookupError as error:
            findings.append(checks.Found(steps, str(error)))
    return tables, contents, findings


def _hash(contents: tuple[bytes, ...]) -> str:
    """One hash over several files; each is hashed by itself, so none can run into the next."""
    whole = hashlib.sha256()
    for content in contents:
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
