"""What a form can change of a mapping: controls with words, values, and the edit of each.

The keys of rules and entries are walked, so a new key with `choices` has its controls by itself.

Values are found where the mapping writes them. What is written in another form stays for its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import permutations
from typing import Any

from importer.errors import UsageError
from importer.mapper import editing
from importer.mapper.dates import END_OF_TERM, Term, as_plus_or_date, is_iso
from importer.mapper.explain import MATCH, missing_people, retired_people
from importer.mapper.mapping import EXTERNAL_SYSTEM, FieldRule, MappingDocument, entry_label, label
from importer.mapper.placeholders import TO_CHOOSE, Steps
from importer.mapper.schema import ENTRY_KEYS, TOP_FIELDS
from importer.mapper.steps.dates import DatesStep, PlusStep
from importer.mapper.steps.source import Default, From
from importer.mapper.steps.step import EntryKey, Policy, Rule, RulePart, steps_in_order
from importer.mapper.yaml_source import Plain, scalar
from importer.mapper.yaml_source import constant as yaml_constant
from importer.model.candidates import ENDS
from importer.model.fields import FIELDS, LISTS, Shape
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

    steps: Steps
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
    """Controls of one thing, and what they do now. `danger`: it changes people without a row."""

    title: str
    now: str
    controls: tuple[Control, ...]
    danger: bool = False


def panels(mapping: MappingDocument, today: date) -> tuple[Panel, ...]:
    """Return all controls of a mapping. `today`: for a date that is proposed."""
    return (
        *(_end(mapping, path, today) for path in ENDS),
        _same_for_all(mapping),
        _account(mapping),
        _matching(mapping),
        *_policies(mapping),
        _absent(mapping),
    )


def set_text(steps: Steps, text: str, value: str) -> str:
    """Write a text as the value at these steps."""
    return editing.set_value(text, steps, scalar(value))


def set_list(steps: Steps, text: str, value: str) -> str:
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
    one = next((rule for rule in mapping.scalars if rule.field.path == path), None)
    after = "the load" if path == ENDS[0] else "the expiration date"
    rule = one.rule if one else None
    way, text = _way(rule, start) if rule else ("none", "")
    span = text if way == "span" else "1 year"
    day = text if way == "date" else today.replace(year=today.year + 1, day=1).isoformat()
    choices = {
        "term": "At the end of the term",
        "span": f"Some time after {after}",
        "date": "On one date for everybody",
        "none": "None",
    }
    if way in {"column", "text"} and one:
        column = f"From the column {' or '.join(one.cells)}"
        choices = {way: column if way == "column" else "As the text has it"} | choices

    def set_moment(text: str, value: str) -> str:
        return editing.set_rule(text, steps, _moment(value, start))

    def set_blank(text: str, value: str) -> str:
        if not value.strip():
            return editing.clear_field(text, (*steps, Default.key))
        keys = _moment(value, start)
        made = f"{{{', '.join(f'{key}: {one}' for key, one in keys.items())}}}"
        return editing.set_key(text, steps, Default.key, made if len(keys) > 1 else keys["from"])

    def set_way(text: str, way: str) -> str:
        if way == "none":
            return editing.clear_field(text, steps)
        if way == "term" and not mapping.file.terms and "\nterms:" not in text:
            msg = "Enter first when terms end."
            raise UsageError(msg)
        moments = {"term": END_OF_TERM, "span": span, "date": day}
        return set_moment(text, moments[way]) if way in moments else text

    found = [
        Control(steps, way, set_way, words="When", choices=tuple(choices.items()), kind="radio"),
        Control((*steps, "span"), span, set_moment, words=f"Time after {after}"),
        Control((*steps, "date"), day, set_moment, words="Date", kind="date"),
    ]
    if way == "column":
        found.append(Control((*steps, "blank"), text, set_blank, words="If the cell is blank"))
    if path == ENDS[0] and isinstance(mapping.file.terms, tuple):
        found[:0] = _terms(mapping.file.terms)
    now = f"{dict(choices)[way]}{f': {text}' if text and way in choices else ''}"
    return Panel(path, now, tuple(found))


def _way(rule: Rule, start: str) -> tuple[str, str]:
    """Return how a date is found, with its span or date: by a column, that of its blank cells."""
    kinds = {type(step) for step in rule.steps if not isinstance(step, Policy)}
    plus, default = rule.get(PlusStep), rule.get(Default)
    if rule.lone_cells and kinds <= {From, DatesStep, Default}:
        way, text = _way(default.value, start) if default else ("none", "")
        return ("column", text) if way not in {"column", "text"} else ("text", "")
    if rule.constant is not None and is_iso(rule.constant) and kinds == {From}:
        return "date", rule.constant
    if kinds == {From, PlusStep} and plus and rule.templates[0].text == start:
        if plus.value == END_OF_TERM:
            return "term", END_OF_TERM
        if isinstance(plus.value, str):
            return "span", plus.value
    return "text", ""


def _moment(text: str, start: str) -> dict[str, str]:
    """Return the keys of a rule for a date, or for a span of time. Raises UsageError."""
    try:
        text = as_plus_or_date(text.strip())
    except ValueError as error:
        raise UsageError(str(error).replace("`", "")) from None
    return {"from": scalar(text)} if is_iso(text) else {"from": start, "plus": scalar(text)}


def _terms(terms: tuple[Term, ...]) -> Iterator[Control]:
    """Yield the controls of the ends of terms, and of the time after, which an old end keeps."""
    ends, after = ", ".join(one.ends for one in terms), {one.ends: one.grace for one in terms}
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
        listed = ", ".join(f"{{ends: {one.ends}, grace: {one.grace}}}" for one in made)
        return editing.set_value(text, ("terms",), f"[{listed}]")

    yield Control(("terms",), ends, partial(write, graces=after, grace=grace or "0 days"),
                  words="Terms end on (month-day)")  # fmt: skip
    if grace:
        yield Control(("terms", "grace"), grace,
                      lambda text, value: write(text, ends, {}, value),
                      words="Time after a term")  # fmt: skip


# --- the same for everybody ---


def _same_for_all(mapping: MappingDocument) -> Panel:
    """Return the controls of what is the same for everybody, and of codes that nothing gives."""
    found, given = [], {rule.field.path for rule in mapping.scalars}
    for rule in mapping.rules:
        constant = rule.rule.constant
        is_open = rule.headings == (TO_CHOOSE,) and rule.field.shape is Shape.CODE
        if rule.field.several or rule.field.path in {*ENDS, EXTERNAL_SYSTEM}:
            continue
        if constant is not None or is_open:
            value = "" if is_open or constant == TO_CHOOSE else constant or ""
            found.append(_constant(rule.steps, label(mapping, rule), rule.field.path, value))
    missing = (
        one for path, one in FIELDS.items()
        if not one.parent and one.facts.table and path not in {*given, *TOP_FIELDS}
    )  # fmt: skip
    some = sum(bool(one.value) for one in found)
    found += (_constant(("record", one.path), one.path, one.path, "") for one in missing)
    return Panel("Same for everybody", f"{some} of {len(found)} are set", tuple(found))


def _constant(steps: Steps, label: str, path: str, value: str) -> Control:
    one = FIELDS.get(path)
    choices = (("true", "yes"), ("false", "no")) if one and one.shape is Shape.FLAG else ()

    def write(text: str, value: str) -> str:
        if not value.strip():
            return editing.clear_field(text, steps)
        return editing.set_rule(text, steps, {"from": yaml_constant(value.strip())})

    table = one.facts.table if one else ""
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

    steps: Steps = ("account_type",)
    choices = tuple(types.items())
    found = [
        Control(steps, str(file.account_type), write, "account_type", "", choices, kind="radio")
    ]
    if owner is not None and owner.constant is not None:
        value = "" if owner.constant == TO_CHOOSE else owner.constant
        steps, table = ("owning_system",), FIELDS[EXTERNAL_SYSTEM].facts.table
        found.append(Control(steps, value, partial(set_text, steps), EXTERNAL_SYSTEM, table=table))
    kinds = tuple((one, one.title()) for one in ("PUBLIC", "STAFF", "CONTACT"))
    found.append(Control(("record_type",), file.record_type, partial(set_text, ("record_type",)),
                         "record_type", choices=kinds))  # fmt: skip
    return Panel("Account type", types[file.account_type], tuple(found))


def _matching(mapping: MappingDocument) -> Panel:
    match = mapping.file.match
    ids = sorted(key for key in mapping.match_keys if key)
    ways = [way for count in (1, 2) for way in permutations(ids, count)]
    names = {",".join(way): _ids(way) for way in (*ways, match.by)}
    steps: Steps = ("match", "by")
    found = [Control(steps, ",".join(match.by), partial(set_list, steps), words="Find people by",
                     choices=tuple(names.items()))]  # fmt: skip
    for name, (words, known) in MATCH.items():
        steps = ("match", name)
        found.append(Control(steps, getattr(match, name), partial(set_text, steps), words=words,
                             choices=tuple(known.items())))  # fmt: skip
    now = f"{_ids(match.by)}; somebody new {MATCH['new'][1][match.new]}"
    return Panel("Match people by", now, tuple(found))


def _ids(way: Iterable[str]) -> str:
    return ", then ".join("Primary ID" if one == "primary_id" else one for one in way)


# --- keys with choices ---


def _policies(mapping: MappingDocument) -> Iterator[Panel]:
    """Yield a panel for each key with choices, with the fields and entries that can have it."""
    kinds = [kind for kind in steps_in_order().values() if issubclass(kind, Policy)]
    for kind in kinds:
        found = [*_of_fields(mapping, kind), *_of_entries(mapping, ENTRY_KEYS.get(kind.key))]
        usual = next(iter(kind.choices.values()), "")
        other = [one for one in found if one.value != one.choices[0][0]]
        now = usual[:1].upper() + usual[1:]
        now += f"; otherwise for {len(other)} of {len(found)} fields" if other else ""
        if found and kind.title:
            yield Panel(kind.title, now, tuple(found))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_fields(mapping: MappingDocument, kind: type[Policy[Any]]) -> Iterator[Control]:
    for rule in mapping.rules:
        if not rule.cells or (rule.field.parent and kind.key in ENTRY_KEYS):
            continue
        usual = kind.of(_with(rule, kind, None))
        first = usual.value if usual else next(iter(kind.choices))
        now = kind.of(rule)
        values = [
            first,
            *(one for one in kind.choices if one != first and _fits(mapping, rule, kind, one)),
        ]
        if len(values) > 1:
            yield _choice(
                kind, (*rule.steps, kind.key), values, now.value if now else first,
                label(mapping, rule), partial(editing.set_key, steps=rule.steps, key=kind.key),
            )  # fmt: skip


def _with(rule: FieldRule, kind: type[Policy[Any]], value: object) -> FieldRule:
    step = None if value is None else kind(value)
    return replace(rule, rule=rule.rule.having({kind.key: step}))


def _fits(
    mapping: MappingDocument, rule: FieldRule, kind: type[Policy[Any]], value: object
) -> bool:
    """Return whether a field can have a value of a key, which then has an effect."""
    tried = _with(rule, kind, value)
    found = kind.of(tried)
    part = RulePart(mapping, tried, tried.rule, tried.steps)
    return found is not None and found.value == value and not any(found.check(part))


def _of_entries(mapping: MappingDocument, kind: type[EntryKey[Any]] | None) -> Iterator[Control]:
    if kind is None:
        return
    for entry in mapping.entries:
        first = next(iter(kind.choices))
        values = [one for one in kind.choices if one == first or not any(kind(one).check(entry))]
        now = next((key.value for key in entry.part.keys if isinstance(key, kind)), first)
        main = next((one.field.name for one in entry.fields if one.field.facts.required), "")
        if entry.steps[0] == "record" and len(values) > 1:
            steps = (*entry.steps, kind.key)
            write = partial(editing.set_value, steps=steps)
            yield _choice(kind, steps, values, now, entry_label(entry, main), write)


def _choice(
    kind: Any, steps: Steps, values: list[Any], now: object, label: str, write: Callable[..., str]
) -> Control:
    usual = _text(values[0])

    def changed(text: str, value: str) -> str:
        return editing.clear_field(text, steps) if value == usual else write(text, value=value)

    choices = tuple((_text(one), kind.choices[one]) for one in values)
    return Control(steps, _text(now), changed, label, choices=choices)


# --- people who are missing ---


def _absent(mapping: MappingDocument) -> Panel:
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

    choices = (("", "Nobody is changed because they are missing"),
               ("on", "End the membership of people who are missing"))  # fmt: skip
    found = [Control(steps, "on" if part else "", write, words="People who are missing",
                     choices=choices, kind="radio")]  # fmt: skip
    if part is not None:
        among, after = (*steps, "among", "user_group"), (*steps, "after")
        found += (
            Control(among, ", ".join(part.among.user_group), partial(set_list, among),
                    words="Only people in these groups",
                    table=FIELDS["user_group"].facts.table, kind="list"),
            Control(after, str(part.after), partial(_set_count, after),
                    words="Missing from how many rosters in a row"),
        )  # fmt: skip
    off = "Off: nobody is changed because they are missing"
    now = f"On, for {missing_people(mapping).replace('Users', 'users', 1)}" if part else off
    return Panel("People who are missing", now, tuple(found), danger=part is not None)


def _set_count(steps: Steps, text: str, value: str) -> str:
    if not (value.strip().isascii() and value.strip().isdigit() and 0 < int(value) <= 100):
        msg = "Write a number from 1 to 100."
        raise UsageError(msg)
    return set_text(steps, text, str(int(value)))


_ONLY: Steps = ("roster", "only")
_CHANGED: tuple[Steps, ...] = (
    ("record",), ("patron_role",), ("match", "retire", "set"), ("match", "retire", "patron_role"),
)  # fmt: skip
_AMONG: Steps = ("match", "retire", "among", "user_group")

_DOMAIN = re.compile(r"(?P<start>\(\?i\)(?:\.\*)?@)(?P<domain>(?:[\w-]|\[\.\])+)(?P<end>\$?)")
"""A pattern that finds the email addresses of one domain, as `mail-domain.yaml` writes it."""

_WORDS = {
    "before": "before", "after": "after", "matches": "matches", "plus": "later by",
    "find": "has this pattern", "with": "gets in its place",
}  # fmt: skip
"""Keys with a value for people, and what each is called behind the name of its field."""


def alma_panels(mapping: MappingDocument) -> tuple[Panel, Panel]:
    """Return the controls of whose records are changed, and of what is changed."""
    whose = tuple(_whose(mapping))
    what = tuple(one for start in _CHANGED for one in _what(mapping, start))
    return (
        Panel("Whose records", str(mapping.file.roster.only), whose),
        Panel("What it changes", "", what),
    )


def _whose(mapping: MappingDocument) -> Iterator[Control]:
    """Yield a control for each list of words, date and pattern by which users are selected."""
    for steps, value in _texts(mapping.source.value(_ONLY), _ONLY):
        path, key = "".join(map(str, steps[len(_ONLY) :][:1])), str(steps[-1])
        if path in {"", "any", "account_type"}:
            continue
        if key in {path, "is"}:
            words = [value] if isinstance(value, str) else value
            write = partial(_set_words, mapping, steps)
            table = FIELDS[path].facts.table if path in FIELDS else ""
            yield Control(steps, ", ".join(map(str, words)), write, path, table=table, kind="list")
        elif isinstance(value, str) and (domain := plain_domain(value)):
            write = partial(_set_domain, mapping)
            yield Control(steps, domain.removeprefix("@"), write, path, "of the domain")
        elif key in _WORDS and isinstance(value, str) and (key == "matches" or is_iso(value)):
            yield _text_control(steps, value, path)


def plain_domain(pattern: str) -> str:
    """Return the domain of email addresses that a pattern finds, `@old.example.org`, or ""."""
    found = _DOMAIN.fullmatch(pattern)
    return f"@{found['domain'].replace('[.]', '.')}" if found else ""


def _set_domain(mapping: MappingDocument, text: str, value: str) -> str:
    """Write another domain wherever the mapping has a pattern that finds one. Raises UsageError."""
    domain = value.strip().removeprefix("@")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain):  # else it would find other addresses
        msg = "Write one mail domain, such as example.org."
        raise UsageError(msg)
    domain = domain.replace(".", "[.]")
    for start in (_ONLY, *_CHANGED):
        for steps, pattern in _texts(mapping.source.value(start), start):
            if isinstance(pattern, str) and (found := _DOMAIN.fullmatch(pattern)):
                text = set_text(steps, text, f"{found['start']}{domain}{found['end']}")
    return text


def _set_words(mapping: MappingDocument, steps: Steps, text: str, value: str) -> str:
    """Write the words that select users; whom the mapping retires by group stay the same ones."""
    text, retire = set_list(steps, text, value), mapping.file.match.retire
    tests = {key: test.words for key, _, test in mapping.file.roster.only.tests}
    same = retire is not None and retire.among.user_group == tests.get("user_group")
    return set_list(_AMONG, text, value) if same and "user_group" in steps else text


def _what(mapping: MappingDocument, start: Steps) -> Iterator[Control]:
    """Yield a control for each span, pattern and text that fields get, and entry that goes."""
    for steps, value in _texts(mapping.source.value(start), start):
        names = [step for step in steps if isinstance(step, str)]
        names = names[names.index("set") + 1 :] if "set" in names else names
        path = _field(names[names[:1] == ["record"] :])
        if not isinstance(value, str) or not path or plain_domain(value):
            continue
        removed = ".".join((path.partition("[")[0], names[-1]))
        if "remove" in names and removed in FIELDS:
            yield Control(steps, value, partial(set_text, steps), removed,
                          table=FIELDS[removed].facts.table)  # fmt: skip
        elif names[-1] in _WORDS:
            entry = "with a text that matches" if "remove" in names else ""
            yield _text_control(steps, value, path, entry)
        elif path.endswith(f".{names[-1]}") and path in _TEXTS and not _CELL.fullmatch(value):
            yield _text_control(steps, value, path)


_CELL = re.compile(r"<[^<>]*>")
_TEXTS = frozenset(path for path, field in FIELDS.items() if field.shape is Shape.TEXT)


def _field(names: list[str]) -> str:
    """Return the path of the field or, as `user_note[0]`, of the list that leads to a value."""
    for end in range(len(names), 0, -1):
        path = ".".join(names[:end])
        if path in FIELDS or path == "patron_role.expiry":
            return path
        if path in LISTS:
            return f"{path}[0]"
    return ""


def _text_control(steps: Steps, value: str, path: str, words: str = "") -> Control:
    kind, words = "date" if is_iso(value) else "", words or _WORDS.get(str(steps[-1]), "")
    return Control(steps, value, partial(set_text, steps), path, words, kind=kind)


def _texts(part: Plain, steps: Steps) -> Iterator[tuple[Steps, Plain]]:
    """Yield the texts and lists of texts in a value, with the steps that lead to each."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _texts(value, (*steps, key))
    elif isinstance(part, list) and not all(isinstance(one, str) for one in part):
        for at, value in enumerate(part):
            yield from _texts(value, (*steps, at))
    elif part:
        yield steps, part
