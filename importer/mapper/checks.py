"""What is wrong with a mapping, to do in it, or worth a second look: one list of checks.

Everything here is decided without a roster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from importer.mapper import periods
from importer.mapper.mapping import Mapping
from importer.mapper.placeholders import RUN_VARIABLES, TO_CHOOSE, heading_key, nearest
from importer.mapper.schema import KeepHeaviest, Rule
from importer.mapper.yaml_source import Source, Steps
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, TYPE_FIELD, OnUpdate, Shape
from importer.model.user import AccountType, Reach


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


@dataclass(frozen=True, slots=True)
class MappingFinding:
    """A finding about a mapping: the steps to the key, and what is wrong with it.

    `lacking`: a part is missing, possibly only because it could not be read.
    """

    steps: Steps
    wrong: str
    lacking: bool = False


def run(mapping: Mapping, *levels: Level) -> list[MappingFinding]:
    """Return the findings of every check of these levels."""
    return [found for level, check in CHECKS if level in levels for found in check(mapping)]


def findings(mapping: Mapping, *levels: Level) -> tuple[str, ...]:
    """Return the findings of these levels as lines: file, line, key, sentence; by line."""
    return in_order(mapping.source, run(mapping, *levels))


def in_order(source: Source, found: list[MappingFinding]) -> tuple[str, ...]:
    """Return findings with their places, each once, by file and line."""
    marked = {}
    for one in found:
        mark, _ = source.locate(one.steps)
        marked[f"{source.place(one.steps)}: {one.wrong}"] = (mark.file, mark.line)
    return tuple(sorted(marked, key=lambda text: marked[text]))


# --- errors ---


def _owner(mapping: Mapping) -> Iterator[MappingFinding]:
    """An External user belongs to an external system, an Internal one to none (contract 1.2)."""
    owner = mapping.file.owning_system
    if mapping.file.account_type is AccountType.EXTERNAL and owner is None:
        yield MappingFinding(
            ("account_type",),
            "an EXTERNAL mapping needs `owning_system`: the code of the external system in Alma",
            lacking=True,
        )
    if mapping.file.account_type is AccountType.INTERNAL and owner is not None:
        yield MappingFinding(("owning_system",), "an INTERNAL mapping has none; delete this line")


def _required_fields(mapping: Mapping) -> Iterator[MappingFinding]:
    mapped = {rule.field.path for rule in mapping.scalars}
    for path in ALWAYS_REQUIRED:
        if path not in mapped:
            yield MappingFinding(
                ("record",), f"`{path}` is missing; every record needs it", lacking=True
            )


def _internal_only(mapping: Mapping) -> Iterator[MappingFinding]:
    if mapping.file.account_type is AccountType.EXTERNAL:
        for rule in mapping.rules:
            if rule.field.facts.reach is Reach.INTERNAL_ONLY:
                yield MappingFinding(
                    rule.steps,
                    "is for Internal users only; Alma keeps no passwords of others",
                )


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
    for rule in mapping.rules:
        for steps, step in rule.parts:
            if isinstance(step.lookup, str) and step.lookup not in mapping.file.lookups:
                guess = nearest(step.lookup, mapping.file.lookups) or _there(mapping.file.lookups)
                wrong = f"`{step.lookup}` is not a table of `lookups`{guess}"
                yield MappingFinding((*steps, "lookup"), wrong)


def _there(names: Iterable[str]) -> str:
    """What there is instead of a name that does not exist."""
    return f"; there are {', '.join(f'`{name}`' for name in names) or 'none'}"


def _weights(mapping: Mapping) -> Iterator[MappingFinding]:
    same_id = mapping.file.duplicates.same_id
    if isinstance(same_id, str):
        return
    steps = ("duplicates", "same_id", "keep heaviest")
    if same_id.weights not in mapping.file.lookups:
        guess = nearest(same_id.weights, mapping.file.lookups) or _there(mapping.file.lookups)
        yield MappingFinding(steps, f"`{same_id.weights}` is not a table of `lookups`{guess}")
    elif (lookup := mapping.tables.get(same_id.weights)) is not None:
        for code in sorted(lookup.every_code):
            if not code.lstrip("-").isdecimal():
                wrong = f"`{code}` is not a whole number; the lookup gives each group its weight"
                yield MappingFinding(("lookups", same_id.weights), wrong)


def _variables(mapping: Mapping) -> Iterator[MappingFinding]:
    """A `<@name>` is a run variable or a mapped field of the record, and none needs itself."""
    needs = {rule.field.path: set(rule.fields) for rule in mapping.scalars}
    known = (*RUN_VARIABLES, *needs)
    for rule in mapping.rules:
        for name in sorted(set(rule.fields) - set(needs)):
            guess = nearest(name, known) or _there(known)
            wrong = f"`<@{name}>` is not a mapped field of this record, nor a run variable{guess}"
            yield MappingFinding(rule.steps, wrong)
    for rule in mapping.scalars:
        if rule.field.path in _reach(needs, rule.field.path):
            yield MappingFinding(
                rule.steps, "needs its own value, through `<@…>`; take a column instead"
            )


def _reach(needs: MappingOf[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(needs[start])
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(needs.get(name, ()))
    return reached


def _dates(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule in mapping.rules:
        is_date = rule.field.shape is Shape.DATE
        for steps, step in rule.parts:
            if not is_date and (step.plus or step.dates):
                key = "plus" if step.plus else "dates"
                yield MappingFinding(
                    (*steps, key), f"is for dates, but `{rule.field.name}` is not a date"
                )
            if step.plus == periods.END_OF_TERM and not mapping.file.terms:
                yield MappingFinding(
                    (*steps, "plus"), "`end of term` needs `terms` in this mapping"
                )
            constant = step.constant
            if is_date and constant is not None and not _is_iso(constant):
                wrong = f"`{constant}` is not a date; write it as 2027-05-15"
                yield MappingFinding(steps, wrong)
        if rule.rule.on_update is OnUpdate.LATER and not is_date:
            yield MappingFinding((*rule.steps, "on_update"), "`later` is for dates")


def _is_iso(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _flags(mapping: Mapping) -> Iterator[MappingFinding]:
    for rule in mapping.rules:
        if rule.field.shape is not Shape.FLAG:
            continue
        for steps, step in rule.parts:
            constant = step.constant
            if constant is not None and constant not in {"true", "false"}:
                yield MappingFinding(steps, f"must be `true` or `false`, not `{constant}`")


def _policies(mapping: Mapping) -> Iterator[MappingFinding]:
    """`on_update` of a field is set in its rule; that of a list, in the entry."""
    lists = {OnUpdate.ADD, OnUpdate.REPLACE_ALL}
    of_entries = {OnUpdate.REPLACE, OnUpdate.NEVER, *lists}
    for rule in mapping.scalars:
        if rule.rule.on_update in lists:
            wrong = f"`{rule.rule.on_update}` is for the entries of a list"
            yield MappingFinding((*rule.steps, "on_update"), wrong)
    for entry in mapping.entries:
        if entry.on_update not in of_entries:
            wrong = (
                f"`{entry.on_update}` is for single fields; write replace, add, replace_all or "
                "never for an entry"
            )
            yield MappingFinding((*entry.steps, "on_update"), wrong)
        for rule in entry.fields:
            policy = rule.rule.on_update
            core = rule.field.facts.required or rule.field.name == TYPE_FIELD[entry.parent]
            if policy is None or (policy is OnUpdate.NEVER and not core):
                continue
            wrong = "write `on_update` beside the fields of the entry, for the whole entry"
            if not core:
                wrong += "; a single field of an entry only takes `never`"
            yield MappingFinding((*rule.steps, "on_update"), wrong)
    for rule in mapping.rules:
        for steps, step in list(rule.parts)[1:]:
            for key in ("required", "on_update", "override"):
                if key in step.model_fields_set:
                    yield MappingFinding(
                        (*steps, key), "belongs to the rule itself, not to its default"
                    )


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
        repeated = {name for name in entry.cells if name.endswith("*")}
        if len(repeated) > 1:
            names = " and ".join(f"`<{name}>`" for name in sorted(repeated))
            yield MappingFinding(
                entry.steps, f"repeats over {names}; an entry repeats over one heading"
            )


# --- to do ---


def _to_do(mapping: Mapping) -> Iterator[MappingFinding]:
    """What `mapping new` leaves to a person."""
    for rule in mapping.rules:
        if TO_CHOOSE in rule.cells:
            yield MappingFinding(
                rule.steps, "to do: write the heading of the column instead of `?`"
            )
    for name, table in mapping.file.lookups.items():
        if isinstance(table, dict):
            for key, code in table.items():
                if code == TO_CHOOSE:
                    yield MappingFinding(
                        ("lookups", name, key), "to do: write Alma's code instead of `?`"
                    )


# --- hints ---


def _unreachable(mapping: Mapping) -> Iterator[MappingFinding]:
    """A default after what is never blank, or an alternative after a constant."""
    for rule in mapping.rules:
        for steps, step in rule.parts:
            constants = [_never_blank(step, at) for at in range(len(step.source))]
            if any(constants[:-1]):
                first = step.source[constants.index(True)]
                yield MappingFinding((*steps, "from"), f"nothing after `{first}` is ever used")
            reached = not any(constants) or step.clean or step.lookup or step.when
            if step.default is not None and not reached:
                wrong = "is never used, because the value before it is never blank"
                yield MappingFinding((*steps, "default"), wrong)


def _never_blank(step: Rule, at: int) -> bool:
    template = step.templates[at]
    return not template.cells and all(part.of_run for part in template.variables)


def _unused_lookups(mapping: Mapping) -> Iterator[MappingFinding]:
    used = {step.lookup for rule in mapping.rules for step in rule.rule.chain}
    same_id = mapping.file.duplicates.same_id
    weights = same_id.weights if isinstance(same_id, KeepHeaviest) else None
    for name in mapping.file.lookups:
        if name not in used and name != weights:
            yield MappingFinding(("lookups", name), "no rule uses this lookup")


def _unused_headings(mapping: Mapping) -> Iterator[MappingFinding]:
    used = {heading_key(name) for name in mapping.headings}
    starts = tuple(name.removesuffix("*") for name in used if name.endswith("*"))
    for section, names in (("ids", mapping.file.ids), ("headings", mapping.file.headings)):
        for name in names:
            key = heading_key(name)
            if key not in used and not (starts and key.startswith(starts)):
                yield MappingFinding((section, name), f"no rule uses a column `{name}`")
    for at, name in enumerate(mapping.file.roster.unused):
        if heading_key(name) in used:
            yield MappingFinding(("roster", "unused", at), f"a rule uses `{name}`; delete it here")


def _unused_terms(mapping: Mapping) -> Iterator[MappingFinding]:
    rules = (step for rule in mapping.rules for step in rule.rule.chain)
    if mapping.file.terms and not any(step.plus == periods.END_OF_TERM for step in rules):
        yield MappingFinding(("terms",), "no rule uses `plus: end of term`")


def _vain_overrides(mapping: Mapping) -> Iterator[MappingFinding]:
    """Alma protects some fields, and only of External users (contract 3.1)."""
    internal = mapping.account_type is AccountType.INTERNAL
    for rule in mapping.rules:
        if rule.rule.override and (internal or not (rule.field.facts.sticky or rule.field.parent)):
            whose = "of Internal users" if internal else "of this kind"
            yield MappingFinding(
                (*rule.steps, "override"), f"has no effect: no field {whose} is protected"
            )


def _match_types(mapping: Mapping) -> Iterator[MappingFinding]:
    """Users are matched by IDs that the record contains."""
    given = {
        rule.rule.constant
        for entry in mapping.entries
        for rule in entry.fields
        if rule.field.path == "user_identifier.id_type"
    }
    for at, name in enumerate(mapping.match.by):
        if name != "primary_id" and name not in given and None not in given:
            wrong = (
                f"no entry of `user_identifier` has the type `{name}`, so no user is found by it"
            )
            yield MappingFinding(("match", "by", at), wrong)


def _vain_zips(mapping: Mapping) -> Iterator[MappingFinding]:
    """`zip` changes nothing unless the address says that it is in the USA."""
    located = {
        entry.steps
        for entry in mapping.entries
        for rule in entry.fields
        if rule.field.path == "contact_info.address.country"
    }
    for rule in mapping.rules:
        for steps, part in rule.parts:
            if any(step.name == "zip" for step in part.clean) and rule.steps[:-1] not in located:
                wrong = "`zip` has no effect without a `country` in the same address, such as USA"
                yield MappingFinding((*steps, "clean"), wrong)


_LIKE_A_PATTERN = re.compile(r"[<>=!]+ ?[0-9].*|.*\*.*")


def _patterns_as_words(mapping: Mapping) -> Iterator[MappingFinding]:
    """A condition compares whole words; a comparison or a `*` in it is taken literally."""
    only = mapping.file.roster.only
    conditions: list[tuple[Steps, dict[str, tuple[str, ...]]]] = [(("roster", "only"), only)]
    for rule in mapping.rules:
        conditions.extend(((*steps, "when"), part.when) for steps, part in rule.parts)
    for steps, condition in conditions:
        for heading, words in condition.items():
            for word in filter(_LIKE_A_PATTERN.fullmatch, words):
                wrong = f"`{word}` is compared literally; list the words that the cells contain"
                yield MappingFinding((*steps, heading), wrong)


CHECKS: tuple[tuple[Level, Callable[[Mapping], Iterator[MappingFinding]]], ...] = (
    (Level.ERROR, _owner),
    (Level.ERROR, _required_fields),
    (Level.ERROR, _internal_only),
    (Level.ERROR, _passwords),
    (Level.ERROR, _lookups_exist),
    (Level.ERROR, _weights),
    (Level.ERROR, _variables),
    (Level.ERROR, _dates),
    (Level.ERROR, _flags),
    (Level.ERROR, _policies),
    (Level.ERROR, _entries),
    (Level.TO_DO, _to_do),
    (Level.HINT, _unreachable),
    (Level.HINT, _unused_lookups),
    (Level.HINT, _unused_headings),
    (Level.HINT, _unused_terms),
    (Level.HINT, _vain_overrides),
    (Level.HINT, _vain_zips),
    (Level.HINT, _match_types),
    (Level.HINT, _patterns_as_words),
)
"""Every check with its level. To add one, write a function and a line here."""
