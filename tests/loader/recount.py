"""Which rows of a file say something, found by means that share nothing with the loader."""

from __future__ import annotations

import csv
import io
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from importer.model.roster import Source

_VALUES = ("value", "date-value", "time-value", "boolean-value", "string-value")
_REPEATED = 1_100_000  # rows, more than a sheet has


def filled_rows(path: Path, source: Source) -> set[int] | None:
    """The numbers of the rows with a letter or a digit.

    None for .xls, which nothing else reads, and where a prefix of the XML was never declared.
    """
    try:
        match source.kind:
            case "csv":
                return set(_of_csv(path, source))
            case "ods":
                return set(_of_ods(path, source.sheet))
            case "xls":
                return None
            case _:
                return set(_of_xlsx(path, source.sheet))
    except ET.ParseError as error:
        if "prefix" in str(error):
            return None
        raise


def _says(texts: Iterable[str]) -> bool:
    return any(char.isalnum() for text in texts for char in text)


def _of_csv(path: Path, source: Source) -> Iterator[int]:
    csv.field_size_limit(2**30)
    content = path.read_bytes()
    if not source.encoding.startswith(("utf-16", "utf-32")):
        content = re.sub(rb"(\A|[\r\n])(?:\x0c|\xef\xbb\xbf)+", rb"\1", content)
    text = content.decode(source.encoding, "replace").removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    if first.rstrip("\r").strip('"').lower() == f"sep={source.delimiter}":
        text = rest
    lines = io.StringIO(text, newline="")
    records = csv.reader(lines, delimiter=source.delimiter, skipinitialspace=True)
    for number, record in enumerate(records, 1):
        if _says(record):
            yield number


def _of_xlsx(path: Path, sheet: str) -> Iterator[int]:
    with zipfile.ZipFile(path) as archive:
        related = {
            one.get("Id"): (one.get("Type", ""), one.get("Target", ""))
            for one in _tree(archive, "xl/_rels/workbook.xml.rels").iter()
        }
        members = {key: _member(target) for key, (_, target) in related.items()}
        there = set(archive.namelist())
        strings: list[str] = []
        for key, (kind, _) in related.items():
            if kind.endswith("/sharedStrings") and members[key] in there:
                if archive.getinfo(members[key]).file_size:
                    found = _named(_tree(archive, members[key]), "si")
                    strings = ["".join(one.itertext()) for one in found]
                break
        ids = [
            value
            for one in _named(_tree(archive, "xl/workbook.xml"), "sheet")
            if one.get("name", "") == sheet
            for key, value in one.attrib.items()
            if key.endswith("}id") and related.get(value, ("",))[0].endswith("/worksheet")
        ]
        rows = _tree(archive, members[ids[-1]])  # of sheets with one name, the last
    number = 0
    for row in _named(rows, "row"):
        number = int(row.get("r") or number + 1)
        if _says(_cell(cell, strings) for cell in _named(row, "c")):
            yield number


def _cell(cell: ET.Element, strings: list[str]) -> str:
    stored = () if cell.get("t") == "inlineStr" else _named(cell, "v")
    value = "".join("".join(one.itertext()) for one in stored)
    if cell.get("t") == "s" and value.strip():
        return strings[int(value)]
    return value + "".join("".join(one.itertext()) for one in _named(cell, "t"))


def _of_ods(path: Path, sheet: str) -> Iterator[int]:
    with zipfile.ZipFile(path) as archive:
        tables = _named(_tree(archive, "content.xml"), "table")
        table = [one for one in tables if _local(one, "name") == sheet][-1]
    number = 0
    for row in _named(table, "table-row"):
        times = int(_local(row, "number-rows-repeated") or "1")
        values = (key for cell in row for key in cell.attrib if key.rpartition("}")[2] in _VALUES)
        if _says(row.itertext()) or _says(values):
            yield from range(number + 1, number + min(times, _REPEATED) + 1)
        number += times


def _tree(archive: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(archive.read(name))  # noqa: S314  the loader took the file already


def _named(root: ET.Element, name: str) -> Iterator[ET.Element]:
    return (one for one in root.iter() if one.tag.rpartition("}")[2] == name)


def _local(one: ET.Element, name: str) -> str:
    """An attribute, whatever its namespace."""
    found = (text for key, text in one.attrib.items() if key.rpartition("}")[2] == name)
    return next(found, "")


def _member(target: str) -> str:
    whole = target.lstrip("/") if target.startswith("/") else posixpath.join("xl", target)
    return posixpath.normpath(whole)
