"""The examples of the mapping's reference are mappings, and do what stands under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.mapper.clean import STEPS
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.mapper.schema import MappingFile
from importer.model.fields import NO_CODES, OnUpdate
from importer.model.problem import Severity
from importer.suggest.user_loader_profile import read_profile, to_mapping
from importer.validator import check_rows
from tests.docs.pages import DOCS, Block, blocks
from tests.mapper.bench import TODAY, Bench, lint, loaded

PAGE = DOCS / "reference" / "mapping.md"
BLOCKS = [*blocks(PAGE), *blocks(DOCS / "reference" / "from-excel-if.md")]
FILES = {block.note("file"): block.text for block in BLOCKS if block.language == "csv"}
"""The files beside a mapping that the pages show."""

EXAMPLES = [block for block in BLOCKS if block.language == "yaml"]
TOP = {field.alias or key for key, field in MappingFile.model_fields.items()}


def _parts(block: Block) -> tuple[str, str]:
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


def _cells(line: str) -> list[str]:
    texts = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return ["" if text == "–" else text for text in texts]


def _does(block: Block) -> bool:
    """Is the table under the example one of cells and what comes of them?"""
    return bool(block.after) and "→" in block.after[0]


def _id(block: Block) -> str:
    return " ".join(block.text.split())[:60]


@pytest.fixture(autouse=True)
def _beside(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")


@pytest.mark.parametrize("block", EXAMPLES, ids=_id)
def test_the_example_can_be_read(block: Block, tmp_path: Path) -> None:
    """As it is, or put into the least mapping, the example is a mapping."""
    assert whole(tmp_path, block).headings


def whole(folder: Path, block: Block) -> MappingDocument:
    """The mapping of an example, in a folder of its own."""
    if "version" in block.text:
        return loaded(folder, block.text)
    record, top = _parts(block)
    return Bench(folder, record, top, _columns(block)).mapping


def _columns(block: Block) -> str:
    """The headings that the example needs, beside the least mapping's."""
    if _does(block):
        return "|".join(_cells(block.after[0])[:-1])
    return "Barcode|Status"


@pytest.mark.parametrize("block", [b for b in EXAMPLES if _does(b)], ids=_id)
def test_the_example_does_what_it_says(block: Block, tmp_path: Path) -> None:
    """Each line of the table under an example is what the mapping makes of these cells."""
    record, top = _parts(block)
    *_, target = _cells(block.after[0])
    label = target.removeprefix("→ ")
    bench = Bench(tmp_path, record, top, _columns(block))
    for line in block.after[2:]:
        *cells, wanted = _cells(line)
        candidates = bench.map(cells)
        if wanted == "skipped":
            assert candidates.skipped
            continue
        problems = [*candidates.problems, *check_rows(candidates, NO_CODES, TODAY, creates=True)]
        candidates, problems = candidates.without_bad(problems)
        rejected = [p for p in problems if p.severity is Severity.REJECT and p.field == label]
        if wanted == "rejected":
            assert rejected
        elif wanted == "dropped":
            assert not rejected
            assert candidates.not_applicable[label] == {2}
        else:
            assert not rejected
            assert list(candidates.frame[label]) == [wanted]


def test_every_word_is_on_the_page() -> None:
    """The words that a key takes, and the steps of `clean`, are on the page."""
    text = PAGE.read_text("utf-8")
    missing = {
        str(word) for word in OnUpdate if f"`{word}`" not in text and f": {word}`" not in text
    }
    missing |= {step for step in STEPS if f"`{step}`" not in text and f"{{{step}:" not in text}
    assert not missing


def test_every_example_is_seen() -> None:
    """The examples are found, most of them with what they do."""
    assert len(EXAMPLES) > 20
    assert sum(map(_does, EXAMPLES)) > 15


def test_the_profile_of_the_guide_is_taken_over_whole(tmp_path: Path) -> None:
    """The profile on the CSV User Loader's page becomes a mapping with nothing left to do."""
    page = DOCS / "howto" / "csv-user-loader.md"
    profile = next(block for block in blocks(page) if block.language == "json").text
    exported = tmp_path / "profile.json"
    exported.write_text(profile, "utf-8")
    text = to_mapping(read_profile(exported))
    path = tmp_path / "imported.yaml"
    path.write_text(text, "utf-8")
    assert "# Not taken over" not in text
    assert lint(load(path)) == ()
