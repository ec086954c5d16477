"""What is wrong with a mapping, to do in it, or worth a second look: one list of checks.

Everything here is decided without a roster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import assert_never

from importer.mapper import keys
from importer.mapper.clean import STEPS
from importer.mapper.dates import END_OF_TERM, Dates, is_iso
from importer.mapper.findings import Level, MappingFinding, in_order
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import POLICIES, Rule
from importer.mapper.lookups import LookupKey, OwnTable
from importer.mapper.mapping import (
    TYPED_TWICE,
    MappedEntry,
    MappedField,
    MappingDocument,
    to_choose,
)
from importer.mapper.placeholders import (
    DOLLAR,
    RUN_VARIABLES,
    TO_CHOOSE,
    Cell,
    Template,
    Variable,
    heading_key,
    key_of,
    nearest,
)
from importer.mapper.schema import KeepHeaviest, RemovePart
from importer.model.candidates import ENDS, NAMES, NEVER, ROLE_END, wrong_end
from importer.model.fields import (
    ALWAYS_REQUIRED,
    CELLS,
    FIELDS,
    TYPE_FIELD,
    OnUpdate,
    Shape,
    is_cell,
)
from importer.model.plan import Match
from importer.model.user import AccountType, Reach


def run(mapping: MappingDocument, *levels: Level) -> list[MappingFinding]:
    """Return the findings of these levels, also about what `match` sets for users who leave."""
    return [
        finding
        for document in mapping.with_leaving
        for check in CHECKS
        if document is mapping or check not in _OF_WHOLE
        for finding in check(document)
        if finding.level in levels
    ]


def findings(mapping: MappingDocument, *levels: Level) -> tuple[str, ...]:
    """Return the findings of these levels as lines: file, line, key, sentence; by line."""
    return in_order(mapping.source, run(mapping, *levels))


# --- the keys of rules and entries ---


def _hint(at: KeyPath, wrong: str) -> MappingFinding:
    return MappingFinding(at, wrong, level=Level.HINT)


def _keys(mapping: MappingDocument) -> Iterator[MappingFinding]:
    for mapped, at, rule in mapping.nested_rules:
        yield from _keys_of_rule(mapping, mapped, rule, at)
        for name in POLICIES:
            if getattr(rule, name) is not None and rule is mapped.rule:
                yield from check_policy(mapped, name)
            elif getattr(rule, name) is not None:
                wrong = "belongs to the rule itself, not to a case or its default"
                yield MappingFinding((*at, name), wrong)
    for entry in mapping.every_entry:
        yield from _keys_of_entry(entry)


def _keys_of_rule(  # noqa: PLR0912  a case for each key
    mapping: MappingDocument, mapped: MappedField, rule: Rule, path: KeyPath
) -> Iterator[MappingFinding]:
    """Find what is wrong with the keys of the rule of a field, or of one inside it."""
    dated = mapped.field.shape is Shape.DATE
    not_for = f"is for dates, but `{mapped.field.name}` is not a date"
    for key in keys.keys_of(rule):
        match key:
            case keys.From(templates):
                yield from _from(mapped, rule, templates, path)
            case keys.AgreesWith(template):
                at = (*path, "agrees_with")
                if mapped.field.path not in TYPED_TWICE:
                    wrong = "is for passwords, PINs and email addresses, which people type twice"
                    yield MappingFinding(at, wrong)
                if not template.lone_cell or not rule.lone_cells:
                    wrong = "compares one column with another; write a heading each"
                    yield MappingFinding(at, wrong)
            case keys.Cases(cases):
                yield from _cases(rule, cases, path, dated=dated)
            case keys.Clean():
                yield from _clean(mapping, mapped, rule, path)
            case keys.ReadName() if mapped.field.parent != DOLLAR:
                wrong = "is for a rule under `values:`, whose parts are written `<$name.first>`"
                yield MappingFinding((*path, "read"), wrong)
            case keys.ReadDates(dates):
                at = (*path, "dates")
                if not dated:
                    yield MappingFinding(at, not_for)
                if _ends_only(dates) and mapped.field.path not in {*ENDS, ROLE_END}:
                    yield MappingFinding(at, ONLY_ENDS)
            case keys.Later(plus):
                at = (*path, "plus")
                if not dated:
                    yield MappingFinding(at, not_for)
                if plus == END_OF_TERM and not mapping.file.terms:
                    yield MappingFinding(at, "`end of term` needs `terms` in this mapping")
            case keys.Earlier() if not dated:
                yield MappingFinding((*path, "minus"), not_for)
            case keys.Default():
                fixed = any(template.never_blank for template in rule.templates)
                may_be_blank = rule.chooses or rule.clean is not None or rule.lookup is not None
                if fixed and not may_be_blank:
                    wrong = "is never used, because the value before it is never blank"
                    yield _hint((*path, "default"), wrong)
            case keys.When() | keys.ReadName() | keys.LookUp() | keys.Earlier():
                pass
            case _:
                assert_never(key)


ONLY_ENDS = "`month` and `year` are for expiry and purge dates; write them in the rules of these"
_CURLY = re.compile(r"([“‘„]).*([”’“])")
_PIPED = re.compile(rf"\s*\|\s*({'|'.join(STEPS)})\b.*")


def _ends_only(dates: Dates) -> bool:
    """Whether dates are read in a way that is for the ends of records."""
    return bool(dates.month or dates.year)


def _from(
    mapped: MappedField, rule: Rule, templates: tuple[Template, ...], at: KeyPath
) -> Iterator[MappingFinding]:
    """A constant fits its field; nothing comes after one; a text is no command."""
    shape, constant = mapped.field.shape, rule.constant
    if mapped.field.path in {*ENDS, ROLE_END} and not rule.changes:
        today = datetime.now(UTC).date()
        for text in {template.constant or "" for template in templates} - {NEVER}:
            if is_iso(text) and (why := wrong_end(text, today)):
                wrong = f"`{text}` is {why}; for a record that never ends, write `{NEVER}`"
                yield MappingFinding(at, wrong)
    if shape is Shape.DATE and constant is not None and not is_iso(constant):
        yield MappingFinding(at, f"`{constant}` is not a date; write it as 2027-05-15")
    if shape is Shape.FLAG and constant not in {None, "true", "false"}:
        yield MappingFinding(at, f"must be `true` or `false`, not `{constant}`")
    for fixed in [t for t in templates[:-1] if t.never_blank][:1]:
        yield _hint((*at, "from"), f"nothing after `{fixed.text}` is ever used")
    for template in templates:
        texts = [text for text in template.pieces if isinstance(text, str)]
        if template.cells and (marks := _CURLY.fullmatch(template.text)):
            wrong = f"`{marks[1]}` and `{marks[2]}` are text here and would be sent; delete them"
            yield _hint(at, wrong)
        if template.cells and (piped := _PIPED.fullmatch(texts[-1] if texts else "")):
            value = template.text.removesuffix(piped[0])
            wrong = f"`{piped[0].strip()}` is a text here and would be sent"
            yield _hint(at, f"{wrong}; write `{{from: {value}, clean: [{piped[1]}]}}`")


def _cases(
    rule: Rule, cases: tuple[Rule, ...], path: KeyPath, *, dated: bool
) -> Iterator[MappingFinding]:
    """Nothing comes after a case for every row; a case of a date reads its own texts."""
    for name in ("clean", "lookup", "dates") if dated else ():
        if getattr(rule, name) is not None:
            wrong = "each case of a date reads its own cell; write this inside the cases"
            yield MappingFinding((*path, name), wrong)
    open_ended = [at for at, case in enumerate(cases[:-1]) if case.when is None]
    for at in open_ended[:1]:
        wrong = "no case after this one is ever used; give it a `when`, or write it last"
        yield _hint((*path, "cases", at), wrong)


def _clean(
    mapping: MappingDocument, mapped: MappedField, rule: Rule, path: KeyPath
) -> Iterator[MappingFinding]:
    """Only an address that says where it is can be in the USA; line breaks are in cells."""
    at, country, entry = (*path, "clean"), "contact_info.address.country", mapped.at[:-1]
    countries = (other for other in mapping.fields if other.field.path == country)
    located = any(other.at[:-1] == entry for other in countries)
    for step in () if located else rule.clean or ():
        if step.kind.by_country and step.setting is None:  # which would be of another country
            wrong = "has no effect without a `country` in the same address, such as USA"
            yield _hint(at, f"`{step.name}` {wrong}")
    if not rule.sees_lines:
        return
    if not rule.templates:
        yield MappingFinding(at, "finds no line breaks; write this step inside each case")
    for name in (v.name for t in rule.templates for v in t.variables if not v.of_run):
        named = mapped.values.get(name)
        if named is None or not named.keeps_lines:
            wrong = f"finds no line breaks, because `<{name}>` is in one line"
            yield MappingFinding(at, f"{wrong}; take the column itself")


def check_policy(mapped: MappedField, name: str) -> Iterator[MappingFinding]:
    """Find what is wrong with a key about the whole rule of a field: `bad` or `on_update`."""
    field, word, at = mapped.field, mapped.rule.on_update, (*mapped.at, name)
    if name == "bad" and mapped.rule.bad == "drop" and mapped.needed:
        wrong = f"`drop` is not for `{field.name}`, which every row needs as it is"
        yield MappingFinding(at, wrong)
    if name != "on_update":
        return
    if field.path == "password" and word is not OnUpdate.NEVER:
        wrong = (
            f"`{word}` has no effect: the importer sets a password only when it creates the "
            "user; delete `on_update`"
        )
        yield MappingFinding(at, wrong)
    if field.parent in TYPE_FIELD:
        core = field.facts.required or field.name == TYPE_FIELD[field.parent]
        if core or word is not OnUpdate.NEVER:
            wrong = "write `on_update` beside the fields of the entry, for the whole entry"
            if not core:
                wrong += "; a single field of an entry only takes `never`"
            yield MappingFinding(at, wrong)
    elif word in {OnUpdate.ADD, OnUpdate.REPLACE_ALL}:
        yield MappingFinding(at, f"`{word}` is for the entries of a list")
    elif word is OnUpdate.LATER and field.shape is not Shape.DATE:
        yield MappingFinding(at, "`later` is for dates")


OF_ENTRIES = (OnUpdate.NEVER, OnUpdate.ADD, OnUpdate.REPLACE_ALL)
"""What `on_update` of an entry may be, beside the usual `replace`."""


def _keys_of_entry(entry: MappedEntry) -> Iterator[MappingFinding]:
    """Find what is wrong with the keys of an entry."""
    part = entry.part
    filled = any(
        rule.constant is not None
        for mapped in entry.fields
        for _, rule in mapped.nested
        if mapped.field.facts.required and mapped.field.name != TYPE_FIELD[entry.parent]
    )
    if part.placeholder and not filled:
        wrong = "has no effect: the entry's main part has no constant and no `default`"
        yield _hint((*entry.at, "placeholder"), wrong)
    if part.on_update not in {None, OnUpdate.REPLACE, *OF_ENTRIES}:
        wrong = (
            f"`{part.on_update}` is for single fields; an entry takes replace, add, replace_all or "
            "never"
        )
        yield MappingFinding((*entry.at, "on_update"), wrong)
    if part.replaces is not None and entry.parent != "user_statistic":
        wrong = "is for statistics; other entries replace the one of their type"
        yield MappingFinding((*entry.at, "replaces"), wrong)
    if part.remove is not None:
        yield from _remove(entry, part.remove)


def _remove(entry: MappedEntry, part: RemovePart) -> Iterator[MappingFinding]:
    """It names entries of its own list, and is an item by itself."""
    given, kind, at = part.model_fields_set, TYPE_FIELD[entry.parent], (*entry.at, "remove")
    if kind not in RemovePart.model_fields:
        yield MappingFinding(at, "is for notes, blocks and statistics; delete it")
        return
    for name in sorted(given - {kind, "matches"}):
        wrong = f"is for another list; write `{kind}` or `matches`"
        yield MappingFinding((*at, name), wrong)
    if not given:
        yield MappingFinding(at, f"would remove every entry; write `{kind}` or `matches`")
    if entry.part.model_fields_set - {"remove"}:
        wrong = "is an item of its own; write what is added as another item"
        yield MappingFinding(at, wrong)


# --- errors ---


def _creates(mapping: MappingDocument) -> bool:
    """Whether it creates users. Of users in Alma it creates none, whatever its `new` says."""
    match = mapping.file.match
    return match.creates and match.retire is None and not mapping.from_alma


def _account(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """An External user belongs to an external system, an Internal one to none (contract 1.2)."""
    external, owned = mapping.file.account_type is AccountType.EXTERNAL, mapping.file.owning_system
    match = mapping.file.match
    if external and owned is None and (_creates(mapping) or match.account_type == "convert"):
        wrong = "an EXTERNAL mapping needs `owning_system`: the code of the external system in Alma"
        yield MappingFinding(("account_type",), wrong, lacking=True)
    if not external and owned is not None:
        yield MappingFinding(("owning_system",), "an INTERNAL mapping has none; delete this line")
    if match.account_type == "any" and match.creates:
        wrong = "`any` is for mappings that create nobody; set `new` to reject or skip"
        yield MappingFinding(("match", "account_type"), wrong)


def _required_fields(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A new user needs some fields; a mapping that creates nobody, an ID to find people by."""
    given = {mapped.field.path for mapped in mapping.scalars}
    if _creates(mapping):
        for path in sorted(set(ALWAYS_REQUIRED) - given):
            wrong = (
                f"`{path}` is missing; every new user needs it. If nobody is to be created, set "
                "`match: {new: reject}` or `skip`"
            )
            yield MappingFinding(("record",), wrong, lacking=True)
    elif not mapping.match_keys & {*mapping.file.match.by, None}:
        wrong = "no ID is mapped, so no user can be found; map one that `match.by` names"
        yield MappingFinding(("record",), wrong, lacking=True)


def _rows(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """`skip` leaves some rows; users who are missing from the roster have no row at all."""
    dates = mapping.file.roster.dates
    if _ends_only(dates):
        yield MappingFinding(("roster", "dates"), ONLY_ENDS)
    for at, skip in enumerate(mapping.file.roster.skip):
        if not skip.when:
            wrong = "skips every row; name a column and what it must be"
            yield MappingFinding(("roster", "skip", at, "when"), wrong)
    if (leaving := mapping.leaving) is None:
        return
    if not (leaving.fields or leaving.removals):
        yield MappingFinding(leaving.start, "sets nothing; name the fields to change")
    tested = ((entry, subject) for entry in leaving.entries for subject in entry.tested)
    cells = [(*entry.at, "when") for entry, subject in tested if isinstance(subject, Cell)]
    cells += [mapped.at for mapped in leaving.values if mapped.headings and not mapped.cells]
    cells += [mapped.at for mapped in leaving.fields if mapped.headings]  # with the values they use
    for where in dict.fromkeys(cells):
        yield MappingFinding(where, "users who leave have no cells; write a constant")
    for mapped in leaving.fields:
        if mapped.field.path in {"primary_id", "password"}:
            yield MappingFinding(mapped.at, "cannot be changed here; delete this line")


def _from_alma(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Rows from Alma are users that it has; their headings are the names of fields."""
    file = mapping.file
    if not mapping.from_alma:
        return
    if file.match.creates:
        wrong = "set `new: reject`, because a mapping with rows from Alma creates nobody"
        yield MappingFinding(("match", "new"), wrong)
    if file.match.absent is not None:
        yield MappingFinding(("match", "absent"), "nobody is missing from a roster from Alma")
    for key in ("sheet", "encoding", "header"):
        if key in file.roster.model_fields_set:
            yield MappingFinding(("roster", key), "is for files only; delete this line")
    rules = (*mapping.values, *mapping.fields)
    wanted = {heading: mapped.at for mapped in rules for heading in mapped.headings}
    wanted |= {subject.heading: at for at, subject, _ in mapping.tests if isinstance(subject, Cell)}
    for heading, at in wanted.items():
        if not is_cell(heading):
            wrong = (
                f"Alma's users have no field `{heading}`{nearest(heading, CELLS)}; that of an "
                "entry is written as `<contact_info.email[work].email_address>`"
            )
            yield MappingFinding(at, wrong)


_RETIRES = "a mapping that retires users does nothing else; delete this line"


def _retire(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A mapping that retires users finds them, by IDs and names, and does nothing else."""
    file, match = mapping.file, mapping.file.match
    if match.retire is None:
        return
    if match.new != "reject":
        wrong = "set `new: reject`, because a mapping that retires users creates nobody"
        yield MappingFinding(("match", "new"), wrong)
    usual = Match()
    for key in ("absent", "known", "id_change", "another_person", "account_type"):
        if getattr(match, key) != getattr(usual, key, None):
            yield MappingFinding(("match", key), _RETIRES)
    if file.patron_role is not None:
        yield MappingFinding(("patron_role",), _RETIRES)
    if "expire" in {match.retire.do, match.retire.if_open} and mapping.leaving is None:
        wrong = "needs `set:` with what ends, such as `expiry_date: <@today>`"
        yield MappingFinding(("match", "retire"), wrong)
    for mapped in mapping.fields:
        known = {*NAMES, "primary_id", "birth_date", "external_id"}
        if mapped.field.path not in known and mapped.field.parent != "user_identifier":
            wrong = "to retire users, only IDs, names and birth dates are mapped; delete this line"
            yield MappingFinding(mapped.at, wrong)


def _passwords(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A password is for Internal users."""
    external = mapping.file.account_type is AccountType.EXTERNAL
    for mapped in mapping.fields:
        if external and mapped.field.facts.reach is Reach.INTERNAL_ONLY:
            wrong = "is for Internal users only; Alma keeps no passwords of others"
            yield MappingFinding(mapped.at, wrong)


def _lookups(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Lookups exist, and weights are numbers."""
    known = mapping.file.lookups
    for at, name in mapping.lookups:
        if isinstance(name, str) and name not in known:
            wrong = f"`{name}` is not a table of `lookups`{_instead(name, known)}"
            yield MappingFinding(at, wrong)
    same_id = mapping.file.duplicates.same_id
    name = same_id.weights if isinstance(same_id, KeepHeaviest) else ""
    weights = mapping.tables.get(name)
    given = {*weights.codes.values(), weights.otherwise} if weights else set()
    for code in sorted(code for code in given if code is not None):
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
    labels = [mapped.field.path for mapped in (*mapping.values, *mapping.scalars)]
    values = [name for name in labels if name.startswith(DOLLAR)]
    fields = [*RUN_VARIABLES, *(name for name in labels if not name.startswith(DOLLAR))]
    used = [
        (at, variable.name) for at, variable, _ in mapping.tests if isinstance(variable, Variable)
    ]
    for mapped in (*mapping.values, *mapping.fields):
        taken = [v for _, rule in mapped.nested for t in rule.templates for v in t.variables]
        used += [(mapped.at, name) for name in sorted({variable.name for variable in taken})]
    for at, name in used:
        if name.startswith(DOLLAR) and name not in values:
            wrong = f"`<{name}>` is not one of the mapping's `values`{_instead(name, values)}"
            yield MappingFinding(at, wrong)
        elif not name.startswith(DOLLAR) and name not in fields:
            wrong = f"`<@{name}>` is not a mapped field of this record, nor a run variable"
            yield MappingFinding(at, wrong + _instead(name, fields))


def _circles(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """No field and no value needs itself."""
    needs = {mapped.field.path: mapped.needs for mapped in (*mapping.values, *mapping.scalars)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        for mapped in (*mapping.values, *mapping.scalars):
            if mapped.field.path in circle:
                wrong = "needs its own value, through `<@…>` or `<$…>`; take a column instead"
                yield MappingFinding(mapped.at, wrong)


def _tested_dates(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A condition reads dates as `roster: dates` says.

    A column or value that a date reads in another way is tested by that field.
    """
    own: dict[str, MappedField] = {}
    for mapped in (*mapping.values, *mapping.fields):
        for _, rule in mapped.nested if mapped.field.shape is Shape.DATE else ():
            lone = (t.pieces[0] for t in rule.templates if t.lone_cell or t.lone_value)
            if (rule.clean, rule.lookup, rule.dates) != (None, None, None):
                own |= {key_of(subject): mapped for subject in lone if not isinstance(subject, str)}
    for at, subject, test in mapping.tests:
        reader = own.get(key_of(subject)) if test.of_date else None
        if reader is None:
            continue
        name = reader.field.path
        instead = f"write `<{name if name.startswith(DOLLAR) else f'@{name}'}>`"
        if reader.field.parent not in {"", DOLLAR}:
            instead = "give the date a name under `values:` and test that"
        wrong = f"`{name}` reads these dates in its own way, a condition as `dates` under `roster:`"
        yield MappingFinding(at, f"{wrong}; {instead}")


_NULLS = frozenset({"~", "null", "Null", "NULL"})


def _nulls(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """YAML's words for nothing are texts here, and Alma would get them."""
    for _, at, rule in mapping.nested_rules:
        for text in _NULLS.intersection(template.constant for template in rule.templates):
            yield MappingFinding(at, f"`{text}` is a text here, not a blank; leave the key out")
    own = [(at, lookup.rows) for at, lookup in mapping.lookups if isinstance(lookup, OwnTable)]
    named = mapping.file.lookups.items()
    tables = ((("lookups", key), table.items()) for key, table in named if isinstance(table, dict))
    for at, rows in (*own, *tables):
        for word, code in rows:
            if code in _NULLS:
                wrong = f'`{code}` is a text here, not a blank; write `""` for a blank'
                yield MappingFinding((*at, word), wrong)


def _entries(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """An entry has its required parts."""
    for entry in mapping.entries:
        given = {mapped.field.path for mapped in entry.fields}
        for path, field in FIELDS.items():
            if field.parent == entry.parent and field.facts.required and path not in given:
                wrong = f"`{field.name}` is missing; every entry needs it"
                yield MappingFinding(entry.at, wrong, lacking=True)
        for mapped in entry.fields:
            constant = mapped.rule.constant
            if mapped.field.name == "segment_type" and constant not in {"Internal", "External"}:
                yield MappingFinding(mapped.at, "must be `Internal` or `External`")


# --- to do ---


def _to_do(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """What `mapping new` leaves to a person."""
    left = [
        (mapped.at, "write the heading of the column instead of `?`")
        for mapped in mapping.fields
        if TO_CHOOSE in mapped.cells
    ]
    left += mapping.open_codes
    tables: list[tuple[KeyPath, LookupKey, Iterable[tuple[str, str]]]] = [
        (("lookups", name), name, table.items())
        for name, table in mapping.file.lookups.items()
        if isinstance(table, dict)
    ]
    own = ((path, use) for path, use in mapping.lookups if isinstance(use, OwnTable))
    tables += [(path, use, use.rows) for path, use in own]
    advice = dict[LookupKey | None, str](
        (rule.lookup, to_choose(mapped.field)) for mapped, _, rule in mapping.nested_rules
    )
    for path, use, rows in tables:
        words = [key for key, code in rows if code == TO_CHOOSE]
        for at, key in enumerate(words):
            to_write = advice.get(use, "write the code instead of `?`")
            left.append(((*path, key), to_write.partition(";")[0] if at else to_write))
    for path, what in left:
        yield MappingFinding(path, f"to do: {what}", level=Level.TO_DO)


# --- hints ---


def _no_value(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Rows to which the rule of a required field does not apply, or gives a blank code."""
    for mapped in (mapped for mapped in mapping.fields if mapped.required == "true"):
        if mapped.rule.default is None and not mapped.rule.everywhere:
            wrong = "rows to which no `when` applies are rejected, because every record needs it"
            yield _hint(mapped.at, f"{wrong}; add a `default`, or skip the rows")
        for where in (where for code, where in mapped.codes(mapping.tables) if code == ""):
            wrong = f"a code is blank, and rows without `{mapped.field.name}` are rejected"
            yield _hint(where, f"{wrong}; write Alma's code")


def _unused(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Values, lookups, headings and terms that no rule uses."""
    file, documents = mapping.file, mapping.with_leaving
    rules = [mapped for document in documents for mapped in (*document.values, *document.fields)]
    needed = {name for mapped in rules for name in mapped.needs}
    tested = (subject for document in documents for _, subject, _ in document.tests)
    needed |= {subject.name for subject in tested if isinstance(subject, Variable)}
    needed |= {name.partition(".")[0] for name in needed}
    for name in file.values:
        if f"{DOLLAR}{name}" not in needed:
            yield _hint(("values", name), f"no rule uses `<{DOLLAR}{name}>`")
    lookups = {name for document in documents for _, name in document.lookups}
    for name in file.lookups:
        if name not in lookups:
            yield _hint(("lookups", name), "no rule uses this lookup")
    used = {heading_key(name) for name in mapping.headings}
    named: list[tuple[KeyPath, str]] = [(("ids", name), name) for name in file.ids]
    named += [(("headings", name), name) for name in file.headings]
    named += [(("roster", "optional", at), name) for at, name in enumerate(file.roster.optional)]
    for place, name in named:
        if heading_key(name) not in used:
            yield _hint(place, f"no rule uses a column `{name}`")
    for at, name in enumerate(file.roster.unused):
        if heading_key(name) in used:
            yield _hint(("roster", "unused", at), f"a rule uses `{name}`; delete it here")
    if file.terms and not any(
        rule.plus == END_OF_TERM for document in documents for _, _, rule in document.nested_rules
    ):
        yield _hint(("terms",), "no rule uses `plus: end of term`")


def _match_types(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Users are matched by IDs that the record contains."""
    given = mapping.match_keys
    for at, name in enumerate(mapping.file.match.by):
        if not given & {name, None}:
            what = "the mapping has no `primary_id`"
            if name != "primary_id":
                what = f"no entry of `user_identifier` has the type `{name}`"
            yield _hint(("match", "by", at), f"{what}, so no user is found by it")


_LIKE_A_PATTERN = re.compile(r"[<>=!]+ ?[0-9].*|.*\*.*|(?:not |!=? ?|<> ?)(?P<other>\S.*)")


def _patterns_as_words(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A condition compares whole words: nothing in them is a command."""
    for at, _, test in mapping.tests:
        for command in filter(None, map(_LIKE_A_PATTERN.fullmatch, test.words)):
            wrong = f"`{command[0]}` is compared literally; list the words that the cells contain"
            if command["other"]:
                wrong += f", or write `{at[-1]}: {{not: {command['other']}}}`"
            yield _hint(at, wrong)


CHECKS: tuple[Callable[[MappingDocument], Iterator[MappingFinding]], ...] = (
    _account, _required_fields, _rows, _from_alma, _retire, _keys, _passwords, _lookups, _variables,
    _circles, _tested_dates, _nulls, _entries, _to_do, _no_value, _unused, _match_types,
    _patterns_as_words,
)  # fmt: skip
"""Every check. To add one about a mapping as a whole, write a function and name it here."""

_OF_WHOLE = frozenset(
    {_account, _required_fields, _rows, _from_alma, _retire, _unused, _match_types}
)
"""Checks that are not about rules alone; the others also run on what `match` sets for leavers."""
