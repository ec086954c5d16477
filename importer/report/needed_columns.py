"""The columns of a roster that a mapping needs, and what each contains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from importer.mapper.mapping import MappedField, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, Cell, heading_key
from importer.model.candidates import IdRule
from importer.model.fields import FIELDS, CodeRow, CodeTables, Shape
from importer.report.masking import printable

_EXAMPLES = {
    "first_name": "Maria",
    "middle_name": "B.",
    "last_name": "Sample",
    "pref_first_name": "Mia",
    "email_address": "maria.sample@example.org",
    "phone_number": "605-555-0123",
    "line1": "100 Maple St",
    "line2": "Apt 4",
    "city": "Northfield",
    "state_province": "SD",
    "postal_code": "57001",
    "note_text": "a note",
}
"""By a field's last name; the person is invented."""
_BIRTH, _EXPIRY = date(2001, 4, 30), date(2035, 8, 31)
_DATES = {"mdy": "mm/dd/yyyy", "dmy": "dd/mm/yyyy"}
"""The spreadsheet program's format for an order of dates."""


@dataclass(frozen=True, slots=True)
class NeededColumn:
    """A column that the mapping uses.

    `required`: a row that is blank here is not loaded. `choices` are the words that the mapping's
    lookup knows, else the codes of `table`, Alma's code table if the column contains codes itself;
    none if any are allowed. `date_format`: of its dates in the spreadsheet program, "" for other
    columns; where the mapping has a pattern, the form of dates that every column takes.
    """

    heading: str
    fields: tuple[str, ...]
    required: bool = False
    choices: tuple[CodeRow, ...] = ()
    table: str = ""
    date_format: str = ""
    id_rule: IdRule | None = None

    @property
    def is_id(self) -> bool:
        """Whether it contains IDs."""
        return self.id_rule is not None or not _IDENTIFIERS.isdisjoint(self.fields)

    @property
    def longest(self) -> int:
        """The most characters of a value, 0 for no limit."""
        rule, fields = self.id_rule, self.fields
        if rule is not None:
            return rule.digits if rule.digits and not rule.strip else 0
        listed = self.date_format or self.choices or self.table or self.is_id
        limited = len(fields) == 1 and not listed
        return FIELDS[fields[0]].facts.length if limited else 0

    @property
    def note(self) -> str:
        """The sentences about what to type."""
        names = [
            ": ".join(part.replace("_", " ") for part in path.split(".")[-2:])
            for path in self.fields
        ]
        notes = [f"In Alma: {', '.join(names)}." if names else "Shows which rows are loaded."]
        if rule := self.id_rule:
            if rule.digits and rule.pad:
                notes.append(f"Up to {rule.digits} digits; missing zeros are put in front.")
            elif rule.digits:
                notes.append(f"{rule.digits} digits, leading zeros included.")
            elif rule.pattern:
                notes.append("Type it exactly as on the card or in the list it comes from.")
        if self.date_format:
            notes.append(f"A date, shown as {self.date_format}.")
        if self.choices:
            notes.append("Choose from the list.")
        elif self.table:
            notes.append(f"A code of Alma's table {self.table}.")
        return " ".join(notes)

    @property
    def comment(self) -> str:
        """What the spreadsheet program shows beside the column."""
        return printable(f"{'Required' if self.required else 'Optional'}. {self.note}")

    @property
    def example(self) -> str | date:
        """The value of the invented person in the example row."""
        if self.date_format:
            return _BIRTH if "birth_date" in self.fields else _EXPIRY
        if self.choices:
            return self.choices[0].code
        if self.is_id:
            digits = self.id_rule.digits if self.id_rule else None
            return "0123456789"[:digits] if digits and digits <= 10 else "20001234567890"
        names = [path.rpartition(".")[2] for path in self.fields]
        return next((_EXAMPLES[name] for name in names if name in _EXAMPLES), "")


_IDENTIFIERS = frozenset({"primary_id", "user_identifier.value", "proxy_for_user.primary_id"})


def needed_columns(mapping: MappingDocument, codes: CodeTables) -> tuple[NeededColumn, ...]:
    """Return the columns for this mapping, each once in any form."""
    forms: dict[str, list[str]] = {}
    for name in mapping.headings:
        forms.setdefault(heading_key(name), []).append(name)
    return tuple(_needed(mapping, codes, names) for names in forms.values())


def _needed(mapping: MappingDocument, codes: CodeTables, forms: list[str]) -> NeededColumn:
    """The column of a heading, which the mapping writes in these forms."""
    heading = forms[0]
    feeding = [mapped for mapped in mapping.fields if set(forms) & set(mapped.cells)]
    tests = [
        test
        for _, key, test in mapping.file.roster.only.tests
        if isinstance(key, Cell) and heading_key(key.heading) == heading_key(heading)
    ]
    words = _lookup_words(mapping, forms, feeding)
    if words is None:
        words = next((test.words for test in tests if test.words), ())
    tables = mapping.tables
    selected = not all(test.accepted({""}, date.min, tables) for test in tests)
    coded = [r for r in feeding if r.field.shape is Shape.CODE and r.takes_cells(tables)]
    coded = [r for r in coded if not any(rule.picks for _, rule in r.nested_and_lone_values)]
    table = coded[0].field.facts.table if coded and not words else ""
    dates = [mapped for mapped in feeding if mapped.field.shape is Shape.DATE]
    lone = [mapped for mapped in feeding if mapped.required == "true" and len(mapped.cells) == 1]
    needed = not all(mapped.rule.chooses or mapped.rule.default is not None for mapped in lone)
    id_rule = mapping.file.id_rule(heading)
    date_format = ""
    if dates and id_rule is None and not any(r.field.path in _IDENTIFIERS for r in feeding):
        date_format = _DATES.get(mapping.file.dates(dates[0].rule.dates).order, "yyyy-mm-dd")
    return NeededColumn(
        heading,
        tuple(dict.fromkeys(mapped.field.path for mapped in feeding)),
        selected or needed,
        tuple(map(CodeRow, words)) or codes.enabled(table),
        table,
        date_format,
        id_rule,
    )


def _lookup_words(
    mapping: MappingDocument, forms: list[str], feeding: list[MappedField]
) -> tuple[str, ...] | None:
    """The words with a code of the column's lookup, none if it takes all others too."""
    for rule in (rule for mapped in feeding for _, rule in mapped.nested_and_lone_values):
        lone = [template.pieces for template in rule.templates]
        as_it_is = rule.clean is None and rule.read is None
        if rule.lookup is not None and as_it_is and any((Cell(name),) in lone for name in forms):
            table = mapping.tables[rule.lookup]
            coded = (w for key, w in table.written.items() if table.codes[key] != TO_CHOOSE)
            return tuple(coded) if table.otherwise is None else ()
    return None
