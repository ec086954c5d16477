"""Converters that libraries run as programs, as mappings: each gives the records that are expected.

`tests/converters` has a folder for each: the mapping, a roster of invented people, and the records
as `row path = text`. The programs' own defects are not repeated: dates of the row above, legal
values of other rows, an email `x`, countries in words.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from importer.mapper.checks import Level, findings
from importer.model.fields import NO_CODES, fields_of
from importer.model.plan import Fate
from importer.pipeline.check import find_problems
from importer.pipeline.fates import decide_fates
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.planner.drafts import drafts
from importer.planner.merge import new_user

FOLDERS = sorted(
    path.parent for path in Path(__file__).parents[1].glob("converters/*/mapping.yaml")
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_converter_is_a_mapping(folder: Path) -> None:
    """Every row: its record, field by field, or its fate. The mapping has no findings."""
    inputs = read_inputs(
        RosterRequest(folder / "roster.csv", folder / "mapping.yaml"), NO_CODES, date(2026, 8, 20)
    )
    fates = decide_fates(inputs.rows(), find_problems((inputs,))).fates
    ready = [row for row, fate in fates.items() if fate is Fate.READY]
    lines = [f"{row} {fate}" for row, fate in fates.items() if fate is not Fate.READY]
    for draft in drafts(inputs.candidates, ready):
        lines += [f"{draft.row} {path} = {text}" for path, text in fields_of(new_user(draft))]
    expected = folder / "expected.txt"
    assert sorted(lines) == sorted(expected.read_text("utf-8").splitlines())
    assert findings(inputs.mapping, Level.HINT) == ()


def test_most_of_the_converters_are_there() -> None:
    """Of the fourteen, thirteen; the one of the Cloud App is a profile, which is imported."""
    assert len(FOLDERS) == 13
