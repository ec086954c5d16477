"""Words of a roster and the codes that a mapping gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, count

from importer.mapper import editing
from importer.mapper.lookups import OTHERWISE, CodeTable
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
    taken, secret = {*document.file.lookups}, secret_columns(roster.places, document, ())
    for rule in document.fields:
        name, lookup = f"{rule.field.name} codes", rule.rule.lookup
        if not isinstance(lookup, str):
            names = chain((name,), (f"{name} {number}" for number in count(2)))
            lookup = next(name for name in names if name not in taken)
        known = document.tables.get(lookup, CodeTable.of(()))
        spellings = _spellings(rule, roster, secret)
        if rule.field.shape is Shape.DATE:
            spellings = {key: words for key, words in spellings.items() if key in known.codes}
        if 0 < len(spellings) <= MOST_WORDS:  # to compare more would take minutes
            spelled = {key: words.most_common(1)[0][0] for key, words in spellings.items()}
            coding = _Coding(rule, lookup, known, spelled, tables.enabled(rule.field.facts.table))
            fields.append(coding.field(path_of(document, rule), spellings))
            taken.add(lookup)
    return tuple(fields)


@dataclass(frozen=True)
class _Coding:
    """How words of a rule that takes one column get codes. `table`: those that Alma accepts.

    A rule without a lookup gets this one with its first code, and with the words that are codes.
    `spelled`: the words of the roster, as most rows have them, by what a lookup compares.
    """

    rule: MappedField
    lookup: str
    known: CodeTable
    spelled: Mapping[str, str]
    table: tuple[CodeRow, ...]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Alma's codes with their names."""
        return {
            row.code: ": ".join(filter(None, (row.code, row.description))) for row in self.table
        }

    @cached_property
    def codes(self) -> Mapping[str, str]:
        """The code of each word that has one."""
        words = {key: word for key, word in self.spelled.items() if word in self.labels}
        return words if self.rule.rule.lookup is None else self.known.codes

    @cached_property
    def names(self) -> dict[str, str]:
        """The code of each text that may be meant by a word."""
        names = {row.code.casefold(): row.code for row in self.table}
        names |= {row.description.casefold(): row.code for row in self.table if row.description}
        return names | self.coded

    @cached_property
    def coded(self) -> dict[str, str]:
        """The words of the mapping that have a code of Alma."""
        return {word: code for word, code in self.known.codes.items() if code in self.labels}

    def write(self, text: str, code: str, word: str) -> str:
        """Give a word its code."""
        if not code:
            return text
        at = self.rule.at
        if self.rule.rule.lookup is None and not editing.has(text, (*at, "lookup")):
            text = editing.set_key(text, at, "lookup", scalar(self.lookup))
            for key, own in self.codes.items():
                text = editing.set_code(text, self.lookup, self.spelled[key], own)
        return editing.set_code(text, self.lookup, word, code)

    def field(self, path: str, spellings: Mapping[str, Counter[str]]) -> CodesOf:
        """Return the words, those of most rows first.

        They stay in this order: whoever chooses codes with the keyboard stays at their word.
        """
        other = ("lookups", self.lookup, OTHERWISE)

        def write_other(text: str, code: str) -> str:
            return self.write(text, code, OTHERWISE) if code else editing.clear_field(text, other)

        lines = [self._line(key, words.total()) for key, words in spellings.items()]
        return CodesOf(
            field_name(path), self.rule.cells[0],
            tuple(sorted(lines, key=lambda line: -line.count)), tuple(self.labels.items()),
            Control(other, self.known.otherwise or "", write_other),
            self.rule.field.shape is Shape.DATE,
        )  # fmt: skip

    def _line(self, key: str, total: int) -> WordLine:
        word, code = self.spelled[key], self.codes.get(key, "")
        close = similar(word, self.names, 3, 50)
        near = dict.fromkeys(self.names[name] for name in close)
        meant = similar(key, [name for name in close[:1] if name in self.coded], least=75)
        chosen = "" if code == TO_CHOOSE else code
        control = Control(("code", *self.rule.at, word), chosen, partial(self.write, word=word))
        typo = self.spelled.get(meant[0], meant[0]) if meant else ""
        return WordLine(word, total, control, tuple((n, self.labels[n]) for n in near), typo)


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
