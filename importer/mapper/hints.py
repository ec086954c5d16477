"""What is to do in a mapping, and what is worth a second look. Its errors are in `checks`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.mapper.dates import END_OF_TERM
from importer.mapper.mapping import Mapping
from importer.mapper.messages import MappingFinding
from importer.mapper.placeholders import TO_CHOOSE, VALUE, heading_key
from importer.mapper.schema import PlusBy
from importer.model.fields import TYPE_FIELD

# --- to do ---


def to_do(mapping: Mapping) -> Iterator[MappingFinding]:
    """What `mapping new` leaves to a person."""
    for rule in mapping.rules:
        if TO_CHOOSE in rule.cells:
            wrong = "to do: write the heading of the column instead of `?`"
            yield MappingFinding(rule.steps, wrong)
    for steps, advice in mapping.open_codes:
        yield MappingFinding(steps, f"to do: {advice}")
    for name, table in mapping.file.lookups.items():
        for key, code in table.items() if isinstance(table, dict) else ():
            if code == TO_CHOOSE:
                wrong = "to do: write Alma's code instead of `?`"
                yield MappingFinding(("lookups", name, key), wrong)


# --- hints ---


def unreachable(mapping: Mapping) -> Iterator[MappingFinding]:
    """A default or case after what is never blank, or an alternative after a constant."""
    for _, steps, step in mapping.parts:
        constants = [
            not template.cells and all(part.of_run for part in template.variables)
            for template in step.templates
        ]
        if any(constants[:-1]):
            first = step.templates[constants.index(True)].text
            yield MappingFinding((*steps, "from"), f"nothing after `{first}` is ever used")
        reached = not any(constants) or step.clean or step.lookup or step.when
        if step.default is not None and not reached:
            wrong = "is never used, because the value before it is never blank"
            yield MappingFinding((*steps, "default"), wrong)
        open_ended = [at for at, case in enumerate(step.cases[:-1]) if not case.when]
        if open_ended:
            wrong = "no case after this one is ever used; give it a `when`, or write it last"
            yield MappingFinding((*steps, "cases", open_ended[0]), wrong)


def gaps(mapping: Mapping) -> Iterator[MappingFinding]:
    """Rows to which no case of a required field applies are rejected."""
    for rule in mapping.rules:
        part = rule.rule
        open_ended = any(not case.when for case in part.cases) if part.cases else not part.when
        if rule.required == "true" and part.default is None and not open_ended:
            wrong = "rows to which no `when` applies are rejected, because every record needs it"
            yield MappingFinding(rule.steps, f"{wrong}; add a `default`, or skip the rows")
    for entry in mapping.entries:
        filled = any(
            part.constant is not None
            for rule in entry.fields
            for _, part in rule.parts
            if rule.field.facts.required and rule.field.name != TYPE_FIELD[entry.parent]
        )
        if entry.part.placeholder and not filled:
            wrong = "has no effect: the entry's main part has no constant and no `default`"
            yield MappingFinding((*entry.steps, "placeholder"), wrong)


def unused(mapping: Mapping) -> Iterator[MappingFinding]:
    """Values, lookups, headings and terms that no rule uses."""
    file = mapping.file
    needed = {name for rule in (*mapping.values, *mapping.rules) for name in rule.needs}
    needed |= {key.strip("< >") for _, c in mapping.conditions for key, _, _ in c.every_test}
    for name in file.values:
        if f"{VALUE}{name}" not in needed:
            yield MappingFinding(("values", name), f"no rule uses `<{VALUE}{name}>`")
    lookups = {name for _, name in mapping.lookups}
    for name in file.lookups:
        if name not in lookups:
            yield MappingFinding(("lookups", name), "no rule uses this lookup")
    used = {heading_key(name) for name in mapping.headings}
    starts = tuple(name.removesuffix("*") for name in used if name.endswith("*"))
    for section, names in (("ids", file.ids), ("headings", file.headings)):
        for name in names:
            key = heading_key(name)
            if key not in used and not (starts and key.startswith(starts)):
                yield MappingFinding((section, name), f"no rule uses a column `{name}`")
    for at, name in enumerate(file.roster.unused):
        if heading_key(name) in used:
            yield MappingFinding(("roster", "unused", at), f"a rule uses `{name}`; delete it here")
    by_lookup = any(isinstance(step.plus, PlusBy) for _, _, step in mapping.parts)
    at_end = any(step.plus == END_OF_TERM for _, _, step in mapping.parts)
    if file.terms and not by_lookup and not at_end:
        yield MappingFinding(("terms",), "no rule uses `plus: end of term`")


def overrides(mapping: Mapping) -> Iterator[MappingFinding]:
    """Edits by staff stay in protected fields only (contract 3.1)."""
    for rule in mapping.rules:
        if rule.rule.override and not (rule.field.facts.sticky or rule.field.parent):
            wrong = "has no effect: this field is not protected"
            yield MappingFinding((*rule.steps, "override"), wrong)


def match_types(mapping: Mapping) -> Iterator[MappingFinding]:
    """Users are matched by IDs that the record contains."""
    given = mapping.match_keys
    for at, name in enumerate(mapping.file.match.by):
        if not given & {name, None}:
            what = "the mapping has no `primary_id`"
            if name != "primary_id":
                what = f"no entry of `user_identifier` has the type `{name}`"
            yield MappingFinding(("match", "by", at), f"{what}, so no user is found by it")


def zips(mapping: Mapping) -> Iterator[MappingFinding]:
    """`zip` changes nothing unless the address says that it is in the USA."""
    country = "contact_info.address.country"
    located = {rule.steps[:-1] for rule in mapping.rules if rule.field.path == country}
    for rule, steps, part in mapping.parts:
        if rule.steps[:-1] not in located and any(step.word == "zip" for step in part.clean):
            wrong = "`zip` has no effect without a `country` in the same address, such as USA"
            yield MappingFinding((*steps, "clean"), wrong)


_LIKE_A_PATTERN = re.compile(r"[<>=!]+ ?[0-9].*|.*\*.*")


def patterns_as_words(mapping: Mapping) -> Iterator[MappingFinding]:
    """A condition compares whole words; a comparison or a `*` in it is taken literally."""
    for steps, condition in mapping.conditions:
        for key, _, test in condition.every_test:
            for word in filter(_LIKE_A_PATTERN.fullmatch, test.words):
                wrong = f"`{word}` is compared literally; list the words that the cells contain"
                yield MappingFinding((*steps, key), wrong)
