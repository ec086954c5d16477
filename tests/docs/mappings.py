"""The example mappings of the guide, each made whole."""

from __future__ import annotations

from pathlib import Path

from importer.mapper.mapping import MappingDocument
from importer.mapper.schema import MappingFile
from tests.docs.pages import DOCS, Block, blocks
from tests.mapper.bench import Bench, loaded

PAGE = DOCS / "reference" / "mapping.md"
BLOCKS = [*blocks(PAGE), *blocks(DOCS / "reference" / "from-excel-if.md")]
FILES = {block.note("file"): block.text for block in BLOCKS if block.language == "csv"}
"""The files beside a mapping that the pages show."""

EXAMPLES = [block for block in BLOCKS if block.language == "yaml"]

TOP = {field.alias or key for key, field in MappingFile.model_fields.items()}


def parts(block: Block) -> tuple[str, str]:
    """The lines that belong into `record:`, and those that stand at the top."""
    record: list[str] = []
    top: list[str] = []
    into = record
    for line in block.text.splitlines():
        key = line.split(":")[0]
        if line and not line.startswith((" ", "#")):
            into = record if key == "record" or key not in TOP else top
            if key == "record":
                continue
        nested = into is record and "record:" in block.text
        into.append(line.removeprefix("  ") if nested else line)
    return "\n".join(record), "\n".join(top)


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table; a dash is a blank one."""
    texts = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return ["" if text == "–" else text for text in texts]


def does(block: Block) -> bool:
    """Is the table under the example one of cells and what comes of them?"""
    return bool(block.after) and "→" in block.after[0]


def whole(folder: Path, block: Block) -> MappingDocument:
    """The mapping of an example, in a folder of its own."""
    if "version" in block.text:
        return loaded(folder, block.text)
    record, top = parts(block)
    return Bench(folder, record, top, columns(block)).mapping


def columns(block: Block) -> str:
    """The headings that the example needs, beside the least mapping's."""
    if does(block):
        return "|".join(cells_of(block.after[0])[:-1])
    return "Barcode|Status"
