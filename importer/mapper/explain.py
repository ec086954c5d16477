"""What a mapping does, in words; the columns that it needs; and the codes that it writes itself."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from enum import StrEnum

from importer.mapper.dates import ORDER_WORDS
from importer.mapper.lookups import OTHERWISE
from importer.mapper.mapping import Mapping, Tables
from importer.mapper.placeholders import TO_CHOOSE, Cell, heading_key
from importer.mapper.schema import EXTERNAL_SYSTEM, FieldRule, Rule
from importer.mapper.transforms import CleanStep, transform
from importer.mapper.yaml_source import Steps
from importer.model.candidates import IdRule
from importer.model.fields import ALWAYS_REQUIRED, OnUpdate, Shape

# --- in words ---


@dataclass(frozen=True, slots=True)
class Explanation:
    """A field, by its label, and a sentence about it."""

    field: str
    sentence: str


_ON_UPDATE = {
    OnUpdate.REPLACE: "",
    OnUpdate.KEEP: "for a known user only if Alma has nothing",
    OnUpdate.ERASE: "a blank cell clears it in Alma",
    OnUpdate.LATER: "for a known user never earlier than Alma's date",
    OnUpdate.NEVER: "only when the user is created",
}


_NEW = {"create": "is created", "skip": "is skipped", "reject": "rejects its row"}
_KNOWN = {"update": "is updated", "skip": "is skipped", "reject": "rejects its row"}


def about(mapping: Mapping) -> tuple[str, ...]:
    """Return what kind of records it makes and how users are matched, a sentence each."""
    found = [f"Makes {mapping.account_type.title()} records of type {mapping.record_type}."]
    match = mapping.match
    found.append(
        f"Looks for a user in Alma by {' or '.join(match.by)}; one that is new "
        f"{_NEW[match.new]}, one that is known {_KNOWN[match.known]}."
    )
    only = mapping.file.roster.only
    if only:
        taken = " and ".join(f"{name} is {' or '.join(words)}" for name, words in only.items())
        found.append(f"Takes only the rows where {taken}.")
    return tuple(found)


def explain(mapping: Mapping) -> tuple[Explanation, ...]:
    """Return every mapped field and what it gets, in the record's order."""
    return tuple(_explanations(mapping))


def _explanations(mapping: Mapping) -> Iterator[Explanation]:
    for rule in mapping.scalars:
        yield Explanation(rule.field.path, _sentence(mapping, rule))
    for entry in mapping.entries:
        prefix = f"{entry.parent}[{entry.position}]"
        for rule in entry.fields:
            yield Explanation(f"{prefix}.{rule.field.name}", _sentence(mapping, rule))


def _sentence(mapping: Mapping, rule: FieldRule) -> str:
    parts = [_rule(mapping, rule.rule, rule.field.shape)]
    if rule.field.path in (*ALWAYS_REQUIRED, EXTERNAL_SYSTEM) or rule.rule.required == "true":
        parts.append("a blank rejects the row")
    elif rule.rule.required == "warn":
        parts.append("a blank is a warning")
    if policy := _ON_UPDATE.get(rule.on_update, ""):
        parts.append(policy)
    if rule.rule.override:
        parts.append("also over a value that was edited by hand in Alma")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."


def _rule(mapping: Mapping, rule: Rule, shape: Shape) -> str:
    steps = [" or else ".join(_template(text) for text in rule.source)]
    steps.extend(_clean(step) for step in rule.clean)
    if rule.lookup is not None:
        name = rule.lookup if isinstance(rule.lookup, str) else rule.lookup.file
        table = mapping.tables[rule.lookup]
        rest = f", otherwise {table.otherwise}" if table.otherwise is not None else ""
        steps.append(f"looked up in `{name}` ({len(table.codes)} values{rest})")
    asks = any(template.cells for template in rule.templates)
    if shape is Shape.DATE and asks:
        base = mapping.file.roster.dates.style
        order = (rule.dates.style.over(base) if rule.dates else base).order
        steps.append(f"read as {ORDER_WORDS.get(order, order) or 'the column itself shows'}")
    if rule.plus:
        steps.append(f"plus {rule.plus}" if not rule.plus.startswith("end") else f"at {rule.plus}")
    text = ", ".join(steps)
    if rule.when:
        conditions = " and ".join(f"{name} is {' or '.join(w)}" for name, w in rule.when.items())
        text = f"if {conditions}: {text}"
    if rule.default is not None:
        when = "otherwise" if rule.when else "if that is blank"
        text += f"; {when}: {_rule(mapping, rule.default, shape)}"
    return text


def _template(text: str) -> str:
    return text if "<" in text else f"always `{text}`"


def _clean(step: CleanStep) -> str:
    match step.word:
        case "first":
            return f"the first {step.first} characters"
        case "last":
            return f"the last {step.last} characters"
        case "pad":
            return f"zeros in front up to {step.pad} digits"
        case "strip":
            return f"without `{step.strip}`"
        case word:
            return _CLEAN[word]


_CLEAN = {
    "upper": "in upper case",
    "lower": "in lower case",
    "name": "with capitals as people write names",
    "digits": "only the digits",
    "email": "as an email address",
    "zip": "as a ZIP code",
    "phone": "as a phone number",
    "split": "one part of it",
    "replace": "with a pattern replaced",
}
"""Every other step of `clean`, in words."""


# --- the columns of a roster ---


class Kind(StrEnum):
    """What a column contains."""

    ID = "ID"
    DATE = "date"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class NeededColumn:
    """A column that the mapping uses.

    `required`: a row that is blank here is not loaded. `choices` are the words that the mapping's
    lookup knows, none if any are allowed; `table` is Alma's code table if the column contains
    codes itself. `dates` is the order or pattern that the mapping declares for it, "" for none.
    """

    heading: str
    fields: tuple[str, ...]
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    table: str = ""
    dates: str = ""
    id_rule: IdRule | None = None


_IDENTIFIERS = frozenset({"primary_id", "user_identifier.value"})


def needed_columns(mapping: Mapping) -> tuple[NeededColumn, ...]:
    """Return the columns of a roster for this mapping, in the order of the record."""
    return tuple(_needed(mapping))


def _needed(mapping: Mapping) -> Iterator[NeededColumn]:
    rules = (*mapping.scalars, *(rule for entry in mapping.entries for rule in entry.fields))
    for heading, written in _headings(mapping).items():
        feeding = [rule for rule in rules if set(written) & set(rule.cells)]
        id_rule = mapping.file.id_rule(heading)
        choices = _choices(mapping, heading, written, feeding)
        kind = _kind(feeding, id_rule, choices)
        yield NeededColumn(
            heading,
            tuple(dict.fromkeys(rule.field.path for rule in feeding)),
            kind,
            any(map(_required, feeding)) or _selects(mapping, heading),
            choices,
            _table(feeding) if not choices else "",
            _dates(mapping, feeding) if kind is Kind.DATE else "",
            id_rule,
        )


def _headings(mapping: Mapping) -> dict[str, list[str]]:
    """The columns' headings, each with the forms in which the mapping writes it.

    Forms that differ by case or blanks are one column, and `<Email *>` needs at least `Email`.
    """
    forms: dict[str, list[str]] = {}
    for name in mapping.headings:
        plain = name.removesuffix("*").rstrip() if Cell(name).repeats else name
        forms.setdefault(heading_key(plain), []).append(name)
    return {names[0].removesuffix("*").rstrip(): names for names in forms.values()}


def _kind(feeding: list[FieldRule], id_rule: IdRule | None, choices: tuple[str, ...]) -> Kind:
    if id_rule is not None or any(rule.field.path in _IDENTIFIERS for rule in feeding):
        return Kind.ID
    if any(rule.field.shape is Shape.DATE for rule in feeding):
        return Kind.DATE
    return Kind.CHOICE if choices or _table(feeding) else Kind.TEXT


def _selects(mapping: Mapping, heading: str) -> bool:
    """Whether `only` takes rows by this column."""
    return any(heading_key(name) == heading_key(heading) for name in mapping.file.roster.only)


def _required(rule: FieldRule) -> bool:
    """Whether a blank in this one column rejects the row."""
    always = rule.field.path in (*ALWAYS_REQUIRED, EXTERNAL_SYSTEM)
    asked = always or rule.rule.required == "true"
    alone = len(rule.cells) == 1 and rule.rule.default is None
    return asked and alone and not rule.rule.when


def _dates(mapping: Mapping, feeding: list[FieldRule]) -> str:
    """The order or pattern that the mapping declares for the first date from the column."""
    base = mapping.file.roster.dates.style
    for rule in feeding:
        if rule.field.shape is Shape.DATE:
            return (rule.rule.dates.style.over(base) if rule.rule.dates else base).order
    return ""


def _choices(
    mapping: Mapping, heading: str, written: list[str], feeding: list[FieldRule]
) -> tuple[str, ...]:
    """The words of the lookup that the column goes through, or those that `only` takes."""
    for rule in feeding:
        for step in rule.rule.chain:
            lone = [template.parts for template in step.templates]
            taken = any((Cell(name),) in lone for name in written)
            if step.lookup is not None and taken and not step.clean:
                table = mapping.tables[step.lookup]
                return tuple(table.written.values()) if table.otherwise is None else ()
    for name, words in mapping.file.roster.only.items():
        if heading_key(name) == heading_key(heading):
            return words
    return ()


def _table(feeding: list[FieldRule]) -> str:
    """Alma's table of the codes that the column contains as they are."""
    for rule in feeding:
        if rule.field.shape is Shape.CODE and rule.rule.lookup is None:
            return rule.field.facts.table
    return ""


# --- codes ---


def mapped_codes(rule: FieldRule, tables: Tables) -> MappingOf[str, Steps]:
    """Return the codes that a rule can give without taking them from a cell, with their places.

    The rule, its alternatives and its defaults count, whether their `when` holds or not. A code
    in several places has the first of them. Only fields of codes give any.
    """
    found: dict[str, Steps] = {}
    if rule.field.shape is Shape.CODE:
        for steps, step in rule.parts:
            found_here = (
                _constants(step, steps) if step.lookup is None else _coded(step, steps, tables)
            )
            for code, where in found_here:
                found.setdefault(code, where)
    return {code: where for code, where in found.items() if code not in _NO_CODES}


_NO_CODES = frozenset({"", TO_CHOOSE})


def takes_cells(rule: FieldRule) -> bool:
    """Return whether a cell's text can become the value without a lookup."""
    return any(
        step.lookup is None and any(template.cells for template in step.templates)
        for step in rule.rule.chain
    )


def _constants(step: Rule, steps: Steps) -> Iterator[tuple[str, Steps]]:
    for template in step.templates:
        text = template.constant or ""
        for part in step.clean:
            text = transform(part)(text, "")[0] if text else ""
        yield text, steps


def _coded(step: Rule, steps: Steps, tables: Tables) -> Iterator[tuple[str, Steps]]:
    """The lookup's codes, each at its key, or, from a file, where the file is named."""
    table = tables.get(step.lookup) if step.lookup is not None else None
    if table is None:
        return
    keys = {table.written[key]: code for key, code in table.codes.items()}
    if table.otherwise is not None:
        keys[OTHERWISE] = table.otherwise
    name = step.lookup
    for key, code in keys.items():
        yield code, ("lookups", name, key) if isinstance(name, str) else (*steps, "lookup")
