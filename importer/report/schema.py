"""The published schema of `summary.json`."""

from __future__ import annotations

import json

from importer.model.run import Summary


def summary_schema() -> str:
    """The JSON Schema of `summary.json` and of `--json`, as docs/reference/summary.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Summary.model_json_schema(mode="validation"),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
