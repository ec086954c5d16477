"""What a mapping does, in words."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.resources import files
from typing import assert_never

from pydantic import BaseModel

from importer.mapper import keys
from importer.mapper.dates import ORDER_WORDS, Dates
from importer.mapper.keys import POLICIES, Rule
from importer.mapper.lookups import CodeTable, LookupFile, LookupKey, OwnTable, Tables
from importer.mapper.mapping import MappedField, MappingDocument
from importer.mapper.placeholders import DOLLAR
from importer.mapper.schema import EntryPart, KeepHeaviest, MappingFile
from importer.model.fields import Shape
from importer.model.roster import NO_HEADINGS
from importer.model.text import counted, word_list

# --- in words ---

Words = Mapping[str, tuple[str, Mapping[str, str]]]
"""Keys with choices: what each is about, and its values in words, as the end of a sentence."""

_TABLES = tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))
MATCH: Words = _TABLES["match"]
"""The choices of `match`."""
_DUPLICATES: Words = {key: (what, _TABLES["rows"]) for key, what in _TABLES["duplicates"].items()}


def _sentences(part: BaseModel, words: Words, always: Collection[str]) -> Iterator[str]:
    """Yield a sentence about each key; unless it is `always` said, only if it is not as usual."""
    for name, (what, values) in words.items():
        value = getattr(part, name)
        if name in always or value != type(part).model_fields[name].default:
            yield f"{what} {values[value]}."


def about(mapping: MappingDocument) -> tuple[str, ...]:
    """Return what it does apart from the fields, a sentence each."""
    file, match = mapping.file, mapping.file.match
    return (
        f"Makes {file.account_type.title()} records of type {file.record_type}.",
        f"Looks for a user in Alma by {' or '.join(match.by)}.",
        *_sentences(match, MATCH, ("new", "known", "possible_match")),
        *_about_roster(file),
        *(
            f"`<{DOLLAR}{mapped.at[-1]}>` is: {_described(mapping, mapped, mapped.rule)}."
            for mapped in {mapped.at: mapped for mapped in mapping.values}.values()
        ),
        *_given((file.terms, f"Terms end on {', '.join(map(str, file.terms))}.")),
        *_about_known_users(mapping),
        *_sentences(mapping.duplicates, _DUPLICATES, _DUPLICATES),
        *(
            f"The lookup `{same.weights}` gives each user group its weight."
            for same in [file.duplicates.same_id]
            if isinstance(same, KeepHeaviest)
        ),
        *(
            f"Tests itself with {counted(len(tests.rows), 'row')}, as on {tests.today}."
            for tests in filter(None, [file.tests])
        ),
        "`apply` stops above the limits of a safety check: "
        + ", ".join(
            f"{name.replace('_', '-')} ({limit.percent:g} % and {limit.count})"
            for name, limit in file.safety_checks
        )
        + ".",
    )


def _given(*texts: tuple[object, str]) -> list[str]:
    """Return the texts of what the mapping sets."""
    return [text for setting, text in texts if setting]


def _about_roster(file: MappingFile) -> Iterator[str]:
    """Yield how the roster is read, which rows are taken, and what its columns contain."""
    roster = file.roster
    without = roster.header == NO_HEADINGS
    rows = " and ".join(map(str, roster.header))
    read = _given(
        (roster.sheet, f"the sheet `{roster.sheet}`"),
        (roster.encoding != "auto", f"text in {roster.encoding}"),
        (roster.header, "a roster without headings" if without else f"headings in row {rows}"),
    )
    yield from _given(
        (read, f"Reads {', '.join(read)}."),
        (roster.only, f"Takes only the rows where {roster.only}."),
        *((True, f"Skips the rows where {skip.when}: {skip.reason}.") for skip in roster.skip),
        (roster.blank, f"A cell that contains {_listed(roster.blank)} is blank."),
        (roster.optional, f"The roster may lack {_listed(roster.optional, 'and')}."),
        (roster.unused, f"Takes nothing from {_listed(roster.unused, 'and')}."),
    )
    for heading, others in file.headings.items():
        yield f"`{heading}` may also be called {_listed(others)}."
    for heading, rule in file.ids.items():
        parts = _given(
            (rule.strip, f"without `{rule.strip}`"),
            (rule.digits, f"{rule.digits} digits"),
            (rule.pad, "lost zeros put back in front"),
            (rule.pattern, f"in the form `{rule.pattern}`"),
            (rule.check_digit, f"with a check digit ({rule.check_digit})"),
        )
        yield f"An ID under `{heading}`: {', '.join(parts)}."


def _listed(words: Iterable[str], last: str = "or") -> str:
    return f" {last} ".join(f"`{word}`" for word in words)


_OPEN = {"hold": "is kept", "expire": "is kept, and the membership ends"}


def _about_known_users(mapping: MappingDocument) -> Iterator[str]:
    """Yield what `match` does beyond finding users."""
    match = mapping.file.match
    if match.managed_elsewhere:
        yield f"Users of {_listed(match.managed_elsewhere)} need review and are never changed."
    if (old := match.keep_old_id) is not None:
        yield f"The old primary ID stays as an {old.status} identifier of type {old.type}."
    yield from about_leaving(mapping)


def about_leaving(mapping: MappingDocument) -> Iterator[str]:
    """Yield what happens to users who leave: those of the rows, or those who are missing."""
    match, leaving = mapping.file.match, mapping.leaving
    changes = (
        "; ".join(f"{label}: {text}" for label, text in explain(leaving).items()) if leaving else ""
    )
    if (retire := match.retire) is not None:
        if retire.do == retire.if_open:
            yield f"{retired_people(mapping)}, also where something is open, such as a loan."
        else:
            yield f"{retired_people(mapping)}. Who has something open {_OPEN[retire.if_open]}."
        if changes:
            yield f"Where the membership ends: {changes}"
    if match.absent is not None:
        yield f"{missing_people(mapping, {})} are changed: {changes}"


def retired_people(mapping: MappingDocument) -> str:
    """Return whom the rows retire, and what that means, "" if nobody."""
    if (retire := mapping.file.match.retire) is None:
        return ""
    groups = word_list(retire.among.user_group, "or")
    return f"Known users of group {groups} are retired: {_TABLES['leaving'][retire.do]}"


def missing_people(mapping: MappingDocument, names: Mapping[str, str]) -> str:
    """Return who counts as missing from the roster, "" if nobody does; `names`: of user groups."""
    if (part := mapping.file.match.absent) is None:
        return ""
    groups = word_list([names.get(code, code) for code in part.among.user_group], "or")
    owners = f" and external system {' or '.join(part.among.external_id)}"
    owned = owners if part.among.external_id else ""
    since = f" for {part.after}" if "after" in part.model_fields_set else ""
    return f"Users of group {groups}{owned} who are missing from the roster{since}"


def explain(mapping: MappingDocument) -> dict[str, str]:
    """Return a sentence about every mapped field, by its label, in the record's order.

    An entry with a condition, or one that does not depend on its cells, has one before its fields.
    It is numbered as the candidates are.
    """
    told = {mapped.field.path: _sentence(mapping, mapped) for mapped in mapping.scalars}
    counts: Counter[str] = Counter()
    for entry in (*mapping.entries, *mapping.removals):
        of = entry.parent if entry.removal is None else f"{entry.parent}.remove"
        label = f"{of}[{counts[of]}]"
        counts[of] += 1
        if phrases := [*_about_entry(entry.part)]:
            told[label] = _joined(phrases)
        for mapped in entry.fields:
            told[f"{label}.{mapped.field.name}"] = _sentence(mapping, mapped)
    return told


def _joined(phrases: list[str]) -> str:
    text = "; ".join(phrases)
    return f"{text[:1].upper()}{text[1:]}."


def _sentence(mapping: MappingDocument, mapped: MappedField) -> str:
    policies = (POLICIES[key].get(value) for key, value in mapped.policies.items())
    return _joined([_described(mapping, mapped, mapped.rule), *filter(None, policies)])


def _described(  # noqa: PLR0912  a case for each key
    mapping: MappingDocument, mapped: MappedField, rule: Rule
) -> str:
    """Return what the rule of a field, or one inside it, does."""
    said = ""
    for key in keys.keys_for(rule, mapped.field):
        match key:
            case keys.When(condition):
                said += f"if {condition}: " if condition else ""
            case keys.From(templates):
                ways = (t.text if "<" in t.text else f"always `{t.text}`" for t in templates)
                said += " or else ".join(ways)
            case keys.AgreesWith(template):
                said += f", the same as {template.text}"
            case keys.Cases(cases):
                said += " – ".join(
                    ("otherwise: " if case.when is None else "") + _described(mapping, mapped, case)
                    for case in cases
                )
            case keys.Clean(steps):
                said = ", ".join((said, *map(str, steps)))
            case keys.ReadName(order):
                said += f", divided as a name (order: {order})"
            case keys.LookUp(lookup):
                said += f", looked up in {_about_lookup(lookup, mapping.tables)}"
            case keys.ReadDates(dates):
                if mapped.field.shape is Shape.DATE and any(t.cells for t in rule.templates):
                    said += _about_dates(mapping.file.dates(dates))
            case keys.Later(plus):
                said += f", {'at' if plus.startswith('end') else 'plus'} {plus}"
            case keys.Earlier(span):
                said += f", minus {span}"
            case keys.Default(default):
                when = "otherwise" if rule.chooses else "if that is blank"
                said += f"; {when}: {_described(mapping, mapped, default)}"
            case _:
                assert_never(key)
    return said


def _about_lookup(lookup: LookupKey, tables: Tables) -> str:
    """Return a lookup in words: its name or file, and its size, 0 if it cannot be used."""
    table = tables.get(lookup, CodeTable({}, {}))
    parts = [counted(len(table.codes), "value")]
    if table.passes:
        parts.append("otherwise the cell's own text")
    elif table.otherwise is not None:
        parts.append(f"otherwise {table.otherwise}")
    if isinstance(lookup, LookupFile):
        return f"`{lookup.file}` ({lookup.key} to {lookup.value}, {', '.join(parts)})"
    if isinstance(lookup, OwnTable):
        return f"its own table ({', '.join(parts)})"
    return f"`{lookup}` ({', '.join(parts)})"


def _about_dates(dates: Dates) -> str:
    """Return how dates are read: `, read as month/day/year`."""
    order = ORDER_WORDS.get(dates.order, dates.order)
    said = f", read as {order or 'the column itself shows'}"
    if dates.pivot is not None:
        said += f", with years of two digits below {dates.pivot:02} as 20xx"
    for name, given in (("month", dates.month), ("year", dates.year)):
        said += f", with a {name} as its last day" if given else ""
    return f"{said}, also from day numbers" if dates.serials else said


def _about_entry(part: EntryPart) -> Iterator[str]:
    """Yield what the keys of an entry say."""
    if part.when is not None:
        yield f"only if {part.when}"
    if part.placeholder:
        yield "also if its cells are blank"
    if on_update := POLICIES["on_update"].get(part.on_update):
        yield on_update
    if part.replaces is not None:
        yield f"in place of {' or '.join(part.replaces)}"
    if part.remove is not None:
        given = part.remove.model_dump(exclude_none=True)
        kinds = [f" of type {text}" for name, text in given.items() if name != "matches"]
        texts = [f" whose text matches `{part.remove.matches}`"] if part.remove.matches else []
        yield f"removes Alma's entries{''.join((*kinds, *texts))}"
