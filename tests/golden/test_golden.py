"""The result of every sample is on file; `make golden` rewrites it, and the diff is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.ledger.summary import summarise
from importer.pipeline.checking import check
from importer.report.files import write_all
from tests.pipeline.runs import MAPPING_OF_SAMPLE, SAMPLES, order

GOLDEN = Path(__file__).parent

NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in {".csv", ".xlsx"})


def test_every_sample_is_golden() -> None:
    """No sample without an expectation, no expectation without a sample."""
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()) == NAMES
    assert sorted(MAPPING_OF_SAMPLE) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A sample's counts and problems are those on file, and every row has exactly one fate."""
    folder = tmp_path / "run"
    with check(order(SAMPLES / name, MAPPING_OF_SAMPLE[name], folder)) as ledger:
        summary = summarise(ledger).model_copy(update={"run": name})
        write_all(ledger, summary)
    assert summary.adds_up()
    found = {
        "summary.json": (folder / "summary.json").read_text("utf-8"),
        "problems.csv": (folder / "problems.csv").read_text("utf-8-sig"),
        "rejects.csv": (folder / "rejects.csv").read_text("utf-8-sig"),
    }
    expected = GOLDEN / name
    if request.config.getoption("--update-golden"):
        expected.mkdir(exist_ok=True)
        for file, text in found.items():
            (expected / file).write_text(text, "utf-8")
    for file, text in found.items():
        assert text == (expected / file).read_text("utf-8"), file
