"""What one part of a mapping asks of another: names that must exist, rules that must fit.

Everything here is decided without a roster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from importer.mapper import periods, record
from importer.mapper.template import RUN_VARIABLES
from importer.mapper.wording import nearest
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, TYPE_FIELD, Shape
from importer.model.policy import AccountType, OnUpdate
from importer.model.user import Reach

if TYPE_CHECKING:
    from importer.mapper.clauses import LookupFile
    from importer.mapper.grammar import MappingFile
    from importer.mapper.lookup import Lookup
    from importer.mapper.record import EntryRules, FieldRule


@dataclass(frozen=True, slots=True)
class Found:
    """Something wrong with the mapping: the steps to the key, and what is wrong with it.

    `lacking`: a part is missing, which may be only because it could not be read.
    """

    steps: tuple[str | int, ...]
    wrong: str
    lacking: bool = False


@dataclass(frozen=True, slots=True)
class _Whole:
    """The mapping as the checks need it."""

    file: MappingFile
    scalars: tuple[FieldRule, ...]
    entries: tuple[EntryRules, ...]
    tables: Mapping[str | LookupFile, Lookup]

    @property
    def rules(self) -> Iterator[FieldRule]:
        """Every rule of the record."""
        yield from self.scalars
        for entry in self.entries:
            yield from entry.fields


def findings(
    file: MappingFile,
    scalars: tuple[FieldRule, ...],
    entries: tuple[EntryRules, ...],
    tables: Mapping[str | LookupFile, Lookup],
) -> list[Found]:
    """Everything that the checks find."""
    whole = _Whole(file, scalars, entries, tables)
    return [found for check in CHECKS for found in check(whole)]


def _owner(whole: _Whole) -> Iterator[Found]:
    """An External user belongs to a student system; an Internal one to none (contract 1.2)."""
    owner = whole.file.owning_system
    if whole.file.account_type is AccountType.EXTERNAL and owner is None:
        yield Found(
            ("account_type",),
            "an EXTERNAL mapping needs `owning_system`: the code of the student system's profile",
            lacking=True,
        )
    if whole.file.account_type is AccountType.INTERNAL and owner is not None:
        yield Found(("owning_system",), "an INTERNAL mapping has none; take it out")


def _required_fields(whole: _Whole) -> Iterator[Found]:
    mapped = {rule.field.path for rule in whole.scalars}
    for path in ALWAYS_REQUIRED:
        if path not in mapped:
            yield Found(("record",), f"`{path}` is missing; every record needs it", lacking=True)


def _internal_only(whole: _Whole) -> Iterator[Found]:
    if whole.file.account_type is AccountType.EXTERNAL:
        for rule in whole.rules:
            if rule.field.facts.reach is Reach.INTERNAL_ONLY:
                yield Found(rule.steps, "is for Internal users; an External one has no password")


def _passwords(whole: _Whole) -> Iterator[Found]:
    for rule in whole.rules:
        policy = rule.rule.on_update
        if rule.field.path == "password" and policy not in {None, OnUpdate.NEVER}:
            wrong = (
                f"`{policy}` has no effect: the importer sets a password only when it creates the "
                "user; take `on_update` out"
            )
            yield Found((*rule.steps, "on_update"), wrong)


def _lookups_exist(whole: _Whole) -> Iterator[Found]:
    for rule in whole.rules:
        for steps, step in record.steps(rule):
            if isinstance(step.lookup, str) and step.lookup not in whole.file.lookups:
                guess = nearest(step.lookup, whole.file.lookups)
                wrong = f"`{step.lookup}` is no table of `lookups`{guess}"
                yield Found((*steps, "lookup"), wrong)


def _weights(whole: _Whole) -> Iterator[Found]:
    same_id = whole.file.duplicates.same_id
    if isinstance(same_id, str):
        return
    steps = ("duplicates", "same_id", "keep heaviest")
    if same_id.weights not in whole.file.lookups:
        guess = nearest(same_id.weights, whole.file.lookups)
        yield Found(steps, f"`{same_id.weights}` is no table of `lookups`{guess}")
    elif (lookup := whole.tables.get(same_id.weights)) is not None:
        for code in sorted(lookup.given):
            if not code.lstrip("-").isdecimal():
                wrong = f"`{code}` is no whole number; the lookup gives each group its weight"
                yield Found(("lookups", same_id.weights), wrong)


def _variables(whole: _Whole) -> Iterator[Found]:
    """A `<@name>` is a run variable or a mapped field of the record, and none needs itself."""
    needs = {rule.field.path: set(record.named(rule)) for rule in whole.scalars}
    known = (*RUN_VARIABLES, *needs)
    for rule in whole.rules:
        for name in sorted(set(record.named(rule)) - set(needs)):
            guess = nearest(name, known)
            wrong = f"`<@{name}>` is neither known to the run nor a field of this record{guess}"
            yield Found(rule.steps, wrong)
    for rule in whole.scalars:
        if rule.field.path in _reach(needs, rule.field.path):
            yield Found(rule.steps, "needs its own value, by way of `<@…>`")


def _reach(needs: Mapping[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(needs[start])
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(needs.get(name, ()))
    return reached


def _dates(whole: _Whole) -> Iterator[Found]:
    for rule in whole.rules:
        is_date = rule.field.shape is Shape.DATE
        for steps, step in record.steps(rule):
            if not is_date and (step.plus or step.dates):
                key = "plus" if step.plus else "dates"
                yield Found((*steps, key), f"is for dates, and `{rule.field.name}` is none")
            if step.plus == periods.END_OF_TERM and not whole.file.terms:
                yield Found((*steps, "plus"), "`end of term` needs `terms` in this mapping")
            constant = step.constant
            if is_date and constant is not None and not _is_iso(constant):
                wrong = f"`{constant}` is no date; write it as 2027-05-15"
                yield Found(steps, wrong)
        if rule.rule.on_update is OnUpdate.LATER and not is_date:
            yield Found((*rule.steps, "on_update"), "`later` is for dates")


def _is_iso(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _flags(whole: _Whole) -> Iterator[Found]:
    for rule in whole.rules:
        if rule.field.shape is not Shape.FLAG:
            continue
        for steps, step in record.steps(rule):
            constant = step.constant
            if constant is not None and constant not in {"true", "false"}:
                yield Found(steps, f"must be `true` or `false`, not `{constant}`")


def _policies(whole: _Whole) -> Iterator[Found]:
    """What becomes of a known user's field is said of fields; of a list's, at the entry."""
    lists = {OnUpdate.ADD, OnUpdate.REPLACE_ALL}
    of_entries = {OnUpdate.REPLACE, OnUpdate.NEVER, *lists}
    for rule in whole.scalars:
        if rule.rule.on_update in lists:
            wrong = f"`{rule.rule.on_update}` is for the entries of a list"
            yield Found((*rule.steps, "on_update"), wrong)
    for entry in whole.entries:
        if entry.on_update not in of_entries:
            wrong = (
                f"`{entry.on_update}` is for single fields; write replace, add, replace_all or "
                "never for an entry"
            )
            yield Found((*entry.steps, "on_update"), wrong)
        for rule in entry.fields:
            policy = rule.rule.on_update
            core = rule.field.facts.required or rule.field.name == TYPE_FIELD[entry.parent]
            if policy is None or (policy is OnUpdate.NEVER and not core):
                continue
            wrong = "write `on_update` beside the fields of the entry, for the whole entry"
            if not core:
                wrong += "; a single field of an entry only takes `never`"
            yield Found((*rule.steps, "on_update"), wrong)
    for rule in whole.rules:
        for steps, step in list(record.steps(rule))[1:]:
            for key in ("required", "on_update", "override"):
                if key in step.model_fields_set:
                    yield Found((*steps, key), "is said of the rule itself, not of its default")


def _entries(whole: _Whole) -> Iterator[Found]:
    """An entry has its required parts, and repeats over one heading at most."""
    for entry in whole.entries:
        mapped = {rule.field.path for rule in entry.fields}
        for path, field in FIELDS.items():
            if field.parent == entry.parent and field.facts.required and path not in mapped:
                wrong = f"`{field.name}` is missing; every entry needs it"
                yield Found(entry.steps, wrong, lacking=True)
        for rule in entry.fields:
            constant = rule.rule.constant
            if rule.field.name == "segment_type" and constant not in {"Internal", "External"}:
                yield Found(rule.steps, "must be `Internal` or `External`")
        repeated = {name for name in entry.cells if name.endswith("*")}
        if len(repeated) > 1:
            names = " and ".join(f"`<{name}>`" for name in sorted(repeated))
            yield Found(entry.steps, f"repeats over {names}; an entry repeats over one heading")


CHECKS: tuple[Callable[[_Whole], Iterator[Found]], ...] = (
    _owner,
    _required_fields,
    _internal_only,
    _passwords,
    _lookups_exist,
    _weights,
    _variables,
    _dates,
    _flags,
    _policies,
    _entries,
)
"""Every check. Adding one is a function and a line here."""
