"""Words of a roster and the codes that a mapping gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from itertools import chain, count

from importer.mapper import editing
from importer.mapper.lookups import OTHERWISE
from importer.mapper.mapping import MappedField, MappingDocument
from importer.mapper.mapping import label as path_of
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.secret_cells import misplaced, secret_columns
from importer.mapper.yaml_source import scalar
from importer.model.fields import CodeRow, CodeTables, Shape
from importer.model.roster import Roster
from importer.model.text import similar
from importer.report.wording import field_name
from importer.web.controls import Choices, Control

MOST_WORDS = 200
"""Different words of a column that are shown; more of them are no codes."""


@dataclass(frozen=True, slots=True)
class WordLine:
    """A word of the roster: how many rows have it, its code, and the codes that are close.

    `typo`: the word with a code of which it may be a typing error.
    """

    word: str
    count: int
    code: Control
    near: Choices
    typo: str


@dataclass(frozen=True, slots=True)
class CodesOf:
    """A field that takes codes: its words, Alma's codes for it, and the code of any other word.

    `dates`: the field takes dates, and these are the words of its lookup.
    """

    name: str
    heading: str
    lines: tuple[WordLine, ...]
    codes: Choices
    other: Control
    dates: bool

    @property
    def open(self) -> int:
        """How many words have no code."""
        return sum(not line.code.value for line in self.lines)

    @property
    def controls(self) -> tuple[Control, ...]:
        """What a form can change of it."""
        return (*(line.code for line in self.lines), self.other)


def words(roster: Roster, document: MappingDocument, tables: CodeTables) -> tuple[CodesOf, ...]:
    """Return the fields of codes that take words of the roster, each with a lookup of its own."""
    fields: list[CodesOf] = []
    taken = {*document.file.lookups}
    for rule in document.fields:
        name, lookup = f"{rule.field.name} codes", rule.rule.lookup
        if not isinstance(lookup, str):
            names = chain((name,), (f"{name} {number}" for number in count(2)))
            lookup = next(name for name in names if name not in taken)
        table = tables.enabled(rule.field.facts.table)
        field = _codes_of(rule, lookup, document, roster, table)
        if field.lines:
            fields.append(field)
            taken.add(lookup)
    return tuple(fields)


def _codes_of(
    rule: MappedField,
    lookup: str,
    document: MappingDocument,
    roster: Roster,
    table: tuple[CodeRow, ...],
) -> CodesOf:
    """Return the words of a rule that takes one column, those of most rows first.

    They stay in this order: whoever chooses codes with the keyboard stays at their word. A rule
    without a lookup gets this one with its first code, and with the words that are codes.
    """
    labels = {
        row.code: f"{row.code}: {row.description}" if row.description else row.code for row in table
    }
    has_one = rule.rule.lookup is not None
    known = document.tables[lookup].codes if lookup in document.tables else {}
    names = {row.code.casefold(): row.code for row in table}
    names |= {row.description.casefold(): row.code for row in table if row.description}
    names |= {word: code for word, code in known.items() if code in labels}
    dates = rule.field.shape is Shape.DATE
    spellings = _spellings(rule, roster, secret_columns(roster.places, document, ()))
    if dates:
        spellings = {key: words for key, words in spellings.items() if key in known}
    if len(spellings) > MOST_WORDS:  # to compare them all would take minutes
        spellings = {}
    spelled = {key: words.most_common(1)[0][0] for key, words in spellings.items()}
    codes = known if has_one else {key: word for key, word in spelled.items() if word in labels}

    def write(text: str, code: str, word: str) -> str:
        if not code:
            return text
        if not has_one and not editing.has(text, (*rule.at, "lookup")):
            text = editing.set_key(text, rule.at, "lookup", scalar(lookup))
            for key, own in codes.items():
                text = editing.set_code(text, lookup, spelled[key], own)
        return editing.set_code(text, lookup, word, code)

    def write_other(text: str, code: str) -> str:
        return write(text, code, OTHERWISE) if code else editing.clear_field(text, of_other)

    lines = []
    has_code = [key for key, code in known.items() if code in labels]
    for key, words in spellings.items():
        word, code = spelled[key], codes.get(key, "")
        close = similar(word, names, 3, 50)
        near = tuple(
            (label, labels[label]) for label in dict.fromkeys(names[name] for name in close)
        )
        meant = similar(key, [label for label in close[:1] if label in has_code], least=75)
        typo = spelled.get(meant[0], meant[0]) if meant else ""
        chosen = "" if code == TO_CHOOSE else code
        control = Control(("code", *rule.at, word), chosen, partial(write, word=word))
        lines.append(WordLine(word, words.total(), control, near, typo))
    lines.sort(key=lambda line: -line.count)
    of_other = ("lookups", lookup, OTHERWISE)
    other = (document.tables[lookup].otherwise or "") if lookup in document.tables else ""
    return CodesOf(
        field_name(path_of(document, rule)), rule.cells[0] if rule.cells else "", tuple(lines),
        tuple(labels.items()), Control(of_other, other, write_other), dates,
    )  # fmt: skip


def _spellings(
    rule: MappedField, roster: Roster, secret: Collection[int]
) -> dict[str, Counter[str]]:
    """Return the words of a rule's only column by what a lookup compares, with their rows.

    There are none where the rule takes no codes or dates, or takes them in another way.
    """
    spellings: dict[str, Counter[str]] = {}
    coded = rule.field.shape in {Shape.CODE, Shape.DATE}
    if not coded or not rule.rule.lone_cells or len(rule.cells) != 1:
        return spellings
    if not isinstance(rule.rule.lookup, str | None):
        return spellings
    wanted = heading_key(rule.cells[0])
    columns = [at for at, place in enumerate(roster.places) if heading_key(place.heading) == wanted]
    frame = roster.frame.drop(index=[*misplaced(roster, secret)])
    for word in frame[columns[0]] if len(columns) == 1 else ():
        if word:
            spellings.setdefault(heading_key(word), Counter())[word] += 1
    return spellings
