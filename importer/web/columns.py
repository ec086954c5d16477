"""The columns of a roster: where each goes in the mapping, and where it seems to belong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from importer.errors import UsageError
from importer.mapper import editing
from importer.mapper.key_path import KeyPath
from importer.mapper.mapping import MappingDocument, entry_label
from importer.mapper.mapping import label as path_of
from importer.mapper.placeholders import heading_key
from importer.mapper.secret_cells import secret_columns, without_secrets
from importer.mapper.yaml_source import cell
from importer.model.fields import TYPE_FIELD
from importer.model.problem import Place
from importer.model.roster import Roster
from importer.model.vocabulary import Part, field_of
from importer.report.wording import field_name
from importer.suggest.columns import Guess
from importer.web.drafts import mapping_text

SAMPLES = 3

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
    "barcode": ("ID (BARCODE)", "user_identifier", "value", "BARCODE"),
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
class RosterColumn:
    """A column of the roster: some values, what share is filled, and where it goes.

    `target`: the key of a field that takes the cell as it is, "" if none, None if it is used in
    another way, which `uses` names. `keys`: of all fields that take it. `likely`: where its heading
    and its values suggest to send it. `doubt`: why a person should look at it, or "".
    `distinct`: how many values differ.
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


def key_of(steps: KeyPath) -> str:
    """Return the name of a field in a form."""
    return "/".join(map(str, steps))


def steps_of(key: str) -> KeyPath:
    """Return the steps that lead to a field, by its name in a form."""
    return tuple(int(step) if step.isdigit() else step for step in key.split("/"))


def columns(
    roster: Roster, document: MappingDocument, guessed: Collection[Guess]
) -> list[RosterColumn]:
    """Return the columns of a roster. `guessed`: what they seem to be."""
    groups = targets(document)
    by_place = {guess.place: guess for guess in guessed}
    marks = "\n".join(
        line for line in mapping_text(document.path).splitlines() if editing.is_marked(line)
    )
    listed = []
    secret = secret_columns(roster.places, document, ())
    frame = without_secrets(roster, roster.frame, secret)
    for at, place in enumerate(roster.places):
        texts = frame[at]
        filled = texts != ""
        key = heading_key(document.name_of(place.heading))
        here = [rule for rule in document.fields if key and key in map(heading_key, rule.headings)]
        whole = [rule for rule in here if len(rule.headings) == 1 and rule.rule.lone_cells]
        alone = len(here) == len(whole) == 1
        target = key_of(here[0].at) if alone else None if here else ""
        likely = tuple(_likely(by_place[place], groups)) if place in by_place else ()
        doubt = ""
        if target and cell(document.name_of(place.heading)) in marks:
            doubt = "guessed: check it"
        elif target == "" and likely and place.heading not in document.file.roster.unused:
            doubt = "not used yet"
        values = dict.fromkeys(texts[filled].head(50).tolist())
        listed.append(
            RosterColumn(
                place,
                tuple(values)[:SAMPLES],
                round(100 * float(filled.mean())) if len(texts) else 0,
                int(texts[filled].nunique()),
                target,
                tuple(key_of(rule.at) for rule in here),
                tuple(field_name(path_of(document, rule)) for rule in here),
                likely,
                doubt,
            )
        )
    return listed


@dataclass(frozen=True, slots=True)
class ColumnMove:
    """A field that a column would take from another; `few`: how many values an ID would have."""

    heading: str
    other: str
    field: str
    few: int  # 0 if enough


def moves(
    columns: Collection[RosterColumn],
    wanted: dict[str, str],
    names: Mapping[str, str],
    agreed: Collection[str],
) -> dict[str, ColumnMove]:
    """Return by letter the fields that columns would take from others, which a person confirms.

    `wanted`: new targets by letter; a column that loses its field to one in `agreed` is added.
    Raises UsageError if two columns are to get the same field.
    """
    asked: dict[str, ColumnMove] = {}
    takers: dict[str, RosterColumn] = {}
    for column in columns:
        target = wanted.get(column.place.letter, column.target)
        if not target or target == column.target or target in NEW:
            continue
        if (other := takers.setdefault(target, column)) is not column:
            msg = (
                f"“{other.place.heading}” and “{column.place.heading}” both go to "
                f"{names.get(target, target)}. Choose another field for one of them."
            )
            raise UsageError(msg)
        for holder in columns:
            left = wanted.get(holder.place.letter, holder.target)
            if holder is column or target not in holder.keys or left not in {holder.target, target}:
                continue
            if column.place.letter in agreed:
                if holder.target is not None:
                    wanted[holder.place.letter] = ""
            else:
                few = column.distinct if column.distinct < holder.distinct else 0
                few = few if target.endswith(("primary_id", "value")) else 0
                headings = column.place.heading, holder.place.heading
                move = ColumnMove(*headings, names.get(target, target), few)
                asked[column.place.letter] = move
    return asked


Clear = tuple[KeyPath, Callable[[str], str]]
"""What goes from a mapping, and what removes it from the text."""


def cleared(text: str, clears: Iterable[Clear]) -> str:
    """Return a mapping's text without these parts, at last and from the end, as entries move up."""
    for _, clear in sorted(clears, key=lambda pair: pair[0], reverse=True):
        text = clear(text)
    return text


def matched(
    document: MappingDocument, text: str, changed: Sequence[tuple[RosterColumn, str]]
) -> tuple[str, list[Clear]]:
    """Return the mapping's text with columns going to these fields, "" for none, and what goes.

    Raises UsageError.
    """
    known = {key for _, group in targets(document) for key, _ in group}
    left, wanted = set(), {target for _, target in changed}
    for column, target in changed:
        heading, name = column.place.heading, document.name_of(column.place.heading)
        if column.target is None:
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
        if column.target and column.target not in wanted:
            left.add(steps_of(column.target))
    before = document.file.roster.unused
    keys = {heading_key(column.place.heading) for column, _ in changed}
    unused = [name for name in before if heading_key(name) not in keys]
    unused += [column.place.heading for column, target in changed if not target]
    if unused != list(before):
        text = editing.set_unused(text, unused)
    gone = {_gone(document, steps, left) for steps in left}
    return text, [(steps, partial(editing.clear_field, at=steps)) for steps in gone]


def _likely(guess: Guess, targets: tuple[tuple[str, Targets], ...]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a column seems to be for."""
    field = guess.field or field_of(guess.place.heading)  # another column may have the field too
    if field:
        names = _LIKELY.get(field, (field,))
    else:
        names = _ID if guess.identifies else ("user_group",) if guess.worded else ()
    likely: dict[str, str] = {}
    for _, group in targets:
        for key, label in group:
            if key.rpartition("/")[2] in names:
                likely.setdefault(label, key)  # an entry of this mapping before a new one
    yield from ((key, label) for label, key in likely.items())


def targets(document: MappingDocument) -> tuple[tuple[str, Targets], ...]:
    """Return the groups of fields that a column can go to, each name once."""
    patron = tuple((key_of(("record", name)), field_name(name)) for name in _FIELDS)
    entries = {
        key_of((*entry.at, name)): field_name(entry_label(entry, name))
        for entry in document.entries
        for name in (
            *(_ADDRESS if entry.parent.endswith("address") else ()),
            *(column.field.name for column in entry.fields if column.cells),
        )
    }
    others = tuple(
        (key_of(rule.at), field_name(rule.field.path))
        for rule in document.scalars
        if rule.field.path not in _FIELDS and rule.cells
    )
    names = {*entries.values()}
    new = ((key, f"Another {name}" if name in names else name) for key, (name, *_) in NEW.items())
    groups = (
        ("Patron", patron),
        ("In this mapping", tuple(entries.items())),
        ("More of this mapping", others),
        ("Add", tuple(new)),
    )
    return tuple((name, group) for name, group in groups if group)


def _gone(document: MappingDocument, steps: KeyPath, left: Collection[KeyPath]) -> KeyPath:
    """Return what goes when a field takes no column any more: the field, or its whole entry.

    An entry that needs the field and takes no column of another one is not an entry without it.
    `left`: all fields that take none any more.
    """
    for entry in document.entries:
        needs = any(column.at in left and column.field.facts.required for column in entry.fields)
        others = any(column.headings for column in entry.fields if column.at not in left)
        if steps[:-1] == entry.at and needs and not others:
            return entry.at
    return steps
