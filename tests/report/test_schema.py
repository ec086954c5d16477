"""The published schema of summary.json is that of the program."""

from __future__ import annotations

import json
from pathlib import Path

from importer.ledger.ledger import summarize
from importer.report.files import summary_schema
from tests.report import building
from tests.report.conftest import Keep

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "summary.schema.json"


def test_the_published_schema_is_the_programs() -> None:
    """A change of the summary shows in the published schema, so that scripts can follow."""
    assert PUBLISHED.read_text("utf-8") == summary_schema()


def test_a_summary_has_only_keys_of_the_schema(keep: Keep) -> None:
    """Everything in a summary is described, and what is required is there."""
    schema = json.loads(summary_schema())
    for run in (building.checked(), building.planned(), building.applied()):
        counts = json.loads(summarize(keep(run)).model_dump_json(exclude_none=True))
        assert counts.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= counts.keys()
