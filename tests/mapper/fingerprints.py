"""Print the fingerprints of mappings: a folder of `*.yaml`, each with its headings in `*.json`."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.load import load
from importer.model.problem import Place
from importer.model.roster import letter


def fingerprints(path: Path, headings: list[str]) -> dict[str, str]:
    """Return the fingerprint of every rule of a mapping, by its label."""
    columns = tuple(Place(letter(at), heading) for at, heading in enumerate(headings))
    run = RunVariables(date(2026, 8, 20), "autumn.csv")
    compiled = compile_mapping(load(path), columns, run)
    named = {label: one.rule for label, one in compiled.named.items()}
    return named | {label: column.rule for label, column in compiled.layout.targets.items()}


def of_folder(folder: Path) -> dict[str, dict[str, str]]:
    """Return those of all mappings of a folder, by the names of their files."""
    return {
        path.name: fingerprints(path, json.loads(path.with_suffix(".json").read_text("utf-8")))
        for path in sorted(folder.glob("*.yaml"))
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(of_folder(Path(sys.argv[1]))))
