"""What is wrong with a mapping, to do in it, or worth a second look: one list of checks.

Everything here is decided without a roster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from importer.mapper.lookups import LookupKey, OwnTable
from importer.mapper.mapping import FieldRule, MappingDocument, to_choose
from importer.mapper.placeholders import (
    RUN_VARIABLES,
    TO_CHOOSE,
    VALUE,
    Cell,
    Steps,
    Variable,
    heading_key,
    key_of,
    nearest,
)
from importer.mapper.schema import KeepHeaviest
from importer.mapper.steps.clean import Clean, Lookup
from importer.mapper.steps.dates import ONLY_ENDS, DatesStep
from importer.mapper.steps.source import Default
from importer.mapper.steps.step import Level, MappingFinding, RulePart, in_order
from importer.model.candidates import NAMES
from importer.model.fields import ALWAYS_REQUIRED, CELLS, FIELDS, Shape, is_cell
from importer.model.plan import Match
from importer.model.user import AccountType, Reach


def run(mapping: MappingDocument, *levels: Level) -> list[MappingFinding]:
    """Return the findings of these levels, also about what `match.absent` sets."""
    return [
        found
        for part in mapping.with_absent
        for check in CHECKS
        if part is mapping or check not in _OF_WHOLE
        for found in check(part)
        if found.level in levels
    ]


def findings(mapping: MappingDocument, *levels: Level) -> tuple[str, ...]:
    """Return the findings of these levels as lines: file, line, key, sentence; by line."""
    return in_order(mapping.source, run(mapping, *levels))


# --- the keys of rules and entries ---


def _keys(mapping: MappingDocument) -> Iterator[MappingFinding]:
    for rule, steps, part in mapping.parts:
        for step in part.steps:
            yield from step.check(RulePart(mapping, rule, part, steps))
    for entry in mapping.every_entry:
        for key in entry.part.keys:
            yield from key.check(entry)


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
    given = {rule.field.path for rule in mapping.scalars}
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
    if dates.month or dates.year:
        yield MappingFinding(("roster", "dates"), ONLY_ENDS)
    for at, skip in enumerate(mapping.file.roster.skip):
        if not skip.when:
            wrong = "skips every row; name a column and what it must be"
            yield MappingFinding(("roster", "skip", at, "when"), wrong)
    if (absent := mapping.absent) is None:
        return
    if not (absent.rules or absent.removals):
        steps = (*mapping.leaving_steps, "set")
        yield MappingFinding(steps, "sets nothing; name the fields to change")
    deciding = ((entry, one) for entry in absent.entries for one in entry.deciding)
    cells = [(*entry.steps, "when") for entry, one in deciding if isinstance(one, Cell)]
    cells += [rule.steps for rule in absent.values if rule.headings and not rule.cells]
    cells += [rule.steps for rule in absent.rules if rule.headings]  # with the values they use
    for where in dict.fromkeys(cells):
        yield MappingFinding(where, "users who leave have no cells; write a constant")
    for rule in absent.rules:
        if rule.field.path in {"primary_id", "password"}:
            yield MappingFinding(rule.steps, "cannot be changed here; delete this line")


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
    rules = (*mapping.values, *mapping.rules)
    wanted = {heading: rule.steps for rule in rules for heading in rule.headings}
    wanted |= {one.heading: steps for steps, one, _ in mapping.tests if isinstance(one, Cell)}
    for heading, steps in wanted.items():
        if not is_cell(heading):
            wrong = (
                f"Alma's users have no field `{heading}`{nearest(heading, CELLS)}; that of an "
                "entry is written as `<contact_info.email[work].email_address>`"
            )
            yield MappingFinding(steps, wrong)


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
    if "expire" in {match.retire.do, match.retire.if_open} and mapping.absent is None:
        wrong = "needs `set:` with what ends, such as `expiry_date: <@today>`"
        yield MappingFinding(("match", "retire"), wrong)
    for rule in mapping.rules:
        known = {*NAMES, "primary_id", "birth_date", "external_id"}
        if rule.field.path not in known and rule.field.parent != "user_identifier":
            wrong = "to retire users, only IDs, names and birth dates are mapped; delete this line"
            yield MappingFinding(rule.steps, wrong)


def _passwords(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A password is for Internal users."""
    external = mapping.file.account_type is AccountType.EXTERNAL
    for rule in mapping.rules:
        if external and rule.field.facts.reach is Reach.INTERNAL_ONLY:
            wrong = "is for Internal users only; Alma keeps no passwords of others"
            yield MappingFinding(rule.steps, wrong)


def _lookups(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Lookups exist, and weights are numbers."""
    known = mapping.file.lookups
    for steps, name in mapping.lookups:
        if isinstance(name, str) and name not in known:
            wrong = f"`{name}` is not a table of `lookups`{_instead(name, known)}"
            yield MappingFinding(steps, wrong)
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
    labels = [rule.field.path for rule in (*mapping.values, *mapping.scalars)]
    values = [name for name in labels if name.startswith(VALUE)]
    fields = [*RUN_VARIABLES, *(name for name in labels if not name.startswith(VALUE))]
    found = [(steps, one.name) for steps, one, _ in mapping.tests if isinstance(one, Variable)]
    for rule in (*mapping.values, *mapping.rules):
        needs = [step.needs for _, part in rule.parts for step in part.steps]
        taken = [v for one in needs for t in one.templates for v in t.variables]
        found += [(rule.steps, name) for name in sorted({one.name for one in taken})]
    for steps, name in found:
        if name.startswith(VALUE) and name not in values:
            wrong = f"`<{name}>` is not one of the mapping's `values`{_instead(name, values)}"
            yield MappingFinding(steps, wrong)
        elif not name.startswith(VALUE) and name not in fields:
            wrong = f"`<@{name}>` is not a mapped field of this record, nor a run variable"
            yield MappingFinding(steps, wrong + _instead(name, fields))


def _circles(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """No field and no value needs itself."""
    needs = {rule.field.path: rule.needs for rule in (*mapping.values, *mapping.scalars)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        for rule in (*mapping.values, *mapping.scalars):
            if rule.field.path in circle:
                wrong = "needs its own value, through `<@…>` or `<$…>`; take a column instead"
                yield MappingFinding(rule.steps, wrong)


def _tested_dates(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """A condition reads dates as `roster: dates` says.

    A column or value that a date reads in another way is tested by that field.
    """
    own: dict[str, FieldRule] = {}
    for rule in (*mapping.values, *mapping.rules):
        for _, part in rule.parts if rule.field.shape is Shape.DATE else ():
            lone = (t.parts[0] for t in part.templates if t.lone_cell or t.lone_value)
            if any(map(part.get, (Clean, Lookup, DatesStep))):
                own |= {key_of(one): rule for one in lone if not isinstance(one, str)}
    for steps, subject, test in mapping.tests:
        reader = own.get(key_of(subject)) if test.of_date else None
        if reader is None:
            continue
        name = reader.field.path
        instead = f"write `<{name if name.startswith(VALUE) else f'@{name}'}>`"
        if reader.field.parent not in {"", VALUE}:
            instead = "give the date a name under `values:` and test that"
        wrong = f"`{name}` reads these dates in its own way, a condition as `dates` under `roster:`"
        yield MappingFinding(steps, f"{wrong}; {instead}")


_NULLS = frozenset({"~", "null", "Null", "NULL"})


def _nulls(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """YAML's words for nothing are texts here, and Alma would get them."""
    for _, steps, part in mapping.parts:
        for text in _NULLS.intersection(template.constant for template in part.templates):
            yield MappingFinding(steps, f"`{text}` is a text here, not a blank; leave the key out")
    own = [(steps, one.rows) for steps, one in mapping.lookups if isinstance(one, OwnTable)]
    named = mapping.file.lookups.items()
    tables = ((("lookups", key), one.items()) for key, one in named if isinstance(one, dict))
    for steps, rows in (*own, *tables):
        for word, code in rows:
            if code in _NULLS:
                wrong = f'`{code}` is a text here, not a blank; write `""` for a blank'
                yield MappingFinding((*steps, word), wrong)


def _entries(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """An entry has its required parts."""
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


# --- to do ---


def _to_do(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """What `mapping new` leaves to a person."""
    left = [
        (rule.steps, "write the heading of the column instead of `?`")
        for rule in mapping.rules
        if TO_CHOOSE in rule.cells
    ]
    left += mapping.open_codes
    tables: list[tuple[Steps, LookupKey, Iterable[tuple[str, str]]]] = [
        (("lookups", name), name, table.items())
        for name, table in mapping.file.lookups.items()
        if isinstance(table, dict)
    ]
    own = ((steps, use) for steps, use in mapping.lookups if isinstance(use, OwnTable))
    tables += [(steps, use, use.rows) for steps, use in own]
    advice = {
        lookup: to_choose(rule.field)
        for rule, _, step in mapping.keys
        for _, lookup in step.needs.lookups
    }
    for steps, use, rows in tables:
        words = [key for key, code in rows if code == TO_CHOOSE]
        for at, key in enumerate(words):
            one = advice.get(use, "write the code instead of `?`")
            left.append(((*steps, key), one.partition(";")[0] if at else one))
    for steps, what in left:
        yield MappingFinding(steps, f"to do: {what}", level=Level.TO_DO)


# --- hints ---


def _hint(steps: Steps, wrong: str) -> MappingFinding:
    return MappingFinding(steps, wrong, level=Level.HINT)


def _no_value(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Rows to which the rule of a required field does not apply, or gives a blank code."""
    for rule in (rule for rule in mapping.rules if rule.required == "true"):
        if not (rule.rule.get(Default) or rule.rule.everywhere):
            wrong = "rows to which no `when` applies are rejected, because every record needs it"
            yield _hint(rule.steps, f"{wrong}; add a `default`, or skip the rows")
        for where in (where for code, where in rule.codes(mapping.tables) if code == ""):
            wrong = f"a code is blank, and rows without `{rule.field.name}` are rejected"
            yield _hint(where, f"{wrong}; write Alma's code")


def _unused(mapping: MappingDocument) -> Iterator[MappingFinding]:
    """Values, lookups, headings and terms that no rule uses."""
    file, parts = mapping.file, mapping.with_absent
    rules = [rule for part in parts for rule in (*part.values, *part.rules)]
    needed = {name for rule in rules for name in rule.needs}
    tested = (subject for part in parts for _, subject, _ in part.tests)
    needed |= {one.name for one in tested if isinstance(one, Variable)}
    needed |= {name.partition(".")[0] for name in needed}
    for name in file.values:
        if f"{VALUE}{name}" not in needed:
            yield _hint(("values", name), f"no rule uses `<{VALUE}{name}>`")
    lookups = {name for part in parts for _, name in part.lookups}
    for name in file.lookups:
        if name not in lookups:
            yield _hint(("lookups", name), "no rule uses this lookup")
    used = {heading_key(name) for name in mapping.headings}
    named: list[tuple[Steps, str]] = [(("ids", name), name) for name in file.ids]
    named += [(("headings", name), name) for name in file.headings]
    named += [(("roster", "optional", at), name) for at, name in enumerate(file.roster.optional)]
    for place, name in named:
        if heading_key(name) not in used:
            yield _hint(place, f"no rule uses a column `{name}`")
    for at, name in enumerate(file.roster.unused):
        if heading_key(name) in used:
            yield _hint(("roster", "unused", at), f"a rule uses `{name}`; delete it here")
    if file.terms and not any(rule.uses_terms for rule in rules):
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
    for steps, _, test in mapping.tests:
        for found in filter(None, map(_LIKE_A_PATTERN.fullmatch, test.words)):
            wrong = f"`{found[0]}` is compared literally; list the words that the cells contain"
            if found["other"]:
                wrong += f", or write `{steps[-1]}: {{not: {found['other']}}}`"
            yield _hint(steps, wrong)


CHECKS: tuple[Callable[[MappingDocument], Iterator[MappingFinding]], ...] = (
    _account, _required_fields, _rows, _from_alma, _retire, _keys, _passwords, _lookups, _variables,
    _circles, _tested_dates, _nulls, _entries, _to_do, _no_value, _unused, _match_types,
    _patterns_as_words,
)  # fmt: skip
"""Every check. To add one about a mapping as a whole, write a function and name it here."""

_OF_WHOLE = frozenset(
    {_account, _required_fields, _rows, _from_alma, _retire, _unused, _match_types}
)
"""Checks that are not about rules alone; the other ones are made of `match.absent` as well."""
