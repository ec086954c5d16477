"""The page about jobs has every key, and its example is a job."""

from __future__ import annotations

from pathlib import Path

from importer.jobs.schema import Guards, JobFile, Login, Notify, RosterPart, load_job
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "reference" / "job.md"


def test_every_key_has_its_words() -> None:
    """Each key of each part, and the defaults of the guards."""
    text = PAGE.read_text("utf-8")
    models = (JobFile, RosterPart, Guards, Notify, Login)
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()}
    assert {key for key in keys if f"`{key}`" not in text and key != "version"} == set()
    for name in Guards.model_fields:
        assert f"| `{name}` | `{getattr(Guards(), name).number}%` |" in text


def test_the_example_is_a_job(tmp_path: Path) -> None:
    """It can be loaded as it is."""
    (example,) = (block for block in blocks(PAGE) if block.language == "yaml")
    path = tmp_path / "nightly.yaml"
    path.write_text(example.text, "utf-8")
    assert load_job(path).file.rosters[0].source.host == "example.org"
