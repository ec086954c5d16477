"""What an office confirmed about its headings: the lines of its mappings that are no guesses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from importer.mapper.editing import is_marked
from importer.mapper.load import examine
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.yaml_source import cell
from importer.model.files import read_text_bounded
from importer.suggest.columns import ADDRESS, FULL_NAME

SIZE_LIMIT = 1024 * 1024
"""Bytes of a mapping that is read."""
_MOST = 50
"""Mappings that are read, the newest ones."""
_NAMES = {"email_address": "email", "phone_number": "phone"}
_LIKED = frozenset({
    "primary_id", "first_name", "middle_name", "last_name", "user_group", "birth_date",
    "expiry_date", "purge_date", "gender", "campus_code", "job_description", "user_title", "email",
    "phone", *ADDRESS,
})  # fmt: skip
"""Fields that a first mapping takes from a column as it is."""


def confirmed(folder: Path) -> Mapping[str, str]:
    """Return the field of each heading in the mappings of a folder, by the heading's key.

    Lines that are marked as guesses do not count, nor do headings that feed several fields or that
    two mappings use in different ways. Files that are no mappings are skipped.
    """
    found: dict[str, set[str]] = {}
    try:
        paths = sorted(folder.glob("*.yaml"), key=lambda path: -path.stat().st_mtime)[:_MOST]
    except OSError:
        return {}
    for path in paths:
        for key, fields in _of(path).items():
            found.setdefault(key, set()).add(_one(fields))
    return {
        key: field for key, fields in found.items() if len(fields) == 1 for field in fields if field
    }


def _one(fields: set[str]) -> str:
    """Return the field of a heading, "" if it is not clear; a whole name feeds its parts."""
    if {"first_name", "last_name"} <= fields <= {"first_name", "middle_name", "last_name"}:
        return FULL_NAME
    return next(iter(fields)) if len(fields) == 1 and fields <= _LIKED else ""


def _of(path: Path) -> Mapping[str, set[str]]:
    document, _ = examine(path)
    if document is None:
        return {}
    text = read_text_bounded(path, SIZE_LIMIT)
    guessed = "\n".join(line for line in text.splitlines() if is_marked(line))
    found: dict[str, set[str]] = {}
    for rule in document.rules:
        field = _NAMES.get(rule.field.name, rule.field.name)
        for heading in rule.headings if len(rule.headings) == 1 else ():
            if heading != TO_CHOOSE and cell(heading) not in guessed:
                found.setdefault(heading_key(heading), set()).add(field)
    return found
