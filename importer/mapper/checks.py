"""What is wrong with a mapping, to do in it, or worth a second look: one list of checks.

Everything here is decided without a roster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from importer.mapper.dates import END_OF_TERM, as_plus_or_date, is_iso
from importer.mapper.mapping import MappingDocument
from importer.mapper.messages import MappingFinding, in_order
from importer.mapper.placeholders import (
    RUN_VARIABLES,
    TO_CHOOSE,
    VALUE,
    Variable,
    heading_key,
    nearest,
)
from importer.mapper.schema import KeepHeaviest, PlusBy, RemovePart
from importer.mapper.transforms import STEPS
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, TYPE_FIELD, OnUpdate, Shape
from importer.model.user import AccountType, Reach


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


def run(mapping: MappingDocument, *levels: Level) -> list[MappingFinding]:
    """Return the findings of every check of these levels.

    What `match.absent` sets is checked as the record is.
    """
    return [
        found
        for part in mapping.with_absent
        for level in levels
        for check in CHECKS[level]
        if part is mapping or check not in _OF_WHOLE
        for found in check(part)
    ]


def findings(mapping: MappingDocument, *levels: Level) -> tuple[str, ...]:
    """Return the findings of these levels as lines: file, line, key, sentence; by line."""
    return in_order(mapping.source, run(mapping, *levels))


# --- errors ---


def _account(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """An External user belongs to an external system, an Internal one to none (contract 1.2)."""
    external, owned = mapping.file.account_type is AccountType.EXTERNAL, mapping.file.owning_system
    match = mapping.file.match
    if external and owned is None and (match.creates or match.account_type == "convert"):
        wrong = "an EXTERNAL mapping needs `owning_system`: the code of the external system in Alma"
        yield MappingFinding(("account_type",), wrong, lacking=True)
    if not external and owned is not None:
        yield MappingFinding(("owning_system",), "an INTERNAL mapping has none; delete this line")
    if match.account_type == "any" and match.creates:
        wrong = "`any` is for mappings that create nobody; set `new` to reject or skip"
        yield MappingFinding(("match", "account_type"), wrong)


def _required_fields(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A new user needs some fields; a mapping that creates nobody, an ID to find people by."""
    given = {rule.field.path for rule in mapping.scalars}
    if mapping.file.match.creates:
        for path in sorted(set(ALWAYS_REQUIRED) - given):
            wrong = f"`{path}` is missing; every record needs it"
            yield MappingFinding(("record",), wrong, lacking=True)
    elif not mapping.match_keys & {*mapping.file.match.by, None}:
        wrong = "no ID is mapped, so no user can be found; map one that `match.by` names"
        yield MappingFinding(("record",), wrong, lacking=True)


def _rows(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """`skip` leaves some rows; users who are missing from the roster have no row at all."""
    for at, skip in enumerate(mapping.file.roster.skip):
        if not skip.when:
            wrong = "skips every row; name a column and what it must be"
            yield MappingFinding(("roster", "skip", at, "when"), wrong)
    absent = mapping.absent
    if absent is not None and not (absent.rules or [*absent.removals]):
        yield MappingFinding(("match", "absent", "set"), "sets nothing; name the fields to change")
    no_cells = "users who are missing from the roster have no cells; write a constant"
    for entry in absent.entries if absent is not None else ():
        if entry.part.when.headings:
            yield MappingFinding((*entry.steps, "when"), no_cells)
    for rule in absent.values if absent is not None else ():
        if rule.headings and not rule.cells:  # cells are found in the rules that use the value
            yield MappingFinding(rule.steps, no_cells)
    for rule in absent.rules if absent is not None else ():
        if rule.headings:
            yield MappingFinding(rule.steps, no_cells)
        if rule.field.path in {"primary_id", "password"}:
            yield MappingFinding(rule.steps, "cannot be changed here; delete this line")


_NEVER_DROPPED = frozenset({"primary_id", "user_identifier.value", "external_id", "password"})


def _rules(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A password is set once, for Internal users; what every row needs is never dropped."""
    external = mapping.file.account_type is AccountType.EXTERNAL
    for rule in mapping.rules:
        path, policy = rule.field.path, rule.rule.on_update
        if external and rule.field.facts.reach is Reach.INTERNAL_ONLY:
            wrong = "is for Internal users only; Alma keeps no passwords of others"
            yield MappingFinding(rule.steps, wrong)
        if path == "password" and policy not in {None, OnUpdate.NEVER}:
            wrong = (
                f"`{policy}` has no effect: the importer sets a password only when it creates the "
                "user; delete `on_update`"
            )
            yield MappingFinding((*rule.steps, "on_update"), wrong)
        if rule.rule.bad == "drop" and (rule.required == "true" or path in _NEVER_DROPPED):
            wrong = f"`drop` is not for `{rule.field.name}`, which every row needs as it is"
            yield MappingFinding((*rule.steps, "bad"), wrong)


def _parts(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """What is only for dates, constants of dates and flags, and keys of the whole rule."""
    for rule, steps, part in mapping.parts:
        shape, constant = rule.field.shape, part.constant
        if shape is not Shape.DATE and (part.plus or part.dates):
            wrong = f"is for dates, but `{rule.field.name}` is not a date"
            yield MappingFinding((*steps, "plus" if part.plus else "dates"), wrong)
        if part.plus == END_OF_TERM and not mapping.file.terms:
            yield MappingFinding((*steps, "plus"), "`end of term` needs `terms` in this mapping")
        if shape is Shape.DATE and constant is not None and not is_iso(constant):
            wrong = f"`{constant}` is not a date; write it as 2027-05-15"
            yield MappingFinding(steps, wrong)
        if shape is Shape.FLAG and constant not in {None, "true", "false"}:
            yield MappingFinding(steps, f"must be `true` or `false`, not `{constant}`")
        for key in ("required", "bad", "on_update", "override"):
            if part is not rule.rule and key in part.model_fields_set:
                wrong = "belongs to the rule itself, not to a case or its default"
                yield MappingFinding((*steps, key), wrong)


def _lookups(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Lookups exist; what `plus` looks up are spans and dates, and weights are numbers."""
    known = mapping.file.lookups
    for steps, name in mapping.lookups:
        if isinstance(name, str) and name not in known:
            wrong = f"`{name}` is not a table of `lookups`{_instead(name, known)}"
            yield MappingFinding(steps, wrong)
    for _, steps, part in mapping.parts:
        if isinstance(part.plus, PlusBy) and (table := mapping.tables.get(part.plus.lookup)):
            for code in sorted(table.every_code):
                try:
                    as_plus_or_date(code)
                except ValueError as error:
                    yield MappingFinding((*steps, "plus", "lookup"), str(error))
    same_id = mapping.file.duplicates.same_id
    name = same_id.weights if isinstance(same_id, KeepHeaviest) else ""
    for code in sorted(mapping.tables[name].every_code) if name in mapping.tables else ():
        if not code.lstrip("-").isdecimal():
            wrong = f"`{code}` is not a whole number; the lookup gives each group its weight"
            yield MappingFinding(("lookups", name), wrong)


def _instead(name: str, known: Iterable[str]) -> str:
    """What there is instead of a name that does not exist."""
    names = tuple(known)
    there = f"; there are {', '.join(f'`{other}`' for other in names) or 'none'}"
    return nearest(name, names) or there


def _variables(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A `<@name>` is a run variable or a mapped field, a `<$name>` one of the values."""
    labels = [rule.field.path for rule in (*mapping.values, *mapping.scalars)]
    values = [name for name in labels if name.startswith(VALUE)]
    fields = [*RUN_VARIABLES, *(name for name in labels if not name.startswith(VALUE))]
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
        if name.startswith(VALUE) and name not in values:
            wrong = f"`<{name}>` is not one of the mapping's `values`{_instead(name, values)}"
            yield MappingFinding(steps, wrong)
        elif not name.startswith(VALUE) and name not in fields:
            wrong = f"`<@{name}>` is not a mapped field of this record, nor a run variable"
            yield MappingFinding(steps, wrong + _instead(name, fields))


def _circles(mapping: MappingDocument) -> Iterator[MappingFinding]:
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


_OF_LISTS = frozenset({OnUpdate.ADD, OnUpdate.REPLACE_ALL})


def _policies(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """`on_update` of a field is set in its rule; that of a list, in the entry."""
    for rule in mapping.scalars:
        policy = rule.rule.on_update
        if policy in _OF_LISTS:
            wrong = f"`{policy}` is for the entries of a list"
            yield MappingFinding((*rule.steps, "on_update"), wrong)
        if policy is OnUpdate.LATER and rule.field.shape is not Shape.DATE:
            yield MappingFinding((*rule.steps, "on_update"), "`later` is for dates")
    for entry in mapping.entries:
        policy = entry.part.on_update
        if policy not in {OnUpdate.REPLACE, OnUpdate.NEVER, *_OF_LISTS}:
            wrong = (
                f"`{policy}` is for single fields; an entry takes replace, add, replace_all or "
                "never"
            )
            yield MappingFinding((*entry.steps, "on_update"), wrong)
        for rule in entry.fields:
            core = rule.field.facts.required or rule.field.name == TYPE_FIELD[entry.parent]
            if rule.rule.on_update not in {None, *(() if core else (OnUpdate.NEVER,))}:
                wrong = "write `on_update` beside the fields of the entry, for the whole entry"
                if not core:
                    wrong += "; a single field of an entry only takes `never`"
                yield MappingFinding((*rule.steps, "on_update"), wrong)


def _removals(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """`remove` names entries of its own list, and is an item by itself."""
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


def _entries(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """An entry has its required parts, and repeats over one heading at most."""
    for entry in mapping.entries:
        each = entry.part.each
        if each and heading_key(each.heading) not in map(heading_key, entry.cells):
            wrong = f"no field of the entry takes `<{each.heading}>`, which stands for one part"
            yield MappingFinding((*entry.steps, "each"), wrong)
        if entry.part.replaces and entry.parent != "user_statistic":
            wrong = "is for statistics; other entries replace the one of their type"
            yield MappingFinding((*entry.steps, "replaces"), wrong)
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


# --- to do ---


def _to_do(mapping: MappingDocument) -> Iterator[MappingFinding]:
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


def _unreachable(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A default or case after what is never blank, or an alternative after a constant."""
    for _, steps, part in mapping.parts:
        constants = [
            not template.cells and all(part.of_run for part in template.variables)
            for template in part.templates
        ]
        if any(constants[:-1]):
            first = part.templates[constants.index(True)].text
            yield MappingFinding((*steps, "from"), f"nothing after `{first}` is ever used")
        reached = not any(constants) or part.clean or part.lookup or part.when
        if part.default is not None and not reached:
            wrong = "is never used, because the value before it is never blank"
            yield MappingFinding((*steps, "default"), wrong)
        open_ended = [at for at, case in enumerate(part.cases[:-1]) if not case.when]
        if open_ended:
            wrong = "no case after this one is ever used; give it a `when`, or write it last"
            yield MappingFinding((*steps, "cases", open_ended[0]), wrong)


def _no_effect(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Rows that lack a required field, and keys that change nothing.

    Edits by staff stay in protected fields only (contract 3.1). `zip` changes nothing unless the
    address says that it is in the USA.
    """
    country = "contact_info.address.country"
    located = {rule.steps[:-1] for rule in mapping.rules if rule.field.path == country}
    for rule in mapping.rules:
        part = rule.rule
        open_ended = any(not case.when for case in part.cases) if part.cases else not part.when
        if rule.required == "true" and part.default is None and not open_ended:
            wrong = "rows to which no `when` applies are rejected, because every record needs it"
            yield MappingFinding(rule.steps, f"{wrong}; add a `default`, or skip the rows")
        for steps in rule.blank_codes(mapping.tables) if rule.required == "true" else ():
            wrong = f"a code is blank, and rows without `{rule.field.name}` are rejected"
            yield MappingFinding(steps, f"{wrong}; write Alma's code")
        if part.override and not (rule.field.facts.sticky or rule.field.parent):
            wrong = "has no effect: this field is not protected"
            yield MappingFinding((*rule.steps, "override"), wrong)
    for rule, steps, part in mapping.parts:
        if rule.steps[:-1] not in located and any(step.word == "zip" for step in part.clean):
            wrong = "`zip` has no effect without a `country` in the same address, such as USA"
            yield MappingFinding((*steps, "clean"), wrong)
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


def _unused(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Values, lookups, headings and terms that no rule uses."""
    file, parts = mapping.file, mapping.with_absent
    rules = (rule for part in parts for rule in (*part.values, *part.rules))
    needed = {name for rule in rules for name in rule.needs}
    conditions = (condition for part in parts for _, condition in part.conditions)
    needed |= {key.strip("< >") for one in conditions for key, _, _ in one.every_test}
    for name in file.values:
        if f"{VALUE}{name}" not in needed:
            yield MappingFinding(("values", name), f"no rule uses `<{VALUE}{name}>`")
    lookups = {name for part in parts for _, name in part.lookups}
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
    spans = [rule.plus for part in parts for _, _, rule in part.parts]
    if file.terms and not any(isinstance(p, PlusBy) or p == END_OF_TERM for p in spans):
        yield MappingFinding(("terms",), "no rule uses `plus: end of term`")


def _match_types(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Users are matched by IDs that the record contains."""
    given = mapping.match_keys
    for at, name in enumerate(mapping.file.match.by):
        if not given & {name, None}:
            what = "the mapping has no `primary_id`"
            if name != "primary_id":
                what = f"no entry of `user_identifier` has the type `{name}`"
            yield MappingFinding(("match", "by", at), f"{what}, so no user is found by it")


_LIKE_A_PATTERN = re.compile(r"[<>=!]+ ?[0-9].*|.*\*.*|(?:not |!=? ?|<> ?)(?P<other>\S.*)")
_PIPED = re.compile(rf"\s*\|\s*({'|'.join(STEPS)})\b.*")


def _patterns_as_words(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A condition compares whole words, and a text stays as it is: nothing in them is a command."""
    for steps, condition in mapping.conditions:
        for key, _, test in condition.every_test:
            for found in filter(None, map(_LIKE_A_PATTERN.fullmatch, test.words)):
                wrong = f"`{found[0]}` is compared literally; list the words that the cells contain"
                if found["other"]:
                    wrong += f", or write `{key}: {{not: {found['other']}}}`"
                yield MappingFinding((*steps, key), wrong)
    for _, steps, part in mapping.parts:
        for template in part.templates:
            texts = [text for text in template.parts if isinstance(text, str)]
            if template.cells and (piped := _PIPED.fullmatch(texts[-1] if texts else "")):
                value = template.text.removesuffix(piped[0])
                wrong = f"`{piped[0].strip()}` is a text here and would be sent"
                wrong += f"; write `{{from: {value}, clean: [{piped[1]}]}}`"
                yield MappingFinding(steps, wrong)


CHECKS: Mapping[Level, tuple[Callable[[MappingDocument], Iterator[MappingFinding]], ...]] = {
    Level.ERROR: (
        _account, _required_fields, _rows, _rules, _lookups, _variables, _circles, _parts,
        _policies, _removals, _entries,
    ),
    Level.TO_DO: (_to_do,),
    Level.HINT: (_unreachable, _no_effect, _unused, _match_types, _patterns_as_words),
}  # fmt: skip
"""Every check by its level. To add one, write a function and name it here."""

_OF_WHOLE = frozenset({_account, _required_fields, _rows, _unused, _match_types})
"""Checks that are not about rules alone; the other ones are made of `match.absent` as well."""
