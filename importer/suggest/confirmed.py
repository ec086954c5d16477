"""What the mappings of an office confirm about its headings: their lines that are no guesses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from importer.files import read_text_bounded
from importer.mapper.editing import is_marked
from importer.mapper.keys import Rule
from importer.mapper.load import examine
from importer.mapper.mapping import MappedField, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.possible_codes import Codes, looked_up
from importer.mapper.yaml_source import SIZE_LIMIT, cell
from importer.model.fields import FIELDS
from importer.model.roster import NO_HEADINGS
from importer.model.user import AccountType
from importer.model.vocabulary import Part
from importer.suggest.profile import ADDRESS

Confirmed = Mapping[tuple[str, str], tuple[str, str]]
"""What an office's mappings confirm, with the name of the newest that has it.

By heading and word: the word's code; beside a blank, the heading's field.
"""

_MOST = 50
"""Mappings that are read, the newest ones."""
_NAMES = {"email_address": "email", "phone_number": "phone"}
_LIKED = frozenset({
    *(field.name for field in FIELDS.values() if not field.parent),
    *_NAMES.values(), Part.EMPL_ID, *ADDRESS,
})  # fmt: skip
"""Fields that a first mapping takes from a column as it is."""
_CLEANED = frozenset({"lower", "name", "phone", "upper", "zip"})
"""The steps of `clean` with which it takes one."""


def confirmed(folder: Path) -> Confirmed:
    """Return what the mappings of a folder confirm about their headings, and the words below them.

    Lines that are marked as guesses do not count, nor do headings that feed several fields, that
    two mappings use in different ways, or of whose cells a rule makes something else, nor the
    letters of rosters without headings. Files that are no mappings are skipped. The field of the
    primary IDs of External users is Part.EMPL_ID.
    """
    lookups: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    try:
        paths = sorted(folder.glob("*.yaml"), key=lambda path: -path.stat().st_mtime)[:_MOST]
    except OSError:
        paths = []
    for path in paths:
        for key, own in _of(path, lookups).items():
            lookups[key, ""].setdefault(_one(own), path.name)
    agreed = {key: codes for key, codes in lookups.items() if len(codes) == 1 and "" not in codes}
    return {key: next(iter(codes.items())) for key, codes in agreed.items()}


def _one(fields: set[str]) -> str:
    """Return the field of a heading, "" if it is not clear; a whole name feeds its parts."""
    if {"first_name", "last_name"} <= fields <= {"first_name", "middle_name", "last_name"}:
        return Part.FULL_NAME
    return next(iter(fields)) if len(fields) == 1 and fields <= _LIKED else ""


def _takes_as_it_is(rule: MappedField) -> bool:
    """Whether a rule makes of a cell what a first mapping makes of it, too."""
    parts = [part for _, part in rule.nested_and_lone_values]
    templates = [template for part in parts for template in part.templates]
    whole = all(
        template.lone_cell or template.lone_value or template.constant for template in templates
    )
    return (
        whole and all(map(_is_written, parts)) and any(template.lone_cell for template in templates)
    )


def _is_written(rule: Rule) -> bool:
    """Whether a first mapping writes a rule by itself, or it makes no other text."""
    cleaned = all(step.name in _CLEANED for step in rule.clean or ())
    return cleaned and not rule.cases and rule.plus is rule.minus is None


def _looked_up(document: MappingDocument, rule: MappedField) -> Codes:
    """Return the codes of the one lookup that a column goes through, with their places."""
    lookups = [(part.lookup, (*steps, "lookup")) for steps, part in rule.nested_and_lone_values
               if part.lookup is not None]  # fmt: skip
    return looked_up((), *lookups[0], document.tables) if len(lookups) == 1 else ()


def _of(path: Path, codes: defaultdict[tuple[str, str], dict[str, str]]) -> Mapping[str, set[str]]:
    """Return the fields of each heading in a mapping, and add the codes of words below it."""
    columns: defaultdict[str, set[str]] = defaultdict(set)
    document, _ = examine(path)
    if document is None or document.file.roster.header == NO_HEADINGS:
        return columns
    lines = read_text_bounded(path, SIZE_LIMIT).splitlines()
    guessed = "\n".join(filter(is_marked, lines))
    for rule in document.fields:
        field = _NAMES.get(rule.field.name, rule.field.name)
        if field == "primary_id" and document.file.account_type is AccountType.EXTERNAL:
            field = Part.EMPL_ID
        for heading in rule.headings if len(rule.headings) == 1 else ():
            if heading != TO_CHOOSE and cell(heading) not in guessed:
                known = field if _takes_as_it_is(rule) else ""
                names = [*map(heading_key, (heading, *document.file.headings.get(heading, ())))]
                for name in names:
                    columns[name].add(known)
                for code, steps in _looked_up(document, rule) if known in _LIKED else ():
                    line, _ = document.source.locate(steps)
                    if not is_marked(lines[line - 1]) and code not in {None, "", TO_CHOOSE}:
                        for name in names:
                            word = heading_key(str(steps[-1]))
                            codes[name, word].setdefault(str(code), path.name)
    return columns
