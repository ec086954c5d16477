"""What is wrong with a mapping, to do in it, or worth a second look: one list of checks.

Everything here is decided without a roster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from datetime import date
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from importer.mapper import hints
from importer.mapper.dates import END_OF_TERM, as_plus_or_date
from importer.mapper.mapping import Mapping
from importer.mapper.messages import MappingFinding, in_order
from importer.mapper.placeholders import (
    RUN_VARIABLES,
    VALUE,
    Variable,
    heading_key,
    nearest,
)
from importer.mapper.schema import KeepHeaviest, PlusBy, RemovePart
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, TYPE_FIELD, OnUpdate, Shape
from importer.model.user import AccountType, Reach


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


def run(mapping: Mapping, *levels: Level) -> list[MappingFinding]:
    """Return the findings of every check of these levels."""
    return [found for level in levels for check in CHECKS[level] for found in check(mapping)]


def findings(mapping: Mapping, *levels: Level) -> tuple[str, ...]:
    """Return the findings of these levels as lines: file, line, key, sentence; by line."""
    return in_order(mapping.source, run(mapping, *levels))


# --- errors ---


def _instead(name: str, known: Iterable[str]) -> str:
    """What there is instead of a name that does not exist."""
    names = tuple(known)
    there = f"; there are {', '.join(f'`{other}`' for other in names) or 'none'}"
    return nearest(name, names) or there


def _owner(mapping: Mapping) -> Iterator[MappingFinding]:
    """An External user belongs to an external system, an Internal one to none (contract 1.2)."""
    external, owned = mapping.file.account_type is AccountType.EXTERNAL, mapping.file.owning_system
    match = mapping.file.match
    if external and owned is None and (match.creates or match.account_type == "convert"):
        wrong = "an EXTERNAL mapping needs `owning_system`: the code of the external system in Alma"
        yield MappingFinding(("account_type",), wrong, lacking=True)
    if not external and owned is not None:
        yield MappingFinding(("owning_system",), "an INTERNAL mapping has none; delete this line")


def _required_fields(mapping: Mapping) -> Iterator[MappingFinding]:
    """A new user needs some fields; a mapping that creates nobody, an ID to find people by."""
    given = {rule.field.path for rule in mapping.scalars}
    if mapping.file.match.creates:
        for path in sorted(set(ALWAYS_REQUIRED) - given):
            wrong = f"`{path}` is missing; every record needs it"
            yield MappingFinding(("record",), wrong, lacking=True)
    elif not mapping.match_keys & {*mapping.file.match.by, None}:
        wrong = "no ID is mapped, so no user can be found; map one that `match.by` names"
        yield MappingFinding(("record",), wrong, lacking=True)


def _any_account_type(mapping: Mapping) -> Iterator[MappingFinding]:
    match = mapping.file.match
    if match.account_type == "any" and match.creates:
        wrong = "`any` is for mappings that create nobody; set `new` to reject or skip"
        yield MappingFinding(("match", "account_type"), wrong)


def _absent(mapping: Mapping) -> Iterator[MappingFinding]:
    """Users who are missing from the roster have no row to take values from."""
    absent = mapping.absent
    if absent is None:
        return
    if not absent.rules:
        yield MappingFinding(("match", "absent", "set"), "sets nothing; name the fields to change")
    for rule in absent.rules:
        if rule.headings:
            wrong = "users who are missing from the roster have no cells; write a constant"
            yield MappingFinding(rule.steps, wrong)
        if rule.field.path in {"primary_id", "password"}:
            yield MappingFinding(rule.steps, "cannot be changed here; delete this line")


def _internal_only(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule in mapping.rules:
        if mapping.file.account_type is AccountType.EXTERNAL and (
            rule.field.facts.reach is Reach.INTERNAL_ONLY
        ):
            wrong = "is for Internal users only; Alma keeps no passwords of others"
            yield MappingFinding(rule.steps, wrong)


def _passwords(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule in mapping.rules:
        policy = rule.rule.on_update
        if rule.field.path == "password" and policy not in {None, OnUpdate.NEVER}:
            wrong = (
                f"`{policy}` has no effect: the importer sets a password only when it creates the "
                "user; delete `on_update`"
            )
            yield MappingFinding((*rule.steps, "on_update"), wrong)


def _lookups_exist(mapping: Mapping) -> Iterator[MappingFinding]:
    known = mapping.file.lookups
    for steps, name in mapping.lookups:
        if isinstance(name, str) and name not in known:
            wrong = f"`{name}` is not a table of `lookups`{_instead(name, known)}"
            yield MappingFinding(steps, wrong)


def _spans(mapping: Mapping) -> Iterator[MappingFinding]:
    """What `plus` looks up are spans and dates."""
    for _, steps, part in mapping.parts:
        if isinstance(part.plus, PlusBy) and (table := mapping.tables.get(part.plus.lookup)):
            for code in sorted(table.every_code):
                try:
                    as_plus_or_date(code)
                except ValueError as error:
                    yield MappingFinding((*steps, "plus", "lookup"), str(error))


def _skips(mapping: Mapping) -> Iterator[MappingFinding]:
    for at, skip in enumerate(mapping.file.roster.skip):
        if not skip.when:
            wrong = "skips every row; name a column and what it must be"
            yield MappingFinding(("roster", "skip", at, "when"), wrong)


def _weights(mapping: Mapping) -> Iterator[MappingFinding]:
    same_id = mapping.file.duplicates.same_id
    name = same_id.weights if isinstance(same_id, KeepHeaviest) else ""
    for code in sorted(mapping.tables[name].every_code) if name in mapping.tables else ():
        if not code.lstrip("-").isdecimal():
            wrong = f"`{code}` is not a whole number; the lookup gives each group its weight"
            yield MappingFinding(("lookups", name), wrong)


def _variables(mapping: Mapping) -> Iterator[MappingFinding]:
    """A `<@name>` is a run variable or a mapped field, a `<$name>` one of the values."""
    known = [rule.field.path for rule in (*mapping.values, *mapping.scalars)]
    found = [
        ((*steps, key), variable.name)
        for steps, condition in mapping.conditions
        for key, variable, _ in condition.every_test
        if isinstance(variable, Variable)
    ]
    for rule in (*mapping.values, *mapping.rules):
        names = {v.name for _, part in rule.parts for t in part.templates for v in t.variables}
        found += [(rule.steps, name) for name in sorted(names)]
    for steps, name in found:
        if wrong := _unknown_variable(name, known):
            yield MappingFinding(steps, wrong)


def _circles(mapping: Mapping) -> Iterator[MappingFinding]:
    """No field and no value needs itself; terms by user group need the group."""
    needs = {rule.field.path: rule.needs for rule in (*mapping.values, *mapping.scalars)}
    for rule, steps, part in mapping.parts if isinstance(mapping.file.terms, dict) else ():
        if part.plus == END_OF_TERM or isinstance(part.plus, PlusBy):
            needs[rule.field.path] = needs.get(rule.field.path, rule.needs) | {"user_group"}
            if "user_group" not in needs:
                wrong = "`terms` by user group need `user_group` in this mapping"
                yield MappingFinding((*steps, "plus"), wrong)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        for rule in (*mapping.values, *mapping.scalars):
            if rule.field.path in circle:
                wrong = "needs its own value, through `<@…>` or `<$…>`; take a column instead"
                yield MappingFinding(rule.steps, wrong)


def _unknown_variable(name: str, known: Iterable[str]) -> str:
    """What is wrong with a variable, or ""."""
    if name in {*known, *RUN_VARIABLES}:
        return ""
    if name.startswith(VALUE):
        values = [other for other in known if other.startswith(VALUE)]
        return f"`<{name}>` is not one of the mapping's `values`{_instead(name, values)}"
    fields = [*RUN_VARIABLES, *(other for other in known if not other.startswith(VALUE))]
    wrong = f"`<@{name}>` is not a mapped field of this record, nor a run variable"
    return wrong + _instead(name, fields)


def _dates(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule, steps, step in mapping.parts:
        is_date = rule.field.shape is Shape.DATE
        if not is_date and (step.plus or step.dates):
            wrong = f"is for dates, but `{rule.field.name}` is not a date"
            yield MappingFinding((*steps, "plus" if step.plus else "dates"), wrong)
        if step.plus == END_OF_TERM and not mapping.file.terms:
            yield MappingFinding((*steps, "plus"), "`end of term` needs `terms` in this mapping")
        if is_date and step.constant is not None and not _is_iso(step.constant):
            wrong = f"`{step.constant}` is not a date; write it as 2027-05-15"
            yield MappingFinding(steps, wrong)


def _is_iso(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _flags(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule, steps, step in mapping.parts:
        if rule.field.shape is Shape.FLAG and step.constant not in {None, "true", "false"}:
            yield MappingFinding(steps, f"must be `true` or `false`, not `{step.constant}`")


_OF_LISTS = frozenset({OnUpdate.ADD, OnUpdate.REPLACE_ALL})


def _policies(mapping: Mapping) -> Iterator[MappingFinding]:
    """`on_update` of a field is set in its rule; that of a list, in the entry."""
    for rule in mapping.scalars:
        policy = rule.rule.on_update
        if policy in _OF_LISTS:
            wrong = f"`{policy}` is for the entries of a list"
            yield MappingFinding((*rule.steps, "on_update"), wrong)
        if policy is OnUpdate.LATER and rule.field.shape is not Shape.DATE:
            yield MappingFinding((*rule.steps, "on_update"), "`later` is for dates")
    for entry in mapping.entries:
        if entry.part.on_update not in {OnUpdate.REPLACE, OnUpdate.NEVER, *_OF_LISTS}:
            word = entry.part.on_update
            wrong = (
                f"`{word}` is for single fields; an entry takes replace, add, replace_all or never"
            )
            yield MappingFinding((*entry.steps, "on_update"), wrong)
        for rule in entry.fields:
            core = rule.field.facts.required or rule.field.name == TYPE_FIELD[entry.parent]
            if rule.rule.on_update in {None, *(() if core else (OnUpdate.NEVER,))}:
                continue
            wrong = "write `on_update` beside the fields of the entry, for the whole entry"
            if not core:
                wrong += "; a single field of an entry only takes `never`"
            yield MappingFinding((*rule.steps, "on_update"), wrong)
    for rule, steps, step in mapping.parts:
        for key in ("required", "bad", "on_update", "override"):
            if step is not rule.rule and key in step.model_fields_set:
                wrong = "belongs to the rule itself, not to a case or its default"
                yield MappingFinding((*steps, key), wrong)


def _removals(mapping: Mapping) -> Iterator[MappingFinding]:
    """`remove` names entries of its own list, and is an item by itself; `replaces` is for types."""
    for steps, part, removal in mapping.removals:
        given = part.remove.model_fields_set if part.remove is not None else set()
        kind = TYPE_FIELD[removal.parent]
        if kind not in RemovePart.model_fields:
            wrong = "is for notes, blocks and statistics; delete it"
            yield MappingFinding((*steps, "remove"), wrong)
            continue
        for key in sorted(given - {kind, "matches"}):
            wrong = f"is for another list; write `{kind}` or `matches`"
            yield MappingFinding((*steps, "remove", key), wrong)
        if not given:
            wrong = f"would remove every entry; write `{kind}` or `matches`"
            yield MappingFinding((*steps, "remove"), wrong)
        if part.model_fields_set - {"remove"}:
            wrong = "is an item of its own; write what is added as another item"
            yield MappingFinding((*steps, "remove"), wrong)
    for entry in mapping.entries:
        each = entry.part.each
        if each and heading_key(each.heading) not in map(heading_key, entry.cells):
            wrong = f"no field of the entry takes `<{each.heading}>`, which stands for one part"
            yield MappingFinding((*entry.steps, "each"), wrong)
        if entry.part.replaces and entry.parent != "user_statistic":
            wrong = "is for statistics; other entries replace the one of their type"
            yield MappingFinding((*entry.steps, "replaces"), wrong)


def _dropped(mapping: Mapping) -> Iterator[MappingFinding]:
    """A bad value is only dropped where the row can do without it, and never an ID."""
    for rule in mapping.rules:
        needed = rule.required == "true" or rule.field.path in _NEVER_DROPPED
        if rule.rule.bad == "drop" and needed:
            wrong = f"`drop` is not for `{rule.field.name}`, which every row needs as it is"
            yield MappingFinding((*rule.steps, "bad"), wrong)


_NEVER_DROPPED = frozenset({"primary_id", "user_identifier.value", "external_id", "password"})


def _entries(mapping: Mapping) -> Iterator[MappingFinding]:
    """An entry has its required parts, and repeats over one heading at most."""
    for entry in mapping.entries:
        mapped = {rule.field.path for rule in entry.fields}
        for path, field in FIELDS.items():
            if field.parent == entry.parent and field.facts.required and path not in mapped:
                wrong = f"`{field.name}` is missing; every entry needs it"
                yield MappingFinding(entry.steps, wrong, lacking=True)
        for rule in entry.fields:
            constant = rule.rule.constant
            if rule.field.name == "segment_type" and constant not in {"Internal", "External"}:
                yield MappingFinding(rule.steps, "must be `Internal` or `External`")
        repeated = sorted(f"`<{name}>`" for name in entry.cells if name.endswith("*"))
        if len(repeated) > 1:
            wrong = f"repeats over {' and '.join(repeated)}; an entry repeats over one heading"
            yield MappingFinding(entry.steps, wrong)


CHECKS: MappingOf[Level, tuple[Callable[[Mapping], Iterator[MappingFinding]], ...]] = {
    Level.ERROR: (
        _owner,
        _required_fields,
        _any_account_type,
        _absent,
        _internal_only,
        _passwords,
        _lookups_exist,
        _spans,
        _skips,
        _weights,
        _variables,
        _circles,
        _dates,
        _flags,
        _policies,
        _removals,
        _dropped,
        _entries,
    ),
    Level.TO_DO: (hints.to_do,),
    Level.HINT: (
        hints.unreachable,
        hints.gaps,
        hints.unused,
        hints.overrides,
        hints.match_types,
        hints.zips,
        hints.patterns_as_words,
    ),
}
"""Every check by its level. To add one, write a function and name it here."""
