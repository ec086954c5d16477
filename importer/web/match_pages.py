"""Match columns with fields, and words with codes. Each click changes lines of the mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches, ndiff
from pathlib import Path

from aiohttp import web

from importer.errors import UsageError
from importer.mapper import editing
from importer.mapper.field_rule import FieldRule
from importer.mapper.load import examine
from importer.mapper.mapping import EntryRules, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.secret_columns import misplaced, secret_columns, without_secrets
from importer.mapper.yaml_source import Steps, cell
from importer.model.fields import ALWAYS_REQUIRED, CodeRow, Shape
from importer.model.files import write_atomically
from importer.model.problem import Place
from importer.model.roster import Roster
from importer.model.text import word_list
from importer.model.vocabulary import BARCODE, field_of
from importer.report.wording import field_name
from importer.suggest.column_guesses import guesses
from importer.suggest.columns import EMPL_ID, PRIMARY_ID, Beside, Guess
from importer.web.drafts import Draft, mapping_text
from importer.web.site import Visit, found, see
from importer.web.workspace import Workspace

SAMPLES = 3

MOST_WORDS = 200
"""Different words of a column that are shown; more of them are no codes."""

_IDENTITY = ("primary_id", "first_name", "middle_name", "last_name", "birth_date", "gender")
_FIELDS = (
    *_IDENTITY, "user_group", "campus_code", "expiry_date", "purge_date", "user_title",
    "job_category", "job_description", "preferred_language", "pin_number",
)  # fmt: skip

_EMAIL, _PHONE = ("record", "contact_info", "email"), ("record", "contact_info", "phone")
_ADDRESSES = ("record", "contact_info", "address")
_IDENTIFIERS, _NOTES = ("record", "user_identifier"), ("record", "user_note")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that can be added: its list, the field that takes the column, and its type."""

    label: str
    list: Steps
    field: str
    type_field: str
    type: str


_NEW = {
    "personal-email": NewEntry("Personal email", _EMAIL, "email_address", "email_type", "personal"),
    "work-email": NewEntry("Work email", _EMAIL, "email_address", "email_type", "work"),
    "mobile": NewEntry("Mobile phone", _PHONE, "phone_number", "phone_type", "mobile"),
    "home-phone": NewEntry("Home phone", _PHONE, "phone_number", "phone_type", "home"),
    "address": NewEntry("Home address, line 1", _ADDRESSES, "line1", "address_type", "home"),
    "barcode": NewEntry("ID (BARCODE)", _IDENTIFIERS, "value", "id_type", "BARCODE"),
    "note": NewEntry("Library note", _NOTES, "note_text", "note_type", "LIBRARY"),
}
"""Entries that can be added, by the key of their option."""

_ADDRESS = ("line1", "line2", "city", "state_province", "postal_code", "country")

_ID = ("primary_id", "barcode")
_LIKELY = {
    PRIMARY_ID: _ID,
    EMPL_ID: _ID,
    BARCODE: _ID,
    "email": ("email_address", "personal-email", "work-email"),
    "phone": ("phone_number", "mobile", "home-phone"),
    "line1": ("line1", "address"),
}
"""Where a column of a kind goes, if not to the field of the same name."""

Targets = tuple[tuple[str, str], ...]
"""Fields that a column can go to: the key and the name of each."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the roster: some values, what share is filled, and where it goes.

    `target`: the key of a field that takes the cell as it is, "" if none, None if it is used in
    another way, which `uses` names. `likely`: where its heading and its values suggest to send it.
    `doubt`: why a person should look at it, "" if there is no reason.
    """

    place: Place
    samples: tuple[str, ...]
    filled: int
    target: str | None
    uses: tuple[str, ...]
    likely: Targets
    doubt: str


@dataclass(frozen=True, slots=True)
class Matching:
    """The columns, the groups of fields that they can go to, and what is missing.

    `missing`: fields that a new patron needs and nothing gives.
    """

    columns: tuple[Column, ...]
    targets: tuple[tuple[str, Targets], ...]
    missing: tuple[str, ...]


def _key(steps: Steps) -> str:
    return "/".join(map(str, steps))


def _steps(key: str) -> Steps:
    return tuple(int(step) if step.isdigit() else step for step in key.split("/"))


def _label(rule: FieldRule, document: MappingDocument) -> str:
    """Return a field in words; that of an entry with the entry's type, if it is a constant."""
    entry = next((one for one in document.entries if rule in one.fields), None)
    return _entry_label(entry, rule.field.name) if entry else field_name(rule.field.path)


def _entry_label(entry: EntryRules, name: str) -> str:
    kinds = (one.rule.constant for one in entry.fields if one.field.name.endswith("_type"))
    return field_name(f"{entry.parent}[{next(filter(None, kinds), entry.position)}].{name}")


def _matching(roster: Roster, document: MappingDocument, beside: Beside) -> Matching:
    rules, targets = document.rules, tuple(_targets(document))
    guessed = {guess.place: guess for guess in guesses(roster, beside)}
    marks = "\n".join(
        line for line in mapping_text(document.path).splitlines() if editing.is_marked(line)
    )
    columns = []
    secret = secret_columns(roster.places, document, ())
    frame = without_secrets(roster, roster.frame, secret)
    for at, place in enumerate(roster.places):
        texts = frame[at]
        filled = texts != ""
        key = heading_key(place.heading)
        here = [rule for rule in rules if key and key in map(heading_key, rule.headings)]
        lone = [r for r in here if len(r.headings) == 1 and r.rule.lone_cells]
        target = _key(lone[0].steps) if len(here) == len(lone) == 1 else None if here else ""
        likely = tuple(_likely(guessed[place], targets)) if place in guessed else ()
        doubt = ""
        if target and cell(place.heading) in marks:
            doubt = "a guess: check it"
        elif target == "" and likely and place.heading not in document.file.roster.unused:
            doubt = "not used yet"
        columns.append(
            Column(
                place,
                tuple(dict.fromkeys(texts[filled].head(50).tolist()))[:SAMPLES],
                round(100 * float(filled.mean())) if len(texts) else 0,
                target,
                tuple(_label(rule, document) for rule in here),
                likely,
                doubt,
            )
        )
    given = {rule.field.path for rule in rules if TO_CHOOSE not in rule.headings}
    missing = tuple(field_name(name) for name in ALWAYS_REQUIRED if name not in given)
    return Matching(tuple(columns), targets, missing)


def _marked(before: str, text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a text, each with whether it is new since the text before."""
    for line in ndiff(before.splitlines(), text.splitlines()):
        if line[0] in " +":
            yield line[2:], line[0] == "+"


def _likely(guess: Guess, targets: tuple[tuple[str, Targets], ...]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a column seems to be for."""
    field = guess.field or field_of(guess.place.heading)  # another column may have the field too
    if field:
        names = _LIKELY.get(field, (field,))
    else:
        names = _ID if guess.identifies else ("user_group",) if guess.worded else ()
    found: dict[str, str] = {}
    for _, group in targets:
        for key, label in group:
            if key.rpartition("/")[2] in names:
                found.setdefault(label, key)  # an entry of this mapping before a new one
    yield from ((key, label) for label, key in found.items())


def _targets(document: MappingDocument) -> Iterator[tuple[str, Targets]]:
    """Yield the groups of fields that a column can go to."""
    yield "Patron", tuple((_key(("record", name)), field_name(name)) for name in _FIELDS)
    entries = {
        _key((*entry.steps, name)): _entry_label(entry, name)
        for entry in document.entries
        for name in (
            *(_ADDRESS if entry.parent.endswith("address") else ()),
            *(one.field.name for one in entry.fields if one.cells),
        )
    }
    if entries:
        yield "In this mapping", tuple(entries.items())
    others = tuple(
        (_key(rule.steps), field_name(rule.field.path))
        for rule in document.scalars
        if rule.field.path not in _FIELDS and rule.cells
    )
    if others:
        yield "More of this mapping", others
    yield "Add", tuple((key, entry.label) for key, entry in _NEW.items())


def match(visit: Visit) -> web.Response:
    """Show each column, and the field that it goes to."""
    draft, chosen = visit.draft, visit.mapping
    roster, document, findings = _read(draft, chosen)
    text = mapping_text(chosen)
    before = draft.text_before(chosen)
    return visit.step_page(
        "match.html.j2",
        "Mapping",
        draft,
        chosen=chosen,
        shown=_matching(roster, document, _beside(visit)),
        findings=findings,
        lines=list(_marked(text if before is None else before, text)),
        saved=visit.text("saved") == "1",
    )


def _read(draft: Draft, chosen: Path) -> tuple[Roster, MappingDocument, tuple[str, ...]]:
    """Return the roster, the mapping, and what is wrong with it. Raises RosterError.

    Raises HTTPSeeOther, to the page with the mapping's text, where too little of it is valid.
    """
    document, findings = examine(chosen)
    if document is None:
        raise web.HTTPSeeOther(location="mapping")
    return draft.read(document.layout()), document, findings


def save_match(visit: Visit) -> web.Response:
    """Let columns go to other fields, all of them together, or undo the mapping's last change."""
    draft, chosen = visit.draft, visit.mapping
    if visit.text("do") == "undo":
        draft.undo_edit(chosen)
        return see("match")
    roster, document, _ = _read(draft, chosen)
    shown = _matching(roster, document, _beside(visit))
    wanted = {name.removeprefix("target-"): text for name, text in visit.fields
              if name.startswith("target-")}  # fmt: skip
    _refuse_one_field_twice(shown, wanted)
    trial = chosen.with_name(f".{chosen.name}")  # all columns are saved, or none
    try:
        write_atomically(trial, mapping_text(chosen).encode())
        for column in shown.columns:
            target = wanted.get(column.place.letter, column.target)
            if column.place.letter in wanted and (column.doubt or target != column.target):
                text = _matched(visit, trial, column.place.letter, target or "")
                write_atomically(trial, text.encode())
        draft.edit(chosen, mapping_text(trial))
    finally:
        trial.unlink(missing_ok=True)
    return see("codes" if visit.text("do") == "next" else "match?saved=1")


def _refuse_one_field_twice(shown: Matching, wanted: Mapping[str, str]) -> None:
    """Raise UsageError if two columns are to go to one field, which would take it from one."""
    names = {key: label for _, group in shown.targets for key, label in group}
    takers: dict[str, list[str]] = {}
    for column in shown.columns:
        if target := wanted.get(column.place.letter, column.target):
            takers.setdefault(target, []).append(column.place.heading)
    for target, headings in takers.items():
        if len(headings) > 1 and target not in _NEW:
            told = word_list([f"“{one}”" for one in headings])
            field = names.get(target, target)
            msg = f"{told} both go to {field}. Choose another field for one of them."
            raise UsageError(msg)


def _beside(visit: Visit) -> Beside:
    """Return what is known beside the roster: the day and Alma's codes."""
    return Beside(visit.now.date(), visit.space.codes())


def _matched(visit: Visit, chosen: Path, letter: str, target: str) -> str:
    """Return the mapping's text with a column going to this field; "": it is not used."""
    text = mapping_text(chosen)
    roster, document, _ = _read(visit.draft, chosen)
    shown = _matching(roster, document, _beside(visit))
    column = next((one for one in shown.columns if one.place.letter == letter), None)
    if column is None or column.target is None:
        msg = "This column is used in a way that can only be changed in the mapping's text."
        raise UsageError(msg)
    heading = column.place.heading
    if target in _NEW:
        new = _NEW[target]
        text = editing.add_entry(
            text, new.list, [(new.field, cell(heading)), (new.type_field, new.type)]
        )
    elif target:
        if target not in {key for _, group in shown.targets for key, _ in group}:
            raise web.HTTPNotFound
        text = editing.set_column(text, _steps(target), heading)
    if column.target and column.target != target:
        text = editing.clear_field(text, _cleared(document, _steps(column.target)))
    before = document.file.roster.unused
    unused = [name for name in before if heading_key(name) != heading_key(heading)]
    if not target:
        unused.append(heading)
    return text if unused == list(before) else editing.set_unused(text, unused)


def _cleared(document: MappingDocument, steps: Steps) -> Steps:
    """Return what goes when a field takes no column any more: the field, or its whole entry.

    An entry that needs the field and takes no other column is not an entry without it.
    """
    for entry in document.entries:
        needs = any(one.steps == steps and one.field.facts.required for one in entry.fields)
        if needs and not any(one.headings for one in entry.fields if one.steps != steps):
            return entry.steps
    return steps


# --- codes ---


@dataclass(frozen=True, slots=True)
class WordLine:
    """A word of the roster: how many rows have it, its code, and the codes that are close.

    `unknown`: Alma's table does not have the code.
    """

    word: str
    count: int
    code: str
    near: Targets
    unknown: bool


@dataclass(frozen=True, slots=True)
class CodesOf:
    """A field that takes codes: its words, and Alma's codes for it."""

    key: str
    name: str
    lookup: str
    lines: tuple[WordLine, ...]
    codes: Targets

    @property
    def open(self) -> int:
        """How many words have no code."""
        return sum(not line.code for line in self.lines)


def codes(visit: Visit) -> web.Response:
    """Show the words of the columns that become codes, each with a list of Alma's codes."""
    draft, chosen = visit.draft, visit.mapping
    fields = _codes(visit.space, draft, chosen)
    return visit.step_page("codes.html.j2", "Mapping", draft, chosen=chosen, fields=fields)


def _codes(space: Workspace, draft: Draft, chosen: Path) -> tuple[CodesOf, ...]:
    roster, document, _ = _read(draft, chosen)
    tables = space.codes()
    found = (
        _codes_of(rule, document, roster, tables.enabled(rule.field.facts.table))
        for rule in document.rules
    )
    return tuple(one for one in found if one.lines)


def _codes_of(
    rule: FieldRule, document: MappingDocument, roster: Roster, table: tuple[CodeRow, ...]
) -> CodesOf:
    """Return the words of a rule that takes one column, those without a code first."""
    lookup = rule.lookup if isinstance(rule.lookup, str) else ""
    labels = {
        row.code: f"{row.code}: {row.description}" if row.description else row.code for row in table
    }
    known = document.tables[lookup].codes if lookup in document.tables else {}
    names = {row.code.casefold(): row.code for row in table}
    names |= {row.description.casefold(): row.code for row in table if row.description}
    names |= {word: code for word, code in known.items() if code in labels}
    lines = []
    secret = secret_columns(roster.places, document, ())
    for key, words in _spellings(rule, roster, secret).items():
        word, count = words.most_common(1)[0][0], words.total()
        code = known.get(key, "") if lookup else word if word in labels else ""
        chosen = "" if code == TO_CHOOSE else code
        close = get_close_matches(word.casefold(), names, n=3, cutoff=0.5)
        near = tuple((one, labels[one]) for one in dict.fromkeys(names[name] for name in close))
        lines.append(WordLine(word, count, chosen, near, bool(chosen) and chosen not in labels))
    lines.sort(key=lambda line: (bool(line.code), -line.count))
    few = lines if len(lines) <= MOST_WORDS else []
    codes = tuple(labels.items())
    return CodesOf(_key(rule.steps), _label(rule, document), lookup, tuple(few), codes)


def _spellings(rule: FieldRule, roster: Roster, secret: Collection[int]) -> dict[str, Counter[str]]:
    """Return the words of a rule's only column by what a lookup compares, with their rows.

    There are none where the rule takes no codes, or takes them in another way.
    """
    found: dict[str, Counter[str]] = {}
    if rule.field.shape is not Shape.CODE or not rule.rule.lone_cells or len(rule.cells) != 1:
        return found
    if not isinstance(rule.lookup, str | None):
        return found
    wanted = heading_key(rule.cells[0])
    columns = [at for at, place in enumerate(roster.places) if heading_key(place.heading) == wanted]
    frame = roster.frame.drop(index=[*misplaced(roster, secret)])
    for word in frame[columns[0]] if len(columns) == 1 else ():
        if word:
            found.setdefault(heading_key(word), Counter())[word] += 1
    return found


def save_codes(visit: Visit) -> web.Response:
    """Write the chosen codes of one field into its lookup, or undo the mapping's last change."""
    draft, chosen = visit.draft, visit.mapping
    if visit.text("do") == "undo":
        draft.undo_edit(chosen)
        return see("codes")
    fields = {field.key: field for field in _codes(visit.space, draft, chosen)}
    field = found(fields.get(visit.text("field")))
    text, lookup = mapping_text(chosen), field.lookup
    wanted = {line: visit.text(f"code {line.word}").strip() for line in field.lines}
    changed = {line.word: code for line, code in wanted.items() if code and code != line.code}
    if changed and not lookup:
        lookup = f"{_steps(field.key)[-1]} codes"
        text = editing.use_lookup(text, _steps(field.key), lookup)
        changed = {line.word: code for line, code in wanted.items() if code}
    for word, code in changed.items():
        text = editing.set_code(text, lookup, word, code)
    draft.edit(chosen, text)
    return see("grid" if visit.text("do") == "next" else "codes")
