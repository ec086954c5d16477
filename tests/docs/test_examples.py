"""The examples of the mapping's reference are mappings, and do what stands under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.mapper.clean import STEPS
from importer.mapper.load import load
from importer.model.fields import NO_CODES, OnUpdate
from importer.model.problem import Severity
from importer.suggest.user_loader_profile import read_profile, to_mapping
from importer.validator import check_rows
from tests.docs.mappings import EXAMPLES, FILES, PAGE, cells_of, columns, does, parts, whole
from tests.docs.pages import DOCS, Block, blocks
from tests.mapper.bench import TODAY, Bench, lint


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


@pytest.mark.parametrize("block", [b for b in EXAMPLES if does(b)], ids=_id)
def test_the_example_does_what_it_says(block: Block, tmp_path: Path) -> None:
    """Each line of the table under an example is what the mapping makes of these cells."""
    record, top = parts(block)
    *_, target = cells_of(block.after[0])
    label = target.removeprefix("→ ")
    bench = Bench(tmp_path, record, top, columns(block))
    for line in block.after[2:]:
        *cells, wanted = cells_of(line)
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
    assert not missing, f"{PAGE.name} lacks them"


def test_every_example_is_seen() -> None:
    """The examples are found, most of them with what they do."""
    assert len(EXAMPLES) > 20
    assert sum(map(does, EXAMPLES)) > 15


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
