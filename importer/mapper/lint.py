"""What a mapping that is right may still get wrong: rules without effect, and what is to be done.

Findings are lines like those of a MappingError: file, line, key, sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from importer.mapper import periods, record
from importer.mapper.checks import Found
from importer.mapper.grammar import KeepHeaviest
from importer.mapper.template import heading_key
from importer.mapper.todo import TO_CHOOSE
from importer.mapper.validating import in_order
from importer.model.policy import AccountType

if TYPE_CHECKING:
    from importer.mapper.document import Mapping
    from importer.mapper.grammar import Rule


def lint(mapping: Mapping) -> tuple[str, ...]:
    """What is to do and what is worth a second look, by line; the mapping is right all the same."""
    found = [*_to_do(mapping), *(finding for check in CHECKS for finding in check(mapping))]
    return in_order(mapping.tree, found)


def to_do(mapping: Mapping) -> tuple[str, ...]:
    """What is left to a person, by line: columns and codes that are still `?`."""
    return in_order(mapping.tree, list(_to_do(mapping)))


def remarks(mapping: Mapping) -> tuple[str, ...]:
    """What is worth a second look, by line; nothing here keeps the mapping from running."""
    return in_order(mapping.tree, [finding for check in CHECKS for finding in check(mapping)])


def _to_do(mapping: Mapping) -> Iterator[Found]:
    """What `mapping new` has left to a person."""
    for rule in mapping.rules:
        if TO_CHOOSE in rule.cells:
            yield Found(rule.steps, "to do: write the heading of the column instead of `?`")
    for name, table in mapping.file.lookups.items():
        if isinstance(table, dict):
            for key, code in table.items():
                if code == TO_CHOOSE:
                    yield Found(("lookups", name, key), "to do: write Alma's code instead of `?`")


def _unreachable(mapping: Mapping) -> Iterator[Found]:
    """A default behind what is never blank, or an alternative behind a constant."""
    for rule in mapping.rules:
        for steps, step in record.steps(rule):
            constants = [_never_blank(step, at) for at in range(len(step.source))]
            if any(constants[:-1]):
                first = step.source[constants.index(True)]
                yield Found((*steps, "from"), f"nothing behind `{first}` is ever reached")
            reached = not any(constants) or step.clean or step.lookup or step.when
            if step.default is not None and not reached:
                wrong = "is never reached, since what stands before it is never blank"
                yield Found((*steps, "default"), wrong)


def _never_blank(step: Rule, at: int) -> bool:
    template = step.templates[at]
    return not template.cells and all(part.of_run for part in template.variables)


def _unused_lookups(mapping: Mapping) -> Iterator[Found]:
    used = {step.lookup for rule in mapping.rules for step in record.chain(rule.rule)}
    same_id = mapping.file.duplicates.same_id
    weights = same_id.weights if isinstance(same_id, KeepHeaviest) else None
    for name in mapping.file.lookups:
        if name not in used and name != weights:
            yield Found(("lookups", name), "no rule uses this lookup")


def _unused_headings(mapping: Mapping) -> Iterator[Found]:
    used = {heading_key(name) for name in mapping.headings}
    starts = tuple(name.removesuffix("*") for name in used if name.endswith("*"))
    for section, names in (("ids", mapping.file.ids), ("headings", mapping.file.headings)):
        for name in names:
            key = heading_key(name)
            if key not in used and not (starts and key.startswith(starts)):
                yield Found((section, name), f"no rule uses a column `{name}`")
    for at, name in enumerate(mapping.file.roster.unused):
        if heading_key(name) in used:
            yield Found(("roster", "unused", at), f"`{name}` is used by a rule all the same")


def _unused_terms(mapping: Mapping) -> Iterator[Found]:
    rules = (step for rule in mapping.rules for step in record.chain(rule.rule))
    if mapping.file.terms and not any(step.plus == periods.END_OF_TERM for step in rules):
        yield Found(("terms",), "no rule says `plus: end of term`")


def _vain_overrides(mapping: Mapping) -> Iterator[Found]:
    """Alma protects some fields, and only of External users (contract 3.1)."""
    internal = mapping.account_type is AccountType.INTERNAL
    for rule in mapping.rules:
        if rule.rule.override and (internal or not (rule.field.facts.sticky or rule.field.parent)):
            whose = "of Internal users" if internal else "of this kind"
            yield Found((*rule.steps, "override"), f"has no effect: no field {whose} is protected")


def _match_types(mapping: Mapping) -> Iterator[Found]:
    """Users are looked for by identifiers that the record gives."""
    given = {
        rule.rule.constant
        for entry in mapping.entries
        for rule in entry.fields
        if rule.field.path == "user_identifier.id_type"
    }
    for at, name in enumerate(mapping.match.by):
        if name != "primary_id" and name not in given and None not in given:
            wrong = f"no entry of `user_identifier` has the type `{name}`, so nobody is found by it"
            yield Found(("match", "by", at), wrong)


CHECKS: tuple[Callable[[Mapping], Iterator[Found]], ...] = (
    _unreachable,
    _unused_lookups,
    _unused_headings,
    _unused_terms,
    _vain_overrides,
    _match_types,
)
"""What is worth a second look. Adding one is a function and a line here."""
