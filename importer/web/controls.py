"""What a form can change of a mapping: controls with words, values, and the edit of each.

Values are found where the mapping writes them. What is written in another form stays for its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import permutations

from importer.errors import UsageError
from importer.mapper import editing, keys
from importer.mapper.checks import OF_ENTRIES, check_policy
from importer.mapper.dates import END_OF_TERM, Dates, Term, as_plus_or_date, is_iso
from importer.mapper.explain import MATCH, missing_people, retired_people
from importer.mapper.key_path import KeyPath
from importer.mapper.keys import Rule
from importer.mapper.mapping import (
    EXTERNAL_SYSTEM,
    MappedField,
    MappingDocument,
    entry_label,
    label,
)
from importer.mapper.placeholders import TO_CHOOSE
from importer.mapper.schema import TOP_FIELDS
from importer.mapper.yaml_source import constant as yaml_constant
from importer.mapper.yaml_source import scalar
from importer.model.candidates import ENDS
from importer.model.fields import FIELDS, CodeTables, OnUpdate, Shape
from importer.model.user import AccountType

Choices = tuple[tuple[str, str], ...]
"""Values, each with its words."""


@dataclass(frozen=True, slots=True)
class Control:
    """One value that a form can change. `steps` are its name, and mostly lead to it.

    `field`: the path of the field that it is about, as in messages; `words`: what it is called in
    a panel of one field. `choices`: none for a text. `table`: Alma's code table of the codes that
    it takes. `kind`: radio, date, list (codes with commas), or "" for a choice or a text. `write`:
    returns the mapping's text with another value; raises UsageError if that is none.
    """

    steps: KeyPath
    value: str
    write: Callable[[str, str], str] = field(compare=False)
    field: str = ""
    words: str = ""
    choices: Choices = ()
    table: str = ""
    kind: str = ""

    @property
    def key(self) -> str:
        """Its name in a form."""
        return "/".join(map(str, self.steps))

    def clear(self, text: str) -> str:
        """Write a blank. Raises UsageError if it needs a value."""
        return self.write(text, "")


@dataclass(frozen=True, slots=True)
class Panel:
    """Controls of one thing, and what they do now. `danger`: it changes people without a row.

    `first`: most mappings choose it, so that it is not below the others. `asks`: nobody chose yet.
    """

    title: str
    now: str
    controls: tuple[Control, ...]
    danger: bool = False
    first: bool = False
    asks: bool = False


def panels(mapping: MappingDocument, today: date, tables: CodeTables) -> tuple[Panel, ...]:
    """Return all controls of a mapping. `today`: for a date that is proposed."""
    return (
        *(_end(mapping, path, today) for path in ENDS),
        _cells(mapping),
        _same_for_all(mapping),
        _account(mapping),
        _matching(mapping),
        *_policies(mapping),
        _absent(mapping, tables),
    )


def set_text(steps: KeyPath, text: str, value: str) -> str:
    """Write a text as the value at these steps."""
    return editing.set_value(text, steps, scalar(value))


def set_list(steps: KeyPath, text: str, value: str) -> str:
    """Write the parts of a text between commas as a list. Raises UsageError if there are none."""
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        msg = "Write one code at least."
        raise UsageError(msg)
    return editing.set_value(text, steps, f"[{', '.join(map(scalar, parts))}]")


# --- the end of a record ---

_START = {"expiry_date": "<@today>", "purge_date": "<@expiry_date>"}  # of a span, by field


def _end(mapping: MappingDocument, path: str, today: date) -> Panel:
    """Return the controls of a date on which records end: from a column, or by a rule."""
    steps, start = ("record", path), _START[path]
    mapped = next((mapped for mapped in mapping.scalars if mapped.field.path == path), None)
    after = "the load" if path == ENDS[0] else "the expiration date"
    rule = mapped.rule if mapped else None
    way, text = _way(rule, start) if rule else ("none", "")
    span = text if way == "span" else "1 year"
    day = text if way == "date" else today.replace(year=today.year + 1, day=1).isoformat()
    choices = {
        "term": "At the end of the term",
        "span": f"Some time after {after}",
        "date": "On one date for everybody",
        "none": "None",
    }
    if way in {"column", "text"} and mapped:
        column = f"From the column {' or '.join(mapped.cells)}"
        choices = {way: column if way == "column" else "As the text has it"} | choices

    def set_moment(text: str, value: str) -> str:
        return editing.set_rule(text, steps, _moment(value, start))

    def set_blank(text: str, value: str) -> str:
        if not value.strip():
            return editing.clear_field(text, (*steps, "default"))
        keys = _moment(value, start)
        made = f"{{{', '.join(f'{key}: {moment}' for key, moment in keys.items())}}}"
        return editing.set_key(text, steps, "default", made if len(keys) > 1 else keys["from"])

    def set_way(text: str, way: str) -> str:
        if way == "none":
            return editing.clear_field(text, steps)
        if way == "term" and not editing.has(text, ("terms",)):
            msg = "Enter first when terms end."
            raise UsageError(msg)
        moments = {"term": END_OF_TERM, "span": span, "date": day}
        return set_moment(text, moments[way]) if way in moments else text

    controls = [
        Control(steps, way, set_way, words="When", choices=tuple(choices.items()), kind="radio"),
        Control((*steps, "span"), span, set_moment, words=f"Time after {after}"),
        Control((*steps, "date"), day, set_moment, words="Date", kind="date"),
    ]
    if way == "column":
        controls.append(Control((*steps, "blank"), text, set_blank, words="If the cell is blank"))
    if path == ENDS[0]:
        controls[:0] = _terms(mapping.file.terms)
    now = f"{dict(choices)[way]}{f': {text}' if text and way in choices else ''}"
    return Panel(path, now, tuple(controls), first=path == ENDS[0])


def _way(rule: Rule, start: str) -> tuple[str, str]:
    """Return how a date is found, with its span or date: by a column, that of its blank cells."""
    kinds = {type(key) for key in keys.keys_of(rule)}
    if rule.lone_cells and kinds <= {keys.From, keys.ReadDates, keys.Default}:
        way, text = _way(rule.default, start) if rule.default is not None else ("none", "")
        return ("column", text) if way not in {"column", "text"} else ("text", "")
    if rule.constant is not None and is_iso(rule.constant) and kinds == {keys.From}:
        return "date", rule.constant
    if kinds == {keys.From, keys.Later} and rule.plus and rule.templates[0].text == start:
        return "term" if rule.plus == END_OF_TERM else "span", rule.plus
    return "text", ""


def _moment(text: str, start: str) -> dict[str, str]:
    """Return the keys of a rule for a date, or for a span of time. Raises UsageError."""
    try:
        text = as_plus_or_date(text.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None
    return {"from": scalar(text)} if is_iso(text) else {"from": start, "plus": scalar(text)}


def _terms(terms: tuple[Term, ...]) -> Iterator[Control]:
    """Yield the controls of the ends of terms, and of the time after, which an old end keeps."""
    ends, after = ", ".join(term.ends for term in terms), {term.ends: term.grace for term in terms}
    grace = terms[0].grace if len({*after.values()}) == 1 else ""

    def write(text: str, value: str, graces: Mapping[str, str], grace: str) -> str:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        try:
            made = [Term(ends=part, grace=graces.get(part, grace)) for part in parts]
        except ValueError:
            msg = (
                "Write the month and the day of each end, such as 05-15, 12-20, and a time in days."
            )
            raise UsageError(msg) from None
        if not made:
            return editing.clear_field(text, ("terms",))
        listed = ", ".join(f"{{ends: {term.ends}, grace: {term.grace}}}" for term in made)
        return editing.set_value(text, ("terms",), f"[{listed}]")

    yield Control(("terms",), ends, partial(write, graces=after, grace=grace or "0 days"),
                  words="Terms end on (month-day)")  # fmt: skip
    if grace:
        yield Control(("terms", "grace"), grace,
                      lambda text, value: write(text, ends, {}, value),
                      words="Time after a term")  # fmt: skip


# --- how cells are read ---

_ORDERS = {
    "": "Not said: a date that can be read in two ways is wrong",
    "mdy": "Month, day, year, as in 12/31/2027",
    "dmy": "Day, month, year, as in 31/12/2027",
    "ymd": "Year, month, day, as in 2027/12/31",
}


def _cells(mapping: MappingDocument) -> Panel:
    """Return the controls of how dates, IDs and ZIP codes are read.

    The order of dates is left to the text where the mapping says more than that about them.
    """
    dates, controls = mapping.file.roster.dates, list[Control]()
    if dates == Dates(order=dates.order) and dates.order in _ORDERS:
        controls.append(_order(dates.order))
    for mapped in mapping.fields:
        if mapped.rule.lone_cells and len(mapped.cells) == 1 and mapped.field.path in _IDS:
            controls.append(_digits(mapping, mapped.cells[0]))
        elif mapped.rule.lone_cells and mapped.field.name == "postal_code":
            controls += _zip(mapping, mapped)
    now = _ORDERS.get(dates.order, "As the text has it")
    return Panel("How cells are read", now, tuple(controls), first=True, asks=not dates.order)


_IDS = frozenset({"primary_id", "user_identifier.value"})


def _order(now: str) -> Control:
    steps: KeyPath = ("roster", "dates")

    def write(text: str, value: str) -> str:
        return set_text(steps, text, value) if value else editing.clear_field(text, steps)

    return Control(steps, now, write, words="Dates", choices=tuple(_ORDERS.items()), kind="radio")


def _digits(mapping: MappingDocument, heading: str) -> Control:
    """Return the control of how many digits the IDs of a column have."""
    rule, steps = mapping.file.id_rule(heading), ("ids", heading, "digits")

    def write(text: str, value: str) -> str:
        if not value:
            return editing.clear_field(text, steps)
        if not (value.isascii() and value.isdigit()):
            msg = f"Write how many digits an ID of “{heading}” has, such as 14."
            raise UsageError(msg)
        return editing.set_value(text, steps, value)

    now = str(rule.digits) if rule and rule.digits else ""
    return Control(steps, now, write, words=f"Digits of each ID in “{heading}”")


def _zip(mapping: MappingDocument, mapped: MappedField) -> Iterator[Control]:
    """Yield the control of ZIP codes, unless the text has other steps for them."""
    now = " ".join(str(step.name) for step in mapped.rule.clean or ())
    steps: KeyPath = (*mapped.at, "clean")

    def write(text: str, value: str) -> str:
        if value:
            return editing.set_key(text, mapped.at, "clean", f"[{value}]")
        return editing.clear_field(text, steps)

    choices = (("", "taken as they are"), ("zip", "must be ZIP codes"))
    if now in dict(choices):
        yield Control(steps, now, write, label(mapping, mapped), choices=choices)


# --- the same for everybody ---


def _same_for_all(mapping: MappingDocument) -> Panel:
    """Return the controls of what is the same for everybody, and of codes that nothing gives."""
    controls, given = [], {mapped.field.path for mapped in mapping.scalars}
    for mapped in mapping.fields:
        constant = mapped.rule.constant
        is_open = mapped.headings == (TO_CHOOSE,) and mapped.field.shape is Shape.CODE
        if mapped.field.several or mapped.field.path in {*ENDS, EXTERNAL_SYSTEM}:
            continue
        if constant is not None or is_open:
            value = "" if is_open or constant == TO_CHOOSE else constant or ""
            controls.append(_constant(mapped.at, label(mapping, mapped), mapped.field.path, value))
    missing = (
        field for path, field in FIELDS.items()
        if not field.parent and field.facts.table and path not in {*given, *TOP_FIELDS}
    )  # fmt: skip
    some = sum(bool(control.value) for control in controls)
    controls += (_constant(("record", field.path), field.path, field.path, "") for field in missing)
    now = f"{some or 'None'} of {len(controls)} are set"
    return Panel("Same for everybody", now, tuple(controls), first=True)


def _constant(steps: KeyPath, label: str, path: str, value: str) -> Control:
    field = FIELDS.get(path)
    choices = (("true", "yes"), ("false", "no")) if field and field.shape is Shape.FLAG else ()

    def write(text: str, value: str) -> str:
        if not value.strip():
            return editing.clear_field(text, steps)
        return editing.set_rule(text, steps, {"from": yaml_constant(value.strip())})

    table = field.facts.table if field else ""
    return Control(steps, value, write, label, choices=choices, table=table)


# --- who manages the record, and how it is found ---


def _account(mapping: MappingDocument) -> Panel:
    file, owner = mapping.file, mapping.file.owning_system
    types = {
        str(AccountType.INTERNAL): "Internal: the library manages the record",
        str(AccountType.EXTERNAL): "External: the student information system manages it",
    }

    def write(text: str, value: str) -> str:
        text = set_text(("account_type",), text, value)
        if value == AccountType.EXTERNAL:
            return text if owner else set_text(("owning_system",), text, TO_CHOOSE)
        return editing.clear_field(text, ("owning_system",))

    steps: KeyPath = ("account_type",)
    choices = tuple(types.items())
    controls = [
        Control(steps, str(file.account_type), write, "account_type", "", choices, kind="radio")
    ]
    if owner is not None and owner.constant is not None:
        value = "" if owner.constant == TO_CHOOSE else owner.constant
        steps, table = ("owning_system",), FIELDS[EXTERNAL_SYSTEM].facts.table
        controls.append(
            Control(steps, value, partial(set_text, steps), EXTERNAL_SYSTEM, table=table)
        )
    kinds = tuple((name, name.title()) for name in ("PUBLIC", "STAFF", "CONTACT"))
    controls.append(Control(("record_type",), file.record_type, partial(set_text, ("record_type",)),
                         "record_type", choices=kinds))  # fmt: skip
    return Panel("Account type", types[file.account_type], tuple(controls), first=True)


def _matching(mapping: MappingDocument) -> Panel:
    match = mapping.file.match
    ids = sorted(key for key in mapping.match_keys if key)
    ways = [way for count in (1, 2) for way in permutations(ids, count)]
    names = {",".join(way): _ids(way) for way in (*ways, match.by)}
    steps: KeyPath = ("match", "by")
    controls = [Control(steps, ",".join(match.by), partial(set_list, steps), words="Find people by",
                     choices=tuple(names.items()))]  # fmt: skip
    for name, (words, known) in MATCH.items():
        steps = ("match", name)
        controls.append(Control(steps, getattr(match, name), partial(set_text, steps), words=words,
                             choices=tuple(known.items())))  # fmt: skip
    now = f"{_ids(match.by)}; somebody new {MATCH['new'][1][match.new]}"
    return Panel("Match people by", now, tuple(controls))


def _ids(way: Iterable[str]) -> str:
    return ", then ".join("Primary ID" if name == "primary_id" else name for name in way)


# --- keys with choices ---


CHOICES: Mapping[str, tuple[str, Mapping[object, str]]] = {
    "required": (
        "Blank cells",
        {
            "false": "load the row",
            "warn": "load the row, with a warning",
            "true": "reject the row",
        },
    ),
    "bad": ("Wrong values", {"reject": "reject the row", "drop": "left out with a warning"}),
    "on_update": (
        "Known people",
        {
            OnUpdate.REPLACE: "replaces Alma's value",
            OnUpdate.KEEP: "only if Alma has nothing",
            OnUpdate.ERASE: "replaces or, blank, clears it",
            OnUpdate.LATER: "only by a later date",
            OnUpdate.NEVER: "only set for new people",
            OnUpdate.ADD: "added to what Alma has",
            OnUpdate.REPLACE_ALL: "in place of all that Alma has",
        },
    ),
    "override": (
        "Values edited in Alma",
        {False: "staff's value stays", True: "replaced by the roster's"},
    ),
}
"""The keys of `POLICIES`, in their order: the title of each, and its values in words, the usual one
first."""


def _policies(mapping: MappingDocument) -> Iterator[Panel]:
    """Yield a panel for each key about values, with the fields and entries that can have it."""
    for name, (title, words) in CHOICES.items():
        controls = [
            _choice(name, mapped.at, values, mapped.policies[name], label(mapping, mapped))
            for mapped in mapping.fields
            if mapped.cells and not (mapped.field.parent and name == "on_update")
            if len(values := _values(mapped, name)) > 1
        ]
        for entry in mapping.entries if name == "on_update" else ():
            if entry.at[0] == "record":
                main = (column.field.name for column in entry.fields if column.field.facts.required)
                values = [OnUpdate.REPLACE, *OF_ENTRIES]
                written = entry.part.on_update or OnUpdate.REPLACE
                of = entry_label(entry, next(main, ""))
                controls.append(_choice(name, entry.at, values, written, of))
        usual = next(iter(words.values()))
        other = [control for control in controls if control.value != control.choices[0][0]]
        now = usual[:1].upper() + usual[1:]
        now += f"; otherwise for {len(other)} of {len(controls)} fields" if other else ""
        if controls:
            yield Panel(title, now, tuple(controls))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(mapped: MappedField, name: str) -> list[object]:
    """Return the values that a key of a field can have and that have an effect, the usual first."""

    def tried(value: object) -> MappedField:
        return replace(mapped, rule=mapped.rule.model_copy(update={name: value}))

    usual = tried(None).policies[name]
    others = (value for value in CHOICES[name][1] if value != usual)
    return [usual, *(
        value for value in others
        if tried(value).policies[name] == value and not any(check_policy(tried(value), name))
    )]  # fmt: skip


def _choice(name: str, at: KeyPath, values: Sequence[object], now: object, field: str) -> Control:
    """Return the control of a key of a field or an entry at these steps; the usual value goes."""
    steps, usual = (*at, name), _text(values[0])

    def write(text: str, value: str) -> str:
        if value == usual:
            return editing.clear_field(text, steps)
        return editing.set_key(text, at, name, value)

    choices = tuple((_text(value), CHOICES[name][1][value]) for value in values)
    return Control(steps, _text(now), write, field, choices=choices)


# --- people who are missing ---


def _absent(mapping: MappingDocument, tables: CodeTables) -> Panel:
    steps, part = ("match", "absent"), mapping.file.match.absent
    if retired := retired_people(mapping):
        return Panel("People who leave", retired, (), danger=True)
    groups = next((r for r in mapping.scalars if r.field.path == "user_group"), None)

    def write(text: str, value: str) -> str:
        codes = groups.mapped_codes(mapping.tables) if groups else {}
        if not value:
            return editing.clear_field(text, steps)
        if not codes:
            msg = "Choose the user groups of the roster first: only people in them are changed."
            raise UsageError(msg)
        among = ", ".join(map(scalar, codes))
        rule = f"{{among: {{user_group: [{among}]}}, set: {{expiry_date: <@today>}}}}"
        return editing.set_value(text, steps, rule)

    choices = (("", "Do nothing to people who are missing"),
               ("on", "End the membership of people who are missing, on the day of the load"),
    )  # fmt: skip
    controls = [Control(steps, "on" if part else "", write, words="People who are missing",
                     choices=choices, kind="radio")]  # fmt: skip
    if part is not None:
        among, after = (*steps, "among", "user_group"), (*steps, "after")
        controls += (
            Control(among, ", ".join(part.among.user_group), partial(set_list, among),
                    words="Only people in these groups",
                    table=FIELDS["user_group"].facts.table, kind="list"),
            Control(after, part.after if "after" in part.model_fields_set else "",
                    partial(set_text, after), words="Missing for how long, such as 30 days"),
        )  # fmt: skip
    names = {row.code: row.description or row.code for row in tables.enabled("UserGroups")}
    off = "Off: nobody is changed because they are missing"
    now = f"On: {missing_people(mapping, names)}" if part else off
    return Panel("People who are missing", now, tuple(controls), danger=part is not None)
