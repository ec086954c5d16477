"""What a form can change of a mapping whose rows are users of Alma: whose records, and what.

Values are found where the mapping writes them. What is written in another form stays for its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from importer.errors import UsageError
from importer.mapper.controls import Control, Panel, set_list, set_text
from importer.mapper.dates import is_iso
from importer.mapper.mapping import MappingDocument
from importer.mapper.yaml_source import Plain, Steps
from importer.model.fields import FIELDS, LISTS, Shape

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
    for steps, value in _values(mapping.source.values, _ONLY):
        path, key = str(steps[len(_ONLY)]), str(steps[-1])
        if path in {"any", "account_type"}:
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
            yield _text(steps, value, path)


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
        for steps, pattern in _values(mapping.source.values, start):
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
    for steps, value in _values(mapping.source.values, start):
        names = [step for step in steps if isinstance(step, str)]
        names = names[names.index("set") + 1 :] if "set" in names else names
        path = _field(names[names[0] == "record" :])
        removed = ".".join((path.partition("[")[0], names[-1]))
        if not isinstance(value, str) or not path or plain_domain(value):
            continue
        if "remove" in names and removed in FIELDS:
            yield Control(steps, value, partial(set_text, steps), removed,
                          table=FIELDS[removed].facts.table)  # fmt: skip
        elif names[-1] in _WORDS:
            entry = "with a text that matches" if "remove" in names else ""
            yield _text(steps, value, path, entry)
        elif path.endswith(f".{names[-1]}") and _is_text(path) and not _CELL.fullmatch(value):
            yield _text(steps, value, path)


_CELL = re.compile(r"<[^<>]*>")


def _is_text(path: str) -> bool:
    return path in FIELDS and FIELDS[path].shape is Shape.TEXT


def _field(names: list[str]) -> str:
    """Return the path of the field or, as `user_note[0]`, of the list that leads to a value."""
    for end in range(len(names), 0, -1):
        path = ".".join(names[:end])
        if path in FIELDS or path == "patron_role.expiry":
            return path
        if path in LISTS:
            return f"{path}[0]"
    return ""


def _text(steps: Steps, value: str, path: str, words: str = "") -> Control:
    kind, words = "date" if is_iso(value) else "", words or _WORDS.get(str(steps[-1]), "")
    return Control(steps, value, partial(set_text, steps), path, words, kind=kind)


def _values(whole: Plain, start: Steps) -> Iterator[tuple[Steps, Plain]]:
    """Yield the texts and lists of texts below a key, with the steps that lead to each."""
    part = whole
    for step in start:
        part = part.get(str(step), "") if isinstance(part, dict) else ""
    yield from _inside(part, start) if part else ()


def _inside(part: Plain, steps: Steps) -> Iterator[tuple[Steps, Plain]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _inside(value, (*steps, key))
    elif isinstance(part, list) and not all(isinstance(one, str) for one in part):
        for at, value in enumerate(part):
            yield from _inside(value, (*steps, at))
    else:
        yield steps, part
