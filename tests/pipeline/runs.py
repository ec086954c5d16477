"""Helpers for tests that run the pipeline: orders with a fixed day, and the samples."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from importer.model.fields import NO_CODES, CodeTables
from importer.pipeline.inputs import AskedRun, Occasion, RosterRequest, RunRequest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
MAPPINGS = ROOT / "mappings"

MAPPING_OF_SAMPLE = {
    "community-patrons.csv": MAPPINGS / "community.yaml",
    "community-patrons.xlsx": MAPPINGS / "community.yaml",
    "students-and-staff.xlsx": MAPPINGS / "students-and-staff.yaml",
}

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)


def order(
    roster: Path,
    mapping: Path,
    folder: Path,
    codes: CodeTables = NO_CODES,
    corrections: Path | None = None,
) -> RunRequest:
    """An order given on a fixed day by a fixed operator."""
    asked = AskedRun((RosterRequest(roster, mapping, corrections=corrections),), folder=folder)
    return RunRequest(asked, Occasion("librarian@desk", NOW, "0", {}), codes, None)
