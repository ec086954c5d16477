"""Load a mapping file: read it, and check it without a roster."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from importer.errors import FileMissingError, MappingError, UnreadableFileError
from importer.files import exists, read_bounded, shown
from importer.mapper import checks
from importer.mapper.findings import Level, MappingFinding, in_order
from importer.mapper.json_schema import MISSING, in_our_words
from importer.mapper.key_path import KeyPath
from importer.mapper.lookups import (
    AS_FILE,
    AS_TABLE,
    AS_TEXT,
    CodeTable,
    KeyFile,
    LookupKey,
    OwnTable,
    Tables,
    UnusableLookupError,
    read_lookup,
)
from importer.mapper.mapping import MappingDocument
from importer.mapper.schema import MappingFile
from importer.mapper.yaml_source import SIZE_LIMIT, Plain, YamlSource, read
from importer.model.user import AccountType


@dataclass(frozen=True, slots=True)
class MappingText:
    """A mapping without a file: its YAML. Files that it names are in the current folder."""

    content: bytes

    @classmethod
    def of(cls, values: Mapping[str, object]) -> MappingText:
        """Return the mapping with these values. Raises MappingError if one has no place in it."""
        if _has_none(values):
            raise MappingError(("a mapping cannot contain None; leave the key out",))
        try:
            text = json.dumps(values, ensure_ascii=False, indent=1, default=_day)
        except TypeError as error:
            raise MappingError((str(error),)) from None
        return cls(text.encode())


def _has_none(value: object) -> bool:
    inside = [*value, *value.values()] if isinstance(value, Mapping) else value
    return value is None or (isinstance(inside, list | tuple) and any(map(_has_none, inside)))


def _day(value: object) -> str:
    """Return a date as a mapping writes it. Raises TypeError for anything else."""
    if isinstance(value, date):
        return value.isoformat()
    msg = f"a mapping cannot contain a {type(value).__name__}; write a text, a list or a dict"
    raise TypeError(msg)


NO_FILE = Path("mapping.yaml")
"""The path of a mapping without a file."""


def load(mapping: Path | MappingText) -> MappingDocument:
    """Load a mapping. Raises MappingError with every finding, each with its line and key."""
    document, findings = examine(mapping)
    if document is None or findings:
        raise MappingError(findings)
    return document


def examine(
    mapping: Path | MappingText, text: str | None = None
) -> tuple[MappingDocument | None, tuple[str, ...]]:
    """Return a mapping as far as it is valid, and every finding against it.

    Its valid part can still be compared with a roster's headings; None if too little is left for
    that, or if the file cannot be read at all. `text`: what the file would contain.
    """
    path, content = (mapping, None) if isinstance(mapping, Path) else (NO_FILE, mapping.content)
    try:
        given = content if text is None else text.encode()
        written = _content(path) if given is None else given
        source = read(path, written)
    except MappingError as error:
        return None, error.findings
    file, wrong = _validated_part(source)
    if file is None:
        return None, in_order(source, wrong)
    if content is not None and file.name is None:
        wrong.append(MappingFinding(("name",), "is missing; a mapping without a file needs one"))
    parsed = MappingDocument(path, file, source, content=content)
    tables, lookup_files, faults = _tables(parsed)
    # each file is hashed by itself, so that none can run into the next
    digests = (hashlib.sha256(content).digest() for content in (written, *lookup_files))
    digest = hashlib.sha256(b"".join(digests)).hexdigest()
    document = replace(parsed, sha256=digest, tables=tables)
    missed = checks.run(document, Level.ERROR)
    findings = [*wrong, *faults, *(miss for miss in missed if not (wrong and miss.lacking))]
    return document, in_order(source, findings)


def _tables(mapping: MappingDocument) -> tuple[Tables, list[bytes], list[MappingFinding]]:
    """Every lookup, the bytes of those in files, and what is wrong with them."""
    tables: dict[LookupKey, CodeTable] = {}
    contents: list[bytes] = []
    findings: list[MappingFinding] = []
    wanted: list[tuple[LookupKey, dict[str, str] | KeyFile | OwnTable, KeyPath]] = [
        (name, table, ("lookups", name)) for name, table in mapping.file.lookups.items()
    ]
    uses = (use for document in mapping.with_leaving for use in document.lookups)
    wanted += [(name, name, at) for at, name in uses if not isinstance(name, str)]
    for name, table, at in wanted:
        try:
            if isinstance(table, KeyFile):
                tables[name], content = read_lookup(mapping.path, table)
                contents.append(content)
            else:
                rows = table.rows if isinstance(table, OwnTable) else table.items()
                tables[name] = CodeTable.of(rows)
        except UnusableLookupError as error:
            findings.append(MappingFinding(at, str(error)))
    return tables, contents, findings


def _content(path: Path) -> bytes:
    """Return the bytes of a mapping file. Raises MappingError."""
    if os.path.isdir(path):  # noqa: PTH112  is_dir raises for a path that is too long
        msg = f"{path} is a folder; name a mapping file, such as {path / 'community.yaml'}"
        raise MappingError((msg,))
    try:
        return read_bounded(path, SIZE_LIMIT)
    except FileMissingError as error:
        meant = path.with_suffix(".yaml")
        near = f"{shown(path)} does not exist. Did you mean {shown(meant)}?"
        raise MappingError((near if exists(meant) else str(error),)) from None
    except UnreadableFileError as error:
        raise MappingError((str(error),)) from None


# --- the schema ---

_PRUNINGS = 5
"""What is left of a part that was wrong may be wrong again, at most this often."""


def _validated_part(source: YamlSource) -> tuple[MappingFile | None, list[MappingFinding]]:
    """The file by the schema, and what the schema has against it.

    The file is what is left without the wrong parts, so that the others can be checked as well;
    None if too little is left.
    """
    values = source.values
    file, wrong = _validated(values)
    findings = _lacking(source, wrong)
    for _ in range(_PRUNINGS):
        if file is not None:
            break
        values = _pruned(values, [finding.at for finding in wrong])
        file, wrong = _validated(values)
    return file, findings


def _validated(values: dict[str, Plain]) -> tuple[MappingFile | None, list[MappingFinding]]:
    try:
        return MappingFile.model_validate(values), []
    except ValidationError as error:
        forms = {AS_TEXT, AS_TABLE, AS_FILE}
        return None, [
            MappingFinding(at, in_our_words(detail, at))
            for detail in error.errors()
            if not (detail["type"] == "too_short" and detail["input"])  # its parts are at fault
            for at in [tuple(step for step in detail["loc"] if step not in forms)]
        ]


def _pruned(values: dict[str, Plain], wrong: list[KeyPath]) -> dict[str, Plain]:
    """The values without the wrong keys, but with what every mapping needs."""
    values = copy.deepcopy(values)
    wrong_keys: list[tuple[dict[str, Plain], str]] = []
    for at in wrong:
        node: Plain = values
        last: list[tuple[dict[str, Plain], str]] = []
        for step in at:
            if isinstance(node, dict) and isinstance(step, str) and step in node:
                last = [(node, step)]
                node = node[step]
            elif isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
            else:
                break
        wrong_keys += last
    for holder, key in wrong_keys:
        holder.pop(key, None)
    owned = "owning_system" in values
    account_type = AccountType.EXTERNAL if owned else AccountType.INTERNAL
    return {"version": "1", "account_type": account_type, "record": {}, **values}


def _lacking(source: YamlSource, findings: list[MappingFinding]) -> list[MappingFinding]:
    """Return the findings; a missing key is one of the part that lacks it, if none is unknown."""
    kept = []
    beside = {finding.at[:-1] for finding in findings if finding.wrong != MISSING}
    for finding in findings:
        if finding.wrong != MISSING or len(finding.at) == 1:
            kept.append(finding)
        elif finding.at[:-1] not in beside:
            _, walked = source.locate(finding.at)
            kept.append(MappingFinding(walked, f"`{finding.at[-1]}` {MISSING}"))
    return kept
