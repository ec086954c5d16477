"""The mapping of a roster: columns, card and rules side by side, or its text.

A change edits the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain, count
from typing import Any

from aiohttp import web

from importer.errors import MappingError, RosterError, UnreadableFileError, UsageError
from importer.mapper import editing
from importer.mapper.compile import CompiledField, RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.explain import explain
from importer.mapper.load import examine
from importer.mapper.lookups import OTHERWISE
from importer.mapper.mapping import FieldRule, MappingDocument, entry_label
from importer.mapper.mapping import label as path_of
from importer.mapper.placeholders import TO_CHOOSE, Steps, heading_key
from importer.mapper.secret_cells import misplaced, secret_columns, without_secrets
from importer.mapper.yaml_source import cell, scalar
from importer.model.candidates import ENDS
from importer.model.fields import (
    ALWAYS_REQUIRED,
    FIELDS,
    SECRETS,
    TYPE_FIELD,
    CodeRow,
    CodeTables,
    Shape,
)
from importer.model.problem import Place, Problem
from importer.model.roster import Roster
from importer.model.text import similar
from importer.model.vocabulary import (
    Part,
    field_of,
)
from importer.report.wording import field_name, what
from importer.suggest.columns import Guess, guesses
from importer.web.controls import Panel, panels
from importer.web.draft_pages import beside
from importer.web.drafts import StaleError, mapping_text, text_digest
from importer.web.site import Visit, as_shown, see

SAMPLES = 3

MOST_WORDS = 200
"""Different words of a column that are shown; more of them are no codes."""

_FIELDS = (
    "primary_id", "first_name", "middle_name", "last_name", "birth_date", "gender", "user_group",
    "campus_code", "expiry_date", "purge_date", "user_title", "job_category", "job_description",
    "preferred_language", "pin_number",
)  # fmt: skip

_EMAIL, _PHONE, _ADDRESSES = "contact_info.email", "contact_info.phone", "contact_info.address"

NEW = {
    "personal-email": ("Personal email", _EMAIL, "email_address", "personal"),
    "work-email": ("Work email", _EMAIL, "email_address", "work"),
    "mobile": ("Mobile phone", _PHONE, "phone_number", "mobile"),
    "home-phone": ("Home phone", _PHONE, "phone_number", "home"),
    "address": ("Home address, line 1", _ADDRESSES, "line1", "home"),
    "barcode": ("ID (Part.BARCODE)", "user_identifier", "value", "BARCODE"),
    "note": ("Library note", "user_note", "note_text", "LIBRARY"),
}
"""Entries that can be added, by the key of their option: the list, the field of the column, and the
type of each."""

_ADDRESS = ("line1", "line2", "city", "state_province", "postal_code", "country")

_ID = ("primary_id", "barcode")
_LIKELY = {
    Part.PRIMARY_ID: _ID,
    Part.EMPL_ID: _ID,
    Part.BARCODE: _ID,
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
    another way, which `uses` names. `keys`: of all fields that take it. `likely`: where its heading
    and its values suggest to send it. `doubt`: why a person should look at it, "" if there is no
    reason. `distinct`: how many values differ.
    """

    place: Place
    samples: tuple[str, ...]
    filled: int
    distinct: int
    target: str | None
    keys: tuple[str, ...]
    uses: tuple[str, ...]
    likely: Targets
    doubt: str


def steps_of(key: str) -> Steps:
    """Return the steps that lead to a field, by its name in a form."""
    return tuple(int(step) if step.isdigit() else step for step in key.split("/"))


def _taken_by(document: MappingDocument, place: Place) -> tuple[list[FieldRule], str | None]:
    """Return the rules that use a column, and the key of the one that takes its cells."""
    key = heading_key(document.name_of(place.heading))
    here = [rule for rule in document.rules if key and key in map(heading_key, rule.headings)]
    lone = [one for one in here if len(one.headings) == 1 and one.rule.lone_cells]
    return here, key_of(lone[0].steps) if len(here) == len(lone) == 1 else None if here else ""


def columns(roster: Roster, document: MappingDocument, guessed: Collection[Guess]) -> list[Column]:
    """Return the columns of a roster. `guessed`: what they seem to be."""
    groups = targets(document)
    by_place = {guess.place: guess for guess in guessed}
    marks = "\n".join(
        line for line in mapping_text(document.path).splitlines() if editing.is_marked(line)
    )
    found = []
    secret = secret_columns(roster.places, document, ())
    frame = without_secrets(roster, roster.frame, secret)
    for at, place in enumerate(roster.places):
        texts = frame[at]
        filled = texts != ""
        here, target = _taken_by(document, place)
        likely = tuple(_likely(by_place[place], groups)) if place in by_place else ()
        doubt = ""
        if target and cell(document.name_of(place.heading)) in marks:
            doubt = "guess"
        elif target == "" and likely and place.heading not in document.file.roster.unused:
            doubt = "not used yet"
        values = dict.fromkeys(texts[filled].head(50).tolist())
        found.append(
            Column(
                place,
                tuple(values)[:SAMPLES],
                round(100 * float(filled.mean())) if len(texts) else 0,
                int(texts[filled].nunique()),
                target,
                tuple(key_of(rule.steps) for rule in here),
                tuple(field_name(path_of(document, rule)) for rule in here),
                likely,
                doubt,
            )
        )
    return found


def moves(
    found: Collection[Column],
    wanted: dict[str, str],
    names: Mapping[str, str],
    agreed: Collection[str],
) -> dict[str, dict[str, object]]:
    """Return the fields that columns would take from others, which a person confirms first.

    By the letter of the column; `few`: how many different values an ID would have, 0 if enough.
    `wanted`: new targets by letter; a column that loses its field to one in `agreed` is added.
    Raises UsageError if two columns are to get the same field.
    """
    asked: dict[str, dict[str, object]] = {}
    takers: dict[str, Column] = {}
    for one in found:
        target = wanted.get(one.place.letter, one.target)
        if not target or target == one.target or target in NEW:
            continue
        if (other := takers.setdefault(target, one)) is not one:
            msg = (
                f"“{other.place.heading}” and “{one.place.heading}” both go to "
                f"{names.get(target, target)}. Choose another field for one of them."
            )
            raise UsageError(msg)
        for holder in found:
            left = wanted.get(holder.place.letter, holder.target)
            if holder is one or target not in holder.keys or left not in {holder.target, target}:
                continue
            if one.place.letter in agreed:
                if holder.target is not None:
                    wanted[holder.place.letter] = ""
            else:
                few = one.distinct if one.distinct < holder.distinct else 0
                few = few if target.endswith(("primary_id", "value")) else 0
                asked[one.place.letter] = {
                    "heading": one.place.heading, "other": holder.place.heading,
                    "field": names.get(target, target), "few": few,
                }  # fmt: skip
    return asked


Clear = tuple[Steps, Callable[[str], str]]
"""What goes from a mapping, and what removes it from the text."""


def cleared(text: str, clears: Iterable[Clear]) -> str:
    """Return a mapping's text without these parts, at last and from the end, as entries move up."""
    for _, clear in sorted(clears, key=lambda one: one[0], reverse=True):
        text = clear(text)
    return text


def matched(
    document: MappingDocument, text: str, changed: Mapping[Place, str]
) -> tuple[str, list[Clear]]:
    """Return the mapping's text with columns going to these fields, "" for none, and what goes.

    Raises UsageError.
    """
    known = {key for _, group in targets(document) for key, _ in group}
    left = set()
    for place, target in changed.items():
        heading, (_, now) = place.heading, _taken_by(document, place)
        name = document.name_of(heading)
        if now is None:
            msg = f"“{heading}” is used in a way that can only be changed in the mapping's text."
            raise UsageError(msg)
        if target in NEW:
            _, parent, field, kind = NEW[target]
            to, fields = ("record", *parent.split(".")), {field: editing.column(name)}
            fields[TYPE_FIELD[parent]] = kind
            text = editing.add_entry(text, to, [*fields.items()])
        elif target:
            if target not in known:
                raise web.HTTPNotFound
            text = editing.set_column(text, steps_of(target), name)
        if now and now not in changed.values():
            left.add(steps_of(now))
    before, keys = document.file.roster.unused, {heading_key(one.heading) for one in changed}
    unused = [name for name in before if heading_key(name) not in keys]
    unused += [place.heading for place, target in changed.items() if not target]
    if unused != list(before):
        text = editing.set_unused(text, unused)
    gone = {_gone(document, steps, left) for steps in left}
    return text, [(steps, partial(editing.clear_field, steps=steps)) for steps in gone]


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


def targets(document: MappingDocument) -> tuple[tuple[str, Targets], ...]:
    """Return the groups of fields that a column can go to."""
    patron = tuple((key_of(("record", name)), field_name(name)) for name in _FIELDS)
    entries = {
        key_of((*entry.steps, name)): field_name(entry_label(entry, name))
        for entry in document.entries
        for name in (
            *(_ADDRESS if entry.parent.endswith("address") else ()),
            *(one.field.name for one in entry.fields if one.cells),
        )
    }
    others = tuple(
        (key_of(rule.steps), field_name(rule.field.path))
        for rule in document.scalars
        if rule.field.path not in _FIELDS and rule.cells
    )
    groups = (
        ("Patron", patron),
        ("In this mapping", tuple(entries.items())),
        ("More of this mapping", others),
        ("Add", tuple((key, entry[0]) for key, entry in NEW.items())),
    )
    return tuple((name, group) for name, group in groups if group)


def _gone(document: MappingDocument, steps: Steps, left: Collection[Steps]) -> Steps:
    """Return what goes when a field takes no column any more: the field, or its whole entry.

    An entry that needs the field and takes no column of another one is not an entry without it.
    `left`: all fields that take none any more.
    """
    for entry in document.entries:
        needs = any(one.steps in left and one.field.facts.required for one in entry.fields)
        others = any(one.headings for one in entry.fields if one.steps not in left)
        if steps[:-1] == entry.steps and needs and not others:
            return entry.steps
    return steps


# --- codes ---


@dataclass(frozen=True, slots=True)
class WordLine:
    """A word of the roster: how many rows have it, its code, and the codes that are close.

    `typo`: the word with a code of which it may be a typing error.
    """

    word: str
    count: int
    code: str
    near: Targets
    typo: str


@dataclass(frozen=True, slots=True)
class CodesOf:
    """A field that takes codes: its words, Alma's codes for it, and the code of any other word.

    `lookup`: its name; `new`: it is made for the first code. `dates`: the field takes dates, and
    these are the words of its lookup.
    """

    key: str
    name: str
    heading: str
    lookup: str
    new: bool
    lines: tuple[WordLine, ...]
    codes: Targets
    other: str
    dates: bool

    @property
    def open(self) -> int:
        """How many words have no code."""
        return sum(not line.code for line in self.lines)


def words(roster: Roster, document: MappingDocument, tables: CodeTables) -> tuple[CodesOf, ...]:
    """Return the fields of codes that take words of the roster, each with a lookup of its own."""
    found: list[CodesOf] = []
    for rule in document.rules:
        one = _codes_of(rule, document, roster, tables.enabled(rule.field.facts.table))
        if one.lines and one.new:
            taken, name = {*document.file.lookups, *(each.lookup for each in found)}, one.lookup
            names = chain((name,), (f"{name} {number}" for number in count(2)))
            one = replace(one, lookup=next(name for name in names if name not in taken))
        found += [one] if one.lines else []
    return tuple(found)


def _codes_of(
    rule: FieldRule, document: MappingDocument, roster: Roster, table: tuple[CodeRow, ...]
) -> CodesOf:
    """Return the words of a rule that takes one column, those of most rows first.

    They stay in this order: whoever chooses codes with the keyboard stays at their word.
    """
    lookup = rule.rule.lookup if isinstance(rule.rule.lookup, str) else ""
    labels = {
        row.code: f"{row.code}: {row.description}" if row.description else row.code for row in table
    }
    known = document.tables[lookup].codes if lookup in document.tables else {}
    names = {row.code.casefold(): row.code for row in table}
    names |= {row.description.casefold(): row.code for row in table if row.description}
    names |= {word: code for word, code in known.items() if code in labels}
    lines = []
    dates = rule.field.shape is Shape.DATE
    spellings = _spellings(rule, roster, secret_columns(roster.places, document, ()))
    if dates:
        spellings = {key: words for key, words in spellings.items() if key in known}
    if len(spellings) > MOST_WORDS:  # to compare them all would take minutes
        spellings = {}
    spelled = {key: words.most_common(1)[0][0] for key, words in spellings.items()}
    has_code = [key for key, code in known.items() if code in labels]
    for key, words in spellings.items():
        word, count = spelled[key], words.total()
        code = known.get(key, "") if lookup else word if word in labels else ""
        chosen = "" if code == TO_CHOOSE else code
        close = similar(word, names, 3, 50)
        near = tuple((one, labels[one]) for one in dict.fromkeys(names[name] for name in close))
        meant = similar(key, [one for one in close[:1] if one in has_code], least=75)
        typo = spelled.get(meant[0], meant[0]) if meant else ""
        lines.append(WordLine(word, count, chosen, near, typo))
    lines.sort(key=lambda line: -line.count)
    codes, name = tuple(labels.items()), field_name(path_of(document, rule))
    other = document.tables[lookup].otherwise if lookup in document.tables else ""
    return CodesOf(
        key_of(rule.steps), name, rule.cells[0] if rule.cells else "",
        lookup or f"{rule.field.name} codes", not lookup, tuple(lines), codes, other or "", dates,
    )  # fmt: skip


def _spellings(rule: FieldRule, roster: Roster, secret: Collection[int]) -> dict[str, Counter[str]]:
    """Return the words of a rule's only column by what a lookup compares, with their rows.

    There are none where the rule takes no codes or dates, or takes them in another way.
    """
    found: dict[str, Counter[str]] = {}
    coded = rule.field.shape in {Shape.CODE, Shape.DATE}
    if not coded or not rule.rule.lone_cells or len(rule.cells) != 1:
        return found
    if not isinstance(rule.rule.lookup, str | None):
        return found
    wanted = heading_key(rule.cells[0])
    columns = [at for at, place in enumerate(roster.places) if heading_key(place.heading) == wanted]
    frame = roster.frame.drop(index=[*misplaced(roster, secret)])
    for word in frame[columns[0]] if len(columns) == 1 else ():
        if word:
            found.setdefault(heading_key(word), Counter())[word] += 1
    return found


TEXT = "text"


def mapping(visit: Visit) -> web.Response:
    """Show the mapping: what each column becomes, the card of a patron, and the rules."""
    return _page(visit, {}, {})


def _page(visit: Visit, wanted: Mapping[str, str], asked: Mapping[str, object]) -> web.Response:
    """Return the page; `wanted`: targets that are not saved, as `asked` is still open."""
    draft, chosen = visit.draft, visit.mapping
    document, findings = examine(chosen)
    roster, problem = None, ""
    if document is not None:
        try:
            roster = draft.read(draft.layout(document))
        except RosterError as error:
            problem = str(error)
    if document is not None and roster is not None:
        run = RunVariables(visit.now.date(), roster.source.path.name, roster.source.sheet)
        try:
            compile_mapping(document, roster.places, run)
        except MappingError as error:
            findings = (*findings, *error.findings)
    if document is None or roster is None or visit.text("view") == TEXT:
        return _text_page(visit, findings, problem)
    tables = visit.space.codes()
    return visit.step_page(
        "mapping.html.j2",
        "Mapping",
        draft,
        chosen=chosen,
        digest=text_digest(mapping_text(chosen)),
        findings=[*on_form(findings)],
        columns=columns(roster, document, guesses(roster, beside(visit))),
        wanted=wanted,
        asked=asked,
        targets=targets(document),
        card=card(roster, document, tables, visit.now.date(), visit.number("person", 1)),
        lacking=lacking(document),
        words=words(roster, document, tables),
        panels=panels(document, visit.now.date()),
        tables=tables,
    )


_TO_CHOOSE = re.compile(r"\S+ record\.(\S+): replace `\?` with the heading of the column")
_COUNTRY = re.compile(r"\S+ record\.\S+\.country: write Alma's code instead of `\?`.*")
_COLUMNS_LIST = re.compile(r"\S+: its columns are\n")


def on_form(findings: Iterable[str]) -> Iterator[str]:
    """Yield findings about a mapping in words of the form, which lists the columns by itself."""
    for one in findings:
        if found := _TO_CHOOSE.fullmatch(one):
            yield f"Under Columns, choose the column for “{field_name(found[1])}”."
        elif _COUNTRY.fullmatch(one):
            yield "Under Rules, open “Same for everybody” and choose the country of the address."
        elif not _COLUMNS_LIST.match(one):
            yield one
        elif "`optional`" in one:
            yield (
                "Choose another column for each missing one. If only some rosters have it, press "
                "“Show as text” and list it in `optional` under `roster:`."
            )


def _text_page(visit: Visit, findings: tuple[str, ...], problem: str) -> web.Response:
    """Return the page with the mapping's text, and what is wrong with it."""
    chosen, text = visit.mapping, ""
    with suppress(UnreadableFileError):
        text = mapping_text(chosen)
    return visit.step_page(
        "mapping_text.html.j2",
        "Mapping",
        visit.draft,
        chosen=chosen,
        text=text,
        digest=text_digest(text),
        findings=(*findings, *filter(None, [problem])),
    )


def save(visit: Visit) -> web.Response:
    """Change columns, codes and rules together, save the text, or undo the last change.

    A field that would move to another column is asked about first; then nothing is saved. Another
    roster may use the mapping: StaleError is raised if it changed since the page was made, and
    UsageError where a finding would be added, but for a field that has no column yet.
    """
    draft, chosen, do = visit.draft, visit.mapping, visit.text("do")
    if do == "undo":
        draft.undo_edit(chosen)
        return see(_back(visit))
    if text_digest(mapping_text(chosen)) != visit.text("digest"):
        msg = f"The mapping {chosen.name} was changed elsewhere."
        raise StaleError(msg)
    if do == TEXT:
        draft.edit(chosen, visit.text("text").replace("\r\n", "\n"))
        return see(f"mapping?view={TEXT}")
    document, before = examine(chosen)
    if document is None:
        return see("mapping")
    roster = draft.read(draft.layout(document))
    kept = {f"target-{letter}" for letter in visit.texts("keep")}
    wanted = {name.removeprefix("target-"): text for name, text in visit.fields
              if name.startswith("target-") and name not in kept}  # fmt: skip
    found = columns(roster, document, guesses(roster, beside(visit)))
    names = {key: label for _, group in targets(document) for key, label in group}
    if asked := moves(found, wanted, names, visit.texts("move")):
        return _page(visit, wanted, asked)
    shown = panels(document, visit.now.date())
    text, clears = with_values(visit, mapping_text(document.path), shown)
    text = _with_codes(visit, document, roster, text)
    changed = {
        one.place: target
        for one in found
        if (target := wanted.get(one.place.letter)) is not None
        and (one.doubt or target != one.target)
    }
    text, gone = matched(document, text, changed)
    taken = {steps_of(target) for target in changed.values() if target and target not in NEW}
    clears = [clear for clear in clears if clear[0] not in taken]  # now from a column
    text = cleared(text, (*clears, *gone))
    after, findings = examine(chosen, text)
    known = {_PLACES.sub("", one) for one in before}
    added = [one for one in findings if not (_PLACES.sub("", one) in known or _LACKS.search(one))]
    if after is None or added:
        raise UsageError((*added, "This is no mapping.")[0])
    draft.edit(chosen, text)
    return see("grid" if do == "next" else _back(visit))


def _back(visit: Visit) -> str:
    if visit.text("view") == TEXT:
        return f"mapping?view={TEXT}"
    return f"mapping?person={visit.number('person', 1)}&saved=1"


def with_values(visit: Visit, text: str, shown: Iterable[Panel]) -> tuple[str, list[Clear]]:
    """Return a mapping's text with the values of its controls as the form has them, and what goes.

    Raises UsageError.
    """
    sent, clears = dict(visit.fields), list[Clear]()
    for panel in shown:
        for control in panel.controls:
            value = sent.get(f"set {control.key}")
            if value is None or value.strip() == control.value:
                continue
            if value.strip():
                text = control.write(text, value.strip())
            else:
                clears.append((control.steps, control.clear))
    return text, clears


def _with_codes(visit: Visit, document: MappingDocument, roster: Roster, text: str) -> str:
    """Return the mapping's text with codes for words, and for any other word, as the form has them.

    A field gets a lookup if it has none. Raises UsageError.
    """
    sent = dict(visit.fields)
    for field in words(roster, document, visit.space.codes()):
        lookup = field.lookup
        codes = {one.word: sent.get(f"code {field.key} {one.word}", "") for one in field.lines}
        changed = {
            one.word: code
            for one in field.lines
            if (code := codes[one.word].strip()) not in {"", one.code}
        }
        other = sent.get(f"other {field.key}", field.other)
        if field.new and (changed or (other and other != field.other)):
            text = editing.set_key(text, steps_of(field.key), "lookup", scalar(lookup))
            before = {one.word: one.code for one in field.lines if one.code}
            changed = {one.word: (before | changed).get(one.word, "") for one in field.lines}
        for word, code in changed.items():
            text = editing.set_code(text, lookup, word, code) if code else text
        if other != field.other:
            text = editing.set_code(text, lookup, OTHERWISE, other) if other else text
            text = text if other else editing.clear_field(text, ("lookups", lookup, OTHERWISE))
    return text


_LACKS = re.compile("is missing; every new user needs it|no ID is mapped")
_PLACES = re.compile(r":\d+:|\[\d+\]")
"""Lines and positions in a finding, which other changes move."""


WHOLE = 2_000
"""Rows of a roster of which all are mapped for the card; of a larger one, the first ones."""

_HEAD = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A value: its name, text and a note; `key` of the field to which a column can be dragged.

    `source`: the columns or the kind of rule; `plain`: they give it as they are. `rule`: what the
    mapping does, in a sentence. `wrong`: why there is no value, "" if it is right.
    """

    name: str
    key: str
    text: str = ""
    note: str = ""
    source: str = ""
    plain: bool = False
    rule: str = ""
    wrong: str = ""
    lacks: bool = False


def key_of(steps: Steps) -> str:
    """Return the name of a field in a form."""
    return "/".join(map(str, steps))


def lacking(document: MappingDocument) -> tuple[str, ...]:
    """Return the fields that a new patron needs or should have, and that nothing gives."""
    given = {
        rule.field.path for rule in document.scalars
        if TO_CHOOSE not in (*rule.headings, rule.rule.constant)
    }  # fmt: skip
    return tuple(path for path in (*ALWAYS_REQUIRED, *ENDS) if path not in given)


def card(
    roster: Roster, document: MappingDocument, codes: CodeTables, today: date, at: int
) -> dict[str, object] | None:
    """Return the card of one of the people, from 1; None if the mapping cannot be used so far.

    It is of `row`, `at` of `of` people. `blank`: how many of them lack a date, by name.
    """
    document = _usable(document, roster)
    run = RunVariables(today, roster.source.path.name, roster.source.sheet)
    try:
        compiled = compile_mapping(document, roster.places, run)
    except MappingError:
        return None
    secret = secret_columns(roster.places, document, ())
    frame = roster.frame.drop(index=[*misplaced(roster, secret)])
    if not (of := len(frame)):
        return None
    at = min(max(1, at), of)
    row = int(frame.index[at - 1])
    part = frame if of <= WHOLE else frame.loc[sorted({*frame.index[:_HEAD], row})]
    mapped = evaluate(compiled, replace(roster, frame=part), codes)
    shown: dict[str, object] = {"row": row, "at": at, "of": of}
    if row not in mapped.frame.index:
        return shown | {"name": f"Row {row} is left out by the mapping", "parts": (), "blank": ()}
    values = {str(label): str(text) for label, text in mapped.frame.loc[row].items()}
    lacks, told = lacking(document), explain(document)
    wrong: dict[str, Problem] = {}
    for one in mapped.problems:
        if one.origin.row == row and one.severity.holds:
            wrong.setdefault(one.field, one)
    scalars = {one.label: one for one in compiled.scalars}
    paths = [path for path in (*FIELDS, *scalars) if path in scalars or path in lacks]
    user = [
        _line(scalars[path], values, told.get(path, ""), wrong.get(path), codes)
        if path in scalars and path not in lacks
        else Line(field_name(path), key_of(("record", path)), "none", source="no rule", lacks=True)
        for path in dict.fromkeys(paths)
    ]
    parts: dict[str, list[Line]] = {
        "User information": user, "Contact": [], "Identifiers and notes": [],
    }  # fmt: skip
    for entry in compiled.entries:
        parent = entry.parent
        if any(values[label] for label in entry.labels):
            part_ = "Contact" if parent.startswith("contact_info.") else "Identifiers and notes"
            parts[part_] += _entry(entry.fields, parent, values, wrong, codes)
    last, *first = (values.get(name, "") for name in ("last_name", "first_name", "middle_name"))
    name = ", ".join(filter(None, (last, " ".join(filter(None, first)))))
    blank = {path: int((mapped.frame[path] == "").sum()) for path in ENDS if path in mapped.frame}
    return shown | {
        "name": name or f"Row {row}",
        "parts": [(title, lines) for title, lines in parts.items() if lines],
        "blank": [(path, count) for path, count in blank.items() if count],
    }


def _usable(document: MappingDocument, roster: Roster) -> MappingDocument:
    """Return the mapping without what a person still has to choose, and without missing columns."""
    file: Any = document.file
    for rule in (*document.scalars, *(one for entry in document.entries for one in entry.fields)):
        if TO_CHOOSE in (*rule.headings, rule.rule.constant):
            file = _without(file, rule.steps)
    there = {heading_key(place.heading) for place in roster.places}
    missing = [name for name in document.headings if heading_key(name) not in there]
    part = file.roster.model_copy(update={"optional": (*file.roster.optional, *missing)})
    return replace(document, file=file.model_copy(update={"roster": part}))


def _without(part: Any, steps: Steps) -> Any:
    """Return a part of the mapping without the value at these steps."""
    key, rest = steps[0], steps[1:]
    if isinstance(part, tuple):
        return tuple(_without(one, rest) if at == key else one for at, one in enumerate(part))
    value = _without(getattr(part, str(key)), rest) if rest else None
    return part.model_copy(update={str(key): value})


def _line(
    one: CompiledField, values: dict[str, str], rule: str, wrong: Problem | None, codes: CodeTables
) -> Line:
    label, field = one.label, one.field
    text, note = as_shown(field, values[label], codes)
    if label in SECRETS and text:
        text = "set, but not shown"
    return Line(
        field_name(label), key_of(one.written.steps), text, note, *_source([one]), rule,
        what(wrong, show_values=field.path not in SECRETS) if wrong else "",
    )  # fmt: skip


def _entry(
    fields: Iterable[CompiledField],
    parent: str,
    values: dict[str, str],
    wrong: dict[str, Problem],
    codes: CodeTables,
) -> Iterator[Line]:
    """Yield the line of an entry: an address is one, and so is a note with all about it."""
    found = [(one, one.field, values[one.label], wrong.get(one.label)) for one in fields]
    found = [each for each in found if each[2] or each[3]]
    named = {field.name: text for _, field, text, _ in found}
    aside = {TYPE_FIELD.get(parent), "segment_type"}
    main = [each for each in found if not (each[1].name in aside or each[1].shape is Shape.FLAG)]
    if main:
        texts = (as_shown(field, text, codes)[0] for _, field, text, _ in main)
        faults = (what(fault, show_values=True) for *_, fault in main if fault)
        yield Line(
            field_name(f"{parent}[{named.get(TYPE_FIELD.get(parent, ''), '')}]"),
            key_of(main[0][0].written.steps), ", ".join(filter(None, texts)),
            "preferred" if named.get("preferred") == "true" else "",
            *_source(one for one, *_ in main), "", " ".join(faults),
        )  # fmt: skip


def _source(fields: Iterable[CompiledField]) -> tuple[str, bool]:
    """Return the columns behind values, or the kind of rule, and whether they are as they are."""
    fields = [*fields]
    places = [*dict.fromkeys(place for one in fields for place in one.places)]
    plain = all(
        one.written.rule.lone_cells and not one.written.rule.changes
        for one in fields if one.places
    )  # fmt: skip
    if len(places) == 1:
        return f"{places[0].letter} {places[0].heading}", plain
    if places:
        return " ".join(place.letter for place in places), plain
    same = all(one.written.rule.constant is not None for one in fields)
    return "the same for all" if same else "a rule", False
