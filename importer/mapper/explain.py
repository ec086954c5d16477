"""What each field of the record gets, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.mapper.dates import ORDER_WORDS
from importer.mapper.record import OWNING_SYSTEM, FieldRule
from importer.model.fields import ALWAYS_REQUIRED, Shape
from importer.model.policy import OnUpdate

if TYPE_CHECKING:
    from importer.mapper.clauses import CleanStep
    from importer.mapper.document import Mapping
    from importer.mapper.grammar import Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """A field, by its label, and a sentence about it."""

    field: str
    sentence: str


_ON_UPDATE = {
    OnUpdate.REPLACE: "",
    OnUpdate.KEEP: "for a known user only where Alma has nothing",
    OnUpdate.ERASE: "a blank clears it in Alma",
    OnUpdate.LATER: "for a known user never earlier than Alma's",
    OnUpdate.NEVER: "only when the user is created",
}


_NEW = {"create": "is created", "skip": "is left alone", "reject": "rejects its row"}
_KNOWN = {"update": "is updated", "skip": "is left alone", "reject": "rejects its row"}


def about(mapping: Mapping) -> tuple[str, ...]:
    """What kind of records it makes and how users are matched, a sentence each."""
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
    """Every mapped field and what it gets, in the record's order."""
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
    if rule.field.path in (*ALWAYS_REQUIRED, OWNING_SYSTEM) or rule.rule.required == "true":
        parts.append("a blank rejects the row")
    elif rule.rule.required == "warn":
        parts.append("a blank is a warning")
    if said := _ON_UPDATE.get(rule.on_update, ""):
        parts.append(said)
    if rule.rule.override:
        parts.append("also over a value that was edited in Alma by hand")
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
        text = f"where {conditions}: {text}"
    if rule.default is not None:
        text += f"; where that is blank: {_rule(mapping, rule.default, shape)}"
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
    "upper": "in capitals",
    "lower": "in small letters",
    "name": "with capitals as people write names",
    "digits": "only the digits",
    "email": "as an e-mail address",
    "zip": "as a ZIP code",
    "phone": "as a telephone number",
    "split": "one part of it",
    "replace": "with a pattern replaced",
}
"""Every other step of `clean`, in words."""
